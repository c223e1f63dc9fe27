/**
 * Trims what is history: publications that nobody asked to keep (architecture 4; docs/adr/0005-history.md).
 * Two bounds hold for all of it together, age and bytes, and the oldest goes first, whatever log it is in.
 *
 * The oldest are found by reading the feed of all logs of history from a position, up to the first message
 * that may stay. That one tells when to look again, so most passes read nothing, and none reads every
 * log. What the position passes by is set aside with the place to go back to: logs in which something
 * is kept, which become history when that is deleted, and logs that somebody still has to read.
 */

import { contentBytes } from '../model/content-bytes.ts'
import type { LogKey, StoredMessage } from '../model/message.ts'
import { nodeKey } from '../model/node-id.ts'
import type { Clock } from './clock.ts'
import type { BusCounters } from './counters.ts'
import type { LogInfo, LogStore } from './log-store.ts'

export interface HistoryBounds {
  /** What is older is trimmed, milliseconds; Infinity: no such bound. */
  readonly maxAgeMs: number
  /** Of all history together, as `storedBytes` counts; Infinity: no such bound. */
  readonly maxBytes: number
}

/** Architecture 4. */
export const defaultHistoryBounds: HistoryBounds = {
  maxAgeMs: 86_400_000,
  maxBytes: 1_073_741_824,
}

/** Somebody who has stored messages to read yet. */
export interface Hold {
  /** Whether it still has to read this one. If so, then all later ones of its log, too. */
  needs(message: StoredMessage): boolean
}

/** What history there is. */
export interface HistoryUsage {
  readonly logs: number
  /** As `storedBytes` counts. */
  readonly bytes: number
  /** Logs with history that cannot be trimmed, since other messages of theirs are kept. */
  readonly pinnedLogs: number
  /** All of those logs, what is kept in them included. */
  readonly pinnedBytes: number
}

export interface HistoryTrimmerOptions {
  readonly store: LogStore
  readonly bounds: HistoryBounds
  /** Readers that are behind. They delay trimming by age, not by bytes. */
  readonly holds: () => Iterable<Hold>
  /** Whether the topic has a retention of its own, which then is all that holds for it. */
  readonly hasOwnRetention: (topic: string) => boolean
  readonly clock: Clock
  readonly counters: BusCounters
}

/** Besides its content a message takes about as much in a store. */
const overheadBytes = 48

const page = { messages: 2_000, bytes: 1_048_576 }

// Looking less often than every pass makes fewer and larger trims, which spares disks.
const lateMsMost = 600_000

/** A log that the position passed by. */
interface Aside {
  readonly log: LogKey
  /** Everything of it that has to be looked at has a greater sequence. */
  readonly after: number
  /** The first one that somebody needs; undefined for a log in which something is kept. */
  readonly needed: StoredMessage | undefined
}

export class HistoryTrimmer {
  readonly #options: HistoryTrimmerOptions
  /** What has been looked at, but for what is set aside: every sequence up to this one. */
  #position = 0
  /** When the first message behind the position was made; undefined: not known. */
  #oldestAtMs: number | undefined
  readonly #aside = new Map<string, Aside>()
  #isClosed = false

  constructor(options: HistoryTrimmerOptions) {
    this.#options = options
  }

  /** Whether a pass would find something to do although nothing was stored since the last one. */
  get isDue(): boolean {
    if (this.#isTooOld()) return true
    // A reader may have got on, which nothing else tells; a delete is a message.
    for (const { needed } of this.#aside.values()) if (needed !== undefined) return true
    return false
  }

  /**
   * Trims until what there is keeps within the bounds. Answers how many bytes are left, about.
   * @param usedBytes of all history, as `storedBytes` counts
   */
  async trim(usedBytes: number): Promise<number> {
    const { store, bounds, clock } = this.#options
    const used = { bytes: usedBytes }
    const isTooMuch = usedBytes > bounds.maxBytes
    this.#takeUpAgain(isTooMuch)
    if (!isTooMuch && !this.#isTooOld()) return usedBytes
    const olderThanMs = clock.now() - bounds.maxAgeMs
    // What is stored from now on is not older than that.
    let oldestAtMs = clock.now()
    while (!this.#isClosed && this.#position < store.lastSequence) {
      const { messages, nextAfter } = await store.readFeed(
        this.#position,
        (log) => this.#wants(log),
        page,
      )
      const first = await this.#trimOldest(messages, olderThanMs, used)
      this.#position = first === undefined ? nextAfter : first.sequence - 1
      if (first === undefined) continue
      oldestAtMs = first.createdAtMs
      break
    }
    this.#oldestAtMs = oldestAtMs
    return used.bytes
  }

  /** Ends after the current page. */
  close(): void {
    this.#isClosed = true
  }

  #isTooOld(): boolean {
    const { bounds, clock } = this.#options
    if (bounds.maxAgeMs === Infinity) return false
    const lateMs = Math.min(bounds.maxAgeMs / 24, lateMsMost)
    return (this.#oldestAtMs ?? -Infinity) < clock.now() - bounds.maxAgeMs - lateMs
  }

  /** Trims the leading messages that are too old or too much; answers the first that may stay. */
  async #trimOldest(
    messages: readonly StoredMessage[],
    olderThanMs: number,
    used: { bytes: number },
  ): Promise<StoredMessage | undefined> {
    const { maxBytes } = this.#options.bounds
    const holds = [...this.#options.holds()]
    const ends = new Map<string, StoredMessage>()
    let unread = 0
    let staying: StoredMessage | undefined
    for (const message of messages) {
      const isTooMuch = used.bytes > maxBytes
      if (!isTooMuch && message.createdAtMs > olderThanMs) {
        staying = message
        break
      }
      const key = keyOf(message)
      if (!isTooMuch && this.#aside.has(key)) continue
      if (holds.some((hold) => hold.needs(message))) {
        if (!isTooMuch) {
          this.#setAside(key, message)
          continue
        }
        unread += 1
      }
      ends.set(key, message)
      if (this.#counts(message)) used.bytes -= contentBytes(message) + overheadBytes
    }
    await this.#trimLogs(ends)
    this.#options.counters.historyTrimmedUnread += unread
    return staying
  }

  /** What was to be kept, and is deleted, goes along and was not counted. */
  #counts({ topic, origin, headId, deleted }: StoredMessage): boolean {
    return !deleted || headId > (this.#options.store.log({ topic, origin })?.keptTo ?? 0)
  }

  async #trimLogs(ends: ReadonlyMap<string, StoredMessage>): Promise<void> {
    const { store, counters } = this.#options
    let trimmed = 0
    for (const end of ends.values()) trimmed += end.headId - (store.log(end)?.trimmedTo ?? 0)
    await Promise.all([...ends.values()].map((end) => store.trim(end, end.headId)))
    counters.messagesTrimmed += trimmed
    counters.historyTrimmed += trimmed
  }

  /** Asked once per log and read. */
  #wants(log: LogKey): boolean {
    const info = this.#options.store.log(log)
    if (info === undefined || this.#options.hasOwnRetention(log.topic)) return false
    const key = keyOf(log)
    if (this.#aside.has(key)) return false
    if (isPinned(info)) this.#aside.set(key, { log, after: this.#position, needed: undefined })
    // What has no history now can have some later, with greater sequences.
    return isHistory(info)
  }

  #setAside(key: string, message: StoredMessage): void {
    const { topic, origin, sequence } = message
    // The message may stand for a whole block in memory.
    const needed = { ...message, payload: new Uint8Array(0) }
    this.#aside.set(key, { log: { topic, origin }, after: sequence - 1, needed })
  }

  /** Goes back for logs that can be trimmed now; when there is too much, that is all but the pinned ones. */
  #takeUpAgain(isTooMuch: boolean): void {
    if (this.#aside.size === 0) return
    const holds = [...this.#options.holds()]
    for (const [key, { log, after, needed }] of this.#aside) {
      const info = this.#options.store.log(log)
      if (info?.holdsKept === true) continue
      const isThere = needed !== undefined && (info?.trimmedTo ?? 0) < needed.headId
      if (isThere && !isTooMuch && holds.some((hold) => hold.needs(needed))) continue
      this.#aside.delete(key)
      this.#position = Math.min(this.#position, after)
      this.#oldestAtMs = undefined
    }
  }
}

/** What a log takes in a store, about, when its messages after `afterHead` are counted. */
export function storedBytes({ bytes, head }: LogInfo, afterHead: number): number {
  return bytes + (head - afterHead) * overheadBytes
}

/** It has history that cannot be trimmed, since other messages of it are kept. */
export function isPinned({ holdsKept, historyTo, trimmedTo }: LogInfo): boolean {
  return holdsKept && historyTo > trimmedTo
}

/** It has history, and nothing that is kept but what was deleted. */
export function isHistory(info: LogInfo): boolean {
  return !info.holdsKept && info.head > historyAfter(info)
}

/** The history of a log begins after this head. */
export function historyAfter({ keptTo, trimmedTo }: LogInfo): number {
  return Math.max(keptTo, trimmedTo)
}

function keyOf(log: LogKey): string {
  return `${nodeKey(log.origin)}${log.topic}`
}
