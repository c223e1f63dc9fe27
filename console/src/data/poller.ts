/**
 * A question that is asked again and again while somebody looks: the answer, how old it is, and what went wrong. One
 * that failed keeps the answer before it.
 */

import { signal } from '@preact/signals'
import type { Signal } from '@preact/signals'

export interface Answer<T> {
  /** Undefined until the first one. */
  readonly value: T | undefined
  /** Why the last attempt failed; undefined when it did not. */
  readonly error: string | undefined
  /** When `value` came, by the clock of the page. */
  readonly atMs: number
}

export class Poller<T> {
  readonly answer: Signal<Answer<T>> = signal({ value: undefined, error: undefined, atMs: 0 })
  readonly #load: (signal: AbortSignal) => Promise<T>
  readonly #everyMs: number
  readonly #mayAsk: () => boolean
  #stop: AbortController | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #isLoading = false
  #isAskedAgain = false

  /** @param mayAsk false: this time is left out, because nobody looks or nobody would answer */
  constructor(
    load: (signal: AbortSignal) => Promise<T>,
    everyMs: number,
    mayAsk: () => boolean = () => true,
  ) {
    this.#load = load
    this.#everyMs = everyMs
    this.#mayAsk = mayAsk
  }

  start(): void {
    if (this.#stop !== undefined) return
    this.#stop = new AbortController()
    const { signal: stopped } = this.#stop
    void this.#next(stopped)
  }

  stop(): void {
    this.#stop?.abort()
    this.#stop = undefined
    clearTimeout(this.#timer)
  }

  /** Asks at once; when an answer is under way, once more after it. */
  refresh(): void {
    if (this.#stop === undefined) return
    this.#isAskedAgain = this.#isLoading
    if (this.#isLoading) return
    clearTimeout(this.#timer)
    void this.#next(this.#stop.signal)
  }

  async #next(stopped: AbortSignal): Promise<void> {
    const startedAtMs = performance.now()
    if (this.#mayAsk()) await this.#ask(stopped)
    if (stopped.aborted) return
    const pauseMs = pauseAfter(this.#everyMs, performance.now() - startedAtMs)
    const delayMs = this.#isAskedAgain ? 0 : pauseMs
    this.#isAskedAgain = false
    this.#timer = setTimeout(() => void this.#next(stopped), delayMs)
  }

  async #ask(stopped: AbortSignal): Promise<void> {
    this.#isLoading = true
    try {
      const value = await this.#load(stopped)
      if (stopped.aborted) return
      this.answer.value = { value, error: undefined, atMs: Date.now() }
    } catch (error) {
      if (stopped.aborted) return
      const text = error instanceof Error ? error.message : String(error)
      this.answer.value = { ...this.answer.value, error: text }
    } finally {
      this.#isLoading = false
    }
  }
}

/** How long to wait before asking again: an answer that is costly to the daemon is asked for less often. */
export function pauseAfter(everyMs: number, tookMs: number): number {
  return Math.max(everyMs, 20 * tookMs)
}
