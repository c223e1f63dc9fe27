/**
 * The rules of a configuration as decisions: the first rule that concerns somebody, an action and a name decides, and
 * when none does, the answer is no. Two things follow without a rule: whoever has logged in may connect, and so may
 * somebody anonymous to whom a rule allows anything. With users and no rules, every user may do everything.
 *
 * Answers are remembered per identity (and client name, where rules speak of it), since the router asks for each
 * receiver of each topic; an identity is the same object for all connections of a user. The memory is bounded: when it is full it is thrown away as a whole.
 */

import type { Subject } from '../core/access.ts'
import type { LiveFilter } from '../core/live.ts'
import type { Action, Identity } from '../model/identity.ts'
import type { ResourcePattern } from './resource-pattern.ts'
import { Rule, type RuleOptions } from './rule.ts'

export interface Decision {
  readonly isAllowed: boolean
  /** The rule that decided, for people to read. */
  readonly rule: string
}

/** Rules of one identity for one action. */
interface Clause {
  readonly rule: Rule
  readonly patterns: readonly ResourcePattern[]
}

interface Remembered {
  readonly clauses: Map<Action, readonly Clause[]>
  readonly decisions: Map<string, Decision>
}

const everyUser: RuleOptions = {
  number: 0,
  isAllow: true,
  actions: ['all'],
  to: ['users'],
  on: ['#'],
}

/** Decisions that are remembered at a time, over all identities. */
const rememberedMost = 200_000

const noRules = 'nobody has logged in, and there are no rules that say what is allowed then'
const noRule = 'no rule allows it'
const loggedIn: Decision = { isAllowed: true, rule: 'whoever has logged in may connect' }
const anonymousMayConnect: Decision = {
  isAllowed: true,
  rule: 'there are rules that allow something to whoever has not logged in',
}

export class AccessRules {
  readonly #rules: readonly Rule[]
  readonly #hasOwn: boolean
  readonly #usesClient: boolean
  readonly #groupsOf: (identity: Identity) => readonly string[]
  #memory = new WeakMap<Identity, Map<string, Remembered>>()
  #remembered = 0

  /** @param groupsOf the groups somebody is in now */
  constructor(
    rules: readonly Omit<RuleOptions, 'number'>[],
    groupsOf: (identity: Identity) => readonly string[] = ({ groups }) => groups,
  ) {
    this.#hasOwn = rules.length > 0
    const options = this.#hasOwn
      ? rules.map((rule, i) => ({ ...rule, number: i + 1 }))
      : [everyUser]
    this.#rules = options.map((each) => new Rule(each))
    this.#usesClient = this.#rules.some(({ usesClient }) => usesClient)
    this.#groupsOf = groupsOf
  }

  decide(subject: Subject, action: Action, resource: string): Decision {
    const memory = this.#memoryOf(subject)
    const key = `${action} ${resource}`
    const known = memory.decisions.get(key)
    if (known !== undefined) return known
    const decision =
      this.#first(this.#clausesOf(memory, subject, action), (pattern) =>
        pattern.matches(resource),
      ) ?? this.#otherwise(subject, action)
    this.#remembered += 1
    if (this.#remembered > rememberedMost) {
      this.#memory = new WeakMap()
      this.#remembered = 0
    } else memory.decisions.set(key, decision)
    return decision
  }

  /** Allowed when something that the filter matches may be allowed. */
  decideFilter(subject: Subject, action: Action, filter: LiveFilter): Decision {
    const memory = this.#memoryOf(subject)
    for (const { rule, patterns } of this.#clausesOf(memory, subject, action)) {
      const decides = rule.isAllow
        ? patterns.some((pattern) => pattern.overlaps(filter))
        : patterns.some((pattern) => pattern.covers(filter))
      if (decides) return { isAllowed: rule.isAllow, rule: rule.text }
    }
    return this.#otherwise(subject, action)
  }

  /** Allowed when everything is that consists of these texts with anything but `/` between them. */
  decidePattern(subject: Subject, action: Action, texts: readonly string[]): Decision {
    const memory = this.#memoryOf(subject)
    for (const { rule, patterns } of this.#clausesOf(memory, subject, action)) {
      const decides = rule.isAllow
        ? patterns.some((pattern) => pattern.coversTexts(texts))
        : patterns.some((pattern) => pattern.overlapsTexts(texts))
      if (decides) return { isAllowed: rule.isAllow, rule: rule.text }
    }
    return this.#otherwise(subject, action)
  }

  /** Whether some rule allows anonymous clients something. */
  get knowsAnonymous(): boolean {
    return this.#rules.some((rule) => rule.isAllow && rule.concerns('', [], true))
  }

  #first(
    clauses: readonly Clause[],
    matches: (pattern: ResourcePattern) => boolean,
  ): Decision | undefined {
    const found = clauses.find(({ patterns }) => patterns.some(matches))
    return found && { isAllowed: found.rule.isAllow, rule: found.rule.text }
  }

  #otherwise({ identity }: Subject, action: Action): Decision {
    const isAnonymous = identity.method === 'none'
    if (action === 'connect') {
      if (!isAnonymous) return loggedIn
      if (this.knowsAnonymous) return anonymousMayConnect
    }
    return { isAllowed: false, rule: isAnonymous && !this.#hasOwn ? noRules : noRule }
  }

  #clausesOf(memory: Remembered, subject: Subject, action: Action): readonly Clause[] {
    const known = memory.clauses.get(action)
    if (known !== undefined) return known
    const { identity } = subject
    const groups = this.#groupsOf(identity)
    const isAnonymous = identity.method === 'none'
    const clauses: Clause[] = []
    for (const rule of this.#rules) {
      if (!rule.isAbout(action) || !rule.concerns(identity.user, groups, isAnonymous)) continue
      clauses.push({ rule, patterns: rule.patternsFor(subject) })
    }
    memory.clauses.set(action, clauses)
    return clauses
  }

  #memoryOf({ identity, name, ruleName = name }: Subject): Remembered {
    let byName = this.#memory.get(identity)
    if (byName === undefined) this.#memory.set(identity, (byName = new Map()))
    const client = this.#usesClient ? ruleName : ''
    let memory = byName.get(client)
    if (memory === undefined) {
      memory = { clauses: new Map(), decisions: new Map() }
      byName.set(client, memory)
      this.#remembered += 1
    }
    return memory
  }
}
