/**
 * Finds whose level filter matches a topic; model/level-filter.ts says the rules. Filters hang in a tree of
 * levels, so cost grows with the levels of the topic and the wildcards met, not with the number of filters. One
 * tree holds filters of one kind of rules; at its nodes stand numbers, which are the caller's (receiver-slots.ts).
 */

import type { LevelFilter, LevelRules } from '../model/level-filter.ts'
import { isReservedTopic } from '../model/message.ts'
import { SlotSearch } from './receiver-slots.ts'
import { SlotSet } from './slot-set.ts'

/** What a kind of rules means for the tree. */
interface TreeRules {
  /** The level that stands for any one level. */
  readonly any: string
  /** The level that stands for the rest and ends the filter; undefined: there is none. */
  readonly rest: string | undefined
  /** The rest may be empty: `a/#` matches `a`. */
  readonly restIncludesParent: boolean
  /** Topics that are not seen by a leading wildcard. */
  readonly isHidden: (topic: string) => boolean
}

const isDollar = (topic: string) => topic.startsWith('$')

const treeRules: Readonly<Record<LevelRules, TreeRules>> = {
  mqtt: { any: '+', rest: '#', restIncludesParent: true, isHidden: isDollar },
  busrt: { any: '+', rest: '#', restIncludesParent: false, isHidden: isReservedTopic },
  wamp: { any: '', rest: undefined, restIncludesParent: false, isHidden: isReservedTopic },
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
  const tree = new TopicTree(rules)
  const search = new SlotSearch()
  tree.add(decisiveFilter(rules, text), 0)
  return (topic) => {
    search.begin(1)
    tree.match(topic, topic.split('/'), search)
    return search.count > 0
  }
}

/** A level of filters. What it does not have is undefined: most have one of the four. */
interface Branch {
  levels: Map<string, Branch> | undefined
  /** Below the wildcard for one level. */
  any: Branch | undefined
  /** Whose filter ends at this level. */
  ends: SlotSet | undefined
  /** Whose filter has a rest wildcard below this level. */
  rest: SlotSet | undefined
}

export class TopicTree {
  readonly #rules: TreeRules
  readonly #root: Branch = newBranch()
  #size = 0

  constructor(rules: LevelRules) {
    this.#rules = treeRules[rules]
  }

  /** Filters held, one for each number that has it. */
  get size(): number {
    return this.#size
  }

  /** False when the number has this very filter already. */
  add(filter: string, slot: number): boolean {
    const { any, rest } = this.#rules
    let branch = this.#root
    for (const level of filter.split('/')) {
      if (level === rest) return this.#addTo((branch.rest ??= new SlotSet()), slot)
      if (level === any) branch = branch.any ??= newBranch()
      else {
        const levels = (branch.levels ??= new Map<string, Branch>())
        let next = levels.get(level)
        if (next === undefined) levels.set(level, (next = newBranch()))
        branch = next
      }
    }
    return this.#addTo((branch.ends ??= new SlotSet()), slot)
  }

  /** Removes it, and the branches that hold nothing any more. False when it was not there. */
  remove(filter: string, slot: number): boolean {
    const { any, rest } = this.#rules
    const path: Branch[] = []
    const levels = filter.split('/')
    let last = this.#root
    for (const level of levels) {
      if (level === rest) break
      const next = level === any ? last.any : last.levels?.get(level)
      if (next === undefined) return false
      path.push(last)
      last = next
    }
    const isRest = path.length < levels.length
    const slots = isRest ? last.rest : last.ends
    if (slots?.delete(slot) !== true) return false
    this.#size -= 1
    if (slots.size === 0) last[isRest ? 'rest' : 'ends'] = undefined
    for (let above = path.pop(); above !== undefined && isEmpty(last); above = path.pop()) {
      const level = levels[path.length] as string
      if (level === any) above.any = undefined
      else above.levels?.delete(level)
      if (above.levels?.size === 0) above.levels = undefined
      last = above
    }
    return true
  }

  /** Every filter with those that have it, in no particular order. */
  *filters(): Iterable<readonly [string, SlotSet]> {
    const { any, rest } = this.#rules
    const open: { readonly text: string | undefined; readonly branch: Branch }[] = []
    open.push({ text: undefined, branch: this.#root })
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      const { text, branch } = next
      const below = (level: string) => (text === undefined ? level : `${text}/${level}`)
      if (branch.ends !== undefined && text !== undefined) yield [text, branch.ends]
      if (branch.rest !== undefined && rest !== undefined) yield [below(rest), branch.rest]
      if (branch.any !== undefined) open.push({ text: below(any), branch: branch.any })
      for (const [level, deeper] of branch.levels ?? []) {
        open.push({ text: below(level), branch: deeper })
      }
    }
  }

  /**
   * Adds to the search whose filters match. No recursion: filters may have as many levels as a topic has bytes.
   * @param levels of the topic, split at `/`
   */
  match(topic: string, levels: readonly string[], search: SlotSearch): void {
    if (this.#size === 0) return
    const { restIncludesParent, isHidden } = this.#rules
    // Leading wildcards do not see hidden topics.
    const shallowest = isHidden(topic) ? 1 : 0
    let aside = 0
    let depth = 0
    let branch: Branch | undefined = this.#root
    for (;;) {
      const isAtEnd = depth === levels.length
      const { rest, any, ends }: Branch = branch
      const seesWildcards = depth >= shallowest
      if (rest !== undefined && seesWildcards && (!isAtEnd || restIncludesParent)) search.add(rest)
      let next: Branch | undefined
      if (isAtEnd) {
        if (ends !== undefined) search.add(ends)
      } else {
        if (any !== undefined && seesWildcards) {
          asideBranches[aside] = any
          asideDepths[aside++] = depth + 1
        }
        next = branch.levels?.get(levels[depth] as string)
        depth += 1
      }
      if (next === undefined) {
        if (aside === 0) return
        next = asideBranches[--aside] as Branch
        depth = asideDepths[aside] as number
      }
      branch = next
    }
  }

  #addTo(slots: SlotSet, slot: number): boolean {
    if (!slots.add(slot)) return false
    this.#size += 1
    return true
  }
}

/** The wildcard branches that a search left aside, and how deep they hang; used again by the next search. */
const asideBranches: Branch[] = []
const asideDepths: number[] = []

function newBranch(): Branch {
  return { levels: undefined, any: undefined, ends: undefined, rest: undefined }
}

function isEmpty({ levels, any, ends, rest }: Branch): boolean {
  return levels === undefined && any === undefined && ends === undefined && rest === undefined
}
