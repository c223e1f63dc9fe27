/**
 * What the bus counts, as plain numbers: adding to a field is all the fast path pays. The daemon
 * reads them when metrics are asked for (daemon/metrics.ts names them).
 */

export class BusCounters {
  /** Messages stored for local publishers. */
  messagesPublished = 0
  payloadBytesPublished = 0
  /** Publishes answered with an earlier message of the same publish id. */
  messagesDeduplicated = 0
  messagesRefused = 0
  /** Messages handed to subscriptions, live and replayed. */
  messagesDelivered = 0
  /** Publications that were not stored and that a reader was too slow for. */
  messagesDropped = 0
  /** Times a client was not read from because somebody it sends to had no room. */
  clientsPaused = 0
  /** Clients that were disconnected because they did not read. */
  slowClientsDisconnected = 0
  callsMade = 0
  callsFailed = 0
  messagesDeleted = 0
  /** By rules and bounds, history included. */
  messagesTrimmed = 0
  historyTrimmed = 0
  /** Of these, for their bytes, although a reader that was behind had not read them. */
  historyTrimmedUnread = 0
  queueEnqueued = 0
  queueDelivered = 0
  queueAcknowledged = 0
  queueReturned = 0
  queueDeadLettered = 0
  accessDenied = 0
  /** Times a live subscription fell back to reading from the store. */
  subscriptionsLagged = 0
}
