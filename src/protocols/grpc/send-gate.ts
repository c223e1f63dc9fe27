/**
 * Holds back what a client sends while somebody it feeds has no room (architecture 7). The bus pauses
 * the client; streams stop reading, and single calls wait here in their order, one let through at a
 * time, so that a receiver that is full again after the first stops the others as well.
 */

import { BusError } from '../../model/errors.ts'

/** Payloads of single calls that may wait at one connection; one of any size always may. */
const waitingBytesMost = 8_388_608

interface Waiting {
  readonly bytes: number
  readonly run: () => void
  readonly fail: (error: BusError) => void
}

export class SendGate {
  readonly #waiting = new Set<Waiting>()
  readonly #readers = new Set<() => void>()
  #waitingBytes = 0
  #isPaused = false

  get isPaused(): boolean {
    return this.#isPaused
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    for (const waiting of this.#waiting) {
      // What was let through may have paused the client again.
      if (this.isPaused) return
      this.#remove(waiting)
      waiting.run()
    }
    for (const readOn of this.#readers) {
      if (this.isPaused) return
      readOn()
    }
  }

  /**
   * Runs `send` now or when the client may send again.
   *
   * @param bytes what is kept while it waits
   * @param onCancelled calls its argument when nobody waits for the outcome any more
   * @returns what `send` returns or throws; rejects with `resource_exhausted/slow_client` when too
   *   much waits, `cancelled`, or what the gate was closed with
   */
  async pass<R>(
    bytes: number,
    onCancelled: (listener: () => void) => void,
    send: () => R,
  ): Promise<R> {
    if (!this.#isPaused) return send()
    if (this.#waiting.size > 0 && this.#waitingBytes + bytes > waitingBytesMost) {
      const text = `receivers do not keep up, and ${this.#waitingBytes} bytes wait for them already`
      throw new BusError('resource_exhausted', 'slow_client', text)
    }
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        bytes,
        run: () => {
          try {
            resolve(send())
          } catch (error) {
            reject(error)
          }
        },
        fail: reject,
      }
      this.#waiting.add(waiting)
      this.#waitingBytes += bytes
      onCancelled(() => {
        if (!this.#remove(waiting)) return
        reject(new BusError('cancelled', 'cancelled', 'the caller gave up'))
      })
    })
  }

  /** Calls `readOn` whenever the client may send again. Returns how to stop that. */
  onResume(readOn: () => void): () => void {
    this.#readers.add(readOn)
    return () => this.#readers.delete(readOn)
  }

  /** Nobody will resume it: fails what waits. */
  close(error: BusError): void {
    for (const waiting of this.#waiting) {
      this.#remove(waiting)
      waiting.fail(error)
    }
  }

  #remove(waiting: Waiting): boolean {
    if (!this.#waiting.delete(waiting)) return false
    this.#waitingBytes -= waiting.bytes
    return true
  }
}
