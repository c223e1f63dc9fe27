/**
 * The blocks that hold messages of some logs, in ascending order: their indexes merged with a binary
 * heap over the next block of each.
 */

import type { LogIndex, RunList } from './log-index.ts'
import type { LogState } from './log-state.ts'

interface Source {
  readonly log: LogState
  runs: RunList
  at: number
}

export class IndexMerge {
  readonly #index: LogIndex
  readonly #after: number
  readonly #heap: Source[] = []

  /** @param after sequences greater than this one are wanted */
  constructor(index: LogIndex, after: number) {
    this.#index = index
    this.#after = after
  }

  async add(log: LogState): Promise<void> {
    const runs = await this.#index.findAfter(log, this.#after)
    if (runs === undefined) return
    this.#heap.push({ log, runs, at: 0 })
    this.#rise(this.#heap.length - 1)
  }

  /** Keys of the next blocks, at most `count`, each once; none at the end. */
  async next(count: number): Promise<number[]> {
    const keys: number[] = []
    for (let source = this.#heap[0]; source !== undefined; source = this.#heap[0]) {
      const key = keyOf(source)
      if (key !== keys[keys.length - 1]) {
        if (keys.length === count) break
        keys.push(key)
      }
      await this.#advance(source)
    }
    return keys
  }

  async #advance(source: Source): Promise<void> {
    source.at += 1
    if (source.at === source.runs.keys.length) {
      const { log, runs } = source
      const more = runs.endHead <= log.head ? await this.#index.find(log, runs.endHead) : undefined
      const last = runs.keys[runs.keys.length - 1] as number
      if (more === undefined || (more.keys[0] as number) <= last) {
        const moved = this.#heap.pop() as Source
        if (this.#heap.length > 0) this.#heap[0] = moved
      } else {
        source.runs = more
        source.at = 0
      }
    }
    this.#sink()
  }

  #rise(from: number): void {
    const heap = this.#heap
    for (let child = from; child > 0;) {
      const parent = (child - 1) >> 1
      if (keyOf(heap[parent] as Source) <= keyOf(heap[child] as Source)) return
      swap(heap, parent, child)
      child = parent
    }
  }

  #sink(): void {
    const heap = this.#heap
    for (let parent = 0; ;) {
      let child = 2 * parent + 1
      if (child >= heap.length) return
      const right = child + 1
      if (right < heap.length && keyOf(heap[right] as Source) < keyOf(heap[child] as Source)) {
        child = right
      }
      if (keyOf(heap[parent] as Source) <= keyOf(heap[child] as Source)) return
      swap(heap, parent, child)
      parent = child
    }
  }
}

function keyOf(source: Source): number {
  return source.runs.keys[source.at] as number
}

function swap(heap: Source[], a: number, b: number): void {
  const moved = heap[a] as Source
  heap[a] = heap[b] as Source
  heap[b] = moved
}
