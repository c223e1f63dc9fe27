/**
 * Finds the values whose level filter matches a topic; model/level-filter.ts says the rules. Filters
 * hang in a tree of levels, so cost grows with the levels of the topic and the wildcards met, not with
 * the number of filters. One tree holds filters of one kind of rules.
 */

import type { LevelFilter, LevelRules } from '../model/level-filter.ts'

/** What a kind of rules means for the tree. */
interface TreeRules {
  /** The level that stands for any one level. */
  readonly any: string
  /** The level that stands for the rest and ends the filter; undefined: there is none. */
  readonly rest: string | undefined
  /** The rest may be empty: `a/#` matches `a`. */
  readonly restIncludesParent: boolean
  /** Topics that begin so are not seen by a leading wildcard. */
  readonly hidden: string
}

const treeRules: Readonly<Record<LevelRules, TreeRules>> = {
  mqtt: { any: '+', rest: '#', restIncludesParent: true, hidden: '$' },
  busrt: { any: '+', rest: '#', restIncludesParent: false, hidden: '$msgbus.' },
  wamp: { any: '', rest: undefined, restIncludesParent: false, hidden: '$msgbus.' },
}

/** The part of a filter that decides: what stands behind a rest wildcard is cut off. */
export function decisiveFilter(rules: LevelRules, filter: string): string {
  const { rest } = treeRules[rules]
  if (rest === undefined || !filter.includes(rest)) return filter
  const levels = filter.split('/')
  const at = levels.indexOf(rest)
  return at === -1 ? filter : levels.slice(0, at + 1).join('/')
}

/** True when the filter can match one topic only, which is its own text. */
export function isExactLevelFilter(rules: LevelRules, filter: string): boolean {
  const { any, rest } = treeRules[rules]
  if (any !== '' && !filter.includes(any) && (rest === undefined || !filter.includes(rest)))
    return true
  return !filter.split('/').some((level) => level === any || level === rest)
}

/** True when the filter begins with a wildcard, so that it may match any topic. */
export function hasLeadingWildcard(rules: LevelRules, filter: string): boolean {
  const { any, rest } = treeRules[rules]
  const slash = filter.indexOf('/')
  const first = slash === -1 ? filter : filter.slice(0, slash)
  return first === any || first === rest
}

/** Tells of single topics whether one filter matches them. */
export function levelFilterMatcher({ rules, text }: LevelFilter): (topic: string) => boolean {
  const tree = new TopicTree<true>(rules)
  tree.add(decisiveFilter(rules, text), true)
  return (topic) => {
    const found: true[] = []
    tree.match(topic, topic.split('/'), found)
    return found.length > 0
  }
}

interface Branch<Value> {
  readonly levels: Map<string, Branch<Value>>
  /** Values whose filter ends at this level. */
  readonly ends: Set<Value>
  /** Values whose filter has a rest wildcard below this level. */
  readonly rest: Set<Value>
}

export class TopicTree<Value> {
  readonly #rules: TreeRules
  readonly #root: Branch<Value> = newBranch()
  #size = 0

  constructor(rules: LevelRules) {
    this.#rules = treeRules[rules]
  }

  /** Number of values held. */
  get size(): number {
    return this.#size
  }

  /** Adding the same value by the same filter again changes nothing. */
  add(filter: string, value: Value): void {
    let branch = this.#root
    for (const level of filter.split('/')) {
      if (level === this.#rules.rest) {
        this.#addTo(branch.rest, value)
        return
      }
      let next = branch.levels.get(level)
      if (next === undefined) {
        next = newBranch()
        branch.levels.set(level, next)
      }
      branch = next
    }
    this.#addTo(branch.ends, value)
  }

  /** Removes the value and the branches that hold nothing any more. */
  remove(filter: string, value: Value): void {
    const path: Branch<Value>[] = [this.#root]
    const names: string[] = []
    let branch = this.#root
    let values = branch.ends
    for (const level of filter.split('/')) {
      if (level === this.#rules.rest) {
        values = branch.rest
        break
      }
      const next = branch.levels.get(level)
      if (next === undefined) return
      branch = next
      path.push(branch)
      names.push(level)
      values = branch.ends
    }
    if (values.delete(value)) this.#size -= 1
    for (let i = path.length - 1; i > 0; i--) {
      const last = path[i]
      const name = names[i - 1]
      if (last === undefined || name === undefined || !isEmpty(last)) return
      path[i - 1]?.levels.delete(name)
    }
  }

  /**
   * Appends the matching values to `found`; a value stands once per filter that matches.
   * @param levels of the topic, split at `/`
   */
  match(topic: string, levels: readonly string[], found: Value[]): void {
    if (this.#size === 0) return
    this.#collect(this.#root, levels, 0, topic.startsWith(this.#rules.hidden), found)
  }

  #addTo(values: Set<Value>, value: Value): void {
    if (values.has(value)) return
    values.add(value)
    this.#size += 1
  }

  #collect(
    branch: Branch<Value>,
    levels: readonly string[],
    depth: number,
    isHidden: boolean,
    found: Value[],
  ): void {
    const { any, restIncludesParent } = this.#rules
    const level = levels[depth]
    // Leading wildcards do not see hidden topics.
    const wildcards = depth > 0 || !isHidden
    if (wildcards && branch.rest.size > 0 && (level !== undefined || restIncludesParent)) {
      for (const value of branch.rest) found.push(value)
    }
    if (level === undefined) {
      for (const value of branch.ends) found.push(value)
      return
    }
    const exact = level === any ? undefined : branch.levels.get(level)
    if (exact !== undefined) this.#collect(exact, levels, depth + 1, isHidden, found)
    const wild = wildcards ? branch.levels.get(any) : undefined
    if (wild !== undefined) this.#collect(wild, levels, depth + 1, isHidden, found)
  }
}

function newBranch<Value>(): Branch<Value> {
  return { levels: new Map(), ends: new Set(), rest: new Set() }
}

function isEmpty(branch: Branch<unknown>): boolean {
  return branch.levels.size === 0 && branch.ends.size === 0 && branch.rest.size === 0
}
