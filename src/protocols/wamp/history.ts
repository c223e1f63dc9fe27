/**
 * The events of the past, from the logs (spec/wamp 9.9, 13.4): what was stored on the topics of a subscription, by
 * whatever protocol and at whatever node, in the order in which it came here.
 */

import type { LogStore } from '../../core/log-store.ts'
import type { LogKey, StoredMessage } from '../../model/message.ts'
import { isReservedTopic } from '../../model/message.ts'
import { payloadOf } from '../../wire/wamp/natural-form.ts'
import { topicToUri, uriToTopic } from '../../wire/wamp/topic.ts'
import type { WampInput, WampValue } from '../../wire/wamp/value.ts'
import { detailsOfStored } from './event-details.ts'
import { patternMatches } from './filters.ts'
import { type HistoryQuery, isInTime, parseHistoryQuery } from './history-query.ts'
import { newestFirst } from './newest-first.ts'
import { publicationIdOf } from './publication-id.ts'
import type { WampSession } from './session.ts'
import type { Subscription } from './subscription-table.ts'
import { errorUris, WampError } from './translate-error.ts'

/** Of one answer. */
const eventsMost = 1_000
const bytesMost = 1_048_576
/** So many of the newest messages are looked through for the id of a publication. */
const searchedMost = 100_000
const page = { messages: 500, bytes: 262_144 }

export interface PastEvents {
  readonly args: WampInput[]
  readonly kwargs: { readonly more?: true }
}

/**
 * `wamp.subscription.get_events`. Rejects with `WampError`.
 * @param args one: the id of the subscription
 */
export async function getEvents(
  session: WampSession,
  args: readonly WampValue[],
  kwargs: ReadonlyMap<WampValue, WampValue>,
): Promise<PastEvents> {
  const [id] = args
  if (args.length !== 1 || typeof id !== 'number') {
    throw new WampError(errorUris.invalidArgument, 'the one argument is the id of a subscription')
  }
  const query = parseHistoryQuery(kwargs)
  const subscription = session.realm.broker.subscriptions.byId(id)
  if (subscription === undefined) {
    throw new WampError(errorUris.noSuchSubscription, `there is no subscription ${id}`)
  }
  const past = new Past(session, subscription, query.topic)
  past.requireRight()
  past.requireLog()
  const bounds = await boundsOf(past, query)
  const events: WampInput[] = []
  if (bounds === undefined) return { args: events, kwargs: {} }
  const limit = Math.min(query.limit, eventsMost)
  let bytes = 0
  const messages = query.isReverse ? past.backward(bounds.until) : past.forward(bounds.after)
  for await (const message of messages) {
    const { sequence, createdAtMs, payload } = message
    if (sequence > bounds.until) {
      if (query.isReverse) continue
      break
    }
    if (sequence <= bounds.after) break
    if (!isInTime(query, createdAtMs)) continue
    if (events.length >= limit || (bytes > 0 && bytes + payload.length > bytesMost)) {
      const isOurs = events.length < query.limit
      return { args: events, kwargs: isOurs ? { more: true } : {} }
    }
    bytes += payload.length
    events.push(eventOf(message, subscription, session))
  }
  return { args: events, kwargs: {} }
}

function eventOf(
  message: StoredMessage,
  subscription: Subscription,
  { serializer }: WampSession,
): WampInput {
  const { payload: bytes, headers, createdAtMs, id } = message
  const payload = payloadOf({ bytes, start: 0, end: bytes.length, headers }, serializer)
  return {
    timestamp: new Date(createdAtMs).toISOString(),
    subscription: subscription.id,
    publication: publicationIdOf(id),
    details: detailsOfStored(message, subscription) ?? {},
    args: payload.args.length > 0 ? payload.args : undefined,
    kwargs: payload.hasKwargs ? payload.kwargs : undefined,
  }
}

/** The part of the commit order in question: above `after` up to `until`. Undefined: a publication is not known. */
export async function boundsOf(
  past: Past,
  query: HistoryQuery,
): Promise<{ readonly after: number; readonly until: number } | undefined> {
  const { fromPublication, afterPublication, untilPublication, beforePublication } = query
  let after = 0
  let until = Infinity
  const asked: [id: number | undefined, apply: (sequence: number) => void][] = [
    [fromPublication, (sequence) => (after = Math.max(after, sequence - 1))],
    [afterPublication, (sequence) => (after = Math.max(after, sequence))],
    [untilPublication, (sequence) => (until = Math.min(until, sequence))],
    [beforePublication, (sequence) => (until = Math.min(until, sequence - 1))],
  ]
  for (const [id, apply] of asked) {
    if (id === undefined) continue
    const sequence = await past.sequenceOf(id)
    if (sequence === undefined) return undefined
    apply(sequence)
  }
  return { after, until }
}

/** What is stored on the topics of a subscription, as one session may see it. */
export class Past {
  readonly store: LogStore
  readonly #session: WampSession
  readonly #subscription: Subscription
  readonly #topic: string | undefined

  /** @param topic only this one, as a URI @throws WampError while the store is not open */
  constructor(session: WampSession, subscription: Subscription, topic?: string) {
    const { store } = session.realm.options.bus
    if (store === undefined) {
      throw new WampError(errorUris.historyUnavailable, 'the store is not open')
    }
    this.store = store
    this.#session = session
    this.#subscription = subscription
    this.#topic = topic
  }

  /** @throws WampError `not_authorized` when all that is in question is one topic, and it is not for this session */
  requireRight(): void {
    const { match, uri } = this.#subscription
    if (match !== 'exact') return
    for (const { topic } of this.store.logs()) {
      if (topicToUri(topic) !== uri) continue
      if (this.#session.client.maySee('subscribe', topic)) return
      throw new WampError(errorUris.notAuthorized, `you may not subscribe to ${uri}`)
    }
  }

  /** @throws WampError `history_unavailable` for one topic of which nothing is stored, nor ever was */
  requireLog(): void {
    const { match, uri } = this.#subscription
    if (match !== 'exact' || this.#session.realm.options.bus.keepsLog(uriToTopic(uri))) return
    for (const { topic } of this.store.logs()) if (topicToUri(topic) === uri) return
    throw new WampError(errorUris.historyUnavailable, `nothing on ${uri} is stored`)
  }

  readonly wants = ({ topic }: LogKey): boolean => {
    if (isReservedTopic(topic)) return false
    const uri = topicToUri(topic)
    if (this.#topic !== undefined && uri !== this.#topic) return false
    const { uri: pattern, match } = this.#subscription
    return patternMatches(pattern, match, uri) && this.#session.client.maySee('subscribe', topic)
  }

  /** In the order in which they came, those behind a place in it. */
  async *forward(after: number): AsyncGenerator<StoredMessage> {
    let place = after
    while (place < this.store.lastSequence) {
      const { messages, nextAfter } = await this.store.readFeed(place, this.wants, page)
      for (const message of messages) if (!message.deleted) yield message
      if (nextAfter <= place && messages.length === 0) return
      place = Math.max(nextAfter, messages.at(-1)?.sequence ?? 0)
    }
  }

  /** The newest first, from a place on. */
  backward(until = Infinity): AsyncGenerator<StoredMessage> {
    return newestFirst(this.store, this.wants, until)
  }

  /** Place of a publication in the commit order; undefined: it is not among the newest. */
  async sequenceOf(publication: number): Promise<number | undefined> {
    let searched = 0
    for await (const { id, sequence } of this.backward()) {
      if (publicationIdOf(id) === publication) return sequence
      searched += 1
      if (searched >= searchedMost) return undefined
    }
    return undefined
  }

  /** Behind which place the so many newest begin. */
  async placeOfLast(count: number): Promise<number> {
    let left = count
    let place = this.store.lastSequence
    for await (const { sequence } of this.backward()) {
      place = sequence - 1
      left -= 1
      if (left === 0) return place
    }
    return left === count ? place : 0
  }
}
