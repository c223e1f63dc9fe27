/**
 * What the tests of the live path share: a bus over the memory store, and clients that note what they are
 * given, have room for so much, and can be made to act in the middle of a delivery.
 */

import type { BusError } from '../model/errors.ts'
import { anonymous, type Identity } from '../model/identity.ts'
import { levelFilter } from '../model/level-filter.ts'
import { defaultLimits, type Limits } from '../model/limits.ts'
import { type Headers, noHeaders, type StoredMessage } from '../model/message.ts'
import { openMemoryLogStore } from '../stores/memory/memory-log-store.ts'
import type { BusClient } from './bus-client.ts'
import type {
  Inbox,
  JoinOptions,
  Publication,
  PublishOutcome,
  Sender,
  SendOutcome,
} from './live.ts'
import type { LogStore } from './log-store.ts'
import { silentLogger } from './logger.ts'
import { ManualClock } from './manual-clock.ts'
import { MsgBus, type MsgBusOptions } from './msg-bus.ts'

export const suiteNode = { tenantId: 'tenant', blName: 'default', deviceId: 'device' }

export const textOf = (bytes: Uint8Array, start = 0, end = bytes.length) =>
  Buffer.from(bytes.subarray(start, end)).toString()

export interface LiveTestBus {
  readonly bus: MsgBus
  readonly clock: ManualClock
  readonly store: LogStore
  /** A client with an inbox that notes everything. */
  readonly join: (name?: string, options?: TestClientOptions) => TestClient
}

export interface TestClientOptions extends Partial<Omit<JoinOptions, 'name' | 'inbox'>> {
  readonly identity?: Identity
  /** Deliveries it takes before it says that it has no room. Default: any number. */
  readonly room?: number
  /** Joins without an inbox, so that it can be told nothing and cannot be paused. */
  readonly isDeaf?: boolean
}

export interface LiveTestBusOptions extends Partial<Omit<MsgBusOptions, 'limits'>> {
  readonly limits?: Partial<Limits>
}

export async function openLiveBus(options: LiveTestBusOptions = {}): Promise<LiveTestBus> {
  const clock = new ManualClock()
  const logger = silentLogger
  const limits = { ...defaultLimits, ...options.limits }
  const bus = new MsgBus({ node: suiteNode, clock, logger, ...options, limits })
  const store = await openMemoryLogStore({
    folder: '',
    node: suiteNode,
    durability: 'memory',
    clock,
    logger,
    publishIdWindowMs: limits.publishIdWindowMs,
    publishIdCount: limits.publishIdCount,
  })
  bus.attach(store)
  const join = (name?: string, clientOptions?: TestClientOptions) =>
    new TestClient(bus, name, clientOptions)
  return { bus, clock, store, join }
}

/** One delivery as tests compare it. */
export interface Seen {
  readonly kind: 'message' | 'broadcast' | 'publication'
  readonly sender: string
  /** Empty but for publications. */
  readonly topic: string
  readonly text: string
  readonly sequence: number
  readonly realtime: boolean
}

export class TestInbox implements Inbox {
  readonly seen: Seen[] = []
  /** What the bus said beside deliveries, in order: `pause`, `resume`, `end REASON`. */
  readonly told: string[] = []
  /** Of publications, as messages that may be kept. */
  readonly kept: StoredMessage[] = []
  queuedBytes = 0
  isPaused = false
  endedBy: BusError | undefined
  /** Deliveries until it is congested. */
  room: number
  /** Runs in the middle of each delivery, after it was noted. */
  during: (seen: Seen) => void = () => undefined
  onResume: () => void = () => undefined
  onEnd: () => void = () => undefined
  keepsMessages = false
  client: BusClient | undefined

  constructor(room: number) {
    this.room = room
  }

  message(sender: Sender, bytes: Uint8Array, start: number, end: number, realtime: boolean): void {
    const text = textOf(bytes, start, end)
    this.#note({ kind: 'message', sender: sender.name, topic: '', text, sequence: 0, realtime })
  }

  broadcast(
    sender: Sender,
    bytes: Uint8Array,
    start: number,
    end: number,
    realtime: boolean,
  ): void {
    const text = textOf(bytes, start, end)
    this.#note({ kind: 'broadcast', sender: sender.name, topic: '', text, sequence: 0, realtime })
  }

  publication(publication: Publication): void {
    const { topic, sender, bytes, start, end, sequence, realtime } = publication
    if (this.keepsMessages) this.kept.push(publication.toMessage())
    this.#note({
      kind: 'publication',
      sender: sender.name,
      topic: topic.name,
      text: textOf(bytes, start, end),
      sequence,
      realtime,
    })
  }

  pause(): void {
    this.isPaused = true
    this.told.push('pause')
  }

  resume(): void {
    this.isPaused = false
    this.told.push('resume')
    this.onResume()
  }

  end(error: BusError): void {
    this.endedBy = error
    this.told.push(`end ${error.reason}`)
    this.client?.close(error)
    this.onEnd()
  }

  #note(seen: Seen): void {
    this.seen.push(seen)
    this.room -= 1
    if (this.room === 0) this.client?.live.congested(true)
    this.during(seen)
  }
}

const encoder = new TextEncoder()

export class TestClient {
  readonly inbox: TestInbox
  readonly handle: BusClient
  readonly name: string

  constructor(bus: MsgBus, name: string | undefined, options: TestClientOptions = {}) {
    const { identity = anonymous, room = Infinity, isDeaf = false, ...join } = options
    this.inbox = new TestInbox(room)
    this.name = name ?? ''
    const inbox = isDeaf ? undefined : this.inbox
    this.handle = bus.connect(identity, { protocol: 'test', ...join, name, inbox })
    this.inbox.client = this.handle
  }

  get live() {
    return this.handle.live
  }

  /** Texts of everything it was given, in order. */
  get texts(): string[] {
    return this.inbox.seen.map(({ text }) => text)
  }

  send(name: string, text: string, realtime = false): SendOutcome {
    const target = encoder.encode(name)
    const bytes = encoder.encode(`${name}\0${text}`)
    return this.live.send(bytes, 0, target.length, target.length + 1, bytes.length, realtime)
  }

  broadcast(mask: string, text: string): number {
    const bytes = encoder.encode(text)
    return this.live.broadcast(mask, bytes, 0, bytes.length, false)
  }

  /** Without acknowledgement. */
  publish(
    topic: string,
    text: string,
    only?: string,
    headers?: Headers,
    realtime = false,
  ): PublishOutcome {
    const { length } = encoder.encode(topic)
    const bytes = encoder.encode(`${topic}\0${text}`)
    return this.live.publish(bytes, 0, length, length + 1, bytes.length, realtime, only, headers)
  }

  /** With acknowledgement. */
  async store(topic: string, ...texts: string[]): Promise<void> {
    const messages = texts.map((text) => {
      return { topic, payload: encoder.encode(text), headers: noHeaders }
    })
    for (const outcome of await this.handle.publish(messages)) {
      if (outcome.kind === 'rejected') throw outcome.error
    }
  }

  /** BUS/RT rules. */
  subscribe(...filters: string[]): this {
    for (const filter of filters) this.live.subscribe(levelFilter('busrt', filter))
    return this
  }

  unsubscribe(filter: string): boolean {
    return this.live.unsubscribe(levelFilter('busrt', filter))
  }

  /** It has taken everything and has room for so many more. */
  drain(room = Infinity): void {
    this.inbox.room = room
    this.live.congested(false)
  }

  close(): void {
    this.handle.close()
  }
}
