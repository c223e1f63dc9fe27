/** Writes records one behind the other, gathered into pieces that are worth a system call. */

import type { FileHandle } from 'node:fs/promises'
import { encodeRecord, lengthBytes, type LastValueRecord } from './last-value-record.ts'

/** Records are written when there are this many bytes of them. */
const pieceBytes = 262_144

export class RecordWriter {
  readonly #handle: Promise<FileHandle>
  #piece = Buffer.allocUnsafe(pieceBytes)
  #used = 0
  #position: number

  /** @param position in the file where the next record belongs */
  constructor(handle: Promise<FileHandle>, position: number) {
    this.#handle = handle
    this.#position = position
    // Whoever waits for the first write hears of it; nobody may.
    handle.catch(() => undefined)
  }

  /** Behind all records so far, once they are written. */
  get position(): number {
    return this.#position + this.#used
  }

  /** Takes a record and answers its bytes in the file. */
  put(record: LastValueRecord): number {
    const row = encodeRecord(record)
    const bytes = lengthBytes + row.length
    this.#reserve(bytes)
    this.#piece.writeUInt32LE(row.length, this.#used)
    this.#piece.set(row, this.#used + lengthBytes)
    this.#used += bytes
    return bytes
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#piece.set(bytes, this.#used)
    this.#used += bytes.length
  }

  get isFull(): boolean {
    return this.#used >= pieceBytes
  }

  /** Writes what was put. Rejects with the system's error; nothing may be put meanwhile, or after that. */
  async flush(): Promise<void> {
    const handle = await this.#handle
    for (let done = 0; done < this.#used;) {
      const left = this.#used - done
      const { bytesWritten } = await handle.write(this.#piece, done, left, this.#position + done)
      done += bytesWritten
    }
    this.#position += this.#used
    this.#used = 0
    if (this.#piece.length > 2 * pieceBytes) this.#piece = Buffer.allocUnsafe(pieceBytes)
  }

  #reserve(bytes: number): void {
    const needed = this.#used + bytes
    if (needed <= this.#piece.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#piece.length * 2))
    this.#piece.copy(grown, 0, 0, this.#used)
    this.#piece = grown
  }
}
