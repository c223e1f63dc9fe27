/**
 * Who receives a published topic, whatever kind of filter they used (architecture 5). Level filters hang
 * in one tree per kind of rules, names without wildcards in a map, text filters in a list; per published
 * topic the resolved receivers are remembered in its entry (topics.ts) and are valid as long as two
 * numbers are what they were:
 *
 *   - the generation of its first level, which a wildcard filter below that level moves on;
 *   - the generation of the root, moved on by filters that may match any topic.
 *
 * A filter without wildcards makes its one topic resolve anew and no other. A client stands in the
 * result once, however many of its filters match, and not at all when one of its exclusions matches.
 * A log subscription stands there once.
 */

import type { LevelFilter, LevelRules } from '../model/level-filter.ts'
import type { TextFilter } from '../model/text-filter.ts'
import type { LiveClient } from './live-client.ts'
import type { LogSubscription } from './log-subscription.ts'
import { hasLeadingWildcard, isExactLevelFilter, TopicTree } from './topic-tree.ts'
import { type Topic, levelSlot, levelSlots } from './topics.ts'

type Receiver = LiveClient | LogSubscription

/** Events of the BUS/RT adapter: other protocols do not see them by a wildcard. */
const busrtOwnPrefix = '.broker/'

const nobody: readonly never[] = []

export class Router {
  readonly #exact = new Map<string, Set<Receiver>>()
  readonly #trees: Readonly<Record<LevelRules, TopicTree<Receiver>>> = {
    mqtt: new TopicTree('mqtt'),
    busrt: new TopicTree('busrt'),
    wamp: new TopicTree('wamp'),
  }
  readonly #texts = new Map<string, { filter: TextFilter; receivers: Set<LiveClient> }>()
  readonly #exactExclusions = new Map<string, Set<LiveClient>>()
  readonly #exclusions: Readonly<Record<LevelRules, TopicTree<LiveClient>>> = {
    mqtt: new TopicTree('mqtt'),
    busrt: new TopicTree('busrt'),
    wamp: new TopicTree('wamp'),
  }
  readonly #findTopic: (name: string) => Topic | undefined
  readonly #levelGenerations = new Int32Array(levelSlots)
  #rootGeneration = 0
  #mark = 0
  #size = 0

  /** @param findTopic the entry of a topic, if there is one */
  constructor(findTopic: (name: string) => Topic | undefined) {
    this.#findTopic = findTopic
  }

  /** Number of subscriptions held: one per filter and client, one per log subscription. */
  get size(): number {
    return this.#size
  }

  /** Adds a receiver for one topic, taken literally. */
  addTopic(name: string, receiver: Receiver): void {
    if (addTo(this.#exact, name, receiver)) this.#size += 1
    this.#forgetTopic(name)
  }

  removeTopic(name: string, receiver: Receiver): void {
    if (removeFrom(this.#exact, name, receiver)) this.#size -= 1
    this.#forgetTopic(name)
  }

  addFilter({ rules, text }: LevelFilter, receiver: Receiver): void {
    if (isExactLevelFilter(rules, text)) {
      this.addTopic(text, receiver)
      return
    }
    const tree = this.#trees[rules]
    const before = tree.size
    tree.add(text, receiver)
    this.#size += tree.size - before
    this.#forgetBelow(rules, text)
  }

  removeFilter({ rules, text }: LevelFilter, receiver: Receiver): void {
    if (isExactLevelFilter(rules, text)) {
      this.removeTopic(text, receiver)
      return
    }
    const tree = this.#trees[rules]
    const before = tree.size
    tree.remove(text, receiver)
    this.#size += tree.size - before
    this.#forgetBelow(rules, text)
  }

  addText(filter: TextFilter, client: LiveClient): void {
    let entry = this.#texts.get(filter.key)
    if (entry === undefined) {
      entry = { filter, receivers: new Set() }
      this.#texts.set(filter.key, entry)
    }
    if (entry.receivers.has(client)) return
    entry.receivers.add(client)
    this.#size += 1
    this.#rootGeneration += 1
  }

  removeText(filter: TextFilter, client: LiveClient): void {
    const entry = this.#texts.get(filter.key)
    if (entry?.receivers.delete(client) !== true) return
    if (entry.receivers.size === 0) this.#texts.delete(filter.key)
    this.#size -= 1
    this.#rootGeneration += 1
  }

  addExclusion({ rules, text }: LevelFilter, client: LiveClient): void {
    if (isExactLevelFilter(rules, text)) {
      addTo(this.#exactExclusions, text, client)
      this.#forgetTopic(text)
    } else {
      this.#exclusions[rules].add(text, client)
      this.#forgetBelow(rules, text)
    }
  }

  removeExclusion({ rules, text }: LevelFilter, client: LiveClient): void {
    if (isExactLevelFilter(rules, text)) {
      removeFrom(this.#exactExclusions, text, client)
      this.#forgetTopic(text)
    } else {
      this.#exclusions[rules].remove(text, client)
      this.#forgetBelow(rules, text)
    }
  }

  /** Makes sure that `topic.clients` and `topic.subscriptions` are right. */
  resolve(topic: Topic): void {
    if (
      topic.rootGeneration === this.#rootGeneration &&
      topic.levelGeneration === this.#levelGenerations[topic.levelSlot]
    ) {
      return
    }
    const { name } = topic
    const levels = name.split('/')
    const mark = (this.#mark += 1)
    this.#markExcluded(name, levels, mark)
    const found: Receiver[] = [...(this.#exact.get(name) ?? nobody)]
    this.#trees.busrt.match(name, levels, found)
    if (!name.startsWith(busrtOwnPrefix)) {
      this.#trees.mqtt.match(name, levels, found)
      this.#trees.wamp.match(name, levels, found)
      // As leading wildcards, they do not see what is the daemon's own.
      for (const { filter, receivers } of topic.isReserved ? nobody : this.#texts.values()) {
        if (filter.matches(name)) found.push(...receivers)
      }
    }
    const clients: LiveClient[] = []
    const subscriptions: LogSubscription[] = []
    for (const receiver of found) {
      if (receiver.isClient) {
        if (receiver.mark === mark || receiver.excludedMark === mark) continue
        receiver.mark = mark
        clients.push(receiver)
      } else subscriptions.push(receiver)
    }
    topic.clients = clients.length === 0 ? nobody : clients
    topic.subscriptions = subscriptions.length === 0 ? nobody : subscriptions
    topic.rootGeneration = this.#rootGeneration
    topic.levelGeneration = this.#levelGenerations[topic.levelSlot] as number
  }

  #markExcluded(name: string, levels: readonly string[], mark: number): void {
    const excluded: LiveClient[] = [...(this.#exactExclusions.get(name) ?? nobody)]
    for (const tree of Object.values(this.#exclusions)) tree.match(name, levels, excluded)
    for (const client of excluded) client.excludedMark = mark
  }

  #forgetTopic(name: string): void {
    const topic = this.#findTopic(name)
    if (topic !== undefined) topic.rootGeneration = -1
  }

  #forgetBelow(rules: LevelRules, text: string): void {
    if (hasLeadingWildcard(rules, text)) {
      this.#rootGeneration += 1
      return
    }
    const slot = levelSlot(text)
    this.#levelGenerations[slot] = (this.#levelGenerations[slot] as number) + 1
  }
}

function addTo<Key, Value>(map: Map<Key, Set<Value>>, key: Key, value: Value): boolean {
  let values = map.get(key)
  if (values === undefined) {
    values = new Set()
    map.set(key, values)
  }
  if (values.has(value)) return false
  values.add(value)
  return true
}

function removeFrom<Key, Value>(map: Map<Key, Set<Value>>, key: Key, value: Value): boolean {
  const values = map.get(key)
  if (values?.delete(value) !== true) return false
  if (values.size === 0) map.delete(key)
  return true
}
