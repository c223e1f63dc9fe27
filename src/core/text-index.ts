/**
 * Finds whose text filter matches a topic (model/text-filter.ts). `begins-with` and `ends-with` are looked up by the
 * part of the topic that is as long as they are, for each length that occurs. `contains` and what only its owner can
 * test are asked one by one; the router asks once per topic and remembers. `is` is not here: it names one topic, and
 * the router has those in its table. One index holds the filters of one view.
 */

import type { TextFilter, TextView } from '../model/text-filter.ts'
import type { SlotSearch } from './receiver-slots.ts'
import { SlotSet } from './slot-set.ts'

export class TextIndex {
  readonly #view: TextView
  readonly #beginnings = new PatternsByLength()
  readonly #ends = new PatternsByLength()
  readonly #contained = new Map<string, SlotSet>()
  /** By key. */
  readonly #tested = new Map<string, { readonly filter: TextFilter; readonly slots: SlotSet }>()
  #size = 0

  constructor(view: TextView) {
    this.#view = view
  }

  get size(): number {
    return this.#size
  }

  /** False when the number has this very filter already. */
  add(filter: TextFilter, slot: number): boolean {
    const slots = this.#slotsOf(filter) ?? this.#open(filter)
    if (!slots.add(slot)) return false
    this.#size += 1
    return true
  }

  /** False when it was not there. */
  remove(filter: TextFilter, slot: number): boolean {
    const slots = this.#slotsOf(filter)
    if (slots?.delete(slot) !== true) return false
    this.#size -= 1
    if (slots.size === 0) this.#close(filter)
    return true
  }

  /** Adds to the search whose filters match. */
  match(topic: string, search: SlotSearch): void {
    if (this.#size === 0) return
    const viewed = this.#view.of(topic)
    if (viewed === undefined) return
    this.#beginnings.match((length) => viewed.slice(0, length), viewed.length, search)
    this.#ends.match((length) => viewed.slice(viewed.length - length), viewed.length, search)
    for (const [text, slots] of this.#contained) if (viewed.includes(text)) search.add(slots)
    for (const { filter, slots } of this.#tested.values()) {
      if (filter.matches(viewed)) search.add(slots)
    }
  }

  #slotsOf({ form, text, key }: TextFilter): SlotSet | undefined {
    switch (form) {
      case 'begins-with':
        return this.#beginnings.get(text)
      case 'ends-with':
        return this.#ends.get(text)
      case 'contains':
        return this.#contained.get(text)
      case 'is':
      case 'test':
        return this.#tested.get(key)?.slots
    }
  }

  #open(filter: TextFilter): SlotSet {
    const { form, text, key } = filter
    const slots = new SlotSet()
    if (form === 'begins-with') this.#beginnings.set(text, slots)
    else if (form === 'ends-with') this.#ends.set(text, slots)
    else if (form === 'contains') this.#contained.set(text, slots)
    else this.#tested.set(key, { filter, slots })
    return slots
  }

  #close({ form, text, key }: TextFilter): void {
    if (form === 'begins-with') this.#beginnings.delete(text)
    else if (form === 'ends-with') this.#ends.delete(text)
    else if (form === 'contains') this.#contained.delete(text)
    else this.#tested.delete(key)
  }
}

/** Patterns in one map for each length. */
class PatternsByLength {
  readonly #lengths = new Map<number, Map<string, SlotSet>>()

  get(text: string): SlotSet | undefined {
    return this.#lengths.get(text.length)?.get(text)
  }

  set(text: string, slots: SlotSet): void {
    let patterns = this.#lengths.get(text.length)
    if (patterns === undefined) this.#lengths.set(text.length, (patterns = new Map()))
    patterns.set(text, slots)
  }

  delete(text: string): void {
    const patterns = this.#lengths.get(text.length)
    patterns?.delete(text)
    if (patterns?.size === 0) this.#lengths.delete(text.length)
  }

  /** @param part of the topic that has this length */
  match(part: (length: number) => string, most: number, search: SlotSearch): void {
    for (const [length, patterns] of this.#lengths) {
      const slots = length <= most ? patterns.get(part(length)) : undefined
      if (slots !== undefined) search.add(slots)
    }
  }
}

/** Tells of single topics whether one filter matches them. */
export function textFilterMatcher(filter: TextFilter): (topic: string) => boolean {
  const { view, form, text } = filter
  const isMatch = (viewed: string): boolean => {
    switch (form) {
      case 'is':
        return viewed === text
      case 'begins-with':
        return viewed.startsWith(text)
      case 'ends-with':
        return viewed.endsWith(text)
      case 'contains':
        return viewed.includes(text)
      case 'test':
        return filter.matches(viewed)
    }
  }
  return (topic) => {
    const viewed = view.of(topic)
    return viewed !== undefined && isMatch(viewed)
  }
}
