/**
 * Takes from the disk what was given up: erases the content of deleted messages, at once and
 * whatever it costs, since somebody wants it gone; and reclaims the space of trimmed ones, some
 * time after, when a block is at least half dead, since nobody waits for that. A work list on disk survives
 * crashes: rows for deleted ranges, `sweptTo` for trimmed heads.
 *
 * Each commit rewrites little, so that writers beside it wait little. A block is looked at once for
 * all logs that have been trimmed, which is why trimmed ones are collected for a moment.
 */

import { TimeSlice } from '../base/time-slice.ts'
import type { Clock, Timer } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { toBusError } from '../model/errors.ts'
import type { BlockCache } from './block-cache.ts'
import {
  type Original,
  repairBlock,
  rewriteBlock,
  wearOf,
  type RewriteOptions,
} from './block-rewrite.ts'
import { BlockBuilder } from './block-builder.ts'
import { BlockView } from './block.ts'
import type { BlockStorage, StoredRow } from './block-storage.ts'
import type { GroupWriter } from './group-writer.ts'
import type { LogIndex, RunList } from './log-index.ts'
import type { LogState } from './log-state.ts'
import { encodeRangeEnd } from './row-codec.ts'
import { keyPosition, numberKey, positionKey, rowKinds } from './row-keys.ts'

/** How long trimmed logs are collected before their blocks are looked at. */
export const sweepDelayMs = 500
/** After a failure, for instance for lack of space. */
const retryMs = 10_000

/** Blocks that one commit looks at, and bytes that it writes at most. */
const blocksPerStep = 64
const bytesPerStep = 524_288
const trimmedBlocksPerPass = 4_096
/** Trimmed logs that one commit settles. */
const logsPerStep = 64

const noRuns: RunList = { keys: [], heads: [], endHead: 0 }

export interface SweeperOptions extends RewriteOptions {
  readonly storage: BlockStorage
  readonly writer: GroupWriter
  readonly index: LogIndex
  readonly blocks: BlockCache
  readonly clock: Clock
  readonly logger: Logger
}

/** The blocks of its heads up to `to` have been looked at. */
interface SweptLog {
  readonly log: LogState
  readonly to: number
}

interface EraseWork {
  readonly log: LogState
  from: number
  readonly to: number
}

interface RepairWork {
  readonly log: LogState
  readonly head: number
  readonly original: Original
  readonly resolve: (isRepaired: boolean) => void
  readonly reject: (error: unknown) => void
}

export class Sweeper {
  readonly #options: SweeperOptions
  readonly #builder = new BlockBuilder()
  readonly #erase: EraseWork[] = []
  readonly #repairs: RepairWork[] = []
  readonly #trimmed = new Set<LogState>()
  #timer: Timer | undefined
  #running: Promise<void> | undefined
  #isTrimDue = false
  #isStopped = false

  constructor(options: SweeperOptions) {
    this.#options = options
  }

  /** The content of these heads has to go. */
  erase(log: LogState, from: number, to: number): void {
    this.#erase.push({ log, from, to })
    this.#start()
  }

  /**
   * Writes a damaged record anew, in its place; in turn with everything else that rewrites blocks. Answers whether it
   * could: not when the directory of its block is damaged as well, or names another message.
   */
  repair(log: LogState, head: number, original: Original): Promise<boolean> {
    if (this.#isStopped) return Promise.resolve(false)
    return new Promise((resolve, reject) => {
      this.#repairs.push({ log, head, original, resolve, reject })
      this.#start()
    })
  }

  /** There may be space to reclaim. */
  reclaim(log: LogState): void {
    this.#trimmed.add(log)
    this.#timer ??= this.#options.clock.after(sweepDelayMs, () => {
      this.#timer = undefined
      this.#isTrimDue = true
      this.#start()
    })
  }

  /** Resolves when nothing is left to do but what is still collected. */
  async idle(): Promise<void> {
    await this.#running
  }

  /** Ends after the current step; the work list stays. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    await this.#running
  }

  #start(): void {
    if (!this.#isStopped) this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    try {
      await this.#repairAll()
      for (let work = this.#erase[0]; work !== undefined && !this.#isStopped;) {
        await this.#repairAll()
        await this.#eraseRange(work)
        if (work.from > work.to) this.#erase.shift()
        work = this.#erase[0]
      }
      if (this.#isTrimDue && !this.#isStopped) await this.#reclaimTrimmed()
    } catch (error) {
      const { reason, message } = toBusError(error)
      this.#options.logger.warn('sweep_failed', { reason, error: message })
      this.#timer ??= this.#options.clock.after(retryMs, () => {
        this.#timer = undefined
        this.#isTrimDue = this.#trimmed.size > 0
        this.#start()
      })
    }
    this.#running = undefined
    if (this.#repairs.length > 0) this.#start()
  }

  async #repairAll(): Promise<void> {
    for (;;) {
      const work = this.#repairs.shift()
      if (work === undefined) return
      try {
        work.resolve(!this.#isStopped && (await this.#repairOne(work)))
      } catch (error) {
        work.reject(error)
      }
    }
  }

  async #repairOne({ log, head, original }: RepairWork): Promise<boolean> {
    const { index, storage } = this.#options
    const runs = await index.find(log, head)
    if (runs === undefined) return false
    const place = runs.heads.findLastIndex((first) => first <= head)
    const key = runs.keys[place]
    if (key === undefined) return false
    const [found] = await storage.getBlocks([key])
    if (found === undefined) return false
    const bytes = repairBlock(new BlockView(key, found), this.#builder, log, head, original)
    if (bytes === undefined) return false
    await this.#replace([[key, bytes]])
    return true
  }

  /** Goes on with a deleted range until it is done or the sweeper stops. */
  async #eraseRange(work: EraseWork): Promise<void> {
    const { index } = this.#options
    const { log, to } = work
    while (work.from <= to && !this.#isStopped) {
      const runs = (await index.find(log, work.from)) ?? noRuns
      const keys: number[] = []
      let next = to + 1
      for (let i = 0; i < runs.keys.length; i++) {
        const head = runs.heads[i] as number
        if (head > to) break
        if (keys.length === blocksPerStep) {
          next = head
          break
        }
        keys.push(runs.keys[i] as number)
        next = Math.min(runs.heads[i + 1] ?? runs.endHead, to + 1)
      }
      await this.#rewrite(keys, false)
      if (this.#isStopped) return
      const [from, end] = [work.from, next]
      await this.#options.writer.write((group) => {
        group.row(positionKey(rowKinds.erase, log.number, from), undefined)
        if (end <= to) {
          group.row(positionKey(rowKinds.erase, log.number, end), encodeRangeEnd(to))
        }
      })
      work.from = end
    }
  }

  async #reclaimTrimmed(): Promise<void> {
    const slice = new TimeSlice()
    while (this.#trimmed.size > 0 && !this.#isStopped) {
      const keys = new Set<number>()
      const swept: SweptLog[] = []
      for (const log of this.#trimmed) {
        const to = await this.#trimmedBlocks(log, keys)
        swept.push({ log, to })
        await slice.pause()
        if (keys.size >= trimmedBlocksPerPass) break
      }
      await this.#rewrite(
        [...keys].sort((a, b) => a - b),
        true,
      )
      if (this.#isStopped) return
      for (let i = 0; i < swept.length; i += logsPerStep) {
        await this.#finishTrimmed(swept.slice(i, i + logsPerStep))
      }
    }
    this.#isTrimDue = false
  }

  /** Adds the blocks of trimmed heads not looked at yet; answers the last head they cover. */
  async #trimmedBlocks(log: LogState, keys: Set<number>): Promise<number> {
    const { trimmedTo } = log
    let head = log.sweptTo + 1
    while (head <= trimmedTo && keys.size < trimmedBlocksPerPass) {
      const runs = await this.#options.index.find(log, head)
      if (runs === undefined) return trimmedTo
      for (let i = 0; i < runs.keys.length; i++) {
        if ((runs.heads[i] as number) > trimmedTo) return trimmedTo
        keys.add(runs.keys[i] as number)
        head = runs.heads[i + 1] ?? runs.endHead
      }
    }
    return Math.min(head - 1, trimmedTo)
  }

  /** Takes what the index knows about trimmed heads out of it, and remembers how far it is done. */
  async #finishTrimmed(swept: readonly SweptLog[]): Promise<void> {
    const { storage, writer, index } = this.#options
    const rowsOf: StoredRow[][] = []
    for (const { log, to } of swept) {
      const from = numberKey(rowKinds.index, log.number)
      const until = positionKey(rowKinds.index, log.number, to + 1)
      rowsOf.push(await storage.scanRows(from, until, 1_024))
    }
    await writer.write((group) => {
      for (const [i, { log, to }] of swept.entries()) {
        const staged = group.log(log)
        staged.sweptTo = to
        staged.mustStore = true
        // The last of them may hold heads that are still there.
        for (const [key] of rowsOf[i]?.slice(0, -1) ?? []) {
          group.row(key, undefined)
          index.forget(log, keyPosition(key))
        }
        group.onApplied(() => {
          let dead = 0
          while ((log.tailHeads[dead + 1] ?? Infinity) <= to + 1) dead += 1
          if (dead > 0) log.cutTail(dead)
        })
      }
    })
    for (const { log, to } of swept) if (to >= log.trimmedTo) this.#trimmed.delete(log)
  }

  /** Rewrites those of the blocks that need it, a few per commit. */
  async #rewrite(keys: readonly number[], trimmedOnly: boolean): Promise<void> {
    const { storage } = this.#options
    const slice = new TimeSlice()
    for (let i = 0; i < keys.length && !this.#isStopped;) {
      const changed: [key: number, bytes: Uint8Array | undefined][] = []
      let bytes = 0
      while (i < keys.length && bytes < bytesPerStep && changed.length < blocksPerStep) {
        const key = keys[i] as number
        i += 1
        const [found] = await storage.getBlocks([key])
        if (found === undefined) continue
        const view = new BlockView(key, found)
        if (!this.#isWorthIt(view, trimmedOnly)) continue
        const rewritten = rewriteBlock(view, this.#builder, this.#options)
        changed.push([key, rewritten])
        bytes += rewritten?.length ?? 0
        await slice.pause()
      }
      if (changed.length > 0) await this.#replace(changed)
    }
  }

  async #replace(
    changed: readonly (readonly [key: number, bytes: Uint8Array | undefined])[],
  ): Promise<void> {
    await this.#options.writer.write((group) => {
      for (const [key, bytes] of changed) {
        group.replaceBlock(key, bytes)
        group.onApplied(() => this.#options.blocks.invalidate(key))
      }
    })
  }

  #isWorthIt(view: BlockView, trimmedOnly: boolean): boolean {
    const wear = wearOf(view, this.#options)
    if (wear === undefined) return false
    if (!trimmedOnly && wear.erasable > 0) return true
    return wear.trimmed > 0 && wear.trimmed * 2 >= wear.records
  }
}
