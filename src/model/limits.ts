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
  readonly filtersPerClient: number
  readonly pendingAppendBytes: number
  readonly queueInFlight: number
  readonly queueLeaseMs: number
  readonly clients: number
  readonly clientNameBytes: number
  readonly procedureBytes: number
  readonly callTimeoutMs: number
  readonly callsInFlight: number
  readonly callKillMs: number
  readonly outboxBytes: number
  readonly slowClientMs: number
  readonly rememberedTopics: number
  readonly lastValueBytes: number
  readonly retainedMessages: number
  readonly retainedBytes: number
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
  // Of live filters, which cost some 200 bytes; clients of BUS/RT know no limit.
  filtersPerClient: 10_000,
  // What waits for the disk at most; beyond it publishers wait before they are read further.
  pendingAppendBytes: 67_108_864,
  queueInFlight: 1_000,
  queueLeaseMs: 30_000,
  // About 10 KB each when they are idle; ten times what one small server is asked for.
  clients: 100_000,
  // What a BUS/RT registration can carry (spec/busrt 4.1).
  clientNameBytes: 65_535,
  procedureBytes: 1_024,
  // Also the longest that a caller may ask for: a call holds memory on both sides.
  callTimeoutMs: 600_000,
  callsInFlight: 100_000,
  // For what a callee answers to being cancelled, where its caller waits for that (spec/wamp 9.5); 0: for ever.
  callKillMs: 30_000,
  // What may wait for one client before those who feed it wait: some turns of the loop at full rate.
  outboxBytes: 1_048_576,
  // As the BUS/RT server's time limit for a write (spec/busrt 7.2).
  slowClientMs: 5_000,
  // architecture 4: last values
  rememberedTopics: 100_000,
  lastValueBytes: 67_108_864,
  // All are in memory; ten times what brokers are asked to keep in their benchmarks.
  retainedMessages: 1_000_000,
  retainedBytes: 268_435_456,
}
