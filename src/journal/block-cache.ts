/**
 * Blocks as they were last read or written, the least recently used leaving first: readers come
 * back to the block they were in, and those who follow live read what was just committed.
 */

import type { StorageReader } from './block-storage.ts'
import { BlockView } from './block.ts'

export class BlockCache {
  readonly #storage: StorageReader
  readonly #maxBytes: number
  readonly #views = new Map<number, BlockView>()
  #bytes = 0

  constructor(storage: StorageReader, maxBytes: number) {
    this.#storage = storage
    this.#maxBytes = maxBytes
  }

  /** The blocks of these keys, in order; undefined where there is none (any more). */
  async get(keys: readonly number[]): Promise<(BlockView | undefined)[]> {
    const missing = keys.filter((key) => !this.#views.has(key))
    const found = keys.map((key) => this.#use(key))
    if (missing.length === 0) return found
    const generation = this.#generation
    const fetched = await this.#storage.getBlocks(missing)
    missing.forEach((key, i) => {
      const bytes = fetched[i]
      if (bytes === undefined) return
      const view = new BlockView(key, bytes)
      found[keys.indexOf(key)] = view
      // A block rewritten meanwhile must not come in again as it was.
      if (generation === this.#generation) this.#put(view)
    })
    return found
  }

  /** A block as it has just been committed. */
  put(key: number, bytes: Uint8Array | undefined): void {
    this.#remove(key)
    if (bytes !== undefined) this.#put(new BlockView(key, bytes))
  }

  /** A block has been rewritten or removed. */
  invalidate(key: number): void {
    this.#generation += 1
    this.#remove(key)
  }

  clear(): void {
    this.#generation += 1
    this.#views.clear()
    this.#bytes = 0
  }

  #generation = 0

  #use(key: number): BlockView | undefined {
    const view = this.#views.get(key)
    if (view !== undefined) {
      this.#views.delete(key)
      this.#views.set(key, view)
    }
    return view
  }

  #put(view: BlockView): void {
    this.#remove(view.key)
    this.#views.set(view.key, view)
    this.#bytes += view.bytes.length
    if (this.#bytes <= this.#maxBytes) return
    for (const [key, oldest] of this.#views) {
      this.#views.delete(key)
      this.#bytes -= oldest.bytes.length
      if (this.#bytes <= this.#maxBytes) return
    }
  }

  #remove(key: number): void {
    const view = this.#views.get(key)
    if (view === undefined) return
    this.#views.delete(key)
    this.#bytes -= view.bytes.length
  }
}
