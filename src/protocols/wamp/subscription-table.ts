/**
 * The subscriptions of a realm (spec/wamp 7): all who subscribed to the same URI by the same policy share one, with one
 * id. Which of them a topic concerns is found without a look at all of them, and remembered per topic.
 */

import type { TopicText } from '../../core/live.ts'
import { topicToUri } from '../../wire/wamp/topic.ts'
import type { MatchPolicy } from '../../wire/wamp/uri.ts'
import { patternMatches } from './filters.ts'
import type { WampSession } from './session.ts'

export interface Subscription {
  readonly id: number
  readonly uri: string
  readonly match: MatchPolicy
  /** Its events tell more about the message (spec/wamp 13.5). */
  readonly hasMeta: boolean
  readonly createdAtMs: number
  readonly sessions: Set<WampSession>
}

const rememberedTopics = 10_000

interface Remembered {
  readonly version: number
  readonly uri: string
  readonly matching: readonly Subscription[]
}

export class SubscriptionTable {
  readonly #byKey = new Map<string, Subscription>()
  readonly #byId = new Map<number, Subscription>()
  /** By URI; one may have a twin with details. */
  readonly #exact = new Map<string, Subscription[]>()
  /** By length of the prefix, then by the prefix. */
  readonly #prefixes = new Map<number, Map<string, Subscription[]>>()
  /** By the number of components, then by the first one, which is empty for those that begin with a wildcard. */
  readonly #wildcards = new Map<number, Map<string, Subscription[]>>()
  readonly #known = new Map<TopicText, Remembered>()
  #version = 0
  #lastId = 0

  get size(): number {
    return this.#byId.size
  }

  byId(id: number): Subscription | undefined {
    return this.#byId.get(id)
  }

  /** In the order of their ids. */
  values(): Iterable<Subscription> {
    return this.#byId.values()
  }

  find(uri: string, match: MatchPolicy, hasMeta = false): Subscription | undefined {
    return this.#byKey.get(keyOf(uri, match, hasMeta))
  }

  /** Makes one where there is none. */
  open(uri: string, match: MatchPolicy, hasMeta: boolean, nowMs: number): Subscription {
    const known = this.find(uri, match, hasMeta)
    if (known !== undefined) return known
    this.#lastId += 1
    const id = this.#lastId
    const subscription = {
      id,
      uri,
      match,
      hasMeta,
      createdAtMs: nowMs,
      sessions: new Set<WampSession>(),
    }
    this.#byKey.set(keyOf(uri, match, hasMeta), subscription)
    this.#byId.set(id, subscription)
    this.#place(subscription, (list) => list.push(subscription))
    this.#version += 1
    return subscription
  }

  delete(subscription: Subscription): void {
    const { uri, match, hasMeta, id } = subscription
    this.#byKey.delete(keyOf(uri, match, hasMeta))
    this.#byId.delete(id)
    this.#place(subscription, (list) => list.splice(list.indexOf(subscription), 1))
    this.#version += 1
  }

  /** Those that a topic of the bus concerns. */
  ofTopic(topic: TopicText): readonly Subscription[] {
    const known = this.#known.get(topic)
    if (known?.version === this.#version) return known.matching
    const uri = known?.uri ?? topicToUri(topic.name)
    const matching = this.ofUri(uri)
    if (this.#known.size >= rememberedTopics) this.#known.clear()
    this.#known.set(topic, { version: this.#version, uri, matching })
    return matching
  }

  ofUri(uri: string): readonly Subscription[] {
    const found: Subscription[] = [...(this.#exact.get(uri) ?? [])]
    for (const [length, prefixes] of this.#prefixes) {
      if (length <= uri.length) found.push(...(prefixes.get(uri.slice(0, length)) ?? []))
    }
    const components = uri.split('.')
    const wildcards = this.#wildcards.get(components.length)
    if (wildcards !== undefined) {
      found.push(...(wildcards.get(components[0] as string) ?? []))
      found.push(...(wildcards.get('') ?? []))
    }
    return found.filter(({ uri: pattern, match }) => patternMatches(pattern, match, uri))
  }

  /** Changes the list in which it stands; lists that are empty go. */
  #place({ uri, match }: Subscription, change: (list: Subscription[]) => void): void {
    if (match === 'exact') changeList(this.#exact, uri, change)
    else if (match === 'prefix') changeNested(this.#prefixes, uri.length, uri, change)
    else {
      const components = uri.split('.')
      changeNested(this.#wildcards, components.length, components[0] as string, change)
    }
  }
}

function keyOf(uri: string, match: MatchPolicy, hasMeta: boolean): string {
  return `${match}${hasMeta ? '+' : ' '}${uri}`
}

function changeList(
  lists: Map<string, Subscription[]>,
  key: string,
  change: (list: Subscription[]) => void,
): void {
  const list = lists.get(key) ?? []
  change(list)
  if (list.length === 0) lists.delete(key)
  else lists.set(key, list)
}

function changeNested(
  outer: Map<number, Map<string, Subscription[]>>,
  number: number,
  key: string,
  change: (list: Subscription[]) => void,
): void {
  const lists = outer.get(number) ?? new Map<string, Subscription[]>()
  changeList(lists, key, change)
  if (lists.size === 0) outer.delete(number)
  else outer.set(number, lists)
}
