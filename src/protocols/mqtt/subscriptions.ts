/**
 * The subscriptions of one session, and what they say together about a topic (spec/mqtt 7): one copy of a message,
 * with the highest QoS and all identifiers. What was found is remembered per topic until a subscription changes.
 */

import type { TopicText } from '../../core/live.ts'
import { levelFilterMatcher } from '../../core/topic-tree.ts'
import { levelFilter } from '../../model/level-filter.ts'
import { isTopicName } from './filters.ts'
import { encodeProperties } from './packet-writer.ts'
import type { Qos } from './packets.ts'

export interface Subscription {
  /** As the client wrote it: with `$share/…` when it is shared. */
  readonly filter: string
  readonly qos: Qos
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  /** 0: none. */
  readonly id: number
  /** It is about what is stored after this place in the commit order. */
  readonly since: number
}

/** What all matching subscriptions say about one topic. */
export interface TopicView {
  readonly qos: Qos
  /** Subscription identifiers as encoded properties. */
  readonly ids: Uint8Array
  readonly retainAsPublished: boolean
}

interface Known extends Subscription {
  readonly matches: (topic: string) => boolean
}

interface Resolved {
  readonly all: TopicView | undefined
  /** For publications of this very client: without those that are not to see them. */
  readonly foreign: TopicView | undefined
  /** `since` of the newest of them: what is stored later is for all. */
  readonly since: number
}

/** Topics remembered; beyond it all are forgotten. */
const rememberedMost = 1_000
const none = new Uint8Array(0)
const nothing: Resolved = { all: undefined, foreign: undefined, since: 0 }

export class Subscriptions {
  readonly #byFilter = new Map<string, Known>()
  readonly #resolved = new Map<TopicText, Resolved>()

  get size(): number {
    return this.#byFilter.size
  }

  *values(): Iterable<Subscription> {
    for (const { matches: _matches, ...subscription } of this.#byFilter.values()) yield subscription
  }

  get(filter: string): Subscription | undefined {
    return this.#byFilter.get(filter)
  }

  /**
   * Adds one, or puts it in the place of the one with the same filter.
   * @param pattern what topics are matched against; undefined: another delivers for it, as the group of a shared one
   */
  set(subscription: Subscription, pattern: string | undefined): void {
    const isPattern = pattern !== undefined
    const matches = isPattern ? levelFilterMatcher(levelFilter('mqtt', pattern)) : () => false
    this.#byFilter.set(subscription.filter, { ...subscription, matches })
    this.#resolved.clear()
  }

  delete(filter: string): boolean {
    this.#resolved.clear()
    return this.#byFilter.delete(filter)
  }

  /**
   * What they say about a message; undefined: it is for none of them.
   * @param sequence its place in the commit order; 0: it is not stored
   * @param isOwn it comes from this client itself
   */
  view(topic: TopicText, sequence: number, isOwn: boolean): TopicView | undefined {
    let resolved = this.#resolved.get(topic)
    if (resolved === undefined) {
      resolved = isTopicName(topic.name) ? resolve(this.#matching(topic.name)) : nothing
      if (this.#resolved.size >= rememberedMost) this.#resolved.clear()
      this.#resolved.set(topic, resolved)
    }
    if (sequence > 0 && sequence <= resolved.since) {
      // Rare: read from the log by a client that has subscribed since.
      const older = this.#matching(topic.name).filter(({ since }) => since < sequence)
      resolved = resolve(older)
    }
    return isOwn ? resolved.foreign : resolved.all
  }

  /** Whether one of them, shared ones left out, is about this topic. */
  matches(topic: string): boolean {
    return this.#matching(topic).length > 0
  }

  #matching(topic: string): Known[] {
    return [...this.#byFilter.values()].filter((each) => each.matches(topic))
  }
}

function resolve(matching: readonly Known[]): Resolved {
  if (matching.length === 0) return nothing
  const isAnyLocal = matching.some(({ noLocal }) => noLocal)
  const all = viewOf(matching)
  return {
    all,
    foreign: isAnyLocal ? viewOf(matching.filter((each) => !each.noLocal)) : all,
    since: Math.max(...matching.map(({ since }) => since)),
  }
}

/** Subscription identifiers as encoded properties; 0 stands for none. */
export function encodeIds(ids: readonly number[]): Uint8Array {
  const given = ids.filter((id) => id > 0)
  return given.length === 0 ? none : encodeProperties({ subscriptionIds: given })
}

function viewOf(subscriptions: readonly Subscription[]): TopicView | undefined {
  if (subscriptions.length === 0) return undefined
  return {
    qos: Math.max(...subscriptions.map(({ qos }) => qos)) as Qos,
    ids: encodeIds(subscriptions.map(({ id }) => id)),
    retainAsPublished: subscriptions.some(({ retainAsPublished }) => retainAsPublished),
  }
}
