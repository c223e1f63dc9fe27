/**
 * Trims logs in the background. A pass looks at every log: where a topic rule has a retention it gives up
 * the oldest messages that are over its age, number or bytes; everything else that is history is
 * trimmed together (history-trimmer.ts), and what came to be kept stays. The store leaves stubs, so
 * heads stay contiguous (spec/msgbus-v1 5.4, 8.6).
 */

import { TimeSlice } from '../base/time-slice.ts'
import { contentBytes } from '../model/content-bytes.ts'
import { toBusError } from '../model/errors.ts'
import type { LogKey } from '../model/message.ts'
import { nodeKey } from '../model/node-id.ts'
import type { Retention } from '../model/topic-rule.ts'
import type { Clock, Timer } from './clock.ts'
import type { BusCounters } from './counters.ts'
import {
  historyAfter,
  HistoryTrimmer,
  isHistory,
  isPinned,
  storedBytes,
  type HistoryBounds,
  type HistoryUsage,
  type Hold,
} from './history-trimmer.ts'
import type { Logger } from './logger.ts'
import type { LogInfo, LogStore } from './log-store.ts'
import type { TopicRules } from './topic-rules.ts'

/** Time between the end of a pass and the next. */
export const retentionPassMs = 10_000

// One look at the oldest messages of a log; the next pass goes on where this one ended.
const page = { messages: 1_000, bytes: 1_048_576 }

/** Logs that are trimmed at the same time; a store can make one commit of them. */
const trimsTogether = 256

export interface RetentionOptions {
  readonly store: LogStore
  readonly rules: TopicRules
  readonly history: HistoryBounds
  /**
   * Readers that are behind: what they need is not trimmed for its age, as long as all history keeps
   * within its bytes. Rules with a retention of their own do not wait for anybody.
   */
  readonly holds: () => Iterable<Hold>
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: BusCounters
}

interface Trim {
  readonly log: LogKey
  readonly from: number
  readonly to: number
}

export class RetentionKeeper {
  readonly #options: RetentionOptions
  readonly #history: HistoryTrimmer
  /** When the oldest kept message of a log was made, so that most logs need no read per pass. */
  readonly #oldest = new Map<string, { readonly head: number; readonly createdAtMs: number }>()
  #usage: HistoryUsage = { logs: 0, bytes: 0, pinnedLogs: 0, pinnedBytes: 0 }
  /** Sequence of the store when the last pass began; -1: it has changed since, or not been looked at. */
  #seenTo = -1
  #timer: Timer | undefined
  /** Settles with the last pass, and never rejects: whoever asked for one hears of its failure. */
  #passes: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(options: RetentionOptions) {
    this.#options = options
    const { store, history, holds, rules, clock, counters } = options
    const hasOwnRetention = (topic: string) => hasBounds(rules.of(topic).retention)
    const parts = { store, holds, hasOwnRetention, clock, counters }
    this.#history = new HistoryTrimmer({ ...parts, bounds: history })
    this.#schedule()
  }

  /** As of the last pass. */
  get usage(): HistoryUsage {
    return this.#usage
  }

  /** Runs one pass over all logs, after the one that may be under way. */
  runPass(): Promise<void> {
    const pass = this.#passes.then(() => this.#runPass())
    this.#passes = pass.catch(() => undefined)
    return pass
  }

  async #runPass(): Promise<void> {
    if (this.#isClosed) return
    const { store, rules, counters } = this.#options
    // Without news only age could ask for something.
    const isIdle = rules.keepsEverything && store.lastSequence === this.#seenTo
    if (isIdle && !this.#history.isDue) return
    const seenTo = store.lastSequence
    const trimmedBefore = counters.messagesTrimmed
    const usage = { logs: 0, bytes: 0, pinnedLogs: 0, pinnedBytes: 0 }
    let trims: Trim[] = []
    const slice = new TimeSlice()
    for (const info of store.logs()) {
      const { retention } = rules.of(info.topic)
      if (hasBounds(retention)) {
        const to = await this.#endOf(info, retention)
        if (to > info.trimmedTo) trims.push({ log: info, from: info.trimmedTo, to })
      } else if (isPinned(info)) {
        usage.pinnedLogs += 1
        usage.pinnedBytes += storedBytes(info, info.trimmedTo)
      } else if (isHistory(info)) {
        usage.logs += 1
        usage.bytes += storedBytes(info, historyAfter(info))
      }
      if (trims.length === trimsTogether) {
        await this.#trim(trims)
        trims = []
      }
      // Nothing is awaited per log: there can be very many.
      const pause = slice.pause()
      if (pause !== undefined) await pause
      if (this.#isClosed) return
    }
    await this.#trim(trims)
    this.#usage = usage
    this.#usage = { ...usage, bytes: await this.#history.trim(usage.bytes) }
    this.#seenTo = counters.messagesTrimmed === trimmedBefore ? seenTo : -1
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#history.close()
    this.#timer?.cancel()
    await this.#passes
  }

  #schedule(): void {
    this.#timer = this.#options.clock.after(retentionPassMs, () => {
      void this.runPass()
        .catch((error: unknown) => {
          const { message } = toBusError(error)
          this.#options.logger.warn('retention_failed', { error: message })
        })
        .finally(() => {
          if (!this.#isClosed) this.#schedule()
        })
    })
  }

  async #trim(trims: readonly Trim[]): Promise<void> {
    const { store, counters } = this.#options
    await Promise.all(trims.map(({ log, to }) => store.trim(log, to)))
    for (const { from, to } of trims) counters.messagesTrimmed += to - from
  }

  /** The last head of a log that its own retention gives up. */
  async #endOf(info: LogInfo, retention: Retention): Promise<number> {
    let end = Math.max(info.trimmedTo, info.head - (retention.maxMessages ?? Infinity))
    end = Math.max(end, await this.#tooOld(info, end, retention.maxAgeMs))
    return Math.max(end, await this.#tooMuch(info, end, retention.maxBytes))
  }

  /** The last head, after `from`, of the leading messages that are older than allowed. */
  async #tooOld(info: LogInfo, from: number, maxAgeMs = Infinity): Promise<number> {
    if (maxAgeMs === Infinity || from >= info.head) return from
    const { store, clock } = this.#options
    const limit = clock.now() - maxAgeMs
    const key = `${nodeKey(info.origin)}${info.topic}`
    const known = this.#oldest.get(key)
    if (known?.head === from + 1 && known.createdAtMs > limit) return from
    const { messages, nextHead } = await store.read(info, from + 1, page)
    const young = messages.find((message) => message.createdAtMs > limit)
    if (young === undefined) return Math.max(from, nextHead - 1)
    this.#oldest.set(key, { head: young.headId, createdAtMs: young.createdAtMs })
    return young.headId - 1
  }

  /** The last head, after `from`, that has to go so that the rest is within `maxBytes`. */
  async #tooMuch(info: LogInfo, from: number, maxBytes = Infinity): Promise<number> {
    if (info.bytes <= maxBytes || from >= info.head) return from
    let excess = info.bytes - maxBytes
    const { messages } = await this.#options.store.read(info, info.trimmedTo + 1, page)
    for (const message of messages) {
      excess -= contentBytes(message)
      if (excess <= 0) return message.headId
    }
    return messages[messages.length - 1]?.headId ?? from
  }
}

function hasBounds({ maxAgeMs, maxMessages, maxBytes }: Retention): boolean {
  return maxAgeMs !== undefined || maxMessages !== undefined || maxBytes !== undefined
}
