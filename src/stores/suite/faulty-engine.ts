/** A storage engine whose disk a test can fill up or break, and mend again. */

import type {
  BlockStorage,
  StorageEngine,
  StorageOptions,
  StorageWrites,
} from '../../journal/block-storage.ts'
import type { BusError } from '../../model/errors.ts'

export class FaultyEngine implements StorageEngine {
  readonly name: string
  readonly files: StorageEngine['files']
  readonly #engine: StorageEngine
  #fault: BusError | undefined

  constructor(engine: StorageEngine) {
    this.name = engine.name
    this.files = engine.files
    this.#engine = engine
  }

  /** From now on every commit is refused with this error, before anything is written; undefined mends it. */
  fail(fault: BusError | undefined): void {
    this.#fault = fault
  }

  async open(options: StorageOptions): Promise<BlockStorage> {
    const storage = await this.#engine.open(options)
    const commit = storage.commit.bind(storage)
    storage.commit = (writes: StorageWrites) =>
      this.#fault === undefined ? commit(writes) : Promise.reject(this.#fault)
    return storage
  }
}
