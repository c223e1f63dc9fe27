/**
 * Messages as they come, for a view that is drawn a few times per second however many they are. Each is counted; only
 * the newest are kept, and of large payloads only the beginning. Whoever looks closer holds the view: counting goes on.
 */

import { signal } from '@preact/signals'
import type { Signal } from '@preact/signals'
import type { Message } from '../../../src/client/core.ts'
import { RateMeter } from './rate-meter.ts'
import { RingBuffer } from './ring-buffer.ts'
import { fromMessage } from './shown-message.ts'
import type { ShownMessage } from './shown-message.ts'

/** What a subscription of the client offers. */
export interface FeedSource {
  /** Resolves when the daemon has set it up; rejects when it ended first. */
  ready(): Promise<void>
  batches(): AsyncIterable<readonly Message[]>
  close(): Promise<void>
}

export interface FeedView {
  readonly state: 'opening' | 'open' | 'failed'
  /** Why it failed. */
  readonly error: string | undefined
  /** The newest first. */
  readonly messages: readonly ShownMessage[]
  /** All that came, shown or not. */
  readonly received: number
  readonly perSecond: number
  /** The messages stay as they are. */
  readonly isHeld: boolean
  /** Came since the view is held. */
  readonly newer: number
}

/** Rows of a view at most. */
export const shownAtOnce = 40
const drawEveryMs = 200
const keptBytes = 16_384

export class LiveFeed {
  readonly view: Signal<FeedView> = signal({
    state: 'opening',
    error: undefined,
    messages: [],
    received: 0,
    perSecond: 0,
    isHeld: false,
    newer: 0,
  })
  readonly #source: FeedSource
  readonly #ring = new RingBuffer<ShownMessage>(shownAtOnce)
  readonly #meter = new RateMeter()
  readonly #timer: ReturnType<typeof setInterval>
  #received = 0
  #receivedWhenHeld = 0
  #isClosed = false

  /** Owns the source. */
  constructor(source: FeedSource) {
    this.#source = source
    this.#timer = setInterval(() => this.#draw(), drawEveryMs)
    void this.#read()
  }

  /** The messages that are shown stay, or follow again. */
  hold(isHeld: boolean): void {
    if (this.view.value.isHeld === isHeld) return
    this.#receivedWhenHeld = this.#received
    const messages = isHeld ? this.view.value.messages : this.#ring.newest(shownAtOnce)
    this.view.value = { ...this.view.value, messages, isHeld, newer: 0 }
  }

  clear(): void {
    this.#ring.clear()
    this.#received = 0
    this.#receivedWhenHeld = 0
    this.view.value = { ...this.view.value, messages: [], received: 0, newer: 0 }
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
    void this.#source.close()
  }

  async #read(): Promise<void> {
    try {
      await this.#source.ready()
      this.view.value = { ...this.view.value, state: 'open' }
      for await (const batch of this.#source.batches()) this.#take(batch)
      this.#fail('The subscription ended.')
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error))
    }
  }

  #take(batch: readonly Message[]): void {
    this.#received += batch.length
    this.#meter.add(batch.length, performance.now())
    // What would be replaced in the same turn need not be copied.
    for (const message of batch.slice(-shownAtOnce))
      this.#ring.push(fromMessage(message, keptBytes))
  }

  #draw(): void {
    const before = this.view.value
    const perSecond = this.#meter.perSecond(performance.now())
    const hasNew = this.#received !== before.received
    if (!hasNew && perSecond === before.perSecond) return
    this.view.value = {
      ...before,
      received: this.#received,
      perSecond,
      newer: before.isHeld ? this.#received - this.#receivedWhenHeld : 0,
      messages: before.isHeld || !hasNew ? before.messages : this.#ring.newest(shownAtOnce),
    }
  }

  #fail(error: string): void {
    if (this.#isClosed) return
    clearInterval(this.#timer)
    this.#draw()
    this.view.value = { ...this.view.value, state: 'failed', error }
  }
}
