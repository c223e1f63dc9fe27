/**
 * A block without what was given up since it was written: content of deleted messages, and trimmed
 * messages altogether. Every record keeps its sequence, damaged ones their place.
 */

import type { BlockBuilder } from './block-builder.ts'
import { contentStart, recordFlags, type BlockView } from './block.ts'
import type { LogTable } from './log-table.ts'

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
