/**
 * The journal's storage on LMDB, which commits on a thread of its own and reads from mapped memory.
 *
 * For `disk` the commit itself syncs (no overlapping sync), so a resolved batch is on the disk; for
 * `os` the sync overlaps with what comes next, which keeps the file consistent after a power cut,
 * unlike `noSync`. Blocks are fetched on another thread before they are read, since a page
 * fault on a slow disk would stop the event loop.
 */

import { statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Database, RootDatabase, Transaction } from 'lmdb'
import { nextTurn } from '../../base/time-slice.ts'
import {
  rowPageBytes,
  type BlockStorage,
  type StorageEngine,
  type StorageOptions,
  type StorageReader,
  type StorageSnapshot,
  type StorageWrites,
  type StoredBlock,
  type StoredRow,
} from '../../journal/block-storage.ts'
import { diskFull, engineMissing, storageFailed } from '../../journal/storage-errors.ts'
import type { BusError } from '../../model/errors.ts'
import { checkLmdbFile } from './lmdb-file.ts'

type Lmdb = typeof import('lmdb')

const fileName = 'journal.mdb'
/** Blocks that are fetched together in a scan. */
const prefetchedBlocks = 16
/** Pages that a commit writes beside its values. */
const spareBytes = 262_144

export const lmdbEngine: StorageEngine = {
  name: 'lmdb',
  files: [fileName, `${fileName}-lock`],
  async open(options) {
    let lmdb: Lmdb
    try {
      lmdb = await import('lmdb')
    } catch (error) {
      throw engineMissing('lmdb', 'lmdb', error)
    }
    await checkLmdbFile(join(options.folder, fileName), options.durability)
    return new LmdbStorage(lmdb, options)
  },
}

interface Environment {
  readonly root: RootDatabase<Buffer, number>
  readonly blocks: Database<Buffer, number>
  readonly rows: Database<Buffer, Uint8Array>
}

class LmdbStorage implements BlockStorage {
  readonly #lmdb: Lmdb
  readonly #options: StorageOptions
  #environment: Environment

  constructor(lmdb: Lmdb, options: StorageOptions) {
    this.#lmdb = lmdb
    this.#options = options
    this.#environment = this.#open()
  }

  async commit(writes: StorageWrites): Promise<void> {
    const { root, blocks, rows } = this.#environment
    try {
      await root.batch(() => {
        // Within a batch the answers of single writes mean nothing.
        for (const [key, bytes] of writes.blocks) {
          void (bytes === undefined ? blocks.remove(key) : blocks.put(key, bytes as Buffer))
        }
        for (const [key, value] of writes.rows) {
          void (value === undefined ? rows.remove(key) : rows.put(key, value as Buffer))
        }
      })
    } catch (error) {
      throw await this.#translateCommit(error, writes)
    }
  }

  async getBlocks(keys: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    return this.#read((reader) => reader.getBlocks(keys))
  }

  floorBlockKey(key: number): Promise<number | undefined> {
    return this.#read((reader) => reader.floorBlockKey(key))
  }

  scanBlocks(from: number, bytes: number): Promise<StoredBlock[]> {
    return this.#read((reader) => reader.scanBlocks(from, bytes))
  }

  floorRow(key: Uint8Array): Promise<StoredRow | undefined> {
    return this.#read((reader) => reader.floorRow(key))
  }

  scanRows(from: Uint8Array, until: Uint8Array, count: number): Promise<StoredRow[]> {
    return this.#read((reader) => reader.scanRows(from, until, count))
  }

  async snapshot(): Promise<StorageSnapshot> {
    return new LmdbReader(this.#environment, this.#environment.root.useReadTransaction())
  }

  async reopen(): Promise<void> {
    try {
      await this.#environment.root.close()
      this.#environment = this.#open()
    } catch (error) {
      throw this.#translate(error)
    }
  }

  bytesOnDisk(): number {
    return statSync(join(this.#options.folder, fileName), { throwIfNoEntry: false })?.size ?? 0
  }

  async close(): Promise<void> {
    await this.#environment.root.close()
  }

  async #read<Result>(read: (reader: LmdbReader) => Promise<Result>): Promise<Result> {
    try {
      return await read(new LmdbReader(this.#environment, undefined))
    } catch (error) {
      throw this.#translate(error)
    }
  }

  #open(): Environment {
    const { folder, durability } = this.#options
    try {
      const root = this.#lmdb.open<Buffer, number>({
        path: join(folder, fileName),
        noSubdir: true,
        maxDbs: 2,
        encoding: 'binary',
        keyEncoding: 'ordered-binary',
        overlappingSync: durability === 'os',
        noSync: durability === 'memory',
        // Groups are batches already; waiting for the turn to end would only delay them.
        eventTurnBatching: false,
        // Freed memory of this process must not end up in the file.
        noMemInit: false,
      })
      const blocks = root.openDB<Buffer, number>({ name: 'blocks', encoding: 'binary' })
      const rows = root.openDB<Buffer, Uint8Array>({
        name: 'rows',
        encoding: 'binary',
        keyEncoding: 'binary',
      })
      return { root, blocks, rows }
    } catch (error) {
      throw this.#translate(error)
    }
  }

  #translate(error: unknown): BusError {
    const { folder } = this.#options
    return isFull(error) ? diskFull(folder, error) : storageFailed(folder, error)
  }

  /**
   * What a commit failed for comes as a promise beside the error, in the same turn or never. A full
   * disk shows as an input/output error when some of the bytes still fitted, so we ask how much is
   * left.
   */
  async #translateCommit(error: unknown, writes: StorageWrites): Promise<BusError> {
    const { commitError } = error as { commitError?: Promise<never> }
    const cause = await Promise.race([
      (commitError ?? Promise.reject(error)).catch((reason: unknown) => reason),
      nextTurn().then(() => error),
    ])
    if (isFull(cause)) return this.#translate(cause)
    const { folder } = this.#options
    const { bavail, bsize } = await statfs(folder)
    const isTight = bavail * bsize < 2 * sizeOf(writes) + spareBytes
    return isTight ? diskFull(folder, cause) : storageFailed(folder, cause)
  }
}

/** Reads at the newest commit or, with a transaction, at the one it was made for. */
class LmdbReader implements StorageReader, StorageSnapshot {
  readonly #environment: Environment
  readonly #transaction: Transaction | undefined

  constructor(environment: Environment, transaction: Transaction | undefined) {
    this.#environment = environment
    this.#transaction = transaction
  }

  async getBlocks(keys: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    const { blocks } = this.#environment
    await blocks.prefetch([...keys])
    return keys.map((key) => blocks.get(key, this.#at))
  }

  async floorBlockKey(key: number): Promise<number | undefined> {
    const { blocks } = this.#environment
    for (const found of blocks.getKeys({ start: key, reverse: true, limit: 1, ...this.#at })) {
      return found
    }
    return undefined
  }

  async scanBlocks(from: number, bytes: number): Promise<StoredBlock[]> {
    const found: StoredBlock[] = []
    let size = 0
    const { blocks } = this.#environment
    for (let next = from; ;) {
      const keys = [...blocks.getKeys({ start: next, limit: prefetchedBlocks, ...this.#at })]
      await blocks.prefetch(keys)
      for (const key of keys) {
        const value = blocks.get(key, this.#at)
        // Removed while we waited.
        if (value === undefined) continue
        found.push({ key, bytes: value })
        size += value.length
        if (size >= bytes) return found
        next = key + 1
      }
      if (keys.length < prefetchedBlocks) return found
    }
  }

  async floorRow(key: Uint8Array): Promise<StoredRow | undefined> {
    const range = this.#environment.rows.getRange({
      start: key,
      reverse: true,
      limit: 1,
      ...this.#at,
    })
    for (const row of range) return [row.key, row.value]
    return undefined
  }

  async scanRows(from: Uint8Array, until: Uint8Array, count: number): Promise<StoredRow[]> {
    const found: StoredRow[] = []
    const range = this.#environment.rows.getRange({
      start: from,
      end: until,
      limit: count,
      ...this.#at,
    })
    let bytes = 0
    for (const { key, value } of range) {
      found.push([key, value])
      bytes += value.length
      if (bytes >= rowPageBytes) break
    }
    return found
  }

  async release(): Promise<void> {
    this.#transaction?.done()
  }

  get #at(): { transaction?: Transaction } {
    return this.#transaction === undefined ? {} : { transaction: this.#transaction }
  }
}

/** LMDB's own code, or the one of the operating system, as far as the library passes it on. */
function isFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as { code?: unknown }
  const mapFull = -30792
  const noSpace = 28
  return code === mapFull || code === noSpace || /no space left|MDB_MAP_FULL/i.test(error.message)
}

function sizeOf(writes: StorageWrites): number {
  let bytes = 0
  for (const [, value] of [...writes.blocks, ...writes.rows]) bytes += value?.length ?? 0
  return bytes
}
