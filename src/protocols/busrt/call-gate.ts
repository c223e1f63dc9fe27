/**
 * Calls between BUS/RT and everybody else (spec/wamp 13.7), by way of a client `.msgbus` of the daemon:
 *
 *  - procedures `busrt.<client>.<method>`, both written as WAMP segments, are RPC requests to that client;
 *    they come from `.msgbus`, and its replies go back to the caller;
 *  - an RPC request to `.msgbus` calls the procedure that its method names.
 *
 * Parameters and results pass as the bytes they are, with headers that say what arguments of WAMP they stand for; what
 * comes from WAMP itself is turned into parameters (rpc-params.ts).
 */

import { copyOf } from '../../base/copy-of.ts'
import type { BusClient } from '../../core/bus-client.ts'
import type { Bus } from '../../core/bus.ts'
import type { CallResult, Invocation, LiveOperations, Sender } from '../../core/live.ts'
import { CallError } from '../../model/call-error.ts'
import { BusError, type BusErrorCode, toBusError } from '../../model/errors.ts'
import { daemonIdentity } from '../../model/identity.ts'
import { noHeaders } from '../../model/message.ts'
import { decodeWampSegment } from '../../model/wamp-segment.ts'
import {
  decodeText,
  encodeRequest,
  maxCallId,
  rpcErrorCodes,
  type RpcFrame,
} from '../../wire/busrt/rpc.ts'
import { wampHeader } from '../../wire/wamp/natural-form.ts'
import { headersOfParams, paramsOf } from '../../wire/wamp/rpc-params.ts'
import { DaemonInbox, RpcFailure, type RpcRequest } from './daemon-inbox.ts'

export interface CallGateOptions {
  readonly bus: Bus
}

interface PendingCall {
  /** Name of the callee: only its replies count. */
  readonly target: string
  /** The caller understands arguments. */
  readonly isWamp: boolean
  resolve(result: CallResult): void
  reject(error: BusError): void
}

const name = '.msgbus'
const prefix = 'busrt.'
const encoder = new TextEncoder()
// A byte order mark is part of a name like any other character.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export class CallGate extends DaemonInbox {
  readonly live: LiveOperations
  readonly #client: BusClient
  readonly #bus: Bus
  readonly #pending = new Map<number, PendingCall>()
  readonly #stopServing: (() => void)[]
  #lastId = 0

  constructor({ bus }: CallGateOptions) {
    super()
    this.#bus = bus
    const join = { name, inbox: this, protocol: 'busrt', transport: 'internal' }
    this.#client = bus.connect(daemonIdentity, join)
    this.live = this.#client.live
    this.#stopServing = [
      bus.addBridge({ prefix, call: (invocation) => this.#call(invocation) }),
      bus.onPresence(({ kind, name: client }) => {
        if (kind !== 'joined') this.#calleeLeft(client)
      }),
    ]
  }

  close(): void {
    for (const stop of this.#stopServing) stop()
    this.#client.close()
  }

  protected async answer({ method, params, sender }: RpcRequest): Promise<Uint8Array> {
    const procedure = decoder.decode(method)
    const caller = this.#bus.handle(sender.name)
    if (caller === undefined) throw new RpcFailure(rpcErrorCodes.internal, 'the caller is gone')
    try {
      const asked = copyOf(params)
      const call = { procedure, payload: asked, headers: headersOfParams(asked) }
      const { payload, headers } = await caller.calls.call(call)
      return paramsOf(payload, headers)
    } catch (error) {
      throw failureOf(toBusError(error))
    }
  }

  protected override answered(
    sender: Sender,
    frame: RpcFrame,
    bytes: Uint8Array,
    end: number,
  ): void {
    if (frame.kind !== 'reply' && frame.kind !== 'errorReply') return
    const pending = this.#pending.get(frame.id)
    // Ids can be guessed; only whom we asked may answer.
    if (pending === undefined || pending.target !== sender.name) return
    this.#pending.delete(frame.id)
    if (frame.kind === 'reply') {
      const payload = copyOf(bytes, frame.start, end)
      pending.resolve({ payload, headers: pending.isWamp ? headersOfParams(payload) : noHeaders })
    } else {
      pending.reject(errorOf(frame.code, decodeText(bytes, frame.start, end) ?? ''))
    }
  }

  async #call({ procedure, payload, headers, signal }: Invocation): Promise<CallResult> {
    const [client = '', method = '', ...more] = procedure.slice(prefix.length).split('.')
    if (client === '' || method === '' || more.length > 0) {
      throw noSuchProcedure(`expected ${prefix}<client>.<method>`)
    }
    const target = decodeWampSegment(client)
    const targetBytes = encoder.encode(target)
    const peer = this.live.find(targetBytes, 0, targetBytes.length)
    // The daemon's own clients act with the rights of who asks them, which here would be the daemon's.
    if (peer === undefined || target.startsWith('.')) {
      throw noSuchProcedure(`no client is named ${JSON.stringify(target)}`)
    }
    if (peer.isCongested) {
      const text = `${JSON.stringify(target)} has no room for more calls; try again`
      throw new BusError('resource_exhausted', 'quota_exceeded', text)
    }
    const id = this.#nextId()
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => this.#pending.delete(id), { once: true })
      // A client elsewhere answers under its full name.
      this.#pending.set(id, { target: peer.name, isWamp: headers.has(wampHeader), resolve, reject })
      const request = encodeRequest(id, decodeWampSegment(method), paramsOf(payload, headers))
      if (this.send(targetBytes, request, false) === 'sent') return
      this.#pending.delete(id)
      reject(noSuchProcedure(`${JSON.stringify(target)} takes no messages`))
    })
  }

  #nextId(): number {
    do this.#lastId = this.#lastId >= maxCallId ? 1 : this.#lastId + 1
    while (this.#pending.has(this.#lastId))
    return this.#lastId
  }

  #calleeLeft(client: string): void {
    for (const [id, pending] of this.#pending) {
      if (pending.target !== client) continue
      this.#pending.delete(id)
      pending.reject(
        new BusError('unavailable', 'callee_gone', `${client} left before it answered`),
      )
    }
  }
}

/** spec/wamp 13.7; a code without a row here is an error of the application. */
const codeOfRpc: ReadonlyMap<number, BusErrorCode> = new Map([
  [-32_601, 'unimplemented'],
  [-32_113, 'unimplemented'],
  [-32_602, 'invalid_argument'],
  [-32_121, 'permission_denied'],
  [-32_120, 'deadline_exceeded'],
  [-32_119, 'cancelled'],
  [-32_118, 'unavailable'],
  [-32_114, 'resource_exhausted'],
  [-32_603, 'internal'],
])

/** For errors that the text tells apart. */
const ownErrorCode = -32_000

function noSuchProcedure(text: string): BusError {
  return new BusError('unimplemented', 'no_such_procedure', text)
}

function errorOf(code: number, text: string): BusError {
  const known = codeOfRpc.get(code)
  if (known === undefined) {
    // As `failureOf` writes what an application calls by a name.
    const [, named, message] = code === ownErrorCode ? (/^(\S+\.\S+): (.*)$/s.exec(text) ?? []) : []
    return named === undefined
      ? new CallError(String(code), { message: text })
      : new CallError(named, { message })
  }
  if (known === 'unimplemented') return new BusError(known, 'no_such_procedure', text)
  return new BusError(known, 'application_error', text)
}

const rpcOfCode: Readonly<Record<BusErrorCode, number>> = {
  cancelled: -32_119,
  unknown: -32_000,
  invalid_argument: -32_602,
  deadline_exceeded: -32_120,
  not_found: -32_113,
  already_exists: -32_118,
  permission_denied: -32_121,
  resource_exhausted: -32_114,
  failed_precondition: -32_603,
  aborted: -32_603,
  out_of_range: -32_602,
  unimplemented: -32_601,
  internal: -32_603,
  unavailable: -32_118,
  data_loss: -32_603,
  unauthenticated: -32_121,
}

function failureOf(error: BusError): RpcFailure {
  if (!(error instanceof CallError)) return new RpcFailure(rpcOfCode[error.code], error.message)
  const code = /^-?\d{1,5}$/.test(error.errorName) ? Number(error.errorName) : ownErrorCode
  const isCode = code >= -32_768 && code <= 32_767 && code !== ownErrorCode
  if (isCode) return new RpcFailure(code, error.message)
  return new RpcFailure(ownErrorCode, `${error.errorName}: ${error.message}`)
}
