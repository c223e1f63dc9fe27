/**
 * Where a subscription goes on. A position is a small JSON value: programs may keep it wherever they
 * keep their own results, best in the same transaction. Stores of positions do that for programs
 * that are content with at-least-once.
 */

import type { Timing } from './timing.ts'

export interface Position {
  /** Which store; changes when the daemon's store is made anew. Empty on daemons that only speak v1. */
  readonly epoch: string
  /** Place in the commit order of that store; the head id when `epoch` is empty. */
  readonly sequence: number
}

export interface PositionStore {
  /** The position saved last under this name; undefined when there is none. */
  load(name: string): Promise<Position | undefined>
  save(name: string, position: Position): Promise<void>
}

/** Lives as long as the process: for tests, and for subscriptions that are opened anew. */
export class MemoryPositionStore implements PositionStore {
  readonly #positions = new Map<string, Position>()

  load(name: string): Promise<Position | undefined> {
    return Promise.resolve(this.#positions.get(name))
  }

  save(name: string, position: Position): Promise<void> {
    this.#positions.set(name, position)
    return Promise.resolve()
  }
}

export interface StoredPositionOptions {
  readonly store: PositionStore
  /** Names this subscriber in the store. */
  readonly name: string
  /** Save at most this often, milliseconds; default 1,000. 0: after every message. */
  readonly saveEveryMs?: number | undefined
}

/**
 * Saves how far a program has come: always the newest position, one save at a time, not more often
 * than asked for. A failed save is reported to the next `done` or `flush`.
 */
export class PositionKeeper {
  readonly #options: StoredPositionOptions
  readonly #timing: Timing
  #unsaved: Position | undefined
  #saving: Promise<void> | undefined
  #savedAt = Number.NEGATIVE_INFINITY
  #failure: { readonly error: unknown } | undefined

  constructor(options: StoredPositionOptions, timing: Timing) {
    this.#options = options
    this.#timing = timing
  }

  load(): Promise<Position | undefined> {
    return this.#options.store.load(this.#options.name)
  }

  /** Everything up to here is dealt with. @throws what a save before threw */
  done(position: Position): void {
    this.#throwFailure()
    this.#unsaved = position
    const waitMs = this.#options.saveEveryMs ?? 1_000
    if (this.#saving === undefined && this.#timing.monotonic() - this.#savedAt >= waitMs) {
      this.#saving = this.#save()
    }
  }

  /** Resolves when the newest position is saved. */
  async flush(): Promise<void> {
    while (this.#saving !== undefined || this.#unsaved !== undefined) {
      this.#saving ??= this.#save()
      await this.#saving
      this.#throwFailure()
    }
    this.#throwFailure()
  }

  async #save(): Promise<void> {
    const position = this.#unsaved
    this.#unsaved = undefined
    this.#savedAt = this.#timing.monotonic()
    try {
      if (position !== undefined) await this.#options.store.save(this.#options.name, position)
    } catch (error) {
      this.#failure = { error }
    } finally {
      this.#saving = undefined
    }
  }

  #throwFailure(): void {
    if (this.#failure === undefined) return
    const { error } = this.#failure
    this.#failure = undefined
    throw error
  }
}
