/**
 * The publish ids of the recent past, bounded in time and number (defect L16). They are looked up in
 * memory and stored in the records of their messages, so they cost no write of their own. What a
 * checkpoint puts behind us is written down then, many ids a row; an open reads these rows and the
 * records after the checkpoint.
 *
 * In memory are two generations, each a map and parallel arrays: new ids go into the young one, and
 * when that is as large as the window it takes the place of the old one. So nothing is ever removed
 * one by one, and an id costs the garbage collector one string; an object per id and a map that
 * shrinks as it grows took half of the time of an append.
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

/** A row written by a checkpoint, by its newest id. */
interface IdRow {
  readonly sequence: number
  readonly lastOrdinal: number
  readonly lastStoredAtMs: number
}

const version = 1
const idsPerRow = 1_000

export class PublishIds {
  readonly #options: PublishIdsOptions
  #young = new Generation(0)
  #old = new Generation(0)
  /** Messages of the group being formed, which are the last ones of the young generation. */
  #staged: { readonly group: Group; readonly messages: StoredMessage[] } | undefined
  /** Ids before this one are in rows, or need not be. An ordinal tells how many came before. */
  #unwritten = 0
  #rows: IdRow[] = []

  constructor(options: PublishIdsOptions) {
    this.#options = options
  }

  /**
   * The message with this id, if it is still remembered: itself while it is in the same group, else
   * its head.
   */
  find(group: Group, log: number, id: string): StoredMessage | number | undefined {
    this.#begin(group)
    const key = keyOf(log, id)
    let generation = this.#young
    let place = generation.places.get(key)
    if (place === undefined) {
      generation = this.#old
      place = generation.places.get(key)
      if (place === undefined) return undefined
    }
    // As if the ids of the group were committed one by one: each pushes out an older one.
    const ordinal = generation.base + place
    const isRecent = ordinal >= this.#young.end - this.#options.count
    const storedAtMs = generation.times[place] as number
    if (!isRecent || !this.#isInside(storedAtMs, group.nowMs)) return undefined
    const messages = this.#staged?.messages ?? []
    const staged = messages[ordinal - (this.#young.end - messages.length)]
    return staged ?? generation.heads[place]
  }

  /** Remembers a message of the group, for good when that is committed; after `find`. */
  stage(group: Group, log: number, id: string, message: StoredMessage): void {
    this.#begin(group)
    const { headId: head, sequence } = message
    this.#young.add({ log, id, head, sequence, storedAtMs: group.nowMs })
    const messages = this.#staged?.messages
    if (messages?.length === 0) group.onApplied(() => this.#commit())
    messages?.push(message)
  }

  /** Takes in what a record after the checkpoint says; records come in commit order. */
  add(publish: KnownPublish): void {
    // A checkpoint that was cut short has written some of them down already.
    const known = this.#young.length > 0 ? this.#young : this.#old
    if (publish.sequence <= known.lastSequence) return
    this.#young.add(publish)
    this.#turnOver()
  }

  /** Takes in a stored row; rows come in their order. Answers false when it is damaged. */
  load(sequence: number, value: Uint8Array): boolean {
    const row = RowReader.open(value, version)
    if (row === undefined) return false
    let storedAtMs = 0
    while (!row.isAtEnd) {
      const log = row.number()
      const head = row.number()
      const sequenceOfId = row.number()
      storedAtMs = row.number()
      this.#young.add({ log, head, sequence: sequenceOfId, storedAtMs, id: row.text() })
    }
    this.#unwritten = this.#young.end
    this.#rows.push({ sequence, lastOrdinal: this.#unwritten - 1, lastStoredAtMs: storedAtMs })
    this.#turnOver()
    return true
  }

  /**
   * Writes down some of what is in records up to this sequence, and removes rows that nothing is left
   * of. Answers whether there is more.
   */
  checkpoint(group: Group, coveredTo: number): boolean {
    const rows = this.#rows.filter((row) => this.#isNeeded(row, group.nowMs))
    for (const row of this.#rows) {
      if (rows.includes(row)) continue
      group.row(sequenceKey(rowKinds.publishIds, row.sequence), undefined)
    }
    const first = Math.max(this.#unwritten, this.#old.base)
    const ids: KnownPublish[] = []
    for (let ordinal = first; ordinal < this.#young.end && ids.length < idsPerRow; ordinal++) {
      const isOld = ordinal < this.#young.base
      const publish = isOld ? this.#old.at(ordinal) : this.#young.at(ordinal)
      if (publish.sequence > coveredTo) break
      ids.push(publish)
    }
    const last = ids[ids.length - 1]
    if (last !== undefined) {
      const { sequence } = ids[0] as KnownPublish
      group.row(sequenceKey(rowKinds.publishIds, sequence), encodeIds(ids))
      const lastOrdinal = first + ids.length - 1
      rows.push({ sequence, lastOrdinal, lastStoredAtMs: last.storedAtMs })
    }
    group.onApplied(() => {
      this.#rows = rows
      this.#unwritten = first + ids.length
    })
    return ids.length === idsPerRow
  }

  /** Takes back what was staged into a group that was not committed. */
  #begin(group: Group): void {
    if (this.#staged?.group === group) return
    if (this.#staged !== undefined) this.#young.takeBack(this.#staged.messages.length)
    this.#staged = { group, messages: [] }
  }

  #commit(): void {
    this.#staged = undefined
    this.#turnOver()
  }

  #turnOver(): void {
    if (this.#young.length < this.#options.count) return
    this.#old = this.#young
    this.#young = new Generation(this.#old.end)
  }

  #isNeeded(row: IdRow, nowMs: number): boolean {
    const isRecent = row.lastOrdinal >= this.#young.end - this.#options.count
    return isRecent && this.#isInside(row.lastStoredAtMs, nowMs)
  }

  #isInside(storedAtMs: number, nowMs: number): boolean {
    return nowMs - storedAtMs < this.#options.windowMs
  }
}

/** Consecutive ids in the order of storing. */
class Generation {
  /** How many ids came before the first one. */
  readonly base: number
  readonly places = new Map<string, number>()
  readonly heads: number[] = []
  readonly times: number[] = []
  readonly #keys: string[] = []
  readonly #sequences: number[] = []

  constructor(base: number) {
    this.base = base
  }

  get length(): number {
    return this.heads.length
  }

  get end(): number {
    return this.base + this.heads.length
  }

  get lastSequence(): number {
    return this.#sequences[this.#sequences.length - 1] ?? -1
  }

  add({ log, id, head, sequence, storedAtMs }: KnownPublish): void {
    const key = keyOf(log, id)
    this.places.set(key, this.heads.length)
    this.heads.push(head)
    this.times.push(storedAtMs)
    this.#keys.push(key)
    this.#sequences.push(sequence)
  }

  at(ordinal: number): KnownPublish {
    const place = ordinal - this.base
    const key = this.#keys[place] as string
    const colon = key.indexOf(':')
    return {
      log: Number(key.slice(0, colon)),
      id: key.slice(colon + 1),
      head: this.heads[place] as number,
      sequence: this.#sequences[place] as number,
      storedAtMs: this.times[place] as number,
    }
  }

  /** Forgets the newest ones. */
  takeBack(count: number): void {
    for (let i = 0; i < count; i++) {
      const key = this.#keys.pop() as string
      this.heads.pop()
      this.times.pop()
      this.#sequences.pop()
      if (this.places.get(key) === this.heads.length) this.places.delete(key)
    }
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
