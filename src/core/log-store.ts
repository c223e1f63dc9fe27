/**
 * The port of the bus to durable storage; engines implement it under src/stores and prove it with
 * src/stores/log-store-suite.ts. One writer per store; all methods are called on one thread.
 *
 * Contract, beyond the methods (spec/msgbus-v1 8.3):
 *  - Concurrent writes may share one commit; results are as in some serial order, which is the order
 *    of `sequence` and of `onCommit`.
 *  - A write promise resolves only when its items are readable and as durable as
 *    `guarantees.durability`; a read started after that sees them. `head`, `log`, `logs` and
 *    `lastSequence` change in the same turn in which `onCommit` fires, just before it.
 *  - After a failed write nothing of it is visible, and its head ids are given to the next.
 *  - After a crash at any instant the store opens by itself: no gap, every resolved write present,
 *    nothing half there.
 *  - Payloads given to the store may be views; it does not keep them after the promise settles.
 *    Payloads it returns are not written to afterwards.
 *  - Errors: `resource_exhausted/disk_full` when there is no space (reads go on, and writes work
 *    again once there is some), `internal/storage_failed` for other I/O, `unavailable/shutting_down`
 *    after `close`.
 */

import type { BusError } from '../model/errors.ts'
import type { LogKey, OutgoingMessage, StoredMessage } from '../model/message.ts'
import type { NodeId } from '../model/node-id.ts'
import type { PeerSyncResult, PeerSyncState } from '../model/peer-sync-state.ts'
import type { OutgoingQueueMessage, QueueMessage } from '../model/queue-message.ts'
import type { Clock } from './clock.ts'
import type { Logger } from './logger.ts'

/** `disk` survives power loss, `os` a crash of the daemon, `memory` nothing. */
export type Durability = 'disk' | 'os' | 'memory'

/** What every engine is opened with. */
export interface LogStoreOptions {
  /** Folder of the store, made when missing; ignored by `memory`. */
  readonly folder: string
  /** The node whose store this is. Another one than before is refused: `foreign_node`. */
  readonly node: NodeId
  readonly durability: Durability
  readonly clock: Clock
  readonly logger: Logger
  readonly publishIdWindowMs: number
  readonly publishIdCount: number
  /** Keep payloads of deleted messages, as the reference does. Default: they are erased. */
  readonly keepDeletedPayloads?: boolean | undefined
  /** Accept a store of another node id and make it ours. */
  readonly adoptNodeId?: boolean | undefined
}

export type AppendOutcome =
  | { readonly kind: 'stored'; readonly message: StoredMessage }
  /** The `publishId` was seen before; this is the message stored then, as it reads now. */
  | { readonly kind: 'duplicate'; readonly message: StoredMessage }
  | { readonly kind: 'rejected'; readonly error: BusError }

/**
 * Per item of `replicate` (spec/msgbus-v1 3.5 with its three refinements; `compareReplica` decides
 * between `present`, `tombstoned` and `fork`).
 */
export type ReplicateOutcome =
  | { readonly kind: 'inserted' | 'present' | 'tombstoned'; readonly message: StoredMessage }
  | { readonly kind: 'gap'; readonly localHead: number }
  | { readonly kind: 'fork'; readonly localId: string }
  | { readonly kind: 'rejected'; readonly error: BusError }

/** A small durable record under a name. */
export interface Note {
  readonly key: string
  /** Belongs to whoever gets it. */
  readonly value: Uint8Array
}

/** `value` undefined: the note goes. It must not change until the write has settled. */
export interface NoteChange {
  /** Whose notes these are: `mqtt.sessions`. */
  readonly table: string
  readonly key: string
  readonly value: Uint8Array | undefined
}

/** A damaged run of heads of one log, both ends included. */
export interface DamagedRange extends LogKey {
  readonly fromHead: number
  readonly toHead: number
}

export interface ReadLimit {
  readonly messages: number
  /** Stop after this many bytes of payload and headers; at least one message comes all the same. */
  readonly bytes?: number | undefined
}

export interface LogPage {
  /**
   * Ascending, contiguous but for `damaged`. Deleted ones are there with empty payload and headers
   * (unless `keepDeletedPayloads`). Trimmed heads come as stubs: deleted, empty, with `stubId` as id,
   * the time of the log's last trim as creation time, and sequence 0.
   */
  readonly messages: StoredMessage[]
  /** Where to read on; `fromHead` when nothing came. */
  readonly nextHead: number
  /** Records left out because they do not match their checksum. */
  readonly damaged: DamagedRange[]
}

export interface FeedPage {
  /** In commit order, deleted ones included. Heads trimmed by retention do not appear. */
  readonly messages: StoredMessage[]
  /** Everything wanted up to and including this sequence was read. */
  readonly nextAfter: number
  readonly damaged: DamagedRange[]
}

export interface LogInfo extends LogKey {
  /** Last head id. */
  readonly head: number
  /** Heads 1..trimmedTo were trimmed by retention: only stubs come back. 0: none. */
  readonly trimmedTo: number
  /** The last head that was not appended as `history`; 0: none. All that follows it is history. */
  readonly keptTo: number
  /** The last head that was appended as `history`, whatever has become of it since; 0: none. */
  readonly historyTo: number
  /** Something up to `keptTo` is neither trimmed nor deleted, and so must stay where it is. */
  readonly holdsKept: boolean
  /** Payload and header bytes not trimmed or deleted. */
  readonly bytes: number
  readonly lastSequence: number
}

export interface DeleteRangeOptions {
  readonly topic: string
  /** Inclusive; 0 counts as 1. */
  readonly fromHead: number
  /** Inclusive; Infinity is legal. */
  readonly toHead: number
  /** Remember the part beyond the head, so that later messages are born deleted (reference behaviour). */
  readonly beyondHead: 'clip' | 'keep'
}

export interface QueueState {
  readonly queue: string
  readonly depth: number
  readonly lastSequence: number
}

/** Settles one queue message; `remove` and `attempt` answer false when it is not there (any more). */
export interface QueueSettlement {
  readonly queue: string
  readonly id: string
  readonly action: 'remove' | 'attempt'
  /** Only if it is the front of its queue (spec/msgbus-v1 4.2). */
  readonly frontOnly: boolean
}

/** What became visible with one commit, in commit order. The arrays are borrowed. */
export interface CommitBatch {
  readonly messages: readonly StoredMessage[]
}

export interface StoreStatus {
  readonly logs: number
  readonly bytesOnDisk: number
  /** Monotonic time of the last successful commit; undefined before the first. */
  readonly lastCommitAt: number | undefined
  readonly damagedRecords: number
  /** What the last failed commit said; undefined when the last commit succeeded. */
  readonly failure: BusError | undefined
}

export interface LogStore {
  readonly guarantees: { readonly durability: Durability }
  /** Random, made with the store; another epoch means another history. */
  readonly epoch: string
  /** Sequence of the newest visible message; 0 before the first. */
  readonly lastSequence: number

  /**
   * Appends to logs of this node, in the order given; items of one call for one log get consecutive
   * heads. An item that cannot be stored (storable.ts) is rejected alone; an I/O failure fails
   * the whole call. A head inside a remembered deleted range is stored deleted. An item that is not
   * `history` moves `LogInfo.keptTo`; so does everything that is not appended by this method.
   * @param notes written in the same commit; not at all when an item of the call is a duplicate or rejected
   */
  append(items: readonly OutgoingMessage[], notes?: readonly NoteChange[]): Promise<AppendOutcome[]>

  /**
   * Stores messages of other nodes (or our own, in recovery) and applies the delete markers among
   * them, new or present. Items of one log are taken in ascending order of heads, however they are
   * ordered in the call; outcomes are in the order of the items. An item that cannot be stored is
   * rejected alone (storable.ts). A stored record that is damaged is written anew when the item is its message, as far
   * as that can be told. A marker that cannot be applied is stored all the same, and
   * logged once as `bad_delete_marker`.
   */
  replicate(items: readonly Omit<StoredMessage, 'sequence'>[]): Promise<ReplicateOutcome[]>

  /**
   * Marks messages of an own log as deleted, erases them, and appends the marker of
   * spec/msgbus-v1 3.3, atomically; the marker carries the clipped range, or with `keep` the range as
   * given. A range that holds no message, or only such as were deleted before, changes nothing and
   * writes no marker (unless `keep`). Trimmed messages were not deleted before: other nodes may hold
   * them, so they are worth a marker, but do not count.
   */
  deleteRange(
    options: DeleteRangeOptions,
  ): Promise<{ deletedCount: number; marker?: StoredMessage }>

  /**
   * Gives up heads 1..toHead of a log, at most all: stubs remain. Does nothing to a log that is not
   * there or trimmed as far. Space is reclaimed in the background.
   */
  trim(log: LogKey, toHead: number): Promise<void>

  /** Messages of one log from `fromHead` (>= 1) on. Never waits for new ones. */
  read(log: LogKey, fromHead: number, limit: ReadLimit): Promise<LogPage>

  /**
   * Messages of all logs that `wants` accepts, with sequence > `after`, in commit order. `wants` is
   * asked once per log and call. Cost grows with what is wanted when few logs are.
   */
  readFeed(after: number, wants: (log: LogKey) => boolean, limit: ReadLimit): Promise<FeedPage>

  /** Last head id; undefined when nothing was ever stored. */
  head(log: LogKey): number | undefined
  log(log: LogKey): LogInfo | undefined
  /** Every log, in no order. */
  logs(): Iterable<LogInfo>

  /**
   * All or nothing, in the order given.
   * @param notes written in the same commit
   */
  enqueue(
    items: readonly OutgoingQueueMessage[],
    notes?: readonly NoteChange[],
  ): Promise<QueueMessage[]>
  /** Messages of a queue with sequence >= `fromSequence`, ascending. */
  readQueue(queue: string, fromSequence: number, limit: ReadLimit): Promise<QueueMessage[]>
  /** In order; answers per item whether it applied. */
  settleQueue(items: readonly QueueSettlement[]): Promise<boolean[]>
  /** Every queue ever used. */
  queues(): Iterable<QueueState>

  recordSync(results: readonly PeerSyncResult[]): Promise<void>
  syncStates(): Promise<PeerSyncState[]>

  /** Changes notes, all or nothing; of several changes of one note the last counts. */
  writeNotes(changes: readonly NoteChange[]): Promise<void>
  /** The value of one note, the caller's; undefined: there is none. */
  note(table: string, key: string): Promise<Uint8Array | undefined>
  /** Every note of a table, in no order. One that changes meanwhile is seen as it was or as it is. */
  notes(table: string): AsyncIterable<Note>

  /**
   * After every commit, in commit order, with every message that is new with it. Flags that change
   * on older ones are not reported: who relays deletes reads the markers. Listeners must not throw.
   */
  onCommit(listener: (batch: CommitBatch) => void): () => void

  /** A consistent copy, as pieces of one file, while writes go on. */
  backup(): AsyncIterable<Uint8Array>
  /** Reads everything and checks every checksum; each step tells all that was found so far. */
  verify(): AsyncIterable<{ recordsChecked: number; damaged: DamagedRange[] }>

  status(): StoreStatus
  /** Waits for writes in progress; may be called twice. */
  close(): Promise<void>
}
