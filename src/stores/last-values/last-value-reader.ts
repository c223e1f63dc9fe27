/**
 * Reads the records of a file of last values. A record that does not match its checksum is passed over when a sound one
 * follows where it ends; otherwise lengths cannot be believed any more, and everything from it on is cut: a
 * write that a crash cut short, or blocks that a loss of power left empty.
 */

import type { FileHandle } from 'node:fs/promises'
import { TimeSlice } from '../../base/time-slice.ts'
import {
  decodeRecord,
  lengthBytes,
  rowBytesLeast,
  type LastValueRecord,
} from './last-value-record.ts'

const readBytes = 1_048_576

export interface ReadOutcome {
  readonly damagedRecords: number
  /** At the end of the file. */
  readonly cutBytes: number
}

/**
 * Calls `visit` with each sound record, in order; `bytes` is what it takes in the file, `isAfterDamage` tells that one
 * before it was passed over. Ends early when `visit` answers false.
 */
export async function readRecords(
  handle: FileHandle,
  start: number,
  size: number,
  visit: (record: LastValueRecord, bytes: number, isAfterDamage: boolean) => boolean,
): Promise<ReadOutcome> {
  const window = new FileWindow(handle)
  const slice = new TimeSlice()
  let damagedRecords = 0
  let isSuspect = false
  let soundTo = start
  for (let at = start; at + lengthBytes <= size;) {
    const turn = window.need(at, lengthBytes) ?? slice.pause()
    if (turn !== undefined) await turn
    const length = window.u32(at)
    const next = at + lengthBytes + length
    if (length < rowBytesLeast || next > size) break
    const wait = window.need(at, next - at)
    if (wait !== undefined) await wait
    const record = decodeRecord(window.view(at + lengthBytes, length))
    if (record === undefined) {
      if (isSuspect) break
      isSuspect = true
    } else {
      if (isSuspect) damagedRecords += 1
      isSuspect = false
      soundTo = next
      if (!visit(record, next - at, damagedRecords > 0)) return { damagedRecords, cutBytes: 0 }
    }
    at = next
  }
  return { damagedRecords, cutBytes: size - soundTo }
}

/** A part of the file in memory, as large as the largest record at least. */
class FileWindow {
  readonly #handle: FileHandle
  #buffer = Buffer.allocUnsafe(readBytes)
  #start = 0
  #length = 0

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  /** Makes sure of `bytes` from `at` on; undefined when they are there. What the file lacks reads as zero. */
  need(at: number, bytes: number): Promise<void> | undefined {
    if (at >= this.#start && at + bytes <= this.#start + this.#length) return undefined
    return this.#read(at, bytes)
  }

  u32(at: number): number {
    return this.#buffer.readUInt32LE(at - this.#start)
  }

  /** Valid until more is read. */
  view(at: number, bytes: number): Uint8Array {
    return this.#buffer.subarray(at - this.#start, at - this.#start + bytes)
  }

  async #read(at: number, bytes: number): Promise<void> {
    if (bytes > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(bytes)
    this.#start = at
    this.#length = 0
    while (this.#length < this.#buffer.length) {
      const left = this.#buffer.length - this.#length
      const from = at + this.#length
      const { bytesRead } = await this.#handle.read(this.#buffer, this.#length, left, from)
      if (bytesRead === 0) break
      this.#length += bytesRead
    }
    if (this.#length < bytes) {
      this.#buffer.fill(0, this.#length, bytes)
      this.#length = bytes
    }
  }
}
