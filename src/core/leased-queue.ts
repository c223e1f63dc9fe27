/**
 * One queue with consumers: who holds which message until when. Messages go out in the order of
 * their sequence; what comes back goes first. Reading ahead is bounded by what consumers can take.
 */

import { randomUUID } from 'node:crypto'

import { BusError, toBusError } from '../model/errors.ts'
import type { QueueMessage } from '../model/queue-message.ts'
import type { Consumer, ConsumerSink } from './bus-client.ts'
import type { Clock } from './clock.ts'
import type { BusCounters } from './counters.ts'
import type { LogStore } from './log-store.ts'

export interface LeasedQueueOptions {
  readonly store: LogStore
  readonly queue: string
  readonly clock: Clock
  readonly counters: BusCounters
  /** A lease or delay now ends at this monotonic time. */
  readonly onDeadline: (at: number) => void
  /** Nothing is left to remember. */
  readonly onIdle: () => void
  readonly onFailure: (error: BusError) => void
}

interface LeasedConsumer {
  readonly sink: ConsumerSink
  readonly maxInFlight: number
  readonly leaseMs: number
  inFlight: number
}

interface Lease {
  readonly message: QueueMessage
  readonly consumer: LeasedConsumer
  until: number
}

// One read hands out at most this much; leases are taken again in the next round.
const readAhead = { messages: 64, bytes: 4_194_304 }

export class LeasedQueue {
  readonly #options: LeasedQueueOptions
  readonly #consumers: LeasedConsumer[] = []
  readonly #leases = new Map<string, Lease>()
  /** Sequences that are out, being settled, or delayed: not to be handed out now. */
  readonly #held = new Set<number>()
  /** Sequences given back and available, and those that become so at a monotonic time. */
  readonly #returned = new Set<number>()
  readonly #delayed = new Map<number, number>()
  /** Everything before was handed out at least once. */
  #nextSequence = 0
  #isDispatching = false
  #isWoken = false
  #isEnded = false

  constructor(options: LeasedQueueOptions) {
    this.#options = options
  }

  get leaseCount(): number {
    return this.#leases.size
  }

  get consumerCount(): number {
    return this.#consumers.length
  }

  isLeased(sequence: number): boolean {
    return this.#held.has(sequence)
  }

  addConsumer(maxInFlight: number, leaseMs: number, sink: ConsumerSink): Consumer {
    const consumer: LeasedConsumer = { sink, maxInFlight, leaseMs, inFlight: 0 }
    this.#consumers.push(consumer)
    this.wake()
    return { close: () => this.#removeConsumer(consumer) }
  }

  /** Hands out what is available; call when that may have changed. */
  wake(): void {
    this.#isWoken = true
    if (this.#isDispatching || this.#isEnded) return
    this.#isDispatching = true
    this.#dispatch()
      .catch((error: unknown) => this.#fail(toBusError(error)))
      .finally(() => {
        this.#isDispatching = false
        if (this.#isWoken) this.wake()
        else this.#dropWhenIdle()
      })
  }

  /** Ends a lease for settling; the message stays held until `finish`. */
  settle(leaseId: string): QueueMessage | undefined {
    const lease = this.#leases.get(leaseId)
    if (lease === undefined) return undefined
    this.#leases.delete(leaseId)
    lease.consumer.inFlight -= 1
    return lease.message
  }

  /** After `settle` or `takeExpired`: the message is gone, or back after the delay. */
  finish(message: QueueMessage, outcome: 'gone' | 'back', delayMs = 0): void {
    this.#held.delete(message.sequence)
    if (outcome === 'back') this.#giveBack(message.sequence, delayMs)
    this.wake()
  }

  /** @param leaseMs from now; 0: as long as at first */
  extend(leaseId: string, leaseMs: number): boolean {
    const lease = this.#leases.get(leaseId)
    if (lease === undefined) return false
    lease.until = this.#options.clock.monotonic() + (leaseMs || lease.consumer.leaseMs)
    this.#options.onDeadline(lease.until)
    return true
  }

  /** The message left the queue by another way. */
  forget(id: string): void {
    for (const [leaseId, lease] of this.#leases) {
      if (lease.message.id !== id) continue
      this.settle(leaseId)
      this.finish(lease.message, 'gone')
      return
    }
  }

  /** Ends the leases that are over and lets delayed messages come back. */
  takeExpired(now: number): QueueMessage[] {
    const expired: QueueMessage[] = []
    for (const [leaseId, lease] of this.#leases) {
      if (lease.until > now) continue
      this.settle(leaseId)
      expired.push(lease.message)
    }
    for (const [sequence, at] of this.#delayed) {
      if (at > now) continue
      this.#delayed.delete(sequence)
      this.#held.delete(sequence)
      this.#returned.add(sequence)
    }
    if (this.#returned.size > 0) this.wake()
    return expired
  }

  nextDeadline(): number | undefined {
    let next = Infinity
    for (const lease of this.#leases.values()) next = Math.min(next, lease.until)
    for (const at of this.#delayed.values()) next = Math.min(next, at)
    return next === Infinity ? undefined : next
  }

  end(error: BusError): void {
    this.#isEnded = true
    for (const { sink } of this.#consumers.splice(0)) sink.end(error)
    this.#leases.clear()
  }

  #giveBack(sequence: number, delayMs: number): void {
    if (delayMs <= 0) {
      this.#returned.add(sequence)
      return
    }
    const at = this.#options.clock.monotonic() + delayMs
    this.#held.add(sequence)
    this.#delayed.set(sequence, at)
    this.#options.onDeadline(at)
  }

  #removeConsumer(consumer: LeasedConsumer): void {
    const at = this.#consumers.indexOf(consumer)
    if (at < 0) return
    this.#consumers.splice(at, 1)
    for (const [leaseId, lease] of this.#leases) {
      if (lease.consumer !== consumer) continue
      this.#leases.delete(leaseId)
      this.#held.delete(lease.message.sequence)
      this.#returned.add(lease.message.sequence)
    }
    this.wake()
  }

  async #dispatch(): Promise<void> {
    while (this.#isWoken && !this.#isEnded) {
      this.#isWoken = false
      while (this.#freeSlots() > 0) {
        const messages = await this.#nextMessages()
        if (messages.length === 0) break
        for (const message of messages) this.#handOut(message)
      }
    }
  }

  /** What comes next: what was given back first, by sequence, then what was never out. */
  async #nextMessages(): Promise<QueueMessage[]> {
    const { store, queue } = this.#options
    if (this.#returned.size > 0) {
      const sequence = Math.min(...this.#returned)
      this.#returned.delete(sequence)
      const [message] = await store.readQueue(queue, sequence, { messages: 1 })
      // Somebody may have removed it meanwhile; then the next one is not ours to take here.
      if (message?.sequence === sequence) return [message]
      return this.#nextMessages()
    }
    const messages = Math.min(readAhead.messages, this.#freeSlots())
    const page = await store.readQueue(queue, this.#nextSequence, { ...readAhead, messages })
    const last = page[page.length - 1]
    if (last !== undefined) this.#nextSequence = last.sequence + 1
    return page
  }

  #handOut(message: QueueMessage): void {
    const consumer = this.#takeConsumer()
    if (consumer === undefined) {
      // The consumers that had room left while the messages were read.
      this.#returned.add(message.sequence)
      return
    }
    const { clock, counters } = this.#options
    const leaseId = randomUUID()
    const until = clock.monotonic() + consumer.leaseMs
    this.#leases.set(leaseId, { message, consumer, until })
    this.#held.add(message.sequence)
    consumer.inFlight += 1
    counters.queueDelivered += 1
    this.#options.onDeadline(until)
    consumer.sink.deliver(message, leaseId, clock.now() + consumer.leaseMs)
  }

  /** The next consumer with room, in turn. */
  #takeConsumer(): LeasedConsumer | undefined {
    const at = this.#consumers.findIndex(({ inFlight, maxInFlight }) => inFlight < maxInFlight)
    const [consumer] = at < 0 ? [] : this.#consumers.splice(at, 1)
    if (consumer !== undefined) this.#consumers.push(consumer)
    return consumer
  }

  #freeSlots(): number {
    return this.#consumers.reduce(
      (sum, { inFlight, maxInFlight }) => sum + maxInFlight - inFlight,
      0,
    )
  }

  #fail(error: BusError): void {
    this.#options.onFailure(error)
    this.end(error)
    this.#options.onIdle()
  }

  #dropWhenIdle(): void {
    const isIdle = this.#consumers.length === 0 && this.#held.size === 0
    if (isIdle) this.#options.onIdle()
  }
}
