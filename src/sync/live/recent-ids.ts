/**
 * Which publications of one node were here already: a window over their sequence, which grows with each of them. What
 * is older than the window counts as seen, since the copy that came first has long passed.
 */

const windowSize = 4_096

export class RecentIds {
  #highest = 0
  readonly #seen = new Uint32Array(windowSize / 32)

  /** Notes a sequence; false when it was here, or is too old to tell. */
  add(sequence: number): boolean {
    const ahead = sequence - this.#highest
    if (ahead > 0) {
      if (ahead >= windowSize) this.#seen.fill(0)
      else for (let each = this.#highest + 1; each < sequence; each++) this.#set(each, false)
      this.#highest = sequence
      this.#set(sequence, true)
      return true
    }
    if (ahead <= -windowSize) return false
    const bit = sequence % windowSize
    if ((((this.#seen[bit >> 5] as number) >>> (bit & 31)) & 1) === 1) return false
    this.#set(sequence, true)
    return true
  }

  #set(sequence: number, isSeen: boolean): void {
    const bit = sequence % windowSize
    const word = bit >> 5
    const mask = 1 << (bit & 31)
    const before = this.#seen[word] as number
    this.#seen[word] = isSeen ? before | mask : before & ~mask
  }
}
