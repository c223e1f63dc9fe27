/**
 * The subscriptions of one connection by their ids (spec/tmb 3.3), and the filters that stand for patterns. Two ids may
 * have the same pattern; the bus hears of it once.
 */

import type { LiveOperations } from '../../core/live.ts'
import type { TextFilter } from '../../model/text-filter.ts'
import type { TmbKind } from '../../wire/tmb/words.ts'
import type { Regexps, SharedRegexp } from './regexps.ts'
import { tmbView } from './translate.ts'

/** A pattern in use. */
export interface Pattern {
  readonly kind: TmbKind
  /** Each character a byte. */
  readonly text: string
  readonly filter: TextFilter
  readonly regexp: SharedRegexp | undefined
}

/**
 * Give a pattern back with `releasePattern`.
 * @param text each character a byte; checked
 * @throws RegexpError
 */
export function takePattern(kind: TmbKind, text: string, regexps: Regexps): Pattern {
  const regexp = kind === 'regexp' ? regexps.take(text) : undefined
  const filter: TextFilter = {
    kind: 'text',
    key: `tmb:${kind}:${text}`,
    view: tmbView,
    form: kind === 'regexp' ? 'test' : kind,
    text,
    matches: (category) => regexp?.test(category) === true,
  }
  return { kind, text, filter, regexp }
}

export function releasePattern({ regexp }: Pattern, regexps: Regexps): void {
  if (regexp !== undefined) regexps.release(regexp)
}

export class Subscriptions {
  readonly #live: LiveOperations
  readonly #regexps: Regexps
  readonly #byId = new Map<string, Pattern>()
  /** How many ids have the filter of this key. */
  readonly #users = new Map<string, number>()

  constructor(live: LiveOperations, regexps: Regexps) {
    this.#live = live
    this.#regexps = regexps
  }

  get size(): number {
    return this.#byId.size
  }

  has(id: string): boolean {
    return this.#byId.has(id)
  }

  /** In order of creation; replacing keeps the place. */
  entries(): Iterable<readonly [id: string, pattern: Pattern]> {
    return this.#byId.entries()
  }

  /**
   * Puts a pattern, which belongs to it from then on, in the place of what the id had.
   * @throws BusError as `LiveOperations.subscribe`; nothing has changed then
   */
  set(id: string, pattern: Pattern): 'added' | 'replaced' {
    // First the new one, so that nothing is missed in between.
    this.#use(pattern)
    const old = this.#byId.get(id)
    this.#byId.set(id, pattern)
    if (old === undefined) return 'added'
    this.#leave(old)
    return 'replaced'
  }

  delete(id: string): boolean {
    const pattern = this.#byId.get(id)
    if (pattern === undefined) return false
    this.#byId.delete(id)
    this.#leave(pattern)
    return true
  }

  /** Returns how many there were. */
  clear(): number {
    const { size } = this
    for (const pattern of this.#byId.values()) this.#leave(pattern)
    this.#byId.clear()
    return size
  }

  /**
   * The same for another client of the bus, in the place of these, which are empty then.
   * @throws BusError as `LiveOperations.subscribe`; nothing has changed here then
   */
  moveTo(live: LiveOperations): Subscriptions {
    const moved = new Subscriptions(live, this.#regexps)
    for (const [id, pattern] of this.#byId) {
      moved.#use(pattern)
      moved.#byId.set(id, pattern)
    }
    this.#byId.clear()
    this.#users.clear()
    return moved
  }

  /** The client is gone, and with it what the bus knew of these. */
  dispose(): void {
    for (const pattern of this.#byId.values()) releasePattern(pattern, this.#regexps)
    this.#byId.clear()
    this.#users.clear()
  }

  #use({ filter }: Pattern): void {
    const users = this.#users.get(filter.key) ?? 0
    if (users === 0) this.#live.subscribe(filter)
    this.#users.set(filter.key, users + 1)
  }

  #leave(pattern: Pattern): void {
    const { filter } = pattern
    const users = (this.#users.get(filter.key) ?? 0) - 1
    if (users > 0) this.#users.set(filter.key, users)
    else {
      this.#users.delete(filter.key)
      this.#live.unsubscribe(filter)
    }
    releasePattern(pattern, this.#regexps)
  }
}
