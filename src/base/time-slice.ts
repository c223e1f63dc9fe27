/** Long work in slices: between two of them everything else that waits has its turn. */

const sliceMs = 2

export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Asks for a pause when enough time has gone since the last one. */
export class TimeSlice {
  #startedAt = performance.now()

  /** Undefined, at nearly no cost, while the slice lasts. */
  pause(): Promise<void> | undefined {
    if (performance.now() - this.#startedAt < sliceMs) return undefined
    return this.#pause()
  }

  async #pause(): Promise<void> {
    await nextTurn()
    this.#startedAt = performance.now()
  }
}
