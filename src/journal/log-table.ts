/** All logs of a store, by number and by name. Origins are few, so topics are looked up per origin. */

import type { LogKey } from '../model/message.ts'
import { nodeIdEquals, nodeKey, type NodeId } from '../model/node-id.ts'
import { LogState } from './log-state.ts'

export class LogTable {
  readonly #own: NodeId
  readonly #ownTopics = new Map<string, LogState>()
  readonly #topicsByOrigin = new Map<string, Map<string, LogState>>()
  readonly #byNumber = new Map<number, LogState>()
  #nextNumber = 1

  constructor(own: NodeId) {
    this.#own = own
    this.#topicsByOrigin.set(nodeKey(own), this.#ownTopics)
  }

  get size(): number {
    return this.#byNumber.size
  }

  /** In the order of their numbers. */
  all(): IterableIterator<LogState> {
    return this.#byNumber.values()
  }

  /** A log of this node. */
  own(topic: string): LogState | undefined {
    return this.#ownTopics.get(topic)
  }

  find(log: LogKey): LogState | undefined {
    if (nodeIdEquals(log.origin, this.#own)) return this.#ownTopics.get(log.topic)
    return this.#topicsByOrigin.get(nodeKey(log.origin))?.get(log.topic)
  }

  byNumber(number: number): LogState | undefined {
    return this.#byNumber.get(number)
  }

  /** The log, made when there is none: it has no head yet and so is not shown to anybody. */
  open(log: LogKey): LogState {
    return this.find(log) ?? this.add(this.#nextNumber, log)
  }

  /** For a log that has its number already. */
  add(number: number, log: LogKey): LogState {
    const state = new LogState(number, log)
    const key = nodeKey(log.origin)
    let topics = this.#topicsByOrigin.get(key)
    if (topics === undefined) {
      topics = new Map()
      this.#topicsByOrigin.set(key, topics)
    }
    topics.set(log.topic, state)
    this.#byNumber.set(number, state)
    this.reserve(number)
    return state
  }

  /** Never gives this number to a new log. */
  reserve(number: number): void {
    this.#nextNumber = Math.max(this.#nextNumber, number + 1)
  }
}
