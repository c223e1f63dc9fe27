/**
 * Whether the daemon is there and how it is doing: asks for its status about once a second and keeps what the charts
 * need. Everything else in the page learns from here that the connection is lost or back.
 */

import { signal } from '@preact/signals'
import type { Signal } from '@preact/signals'
import type { StatusJson } from '../../../src/wire/http-api.ts'
import { ApiError } from './http-api.ts'
import { StatusHistory } from './status-history.ts'

export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'online' }
  /** It is there, and does not talk to those it does not know. */
  | { readonly state: 'locked' }
  | {
      readonly state: 'offline'
      /** For people. */
      readonly why: string
      /** By the clock of the page. */
      readonly sinceMs: number
      readonly retryAtMs: number
    }

const everyMs = 1_000
const longestDelayMs = 10_000

export class DaemonWatch {
  readonly connection: Signal<Connection> = signal({ state: 'connecting' })
  /** The newest answer, also while the connection is lost. */
  readonly status: Signal<StatusJson | undefined> = signal(undefined)
  /** Another object with each answer; its samples are the same array. */
  readonly rates: Signal<{ readonly samples: StatusHistory['samples'] }>
  /** Grows when the daemon is there again: what was asked before may be out of date. */
  readonly returns: Signal<number> = signal(0)
  readonly #ask: () => Promise<StatusJson>
  readonly #history = new StatusHistory()
  #failures = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #isAsking = false

  constructor(ask: () => Promise<StatusJson>) {
    this.#ask = ask
    this.rates = signal({ samples: this.#history.samples })
  }

  /** Begins; it goes on as long as the page is open. */
  start(): void {
    void this.#next()
    addEventListener('online', () => this.retry())
    document.addEventListener('visibilitychange', () => {
      // Timers of hidden pages are slow; who comes back wants to see now.
      if (!document.hidden) this.retry()
    })
  }

  /** Asks at once instead of when it is due. */
  retry(): void {
    this.#failures = 0
    if (this.#isAsking) return
    clearTimeout(this.#timer)
    void this.#next()
  }

  async #next(): Promise<void> {
    this.#isAsking = true
    let delayMs = everyMs
    try {
      this.#heard(await this.#ask())
    } catch (error) {
      delayMs = Math.min(longestDelayMs, everyMs * 2 ** this.#failures)
      this.#failures += 1
      this.#missed(error, delayMs)
    }
    this.#isAsking = false
    this.#timer = setTimeout(() => void this.#next(), delayMs)
  }

  #heard(status: StatusJson): void {
    this.#failures = 0
    this.#history.add(status)
    this.status.value = status
    this.rates.value = { samples: this.#history.samples }
    if (this.connection.value.state === 'online') return
    const { state } = this.connection.value
    if (state === 'offline' || state === 'locked') this.returns.value += 1
    this.connection.value = { state: 'online' }
  }

  #missed(error: unknown, delayMs: number): void {
    if (error instanceof ApiError && error.status === 401) {
      this.connection.value = { state: 'locked' }
      return
    }
    const now = Date.now()
    const before = this.connection.value
    this.connection.value = {
      state: 'offline',
      why: error instanceof Error ? error.message : String(error),
      sinceMs: before.state === 'offline' ? before.sinceMs : now,
      retryAtMs: now + delayMs,
    }
  }
}
