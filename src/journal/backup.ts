/**
 * The backup file of a store, the same for every engine: a magic line, then frames. A frame is its
 * length, its checksum, and rows or blocks; the last one carries the SHA-256 of everything before it, so
 * that a file that was cut short or changed is known as such. It is read from a snapshot, so it is what
 * the store was at one commit, while writes go on.
 */

import { createHash, type Hash } from 'node:crypto'
import { crc32 } from '../base/crc32.ts'
import { BusError } from '../model/errors.ts'
import type { BlockStorage, StoredBlock, StoredRow } from './block-storage.ts'
import { endOfRows, keyAfter, startOfRows } from './row-keys.ts'

const magic = Buffer.from('msgbus journal backup 1\n')
const frameHeaderBytes = 9
const blockBytesPerFrame = 1_048_576
const rowsPerFrame = 1_000
/** More than a frame ever has: a page of rows and one large row, or a block of one large message. */
const maxFrameBytes = 67_108_864

const kinds = { rows: 0x52, blocks: 0x42, end: 0x45 } as const

export type BackupFrame =
  | { readonly kind: 'rows'; readonly rows: StoredRow[] }
  | { readonly kind: 'blocks'; readonly blocks: StoredBlock[] }

/** Pieces of the file, in order; each is the caller's. */
export async function* writeBackup(storage: BlockStorage): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256').update(magic)
  const snapshot = await storage.snapshot()
  try {
    yield Buffer.from(magic)
    for (let from: Uint8Array = startOfRows; ;) {
      const rows = await snapshot.scanRows(from, endOfRows, rowsPerFrame)
      const last = rows[rows.length - 1]
      if (last === undefined) break
      from = keyAfter(last[0])
      yield frame(kinds.rows, encodeRows(rows), hash)
    }
    for (let from = 0; ;) {
      const blocks = await snapshot.scanBlocks(from, blockBytesPerFrame)
      const last = blocks[blocks.length - 1]
      if (last === undefined) break
      from = last.key + 1
      yield frame(kinds.blocks, encodeBlocks(blocks), hash)
    }
  } finally {
    await snapshot.release()
  }
  yield frame(kinds.end, hash.digest(), undefined)
}

/**
 * What a backup holds, checked frame by frame. Only when it has ended without an error was the file
 * whole.
 *
 * @throws BusError `data_loss/damaged_store`
 */
export async function* readBackup(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<BackupFrame> {
  const input = new ChunkReader(chunks)
  try {
    yield* readFrames(input)
  } finally {
    await input.end()
  }
}

async function* readFrames(input: ChunkReader): AsyncGenerator<BackupFrame> {
  const start = await input.take(magic.length)
  if (start === undefined || !magic.equals(start)) throw damaged('it does not begin like one')
  const hash = createHash('sha256').update(magic)
  for (;;) {
    const header = await input.take(frameHeaderBytes)
    if (header === undefined) throw damaged('it ends too early')
    const length = header.readUInt32BE(0)
    const body = length <= maxFrameBytes ? await input.take(length) : undefined
    if (body === undefined) throw damaged('it ends too early')
    const crc = crc32(body, 0, length, crc32(header, 8, 9, 0))
    if (crc !== header.readUInt32BE(4)) throw damaged('a checksum does not match')
    const kind = header[8]
    if (kind === kinds.end) {
      if (!hash.digest().equals(body)) throw damaged('its checksum does not match')
      if ((await input.take(1)) !== undefined) throw damaged('something follows its end')
      return
    }
    hash.update(header).update(body)
    if (kind === kinds.rows) yield { kind: 'rows', rows: decodeRows(body) }
    else if (kind === kinds.blocks) yield { kind: 'blocks', blocks: decodeBlocks(body) }
    else throw damaged('it has a part of an unknown kind')
  }
}

function frame(kind: number, body: Uint8Array, hash: Hash | undefined): Uint8Array {
  const header = Buffer.alloc(frameHeaderBytes)
  header.writeUInt32BE(body.length, 0)
  header[8] = kind
  header.writeUInt32BE(crc32(body, 0, body.length, crc32(header, 8, 9, 0)), 4)
  const whole = Buffer.concat([header, body])
  hash?.update(whole)
  return whole
}

/** Length of key and value, key, value. */
function encodeRows(rows: readonly StoredRow[]): Uint8Array {
  return Buffer.concat(
    rows.flatMap(([key, value]) => {
      const lengths = Buffer.alloc(8)
      lengths.writeUInt32BE(key.length, 0)
      lengths.writeUInt32BE(value.length, 4)
      return [lengths, key, value]
    }),
  )
}

function decodeRows(body: Buffer): StoredRow[] {
  const rows: StoredRow[] = []
  for (let at = 0; at < body.length;) {
    const valueAt = at + 8 + body.readUInt32BE(at)
    const end = valueAt + body.readUInt32BE(at + 4)
    rows.push([body.subarray(at + 8, valueAt), body.subarray(valueAt, end)])
    at = end
  }
  return rows
}

/** Key as a 64-bit number, length, bytes. */
function encodeBlocks(blocks: readonly StoredBlock[]): Uint8Array {
  return Buffer.concat(
    blocks.flatMap(({ key, bytes }) => {
      const header = Buffer.alloc(12)
      header.writeBigUInt64BE(BigInt(key), 0)
      header.writeUInt32BE(bytes.length, 8)
      return [header, bytes]
    }),
  )
}

function decodeBlocks(body: Buffer): StoredBlock[] {
  const blocks: StoredBlock[] = []
  for (let at = 0; at < body.length;) {
    const start = at + 12
    const end = start + body.readUInt32BE(at + 8)
    blocks.push({ key: Number(body.readBigUInt64BE(at)), bytes: body.subarray(start, end) })
    at = end
  }
  return blocks
}

/** Pieces of any size as pieces of the size asked for. */
class ChunkReader {
  readonly #iterator: AsyncIterator<Uint8Array>
  #chunks: Uint8Array[] = []
  #length = 0

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#iterator = chunks[Symbol.asyncIterator]()
  }

  /** Says that no more is wanted. */
  async end(): Promise<void> {
    await this.#iterator.return?.()
  }

  /** Exactly that many bytes; undefined when the input ends before. */
  async take(bytes: number): Promise<Buffer | undefined> {
    while (this.#length < bytes) {
      const next = await this.#iterator.next()
      if (next.done === true) return undefined
      this.#chunks.push(next.value)
      this.#length += next.value.length
    }
    const whole = Buffer.concat(this.#chunks)
    this.#chunks = [whole.subarray(bytes)]
    this.#length -= bytes
    return whole.subarray(0, bytes)
  }
}

function damaged(why: string): BusError {
  const text = `this is not a whole and undamaged backup: ${why}`
  return new BusError('data_loss', 'damaged_store', text)
}
