/**
 * Where the messages of a log are: runs of heads in blocks (log-state.ts), the newest in memory, the
 * others as rows. A row holds some hundred consecutive runs of one log, packed, under the key (log,
 * first head), so finding a head costs one look-up of a row, and an append costs none: rows are
 * written in the background (checkpoint.ts). Rows are kept decoded for a while, since readers go on
 * where they were.
 */

import { nextTurn } from '../base/time-slice.ts'
import type { StorageReader } from './block-storage.ts'
import { BlockView } from './block.ts'
import type { LogState } from './log-state.ts'
import { RowReader, RowWriter } from './row-codec.ts'
import { keyNumber, keyPosition, numberKey, positionKey, rowKinds } from './row-keys.ts'

/** Consecutive runs of one log, oldest first, as parallel arrays. */
export interface RunList {
  readonly keys: readonly number[]
  readonly heads: readonly number[]
  /** The head behind the last run. */
  readonly endHead: number
}

/** Runs in one index row at most. */
export const runsPerRow = 512

const indexVersion = 1
const cachedRows = 512
const rebuildStepBytes = 1_048_576

export class LogIndex {
  readonly #storage: StorageReader
  readonly #cache = new Map<string, RunList>()
  readonly #onDamage: (log: LogState, firstHead: number) => void

  /** @param onDamage told of rows that cannot be read; they are made again from the blocks */
  constructor(storage: StorageReader, onDamage: (log: LogState, firstHead: number) => void) {
    this.#storage = storage
    this.#onDamage = onDamage
  }

  /**
   * Runs that begin with the one that holds `head`, as far as one look-up tells. Undefined when no
   * run is known that holds it or follows it.
   */
  async find(log: LogState, head: number): Promise<RunList | undefined> {
    const inTail = tailFrom(log, head)
    if (inTail !== undefined) return inTail
    const row = await this.rowBefore(log, head)
    if (row !== undefined && head < row.endHead) return startingAt(row, head)
    // Between the rows and the tail nothing is missing unless a row is damaged.
    return tailFrom(log, log.tailHeads[0] ?? Infinity)
  }

  /** The runs of the row that holds `head`, or of the last one before it. */
  async rowBefore(log: LogState, head: number): Promise<RunList | undefined> {
    const key = positionKey(rowKinds.index, log.number, head)
    const row = await this.#storage.floorRow(key)
    if (row === undefined) return undefined
    const [found, value] = row
    if (found[0] !== rowKinds.index || keyNumber(found) !== log.number) return undefined
    return this.#decode(log, keyPosition(found), value)
  }

  /** The first run whose block may hold a message of the log after this sequence. */
  async findAfter(log: LogState, sequence: number): Promise<RunList | undefined> {
    const { tailKeys, tailHeads } = log
    const isInTail = tailKeys.length > 0 && (tailKeys[0] as number) <= sequence + 1
    if (isInTail || (tailHeads[0] ?? Infinity) <= log.trimmedTo + 1) {
      const i = Math.max(0, lastAtMost(tailKeys, sequence + 1))
      return tailFrom(log, Math.max(tailHeads[i] as number, log.trimmedTo + 1))
    }
    // Blocks ascend with heads, so rows can be searched by halving the heads between.
    let low = log.trimmedTo + 1
    let high = (tailHeads[0] ?? log.head + 1) - 1
    let best: RunList | undefined
    while (low <= high) {
      const middle = Math.floor((low + high) / 2)
      const row = await this.rowBefore(log, middle)
      const isBefore = row !== undefined && (row.keys[0] as number) <= sequence + 1
      if (isBefore) {
        best = row
        low = Math.max(middle + 1, row.endHead)
      } else high = Math.min(middle, row?.heads[0] ?? middle) - 1
    }
    if (best === undefined) return this.find(log, log.trimmedTo + 1)
    const i = Math.max(0, lastAtMost(best.keys, sequence + 1))
    return startingAt(best, Math.max(best.heads[i] as number, log.trimmedTo + 1))
  }

  /** A row has been written anew: what was decoded before is outdated. */
  forget(log: LogState, firstHead: number): void {
    this.#cache.delete(cacheKey(log, firstHead))
  }

  async #decode(log: LogState, firstHead: number, value: Uint8Array): Promise<RunList> {
    const key = cacheKey(log, firstHead)
    const cached = this.#cache.get(key)
    if (cached !== undefined) return cached
    let runs = decodeRuns(value, firstHead)
    if (runs === undefined) {
      this.#onDamage(log, firstHead)
      runs = await this.#rebuild(log, firstHead)
    }
    if (this.#cache.size >= cachedRows) {
      for (const oldest of this.#cache.keys()) {
        this.#cache.delete(oldest)
        break
      }
    }
    this.#cache.set(key, runs)
    return runs
  }

  /** What the damaged row of this key said, from the blocks between its neighbours. */
  async #rebuild(log: LogState, firstHead: number): Promise<RunList> {
    const rowsEnd = numberKey(rowKinds.index, log.number + 1)
    const own = positionKey(rowKinds.index, log.number, firstHead)
    const [, next] = await this.#storage.scanRows(own, rowsEnd, 2)
    const endHead = next === undefined ? log.tailHeads[0] : keyPosition(next[0])
    const end = endHead ?? log.head + 1
    const before = firstHead > 1 ? await this.rowBefore(log, firstHead - 1) : undefined
    const keys: number[] = []
    const heads: number[] = []
    let at = before?.keys[before.keys.length - 1] ?? 0
    for (;;) {
      const blocks = await this.#storage.scanBlocks(at, rebuildStepBytes)
      for (const { key, bytes } of blocks) {
        const view = new BlockView(key, bytes)
        const head = firstHeadIn(view, log.number, firstHead, end)
        if (head !== undefined) {
          keys.push(key)
          heads.push(head)
        }
        at = key + 1
      }
      if (blocks.length === 0) return { keys, heads, endHead: end }
      await nextTurn()
    }
  }
}

function firstHeadIn(
  view: BlockView,
  logNumber: number,
  from: number,
  end: number,
): number | undefined {
  for (let i = 0; i < view.count; i++) {
    if (view.logAt(i) !== logNumber) continue
    const head = view.headAt(i)
    if (head >= from && head < end && (view.isDirectorySound || view.isSound(i))) return head
  }
  return undefined
}

/** The value of an index row whose key has the first head. */
export function encodeRuns(runs: RunList): Uint8Array {
  const row = new RowWriter(indexVersion, runs.keys.length * 4)
  let lastKey = 0
  for (let i = 0; i < runs.keys.length; i++) {
    const key = runs.keys[i] as number
    const end = runs.heads[i + 1] ?? runs.endHead
    row.number(key - lastKey).number(end - (runs.heads[i] as number))
    lastKey = key
  }
  return row.finish()
}

export function decodeRuns(value: Uint8Array, firstHead: number): RunList | undefined {
  const row = RowReader.open(value, indexVersion)
  if (row === undefined) return undefined
  const keys: number[] = []
  const heads: number[] = []
  let key = 0
  let head = firstHead
  while (!row.isAtEnd) {
    key += row.number()
    keys.push(key)
    heads.push(head)
    head += row.number()
  }
  return { keys, heads, endHead: head }
}

/** Index of the last number <= `limit` in an ascending list; -1 when all are greater. */
export function lastAtMost(ascending: readonly number[], limit: number): number {
  let low = 0
  let high = ascending.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ascending[middle] as number) <= limit) low = middle + 1
    else high = middle
  }
  return low - 1
}

function tailFrom(log: LogState, head: number): RunList | undefined {
  const { tailKeys, tailHeads } = log
  const i = lastAtMost(tailHeads, head)
  if (i < 0) return undefined
  // A log may have very many; who needs more asks again.
  const end = i + runsPerRow
  return {
    keys: tailKeys.slice(i, end),
    heads: tailHeads.slice(i, end),
    endHead: tailHeads[end] ?? log.head + 1,
  }
}

function startingAt(runs: RunList, head: number): RunList {
  const i = Math.max(0, lastAtMost(runs.heads, head))
  return i === 0
    ? runs
    : { keys: runs.keys.slice(i), heads: runs.heads.slice(i), endHead: runs.endHead }
}

function cacheKey(log: LogState, firstHead: number): string {
  return `${log.number}:${firstHead}`
}
