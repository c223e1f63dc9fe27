/**
 * The end of the current turn of the event loop, shared by all clients of a bus in one thread: what came
 * during the turn is handed over then, together. Between two turns the loop looks at sockets and timers, so
 * clients that answer each other for ever do not keep it from them. What came from another thread need
 * not wait: when its batch has been dealt with, the turn may end there and then.
 */

export interface Runnable {
  run(): void
}

export class Turn {
  #due: Runnable[] = []
  #isEndDue = false

  /** Runs it once at the end of this turn, in the order of the calls. */
  add(runnable: Runnable): void {
    this.#due.push(runnable)
    if (this.#isEndDue) return
    this.#isEndDue = true
    setImmediate(() => {
      this.#isEndDue = false
      this.end()
    })
  }

  /** Ends the turn now. Not to be called from within what programs call. */
  end(): void {
    const due = this.#due
    if (due.length === 0) return
    this.#due = []
    for (const runnable of due) {
      try {
        runnable.run()
      } catch (error) {
        // It concerns nobody else that is due.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }
}
