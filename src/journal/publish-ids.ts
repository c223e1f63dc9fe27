/**
 * The publish ids of the recent past, bounded in time and number (defect L16). They are looked up in
 * memory and stored in the records of their messages, so they cost no write of their own. What a
 * checkpoint puts behind us is written down then, many ids a row; an open reads these rows and the records
 * after the checkpoint.
 */

import type { StoredMessage } from '../model/message.ts'
import type { Group } from './group.ts'
import { RowReader, RowWriter } from './row-codec.ts'
import { rowKinds, sequenceKey } from './row-keys.ts'

export interface PublishIdsOptions {
  readonly windowMs: number
  readonly count: number
}

/** A message with a publish id. */
export interface KnownPublish {
  readonly log: number
  readonly id: string
  readonly head: number
  readonly sequence: number
  readonly storedAtMs: number
}

interface Known extends KnownPublish {
  /** How many ids came before it. */
  readonly ordinal: number
  /** The row it is in; undefined before its checkpoint. */
  row: IdRow | undefined
  isForgotten: boolean
}

interface IdRow {
  readonly sequence: number
  /** Ids of this row that are not forgotten. */
  live: number
}

interface Staged {
  readonly group: Group
  /** By key: the message, and how many ids came before it in the group. */
  readonly messages: Map<string, { readonly message: StoredMessage; readonly place: number }>
  readonly publishes: KnownPublish[]
}

const version = 1
const idsPerRow = 1_000

export class PublishIds {
  readonly #options: PublishIdsOptions
  readonly #known = new Map<string, Known>()
  #order: Known[] = []
  #nextOrdinal = 0
  /** Places of `#order` before this one are forgotten, and the ones before `#unwritten` are in rows. */
  #front = 0
  #unwritten = 0
  /** Messages of the group being formed. */
  #staged: Staged | undefined
  #emptyRows: number[] = []

  constructor(options: PublishIdsOptions) {
    this.#options = options
  }

  /** The message with this id in the group itself. */
  findStaged(group: Group, log: number, id: string): StoredMessage | undefined {
    if (this.#staged?.group !== group) return undefined
    const { messages, publishes } = this.#staged
    const staged = messages.get(keyOf(log, id))
    const isRecent = staged !== undefined && staged.place >= publishes.length - this.#options.count
    return isRecent ? staged.message : undefined
  }

  /** The head of an earlier message with this id, if it is still remembered. */
  find(group: Group, log: number, id: string): number | undefined {
    const known = this.#known.get(keyOf(log, id))
    if (known === undefined || !this.#isInside(known, group.nowMs)) return undefined
    // The ids of the group itself push out older ones, as if they were committed one by one.
    const staged = this.#staged?.group === group ? this.#staged.publishes.length : 0
    const isRecent = known.ordinal >= this.#nextOrdinal + staged - this.#options.count
    return isRecent ? known.head : undefined
  }

  /** Remembers a message of the group once that is committed. */
  stage(group: Group, log: number, id: string, message: StoredMessage): void {
    if (this.#staged?.group !== group) {
      const publishes: KnownPublish[] = []
      this.#staged = { group, messages: new Map(), publishes }
      group.onApplied(() => {
        for (const publish of publishes) this.#remember(publish, undefined)
        this.forgetOutdated(group.nowMs)
      })
    }
    const { messages, publishes } = this.#staged
    messages.set(keyOf(log, id), { message, place: publishes.length })
    const { headId: head, sequence } = message
    publishes.push({ log, id, head, sequence, storedAtMs: group.nowMs })
  }

  /** Takes in what a record after the checkpoint says; records come in commit order. */
  add(publish: KnownPublish): void {
    // A checkpoint that was cut short has written some of them down already.
    if (this.#known.get(keyOf(publish.log, publish.id))?.head === publish.head) return
    this.#remember(publish, undefined)
  }

  /** Takes in a stored row; rows come in their order. Answers false when it is damaged. */
  load(sequence: number, value: Uint8Array): boolean {
    const reader = RowReader.open(value, version)
    if (reader === undefined) return false
    const row = { sequence, live: 0 }
    while (!reader.isAtEnd) {
      const log = reader.number()
      const head = reader.number()
      const sequenceOfId = reader.number()
      const storedAtMs = reader.number()
      const publish = { log, head, sequence: sequenceOfId, storedAtMs, id: reader.text() }
      this.#remember(publish, row)
      row.live += 1
    }
    this.#unwritten = this.#order.length
    return true
  }

  /**
   * Writes down some of what is in records up to this sequence, and removes rows that nothing is left
   * of. Answers whether there is more.
   */
  checkpoint(group: Group, coveredTo: number): boolean {
    const empty = this.#emptyRows
    for (const sequence of empty) group.row(sequenceKey(rowKinds.publishIds, sequence), undefined)
    const ids: Known[] = []
    for (let i = this.#unwritten; i < this.#order.length && ids.length < idsPerRow; i++) {
      const known = this.#order[i] as Known
      if (known.sequence > coveredTo) break
      ids.push(known)
    }
    const [first] = ids
    if (first !== undefined) {
      group.row(sequenceKey(rowKinds.publishIds, first.sequence), encodeIds(ids))
    }
    group.onApplied(() => {
      this.#emptyRows = this.#emptyRows.slice(empty.length)
      if (first !== undefined) this.#setRow(ids, { sequence: first.sequence, live: 0 })
    })
    return ids.length === idsPerRow
  }

  /** Drops what is outside of the window, in time or number. */
  forgetOutdated(nowMs: number): void {
    for (;;) {
      const oldest = this.#order[this.#front]
      if (oldest === undefined) break
      const isTooMany = this.#known.size > this.#options.count
      if (!isTooMany && this.#isInside(oldest, nowMs)) break
      this.#forget(oldest)
      this.#front += 1
    }
    this.#unwritten = Math.max(this.#unwritten, this.#front)
    if (this.#front > 1_024 && this.#front * 2 > this.#order.length) {
      this.#order = this.#order.slice(this.#front)
      this.#unwritten -= this.#front
      this.#front = 0
    }
  }

  #forget(known: Known): void {
    const key = keyOf(known.log, known.id)
    // The id may have been stored anew since; then this is only its old place.
    if (this.#known.get(key) === known) this.#known.delete(key)
    known.isForgotten = true
    const { row } = known
    if (row === undefined) return
    row.live -= 1
    if (row.live === 0) this.#emptyRows.push(row.sequence)
  }

  /** These ids are in this row now; some may have been forgotten while it was written. */
  #setRow(ids: readonly Known[], row: IdRow): void {
    for (const known of ids) {
      if (known.isForgotten) continue
      known.row = row
      row.live += 1
      this.#unwritten += 1
    }
    if (row.live === 0) this.#emptyRows.push(row.sequence)
  }

  #remember(publish: KnownPublish, row: IdRow | undefined): void {
    const { log, id, head, sequence, storedAtMs } = publish
    const ordinal = this.#nextOrdinal
    this.#nextOrdinal += 1
    const known = { log, id, head, sequence, storedAtMs, ordinal, row, isForgotten: false }
    this.#known.set(keyOf(log, id), known)
    this.#order.push(known)
  }

  #isInside(known: KnownPublish, nowMs: number): boolean {
    return nowMs - known.storedAtMs < this.#options.windowMs
  }
}

function encodeIds(ids: readonly KnownPublish[]): Uint8Array {
  const writer = new RowWriter(version, ids.length * 64)
  for (const { log, head, sequence, storedAtMs, id } of ids) {
    writer.number(log).number(head).number(sequence).number(storedAtMs).text(id)
  }
  return writer.finish()
}

function keyOf(log: number, id: string): string {
  return `${log}:${id}`
}
