/** The first row of a store: whose it is, which history, and in which format the rest is written. */

import { randomUUID } from 'node:crypto'
import type { LogStoreOptions } from '../core/log-store.ts'
import { BusError } from '../model/errors.ts'
import { formatNodeId, nodeIdEquals, type NodeId } from '../model/node-id.ts'
import type { BlockStorage, StorageWrites } from './block-storage.ts'
import { RowReader, RowWriter } from './row-codec.ts'
import { kindEnd, kindKey, rowKinds, startOfRows } from './row-keys.ts'

/**
 * Version of everything in docs/reference/disk-format.md, kept where every version will find it: in the first
 * byte of the value.
 */
export const schemaVersion = 1

export interface StoreMeta {
  readonly node: NodeId
  readonly epoch: string
}

/** What a new store begins with. */
export function createMeta(node: NodeId): StoreMeta {
  return { node, epoch: randomUUID() }
}

export function encodeMeta({ node, epoch }: StoreMeta): Uint8Array {
  return new RowWriter(schemaVersion)
    .text(node.tenantId)
    .text(node.blName)
    .text(node.deviceId)
    .text(epoch)
    .finish()
}

/** @throws BusError `failed_precondition/newer_schema`, `data_loss/damaged_store` */
export function decodeMeta(value: Uint8Array, where: string): StoreMeta {
  const version = value[0] ?? 0
  const row = RowReader.open(value, version)
  if (row === undefined) {
    const text = `${where} is damaged in its first row: restore a backup, or move it away to begin anew`
    throw new BusError('data_loss', 'damaged_store', text)
  }
  if (version > schemaVersion) {
    const text =
      `${where} was written by a newer version (format ${version}, this one knows up to ` +
      `${schemaVersion}): install that version; nothing was changed`
    throw new BusError('failed_precondition', 'newer_schema', text)
  }
  const node = { tenantId: row.text(), blName: row.text(), deviceId: row.text() }
  return { node, epoch: row.text() }
}

/** What has to be written so that a store has this first row. */
export function metaWrites(meta: StoreMeta): StorageWrites {
  return { blocks: [], rows: [[kindKey(rowKinds.meta), encodeMeta(meta)]] }
}

/**
 * Reads the first row and makes it for an empty storage.
 *
 * @throws BusError `failed_precondition` with `newer_schema`, `foreign_node` or `foreign_data`;
 *   `data_loss/damaged_store`
 */
export async function openMeta(
  storage: BlockStorage,
  options: LogStoreOptions,
): Promise<StoreMeta> {
  const where = `the store in ${options.folder}`
  const [row] = await storage.scanRows(kindKey(rowKinds.meta), kindEnd(rowKinds.meta), 1)
  if (row === undefined) {
    await refuseForeign(storage, where)
    const meta = createMeta(options.node)
    await storage.commit(metaWrites(meta))
    return meta
  }
  const meta = decodeMeta(row[1], where)
  if (nodeIdEquals(meta.node, options.node)) return meta
  const { adoptNodeId } = options
  checkNode(meta.node, { node: options.node, adoptNodeId }, where)
  const adopted = { node: options.node, epoch: meta.epoch }
  await storage.commit(metaWrites(adopted))
  return adopted
}

/** @throws BusError `failed_precondition/foreign_node` */
export function checkNode(
  stored: NodeId,
  options: Pick<LogStoreOptions, 'node' | 'adoptNodeId'>,
  where: string,
): void {
  if (nodeIdEquals(stored, options.node) || options.adoptNodeId === true) return
  const text =
    `${where} belongs to node ${formatNodeId(stored)}, and this is node ` +
    `${formatNodeId(options.node)}: choose another folder, or adopt the store on purpose`
  throw new BusError('failed_precondition', 'foreign_node', text)
}

/** Without a first row there can be nothing of ours. */
async function refuseForeign(storage: BlockStorage, where: string): Promise<void> {
  const [row] = await storage.scanRows(startOfRows, new Uint8Array([0xff]), 1)
  if (row === undefined && (await storage.scanBlocks(0, 1)).length === 0) return
  const text = `${where} has no first row: it is not a store, or not a whole one`
  throw new BusError('failed_precondition', 'foreign_data', text)
}
