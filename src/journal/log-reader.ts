/**
 * Reads one log by head id: index, blocks, records. Trimmed heads come as stubs; records that do
 * not match their checksum are left out and reported. Works in slices, so a long page does not
 * hold up the loop.
 */

import { TimeSlice } from '../base/time-slice.ts'
import type { LogPage, ReadLimit } from '../core/log-store.ts'
import { noHeaders, type StoredMessage } from '../model/message.ts'
import { stubId } from '../model/stub-id.ts'
import type { BlockCache } from './block-cache.ts'
import type { BlockView } from './block.ts'
import type { DamageLedger } from './damage-ledger.ts'
import type { LogIndex, RunList } from './log-index.ts'
import type { LogState } from './log-state.ts'
import { Page } from './page.ts'
import { contentSize, decodeRecord } from './record-decoder.ts'

/** What one fetch of blocks aims at. */
const fetchBytes = 524_288
const fetchBlocks = 256

const noPayload = new Uint8Array(0)

export interface LogReaderOptions {
  readonly index: LogIndex
  readonly blocks: BlockCache
  readonly damage: DamageLedger
  readonly keepsDeletedPayloads: boolean
}

export class LogReader {
  readonly #options: LogReaderOptions

  constructor(options: LogReaderOptions) {
    this.#options = options
  }

  async read(log: LogState, fromHead: number, limit: ReadLimit): Promise<LogPage> {
    const page = new Page(limit)
    const slice = new TimeSlice()
    let head = fromHead
    while (head <= log.head && page.room > 0) {
      if (head <= log.trimmedTo) {
        page.add(stubOf(log, head), 0)
        head += 1
        await slice.pause()
        continue
      }
      const runs = await this.#options.index.find(log, head)
      const known = runs?.heads[0] ?? log.head + 1
      if (runs !== undefined && known <= head) {
        head = await this.#readRuns(page, log, runs, head, slice)
      } else if (head > log.trimmedTo) {
        this.#addDamaged(page, log, head, known - 1)
        head = known
      }
    }
    return { messages: page.messages, nextHead: head, damaged: page.damaged }
  }

  /** Answers the head to go on with: the page is full there, or other runs are needed. */
  async #readRuns(
    page: Page,
    log: LogState,
    runs: RunList,
    fromHead: number,
    slice: TimeSlice,
  ): Promise<number> {
    let head = fromHead
    // Blocks may hold one message or thousands, so the number per fetch follows what came.
    let batch = 1
    for (let i = 0; i < runs.keys.length && page.room > 0;) {
      const last = Math.min(i + Math.min(batch, page.room), runs.keys.length)
      const views = await this.#options.blocks.get(runs.keys.slice(i, last))
      let bytes = 0
      for (const view of views) {
        i += 1
        const endHead = runs.heads[i] ?? runs.endHead
        const next = this.#readRun(page, log, view, head, endHead)
        if (next < endHead) return next
        head = next
        bytes += view?.bytes.length ?? 0
        await slice.pause()
      }
      batch = bytes < fetchBytes ? Math.min(batch * 4, fetchBlocks) : Math.max(1, batch >> 1)
    }
    return head
  }

  /** Takes heads `head..endHead - 1` from a block; answers the first one not taken. */
  #readRun(
    page: Page,
    log: LogState,
    view: BlockView | undefined,
    head: number,
    endHead: number,
  ): number {
    const { keepsDeletedPayloads } = this.#options
    if (view === undefined) return this.#skipLost(page, log, head, endHead)
    const { count } = view
    const copies = Math.min(endHead - head, page.room) * 4 < count
    let expected = head
    for (let i = 0; i < count; i++) {
      if (view.logAt(i) !== log.number) continue
      const found = view.headAt(i)
      if (found < expected || found >= endHead || !view.isSound(i)) continue
      if (found > expected) {
        // Trimmed since the read began: the caller goes on with stubs.
        if (expected <= log.trimmedTo) return expected
        this.#addDamaged(page, log, expected, found - 1)
        expected = found
      }
      const deleted = log.deleted.has(found)
      const size = deleted && !keepsDeletedPayloads ? 0 : contentSize(view, i)
      if (!page.hasRoomFor(size)) return expected
      page.add(decodeRecord(view, i, log, { deleted, keepsDeletedPayloads, copies }), size)
      expected += 1
      if (expected === endHead) return endHead
    }
    return this.#skipLost(page, log, expected, endHead)
  }

  /** Heads that are not where they ought to be are trimmed, then the caller goes on with stubs, or damaged. */
  #skipLost(page: Page, log: LogState, head: number, endHead: number): number {
    if (head <= log.trimmedTo) return head
    this.#addDamaged(page, log, head, endHead - 1)
    return endHead
  }

  #addDamaged(page: Page, log: LogState, fromHead: number, toHead: number): void {
    page.addDamaged(log, fromHead, toHead)
    this.#options.damage.report(log, fromHead, toHead)
  }
}

/** What is left of a trimmed message (spec/msgbus-v1 5.4, point 2). */
function stubOf(log: LogState, head: number): StoredMessage {
  return {
    topic: log.topic,
    origin: log.origin,
    id: stubId(log, head),
    headId: head,
    sequence: 0,
    payload: noPayload,
    headers: noHeaders,
    createdAtMs: log.trimmedAtMs,
    deleted: true,
  }
}
