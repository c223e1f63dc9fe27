/**
 * The tree of topics as far as it has been looked at: levels are loaded when they are opened, page by page, and
 * refreshed while they can be seen. It is a list of rows to whoever draws it; it asks nobody itself.
 */

import type { TopicEntryJson, TopicLevelJson } from '../../../src/wire/http-api.ts'

/** Path of a level whose entries are known; undefined: the first levels. */
export type Under = string | undefined

interface Level {
  entries: readonly TopicEntryJson[]
  more: boolean
  isLoading: boolean
  error: string | undefined
}

export interface EntryRow {
  readonly kind: 'entry'
  readonly key: string
  readonly depth: number
  readonly entry: TopicEntryJson
  readonly isExpandable: boolean
  readonly isExpanded: boolean
  /** Publications per second of it and everything below; undefined until it was seen twice. */
  readonly rate: number | undefined
  /** Place among its siblings, from 1, and how many are known. */
  readonly position: number
  readonly siblings: number
  readonly under: Under
}

/** Stands below the entries of a level: there are more, they are being loaded, or could not be. */
export interface NoteRow {
  readonly kind: 'more' | 'loading' | 'failed'
  readonly key: string
  readonly depth: number
  readonly under: Under
  /** Entries of the level that are known; or why it failed. */
  readonly shown: number
  readonly error: string | undefined
}

export type TreeRow = EntryRow | NoteRow

interface Counted {
  readonly publications: number
  readonly atMs: number
  readonly rate: number | undefined
}

// Paths whose publications are remembered for rates; beyond it all are forgotten at once.
const maxCounted = 20_000
// A shorter time between two answers would make the rate jump.
const minRateMs = 500

export class TopicTree {
  readonly #levels = new Map<Under, Level>()
  readonly #expanded = new Set<string>()
  readonly #counted = new Map<string, Counted>()

  isExpanded(path: string): boolean {
    return this.#expanded.has(path)
  }

  expand(path: string): void {
    this.#expanded.add(path)
  }

  /** What was loaded below it is forgotten: opened again, it is loaded anew. */
  collapse(path: string): void {
    this.#expanded.delete(path)
    this.#levels.delete(path)
  }

  isKnown(under: Under): boolean {
    return this.#levels.has(under)
  }

  isLoading(under: Under): boolean {
    return this.#levels.get(under)?.isLoading === true
  }

  loading(under: Under): void {
    const level = this.#levels.get(under) ?? newLevel()
    this.#levels.set(under, { ...level, isLoading: true, error: undefined })
  }

  failed(under: Under, error: string): void {
    const level = this.#levels.get(under) ?? newLevel()
    this.#levels.set(under, { ...level, isLoading: false, error })
  }

  /**
   * An answer came.
   * @param after the entry it was asked to begin after; undefined: it replaces what was known
   * @param nowMs of any clock that does not go back
   */
  loaded(under: Under, answer: TopicLevelJson, after: string | undefined, nowMs: number): void {
    if (under !== undefined && !this.#expanded.has(under)) return
    for (const entry of answer.entries) this.#count(entry, nowMs)
    const known = after === undefined ? [] : (this.#levels.get(under)?.entries ?? [])
    const entries = [...known, ...answer.entries]
    this.#levels.set(under, { entries, more: answer.more, isLoading: false, error: undefined })
  }

  /** How many entries of the level are known, and the last of them: where the next page begins. */
  end(under: Under): { readonly count: number; readonly last: string | undefined } {
    const entries = this.#levels.get(under)?.entries ?? []
    return { count: entries.length, last: entries.at(-1)?.level }
  }

  rateOf(path: string): number | undefined {
    return this.#counted.get(path)?.rate
  }

  /** Everything that is opened, from top to bottom. */
  rows(): TreeRow[] {
    const rows: TreeRow[] = []
    this.#addLevel(rows, undefined, 0)
    return rows
  }

  #addLevel(rows: TreeRow[], under: Under, depth: number): void {
    const level = this.#levels.get(under) ?? newLevel()
    level.entries.forEach((entry, i) => {
      const { path, topicsBelow } = entry
      const isExpandable = topicsBelow > 0
      const isExpanded = isExpandable && this.#expanded.has(path)
      rows.push({
        kind: 'entry',
        key: `entry ${path}`,
        depth,
        entry,
        isExpandable,
        isExpanded,
        rate: this.rateOf(path),
        position: i + 1,
        siblings: level.entries.length,
        under,
      })
      if (isExpanded) this.#addLevel(rows, path, depth + 1)
    })
    const note = noteOf(level)
    if (note === undefined) return
    const shown = level.entries.length
    const key = under === undefined ? note : `${note} ${under}`
    rows.push({ kind: note, key, depth, under, shown, error: level.error })
  }

  #count({ path, publications }: TopicEntryJson, nowMs: number): void {
    const before = this.#counted.get(path)
    if (before !== undefined && nowMs - before.atMs < minRateMs) return
    if (this.#counted.size >= maxCounted) this.#counted.clear()
    const grown = before === undefined ? 0 : publications - before.publications
    // A daemon that was started again counts from the start.
    const isSameRun = before !== undefined && grown >= 0
    const rate = isSameRun ? (grown * 1_000) / (nowMs - before.atMs) : undefined
    this.#counted.set(path, { publications, atMs: nowMs, rate })
  }
}

function newLevel(): Level {
  return { entries: [], more: false, isLoading: false, error: undefined }
}

function noteOf(level: Level): NoteRow['kind'] | undefined {
  if (level.error !== undefined) return 'failed'
  if (level.isLoading && level.entries.length === 0) return 'loading'
  return level.more ? 'more' : undefined
}
