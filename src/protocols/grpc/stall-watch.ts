/**
 * Finds out that a client which makes others wait has stopped reading (architecture 7). It looks only while somebody
 * waits, once per time limit, so a client is given between one and two limits from its last sign of progress.
 */

import type { Clock, Timer } from '../../core/clock.ts'

export interface StallWatchOptions {
  readonly clock: Clock
  readonly limitMs: number
  /** Another number whenever the client has taken something. */
  readonly progress: () => number
  /** It took nothing for the time limit; the watch has ended. */
  readonly onStalled: () => void
}

export class StallWatch {
  readonly #options: StallWatchOptions
  #timer: Timer | undefined

  constructor(options: StallWatchOptions) {
    this.#options = options
  }

  /** Of no effect while it looks already. */
  start(): void {
    if (this.#timer === undefined) this.#look()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #look(): void {
    const { clock, limitMs, progress, onStalled } = this.#options
    const before = progress()
    this.#timer = clock.after(limitMs, () => {
      this.#timer = undefined
      if (progress() === before) onStalled()
      else this.#look()
    })
  }
}
