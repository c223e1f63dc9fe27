/**
 * One client of the bus as the live path sees it: its name, its filters, its inbox, and who waits for
 * whom. Every participant of every protocol is one of these; the session of an adapter holds it as
 * `BusClient.live`.
 *
 * Back-pressure (architecture 7): a client whose inbox has no room is *congested*. Whoever sends to it is
 * paused right after the message that found it so, and goes on when it has room again; a sender that
 * cannot be paused is told `full`. Publications that are stored make nobody wait: a congested client
 * falls back to reading them from the store (catch-up.ts).
 */

import { daemonIdentity, type Identity } from '../model/identity.ts'
import type { LevelFilter } from '../model/level-filter.ts'
import { BusError } from '../model/errors.ts'
import type { Headers, StoredMessage } from '../model/message.ts'
import { utf8Length } from '../model/name.ts'
import type { CatchUp } from './catch-up.ts'
import type {
  Inbox,
  JoinOptions,
  LiveFilter,
  LiveOperations,
  PublishOutcome,
  PublishReceiver,
  SendOutcome,
  TopicText,
} from './live.ts'
import { forEverybody } from './everybody.ts'
import { decisive, FilterSet } from './filter-set.ts'
import { isStorableTopic } from './message-checks.ts'
import type { IdentityUsage } from './identity-usage.ts'
import type { LiveBus } from './live-bus.ts'
import type { ParkedMessages } from './parked-messages.ts'

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
/** `JoinOptions.protocol` of what stands for other nodes. */
export const linkProtocol = 'link'

export class LiveClient implements LiveOperations {
  /** Tells it from a log subscription among receivers. */
  readonly isClient = true
  readonly id: number
  readonly name: string
  /** The name in UTF-8: its key in the registry. */
  readonly bytes: Uint8Array
  readonly identity: Identity
  readonly inbox: Inbox | undefined
  readonly join: JoinOptions
  readonly connectedAtMs: number
  /** The client it is a secondary of. */
  readonly primary: LiveClient | undefined
  /** Present when somebody attached to it. */
  secondaries: Set<LiveClient> | undefined = undefined

  receivedFrames = 0
  receivedBytes = 0
  sentFrames = 0
  sentBytes = 0

  /** It stands for clients of other nodes. */
  readonly isElsewhere: boolean
  isCongested = false
  /** It has had no room for so long that nobody waits for it: what is sent to it is refused. */
  isRefusing = false
  /** Stored publications wait, others do not. */
  isStoredHeld = false
  isClosed = false
  /** Of publications that a rule stores though nobody waits for them: bytes not yet stored. */
  unackedBytes = 0
  /** Reads what was stored while it was congested; undefined when it is up to date. */
  catchUp: CatchUp | undefined = undefined

  /** How often in a row its name was taken over lately, and since when (monotonic). */
  takeovers = 0
  takenSince = 0

  /** What its user uses; undefined while nobody counts. */
  usage: IdentityUsage | undefined = undefined

  /** What a rule let wait while it had no room; undefined when nothing does. */
  parked: ParkedMessages | undefined = undefined

  readonly #bus: LiveBus
  #filters: FilterSet<LiveFilter> | undefined
  #exclusions: FilterSet<LevelFilter> | undefined
  /** Who is paused until this client has room. */
  #waiting: Set<LiveClient> | undefined
  /** What this client waits for: receivers, and the store. */
  #blockers: Set<object> | undefined
  /** What a rule allowed before, by the version of the rules. */
  #allowed: Set<object> | undefined
  #allowedVersion = -1

  constructor(bus: LiveBus, id: number, identity: Identity, join: JoinOptions, names: ClientNames) {
    this.#bus = bus
    this.id = id
    this.identity = identity
    this.join = join
    this.inbox = join.inbox
    this.isElsewhere = join.protocol === linkProtocol
    this.name = names.name
    this.bytes = names.bytes
    this.primary = names.primary
    this.connectedAtMs = bus.clock.now()
  }

  get nameBytes(): Uint8Array {
    return this.bytes
  }

  get ruleName(): string {
    return this.join.ruleName ?? this.name
  }

  /** It speaks for the daemon. */
  get isDaemon(): boolean {
    return this.identity === daemonIdentity
  }

  whyUnknown(name: string): BusError {
    const text = `no client has the name ${JSON.stringify(name)}`
    return this.#bus.remote?.whyUnknown(name) ?? new BusError('not_found', 'unknown_client', text)
  }

  get filters(): Iterable<LiveFilter> {
    return this.#filters?.values() ?? []
  }

  get exclusions(): Iterable<LevelFilter> {
    return this.#exclusions?.values() ?? []
  }

  get subscriptionCount(): number {
    return this.#filters?.size ?? 0
  }

  send(
    bytes: Uint8Array,
    nameStart: number,
    nameEnd: number,
    start: number,
    end: number,
    realtime: boolean,
  ): SendOutcome {
    const bus = this.#bus
    const target = bus.registry.find(bytes, nameStart, nameEnd)
    if (!bus.access.isOpen && !this.#maySend(target, bytes, nameStart, nameEnd)) return 'denied'
    if (target === undefined) return 'unknown'
    return this.#hand(target, bytes, start, end, realtime)
  }

  find(bytes: Uint8Array, nameStart: number, nameEnd: number): LiveClient | undefined {
    return this.#bus.registry.find(bytes, nameStart, nameEnd)
  }

  get namesVersion(): number {
    return this.#bus.registry.version
  }

  sendTo(
    peer: LiveClient,
    bytes: Uint8Array,
    start: number,
    end: number,
    realtime: boolean,
  ): SendOutcome {
    if (peer.isClosed) return 'unknown'
    if (!this.#bus.access.isOpen && !this.#may('send', peer, peer.name)) return 'denied'
    return this.#hand(peer, bytes, start, end, realtime)
  }

  sendToNobody(bytes: Uint8Array, nameStart: number, nameEnd: number): SendOutcome {
    if (this.#bus.access.isOpen || this.#maySend(undefined, bytes, nameStart, nameEnd)) {
      return 'unknown'
    }
    return 'denied'
  }

  broadcast(
    mask: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    realtime: boolean,
  ): number {
    const bus = this.#bus
    bus.requireAccess(this, 'broadcast', mask)
    const receivers = bus.registry.matching(mask)
    let taken = 0
    for (const receiver of receivers) {
      if (receiver.inbox === undefined || receiver.isClosed) continue
      if (receiver.isCongested && this.inbox === undefined) {
        bus.counters.messagesDropped += 1
        continue
      }
      receiver.inbox.broadcast(this, bytes, start, end, realtime)
      taken += 1
      if (receiver.isCongested) this.waitFor(receiver)
    }
    if (bus.remote !== undefined)
      taken += bus.remote.broadcast(this, mask, bytes, start, end, realtime)
    return taken
  }

  publish(
    bytes: Uint8Array,
    topicStart: number,
    topicEnd: number,
    start: number,
    end: number,
    realtime: boolean,
    only?: string | ((receiver: PublishReceiver) => boolean),
    headers?: Headers,
  ): 'published' | 'denied' | 'refused' {
    const bus = this.#bus
    if (topicEnd - topicStart > bus.limits.topicBytes) {
      bus.counters.messagesRefused += 1
      return 'refused'
    }
    const topic = bus.topics.byBytes(bytes, topicStart, topicEnd)
    if (!bus.access.isOpen && !this.#may('publish', topic, topic.name)) return 'denied'
    if (this.usage !== undefined && !this.usage.takePublish(end - start)) {
      bus.counters.messagesRefused += 1
      return 'refused'
    }
    return bus.publishLive(this, topic, bytes, start, end, realtime, only, headers)
  }

  publishUnstored(
    bytes: Uint8Array,
    topicStart: number,
    topicEnd: number,
    start: number,
    end: number,
    headers: Headers,
  ): PublishOutcome | 'stored' {
    const bus = this.#bus
    const { limits } = bus
    if (topicEnd - topicStart > limits.topicBytes || !bus.isStoreOpen) return 'stored'
    const topic = bus.topics.byBytes(bytes, topicStart, topicEnd)
    if (topic.settings.store !== 'never' || topic.isReserved) return 'stored'
    // What might be refused takes the way on which every limit is looked at.
    const isSmall = end - start < limits.envelopeBytes / 2 && headers.size <= plainHeadersMost
    const first = bytes[topicStart] ?? 0
    const isPlain = first > 0x20 && first < 0x80
    if (!isSmall || !(isPlain || isStorableTopic(topic.name, limits))) return 'stored'
    if (!bus.access.isOpen && !this.#may('publish', topic, topic.name)) return 'denied'
    return bus.publishLive(this, topic, bytes, start, end, false, undefined, headers, true)
  }

  subscribe(filter: LiveFilter): void {
    const bus = this.#bus
    const text = filter.kind === 'level' ? filter.text : filter.key
    this.requireOpen()
    // The length of a text filter is its protocol's to limit: its key counts the form of the view.
    if (filter.kind === 'level') this.#checkLength(text)
    if (text !== forEverybody) bus.requireFilterAccess(this, 'subscribe', filter)
    const filters = (this.#filters ??= new FilterSet<LiveFilter>())
    if (filters.has(filter)) return
    requireRoom(filters.size, bus.limits.filtersPerClient, 'live subscriptions')
    this.usage?.requireSubscription()
    const isNew = filters.add(filter)
    if (this.usage !== undefined) this.usage.subscriptions += 1
    if (!isNew) return
    if (filter.kind === 'level') bus.router.addFilter(decisive(filter), this)
    else bus.router.addText(filter, this)
  }

  subscribeFrom(filter: LevelFilter, after: number): void {
    this.#bus.checkReplay(this)
    this.subscribe(filter)
    this.#bus.startReplay(this, filter, after)
  }

  continueAfter(sequence: number): void {
    this.#bus.checkReplay(this)
    this.#bus.startCatchUp(this, sequence)
  }

  unsubscribe(filter: LiveFilter): boolean {
    const deleted = this.#filters?.delete(filter) ?? 'unknown'
    if (deleted !== 'unknown' && this.usage !== undefined) this.usage.subscriptions -= 1
    if (deleted !== 'last') return deleted === 'shared'
    const { router } = this.#bus
    if (filter.kind === 'text') router.removeText(filter, this)
    else router.removeFilter(decisive(filter), this)
    return true
  }

  exclude(filter: LevelFilter): void {
    const { limits, router } = this.#bus
    this.requireOpen()
    this.#checkLength(filter.text)
    const exclusions = (this.#exclusions ??= new FilterSet<LevelFilter>())
    if (exclusions.has(filter)) return
    requireRoom(exclusions.size, limits.filtersPerClient, 'exclusions')
    if (exclusions.add(filter)) router.addExclusion(decisive(filter), this)
  }

  unexclude(filter: LevelFilter): boolean {
    const deleted = this.#exclusions?.delete(filter) ?? 'unknown'
    if (deleted === 'last') this.#bus.router.removeExclusion(decisive(filter), this)
    return deleted !== 'unknown'
  }

  lastValues(filter: LiveFilter): StoredMessage[] {
    const messages: StoredMessage[] = []
    for (const topic of this.#bus.topicsWithLast(this, 'fetch', filter)) {
      const message = this.#bus.lastValues.read(topic)
      if (message !== undefined) messages.push(message)
    }
    return messages
  }

  forgetLast(filter: LiveFilter): number {
    const topics = this.#bus.topicsWithLast(this, 'delete', filter)
    for (const topic of topics) this.#bus.lastValues.forget(topic)
    return topics.length
  }

  knownTopics(filter: LiveFilter): TopicText[] {
    const topics = this.#bus.topicsWithLast(this, 'fetch', filter)
    return topics.sort((one, other) => (one.name < other.name ? -1 : 1))
  }

  congested(isCongested: boolean): void {
    this.isRefusing = false
    if (this.isCongested === isCongested) return
    this.isCongested = isCongested
    if (isCongested) return
    this.#bus.handOverParked(this)
    // Each step may have filled it again.
    if (!this.#isFull()) this.catchUp?.resume()
    if (!this.#isFull()) this.#releaseWaiting()
  }

  /** It still has no room, and whoever waits for it goes on. */
  refuse(): void {
    this.congested(false)
    this.isCongested = true
    this.isRefusing = true
  }

  holdStored(isHeld: boolean): void {
    this.isStoredHeld = isHeld
    if (!isHeld) this.catchUp?.resume()
  }

  get offeredTo(): number {
    return this.catchUp?.after ?? this.#bus.routedTo
  }

  /**
   * Whoever has left gets nothing more to keep, also when it asked before it left.
   * @throws BusError `cancelled`
   */
  requireOpen(): void {
    if (this.isClosed) throw new BusError('cancelled', 'cancelled', 'this client has left')
  }

  /** Pauses this client until the other one has room. */
  waitFor(receiver: LiveClient): void {
    // Whoever has left in the middle of a delivery will never say that it has room.
    if (receiver.isClosed || !this.block(receiver)) return
    const waiting = (receiver.#waiting ??= new Set())
    waiting.add(this)
  }

  /** Pauses this client until `unblock` with the same blocker. False when that changes nothing. */
  block(blocker: object): boolean {
    if (this.inbox === undefined || this.isClosed) return false
    const blockers = (this.#blockers ??= new Set())
    if (blockers.has(blocker)) return false
    blockers.add(blocker)
    if (blockers.size > 1) return true
    this.#bus.counters.clientsPaused += 1
    this.inbox.pause()
    return true
  }

  unblock(blocker: object): void {
    if (this.#blockers?.delete(blocker) === true && this.#blockers.size === 0) this.inbox?.resume()
  }

  /** Takes it out of everything; tells nobody. Called by the registry. */
  detach(): void {
    this.isClosed = true
    const { router } = this.#bus
    if (this.usage !== undefined) this.usage.subscriptions -= this.subscriptionCount
    for (const filter of this.#filters?.values() ?? []) {
      if (filter.kind === 'level') router.removeFilter(decisive(filter), this)
      else router.removeText(filter, this)
    }
    for (const filter of this.#exclusions?.values() ?? []) {
      router.removeExclusion(decisive(filter), this)
    }
    this.#filters = undefined
    this.#exclusions = undefined
    this.parked = undefined
    this.catchUp?.stop()
    this.catchUp = undefined
    for (const blocker of this.#blockers ?? []) {
      if (blocker instanceof LiveClient) blocker.#waiting?.delete(this)
    }
    this.#blockers = undefined
    this.#releaseWaiting()
  }

  #hand(
    target: LiveClient,
    bytes: Uint8Array,
    start: number,
    end: number,
    realtime: boolean,
  ): SendOutcome {
    const { inbox } = target
    if (inbox === undefined) return 'unknown'
    if (target.isCongested && (this.inbox === undefined || target.isRefusing)) {
      this.#bus.counters.messagesDropped += 1
      return 'full'
    }
    inbox.message(this, bytes, start, end, realtime)
    // The daemon answers what it was asked: whoever does not read the answers is not read from.
    if (target.isCongested) (this.isDaemon ? target : this).waitFor(target)
    return 'sent'
  }

  #releaseWaiting(): void {
    const waiting = this.#waiting
    if (waiting === undefined || waiting.size === 0) return
    this.#waiting = undefined
    for (const sender of waiting) sender.unblock(this)
  }

  #maySend(
    target: LiveClient | undefined,
    bytes: Uint8Array,
    nameStart: number,
    nameEnd: number,
  ): boolean {
    if (target !== undefined) return this.#may('send', target, target.name)
    const name = decoder.decode(bytes.subarray(nameStart, nameEnd))
    return this.#bus.isAllowed(this, 'send', name)
  }

  /** Asks the rules once for each thing, as long as they do not change. */
  #may(action: 'send' | 'publish', thing: object, name: string): boolean {
    const { access } = this.#bus
    if (this.#allowedVersion !== access.version) {
      this.#allowed = new Set()
      this.#allowedVersion = access.version
    }
    const allowed = (this.#allowed ??= new Set())
    if (allowed.has(thing)) return true
    if (!this.#bus.isAllowed(this, action, name)) return false
    if (allowed.size >= rememberedDecisions) allowed.clear()
    allowed.add(thing)
    return true
  }

  #checkLength(filter: string): void {
    const { topicBytes } = this.#bus.limits
    if (filter.length * 3 <= topicBytes || utf8Length(filter) <= topicBytes) return
    const text = `a filter has ${utf8Length(filter)} bytes, the limit is ${topicBytes}`
    throw new BusError('invalid_argument', 'name_too_long', text)
  }

  // A method, since the compiler does not see that calls in between change the state.
  #isFull(): boolean {
    return this.isCongested
  }
}

const rememberedDecisions = 1_000
/** As many, and of adapters only, are within every limit. */
const plainHeadersMost = 2

/** What the registry found out about the name of a client that joins. */
export interface ClientNames {
  readonly name: string
  readonly bytes: Uint8Array
  readonly primary: LiveClient | undefined
}

/** @throws BusError `resource_exhausted/quota_exceeded` */
function requireRoom(size: number, limit: number, what: string): void {
  if (size < limit) return
  const text = `this client has ${size} ${what}, which is the limit`
  throw new BusError('resource_exhausted', 'quota_exceeded', text)
}
