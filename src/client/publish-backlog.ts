/**
 * What a publisher has accepted and the daemon has not answered: first waiting, then in flight in
 * batches, in order. Decides what goes into the next frame and when. Pure bookkeeping.
 */

import type { BusError } from '../model/errors.ts'
import type { OutgoingMessage } from '../model/message.ts'
import type { Receipt } from './publication.ts'

export interface BacklogEntry extends OutgoingMessage {
  readonly publishId: string
  /** Of payload and headers. */
  readonly bytes: number
  /** Absent when nobody waits for this one alone. */
  readonly receipt: { resolve(receipt: Receipt): void; reject(error: BusError): void } | undefined
}

export interface Batch {
  readonly batchId: number
  readonly entries: readonly BacklogEntry[]
  readonly bytes: number
}

export interface BacklogLimits {
  readonly maxInFlightMessages: number
  readonly maxInFlightBytes: number
  readonly maxBatchMessages: number
  readonly maxBatchBytes: number
}

/** While so many batches are on their way, smaller ones wait and grow. */
const busyBatches = 2
/** Taken entries are cut off the front of the list after so many. */
const keptTakenEntries = 16_384

export class PublishBacklog {
  readonly #limits: BacklogLimits
  /** Not sent yet, from `#first` on. */
  #waiting: BacklogEntry[] = []
  #first = 0
  #inFlight: Batch[] = []
  #messages = 0
  #bytes = 0
  #inFlightMessages = 0
  #inFlightBytes = 0
  #lastBatchId = 0
  #careful = 0

  constructor(limits: BacklogLimits) {
    this.#limits = limits
  }

  /** Messages waiting or in flight. */
  get messages(): number {
    return this.#messages
  }

  get isFull(): boolean {
    return (
      this.#messages >= this.#limits.maxInFlightMessages ||
      this.#bytes >= this.#limits.maxInFlightBytes
    )
  }

  add(entry: BacklogEntry): void {
    this.#waiting.push(entry)
    this.#messages += 1
    this.#bytes += entry.bytes
  }

  /** The next frame, in flight from now on; undefined while none should go. */
  nextBatch(): Batch | undefined {
    const { maxBatchMessages, maxBatchBytes, maxInFlightMessages, maxInFlightBytes } = this.#limits
    const waiting = this.#waiting.length - this.#first
    if (waiting === 0) return undefined
    if (this.#careful > 0 && this.#inFlight.length > 0) return undefined
    if (this.#inFlight.length >= busyBatches && waiting < maxBatchMessages) return undefined
    const room = maxInFlightMessages - this.#inFlightMessages
    if (room <= 0 || this.#inFlightBytes >= maxInFlightBytes) return undefined
    const most = this.#careful > 0 ? 1 : Math.min(waiting, room, maxBatchMessages)
    let bytes = 0
    let count = 0
    while (count < most) {
      const size = this.#waiting[this.#first + count]?.bytes ?? 0
      if (count > 0 && bytes + size > maxBatchBytes) break
      bytes += size
      count += 1
    }
    this.#lastBatchId += 1
    const batch = { batchId: this.#lastBatchId, entries: this.#take(count), bytes }
    this.#inFlight.push(batch)
    this.#inFlightMessages += count
    this.#inFlightBytes += bytes
    return batch
  }

  /** The oldest batch in flight, which is now answered; undefined when it is not this one. */
  answered(batchId: number): Batch | undefined {
    const batch = this.#inFlight[0]
    if (batch?.batchId !== batchId) return undefined
    this.#inFlight.shift()
    const { length } = batch.entries
    this.#inFlightMessages -= length
    this.#inFlightBytes -= batch.bytes
    this.#messages -= length
    this.#bytes -= batch.bytes
    this.#careful = Math.max(0, this.#careful - length)
    return batch
  }

  /** What is in flight goes to the front of what waits, in its order. Returns how many messages. */
  putBack(): number {
    const entries = this.#inFlight.flatMap((batch) => batch.entries)
    if (entries.length > 0) {
      this.#waiting = entries.concat(this.#waiting.slice(this.#first))
      this.#first = 0
      this.#inFlight = []
      this.#inFlightMessages = 0
      this.#inFlightBytes = 0
    }
    return entries.length
  }

  /** One of the first `messages` broke the stream: send each alone, to find out which. */
  sendSingly(messages: number): void {
    this.#careful = messages
  }

  /** Gives up the first `messages` of what waits (all: Infinity) and hands them to the caller. */
  drop(messages: number): readonly BacklogEntry[] {
    const dropped = this.#take(Math.min(messages, this.#waiting.length - this.#first))
    this.#messages -= dropped.length
    for (const entry of dropped) this.#bytes -= entry.bytes
    this.#careful = Math.max(0, this.#careful - dropped.length)
    return dropped
  }

  #take(count: number): BacklogEntry[] {
    const end = this.#first + count
    const taken = this.#waiting.slice(this.#first, end)
    if (end === this.#waiting.length) {
      this.#waiting = []
      this.#first = 0
    } else if (end > keptTakenEntries) {
      this.#waiting = this.#waiting.slice(end)
      this.#first = 0
    } else {
      this.#first = end
    }
    return taken
  }
}
