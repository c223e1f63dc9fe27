/**
 * Between a stream that brings batches and a program that takes one item at a time. It is bounded:
 * `push` returns a promise while there is enough, and the stream is not read meanwhile, which
 * transport flow control carries to the daemon. Taking an item out of a buffered batch costs one
 * settled promise and nothing else.
 */

export interface BatchQueueOptions {
  /** Items buffered at most, beyond the batch that goes over the limit. */
  readonly maxItems: number
  /** Bytes buffered at most, likewise. */
  readonly maxBytes: number
  /** Called once, when nobody will take anything any more or everything was taken. */
  readonly onClosed: () => void
}

interface Batch<T> {
  readonly items: readonly T[]
  readonly bytes: number
}

interface Taker<T> {
  readonly kind: 'item' | 'batch'
  resolve(result: IteratorResult<T | readonly T[], undefined>): void
  reject(error: unknown): void
}

export class BatchQueue<T> {
  readonly #options: BatchQueueOptions
  #batches: Batch<T>[] = []
  #current: readonly T[] = []
  #next = 0
  #items = 0
  #bytes = 0
  #takers: Taker<T>[] = []
  #room: (() => void) | undefined
  #ended: { readonly error: unknown } | undefined
  #closed = false

  constructor(options: BatchQueueOptions) {
    this.#options = options
  }

  /** True once nothing will be taken any more. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * Adds a batch; the queue owns the array from now on. Returns a promise when the producer should
   * wait for room, which also settles when the queue is closed.
   */
  push(items: readonly T[], bytes: number): Promise<void> | undefined {
    if (this.#closed || this.#ended !== undefined || items.length === 0) return undefined
    this.#batches.push({ items, bytes })
    this.#items += items.length
    this.#bytes += bytes
    this.#serve()
    if (!this.#isFull()) return undefined
    return new Promise((resolve) => {
      this.#room = resolve
    })
  }

  /** Nothing more comes: after what is buffered the takers see the end, or `error` when there is one. */
  end(error?: unknown): void {
    if (this.#closed || this.#ended !== undefined) return
    this.#ended = { error }
    this.#serve()
  }

  /** Ends at once and drops what is buffered: takers see `error`, or a quiet end without one. */
  close(error?: unknown): void {
    if (this.#closed) return
    this.clear()
    this.#ended = { error }
    this.#serve()
    this.#finish()
  }

  /** Drops what is buffered and goes on. */
  clear(): void {
    this.#batches = []
    this.#current = []
    this.#next = 0
    this.#items = 0
    this.#bytes = 0
    this.#release()
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#takers.length === 0 && (this.#next < this.#current.length || this.#advance())) {
      const value = this.#current[this.#next++] as T
      return Promise.resolve({ value, done: false })
    }
    return this.#wait('item') as Promise<IteratorResult<T, undefined>>
  }

  /** What is left of the current batch, or the next one. */
  nextBatch(): Promise<IteratorResult<readonly T[], undefined>> {
    if (this.#takers.length === 0 && (this.#next < this.#current.length || this.#advance())) {
      return Promise.resolve({ value: this.#takeBatch(), done: false })
    }
    return this.#wait('batch') as Promise<IteratorResult<readonly T[], undefined>>
  }

  #wait(kind: Taker<T>['kind']): Promise<IteratorResult<T | readonly T[], undefined>> {
    return new Promise((resolve, reject) => {
      this.#takers.push({ kind, resolve, reject })
      this.#serve()
    })
  }

  /** Gives waiting takers what there is, in order. */
  #serve(): void {
    while (this.#takers.length > 0) {
      if (this.#next < this.#current.length || this.#advance()) {
        const taker = this.#takers.shift()
        const value =
          taker?.kind === 'item' ? (this.#current[this.#next++] as T) : this.#takeBatch()
        taker?.resolve({ value, done: false })
      } else if (this.#ended !== undefined) {
        const taker = this.#takers.shift()
        // An error is told once; whoever asks again sees the end, as generators do.
        const { error } = this.#ended
        this.#ended = { error: undefined }
        if (error === undefined) taker?.resolve({ value: undefined, done: true })
        else taker?.reject(error)
        this.#finish()
      } else {
        return
      }
    }
  }

  #takeBatch(): readonly T[] {
    const rest = this.#next === 0 ? this.#current : this.#current.slice(this.#next)
    this.#next = this.#current.length
    return rest
  }

  /** Makes the next batch the current one; its items no longer count as buffered. */
  #advance(): boolean {
    const batch = this.#batches.shift()
    if (batch === undefined) {
      this.#current = []
      this.#next = 0
      return false
    }
    this.#current = batch.items
    this.#next = 0
    this.#items -= batch.items.length
    this.#bytes -= batch.bytes
    if (this.#room !== undefined && !this.#isFull()) this.#release()
    return true
  }

  #isFull(): boolean {
    return this.#items >= this.#options.maxItems || this.#bytes >= this.#options.maxBytes
  }

  #release(): void {
    const room = this.#room
    this.#room = undefined
    room?.()
  }

  #finish(): void {
    if (this.#closed) return
    this.#closed = true
    this.#release()
    this.#options.onClosed()
  }
}
