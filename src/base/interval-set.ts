/**
 * A set of whole numbers kept as disjoint, sorted, never touching intervals: the deleted ranges of
 * a log. Two parallel arrays and binary search make membership logarithmic in the number of
 * intervals, and adding cheap for the usual case, the end of the set. A tree was not worth it: the
 * arrays are small, and moving their tail is a memory copy.
 */

export class IntervalSet {
  #from: number[] = []
  #to: number[] = []

  /** Number of disjoint intervals. */
  get size(): number {
    return this.#from.length
  }

  /**
   * Adds every number of `from..to`, both included, and merges what overlaps or touches. `to` may
   * be Infinity. An empty range (`from > to`) or one that begins at Infinity adds nothing.
   * Answers false when every number was there already.
   */
  add(from: number, to: number): boolean {
    if (from > to || from === Infinity) return false
    // Intervals first..last-1 overlap the new one or touch it.
    const first = this.#firstEndingAtOrAfter(from - 1)
    let last = first
    while (last < this.#from.length && (this.#from[last] as number) <= to + 1) last += 1
    if (last === first) {
      this.#from.splice(first, 0, from)
      this.#to.splice(first, 0, to)
      return true
    }
    const oldFrom = this.#from[first] as number
    const oldTo = this.#to[last - 1] as number
    if (last - first === 1 && oldFrom <= from && oldTo >= to) return false
    this.#from.splice(first, last - first, Math.min(from, oldFrom))
    this.#to.splice(first, last - first, Math.max(to, oldTo))
    return true
  }

  has(n: number): boolean {
    const i = this.#firstEndingAtOrAfter(n)
    return i < this.#from.length && (this.#from[i] as number) <= n
  }

  /** The intervals that overlap `from..to` or touch it, ascending: what `add` would merge it with. */
  touching(from: number, to: number): (readonly [from: number, to: number])[] {
    const found: (readonly [number, number])[] = []
    for (let i = this.#firstEndingAtOrAfter(from - 1); i < this.#from.length; i++) {
      const start = this.#from[i] as number
      if (start > to + 1) break
      found.push([start, this.#to[i] as number])
    }
    return found
  }

  /** An independent copy. */
  clone(): IntervalSet {
    const copy = new IntervalSet()
    copy.#from = this.#from.slice()
    copy.#to = this.#to.slice()
    return copy
  }

  /** How many numbers of `from..to`, both included, are in the set; Infinity when there is no end. */
  countIn(from: number, to: number): number {
    let count = 0
    for (let i = this.#firstEndingAtOrAfter(from); i < this.#from.length; i++) {
      const start = Math.max(from, this.#from[i] as number)
      if (start > to) break
      count += Math.min(to, this.#to[i] as number) - start + 1
    }
    return count
  }

  /** The intervals in ascending order, both ends included. Not valid across an `add`. */
  *entries(): IterableIterator<readonly [from: number, to: number]> {
    for (let i = 0; i < this.#from.length; i++) {
      yield [this.#from[i] as number, this.#to[i] as number]
    }
  }

  #firstEndingAtOrAfter(n: number): number {
    let low = 0
    let high = this.#to.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#to[middle] as number) < n) low = middle + 1
      else high = middle
    }
    return low
  }
}
