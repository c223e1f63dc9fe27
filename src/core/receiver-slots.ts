/**
 * Numbers for the receivers the router knows, and the search that collects them. A receiver has a number as long as
 * a filter of its stands in the router; filters hold numbers instead of receivers, so that finding whom a topic
 * concerns, and each of them once, reads two dense arrays and none of the receivers (performance 6).
 */

import type { SlotSet } from './slot-set.ts'

export class ReceiverSlots<Receiver> {
  readonly #receivers: (Receiver | undefined)[] = []
  readonly #slots = new Map<Receiver, number>()
  /** How many filters of each stand in the router. */
  readonly #uses: number[] = []
  readonly #free: number[] = []

  /** Numbers given so far are below this. */
  get count(): number {
    return this.#receivers.length
  }

  at(slot: number): Receiver | undefined {
    return this.#receivers[slot]
  }

  /** The number of a receiver, which may have none yet. */
  slotFor(receiver: Receiver): number {
    const known = this.#slots.get(receiver)
    if (known !== undefined) return known
    const slot = this.#free.pop() ?? this.#receivers.length
    this.#receivers[slot] = receiver
    this.#uses[slot] = 0
    this.#slots.set(receiver, slot)
    return slot
  }

  /** -1: it has none. */
  slotOf(receiver: Receiver): number {
    return this.#slots.get(receiver) ?? -1
  }

  /** One more filter of it stands in the router. */
  use(slot: number): void {
    this.#uses[slot] = (this.#uses[slot] ?? 0) + 1
  }

  /** One less; after the last one the number is free. */
  release(slot: number): void {
    const uses = (this.#uses[slot] ?? 0) - 1
    this.#uses[slot] = uses
    if (uses > 0) return
    const receiver = this.#receivers[slot]
    if (receiver !== undefined) this.#slots.delete(receiver)
    this.#receivers[slot] = undefined
    this.#free.push(slot)
  }
}

/** One search: whom filters named, each once, in the order in which they were found. */
export class SlotSearch {
  /** Used again by the next search. */
  readonly found: number[] = []
  count = 0
  /** The search that met a slot last. */
  #marks = new Int32Array(1_024)
  #mark = 0

  /** @param slots numbers that may come are below this */
  begin(slots: number): void {
    if (slots > this.#marks.length) this.#marks = new Int32Array(slots * 2)
    if (this.#mark === 0x7fff_ffff) {
      this.#marks.fill(0)
      this.#mark = 0
    }
    this.#mark += 1
    this.count = 0
  }

  add(set: SlotSet): void {
    const { list } = set
    const marks = this.#marks
    const mark = this.#mark
    for (let i = 0; i < list.length; i++) {
      const slot = list[i] as number
      if (marks[slot] === mark) continue
      marks[slot] = mark
      this.found[this.count++] = slot
    }
  }

  /** Drops what was found; it is not found again in this search. */
  exclude(): void {
    this.count = 0
  }
}
