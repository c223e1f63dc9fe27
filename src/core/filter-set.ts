/**
 * The filters of one client: a set of texts, of which several may mean the same to the router. `m/#` and `m/#/z` are
 * two filters of BUS/RT that match the same topics, and a name without wildcards means the same by whatever
 * rules; the router is to hear of the first and of the last of them only (spec/busrt 4.5).
 */

import type { LevelFilter } from '../model/level-filter.ts'
import type { LiveFilter } from './live.ts'
import { decisiveFilter, isExactLevelFilter } from './topic-tree.ts'

export class FilterSet<Filter extends LiveFilter> {
  readonly #filters = new Map<string, Filter>()
  /** How many filters have a meaning; those with one are not listed. */
  readonly #shared = new Map<string, number>()
  readonly #meanings = new Set<string>()

  get size(): number {
    return this.#filters.size
  }

  has(filter: Filter): boolean {
    return this.#filters.has(keyOf(filter))
  }

  /** Adds one that is not there; true when nothing with its meaning was there. */
  add(filter: Filter): boolean {
    this.#filters.set(keyOf(filter), filter)
    const meaning = meaningOf(filter)
    if (!this.#meanings.has(meaning)) {
      this.#meanings.add(meaning)
      return true
    }
    this.#shared.set(meaning, (this.#shared.get(meaning) ?? 1) + 1)
    return false
  }

  /** `last`: nothing with its meaning is left; `unknown`: it was not there. */
  delete(filter: Filter): 'unknown' | 'shared' | 'last' {
    if (!this.#filters.delete(keyOf(filter))) return 'unknown'
    const meaning = meaningOf(filter)
    const count = this.#shared.get(meaning)
    if (count === undefined) {
      this.#meanings.delete(meaning)
      return 'last'
    }
    if (count === 2) this.#shared.delete(meaning)
    else this.#shared.set(meaning, count - 1)
    return 'shared'
  }

  values(): Iterable<Filter> {
    return this.#filters.values()
  }
}

/** The filter as the router is told of it: without what stands behind a rest wildcard. */
export function decisive(filter: LevelFilter): LevelFilter {
  const text = decisiveFilter(filter.rules, filter.text)
  return text === filter.text ? filter : { kind: 'level', rules: filter.rules, text }
}

function keyOf(filter: LiveFilter): string {
  return filter.kind === 'level' ? `${filter.rules}:${filter.text}` : `text:${filter.key}`
}

function meaningOf(filter: LiveFilter): string {
  if (filter.kind === 'text') {
    const topic = filter.form === 'is' ? filter.view.topicOf(filter.text) : undefined
    return topic === undefined ? `text:${filter.key}` : `name:${topic}`
  }
  const { rules, text } = decisive(filter)
  return isExactLevelFilter(rules, text) ? `name:${text}` : `${rules}:${text}`
}
