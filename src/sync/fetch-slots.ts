/**
 * What fetches of all peers share: a bounded number of places, given in the order in which they are
 * asked for, so that no peer waits behind all the logs of another; and who is storing which log, so
 * that two peers with the same log are not both asked for it, and never both believed about it.
 */

import type { Clock } from '../core/clock.ts'

/** After so long a fetch keeps nobody else from the same log: its peer may be slow. */
const claimMs = 2_000

export class FetchSlots {
  readonly #clock: Clock
  readonly #waiting: (() => void)[] = []
  readonly #claims = new Map<string, { readonly owner: object; readonly until: number }>()
  readonly #storing = new Map<string, Promise<unknown>>()
  #free: number

  constructor(clock: Clock, slots: number) {
    this.#clock = clock
    this.#free = slots
  }

  /** Runs `work` when there is a place. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      // The place is handed on, so that nobody who comes now is before who waits.
      if (next === undefined) this.#free += 1
      else next()
    }
  }

  /** False while another owner is fetching this log. */
  claim(key: string, owner: object): boolean {
    const claim = this.#claims.get(key)
    const now = this.#clock.monotonic()
    if (claim !== undefined && claim.owner !== owner && claim.until > now) return false
    this.#claims.set(key, { owner, until: now + claimMs })
    return true
  }

  release(key: string, owner: object): void {
    if (this.#claims.get(key)?.owner === owner) this.#claims.delete(key)
  }

  /** Runs `store` alone for this log. */
  async storing<T>(key: string, store: () => Promise<T>): Promise<T> {
    while (this.#storing.has(key)) await this.#storing.get(key)
    const stored = store()
    const over = stored.then(
      () => undefined,
      () => undefined,
    )
    this.#storing.set(key, over)
    try {
      return await stored
    } finally {
      this.#storing.delete(key)
    }
  }
}
