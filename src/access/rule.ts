/**
 * One rule as it is asked: whom it concerns and which actions, and the text by which refusals name it.
 */

import type { Subject } from '../core/access.ts'
import { type Action, actions } from '../model/identity.ts'
import { ResourcePattern } from './resource-pattern.ts'

export const actionWords = [...actions, 'all'] as const

export interface RuleOptions {
  /** Place in the configuration, from 1; 0: it is what holds where there are no rules. */
  readonly number: number
  readonly isAllow: boolean
  readonly actions: readonly (typeof actionWords)[number][]
  readonly to: readonly string[]
  readonly on: readonly string[]
}

export class Rule {
  readonly isAllow: boolean
  /** `rule 3 (deny publish on a/# to bob)` */
  readonly text: string
  /** Some pattern speaks of the name of the client. */
  readonly usesClient: boolean
  readonly #actions: ReadonlySet<string>
  readonly #to: readonly string[]
  readonly #on: readonly string[]

  constructor({ number, isAllow, actions: words, to, on }: RuleOptions) {
    this.isAllow = isAllow
    this.#actions = new Set(words)
    this.#to = to
    this.#on = on
    this.usesClient = on.some((pattern) => pattern.includes('%c'))
    const effect = isAllow ? 'allow' : 'deny'
    const name = number === 0 ? 'without rules' : `rule ${number}`
    this.text = `${name} (${effect} ${words.join(', ')} on ${on.join(', ')} to ${to.join(', ')})`
  }

  isAbout(action: Action): boolean {
    return this.#actions.has('all') || this.#actions.has(action)
  }

  concerns(user: string, groups: readonly string[], isAnonymous: boolean): boolean {
    return isMeant(this.#to, user, groups, isAnonymous)
  }

  patternsFor({ identity, name, ruleName = name }: Subject): ResourcePattern[] {
    const found: ResourcePattern[] = []
    for (const text of this.#on) {
      const pattern = ResourcePattern.parse(text, identity.user, ruleName)
      if (pattern !== undefined) found.push(pattern)
    }
    return found
  }
}

/** Whether `to` of a rule means somebody. */
export function isMeant(
  to: readonly string[],
  user: string,
  groups: readonly string[],
  isAnonymous: boolean,
): boolean {
  return to.some((word) => {
    if (word === 'any') return true
    if (word === 'anonymous') return isAnonymous
    if (isAnonymous) return false
    if (word === 'users') return true
    if (word.startsWith('group:')) return groups.includes(word.slice('group:'.length))
    return word === user
  })
}
