/**
 * The live half of the bus: who is there, who receives what, and the hand-over of what is not stored.
 * `MsgBus` owns one and feeds it the commits of the store, so that stored publications reach live
 * subscribers after their commit, in commit order, and all others at once (architecture 4).
 *
 * Nothing here waits: `publishLive` and `route` are synchronous and allocate nothing per message that
 * nobody keeps.
 */

import { copyOf } from '../base/copy-of.ts'
import { BusError, toBusError } from '../model/errors.ts'
import { type Action, daemonIdentity } from '../model/identity.ts'
import type { LevelFilter } from '../model/level-filter.ts'
import type { Limits } from '../model/limits.ts'
import { deleteMarkerTopic, type Headers, noHeaders, type StoredMessage } from '../model/message.ts'
import { type NodeId, nodeIdEquals } from '../model/node-id.ts'
import type { SlowReaderPolicy } from '../model/topic-rule.ts'
import { type AccessCheck, accessDenied, type Subject } from './access.ts'
import { CatchUp } from './catch-up.ts'
import { ClientRegistry } from './client-registry.ts'
import type { Clock } from './clock.ts'
import type { BusCounters } from './counters.ts'
import { parseDeleteMarker } from './delete-marker.ts'
import { filterReach, nameOf } from './filter-reach.ts'
import { IdentityUsages } from './identity-usage.ts'
import { LastValues } from './last-values.ts'
import type { LiveFilter, PublishOutcome, PublishReceiver, Sender } from './live.ts'
import type { LiveClient } from './live-client.ts'
import { LivePublication, unnamedSender } from './live-publication.ts'
import type { LogSubscription } from './log-subscription.ts'
import type { LogStore } from './log-store.ts'
import type { Logger } from './logger.ts'
import { checkOutgoing, isStorableTopic } from './message-checks.ts'
import { ParkedMessages } from './parked-messages.ts'
import { Procedures } from './procedures.ts'
import { Router } from './router.ts'
import {
  asUnacknowledged,
  isClientName,
  publisherHeader,
  withPublisher,
} from './publisher-header.ts'
import type { RemoteSide } from './remote-side.ts'
import type { TopicRules } from './topic-rules.ts'
import { levelFilterMatcher } from './topic-tree.ts'
import { type Topic, Topics } from './topics.ts'

export interface LiveBusOptions {
  readonly node: NodeId
  readonly limits: Limits
  readonly clock: Clock
  readonly logger: Logger
  readonly access: AccessCheck
  readonly counters: BusCounters
  readonly topicRules: TopicRules
  /** The bus has ended a client that did not ask for it; what else it has ends, too. */
  readonly ended: (client: LiveClient, error: BusError) => void
  /** The open store; undefined while starting or stopping. */
  readonly store: () => LogStore | undefined
}

export { publisherHeader } from './publisher-header.ts'

/** Publications that a rule stores though nobody waits for them, per client: beyond it the client waits. */
const unackedBytesMost = 1_048_576
/** What one of them costs beside its payload. */
const unackedOverheadBytes = 256
const rememberedSenders = 10_000
const encoder = new TextEncoder()

export class LiveBus {
  readonly node: NodeId
  readonly limits: Limits
  readonly clock: Clock
  readonly access: AccessCheck
  readonly counters: BusCounters
  readonly topics: Topics
  readonly router: Router
  readonly registry: ClientRegistry
  readonly procedures: Procedures
  readonly lastValues: LastValues
  /** Who is at other nodes; undefined while no link carries live traffic. */
  remote: RemoteSide | undefined
  /** What users use of what they may. */
  readonly usages: IdentityUsages
  readonly #options: LiveBusOptions
  readonly #publication: LivePublication
  #isPublicationLent = false
  /** Names of publishers that are not here any more, or never were. */
  readonly #senders = new Map<string, Sender>()
  /** Log subscriptions that took something and were not flushed yet. */
  readonly #touched: LogSubscription[] = []
  /** Beside that of everybody, by name; there are as many as the configuration names. */
  readonly #callSpaces = new Map<string, Procedures>()
  #isFlushDue = false
  /** Sequence of the message that is being routed; undefined between commits. */
  #routed: number | undefined
  /** Counters of clients that left. */
  readonly departed = { receivedFrames: 0, receivedBytes: 0, sentFrames: 0, sentBytes: 0 }

  constructor(options: LiveBusOptions) {
    const { node, limits, clock, access, counters, topicRules } = options
    this.#options = options
    this.node = node
    this.limits = limits
    this.clock = clock
    this.access = access
    this.counters = counters
    this.lastValues = new LastValues({ node, maxBytes: limits.lastValueBytes })
    this.topics = new Topics({
      rules: topicRules,
      lastValues: this.lastValues,
      capacity: limits.rememberedTopics,
    })
    this.router = new Router({
      findTopic: (name) => this.topics.peek(name),
      access,
    })
    this.usages = new IdentityUsages(access, clock)
    this.registry = new ClientRegistry(this)
    this.procedures = new Procedures(this)
    this.#publication = new LivePublication(node, clock)
  }

  get isStoreOpen(): boolean {
    return this.#options.store() !== undefined
  }

  /** Of the call space that a client is in. */
  proceduresOf({ join: { callSpace } }: LiveClient): Procedures {
    return this.callSpace(callSpace)
  }

  /** Of this name; made when it is first asked for. Without a name: that of everybody. */
  callSpace(callSpace: string | undefined): Procedures {
    if (callSpace === undefined) return this.procedures
    let procedures = this.#callSpaces.get(callSpace)
    if (procedures === undefined) {
      procedures = new Procedures(this, this.procedures)
      this.#callSpaces.set(callSpace, procedures)
    }
    return procedures
  }

  /** @throws BusError `permission_denied` that names the rule */
  requireAccess(subject: Subject, action: Action, resource: string): void {
    if (this.access.isOpen || subject.identity === daemonIdentity) return
    const rule = this.access.refusal(subject, action, resource)
    if (rule !== undefined) throw this.#refused(subject, action, resource, rule)
  }

  /** As `requireAccess`, for a pattern: something that it matches has to be allowed. */
  requireFilterAccess(subject: Subject, action: Action, filter: LiveFilter): void {
    if (this.access.isOpen || subject.identity === daemonIdentity) return
    const rule = filterRefusal(this.access, subject, action, filter)
    if (rule === undefined) return
    throw this.#refused(subject, action, textOf(filter), rule)
  }

  /** As `requireAccess`, for a pattern of procedures: everything that it matches has to be allowed. */
  requirePatternAccess(subject: Subject, procedure: string, texts: readonly string[]): void {
    const rule = this.patternRefusal(subject, procedure, texts)
    if (rule !== undefined) throw this.#refused(subject, 'register', procedure, rule)
  }

  /** Which rule refuses to register a pattern; nothing is recorded. */
  patternRefusal(
    subject: Subject,
    procedure: string,
    texts: readonly string[],
  ): string | undefined {
    const { access } = this
    if (access.isOpen || subject.identity === daemonIdentity) return undefined
    if (access.patternRefusal !== undefined) {
      return access.patternRefusal(subject, 'register', texts)
    }
    return access.refusal(subject, 'register', procedure)
  }

  /** As `requireAccess`, for callers that have another way to say no. */
  isAllowed(subject: Subject, action: Action, resource: string): boolean {
    if (this.access.isOpen || subject.identity === daemonIdentity) return true
    const rule = this.access.refusal(subject, action, resource)
    if (rule === undefined) return true
    this.#refused(subject, action, resource, rule)
    return false
  }

  /** Whether something is to be shown to somebody: nothing was asked for, so nothing is refused. */
  maySee(subject: Subject, action: Action, resource: string): boolean {
    const { access } = this
    if (access.isOpen || subject.identity === daemonIdentity) return true
    return access.refusal(subject, action, resource) === undefined
  }

  #refused(subject: Subject, action: Action, resource: string, rule: string): BusError {
    this.counters.accessDenied += 1
    this.access.refused?.(subject, action, resource, rule)
    return accessDenied(subject, action, resource, rule)
  }

  /**
   * The rules have changed: topics find their receivers anew with the next publication, and what a client has that it
   * may not have any more ends now.
   */
  accessChanged(): void {
    const { access, registry, router } = this
    router.forgetAll()
    for (const client of registry.clients) {
      const { identity, name } = client
      if (client.isClosed || client.isDaemon) continue
      if (access.isValid?.(identity) === false) registry.end(client, revoked(identity.user))
      else if (!this.maySee(client, 'connect', name)) {
        const rule = access.refusal(client, 'connect', name) ?? ''
        registry.end(client, accessDenied(client, 'connect', name, rule))
      }
      if (client.usage !== undefined) client.usage.limits = access.limitsOf?.(identity)
    }
    this.procedures.accessChanged()
    for (const procedures of this.#callSpaces.values()) procedures.accessChanged()
  }

  /**
   * A publication that asked for no acknowledgement. Access has been checked.
   * @param only deliver to the client of this name and its secondaries alone, or to those it chooses
   * @param isAcknowledged its publisher waits for an answer, and a rule keeps it from being stored
   */
  publishLive(
    sender: LiveClient,
    topic: Topic,
    bytes: Uint8Array,
    start: number,
    end: number,
    realtime: boolean,
    only?: string | ((receiver: PublishReceiver) => boolean),
    headers: Headers = noHeaders,
    isAcknowledged = false,
  ): PublishOutcome {
    const { maxPayloadBytes, store } = topic.settings
    const isTooLarge = maxPayloadBytes !== undefined && end - start > maxPayloadBytes
    if ((topic.isReserved && !sender.isDaemon) || isTooLarge) {
      this.counters.messagesRefused += 1
      return 'refused'
    }
    // What the daemon itself has to say is for now.
    const isStored = store === 'always' && only === undefined && !sender.isDaemon
    if (isStored && isStorableTopic(topic.name, this.limits)) {
      return this.#storeUnacked(sender, topic, copyOf(bytes, start, end), realtime, headers)
    }
    const publication = this.#lend()
    publication.setLive(topic, sender, bytes, start, end, headers, realtime, isAcknowledged)
    topic.publications += 1
    // First, since receivers may publish: what they say is newer.
    if (only === undefined) this.lastValues.remember(topic, publication, this.clock.now())
    this.#deliverLive(sender, topic, publication, only)
    this.#takeBack(publication)
    return 'published'
  }

  /**
   * A publication of another node that came by a link: it is delivered here and never stored, since what is stored
   * travels in logs. Access has been checked.
   * @param feeder a client without inbox on whose behalf it is delivered: whoever has no room loses it
   */
  publishRemote(
    feeder: LiveClient,
    sender: Sender,
    origin: NodeId,
    topic: Topic,
    bytes: Uint8Array,
    start: number,
    end: number,
    realtime: boolean,
    headers: Headers,
    isAcknowledged: boolean,
  ): PublishOutcome {
    const { maxPayloadBytes } = topic.settings
    if (topic.isReserved || (maxPayloadBytes !== undefined && end - start > maxPayloadBytes)) {
      this.counters.messagesRefused += 1
      return 'refused'
    }
    const publication = this.#lend()
    publication.setLive(topic, sender, bytes, start, end, headers, realtime, isAcknowledged)
    publication.setRemote(origin)
    topic.publications += 1
    this.lastValues.remember(topic, publication, this.clock.now())
    this.#deliverLive(feeder, topic, publication, undefined)
    this.#takeBack(publication)
    return 'published'
  }

  /** Hands messages that just became visible to those who subscribed to their topics. */
  route(messages: readonly StoredMessage[]): void {
    for (const message of messages) {
      this.#routed = message.sequence
      const topic = this.topics.byName(message.topic)
      this.router.resolve(topic)
      for (const subscription of topic.subscriptions) {
        if (subscription.offer(message)) this.#touched.push(subscription)
      }
      if (topic.isReserved) {
        if (message.topic === deleteMarkerTopic) this.#forgetDeleted(message)
        continue
      }
      if (message.deleted) continue
      topic.publications += 1
      const publication = this.#lend()
      publication.setStored(topic, this.#senderOf(message), message)
      this.lastValues.remember(topic, publication, message.createdAtMs)
      publication.fanOut = topic.clients.length
      for (const client of topic.clients) this.#deliverStored(client, publication)
      this.#takeBack(publication)
    }
    this.#routed = undefined
    this.#flush()
  }

  /**
   * Publishes something the daemon itself has to say, to whoever subscribed. Not stored.
   * @param sender a client of the daemon
   */
  announce(sender: LiveClient, topicName: string, payload: Uint8Array): void {
    const topic = this.topics.byName(topicName)
    this.publishLive(sender, topic, payload, 0, payload.length, false)
  }

  /** Whether a client is to be given what is stored on this topic. */
  #wants(client: LiveClient, topic: Topic): boolean {
    if (topic.isReserved) return false
    this.router.resolve(topic)
    return topic.clients.includes(client)
  }

  /** Topics that have a last value, that the filter reaches and the client may do this with; oldest first. */
  topicsWithLast(client: LiveClient, action: 'fetch' | 'delete', filter: LiveFilter): Topic[] {
    const found: Topic[] = []
    for (const topic of this.#candidates(filter)) {
      if (this.maySee(client, action, topic.name)) found.push(topic)
    }
    return found.sort((one, other) => (one.last?.order ?? 0) - (other.last?.order ?? 0))
  }

  *#candidates(filter: LiveFilter): Iterable<Topic> {
    const name = nameOf(filter)
    if (name !== undefined) {
      const topic = this.topics.peek(name)
      if (topic?.last !== undefined) yield topic
      return
    }
    const reaches = filterReach(filter)
    for (const topic of this.lastValues.topics()) if (reaches(topic)) yield topic
  }

  /** What was deleted is not the newest message of its topic any more, and none that is older takes its place. */
  #forgetDeleted({ origin, payload }: StoredMessage): void {
    const marker = parseDeleteMarker(payload)
    if (marker === undefined || !nodeIdEquals(marker.origin, origin)) return
    const topic = this.topics.peek(marker.topic)
    const last = topic?.last?.stored
    if (topic === undefined || last === undefined || !nodeIdEquals(last.origin, origin)) return
    if (last.headId >= marker.fromHead && last.headId <= marker.toHead) {
      this.lastValues.forget(topic)
    }
  }

  /** The bus has ended a client: so does what is not of the live path. */
  ended(client: LiveClient, error: BusError): void {
    this.#options.ended(client, error)
  }

  /** A client leaves: what it counted stays in the sums. */
  countDeparted(client: LiveClient): void {
    const { departed } = this
    departed.receivedFrames += client.receivedFrames
    departed.receivedBytes += client.receivedBytes
    departed.sentFrames += client.sentFrames
    departed.sentBytes += client.sentBytes
  }

  /** @throws BusError `resource_exhausted/quota_exceeded`, `unavailable/starting` */
  checkReplay(client: LiveClient): void {
    if (this.#options.store() === undefined) {
      throw new BusError('unavailable', 'starting', 'the store is being opened; try again')
    }
    if (client.catchUp === undefined) return
    const text = 'this client is reading from the store already; wait until it has caught up'
    throw new BusError('resource_exhausted', 'quota_exceeded', text)
  }

  /** Gives a client what is stored after a place and matches one of its filters, then goes on live. */
  startReplay(client: LiveClient, filter: LevelFilter, after: number): void {
    // In the middle of a commit the rest of it is still to be routed.
    const until = this.#routed ?? this.#options.store()?.lastSequence ?? 0
    if (after >= until) return
    this.#startCatchUp(client, after, { until, matches: levelFilterMatcher(filter) })
    client.catchUp?.resume()
  }

  /** Place in the commit order up to which everything was routed. */
  get routedTo(): number {
    if (this.#routed !== undefined) return this.#routed - 1
    return this.#options.store()?.lastSequence ?? 0
  }

  /** Gives a client what is stored after a place and matches any of its filters, then goes on live. */
  startCatchUp(client: LiveClient, after: number): void {
    const until = this.#routed ?? this.#options.store()?.lastSequence ?? 0
    if (after >= until) return
    this.#startCatchUp(client, after)
    client.catchUp?.resume()
  }

  #deliverLive(
    sender: LiveClient,
    topic: Topic,
    publication: LivePublication,
    only: string | ((receiver: PublishReceiver) => boolean) | undefined,
  ): void {
    this.router.resolve(topic)
    const { clients, subscriptions } = topic
    publication.fanOut = clients.length
    for (const client of clients) {
      if (client.isClosed || (only !== undefined && !isMeant(client, only))) continue
      const hasNoRoom = client.isCongested || client.parked !== undefined
      if (hasNoRoom && !this.#mayOverfill(sender, topic, client, publication)) continue
      client.inbox?.publication(publication)
      if (client.isCongested && policyFor(client, topic) === 'wait') sender.waitFor(client)
    }
    if (subscriptions.length === 0 || only !== undefined) return
    for (const subscription of subscriptions) {
      if (subscription.takesLive && subscription.offer(publication.toMessage())) {
        this.#touched.push(subscription)
      }
    }
    this.#flushSoon()
  }

  /** Whether one more message goes to a client that has no room: when its sender waits afterwards. */
  #mayOverfill(
    sender: LiveClient,
    topic: Topic,
    client: LiveClient,
    publication: LivePublication,
  ): boolean {
    const slowReader = policyFor(client, topic)
    if (slowReader === 'drop-oldest') {
      const parked = (client.parked ??= new ParkedMessages())
      const message = publication.toMessage()
      this.counters.messagesDropped += parked.add({ topic, sender: publication.sender, message })
      return false
    }
    if (!client.isCongested || (slowReader === 'wait' && sender.inbox !== undefined)) return true
    this.counters.messagesDropped += 1
    return false
  }

  /** A client has room again: what was parked for it goes out, until it has none. */
  handOverParked(client: LiveClient): void {
    const { parked } = client
    parked?.drain(({ topic, sender, message }) => {
      const publication = this.#lend()
      const { payload, headers } = message
      // It may have changed its mind since.
      if (!this.#wants(client, this.topics.look(topic.name))) return true
      publication.setLive(topic, sender, payload, 0, payload.length, headers, false)
      client.inbox?.publication(publication)
      this.#takeBack(publication)
      return !client.isCongested
    })
    if (parked?.size === 0) client.parked = undefined
  }

  #deliverStored(client: LiveClient, publication: LivePublication): void {
    // What is stored travels in logs.
    if (client.catchUp !== undefined || client.isClosed || client.isElsewhere) return
    const mustWait = client.isCongested || client.isStoredHeld
    if (mustWait) this.#startCatchUp(client, publication.sequence - 1)
    else client.inbox?.publication(publication)
  }

  /** @param replay up to its `until`, only what it matches is wanted */
  #startCatchUp(client: LiveClient, after: number, replay?: Replay): void {
    const store = this.#options.store()
    if (store === undefined) return
    if (replay === undefined) this.counters.subscriptionsLagged += 1
    client.catchUp = new CatchUp({
      store,
      after,
      wants: (log) => this.#wants(client, this.topics.look(log.topic)),
      deliver: (message) => {
        const isReplayed = replay !== undefined && message.sequence <= replay.until
        if (isReplayed && !replay.matches(message.topic)) return
        const topic = this.topics.look(message.topic)
        if (!this.#wants(client, topic)) return
        const publication = this.#lend()
        publication.setStored(topic, this.#senderOf(message), message)
        client.inbox?.publication(publication)
        this.#takeBack(publication)
      },
      isFull: () => client.isCongested || client.isStoredHeld || client.isClosed,
      onDone: () => (client.catchUp = undefined),
      onError: (error) => {
        client.catchUp = undefined
        this.registry.end(client, toBusError(error))
      },
    })
  }

  #storeUnacked(
    sender: LiveClient,
    topic: Topic,
    payload: Uint8Array,
    realtime: boolean,
    headers: Headers,
  ): PublishOutcome {
    const store = this.#options.store()
    const isStopped = sender.inbox !== undefined || sender.unackedBytes <= unackedBytesMost
    if (store === undefined || !isStopped) {
      this.counters.messagesRefused += 1
      return 'refused'
    }
    // Protocols that tell their receivers how it was published know it from the log, too.
    const named = asUnacknowledged(withPublisher(headers, sender.name))
    const message = { topic: topic.name, payload, headers: named, history: true, realtime }
    try {
      checkOutgoing(message, this.node, this.limits, topic.settings)
    } catch {
      // Too large to be stored; nobody waits to hear what exactly is wrong with it.
      this.counters.messagesRefused += 1
      return 'refused'
    }
    const cost = payload.length + unackedOverheadBytes
    sender.unackedBytes += cost
    if (sender.unackedBytes > unackedBytesMost) sender.block(storeBlocker)
    store
      .append([message])
      .then(
        ([outcome]) => {
          if (outcome?.kind === 'stored') {
            this.counters.messagesPublished += 1
            this.counters.payloadBytesPublished += payload.length
          } else this.counters.messagesRefused += 1
        },
        (error: unknown) => {
          this.counters.messagesRefused += 1
          const { reason } = toBusError(error)
          this.#options.logger.warn('unacknowledged_publication_lost', { reason })
        },
      )
      .finally(() => {
        sender.unackedBytes -= cost
        if (sender.unackedBytes <= unackedBytesMost / 2) sender.unblock(storeBlocker)
      })
    return 'published'
  }

  #senderOf(message: StoredMessage): Sender {
    const name = message.headers.size === 0 ? undefined : message.headers.get(publisherHeader)
    if (name === undefined || !isClientName(name)) return unnamedSender
    const known = this.registry.byName(name) ?? this.#senders.get(name)
    if (known !== undefined) return known
    const sender: Sender = { name, nameBytes: encoder.encode(name) }
    if (this.#senders.size >= rememberedSenders) this.#senders.clear()
    this.#senders.set(name, sender)
    return sender
  }

  /** The reused object, or another while a receiver publishes in the middle of a delivery. */
  #lend(): LivePublication {
    if (this.#isPublicationLent) return new LivePublication(this.node, this.clock)
    this.#isPublicationLent = true
    return this.#publication
  }

  #takeBack(publication: LivePublication): void {
    if (publication === this.#publication) this.#isPublicationLent = false
  }

  /** Publications of one turn reach a log subscription together. */
  #flushSoon(): void {
    if (this.#isFlushDue || this.#touched.length === 0) return
    this.#isFlushDue = true
    queueMicrotask(() => {
      this.#isFlushDue = false
      this.#flush()
    })
  }

  #flush(): void {
    for (const subscription of this.#touched) subscription.flush()
    this.#touched.length = 0
  }
}

function revoked(user: string): BusError {
  const text = `what ${user} showed to log in does not hold any longer`
  return new BusError('unauthenticated', 'bad_credentials', text)
}

function filterRefusal(
  access: AccessCheck,
  subject: Subject,
  action: Action,
  filter: LiveFilter,
): string | undefined {
  if (access.filterRefusal !== undefined) return access.filterRefusal(subject, action, filter)
  return access.refusal(subject, action, textOf(filter))
}

function textOf(filter: LiveFilter): string {
  return filter.kind === 'level' ? filter.text : filter.key
}

/** What a client asked to have again. */
interface Replay {
  readonly until: number
  matches(topic: string): boolean
}

/** Stands for the store among those a client waits for. */
const storeBlocker = {}

function policyFor(client: LiveClient, topic: Topic): SlowReaderPolicy {
  return client.join.slowReader ?? topic.settings.slowReader
}

/** A publication for one client is for its secondaries, too. */
function isMeant(
  client: LiveClient,
  only: string | ((receiver: PublishReceiver) => boolean),
): boolean {
  // Whom the choice would fall on at other nodes is not known here, so it goes to none of them.
  if (typeof only === 'function') return !client.isElsewhere && only(client)
  return only !== '' && (client.primary ?? client).name === only
}
