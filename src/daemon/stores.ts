/**
 * The storage engines of the daemon, one line each. They are loaded when they are chosen, so that a
 * machine needs only the engine it uses; a missing one is `failed_precondition/engine_missing`.
 */

import type { LogStore, LogStoreOptions } from '../core/log-store.ts'
import type { Config } from './config-schema.ts'

type Engine = Config['storage']['engine']

export interface StoreEngine {
  open(options: LogStoreOptions): Promise<LogStore>
  /** Makes a new store from a backup and opens it; undefined where nothing would outlive the process. */
  restore:
    ((backup: AsyncIterable<Uint8Array>, options: LogStoreOptions) => Promise<LogStore>) | undefined
}

const lmdb = () => import('../stores/lmdb/lmdb-log-store.ts')
const sqlite = () => import('../stores/sqlite/sqlite-log-store.ts')
const memory = () => import('../stores/memory/memory-log-store.ts')

export const engines: Readonly<Record<Engine, StoreEngine>> = {
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
