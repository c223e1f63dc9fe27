/**
 * What is in memory about a store, built from what is on disk: rows first, then the blocks after
 * the last checkpoint, which the index does not cover yet. Blocks before it are not touched, so opening
 * takes the time of the logs and of a bounded number of messages, however many are stored.
 *
 * Nothing is repaired here: rows written in slices, and a crash between them, are made harmless by
 * what each row says it accounts for (`storedTo`).
 */

import { TimeSlice } from '../base/time-slice.ts'
import type { BlockStorage, StorageReader, StoredRow } from './block-storage.ts'
import { BlockView, maxSequenceOffset, recordFlags } from './block.ts'
import type { DamageLedger } from './damage-ledger.ts'
import { decodeLog, type LogState } from './log-state.ts'
import type { LogTable } from './log-table.ts'
import type { PublishIds } from './publish-ids.ts'
import { contentSize, publishIdAt } from './record-decoder.ts'
import { decodeRangeEnd, RowReader, RowWriter } from './row-codec.ts'
import {
  keyAfter,
  keyNumber,
  keyPosition,
  kindEnd,
  kindKey,
  rowKinds,
  type RowKind,
} from './row-keys.ts'

const scanBytes = 4_194_304
const scanRows = 1_000

export interface Recovered {
  /** No greater sequence was ever given away. */
  readonly lastSequence: number
  /** Runs and bytes that the index does not cover. */
  readonly tailRuns: number
  readonly tailBytes: number
}

export async function recoverLogs(
  storage: BlockStorage,
  logs: LogTable,
  publishIds: PublishIds,
  damage: DamageLedger,
): Promise<Recovered> {
  await loadLogs(storage, logs, damage)
  await loadDeleted(storage, logs, damage)
  await forEachRow(storage, rowKinds.publishIds, ([key, value]) => {
    const sequence = keyPosition(key)
    if (!publishIds.load(sequence, value)) damage.reportOther('publish_ids', String(sequence))
  })
  const [row] = await storage.scanRows(
    kindKey(rowKinds.checkpoint),
    kindEnd(rowKinds.checkpoint),
    1,
  )
  const coveredTo = row === undefined ? 0 : decodeCheckpoint(row[1])
  if (coveredTo === undefined) damage.reportOther('checkpoint', '')
  const tail = new TailScan(logs, publishIds, damage, coveredTo ?? 0)
  await tail.run(storage)
  let { lastSequence } = tail
  for (const log of logs.all()) lastSequence = Math.max(lastSequence, log.storedTo)
  return { lastSequence, tailRuns: tail.runs, tailBytes: tail.bytes }
}

/** Every row of a kind, in order. */
export async function forEachRow(
  storage: StorageReader,
  kind: RowKind,
  visit: (row: StoredRow) => void,
): Promise<void> {
  const slice = new TimeSlice()
  let from = kindKey(kind)
  for (;;) {
    const rows = await storage.scanRows(from, kindEnd(kind), scanRows)
    for (const row of rows) {
      visit(row)
      await slice.pause()
    }
    const last = rows[rows.length - 1]
    if (last === undefined) return
    from = keyAfter(last[0])
  }
}

const checkpointVersion = 1

export function encodeCheckpoint(coveredTo: number): Uint8Array {
  return new RowWriter(checkpointVersion).number(coveredTo).finish()
}

function decodeCheckpoint(value: Uint8Array): number | undefined {
  return RowReader.open(value, checkpointVersion)?.number()
}

/** Logs stand twice; one sound row is enough. */
async function loadLogs(
  storage: BlockStorage,
  logs: LogTable,
  damage: DamageLedger,
): Promise<void> {
  const damaged = new Set<number>()
  for (const kind of [rowKinds.log, rowKinds.logCopy]) {
    await forEachRow(storage, kind, ([key, value]) => {
      const number = keyNumber(key)
      logs.reserve(number)
      if (logs.byNumber(number) !== undefined) return
      const row = decodeLog(value)
      if (row === undefined) {
        damaged.add(number)
        return
      }
      const { topic: _topic, origin: _origin, ...counters } = row
      Object.assign(logs.add(number, row), counters, { isStored: true })
      damaged.delete(number)
    })
  }
  for (const number of damaged) damage.reportOther('log', String(number))
}

async function loadDeleted(
  storage: BlockStorage,
  logs: LogTable,
  damage: DamageLedger,
): Promise<void> {
  await forEachRow(storage, rowKinds.deleted, ([key, value]) => {
    const to = decodeRangeEnd(value)
    const log = logs.byNumber(keyNumber(key))
    if (to === undefined) damage.reportOther('deleted_range', Buffer.from(key).toString('hex'))
    else log?.deleted.add(keyPosition(key), to)
  })
}

/** The blocks after the last checkpoint. */
class TailScan {
  lastSequence: number
  runs = 0
  bytes = 0
  readonly #logs: LogTable
  readonly #publishIds: PublishIds
  readonly #damage: DamageLedger
  readonly #coveredTo: number
  readonly #unknownLogs = new Set<number>()

  constructor(logs: LogTable, publishIds: PublishIds, damage: DamageLedger, coveredTo: number) {
    this.#logs = logs
    this.#publishIds = publishIds
    this.#damage = damage
    this.#coveredTo = coveredTo
    this.lastSequence = coveredTo
  }

  async run(storage: BlockStorage): Promise<void> {
    const slice = new TimeSlice()
    // A checkpoint is made between two commits, so no block lies across it.
    let from = this.#coveredTo + 1
    for (;;) {
      const blocks = await storage.scanBlocks(from, scanBytes)
      for (const { key, bytes } of blocks) {
        this.#addBlock(new BlockView(key, bytes))
        from = key + 1
        await slice.pause()
      }
      if (blocks.length === 0) break
    }
  }

  #addBlock(view: BlockView): void {
    this.bytes += view.bytes.length
    if (view.isLost) this.#damage.reportOther('block', String(view.key))
    const last = view.isLost ? view.key + maxSequenceOffset : view.lastSequence
    this.lastSequence = Math.max(this.lastSequence, last)
    for (let i = 0; i < view.count; i++) {
      const isSound = view.isSound(i)
      const log = this.#logs.byNumber(view.logAt(i))
      if (log === undefined) this.#addUnknown(view, i, isSound)
      else if (isSound || this.#isBelievable(view, i, log)) this.#addRecord(view, i, log, isSound)
    }
  }

  #addRecord(view: BlockView, i: number, log: LogState, isSound: boolean): void {
    const head = view.headAt(i)
    const sequence = view.sequenceAt(i)
    if (log.tailKeys[log.tailKeys.length - 1] !== view.key) {
      log.addRun(view.key, head)
      this.runs += 1
    }
    // A head that was given away stays so, whatever became of its record.
    log.head = Math.max(log.head, head)
    log.lastSequence = Math.max(log.lastSequence, sequence)
    // Of a record that says nothing reliable there is nothing left to keep.
    if (isSound || view.isDirectorySound) {
      const isHistory = (view.flagsAt(i) & recordFlags.history) !== 0
      if (isHistory) log.historyTo = Math.max(log.historyTo, head)
      else log.keptTo = Math.max(log.keptTo, head)
    }
    if (!isSound) {
      if (!log.isDead(head)) this.#damage.report(log, head, head)
      return
    }
    const id = publishIdAt(view, i)
    if (id !== undefined) {
      const storedAtMs = view.createdAtMsAt(i)
      this.#publishIds.add({ log: log.number, id, head, sequence, storedAtMs })
    }
    const isDeleted = (view.flagsAt(i) & recordFlags.deleted) !== 0 || log.isDead(head)
    if (sequence > log.storedTo && !isDeleted) log.bytes += contentSize(view, i)
  }

  /** A damaged record, by what it claims: of a sound directory, or the very next head of its log. */
  #isBelievable(view: BlockView, i: number, log: LogState): boolean {
    return view.isDirectorySound || view.headAt(i) === log.head + 1
  }

  #addUnknown(view: BlockView, i: number, isSound: boolean): void {
    if (!isSound && !view.isDirectorySound) return
    const number = view.logAt(i)
    this.#logs.reserve(number)
    if (this.#unknownLogs.has(number)) return
    this.#unknownLogs.add(number)
    this.#damage.reportOther('log', String(number))
  }
}
