/** What counters of many rows grow by in a second, from two readings. */

export type Counts<Name extends string> = Readonly<Record<Name, number>>

export class Rates<Name extends string> {
  #counts = new Map<string, Counts<Name>>()
  #atMs: number | undefined
  #rates = new Map<string, Counts<Name>>()

  /**
   * Takes a reading in; one of the same moment changes nothing. A row that was not there before has
   * grown from nothing.
   * @param atMs when, by a clock that never goes back
   */
  add(atMs: number, rows: Iterable<readonly [key: string, counts: Counts<Name>]>): void {
    const beforeMs = this.#atMs
    if (beforeMs !== undefined && atMs <= beforeMs) return
    const before = this.#counts
    this.#counts = new Map(rows)
    this.#atMs = atMs
    this.#rates.clear()
    if (beforeMs === undefined) return
    const seconds = (atMs - beforeMs) / 1_000
    for (const [key, counts] of this.#counts) {
      this.#rates.set(key, growth(before.get(key), counts, seconds))
    }
  }

  /** Undefined before the second reading, and for unknown rows. */
  of(key: string): Counts<Name> | undefined {
    return this.#rates.get(key)
  }
}

function growth<Name extends string>(
  before: Counts<Name> | undefined,
  now: Counts<Name>,
  seconds: number,
): Counts<Name> {
  const names = Object.keys(now) as Name[]
  const rates = names.map((name) => {
    // What shrinks has been counted anew, or was given up; it is no negative traffic.
    const grown = Math.max(0, now[name] - (before?.[name] ?? 0))
    return [name, grown / seconds] as const
  })
  return Object.fromEntries(rates) as Record<Name, number>
}
