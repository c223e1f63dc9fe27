/** The newest items of a stream, in bounded memory: one more than fits replaces the oldest. */

export class RingBuffer<T> {
  readonly capacity: number
  readonly #items: T[] = []
  #next = 0

  constructor(capacity: number) {
    this.capacity = capacity
  }

  get length(): number {
    return this.#items.length
  }

  push(item: T): void {
    this.#items[this.#next] = item
    this.#next = (this.#next + 1) % this.capacity
  }

  /** At most `count` items, the newest first. */
  newest(count: number): T[] {
    const found: T[] = []
    const size = this.#items.length
    for (let back = 1; back <= Math.min(count, size); back++) {
      const item = this.#items[(this.#next - back + this.capacity) % this.capacity]
      if (item !== undefined) found.push(item)
    }
    return found
  }

  clear(): void {
    this.#items.length = 0
    this.#next = 0
  }
}
