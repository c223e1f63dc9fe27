/** What synchronisation counts, as plain numbers; daemon/metrics.ts names them. */

export class SyncCounters {
  /** Messages of other nodes that were stored here because a peer had them. */
  messagesPulled = 0
  /** Payload bytes of these. */
  bytesPulled = 0
  /** Attempts that failed for a peer as a whole: no connection, wrong identity, no answer. */
  peerFailures = 0
  /** Attempts that failed for one log. */
  logFailures = 0
  /** Times a peer was cut off because it said what no honest peer says. */
  peersCutOff = 0
  /** Logs of which a peer holds another history than this node. */
  forks = 0
}
