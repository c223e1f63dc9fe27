/**
 * The program that opens storages which may end its process: one folder after the other, it reads all
 * that is there, commits to it and reads again. Started as
 * `storage-child <module URL> <export> <durability> <folder>…`.
 *
 * Prints a line for each folder: the digest of what it holds, or what it was refused with.
 */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { writeSync } from 'node:fs'
import type { Durability } from '../../core/log-store.ts'
import type { BlockStorage, StorageEngine } from '../../journal/block-storage.ts'
import { BusError } from '../../model/errors.ts'

const [moduleUrl, exportName, durability, ...folders] = process.argv.slice(2)
if (moduleUrl === undefined || exportName === undefined || durability === undefined) {
  throw new Error('usage: storage-child <module URL> <export> <durability> <folder>…')
}
const module = (await import(moduleUrl)) as Record<string, StorageEngine | undefined>
const engine = module[exportName]
if (engine === undefined) throw new Error(`${moduleUrl} does not export ${exportName}`)

for (const folder of folders) {
  // Written at once, so that the lines tell how far it came.
  writeSync(1, `${await lookInto(engine, folder)}\n`)
}

async function lookInto(from: StorageEngine, folder: string): Promise<string> {
  let storage
  try {
    storage = await from.open({ folder, durability: durability as Durability })
  } catch (error) {
    if (error instanceof BusError) return `${error.code}/${error.reason}`
    throw error
  }
  const before = await digest(storage)
  // Takes pages that are free, and looks for them in the list of these.
  const extra = 2 ** 40
  for (const bytes of [new Uint8Array(100), new Uint8Array(200_000), undefined]) {
    await storage.commit({ blocks: [[extra, bytes]], rows: [] })
  }
  await storage.reopen()
  assert.equal(await digest(storage), before)
  await storage.close()
  return before
}

async function digest(storage: BlockStorage): Promise<string> {
  const hash = createHash('sha256')
  const rows = await storage.scanRows(new Uint8Array(), new Uint8Array(100).fill(255), Infinity)
  for (const [key, value] of rows) hash.update(key).update(value)
  for (const { key, bytes } of await storage.scanBlocks(0, Infinity)) {
    hash.update(`${key} ${bytes.length} `).update(bytes)
  }
  return hash.digest('hex')
}
