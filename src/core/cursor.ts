/**
 * Where a subscription stands in what is stored, and how it reads on from there. A subscription
 * holds such a position, never a queue: however slow its reader is, it costs no memory and loses
 * nothing (architecture 7).
 */

import type { LogKey, StoredMessage } from '../model/message.ts'
import { nodeIdEquals, type NodeId } from '../model/node-id.ts'
import { topicMatches, type TopicFilter } from '../model/topic-filter.ts'
import type { DamagedRange, LogStore, ReadLimit } from './log-store.ts'

export interface CursorPage {
  readonly messages: readonly StoredMessage[]
  readonly damaged: readonly DamagedRange[]
}

export interface Cursor {
  /** As in `Delivery.position`. */
  readonly position: number | undefined
  /** True when nothing visible is still to be read. */
  isCurrent(): boolean
  /** Reads on from the position and moves it. */
  read(limit: ReadLimit): Promise<CursorPage>
  /** Whether a stored message is still to be read. */
  needs(message: StoredMessage): boolean
  /** For a message just committed while `isCurrent` held: whether it is wanted. Moves the position. */
  accepts(message: StoredMessage): boolean
}

/** Reads one log by head id. */
export class LogCursor implements Cursor {
  readonly #store: LogStore
  readonly #log: LogKey
  #nextHead: number
  #position: number

  constructor(store: LogStore, log: LogKey, nextHead: number) {
    this.#store = store
    this.#log = log
    this.#nextHead = nextHead
    this.#position = this.isCurrent() ? store.lastSequence : 0
  }

  get position(): number {
    return this.#position
  }

  isCurrent(): boolean {
    return (this.#store.head(this.#log) ?? 0) < this.#nextHead
  }

  async read(limit: ReadLimit): Promise<CursorPage> {
    const page = await this.#store.read(this.#log, this.#nextHead, limit)
    this.#nextHead = page.nextHead
    const last = page.messages[page.messages.length - 1]
    // Stubs of trimmed messages have no sequence; they come before everything that has one.
    if (last !== undefined) this.#position = Math.max(this.#position, last.sequence)
    return page
  }

  needs(message: StoredMessage): boolean {
    const { topic, origin } = this.#log
    const isOfLog = message.topic === topic && nodeIdEquals(message.origin, origin)
    return isOfLog && message.headId >= this.#nextHead
  }

  accepts(message: StoredMessage): boolean {
    // A start beyond the head skips what comes before it (spec/msgbus-v1 2.6, 3).
    if (message.headId < this.#nextHead) return false
    if (!nodeIdEquals(message.origin, this.#log.origin)) return false
    this.#nextHead = message.headId + 1
    this.#position = message.sequence
    return true
  }
}

/** Reads every log that matches, in commit order. */
export class FeedCursor implements Cursor {
  readonly #store: LogStore
  readonly #wants: (log: LogKey) => boolean
  readonly #origin: NodeId | undefined
  #after: number

  /**
   * @param after deliver what has a greater sequence
   * @param allows whether the reader may have a topic; asked each time, since rules change
   */
  constructor(
    store: LogStore,
    filter: TopicFilter,
    origin: NodeId | undefined,
    after: number,
    allows: (topic: string) => boolean = () => true,
  ) {
    this.#store = store
    this.#origin = origin
    this.#wants = ({ topic, origin: from }) =>
      this.#isFrom(from) && topicMatches(filter, topic) && allows(topic)
    this.#after = after
  }

  get position(): number {
    return this.#after
  }

  isCurrent(): boolean {
    return this.#after >= this.#store.lastSequence
  }

  async read(limit: ReadLimit): Promise<CursorPage> {
    const page = await this.#store.readFeed(this.#after, this.#wants, limit)
    this.#after = page.nextAfter
    return page
  }

  needs(message: StoredMessage): boolean {
    return message.sequence > this.#after && this.#wants(message)
  }

  accepts(message: StoredMessage): boolean {
    if (message.sequence <= this.#after || !this.#isFrom(message.origin)) return false
    this.#after = message.sequence
    return true
  }

  wants(log: LogKey): boolean {
    return this.#wants(log)
  }

  /** The logs that match now. */
  logs(): { key: LogKey; head: number; lastSequence: number }[] {
    const found = []
    for (const info of this.#store.logs()) {
      if (!this.#wants(info)) continue
      const key = { topic: info.topic, origin: info.origin }
      found.push({ key, head: info.head, lastSequence: info.lastSequence })
    }
    return found
  }

  #isFrom(origin: NodeId): boolean {
    return this.#origin === undefined || nodeIdEquals(this.#origin, origin)
  }
}

/** The newest message of each matching log in commit order, then everything that follows. */
export class LastCursor implements Cursor {
  readonly #store: LogStore
  readonly #feed: FeedCursor
  readonly #waiting: { key: LogKey; head: number }[]

  constructor(store: LogStore, feed: FeedCursor) {
    this.#store = store
    this.#feed = feed
    // Sorted so that taking from the end goes from the oldest to the newest.
    this.#waiting = feed.logs().sort((a, b) => b.lastSequence - a.lastSequence)
  }

  get position(): number | undefined {
    return this.#waiting.length > 0 ? undefined : this.#feed.position
  }

  isCurrent(): boolean {
    return this.#waiting.length === 0 && this.#feed.isCurrent()
  }

  async read(limit: ReadLimit): Promise<CursorPage> {
    if (this.#waiting.length === 0) return this.#feed.read(limit)
    const messages: StoredMessage[] = []
    const damaged: DamagedRange[] = []
    let bytes = 0
    while (messages.length < limit.messages && bytes < (limit.bytes ?? Infinity)) {
      const next = this.#waiting.pop()
      if (next === undefined) break
      // Rules may have changed since the list was made.
      if (!this.#feed.wants(next.key)) continue
      const page = await this.#store.read(next.key, next.head, { messages: 1 })
      for (const message of page.messages) {
        messages.push(message)
        bytes += message.payload.length
      }
      damaged.push(...page.damaged)
    }
    return { messages, damaged }
  }

  /** Where the newest of a log is trimmed before its turn comes, its stub is delivered. */
  needs(message: StoredMessage): boolean {
    return this.#feed.needs(message)
  }

  accepts(message: StoredMessage): boolean {
    return this.#feed.accepts(message)
  }
}
