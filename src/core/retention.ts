/**
 * Trims logs by the retention of their topic rules, in the background: a pass looks at every log
 * that a rule concerns and gives up its oldest messages where age, number or bytes are over the
 * bound. The store leaves stubs, so heads stay contiguous (spec/msgbus-v1 5.4, 8.6).
 */

import { toBusError } from '../model/errors.ts'
import type { LogKey } from '../model/message.ts'
import { utf8Length } from '../model/name.ts'
import { nodeKey } from '../model/node-id.ts'
import type { Retention } from '../model/topic-rule.ts'
import type { Clock, Timer } from './clock.ts'
import type { BusCounters } from './counters.ts'
import type { Logger } from './logger.ts'
import type { LogInfo, LogStore } from './log-store.ts'
import type { TopicRules } from './topic-rules.ts'

/** Time between the end of a pass and the next. */
export const retentionPassMs = 10_000

// One look at the oldest messages of a log; the next pass goes on where this one ended.
const page = { messages: 1_000, bytes: 1_048_576 }

export interface RetentionOptions {
  readonly store: LogStore
  readonly rules: TopicRules
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: BusCounters
}

export class RetentionKeeper {
  readonly #options: RetentionOptions
  /** When the oldest kept message of a log was made, so that most logs need no read per pass. */
  readonly #oldest = new Map<string, { readonly head: number; readonly createdAtMs: number }>()
  #timer: Timer | undefined
  #pass: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(options: RetentionOptions) {
    this.#options = options
    if (!options.rules.keepsEverything) this.#schedule()
  }

  /** Runs one pass over all logs now. */
  async runPass(): Promise<void> {
    const { store, rules } = this.#options
    for (const info of store.logs()) {
      if (this.#isClosed) return
      const { retention } = rules.of(info.topic)
      await this.#trimLog(info, retention)
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await this.#pass
  }

  #schedule(): void {
    this.#timer = this.#options.clock.after(retentionPassMs, () => {
      this.#pass = this.runPass()
        .catch((error: unknown) => {
          const { message } = toBusError(error)
          this.#options.logger.warn('retention_failed', { error: message })
        })
        .finally(() => {
          if (!this.#isClosed) this.#schedule()
        })
    })
  }

  async #trimLog(info: LogInfo, retention: Retention): Promise<void> {
    const { store, counters } = this.#options
    const log: LogKey = { topic: info.topic, origin: info.origin }
    let trimTo = Math.max(info.trimmedTo, info.head - (retention.maxMessages ?? Infinity))
    trimTo = Math.max(trimTo, await this.#tooOld(log, info, trimTo, retention.maxAgeMs))
    trimTo = Math.max(trimTo, await this.#tooMuch(log, info, trimTo, retention.maxBytes))
    if (trimTo <= info.trimmedTo) return
    await store.trim(log, trimTo)
    counters.messagesTrimmed += trimTo - info.trimmedTo
  }

  /** The last head, after `from`, of the leading messages that are older than allowed. */
  async #tooOld(
    log: LogKey,
    info: LogInfo,
    from: number,
    maxAgeMs: number | undefined,
  ): Promise<number> {
    if (maxAgeMs === undefined || from >= info.head) return from
    const { store, clock } = this.#options
    const limit = clock.now() - maxAgeMs
    const key = `${nodeKey(log.origin)}:${log.topic}`
    const known = this.#oldest.get(key)
    if (known?.head === from + 1 && known.createdAtMs > limit) return from
    const { messages, nextHead } = await store.read(log, from + 1, page)
    const young = messages.find((message) => message.createdAtMs > limit)
    if (young === undefined) return Math.max(from, nextHead - 1)
    this.#oldest.set(key, { head: young.headId, createdAtMs: young.createdAtMs })
    return young.headId - 1
  }

  /** The last head, after `from`, that has to go so that the rest is within `maxBytes`. */
  async #tooMuch(
    log: LogKey,
    info: LogInfo,
    from: number,
    maxBytes: number | undefined,
  ): Promise<number> {
    if (maxBytes === undefined || info.bytes <= maxBytes || from >= info.head) return from
    let excess = info.bytes - maxBytes
    const { messages } = await this.#options.store.read(log, info.trimmedTo + 1, page)
    for (const message of messages) {
      excess -= messageBytes(message)
      if (excess <= 0) return message.headId
    }
    return messages[messages.length - 1]?.headId ?? from
  }
}

function messageBytes(message: {
  readonly payload: Uint8Array
  readonly headers: ReadonlyMap<string, string>
}): number {
  let bytes = message.payload.length
  for (const [key, value] of message.headers) bytes += utf8Length(key) + utf8Length(value)
  return bytes
}
