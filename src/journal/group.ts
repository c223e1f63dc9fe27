/**
 * One commit in the making. Operations stage their changes here; nothing of the visible state is
 * touched until the storage has taken the whole group, so a failed group leaves nothing to undo.
 */

import type { IntervalSet } from '../base/interval-set.ts'
import type { StoredMessage } from '../model/message.ts'
import { noHeaders, type Headers } from '../model/message.ts'
import { utf8Length } from '../model/name.ts'
import { BlockBuilder, type BlockRecord } from './block-builder.ts'
import type { StorageWrites } from './block-storage.ts'
import { encodeLog, type LogState } from './log-state.ts'
import { encodeRangeEnd } from './row-codec.ts'
import { numberKey, positionKey, rowKinds } from './row-keys.ts'

/** What the group makes of a log. */
export interface StagedLog {
  readonly log: LogState
  head: number
  bytes: number
  lastSequence: number
  trimmedTo: number
  trimmedAtMs: number
  sweptTo: number
  keptTo: number
  historyTo: number
  /** Block of the newest staged run, so that the next message tells whether it begins one. */
  lastBlock: number
  readonly runKeys: number[]
  readonly runHeads: number[]
  /** The set of the log itself until the group changes it. Changed by `deleteHeads` only. */
  deleted: IntervalSet
  /** The row about the log has to be written, which appending to it does not ask for. */
  mustStore: boolean
}

export interface NewMessage {
  /** Undefined: a random one is made. */
  readonly id: string | undefined
  readonly payload: Uint8Array
  readonly headers: Headers
  readonly createdAtMs: number
  readonly deleted: boolean
  readonly publishId?: string | undefined
  /** Absent: it is to be kept. */
  readonly history?: boolean | undefined
  /** For those who are told of the commit; not stored. */
  readonly realtime?: boolean | undefined
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const noPayload = new Uint8Array(0)

export class Group {
  readonly nowMs: number
  /** New messages in commit order. Their payloads are views into the blocks once it is sealed. */
  readonly messages: Mutable<StoredMessage>[] = []
  readonly #keepsDeletedPayloads: boolean
  readonly #builder: BlockBuilder
  readonly #logs = new Map<LogState, StagedLog>()
  readonly #blocks: (readonly [key: number, bytes: Uint8Array])[] = []
  readonly #replacedBlocks: (readonly [key: number, bytes: Uint8Array | undefined])[] = []
  readonly #rows: (readonly [key: Uint8Array, value: Uint8Array | undefined])[] = []
  readonly #sealing: (() => void)[] = []
  readonly #applied: (() => void)[] = []
  #lastSequence: number
  /** Index of the first message of the block in progress. */
  #blockStart = 0
  #bytes = 0
  // Messages of one call mostly go to one log.
  #latest: StagedLog | undefined

  constructor(options: {
    /** Shared by all groups; empty between them. */
    readonly builder: BlockBuilder
    readonly nowMs: number
    readonly lastSequence: number
    readonly keepsDeletedPayloads: boolean
  }) {
    this.#builder = options.builder
    this.nowMs = options.nowMs
    this.#lastSequence = options.lastSequence
    this.#keepsDeletedPayloads = options.keepsDeletedPayloads
  }

  /** Greatest sequence given so far. */
  get lastSequence(): number {
    return this.#lastSequence
  }

  /** Rough size of what is staged, in bytes. */
  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    if (this.messages.length > 0 || this.#rows.length > 0) return false
    if (this.#replacedBlocks.length > 0 || this.#sealing.length > 0) return false
    for (const staged of this.#logs.values()) if (staged.mustStore) return false
    return true
  }

  /** What becomes of this log; writing to the answer changes it. */
  log(log: LogState): StagedLog {
    if (this.#latest?.log === log) return this.#latest
    let staged = this.#logs.get(log)
    if (staged === undefined) {
      const { head, bytes, lastSequence, trimmedTo, trimmedAtMs, sweptTo } = log
      staged = {
        log,
        head,
        bytes,
        lastSequence,
        trimmedTo,
        trimmedAtMs,
        sweptTo,
        keptTo: log.keptTo,
        historyTo: log.historyTo,
        lastBlock: -1,
        runKeys: [],
        runHeads: [],
        deleted: log.deleted,
        mustStore: false,
      }
      this.#logs.set(log, staged)
    }
    this.#latest = staged
    return staged
  }

  /** Appends the next message of a log. */
  add(staged: StagedLog, message: NewMessage): StoredMessage {
    const { log } = staged
    const { deleted, createdAtMs } = message
    const history = message.history === true
    const isErased = deleted && !this.#keepsDeletedPayloads
    const payload = isErased ? noPayload : message.payload
    const headers = isErased || message.headers.size === 0 ? noHeaders : message.headers
    const size = payload.length + headersSize(headers)
    const sequence = this.#lastSequence + 1
    const headId = staged.head + 1
    if (!this.#builder.hasRoomFor(size)) this.#finishBlock()
    const record: BlockRecord = {
      log: log.number,
      headId,
      sequence,
      createdAtMs,
      deleted,
      history,
      headers,
      payload,
      publishId: message.publishId,
    }
    let { id } = message
    if (id === undefined) id = this.#builder.addNew(record)
    else this.#builder.add(record, id)
    this.#lastSequence = sequence
    this.#bytes += size + 48
    staged.head = headId
    staged.lastSequence = sequence
    if (!deleted) staged.bytes += size
    if (history) staged.historyTo = headId
    else staged.keptTo = headId
    const { key } = this.#builder
    if (staged.lastBlock !== key) {
      staged.lastBlock = key
      staged.runKeys.push(key)
      staged.runHeads.push(headId)
    }
    const { topic, origin } = log
    const stored: Mutable<StoredMessage> = {
      topic,
      origin,
      id,
      headId,
      sequence,
      payload,
      headers,
      createdAtMs,
      deleted,
    }
    if (message.realtime === true) stored.realtime = true
    // The headers are the caller's, and a map can be changed.
    if (headers.size > 0) stored.headers = new Map(headers)
    this.messages.push(stored)
    return stored
  }

  /** Remembers heads as deleted; an empty range is none. Counting them and marking the log to be stored is the caller's. */
  deleteHeads(staged: StagedLog, from: number, to: number): void {
    if (from > to || from === Infinity) return
    const { log } = staged
    const touching = staged.deleted.touching(from, to)
    const first = Math.min(from, touching[0]?.[0] ?? from)
    const last = Math.max(to, touching[touching.length - 1]?.[1] ?? to)
    for (const [start] of touching) {
      if (start !== first) this.row(positionKey(rowKinds.deleted, log.number, start), undefined)
    }
    this.row(positionKey(rowKinds.deleted, log.number, first), encodeRangeEnd(last))
    if (staged.deleted === log.deleted) staged.deleted = log.deleted.clone()
    staged.deleted.add(from, to)
  }

  row(key: Uint8Array, value: Uint8Array | undefined): void {
    this.#rows.push([key, value])
    this.#bytes += key.length + (value?.length ?? 0)
  }

  /** Replaces or removes an older block; the bytes are the group's from here on. */
  replaceBlock(key: number, bytes: Uint8Array | undefined): void {
    this.#replacedBlocks.push([key, bytes])
    this.#bytes += bytes?.length ?? 0
  }

  /** Runs when everything has been staged; may add rows. */
  onSeal(complete: () => void): void {
    this.#sealing.push(complete)
  }

  /** Runs when the group has been committed, before anybody is told. */
  onApplied(apply: () => void): void {
    this.#applied.push(apply)
  }

  /** Completes the writes. Nothing can be staged afterwards. */
  seal(): StorageWrites {
    this.#finishBlock()
    for (const complete of this.#sealing) complete()
    for (const staged of this.#logs.values()) {
      const { log } = staged
      staged.mustStore ||= !log.isStored && staged.head > 0
      if (!staged.mustStore) continue
      const value = encodeLog(log, staged, this.#lastSequence)
      this.#rows.push([numberKey(rowKinds.log, log.number), value])
      this.#rows.push([numberKey(rowKinds.logCopy, log.number), value])
    }
    return this.writes
  }

  /** What is written, once it is sealed. */
  get writes(): StorageWrites {
    return { blocks: [...this.#replacedBlocks, ...this.#blocks], rows: this.#rows }
  }

  /** The blocks of the new messages, once it is sealed. */
  get newBlocks(): readonly (readonly [key: number, bytes: Uint8Array])[] {
    return this.#blocks
  }

  /** Makes the group visible. Answers the number of runs that were added. */
  apply(): number {
    let runs = 0
    for (const staged of this.#logs.values()) {
      const { log } = staged
      log.head = staged.head
      log.bytes = staged.bytes
      log.lastSequence = staged.lastSequence
      log.trimmedTo = staged.trimmedTo
      log.trimmedAtMs = staged.trimmedAtMs
      log.sweptTo = staged.sweptTo
      log.keptTo = staged.keptTo
      log.historyTo = staged.historyTo
      log.deleted = staged.deleted
      for (let i = 0; i < staged.runKeys.length; i++) {
        log.addRun(staged.runKeys[i] as number, staged.runHeads[i] as number)
      }
      runs += staged.runKeys.length
      if (staged.mustStore) {
        log.isStored = true
        log.storedTo = this.#lastSequence
      }
    }
    for (const apply of this.#applied) apply()
    return runs
  }

  #finishBlock(): void {
    const builder = this.#builder
    const { count, key } = builder
    if (count === 0) return
    const bytes = builder.finish()
    for (let i = 0; i < count; i++) {
      const message = this.messages[this.#blockStart + i] as Mutable<StoredMessage>
      const start = builder.payloadStart(i, count)
      const { length } = message.payload
      message.payload = length === 0 ? noPayload : bytes.subarray(start, start + length)
    }
    this.#blockStart += count
    this.#blocks.push([key, bytes])
  }
}

/** Bytes of headers as limits and `LogInfo.bytes` count them. */
export function headersSize(headers: Headers): number {
  let bytes = 0
  for (const [key, value] of headers) bytes += utf8Length(key) + utf8Length(value)
  return bytes
}
