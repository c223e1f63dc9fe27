/**
 * Keeps the process alive while somebody waits for what only a timer of the bus can bring: the time-out
 * of a call, the end of a lease. The bus's own timers do not, since a daemon lives by its listeners.
 */

// The longest interval there is; it only has to be there.
const longestMs = 2 ** 31 - 1

export class Wakefulness {
  #waiting = 0
  #isOver = false
  #interval: NodeJS.Timeout | undefined

  /** Until the returned function is called, which may be twice. */
  begin(): () => void {
    if (this.#isOver) return () => undefined
    this.#waiting += 1
    this.#interval ??= setInterval(() => undefined, longestMs)
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      this.#waiting -= 1
      if (this.#waiting === 0) this.#rest()
    }
  }

  /** For good: nobody waits any more, whatever was begun. */
  end(): void {
    this.#isOver = true
    this.#rest()
  }

  #rest(): void {
    clearInterval(this.#interval)
    this.#interval = undefined
  }
}
