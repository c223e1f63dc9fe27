/**
 * Which pages of an LMDB file are in use, read by hand: LMDB itself maps the file, and looking for a
 * page behind its end would end the process. The trees are walked down from their roots, and only
 * their branch and leaf pages are read; large values stand on runs of overflow pages, which are
 * known by number and length from the node that refers to them.
 *
 * Layouts follow `mdb.c` of the package `lmdb` 3 (LMDB 1.0, data version 2, little-endian):
 * - `MDB_page_header`, 24 bytes: page number u64, transaction u64, padding u16, flags u16, then the
 *   bounds of the free space, lower u16 and upper u16. Offsets of nodes, u16 each, follow up to
 *   `lower`; they and `lower` count from the end of the header (`PAGEBASE`).
 * - `MDB_node`, 8 bytes: low u16, high u16, flags u16, key length u16; then key and data. In a branch
 *   the first three are the number of a page, in a leaf the first two are the length of the data.
 * - `MDB_ovpage`, instead of the data with `F_BIGDATA`: first page u64, transaction u64, pages u64.
 * - `MDB_db`, the data with `F_SUBDATA`, 48 bytes, the last 8 of which are the root: a named
 *   database, or the values of one key. A node with `F_DUPDATA` alone has its values inside.
 *
 * The list of free pages would be shorter to read than everything in use, but it is no proof: the
 * package's version of it has more than one format, and drops pages when it grows too long.
 */

import type { FileHandle } from 'node:fs/promises'
import { BusError } from '../../model/errors.ts'
import { pageHeaderBytes, readPageNumber, readRoot, type LmdbMeta } from './lmdb-meta.ts'

const offsets = { flags: 18, lower: 20 } as const
const pageFlags = { branch: 0x01, leaf: 0x02, fixedSize: 0x20 } as const
const nodeFlags = { bigData: 0x01, subData: 0x02 } as const
const nodeHeaderBytes = 8
const overflowBytes = 24
const treeBytes = 48
const rootInTree = 40
/** Pages 0 and 1 are the meta pages. */
const firstPage = 2
/** Pages read at once. */
const batchPages = 64

export interface LmdbFile {
  readonly file: FileHandle
  readonly path: string
  readonly bytes: number
}

/**
 * Whether the file has every page that the snapshot of `meta` uses. Takes a read per branch and leaf
 * page, about a second for 100,000 of them, and a bit of memory per page.
 *
 * @throws BusError `data_loss/damaged_store` when the trees make no sense
 */
export async function hasPagesInUse(file: LmdbFile, meta: LmdbMeta): Promise<boolean> {
  return new PageWalk(file, meta).run()
}

export function damaged(path: string, what: string): BusError {
  const text = `${path} is damaged: ${what}; restore a backup, or move it away to begin anew`
  return new BusError('data_loss', 'damaged_store', text)
}

class PageWalk {
  readonly #file: LmdbFile
  readonly #meta: LmdbMeta
  /** How many whole pages the file has. */
  readonly #filePages: number
  /** A bit per page. What refers to a page twice is no tree, and could be walked without end. */
  readonly #seen: Uint8Array
  readonly #waiting: number[] = []
  #isCut = false

  constructor(file: LmdbFile, meta: LmdbMeta) {
    this.#file = file
    this.#meta = meta
    this.#filePages = Math.floor(file.bytes / meta.pageBytes)
    this.#seen = new Uint8Array(Math.ceil(this.#filePages / 8))
  }

  async run(): Promise<boolean> {
    const { pageBytes, roots } = this.#meta
    const buffer = Buffer.alloc(batchPages * pageBytes)
    for (const root of roots) this.#follow(root)
    while (this.#waiting.length > 0 && !this.#isCut) {
      const reads = this.#waiting.splice(-batchPages).map(async (number, i) => {
        const page = buffer.subarray(i * pageBytes, (i + 1) * pageBytes)
        const { bytesRead } = await this.#file.file.read(page, 0, pageBytes, number * pageBytes)
        if (bytesRead < pageBytes) this.#isCut = true
        return { number, page }
      })
      for (const { number, page } of await Promise.all(reads)) this.#visit(number, page)
    }
    return !this.#isCut
  }

  /** To a page that is the root of a tree or of a part of it. */
  #follow(number: number | undefined): void {
    if (number === undefined || !this.#hasRun(number, 1)) return
    const at = Math.floor(number / 8)
    const bit = 1 << (number % 8)
    const byte = this.#seen[at] ?? 0
    if ((byte & bit) !== 0) throw this.#damaged(`page ${number} is used twice`)
    this.#seen[at] = byte | bit
    this.#waiting.push(number)
  }

  /** Whether the file has these pages. */
  #hasRun(first: number, count: number): boolean {
    const { lastPage } = this.#meta
    const last = first + count - 1
    if (first < firstPage || last < first || last > lastPage) {
      const pages = `${count} page${count === 1 ? '' : 's'} from page ${first} on`
      throw this.#damaged(`${pages} cannot be in use, the last one being ${lastPage}`)
    }
    if (last < this.#filePages) return true
    this.#isCut = true
    return false
  }

  #visit(number: number, page: Buffer): void {
    if (this.#isCut) return
    const flags = page.readUInt16LE(offsets.flags)
    if ((flags & pageFlags.branch) !== 0) {
      for (const node of this.#nodesOf(number, page)) this.#follow(branchTarget(page, node))
    } else if ((flags & pageFlags.leaf) === 0) {
      throw this.#damaged(`page ${number} is neither a branch nor a leaf of a tree`)
    } else if ((flags & pageFlags.fixedSize) === 0) {
      // Values of a fixed size have no nodes and refer to nothing.
      for (const node of this.#nodesOf(number, page)) this.#visitLeafNode(number, page, node)
    }
  }

  *#nodesOf(number: number, page: Buffer): Generator<number> {
    const end = pageHeaderBytes + page.readUInt16LE(offsets.lower)
    this.#mustFit(number, end)
    for (let at = pageHeaderBytes; at + 2 <= end; at += 2) {
      const node = pageHeaderBytes + page.readUInt16LE(at)
      this.#mustFit(number, node + nodeHeaderBytes)
      yield node
    }
  }

  #visitLeafNode(number: number, page: Buffer, node: number): void {
    const flags = page.readUInt16LE(node + 4)
    const data = node + nodeHeaderBytes + page.readUInt16LE(node + 6)
    if ((flags & nodeFlags.bigData) !== 0) {
      this.#mustFit(number, data + overflowBytes)
      const bytes = pageHeaderBytes + page.readUInt32LE(node)
      const pages = readPageNumber(page, data + 16)
      // Only the first page of a run has a header.
      this.#hasRun(
        readPageNumber(page, data),
        Math.max(pages, Math.ceil(bytes / this.#meta.pageBytes)),
      )
    } else if ((flags & nodeFlags.subData) !== 0) {
      this.#mustFit(number, data + treeBytes)
      this.#follow(readRoot(page, data + rootInTree))
    }
  }

  #mustFit(number: number, end: number): void {
    if (end <= this.#meta.pageBytes) return
    throw this.#damaged(`a node of page ${number} reaches out of it`)
  }

  #damaged(what: string): BusError {
    return damaged(this.#file.path, what)
  }
}

function branchTarget(page: Buffer, node: number): number {
  return page.readUInt32LE(node) + page.readUInt16LE(node + 4) * 2 ** 32
}
