/**
 * Finds the values whose level filter matches a topic (MQTT 5.0 4.7; model/topic-filter.ts says the
 * rules). Filters hang in a tree of levels, so cost grows with the levels of the topic and the
 * wildcards met, not with the number of filters.
 */

import type { TopicFilter } from '../model/topic-filter.ts'

interface Branch<Value> {
  readonly levels: Map<string, Branch<Value>>
  /** Values whose filter ends at this level. */
  readonly ends: Set<Value>
  /** Values whose filter has `#` below this level. */
  readonly rest: Set<Value>
}

export class TopicTree<Value> {
  readonly #root: Branch<Value> = newBranch()

  add(filter: TopicFilter, value: Value): void {
    let branch = this.#root
    for (const level of filter.split('/')) {
      if (level === '#') {
        branch.rest.add(value)
        return
      }
      let next = branch.levels.get(level)
      if (next === undefined) {
        next = newBranch()
        branch.levels.set(level, next)
      }
      branch = next
    }
    branch.ends.add(value)
  }

  /** Removes the value and the branches that hold nothing any more. */
  remove(filter: TopicFilter, value: Value): void {
    const levels = filter.split('/')
    const path: Branch<Value>[] = [this.#root]
    for (const level of levels) {
      const branch = path[path.length - 1]
      if (branch === undefined) return
      if (level === '#') break
      const next = branch.levels.get(level)
      if (next === undefined) return
      path.push(next)
    }
    const last = path[path.length - 1]
    if (levels[levels.length - 1] === '#') last?.rest.delete(value)
    else last?.ends.delete(value)
    for (let i = path.length - 1; i > 0; i--) {
      const branch = path[i]
      const level = levels[i - 1]
      if (branch === undefined || level === undefined || !isEmpty(branch)) return
      path[i - 1]?.levels.delete(level)
    }
  }

  /** Appends the matching values to `found`; a value stands once per filter that matches. */
  match(topic: string, found: Value[]): void {
    collect(this.#root, topic.split('/'), 0, topic.startsWith('$'), found)
  }
}

function collect<Value>(
  branch: Branch<Value>,
  levels: readonly string[],
  depth: number,
  isHidden: boolean,
  found: Value[],
): void {
  // Leading wildcards do not see topics that begin with `$`.
  const wildcards = depth > 0 || !isHidden
  if (wildcards) for (const value of branch.rest) found.push(value)
  const level = levels[depth]
  if (level === undefined) {
    for (const value of branch.ends) found.push(value)
    return
  }
  const exact = branch.levels.get(level)
  if (exact !== undefined) collect(exact, levels, depth + 1, isHidden, found)
  const any = wildcards ? branch.levels.get('+') : undefined
  // A level that is literally `+` is no topic, so `any` and `exact` differ.
  if (any !== undefined && any !== exact) collect(any, levels, depth + 1, isHidden, found)
}

function newBranch<Value>(): Branch<Value> {
  return { levels: new Map(), ends: new Set(), rest: new Set() }
}

function isEmpty(branch: Branch<unknown>): boolean {
  return branch.levels.size === 0 && branch.ends.size === 0 && branch.rest.size === 0
}
