/**
 * Sends messages over one Join stream: what is sent in one turn goes together, answers find their
 * messages by the number of the batch, and order is kept.
 */

import { BusError } from '../model/errors.ts'
import type { Dispatch, DispatchResults, JoinRequest } from '../wire/gen/msgbus-v2.ts'
import { fromRefusal } from './status-code.ts'

/** In one request, at most. */
const batchMessages = 1_000
const batchBytes = 262_144

export interface DispatchEntry {
  readonly message: Dispatch
  /** How many took it. */
  resolve(receivers: number): void
  reject(error: BusError): void
}

export class DispatchSender {
  readonly #write: (request: JoinRequest) => Promise<void>
  readonly #inFlight = new Map<number, readonly DispatchEntry[]>()
  #pending: DispatchEntry[] = []
  #isWriting = false
  #lastBatch = 0
  #failure: BusError | undefined

  /** @param write one request at a time; resolves when the transport wants more */
  constructor(write: (request: JoinRequest) => Promise<void>) {
    this.#write = write
  }

  add(entry: DispatchEntry): void {
    if (this.#failure !== undefined) return entry.reject(this.#failure)
    this.#pending.push(entry)
    if (this.#isWriting) return
    this.#isWriting = true
    // After the caller's turn, so that what it sends together goes together.
    queueMicrotask(() => void this.#writeAll())
  }

  answered({ batchId, results }: DispatchResults): void {
    const entries = this.#inFlight.get(batchId)
    if (entries === undefined || entries.length !== results.length) {
      const text = 'the daemon answered another batch than it got'
      throw new BusError('internal', 'undecodable', text)
    }
    this.#inFlight.delete(batchId)
    for (const [i, entry] of entries.entries()) {
      const result = results[i]
      if (result?.refusal !== undefined) entry.reject(fromRefusal(result.refusal))
      else entry.resolve(result?.receivers ?? 0)
    }
  }

  /** The stream is gone: fails what has no answer, and what comes. */
  fail(error: BusError): void {
    this.#failure = error
    for (const entries of this.#inFlight.values()) for (const entry of entries) entry.reject(error)
    this.#inFlight.clear()
    for (const entry of this.#pending.splice(0)) entry.reject(error)
  }

  async #writeAll(): Promise<void> {
    while (this.#pending.length > 0) {
      const entries = this.#takeBatch()
      this.#lastBatch += 1
      this.#inFlight.set(this.#lastBatch, entries)
      const messages = entries.map(({ message }) => message)
      await this.#write({ joining: undefined, messages, batchId: this.#lastBatch })
    }
    this.#isWriting = false
  }

  #takeBatch(): DispatchEntry[] {
    let count = 0
    let bytes = 0
    for (const { message } of this.#pending) {
      bytes += message.payload.length
      // A larger message goes alone.
      if (count > 0 && (count === batchMessages || bytes > batchBytes)) break
      count += 1
    }
    return this.#pending.splice(0, count)
  }
}
