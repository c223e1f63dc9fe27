/**
 * FIFO queues (spec/msgbus-v1 4) as rows. In memory is a line per queue: how many messages, and where the
 * first one can be. Settling has to read before it knows what to write; calls that come while one batch is
 * read and committed make up the next batch, so many consumers share a commit.
 */

import type { NoteChange, QueueSettlement, QueueState, ReadLimit } from '../core/log-store.ts'
import { noHeaders } from '../model/message.ts'
import type { OutgoingQueueMessage, QueueMessage } from '../model/queue-message.ts'
import type { BlockStorage } from './block-storage.ts'
import type { DamageLedger } from './damage-ledger.ts'
import type { GroupWriter } from './group-writer.ts'
import { headersSize, type Group } from './group.ts'
import {
  createQueueMessageId,
  decodeQueue,
  decodeQueueMessage,
  encodeQueue,
  encodeQueueMessage,
  sequenceOfId,
} from './queue-codec.ts'
import { stageNotes } from './note-table.ts'
import { forEachRow } from './recovery.ts'
import { keyNumber, keyPosition, numberKey, positionKey, rowKinds } from './row-keys.ts'

const pageRows = 64
const maxAttempts = 2 ** 32 - 1

interface Queue {
  readonly number: number
  readonly name: string
  lastSequence: number
  depth: number
  /** No message has a smaller sequence. */
  front: number
}

/** What the group being formed makes of a queue. */
interface StagedQueue {
  lastSequence: number
  depth: number
}

interface PendingSettlement {
  readonly items: readonly QueueSettlement[]
  readonly resolve: (applied: boolean[]) => void
  readonly reject: (error: unknown) => void
}

export interface QueueTableOptions {
  readonly storage: BlockStorage
  readonly writer: GroupWriter
  readonly damage: DamageLedger
}

export class QueueTable {
  readonly #options: QueueTableOptions
  readonly #queues = new Map<string, Queue>()
  #nextNumber = 1
  #staged: { readonly group: Group; readonly queues: Map<Queue, StagedQueue> } | undefined
  #pending: PendingSettlement[] = []
  #settling: Promise<void> | undefined

  constructor(options: QueueTableOptions) {
    this.#options = options
  }

  /** Loads what is stored. Queues stand twice; one sound row is enough. */
  async load(): Promise<void> {
    const { storage, damage } = this.#options
    const damaged = new Set<number>()
    const loaded = new Set<number>()
    for (const kind of [rowKinds.queue, rowKinds.queueCopy]) {
      await forEachRow(storage, kind, ([key, value]) => {
        const number = keyNumber(key)
        this.#nextNumber = Math.max(this.#nextNumber, number + 1)
        if (loaded.has(number)) return
        const row = decodeQueue(value)
        if (row === undefined) {
          damaged.add(number)
          return
        }
        this.#queues.set(row.name, { ...row, number, front: 1 })
        loaded.add(number)
        damaged.delete(number)
      })
    }
    for (const number of damaged) damage.reportOther('queue', String(number))
  }

  *states(): Iterable<QueueState> {
    for (const { name, depth, lastSequence } of this.#queues.values()) {
      if (lastSequence > 0) yield { queue: name, depth, lastSequence }
    }
  }

  enqueue(
    items: readonly OutgoingQueueMessage[],
    notes: readonly NoteChange[],
  ): Promise<QueueMessage[]> {
    // The payloads are the caller's; the rows are written before the promise settles.
    return this.#options.writer.write((group) => {
      stageNotes(group, notes)
      return items.map((item) => this.#enqueue(group, item))
    })
  }

  async read(name: string, fromSequence: number, limit: ReadLimit): Promise<QueueMessage[]> {
    const messages: QueueMessage[] = []
    const queue = this.#queues.get(name)
    if (queue === undefined) return messages
    let bytes = 0
    for await (const message of this.#scan(queue, fromSequence)) {
      bytes += message.payload.length + headersSize(message.headers)
      const isFull = messages.length >= limit.messages || bytes > (limit.bytes ?? Infinity)
      if (messages.length > 0 && isFull) break
      messages.push(message)
    }
    return messages
  }

  settle(items: readonly QueueSettlement[]): Promise<boolean[]> {
    return new Promise((resolve, reject) => {
      this.#pending.push({ items, resolve, reject })
      this.#settling ??= this.#settleAll()
    })
  }

  /** Resolves when no settlement is under way. */
  async idle(): Promise<void> {
    await this.#settling
  }

  #enqueue(group: Group, item: OutgoingQueueMessage): QueueMessage {
    const queue = this.#open(item.queue)
    const staged = this.#stage(group, queue)
    staged.lastSequence += 1
    staged.depth += 1
    const sequence = staged.lastSequence
    const message: QueueMessage = {
      id: createQueueMessageId(sequence),
      queue: item.queue,
      topic: item.topic,
      source: { ...item.source },
      target: { ...item.target },
      payload: new Uint8Array(item.payload),
      headers: item.headers.size === 0 ? noHeaders : new Map(item.headers),
      createdAtMs: group.nowMs,
      sequence,
      attempts: 0,
    }
    group.row(rowKeyOf(queue, sequence), encodeQueueMessage(message))
    return message
  }

  async #settleAll(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending
      this.#pending = []
      try {
        const items = batch.flatMap((call) => call.items)
        const view = await this.#readFor(items)
        const applied = await this.#options.writer.write((group) =>
          items.map((item) => this.#settleItem(group, view, item)),
        )
        let at = 0
        for (const call of batch) {
          call.resolve(applied.slice(at, at + call.items.length))
          at += call.items.length
        }
      } catch (error) {
        for (const call of batch) call.reject(error)
      }
    }
    this.#settling = undefined
  }

  /** Everything that the settlements can be about: messages by id, and the fronts of queues. */
  async #readFor(items: readonly QueueSettlement[]): Promise<Map<Queue, QueueMessage[]>> {
    const view = new Map<Queue, QueueMessage[]>()
    for (const [name, wanted] of groupByQueue(items)) {
      const queue = this.#queues.get(name)
      if (queue === undefined) continue
      const messages = new Map<number, QueueMessage>()
      // Each item can take the front away, so the next one may be the front for the next item.
      let fronts = wanted.some((item) => item.frontOnly) ? wanted.length + 1 : 0
      if (fronts > 0) {
        for await (const message of this.#scan(queue, queue.front)) {
          if (messages.size === 0) queue.front = message.sequence
          messages.set(message.sequence, message)
          fronts -= 1
          if (fronts === 0) break
        }
      }
      for (const { id } of wanted) {
        const sequence = sequenceOfId(id)
        if (sequence === undefined || messages.has(sequence)) continue
        const message = await this.#readOne(queue, sequence)
        if (message !== undefined) messages.set(sequence, message)
      }
      view.set(
        queue,
        [...messages.values()].sort((a, b) => a.sequence - b.sequence),
      )
    }
    return view
  }

  #settleItem(group: Group, view: Map<Queue, QueueMessage[]>, item: QueueSettlement): boolean {
    const queue = this.#queues.get(item.queue)
    const messages = queue && view.get(queue)
    if (queue === undefined || messages === undefined) return false
    const i = messages.findIndex((message) => message.id === item.id)
    const message = messages[i]
    if (message === undefined || (item.frontOnly && i > 0)) return false
    const key = rowKeyOf(queue, message.sequence)
    if (item.action === 'remove') {
      messages.splice(i, 1)
      this.#stage(group, queue).depth -= 1
      group.row(key, undefined)
      return true
    }
    const attempts = Math.min(message.attempts + 1, maxAttempts)
    const changed = { ...message, attempts }
    messages[i] = changed
    group.row(key, encodeQueueMessage(changed))
    return true
  }

  async *#scan(queue: Queue, fromSequence: number): AsyncGenerator<QueueMessage> {
    const { storage } = this.#options
    const until = numberKey(rowKinds.queueMessage, queue.number + 1)
    let from = Math.max(fromSequence, queue.front)
    for (let count = 1; ; count = pageRows) {
      const rows = await storage.scanRows(rowKeyOf(queue, from), until, count)
      for (const [key, value] of rows) {
        from = keyPosition(key) + 1
        const message = this.#decode(queue, from - 1, value)
        if (message !== undefined) yield message
      }
      if (rows.length === 0) return
    }
  }

  async #readOne(queue: Queue, sequence: number): Promise<QueueMessage | undefined> {
    const key = rowKeyOf(queue, sequence)
    const [row] = await this.#options.storage.scanRows(key, rowKeyOf(queue, sequence + 1), 1)
    return row && this.#decode(queue, sequence, row[1])
  }

  #decode(queue: Queue, sequence: number, value: Uint8Array): QueueMessage | undefined {
    const message = decodeQueueMessage(value, queue.name, sequence)
    if (message === undefined) {
      this.#options.damage.reportOther('queue_message', `${queue.name}:${sequence}`)
    }
    return message
  }

  #open(name: string): Queue {
    let queue = this.#queues.get(name)
    if (queue === undefined) {
      queue = { number: this.#nextNumber++, name, lastSequence: 0, depth: 0, front: 1 }
      this.#queues.set(name, queue)
    }
    return queue
  }

  #stage(group: Group, queue: Queue): StagedQueue {
    if (this.#staged?.group !== group) {
      const queues = new Map<Queue, StagedQueue>()
      this.#staged = { group, queues }
      group.onSeal(() => {
        for (const [{ number, name }, { lastSequence, depth }] of queues) {
          const value = encodeQueue({ name, lastSequence, depth })
          group.row(numberKey(rowKinds.queue, number), value)
          group.row(numberKey(rowKinds.queueCopy, number), value)
        }
      })
      group.onApplied(() => {
        for (const [changed, state] of queues) Object.assign(changed, state)
      })
    }
    let staged = this.#staged.queues.get(queue)
    if (staged === undefined) {
      staged = { lastSequence: queue.lastSequence, depth: queue.depth }
      this.#staged.queues.set(queue, staged)
    }
    return staged
  }
}

function groupByQueue(items: readonly QueueSettlement[]): Map<string, QueueSettlement[]> {
  const groups = new Map<string, QueueSettlement[]>()
  for (const item of items) {
    const group = groups.get(item.queue)
    if (group === undefined) groups.set(item.queue, [item])
    else group.push(item)
  }
  return groups
}

function rowKeyOf(queue: Queue, sequence: number): Uint8Array {
  return positionKey(rowKinds.queueMessage, queue.number, sequence)
}
