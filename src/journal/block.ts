/**
 * A block: the messages of one commit group, or a part of them, as one value of the storage
 * (performance 3: one value per group is what makes group commit pay). Its format is in
 * docs/reference/disk-format.md.
 *
 * A block is a header, a directory with one entry of fixed size per record, the bodies, and a
 * trailer. The directory makes finding the records of one log a scan over words, without touching
 * the bodies. Every record has a checksum over its own entry and body, and says itself where its
 * body is, so damage costs only the records it hits: header and trailer both tell the number of
 * entries. Records one after the other with lengths between them were ruled out because one damaged
 * length loses everything behind it.
 *
 * All numbers are little-endian, and so is every platform Node.js runs on but s390x, where the
 * native engines are not to be had either: words are read as they lie in memory.
 */

import { crc32 } from '../base/crc32.ts'

export const blockHeaderBytes = 24
export const entryBytes = 48
export const entryWords = entryBytes / 4
const headerWords = blockHeaderBytes / 4
export const blockTrailerBytes = 8
/** `MBB1`: the last character is the version. */
export const blockMagic = 0x3142424d

/** The sequence of a record is the key of its block plus sixteen bits. */
export const maxSequenceOffset = 0xffff

/** Flags of a record, one byte. Bits not listed are zero. */
export const recordFlags = {
  /** Payload and headers are not there, or must not be shown. */
  deleted: 1,
  /** The id is no canonical UUID: it stands in the body as text. */
  textId: 2,
  headers: 4,
  /** The idempotency key of its publisher is in the body. */
  publishId: 8,
  /** Set aside for the hash chain of a log (architecture 12): its 32 bytes would lead the body. */
  chained: 16,
  /** It came to be kept for a while only (LogInfo.keptTo). */
  history: 32,
} as const

/** Reads one block. Never throws: what cannot be read is simply not there. */
export class BlockView {
  readonly key: number
  /** Number of records, damaged ones included; 0 when neither header nor trailer can be read. */
  readonly count: number
  /** The directory is what was written, so log and head of every entry can be trusted. */
  readonly isDirectorySound: boolean
  readonly bytes: Uint8Array
  readonly #words: Uint32Array
  readonly #bodies: number
  readonly #bodiesEnd: number

  /** `bytes` belongs to the view from here on. */
  constructor(key: number, bytes: Uint8Array) {
    this.key = key
    const isAligned = bytes.byteOffset % 4 === 0
    this.bytes = isAligned ? bytes : new Uint8Array(bytes)
    const whole = this.bytes
    const length = whole.length - (whole.length % 4)
    this.#words = new Uint32Array(whole.buffer, whole.byteOffset, length / 4)
    const count = readCount(whole, this.#words)
    const directoryEnd = blockHeaderBytes + count * entryBytes
    this.count = count
    this.#bodies = directoryEnd
    this.#bodiesEnd = whole.length - blockTrailerBytes
    this.isDirectorySound =
      count > 0 &&
      headerIsSound(whole, this.#words) &&
      crc32(whole, blockHeaderBytes, directoryEnd, 0) === this.#words[4]
  }

  /** Neither header nor trailer can be read: nothing of this block can. */
  get isLost(): boolean {
    return this.count === 0
  }

  /** No sequence in the block is greater. Exact unless the directory is damaged. */
  get lastSequence(): number {
    return this.isDirectorySound ? this.sequenceAt(this.count - 1) : this.key + maxSequenceOffset
  }

  logAt(i: number): number {
    return this.#words[headerWords + i * entryWords + 3] as number
  }

  headAt(i: number): number {
    const at = headerWords + i * entryWords
    const high = (this.#words[at + 5] as number) & 0xffff
    return high * 0x1_0000_0000 + (this.#words[at + 4] as number)
  }

  sequenceAt(i: number): number {
    return this.key + ((this.#words[headerWords + i * entryWords + 5] as number) >>> 16)
  }

  createdAtMsAt(i: number): number {
    const at = headerWords + i * entryWords
    const high = (this.#words[at + 7] as number) & 0xffffff
    return high * 0x1_0000_0000 + (this.#words[at + 6] as number)
  }

  flagsAt(i: number): number {
    return (this.#words[headerWords + i * entryWords + 7] as number) >>> 24
  }

  bodyStartAt(i: number): number {
    return this.#bodies + (this.#words[headerWords + i * entryWords + 1] as number)
  }

  bodyLengthAt(i: number): number {
    return this.#words[headerWords + i * entryWords + 2] as number
  }

  /** For `formatUuid`. */
  get words(): Uint32Array {
    return this.#words
  }

  idWordAt(i: number): number {
    return headerWords + i * entryWords + 8
  }

  /** Whether record `i` is what was written. Everything else about it may be asked only then. */
  isSound(i: number): boolean {
    const start = this.bodyStartAt(i)
    const end = start + this.bodyLengthAt(i)
    if (end > this.#bodiesEnd) return false
    const at = blockHeaderBytes + i * entryBytes
    const crc = crc32(this.bytes, start, end, crc32(this.bytes, at + 4, at + entryBytes, 0))
    return crc === this.#words[headerWords + i * entryWords]
  }
}

/**
 * Where the content of a body begins: headers, if any, and payload. Before it are the id, when it is
 * text, and the publish id; both are kept when the content is erased.
 */
export function contentStart(bytes: Uint8Array, bodyStart: number, flags: number): number {
  let at = bodyStart
  if ((flags & recordFlags.textId) !== 0) at = textEnd(bytes, at)
  if ((flags & recordFlags.publishId) !== 0) at = textEnd(bytes, at)
  return at
}

/** The first byte behind a text that is preceded by its length in two bytes. */
export function textEnd(bytes: Uint8Array, at: number): number {
  return at + 2 + ((bytes[at] as number) | ((bytes[at + 1] as number) << 8))
}

function readCount(bytes: Uint8Array, words: Uint32Array): number {
  if (bytes.length < blockHeaderBytes + blockTrailerBytes) return 0
  const count = headerIsSound(bytes, words) ? (words[1] as number) : trailerCount(bytes)
  const end = blockHeaderBytes + count * entryBytes + blockTrailerBytes
  return end <= bytes.length ? count : 0
}

function headerIsSound(bytes: Uint8Array, words: Uint32Array): boolean {
  return words[0] === blockMagic && crc32(bytes, 0, 20, 0) === words[5]
}

/** The number of entries by the trailer, whose checksum takes the magic number as its seed. */
function trailerCount(bytes: Uint8Array): number {
  const at = bytes.length - blockTrailerBytes
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, blockTrailerBytes)
  const isTrailer = crc32(bytes, at, at + 4, blockMagic) === view.getUint32(4, true)
  return isTrailer ? view.getUint32(0, true) : 0
}
