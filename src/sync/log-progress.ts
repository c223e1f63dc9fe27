/**
 * What one session knows about each log of its peer: whether the histories were compared since the
 * connection was made, and how long to leave a log alone that failed, so that one bad log costs its
 * peer's other logs nothing (defect L30).
 */

import { backOffMs, type BackOff } from './back-off.ts'

interface State {
  isCompared: boolean
  failures: number
  retryAt: number
  error: string
}

export class LogProgress {
  readonly #backOff: BackOff
  readonly #random: () => number
  readonly #states = new Map<string, State>()

  constructor(backOff: BackOff, random: () => number) {
    this.#backOff = backOff
    this.#random = random
  }

  isCompared(key: string): boolean {
    return this.#states.get(key)?.isCompared === true
  }

  compared(key: string): void {
    this.#of(key).isCompared = true
  }

  /** Milliseconds until a log that failed may be tried again; 0 or less: now. */
  waitMs(key: string, now: number): number {
    const state = this.#states.get(key)
    return state === undefined || state.failures === 0 ? 0 : state.retryAt - now
  }

  succeeded(key: string): void {
    const state = this.#states.get(key)
    if (state === undefined) return
    state.failures = 0
    state.error = ''
  }

  /** Answers whether the log did not fail like that last time. */
  failed(key: string, error: string, now: number): boolean {
    const state = this.#of(key)
    const isNew = state.error !== error
    state.failures += 1
    state.error = error
    state.retryAt = now + backOffMs(state.failures, this.#backOff, this.#random())
    return isNew
  }

  isFailing(key: string): boolean {
    return (this.#states.get(key)?.failures ?? 0) > 0
  }

  /** Logs that failed and did not succeed since. */
  get failing(): number {
    let count = 0
    for (const { failures } of this.#states.values()) if (failures > 0) count += 1
    return count
  }

  #of(key: string): State {
    let state = this.#states.get(key)
    if (state === undefined) {
      state = { isCompared: false, failures: 0, retryAt: 0, error: '' }
      this.#states.set(key, state)
    }
    return state
  }
}
