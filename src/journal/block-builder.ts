/**
 * Writes blocks (block.ts): records are added one after the other, `finish` gives the bytes. The
 * scratch buffers are kept from block to block, so a block costs one allocation, the one that is
 * stored.
 */

import { crc32 } from '../base/crc32.ts'
import { createUuid, parseUuid } from '../base/uuid.ts'
import type { Headers } from '../model/message.ts'
import { utf8Length } from '../model/name.ts'
import {
  blockHeaderBytes,
  blockMagic,
  blockTrailerBytes,
  contentStart,
  entryBytes,
  entryWords,
  recordFlags,
  type BlockView,
} from './block.ts'

/** A block ends before it grows over either; a single larger message has a block of its own. */
export const blockLimits = { records: 2_048, bytes: 262_144 } as const

export interface BlockRecord {
  readonly log: number
  readonly headId: number
  readonly sequence: number
  readonly createdAtMs: number
  readonly deleted: boolean
  readonly history: boolean
  readonly headers: Headers
  readonly payload: Uint8Array
  readonly publishId: string | undefined
}

export class BlockBuilder {
  #key = 0
  /** The first record need not be the one whose sequence is the key. */
  #isKeyGiven = false
  #count = 0
  #bodyBytes = 0
  readonly #words = new Uint32Array(blockLimits.records * entryWords)
  readonly #directory = new Uint8Array(this.#words.buffer)
  #bodies = Buffer.allocUnsafeSlow(blockLimits.bytes)
  /** Where the payload of each record begins within the bodies. */
  readonly #payloads = new Uint32Array(blockLimits.records)

  get count(): number {
    return this.#count
  }

  /** The sequence of the first record. */
  get key(): number {
    return this.#key
  }

  /** Whether a record with that much payload and headers still belongs into this block. */
  hasRoomFor(bytes: number): boolean {
    if (this.#count === 0) return true
    const size = this.#bodyBytes + (this.#count + 1) * entryBytes + bytes
    return this.#count < blockLimits.records && size <= blockLimits.bytes
  }

  /** Adds a message under a fresh random id and answers that. */
  addNew(record: BlockRecord): string {
    const id = createUuid(this.#words, this.#count * entryWords + 8)
    this.#add(record, undefined)
    return id
  }

  /** Adds a message that has its id already. */
  add(record: BlockRecord, id: string): void {
    const at = this.#count * entryWords + 8
    if (parseUuid(id, this.#words, at)) {
      this.#add(record, undefined)
      return
    }
    this.#words.fill(0, at, at + 4)
    this.#add(record, id)
  }

  /** Begins a block that takes the place of another one. */
  begin(key: number): void {
    this.#key = key
    this.#isKeyGiven = true
  }

  /** Copies a sound record as it is, sequence included, or without its content; after `begin`. */
  copy(source: BlockView, i: number, erase: boolean): void {
    const start = source.bodyStartAt(i)
    let flags = source.flagsAt(i)
    let length = source.bodyLengthAt(i)
    if (erase) {
      flags = (flags | recordFlags.deleted) & ~recordFlags.headers
      length = contentStart(source.bytes, start, flags) - start
    }
    this.#reserve(length)
    this.#bodies.set(source.bytes.subarray(start, start + length), this.#bodyBytes)
    const idAt = source.idWordAt(i)
    this.#words.set(source.words.subarray(idAt, idAt + 4), this.#count * entryWords + 8)
    const createdAtMs = source.createdAtMsAt(i)
    this.#close(source.logAt(i), source.headAt(i), source.sequenceAt(i), createdAtMs, flags, length)
  }

  /**
   * Keeps the place of a damaged record, known from a sound directory, and as far as it is within the
   * block its body. It stays damaged.
   */
  copyDamaged(source: BlockView, i: number, withBody: boolean): void {
    const start = source.bodyStartAt(i)
    const end = withBody ? start + source.bodyLengthAt(i) : start
    const body = source.bytes.subarray(start, Math.min(end, source.bytes.length))
    this.#reserve(body.length)
    this.#bodies.set(body, this.#bodyBytes)
    const idAt = source.idWordAt(i)
    this.#words.set(source.words.subarray(idAt, idAt + 4), this.#count * entryWords + 8)
    const [log, head, sequence] = [source.logAt(i), source.headAt(i), source.sequenceAt(i)]
    this.#close(log, head, sequence, source.createdAtMsAt(i), source.flagsAt(i), body.length)
    const at = (this.#count - 1) * entryWords
    this.#words[at] = ~(this.#words[at] as number)
  }

  /** Where the payload of record `i` begins in the block of `count` records that was just finished. */
  payloadStart(i: number, count: number): number {
    return blockHeaderBytes + count * entryBytes + (this.#payloads[i] as number)
  }

  /** The bytes of the block; they belong to the caller. The builder is empty afterwards. */
  finish(): Uint8Array {
    const directoryBytes = this.#count * entryBytes
    const length = blockHeaderBytes + directoryBytes + this.#bodyBytes + blockTrailerBytes
    const bytes = new Uint8Array(length)
    bytes.set(this.#directory.subarray(0, directoryBytes), blockHeaderBytes)
    bytes.set(this.#bodies.subarray(0, this.#bodyBytes), blockHeaderBytes + directoryBytes)
    const view = new DataView(bytes.buffer)
    view.setUint32(0, blockMagic, true)
    view.setUint32(4, this.#count, true)
    view.setUint32(8, this.#bodyBytes, true)
    const directoryCrc = crc32(bytes, blockHeaderBytes, blockHeaderBytes + directoryBytes, 0)
    view.setUint32(16, directoryCrc, true)
    view.setUint32(20, crc32(bytes, 0, 20, 0), true)
    const trailer = length - blockTrailerBytes
    view.setUint32(trailer, this.#count, true)
    view.setUint32(trailer + 4, crc32(bytes, trailer, trailer + 4, blockMagic), true)
    this.clear()
    return bytes
  }

  clear(): void {
    this.#count = 0
    this.#bodyBytes = 0
    this.#isKeyGiven = false
    // One huge message must not keep its memory for ever.
    if (this.#bodies.length > blockLimits.bytes * 4) {
      this.#bodies = Buffer.allocUnsafeSlow(blockLimits.bytes)
    }
  }

  #add(record: BlockRecord, textId: string | undefined): void {
    if (this.#count === 0 && !this.#isKeyGiven) this.#key = record.sequence
    const start = this.#bodyBytes
    let flags = record.deleted ? recordFlags.deleted : 0
    if (record.history) flags |= recordFlags.history
    let end = start
    if (textId !== undefined) {
      flags |= recordFlags.textId
      this.#reserve(2 + utf8Length(textId))
      end = this.#writeText(textId, end, 2)
    }
    const { publishId } = record
    if (publishId !== undefined) {
      flags |= recordFlags.publishId
      this.#reserve(end - start + 2 + utf8Length(publishId))
      end = this.#writeText(publishId, end, 2)
    }
    if (record.headers.size > 0) {
      flags |= recordFlags.headers
      this.#reserve(end - start + headersBytes(record.headers))
      end = this.#writeHeaders(record.headers, end)
    }
    const { payload } = record
    if (payload.length > 0) {
      this.#reserve(end - start + payload.length)
      this.#bodies.set(payload, end)
    }
    this.#payloads[this.#count] = end
    end += payload.length
    const { log, headId, sequence, createdAtMs } = record
    this.#close(log, headId, sequence, createdAtMs, flags, end - start)
  }

  /** Completes the entry of the record whose id and body are in place. */
  #close(
    log: number,
    headId: number,
    sequence: number,
    createdAtMs: number,
    flags: number,
    bodyLength: number,
  ): void {
    const words = this.#words
    const at = this.#count * entryWords
    const start = this.#bodyBytes
    words[at + 1] = start
    words[at + 2] = bodyLength
    words[at + 3] = log
    words[at + 4] = headId
    words[at + 5] = Math.floor(headId / 0x1_0000_0000) | ((sequence - this.#key) << 16)
    words[at + 6] = createdAtMs
    words[at + 7] = Math.floor(createdAtMs / 0x1_0000_0000) | (flags << 24)
    const byte = at * 4
    const crc = crc32(this.#directory, byte + 4, byte + entryBytes, 0)
    words[at] = crc32(this.#bodies, start, start + bodyLength, crc)
    this.#count += 1
    this.#bodyBytes += bodyLength
  }

  /** Numbers of texts are two bytes, lengths of values four. */
  #writeHeaders(headers: Headers, at: number): number {
    const bodies = this.#bodies
    let position = bodies.writeUInt32LE(headers.size, at)
    for (const [key, value] of headers) {
      position = this.#writeText(key, position, 4)
      position = this.#writeText(value, position, 4)
    }
    return position
  }

  #writeText(text: string, at: number, lengthBytes: number): number {
    const written = this.#bodies.write(text, at + lengthBytes, 'utf8')
    this.#bodies.writeUIntLE(written, at, lengthBytes)
    return at + lengthBytes + written
  }

  /** Makes room for that many bytes of the record being added. */
  #reserve(bytes: number): void {
    const needed = this.#bodyBytes + bytes
    if (needed <= this.#bodies.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#bodies.length * 2))
    grown.set(this.#bodies)
    this.#bodies = grown
  }
}

function headersBytes(headers: Headers): number {
  let bytes = 4
  for (const [key, value] of headers) bytes += 8 + utf8Length(key) + utf8Length(value)
  return bytes
}
