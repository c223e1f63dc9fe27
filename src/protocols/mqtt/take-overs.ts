/**
 * Clients of one id that take it from each other again and again (design/reliability A9): each reconnects at once when it
 * was thrown out, so without a brake they would do nothing else. Whoever has the id keeps it for the rest of a window,
 * and the other one is told to wait.
 */

import type { Clock } from '../../core/clock.ts'
import { BusError } from '../../model/errors.ts'

/** Take-overs of one id within a window; the core holds the names of its clients to the same. */
const takeOversMost = 5
const windowMs = 10_000

interface Count {
  readonly since: number
  count: number
}

export class TakeOvers {
  readonly #clock: Clock
  readonly #onLoop: (clientId: string) => void
  readonly #byId = new Map<string, Count>()

  /** @param onLoop told once for each window */
  constructor(clock: Clock, onLoop: (clientId: string) => void) {
    this.#clock = clock
    this.#onLoop = onLoop
  }

  /**
   * To be called before an id is taken from somebody who is connected. What is refused does not make the wait longer.
   * @throws BusError `resource_exhausted/takeover_loop`
   */
  count(clientId: string): void {
    const now = this.#clock.monotonic()
    const known = this.#byId.get(clientId)
    if (known === undefined || now - known.since > windowMs) {
      this.#byId.set(clientId, { since: now, count: 1 })
      return
    }
    known.count += 1
    if (known.count <= takeOversMost) return
    if (known.count === takeOversMost + 1) this.#onLoop(clientId)
    const text = `the client id was taken over ${takeOversMost} times within ${windowMs / 1_000} s: two clients use it; wait`
    throw new BusError('resource_exhausted', 'takeover_loop', text)
  }

  /** Forgets what is over, so that only ids of the last window are remembered. */
  tick(): void {
    const now = this.#clock.monotonic()
    for (const [clientId, { since }] of this.#byId) {
      if (now - since > windowMs) this.#byId.delete(clientId)
    }
  }
}
