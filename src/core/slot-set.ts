/**
 * A set of small numbers in the form that is read fastest: one list in a row. Routing reads such sets for every topic
 * it resolves and touches nothing else, so a hundred thousand filters cost no trip to memory per receiver.
 * Removing puts the last one in the place of the one that goes; a large set remembers the places.
 */

/** Up to so many, looking through the list is as fast as a look-up. */
const smallMost = 16

export class SlotSet {
  /** In no particular order. */
  readonly list: number[] = []
  #places: Map<number, number> | undefined

  get size(): number {
    return this.list.length
  }

  /** False when it was there. */
  add(slot: number): boolean {
    const { list } = this
    if (this.#placeOf(slot) !== -1) return false
    list.push(slot)
    if (this.#places !== undefined) this.#places.set(slot, list.length - 1)
    else if (list.length > smallMost) this.#places = new Map(list.map((each, at) => [each, at]))
    return true
  }

  /** False when it was not there. */
  delete(slot: number): boolean {
    const { list } = this
    const at = this.#placeOf(slot)
    if (at === -1) return false
    const last = list.pop()
    if (last !== undefined && last !== slot) {
      list[at] = last
      this.#places?.set(last, at)
    }
    if (list.length <= smallMost / 2) this.#places = undefined
    else this.#places?.delete(slot)
    return true
  }

  #placeOf(slot: number): number {
    return this.#places === undefined ? this.list.indexOf(slot) : (this.#places.get(slot) ?? -1)
  }
}
