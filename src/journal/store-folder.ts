/**
 * The folder of a store: made when missing, refused when it holds something else, and ours alone
 * while we are open (folder-lock.ts).
 */

import { mkdir, readdir } from 'node:fs/promises'
import { BusError } from '../model/errors.ts'
import type { StorageEngine } from './block-storage.ts'
import { FolderLock, lockFileName } from './folder-lock.ts'
import { folderUnusable } from './storage-errors.ts'

/** What the daemon, its administrator or a file system puts beside a store. */
const neighbours =
  /^(ready\.json|last-values(\.new)?|lost\+found|\..*|.*\.(sock|pid|log|ya?ml|pem|crt|key|lock))$/

/**
 * @throws BusError `failed_precondition/foreign_data`, `failed_precondition/already_running`,
 *   `permission_denied` or `internal` when the folder cannot be used
 */
export async function openStoreFolder(folder: string, engine: StorageEngine): Promise<FolderLock> {
  try {
    await mkdir(folder, { recursive: true })
    refuseForeign(folder, await readdir(folder), engine)
    return await FolderLock.acquire(folder)
  } catch (error) {
    throw error instanceof BusError ? error : folderUnusable(folder, error)
  }
}

function refuseForeign(folder: string, names: readonly string[], engine: StorageEngine): void {
  if (names.includes(engine.files[0])) return
  const foreign = names.find((name) => !name.startsWith(lockFileName) && !neighbours.test(name))
  if (foreign === undefined) return
  const text =
    `the data folder ${folder} holds something else than a store of the engine ${engine.name} ` +
    `(${foreign}): choose another folder, or the engine that made it`
  throw new BusError('failed_precondition', 'foreign_data', text)
}
