/**
 * How many per second, over a sliding window of one second in ten slices. Cheap to add to: tens of thousands of
 * messages per second pass by it.
 */

const slices = 10
const sliceMs = 100

export class RateMeter {
  readonly #counts = new Float64Array(slices)
  #slice = 0

  /** @param nowMs of any clock that does not go back */
  add(count: number, nowMs: number): void {
    this.#moveTo(nowMs)
    const at = this.#slice % slices
    this.#counts[at] = (this.#counts[at] ?? 0) + count
  }

  perSecond(nowMs: number): number {
    this.#moveTo(nowMs)
    return this.#counts.reduce((sum, count) => sum + count, 0)
  }

  #moveTo(nowMs: number): void {
    const slice = Math.floor(nowMs / sliceMs)
    const first = Math.max(this.#slice + 1, slice - slices + 1)
    for (let passed = first; passed <= slice; passed++) this.#counts[passed % slices] = 0
    this.#slice = Math.max(this.#slice, slice)
  }
}
