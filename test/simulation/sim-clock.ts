/**
 * The time of a simulation: one clock for everything, which jumps from one timer to the next, and views
 * of it for the nodes. A node's wall clock may be wrong; when it crashes, its timers are gone.
 */

import type { Clock, Timer } from '../../src/core/clock.ts'

interface Entry {
  readonly at: number
  readonly order: number
  readonly task: () => void
  isCancelled: boolean
}

export class SimClock implements Clock {
  /** A binary heap by time, then by the order in which timers were set. */
  readonly #heap: Entry[] = []
  #now = 0
  #order = 0
  #pending = 0

  now(): number {
    return Date.UTC(2026, 0, 1) + Math.floor(this.#now)
  }

  monotonic(): number {
    return this.#now
  }

  /** Timers that were neither cancelled nor have run. */
  get pending(): number {
    return this.#pending
  }

  after(delayMs: number, task: () => void): Timer {
    const at = this.#now + Math.max(0, delayMs)
    const entry: Entry = { at, order: (this.#order += 1), task, isCancelled: false }
    this.#pending += 1
    this.#push(entry)
    return {
      cancel: () => {
        if (entry.isCancelled) return
        entry.isCancelled = true
        this.#pending -= 1
      },
    }
  }

  /** Runs the next timer, if there is one until `untilMs`; answers whether it did. */
  step(untilMs: number): boolean {
    for (;;) {
      const [entry] = this.#heap
      if (entry === undefined || entry.at > untilMs) {
        this.#now = Math.max(this.#now, untilMs)
        return false
      }
      this.#pop()
      if (entry.isCancelled) continue
      entry.isCancelled = true
      this.#pending -= 1
      this.#now = entry.at
      entry.task()
      return true
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let place = heap.length
    while (place > 0) {
      const parent = (place - 1) >> 1
      const above = heap[parent]
      if (above === undefined || isBefore(above, entry)) break
      heap[place] = above
      place = parent
    }
    heap[place] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let place = 0
    for (;;) {
      let child = 2 * place + 1
      const [left, right] = [heap[child], heap[child + 1]]
      if (left === undefined) break
      if (right !== undefined && isBefore(right, left)) child += 1
      const smaller = heap[child]
      if (smaller === undefined || isBefore(last, smaller)) break
      heap[place] = smaller
      place = child
    }
    heap[place] = last
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

/** The clock of one life of a node. */
export class NodeClock implements Clock {
  readonly #clock: SimClock
  /** How wrong the wall clock is. */
  readonly #skewMs: number
  readonly #timers = new Set<Timer>()
  #isDead = false

  constructor(clock: SimClock, skewMs: number) {
    this.#clock = clock
    this.#skewMs = skewMs
  }

  now(): number {
    return this.#clock.now() + this.#skewMs
  }

  monotonic(): number {
    return this.#clock.monotonic()
  }

  /** Timers of this life that wait. */
  get pending(): number {
    return this.#timers.size
  }

  after(delayMs: number, task: () => void): Timer {
    if (this.#isDead) return { cancel: () => undefined }
    const timer = this.#clock.after(delayMs, () => {
      this.#timers.delete(own)
      task()
    })
    const own = {
      cancel: () => {
        this.#timers.delete(own)
        timer.cancel()
      },
    }
    this.#timers.add(own)
    return own
  }

  /** The node has crashed: nothing that it waited for happens any more. */
  kill(): void {
    this.#isDead = true
    for (const timer of this.#timers) timer.cancel()
  }
}
