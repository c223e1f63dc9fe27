/** All FIFO queues of a memory store by name; a queue comes into being with its first message. */

import { randomUUID } from 'node:crypto'
import type { Clock } from '../../core/clock.ts'
import type { QueueSettlement, QueueState, ReadLimit } from '../../core/log-store.ts'
import { noHeaders } from '../../model/message.ts'
import type { NodeId } from '../../model/node-id.ts'
import type { OutgoingQueueMessage, QueueMessage } from '../../model/queue-message.ts'
import { MemoryQueue, type MemoryQueueState } from './memory-queue.ts'

export class MemoryQueues {
  readonly #clock: Clock
  readonly #queues = new Map<string, MemoryQueue>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Stores a copy: the caller's buffers stay the caller's. */
  enqueue(item: OutgoingQueueMessage): QueueMessage {
    const queue = this.#open(item.queue)
    const message: QueueMessage = {
      id: randomUUID(),
      queue: item.queue,
      topic: item.topic,
      source: copyOf(item.source),
      target: copyOf(item.target),
      payload: Buffer.from(item.payload),
      headers: item.headers.size === 0 ? noHeaders : new Map(item.headers),
      createdAtMs: this.#clock.now(),
      sequence: queue.lastSequence + 1,
      attempts: 0,
    }
    queue.add(message)
    return message
  }

  read(queue: string, fromSequence: number, limit: ReadLimit): QueueMessage[] {
    return this.#queues.get(queue)?.read(fromSequence, limit) ?? []
  }

  settle({ queue, id, action, frontOnly }: QueueSettlement): boolean {
    const found = this.#queues.get(queue)
    if (found === undefined) return false
    return action === 'remove' ? found.remove(id, frontOnly) : found.countAttempt(id, frontOnly)
  }

  *states(): Iterable<QueueState> {
    for (const queue of this.#queues.values()) yield queue.state
  }

  /** Snapshots. */
  save(): MemoryQueueState[] {
    return [...this.#queues.values()].map((queue) => queue.save())
  }

  load(states: readonly MemoryQueueState[]): void {
    for (const state of states) this.#open(state.queue).load(state)
  }

  #open(name: string): MemoryQueue {
    let queue = this.#queues.get(name)
    if (queue === undefined) {
      queue = new MemoryQueue(name)
      this.#queues.set(name, queue)
    }
    return queue
  }
}

function copyOf({ tenantId, blName, deviceId }: NodeId): NodeId {
  return { tenantId, blName, deviceId }
}
