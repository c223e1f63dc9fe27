/**
 * What the journal needs of an embedded database: two ordered spaces and atomic commits. `blocks`
 * maps a number (the sequence of the first record) to a block, `rows` maps short binary keys to small
 * values. Everything else, formats, checksums, recovery, is the journal's own and the same on every
 * engine, so an engine is a few calls of its library.
 *
 * Failures are `BusError`s: `resource_exhausted/disk_full` when there is no space, else
 * `internal/storage_failed`. Nothing here may block the thread for long.
 */

import type { Durability } from '../core/log-store.ts'

export interface StoredBlock {
  readonly key: number
  readonly bytes: Uint8Array
}

export type StoredRow = readonly [key: Uint8Array, value: Uint8Array]

/** One commit. Of several changes of one row the last counts; the same goes for blocks. */
export interface StorageWrites {
  /** Undefined removes. */
  readonly blocks: readonly (readonly [key: number, bytes: Uint8Array | undefined])[]
  readonly rows: readonly (readonly [key: Uint8Array, value: Uint8Array | undefined])[]
}

/** Ends a page of rows, some of which can be large. */
export const rowPageBytes = 1_048_576

/** Values that come out belong to the caller. */
export interface StorageReader {
  getBlocks(keys: readonly number[]): Promise<(Uint8Array | undefined)[]>
  /** The greatest key <= `key`. */
  floorBlockKey(key: number): Promise<number | undefined>
  /** Blocks with key >= `from` in ascending order: at least one if there is one, about `bytes`. */
  scanBlocks(from: number, bytes: number): Promise<StoredBlock[]>
  /** The row with the greatest key <= `key`. */
  floorRow(key: Uint8Array): Promise<StoredRow | undefined>
  /**
   * Rows with `from` <= key < `until` in ascending order: at least one if there is one, at most
   * `count`, and no more once they have `rowPageBytes`.
   */
  scanRows(from: Uint8Array, until: Uint8Array, count: number): Promise<StoredRow[]>
}

export interface StorageSnapshot extends StorageReader {
  release(): Promise<void>
}

export interface BlockStorage extends StorageReader {
  /**
   * Resolves when all of it is there and as durable as the storage was opened for, rejects when
   * none of it is visible. The bytes must not change until it settles, and are not changed by it.
   */
  commit(writes: StorageWrites): Promise<void>
  /** What there is now, whatever is committed later. To be released soon: it keeps space from reuse. */
  snapshot(): Promise<StorageSnapshot>
  /** Closes and opens again, so that what is read afterwards is what the disk has. */
  reopen(): Promise<void>
  bytesOnDisk(): number
  close(): Promise<void>
}

/** An engine: how its storage is opened in a folder that is ours alone. */
export interface StorageEngine {
  readonly name: string
  /** Names of the files it makes in the folder; the first tells that a store is there. */
  readonly files: readonly [string, ...string[]]
  open(options: StorageOptions): Promise<BlockStorage>
}

export interface StorageOptions {
  readonly folder: string
  readonly durability: Durability
}
