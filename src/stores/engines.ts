/**
 * The storage engines, one line each. They are loaded when they are chosen, so that a machine needs only
 * the engine it uses; a missing one is `failed_precondition/engine_missing`.
 */

import { mkdir } from 'node:fs/promises'
import type { LogStore, LogStoreOptions } from '../core/log-store.ts'

export type StorageEngine = 'lmdb' | 'sqlite' | 'memory'

export interface StoreEngine {
  open(options: LogStoreOptions): Promise<LogStore>
  /** Makes a new store from a backup and opens it; undefined where nothing would outlive the process. */
  restore:
    ((backup: AsyncIterable<Uint8Array>, options: LogStoreOptions) => Promise<LogStore>) | undefined
}

const lmdb = () => import('./lmdb/lmdb-log-store.ts')
const sqlite = () => import('./sqlite/sqlite-log-store.ts')
const memory = () => import('./memory/memory-log-store.ts')

export const engines: Readonly<Record<StorageEngine, StoreEngine>> = {
  lmdb: {
    open: async (options) => (await lmdb()).openLmdbLogStore(options),
    restore: async (backup, options) => (await lmdb()).restoreLmdbLogStore(backup, options),
  },
  sqlite: {
    open: async (options) => (await sqlite()).openSqliteLogStore(options),
    restore: async (backup, options) => (await sqlite()).restoreSqliteLogStore(backup, options),
  },
  memory: {
    open: async (options) => (await memory()).openMemoryLogStore(options),
    restore: undefined,
  },
}

/** Opens a store in a folder that only its owner may look into. @throws BusError as the engine */
export async function openLogStore(
  engine: StorageEngine,
  options: LogStoreOptions,
): Promise<LogStore> {
  // What is in the logs is nobody else's on this machine; a folder that is there stays as it is. One
  // that cannot be made is the engine's to report.
  if (engine !== 'memory') {
    await mkdir(options.folder, { recursive: true, mode: 0o700 }).catch(() => null)
  }
  return engines[engine].open(options)
}
