/**
 * The broker of a realm (spec/wamp 7). Routing is the bus's: each session is a client there and gets every publication,
 * of whatever protocol, that one of its filters matches, once; here it becomes one EVENT for each subscription of the
 * realm that the session takes part in.
 */

import type { Publication } from '../../core/live.ts'
import { BusError } from '../../model/errors.ts'
import { json } from '../../wire/wamp/json.ts'
import { messageTypes } from '../../wire/wamp/message-types.ts'
import type {
  PublishMessage,
  SubscribeMessage,
  UnsubscribeMessage,
} from '../../wire/wamp/messages.ts'
import { payloadOf } from '../../wire/wamp/natural-form.ts'
import { encodePayload, type WampPayload } from '../../wire/wamp/payload.ts'
import { topicToUri } from '../../wire/wamp/topic.ts'
import { isReservedUri, isUri, type MatchPolicy } from '../../wire/wamp/uri.ts'
import type { WampArgs } from '../../wire/wamp/value.ts'
import { detailsOfEvent, exceptHeader } from './event-details.ts'
import { EventFrames } from './event-frames.ts'
import { filterOf } from './filters.ts'
import { newId } from './ids.ts'
import { type HistoryQuery, parseHistoryQuery } from './history-query.ts'
import { booleanOption, dictOption, textOption } from './options.ts'
import { publicationIdOf } from './publication-id.ts'
import { type Handed, Publishing } from './publishing.ts'
import type { Realm } from './realm.ts'
import { Replay } from './replay.ts'
import { sendRetained } from './retained-events.ts'
import type { WampSession } from './session.ts'
import { type Subscription, SubscriptionTable } from './subscription-table.ts'
import { Testaments } from './testaments.ts'
import { atLimit, errorUris, WampError } from './translate-error.ts'

const policies: readonly string[] = ['exact', 'prefix', 'wildcard'] satisfies MatchPolicy[]

function isPolicy(text: string): text is MatchPolicy {
  return policies.includes(text)
}

export class Broker {
  /** As WELCOME announces them. */
  readonly features = {
    publisher_exclusion: true,
    publisher_identification: true,
    subscriber_blackwhite_listing: true,
    pattern_based_subscription: true,
    event_retention: true,
    event_history: true,
    payload_passthru_mode: true,
  }
  readonly subscriptions = new SubscriptionTable()
  readonly publishing: Publishing
  readonly testaments: Testaments
  readonly #realm: Realm
  readonly #bySession = new Map<WampSession, Set<Subscription>>()
  readonly #frames = new EventFrames()
  // Of the publication that is being delivered
  #serial = -1
  #matching: readonly Subscription[] = []
  #handed: Handed | undefined
  #payload: WampPayload | undefined
  #publicationId = 0

  constructor(realm: Realm) {
    this.#realm = realm
    this.publishing = new Publishing(realm)
    this.testaments = new Testaments(realm, this.publishing)
  }

  /** @throws ProtocolError */
  publish(session: WampSession, message: PublishMessage): void {
    this.publishing.publish(session, message)
  }

  /** @throws ProtocolError */
  subscribe(session: WampSession, { request, topic: uri, options }: SubscribeMessage): void {
    const { subscribe: type } = messageTypes
    const { uriCheck, clock } = this.#realm.options
    const match = textOption(options, 'match') ?? 'exact'
    const hasMeta = booleanOption(options, '_meta') ?? false
    const isRetainedWanted = booleanOption(options, 'get_retained') ?? false
    if (!isPolicy(match)) {
      const text = 'match is exact, prefix or wildcard'
      session.sendError(type, request, errorUris.invalidArgument, [text])
      return
    }
    if (!isUri(uri, match, uriCheck)) {
      session.sendError(type, request, errorUris.invalidUri, [`no URI to match ${match}: ${uri}`])
      return
    }
    const replayed = dictOption(options, '_replay')
    const known = this.subscriptions.find(uri, match, hasMeta)
    const own = this.of(session)
    const isNew = known === undefined || !own.has(known)
    let query: HistoryQuery | undefined
    try {
      const { subscriptions: most } = this.#realm.options.perSession
      if (isNew && own.size >= most) throw atLimit('subscriptions', most)
      if (replayed !== undefined) query = parseHistoryQuery(replayed, true)
      if (isNew) this.#subscribeOnBus(session, uri, match)
    } catch (error) {
      if (!(error instanceof BusError || error instanceof WampError)) throw error
      session.fail(type, request, error)
      return
    }
    const subscription = this.subscriptions.open(uri, match, hasMeta, clock.now())
    this.#bySession.set(session, new Set([...own, subscription]))
    subscription.sessions.add(session)
    session.send({ type: messageTypes.subscribed, request, subscription: subscription.id })
    if (isNew && !isReservedUri(uri))
      this.#tellSubscribed(session, subscription, known === undefined)
    if (isRetainedWanted) sendRetained(session, subscription)
    if (query !== undefined) this.#replay(session, subscription, query)
  }

  unsubscribe(session: WampSession, { request, subscription: id }: UnsubscribeMessage): void {
    const subscription = this.subscriptions.byId(id)
    if (subscription?.sessions.has(session) !== true) {
      const text = `this session has no subscription ${id}`
      session.sendError(messageTypes.unsubscribe, request, errorUris.noSuchSubscription, [text])
      return
    }
    this.remove(session, subscription)
    session.send({ type: messageTypes.unsubscribed, request })
  }

  /** Ends one subscription of a session, and tells those who watch; the session itself is not told. */
  remove(session: WampSession, subscription: Subscription): void {
    const { uri, match, sessions, id } = subscription
    if (!sessions.delete(session)) return
    session.replays.get(subscription)?.stop()
    session.replays.delete(subscription)
    const own = new Set(this.of(session))
    own.delete(subscription)
    if (own.size === 0) this.#bySession.delete(session)
    else this.#bySession.set(session, own)
    // With details and without them are two subscriptions here, and one filter of the bus.
    const isTwinLeft = [...own].some((other) => other.uri === uri && other.match === match)
    if (!isTwinLeft && isOnBus(uri, match)) session.client.live.unsubscribe(filterOf(uri, match))
    if (sessions.size === 0) this.subscriptions.delete(subscription)
    if (isReservedUri(uri)) return
    this.publishMeta('wamp.subscription.on_unsubscribe', [session.id, id], session)
    if (sessions.size > 0) return
    this.publishMeta('wamp.subscription.on_delete', [session.id, id], session)
  }

  /** Takes a subscription from a session, which is told if it can be. */
  revoke(session: WampSession, subscription: Subscription, reason: string): void {
    this.remove(session, subscription)
    if (!session.has('subscriber', 'subscription_revocation')) return
    const { unsubscribed: type } = messageTypes
    session.send({ type, request: 0, details: { subscription: subscription.id, reason } })
  }

  /** The session is over. */
  sessionClosed(session: WampSession): void {
    for (const subscription of this.of(session)) this.remove(session, subscription)
    session.lane.close()
  }

  /** The subscriptions of a session. */
  of(session: WampSession): ReadonlySet<Subscription> {
    return this.#bySession.get(session) ?? new Set()
  }

  /** A publication of the bus for one session: an EVENT for each of its subscriptions that it concerns. */
  deliver(session: WampSession, publication: Publication): void {
    if (publication.serial !== this.#serial) this.#begin(publication)
    const matching = this.#matching
    if (matching.length === 0 || this.#isExcept(session, publication)) return
    const frames = this.#frames
    const { serializer } = session
    for (let i = 0; i < matching.length; i++) {
      const subscription = matching[i] as Subscription
      if (!subscription.sessions.has(session)) continue
      if (session.replays.size > 0 && !isLet(session, subscription, publication)) continue
      if (frames.startOf(i, serializer) < 0) this.#encode(i, subscription, session, publication)
      const start = frames.startOf(i, serializer)
      const end = frames.endOf(i, serializer)
      if (!session.peer.sendEncoded(frames.sink.bytes, start, end)) session.droppedEvents += 1
    }
  }

  /**
   * An event of the router itself, which no other protocol sees and nobody stores (spec/wamp 10).
   * @param cause the session that is not told
   */
  publishMeta(uri: string, args: WampArgs, cause?: WampSession): void {
    const matching = this.subscriptions.ofUri(uri)
    if (matching.length === 0) return
    const publication = newId()
    const payload = encodePayload(json, args)
    const { event: type } = messageTypes
    for (const { id, match, sessions } of matching) {
      const details = match === 'exact' ? {} : { topic: uri }
      for (const session of sessions) {
        if (session === cause) continue
        session.send({ type, subscription: id, publication, details, payload })
      }
    }
  }

  #begin(publication: Publication): void {
    this.#serial = publication.serial
    this.#matching = this.subscriptions.ofTopic(publication.topic)
    this.#handed = this.publishing.handedAs(publication)
    this.#payload = this.#handed?.payload
    this.#publicationId = 0
    this.#frames.reset(this.#matching.length)
  }

  /** Whether the publisher is not to be served, or others are not. */
  #isExcept(session: WampSession, publication: Publication): boolean {
    const handed = this.#handed
    if (handed !== undefined) return handed.publisher === session && handed.options.excludeMe
    const { headers } = publication
    return headers.size > 0 && headers.get(exceptHeader) === session.token
  }

  #encode(
    index: number,
    subscription: Subscription,
    session: WampSession,
    publication: Publication,
  ): void {
    const { serializer } = session
    if (this.#publicationId === 0) this.#publicationId = this.#idOf(publication)
    const payload = (this.#payload ??= payloadOf(publication, serializer))
    const details = detailsOfEvent(publication, subscription, () =>
      topicToUri(publication.topic.name),
    )
    this.#frames.encode(index, serializer, subscription.id, this.#publicationId, details, payload)
  }

  #idOf(publication: Publication): number {
    if (publication.sequence > 0) return publicationIdOf(publication.toMessage().id)
    const id = newId()
    if (this.#handed !== undefined) this.#handed.publicationId = id
    return id
  }

  #subscribeOnBus(session: WampSession, uri: string, match: MatchPolicy): void {
    if (isOnBus(uri, match)) session.client.live.subscribe(filterOf(uri, match))
  }

  #replay(session: WampSession, subscription: Subscription, query: HistoryQuery): void {
    session.replays.get(subscription)?.stop()
    try {
      const replay = new Replay(session, subscription, query)
      session.replays.set(subscription, replay)
      void replay.run()
    } catch (error) {
      if (!(error instanceof WampError)) throw error
      // It was told that it is subscribed: the past it asked for cannot be left out silently.
      session.peer.abort(error.uri, error.message)
    }
  }

  #tellSubscribed(session: WampSession, subscription: Subscription, isCreated: boolean): void {
    const { id, uri, match, createdAtMs } = subscription
    if (isCreated) {
      const created = new Date(createdAtMs).toISOString()
      const about = { id, created, uri, match }
      this.publishMeta('wamp.subscription.on_create', [session.id, about], session)
    }
    this.publishMeta('wamp.subscription.on_subscribe', [session.id, id], session)
  }
}

function isLet(
  session: WampSession,
  subscription: Subscription,
  publication: Publication,
): boolean {
  return session.replays.get(subscription)?.lets(publication) ?? true
}

/** What the router itself tells does not go over the bus. */
function isOnBus(uri: string, match: MatchPolicy): boolean {
  return !isReservedUri(uri) || (match === 'prefix' && uri === 'wamp')
}
