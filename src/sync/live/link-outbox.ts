/**
 * What waits to go out on one link. Records that are written in one turn leave together in one frame. When more than
 * `markBytes` wait for the link, whoever feeds it is made to wait, for a tenth of a second at most (live-mesh.ts); after
 * that it is *given up* until it has room: what may be lost (publications, direct messages, broadcasts) is dropped
 * and counted. So a link that is quick loses nothing, and one that is slow costs bounded memory and little of anybody's
 * time. What must arrive (what nodes tell about themselves, calls, answers) is kept up to `mostBytes`; a peer that lets
 * more than that pile up loses its link, and begins anew.
 */

import { ProtocolError } from '../../model/errors.ts'
import type { LiveChannel } from '../live-channel.ts'
import type { LiveCounters } from './live-counters.ts'

/** A frame is sent when it has grown to this, even before the turn ends. */
const frameBytes = 65_536
export const markBytes = 262_144
/** Of what may be lost: whoever waits still finishes what it has read. */
export const droppableBytes = 4_194_304
export const mostBytes = 67_108_864

export class LinkOutbox {
  readonly #channel: LiveChannel
  readonly #counters: LiveCounters
  #block = new Uint8Array(4_096)
  #length = 0
  /** Of frames that are complete and wait for room. */
  readonly #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #hasRoom = true
  #isDue = false
  #isClosed = false

  constructor(channel: LiveChannel, counters: LiveCounters) {
    this.#channel = channel
    this.#counters = counters
  }

  get queuedBytes(): number {
    return this.#waitingBytes + this.#length
  }

  /** Whoever feeds it is to wait. */
  get isFull(): boolean {
    return !this.#hasRoom && this.queuedBytes >= markBytes
  }

  /** Nobody waits for it any more, until it has room. */
  isGivenUp = false

  /** Something that may be lost would be dropped now. */
  get isDropping(): boolean {
    return (this.isGivenUp && this.isFull) || this.queuedBytes >= droppableBytes
  }

  /**
   * Adds `bytes[start..end)` as a record; false when it was dropped.
   * @param hops what stands in the second byte instead; absent: what is there
   */
  add(bytes: Uint8Array, start: number, end: number, isDroppable: boolean, hops?: number): boolean {
    if (this.#isClosed) return false
    if (isDroppable && this.isDropping) {
      this.#counters.dropped += 1
      return false
    }
    const length = end - start
    this.#reserve(length + 5)
    const block = this.#block
    for (let rest = length; ; rest >>>= 7) {
      if (rest <= 0x7f) {
        block[this.#length++] = rest
        break
      }
      block[this.#length++] = (rest & 0x7f) | 0x80
    }
    block.set(bytes.subarray(start, end), this.#length)
    if (hops !== undefined) block[this.#length + 1] = hops
    this.#length += length
    this.#counters.sentRecords += 1
    this.#counters.sentBytes += length
    if (this.#length >= frameBytes) this.#flush()
    else if (!this.#isDue) {
      this.#isDue = true
      queueMicrotask(() => {
        this.#isDue = false
        this.#flush()
      })
    }
    return true
  }

  /** There is room on the link again. */
  resume(): void {
    this.#hasRoom = true
    this.isGivenUp = false
    while (this.#hasRoom) {
      const frame = this.#waiting.shift()
      if (frame === undefined) return
      this.#waitingBytes -= frame.length
      this.#hasRoom = this.#channel.send(frame)
    }
  }

  close(): void {
    this.#isClosed = true
    this.#waiting.length = 0
    this.#waitingBytes = 0
    this.#length = 0
  }

  #flush(): void {
    if (this.#length === 0 || this.#isClosed) return
    const frame = this.#block.slice(0, this.#length)
    this.#length = 0
    if (this.#block.length > 2 * frameBytes) this.#block = new Uint8Array(4_096)
    if (this.#hasRoom) {
      this.#hasRoom = this.#channel.send(frame)
      return
    }
    this.#waiting.push(frame)
    this.#waitingBytes += frame.length
    if (this.#waitingBytes > mostBytes) {
      this.#channel.fail(new ProtocolError('the peer does not read what it is sent'))
    }
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#block.length) return
    const block = new Uint8Array(Math.max(this.#block.length * 2, this.#length + bytes))
    block.set(this.#block.subarray(0, this.#length))
    this.#block = block
  }
}
