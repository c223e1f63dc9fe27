/**
 * Which registration a call goes to (spec/wamp 2.3, 8.2): the exact one; else the longest prefix; else the wildcard
 * whose literal components come first. Prefixes are compared as text; one that ends in the middle of a component of the
 * procedure stands behind wildcards, as the protocol's own example has it (`a1.b2.c3` and a call of
 * `a1.b2.c33.d4.e5`). An empty component of a wildcard stands for exactly one component. A call of an exact procedure costs one look-up of a map; what patterns answer is remembered
 * until a pattern comes or goes.
 */

import type { ProcedureMatch } from './calls.ts'

export interface Matched {
  readonly procedure: string
  readonly match: ProcedureMatch
}

const rememberedMost = 10_000

export class RegistrationTable<Entry extends Matched> {
  readonly #exact = new Map<string, Entry>()
  readonly #prefixes = new Map<string, Entry>()
  /** Lengths of prefixes, the longest first, and how many have them. */
  #prefixLengths: { readonly length: number; count: number }[] = []
  readonly #wildcards = new Map<string, Entry>()
  readonly #root = new WildcardNode<Entry>()
  readonly #remembered = new Map<string, Entry | undefined>()

  get size(): number {
    return this.#exact.size + this.#prefixes.size + this.#wildcards.size
  }

  get(procedure: string, match: ProcedureMatch): Entry | undefined {
    return this.#mapOf(match).get(procedure)
  }

  exact(procedure: string): Entry | undefined {
    return this.#exact.get(procedure)
  }

  /** What matches best among prefixes and wildcards. */
  pattern(procedure: string): Entry | undefined {
    if (this.#prefixes.size + this.#wildcards.size === 0) return undefined
    const known = this.#remembered.get(procedure)
    if (known !== undefined) return known
    const prefix = this.#byPrefix(procedure)
    const isWhole = prefix !== undefined && endsComponent(prefix.procedure, procedure)
    const found = isWhole ? prefix : (this.#byWildcard(procedure) ?? prefix)
    if (found === undefined) return undefined
    if (this.#remembered.size >= rememberedMost) this.#remembered.clear()
    this.#remembered.set(procedure, found)
    return found
  }

  add(entry: Entry): void {
    const { procedure, match } = entry
    this.#mapOf(match).set(procedure, entry)
    if (match === 'exact') return
    this.#remembered.clear()
    if (match === 'wildcard') this.#root.set(procedure.split('.'), 0, entry)
    else this.#countLength(procedure.length, 1)
  }

  delete(entry: Entry): void {
    const { procedure, match } = entry
    if (!this.#mapOf(match).delete(procedure) || match === 'exact') return
    this.#remembered.clear()
    if (match === 'wildcard') this.#root.delete(procedure.split('.'), 0)
    else this.#countLength(procedure.length, -1)
  }

  *values(): Iterable<Entry> {
    yield* this.#exact.values()
    yield* this.#prefixes.values()
    yield* this.#wildcards.values()
  }

  #mapOf(match: ProcedureMatch): Map<string, Entry> {
    if (match === 'exact') return this.#exact
    return match === 'prefix' ? this.#prefixes : this.#wildcards
  }

  #byPrefix(procedure: string): Entry | undefined {
    for (const { length } of this.#prefixLengths) {
      if (length > procedure.length) continue
      const entry = this.#prefixes.get(procedure.slice(0, length))
      if (entry !== undefined) return entry
    }
    return undefined
  }

  #byWildcard(procedure: string): Entry | undefined {
    if (this.#wildcards.size === 0) return undefined
    return this.#root.best(procedure.split('.'), 0)
  }

  #countLength(length: number, by: 1 | -1): void {
    const lengths = this.#prefixLengths
    const at = lengths.findIndex((each) => each.length <= length)
    const found = at === -1 ? undefined : lengths[at]
    if (found?.length !== length) {
      lengths.splice(at === -1 ? lengths.length : at, 0, { length, count: 1 })
      return
    }
    found.count += by
    if (found.count === 0) lengths.splice(at, 1)
  }
}

function endsComponent(prefix: string, procedure: string): boolean {
  return prefix === '' || prefix.endsWith('.') || (procedure[prefix.length] ?? '.') === '.'
}

/** One component of wildcards; the empty one stands for any. */
class WildcardNode<Entry> {
  readonly #children = new Map<string, WildcardNode<Entry>>()
  #entry: Entry | undefined

  set(components: readonly string[], at: number, entry: Entry): void {
    const component = components[at]
    if (component === undefined) {
      this.#entry = entry
      return
    }
    let child = this.#children.get(component)
    if (child === undefined) this.#children.set(component, (child = new WildcardNode()))
    child.set(components, at + 1, entry)
  }

  /** Returns whether nothing is left below. */
  delete(components: readonly string[], at: number): boolean {
    const component = components[at]
    if (component === undefined) this.#entry = undefined
    else if (this.#children.get(component)?.delete(components, at + 1) === true) {
      this.#children.delete(component)
    }
    return this.#entry === undefined && this.#children.size === 0
  }

  /** Literal before any, from the left: so the first that is found has the longest literal parts. */
  best(components: readonly string[], at: number): Entry | undefined {
    const component = components[at]
    if (component === undefined) return this.#entry
    const literal =
      component === '' ? undefined : this.#children.get(component)?.best(components, at + 1)
    return literal ?? this.#children.get('')?.best(components, at + 1)
  }
}
