import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { copyFile, mkdir, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as fc from 'fast-check'
import type { Durability } from '../../core/log-store.ts'
import { BusError } from '../../model/errors.ts'
import { checkLmdbFile } from './lmdb-file.ts'
import { readBootId } from './lmdb-meta.ts'
import { lmdbEngine } from './lmdb-storage.ts'

const [fileName] = lmdbEngine.files
const refused = 'data_loss/damaged_store'
/** In a meta page; a new file gets the page size of the system. */
const pageBytesAt = 48
/** Where the tests read or change a meta page, and a page of a tree. */
const meta = { flags: 52, mainRoot: 136, lastPage: 144, transaction: 152, bootId: 160 } as const
const tree = { flags: 18, lower: 20, firstNode: 24 } as const

for (const durability of ['disk', 'os', 'memory'] as const) {
  test(`a file may end before the last page that was given out (${durability})`, async () => {
    await withFolder(async (folder) => {
      await makeShortFile(folder, durability)
      const path = join(folder, fileName)
      const bytes = await readFile(path)
      const pages = Number(bytes.readBigUInt64LE(newestMeta(bytes) + meta.lastPage)) + 1
      assert.ok(bytes.length < pages * pageBytesOf(bytes))
      await checkLmdbFile(path, durability)
      const storage = await lmdbEngine.open({ folder, durability })
      assert.deepEqual(await storage.getBlocks([1, 2, 3]), [block(1), block(2), undefined])
      await storage.commit({ blocks: [[3, block(3)]], rows: [] })
      await storage.reopen()
      assert.deepEqual(await storage.getBlocks([1, 2, 3]), [block(1), block(2), block(3)])
      await storage.close()
    })
  })
}

for (const durability of ['disk', 'os'] as const) {
  test(`a file cut to any length is whole or refused (${durability})`, async () => {
    await withFolder(async (folder) => {
      await makeManyPages(folder, durability)
      const path = join(folder, fileName)
      const bytes = await readFile(path)
      const pageBytes = pageBytesOf(bytes)
      const copies: string[] = []
      for (let length = bytes.length; length > 0; length -= pageBytes / 2) {
        const copy = join(folder, `${length}`)
        await mkdir(copy)
        await copyFile(path, join(copy, fileName))
        await truncate(join(copy, fileName), length)
        copies.push(copy)
      }
      const outcomes = await openEach(copies, durability)
      const [whole] = outcomes
      assert.match(String(whole), /^[0-9a-f]{64}$/)
      // Free pages end the file; before them is the last one in use.
      const firstRefused = outcomes.indexOf(refused)
      assert.ok(firstRefused > 5 && firstRefused < copies.length - 5)
      assert.deepEqual(
        outcomes,
        copies.map((_, i) => (i < firstRefused ? whole : refused)),
      )
    })
  })
}

test('after a power cut the pages of the last sync are enough', async (t) => {
  const bootId = await readBootId()
  if (bootId === 0n) {
    t.skip('this system tells no boot id')
    return
  }
  await withFolder(async (folder) => {
    await makeManyPages(folder, 'os')
    const [before] = await openEach([await copyOf(folder, 'before')], 'os')
    const path = join(folder, fileName)
    const { size } = await stat(path)
    const storage = await lmdbEngine.open({ folder, durability: 'disk' })
    await storage.commit({ blocks: [[99, Buffer.alloc(size)]], rows: [] })
    await storage.close()
    // The newest commit as one that was not synced leaves it, without the pages it wrote at the end.
    await truncate(path, size)
    const bytes = await readFile(path)
    const flagsAt = newestMeta(bytes) + meta.flags
    bytes.writeUInt16LE(bytes.readUInt16LE(flagsAt) | 0x1000, flagsAt)
    await writeFile(path, bytes)
    const sameBoot = await copyOf(folder, 'same-boot')
    for (const page of [0, pageBytesOf(bytes)]) {
      bytes.writeBigInt64LE(bootId + 1n, page + meta.bootId)
    }
    await writeFile(path, bytes)
    const always = await copyOf(folder, 'always-newest')
    assert.deepEqual(await openEach([sameBoot, folder], 'os'), [refused, before])
    assert.deepEqual(await openEach([always], 'disk'), [refused])
  })
})

const damages: readonly { name: string; text: RegExp; damage: (file: DamagedFile) => void }[] = [
  {
    name: 'a root behind the last page',
    text: /1 page from page \d+ on cannot be in use/,
    damage: ({ bytes, metaAt }) => bytes.writeBigUInt64LE(2n ** 60n, metaAt + meta.mainRoot),
  },
  {
    name: 'a root that is a meta page',
    text: /1 page from page 1 on cannot be in use/,
    damage: ({ bytes, metaAt }) => bytes.writeBigUInt64LE(1n, metaAt + meta.mainRoot),
  },
  {
    name: 'a root that was never written',
    text: /is neither a branch nor a leaf/,
    damage: ({ bytes, rootAt }) => bytes.fill(0, rootAt, rootAt + 512),
  },
  {
    name: 'a page that leads to itself',
    text: /is used twice/,
    damage: ({ bytes, rootAt }) => {
      const node = rootAt + 512
      bytes.writeUInt16LE(0x01, rootAt + tree.flags)
      bytes.writeUInt16LE(2, rootAt + tree.lower)
      bytes.writeUInt16LE(node - rootAt - 24, rootAt + tree.firstNode)
      bytes.writeUInt32LE(rootAt / pageBytesOf(bytes), node)
      bytes.writeUInt32LE(0, node + 4)
    },
  },
  {
    name: 'more nodes than a page has room for',
    text: /reaches out of it/,
    damage: ({ bytes, rootAt }) => bytes.writeUInt16LE(0xffff, rootAt + tree.lower),
  },
  {
    name: 'a node outside of its page',
    text: /reaches out of it/,
    damage: ({ bytes, rootAt }) => bytes.writeUInt16LE(0xfffe, rootAt + tree.firstNode),
  },
]

interface DamagedFile {
  readonly bytes: Buffer
  /** Where the newest meta page begins, and the root of the tree that names the others. */
  readonly metaAt: number
  readonly rootAt: number
}

for (const { name, text, damage } of damages) {
  test(`a file that may be cut short has trees: ${name}`, async () => {
    await withFolder(async (folder) => {
      await makeShortFile(folder, 'disk')
      const path = join(folder, fileName)
      const bytes = await readFile(path)
      const metaAt = newestMeta(bytes)
      const rootAt = Number(bytes.readBigUInt64LE(metaAt + meta.mainRoot)) * pageBytesOf(bytes)
      damage({ bytes, metaAt, rootAt })
      await writeFile(path, bytes)
      const error = await checkLmdbFile(path, 'disk').catch((reason: unknown) => reason)
      assert.ok(error instanceof BusError)
      assert.equal(error.reason, 'damaged_store')
      assert.match(error.message, text)
    })
  })
}

test('random damage is refused in words, or not noticed', async (t) => {
  const seed = randomInt(2 ** 31)
  t.diagnostic(`seed ${seed}`)
  await withFolder(async (folder) => {
    await makeManyPages(folder, 'os')
    await makeShortFile(folder, 'os')
    const path = join(folder, fileName)
    const sound = await readFile(path)
    const pageBytes = pageBytesOf(sound)
    const pages = sound.length / pageBytes
    const place = fc.oneof(fc.nat(200), fc.nat(pageBytes - 1))
    const change = fc.tuple(fc.nat(pages - 1), place, fc.nat(255))
    const changes = fc.array(change, { minLength: 1, maxLength: 300, size: 'max' })
    const seen = new Set<string>()
    const property = fc.asyncProperty(changes, fc.nat(sound.length), async (all, length) => {
      const bytes = Buffer.from(sound)
      for (const [page, byte, value] of all) bytes[page * pageBytes + byte] = value
      await writeFile(path, bytes.subarray(0, Math.max(length, 2 * pageBytes)))
      try {
        await checkLmdbFile(path, 'os')
        seen.add('whole')
      } catch (error) {
        assert.ok(error instanceof BusError)
        assert.ok(error.reason === 'damaged_store' || error.reason === 'foreign_data')
        seen.add(error.reason)
      }
    })
    await fc.assert(property, { seed, numRuns: 200 })
    assert.ok(seen.has('damaged_store'))
  })
})

/** What one commit puts and removes is given the pages at the end, which are then not written. */
async function makeShortFile(folder: string, durability: Durability): Promise<void> {
  const storage = await lmdbEngine.open({ folder, durability })
  for (const key of [1, 2]) await storage.commit({ blocks: [[key, block(key)]], rows: [] })
  const gone = Buffer.alloc(1_000_000)
  await storage.commit({
    blocks: [
      [3, gone],
      [3, undefined],
    ],
    rows: [],
  })
  // Now both meta pages tell of them.
  await storage.commit({ blocks: [[1, block(1)]], rows: [] })
  await storage.close()
}

/** Trees of several levels, large values, free pages between and at the end. */
async function makeManyPages(folder: string, durability: Durability): Promise<void> {
  const storage = await lmdbEngine.open({ folder, durability })
  for (let key = 1; key <= 6; key += 1) {
    const rows = Array.from({ length: 60 }, (_, i) => {
      return [Buffer.from(`row ${key} ${i}`.padEnd(60)), Buffer.alloc(100, i)] as const
    })
    await storage.commit({ blocks: [[key, block(key)]], rows })
  }
  await storage.commit({ blocks: [[2, undefined]], rows: [] })
  await storage.commit({ blocks: [[7, Buffer.alloc(100_000)]], rows: [] })
  await storage.commit({ blocks: [[7, undefined]], rows: [] })
  await storage.close()
}

function block(key: number): Buffer {
  return Buffer.alloc(5_000 * key, key)
}

async function copyOf(folder: string, name: string): Promise<string> {
  const copy = join(folder, name)
  await mkdir(copy)
  await copyFile(join(folder, fileName), join(copy, fileName))
  return copy
}

/** What a process of its own finds in each folder; fails when it ends before the last one. */
async function openEach(folders: readonly string[], durability: Durability): Promise<string[]> {
  const program = fileURLToPath(new URL('../suite/storage-child.js', import.meta.url))
  const module = new URL('./lmdb-storage.js', import.meta.url).href
  const args = [program, module, 'lmdbEngine', durability, ...folders]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const outcomes = stdout.trimEnd().split('\n')
  assert.equal(outcomes.length, folders.length)
  return outcomes
}

/** Where it begins. */
function newestMeta(bytes: Buffer): number {
  const pageBytes = pageBytesOf(bytes)
  const transactions = [0, pageBytes].map((page) => bytes.readBigUInt64LE(page + meta.transaction))
  const [even = 0n, odd = 0n] = transactions
  return even >= odd ? 0 : pageBytes
}

function pageBytesOf(bytes: Buffer): number {
  return bytes.readUInt32LE(pageBytesAt)
}

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'msgbus-lmdb-'))
  try {
    await run(folder)
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}
