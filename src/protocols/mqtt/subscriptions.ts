/**
 * The subscriptions of one session, and what they say together about a topic (spec/mqtt 7): one copy of a message,
 * with the highest QoS and all identifiers. What was found is remembered per topic until a subscription changes.
 */

import type { TopicText } from '../../core/live.ts'
import { levelFilterMatcher } from '../../core/topic-tree.ts'
import { levelFilter } from '../../model/level-filter.ts'
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
  /** Of the oldest one: what is not newer is for none of them. */
  readonly since: number
}

interface Known extends Subscription {
  readonly matches: (topic: string) => boolean
}

interface Resolved {
  readonly all: TopicView | undefined
  /** For publications of this very client: without those that are not to see them. */
  readonly foreign: TopicView | undefined
}

/** Topics remembered; beyond it all are forgotten. */
const rememberedMost = 1_000
const none = new Uint8Array(0)
const nothing: Resolved = { all: undefined, foreign: undefined }

export class Subscriptions {
  readonly #byFilter = new Map<string, Known>()
  readonly #resolved = new Map<TopicText, Resolved>()

  get size(): number {
    return this.#byFilter.size
  }

  values(): Iterable<Subscription> {
    return this.#byFilter.values()
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
   * What they say about a topic; undefined: none matches.
   * @param isOwn the message comes from this client itself
   */
  view(topic: TopicText, isOwn: boolean): TopicView | undefined {
    let resolved = this.#resolved.get(topic)
    if (resolved === undefined) {
      resolved = this.#resolve(topic.name)
      if (this.#resolved.size >= rememberedMost) this.#resolved.clear()
      this.#resolved.set(topic, resolved)
    }
    return isOwn ? resolved.foreign : resolved.all
  }

  #resolve(topic: string): Resolved {
    const matching = [...this.#byFilter.values()].filter((each) => each.matches(topic))
    if (matching.length === 0) return nothing
    const isAnyLocal = matching.some(({ noLocal }) => noLocal)
    const all = viewOf(matching)
    return { all, foreign: isAnyLocal ? viewOf(matching.filter((each) => !each.noLocal)) : all }
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
    since: Math.min(...subscriptions.map(({ since }) => since)),
  }
}
