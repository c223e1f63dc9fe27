/**
 * Looks at a file before LMDB does: the library maps whatever it is given, and reading something
 * else, or a file that was cut short, ends the process instead of the open.
 *
 * A file that reaches to the last page its snapshot knows is long enough, which is nearly always so
 * and costs a few small reads. A shorter one can be whole: pages that a transaction took at the end
 * and gave back before its commit are counted, but were never written. So it is refused only when a
 * page in use is behind its end.
 */

import { open } from 'node:fs/promises'
import type { Durability } from '../../core/log-store.ts'
import { errorCode } from '../../journal/storage-errors.ts'
import { BusError } from '../../model/errors.ts'
import { pickMeta, readBootId, readFirstMeta, readMetas } from './lmdb-meta.ts'
import { damaged, hasPagesInUse, type LmdbFile } from './lmdb-pages.ts'

/**
 * A missing or empty file is fine.
 *
 * @throws BusError `failed_precondition/foreign_data` for something else than an LMDB file,
 *   `data_loss/damaged_store` for one that was cut short
 */
export async function checkLmdbFile(path: string, durability: Durability): Promise<void> {
  let file
  try {
    file = await open(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return
    throw error
  }
  try {
    const { size } = await file.stat()
    if (size > 0) await checkPages({ file, path, bytes: size }, durability)
  } finally {
    await file.close()
  }
}

async function checkPages(opened: LmdbFile, durability: Durability): Promise<void> {
  const { file, path, bytes } = opened
  const first = await readFirstMeta(file)
  if (first === undefined) throw foreign(path)
  const metaPagesBytes = 2 * first.pageBytes
  if (bytes < metaPagesBytes) throw cutShort(opened, metaPagesBytes)
  const metas = await readMetas(file, first)
  if (metas === undefined) throw foreign(path)
  const meta = pickMeta(metas, durability, await readBootId())
  if (meta.pageBytes !== first.pageBytes) throw damaged(path, 'its meta pages do not agree')
  const bytesToLastPage = (meta.lastPage + 1) * meta.pageBytes
  if (bytes >= bytesToLastPage || (await hasPagesInUse(opened, meta))) return
  throw cutShort(opened, bytesToLastPage)
}

function foreign(path: string): BusError {
  const text = `${path} is not a database of the engine lmdb`
  return new BusError('failed_precondition', 'foreign_data', text)
}

function cutShort({ path, bytes }: LmdbFile, expected: number): BusError {
  const text =
    `${path} was cut short: it has ${bytes} bytes and should have ${expected}; ` +
    'restore a backup, or move it away to begin anew'
  return new BusError('data_loss', 'damaged_store', text)
}
