/**
 * The bus behind the handles that protocol adapters hold. Publications are checked, appended, and
 * come back as commits of the store, which feed live subscriptions in commit order; what a topic
 * rule keeps from being stored is routed at once.
 *
 * The bus exists before its store is open, so that adapters can listen and answer health from the
 * first moment; until `attach`, everything that needs the store is `unavailable/starting`.
 */

import { BusError } from '../model/errors.ts'
import type { Identity } from '../model/identity.ts'
import type { Limits } from '../model/limits.ts'
import type { StoredMessage } from '../model/message.ts'
import type { NodeId } from '../model/node-id.ts'
import type { TopicRule } from '../model/topic-rule.ts'
import { type AccessCheck, allowEverything } from './access.ts'
import type { BusClient } from './bus-client.ts'
import type { Bus, BusStatus } from './bus.ts'
import { ClientHandle } from './client-handle.ts'
import type { Clock } from './clock.ts'
import { BusCounters } from './counters.ts'
import type { LogSubscription } from './log-subscription.ts'
import type { LogStore } from './log-store.ts'
import type { Logger } from './logger.ts'
import { type QueueRule, Queues } from './queues.ts'
import { RetentionKeeper } from './retention.ts'
import { Router } from './router.ts'
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
}

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
  readonly router = new Router<LogSubscription>()
  readonly deleteBeyondHead: 'clip' | 'keep'
  readonly #options: MsgBusOptions
  readonly #clients = new Set<ClientHandle>()
  /** Subscriptions that took something of the commit being dispatched. */
  readonly #touched: LogSubscription[] = []
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
  }

  /** Opens for business. The store stays the caller's to close, after `shutdown`. */
  attach(store: LogStore): void {
    const { clock, logger, limits, queueRules = [] } = this.#options
    const { counters, topicRules } = this
    const defaultLeaseMs = limits.queueLeaseMs
    this.#attached = {
      store,
      queues: new Queues({ store, clock, logger, counters, rules: queueRules, defaultLeaseMs }),
      retention: new RetentionKeeper({ store, rules: topicRules, clock, logger, counters }),
      stopListening: store.onCommit((batch) => this.route(batch.messages)),
    }
  }

  /** The store could not be opened: says so to everybody who asks. */
  fail(error: BusError): void {
    this.#failure = error
  }

  /** Refuses new work, ends subscriptions and consumers with UNAVAILABLE, stops background work. */
  async shutdown(): Promise<void> {
    this.#isStopping = true
    const error = stopping()
    for (const client of this.#clients) client.end(error)
    this.#attached?.queues.close(error)
    this.#attached?.stopListening()
    await this.#attached?.retention.close()
  }

  connect(identity: Identity): BusClient {
    const client = new ClientHandle(this, identity, () => this.#clients.delete(client))
    this.#clients.add(client)
    return client
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

  /** Hands messages that just became visible, or that are not stored, to the live subscriptions. */
  route(messages: readonly StoredMessage[]): void {
    if (this.router.size === 0) return
    for (const message of messages) {
      for (const subscription of this.router.receivers(message.topic)) {
        if (subscription.offer(message)) this.#touched.push(subscription)
      }
    }
    for (const subscription of this.#touched) subscription.flush()
    this.#touched.length = 0
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
      subscriptions: this.router.size,
      // Counted when asked for, so that readiness costs the same however many queues there are.
      get queues() {
        return store === undefined ? 0 : [...store.queues()].length
      },
    }
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
