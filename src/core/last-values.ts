/**
 * The newest message of every topic that was published on lately (architecture 4), in bounded memory:
 * the entries of topics.ts bound the number, this file the bytes. What was not stored is copied into a
 * buffer that its topic keeps and uses again, so a publication usually allocates nothing here; of what
 * was stored only the message object is held. When the bytes are used up, the topics that were published
 * on least lately lose theirs first, by a second chance.
 */

import { copyOf } from '../base/copy-of.ts'
import type { Headers, StoredMessage } from '../model/message.ts'
import type { NodeId } from '../model/node-id.ts'
import type { Publication } from './live.ts'
import { withPublisher } from './publisher-header.ts'
import type { Topic } from './topics.ts'

/** Bytes a value costs beside its payload. */
const overheadBytes = 128
/** A buffer that is this much larger than its payload is given up for a smaller one. */
const wasteBytes = 4_096

/** The newest message of one topic. */
export interface LastValue {
  /** Set when it was stored; the rest is unused then. */
  stored: StoredMessage | undefined
  buffer: Uint8Array
  length: number
  headers: Headers
  createdAtMs: number
  sender: string
  cost: number
  /** Grows with each acceptance, over all topics. */
  order: number
}

/** A value as it was saved, to be had again after a restart. */
export interface SavedValue {
  readonly payload: Uint8Array
  readonly headers: Headers
  readonly createdAtMs: number
  /** Name of the publisher; empty when it had none. */
  readonly sender: string
}

export interface LastValuesOptions {
  readonly node: NodeId
  readonly maxBytes: number
}

const nothing = new Uint8Array(0)

export class LastValues {
  readonly #options: LastValuesOptions
  /** Topics that have a value, oldest first as far as the second chance knows. */
  readonly #holders = new Set<Topic>()
  #bytes = 0
  #lastOrder = 0
  /** Topics whose value came, changed or went since `takeChanged`; undefined: nobody asks. */
  #changed: Set<Topic> | undefined
  #changesMost = 0

  constructor(options: LastValuesOptions) {
    this.#options = options
  }

  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#holders.size
  }

  /** That have a value, in no particular order. */
  topics(): Iterable<Topic> {
    return this.#holders
  }

  /** From now on `takeChanged` tells what changed, as long as that is no more than `most` topics. */
  watchChanges(most: number): void {
    this.#changed ??= new Set()
    this.#changesMost = most
  }

  /**
   * The topics whose value came, changed or went (`topic.last` is undefined then) since the last call; undefined: too
   * many did, topics that came and went among them.
   */
  takeChanged(): ReadonlySet<Topic> | undefined {
    const changed = this.#changed ?? new Set<Topic>()
    if (changed.size > 0) this.#changed = new Set()
    return changed.size < this.#changesMost ? changed : undefined
  }

  /** Puts back what was saved, as if it had been accepted now; of a stored message the message itself. */
  restore(topic: Topic, saved: SavedValue | StoredMessage): void {
    const value = topic.last ?? this.#open(topic)
    if ('headId' in saved && saved.headId > 0) {
      value.stored = ownMessage(saved)
      value.buffer = nothing
      value.length = 0
    } else {
      value.stored = undefined
      value.buffer = copyOf(saved.payload, 0, saved.payload.length)
      value.length = saved.payload.length
      value.sender = 'sender' in saved ? saved.sender : ''
    }
    value.headers = saved.headers
    value.createdAtMs = saved.createdAtMs
    value.order = this.#lastOrder += 1
    this.#account(value, saved.payload.length)
    if (this.#bytes > this.#options.maxBytes) this.#makeRoom(topic)
  }

  /** Remembers a publication; the bytes are copied unless it was stored. */
  remember(topic: Topic, publication: Publication, createdAtMs: number): void {
    const value = topic.last ?? this.#open(topic)
    value.order = this.#lastOrder += 1
    this.#noteChange(topic)
    if (publication.sequence > 0) {
      value.stored = ownMessage(publication.toMessage())
      value.createdAtMs = createdAtMs
      value.buffer = nothing
      value.length = 0
      this.#account(value, value.stored.payload.length)
    } else {
      const { bytes, start, end, headers, sender } = publication
      const length = end - start
      const capacity = value.buffer.length
      if (capacity < length || capacity > length + wasteBytes) value.buffer = new Uint8Array(length)
      copyBytes(bytes, start, end, value.buffer)
      value.stored = undefined
      value.length = length
      value.headers = headers
      value.createdAtMs = createdAtMs
      value.sender = sender.name
      if (value.cost !== value.buffer.length + overheadBytes)
        this.#account(value, value.buffer.length)
    }
    if (this.#bytes > this.#options.maxBytes) this.#makeRoom(topic)
  }

  /** As a message that may be kept; head id 0 when it was not stored. */
  read(topic: Topic): StoredMessage | undefined {
    const value = topic.last
    if (value === undefined) return undefined
    return (
      value.stored ?? {
        topic: topic.name,
        origin: this.#options.node,
        id: '',
        headId: 0,
        sequence: 0,
        payload: copyOf(value.buffer, 0, value.length),
        headers: withPublisher(value.headers, value.sender),
        createdAtMs: value.createdAtMs,
        deleted: false,
      }
    )
  }

  forget(topic: Topic): void {
    if (topic.last === undefined) return
    this.#bytes -= topic.last.cost
    topic.last = undefined
    this.#holders.delete(topic)
    this.#noteChange(topic)
  }

  #noteChange(topic: Topic): void {
    const changed = this.#changed
    if (changed !== undefined && changed.size < this.#changesMost) changed.add(topic)
  }

  #open(topic: Topic): LastValue {
    const value: LastValue = {
      stored: undefined,
      buffer: nothing,
      length: 0,
      headers: new Map(),
      createdAtMs: 0,
      sender: '',
      cost: 0,
      order: 0,
    }
    topic.last = value
    this.#holders.add(topic)
    return value
  }

  #account(value: LastValue, bytes: number): void {
    this.#bytes += bytes + overheadBytes - value.cost
    value.cost = bytes + overheadBytes
  }

  #makeRoom(keep: Topic): void {
    const { maxBytes } = this.#options
    // Every holder is passed over once at most, so this ends.
    let chances = this.#holders.size
    for (const topic of this.#holders) {
      if (this.#bytes <= maxBytes) return
      if (topic === keep || (topic.isUsed && chances > 0)) {
        chances -= 1
        topic.isUsed = false
        this.#holders.delete(topic)
        this.#holders.add(topic)
        if (chances > 0 || this.#holders.size > 1) continue
      }
      // The last one left alone is too large.
      this.forget(topic)
    }
  }
}

/** The message with a payload that does not keep the block alive that it was stored in. */
function ownMessage(message: StoredMessage): StoredMessage {
  const { payload } = message
  if (payload.buffer.byteLength <= payload.length + wasteBytes) return message
  return { ...message, payload: new Uint8Array(payload) }
}

/** Below some dozens of bytes a loop is faster than making the view that a block copy needs. */
function copyBytes(from: Uint8Array, start: number, end: number, to: Uint8Array): void {
  if (end - start <= 32) {
    for (let i = start, j = 0; i < end; i++, j++) to[j] = from[i] as number
  } else to.set(from.subarray(start, end))
}
