/**
 * Calls of procedures at other nodes. A call goes to one node and is answered, in parts where both sides can, or fails:
 * by what the callee failed with, by its deadline, or at once when a link on the way to it breaks, since then nobody can
 * say whether the answer would still come. Whoever gives up tells the callee.
 */

import type { LiveBus } from '../../core/live-bus.ts'
import { LiveClient, linkProtocol } from '../../core/live-client.ts'
import {
  type Callee,
  type CallContent,
  type CancelMode,
  type OpenCall,
  PlainContent,
  type ServedCall,
} from '../../core/calls.ts'
import { CallError } from '../../model/call-error.ts'
import {
  BusError,
  type BusErrorCode,
  type ErrorReason,
  errorReasons,
  toBusError,
  busErrorCodes,
} from '../../model/errors.ts'
import { noHeaders } from '../../model/message.ts'
import type { ByteReader } from './byte-reader.ts'
import type { MeshNode } from './mesh-node.ts'
import * as records from './mesh-records.ts'
import type { MeshRoutes } from './mesh-routes.ts'
import type { RemoteClients } from './remote-clients.ts'

const { kinds } = records

/** Made here and waiting for another node. */
interface MadeCall {
  readonly call: ServedCall
  readonly node: MeshNode
  readonly incarnation: number
  /** The nodes it passed. */
  readonly way: readonly MeshNode[]
}

/** Running here for another node. */
interface RunningCall {
  readonly node: MeshNode
  readonly call: OpenCall
}

/** What other nodes may have running here. */
export const servedMost = 10_000
const cancelModes: readonly CancelMode[] = ['skip', 'kill', 'killnowait']
const codes: ReadonlySet<string> = new Set(busErrorCodes)

export class RemoteCalls {
  readonly #bus: LiveBus
  readonly #routes: MeshRoutes
  readonly #clients: RemoteClients
  readonly #made = new Map<number, MadeCall>()
  readonly #running = new Map<string, RunningCall>()
  readonly #callees = new WeakMap<MeshNode, RemoteCallee>()
  #lastId = 0
  /** A call of another node is looking for its procedure: only what is here counts, or calls could go in circles. */
  #isServing = false

  constructor(bus: LiveBus, routes: MeshRoutes, clients: RemoteClients) {
    this.#bus = bus
    this.#routes = routes
    this.#clients = clients
  }

  /** Calls under way, made and served. */
  get size(): number {
    return this.#made.size + this.#running.size
  }

  find(procedure: string): Callee | undefined {
    if (this.#isServing) return undefined
    const node = this.#named(procedure) ?? this.#routes.map.holding(`p${procedure}`)[0]
    if (node === undefined) return undefined
    let callee = this.#callees.get(node)
    if (callee === undefined) this.#callees.set(node, (callee = new RemoteCallee(node, this)))
    return callee
  }

  /** Fails what went over links that are not there any more. */
  waysChanged(): void {
    const { map } = this.#routes
    for (const [id, { call, node, incarnation, way }] of this.#made) {
      if (incarnation === node.incarnation && map.isIntact(way)) continue
      this.#made.delete(id)
      const text = `the link to ${node.text} broke before the answer came`
      call.fail(new BusError('unavailable', 'callee_gone', text))
    }
    for (const { node, call } of this.#running.values()) {
      if (!node.isReachable) call.cancel('killnowait')
    }
  }

  close(): void {
    for (const { call } of this.#made.values()) {
      call.fail(new BusError('unavailable', 'callee_gone', 'the last link broke'))
    }
    this.#made.clear()
    for (const { call } of this.#running.values()) call.cancel('killnowait')
  }

  /** Sends a call to its node. */
  invoke(node: MeshNode, call: ServedCall, content: CallContent): void {
    const { map } = this.#routes
    const { procedure, callerName } = call
    this.#routes.tellNews()
    this.#lastId += 1
    const id = this.#lastId
    call.calleeTag = id
    this.#made.set(id, { call, node, incarnation: node.incarnation, way: map.wayTo(node) })
    const caller = this.#bus.registry.byName(callerName)
    const user =
      caller === undefined || caller.identity.method === 'none' ? '' : caller.identity.user
    const { payload, headers } = content
    // Answers in parts are a flag; the others are of publications.
    const meta = { realtime: call.receivesProgress, isAcknowledged: false, user, headers }
    const record = records.beginRouted(kinds.call, node, map.own).number(id)
    // The deadline is watched where the call was made; this one is for a callee that nobody can tell to stop.
    record.number(this.#bus.limits.callTimeoutMs)
    records.writeFlags(meta)
    const isNamed = this.#named(procedure) === node
    record.text(isNamed ? procedure.slice(0, procedure.lastIndexOf('@')) : procedure)
    record.text(callerName)
    records.writeMeta(meta)
    record.raw(payload, 0, payload.length)
    if (this.#routes.send(node, record.view(), 0, record.length, false)) return
    this.#made.delete(id)
    call.fail(new BusError('unavailable', 'callee_gone', `${node.text} cannot be reached`))
  }

  /** Tells the callee that its caller gave up. */
  interrupt(node: MeshNode, call: ServedCall, mode: CancelMode): void {
    const id = call.calleeTag
    if (this.#made.get(id)?.call !== call) return
    if (mode !== 'kill') this.#made.delete(id)
    const record = records.beginRouted(kinds.cancel, node, this.#routes.map.own).number(id)
    record.byte(cancelModes.indexOf(mode))
    this.#routes.send(node, record.view(), 0, record.length, false)
  }

  isFull(node: MeshNode): boolean {
    return this.#routes.to(node)?.outbox.isDropping ?? false
  }

  /** A call of another node. */
  take(reader: ByteReader, origin: MeshNode): void {
    const id = reader.number()
    const timeoutMs = reader.number()
    const flags = reader.byte()
    const procedure = reader.text()
    const caller = reader.text()
    const user = records.readUser(reader, flags)
    const headers = records.readHeaders(reader, flags)
    const content = new PlainContent(reader.rest(), headers)
    const key = `${origin.key}#${id}`
    const { procedures } = this.#bus
    const client = this.#participant(caller, user, origin)
    const finish = () => {
      this.#running.delete(key)
      procedures.forget(client)
    }
    try {
      if (this.#running.has(key) || this.#running.size >= servedMost) {
        const text = `${this.#running.size} calls of other nodes are under way, which is the limit`
        throw new BusError('resource_exhausted', 'quota_exceeded', text)
      }
      const request = {
        procedure,
        content,
        timeoutMs,
        receivesProgress: records.isRealtime(flags),
        isProgressive: false,
        isPassthru: false,
        disclosesCaller: caller !== '',
      }
      this.#isServing = true
      const call = procedures.begin(client, request, {
        progress: (_, part) => this.#answer(origin, id, part, true),
        answered: (_, answer) => {
          finish()
          this.#answer(origin, id, answer, false)
        },
        failed: (_, error) => {
          finish()
          this.#answerFailure(origin, id, error)
        },
      })
      if (!call.isEnded) this.#running.set(key, { node: origin, call })
    } catch (error) {
      this.#answerFailure(origin, id, toBusError(error))
    } finally {
      this.#isServing = false
    }
  }

  takeResult(reader: ByteReader, origin: MeshNode): void {
    const id = reader.number()
    const flags = reader.byte()
    const headers = records.readHeaders(reader, flags)
    const content = new PlainContent(reader.rest(), headers)
    const made = this.#made.get(id)
    // Only whom we asked may answer.
    if (made === undefined || made.node !== origin) return
    if (records.isRealtime(flags)) {
      made.call.progress(content)
      return
    }
    this.#made.delete(id)
    made.call.answer(content)
  }

  takeFailure(reader: ByteReader, origin: MeshNode): void {
    const id = reader.number()
    const code = reader.text()
    const reason = reader.text()
    const message = reader.text()
    const errorName = reader.text()
    const headers = reader.texts()
    const payload = reader.rest()
    const made = this.#made.get(id)
    if (made === undefined || made.node !== origin) return
    this.#made.delete(id)
    if (reason === 'application_error') {
      made.call.fail(new CallError(errorName, { message, payload, headers }))
    } else made.call.fail(new BusError(codeOf(code), reasonOf(reason), message))
  }

  takeCancel(reader: ByteReader, origin: MeshNode): void {
    const running = this.#running.get(`${origin.key}#${reader.number()}`)
    running?.call.cancel(cancelModes[reader.byte()] ?? 'killnowait')
  }

  /** Answers a call that cannot be passed on to its node. */
  refuse(origin: MeshNode, target: MeshNode, id: number): void {
    const text = `there is no way from here to ${target.text}`
    const error = new BusError('unavailable', 'callee_gone', text)
    this.#answerFailure(origin, id, error, target)
  }

  /** The node that a procedure names behind its last `@`. */
  #named(procedure: string): MeshNode | undefined {
    const { map } = this.#routes
    const at = procedure.lastIndexOf('@')
    const node = at < 1 ? undefined : map.named(procedure.slice(at + 1))
    return node === map.own || node?.isReachable !== true ? undefined : node
  }

  #answer(node: MeshNode, id: number, content: CallContent, isPart: boolean): void {
    const { payload, headers } = content
    const record = records.beginRouted(kinds.result, node, this.#routes.map.own).number(id)
    const meta = { realtime: isPart, isAcknowledged: false, user: '', headers }
    records.writeFlags(meta)
    records.writeMeta(meta)
    record.raw(payload, 0, payload.length)
    this.#routes.send(node, record.view(), 0, record.length, false)
  }

  /** @param as the node whose answer it stands for */
  #answerFailure(node: MeshNode, id: number, error: BusError, as = this.#routes.map.own): void {
    const record = records.beginRouted(kinds.failure, node, as).number(id)
    const details = error instanceof CallError ? error : undefined
    record.text(error.code).text(error.reason).text(error.message)
    record.text(details?.errorName ?? '').texts(details?.headers ?? noHeaders)
    if (details !== undefined) record.raw(details.payload, 0, details.payload.length)
    this.#routes.send(node, record.view(), 0, record.length, false)
  }

  /** Who calls here for a client of another node: for one call, so that nothing of it stays. */
  #participant(caller: string, user: string, node: MeshNode): LiveClient {
    const identity = this.#clients.identityOf(user, node)
    const name = caller === '' ? '' : `${caller}@${node.text}`
    const names = { name, bytes: new Uint8Array(0), primary: undefined }
    return new LiveClient(this.#bus, 0, identity, { protocol: linkProtocol }, names)
  }
}

/** Stands for the callees of one node. */
class RemoteCallee implements Callee {
  readonly features = {
    canBeInterrupted: true,
    takesProgressiveCalls: false,
    takesPassthru: false,
    watchesTimeouts: false,
    passesOn: false,
  }
  readonly #node: MeshNode
  readonly #calls: RemoteCalls

  constructor(node: MeshNode, calls: RemoteCalls) {
    this.#node = node
    this.#calls = calls
  }

  get isFull(): boolean {
    return this.#calls.isFull(this.#node)
  }

  invoke(call: ServedCall, content: CallContent): void {
    if (this.isFull) {
      const text = `the link to ${this.#node.text} has no room for more calls; try again`
      call.fail(new BusError('resource_exhausted', 'quota_exceeded', text))
      return
    }
    this.#calls.invoke(this.#node, call, content)
  }

  continue(): void {
    // It announces that it takes none.
  }

  interrupt(call: ServedCall, mode: CancelMode): void {
    this.#calls.interrupt(this.#node, call, mode)
  }

  revoked(): void {
    // It registered nothing.
  }
}

function codeOf(text: string): BusErrorCode {
  return isCode(text) ? text : 'unknown'
}

function isCode(text: string): text is BusErrorCode {
  return codes.has(text)
}

function reasonOf(text: string): ErrorReason {
  return isReason(text) ? text : 'peer_refused'
}

function isReason(text: string): text is ErrorReason {
  return Object.hasOwn(errorReasons, text)
}
