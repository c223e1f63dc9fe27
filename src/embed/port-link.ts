/** A client in another thread than its bus: operations become frames, answers settle what they promised. */

import { type ByteKeyed, ByteTable } from '../base/byte-table.ts'
import type {
  Consumer,
  ConsumeOptions,
  ConsumerSink,
  QueueOperations,
  SubscribeOptions,
  Subscription,
  SubscriptionSink,
} from '../core/bus-client.ts'
import type { CallHandler, CallOptions, CallResult, ClientInfo, SendOutcome } from '../core/live.ts'
import type { LogInfo } from '../core/log-store.ts'
import { BusError, ProtocolError, toBusError } from '../model/errors.ts'
import { type Headers, noHeaders, type OutgoingMessage } from '../model/message.ts'
import type { NodeId } from '../model/node-id.ts'
import type { TopicFilter } from '../model/topic-filter.ts'
import type { ClientLink, Receipt } from './client-link.ts'
import type { ClientInbox, ReceivedPublication } from './inbox.ts'
import { pooledCopy } from './payload.ts'
import { PortChannel, type PortChannelOptions } from './port-channel.ts'
import { readDelivery } from './port-delivery.ts'
import { FieldReader, flags, type Frame, kinds, portProtocol, sendOutcomes } from './port-frames.ts'
import {
  type PortMethod,
  type PortRequests,
  type PortWelcome,
  readFailure,
  readValue,
  writeFailure,
  writeValue,
} from './port-values.ts'
import type { QueueLease } from './queue-delivery.ts'
import type { Turn } from './turn.ts'

interface Pending {
  resolve(value: unknown): void
  reject(error: BusError): void
}

interface OpenSubscription {
  readonly sink: SubscriptionSink
  /** Of deliveries that the sink had no room after. */
  held: number
}

interface Text extends ByteKeyed {
  readonly name: string
}

interface Invocation {
  readonly abort: AbortController
}

/** Names and topics seen lately, so that most frames need no new text. */
const rememberedTexts = 10_000
const nothing: Text = { name: '', bytes: new Uint8Array(0) }

export class PortLink implements ClientLink {
  /** Resolves when the bus has greeted; rejects when the port closes before. */
  readonly welcomed: Promise<void>
  readonly #inbox: ClientInbox
  readonly #channel: PortChannel
  readonly #pending = new Map<number, Pending>()
  readonly #subscriptions = new Map<number, OpenSubscription>()
  readonly #consumers = new Map<number, ConsumerSink>()
  readonly #handlers = new Map<number, CallHandler>()
  readonly #invocations = new Map<number, Invocation>()
  readonly #publication = new PortPublication()
  readonly #texts = new ByteTable<Text>()
  #onWelcome: { resolve(): void; reject(error: BusError): void } | undefined
  #welcome: PortWelcome | undefined
  #nextId = 1
  /** The bus said so. */
  #isBusPaused = false
  #isPaused = false
  #closed: BusError | undefined

  constructor(inbox: ClientInbox, port: PortChannelOptions['port'], turn: Turn) {
    this.#inbox = inbox
    this.welcomed = new Promise((resolve, reject) => {
      this.#onWelcome = { resolve, reject }
    })
    this.#channel = new PortChannel({
      port,
      onFrame: (frame) => this.#take(frame),
      // Handlers run now, and what they send leaves with one message to the other thread.
      onBatchEnd: () => {
        turn.end()
        this.#channel.flush()
      },
      onRoom: () => this.#checkRoom(),
      onClosed: (error) => this.#lost(error),
    })
    this.#channel.open()
  }

  get name(): string {
    return this.#greeting.name
  }

  get node(): NodeId {
    return this.#greeting.node
  }

  get epoch(): string {
    return this.#greeting.epoch
  }

  publish(message: OutgoingMessage): Promise<Receipt> {
    const { topic, payload, headers, publishId } = message
    return this.#ask((id) => {
      const { writer } = this.#channel
      writer.begin(kinds.publish, publishId === undefined ? 0 : flags.publishId, id, topic)
      if (publishId !== undefined) writer.text(publishId)
      writer.headers(headers)
      writer.rest(payload)
      writer.finish()
    })
  }

  publishLive(topic: string, payload: Uint8Array, realtime: boolean): void {
    const flagBits = realtime ? flags.realtime : 0
    this.#channel.writer.add(kinds.publishLive, flagBits, 0, topic, payload, 0, payload.length)
    this.#written(realtime)
  }

  post(name: string, payload: Uint8Array, realtime: boolean): void {
    const flagBits = realtime ? flags.realtime : 0
    this.#channel.writer.add(kinds.post, flagBits, 0, name, payload, 0, payload.length)
    this.#written(realtime)
  }

  send(name: string, payload: Uint8Array, realtime: boolean): Promise<SendOutcome> {
    const flagBits = realtime ? flags.realtime : 0
    return this.#ask((id) => {
      this.#channel.writer.add(kinds.send, flagBits, id, name, payload, 0, payload.length)
    }, realtime)
  }

  broadcast(mask: string, payload: Uint8Array, realtime: boolean): Promise<number> {
    const flagBits = realtime ? flags.realtime : 0
    return this.#ask((id) => {
      this.#channel.writer.add(kinds.broadcast, flagBits, id, mask, payload, 0, payload.length)
    }, realtime)
  }

  subscribe(options: SubscribeOptions, sink: SubscriptionSink): Subscription {
    const id = this.#open(kinds.subscribe, options)
    const subscription: OpenSubscription = { sink, held: 0 }
    this.#subscriptions.set(id, subscription)
    return {
      resume: () => {
        const { held } = subscription
        subscription.held = 0
        if (held > 0 && this.#subscriptions.has(id)) this.#tellTaken(id, held)
      },
      close: () => {
        if (this.#subscriptions.delete(id)) this.#tell(kinds.unsubscribe, id)
      },
    }
  }

  subscribeLive(filter: TopicFilter): Promise<void> {
    return this.#request('subscribeLive', filter)
  }

  unsubscribeLive(filter: TopicFilter): void {
    // Nobody waits for it, and it fails only when the client ends.
    this.#request('unsubscribeLive', filter).catch(() => undefined)
  }

  congested(isCongested: boolean): void {
    if (this.#closed !== undefined) return
    const { writer } = this.#channel
    writer.begin(kinds.congested, 0, 0, '')
    writer.u8(isCongested ? 1 : 0)
    writer.finish()
    this.#channel.written(true)
  }

  fetch(...args: Parameters<PortRequests['fetch']>): ReturnType<PortRequests['fetch']> {
    return this.#request('fetch', ...args)
  }

  head(...args: Parameters<PortRequests['head']>): Promise<number | undefined> {
    return this.#request('head', ...args)
  }

  list(filter: TopicFilter | undefined): Promise<LogInfo[]> {
    return this.#request('list', filter)
  }

  deleteRange(...args: Parameters<PortRequests['deleteRange']>): Promise<number> {
    return this.#request('deleteRange', ...args)
  }

  readonly queue: QueueOperations = {
    enqueue: (messages) => this.#request('enqueue', messages),
    peek: (queue) => this.#request('peek', queue),
    ack: (queue, messageId) => this.#request('ack', queue, messageId),
    reject: (queue, messageId) => this.#request('reject', queue, messageId),
    consume: (options, sink) => this.#consume(options, sink),
    settle: (settlements) => this.#request('settle', settlements),
    list: () => this.#request('listQueues'),
    purge: (queue) => this.#request('purge', queue),
  }

  async register(procedure: string, handler: CallHandler): Promise<{ close(): void }> {
    let id = 0
    const answered = this.#ask<undefined>((newId) => {
      id = newId
      this.#handlers.set(id, handler)
      this.#channel.writer.begin(kinds.register, 0, id, procedure)
      this.#channel.writer.finish()
    })
    try {
      await answered
    } catch (error) {
      this.#handlers.delete(id)
      throw error
    }
    return {
      close: () => {
        if (this.#handlers.delete(id)) this.#tell(kinds.unregister, id)
      },
    }
  }

  async call(options: CallOptions): Promise<CallResult> {
    const { procedure, payload, headers, timeoutMs = Number.NaN, signal } = options
    if (signal?.aborted === true) throw gaveUp()
    let id = 0
    const answered = this.#ask<CallResult>((newId) => {
      id = newId
      const { writer } = this.#channel
      writer.begin(kinds.call, 0, id, procedure)
      writer.f64(timeoutMs)
      writer.headers(headers)
      writer.rest(payload)
      writer.finish()
    })
    if (signal === undefined) return answered
    const cancel = () => {
      const pending = this.#pending.get(id)
      if (pending === undefined) return
      this.#pending.delete(id)
      this.#tell(kinds.cancel, id)
      pending.reject(gaveUp())
    }
    signal.addEventListener('abort', cancel)
    return answered.finally(() => signal.removeEventListener('abort', cancel))
  }

  clients(): Promise<ClientInfo[]> {
    return this.#request('clients')
  }

  close(): void {
    if (this.#closed !== undefined) return
    this.#finish(new BusError('cancelled', 'cancelled', 'the client was closed'))
    this.#channel.close()
  }

  get #greeting(): PortWelcome {
    if (this.#welcome !== undefined) return this.#welcome
    throw new BusError('unavailable', 'starting', 'the bus has not greeted yet')
  }

  #take(frame: Frame): void {
    if (this.#closed !== undefined) return
    const { bytes, kind, id, nameStart, nameEnd, start, end, realtime } = frame
    switch (kind) {
      case kinds.message:
        this.#inbox.message(this.#text(bytes, nameStart, nameEnd), bytes, start, end, realtime)
        return
      case kinds.broadcast:
        this.#inbox.broadcast(this.#text(bytes, nameStart, nameEnd), bytes, start, end, realtime)
        return
      case kinds.publication:
        this.#inbox.publication(this.#publicationOf(frame))
        return
      case kinds.outcome:
        this.#settle(id, sendOutcomes[new FieldReader(frame).u8()])
        return
      case kinds.count:
        this.#settle(id, new FieldReader(frame).u32())
        return
      case kinds.receipt: {
        const fields = new FieldReader(frame)
        const headId = fields.f64()
        const createdAtMs = fields.f64()
        const duplicate = fields.u8() === 1
        this.#settle(id, { headId, id: frame.name, createdAtMs, duplicate } satisfies Receipt)
        return
      }
      case kinds.answer:
        this.#settle(id, readValue(frame))
        return
      case kinds.result: {
        const fields = new FieldReader(frame)
        const headers = fields.headers()
        this.#settle(id, { payload: pooledCopy(fields.rest()), headers } satisfies CallResult)
        return
      }
      case kinds.failure: {
        const pending = this.#pending.get(id)
        this.#pending.delete(id)
        pending?.reject(readFailure(frame))
        return
      }
      case kinds.delivery:
        this.#deliver(frame)
        return
      case kinds.lease: {
        const { message, leaseId, leaseUntilMs } = readValue(frame) as QueueLease
        this.#consumers.get(id)?.deliver(message, leaseId, leaseUntilMs)
        return
      }
      case kinds.ended:
        this.#ended(id, readFailure(frame))
        return
      case kinds.invoke:
        this.#invoke(frame)
        return
      case kinds.abort:
        this.#invocations.get(id)?.abort.abort()
        this.#invocations.delete(id)
        return
      case kinds.pause:
        this.#isBusPaused = true
        this.#checkRoom()
        return
      case kinds.resume:
        this.#isBusPaused = false
        this.#checkRoom()
        return
      case kinds.welcome:
        this.#greet(readValue(frame) as PortWelcome)
        return
      case kinds.end:
        this.#endedByBus(readFailure(frame))
        return
      default:
        throw new ProtocolError(`a client does not know frames of kind ${kind}`)
    }
  }

  #greet(welcome: PortWelcome): void {
    if (welcome.protocol !== portProtocol) {
      throw new ProtocolError(`the bus speaks another version than ${portProtocol}`)
    }
    this.#welcome = welcome
    this.#inbox.open()
    this.#onWelcome?.resolve()
  }

  #deliver(frame: Frame): void {
    const subscription = this.#subscriptions.get(frame.id)
    if (subscription === undefined) return
    const { size } = frame
    if (subscription.sink.deliver(readDelivery(frame))) this.#tellTaken(frame.id, size)
    else subscription.held += size
  }

  #invoke(frame: Frame): void {
    const { id, name: procedure } = frame
    const fields = new FieldReader(frame)
    const handler = this.#handlers.get(fields.u32())
    const caller = fields.text()
    const headers = fields.headers()
    const payload = pooledCopy(fields.rest())
    const abort = new AbortController()
    this.#invocations.set(id, { abort })
    const answer = async (): Promise<CallResult> => {
      if (handler === undefined) throw new BusError('unavailable', 'callee_gone', 'it was closed')
      return handler({ procedure, payload, headers, caller, signal: abort.signal })
    }
    answer().then(
      (result) => this.#reply(id, result),
      (error: unknown) => this.#reply(id, toBusError(error)),
    )
  }

  #reply(id: number, result: CallResult | BusError): void {
    // Nobody waits for it any more, or the port is closed.
    if (!this.#invocations.delete(id)) return
    const { writer } = this.#channel
    if (result instanceof BusError) writeFailure(writer, kinds.failure, id, result)
    else {
      writer.begin(kinds.result, 0, id, '')
      writer.headers(result.headers)
      writer.rest(result.payload)
      writer.finish()
    }
    this.#written(false)
  }

  #consume(options: ConsumeOptions, sink: ConsumerSink): Consumer {
    const id = this.#open(kinds.consume, options)
    this.#consumers.set(id, sink)
    return {
      close: () => {
        if (this.#consumers.delete(id)) this.#tell(kinds.unconsume, id)
      },
    }
  }

  #ended(id: number, error: BusError): void {
    const subscription = this.#subscriptions.get(id)
    this.#subscriptions.delete(id)
    subscription?.sink.end(error)
    const consumer = this.#consumers.get(id)
    this.#consumers.delete(id)
    consumer?.end(error)
  }

  /** @throws BusError when the link is closed */
  #open(kind: typeof kinds.subscribe | typeof kinds.consume, options: unknown): number {
    if (this.#closed !== undefined) throw this.#closed
    const id = this.#nextId++
    writeValue(this.#channel.writer, kind, id, options)
    this.#written(false)
    return id
  }

  #request<Method extends PortMethod>(
    method: Method,
    ...args: Parameters<PortRequests[Method]>
  ): Promise<Awaited<ReturnType<PortRequests[Method]>>> {
    return this.#ask((id) => writeValue(this.#channel.writer, kinds.request, id, [method, ...args]))
  }

  /** Sends what `write` writes with a new id, and waits for the answer with that id. */
  #ask<Answer>(write: (id: number) => void, realtime = false): Promise<Answer> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed)
    const id = this.#nextId++
    return new Promise<Answer>((resolve, reject) => {
      write(id)
      // The bus answers with what belongs to the kind of frame that was written.
      this.#pending.set(id, { resolve: resolve, reject })
      this.#written(realtime)
    })
  }

  #settle(id: number, value: unknown): void {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    pending?.resolve(value)
  }

  #tell(kind: (typeof kinds)[keyof typeof kinds], id: number): void {
    if (this.#closed !== undefined) return
    this.#channel.writer.addEmpty(kind, id)
    this.#written(false)
  }

  #tellTaken(id: number, bytes: number): void {
    if (this.#closed !== undefined) return
    const { writer } = this.#channel
    writer.begin(kinds.taken, 0, id, '')
    writer.u32(bytes)
    writer.finish()
    this.#written(false)
  }

  #written(realtime: boolean): void {
    this.#channel.written(realtime)
    if (this.#channel.isFull !== this.#isPaused) this.#checkRoom()
  }

  /** Tells the client when the bus or the channel begins or ends to have no room. */
  #checkRoom(): void {
    const isPaused = this.#isBusPaused || this.#channel.isFull
    if (isPaused === this.#isPaused) return
    this.#isPaused = isPaused
    if (isPaused) this.#inbox.pause()
    else this.#inbox.resume()
  }

  #text(bytes: Buffer, start: number, end: number): Text {
    const known = this.#texts.get(bytes, start, end)
    if (known !== undefined) return known
    // The block the text came in shall not stay for its sake.
    const text = { name: bytes.toString('utf8', start, end), bytes: pooledCopy(bytes, start, end) }
    if (this.#texts.size >= rememberedTexts) this.#texts.clear()
    this.#texts.set(text)
    return text
  }

  #publicationOf(frame: Frame): ReceivedPublication {
    const publication = this.#publication
    const fields = new FieldReader(frame)
    const nameBytes = fields.u32()
    const nameStart = fields.skip(nameBytes)
    publication.topic = this.#text(frame.bytes, frame.nameStart, frame.nameEnd)
    publication.sender = this.#text(frame.bytes, nameStart, nameStart + nameBytes)
    publication.headers = fields.headers()
    publication.sequence = fields.f64()
    publication.bytes = frame.bytes
    publication.start = fields.position
    publication.end = frame.end
    publication.realtime = frame.realtime
    return publication
  }

  #endedByBus(error: BusError): void {
    this.#finish(error)
    this.#inbox.end(error)
    this.#channel.close()
  }

  /** The port is closed, or what came was no frame. */
  #lost(cause: ProtocolError | undefined): void {
    if (this.#closed !== undefined) return
    const text = cause === undefined ? 'the port to the bus was closed' : cause.message
    const error = new BusError('unavailable', 'connection_lost', text, { cause })
    this.#finish(error)
    this.#inbox.end(error)
  }

  /** Nothing goes out or comes any more; whoever waits is told why. */
  #finish(error: BusError): void {
    this.#closed = error
    this.#onWelcome?.reject(error)
    for (const pending of this.#pending.values()) pending.reject(error)
    this.#pending.clear()
    this.#subscriptions.clear()
    this.#consumers.clear()
    this.#handlers.clear()
    for (const { abort } of this.#invocations.values()) abort.abort(error)
    this.#invocations.clear()
  }
}

/** What the program is told of a publication; used again for every one. */
class PortPublication implements ReceivedPublication {
  topic: Text = nothing
  sender: Text = nothing
  bytes: Uint8Array = nothing.bytes
  start = 0
  end = 0
  headers: Headers = noHeaders
  realtime = false
  sequence = 0
}

function gaveUp(): BusError {
  return new BusError('cancelled', 'cancelled', 'the caller gave up')
}
