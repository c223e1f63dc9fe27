/**
 * The store that keeps everything in memory and nothing else: for tests, for daemons that need no
 * history, and as the reference model that every other engine is compared with. It is therefore
 * written for being obviously right, with the plainest data structures, and shares no code with the
 * durable engine but the pure rules of `core`.
 *
 * Writes are collected and applied in one microtask, so that callers meet the same asynchrony and
 * the same shared commits as with an engine that waits for a disk.
 */

import { randomUUID } from 'node:crypto'
import { formatDeleteMarker, parseDeleteMarker } from '../../core/delete-marker.ts'
import type {
  AppendOutcome,
  CommitBatch,
  DamagedRange,
  DeleteRangeOptions,
  FeedPage,
  LogInfo,
  LogPage,
  LogStore,
  LogStoreOptions,
  Note,
  NoteChange,
  QueueSettlement,
  QueueState,
  ReadLimit,
  ReplicateOutcome,
  StoreStatus,
} from '../../core/log-store.ts'
import { compareReplica } from '../../core/merge-rule.ts'
import { checkStorableLog, checkStorableReplica } from '../../core/storable.ts'
import { BusError } from '../../model/errors.ts'
import {
  deleteMarkerTopic,
  noHeaders,
  type LogKey,
  type OutgoingMessage,
  type StoredMessage,
} from '../../model/message.ts'
import { formatNodeId, nodeIdEquals, nodeKey } from '../../model/node-id.ts'
import type { PeerSyncResult, PeerSyncState } from '../../model/peer-sync-state.ts'
import type { OutgoingQueueMessage, QueueMessage } from '../../model/queue-message.ts'
import { decodeMemoryBackup, encodeMemoryBackup, type MemoryStoreState } from './memory-backup.ts'
import { readMemoryFeed } from './memory-feed.ts'
import { MemoryLog } from './memory-log.ts'
import { MemoryNotes } from './memory-notes.ts'
import { MemoryQueues } from './memory-queues.ts'
import { MemorySyncStates } from './memory-sync-states.ts'
import { PublishIdWindow } from './publish-id-window.ts'

/** Opens an empty store. `folder`, `durability` and `adoptNodeId` mean nothing here. */
export async function openMemoryLogStore(options: LogStoreOptions): Promise<LogStore> {
  return new MemoryLogStore(options)
}

/**
 * Opens a store with what a backup holds, as a new history: with another epoch.
 *
 * @throws BusError `data_loss/damaged_store`, `failed_precondition/foreign_node`
 */
export async function restoreMemoryLogStore(
  backup: AsyncIterable<Uint8Array>,
  options: LogStoreOptions,
): Promise<LogStore> {
  const chunks: Uint8Array[] = []
  for await (const chunk of backup) chunks.push(chunk)
  const state = decodeMemoryBackup(Buffer.concat(chunks))
  if (!nodeIdEquals(state.node, options.node) && options.adoptNodeId !== true) {
    const text = `the backup belongs to node ${formatNodeId(state.node)}, this is ${formatNodeId(options.node)}`
    throw new BusError('failed_precondition', 'foreign_node', text)
  }
  return new MemoryLogStore(options, state)
}

class MemoryLogStore implements LogStore {
  readonly guarantees = { durability: 'memory' } as const
  readonly epoch = randomUUID()
  readonly #options: LogStoreOptions
  readonly #logs = new Map<string, MemoryLog>()
  readonly #queues: MemoryQueues
  readonly #syncStates = new MemorySyncStates()
  readonly #notes = new MemoryNotes()
  readonly #publishIds: PublishIdWindow
  readonly #listeners = new Set<(batch: CommitBatch) => void>()
  /** Each applies one write and answers how to settle its promise. */
  #pending: (() => () => void)[] = []
  /** What the commit in progress makes visible. */
  #batch: StoredMessage[] = []
  #lastSequence = 0
  #lastCommitAt: number | undefined
  #isClosed = false

  constructor(options: LogStoreOptions, state?: MemoryStoreState) {
    this.#options = options
    this.#queues = new MemoryQueues(options.clock)
    this.#publishIds = new PublishIdWindow({
      windowMs: options.publishIdWindowMs,
      count: options.publishIdCount,
    })
    if (state !== undefined) this.#load(state)
  }

  get lastSequence(): number {
    return this.#lastSequence
  }

  append(
    items: readonly OutgoingMessage[],
    notes: readonly NoteChange[] = [],
  ): Promise<AppendOutcome[]> {
    return this.#write(() => {
      const outcomes = items.map((item) => this.#append(item))
      if (outcomes.every(({ kind }) => kind === 'stored')) this.#notes.change(notes)
      return outcomes
    })
  }

  replicate(items: readonly Omit<StoredMessage, 'sequence'>[]): Promise<ReplicateOutcome[]> {
    return this.#write(() => {
      const outcomes: ReplicateOutcome[] = []
      // Stable, so of two with one head the first in the call is the first here.
      const ordered = items.map((item, i) => ({ item, i }))
      ordered.sort((a, b) => a.item.headId - b.item.headId)
      for (const { item, i } of ordered) outcomes[i] = this.#replicate(item)
      return outcomes
    })
  }

  deleteRange(
    options: DeleteRangeOptions,
  ): Promise<{ deletedCount: number; marker?: StoredMessage }> {
    return this.#write(() => this.#deleteRange(options))
  }

  trim(log: LogKey, toHead: number): Promise<void> {
    return this.#write(() => this.#find(log)?.trim(toHead, this.#options.clock.now()))
  }

  async read(log: LogKey, fromHead: number, limit: ReadLimit): Promise<LogPage> {
    this.#assertOpen()
    const found = this.#find(log)
    return found?.read(fromHead, limit) ?? { messages: [], nextHead: fromHead, damaged: [] }
  }

  async readFeed(
    after: number,
    wants: (log: LogKey) => boolean,
    limit: ReadLimit,
  ): Promise<FeedPage> {
    this.#assertOpen()
    const wanted: MemoryLog[] = []
    for (const log of this.#logs.values()) {
      if (log.lastSequence > after && wants(log.key)) wanted.push(log)
    }
    return readMemoryFeed(wanted, after, this.#lastSequence, limit)
  }

  head(log: LogKey): number | undefined {
    const head = this.#find(log)?.head
    return head === 0 ? undefined : head
  }

  log(log: LogKey): LogInfo | undefined {
    const info = this.#find(log)?.info
    return info?.head === 0 ? undefined : info
  }

  *logs(): Iterable<LogInfo> {
    for (const log of this.#logs.values()) if (log.head > 0) yield log.info
  }

  enqueue(
    items: readonly OutgoingQueueMessage[],
    notes: readonly NoteChange[] = [],
  ): Promise<QueueMessage[]> {
    return this.#write(() => {
      this.#notes.change(notes)
      return items.map((item) => this.#queues.enqueue(item))
    })
  }

  async readQueue(queue: string, fromSequence: number, limit: ReadLimit): Promise<QueueMessage[]> {
    this.#assertOpen()
    return this.#queues.read(queue, fromSequence, limit)
  }

  settleQueue(items: readonly QueueSettlement[]): Promise<boolean[]> {
    return this.#write(() => items.map((item) => this.#queues.settle(item)))
  }

  queues(): Iterable<QueueState> {
    return this.#queues.states()
  }

  recordSync(results: readonly PeerSyncResult[]): Promise<void> {
    return this.#write(() => {
      for (const result of results) this.#syncStates.record(result)
    })
  }

  async syncStates(): Promise<PeerSyncState[]> {
    this.#assertOpen()
    return this.#syncStates.list()
  }

  writeNotes(changes: readonly NoteChange[]): Promise<void> {
    return this.#write(() => this.#notes.change(changes))
  }

  async note(table: string, key: string): Promise<Uint8Array | undefined> {
    this.#assertOpen()
    return this.#notes.get(table, key)
  }

  async *notes(table: string): AsyncIterable<Note> {
    this.#assertOpen()
    yield* this.#notes.list(table)
  }

  onCommit(listener: (batch: CommitBatch) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async *backup(): AsyncIterable<Uint8Array> {
    this.#assertOpen()
    yield* encodeMemoryBackup({
      node: this.#options.node,
      lastSequence: this.#lastSequence,
      logs: [...this.#logs.values()].map((log) => log.save()),
      queues: this.#queues.save(),
      syncStates: this.#syncStates.list(),
      publishIds: this.#publishIds.save(),
      notes: this.#notes.save(),
    })
  }

  async *verify(): AsyncIterable<{ recordsChecked: number; damaged: DamagedRange[] }> {
    this.#assertOpen()
    let recordsChecked = 0
    for (const log of this.#logs.values()) recordsChecked += log.messageCount
    for (const queue of this.#queues.states()) recordsChecked += queue.depth
    recordsChecked += this.#notes.count
    yield { recordsChecked, damaged: [] }
  }

  status(): StoreStatus {
    return {
      logs: [...this.logs()].length,
      bytesOnDisk: 0,
      lastCommitAt: this.#lastCommitAt,
      damagedRecords: 0,
      failure: undefined,
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#commit()
  }

  #write<Result>(apply: () => Result): Promise<Result> {
    if (this.#isClosed) return Promise.reject(shuttingDown())
    return new Promise((resolve, reject) => {
      if (this.#pending.length === 0) queueMicrotask(() => this.#commit())
      this.#pending.push(() => {
        try {
          const result = apply()
          return () => resolve(result)
        } catch (error) {
          return () => reject(error)
        }
      })
    })
  }

  #commit(): void {
    if (this.#pending.length === 0) return
    const pending = this.#pending
    this.#pending = []
    this.#batch = []
    const settlements = pending.map((apply) => apply())
    this.#lastCommitAt = this.#options.clock.monotonic()
    const batch = { messages: this.#batch }
    for (const listener of this.#listeners) listener(batch)
    for (const settle of settlements) settle()
  }

  #append(item: OutgoingMessage): AppendOutcome {
    const { topic, publishId } = item
    const { node, clock } = this.#options
    const key = { topic, origin: node }
    const known = this.#find(key)
    const nowMs = clock.now()
    if (known !== undefined && publishId !== undefined) {
      const head = this.#publishIds.find(topic, publishId, nowMs)
      if (head !== undefined) return { kind: 'duplicate', message: known.at(head) }
    }
    const error = known === undefined && checkStorableLog(key)
    if (error) return { kind: 'rejected', error }
    const message = this.#addNew(known ?? this.#open(key), item, nowMs)
    if (publishId !== undefined) {
      this.#publishIds.remember(topic, publishId, message.headId, nowMs)
    }
    return { kind: 'stored', message }
  }

  /** Stores a message of our own. */
  #addNew(
    log: MemoryLog,
    item: Omit<OutgoingMessage, 'topic'>,
    createdAtMs: number,
  ): StoredMessage {
    const { payload, headers } = item
    const headId = log.head + 1
    const content = { id: randomUUID(), headId, payload, headers, createdAtMs, deleted: false }
    return this.#add(log, content, item)
  }

  #replicate(item: Omit<StoredMessage, 'sequence'>): ReplicateOutcome {
    const { headId } = item
    const known = this.#find(item)
    const error = checkStorableReplica(item) ?? (known === undefined && checkStorableLog(item))
    if (error) return { kind: 'rejected', error }
    const localHead = known?.head ?? 0
    if (headId > localHead + 1) return { kind: 'gap', localHead }
    const log = known ?? this.#open(item)
    if (headId === localHead + 1) {
      const message = this.#add(log, item)
      if (log.key.topic === deleteMarkerTopic && !message.deleted) this.#applyMarker(message)
      return { kind: 'inserted', message: log.at(headId) }
    }
    // Markers need no second look when present: they were applied in the commit that stored them.
    const stored = log.at(headId)
    const kind = compareReplica(stored, item)
    if (kind === 'fork') return { kind, localId: stored.id }
    if (kind === 'tombstoned') log.deleteRange(headId, headId)
    return { kind, message: log.at(headId) }
  }

  #applyMarker(message: StoredMessage): void {
    const marker = parseDeleteMarker(message.payload)
    // Only the owner of a log may delete in it (spec/msgbus-v1 3.4).
    const isGood =
      marker !== undefined &&
      nodeIdEquals(marker.origin, message.origin) &&
      checkStorableLog(marker) === undefined
    if (isGood) {
      this.#open(marker).deleteRange(Math.max(marker.fromHead, 1), marker.toHead)
      return
    }
    const { origin, headId } = message
    this.#options.logger.warn('bad_delete_marker', { origin: formatNodeId(origin), headId })
  }

  #deleteRange(options: DeleteRangeOptions): { deletedCount: number; marker?: StoredMessage } {
    const { topic, fromHead, toHead, beyondHead } = options
    const origin = this.#options.node
    const known = this.#find({ topic, origin })
    const from = Math.max(fromHead, 1)
    const clippedTo = Math.min(toHead, known?.head ?? 0)
    const keeps = beyondHead === 'keep'
    if (!keeps && (known === undefined || known.areAllDeleted(from, clippedTo))) {
      return { deletedCount: 0 }
    }
    const error = known === undefined && checkStorableLog({ topic, origin })
    if (error) throw error
    const range = keeps ? { fromHead, toHead } : { fromHead: from, toHead: clippedTo }
    const deletedCount = this.#open({ topic, origin }).deleteRange(from, range.toHead)
    const createdAtMs = this.#options.clock.now()
    const payload = formatDeleteMarker({ topic, origin, ...range, createdAtMs })
    const markers = this.#open({ topic: deleteMarkerTopic, origin })
    const marker = this.#addNew(markers, { payload, headers: noHeaders }, createdAtMs)
    return { deletedCount, marker }
  }

  /** Stores the next message of a log, as a copy: the caller's buffers stay the caller's. */
  #add(
    log: MemoryLog,
    item: Omit<StoredMessage, 'sequence' | 'realtime' | keyof LogKey>,
    { history, realtime }: Pick<OutgoingMessage, 'history' | 'realtime'> = {},
  ): StoredMessage {
    this.#lastSequence += 1
    const { id, headId, createdAtMs, deleted } = item
    const { topic, origin } = log.key
    // Written out: spreading the key takes twenty times as long as all the rest (Node 20).
    const copy = {
      topic,
      origin,
      id,
      headId,
      sequence: this.#lastSequence,
      // From Node's pool: an array buffer for each would cost more than all the rest.
      payload: Buffer.from(item.payload),
      headers: item.headers.size === 0 ? noHeaders : new Map(item.headers),
      createdAtMs,
      deleted,
    }
    const message = log.add(copy, history === true)
    const reported = realtime === true ? { ...message, realtime } : message
    this.#batch.push(reported)
    return reported
  }

  #find(log: LogKey): MemoryLog | undefined {
    return this.#logs.get(keyOf(log))
  }

  #open(log: LogKey): MemoryLog {
    const key = keyOf(log)
    let found = this.#logs.get(key)
    if (found === undefined) {
      found = new MemoryLog(log, this.#options.keepDeletedPayloads === true)
      this.#logs.set(key, found)
    }
    return found
  }

  #load(state: MemoryStoreState): void {
    this.#lastSequence = state.lastSequence
    for (const log of state.logs) this.#open(log.key).load(log)
    this.#queues.load(state.queues)
    this.#syncStates.load(state.syncStates)
    this.#publishIds.load(state.publishIds)
    this.#notes.change(state.notes ?? [])
  }

  #assertOpen(): void {
    if (this.#isClosed) throw shuttingDown()
  }
}

function keyOf(log: LogKey): string {
  return `${nodeKey(log.origin)}${log.topic}`
}

function shuttingDown(): BusError {
  return new BusError('unavailable', 'shutting_down', 'the store is closed')
}
