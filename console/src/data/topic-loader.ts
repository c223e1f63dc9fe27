/** Fills the tree of topics from the HTTP API: levels when they are opened, and again while they are looked at. */

import { signal } from '@preact/signals'
import type { Signal } from '@preact/signals'
import type { TopicLevelJson } from '../../../src/wire/http-api.ts'
import { TopicTree } from './topic-tree.ts'
import type { TreeRow, Under } from './topic-tree.ts'

/** `under`, `after`, `limit`, and `contains` for a search. */
export type AskTopics = (
  query: Readonly<Record<string, string | number | undefined>>,
) => Promise<TopicLevelJson>

// Entries of one answer.
const pageSize = 200
// A level of which more is known is not refreshed beyond this.
const maxRefreshed = 1_000
// Levels refreshed in one turn; others follow in the next.
const levelsPerTurn = 8

export class TopicLoader {
  readonly rows: Signal<readonly TreeRow[]> = signal([])
  /** Nothing is known yet. */
  readonly isEmpty: Signal<boolean> = signal(false)
  readonly #tree = new TopicTree()
  readonly #ask: AskTopics
  #nextLevel = 0

  constructor(ask: AskTopics) {
    this.#ask = ask
  }

  /** The first levels. */
  start(): Promise<void> {
    return this.#load(undefined)
  }

  toggle(path: string): void {
    if (this.#tree.isExpanded(path)) this.collapse(path)
    else this.expand(path)
  }

  expand(path: string): void {
    this.#tree.expand(path)
    void this.#load(path)
  }

  collapse(path: string): void {
    this.#tree.collapse(path)
    this.#show()
  }

  /** The next page of a level. */
  more(under: Under): Promise<void> {
    return this.#load(under, this.#tree.end(under).last)
  }

  /** Asks again what became of the levels that these rows belong to. */
  async refresh(visible: readonly TreeRow[]): Promise<void> {
    const levels = [...new Set(visible.map(({ under }) => under))]
    if (levels.length === 0) return this.#load(undefined)
    const first = this.#nextLevel % levels.length
    this.#nextLevel += levelsPerTurn
    const turn = [...levels.slice(first), ...levels.slice(0, first)].slice(0, levelsPerTurn)
    await Promise.all(turn.map((under) => this.#reload(under)))
  }

  async #load(under: Under, after?: string): Promise<void> {
    if (this.#tree.isLoading(under)) return
    this.#tree.loading(under)
    this.#show()
    await this.#fill(under, { limit: pageSize, after })
  }

  async #reload(under: Under): Promise<void> {
    if (this.#tree.isLoading(under)) return
    const known = this.#tree.end(under).count
    if (known > maxRefreshed) return
    await this.#fill(under, { limit: Math.max(known, pageSize), after: undefined })
  }

  async #fill(under: Under, page: { limit: number; after: string | undefined }): Promise<void> {
    try {
      const answer = await this.#ask({ under, ...page })
      this.#tree.loaded(under, answer, page.after, performance.now())
      if (under === undefined) this.isEmpty.value = answer.entries.length === 0
    } catch (error) {
      this.#tree.failed(under, error instanceof Error ? error.message : String(error))
    }
    this.#show()
  }

  #show(): void {
    this.rows.value = this.#tree.rows()
  }
}
