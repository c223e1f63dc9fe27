/**
 * Who receives a published topic. Level filters hang in a tree, names without wildcards in a map;
 * per published topic the resolved receivers are remembered, so that routing is one map look-up.
 * A change of an exact subscription forgets its one topic; a change of a wildcard forgets all.
 *
 * Text filters, WAMP prefixes and BUS/RT masks join here as further kinds (architecture 5).
 */

import { isExactFilter, type TopicFilter } from '../model/topic-filter.ts'
import { TopicTree } from './topic-tree.ts'

// Published topics whose receivers are remembered; beyond it all are forgotten at once.
const rememberedTopics = 100_000

export class Router<Receiver> {
  readonly #exact = new Map<string, Set<Receiver>>()
  readonly #tree = new TopicTree<Receiver>()
  readonly #resolved = new Map<string, readonly Receiver[]>()
  #size = 0

  /** Number of subscriptions held. */
  get size(): number {
    return this.#size
  }

  /** Adds a receiver for one topic, taken literally. */
  addTopic(topic: string, receiver: Receiver): void {
    let receivers = this.#exact.get(topic)
    if (receivers === undefined) {
      receivers = new Set()
      this.#exact.set(topic, receivers)
    }
    receivers.add(receiver)
    this.#size += 1
    this.#resolved.delete(topic)
  }

  removeTopic(topic: string, receiver: Receiver): void {
    const receivers = this.#exact.get(topic)
    if (receivers?.delete(receiver) !== true) return
    if (receivers.size === 0) this.#exact.delete(topic)
    this.#size -= 1
    this.#resolved.delete(topic)
  }

  addFilter(filter: TopicFilter, receiver: Receiver): void {
    if (isExactFilter(filter)) {
      this.addTopic(filter, receiver)
      return
    }
    this.#tree.add(filter, receiver)
    this.#size += 1
    this.#resolved.clear()
  }

  removeFilter(filter: TopicFilter, receiver: Receiver): void {
    if (isExactFilter(filter)) {
      this.removeTopic(filter, receiver)
      return
    }
    this.#tree.remove(filter, receiver)
    this.#size -= 1
    this.#resolved.clear()
  }

  /** Everybody who receives this topic, each once per subscription. Do not change the list. */
  receivers(topic: string): readonly Receiver[] {
    const known = this.#resolved.get(topic)
    if (known !== undefined) return known
    const found: Receiver[] = [...(this.#exact.get(topic) ?? [])]
    this.#tree.match(topic, found)
    if (this.#resolved.size >= rememberedTopics) this.#resolved.clear()
    this.#resolved.set(topic, found)
    return found
  }
}
