/**
 * What waits for an answer that carries its number: acknowledgements, replies of calls. One timer
 * serves all of them; it goes off for the earliest deadline, and then again not before some
 * milliseconds, so that thousands of deadlines close together are not thousands of timers.
 */

import type { BusError } from '../../model/errors.ts'
import type { Timing } from '../timing.ts'

export interface PendingAnswer {
  /** By the monotonic clock of the table; Infinity: never. */
  readonly deadlineMs: number
  /** Told once, when the deadline is over or everything is given up. */
  fail(error: BusError): void
  /** The error of a deadline that is over. */
  late(): BusError
}

const sweepMs = 10

export class PendingAnswers<Answer extends PendingAnswer> {
  readonly #timing: Timing
  readonly #answers = new Map<number, Answer>()
  #timer: { cancel(): void } | undefined
  #firesAtMs = Number.POSITIVE_INFINITY
  readonly #maxId: number
  #lastId = 0

  /** @param maxId ids count from 1 to this and begin again at 1 */
  constructor(timing: Timing, maxId: number) {
    this.#timing = timing
    this.#maxId = maxId
  }

  get size(): number {
    return this.#answers.size
  }

  /** For `add`; also for what wants no answer but has to have a number. */
  nextId(): number {
    do {
      this.#lastId = this.#lastId >= this.#maxId ? 1 : this.#lastId + 1
    } while (this.#answers.has(this.#lastId))
    return this.#lastId
  }

  deadline(timeoutMs: number): number {
    return this.#timing.monotonic() + timeoutMs
  }

  add(id: number, answer: Answer): void {
    this.#answers.set(id, answer)
    if (answer.deadlineMs < this.#firesAtMs) this.#fireAt(answer.deadlineMs)
  }

  /** Takes what waits under this number out; undefined when nothing does any more. */
  take(id: number): Answer | undefined {
    const answer = this.#answers.get(id)
    if (answer !== undefined) this.#answers.delete(id)
    return answer
  }

  failAll(error: BusError): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#firesAtMs = Number.POSITIVE_INFINITY
    const answers = [...this.#answers.values()]
    this.#answers.clear()
    for (const answer of answers) answer.fail(error)
  }

  #fireAt(atMs: number): void {
    this.#timer?.cancel()
    this.#firesAtMs = atMs
    this.#timer = this.#timing.after(Math.max(1, atMs - this.#timing.monotonic()), this.#sweep)
  }

  readonly #sweep = (): void => {
    this.#timer = undefined
    this.#firesAtMs = Number.POSITIVE_INFINITY
    const now = this.#timing.monotonic()
    let nextMs = Number.POSITIVE_INFINITY
    for (const [id, answer] of this.#answers) {
      if (answer.deadlineMs > now) {
        nextMs = Math.min(nextMs, answer.deadlineMs)
      } else {
        this.#answers.delete(id)
        answer.fail(answer.late())
      }
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#fireAt(Math.max(nextMs, now + sweepMs))
  }
}
