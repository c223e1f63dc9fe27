/**
 * What comes for one client: direct messages, broadcasts, live publications, each kind in the order in
 * which it came. Everybody who listens has a lane of their own; what nobody listens to is dropped and
 * counted.
 *
 * What waits in the lanes is bounded: at `highBytes` the inbox says that it is congested, and the bus
 * stops those who feed it until half of that has been taken. Senders that are on their way at that
 * moment may overfill it by what they have sent already.
 */

import type { Inbox, LiveOperations, Publication, Sender, TopicText } from '../core/live.ts'
import type { BusError } from '../model/errors.ts'
import { type TopicFilter, topicMatches } from '../model/topic-filter.ts'
import { type Handler, Lane } from './lane.ts'
import { pooledCopy } from './payload.ts'
import { costOf, DirectMessage, LiveMessage, type Received } from './received-message.ts'
import type { Turn } from './turn.ts'

export interface ListenOptions {
  /**
   * The payload may be a view into a larger block, valid until the handler returns (and with the
   * promise it returns): saves a copy per message in worker threads. Default: a copy of the program's own.
   */
  readonly borrowed?: boolean | undefined
}

export interface InboxOptions {
  readonly turn: Turn
  readonly highBytes: number
  /** Bytes given to this inbox stay as they are after the call, so that borrowed payloads need no copy. */
  readonly keepsBytes: boolean
  readonly onCongested: (isCongested: boolean) => void
  /** There is room again for what this client sends. */
  readonly onRoom: () => void
  /** The bus has ended the client. */
  readonly onEnd: (error: BusError) => void
  /** A handler threw. */
  readonly onError: (error: unknown) => void
}

/** What a client is told of whoever a message comes from. */
export type ReceivedSender = Pick<Sender, 'name'>

/** What a client is told of a publication. */
export type ReceivedPublication = Pick<
  Publication,
  'bytes' | 'start' | 'end' | 'headers' | 'realtime' | 'sequence'
> & { readonly topic: Pick<TopicText, 'name'>; readonly sender: ReceivedSender }

type Kind = 'message' | 'broadcast'

interface Listener<Item> {
  readonly lane: Lane<Item>
  readonly isBorrowing: boolean
}

interface TopicListener extends Listener<LiveMessage> {
  readonly filter: TopicFilter
}

const rememberedTopics = 10_000

export class ClientInbox implements Inbox {
  /** Where to count what comes; the bus shows it. Undefined over a port, where the other end counts. */
  counts: Pick<LiveOperations, 'sentFrames' | 'sentBytes'> | undefined = undefined
  readonly #options: InboxOptions
  readonly #listeners: Record<Kind, readonly Listener<DirectMessage>[]> = {
    message: [],
    broadcast: [],
  }
  #topicListeners: readonly TopicListener[] = []
  /** Who listens to a topic, found out before. */
  readonly #byTopic = new Map<string, readonly TopicListener[]>()
  /**
   * What came before the program could say that it listens; undefined after its first turn.
   */
  #early: { readonly kind: Kind; readonly message: DirectMessage }[] | undefined = []
  #queuedBytes = 0
  #isCongested = false
  #dropped = 0
  #isPaused = false
  #isOpen = false

  constructor(options: InboxOptions) {
    this.#options = options
  }

  /** The program gets hold of the client in this turn: what nobody listens to at its end is dropped. */
  open(): void {
    this.#isOpen = true
    if (this.#isCongested) this.#options.onCongested(true)
    setImmediate(() => this.#endFirstTurn())
  }

  /** Nothing may be sent now: somebody this client feeds has no room. */
  get isPaused(): boolean {
    return this.#isPaused
  }

  /** What waits for the program. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** Messages and broadcasts that nobody listened to. */
  get dropped(): number {
    return this.#dropped
  }

  /** A new lane for direct messages or broadcasts. */
  listen(
    kind: Kind,
    handler: Handler<DirectMessage> | undefined,
    options: ListenOptions,
  ): Lane<DirectMessage> {
    const lane: Lane<DirectMessage> = this.#lane(handler, () => {
      this.#listeners[kind] = this.#listeners[kind].filter((each) => each.lane !== lane)
    })
    const listener = { lane, isBorrowing: options.borrowed === true && handler !== undefined }
    this.#listeners[kind] = [...this.#listeners[kind], listener]
    for (const early of this.#early ?? []) if (early.kind === kind) this.#put(lane, early.message)
    return lane
  }

  /** A new lane for live publications on topics that match. */
  listenTopics(
    filter: TopicFilter,
    handler: Handler<LiveMessage> | undefined,
    options: ListenOptions & { readonly onClosed: (error: BusError | undefined) => void },
  ): Lane<LiveMessage> {
    const lane: Lane<LiveMessage> = this.#lane(handler, (error) => {
      this.#topicListeners = this.#topicListeners.filter((each) => each.lane !== lane)
      this.#byTopic.clear()
      options.onClosed(error)
    })
    const isBorrowing = options.borrowed === true && handler !== undefined
    this.#topicListeners = [...this.#topicListeners, { lane, filter, isBorrowing }]
    this.#byTopic.clear()
    return lane
  }

  message(
    sender: ReceivedSender,
    bytes: Uint8Array,
    start: number,
    end: number,
    realtime: boolean,
  ): void {
    this.#direct('message', sender, bytes, start, end, realtime)
  }

  broadcast(
    sender: ReceivedSender,
    bytes: Uint8Array,
    start: number,
    end: number,
    realtime: boolean,
  ): void {
    this.#direct('broadcast', sender, bytes, start, end, realtime)
  }

  publication(publication: ReceivedPublication): void {
    this.#countReceived(publication.end - publication.start)
    const listeners = this.#listenersOf(publication.topic.name)
    if (listeners.length === 0) return
    const { bytes, start, end, topic, sender, headers, realtime, sequence } = publication
    let owned: LiveMessage | undefined
    for (const { lane, isBorrowing } of listeners) {
      const isView = isBorrowing && this.#options.keepsBytes
      let message = owned
      if (message === undefined || isView) {
        const payload = isView ? bytes.subarray(start, end) : pooledCopy(bytes, start, end)
        const { name: from } = sender
        message = new LiveMessage({
          topic: topic.name,
          from,
          payload,
          headers,
          realtime,
          sequence,
        })
        if (!isView) owned = message
      }
      this.#put(lane, message)
    }
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#options.onRoom()
  }

  end(error: BusError): void {
    this.#options.onEnd(error)
  }

  /** Ends every lane: with the error after what waits, or at once and quietly. */
  close(error?: BusError): void {
    const listeners = [
      ...this.#listeners.message,
      ...this.#listeners.broadcast,
      ...this.#topicListeners,
    ]
    for (const { lane } of listeners) {
      if (error === undefined) lane.close()
      else lane.end(error)
    }
  }

  #direct(
    kind: Kind,
    sender: ReceivedSender,
    bytes: Uint8Array,
    start: number,
    end: number,
    realtime: boolean,
  ): void {
    this.#countReceived(end - start)
    const listeners = this.#listeners[kind]
    if (listeners.length === 0) {
      if (this.#early === undefined) this.#dropped += 1
      else {
        const message = new DirectMessage(sender.name, pooledCopy(bytes, start, end), realtime)
        this.#early.push({ kind, message })
        this.#count(costOf(message))
      }
      return
    }
    let owned: DirectMessage | undefined
    for (const { lane, isBorrowing } of listeners) {
      if (isBorrowing && this.#options.keepsBytes) {
        const view = bytes.subarray(start, end)
        this.#put(lane, new DirectMessage(sender.name, view, realtime))
        continue
      }
      owned ??= new DirectMessage(sender.name, pooledCopy(bytes, start, end), realtime)
      this.#put(lane, owned)
    }
  }

  #lane<Item extends Received>(
    handler: Handler<Item> | undefined,
    onClosed: (error: BusError | undefined) => void,
  ): Lane<Item> {
    const { turn, onError } = this.#options
    return new Lane<Item>({
      turn,
      costOf,
      handler,
      onTaken: (bytes) => this.#count(-bytes),
      onError,
      onClosed,
    })
  }

  #put<Item extends Received>(lane: Lane<Item>, item: Item): void {
    if (lane.push(item)) this.#count(costOf(item))
  }

  #count(bytes: number): void {
    this.#queuedBytes += bytes
    const { highBytes, onCongested } = this.#options
    if (this.#isCongested ? this.#queuedBytes > highBytes / 2 : this.#queuedBytes < highBytes)
      return
    this.#isCongested = !this.#isCongested
    if (this.#isOpen) onCongested(this.#isCongested)
  }

  #countReceived(bytes: number): void {
    if (this.counts === undefined) return
    this.counts.sentFrames += 1
    this.counts.sentBytes += bytes
  }

  #endFirstTurn(): void {
    const early = this.#early ?? []
    this.#early = undefined
    let bytes = 0
    for (const { kind, message } of early) {
      bytes += costOf(message)
      if (this.#listeners[kind].length === 0) this.#dropped += 1
    }
    if (bytes > 0) this.#count(-bytes)
  }

  #listenersOf(topic: string): readonly TopicListener[] {
    const known = this.#byTopic.get(topic)
    if (known !== undefined) return known
    const found = this.#topicListeners.filter(({ filter }) => topicMatches(filter, topic))
    if (this.#byTopic.size >= rememberedTopics) this.#byTopic.clear()
    this.#byTopic.set(topic, found)
    return found
  }
}
