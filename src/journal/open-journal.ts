/** Opens a store: folder, engine, first row, memory, in this order; and closes what was opened when a step fails. */

import type { LogStore, LogStoreOptions } from '../core/log-store.ts'
import type { BlockStorage, StorageEngine } from './block-storage.ts'
import { DamageLedger } from './damage-ledger.ts'
import { JournalLogStore } from './journal-log-store.ts'
import { openStoreFolder } from './store-folder.ts'
import { openMeta } from './store-meta.ts'

/**
 * Opens the store of `engine` in `options.folder`.
 *
 * @throws BusError `failed_precondition` with `engine_missing`, `foreign_data`, `foreign_node`,
 *   `newer_schema` or `already_running`; `permission_denied`; `data_loss/damaged_store`;
 *   `internal/storage_failed`; `resource_exhausted/disk_full`
 */
export async function openJournal(
  engine: StorageEngine,
  options: LogStoreOptions,
): Promise<LogStore> {
  const { folder, durability } = options
  const lock = await openStoreFolder(folder, engine)
  let storage: BlockStorage | undefined
  try {
    storage = await engine.open({ folder, durability })
    const meta = await openMeta(storage, options)
    const damage = new DamageLedger(options.logger)
    return await JournalLogStore.open({ storage, options, meta, damage, lock })
  } catch (error) {
    await storage?.close()
    await lock.release()
    throw error
  }
}
