/**
 * The bus behind the handles that protocol adapters hold. Publications are checked, appended, and
 * come back as commits of the store, which feed live subscriptions in commit order; what a topic
 * rule keeps from being stored is routed at once.
 *
 * The bus exists before its store is open, so that adapters can listen and answer health from the
 * first moment; until `attach`, everything that needs the store is `unavailable/starting`.
 */

import { BusError } from '../model/errors.ts'
import { daemonIdentity, type Identity } from '../model/identity.ts'
import type { Limits } from '../model/limits.ts'
import type { StoredMessage } from '../model/message.ts'
import type { NodeId } from '../model/node-id.ts'
import type { PeerSyncState } from '../model/peer-sync-state.ts'
import type { TopicRule } from '../model/topic-rule.ts'
import { type AccessCheck, allowEverything } from './access.ts'
import type { TopicReceiver } from './administration.ts'
import type { BusClient } from './bus-client.ts'
import type { ProcedureDirectory } from './calls.ts'
import type { Bus, BusStatus, TopicUsage, Traffic } from './bus.ts'
import { ClientHandle } from './client-handle.ts'
import type { Clock } from './clock.ts'
import { explainTopic } from './explain-topic.ts'
import { BusCounters } from './counters.ts'
import { clientInfo } from './client-registry.ts'
import { defaultHistoryBounds, type HistoryBounds, type Hold } from './history-trimmer.ts'
import type { CallBridge, ClientInfo, JoinOptions, PresenceEvent } from './live.ts'
import { LiveBus } from './live-bus.ts'
import type { LiveClient } from './live-client.ts'
import type { LogStore } from './log-store.ts'
import type { Logger } from './logger.ts'
import type { QueueForwarding } from './queue-forwarding.ts'
import { type QueueRule, Queues } from './queues.ts'
import { RetainedMessages } from './retained-messages.ts'
import { RetentionKeeper } from './retention.ts'
import { TopicRules } from './topic-rules.ts'

export interface MsgBusOptions {
  readonly node: NodeId
  readonly limits: Limits
  readonly clock: Clock
  readonly logger: Logger
  readonly access?: AccessCheck | undefined
  readonly topicRules?: readonly TopicRule[] | undefined
  readonly queueRules?: readonly QueueRule[] | undefined
  /** `keep`: a delete beyond the head silences messages to come, as the reference does. Default `clip`. */
  readonly deleteBeyondHead?: 'clip' | 'keep' | undefined
  /** Default: `defaultHistoryBounds`. */
  readonly history?: HistoryBounds | undefined
}

/** Topic of presence events: `{event, name, protocol, reason, at}` as JSON. */
export const presenceTopic = '$msgbus.clients'

const inProcess: JoinOptions = { protocol: 'in-process', transport: 'internal' }
const encoder = new TextEncoder()

/** What needs the store; present from `attach` on. */
interface Attached {
  readonly store: LogStore
  readonly queues: Queues
  readonly retention: RetentionKeeper
  readonly stopListening: () => void
}

export class MsgBus implements Bus {
  readonly node: NodeId
  readonly limits: Limits
  readonly clock: Clock
  readonly counters = new BusCounters()
  readonly access: AccessCheck
  readonly topicRules: TopicRules
  readonly live: LiveBus
  readonly deleteBeyondHead: 'clip' | 'keep'
  /** The rows about peers as they are now; undefined: those of the store. Set by whoever synchronises. */
  syncStates: (() => PeerSyncState[]) | undefined
  /** Moves queue messages to other nodes; undefined: they all stay here. */
  forwarding: QueueForwarding | undefined
  readonly #options: MsgBusOptions
  readonly #clients = new Map<LiveClient, ClientHandle>()
  readonly #openListeners = new Set<() => void>()
  readonly #shutdownListeners = new Set<() => void>()
  /** Who says what the daemon has to say itself; made with the first word. */
  #daemon: LiveClient | undefined
  readonly retained: RetainedMessages
  readonly #holds = new Set<() => Iterable<Hold>>()
  #attached: Attached | undefined
  #failure: BusError | undefined
  #isStopping = false

  constructor(options: MsgBusOptions) {
    this.#options = options
    this.node = options.node
    this.limits = options.limits
    this.clock = options.clock
    this.access = options.access ?? allowEverything
    this.topicRules = new TopicRules(options.topicRules ?? [])
    this.deleteBeyondHead = options.deleteBeyondHead ?? 'clip'
    this.retained = new RetainedMessages(options.limits)
    this.live = new LiveBus({ ...options, ...this.#liveParts() })
    this.live.registry.onPresence((event) => this.#announce(event))
  }

  /**
   * To be called when the answers of `access` may have changed: what somebody has and may not have any more ends within
   * the turn, and nothing that is forbidden now is delivered afterwards.
   */
  accessChanged(): void {
    this.live.accessChanged()
    for (const client of this.#clients.values()) client.accessChanged()
  }

  /** Who subscribes to what a topic matches, and why they would get a message on it or not. */
  explainTopic(name: string): TopicReceiver[] {
    return explainTopic(this.live.topics.look(name), this.#clients.values(), this.access)
  }

  /** Opens for business. The store stays the caller's to close, after `shutdown`. */
  attach(store: LogStore): void {
    const { clock, logger, limits, queueRules = [] } = this.#options
    const { counters, topicRules } = this
    const defaultLeaseMs = limits.queueLeaseMs
    this.#failure = undefined
    this.#attached = {
      store,
      queues: new Queues({ store, clock, logger, counters, rules: queueRules, defaultLeaseMs }),
      retention: new RetentionKeeper({
        store,
        rules: topicRules,
        history: this.#options.history ?? defaultHistoryBounds,
        holds: () => this.#readersBehind(),
        clock,
        logger,
        counters,
      }),
      stopListening: store.onCommit((batch) => this.live.route(batch.messages)),
    }
    for (const listener of this.#openListeners) listener()
    this.#openListeners.clear()
  }

  /** The store could not be opened: says so to everybody who asks. */
  fail(error: BusError): void {
    this.#failure = error
  }

  /** Refuses new work, ends subscriptions and consumers with UNAVAILABLE, stops background work. */
  async shutdown(): Promise<void> {
    for (const listener of this.#shutdownListeners) listener()
    this.#shutdownListeners.clear()
    this.#isStopping = true
    const error = stopping()
    for (const client of this.#clients.values()) client.end(error)
    this.#attached?.queues.close(error)
    this.#attached?.stopListening()
    await this.#attached?.retention.close()
  }

  connect(identity: Identity, join: JoinOptions = inProcess): BusClient {
    if (this.#isStopping) throw stopping()
    const live = this.live.registry.join(identity, join)
    const client = new ClientHandle(this, live, () => this.#clients.delete(live))
    this.#clients.set(live, client)
    return client
  }

  clients(): ClientInfo[] {
    const clients: ClientInfo[] = []
    for (const client of this.live.registry.clients) {
      if (client !== this.#daemon && !client.isElsewhere) clients.push(this.#info(client))
    }
    return clients
  }

  client(name: string): ClientInfo | undefined {
    const client = this.live.registry.byName(name)
    return client === undefined ? undefined : this.#info(client)
  }

  traffic(): Traffic {
    let { receivedFrames, receivedBytes, sentFrames, sentBytes } = this.live.departed
    for (const client of this.live.registry.clients) {
      receivedFrames += client.receivedFrames
      receivedBytes += client.receivedBytes
      sentFrames += client.sentFrames
      sentBytes += client.sentBytes
    }
    return { receivedFrames, receivedBytes, sentFrames, sentBytes }
  }

  onPresence(listener: (event: PresenceEvent) => void): () => void {
    return this.live.registry.onPresence(listener)
  }

  handle(name: string): BusClient | undefined {
    const client = this.live.registry.byName(name)
    return client === undefined ? undefined : this.#clients.get(client)
  }

  onOpen(listener: () => void): () => void {
    this.#openListeners.add(listener)
    return () => this.#openListeners.delete(listener)
  }

  onShutdown(listener: () => void): () => void {
    this.#shutdownListeners.add(listener)
    return () => this.#shutdownListeners.delete(listener)
  }

  procedures(callSpace?: string): ProcedureDirectory {
    return this.live.callSpace(callSpace)
  }

  addBridge(bridge: CallBridge): () => void {
    return this.live.procedures.addBridge(bridge)
  }

  addHolds(holds: () => Iterable<Hold>): () => void {
    this.#holds.add(holds)
    return () => this.#holds.delete(holds)
  }

  keepsLog(topic: string): boolean {
    return this.topicRules.of(topic).store !== 'never'
  }

  lastValue(topic: string): StoredMessage | undefined {
    const known = this.live.topics.peek(topic)
    return known === undefined ? undefined : this.live.lastValues.read(known)
  }

  connectRefused(identity: Identity, name: string, why: string): void {
    this.access.refused?.({ identity, name }, 'connect', name, why)
  }

  topicTable(): Iterable<TopicUsage> {
    return this.live.topics.values()
  }

  get store(): LogStore | undefined {
    return this.#attached?.store
  }

  /** @throws BusError `unavailable` while starting or stopping */
  requireStore(): LogStore {
    return this.#requireAttached().store
  }

  /** @throws BusError `unavailable` while starting or stopping */
  requireQueues(): Queues {
    return this.#requireAttached().queues
  }

  status(): BusStatus {
    const store = this.#attached?.store
    const status = store?.status()
    const problem = this.#isStopping ? stopping() : (this.#failure ?? status?.failure)
    const isReady = store !== undefined && problem === undefined
    return {
      node: this.node,
      ready: isReady,
      error: problem?.message ?? (isReady ? '' : starting().message),
      store: status,
      epoch: store?.epoch ?? '',
      lastSequence: store?.lastSequence ?? 0,
      history: this.#attached?.retention.usage,
      subscriptions: this.live.router.size,
      // Counted when asked for, so that readiness costs the same however many queues there are.
      get queues() {
        return store === undefined ? 0 : [...store.queues()].length
      },
    }
  }

  *#readersBehind(): Iterable<Hold> {
    for (const client of this.#clients.values()) yield* client.readersBehind()
    for (const holds of this.#holds) yield* holds()
  }

  #liveParts() {
    const { counters, access, topicRules } = this
    return {
      counters,
      access,
      topicRules,
      store: () => this.#attached?.store,
      ended: (client: LiveClient, error: BusError) => this.#clients.get(client)?.ended(error),
    }
  }

  #info(client: LiveClient): ClientInfo {
    return clientInfo(client, this.#clients.get(client)?.logSubscriptions ?? 0)
  }

  /** Presence for everybody: JSON on a topic that no wildcard of others sees. */
  #announce({ kind, name, protocol, reason }: PresenceEvent): void {
    const event = { event: kind, name, protocol, reason: reason?.reason, at: this.clock.now() }
    const daemon = (this.#daemon ??= this.live.registry.join(daemonIdentity, inProcess))
    this.live.announce(daemon, presenceTopic, encoder.encode(JSON.stringify(event)))
  }

  #requireAttached(): Attached {
    if (this.#isStopping) throw stopping()
    if (this.#attached === undefined) throw this.#failure ?? starting()
    return this.#attached
  }
}

function starting(): BusError {
  return new BusError('unavailable', 'starting', 'the store is being opened; try again')
}

function stopping(): BusError {
  return new BusError('unavailable', 'shutting_down', 'the daemon is shutting down')
}
