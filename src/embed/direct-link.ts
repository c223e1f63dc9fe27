/**
 * A client in the thread of its bus: the operations of the core, with names and payloads put next to
 * each other as the live path wants them, in a buffer that is used again for every message.
 */

import type {
  BusClient,
  Consumer,
  ConsumeOptions,
  ConsumerSink,
  LogOperations,
  QueueOperations,
  SubscribeOptions,
  Subscription,
  SubscriptionSink,
} from '../core/bus-client.ts'
import type { LogInfo } from '../core/log-store.ts'
import type {
  CallHandler,
  CallOptions,
  CallResult,
  ClientInfo,
  JoinOptions,
  SendOutcome,
} from '../core/live.ts'
import type { MsgBus } from '../core/msg-bus.ts'
import { BusError, toBusError } from '../model/errors.ts'
import type { Identity } from '../model/identity.ts'
import { levelFilter } from '../model/level-filter.ts'
import type { OutgoingMessage } from '../model/message.ts'
import type { NodeId } from '../model/node-id.ts'
import type { TopicFilter } from '../model/topic-filter.ts'
import type { ClientLink, Receipt } from './client-link.ts'
import { toReceipt } from './client-link.ts'
import type { ClientInbox } from './inbox.ts'
import { copyBytes, pooledCopy } from './payload.ts'
import { Wakefulness } from './wakefulness.ts'

const scratchBytes = 65_536

export class DirectLink implements ClientLink {
  readonly name: string
  readonly node: NodeId
  readonly epoch: string
  readonly #bus: MsgBus
  readonly #client: BusClient
  readonly #scratch = Buffer.allocUnsafe(scratchBytes)
  readonly #wakefulness = new Wakefulness()
  /** The name that stands at the beginning of the scratch buffer. */
  #scratchName = ''
  #scratchNameEnd = 0

  /** @throws BusError when the bus does not let it join */
  constructor(bus: MsgBus, inbox: ClientInbox, join: Pick<JoinOptions, 'name' | 'replace'>) {
    const { name = '' } = join
    const identity: Identity = {
      user: name === '' ? 'in-process' : name,
      groups: [],
      method: 'in-process',
    }
    this.#bus = bus
    this.#client = bus.connect(identity, {
      ...join,
      inbox,
      protocol: 'in-process',
      transport: 'internal',
    })
    inbox.counts = this.#client.live
    // When the caller has the client.
    queueMicrotask(() => inbox.open())
    this.name = this.#client.live.name
    this.node = bus.node
    this.epoch = bus.status().epoch
  }

  async publish(message: OutgoingMessage): Promise<Receipt> {
    const [outcome] = await this.#client.publish([message])
    return toReceipt(outcome)
  }

  publishLive(topic: string, payload: Uint8Array, realtime: boolean): void {
    const { live } = this.#client
    const bytes = this.#join(topic, payload)
    const start = this.#scratchNameEnd
    live.receivedFrames += 1
    live.receivedBytes += payload.length
    live.publish(bytes, 0, start, start, start + payload.length, realtime)
  }

  send(name: string, payload: Uint8Array, realtime: boolean): SendOutcome {
    const { live } = this.#client
    const bytes = this.#join(name, payload)
    const start = this.#scratchNameEnd
    live.receivedFrames += 1
    live.receivedBytes += payload.length
    return live.send(bytes, 0, start, start, start + payload.length, realtime)
  }

  post(name: string, payload: Uint8Array, realtime: boolean): void {
    this.send(name, payload, realtime)
  }

  broadcast(mask: string, payload: Uint8Array, realtime: boolean): number {
    const { live } = this.#client
    live.receivedFrames += 1
    live.receivedBytes += payload.length
    return live.broadcast(mask, payload, 0, payload.length, realtime)
  }

  subscribe(options: SubscribeOptions, sink: SubscriptionSink): Subscription {
    try {
      return this.#client.subscribe(options, sink)
    } catch (error) {
      const reason = toBusError(error)
      // As over a port: the caller holds the subscription first.
      queueMicrotask(() => sink.end(reason))
      return { resume: () => undefined, close: () => undefined }
    }
  }

  subscribeLive(filter: TopicFilter): void {
    this.#client.live.subscribe(levelFilter('mqtt', filter))
  }

  unsubscribeLive(filter: TopicFilter): void {
    this.#client.live.unsubscribe(levelFilter('mqtt', filter))
  }

  congested(isCongested: boolean): void {
    this.#client.live.congested(isCongested)
  }

  fetch(...args: Parameters<LogOperations['fetch']>): ReturnType<LogOperations['fetch']> {
    return this.#client.log.fetch(...args)
  }

  async head(...args: Parameters<LogOperations['head']>): Promise<number | undefined> {
    return this.#client.log.head(...args)
  }

  async list(filter: TopicFilter | undefined): Promise<LogInfo[]> {
    return this.#client.log.list(filter)
  }

  deleteRange(
    ...args: Parameters<LogOperations['deleteRange']>
  ): ReturnType<LogOperations['deleteRange']> {
    return this.#client.log.deleteRange(...args)
  }

  get queue(): QueueOperations {
    return { ...this.#client.queue, consume: (options, sink) => this.#consume(options, sink) }
  }

  async register(procedure: string, handler: CallHandler): Promise<{ close(): void }> {
    return this.#client.calls.register(procedure, async (invocation) => {
      const { payload, headers } = await handler(invocation)
      return { payload: pooledCopy(payload), headers }
    })
  }

  async call(options: CallOptions): Promise<CallResult> {
    const rest = this.#wakefulness.begin()
    try {
      return await this.#client.calls.call({ ...options, payload: pooledCopy(options.payload) })
    } finally {
      rest()
    }
  }

  async clients(): Promise<ClientInfo[]> {
    return this.#bus.clients()
  }

  close(): void {
    this.#wakefulness.end()
    this.#client.close()
  }

  #consume(options: ConsumeOptions, sink: ConsumerSink): Consumer {
    const rest = this.#wakefulness.begin()
    try {
      const consumer = this.#client.queue.consume(options, {
        deliver: (...delivery) => sink.deliver(...delivery),
        end: (error) => {
          rest()
          sink.end(error)
        },
      })
      return {
        close: () => {
          rest()
          consumer.close()
        },
      }
    } catch (error) {
      rest()
      throw error
    }
  }

  /** Puts the name and then the payload into one block, which is valid until the next call. */
  #join(name: string, payload: Uint8Array): Uint8Array {
    if (name !== this.#scratchName) this.#setName(name)
    const start = this.#scratchNameEnd
    if (start + payload.length <= scratchBytes) {
      copyBytes(payload, 0, payload.length, this.#scratch, start)
      return this.#scratch
    }
    return Buffer.concat([this.#scratch.subarray(0, start), payload])
  }

  #setName(name: string): void {
    if (name.length * 3 > scratchBytes) {
      const text = `a name of ${name.length} characters is too long`
      throw new BusError('invalid_argument', 'name_too_long', text)
    }
    this.#scratchNameEnd = this.#scratch.write(name)
    this.#scratchName = name
  }
}
