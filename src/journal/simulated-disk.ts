/**
 * A storage for tests: maps in memory whose state can be copied at any commit, as a crash would leave it,
 * damaged, and made to fail in the ways disks do.
 */

import type { LogStore, LogStoreOptions } from '../core/log-store.ts'
import { silentLogger, type LogFields } from '../core/logger.ts'
import { BusError } from '../model/errors.ts'
import type {
  BlockStorage,
  StorageReader,
  StorageSnapshot,
  StorageWrites,
  StoredBlock,
  StoredRow,
} from './block-storage.ts'
import { DamageLedger } from './damage-ledger.ts'
import { JournalLogStore } from './journal-log-store.ts'
import { openMeta } from './store-meta.ts'

/** What becomes of a commit: `lost` is written but reported as failed, `broken` neither. */
export type CommitFate = 'ok' | 'full' | 'lost' | 'broken'

export class SimulatedDisk {
  blocks = new Map<number, Uint8Array>()
  /** By key in hex, which sorts as the bytes do. */
  rows = new Map<string, Uint8Array>()
  commits = 0
  /** Called before a commit with its number, from 1. */
  fate: (commit: number) => CommitFate = () => 'ok'
  /** Whether it can be opened again. */
  canReopen = true
  /** Called after each commit that was written. */
  onCommitted: () => void = () => undefined

  /** The same bytes on another disk. */
  copy(): SimulatedDisk {
    const copy = new SimulatedDisk()
    for (const [key, bytes] of this.blocks) copy.blocks.set(key, new Uint8Array(bytes))
    for (const [key, value] of this.rows) copy.rows.set(key, new Uint8Array(value))
    return copy
  }

  /** Resolves after the first commit, from now on, that makes this true. */
  until(isTrue: () => boolean): Promise<void> {
    if (isTrue()) return Promise.resolve()
    const before = this.onCommitted
    return new Promise((resolve) => {
      this.onCommitted = () => {
        before()
        if (!isTrue()) return
        this.onCommitted = before
        resolve()
      }
    })
  }

  get bytes(): number {
    let bytes = 0
    for (const value of [...this.blocks.values(), ...this.rows.values()]) bytes += value.length
    return bytes
  }

  /** True when some stored value holds these bytes. */
  holds(content: Buffer): boolean {
    const values = [...this.blocks.values(), ...this.rows.values()]
    return values.some((value) => Buffer.from(value).includes(content))
  }

  write({ blocks, rows }: StorageWrites): void {
    for (const [key, bytes] of blocks) {
      if (bytes === undefined) this.blocks.delete(key)
      else this.blocks.set(key, new Uint8Array(bytes))
    }
    for (const [key, value] of rows) {
      const name = Buffer.from(key).toString('hex')
      if (value === undefined) this.rows.delete(name)
      else this.rows.set(name, new Uint8Array(value))
    }
  }
}

/** Opens a store on such a disk, without a folder. */
export async function openSimulated(
  disk: SimulatedDisk,
  options: Omit<LogStoreOptions, 'folder' | 'durability' | 'logger'>,
  warnings: { readonly event: string; readonly fields: LogFields | undefined }[] = [],
): Promise<LogStore> {
  const storage = new SimulatedStorage(disk)
  const warn = (event: string, fields?: LogFields) => void warnings.push({ event, fields })
  const logger = { ...silentLogger, error: warn, warn }
  const all: LogStoreOptions = { ...options, folder: 'simulated', durability: 'disk', logger }
  const meta = await openMeta(storage, all)
  const lock = { release: () => Promise.resolve() }
  const damage = new DamageLedger(logger)
  return JournalLogStore.open({ storage, options: all, meta, damage, lock })
}

class SimulatedReader implements StorageReader {
  readonly #disk: SimulatedDisk

  constructor(disk: SimulatedDisk) {
    this.#disk = disk
  }

  async getBlocks(keys: readonly number[]): Promise<(Uint8Array | undefined)[]> {
    return keys.map((key) => {
      const bytes = this.#disk.blocks.get(key)
      return bytes && new Uint8Array(bytes)
    })
  }

  async floorBlockKey(key: number): Promise<number | undefined> {
    return this.#blockKeys().findLast((found) => found <= key)
  }

  async scanBlocks(from: number, bytes: number): Promise<StoredBlock[]> {
    const found: StoredBlock[] = []
    let size = 0
    for (const key of this.#blockKeys()) {
      if (key < from) continue
      const value = new Uint8Array(this.#disk.blocks.get(key) as Uint8Array)
      found.push({ key, bytes: value })
      size += value.length
      if (size >= bytes) break
    }
    return found
  }

  async floorRow(key: Uint8Array): Promise<StoredRow | undefined> {
    const limit = Buffer.from(key).toString('hex')
    const found = [...this.#disk.rows.keys()].sort().findLast((name) => name <= limit)
    return found === undefined ? undefined : this.#row(found)
  }

  async scanRows(from: Uint8Array, until: Uint8Array, count: number): Promise<StoredRow[]> {
    const [low, high] = [Buffer.from(from).toString('hex'), Buffer.from(until).toString('hex')]
    const names = [...this.#disk.rows.keys()].sort()
    return names
      .filter((name) => name >= low && name < high)
      .slice(0, count)
      .map((name) => this.#row(name))
  }

  #row(name: string): StoredRow {
    const value = this.#disk.rows.get(name) as Uint8Array
    return [Buffer.from(name, 'hex'), new Uint8Array(value)]
  }

  #blockKeys(): number[] {
    return [...this.#disk.blocks.keys()].sort((a, b) => a - b)
  }
}

class SimulatedStorage extends SimulatedReader implements BlockStorage {
  readonly #disk: SimulatedDisk

  constructor(disk: SimulatedDisk) {
    super(disk)
    this.#disk = disk
  }

  async commit(writes: StorageWrites): Promise<void> {
    this.#disk.commits += 1
    const fate = this.#disk.fate(this.#disk.commits)
    if (fate === 'ok' || fate === 'lost') this.#disk.write(writes)
    if (fate === 'full') throw new BusError('resource_exhausted', 'disk_full', 'no space')
    if (fate !== 'ok') throw new BusError('internal', 'storage_failed', 'it broke')
    this.#disk.onCommitted()
  }

  async snapshot(): Promise<StorageSnapshot> {
    const reader = new SimulatedReader(this.#disk.copy())
    return Object.assign(reader, { release: () => Promise.resolve() })
  }

  async reopen(): Promise<void> {
    if (!this.#disk.canReopen) throw new BusError('internal', 'storage_failed', 'it is broken')
  }

  bytesOnDisk(): number {
    return this.#disk.bytes
  }

  async close(): Promise<void> {
    // Nothing to give back.
  }
}
