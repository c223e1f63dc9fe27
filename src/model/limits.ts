/**
 * Every limit with its default and its reason, in one place. All are configurable under `limits:`.
 * A limit on names and headers binds requests of local clients; replicated messages are only held
 * to what the store can carry (spec/msgbus-v1 2.1).
 */

export interface Limits {
  readonly topicBytes: number
  readonly queueNameBytes: number
  readonly nodeIdPartBytes: number
  readonly messageIdBytes: number
  readonly publishIdBytes: number
  readonly headerCount: number
  readonly headerKeyBytes: number
  readonly headerValueBytes: number
  readonly headersBytes: number
  readonly envelopeBytes: number
  readonly fetchMessages: number
  readonly fetchMessagesDefault: number
  readonly publishIdWindowMs: number
  readonly publishIdCount: number
  readonly subscriptionsPerClient: number
  readonly pendingAppendBytes: number
  readonly queueInFlight: number
  readonly queueLeaseMs: number
}

export const defaultLimits: Limits = {
  // No honest v1 client meets the first nine (spec/msgbus-v1 2.1).
  topicBytes: 1_024,
  queueNameBytes: 1_024,
  nodeIdPartBytes: 255,
  messageIdBytes: 255,
  publishIdBytes: 128,
  headerCount: 256,
  headerKeyBytes: 1_024,
  headerValueBytes: 65_536,
  headersBytes: 262_144,
  // A FetchResponse of v1 must fit what reference peers decode (spec/msgbus-v1 2.4, defect L18).
  envelopeBytes: 4_194_304,
  // spec/msgbus-v1 2.5
  fetchMessages: 10_000,
  fetchMessagesDefault: 100,
  // Long enough for any retry, short enough to stay in memory.
  publishIdWindowMs: 600_000,
  publishIdCount: 100_000,
  // reliability A6
  subscriptionsPerClient: 1_000,
  // What waits for the disk at most; beyond it publishers wait before they are read further.
  pendingAppendBytes: 67_108_864,
  queueInFlight: 1_000,
  queueLeaseMs: 30_000,
}
