/**
 * What a program listens to: messages, broadcasts, a subscription, a queue. With a handler it is only
 * closed; without one it is an async iterable. Whatever waits for the program is bounded in bytes.
 */

import { BusError } from '../model/errors.ts'
import type { Lane } from './lane.ts'

export class Listening<Item> implements AsyncIterable<Item> {
  /** Resolves when it has ended: with the error if the bus ended it, else with undefined. */
  readonly closed: Promise<BusError | undefined>
  readonly #lane: Lane<Item>
  readonly #ready: Promise<void>

  /** `ready` settles when the bus has set it up, or refused. */
  constructor(lane: Lane<Item>, ready: Promise<void> = Promise.resolve()) {
    this.closed = lane.closed
    this.#lane = lane
    this.#ready = ready
    // Whoever does not ask for readiness hears of the failure otherwise.
    ready.catch(() => undefined)
  }

  /**
   * Resolves when the bus has set it up: from now on nothing is missed.
   * @throws BusError why the bus refused; `cancelled` when it was closed before
   */
  async ready(): Promise<void> {
    await Promise.race([this.#ready, this.closed.then(throwClosed)])
  }

  /** One iteration: a second one shares the items with the first. Leaving the loop closes it. */
  [Symbol.asyncIterator](): AsyncIterator<Item, undefined> {
    return {
      next: () => this.#lane.next(),
      return: () => {
        this.close()
        return Promise.resolve({ value: undefined, done: true })
      },
    }
  }

  /** Frees it at once; what waits is dropped, iterating ends quietly. May be called twice. */
  close(): void {
    this.#lane.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function throwClosed(error: BusError | undefined): never {
  throw error ?? new BusError('cancelled', 'cancelled', 'it was closed')
}
