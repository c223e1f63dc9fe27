/**
 * Where received things wait for the program, and how it takes them: a handler is run for one after the
 * other, and waited for when it returns a promise; without one the lane is an async iterable. What waits
 * is counted in bytes; whoever fills the lane bounds it.
 *
 * Handlers run at the end of the turn of the event loop (turn.ts), never inside the call that brought
 * something, and what one turn brings is handled together.
 */

import type { BusError } from '../model/errors.ts'
import type { Turn } from './turn.ts'

/** What it returns is of no account, but a promise is waited for. */
export type Handler<Item> = (item: Item) => unknown

export interface LaneOptions<Item> {
  readonly turn: Turn
  /** Bytes an item counts for; must answer the same every time. */
  readonly costOf: (item: Item) => number
  readonly handler: Handler<Item> | undefined
  /** Something was handed over, or dropped by closing. */
  readonly onTaken: (bytes: number) => void
  /** The handler threw; the lane goes on with the next item. */
  readonly onError: (error: unknown) => void
  /** Called once: nothing more will be handed over. The error is what ended it, if anything did. */
  readonly onClosed: (error: BusError | undefined) => void
}

interface Taker<Item> {
  resolve(result: IteratorResult<Item, undefined>): void
  reject(error: unknown): void
}

export class Lane<Item> {
  /** Resolves when nothing more will be handed over, with the error if one ended it. */
  readonly closed: Promise<BusError | undefined>
  #onClosed: (error: BusError | undefined) => void = () => undefined
  readonly #options: LaneOptions<Item>
  /** What came since the last run. */
  #arrived: Item[] = []
  /** What is being handed over, from `#next` on; what was is forgotten. */
  #batch: (Item | undefined)[] = []
  #next = 0
  #takers: Taker<Item>[] = []
  #bytes = 0
  /** The handler has returned a promise that is not settled yet. */
  #isBusy = false
  #ending: { readonly error: BusError | undefined } | undefined
  #isClosed = false

  constructor(options: LaneOptions<Item>) {
    this.#options = options
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve
    })
  }

  /** What waits. */
  get bytes(): number {
    return this.#bytes
  }

  /** False when the lane has ended and takes nothing more. */
  push(item: Item): boolean {
    if (this.#isClosed || this.#ending !== undefined) return false
    if (this.#arrived.length === 0) this.#options.turn.add(this)
    this.#arrived.push(item)
    this.#bytes += this.#options.costOf(item)
    return true
  }

  /**
   * Hands over what there is, as far as the program takes it; called by the turn. What handlers bring
   * about waits for the next one.
   */
  run(): void {
    if (this.#isBusy || this.#isClosed) return
    if (this.#options.handler === undefined) this.#serve()
    else this.#handle(this.#options.handler)
  }

  next(): Promise<IteratorResult<Item, undefined>> {
    return new Promise((resolve, reject) => {
      this.#takers.push({ resolve, reject })
      this.#serve()
    })
  }

  /** Nothing more comes; what is there is still handed over, and then iterating ends, with the error if any. */
  end(error?: BusError): void {
    if (this.#isClosed || this.#ending !== undefined) return
    this.#ending = { error }
    this.#options.turn.add(this)
  }

  /** Drops what waits and ends quietly. May be called twice. */
  close(): void {
    if (this.#isClosed) return
    const bytes = this.#bytes
    this.#arrived = []
    this.#batch = []
    this.#next = 0
    this.#bytes = 0
    this.#ending ??= { error: undefined }
    this.#finish(undefined)
    if (bytes > 0) this.#options.onTaken(bytes)
  }

  #handle(handler: Handler<Item>): void {
    if (this.#next === this.#batch.length) this.#advance()
    // What is handed over in one go counts as taken in one go.
    let taken = 0
    while (this.#next < this.#batch.length && !this.#isBusy) {
      const item = this.#takeNext()
      taken += this.#options.costOf(item)
      this.#call(handler, item)
    }
    if (taken > 0) this.#taken(taken)
    if (this.#isBusy || this.#isClosed) return
    if (this.#ending !== undefined) {
      if (this.#arrived.length > 0) this.#handle(handler)
      else this.#finish(this.#ending.error)
    }
  }

  #call(handler: Handler<Item>, item: Item): void {
    try {
      const result = handler(item)
      if (!isThenable(result)) return
      this.#isBusy = true
      result.then(
        () => this.#goOn(),
        (error: unknown) => {
          this.#options.onError(error)
          this.#goOn()
        },
      )
    } catch (error) {
      this.#options.onError(error)
    }
  }

  #goOn(): void {
    this.#isBusy = false
    this.run()
  }

  /** Gives takers what there is, in order. */
  #serve(): void {
    while (this.#takers.length > 0) {
      if (this.#next < this.#batch.length || this.#advance()) {
        const item = this.#takeNext()
        this.#takers.shift()?.resolve({ value: item, done: false })
        this.#taken(this.#options.costOf(item))
      } else if (this.#ending === undefined) {
        return
      } else {
        this.#finish(this.#ending.error)
      }
    }
  }

  #advance(): boolean {
    this.#batch = this.#arrived
    this.#arrived = []
    this.#next = 0
    return this.#batch.length > 0
  }

  #takeNext(): Item {
    const item = this.#batch[this.#next] as Item
    this.#batch[this.#next] = undefined
    this.#next += 1
    return item
  }

  #taken(bytes: number): void {
    // Closing in the middle has counted everything already.
    if (this.#isClosed) return
    this.#bytes -= bytes
    this.#options.onTaken(bytes)
  }

  #finish(error: BusError | undefined): void {
    if (!this.#isClosed) {
      this.#isClosed = true
      this.#options.onClosed(error)
      this.#onClosed(error)
    }
    const takers = this.#takers
    this.#takers = []
    // An error is told once; whoever asks again sees the end, as generators do.
    this.#ending = { error: undefined }
    takers.forEach((taker, i) => {
      if (i === 0 && error !== undefined) taker.reject(error)
      else taker.resolve({ value: undefined, done: true })
    })
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value
}
