/**
 * FIFO queues as the bus offers them: the front-only operations of msgbus.v1 (spec/msgbus-v1 4) and
 * leases to waiting consumers. The store keeps messages and attempts; leases live in memory, so
 * after a restart everything unsettled is available again: delivery is at least once.
 *
 * A lease does not hide a message from v1 peek and ack, which see the front whatever happens to it.
 */

import { BusError, toBusError } from '../model/errors.ts'
import type { OutgoingQueueMessage, QueueMessage } from '../model/queue-message.ts'
import type { Consumer, ConsumeOptions, ConsumerSink, QueueInfo, Settlement } from './bus-client.ts'
import type { Clock, Timer } from './clock.ts'
import type { BusCounters } from './counters.ts'
import type { Logger } from './logger.ts'
import type { LogStore, NoteChange } from './log-store.ts'
import { LeasedQueue } from './leased-queue.ts'

/** What happens to messages that are given back again and again. */
export interface QueueRule {
  readonly queue: string
  /** After this many attempts the message moves to `deadLetter`. */
  readonly maxAttempts: number
  readonly deadLetter: string
}

export interface QueuesOptions {
  readonly store: LogStore
  readonly clock: Clock
  readonly logger: Logger
  readonly counters: BusCounters
  readonly rules: readonly QueueRule[]
  readonly defaultLeaseMs: number
}

export class Queues {
  readonly #options: QueuesOptions
  readonly #store: LogStore
  /** Queues with consumers, leases or delays; others need no memory here. */
  readonly #leased = new Map<string, LeasedQueue>()
  #timer: Timer | undefined
  #timerAt = Infinity

  constructor(options: QueuesOptions) {
    this.#options = options
    this.#store = options.store
  }

  /** @param notes written in the same commit */
  async enqueue(
    messages: readonly OutgoingQueueMessage[],
    notes: readonly NoteChange[] = [],
  ): Promise<QueueMessage[]> {
    const stored = await this.#store.enqueue(messages, notes)
    this.#options.counters.queueEnqueued += stored.length
    for (const message of stored) this.#leased.get(message.queue)?.wake()
    return stored
  }

  async peek(queue: string): Promise<QueueMessage | undefined> {
    const [front] = await this.#store.readQueue(queue, 0, { messages: 1 })
    return front
  }

  async ack(queue: string, id: string): Promise<boolean> {
    const isRemoved = await this.#settleOne(queue, id, 'remove', true)
    if (isRemoved) {
      this.#options.counters.queueAcknowledged += 1
      this.#leased.get(queue)?.forget(id)
    }
    return isRemoved
  }

  async reject(queue: string, id: string): Promise<boolean> {
    return this.#settleOne(queue, id, 'attempt', true)
  }

  consume(options: ConsumeOptions, sink: ConsumerSink): Consumer {
    const { queue, maxInFlight = 1, leaseMs = this.#options.defaultLeaseMs } = options
    return this.#leasedQueue(queue).addConsumer(maxInFlight, leaseMs, sink)
  }

  /** Settlements of one call run side by side; those of one message in order. */
  async settle(settlements: readonly Settlement[]): Promise<boolean[]> {
    return Promise.all(settlements.map(async (settlement) => this.#settleLease(settlement)))
  }

  async list(): Promise<QueueInfo[]> {
    const infos: QueueInfo[] = []
    for (const state of this.#store.queues()) {
      const front = state.depth > 0 ? await this.peek(state.queue) : undefined
      const leased = this.#leased.get(state.queue)
      infos.push({
        queue: state.queue,
        depth: state.depth,
        lastSequence: state.lastSequence,
        oldestAtMs: front?.createdAtMs,
        leased: leased?.leaseCount ?? 0,
        consumers: leased?.consumerCount ?? 0,
      })
    }
    return infos.sort((a, b) => (a.queue < b.queue ? -1 : 1))
  }

  async purge(queue: string): Promise<number> {
    let removed = 0
    let from = 0
    for (;;) {
      const page = await this.#store.readQueue(queue, from, { messages: 256, bytes: 4_194_304 })
      const last = page[page.length - 1]
      if (last === undefined) return removed
      from = last.sequence + 1
      const leased = this.#leased.get(queue)
      const idle = page.filter((message) => leased?.isLeased(message.sequence) !== true)
      const settled = await this.#store.settleQueue(
        idle.map(({ id }) => ({ queue, id, action: 'remove', frontOnly: false })),
      )
      removed += settled.filter(Boolean).length
      for (const message of idle) leased?.forget(message.id)
    }
  }

  /** Ends all consumers. */
  close(error: BusError): void {
    this.#timer?.cancel()
    for (const leased of this.#leased.values()) leased.end(error)
    this.#leased.clear()
  }

  async #settleLease(settlement: Settlement): Promise<boolean> {
    const leased = this.#leased.get(settlement.queue)
    if (leased === undefined) return false
    const { counters } = this.#options
    switch (settlement.action) {
      case 'extend':
        return leased.extend(settlement.leaseId, settlement.leaseMs)
      case 'acknowledge': {
        const message = leased.settle(settlement.leaseId)
        if (message === undefined) return false
        const isRemoved = await this.#settleOne(settlement.queue, message.id, 'remove', false)
        leased.finish(message, isRemoved ? 'gone' : 'back')
        if (isRemoved) counters.queueAcknowledged += 1
        return isRemoved
      }
      case 'release': {
        const message = leased.settle(settlement.leaseId)
        if (message === undefined) return false
        await this.#countAttempt(leased, message, settlement.delayMs)
        return true
      }
    }
  }

  /** Counts an attempt; then the message is available again after the delay, or a dead letter. */
  async #countAttempt(leased: LeasedQueue, message: QueueMessage, delayMs: number): Promise<void> {
    const { counters, rules } = this.#options
    counters.queueReturned += 1
    const isThere = await this.#settleOne(message.queue, message.id, 'attempt', false)
    const rule = rules.find(({ queue }) => queue === message.queue)
    if (isThere && rule !== undefined && message.attempts + 1 >= rule.maxAttempts) {
      // In this order: at worst a duplicate there, never a loss.
      await this.enqueue([{ ...message, queue: rule.deadLetter }])
      await this.#settleOne(message.queue, message.id, 'remove', false)
      counters.queueDeadLettered += 1
      leased.finish(message, 'gone')
      return
    }
    leased.finish(message, isThere ? 'back' : 'gone', delayMs)
  }

  async #settleOne(
    queue: string,
    id: string,
    action: 'remove' | 'attempt',
    frontOnly: boolean,
  ): Promise<boolean> {
    const [isDone] = await this.#store.settleQueue([{ queue, id, action, frontOnly }])
    return isDone === true
  }

  #leasedQueue(name: string): LeasedQueue {
    const known = this.#leased.get(name)
    if (known !== undefined) return known
    const leased = new LeasedQueue({
      store: this.#store,
      queue: name,
      clock: this.#options.clock,
      counters: this.#options.counters,
      onDeadline: (at) => this.#wakeAt(at),
      onIdle: () => this.#leased.delete(name),
      onFailure: (error) => {
        this.#options.logger.error('queue_read_failed', { queue: name, error: error.message })
      },
    })
    this.#leased.set(name, leased)
    return leased
  }

  /** One timer for all queues, at the earliest deadline. */
  #wakeAt(at: number): void {
    if (at >= this.#timerAt) return
    this.#timer?.cancel()
    this.#timerAt = at
    const { clock } = this.#options
    this.#timer = clock.after(Math.max(0, at - clock.monotonic()), () => this.#onTimer())
  }

  #onTimer(): void {
    this.#timer = undefined
    this.#timerAt = Infinity
    const now = this.#options.clock.monotonic()
    for (const leased of this.#leased.values()) {
      for (const message of leased.takeExpired(now)) {
        this.#countAttempt(leased, message, 0).catch((error: unknown) => {
          const { message: text } = toBusError(error)
          this.#options.logger.error('queue_settle_failed', { queue: message.queue, error: text })
          leased.finish(message, 'back')
        })
      }
      const next = leased.nextDeadline()
      if (next !== undefined) this.#wakeAt(next)
    }
  }
}
