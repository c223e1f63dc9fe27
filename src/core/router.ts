/**
 * Who receives a published topic, whatever kind of filter they used (architecture 5). Level filters hang
 * in one tree per kind of rules, names without wildcards in a map, text filters in one index per view; per
 * published topic the resolved receivers are remembered in its entry (topics.ts) and are valid as long as two
 * numbers are what they were:
 *
 *   - the generation of its first level, which a wildcard filter below that level moves on;
 *   - the generation of the root, moved on by filters that may match any topic.
 *
 * A filter without wildcards makes its one topic resolve anew and no other. A client stands in the
 * result once, however many of its filters match, and not at all when one of its exclusions matches.
 * A log subscription stands there once. Who may not receive the topic is left out, so that rules cost nothing per
 * message.
 */

import { daemonIdentity } from '../model/identity.ts'
import { levelFilter, type LevelFilter, type LevelRules } from '../model/level-filter.ts'
import type { TextFilter, TextView } from '../model/text-filter.ts'
import type { AccessCheck } from './access.ts'
import { forEverybody } from './everybody.ts'
import type { LiveFilter } from './live.ts'
import type { LiveClient } from './live-client.ts'
import type { LogSubscription } from './log-subscription.ts'
import { ReceiverSlots, SlotSearch } from './receiver-slots.ts'
import { SlotSet } from './slot-set.ts'
import { TextIndex } from './text-index.ts'
import { hasLeadingWildcard, isExactLevelFilter, TopicTree } from './topic-tree.ts'
import { type Topic, levelSlot, levelSlots } from './topics.ts'

type Receiver = LiveClient | LogSubscription

/** Events of the BUS/RT adapter: other protocols do not see them by a wildcard. */
const busrtOwnPrefix = '.broker/'

const nobody: readonly never[] = []

export interface RouterOptions {
  /** The entry of a topic, if there is one. */
  readonly findTopic: (name: string) => Topic | undefined
  readonly access: AccessCheck
}

export class Router {
  readonly #receivers = new ReceiverSlots<Receiver>()
  /** By slot: 1 for a log subscription. */
  #isLog = new Uint8Array(1_024)
  readonly #wanted = new FilterTable()
  readonly #excluded = new FilterTable()
  readonly #texts = new Map<TextView, TextIndex>()
  readonly #search = new SlotSearch()
  /** Told after every change of what is subscribed to; undefined while nobody wants to know. */
  onChange: (() => void) | undefined
  readonly #options: RouterOptions
  readonly #levelGenerations = new Int32Array(levelSlots)
  #rootGeneration = 0
  #size = 0

  constructor(options: RouterOptions) {
    this.#options = options
  }

  /** Number of subscriptions held: one per filter and client, one per log subscription. */
  get size(): number {
    return this.#size
  }

  /** Adds a receiver for one topic, taken literally. */
  addTopic(name: string, receiver: Receiver): void {
    if (this.#wanted.addTopic(name, this.#slotFor(receiver))) this.#added(receiver)
    this.#forgetTopic(name)
  }

  removeTopic(name: string, receiver: Receiver): void {
    if (this.#wanted.removeTopic(name, this.#receivers.slotOf(receiver))) this.#removed(receiver)
    this.#forgetTopic(name)
  }

  addFilter(filter: LevelFilter, receiver: Receiver): void {
    if (this.#wanted.add(filter, this.#slotFor(receiver))) this.#added(receiver)
    this.#forgetBelow(filter)
  }

  removeFilter(filter: LevelFilter, receiver: Receiver): void {
    if (this.#wanted.remove(filter, this.#receivers.slotOf(receiver))) this.#removed(receiver)
    this.#forgetBelow(filter)
  }

  addText(filter: TextFilter, client: LiveClient): void {
    if (filter.form === 'is') {
      const topic = filter.view.topicOf(filter.text)
      if (topic !== undefined) this.addTopic(topic, client)
      return
    }
    let index = this.#texts.get(filter.view)
    if (index === undefined) this.#texts.set(filter.view, (index = new TextIndex(filter.view)))
    if (index.add(filter, this.#slotFor(client))) this.#added(client)
    this.#rootGeneration += 1
  }

  removeText(filter: TextFilter, client: LiveClient): void {
    if (filter.form === 'is') {
      const topic = filter.view.topicOf(filter.text)
      if (topic !== undefined) this.removeTopic(topic, client)
      return
    }
    const index = this.#texts.get(filter.view)
    if (index?.remove(filter, this.#receivers.slotOf(client)) === true) this.#removed(client)
    this.#rootGeneration += 1
  }

  addExclusion(filter: LevelFilter, client: LiveClient): void {
    const slot = this.#slotFor(client)
    if (this.#excluded.add(filter, slot)) this.#receivers.use(slot)
    this.#forgetBelow(filter)
  }

  removeExclusion(filter: LevelFilter, client: LiveClient): void {
    const slot = this.#receivers.slotOf(client)
    if (this.#excluded.remove(filter, slot)) this.#receivers.release(slot)
    this.#forgetBelow(filter)
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
    const search = this.#search
    search.begin(this.#receivers.count)
    if (this.#excluded.size > 0) {
      this.#excluded.match(name, levels, search, true)
      search.exclude()
    }
    const isBusrtOwn = name.startsWith(busrtOwnPrefix)
    this.#wanted.match(name, levels, search, !isBusrtOwn)
    // As leading wildcards, they do not see what is the daemon's own.
    if (!isBusrtOwn && !topic.isReserved) {
      for (const index of this.#texts.values()) index.match(name, search)
    }
    if (!this.#options.access.isOpen && name !== forEverybody) this.#keepAllowed(name)
    this.#noteFound(topic)
    topic.rootGeneration = this.#rootGeneration
    topic.levelGeneration = this.#levelGenerations[topic.levelSlot] as number
  }

  /** Who may receive the topic has changed for all of them, as it does when access rules change. */
  forgetAll(): void {
    this.#rootGeneration += 1
  }

  /** Drops those who may not receive the topic: a filter may be allowed though not all it matches is. */
  #keepAllowed(name: string): void {
    const { access } = this.#options
    const search = this.#search
    const { found, count } = search
    let kept = 0
    for (let i = 0; i < count; i++) {
      const slot = found[i] as number
      const receiver = this.#receivers.at(slot)
      if (receiver === undefined) continue
      const subject = receiver.isClient ? receiver : receiver.subject
      const isDaemon = subject.identity === daemonIdentity
      if (!isDaemon && access.refusal(subject, 'subscribe', name) !== undefined) continue
      found[kept++] = slot
    }
    search.count = kept
  }

  /** Puts what was found into the topic. */
  #noteFound(topic: Topic): void {
    if (this.#isAsFound(topic)) return
    const { found, count } = this.#search
    const clients: LiveClient[] = []
    const subscriptions: LogSubscription[] = []
    for (let i = 0; i < count; i++) {
      const slot = found[i] as number
      const receiver = this.#receivers.at(slot)
      // The table of slots says which of the two it is, without a look at the receiver itself.
      if (this.#isLog[slot] === 1) subscriptions.push(receiver as LogSubscription)
      else clients.push(receiver as LiveClient)
    }
    topic.clients = clients.length === 0 ? nobody : clients
    topic.subscriptions = subscriptions.length === 0 ? nobody : subscriptions
  }

  /** Most changes concern few topics: lists that say the same stay, and cost the garbage collector nothing. */
  #isAsFound({ clients, subscriptions }: Topic): boolean {
    const { found, count } = this.#search
    if (clients.length + subscriptions.length !== count) return false
    let client = 0
    let subscription = 0
    for (let i = 0; i < count; i++) {
      const slot = found[i] as number
      const known = this.#isLog[slot] === 1 ? subscriptions[subscription++] : clients[client++]
      if (known !== this.#receivers.at(slot)) return false
    }
    return true
  }

  #slotFor(receiver: Receiver): number {
    const slot = this.#receivers.slotFor(receiver)
    if (slot >= this.#isLog.length) {
      const larger = new Uint8Array(slot * 2)
      larger.set(this.#isLog)
      this.#isLog = larger
    }
    this.#isLog[slot] = receiver.isClient ? 0 : 1
    return slot
  }

  /**
   * What clients here want that may be published elsewhere, as level filters, each once; undefined: so much, or by
   * filters on text that only their protocol can read, that it is best to take everything.
   * @param most more than so many filters count as everything
   */
  wanted(most: number): LevelFilter[] | undefined {
    for (const index of this.#texts.values()) if (index.size > 0) return undefined
    const filters: LevelFilter[] = []
    const isWanted = (slot: number) => {
      const receiver = this.#receivers.at(slot)
      if (receiver === undefined) return false
      return receiver.isClient ? !receiver.isElsewhere : receiver.takesLive
    }
    for (const [filter, slots] of this.#wanted.filters()) {
      if (!slots.list.some(isWanted)) continue
      if (filters.length >= most) return undefined
      filters.push(filter)
    }
    return filters
  }

  #added(receiver: Receiver): void {
    this.#size += 1
    this.onChange?.()
    this.#receivers.use(this.#receivers.slotOf(receiver))
  }

  #removed(receiver: Receiver): void {
    this.#size -= 1
    this.onChange?.()
    this.#receivers.release(this.#receivers.slotOf(receiver))
  }

  #forgetTopic(name: string): void {
    const topic = this.#options.findTopic(name)
    if (topic !== undefined) topic.rootGeneration = -1
  }

  #forgetBelow({ rules, text }: LevelFilter): void {
    if (isExactLevelFilter(rules, text)) {
      this.#forgetTopic(text)
      return
    }
    if (hasLeadingWildcard(rules, text)) {
      this.#rootGeneration += 1
      return
    }
    const slot = levelSlot(text)
    this.#levelGenerations[slot] = (this.#levelGenerations[slot] as number) + 1
  }
}

/** Whether a pattern is to see a topic at all, beyond what its own rules hide from it. */
export function isWildcardVisible({ name, isReserved }: Topic, filter: LiveFilter): boolean {
  if (name.startsWith(busrtOwnPrefix)) return filter.kind === 'level' && filter.rules === 'busrt'
  return filter.kind === 'level' || !isReserved
}

/** Level filters of all rules, and names without wildcards, which mean the same by all of them. */
class FilterTable {
  readonly #topics = new Map<string, SlotSet>()
  readonly #trees: Readonly<Record<LevelRules, TopicTree>> = {
    mqtt: new TopicTree('mqtt'),
    busrt: new TopicTree('busrt'),
    wamp: new TopicTree('wamp'),
  }

  /** 0: there are none. */
  get size(): number {
    const { mqtt, busrt, wamp } = this.#trees
    return this.#topics.size + mqtt.size + busrt.size + wamp.size
  }

  /** False when it was there. */
  add({ rules, text }: LevelFilter, slot: number): boolean {
    if (isExactLevelFilter(rules, text)) return this.addTopic(text, slot)
    return this.#trees[rules].add(text, slot)
  }

  /** False when it was not there. */
  remove({ rules, text }: LevelFilter, slot: number): boolean {
    if (isExactLevelFilter(rules, text)) return this.removeTopic(text, slot)
    return this.#trees[rules].remove(text, slot)
  }

  addTopic(name: string, slot: number): boolean {
    let slots = this.#topics.get(name)
    if (slots === undefined) this.#topics.set(name, (slots = new SlotSet()))
    return slots.add(slot)
  }

  removeTopic(name: string, slot: number): boolean {
    const slots = this.#topics.get(name)
    if (slots?.delete(slot) !== true) return false
    if (slots.size === 0) this.#topics.delete(name)
    return true
  }

  *filters(): Iterable<readonly [LevelFilter, SlotSet]> {
    for (const [text, slots] of this.#topics) yield [levelFilter('mqtt', text), slots]
    for (const rules of ['mqtt', 'busrt', 'wamp'] as const) {
      for (const [text, slots] of this.#trees[rules].filters()) {
        yield [levelFilter(rules, text), slots]
      }
    }
  }

  /** @param all by wildcards of every kind of rules; false: of BUS/RT alone */
  match(name: string, levels: readonly string[], search: SlotSearch, all: boolean): void {
    const topics = this.#topics.get(name)
    if (topics !== undefined) search.add(topics)
    const { mqtt, busrt, wamp } = this.#trees
    busrt.match(name, levels, search)
    if (!all) return
    mqtt.match(name, levels, search)
    wamp.match(name, levels, search)
  }
}
