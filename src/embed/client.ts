/**
 * A participant of a bus, for programs: in the bus's own thread (`Bus.connect`) or in a worker
 * (`connectPort`), with the same methods. Everything that can fail rejects with `BusError`; callers
 * branch on `code`.
 *
 * What comes is handed over at the end of a turn of the event loop, never inside somebody's call, and
 * belongs to the program. What waits to be handed over is bounded in bytes (inbox.ts), and so is what
 * waits to be sent (send-queue.ts).
 */

import type { Consumer, QueueOperations } from '../core/bus-client.ts'
import type { LogInfo } from '../core/log-store.ts'
import type { ClientInfo, Invocation, SendOutcome } from '../core/live.ts'
import { CallError } from '../model/call-error.ts'
import { BusError, toBusError } from '../model/errors.ts'
import type { Headers } from '../model/message.ts'
import type { NodeId } from '../model/node-id.ts'
import { parseTopicFilter } from '../model/topic-filter.ts'
import type { ClientLink, Receipt } from './client-link.ts'
import { ClientInbox, type InboxOptions, type ListenOptions } from './inbox.ts'
import { type Handler, Lane } from './lane.ts'
import { Listening } from './listening.ts'
import {
  pooledCopy,
  type HeadersInput,
  type PayloadInput,
  toHeaders,
  toPayload,
} from './payload.ts'
import { QueueDelivery } from './queue-delivery.ts'
import {
  costOf,
  type DirectMessage,
  type LiveMessage,
  Message,
  Received,
} from './received-message.ts'
import { SendQueue } from './send-queue.ts'
import { openSubscription, type SubscribeOptions } from './subscription.ts'
import type { Turn } from './turn.ts'

export interface ClientOptions {
  /**
   * Bytes that may wait for the program's handlers and loops before those who send to it have to wait,
   * counting some 128 per message; default 1 MiB. Subscriptions have bounds of their own.
   */
  readonly inboxBytes?: number | undefined
  /**
   * Bytes that may wait to be sent, while somebody has no room, before sending is refused; default 16 MiB.
   * Programs that wait for the promises they get never come near it.
   */
  readonly sendBufferBytes?: number | undefined
  /** What handlers throw, and failures nobody waits for. Default: an uncaught exception. */
  readonly onError?: ((error: unknown) => void) | undefined
}

export interface SendOptions {
  /** A hint: without delay, rather than together with others. */
  readonly realtime?: boolean | undefined
}

export interface PublishOptions {
  readonly headers?: HeadersInput | undefined
  /**
   * Idempotency key within the topic: a repeat within the window stores nothing and resolves with the
   * receipt of the first.
   */
  readonly publishId?: string | undefined
}

export interface CallProcedureOptions {
  readonly headers?: HeadersInput | undefined
  /** Default and most: `limits.callTimeoutMs` of the bus. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** What a procedure answered. */
export class CallAnswer extends Received {
  readonly headers: Headers

  constructor(payload: Uint8Array, headers: Headers) {
    super(payload)
    this.headers = headers
  }
}

/** A call that the program is to answer. */
export class IncomingCall extends Received {
  readonly procedure: string
  readonly headers: Headers
  /** Name of the caller; empty when it has none. */
  readonly caller: string
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal

  constructor({ payload, procedure, headers, caller, signal }: Invocation) {
    super(payload)
    this.procedure = procedure
    this.headers = headers
    this.caller = caller
    this.signal = signal
  }
}

export type CallReply =
  | PayloadInput
  | { readonly payload?: PayloadInput | undefined; readonly headers?: HeadersInput | undefined }
  | undefined
  | void

/**
 * Answers a call. What it throws reaches the caller: a `CallError` or `BusError` as it is, another error as
 * `unknown/application_error` with the error's name and message.
 */
export type ProcedureHandler = (call: IncomingCall) => CallReply | Promise<CallReply>

export interface FetchOptions {
  /** First head id; default 1. */
  readonly from?: number | undefined
  /** How many at most; default: all up to the head. */
  readonly limit?: number | undefined
  /** Default: this node. */
  readonly origin?: NodeId | undefined
}

export interface ConsumeQueueOptions {
  /** Messages leased and not settled, at most; default 1. */
  readonly maxInFlight?: number | undefined
  /** Default: `limits.queueLeaseMs` of the bus. */
  readonly leaseMs?: number | undefined
}

export interface EnqueueOptions {
  readonly headers?: HeadersInput | undefined
  /** The node it is meant for, kept with the message; default: none. */
  readonly target?: NodeId | undefined
}

type Endable = Pick<Lane<unknown>, 'close' | 'end'>

const nobody: NodeId = { tenantId: '', blName: '', deviceId: '' }
const fetchPage = { messages: 1_000, bytes: 262_144 }

export class Client {
  /** Resolves when it has ended: with the error if the bus ended it, else with undefined. */
  readonly closed: Promise<BusError | undefined>
  readonly #turn: Turn
  readonly #inbox: ClientInbox
  readonly #link: ClientLink
  readonly #sends: SendQueue
  readonly #onError: (error: unknown) => void
  /** Everything that ends with the client, but what the inbox has. */
  readonly #lanes = new Set<Endable>()
  /** How many listen by one filter; the bus knows it once. */
  readonly #liveFilters = new Map<string, { count: number; readonly ready: Promise<void> }>()
  #onClosed: (reason: BusError | undefined) => void = () => undefined
  #ended: BusError | undefined

  /**
   * Programs get one from `Bus.connect` or `connectPort`. `connect` makes the link, for the inbox.
   */
  constructor(
    options: ClientOptions,
    { turn, keepsBytes }: Pick<InboxOptions, 'turn' | 'keepsBytes'>,
    connect: (inbox: ClientInbox) => ClientLink,
  ) {
    const { inboxBytes = 1_048_576, sendBufferBytes = 16_777_216 } = options
    this.#turn = turn
    const { onError = throwLater } = options
    this.#onError = (error) => {
      try {
        onError(error)
      } catch (thrown) {
        throwLater(thrown)
      }
    }
    this.#inbox = new ClientInbox({
      turn,
      highBytes: inboxBytes,
      keepsBytes,
      onCongested: (isCongested) => this.#link.congested(isCongested),
      onRoom: () => this.#sends.drain(),
      onEnd: (error) => {
        this.#end(error, error)
        this.#link.close()
      },
      onError: this.#onError,
    })
    this.#sends = new SendQueue({
      maxBytes: sendBufferBytes,
      isPaused: () => this.#inbox.isPaused,
    })
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve
    })
    this.#link = connect(this.#inbox)
  }

  /** Empty: it can send but not be addressed. */
  get name(): string {
    return this.#link.name
  }

  /** The node whose bus this is. */
  get node(): NodeId {
    return this.#link.node
  }

  /** Bytes that wait for the program, subscriptions to stored messages left out. */
  get queuedBytes(): number {
    return this.#inbox.queuedBytes
  }

  /** Messages and broadcasts that came while nobody listened to them. */
  get dropped(): number {
    return this.#inbox.dropped
  }

  /**
   * Stores one message and resolves once it is as durable as the bus is configured. Do not change the
   * payload until then. @throws BusError
   */
  async publish(
    topic: string,
    payload: PayloadInput,
    options: PublishOptions = {},
  ): Promise<Receipt> {
    this.#check()
    const { headers, publishId } = options
    return this.#link.publish({
      topic,
      payload: toPayload(payload),
      headers: toHeaders(headers),
      publishId,
    })
  }

  /**
   * Publishes to whoever listens now, without acknowledgement and, unless a topic rule says otherwise,
   * without storing. What the bus refuses (a reserved topic, a rule) is counted there, not told here.
   *
   * @returns a promise only when somebody has no room: wait for it before sending more
   * @throws BusError `resource_exhausted/quota_exceeded` when too much waits to be sent
   */
  publishLive(
    topic: string,
    payload: PayloadInput,
    options?: SendOptions,
  ): Promise<void> | undefined {
    return this.#sendUntold('publishLive', topic, payload, options?.realtime === true)
  }

  /**
   * Sends to the client of this name and resolves when the bus has handed it over. Never stored.
   *
   * @throws BusError `not_found/unknown_client`, `permission_denied/access_denied`,
   *   `resource_exhausted/quota_exceeded` when too much waits to be sent
   */
  async send(name: string, payload: PayloadInput, options?: SendOptions): Promise<void> {
    this.#check()
    const bytes = toPayload(payload)
    const realtime = options?.realtime === true
    const outcome = await (this.#sends.isClear
      ? this.#link.send(name, bytes, realtime)
      : this.#hold(bytes, (copy) => this.#link.send(name, copy, realtime)))
    throwUnlessSent(outcome, name)
  }

  /**
   * As `send` for whoever does not want to know what became of it, which is cheaper.
   *
   * @returns a promise only when somebody has no room: wait for it before sending more
   * @throws BusError `resource_exhausted/quota_exceeded` when too much waits to be sent
   */
  post(name: string, payload: PayloadInput, options?: SendOptions): Promise<void> | undefined {
    return this.#sendUntold('post', name, payload, options?.realtime === true)
  }

  /**
   * Sends to every client whose name matches, this one included; resolves with how many took it.
   * @param mask chunks separated by `.`; `?` is one chunk, `*` the rest
   */
  async broadcast(mask: string, payload: PayloadInput, options?: SendOptions): Promise<number> {
    this.#check()
    const bytes = toPayload(payload)
    const realtime = options?.realtime === true
    if (this.#sends.isClear) return this.#link.broadcast(mask, bytes, realtime)
    return this.#hold(bytes, (copy) => this.#link.broadcast(mask, copy, realtime))
  }

  /** Resolves when everything that was held back has been given to the bus. */
  flush(): Promise<void> {
    return this.#sends.flush()
  }

  /** Runs the handler for every message sent to this client. What nobody listens to is dropped. */
  onMessage(
    handler: Handler<DirectMessage>,
    options: ListenOptions = {},
  ): Listening<DirectMessage> {
    this.#check()
    return new Listening(this.#inbox.listen('message', handler, options))
  }

  /** The messages sent to this client, for `for await`. */
  messages(): Listening<DirectMessage> {
    this.#check()
    return new Listening(this.#inbox.listen('message', undefined, {}))
  }

  /** As `onMessage` for broadcasts. */
  onBroadcast(
    handler: Handler<DirectMessage>,
    options: ListenOptions = {},
  ): Listening<DirectMessage> {
    this.#check()
    return new Listening(this.#inbox.listen('broadcast', handler, options))
  }

  /** The broadcasts that reach this client, for `for await`. */
  broadcasts(): Listening<DirectMessage> {
    this.#check()
    return new Listening(this.#inbox.listen('broadcast', undefined, {}))
  }

  /**
   * Messages of every topic that the MQTT filter matches: stored ones and then what comes, in order and
   * without gap. With a handler, or as an async iterable. @throws BusError for a bad filter or start
   */
  subscribe(
    filter: string,
    handler: Handler<Message>,
    options?: SubscribeOptions,
  ): Listening<Message>
  subscribe(filter: string, options?: SubscribeOptions): Listening<Message>
  subscribe(
    filter: string,
    second: Handler<Message> | SubscribeOptions = {},
    third: SubscribeOptions = {},
  ): Listening<Message> {
    this.#check()
    const [handler, options] = typeof second === 'function' ? [second, third] : [undefined, second]
    const context = {
      link: this.#link,
      turn: this.#turn,
      onError: this.#onError,
      onClosed: (lane: Lane<Message>, error: BusError | undefined) => {
        this.#laneClosed(lane, error, handler !== undefined)
      },
    }
    const { lane, ready } = openSubscription(context, filter, handler, options)
    this.#lanes.add(lane)
    return new Listening(lane, ready)
  }

  /**
   * Publications as they pass through the bus, stored or not, and nothing from before. Publishers of what
   * is not stored wait for a program that is slow. @throws BusError for a bad filter
   */
  subscribeLive(
    filter: string,
    handler: Handler<LiveMessage>,
    options?: ListenOptions,
  ): Listening<LiveMessage>
  subscribeLive(filter: string): Listening<LiveMessage>
  subscribeLive(
    filter: string,
    handler?: Handler<LiveMessage>,
    options: ListenOptions = {},
  ): Listening<LiveMessage> {
    this.#check()
    const parsed = parseTopicFilter(filter)
    const known = this.#liveFilters.get(filter)
    const lane = this.#inbox.listenTopics(parsed, handler, {
      ...options,
      onClosed: (error) => {
        const shared = this.#liveFilters.get(filter)
        if (shared !== undefined && --shared.count === 0) {
          this.#liveFilters.delete(filter)
          if (this.#ended === undefined) this.#link.unsubscribeLive(parsed)
        }
        this.#laneClosed(lane, error, handler !== undefined)
      },
    })
    if (known !== undefined) known.count += 1
    const ready = known?.ready ?? attempt(() => this.#link.subscribeLive(parsed))
    if (known === undefined) this.#liveFilters.set(filter, { count: 1, ready })
    ready.catch((error: unknown) => lane.end(toBusError(error)))
    return new Listening(lane, ready)
  }

  /** The stored messages of one log in order, ending at the head. */
  async *fetch(
    topic: string,
    options: FetchOptions = {},
  ): AsyncGenerator<Message, void, undefined> {
    const { from = 1, limit = Infinity, origin = this.node } = options
    const log = { topic, origin }
    let next = Math.max(1, from)
    for (let left = limit; left > 0;) {
      this.#check()
      const wanted = { ...fetchPage, messages: Math.min(left, fetchPage.messages) }
      const { messages, nextHead } = await this.#link.fetch(log, next, wanted)
      for (const message of messages) yield new Message(message, pooledCopy(message.payload))
      if (nextHead === next) return
      next = nextHead
      left -= messages.length
    }
  }

  /** The last head id of a log; undefined when nothing was ever stored in it. */
  async getHead(
    topic: string,
    options: { readonly origin?: NodeId } = {},
  ): Promise<number | undefined> {
    this.#check()
    return this.#link.head({ topic, origin: options.origin ?? this.node })
  }

  /** Logs whose topic matches (default: all), by topic, then origin. */
  async listLogs(filter?: string): Promise<LogInfo[]> {
    this.#check()
    return this.#link.list(filter === undefined ? undefined : parseTopicFilter(filter))
  }

  /**
   * Deletes messages of this node's log, both ends included, and resolves with how many. Their heads stay,
   * flagged `deleted`.
   */
  async deleteRange(
    topic: string,
    range: { readonly from: number; readonly to: number },
  ): Promise<number> {
    this.#check()
    return this.#link.deleteRange({ topic, fromHead: range.from, toHead: range.to })
  }

  /** The queue operations of the bus, as they are; `consume` and `enqueue` below are easier. */
  get queue(): Omit<QueueOperations, 'consume'> {
    this.#check()
    return this.#link.queue
  }

  /** Puts one message into a queue, on disk when this resolves with its id. */
  async enqueue(
    queue: string,
    topic: string,
    payload: PayloadInput,
    options: EnqueueOptions = {},
  ): Promise<string> {
    const { target = nobody } = options
    const fields = { payload: toPayload(payload), headers: toHeaders(options.headers) }
    const [stored] = await this.queue.enqueue([
      { queue, topic, source: this.node, target, ...fields },
    ])
    if (stored === undefined) throw new BusError('internal', 'internal', 'nothing was enqueued')
    return stored.id
  }

  /**
   * Takes messages from a queue, each leased to this program until it settles it or the lease ends.
   * Closing gives back what is not settled.
   */
  consume(
    queue: string,
    handler: Handler<QueueDelivery>,
    options?: ConsumeQueueOptions,
  ): Listening<QueueDelivery>
  consume(queue: string, options?: ConsumeQueueOptions): Listening<QueueDelivery>
  consume(
    queue: string,
    second: Handler<QueueDelivery> | ConsumeQueueOptions = {},
    third: ConsumeQueueOptions = {},
  ): Listening<QueueDelivery> {
    this.#check()
    const [handler, options] = typeof second === 'function' ? [second, third] : [undefined, second]
    const { queue: queues } = this.#link
    let consumer: Consumer | undefined
    const lane: Lane<QueueDelivery> = new Lane<QueueDelivery>({
      turn: this.#turn,
      costOf,
      handler,
      onTaken: () => undefined,
      onError: this.#onError,
      onClosed: (error) => {
        consumer?.close()
        this.#laneClosed(lane, error, handler !== undefined)
      },
    })
    consumer = queues.consume(
      { queue, ...options },
      {
        deliver: (message, leaseId, leaseUntilMs) => {
          const lease = { message, leaseId, leaseUntilMs }
          lane.push(new QueueDelivery(lease, (settlements) => this.queue.settle(settlements)))
        },
        end: (error) => lane.end(error),
      },
    )
    this.#lanes.add(lane)
    return new Listening(lane)
  }

  /**
   * Answers calls of a procedure, several at a time if the handler is asynchronous, until it is closed.
   * @throws BusError `already_exists/procedure_taken`, `permission_denied`, `invalid_argument`
   */
  async register(procedure: string, handler: ProcedureHandler): Promise<{ close(): void }> {
    this.#check()
    return this.#link.register(procedure, async (invocation) => {
      // Never inside the caller's call.
      await Promise.resolve()
      try {
        return toResult(await handler(new IncomingCall(invocation)))
      } catch (error) {
        throw toCallError(error)
      }
    })
  }

  /**
   * Calls a procedure, wherever in the bus it is.
   * @throws BusError `unimplemented/no_such_procedure`, `deadline_exceeded/timed_out`, `cancelled`,
   *   `unavailable/callee_gone`, and `CallError` for what the callee failed with
   */
  async call(
    procedure: string,
    payload: PayloadInput = '',
    options: CallProcedureOptions = {},
  ): Promise<CallAnswer> {
    this.#check()
    const { timeoutMs, signal } = options
    const result = await this.#link.call({
      procedure,
      payload: toPayload(payload),
      headers: toHeaders(options.headers),
      timeoutMs,
      signal,
    })
    return new CallAnswer(result.payload, result.headers)
  }

  /** Everybody who is connected to the bus, by all protocols. */
  async clients(): Promise<ClientInfo[]> {
    this.#check()
    return this.#link.clients()
  }

  /**
   * Ends it at once: loops end quietly, what waits for an answer or to be sent fails with `cancelled`,
   * what was given to the bus is done. May be called twice.
   */
  close(): void {
    if (this.#ended === undefined) this.#link.close()
    this.#end(new BusError('cancelled', 'cancelled', 'the client was closed'), undefined)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #sendUntold(
    kind: 'post' | 'publishLive',
    name: string,
    payload: PayloadInput,
    realtime: boolean,
  ): Promise<void> | undefined {
    this.#check()
    const bytes = toPayload(payload)
    if (this.#sends.isClear) {
      this.#link[kind](name, bytes, realtime)
      return undefined
    }
    const sent = this.#hold(bytes, (copy) => this.#link[kind](name, copy, realtime))
    // Whoever does not look has said that it need not be known.
    sent.catch(() => undefined)
    return sent
  }

  #hold<T>(bytes: Uint8Array, send: (copy: Uint8Array) => T | Promise<T>): Promise<T> {
    const copy = pooledCopy(bytes)
    return this.#sends.hold(bytes.length, () => send(copy))
  }

  /** A lane ended; a failure that no loop will hear of goes to `onError`, unless the whole client ended. */
  #laneClosed(lane: Endable, error: BusError | undefined, isHandled: boolean): void {
    this.#lanes.delete(lane)
    if (error === undefined || !isHandled) return
    // Where the whole client ends, its lanes may be told first.
    this.#turn.add({
      run: () => {
        if (this.#ended === undefined) this.#onError(error)
      },
    })
  }

  #end(error: BusError, reason: BusError | undefined): void {
    if (this.#ended !== undefined) return
    this.#ended = error
    this.#sends.close(error)
    this.#inbox.close(reason)
    for (const lane of this.#lanes) {
      if (reason === undefined) lane.close()
      else lane.end(reason)
    }
    this.#onClosed(reason)
  }

  #check(): void {
    if (this.#ended !== undefined) throw this.#ended
  }
}

/** As an uncaught exception, which is where defects of a program belong. */
function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}

/** What it answers or throws, as a promise. */
async function attempt(work: () => void | Promise<void>): Promise<void> {
  await work()
}

function throwUnlessSent(outcome: SendOutcome, name: string): void {
  const shown = JSON.stringify(name)
  switch (outcome) {
    case 'sent':
      return
    case 'unknown':
      throw new BusError('not_found', 'unknown_client', `no client is named ${shown}`)
    case 'denied':
      throw new BusError('permission_denied', 'access_denied', `sending to ${shown} is not allowed`)
    case 'full':
      throw new BusError('resource_exhausted', 'slow_client', `${shown} has no room`)
  }
}

function toResult(reply: CallReply): { payload: Uint8Array; headers: Headers } {
  if (reply === undefined) return { payload: toPayload(''), headers: toHeaders(undefined) }
  if (typeof reply === 'string' || reply instanceof Uint8Array) {
    return { payload: toPayload(reply), headers: toHeaders(undefined) }
  }
  return { payload: toPayload(reply.payload ?? ''), headers: toHeaders(reply.headers) }
}

function toCallError(error: unknown): BusError {
  if (error instanceof BusError) return error
  if (!(error instanceof Error)) return new CallError('Error', { message: String(error) })
  return new CallError(error.name, { message: error.message, cause: error })
}
