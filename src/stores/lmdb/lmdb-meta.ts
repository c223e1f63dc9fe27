/**
 * The meta pages of an LMDB file, each the root of one snapshot, and which of them LMDB will take.
 * Follows `MDB_meta`, `mdb_pick_meta` and `mdb_env_pick_meta` in the `mdb.c` that the package `lmdb`
 * 3 comes with (LMDB 1.0, data version 2, changed by that package; not the 0.9 of most systems).
 *
 * There are three. Commits write pages 0 and 1 in turn, by the parity of the transaction. With
 * overlapping sync, which `os` uses, a commit is marked as not synced yet, and once it is, its meta is
 * written again into the second half of page 0.
 *
 * A meta carries no checksum: LMDB counts on one that fits into a sector being written wholly or not
 * at all, and judges by transaction, mark and boot alone. A torn one is therefore not looked for
 * here: LMDB would take it too, and what matters is whether the snapshot that it takes can be read.
 */

import { readFile, type FileHandle } from 'node:fs/promises'
import type { Durability } from '../../core/log-store.ts'

/** Bytes before the content of every page: `MDB_page_header`. */
export const pageHeaderBytes = 24

const magic = 0xbeefc0de
const dataVersion = 2
/** A commit that was not synced when it was written: `MDB_OVERLAPPINGSYNC`, among the flags. */
const unsyncedFlag = 0x1000
/** From the begin of the page. The trees are an `MDB_db` of 48 bytes each, whose root comes last. */
const offsets = {
  magic: 24,
  version: 28,
  pageBytes: 48,
  flags: 52,
  freeListRoot: 88,
  mainRoot: 136,
  lastPage: 144,
  transaction: 152,
  bootId: 160,
} as const
const metaBytes = 168
const minPageBytes = 512
const maxPageBytes = 65_536

export interface LmdbMeta {
  readonly pageBytes: number
  /** The list of free pages, and the tree that names all others. Undefined where a tree is empty. */
  readonly roots: readonly (number | undefined)[]
  /** The last page that was ever given out; it may be free, and the file then end before it. */
  readonly lastPage: number
  readonly transaction: bigint
  readonly isUnsynced: boolean
  readonly bootId: bigint
}

export interface LmdbMetas {
  readonly even: LmdbMeta
  readonly odd: LmdbMeta
  readonly flushed: LmdbMeta
}

/** The first meta page; undefined when the file is none of LMDB's, or has another format. */
export async function readFirstMeta(file: FileHandle): Promise<LmdbMeta | undefined> {
  const page = await readAt(file, 0)
  return isMeta(page) ? parseMeta(page) : undefined
}

/** All of them; undefined when the other meta page is none. */
export async function readMetas(file: FileHandle, even: LmdbMeta): Promise<LmdbMetas | undefined> {
  const page = await readAt(file, even.pageBytes)
  if (!isMeta(page)) return undefined
  // What repeats the meta in the second half of page 0 leaves out magic and version.
  const flushed = parseMeta(await readAt(file, even.pageBytes / 2))
  return { even, odd: parseMeta(page), flushed }
}

/**
 * The one that LMDB takes when the file is opened. That is the newest, unless syncs overlap with
 * commits: a newest one that was not synced counts only during the same run of the operating system,
 * which still has what it was given. After a power cut it may tell of pages that were never written.
 *
 * @param bootId as of `readBootId`
 */
export function pickMeta(metas: LmdbMetas, durability: Durability, bootId: bigint): LmdbMeta {
  const { even, odd, flushed } = metas
  if (durability !== 'os') return even.transaction >= odd.transaction ? even : odd
  return pickSafe(pickSafe(even, odd, bootId), flushed, bootId)
}

/** `mdb_pick_meta` with overlapping sync, step by step, since its answer for two equal ones counts, too. */
function pickSafe(one: LmdbMeta, other: LmdbMeta, bootId: bigint): LmdbMeta {
  if (other.transaction === 0n) return one
  const newest = one.transaction >= other.transaction ? one : other
  const isOfThisBoot = newest.bootId !== 0n && newest.bootId === bootId
  if (isOfThisBoot || !newest.isUnsynced) return newest
  return one.transaction > other.transaction ? other : one
}

/**
 * What LMDB notes down to know a run of the operating system again: the first digits of Linux'
 * boot id. On macOS it takes one that Node.js does not show, elsewhere none. Without it the synced
 * meta is picked, which at worst is older than the one LMDB takes, and whole in every healthy file.
 */
export async function readBootId(): Promise<bigint> {
  let text
  try {
    text = await readFile('/proc/sys/kernel/random/boot_id', 'utf8')
  } catch {
    return 0n
  }
  const [digits] = /^[0-9a-f]+/i.exec(text) ?? []
  return digits === undefined ? 0n : BigInt(`0x${digits}`)
}

/** A page number or count of 64 bits. One too large for a number is too large for every file. */
export function readPageNumber(page: Buffer, at: number): number {
  return Number(page.readBigUInt64LE(at))
}

/** The root of an `MDB_db`; all bits are set when its tree is empty. */
export function readRoot(page: Buffer, at: number): number | undefined {
  const emptyRoot = 0xffff_ffff_ffff_ffffn
  const root = page.readBigUInt64LE(at)
  return root === emptyRoot ? undefined : Number(root)
}

async function readAt(file: FileHandle, position: number): Promise<Buffer> {
  // What is behind the end of the file stays zero.
  const page = Buffer.alloc(metaBytes)
  await file.read(page, 0, metaBytes, position)
  return page
}

function isMeta(page: Buffer): boolean {
  const pageBytes = page.readUInt32LE(offsets.pageBytes)
  return (
    page.readUInt32LE(offsets.magic) === magic &&
    (page.readUInt32LE(offsets.version) & 0xffff) === dataVersion &&
    pageBytes >= minPageBytes &&
    pageBytes <= maxPageBytes &&
    Number.isInteger(Math.log2(pageBytes))
  )
}

function parseMeta(page: Buffer): LmdbMeta {
  return {
    pageBytes: page.readUInt32LE(offsets.pageBytes),
    roots: [readRoot(page, offsets.freeListRoot), readRoot(page, offsets.mainRoot)],
    lastPage: readPageNumber(page, offsets.lastPage),
    transaction: page.readBigUInt64LE(offsets.transaction),
    isUnsynced: (page.readUInt16LE(offsets.flags) & unsyncedFlag) !== 0,
    bootId: page.readBigInt64LE(offsets.bootId),
  }
}
