/**
 * What a program sends while somebody it feeds has no room: it waits here, in order, and goes out when
 * there is room again. Whoever waits for the promise of each message never has more than that one here;
 * whoever does not is refused beyond `maxBytes`.
 */

import { BusError } from '../model/errors.ts'
import type { MaybePromise } from './client-link.ts'

export interface SendQueueOptions {
  readonly maxBytes: number
  readonly isPaused: () => boolean
}

interface HeldSend {
  readonly bytes: number
  send(): void
  fail(error: BusError): void
}

// What holding a message costs beside its payload, roughly.
const overheadBytes = 256

export class SendQueue {
  readonly #options: SendQueueOptions
  #held: HeldSend[] = []
  #bytes = 0
  #isDraining = false
  #onEmpty: (() => void)[] = []

  constructor(options: SendQueueOptions) {
    this.#options = options
  }

  /** Nothing is in the way: send at once, without asking for a promise. */
  get isClear(): boolean {
    return this.#held.length === 0 && !this.#options.isPaused()
  }

  /**
   * Sends when it is its turn. `send` must own its bytes.
   * @throws BusError `resource_exhausted/quota_exceeded`
   */
  hold<T>(payloadBytes: number, send: () => MaybePromise<T>): Promise<T> {
    const bytes = payloadBytes + overheadBytes
    const { maxBytes } = this.#options
    if (this.#bytes + bytes > maxBytes && this.#held.length > 0) {
      const text = `${this.#bytes} bytes wait to be sent, limit ${maxBytes}: wait for the promise of each message`
      throw new BusError('resource_exhausted', 'quota_exceeded', text)
    }
    this.#bytes += bytes
    return new Promise((resolve, reject) => {
      this.#held.push({
        bytes,
        send: () => {
          try {
            resolve(send())
          } catch (error) {
            reject(error)
          }
        },
        fail: reject,
      })
    })
  }

  /** There may be room again: sends as long as there is. */
  drain(): void {
    if (this.#isDraining) return
    this.#isDraining = true
    let sent = 0
    for (const held of this.#held) {
      if (this.#options.isPaused()) break
      sent += 1
      this.#bytes -= held.bytes
      held.send()
    }
    this.#held = this.#held.slice(sent)
    this.#isDraining = false
    if (this.#held.length === 0) this.#tellEmpty()
  }

  /** Resolves when nothing waits any more. */
  async flush(): Promise<void> {
    if (this.#held.length === 0) return
    await new Promise<void>((resolve) => this.#onEmpty.push(resolve))
  }

  /** Refuses what waits. */
  close(error: BusError): void {
    const held = this.#held
    this.#held = []
    this.#bytes = 0
    for (const each of held) each.fail(error)
    this.#tellEmpty()
  }

  #tellEmpty(): void {
    const waiting = this.#onEmpty
    this.#onEmpty = []
    for (const resolve of waiting) resolve()
  }
}
