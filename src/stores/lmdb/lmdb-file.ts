/**
 * Looks at a file before LMDB does: the library maps whatever it is given, and reading something
 * else, or a file that was cut short, ends the process instead of the open. What is checked is at the begin
 * of the two meta pages (`MDB_meta` of LMDB 1.0, data version 2, behind a page header of 24 bytes).
 */

import { open } from 'node:fs/promises'
import type { Durability } from '../../core/log-store.ts'
import { errorCode } from '../../journal/storage-errors.ts'
import { BusError } from '../../model/errors.ts'

const magic = 0xbeefc0de
const offsets = { magic: 24, pageBytes: 48, lastPage: 144, transaction: 152 } as const
const metaBytes = 160
const maxPageBytes = 65_536

interface Meta {
  readonly pageBytes: number
  readonly lastPage: number
  readonly transaction: bigint
}

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
    if (size === 0) return
    const first = Buffer.alloc(metaBytes)
    await file.read(first, 0, metaBytes, 0)
    const meta = parseMeta(first)
    const second = Buffer.alloc(metaBytes)
    if (meta !== undefined) await file.read(second, 0, metaBytes, meta.pageBytes)
    const other = parseMeta(second)
    if (meta === undefined || other === undefined) {
      const text = `${path} is not a database of the engine lmdb`
      throw new BusError('failed_precondition', 'foreign_data', text)
    }
    // Without syncs the newest page may tell of bytes that a power cut took; LMDB knows then.
    const isNewest = meta.transaction > other.transaction === (durability === 'disk')
    const expected = ((isNewest ? meta : other).lastPage + 1) * meta.pageBytes
    if (size >= expected) return
    const text =
      `${path} was cut short: it has ${size} bytes and should have ${expected}; ` +
      'restore a backup, or move it away to begin anew'
    throw new BusError('data_loss', 'damaged_store', text)
  } finally {
    await file.close()
  }
}

function parseMeta(page: Buffer): Meta | undefined {
  const pageBytes = page.readUInt32LE(offsets.pageBytes)
  const isPageSize = pageBytes >= 512 && pageBytes <= maxPageBytes
  if (page.readUInt32LE(offsets.magic) !== magic || !isPageSize) return undefined
  return {
    pageBytes,
    lastPage: Number(page.readBigUInt64LE(offsets.lastPage)),
    transaction: page.readBigUInt64LE(offsets.transaction),
  }
}
