/**
 * The fixed numbers of TMB, for both ends (spec/tmb 1.8, 2, 3.3, 3.4, 6, 7, 8.1). Lengths are bytes; of lines without
 * their end.
 */

export const tmbLimits = {
  /** Longest line, unless the daemon is configured otherwise. */
  lineBytes: 65_536,
  /** Between these the limit on lines can be set. */
  leastLineBytes: 1_024,
  mostLineBytes: 4_000_000,
  categoryBytes: 1_024,
  subscriptionIdBytes: 64,
  /** Of the four kinds that compare bytes. */
  patternBytes: 1_024,
  regexpBytes: 256,
  subscriptionsPerClient: 1_000,
  /** A reply, its line end included. */
  replyBytes: 4_096,
  /** Errors without an accepted line in between, after which the connection is closed. */
  errorsInARow: 100,
  /** A daemon takes the first of these that is free, a client the first that answers. */
  firstPort: 4_711,
  lastPort: 4_720,
} as const
