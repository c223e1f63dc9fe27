/**
 * One of the two stores of a history, and the translation of what it answers into what both must
 * answer alike.
 */

import assert from 'node:assert/strict'
import type { AppendOutcome, LogStore, ReplicateOutcome } from '../../core/log-store.ts'
import type { StoredMessage } from '../../model/message.ts'
import { formatNodeId, type NodeId } from '../../model/node-id.ts'
import type { QueueMessage } from '../../model/queue-message.ts'
import { contentOf, plain, plainQueueMessage } from './messages.ts'
import type { StoreFixture } from './store-fixture.ts'

const randomId = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

export class HistorySide {
  readonly #fixture: StoreFixture
  /** Random ids by what takes their place. */
  readonly #labels = new Map<string, string>()
  /** Sequences in commit order; the rank is the index plus one. */
  readonly #sequences: number[] = []
  readonly #ranks = new Map<number, number>()
  readonly #queueIds = new Map<string, string>()

  constructor(fixture: StoreFixture) {
    this.#fixture = fixture
  }

  get store(): LogStore {
    return this.#fixture.store
  }

  /** The sequence of the message with this rank; 0 for rank 0. */
  sequenceOf(rank: number): number {
    this.#learn()
    return rank === 0 ? 0 : (this.#sequences[rank - 1] ?? Number.MAX_SAFE_INTEGER)
  }

  /** A message as both sides must show it. */
  message(message: StoredMessage): unknown {
    this.#learn()
    const { id, sequence, payload, headers, ...rest } = plain(message)
    return {
      ...rest,
      id: this.#labelOf(id),
      rank: this.#rankOf(sequence),
      payload: Buffer.from(payload).toString('latin1'),
      headers: new Map(headers),
    }
  }

  appended(outcome: AppendOutcome): unknown {
    if (outcome.kind === 'rejected') return `rejected ${outcome.error.reason}`
    return { kind: outcome.kind, message: this.message(outcome.message) }
  }

  replicated(outcome: ReplicateOutcome): unknown {
    switch (outcome.kind) {
      case 'gap':
        return `gap ${outcome.localHead}`
      case 'rejected':
        return `rejected ${outcome.error.reason}`
      case 'fork':
        this.#learn()
        return `fork ${this.#labelOf(outcome.localId)}`
      case 'inserted':
      case 'present':
      case 'tombstoned': {
        // Whether a marker of the same call shows in here is free; the state afterwards is not.
        const { topic, origin, headId } = outcome.message
        return `${outcome.kind} ${topic} ${formatNodeId(origin)} ${headId}`
      }
    }
  }

  queued(message: QueueMessage): unknown {
    const label = `${message.queue}#${message.sequence}`
    const known = this.#queueIds.get(label)
    assert.ok(known === undefined || known === message.id, `the id of ${label} changed`)
    this.#queueIds.set(label, message.id)
    return { ...plainQueueMessage(message), id: label }
  }

  /** The id of a queue message, there or gone. */
  queueId(queue: string, sequence: number): string {
    return this.#queueIds.get(`${queue}#${sequence}`) ?? 'unknown'
  }

  /** Everything the store shows. */
  async content(): Promise<unknown> {
    this.#learn()
    const { logs, feed, queues, syncStates, notes, lastSequence } = await contentOf(this.store)
    return {
      logs: logs.map(({ info, messages }) => ({
        info: { ...info, lastSequence: this.#rankOf(info.lastSequence) },
        messages: messages.map((message) => this.message(message)),
      })),
      feed: feed.map((message) => this.message(message)),
      queues: queues.map((queue) => ({
        ...queue,
        messages: queue.messages.map((message) => this.queued(message)),
      })),
      syncStates,
      notes,
      lastSequence: this.#rankOf(lastSequence),
    }
  }

  #labelOf(id: string): string {
    return randomId.test(id) ? (this.#labels.get(id) ?? `unknown ${id}`) : id
  }

  #rankOf(sequence: number): number {
    if (sequence === 0) return 0
    const rank = this.#ranks.get(sequence)
    assert.ok(rank !== undefined, `sequence ${sequence} was never reported by onCommit`)
    return rank
  }

  /** Takes over what was committed since the last time. */
  #learn(): void {
    const { committed } = this.#fixture
    for (const message of committed.slice(this.#sequences.length)) {
      this.#sequences.push(message.sequence)
      this.#ranks.set(message.sequence, this.#sequences.length)
      if (!randomId.test(message.id)) continue
      assert.ok(!this.#labels.has(message.id), `id ${message.id} was given twice`)
      this.#labels.set(message.id, `${place(message)} ${message.headId}`)
    }
  }
}

function place({ topic, origin }: { topic: string; origin: NodeId }): string {
  return `${topic} ${formatNodeId(origin)}`
}
