/**
 * Things that may only be done once a note is on disk (spec/mqtt 14). What comes while one note is being written
 * shares the next.
 */

export interface NotedTasksOptions {
  /** Writes down how things are now. */
  readonly write: () => Promise<void>
  /** They are not done then. */
  readonly onError: (error: unknown) => void
}

export class NotedTasks {
  readonly #options: NotedTasksOptions
  #tasks: (() => void)[] = []
  #isWriting = false

  constructor(options: NotedTasksOptions) {
    this.#options = options
  }

  /** Runs `task` once what is true now is on disk. */
  add(task: () => void): void {
    this.#tasks.push(task)
    if (this.#isWriting) return
    this.#isWriting = true
    // What comes in this turn shares the note.
    queueMicrotask(() => void this.#write())
  }

  async #write(): Promise<void> {
    const { write, onError } = this.#options
    while (this.#tasks.length > 0) {
      const tasks = this.#tasks
      this.#tasks = []
      try {
        await write()
      } catch (error) {
        onError(error)
        continue
      }
      for (const task of tasks) task()
    }
    this.#isWriting = false
  }
}
