/** Chance that can be repeated: the same seed gives the same inputs. */

export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** 0 to `limit - 1`. */
  below(limit: number): number {
    // mulberry32: one word of state, and good enough to wander everywhere.
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let word = this.#state
    word = Math.imul(word ^ (word >>> 15), word | 1)
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61)
    return ((word ^ (word >>> 14)) >>> 0) % limit
  }

  /** True once in `among` times. */
  once(among: number): boolean {
    return this.below(among) === 0
  }

  one<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new Error('nothing to choose from')
    return item
  }

  /** Up to `most` bytes, short ones more often. */
  bytes(most: number): Buffer {
    const bytes = Buffer.allocUnsafe(this.below(this.below(most + 1) + 1))
    for (let index = 0; index < bytes.length; index += 1) bytes[index] = this.below(256)
    return bytes
  }
}
