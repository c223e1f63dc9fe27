/**
 * How long to wait before the next attempt: exponential with full jitter in the upper half, so that
 * many clients of a restarted daemon do not come back in step, and yet nobody waits much less than
 * the step says (spec/msgbus-v1 7.3, defect L47).
 */

import { BusError } from '../model/errors.ts'
import type { BusErrorCode } from '../model/errors.ts'
import { onAbort } from './abort-listeners.ts'
import type { Timing } from './timing.ts'

export interface ReconnectOptions {
  /** Before the first new attempt, milliseconds; default 250. */
  readonly minDelayMs?: number | undefined
  /** Upper bound, milliseconds; default 10,000. */
  readonly maxDelayMs?: number | undefined
  /** Give up after so many attempts without success in between; default: never. */
  readonly maxAttempts?: number | undefined
}

/** The codes after which trying again makes sense (spec/msgbus-v1 7.1). */
const retryable: ReadonlySet<BusErrorCode> = new Set([
  'unavailable',
  'deadline_exceeded',
  'aborted',
  'cancelled',
])

export function isRetryable(error: unknown): boolean {
  return error instanceof BusError && retryable.has(error.code)
}

export class ReconnectDelay {
  readonly #timing: Timing
  readonly #minMs: number
  readonly #maxMs: number
  readonly #maxAttempts: number
  #attempts = 0

  constructor(timing: Timing, options: ReconnectOptions = {}) {
    this.#timing = timing
    this.#minMs = options.minDelayMs ?? 250
    this.#maxMs = options.maxDelayMs ?? 10_000
    this.#maxAttempts = options.maxAttempts ?? Number.POSITIVE_INFINITY
  }

  /** Attempts since the last success. */
  get attempts(): number {
    return this.#attempts
  }

  /** Call after every success. */
  reset(): void {
    this.#attempts = 0
  }

  /** Milliseconds until the next attempt; undefined when there shall be none. */
  next(): number | undefined {
    if (this.#attempts >= this.#maxAttempts) return undefined
    // 2^20 steps exceed every sensible bound; more would overflow to Infinity.
    const step = Math.min(this.#maxMs, this.#minMs * 2 ** Math.min(this.#attempts, 20))
    this.#attempts += 1
    return step * (0.5 + this.#timing.random() / 2)
  }

  /** Waits `delayMs`, or less when the signal fires; never rejects. */
  wait(delayMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        timer.cancel()
        unlisten()
        resolve()
      }
      const timer = this.#timing.after(delayMs, done)
      const unlisten = onAbort(signal, done)
    })
  }
}
