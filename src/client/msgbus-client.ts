/**
 * The client of one daemon. Every method is one call of the daemon or one iterable; arguments are
 * checked here, the rest is done by the parts this file puts together. Everything rejects with
 * `BusError`: callers branch on `code`.
 */

import { AccessAdmin } from './access-admin.ts'
import { MqttAdmin } from './mqtt-admin.ts'
import { BusError } from '../model/errors.ts'
import { parseTopicFilter, topicMatches } from '../model/topic-filter.ts'
import type { NodeId } from '../model/node-id.ts'
import type { PeerSyncState } from '../model/peer-sync-state.ts'
import type { QueueMessage } from '../model/queue-message.ts'
import type { DiscoveredNode, MeshNode, PeerInfo } from './peer-list.ts'
import { peerServiceCalls } from '../wire/gen/msgbus-peers.ts'
import { msgbusServiceCalls } from '../wire/gen/msgbus-v1.ts'
import type { FifoMessage } from '../wire/gen/msgbus-v1.ts'
import {
  adminServiceCalls,
  busServiceCalls,
  clientServiceCalls,
  queueServiceCalls,
} from '../wire/gen/msgbus-v2.ts'
import { callProcedure } from './call-procedure.ts'
import type { CallFields, CallResult } from './call-procedure.ts'
import { callOnce, isUnimplemented, unsupported } from './client-context.ts'
import type { ClientContext, RequestOptions } from './client-context.ts'
import { listClients } from './client-list.ts'
import type { ClientInfo } from './client-list.ts'
import { QueueConsumer } from './consumer.ts'
import type { ConsumeOptions } from './consumer.ts'
import { fromWireLogInfo } from './daemon-info.ts'
import type {
  DaemonStatus,
  Health,
  LogHead,
  LogInfo,
  QueueInfo,
  Readiness,
  VerifyProgress,
} from './daemon-info.ts'
import { toWireHead } from './head-id.ts'
import type { HeadIdInput } from './head-id.ts'
import type { ClientHooks } from './hooks.ts'
import { fetchLog, requireMessage } from './log-fetch.ts'
import { LivePublisher } from './live-publisher.ts'
import type { LiveFields } from './live-publisher.ts'
import { Participant } from './participant.ts'
import type { JoinOptions, SendFields } from './participant.ts'
import { codecs } from './payload-codec.ts'
import type { PayloadCodec } from './payload-codec.ts'
import { PresenceWatch } from './presence-watch.ts'
import type { PresenceOptions } from './presence-watch.ts'
import {
  PublishIds,
  checkPublishId,
  encodeArgument,
  encodeValue,
  toHeaders,
} from './publication.ts'
import type { CodecOption, HeadersInput, PublishFields } from './publication.ts'
import { Publisher } from './publisher.ts'
import type { PublisherOptions } from './publisher.ts'
import { emptyNode, fromEnvelope } from './received-message.ts'
import type { Message } from './received-message.ts'
import { Registration } from './registration.ts'
import type { CallHandler, RegisterOptions } from './registration.ts'
import { publishOnce, publishPersistently } from './single-publish.ts'
import { Subscription } from './subscription.ts'
import type { SubscribeOptions } from './subscription.ts'
import { systemTiming } from './timing.ts'
import type { Timing } from './timing.ts'
import type { CallOptions, Rpc, Transport } from './transport.ts'

export interface ClientOptions {
  /** For single calls, milliseconds; default 10,000. */
  readonly timeoutMs?: number | undefined
  /** Origin of calls that name none; default: the daemon's own. */
  readonly defaultOrigin?: NodeId | undefined
  /**
   * Repeat a publication whose connection broke, until its time-out. Default true: it carries a
   * publish id and is repeated only to daemons that honour it, so it is never stored twice. False
   * saves the daemon remembering the ids.
   */
  readonly publishRetry?: boolean | undefined
  readonly hooks?: ClientHooks | undefined
  /** Time and chance; for tests. */
  readonly timing?: Timing | undefined
}

export interface OriginOption {
  /** Default: the client's default origin, else the daemon's own. */
  readonly origin?: NodeId | undefined
}

export interface FetchOptions<T> extends OriginOption {
  /** Default 1. */
  readonly from?: HeadIdInput | undefined
  /** How many messages at most; default: all up to the head. */
  readonly limit?: number | undefined
  /** What `message.value` is; default: the payload bytes. */
  readonly codec?: PayloadCodec<T> | undefined
  readonly signal?: AbortSignal | undefined
}

export interface EnqueueFields {
  readonly headers?: HeadersInput | undefined
  /** The node it is meant for, kept with the message; default: none. */
  readonly target?: NodeId | undefined
}

export class MsgbusClient {
  readonly #context: ClientContext
  readonly #publishRetry: boolean
  readonly #ids = new PublishIds()
  #livePublisher: LivePublisher | undefined
  #access: AccessAdmin | undefined
  #mqtt: MqttAdmin | undefined

  /** Most programs call `connect` instead. The client owns the transport. */
  constructor(transport: Transport, options: ClientOptions = {}) {
    this.#publishRetry = options.publishRetry ?? true
    this.#context = {
      transport,
      timing: options.timing ?? systemTiming,
      hooks: options.hooks ?? {},
      timeoutMs: options.timeoutMs ?? 10_000,
      defaultOrigin: options.defaultOrigin,
    }
  }

  /** Users, tokens, rules and questions about them. */
  /** Sessions, retained messages and bridges of MQTT. */
  get mqtt(): MqttAdmin {
    return (this.#mqtt ??= new MqttAdmin(this.#context))
  }

  get access(): AccessAdmin {
    return (this.#access ??= new AccessAdmin(this.#context))
  }

  /** Another client with this default origin over the same connection; closing either closes both. */
  withDefaultOrigin(origin: NodeId | undefined): MsgbusClient {
    const { transport, timing, hooks, timeoutMs } = this.#context
    const publishRetry = this.#publishRetry
    return new MsgbusClient(transport, {
      timing,
      hooks,
      timeoutMs,
      publishRetry,
      defaultOrigin: origin,
    })
  }

  /**
   * Ends everything at once: iterations end quietly, calls and unanswered publications fail with
   * `cancelled`. Close publishers before: they flush. May be called twice.
   */
  close(): void {
    this.#context.transport.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /**
   * Stores one message and resolves with it once it is as durable as the daemon is configured. For
   * many messages use `publisher`.
   *
   * With `stored: false` nothing is stored or acknowledged: it resolves when the message is on its way,
   * and subscribers that are there and keep up get it.
   *
   * @throws BusError
   */
  publish(
    topic: string,
    payload: Uint8Array | string,
    options?: PublishFields & RequestOptions,
  ): Promise<Message>
  publish<T>(
    topic: string,
    value: T,
    options: PublishFields & CodecOption<T> & RequestOptions,
  ): Promise<Message>
  publish(
    topic: string,
    payload: Uint8Array | string,
    options: LiveFields & { readonly stored: false },
  ): Promise<void>
  publish<T>(
    topic: string,
    value: T,
    options: LiveFields & CodecOption<T> & { readonly stored: false },
  ): Promise<void>
  async publish<T>(
    topic: string,
    value: T,
    options: AnyPublishOptions<T> = {},
  ): Promise<Message | void> {
    const payload = encodeValue(value, options.codec)
    if (options.stored === false) {
      this.#livePublisher ??= new LivePublisher(this.#context, '')
      return this.#livePublisher.publish(topic, payload, options)
    }
    const headers = toHeaders(options.headers)
    const given = options.publishId === undefined ? undefined : checkPublishId(options.publishId)
    const publishId = given ?? (this.#publishRetry ? this.#ids.next() : undefined)
    const message = { topic, payload, headers, publishId }
    const envelope = this.#publishRetry
      ? await publishPersistently(this.#context, message, options)
      : await publishOnce(this.#context, message, options)
    return fromEnvelope(envelope, codecs.bytes)
  }

  /** For many messages: batches them, bounds what is in flight, survives broken connections. */
  publisher(options?: PublisherOptions): Publisher {
    return new Publisher(this.#context, options)
  }

  /**
   * Messages of every topic that the MQTT filter matches, stored ones and then new ones, as an async
   * iterable that reconnects. @throws BusError for a bad filter or start
   */
  subscribe<T = Uint8Array>(filter: string, options: SubscribeOptions<T> = {}): Subscription<T> {
    return new Subscription(this.#context, filter, options)
  }

  /** The stored messages of one log in order, ending at the head. */
  async *fetch<T = Uint8Array>(
    topic: string,
    options: FetchOptions<T> = {},
  ): AsyncGenerator<Message<T>, void, undefined> {
    const codec = options.codec ?? (codecs.bytes as PayloadCodec<unknown> as PayloadCodec<T>)
    const fromHead = Math.max(1, toWireHead(options.from ?? 1, 'from'))
    const { limit = Number.POSITIVE_INFINITY, signal } = options
    const origin = this.#origin(options)
    for await (const batch of fetchLog(this.#context.transport, {
      topic,
      origin,
      fromHead,
      limit,
      signal,
    })) {
      for (const envelope of batch) yield fromEnvelope(envelope, codec)
    }
  }

  /** As `fetch`, in one array: mind the memory, or give a limit. */
  async fetchAll<T = Uint8Array>(topic: string, options?: FetchOptions<T>): Promise<Message<T>[]> {
    const messages: Message<T>[] = []
    for await (const message of this.fetch(topic, options)) messages.push(message)
    return messages
  }

  /** The last head id of a log; undefined when nothing was ever stored in it. */
  async getHead(
    topic: string,
    options: OriginOption & RequestOptions = {},
  ): Promise<bigint | undefined> {
    const request = { topic, origin: this.#origin(options) }
    const { found, headId } = await this.#call(msgbusServiceCalls.getHead, request, options)
    return found ? BigInt(headId) : undefined
  }

  /** Every log of every origin, by topic, then origin. */
  async listHeads(options?: RequestOptions): Promise<LogHead[]> {
    const { heads } = await this.#call(msgbusServiceCalls.listHeads, {}, options)
    return heads.map(({ topic, origin = emptyNode, headId }) => {
      return { topic, origin, headId: BigInt(headId) }
    })
  }

  /** Logs whose topic matches (default: all), with their sizes. */
  async listLogs(
    filter?: string,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<LogInfo[]> {
    const parsed = filter === undefined ? undefined : parseTopicFilter(filter)
    const logs: LogInfo[] = []
    try {
      const request = { filter: parsed ?? '' }
      for await (const page of this.#stream(busServiceCalls.listLogs, request, options)) {
        for (const log of page.logs) logs.push(fromWireLogInfo(log))
      }
      return logs
    } catch (error) {
      if (!isUnimplemented(error)) throw error
    }
    const heads = await this.listHeads(options)
    return heads
      .filter(({ topic }) => parsed === undefined || topicMatches(parsed, topic))
      .map((head) => ({ ...head, trimmedTo: 0n, storedBytes: undefined }))
  }

  /** How far synchronisation with each peer has come. */
  async listPeerSyncStates(options?: RequestOptions): Promise<PeerSyncState[]> {
    const { states } = await this.#call(msgbusServiceCalls.listPeerSyncStates, {}, options)
    return states.map(({ topic, origin = emptyNode, localHead, remoteHead, ...rest }) => {
      const log = topic === '' ? undefined : { topic, origin }
      return { ...rest, log, localHead, remoteHead }
    })
  }

  /**
   * Deletes messages of the daemon's own log, both ends included, and resolves with how many. Their
   * heads stay, flagged `deleted`.
   */
  async deleteRange(
    topic: string,
    range: { readonly from: HeadIdInput; readonly to: HeadIdInput },
    options: OriginOption & RequestOptions = {},
  ): Promise<number> {
    const fromHeadId = toWireHead(range.from, 'from')
    const toHeadId = toWireHead(range.to, 'to')
    const request = { topic, origin: this.#origin(options), fromHeadId, toHeadId }
    const { deletedCount } = await this.#call(msgbusServiceCalls.deleteRange, request, options)
    return deletedCount
  }

  /** Adds a message at the end of a queue. `topic` is kept with it and has no effect. */
  enqueueFifo(
    queue: string,
    topic: string,
    payload: Uint8Array | string,
    options?: EnqueueFields & RequestOptions,
  ): Promise<QueueMessage>
  enqueueFifo<T>(
    queue: string,
    topic: string,
    value: T,
    options: EnqueueFields & CodecOption<T> & RequestOptions,
  ): Promise<QueueMessage>
  async enqueueFifo<T>(
    queue: string,
    topic: string,
    value: T,
    options: EnqueueFields & Partial<CodecOption<T>> & RequestOptions = {},
  ): Promise<QueueMessage> {
    const request = {
      queue,
      topic,
      source: this.#context.defaultOrigin,
      target: options.target ?? emptyNode,
      payload: encodeValue(value, options.codec),
      headers: toHeaders(options.headers),
    }
    const { message } = await this.#call(msgbusServiceCalls.enqueueFifo, request, options)
    return fromFifoMessage(message)
  }

  /** The front message of a queue, which stays there; undefined when there is none. */
  async peekFifo(queue: string, options?: RequestOptions): Promise<QueueMessage | undefined> {
    try {
      return await this.peekFifoOrThrow(queue, options)
    } catch (error) {
      if (error instanceof BusError && error.code === 'not_found') return undefined
      throw error
    }
  }

  /** @throws BusError `not_found` when the queue is empty or unknown */
  async peekFifoOrThrow(queue: string, options?: RequestOptions): Promise<QueueMessage> {
    const { message } = await this.#call(msgbusServiceCalls.peekFifo, { queue }, options)
    return fromFifoMessage(message)
  }

  /** Removes the front message if it has this id; false in every other case. */
  async ackFifo(queue: string, messageId: string, options?: RequestOptions): Promise<boolean> {
    const { accepted } = await this.#call(msgbusServiceCalls.ackFifo, { queue, messageId }, options)
    return accepted
  }

  /** Counts an attempt on the front message if it has this id; false in every other case. */
  async rejectFifo(queue: string, messageId: string, options?: RequestOptions): Promise<boolean> {
    const { accepted } = await this.#call(
      msgbusServiceCalls.rejectFifo,
      { queue, messageId },
      options,
    )
    return accepted
  }

  /** Leased messages of a queue as they become available, as an async iterable that reconnects. */
  consume<T = Uint8Array>(queue: string, options: ConsumeOptions<T> = {}): QueueConsumer<T> {
    return new QueueConsumer(this.#context, queue, options)
  }

  /**
   * Sends a message to the client of a name, which may speak any protocol. Resolves when that client's
   * outbox at the daemon has it. The message comes from nobody: to have a name, `join`.
   *
   * @throws BusError `not_found/unknown_client` when nobody has the name
   */
  send(
    target: string,
    payload: Uint8Array | string,
    options?: SendFields & RequestOptions,
  ): Promise<void>
  send<T>(
    target: string,
    value: T,
    options: SendFields & CodecOption<T> & RequestOptions,
  ): Promise<void>
  async send<T>(
    target: string,
    value: T,
    options: SendFields & Partial<CodecOption<T>> & RequestOptions = {},
  ): Promise<void> {
    const { codec, realtime = false } = options
    const request = { target, payload: encodeValue(value, codec), realtime, from: '' }
    await this.#callV2(clientServiceCalls.send, request, 'messages to names', options)
  }

  /**
   * Sends a message to every client whose name matches; resolves with how many that were.
   * @param mask chunks separated by `.`; `?` is one chunk, a `*` the rest, at least one
   */
  broadcast(
    mask: string,
    payload: Uint8Array | string,
    options?: SendFields & RequestOptions,
  ): Promise<number>
  broadcast<T>(
    mask: string,
    value: T,
    options: SendFields & CodecOption<T> & RequestOptions,
  ): Promise<number>
  async broadcast<T>(
    mask: string,
    value: T,
    options: SendFields & Partial<CodecOption<T>> & RequestOptions = {},
  ): Promise<number> {
    const { codec, realtime = false } = options
    const request = { mask, payload: encodeValue(value, codec), realtime, from: '' }
    const { broadcast } = clientServiceCalls
    return (await this.#callV2(broadcast, request, 'messages to names', options)).receivers
  }

  /**
   * Takes a name and receives what is sent to it, as an async iterable that reconnects; what it sends
   * comes from that name. @throws BusError for an empty name; all other errors come by iterating
   */
  join<T = Uint8Array>(name: string, options: JoinOptions<T> = {}): Participant<T> {
    return new Participant(this.#context, name, options)
  }

  /**
   * Calls a procedure, whoever serves it, and resolves with its answer. Time-out and signal reach the
   * callee. Nothing is repeated: after `unavailable` it may have run or not.
   *
   * @throws CallError an error of the application
   * @throws BusError `unimplemented/no_such_procedure`, `deadline_exceeded/timed_out`, `cancelled`,
   *   `unavailable/callee_gone`, and what the callee refused it with
   */
  call(
    procedure: string,
    payload?: Uint8Array | string,
    options?: CallFields & RequestOptions,
  ): Promise<CallResult>
  call<T>(
    procedure: string,
    value: T,
    options: CallFields & CodecOption<T> & RequestOptions,
  ): Promise<CallResult>
  async call<T>(
    procedure: string,
    value?: T,
    options: CallFields & Partial<CodecOption<T>> & RequestOptions = {},
  ): Promise<CallResult> {
    const payload = encodeArgument(value, options.codec)
    return callProcedure(this.#context, { procedure, payload, from: '', options })
  }

  /**
   * Serves a procedure; resolves when it is registered, and registers it again when the connection
   * breaks. @throws BusError `already_exists/procedure_taken`, `permission_denied`, `invalid_argument`
   */
  async register(
    procedure: string,
    handler: CallHandler,
    options: RegisterOptions = {},
  ): Promise<Registration> {
    const registration = new Registration(this.#context, procedure, handler, options)
    await registration.ready(options.timeoutMs ?? this.#context.timeoutMs)
    return registration
  }

  /**
   * Who is connected, by any protocol; by name, then id. @throws as `listQueues`
   * @param mask as for `broadcast`; default: all, also those without a name
   */
  clients(mask: string = '', options: RequestOptions = {}): Promise<ClientInfo[]> {
    return listClients(this.#context, mask, options)
  }

  /** Who is there, then who comes and goes, of the names that match; an async iterable that reconnects. */
  presence(mask: string = '*', options: PresenceOptions = {}): PresenceWatch {
    return new PresenceWatch(this.#context, mask, options)
  }

  /** Every queue, by name. @throws BusError `unimplemented` on daemons that only speak v1 */
  async listQueues(options?: RequestOptions): Promise<readonly QueueInfo[]> {
    const { queues } = await this.#callV2(
      queueServiceCalls.listQueues,
      {},
      'a list of queues',
      options,
    )
    return queues
  }

  /** Peers that are dialled, then links that others dialled. @throws as `listQueues` */
  async listPeers(options?: RequestOptions): Promise<readonly PeerInfo[]> {
    return (await this.#callV2(peerServiceCalls.listPeers, {}, 'a list of peers', options)).peers
  }

  /**
   * Lets the daemon dial another one from now on, also after a restart.
   * @param peer `http://host:port`, and `=tenant/bl/device` behind it to accept that node only
   * @throws BusError `already_exists/peer_taken`, `invalid_argument`, `permission_denied`
   */
  async addPeer(peer: string, options?: RequestOptions): Promise<void> {
    await this.#callV2(peerServiceCalls.addPeer, { peer }, 'adding peers', options)
  }

  /** @throws BusError `not_found`, `failed_precondition/peer_configured`, `permission_denied` */
  async removePeer(peer: string, options?: RequestOptions): Promise<void> {
    await this.#callV2(peerServiceCalls.removePeer, { peer }, 'removing peers', options)
  }

  /** Daemons that can be reached over links, the nearest first. @throws as `listQueues` */
  async listNodes(options?: RequestOptions): Promise<readonly MeshNode[]> {
    return (await this.#callV2(peerServiceCalls.listNodes, {}, 'a list of nodes', options)).nodes
  }

  /** Daemons that announce themselves on the network. @throws BusError `unimplemented` without `--discover` */
  async listDiscovered(options?: RequestOptions): Promise<readonly DiscoveredNode[]> {
    return (await this.#call(peerServiceCalls.listDiscovered, {}, options)).nodes
  }

  /** Removes what nobody has leased and resolves with how many. @throws as `listQueues` */
  async purgeQueue(queue: string, options?: RequestOptions): Promise<number> {
    const { purgeQueue } = queueServiceCalls
    return (await this.#callV2(purgeQueue, { queue }, 'purging queues', options)).removed
  }

  /** Answered while the daemon lives, also before its store is open. */
  async health(options?: RequestOptions): Promise<Health> {
    const { status, node = emptyNode } = await this.#call(msgbusServiceCalls.health, {}, options)
    return { status, node }
  }

  /** Whether the daemon can store and read. */
  async ready(options?: RequestOptions): Promise<Readiness> {
    const { node = emptyNode, ...rest } = await this.#call(msgbusServiceCalls.ready, {}, options)
    return { ...rest, node }
  }

  /** What the daemon is and how it is doing. @throws BusError `unimplemented` on v1 daemons */
  async status(options?: RequestOptions): Promise<DaemonStatus> {
    const status = await this.#callV2(adminServiceCalls.getStatus, {}, 'its status', options)
    return { ...status, node: status.node ?? emptyNode }
  }

  /** Metrics in the text format of Prometheus. @throws BusError `unimplemented` on v1 daemons */
  async metrics(options?: RequestOptions): Promise<string> {
    return (await this.#callV2(adminServiceCalls.getMetrics, {}, 'metrics', options)).text
  }

  /** A consistent copy of the store in pieces of one file, taken while the daemon runs. */
  async *backup(
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const { chunk } of this.#stream(adminServiceCalls.backup, {}, options)) yield chunk
  }

  /**
   * Has the daemon check every record it stores; yields progress.
   * @param options.repair afterwards fetch what is damaged from peers, over links
   */
  async *verify(
    options: { readonly signal?: AbortSignal; readonly repair?: boolean } = {},
  ): AsyncGenerator<VerifyProgress, void, undefined> {
    const { repair = false } = options
    for await (const step of this.#stream(adminServiceCalls.verify, { repair }, options)) {
      const damaged = step.damaged.map(({ topic, origin = emptyNode, fromHeadId, toHeadId }) => {
        return { topic, origin, fromHead: BigInt(fromHeadId), toHead: BigInt(toHeadId) }
      })
      const { recordsChecked, done, repaired } = step
      yield { recordsChecked, damaged, done, repaired }
    }
  }

  #origin(options: OriginOption): NodeId | undefined {
    return options.origin ?? this.#context.defaultOrigin
  }

  #call<Q, R>(rpc: Rpc<Q, R>, request: Q, options?: RequestOptions): Promise<R> {
    return callOnce(this.#context, rpc, request, options)
  }

  async #callV2<Q, R>(
    rpc: Rpc<Q, R>,
    request: Q,
    what: string,
    options?: RequestOptions,
  ): Promise<R> {
    try {
      return await this.#call(rpc, request, options)
    } catch (error) {
      throw isUnimplemented(error) ? unsupported(what, error) : error
    }
  }

  async *#stream<Q, R>(
    rpc: Rpc<Q, R>,
    request: Q,
    options: CallOptions,
  ): AsyncGenerator<R, void, undefined> {
    const stream = this.#context.transport.stream(rpc, request, options)
    try {
      for (;;) {
        const response = await stream.read()
        if (response === undefined) return
        yield response
      }
    } finally {
      stream.cancel()
    }
  }
}

type AnyPublishOptions<T> = PublishFields &
  LiveFields &
  Partial<CodecOption<T>> &
  RequestOptions & { readonly stored?: boolean | undefined }

function fromFifoMessage(message: FifoMessage | undefined): QueueMessage {
  const { source = emptyNode, target = emptyNode, ...rest } = requireMessage(message)
  return { ...rest, source, target }
}
