/**
 * The last lines that went in and out. It holds a bounded number and forgets the oldest, so a page can stay open for days
 * on a busy bus.
 */

import type { Line } from './tmb-line.ts'

/** A note is what the page has to say itself. */
export type Direction = 'in' | 'out' | 'note'

export interface TrafficEntry {
  /** Grows by one with every entry, also over `clear`. */
  readonly number: number
  /** Milliseconds since 1970. */
  readonly atMs: number
  readonly direction: Direction
  readonly line: Line
}

/** spec/tmb.md 12.2, part 6. */
export const maxTrafficEntries = 200

export class TrafficLog {
  #entries: TrafficEntry[] = []
  #count = 0

  /** Ever written. */
  get count(): number {
    return this.#count
  }

  /** Oldest first, at most `maxTrafficEntries`. */
  get entries(): readonly TrafficEntry[] {
    return this.#entries.slice(-maxTrafficEntries)
  }

  add(entry: Omit<TrafficEntry, 'number'>): void {
    this.#count += 1
    this.#entries.push({ ...entry, number: this.#count })
    // Moved together now and then rather than with every line.
    if (this.#entries.length >= 2 * maxTrafficEntries)
      this.#entries = this.#entries.slice(-maxTrafficEntries)
  }

  clear(): void {
    this.#entries = []
  }
}
