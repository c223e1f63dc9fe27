/**
 * The end of the current turn of the event loop, shared by everything of one client: what came during
 * the turn is handed over then, together. Between two turns the loop looks at sockets and timers, so
 * clients that answer each other for ever do not keep it from them.
 */

export interface Runnable {
  /** Must not throw. */
  run(): void
}

export class Turn {
  #due: Runnable[] = []

  /** Runs it once at the end of this turn, in the order of the first call; more calls add more runs. */
  add(runnable: Runnable): void {
    if (this.#due.length === 0) setImmediate(() => this.#end())
    this.#due.push(runnable)
  }

  #end(): void {
    const due = this.#due
    this.#due = []
    for (const runnable of due) runnable.run()
  }
}
