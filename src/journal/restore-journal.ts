/**
 * Makes a store of a backup, with any engine. Nothing is left in the folder unless all of the backup
 * was sound, and the first row is written last, so that a restore cut short is no store.
 */

import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { LogStoreOptions } from '../core/log-store.ts'
import { BusError } from '../model/errors.ts'
import { readBackup } from './backup.ts'
import type { BlockStorage, StorageEngine } from './block-storage.ts'
import { lockFileName } from './folder-lock.ts'
import { keyKind, rowKinds } from './row-keys.ts'
import { folderUnusable } from './storage-errors.ts'
import { openStoreFolder } from './store-folder.ts'
import { checkNode, createMeta, decodeMeta, metaWrites, type StoreMeta } from './store-meta.ts'

type RestoreOptions = Pick<LogStoreOptions, 'folder' | 'node' | 'durability' | 'adoptNodeId'>

/**
 * Writes what the backup holds into `options.folder`, which must be empty or missing, as a new history: with
 * another epoch, since what happened after the backup is not in it.
 *
 * @throws BusError `data_loss/damaged_store`; `failed_precondition` with `foreign_node`,
 *   `newer_schema`, `foreign_data` (the folder is not empty) or `engine_missing`
 */
export async function restoreJournal(
  engine: StorageEngine,
  chunks: AsyncIterable<Uint8Array>,
  options: RestoreOptions,
): Promise<void> {
  const { folder, durability } = options
  await refuseUsed(folder)
  const lock = await openStoreFolder(folder, engine)
  let storage: BlockStorage | undefined
  try {
    storage = await engine.open({ folder, durability })
    const meta = await copy(chunks, storage, options)
    await storage.commit(metaWrites(meta))
    await storage.close()
  } catch (error) {
    await storage?.close()
    for (const file of engine.files) await rm(join(folder, file), { force: true })
    throw error
  } finally {
    await lock.release()
  }
}

async function copy(
  chunks: AsyncIterable<Uint8Array>,
  storage: BlockStorage,
  options: RestoreOptions,
): Promise<StoreMeta> {
  let isOurs = false
  for await (const frame of readBackup(chunks)) {
    if (frame.kind === 'blocks') {
      await storage.commit({ blocks: frame.blocks.map(({ key, bytes }) => [key, bytes]), rows: [] })
      continue
    }
    const rows = frame.rows.filter(([key]) => keyKind(key) !== rowKinds.meta)
    for (const [key, value] of frame.rows) {
      if (keyKind(key) !== rowKinds.meta) continue
      checkNode(decodeMeta(value, 'the backup').node, options, 'the backup')
      isOurs = true
    }
    await storage.commit({ blocks: [], rows })
  }
  if (isOurs) return createMeta(options.node)
  const text = 'this is not a whole and undamaged backup: it does not say whose it is'
  throw new BusError('data_loss', 'damaged_store', text)
}

async function refuseUsed(folder: string): Promise<void> {
  let names: string[] = []
  try {
    names = await readdir(folder)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) {
      throw folderUnusable(folder, error)
    }
  }
  const used = names.find((name) => !name.startsWith(lockFileName))
  if (used === undefined) return
  const text = `the folder ${folder} is not empty (${used}): restore into a new one`
  throw new BusError('failed_precondition', 'foreign_data', text)
}
