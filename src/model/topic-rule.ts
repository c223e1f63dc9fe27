/**
 * Topic rules: configuration for topics that match a filter (architecture 2, 4). Of several that
 * match, each setting is taken from the first rule that has it.
 */

import type { TopicFilter } from './topic-filter.ts'

/** Which publications are stored: those that ask for an acknowledgement, all, or none. */
export type StorePolicy = 'acked' | 'always' | 'never'

/**
 * What becomes of a publication that is not stored when a subscriber has no room: its publisher is made
 * to wait, or this subscriber misses it, or misses the oldest of what already waits for it.
 */
export type SlowReaderPolicy = 'wait' | 'drop-newest' | 'drop-oldest'

/**
 * How much of each log is kept. One that has anything in it stands alone: the bounds of history do not
 * hold for its topics (architecture 4). Infinity is a bound that trims nothing.
 */
export interface Retention {
  /** Trim what is older. */
  readonly maxAgeMs?: number | undefined
  /** Keep at most this many messages of each log. */
  readonly maxMessages?: number | undefined
  /** Keep at most this many bytes (encoded) of each log. */
  readonly maxBytes?: number | undefined
}

export interface TopicRule {
  readonly filter: TopicFilter
  readonly store?: StorePolicy | undefined
  readonly retention?: Retention | undefined
  /** Remember the newest message for subscriptions that start at `last`. */
  readonly last?: boolean | undefined
  /** Largest payload, bytes; publishes above it are refused. */
  readonly maxPayloadBytes?: number | undefined
  readonly slowReader?: SlowReaderPolicy | undefined
}

/** What holds for one topic after all rules. */
export interface TopicSettings {
  readonly store: StorePolicy
  readonly retention: Retention
  readonly last: boolean
  readonly maxPayloadBytes: number | undefined
  readonly slowReader: SlowReaderPolicy
}
