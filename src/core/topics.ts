/**
 * The topics somebody published on lately: one entry each with all that routing needs, found by text
 * or by bytes with a single look-up (architecture 5). The number of entries is bounded; when it is
 * reached, those go that were not used since the last time somebody had to go. An entry holds nothing
 * that cannot be found out again, but for last values of what was not stored.
 */

import { copyOf } from '../base/copy-of.ts'
import { ByteTable } from '../base/byte-table.ts'
import { isReservedTopic } from '../model/message.ts'
import type { TopicSettings } from '../model/topic-rule.ts'
import type { TopicUsage } from './bus.ts'
import type { LastValue, LastValues } from './last-values.ts'
import type { LiveClient } from './live-client.ts'
import type { TopicText } from './live.ts'
import type { LogSubscription } from './log-subscription.ts'
import type { TopicRules } from './topic-rules.ts'

export class Topic implements TopicText, TopicUsage {
  readonly name: string
  readonly bytes: Uint8Array
  readonly settings: TopicSettings
  /** Is the daemon's own; clients must not publish there. */
  readonly isReserved: boolean
  /** Who receives it, as the router found out; valid while the two generations are the router's. */
  clients: readonly LiveClient[] = []
  subscriptions: readonly LogSubscription[] = []
  levelGeneration = -1
  rootGeneration = -1
  /** Place of its first level among the generations of the router. */
  readonly levelSlot: number
  last: LastValue | undefined = undefined
  /** Publications routed since it is remembered. */
  publications = 0
  /** Used since the last search for one that can go. */
  isUsed = true

  constructor(name: string, bytes: Uint8Array, settings: TopicSettings) {
    this.name = name
    this.bytes = bytes
    this.settings = settings
    this.isReserved = isReservedTopic(name)
    this.levelSlot = levelSlot(name)
  }

  get lastAtMs(): number | undefined {
    return this.last?.createdAtMs
  }
}

/** Generations kept by the router; topics whose first levels fall together are only resolved more often. */
export const levelSlots = 1_024

/** Which of the generations stands for the first level of a topic or filter. */
export function levelSlot(text: string): number {
  const slash = text.indexOf('/')
  const end = slash === -1 ? text.length : slash
  let hash = 0
  for (let i = 0; i < end; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return (hash ^ (hash >>> 16)) & (levelSlots - 1)
}

export interface TopicsOptions {
  readonly rules: TopicRules
  readonly lastValues: LastValues
  /** Entries kept. */
  readonly capacity: number
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export class Topics {
  readonly #options: TopicsOptions
  readonly #byName = new Map<string, Topic>()
  readonly #byBytes = new ByteTable<Topic>()

  constructor(options: TopicsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#byName.size
  }

  /** In the order in which they came to be known. */
  values(): Iterable<Topic> {
    return this.#byName.values()
  }

  /** For looking at many in passing: the entry, or one that is not kept when that would cost another its place. */
  look(name: string): Topic {
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    if (this.#byName.size < this.#options.capacity) return this.#add(name, encoder.encode(name))
    return new Topic(name, encoder.encode(name), this.#options.rules.of(name))
  }

  /** The entry if there is one. */
  peek(name: string): Topic | undefined {
    return this.#byName.get(name)
  }

  byName(name: string): Topic {
    const known = this.#byName.get(name)
    if (known === undefined) return this.#add(name, encoder.encode(name))
    known.isUsed = true
    return known
  }

  /** By the UTF-8 in `bytes[start..end)`, which must be well formed. */
  byBytes(bytes: Uint8Array, start: number, end: number): Topic {
    const known = this.#byBytes.get(bytes, start, end)
    if (known !== undefined) {
      known.isUsed = true
      return known
    }
    const own = copyOf(bytes, start, end)
    const name = decoder.decode(own)
    // A lone surrogate in a text is written as U+FFFD, so two texts can share one form in bytes.
    return this.#byName.get(name) ?? this.#add(name, own)
  }

  #add(name: string, bytes: Uint8Array): Topic {
    if (this.#byName.size >= this.#options.capacity) this.#makeRoom()
    const topic = new Topic(name, bytes, this.#options.rules.of(name))
    this.#byName.set(name, topic)
    this.#byBytes.set(topic)
    return topic
  }

  /** Lets the oldest entry go that nobody used of late; each is passed over once at most. */
  #makeRoom(): void {
    for (const [name, topic] of this.#byName) {
      this.#byName.delete(name)
      if (topic.isUsed) {
        topic.isUsed = false
        this.#byName.set(name, topic)
        continue
      }
      this.#byBytes.delete(topic)
      this.#options.lastValues.forget(topic)
      return
    }
  }
}
