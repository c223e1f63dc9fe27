/** The handle of one client: checks access, names and limits, and passes on to store and queues. */

import { copyOf } from '../base/copy-of.ts'
import { BusError, toBusError } from '../model/errors.ts'
import type { Action, Identity } from '../model/identity.ts'
import { type LevelFilter, levelFilter } from '../model/level-filter.ts'
import type { OutgoingMessage, StoredMessage } from '../model/message.ts'
import { checkName } from '../model/name.ts'
import type { OutgoingQueueMessage } from '../model/queue-message.ts'
import type { TopicFilter } from '../model/topic-filter.ts'
import { topicMatches } from '../model/topic-filter.ts'
import type {
  BusClient,
  Consumer,
  ConsumeOptions,
  ConsumerSink,
  LogOperations,
  QueueOperations,
  RetainedOperations,
  Settlement,
  SubscribeOptions,
  Subscription,
  SubscriptionSink,
} from './bus-client.ts'
import { type Cursor, FeedCursor, LastCursor, LogCursor } from './cursor.ts'
import type { Hold } from './history-trimmer.ts'
import { LogSubscription } from './log-subscription.ts'
import type { AppendOutcome, LogInfo, NoteChange } from './log-store.ts'
import type { CallOperations } from './live.ts'
import type { LiveClient } from './live-client.ts'
import { compareLogs } from './log-order.ts'
import { checkOutgoing, checkQueueMessage, checkWritableTopic } from './message-checks.ts'
import type { MsgBus } from './msg-bus.ts'
import { withPublisher } from './publisher-header.ts'
import type { RetainedMessage } from './retained-messages.ts'

const pageMessagesDefault = 1_000
// Keeps one page of a catch-up small beside the buffers of a connection.
const pageBytes = 262_144

export class ClientHandle implements BusClient {
  readonly identity: Identity
  readonly live: LiveClient
  readonly calls: CallOperations
  readonly #bus: MsgBus
  readonly #onClose: () => void
  readonly #subscriptions = new Set<LogSubscription>()
  /** With what looks whether the rules still allow it. */
  readonly #consumers = new Map<Consumer, () => void>()

  constructor(bus: MsgBus, live: LiveClient, onClose: () => void) {
    this.#bus = bus
    this.live = live
    this.identity = live.identity
    this.#onClose = onClose
    const procedures = bus.live.proceduresOf(live)
    this.calls = {
      register: (procedure, handler) => procedures.register(live, procedure, handler),
      call: (options) => procedures.call(live, options),
      offer: (options, callee) => procedures.offer(live, options, callee),
      begin: (request, sink, callerTag) => procedures.begin(live, request, sink, callerTag),
      end: () => procedures.forget(live),
      directory: procedures,
    }
  }

  /** Log subscriptions that are open. */
  get logSubscriptions(): number {
    return this.#subscriptions.size
  }

  get logs(): Iterable<LogSubscription> {
    return this.#subscriptions
  }

  /** What it reads from the store because it could not take it live. */
  *readersBehind(): Iterable<Hold> {
    for (const subscription of this.#subscriptions) if (subscription.isBehind) yield subscription
    if (this.live.catchUp !== undefined) yield this.live.catchUp
  }

  async publish(
    messages: readonly OutgoingMessage[],
    notes: readonly NoteChange[] = [],
  ): Promise<AppendOutcome[]> {
    const store = this.#bus.requireStore()
    if (messages.some(({ retain }) => retain)) return this.#publishRetained(messages, notes)
    const refusals = this.#refusals(messages)
    const { name } = this.live
    if (name !== '') {
      messages = messages.map((message) => {
        const { topic, payload, publishId, history, realtime } = message
        const headers = withPublisher(message.headers, name)
        return { topic, payload, headers, publishId, history, realtime }
      })
    }
    if (refusals === undefined) {
      const outcomes = await store.append(messages, notes)
      this.#count(outcomes)
      return outcomes
    }
    const stored = messages.filter((_, i) => refusals[i] === undefined)
    const kept = refusals.some((refusal) => refusal?.kind === 'rejected') ? [] : notes
    const isCommitDue = stored.length > 0 || kept.length > 0
    const appended = isCommitDue ? await store.append(stored, kept) : []
    this.#count(appended)
    let next = 0
    const outcomes: AppendOutcome[] = []
    for (const refusal of refusals) {
      const outcome = refusal ?? appended[next++]
      if (outcome !== undefined) outcomes.push(outcome)
    }
    return outcomes
  }

  /** Each message by itself: its slot changes if, and when, it is stored. */
  async #publishRetained(
    messages: readonly OutgoingMessage[],
    notes: readonly NoteChange[],
  ): Promise<AppendOutcome[]> {
    const { retained, clock } = this.#bus
    const calls = messages.map(async (message, i) => {
      const all = i === messages.length - 1 ? [...notes] : []
      const { retain, ...plain } = message
      if (retain !== true) return this.publish([plain], all)
      const slot = slotOf(message, clock.now())
      try {
        all.push(retained.change(message.topic, slot))
      } catch (error) {
        return [{ kind: 'rejected', error: toBusError(error) } as const]
      }
      const order = retained.begin(message.topic, slot)
      try {
        const outcomes = await this.publish([plain], all)
        if (outcomes[0]?.kind === 'stored') retained.apply(message.topic, slot, order)
        return outcomes
      } finally {
        retained.finish(message.topic)
      }
    })
    return (await Promise.all(calls)).flat()
  }

  subscribe(options: SubscribeOptions, sink: SubscriptionSink): Subscription {
    const { limits, counters } = this.#bus
    const { router } = this.#bus.live
    const topic = options.kind === 'log' ? options.log.topic : options.filter
    const require = (): void => {
      if (options.kind === 'log') this.#require('subscribe', topic)
      else this.#requireFilter('subscribe', options.filter)
    }
    this.live.requireOpen()
    require()
    if (options.kind === 'log') checkName('topic', topic, limits.topicBytes)
    if (this.#subscriptions.size >= limits.subscriptionsPerClient) {
      const text = `this client has ${limits.subscriptionsPerClient} subscriptions, which is the limit`
      throw new BusError('resource_exhausted', 'quota_exceeded', text)
    }
    this.live.usage?.requireSubscription()
    const { usage } = this.live
    const subscription = new LogSubscription({
      text: topic,
      matches: (name) =>
        options.kind === 'log' ? name === topic : topicMatches(options.filter, name),
      subject: this.live,
      refusal: () => failureOf(require),
      cursor: this.#cursor(options),
      sink,
      page: {
        messages: Math.min(options.pageMessages ?? pageMessagesDefault, limits.fetchMessages),
        bytes: pageBytes,
      },
      live: options.kind === 'filter' && options.live === true,
      counters,
      onClose: () => {
        this.#subscriptions.delete(subscription)
        if (usage !== undefined) usage.subscriptions -= 1
        if (options.kind === 'log') router.removeTopic(topic, subscription)
        else router.removeFilter(levelFilter('mqtt', options.filter), subscription)
      },
    })
    this.#subscriptions.add(subscription)
    if (usage !== undefined) usage.subscriptions += 1
    if (options.kind === 'log') router.addTopic(topic, subscription)
    else router.addFilter(levelFilter('mqtt', options.filter), subscription)
    return subscription
  }

  readonly log: LogOperations = {
    fetch: async (log, fromHead, limit) => {
      this.#require('fetch', log.topic)
      checkName('topic', log.topic, this.#bus.limits.topicBytes)
      return this.#bus.requireStore().read(log, Math.max(1, fromHead), limit)
    },
    head: (log) => {
      this.#require('fetch', log.topic)
      checkName('topic', log.topic, this.#bus.limits.topicBytes)
      return this.#bus.requireStore().head(log)
    },
    list: (filter) => {
      this.#requireFilter('fetch', filter)
      const logs = listLogs(this.#bus.requireStore().logs(), filter)
      return logs.filter(({ topic }) => this.maySee('fetch', topic))
    },
    deleteRange: async ({ topic, fromHead, toHead }) => {
      checkWritableTopic(topic, this.#bus.limits)
      this.#require('delete', topic)
      if (fromHead > toHead) {
        const text = 'from_head_id must be <= to_head_id'
        throw new BusError('invalid_argument', 'range_reversed', text)
      }
      const beyondHead = this.#bus.deleteBeyondHead
      const store = this.#bus.requireStore()
      const { deletedCount } = await store.deleteRange({ topic, fromHead, toHead, beyondHead })
      this.#bus.counters.messagesDeleted += deletedCount
      return deletedCount
    },
    syncStates: async () => {
      this.#require('sync', '')
      const { syncStates } = this.#bus
      return syncStates?.() ?? this.#bus.requireStore().syncStates()
    },
  }

  readonly queue: QueueOperations = {
    enqueue: async (messages) => this.#enqueue(messages),
    peek: async (queue) => this.#queues('consume', queue).peek(queue),
    ack: async (queue, messageId) => {
      const queues = this.#queues('consume', queue)
      checkName('message_id', messageId, this.#bus.limits.messageIdBytes)
      return queues.ack(queue, messageId)
    },
    reject: async (queue, messageId) => {
      const queues = this.#queues('consume', queue)
      checkName('message_id', messageId, this.#bus.limits.messageIdBytes)
      return queues.reject(queue, messageId)
    },
    consume: (options, sink) => this.#consume(options, sink),
    settle: async (settlements) => this.#settle(settlements),
    list: async () => {
      const queues = (await this.#bus.requireQueues().list()).filter(({ queue }) => {
        return this.maySee('consume', queue) || this.maySee('enqueue', queue)
      })
      const { forwarding } = this.#bus
      if (forwarding === undefined) return queues
      return queues.map((info) => ({ ...info, forwarding: forwarding.describe(info.queue) }))
    },
    purge: async (queue) => this.#queues('consume', queue).purge(queue),
  }

  readonly retained: RetainedOperations = {
    set: async (message) => {
      const { retained, clock, limits, node, topicRules } = this.#bus
      checkOutgoing(message, node, limits, topicRules.of(message.topic), this.live.name)
      this.#require('publish', message.topic)
      const store = this.#bus.requireStore()
      const { topic } = message
      const slot = slotOf(message, clock.now())
      const change = retained.change(topic, slot)
      retained.apply(topic, slot)
      await store.writeNotes([change])
    },
    get: (topic) => {
      this.#require('subscribe', topic)
      return this.#bus.retained.get(topic)
    },
    match: (filter) => this.#retainedMatching(filter),
  }

  requireAccess(action: Action, resource: string): void {
    this.#require(action, resource)
  }

  requireFilterAccess(action: Action, filter: LevelFilter): void {
    this.#bus.live.requireFilterAccess(this.live, action, filter)
  }

  maySee(action: Action, resource: string): boolean {
    return this.#bus.live.maySee(this.live, action, resource)
  }

  /** The rules have changed: what this client may not have any more ends. */
  accessChanged(): void {
    for (const subscription of this.#subscriptions) subscription.accessChanged()
    for (const look of this.#consumers.values()) look()
  }

  close(reason?: BusError): void {
    for (const subscription of this.#subscriptions) subscription.close()
    for (const consumer of this.#consumers.keys()) consumer.close()
    this.#bus.live.registry.leave(this.live, reason)
    this.#bus.live.proceduresOf(this.live).forget(this.live)
    this.#onClose()
  }

  /** The bus has ended the client: so does all it has. */
  ended(error: BusError): void {
    for (const subscription of this.#subscriptions) subscription.end(error)
    this.close(error)
  }

  /** Ends everything from the side of the bus. */
  end(error: BusError): void {
    for (const subscription of this.#subscriptions) subscription.end(error)
    this.live.inbox?.end(error)
    this.close(error)
  }

  /**
   * Outcomes of the messages that do not go to the store: refused ones, and those that a rule keeps
   * from being stored, which are routed here. Undefined when all go to the store.
   */
  #refusals(messages: readonly OutgoingMessage[]): (AppendOutcome | undefined)[] | undefined {
    let refusals: (AppendOutcome | undefined)[] | undefined
    const { node, limits, topicRules } = this.#bus
    for (const [i, message] of messages.entries()) {
      let outcome: AppendOutcome | undefined
      try {
        const settings = topicRules.of(message.topic)
        checkOutgoing(message, node, limits, settings, this.live.name)
        this.#require('publish', message.topic)
        this.live.usage?.requirePublish(message.payload.length)
        if (settings.store === 'never') outcome = this.#routeOnly(message)
      } catch (error) {
        this.#bus.counters.messagesRefused += 1
        outcome = { kind: 'rejected', error: toBusError(error) }
      }
      if (outcome === undefined) continue
      refusals ??= messages.map(() => undefined)
      refusals[i] = outcome
    }
    return refusals
  }

  #routeOnly(message: OutgoingMessage): AppendOutcome {
    const { topic, payload, headers, realtime } = message
    this.#bus.live.publishLive(
      this.live,
      this.#bus.live.topics.byName(topic),
      payload,
      0,
      payload.length,
      realtime === true,
      undefined,
      headers,
      true,
    )
    const routed: StoredMessage = {
      topic,
      origin: this.#bus.node,
      id: crypto.randomUUID(),
      headId: 0,
      sequence: 0,
      payload,
      headers,
      createdAtMs: this.#bus.clock.now(),
      deleted: false,
    }
    return { kind: 'stored', message: routed }
  }

  #count(outcomes: readonly AppendOutcome[]): void {
    const { counters } = this.#bus
    for (const outcome of outcomes) {
      if (outcome.kind === 'rejected') counters.messagesRefused += 1
      else if (outcome.kind === 'duplicate') counters.messagesDeduplicated += 1
      else {
        counters.messagesPublished += 1
        counters.payloadBytesPublished += outcome.message.payload.length
      }
    }
  }

  #cursor(options: SubscribeOptions): Cursor {
    const store = this.#bus.requireStore()
    if (options.kind === 'filter') {
      const { filter, origin, start } = options
      const allows = (topic: string) => this.maySee('subscribe', topic)
      const feed = (after: number) => new FeedCursor(store, filter, origin, after, allows)
      switch (start.at) {
        case 'earliest':
          return feed(0)
        case 'now':
          return feed(store.lastSequence)
        case 'after':
          return feed(start.sequence)
        case 'last':
          return new LastCursor(store, feed(store.lastSequence))
      }
    }
    const { log, start } = options
    const head = store.head(log) ?? 0
    switch (start.at) {
      case 'head':
        return new LogCursor(store, log, Math.max(1, start.head))
      case 'now':
        return new LogCursor(store, log, head + 1)
      case 'newest':
        return new LogCursor(store, log, Math.max(1, start.fromHead, head - start.count + 1))
    }
  }

  async #enqueue(messages: readonly OutgoingQueueMessage[]) {
    for (const message of messages) {
      checkQueueMessage(message, this.#bus.limits)
      if (message.queue.startsWith('$msgbus.')) throw reservedQueue(message.queue)
      this.#require('enqueue', message.queue)
      this.live.usage?.requireQueueBytes(message.payload.length)
    }
    const { forwarding } = this.#bus
    const queues = this.#bus.requireQueues()
    const names = messages.map((message) => forwarding?.outgoing(message))
    if (names.every((name) => name === undefined)) return queues.enqueue(messages)
    const stored = await queues.enqueue(
      messages.map((message, i) => ({ ...message, queue: names[i] ?? message.queue })),
    )
    for (const [i, message] of messages.entries()) {
      const name = names[i]
      if (name !== undefined) forwarding?.enqueued(name, message, 1)
    }
    return stored.map((message, i) => ({ ...message, queue: messages[i]?.queue ?? message.queue }))
  }

  #consume(options: ConsumeOptions, sink: ConsumerSink): Consumer {
    this.live.requireOpen()
    const queues = this.#queues('consume', options.queue)
    const maxInFlight = Math.min(options.maxInFlight ?? 1, this.#bus.limits.queueInFlight)
    const inner = queues.consume({ ...options, maxInFlight }, sink)
    const consumer: Consumer = {
      close: () => {
        this.#consumers.delete(consumer)
        inner.close()
      },
    }
    this.#consumers.set(consumer, () => {
      const refusal = failureOf(() => this.#require('consume', options.queue))
      if (refusal === undefined) return
      consumer.close()
      sink.end(refusal)
    })
    return consumer
  }

  async #settle(settlements: readonly Settlement[]): Promise<boolean[]> {
    for (const { queue } of settlements) this.#require('consume', queue)
    return this.#bus.requireQueues().settle(settlements)
  }

  #queues(action: Action, queue: string) {
    checkName('queue', queue, this.#bus.limits.queueNameBytes)
    this.#require(action, queue)
    return this.#bus.requireQueues()
  }

  *#retainedMatching(filter: LevelFilter): Iterable<RetainedMessage> {
    const { live, retained } = this.#bus
    for (const message of retained.match(filter)) {
      if (live.maySee(this.live, 'subscribe', message.topic)) yield message
    }
  }

  #require(action: Action, resource: string): void {
    this.#bus.live.requireAccess(this.live, action, resource)
  }

  #requireFilter(action: Action, filter: TopicFilter | undefined): void {
    const pattern = levelFilter('mqtt', filter ?? '#')
    this.#bus.live.requireFilterAccess(this.live, action, pattern)
  }
}

/** What a check throws; undefined: nothing. */
function failureOf(check: () => void): BusError | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    return toBusError(error)
  }
}

function reservedQueue(queue: string): BusError {
  const text = `queue ${JSON.stringify(queue)} belongs to the daemon`
  return new BusError('permission_denied', 'reserved_name', text)
}

/** What a message makes of the slot of its topic; undefined: empties it. */
function slotOf(
  { topic, payload, headers }: Pick<OutgoingMessage, 'topic' | 'payload' | 'headers'>,
  createdAtMs: number,
): RetainedMessage | undefined {
  if (payload.length === 0) return undefined
  return { topic, payload: copyOf(payload, 0, payload.length), headers, createdAtMs }
}

function listLogs(logs: Iterable<LogInfo>, filter: TopicFilter | undefined): LogInfo[] {
  const found: LogInfo[] = []
  for (const info of logs) {
    if (filter === undefined || topicMatches(filter, info.topic)) found.push(info)
  }
  return found.sort(compareLogs)
}
