/** What passed over links without being stored, since start. */

export class LiveCounters {
  sentRecords = 0
  sentBytes = 0
  receivedRecords = 0
  receivedBytes = 0
  /** Records passed on from one link to another. */
  relayed = 0
  /** Copies that came another way before. */
  duplicates = 0
  /** Lost because a link had no room. */
  dropped = 0
  /** Lost because their target is not reachable, not there, or has no room. */
  undeliverable = 0
  /** Lost because they had passed as many nodes as they may. */
  hopLimit = 0
  /** Refused by rules of a peer or of access. */
  denied = 0
}
