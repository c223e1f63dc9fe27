/**
 * The unit of the bus as it stands in a log. `headId` and `sequence` are safe integers >= 1; wire
 * values above 2^53-1 are clamped before they get here (architecture 12).
 */

import type { NodeId } from './node-id.ts'

/** Metadata of a message; the order has no meaning. */
export type Headers = ReadonlyMap<string, string>

export const noHeaders: Headers = new Map()

/** A log: the stored messages of one topic from one origin. */
export interface LogKey {
  readonly topic: string
  readonly origin: NodeId
}

export interface StoredMessage extends LogKey {
  /** Random UUID in lower case for our own messages; any text for replicated ones. */
  readonly id: string
  /** Position in its log: 1, 2, 3 … without gap. */
  readonly headId: number
  /**
   * Position in the commit order of this daemon; grows strictly, with gaps, never reused. 0 for the
   * stub of a head that retention trimmed: its place is forgotten.
   */
  readonly sequence: number
  /** Empty when deleted. Borrowed wherever a message is handed to a callback. */
  readonly payload: Uint8Array
  readonly headers: Headers
  readonly createdAtMs: number
  readonly deleted: boolean
  /**
   * As its publisher asked (`OutgoingMessage.realtime`). It is not stored: only what `onCommit` and the
   * outcome of an append report has it.
   */
  readonly realtime?: boolean | undefined
}

/** What a publisher gives; the rest is stamped by the bus. */
export interface OutgoingMessage {
  readonly topic: string
  readonly payload: Uint8Array
  readonly headers: Headers
  /**
   * Idempotency key within its topic: a repeat within the window, which begins when the first one is
   * stored, stores nothing and returns the first message.
   */
  readonly publishId?: string | undefined
  /**
   * It came by a protocol whose acknowledged publications are history: kept as long as
   * `storage.history` says, not until somebody deletes it (architecture 4).
   */
  readonly history?: boolean | undefined
  /** A hint for live delivery: without delay, rather than in larger writes. */
  readonly realtime?: boolean | undefined
  /** Becomes the retained message of its topic, in the same commit; an empty payload empties the slot. */
  readonly retain?: boolean | undefined
}

/** Delete markers of a node are the messages of this topic (spec/msgbus-v1 3.3). */
export const deleteMarkerTopic = '$msgbus.delete'
/** Names below it tell about the daemon, as those of MQTT brokers do; only it publishes there. */
export const systemTopicPrefix = '$SYS/broker/'

/** Whether a topic is the daemon's own: others neither publish there nor see it by a wildcard at the beginning. */
export function isReservedTopic(topic: string): boolean {
  return topic.startsWith('$msgbus.') || topic.startsWith(systemTopicPrefix)
}
