/**
 * Messages as they come, for a view that is drawn a few times per second however many they are. Each is counted; only
 * the newest are kept, and of large payloads only the beginning. Whoever looks closer holds the view: counting goes on.
 *
 * After an interruption it goes on with what comes then, and says that there was one. Reading on from where it was would
 * bring everything that was stored in between, which may be millions of messages; history is there for that.
 */

import { signal } from '@preact/signals'
import type { Signal } from '@preact/signals'
import { BusError } from '../../../src/client/core.ts'
import type { Message } from '../../../src/client/core.ts'
import { RateMeter } from './rate-meter.ts'
import { RingBuffer } from './ring-buffer.ts'
import { fromMessage } from './shown-message.ts'
import type { ShownMessage } from './shown-message.ts'

/** What a subscription of the client offers; one that does not reconnect. */
export interface FeedSource {
  /** Resolves when the daemon has set it up; rejects when it ended first. */
  ready(): Promise<void>
  batches(): AsyncIterable<readonly Message[]>
  close(): Promise<void>
}

export interface FeedView {
  /** `interrupted`: it is opened again by itself; `failed`: it is not. */
  readonly state: 'opening' | 'open' | 'interrupted' | 'failed'
  /** Why it is interrupted, or failed. */
  readonly error: string | undefined
  /** When it was interrupted last, by the clock of the page; undefined: never. */
  readonly interruptedAtMs: number | undefined
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
const firstDelayMs = 500
const longestDelayMs = 10_000
// Asking again would bring the same answer.
const finalCodes: ReadonlySet<string> = new Set([
  'invalid_argument',
  'permission_denied',
  'unauthenticated',
  'unimplemented',
])

export class LiveFeed {
  readonly view: Signal<FeedView> = signal({
    state: 'opening',
    error: undefined,
    interruptedAtMs: undefined,
    messages: [],
    received: 0,
    perSecond: 0,
    isHeld: false,
    newer: 0,
  })
  readonly #open: () => FeedSource
  readonly #ring = new RingBuffer<ShownMessage>(shownAtOnce)
  readonly #meter = new RateMeter()
  readonly #timer: ReturnType<typeof setInterval>
  #received = 0
  #receivedWhenHeld = 0
  #isClosed = false
  #source: FeedSource | undefined
  #retryNow: (() => void) | undefined

  /** @param open opens the subscription; whatever it throws is for people */
  constructor(open: () => FeedSource) {
    this.#open = open
    this.#timer = setInterval(() => this.#draw(), drawEveryMs)
    void this.#run()
  }

  /** Opens an interrupted subscription at once instead of when it is due. */
  retry(): void {
    this.#retryNow?.()
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
    this.#retryNow?.()
    void this.#source?.close()
  }

  async #run(): Promise<void> {
    let delayMs = firstDelayMs
    while (!this.#isClosed) {
      const error = await this.#read()
      if (this.#isClosed) return
      const text = error instanceof Error ? error.message : String(error)
      this.#draw()
      if (!(error instanceof BusError) || finalCodes.has(error.code)) {
        clearInterval(this.#timer)
        this.view.value = { ...this.view.value, state: 'failed', error: text }
        return
      }
      const wasOpen = this.view.value.state === 'open'
      if (wasOpen) delayMs = firstDelayMs
      const interruptedAtMs = wasOpen ? Date.now() : this.view.value.interruptedAtMs
      this.view.value = { ...this.view.value, state: 'interrupted', error: text, interruptedAtMs }
      await this.#wait(delayMs)
      delayMs = Math.min(longestDelayMs, 2 * delayMs)
    }
  }

  /** Resolves with the error by which the subscription ended. */
  async #read(): Promise<unknown> {
    try {
      const source = this.#open()
      this.#source = source
      await source.ready()
      this.view.value = { ...this.view.value, state: 'open', error: undefined }
      for await (const batch of source.batches()) this.#take(batch)
      return new BusError('unavailable', 'connection_lost', 'the subscription ended')
    } catch (error) {
      return error
    }
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, delayMs)
      this.#retryNow = () => {
        clearTimeout(timer)
        resolve()
      }
    })
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
}
