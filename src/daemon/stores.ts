/**
 * The storage engines of the daemon, one line each. They are loaded when they are chosen, so that a
 * machine needs only the engine it uses; a missing one is `failed_precondition/engine_missing`.
 */

import type { LogStore, LogStoreOptions } from '../core/log-store.ts'
import type { Config } from './config-schema.ts'

type Engine = Config['storage']['engine']

export interface StoreEngine {
  open(options: LogStoreOptions): Promise<LogStore>
  /** Makes a new store from a backup; undefined where nothing would outlive the process. */
  restore:
    ((backup: AsyncIterable<Uint8Array>, options: LogStoreOptions) => Promise<unknown>) | undefined
}

export const engines: Readonly<Record<Engine, StoreEngine>> = {
  memory: {
    open: async (options) =>
      (await import('../stores/memory/memory-log-store.ts')).openMemoryLogStore(options),
    restore: undefined,
  },
}
