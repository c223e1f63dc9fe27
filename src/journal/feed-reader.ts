/**
 * Reads many logs as one, in commit order. Two ways lead there: walking over all blocks, which costs
 * as much as is stored, and merging the indexes of the logs wanted, which costs as much as there
 * are logs. A read begins with the first, since most readers follow the end and want a good part of
 * it; when much was passed by and little taken, it looks at all logs and goes on with the cheaper one.
 */

import { TimeSlice } from '../base/time-slice.ts'
import type { FeedPage, ReadLimit } from '../core/log-store.ts'
import type { LogKey } from '../model/message.ts'
import type { BlockCache } from './block-cache.ts'
import type { BlockStorage } from './block-storage.ts'
import { BlockView } from './block.ts'
import type { DamageLedger } from './damage-ledger.ts'
import { IndexMerge } from './index-merge.ts'
import type { LogIndex } from './log-index.ts'
import type { LogState } from './log-state.ts'
import type { LogTable } from './log-table.ts'
import { Page } from './page.ts'
import { contentSize, decodeRecord } from './record-decoder.ts'

const scanBytes = 524_288
/** Records walked over before the choice is made. */
const patience = 16_384
/** A record found by index costs about as much as that many walked over. */
const indexCost = 8

export interface FeedReaderOptions {
  readonly storage: BlockStorage
  readonly logs: LogTable
  readonly index: LogIndex
  readonly blocks: BlockCache
  readonly damage: DamageLedger
  readonly keepsDeletedPayloads: boolean
}

export class FeedReader {
  readonly #options: FeedReaderOptions

  constructor(options: FeedReaderOptions) {
    this.#options = options
  }

  /** @param end the newest sequence to look at */
  async read(
    after: number,
    end: number,
    wants: (log: LogKey) => boolean,
    limit: ReadLimit,
  ): Promise<FeedPage> {
    const walk = new FeedWalk(this.#options, after, end, wants, new Page(limit))
    if (after < end && !(await walk.overBlocks(patience))) {
      const wanted = await walk.wantedLogs()
      if (walk.isSparse(wanted)) await walk.byIndex(wanted)
      else await walk.overBlocks(Infinity)
    }
    return walk.result()
  }
}

/** One read. Everything up to `#position` has been dealt with. */
class FeedWalk {
  readonly #options: FeedReaderOptions
  readonly #wants: (log: LogKey) => boolean
  readonly #wanted = new Map<number, LogState | undefined>()
  readonly #page: Page
  readonly #end: number
  readonly #slice = new TimeSlice()
  #position: number
  /** Of the last message taken or found damaged. */
  #lastTaken: number
  #isFull = false

  constructor(
    options: FeedReaderOptions,
    after: number,
    end: number,
    wants: (log: LogKey) => boolean,
    page: Page,
  ) {
    this.#options = options
    this.#wants = wants
    this.#page = page
    this.#end = end
    this.#position = after
    this.#lastTaken = after
  }

  result(): FeedPage {
    const nextAfter = this.#isFull ? this.#lastTaken : Math.max(this.#position, this.#end)
    return { messages: this.#page.messages, nextAfter, damaged: this.#page.damaged }
  }

  /** Answers true when the read is complete, false after that many records. */
  async overBlocks(maxRecords: number): Promise<boolean> {
    const { storage } = this.#options
    let key = (await storage.floorBlockKey(this.#position + 1)) ?? this.#position + 1
    for (let walked = 0; walked < maxRecords;) {
      const blocks = await storage.scanBlocks(key, scanBytes)
      for (const block of blocks) {
        if (block.key > this.#end) return true
        const view = new BlockView(block.key, block.bytes)
        await this.#take(view)
        if (this.#isFull) return true
        walked += view.count
        if (this.#position >= this.#end) return true
        key = block.key + 1
        await this.#slice.pause()
      }
      if (blocks.length === 0) return true
    }
    return false
  }

  async byIndex(wanted: readonly LogState[]): Promise<void> {
    const merge = new IndexMerge(this.#options.index, this.#position)
    for (const log of wanted) {
      await merge.add(log)
      await this.#slice.pause()
    }
    for (;;) {
      const keys = await merge.next(16)
      if (keys.length === 0) return
      const views = await this.#options.blocks.get(keys)
      for (const [i, view] of views.entries()) {
        if ((keys[i] as number) > this.#end) return
        if (view === undefined) await this.#takeLost(keys[i] as number)
        else await this.#take(view)
        if (this.#isFull) return
        await this.#slice.pause()
      }
    }
  }

  /** All logs that are wanted and have something new. */
  async wantedLogs(): Promise<LogState[]> {
    const wanted: LogState[] = []
    for (const log of this.#options.logs.all()) {
      if (log.head > 0 && log.lastSequence > this.#position && this.#isWanted(log)) wanted.push(log)
      await this.#slice.pause()
    }
    return wanted
  }

  isSparse(wanted: readonly LogState[]): boolean {
    let messages = 0
    for (const log of wanted) messages += log.head - log.trimmedTo
    return (messages + wanted.length) * indexCost < this.#end - this.#position
  }

  async #take(view: BlockView): Promise<void> {
    if (view.isLost) return this.#takeLost(view.key)
    const page = this.#page
    const { keepsDeletedPayloads } = this.#options
    for (let i = 0; i < view.count; i++) {
      // Of a damaged directory only what the records themselves vouch for is used.
      const isSound = view.isDirectorySound || view.isSound(i)
      const log = isSound ? this.#wantedAt(view, i) : undefined
      if (log === undefined) continue
      const sequence = view.sequenceAt(i)
      if (sequence <= this.#position) continue
      if (sequence > this.#end) break
      const head = view.headAt(i)
      if (head <= log.trimmedTo || head > log.head) continue
      if (!view.isSound(i)) {
        page.addDamaged(log, head, head)
        this.#options.damage.report(log, head, head)
        this.#lastTaken = sequence
        continue
      }
      const deleted = log.deleted.has(head)
      const size = deleted && !keepsDeletedPayloads ? 0 : contentSize(view, i)
      if (!page.hasRoomFor(size)) {
        this.#isFull = true
        return
      }
      const copies = page.room * 4 < view.count
      page.add(decodeRecord(view, i, log, { deleted, keepsDeletedPayloads, copies }), size)
      this.#lastTaken = sequence
    }
    if (view.isDirectorySound) this.#passed(view.lastSequence)
    else await this.#takeLost(view.key, view)
  }

  /** What a block does not tell any more is told by the index: which heads ought to be in it. */
  async #takeLost(key: number, view?: BlockView): Promise<void> {
    const found = new Map<number, Set<number>>()
    const count = view?.count ?? 0
    for (let i = 0; i < count; i++) {
      if (view?.isSound(i) !== true) continue
      const heads = found.get(view.logAt(i)) ?? new Set()
      found.set(view.logAt(i), heads.add(view.headAt(i)))
      this.#passed(view.sequenceAt(i))
    }
    for (const log of await this.wantedLogs()) {
      const runs = await this.#options.index.findAfter(log, key - 1)
      if (runs?.keys[0] !== key) continue
      const end = runs.heads[1] ?? runs.endHead
      for (let head = Math.max(runs.heads[0] as number, log.trimmedTo + 1); head < end; head++) {
        if (found.get(log.number)?.has(head) === true) continue
        this.#page.addDamaged(log, head, head)
        this.#options.damage.report(log, head, head)
      }
    }
    this.#passed(key)
  }

  #passed(sequence: number): void {
    this.#position = Math.max(this.#position, Math.min(sequence, this.#end))
  }

  #wantedAt(view: BlockView, i: number): LogState | undefined {
    const number = view.logAt(i)
    const known = this.#wanted.get(number)
    if (known !== undefined || this.#wanted.has(number)) return known
    const log = this.#options.logs.byNumber(number)
    if (log !== undefined) return this.#isWanted(log) ? log : undefined
    this.#wanted.set(number, undefined)
    return undefined
  }

  #isWanted(log: LogState): boolean {
    const { number, topic, origin } = log
    if (!this.#wanted.has(number)) {
      this.#wanted.set(number, this.#wants({ topic, origin }) ? log : undefined)
    }
    return this.#wanted.get(number) !== undefined
  }
}
