/**
 * The one handle of the bus that every protocol adapter works with. An adapter turns its frames
 * into these calls and what comes back into frames, and nothing else; names, limits and access are
 * checked behind this interface, once for all protocols.
 *
 * Every method throws or rejects with `BusError`: `permission_denied/access_denied` when a rule
 * forbids the action, `unavailable/starting` before the store is open, `unavailable/shutting_down`
 * after shutdown began, and what the store reports (log-store.ts).
 *
 * What is not stored (direct messages, broadcasts, calls, live publications and their subscriptions) is in
 * `live` and `calls`, whose shapes are those of the fast path (live.ts).
 */

import type { BusError } from '../model/errors.ts'
import type { Action, Identity } from '../model/identity.ts'
import type { LevelFilter } from '../model/level-filter.ts'
import type { LogKey, OutgoingMessage, StoredMessage } from '../model/message.ts'
import type { NodeId } from '../model/node-id.ts'
import type { PeerSyncState } from '../model/peer-sync-state.ts'
import type { OutgoingQueueMessage, QueueMessage } from '../model/queue-message.ts'
import type { TopicFilter } from '../model/topic-filter.ts'
import type { CallOperations, LiveOperations } from './live.ts'
import type {
  AppendOutcome,
  DamagedRange,
  LogInfo,
  LogPage,
  NoteChange,
  ReadLimit,
} from './log-store.ts'
import type { ForwardingInfo } from './queue-forwarding.ts'
import type { RetainedMessage } from './retained-messages.ts'

export interface BusClient {
  readonly identity: Identity

  /**
   * For what an adapter offers beside these operations, as statistics and listings: the same rules.
   * @throws BusError `permission_denied/access_denied`
   */
  requireAccess(action: Action, resource: string): void
  /** As `requireAccess`, for a filter: refused when nothing that it matches can be allowed. @throws BusError */
  requireFilterAccess(action: Action, filter: LevelFilter): void
  /** Whether something is to be shown in a listing; nothing is recorded when not. */
  maySee(action: Action, resource: string): boolean

  /**
   * Publishes with acknowledgement: resolves once everything is stored as durably as configured (or,
   * by topic rule `store: never`, routed; such a message has `headId` and `sequence` 0). A bad
   * message is rejected alone, in its outcome; a failing store rejects the whole call.
   * @param notes written in the same commit; not at all when a message of the call is rejected or a repeat
   */
  publish(
    messages: readonly OutgoingMessage[],
    notes?: readonly NoteChange[],
  ): Promise<AppendOutcome[]>

  /** @throws BusError at once for a bad filter, position or name */
  subscribe(options: SubscribeOptions, sink: SubscriptionSink): Subscription

  readonly live: LiveOperations
  readonly calls: CallOperations
  readonly log: LogOperations
  readonly queue: QueueOperations
  readonly retained: RetainedOperations

  /**
   * Ends subscriptions, consumers, registrations and the name of this client; leases go back. May be called
   * twice.
   * @param reason why, when it is not the client's own wish; told to those who watch
   */
  close(reason?: BusError): void
}

/** The slot per topic that publishers fill on purpose; `OutgoingMessage.retain` fills it along with a publication. */
export interface RetainedOperations {
  /**
   * Fills the slot of a topic, or empties it when the payload is empty; nobody is told. It counts at once, and
   * resolves when it is as durable as configured.
   */
  set(message: Pick<OutgoingMessage, 'topic' | 'payload' | 'headers'>): Promise<void>
  get(topic: string): RetainedMessage | undefined
  /** Those that match and that this client may subscribe to, found as they are asked for. */
  match(filter: LevelFilter): Iterable<RetainedMessage>
}

export interface LogOperations {
  /** Stored messages of one log from `fromHead` (0 counts as 1); the caller pages. Unknown logs are empty. */
  fetch(log: LogKey, fromHead: number, limit: ReadLimit): Promise<LogPage>
  /** Last head id; undefined when nothing was ever stored. */
  head(log: LogKey): number | undefined
  /** Logs whose topic matches (all without filter), by topic bytes, then origin bytes. */
  list(filter?: TopicFilter): LogInfo[]
  /** Deletes in an own log; both ends inclusive, 0 counts as 1, Infinity is legal. Returns how many changed. */
  deleteRange(range: { topic: string; fromHead: number; toHead: number }): Promise<number>
  syncStates(): Promise<PeerSyncState[]>
}

export type SubscribeOptions = {
  /** Most messages per delivery while catching up; default 1,000. */
  readonly pageMessages?: number | undefined
} & (
  | { readonly kind: 'log'; readonly log: LogKey; readonly start: LogStart }
  | {
      readonly kind: 'filter'
      readonly filter: TopicFilter
      /** Absent: every origin. */
      readonly origin?: NodeId | undefined
      readonly start: FeedStart
      /** Deliver publications that are not stored, too (headId 0), as long as the reader keeps up. */
      readonly live?: boolean | undefined
    }
)

/** Where a subscription to one log begins. `newest`: the last `count` stored ones at or after `fromHead`. */
export type LogStart =
  | { readonly at: 'head'; readonly head: number }
  | { readonly at: 'now' }
  | { readonly at: 'newest'; readonly count: number; readonly fromHead: number }

/** Where a subscription by filter begins. `last`: the newest message of each matching log first. */
export type FeedStart =
  | { readonly at: 'earliest' }
  | { readonly at: 'now' }
  | { readonly at: 'last' }
  | { readonly at: 'after'; readonly sequence: number }

export interface Delivery {
  /** Borrowed: valid during the call. Never repeated, never out of order, never with a hole but `damaged`. */
  readonly messages: readonly StoredMessage[]
  /**
   * `after` this sequence a later subscription continues without gap or repeat. Undefined while the
   * messages of a start at `last` are still coming.
   */
  readonly position: number | undefined
  /** Nothing stored was waiting when this was delivered. */
  readonly caughtUp: boolean
  readonly damaged: readonly DamagedRange[]
}

export interface SubscriptionSink {
  /**
   * Takes everything it is given. Answers false when it has enough for now: nothing more comes until
   * `resume()`. Meanwhile the subscription holds a position, not a queue.
   */
  deliver(delivery: Delivery): boolean
  /** The bus ends the subscription (shutdown, storage failure); nothing follows. */
  end(error: BusError): void
}

export interface Subscription {
  /** Call when there is room again; harmless at any other time. */
  resume(): void
  /** Frees everything at once. May be called twice. */
  close(): void
}

export interface QueueOperations {
  /** All or nothing, in order. */
  enqueue(messages: readonly OutgoingQueueMessage[]): Promise<QueueMessage[]>
  /** The front message, taken or not; undefined when empty or unknown. */
  peek(queue: string): Promise<QueueMessage | undefined>
  /** Removes the front if it has this id; false in every other case. */
  ack(queue: string, messageId: string): Promise<boolean>
  /** Counts an attempt on the front if it has this id; false in every other case. */
  reject(queue: string, messageId: string): Promise<boolean>
  /** Leases messages to `sink` as they become available, `maxInFlight` unsettled at most. */
  consume(options: ConsumeOptions, sink: ConsumerSink): Consumer
  /** In order; false where the lease had ended before. */
  settle(settlements: readonly Settlement[]): Promise<boolean[]>
  /** By queue name. */
  list(): Promise<QueueInfo[]>
  /** Removes what is not leased; returns how many. */
  purge(queue: string): Promise<number>
}

export interface ConsumeOptions {
  readonly queue: string
  /** Default 1. */
  readonly maxInFlight?: number | undefined
  /** Default 30,000. */
  readonly leaseMs?: number | undefined
}

export interface ConsumerSink {
  deliver(message: QueueMessage, leaseId: string, leaseUntilMs: number): void
  end(error: BusError): void
}

export interface Consumer {
  /** Ends consuming; unsettled messages go back at once, without counting an attempt. */
  close(): void
}

export type Settlement = { readonly queue: string; readonly leaseId: string } & (
  | { readonly action: 'acknowledge' }
  | { readonly action: 'release'; readonly delayMs: number }
  /** From now; 0: as long as at first. */
  | { readonly action: 'extend'; readonly leaseMs: number }
)

export interface QueueInfo {
  readonly queue: string
  readonly depth: number
  readonly leased: number
  readonly lastSequence: number
  /** Undefined when empty. */
  readonly oldestAtMs: number | undefined
  readonly consumers: number
  /** Its messages are on their way to another node. */
  readonly forwarding?: ForwardingInfo | undefined
}
