/** The default store: the journal on LMDB, an optional dependency that ships its binaries. */

import type { LogStore, LogStoreOptions } from '../../core/log-store.ts'
import { openJournal } from '../../journal/open-journal.ts'
import { restoreJournal } from '../../journal/restore-journal.ts'
import { lmdbEngine } from './lmdb-storage.ts'

/** Opens the store in `options.folder`, made when missing. @throws BusError as `openJournal` */
export function openLmdbLogStore(options: LogStoreOptions): Promise<LogStore> {
  return openJournal(lmdbEngine, options)
}

/**
 * Makes a store of a backup of any engine, in a folder that is empty or missing, and opens it.
 *
 * @throws BusError as `restoreJournal` and `openJournal`
 */
export async function restoreLmdbLogStore(
  backup: AsyncIterable<Uint8Array>,
  options: LogStoreOptions,
): Promise<LogStore> {
  await restoreJournal(lmdbEngine, backup, options)
  return openJournal(lmdbEngine, options)
}
