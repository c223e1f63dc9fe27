/**
 * Which subscriptions the connection has, by what the server answered and never by what was pressed; what came for each
 * of them; and which to make anew after the connection was lost (spec/tmb.md 12.2).
 */

import type { SubscriptionSpec } from './tmb-command.ts'

/** `lost`: it was on when the connection broke, and comes back with it. */
export type Lamp = 'on' | 'off' | 'lost'

export interface Entry extends SubscriptionSpec {
  readonly lamp: 'on' | 'lost'
  /** Messages that came for it since it was made. */
  readonly received: number
  /**
   * There may be more: its expression cannot be judged here, since it is written for another engine, and a message
   * was also due to another subscription.
   */
  readonly isAtLeast: boolean
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

export class SubscriptionBook {
  readonly #entries = new Map<string, Mutable<Entry>>()

  /** In the order in which they were made. */
  get all(): readonly Entry[] {
    return [...this.#entries.values()]
  }

  get(id: string): Entry | undefined {
    return this.#entries.get(id)
  }

  lampOf(id: string): Lamp {
    return this.#entries.get(id)?.lamp ?? 'off'
  }

  /** The server said that it is there. One that came back goes on counting. */
  confirmed(spec: SubscriptionSpec): void {
    const known = this.#entries.get(spec.id)
    const isBack =
      known?.lamp === 'lost' && known.kind === spec.kind && known.pattern === spec.pattern
    if (isBack) known.lamp = 'on'
    else this.#entries.set(spec.id, { ...spec, lamp: 'on', received: 0, isAtLeast: false })
  }

  removed(id: string): void {
    if (id === '*') this.#entries.clear()
    else this.#entries.delete(id)
  }

  /** The server has none any more. */
  connectionLost(): void {
    for (const entry of this.#entries.values()) entry.lamp = 'lost'
  }

  /** What to subscribe to on a new connection. */
  toRestore(): readonly SubscriptionSpec[] {
    return this.all.filter((entry) => entry.lamp === 'lost')
  }

  /** A message was delivered: it counts for each subscription that it was due to. */
  delivered(category: string): void {
    const unjudged: Mutable<Entry>[] = []
    let isExplained = false
    for (const entry of this.#entries.values()) {
      if (entry.lamp !== 'on') continue
      const isDue = isMatch(entry, category)
      if (isDue === undefined) unjudged.push(entry)
      if (isDue !== true) continue
      entry.received += 1
      isExplained = true
    }
    for (const entry of unjudged) {
      if (isExplained || unjudged.length > 1) entry.isAtLeast = true
      else entry.received += 1
    }
  }

  /** A remembered message came as part of the answer to `watch`. */
  answered(id: string): void {
    const entry = this.#entries.get(id)
    if (entry !== undefined) entry.received += 1
  }
}

/**
 * Undefined: cannot be said here. Of expressions only `.`, which every category matches, is judged: the dialect is not
 * that of the browser, and the browser's engine can be kept busy for hours by a hostile one.
 */
function isMatch({ kind, pattern }: SubscriptionSpec, category: string): boolean | undefined {
  switch (kind) {
    case 'is':
      return category === pattern
    case 'begins-with':
      return category.startsWith(pattern)
    case 'ends-with':
      return category.endsWith(pattern)
    case 'contains':
      return category.includes(pattern)
    case 'regexp':
      return pattern === '.' ? true : undefined
  }
}
