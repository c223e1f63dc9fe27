/**
 * Moves queue messages to the node of their target (ADR 20). They are stored here in a queue per target and name, sent in
 * order, stored there in one commit with a note of how far that was, and only then removed here. Whatever is lost on
 * the way is sent again; whatever comes again is recognised by the note. So each arrives exactly once, in
 * order, whichever side is killed when.
 *
 * Only nodes that were met over a link are forwarded to, also after a restart: for all others a target means nothing, as
 * with reference daemons (spec/msgbus-v1 4.1).
 */

import type { Clock, Timer } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import type { LogStore } from '../../core/log-store.ts'
import { checkQueueMessage } from '../../core/message-checks.ts'
import type { MsgBus } from '../../core/msg-bus.ts'
import {
  type ForwardingInfo,
  forwardQueuePrefix,
  type QueueForwarding,
} from '../../core/queue-forwarding.ts'
import { BusError, toBusError } from '../../model/errors.ts'
import { formatNodeId, nodeIdEquals, type NodeId, nodeKey } from '../../model/node-id.ts'
import type { OutgoingQueueMessage, QueueMessage } from '../../model/queue-message.ts'
import { type BackOff, backOffMs } from '../back-off.ts'
import type { ByteReader } from './byte-reader.ts'
import type { LiveMesh } from './live-mesh.ts'
import type { QueueTraffic } from './mesh-intake.ts'
import type { MeshNode } from './mesh-node.ts'
import * as records from './mesh-records.ts'
import type { MeshRoutes } from './mesh-routes.ts'

/** Messages that wait for one queue of one node at most; whoever enqueues more is refused. */
export const forwardDepthMost = 100_000
/** What is on its way at a time, per queue. */
const window = { messages: 256, bytes: 1_048_576 }
/** Without an answer for so long, the window is sent again. */
export const answerWithinMs = 10_000
const backOff: BackOff = { minMs: 500, maxMs: 60_000 }
const knownNodesMost = 10_000
/** Messages of one node that wait for the store here; more are passed over, and come again. */
const arrivingMost = 4_096

const nodesTable = 'mesh.nodes'
const acceptedTable = 'mesh.accepted'

export interface QueueForwarderOptions {
  readonly bus: MsgBus
  readonly store: LogStore
  readonly mesh: LiveMesh
  readonly clock: Clock
  /** 0 to below 1; for jitter. */
  readonly random: () => number
  readonly logger: Logger
  readonly depthMost?: number | undefined
}

/** One queue of one other node, as it waits here. */
interface Outgoing {
  readonly name: string
  readonly queue: string
  readonly target: NodeId
  depth: number
  state: ForwardingInfo['state']
  attempts: number
  lastError: string
  /** Sequence of the last message of the window that is on its way; 0: none is. */
  sentTo: number
  /** The window itself, in order. */
  window: readonly QueueMessage[]
  timer: Timer | undefined
  isBusy: boolean
}

interface Arriving {
  readonly origin: MeshNode
  readonly epoch: string
  readonly sequence: number
  readonly previous: number
  readonly message: OutgoingQueueMessage
}

export class QueueForwarder implements QueueForwarding, QueueTraffic {
  readonly #options: QueueForwarderOptions
  readonly #known = new Set<string>()
  readonly #outgoing = new Map<string, Outgoing>()
  /** By node and queue: what arrived and is not stored yet. */
  readonly #arriving = new Map<string, Arriving[]>()
  readonly #storing = new Set<Promise<void>>()
  #arrivingCount = 0
  #isClosed = false

  private constructor(options: QueueForwarderOptions) {
    this.#options = options
  }

  /** Reads what was left to do, and goes on with it as nodes can be reached. */
  static async open(options: QueueForwarderOptions): Promise<QueueForwarder> {
    const forwarder = new QueueForwarder(options)
    const { bus, store, mesh } = options
    for await (const { key } of store.notes(nodesTable)) forwarder.#known.add(key)
    for (const { queue, depth } of store.queues()) {
      if (!queue.startsWith(forwardQueuePrefix) || depth === 0) continue
      const [front] = await store.readQueue(queue, 0, { messages: 1 })
      if (front !== undefined) forwarder.#open(queue, front.target, depth)
    }
    mesh.queues = forwarder
    mesh.onReachable = (node) => forwarder.#reached(node)
    bus.forwarding = forwarder
    for (const node of mesh.routes?.map.reachable() ?? []) forwarder.#reached(node)
    return forwarder
  }

  outgoing({ queue, target }: OutgoingQueueMessage): string | undefined {
    const { bus, depthMost = forwardDepthMost } = this.#options
    if (nodeIdEquals(target, bus.node) || !this.#known.has(nodeKey(target))) return undefined
    const name = outgoingName(target, queue)
    const depth = this.#outgoing.get(name)?.depth ?? 0
    if (depth < depthMost) return name
    const text = `${depth} messages wait for ${formatNodeId(target)}, which is the limit`
    throw new BusError('resource_exhausted', 'quota_exceeded', text)
  }

  enqueued(name: string, { target }: OutgoingQueueMessage, count: number): void {
    const outgoing = this.#open(name, target, 0)
    outgoing.depth += count
    this.#sendNext(outgoing)
  }

  describe(name: string): ForwardingInfo | undefined {
    const outgoing = this.#outgoing.get(name)
    if (outgoing === undefined) return undefined
    const { target, queue, state, attempts, lastError } = outgoing
    return { target: formatNodeId(target), queue, state, attempts, lastError }
  }

  /** Stops, and waits for what is being stored. */
  async close(): Promise<void> {
    this.#isClosed = true
    const { mesh, bus } = this.#options
    mesh.queues = undefined
    mesh.onReachable = undefined
    bus.forwarding = undefined
    for (const { timer } of this.#outgoing.values()) timer?.cancel()
    await Promise.allSettled(this.#storing)
  }

  // The sending side.

  takeForwarded(reader: ByteReader, origin: MeshNode): void {
    const epoch = reader.text()
    const queue = reader.text()
    const sequence = reader.number()
    const code = reader.text()
    const reason = reader.text()
    const message = reader.text()
    const outgoing = this.#outgoing.get(outgoingName(origin.id, queue))
    if (epoch !== this.#options.store.epoch || outgoing === undefined) return
    if (code === '') this.#stored(outgoing, sequence)
    else if (outgoing.sentTo > 0) this.#failed(outgoing, `${message} (${reason})`)
  }

  #open(name: string, target: NodeId, depth: number): Outgoing {
    const known = this.#outgoing.get(name)
    if (known !== undefined) return known
    const outgoing: Outgoing = {
      name,
      queue: name.slice(outgoingName(target, '').length),
      target,
      depth,
      state: depth === 0 ? 'idle' : 'waiting',
      attempts: 0,
      lastError: '',
      sentTo: 0,
      window: [],
      timer: undefined,
      isBusy: false,
    }
    this.#outgoing.set(name, outgoing)
    return outgoing
  }

  #reached(node: MeshNode): void {
    this.#remember(node)
    for (const outgoing of this.#outgoing.values()) {
      if (!nodeIdEquals(outgoing.target, node.id)) continue
      // What was on its way when the node was lost is sent again.
      this.#reset(outgoing)
      this.#sendNext(outgoing)
    }
  }

  #remember({ id, key }: MeshNode): void {
    if (this.#known.has(key) || this.#known.size >= knownNodesMost) return
    this.#known.add(key)
    const { store, logger } = this.#options
    const value = new TextEncoder().encode(formatNodeId(id))
    this.#track(
      store.writeNotes([{ table: nodesTable, key, value }]).catch((error: unknown) => {
        logger.warn('mesh_node_not_saved', { error: toBusError(error).message })
      }),
    )
  }

  #sendNext(outgoing: Outgoing): void {
    if (outgoing.isBusy || outgoing.sentTo > 0 || this.#isClosed) return
    if (outgoing.timer !== undefined || outgoing.depth === 0) return
    outgoing.isBusy = true
    this.#track(
      this.#send(outgoing)
        .catch((error: unknown) => this.#failed(outgoing, toBusError(error).message))
        .finally(() => (outgoing.isBusy = false)),
    )
  }

  async #send(outgoing: Outgoing): Promise<void> {
    const { store, mesh, clock } = this.#options
    const messages = await store.readQueue(outgoing.name, 0, window)
    const node = reachable(mesh.routes, outgoing.target)
    const last = messages[messages.length - 1]
    outgoing.state = 'waiting'
    if (last === undefined) {
      outgoing.depth = 0
      outgoing.state = 'idle'
    }
    if (node === undefined || last === undefined || this.#isClosed) return
    const { routes } = mesh
    if (routes === undefined) return
    outgoing.state = 'sending'
    outgoing.sentTo = last.sequence
    outgoing.window = messages
    outgoing.timer = clock.after(answerWithinMs, () => {
      outgoing.timer = undefined
      this.#failed(outgoing, 'no answer in time')
    })
    let previous = 0
    for (const message of messages) {
      const record = forwardRecord(routes, node, store.epoch, outgoing.queue, previous, message)
      routes.send(node, record, 0, record.length, false)
      previous = message.sequence
    }
  }

  /** Everything up to a sequence is stored there. */
  #stored(outgoing: Outgoing, sequence: number): void {
    const done = outgoing.window.filter((message) => message.sequence <= sequence)
    if (done.length === 0) return
    outgoing.window = outgoing.window.slice(done.length)
    outgoing.attempts = 0
    outgoing.lastError = ''
    const isAll = outgoing.window.length === 0
    if (isAll) this.#reset(outgoing)
    const { store } = this.#options
    const { name } = outgoing
    const settlements = done.map(({ id }) => {
      return { queue: name, id, action: 'remove', frontOnly: false } as const
    })
    outgoing.isBusy = true
    this.#track(
      store
        .settleQueue(settlements)
        .then(
          () => (outgoing.depth = Math.max(0, outgoing.depth - done.length)),
          (error: unknown) => this.#failed(outgoing, toBusError(error).message),
        )
        .finally(() => {
          outgoing.isBusy = false
          if (outgoing.depth === 0) outgoing.state = 'idle'
          this.#sendNext(outgoing)
        }),
    )
  }

  #failed(outgoing: Outgoing, error: string): void {
    if (this.#isClosed) return
    const { clock, random } = this.#options
    outgoing.attempts += 1
    outgoing.lastError = error
    this.#reset(outgoing)
    outgoing.state = 'waiting'
    outgoing.timer = clock.after(backOffMs(outgoing.attempts, backOff, random()), () => {
      outgoing.timer = undefined
      this.#sendNext(outgoing)
    })
  }

  /** Nothing is on its way any more. */
  #reset(outgoing: Outgoing): void {
    outgoing.timer?.cancel()
    outgoing.timer = undefined
    outgoing.sentTo = 0
    outgoing.window = []
  }

  // The receiving side.

  takeForward(reader: ByteReader, origin: MeshNode): void {
    const epoch = reader.text()
    const queue = reader.text()
    const previous = reader.number()
    const sequence = reader.number()
    const topic = reader.text()
    const source = readNode(reader)
    const target = readNode(reader)
    const headers = reader.texts()
    if (this.#arrivingCount >= arrivingMost) return
    const message = { queue, topic, source, target, payload: reader.rest(), headers }
    const key = `${nodeKey(origin.id)}${queue}`
    this.#arrivingCount += 1
    const arriving = { origin, epoch, sequence, previous, message }
    const waiting = this.#arriving.get(key)
    if (waiting !== undefined) {
      waiting.push(arriving)
      return
    }
    this.#arriving.set(key, [arriving])
    this.#track(this.#storeAll(key))
  }

  /** Stores what arrives for one queue of one node, each time everything that is there by then. */
  async #storeAll(key: string): Promise<void> {
    // What one frame brings is stored together.
    await Promise.resolve()
    for (;;) {
      const batch = this.#arriving.get(key) ?? []
      const [first] = batch
      if (first === undefined || this.#isClosed) {
        this.#arriving.delete(key)
        return
      }
      this.#arriving.set(key, [])
      this.#arrivingCount -= batch.length
      try {
        await this.#store(batch.filter(({ epoch }) => epoch === first.epoch))
      } catch (error) {
        this.#answer(first, 0, toBusError(error))
      }
    }
  }

  async #store(batch: readonly Arriving[]): Promise<void> {
    const [first] = batch
    if (first === undefined) return
    const { bus, store } = this.#options
    const { origin, epoch, message } = first
    this.#mayEnqueue(origin, message.queue)
    const key = `${nodeKey(origin.id)}${epoch}/${message.queue}`
    let last = numberOf(await store.note(acceptedTable, key))
    const fresh: OutgoingQueueMessage[] = []
    const before = last
    for (const { sequence, previous, message: next } of batch) {
      if (sequence <= last) continue
      // Something between them was lost on the way: it comes again, with all that follows.
      if (previous > last) break
      checkQueueMessage(next, bus.limits)
      fresh.push(next)
      last = sequence
    }
    if (last > before) {
      const note = { table: acceptedTable, key, value: new TextEncoder().encode(String(last)) }
      await bus.requireQueues().enqueue(fresh, [note])
    }
    if (last > 0) this.#answer(first, last)
  }

  #mayEnqueue(origin: MeshNode, queue: string): void {
    const { bus, mesh } = this.#options
    if (queue.startsWith('$msgbus.')) {
      throw new BusError('permission_denied', 'reserved_name', 'the queue belongs to the daemon')
    }
    const identity = mesh.identityOf('', origin)
    if (identity !== undefined) bus.live.requireAccess({ identity, name: '' }, 'enqueue', queue)
  }

  #answer({ origin, epoch, message }: Arriving, sequence: number, error?: BusError): void {
    const { routes } = this.#options.mesh
    if (routes === undefined) return
    const record = records.beginRouted(records.kinds.forwarded, origin, routes.map.own)
    record.text(epoch).text(message.queue).number(sequence)
    record
      .text(error?.code ?? '')
      .text(error?.reason ?? '')
      .text(error?.message ?? '')
    routes.send(origin, record.view(), 0, record.length, false)
  }

  #track(work: Promise<unknown>): void {
    const tracked: Promise<void> = work.then(
      () => void this.#storing.delete(tracked),
      () => void this.#storing.delete(tracked),
    )
    this.#storing.add(tracked)
  }
}

function outgoingName(target: NodeId, queue: string): string {
  return `${forwardQueuePrefix}${formatNodeId(target)}/${queue}`
}

function reachable(routes: MeshRoutes | undefined, target: NodeId): MeshNode | undefined {
  const node = routes?.map.byKey(nodeKey(target))
  return node?.isReachable === true ? node : undefined
}

function forwardRecord(
  routes: MeshRoutes,
  node: MeshNode,
  epoch: string,
  queue: string,
  previous: number,
  message: QueueMessage,
): Uint8Array {
  const record = records.beginRouted(records.kinds.forward, node, routes.map.own)
  record.text(epoch).text(queue).number(previous).number(message.sequence).text(message.topic)
  for (const { tenantId, blName, deviceId } of [message.source, message.target]) {
    record.text(tenantId).text(blName).text(deviceId)
  }
  record.texts(message.headers).raw(message.payload, 0, message.payload.length)
  return record.view()
}

function readNode(reader: ByteReader): NodeId {
  return { tenantId: reader.text(), blName: reader.text(), deviceId: reader.text() }
}

function numberOf(value: Uint8Array | undefined): number {
  return value === undefined ? 0 : Number(new TextDecoder().decode(value))
}
