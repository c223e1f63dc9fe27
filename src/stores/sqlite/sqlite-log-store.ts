/** The store on SQLite, by way of libsql, which needs no compiler to be installed. */

import type { LogStore, LogStoreOptions } from '../../core/log-store.ts'
import { openJournal } from '../../journal/open-journal.ts'
import { restoreJournal } from '../../journal/restore-journal.ts'
import { sqliteEngine } from './sqlite-storage.ts'

/** Opens the store in `options.folder`, made when missing. @throws BusError as `openJournal` */
export function openSqliteLogStore(options: LogStoreOptions): Promise<LogStore> {
  return openJournal(sqliteEngine, options)
}

/**
 * Makes a store of a backup of any engine, in a folder that is empty or missing, and opens it.
 *
 * @throws BusError as `restoreJournal` and `openJournal`
 */
export async function restoreSqliteLogStore(
  backup: AsyncIterable<Uint8Array>,
  options: LogStoreOptions,
): Promise<LogStore> {
  await restoreJournal(sqliteEngine, backup, options)
  return openJournal(sqliteEngine, options)
}
