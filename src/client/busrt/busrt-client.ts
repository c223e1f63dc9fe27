/**
 * A client of a BUS/RT broker: msgbusd, or any other broker of protocol version 1. This file puts the
 * parts together and mends a broken connection: what was on its way fails, since nobody knows how far it
 * came; subscriptions and exclusions are set up again before anything else.
 *
 * Flow control goes both ways. Sending: promises settle later when the broker takes less. Receiving:
 * when enough waits here, the socket is not read, and the broker makes the senders wait. Acknowledgements
 * and replies come by the same socket, though, so while this program waits for one, reading goes on
 * behind what is queued, up to a multiple of the limit: a handler may send and call over its own client.
 * Acknowledgements stand in one line with frames, so under a lasting flood that reserve is used up as well
 * and operations of a handler time out: that is what secondary clients are for (spec/busrt 6.5).
 */

import { BusError } from '../../model/errors.ts'
import type { BusErrorCode } from '../../model/errors.ts'
import { maxNameBytes, opcodes, secondaryMark } from '../../wire/busrt/frames.ts'
import { decodeRpc } from '../../wire/busrt/rpc.ts'
import { onAbort } from '../abort-listeners.ts'
import { toPayload } from '../payload-codec.ts'
import { ReconnectDelay } from '../reconnect-delay.ts'
import { systemTiming } from '../timing.ts'
import type { Timing } from '../timing.ts'
import { BrokerMethods } from './broker-methods.ts'
import { parseBusrtAddress } from './busrt-address.ts'
import type { BusrtEvents, BusrtOptions } from './busrt-options.ts'
import { BusrtRpc } from './busrt-rpc.ts'
import { checkText } from './checked-text.ts'
import { ClientFilters } from './client-filters.ts'
import { ClientInbox } from './client-inbox.ts'
import { Connection, abortedError } from './connection.ts'
import type { ConnectionOwner, OperationOptions } from './connection.ts'
import type { Delivery } from './delivery-decoder.ts'
import { BusrtFrame, copyOf } from './received-frame.ts'
import { RpcCalls } from './rpc-calls.ts'
import { RpcHandlers } from './rpc-handlers.ts'

type Listener<Event> = (event: Event) => void

/** Connects and registers. @throws BusError that says what to do */
export function connect(options: BusrtOptions): Promise<BusrtClient> {
  return BusrtClient.connect(options)
}

/** A connection that stood for less does not make the next delay short again. */
const firmMs = 5_000
/** Trying again does not help against these. */
const finalCodes: ReadonlySet<BusErrorCode> = new Set([
  'invalid_argument',
  'permission_denied',
  'unimplemented',
])

export class BusrtClient implements AsyncIterable<BusrtFrame> {
  readonly name: string
  readonly address: string
  readonly #options: BusrtOptions
  readonly #timeoutMs: number
  readonly #timing: Timing
  readonly #delay: ReconnectDelay
  readonly #stop = new AbortController()
  #connection: Connection | undefined
  #connectedAtMs = 0
  #reconnects = 0
  #closing: Promise<void> | undefined
  #mending: Promise<void> | undefined
  /** Why there will be no connection any more. */
  #ended: BusError | undefined
  readonly #onReady = new Set<(error?: BusError) => void>()

  readonly #filters = new ClientFilters()
  readonly #inbox: ClientInbox
  readonly #calls: RpcCalls
  readonly #handlers: RpcHandlers
  #rpc: BusrtRpc | undefined
  #broker: BrokerMethods | undefined
  readonly #secondaries = new Set<BusrtClient>()
  /** Takes this secondary out of the list of its primary. */
  #forget = nothing
  #lastSecondary = -1
  readonly #listeners: { [Name in keyof BusrtEvents]: Set<Listener<BusrtEvents[Name]>> } = {
    connected: new Set(),
    disconnected: new Set(),
    reconnecting: new Set(),
    filtersRefused: new Set(),
    handlerFailed: new Set(),
  }

  private constructor(options: BusrtOptions) {
    checkClientName(options.name)
    parseBusrtAddress(options.address)
    this.name = options.name
    this.address = options.address
    this.#options = options
    this.#timeoutMs = options.timeoutMs ?? 5_000
    this.#timing = options.timing ?? systemTiming
    this.#delay = new ReconnectDelay(
      this.#timing,
      options.reconnect === false ? {} : options.reconnect,
    )
    const maxBytes = options.maxQueuedBytes ?? 8_388_608
    const onRoom = () => this.#updateReading(this.#connection)
    const onError = (error: unknown) => this.#onHandlerError(error)
    const maxFrames = options.maxQueuedFrames ?? 8_192
    this.#inbox = new ClientInbox({ maxFrames, maxBytes, onRoom, onError })
    this.#calls = new RpcCalls(this.#timing, this.#timeoutMs)
    const maxRunning = options.maxConcurrentCalls ?? 1_000
    this.#handlers = new RpcHandlers({ maxRunning, onRoom, onError })
    if (options.onFrame !== undefined) this.#inbox.handle(options.onFrame)
    for (const [method, handler] of Object.entries(options.handlers ?? {})) {
      this.rpc.handle(method, handler)
    }
    const { connected, disconnected, reconnecting, filtersRefused, handlerFailed } =
      options.on ?? {}
    if (connected !== undefined) this.on('connected', connected)
    if (disconnected !== undefined) this.on('disconnected', disconnected)
    if (reconnecting !== undefined) this.on('reconnecting', reconnecting)
    if (filtersRefused !== undefined) this.on('filtersRefused', filtersRefused)
    if (handlerFailed !== undefined) this.on('handlerFailed', handlerFailed)
  }

  /** See `connect`. */
  static async connect(options: BusrtOptions): Promise<BusrtClient> {
    const client = new BusrtClient(options)
    await client.#connectFirst(options.signal ?? new AbortController().signal)
    return client
  }

  /** False while the connection is being mended, and when there will be none any more. */
  get isConnected(): boolean {
    return this.#connection?.isLive === true
  }

  /** The name without the suffix of a secondary client. */
  get primaryName(): string {
    return this.name.split(secondaryMark, 1)[0] ?? ''
  }

  /** Frames dropped because the program has neither handler nor iterator and the queue was full. */
  get discardedFrames(): number {
    return this.#inbox.discarded
  }

  /**
   * Sends to the client of exactly this name. All operations resolve as their quality of service says
   * (see `Qos`), by default with the broker's acknowledgement, and reject with `BusError`. While the
   * connection is being mended they fail at once with `unavailable`; `ready` waits.
   * @throws BusError `not_found/unknown_client`, `resource_exhausted/slow_client` when the receiver does
   *   not read, `permission_denied`, `deadline_exceeded`, `unavailable`, `cancelled`
   */
  send(target: string, payload: Uint8Array | string, options?: OperationOptions): Promise<void> {
    return this.#operate(opcodes.message, 'the target', target, payload, options)
  }

  /**
   * Sends to every client whose name matches a mask; it need not be any.
   * @param mask chunks divided by `.`: `?` is one chunk, `*` the rest, at least one
   */
  broadcast(mask: string, payload: Uint8Array | string, options?: OperationOptions): Promise<void> {
    return this.#operate(opcodes.broadcast, 'the mask', mask, payload, options)
  }

  /** Publishes on a topic; it need not have subscribers. Wildcards in it are plain text. */
  publish(topic: string, payload: Uint8Array | string, options?: OperationOptions): Promise<void> {
    return this.#operate(opcodes.publish, 'the topic', topic, payload, options)
  }

  /**
   * Publishes for one client and its secondaries alone; each gets it if it is subscribed.
   * @param receiver name of the primary client
   */
  async publishFor(
    topic: string,
    receiver: string,
    payload: Uint8Array | string,
    options?: OperationOptions,
  ): Promise<void> {
    checkText('the topic', topic)
    checkText('the receiver', receiver)
    const head = `${topic}\0${receiver}`
    await this.#live().operate(opcodes.publishFor, head, toPayload(payload), options)
  }

  /**
   * Subscribes to topics by filters: `+` is one level, `#` the rest, at least one level. All or none: when
   * one is refused, none stays. They come again after a new connection.
   * @throws BusError also `permission_denied`
   */
  async subscribe(filters: string | readonly string[], options?: OperationOptions): Promise<void> {
    await this.#filters.subscribe(this.#live(), filters, options)
  }

  /** Takes subscriptions back, by the same texts; others are ignored. */
  async unsubscribe(
    filters: string | readonly string[],
    options?: OperationOptions,
  ): Promise<void> {
    await this.#filters.unsubscribe(this.#live(), filters, options)
  }

  /** No publication whose topic matches is delivered, whatever the subscriptions. */
  async exclude(filters: string | readonly string[], options?: OperationOptions): Promise<void> {
    await this.#filters.exclude(this.#live(), filters, options)
  }

  /** Takes exclusions back, by the same texts. */
  async unexclude(filters: string | readonly string[], options?: OperationOptions): Promise<void> {
    await this.#filters.unexclude(this.#live(), filters, options)
  }

  /**
   * Messages, broadcasts and publications in the order in which they came, over all connections. Ends
   * quietly with `close`, and with an error when the connection is lost for good. Nothing is dropped for
   * a slow program: at the limits of the options the client stops reading. Several iterators share them.
   * @throws BusError `failed_precondition` when `onFrame` takes them
   */
  frames(): AsyncIterableIterator<BusrtFrame, undefined> {
    return this.#inbox.iterate()
  }

  [Symbol.asyncIterator](): AsyncIterator<BusrtFrame, undefined> {
    return this.frames()
  }

  /** Calls and their handlers. The first use makes this a client with the RPC layer, see `BusrtRpc`. */
  get rpc(): BusrtRpc {
    this.#rpc ??= new BusrtRpc(() => this.#live(), this.#calls, this.#handlers)
    return this.#rpc
  }

  /** What the broker itself answers; uses `rpc`. */
  get broker(): BrokerMethods {
    this.#broker ??= new BrokerMethods(this.rpc)
    return this.#broker
  }

  /**
   * Another connection of this client, with a name of its own (`NAME%%0`, `NAME%%1` …), queue,
   * subscriptions and handlers: for work that must not wait behind other work. It ends with this one.
   * @param options differ from those of this client
   */
  async secondary(
    options: Partial<Omit<BusrtOptions, 'address' | 'name'>> = {},
  ): Promise<BusrtClient> {
    if (this.name.includes(secondaryMark)) {
      const text = 'a secondary client has no secondary clients; ask its primary for another'
      throw new BusError('failed_precondition', 'bad_argument', text)
    }
    this.#live()
    this.#lastSecondary += 1
    const name = `${this.name}${secondaryMark}${this.#lastSecondary}`
    const own = {
      onFrame: undefined,
      handlers: undefined,
      on: undefined,
      waitForBroker: undefined,
      signal: undefined,
    }
    const client = await BusrtClient.connect({ ...this.#options, ...own, ...options, name })
    this.#secondaries.add(client)
    client.#forget = () => void this.#secondaries.delete(client)
    if (this.#closing !== undefined) await client.close()
    return client
  }

  /** Calls the listener whenever that happens; it must not throw. Returns how to stop that. */
  on<Name extends keyof BusrtEvents>(
    name: Name,
    listener: (event: BusrtEvents[Name]) => void,
  ): () => void {
    const listeners: Set<Listener<BusrtEvents[Name]>> = this.#listeners[name]
    // An object of its own: the same listener may be given twice.
    const entry = (event: BusrtEvents[Name]) => listener(event)
    listeners.add(entry)
    return () => void listeners.delete(entry)
  }

  /**
   * Resolves when the connection stands. @throws BusError when it never will, `cancelled` by the signal
   */
  ready(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    const { signal } = options
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    if (this.isConnected) return Promise.resolve()
    if (signal?.aborted === true) return Promise.reject(abortedError(signal))
    return new Promise((resolve, reject) => {
      const settle = (error?: BusError) => {
        this.#onReady.delete(settle)
        unlisten()
        if (error === undefined) resolve()
        else reject(error)
      }
      this.#onReady.add(settle)
      const unlisten = onAbort(signal, () => settle(abortedError(signal)))
    })
  }

  /**
   * Ends the client and its secondaries: calls are given up, handlers that run may answer, what was sent
   * is written and acknowledged; at the latest after the time-out. May be called twice.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #operate(
    opcode: number,
    what: string,
    head: string,
    payload: Uint8Array | string,
    options: OperationOptions | undefined,
  ): Promise<void> {
    try {
      checkText(what, head)
      return this.#live().operate(opcode, head, toPayload(payload), options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #live(): Connection {
    if (this.#ended !== undefined) throw this.#ended
    if (this.#connection?.isLive === true) return this.#connection
    const text = `${this.name} is not connected to ${this.address}; it keeps trying, and ready() waits for it`
    throw new BusError('unavailable', 'connection_lost', text)
  }

  async #connectFirst(signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        await this.#open(signal)
        return
      } catch (error) {
        const isFinal = signal.aborted || !(error instanceof BusError) || finalCodes.has(error.code)
        const delayMs =
          isFinal || this.#options.waitForBroker !== true ? undefined : this.#delay.next()
        if (isFinal || delayMs === undefined) {
          this.#inbox.close()
          throw error
        }
        this.#emit('reconnecting', { attempt: this.#delay.attempts, delayMs, error })
        await this.#delay.wait(delayMs, signal)
      }
    }
  }

  /** Connects and sets up again what the last connection had. */
  async #open(signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw abortedError(signal)
    const { pingMs = Math.min(1_000, this.#timeoutMs / 2) } = this.#options
    const { maxFrameBytes = 268_435_456, maxPendingBytes = 67_108_864 } = this.#options
    const connection = await Connection.open(
      {
        address: this.address,
        tls: this.#options.tls,
        name: this.name,
        timeoutMs: this.#timeoutMs,
        pingMs,
        maxFrameBytes,
        maxPendingBytes,
        timing: this.#timing,
      },
      this.#owner,
      signal,
    )
    try {
      const refused = await this.#filters.restore(connection)
      if (refused !== undefined) this.#emit('filtersRefused', refused)
      if (connection.error !== undefined) throw connection.error
    } catch (error) {
      connection.destroy()
      throw error
    }
    this.#connection = connection
    this.#connectedAtMs = this.#timing.monotonic()
    this.#updateReading(connection)
    for (const settle of this.#onReady) settle()
  }

  readonly #owner: ConnectionOwner = {
    onDelivery: (connection, delivery) => this.#onDelivery(connection, delivery),
    onRead: (connection) => {
      this.#inbox.flush()
      this.#updateReading(connection)
    },
    onBlocked: (connection) => this.#updateReading(connection),
    onClosed: (connection, error) => this.#onClosed(connection, error),
  }

  #onDelivery(connection: Connection, delivery: Delivery): void {
    if (this.#closing !== undefined || this.#onRpc(connection, delivery)) return
    this.#inbox.add(new BusrtFrame(delivery))
  }

  /** Takes what belongs to the RPC layer. */
  #onRpc(connection: Connection, delivery: Delivery): boolean {
    if (this.#rpc === undefined || delivery.kind !== 'message') return false
    const { bytes, start, end } = delivery
    const frame = decodeRpc(bytes, start, end)
    switch (frame?.kind) {
      case undefined:
        return false
      case 'reply':
        this.#calls.settle(frame.id, copyOf(bytes, frame.start, end))
        return true
      case 'errorReply':
        this.#calls.refuse(frame.id, frame.code, copyOf(bytes, frame.start, end))
        return true
      case 'notification':
        this.#handlers.onNotification(connection, frame.start, delivery)
        return true
      case 'request':
        this.#handlers.onRequest(connection, frame, delivery)
        return true
    }
  }

  #updateReading(connection: Connection | undefined): void {
    // A client that closes keeps nothing of what it reads.
    if (connection === undefined || this.#closing !== undefined) return
    const isFull = this.#inbox.isFull || this.#handlers.isFull
    // A broker that takes nothing more may be waiting for this client to read.
    const awaitsAnswers = connection.waiting > 0 || this.#calls.size > 0 || !connection.hasRoom
    const hasReserve = this.#inbox.hasReserve && this.#handlers.hasReserve
    connection.setReading(!isFull || (awaitsAnswers && hasReserve))
  }

  #onClosed(connection: Connection, error: BusError): void {
    this.#inbox.flush()
    this.#handlers.onDisconnected(connection, error)
    if (connection !== this.#connection) return
    this.#connection = undefined
    this.#calls.failAll(error)
    if (this.#closing !== undefined) return
    const willReconnect = this.#options.reconnect !== false
    this.#emit('disconnected', { error, willReconnect })
    if (!willReconnect) return this.#end(error)
    if (this.#timing.monotonic() - this.#connectedAtMs >= firmMs) this.#delay.reset()
    this.#mending = this.#mend(error)
  }

  async #mend(lost: BusError): Promise<void> {
    const { signal } = this.#stop
    let error = lost
    while (!signal.aborted) {
      const delayMs = this.#delay.next()
      if (delayMs === undefined) return this.#giveUp(error)
      this.#emit('reconnecting', { attempt: this.#delay.attempts, delayMs, error })
      await this.#delay.wait(delayMs, signal)
      try {
        await this.#open(signal)
        if (signal.aborted) return
        this.#reconnects += 1
        this.#emit('connected', { reconnects: this.#reconnects })
        return
      } catch (thrown) {
        if (signal.aborted) return
        if (!(thrown instanceof BusError)) throw thrown
        if (finalCodes.has(thrown.code)) return this.#giveUp(thrown)
        error = thrown
      }
    }
  }

  #giveUp(error: BusError): void {
    this.#emit('disconnected', { error, willReconnect: false })
    this.#end(error)
  }

  /** There will be no connection any more. */
  #end(error: BusError): void {
    this.#ended = error
    this.#forget()
    this.#inbox.end(error)
    for (const settle of this.#onReady) settle(error)
  }

  async #close(): Promise<void> {
    const error = new BusError('cancelled', 'cancelled', 'the client is closed')
    this.#ended = error
    this.#forget()
    this.#stop.abort(error)
    this.#calls.failAll(error)
    this.#inbox.close()
    for (const settle of this.#onReady) settle(error)
    await Promise.all([...this.#secondaries].map((client) => client.close()))
    await this.#mending
    const connection = this.#connection
    if (connection === undefined) return
    connection.setReading(true)
    await this.#handlersEnd()
    await connection.close()
  }

  /** Resolves when no handler runs any more, or has had its time. */
  async #handlersEnd(): Promise<void> {
    let limit: { cancel(): void } | undefined
    const isLate = new Promise<void>((resolve) => {
      limit = this.#timing.after(this.#timeoutMs, resolve)
    })
    await Promise.race([this.#handlers.idle(), isLate])
    limit?.cancel()
  }

  #emit<Name extends keyof BusrtEvents>(name: Name, event: BusrtEvents[Name]): void {
    const listeners: Set<Listener<BusrtEvents[Name]>> = this.#listeners[name]
    for (const listener of listeners) listener(event)
  }

  #onHandlerError(error: unknown): void {
    if (this.#listeners.handlerFailed.size > 0) return this.#emit('handlerFailed', { error })
    // Somebody else's bytes may have caused it, so it is shown instead of ending the program.
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    process.emitWarning(`a handler of the BUS/RT client ${this.name} failed: ${text}`)
  }
}

/** @throws BusError `invalid_argument` */
function checkClientName(name: string): void {
  const what = 'the client name'
  if (name === '') throw new BusError('invalid_argument', 'name_empty', `${what} is empty`)
  if (name.startsWith('.')) {
    const text = `${what} begins with a dot, which is for the broker alone`
    throw new BusError('invalid_argument', 'bad_argument', text)
  }
  checkText(what, name)
  if (Buffer.byteLength(name) > maxNameBytes) {
    const text = `${what} has more than ${maxNameBytes} bytes`
    throw new BusError('invalid_argument', 'name_too_long', text)
  }
}

function nothing(): void {}
