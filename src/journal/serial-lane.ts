/** Runs tasks one after the other, each from its begin to its end. */

export class SerialLane {
  #last: Promise<unknown> = Promise.resolve()

  /** Settles as the task does. A task that fails does not disturb the next. */
  run<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(task)
    this.#last = result.catch(() => undefined)
    return result
  }

  /** Resolves when everything asked for so far is done. */
  async idle(): Promise<void> {
    await this.#last
  }
}
