/** A clock that tests move by hand. Time stands still until `advance`. */

import type { Clock, Timer } from './clock.ts'

export class ManualClock implements Clock {
  #elapsedMs = 0
  readonly #startedAtMs: number
  readonly #timers = new Set<{ readonly at: number; readonly task: () => void }>()

  constructor(startedAtMs = Date.UTC(2026, 0, 1)) {
    this.#startedAtMs = startedAtMs
  }

  now(): number {
    return this.#startedAtMs + this.#elapsedMs
  }

  monotonic(): number {
    return this.#elapsedMs
  }

  after(delayMs: number, task: () => void): Timer {
    const timer = { at: this.#elapsedMs + delayMs, task }
    this.#timers.add(timer)
    return { cancel: () => this.#timers.delete(timer) }
  }

  /** Moves on and runs what is due, in the order of time. */
  advance(byMs: number): void {
    const until = this.#elapsedMs + byMs
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0]
      if (due === undefined) break
      this.#timers.delete(due)
      this.#elapsedMs = Math.max(this.#elapsedMs, due.at)
      due.task()
    }
    this.#elapsedMs = until
  }
}
