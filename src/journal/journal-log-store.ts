/**
 * The durable store: puts the parts of the journal together behind the store port. What happens to a
 * message: `append` hands it to the writer, which encodes it into a block with everything else that waits
 * and commits that (group-writer.ts); then its log knows a new run, listeners hear of it, and the
 * promise resolves. Reads go from index to block to record (log-reader.ts, feed-reader.ts). In the
 * background, runs move into the index (checkpoint.ts) and what was deleted leaves the disk
 * (sweeper.ts).
 */

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
} from '../core/log-store.ts'
import { toBusError } from '../model/errors.ts'
import type { LogKey, OutgoingMessage, StoredMessage } from '../model/message.ts'
import type { PeerSyncResult, PeerSyncState } from '../model/peer-sync-state.ts'
import type { OutgoingQueueMessage, QueueMessage } from '../model/queue-message.ts'
import { AppendOperation, type AppendContext } from './append-operation.ts'
import { writeBackup } from './backup.ts'
import { BlockCache } from './block-cache.ts'
import type { BlockStorage } from './block-storage.ts'
import { Checkpoint } from './checkpoint.ts'
import type { DamageLedger } from './damage-ledger.ts'
import { Deletion } from './deletion.ts'
import { FeedReader } from './feed-reader.ts'
import type { FolderLock } from './folder-lock.ts'
import { GroupWriter, shuttingDown } from './group-writer.ts'
import type { Group } from './group.ts'
import { LogIndex } from './log-index.ts'
import { LogMeasure } from './log-measure.ts'
import { LogReader } from './log-reader.ts'
import type { LogState } from './log-state.ts'
import { LogTable } from './log-table.ts'
import { readNote, readNotes, stageNotes } from './note-table.ts'
import { PublishIds } from './publish-ids.ts'
import { QueueTable } from './queue-table.ts'
import { forEachRow, recoverLogs, type Recovered } from './recovery.ts'
import { Replication, type Replica } from './replication.ts'
import { decodeRangeEnd } from './row-codec.ts'
import { keyAfter, keyNumber, keyPosition, rowKinds } from './row-keys.ts'
import { SerialLane } from './serial-lane.ts'
import type { StoreMeta } from './store-meta.ts'
import { Sweeper } from './sweeper.ts'
import { SyncTable } from './sync-table.ts'
import { verifyStorage } from './verify.ts'

/** Blocks kept in memory for readers. */
const cacheBytes = 16_777_216

export interface JournalParts {
  readonly storage: BlockStorage
  readonly options: LogStoreOptions
  readonly meta: StoreMeta
  readonly damage: DamageLedger
  readonly lock: Pick<FolderLock, 'release'>
}

export class JournalLogStore implements LogStore {
  readonly guarantees: LogStore['guarantees']
  readonly epoch: string
  readonly #parts: JournalParts
  readonly #logs: LogTable
  readonly #blocks: BlockCache
  readonly #lane = new SerialLane()
  readonly #writer: GroupWriter
  readonly #reader: LogReader
  readonly #feed: FeedReader
  readonly #deletion: Deletion
  readonly #replication: Replication
  readonly #appending: AppendContext
  readonly #queues: QueueTable
  readonly #syncStates = new SyncTable()
  readonly #sweeper: Sweeper
  readonly #checkpoint: Checkpoint
  #checkpointing: Promise<void> | undefined
  /** Reads under way; the storage is closed after them. */
  #reads = 0
  #readsDone: (() => void) | undefined
  /** Backups and verifications that somebody has begun. */
  readonly #unfinished = new Set<AsyncGenerator>()
  #closed: Promise<void> | undefined

  /** Loads what is stored. The parts belong to the store once this resolves. */
  static async open(parts: JournalParts): Promise<JournalLogStore> {
    const logs = new LogTable(parts.meta.node)
    const { publishIdWindowMs, publishIdCount } = parts.options
    const publishIds = new PublishIds({ windowMs: publishIdWindowMs, count: publishIdCount })
    const recovered = await recoverLogs(parts.storage, logs, publishIds, parts.damage)
    const store = new JournalLogStore(parts, logs, publishIds, recovered)
    await store.#load()
    return store
  }

  private constructor(
    parts: JournalParts,
    logs: LogTable,
    publishIds: PublishIds,
    recovered: Recovered,
  ) {
    const { storage, options, meta, damage } = parts
    const { clock, logger, node } = options
    const keepsDeletedPayloads = options.keepDeletedPayloads === true
    this.guarantees = { durability: options.durability }
    this.epoch = meta.epoch
    this.#parts = parts
    this.#logs = logs
    const blocks = new BlockCache(storage, cacheBytes)
    this.#blocks = blocks
    const index = new LogIndex(storage, (log, head) => {
      damage.reportOther('index', `${log.number}:${head}`)
    })
    const writer = new GroupWriter({
      storage,
      clock,
      logger,
      lastSequence: recovered.lastSequence,
      keepsDeletedPayloads,
      onApplied: (group) => this.#apply(group),
      recheck: (group) => this.#recheck(group),
    })
    this.#writer = writer
    const reading = { index, blocks, damage, keepsDeletedPayloads }
    this.#reader = new LogReader(reading)
    this.#feed = new FeedReader({ ...reading, storage, logs })
    const measure = new LogMeasure(reading)
    const writing = { logs, writer, lane: this.#lane, logger, keepsDeletedPayloads }
    this.#sweeper = new Sweeper({ ...writing, storage, index, blocks, clock })
    this.#deletion = new Deletion({
      ...writing,
      node,
      measure,
      onDeleted: (log, from, to) => this.#sweeper.erase(log, from, to),
      onTrimmed: (log) => this.#sweeper.reclaim(log),
    })
    const readOne = (log: LogState, head: number) => this.#readOne(log, head)
    const repair = async (log: LogState, item: Replica): Promise<boolean> => {
      const isRepaired = await this.#sweeper.repair(log, item.headId, item)
      if (isRepaired) damage.repaired(log, item.headId)
      return isRepaired
    }
    this.#replication = new Replication({ ...writing, deletion: this.#deletion, readOne, repair })
    this.#appending = { node, logs, writer, publishIds, readOne }
    this.#queues = new QueueTable({ storage, writer, damage })
    const tail = { runs: recovered.tailRuns, bytes: recovered.tailBytes }
    this.#checkpoint = new Checkpoint({ writer, logs, index, publishIds }, tail)
  }

  get lastSequence(): number {
    return this.#writer.lastSequence
  }

  append(
    items: readonly OutgoingMessage[],
    notes: readonly NoteChange[] = [],
  ): Promise<AppendOutcome[]> {
    if (this.#closed !== undefined) return Promise.reject(shuttingDown())
    const operation = new AppendOperation(this.#appending, items, notes)
    this.#writer.submit(operation)
    return operation.promise
  }

  async replicate(items: readonly Replica[]): Promise<ReplicateOutcome[]> {
    this.#assertOpen()
    return this.#replication.replicate(items)
  }

  async deleteRange(
    options: DeleteRangeOptions,
  ): Promise<{ deletedCount: number; marker?: StoredMessage }> {
    this.#assertOpen()
    return this.#deletion.deleteRange(options)
  }

  async trim(log: LogKey, toHead: number): Promise<void> {
    this.#assertOpen()
    const found = this.#logs.find(log)
    if (found !== undefined) await this.#deletion.trim(found, toHead)
  }

  read(log: LogKey, fromHead: number, limit: ReadLimit): Promise<LogPage> {
    return this.#reading(async () => {
      const found = this.#logs.find(log)
      if (found === undefined) return { messages: [], nextHead: fromHead, damaged: [] }
      return this.#reader.read(found, fromHead, limit)
    })
  }

  readFeed(after: number, wants: (log: LogKey) => boolean, limit: ReadLimit): Promise<FeedPage> {
    return this.#reading(() => this.#feed.read(after, this.lastSequence, wants, limit))
  }

  head(log: LogKey): number | undefined {
    return this.#logs.find(log)?.head || undefined
  }

  log(log: LogKey): LogInfo | undefined {
    const found = this.#logs.find(log)
    return found === undefined || found.head === 0 ? undefined : found.info
  }

  *logs(): Iterable<LogInfo> {
    for (const log of this.#logs.all()) if (log.head > 0) yield log.info
  }

  async enqueue(
    items: readonly OutgoingQueueMessage[],
    notes: readonly NoteChange[] = [],
  ): Promise<QueueMessage[]> {
    this.#assertOpen()
    return this.#queues.enqueue(items, notes)
  }

  readQueue(queue: string, fromSequence: number, limit: ReadLimit): Promise<QueueMessage[]> {
    return this.#reading(() => this.#queues.read(queue, fromSequence, limit))
  }

  async settleQueue(items: readonly QueueSettlement[]): Promise<boolean[]> {
    this.#assertOpen()
    return this.#queues.settle(items)
  }

  queues(): Iterable<QueueState> {
    return this.#queues.states()
  }

  async recordSync(results: readonly PeerSyncResult[]): Promise<void> {
    this.#assertOpen()
    await this.#writer.write((group) => this.#syncStates.stage(group, results))
  }

  async syncStates(): Promise<PeerSyncState[]> {
    this.#assertOpen()
    return this.#syncStates.list()
  }

  async writeNotes(changes: readonly NoteChange[]): Promise<void> {
    this.#assertOpen()
    await this.#writer.write((group) => stageNotes(group, changes))
  }

  note(table: string, key: string): Promise<Uint8Array | undefined> {
    const { storage, damage } = this.#parts
    return this.#reading(() => readNote(storage, table, key, damage))
  }

  notes(table: string): AsyncIterable<Note> {
    const { storage, damage } = this.#parts
    return this.#stepByStep(() => readNotes(storage, table, damage))
  }

  onCommit(listener: (batch: CommitBatch) => void): () => void {
    return this.#writer.onCommit(listener)
  }

  backup(): AsyncIterable<Uint8Array> {
    return this.#stepByStep(() => writeBackup(this.#parts.storage))
  }

  verify(): AsyncIterable<{ recordsChecked: number; damaged: DamagedRange[] }> {
    return this.#stepByStep(() =>
      verifyStorage(this.#parts.storage, this.#logs, this.#parts.damage),
    )
  }

  status(): StoreStatus {
    let logs = 0
    for (const log of this.#logs.all()) if (log.head > 0) logs += 1
    return {
      logs,
      bytesOnDisk: this.#parts.storage.bytesOnDisk(),
      lastCommitAt: this.#writer.lastCommitAt,
      damagedRecords: this.#parts.damage.records,
      failure: this.#writer.failure,
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#checkpoint.stop()
    await this.#lane.idle()
    await this.#queues.idle()
    await this.#sweeper.stop()
    await this.#checkpointing
    if (!this.#checkpoint.isEmpty && this.#writer.failure === undefined) {
      this.#checkpoint.resume()
      await this.#runCheckpoint()
    }
    await this.#writer.close()
    if (this.#reads > 0) {
      await new Promise<void>((resolve) => {
        this.#readsDone = resolve
      })
    }
    // They may hold a snapshot.
    for (const steps of this.#unfinished) await steps.return(undefined)
    await this.#parts.storage.close()
    await this.#parts.lock.release()
  }

  /** The rest of what is in memory, and of what was left to do. */
  async #load(): Promise<void> {
    const { storage, damage } = this.#parts
    await this.#queues.load()
    await forEachRow(storage, rowKinds.sync, ([key, value]) => {
      if (!this.#syncStates.load(value)) {
        damage.reportOther('sync_state', Buffer.from(key).toString('hex'))
      }
    })
    await forEachRow(storage, rowKinds.erase, ([key, value]) => {
      const log = this.#logs.byNumber(keyNumber(key))
      const to = decodeRangeEnd(value)
      if (log !== undefined && to !== undefined) this.#sweeper.erase(log, keyPosition(key), to)
    })
    for (const log of this.#logs.all()) if (log.sweptTo < log.trimmedTo) this.#sweeper.reclaim(log)
    if (this.#checkpoint.isDue) this.#startCheckpoint()
  }

  #apply(group: Group): void {
    const runs = group.apply()
    let bytes = 0
    for (const [key, block] of group.newBlocks) {
      this.#blocks.put(key, block)
      bytes += block.length
    }
    this.#checkpoint.add(runs, bytes)
    if (this.#checkpoint.isDue) this.#startCheckpoint()
  }

  #startCheckpoint(): void {
    if (this.#checkpointing !== undefined || this.#closed !== undefined) return
    this.#checkpointing = this.#runCheckpoint().finally(() => {
      this.#checkpointing = undefined
    })
  }

  async #runCheckpoint(): Promise<void> {
    try {
      await this.#checkpoint.run()
    } catch (error) {
      // Nothing is lost: the next one, or the next open, begins where the last complete one ended.
      const { reason, message } = toBusError(error)
      this.#parts.options.logger.warn('checkpoint_failed', { reason, error: message })
    }
  }

  /** Opens the storage again and looks for what the group would have written. */
  async #recheck(group: Group): Promise<boolean> {
    const { storage } = this.#parts
    await storage.reopen()
    this.#blocks.clear()
    const { blocks, rows } = group.writes
    const [block] = group.newBlocks
    if (block !== undefined) return isThere(block[1], (await storage.getBlocks([block[0]]))[0])
    for (const [key, bytes] of blocks) {
      if (!isThere(bytes, (await storage.getBlocks([key]))[0])) return false
    }
    for (const [key, value] of rows) {
      const [row] = await storage.scanRows(key, keyAfter(key), 1)
      if (!isThere(value, row?.[1])) return false
    }
    return true
  }

  async #readOne(log: LogState, head: number): Promise<StoredMessage | undefined> {
    const page = await this.#reader.read(log, head, { messages: 1 })
    return page.messages.find((message) => message.headId === head)
  }

  async #reading<Result>(read: () => Promise<Result>): Promise<Result> {
    this.#assertOpen()
    const done = this.#beginRead()
    try {
      return await read()
    } finally {
      done()
    }
  }

  /**
   * Every step is a read of its own: who stops asking does not keep the store from closing, and who
   * goes on after that is told.
   */
  async *#stepByStep<Item>(begin: () => AsyncGenerator<Item>): AsyncGenerator<Item> {
    const steps = await this.#reading(async () => begin())
    this.#unfinished.add(steps)
    try {
      for (;;) {
        const step = await this.#reading(() => steps.next())
        if (step.done === true) return
        yield step.value
      }
    } finally {
      this.#unfinished.delete(steps)
      await steps.return(undefined)
    }
  }

  #beginRead(): () => void {
    this.#reads += 1
    return () => {
      this.#reads -= 1
      if (this.#reads === 0) this.#readsDone?.()
    }
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) throw shuttingDown()
  }
}

function isThere(expected: Uint8Array | undefined, found: Uint8Array | undefined): boolean {
  if (expected === undefined || found === undefined) return expected === found
  return Buffer.compare(expected, found) === 0
}
