/**
 * What fetches of all peers share: a bounded number of places, given in the order in which they are
 * asked for, so that no peer waits behind all the logs of another; and who is storing which log, so
 * that two peers with the same log are not both asked for it, and never both believed about it.
 */

import type { Clock } from '../core/clock.ts'

/** A fetch that brought nothing for so long keeps nobody else from the same log: its peer may be slow. */
const claimMs = 2_000

interface Claim {
  readonly owner: object
  /** Since when somebody else wants it, and nothing has come. */
  contestedAt: number | undefined
}

export class FetchSlots {
  readonly #clock: Clock
  readonly #waiting: (() => void)[] = []
  readonly #claims = new Map<string, Claim>()
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

  /**
   * False while another owner is fetching this log, and makes progress: who is refused and asks again after a while
   * in which nothing came takes it over.
   */
  claim(key: string, owner: object): boolean {
    const claim = this.#claims.get(key)
    const now = this.#clock.monotonic()
    if (claim !== undefined && claim.owner !== owner) {
      claim.contestedAt ??= now
      if (now - claim.contestedAt < claimMs) return false
    }
    if (claim?.owner !== owner) this.#claims.set(key, { owner, contestedAt: undefined })
    return true
  }

  /** Whether this owner still has the claim. */
  owns(key: string, owner: object): boolean {
    return this.#claims.get(key)?.owner === owner
  }

  /** Something came. */
  progressed(key: string, owner: object): void {
    const claim = this.#claims.get(key)
    if (claim?.owner === owner) claim.contestedAt = undefined
  }

  release(key: string, owner: object): void {
    if (this.#claims.get(key)?.owner === owner) this.#claims.delete(key)
  }

  /** Runs `store` alone for these logs. */
  async storing<T>(keys: readonly string[], store: () => Promise<T>): Promise<T> {
    for (;;) {
      const other = keys.find((key) => this.#storing.has(key))
      if (other === undefined) break
      await this.#storing.get(other)
    }
    const stored = store()
    const over = stored.then(
      () => undefined,
      () => undefined,
    )
    for (const key of keys) this.#storing.set(key, over)
    try {
      return await stored
    } finally {
      for (const key of keys) this.#storing.delete(key)
    }
  }
}
