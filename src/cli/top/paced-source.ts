/**
 * Something the daemon is asked for again and again, but not for more than a part of the time: a list
 * of a hundred thousand topics is a strain when it is asked for every second.
 */

/** An answer and when it came, by a clock that never goes back. */
export interface Timed<T> {
  readonly value: T
  readonly atMs: number
}

/** As many as rates need come without a rest. */
const freeAnswers = 2
/** After an answer it rests so many times as long as that took. */
const restFactor = 10

export class PacedSource<T> {
  readonly #ask: () => Promise<T>
  readonly #now: () => number
  #last: Timed<T> | undefined
  #answers = 0
  #dueAtMs = 0

  constructor(ask: () => Promise<T>, now: () => number) {
    this.#ask = ask
    this.#now = now
  }

  /** A new answer, or the last one while it rests. */
  async read(): Promise<Timed<T>> {
    const startedAtMs = this.#now()
    if (this.#last !== undefined && startedAtMs < this.#dueAtMs) return this.#last
    const value = await this.#ask()
    const atMs = this.#now()
    this.#last = { value, atMs }
    this.#answers += 1
    if (this.#answers >= freeAnswers) this.#dueAtMs = atMs + (atMs - startedAtMs) * restFactor
    return this.#last
  }
}
