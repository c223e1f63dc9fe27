/**
 * A block without what was given up since it was written: content of deleted messages, and trimmed
 * messages altogether. Every record keeps its sequence, damaged ones their place.
 */

import type { BlockBuilder } from './block-builder.ts'
import { contentStart, recordFlags, type BlockView } from './block.ts'
import { parseUuid } from '../base/uuid.ts'
import { type Headers, noHeaders } from '../model/message.ts'
import type { LogState } from './log-state.ts'
import type { LogTable } from './log-table.ts'

const noPayload = new Uint8Array(0)
const uuidWords = new Uint32Array(4)

export interface RewriteOptions {
  readonly logs: LogTable
  readonly keepsDeletedPayloads: boolean
}

/** What would become of a block. */
export interface BlockWear {
  readonly records: number
  readonly trimmed: number
  /** Records whose content has to go. */
  readonly erasable: number
}

/** Undefined for a block whose directory is damaged: nothing is known well enough to remove it. */
export function wearOf(view: BlockView, options: RewriteOptions): BlockWear | undefined {
  if (!view.isDirectorySound) return undefined
  let trimmed = 0
  let erasable = 0
  for (let i = 0; i < view.count; i++) {
    const fate = fateOf(view, i, options)
    if (fate === 'drop') trimmed += 1
    else if (fate === 'erase') erasable += 1
  }
  return { records: view.count, trimmed, erasable }
}

/** The new bytes; undefined when nothing is left. Only for a block with a sound directory. */
export function rewriteBlock(
  view: BlockView,
  builder: BlockBuilder,
  options: RewriteOptions,
): Uint8Array | undefined {
  builder.begin(view.key)
  for (let i = 0; i < view.count; i++) {
    const fate = fateOf(view, i, options)
    if (fate === 'drop') continue
    if (view.isSound(i)) builder.copy(view, i, fate === 'erase')
    else builder.copyDamaged(view, i, fate === 'keep')
  }
  return builder.count === 0 ? undefined : builder.finish()
}

/** A message as it was, for a record that is damaged. */
export interface Original {
  readonly id: string
  readonly createdAtMs: number
  readonly payload: Uint8Array
  readonly headers: Headers
}

/**
 * The block with the record of a message written anew. Undefined when there is nothing to repair, or the directory of
 * the block is damaged or names another message: then it cannot be told what stood there.
 */
export function repairBlock(
  view: BlockView,
  builder: BlockBuilder,
  { number, deleted }: LogState,
  head: number,
  original: Original,
): Uint8Array | undefined {
  const at = damagedAt(view, number, head)
  if (at === -1 || !isOf(view, at, original)) return undefined
  builder.begin(view.key)
  for (let i = 0; i < view.count; i++) {
    if (i !== at) {
      if (view.isSound(i)) builder.copy(view, i, false)
      else builder.copyDamaged(view, i, true)
      continue
    }
    const isDeleted = deleted.has(head)
    const record = {
      log: number,
      headId: head,
      sequence: view.sequenceAt(i),
      createdAtMs: original.createdAtMs,
      deleted: isDeleted,
      history: (view.flagsAt(i) & recordFlags.history) !== 0,
      headers: isDeleted ? noHeaders : original.headers,
      payload: isDeleted ? noPayload : original.payload,
      publishId: undefined,
    }
    builder.add(record, original.id)
  }
  return builder.finish()
}

function damagedAt(view: BlockView, log: number, head: number): number {
  if (!view.isDirectorySound) return -1
  for (let i = 0; i < view.count; i++) {
    if (view.logAt(i) === log && view.headAt(i) === head) return view.isSound(i) ? -1 : i
  }
  return -1
}

/** What a sound directory says of a record whose body is damaged. A text id stands in the body. */
function isOf(view: BlockView, i: number, { id, createdAtMs }: Original): boolean {
  if (view.createdAtMsAt(i) !== createdAtMs) return false
  if ((view.flagsAt(i) & recordFlags.textId) !== 0) return !parseUuid(id, uuidWords, 0)
  if (!parseUuid(id, uuidWords, 0)) return false
  const from = view.idWordAt(i)
  return uuidWords.every((word, n) => word === view.words[from + n])
}

function fateOf(view: BlockView, i: number, options: RewriteOptions): 'keep' | 'erase' | 'drop' {
  const log = options.logs.byNumber(view.logAt(i))
  if (log === undefined) return 'keep'
  const head = view.headAt(i)
  if (head <= log.trimmedTo) return 'drop'
  if (options.keepsDeletedPayloads || !log.deleted.has(head)) return 'keep'
  const flags = view.flagsAt(i)
  const start = view.bodyStartAt(i)
  const bareBytes = view.isSound(i) ? contentStart(view.bytes, start, flags) - start : 0
  const isErased = (flags & recordFlags.deleted) !== 0 && view.bodyLengthAt(i) <= bareBytes
  return isErased ? 'keep' : 'erase'
}
