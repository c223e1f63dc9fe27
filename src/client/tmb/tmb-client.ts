/**
 * A client of a TMB server: msgbusd, or anything else that speaks the text bus. This file puts the parts
 * together and mends a broken connection: what was on its way is lost or fails, since nobody knows how far
 * it came; authentication, options and subscriptions are set up again before anything else.
 *
 * Flow control goes both ways. Sending: promises settle later when the server takes less. Receiving: when
 * enough waits here, the socket is not read, and what the server does with a reader that is slow for long
 * is its own rule (spec/tmb 8.3): by default msgbusd disconnects it. Answers come by the same socket,
 * though, so while this program waits for one, reading goes on behind what is queued, up to a multiple of
 * the limit.
 */

import { BusError } from '../../model/errors.ts'
import type { BusErrorCode } from '../../model/errors.ts'
import type { TmbKind } from '../../wire/tmb/words.ts'
import { onAbort } from '../abort-listeners.ts'
import { payloadText } from '../payload-codec.ts'
import { ReconnectDelay } from '../reconnect-delay.ts'
import { systemTiming } from '../timing.ts'
import type { Timing } from '../timing.ts'
import { checkedPattern, checkedWords, peerMessageLine } from './checked-line.ts'
import { Connection } from './connection.ts'
import type { CommandOptions, ConnectionOwner } from './connection.ts'
import { abortedError } from './find-server.ts'
import { MessageInbox } from './message-inbox.ts'
import { TmbCategory, TmbMessage } from './received-message.ts'
import { lastNumber } from './reply.ts'
import { ServerState } from './server-state.ts'
import type { SubscribeOptions } from './server-state.ts'
import { parseTmbAddress } from './tmb-address.ts'
import type { TmbAddress } from './tmb-address.ts'
import type {
  TmbClientOptions,
  TmbEvents,
  TmbOptionValues,
  TmbSubscription,
} from './tmb-options.ts'

type Listener<Event> = (event: Event) => void

/** Finds the server and connects. @throws BusError that says what to do */
export function connect(options: TmbClientOptions = {}): Promise<TmbClient> {
  return TmbClient.connect(options)
}

export interface PublishOptions {
  /** The white space byte behind the category; default a blank, 0x20. */
  readonly separator?: number | undefined
}

/** A connection that stood for less does not make the next delay short again. */
const firmMs = 5_000
/** Trying again does not help against these. */
const finalCodes: ReadonlySet<BusErrorCode> = new Set([
  'invalid_argument',
  'permission_denied',
  'unauthenticated',
  'unimplemented',
])

export class TmbClient implements AsyncIterable<TmbMessage> {
  readonly #options: TmbClientOptions
  readonly #place: TmbAddress
  readonly #timing: Timing
  readonly #delay: ReconnectDelay
  readonly #stop = new AbortController()
  #address: string
  #connection: Connection | undefined
  #connectedAtMs = 0
  #reconnects = 0
  #closing: Promise<void> | undefined
  #mending: Promise<void> | undefined
  /** Why there will be no connection any more. */
  #ended: BusError | undefined
  readonly #onReady = new Set<(error?: BusError) => void>()

  readonly #state: ServerState
  readonly #inbox: MessageInbox
  readonly #listeners: { [Name in keyof TmbEvents]: Set<Listener<TmbEvents[Name]>> } = {
    connected: new Set(),
    disconnected: new Set(),
    reconnecting: new Set(),
    subscriptionRefused: new Set(),
    messageRefused: new Set(),
    info: new Set(),
  }

  private constructor(options: TmbClientOptions) {
    this.#options = options
    this.#place = parseTmbAddress(options)
    this.#address = this.#place.text
    this.#timing = options.timing ?? systemTiming
    this.#delay = new ReconnectDelay(
      this.#timing,
      options.reconnect === false ? {} : options.reconnect,
    )
    this.#state = new ServerState(options.auth, options.options)
    this.#inbox = new MessageInbox({
      maxMessages: options.maxQueuedMessages ?? 8_192,
      maxBytes: options.maxQueuedBytes ?? 8_388_608,
      onRoom: () => this.#updateReading(this.#connection),
    })
    const { connected, disconnected, reconnecting, subscriptionRefused, messageRefused, info } =
      options.on ?? {}
    if (connected !== undefined) this.on('connected', connected)
    if (disconnected !== undefined) this.on('disconnected', disconnected)
    if (reconnecting !== undefined) this.on('reconnecting', reconnecting)
    if (subscriptionRefused !== undefined) this.on('subscriptionRefused', subscriptionRefused)
    if (messageRefused !== undefined) this.on('messageRefused', messageRefused)
    if (info !== undefined) this.on('info', info)
  }

  /** See `connect`. */
  static async connect(options: TmbClientOptions = {}): Promise<TmbClient> {
    const client = new TmbClient(options)
    await client.#connectFirst(options.signal ?? new AbortController().signal)
    return client
  }

  /** Where the server was found: `host:port` or `unix:/path`. */
  get address(): string {
    return this.#address
  }

  /** False while the connection is being mended, and when there will be none any more. */
  get isConnected(): boolean {
    return this.#connection?.isLive === true
  }

  /** Own subscriptions, in the order in which they were made. */
  get subscriptions(): readonly TmbSubscription[] {
    return this.#state.subscriptions
  }

  /** Messages dropped because the program does not iterate and the queue was full. */
  get discardedMessages(): number {
    return this.#inbox.discarded
  }

  /**
   * Sends a message. Resolves when there is room for more: TMB acknowledges nothing, and a refusal is told
   * by `messageRefused`. While the connection is being mended it fails at once with `unavailable`.
   * @param category at least one byte, no white space, at most 1,024 bytes
   * @param rest without LF; undefined: the line ends with the category
   * @throws BusError `invalid_argument`, `resource_exhausted`, `unavailable`, `cancelled`
   */
  publish(
    category: Uint8Array | string,
    rest?: Uint8Array | string,
    options: PublishOptions = {},
  ): Promise<void> {
    try {
      const line = peerMessageLine(category, rest, options.separator)
      return this.#live().publish(line)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Subscribes to the categories that a pattern matches; they come again after a new connection. With an
   * `id` in use the subscription of that id is replaced, without a gap.
   * @param pattern for `regexp` in the dialect of RE2, not anchored; otherwise compared byte by byte
   * @returns the id, for `unsubscribe`
   * @throws TmbError when the server refuses, BusError otherwise
   */
  async subscribe(
    kind: TmbKind,
    pattern: Uint8Array | string,
    options?: SubscribeOptions,
  ): Promise<string> {
    const { id } = await this.#state.subscribe(
      this.#live(),
      { kind, pattern, isWatch: false },
      options,
    )
    return id
  }

  /**
   * Like `subscribe`, and the last message of every matching category comes first, marked `isSnapshot`,
   * without a gap or repeat between these and what follows; again after every new connection.
   * @returns the id, and how many messages come first
   */
  watch(
    kind: TmbKind,
    pattern: Uint8Array | string,
    options?: SubscribeOptions,
  ): Promise<{ readonly id: string; readonly snapshot: number }> {
    return this.#attempt((live) =>
      this.#state.subscribe(live, { kind, pattern, isWatch: true }, options),
    )
  }

  /** Ends a subscription; `*`: all. @throws TmbError `no-such-subscription` */
  unsubscribe(id: string, options?: CommandOptions): Promise<void> {
    return this.#attempt((live) => this.#state.unsubscribe(live, id, options))
  }

  /** The last message of every matching category, oldest first. */
  async last(
    kind: TmbKind,
    pattern: Uint8Array | string,
    options?: CommandOptions,
  ): Promise<TmbMessage[]> {
    const words = [kind, checkedPattern(kind, pattern)]
    const { lines } = await this.#live().command('last', words, options)
    return lines.map((line) => new TmbMessage(line))
  }

  /** Drops the remembered last messages of matching categories, for everybody. Returns how many. */
  async forget(
    kind: TmbKind,
    pattern: Uint8Array | string,
    options?: CommandOptions,
  ): Promise<number> {
    const words = [kind, checkedPattern(kind, pattern)]
    const { rest } = await this.#live().command('forget', words, options)
    return lastNumber(rest)
  }

  /** The matching categories that the server knows. */
  async categories(
    kind: TmbKind = 'regexp',
    pattern: Uint8Array | string = '.',
    options?: CommandOptions,
  ): Promise<TmbCategory[]> {
    const words = [kind, checkedPattern(kind, pattern)]
    const { lines } = await this.#live().command('categories', words, options)
    return lines.map((bytes) => new TmbCategory(bytes))
  }

  /** Sets an option of the connection, and of those that follow it. */
  option<Name extends keyof TmbOptionValues>(
    name: Name,
    value: NonNullable<TmbOptionValues[Name]>,
    options?: CommandOptions,
  ): Promise<void> {
    return this.#attempt((live) => this.#state.setOption(live, name, value, options))
  }

  /** Resolves when the server has answered, with everything sent before it processed. */
  async ping(text?: string, options?: CommandOptions): Promise<void> {
    const words = text === undefined ? [] : [checkedWords('the text', text)]
    await this.#live().command('ping', words, options)
  }

  /** Protocol, product with its version, and node id of the server, divided by blanks. */
  async version(options?: CommandOptions): Promise<string> {
    const { rest } = await this.#live().command('version', [], options)
    return payloadText(rest)
  }

  /**
   * Messages in the order in which they came, over all connections. Ends quietly with `close`, and with an
   * error when the connection is lost for good. Nothing is dropped for a slow program: at the limits of the
   * options the client stops reading. Several iterators share the messages.
   */
  messages(): AsyncIterableIterator<TmbMessage, undefined> {
    return this.#inbox.messages()
  }

  /** The same, as many at a time as came together: cheaper where there are very many. */
  batches(): AsyncIterableIterator<readonly TmbMessage[], undefined> {
    return this.#inbox.batches()
  }

  [Symbol.asyncIterator](): AsyncIterator<TmbMessage, undefined> {
    return this.messages()
  }

  /** Calls the listener whenever that happens; it must not throw. Returns how to stop that. */
  on<Name extends keyof TmbEvents>(
    name: Name,
    listener: (event: TmbEvents[Name]) => void,
  ): () => void {
    const listeners: Set<Listener<TmbEvents[Name]>> = this.#listeners[name]
    // An object of its own: the same listener may be given twice.
    const entry = (event: TmbEvents[Name]) => listener(event)
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
   * Ends the client: what was sent is written and processed by the server, iterators end; at the latest
   * after the time-out. May be called twice.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Errors of the arguments and of the state reject as those of the server do. */
  async #attempt<R>(work: (live: Connection) => Promise<R>): Promise<R> {
    return work(this.#live())
  }

  #live(): Connection {
    if (this.#ended !== undefined) throw this.#ended
    if (this.#connection?.isLive === true) return this.#connection
    const text = `there is no connection to ${this.#address} now; the client keeps trying, and ready() waits for it`
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
          isFinal || this.#options.waitForServer !== true ? undefined : this.#delay.next()
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
    const { timeoutMs = 5_000, pingMs = 15_000, maxLineBytes = 16_777_216 } = this.#options
    const { maxPendingBytes = 67_108_864, maxReplyBytes = 134_217_728 } = this.#options
    const connection = await Connection.open(
      {
        address: this.#place,
        tlsOptions: this.#options.tls,
        timeoutMs,
        pingMs,
        maxLineBytes,
        maxPendingBytes,
        maxReplyBytes,
        timing: this.#timing,
      },
      this.#owner,
      signal,
    )
    const unlisten = onAbort(signal, () => connection.destroy(abortedError(signal)))
    try {
      for (const refused of await this.#state.restore(connection)) {
        this.#emit('subscriptionRefused', refused)
      }
      if (connection.error !== undefined) throw connection.error
    } catch (error) {
      connection.destroy()
      throw error
    } finally {
      unlisten()
    }
    this.#connection = connection
    this.#address = connection.address
    this.#connectedAtMs = this.#timing.monotonic()
    this.#updateReading(connection)
    for (const settle of this.#onReady) settle()
  }

  readonly #owner: ConnectionOwner = {
    onMessage: (message) => {
      if (this.#closing === undefined) this.#inbox.add(message)
    },
    onRead: (connection) => {
      this.#inbox.flush()
      this.#updateReading(connection)
    },
    onCommand: (connection) => this.#updateReading(connection),
    onRefused: (error) => this.#emit('messageRefused', { error }),
    onInfo: (code, text) => this.#emit('info', { code, text }),
    onClosed: (connection, error) => this.#onClosed(connection, error),
  }

  #updateReading(connection: Connection | undefined): void {
    // A client that closes keeps nothing of what it reads.
    if (connection === undefined || this.#closing !== undefined) return
    // A server that takes nothing more may be waiting for this client to read.
    const awaitsAnswers = connection.waiting > 0 || !connection.hasRoom
    connection.setReading(!this.#inbox.isFull || (awaitsAnswers && this.#inbox.hasReserve))
  }

  #onClosed(connection: Connection, error: BusError): void {
    this.#inbox.flush()
    if (connection !== this.#connection) return
    this.#connection = undefined
    if (this.#closing !== undefined) return
    const willReconnect = this.#options.reconnect !== false
    this.#emit('disconnected', { error, willReconnect })
    if (!willReconnect) return this.#end(error)
    if (this.#timing.monotonic() - this.#connectedAtMs >= firmMs) this.#delay.reset()
    this.#mending = this.#mend(error)
  }

  async #mend(cause: BusError): Promise<void> {
    const { signal } = this.#stop
    let error = cause
    for (;;) {
      const delayMs = this.#delay.next()
      if (delayMs === undefined) return this.#giveUp(error)
      this.#emit('reconnecting', { attempt: this.#delay.attempts, delayMs, error })
      await this.#delay.wait(delayMs, signal)
      if (signal.aborted) return
      try {
        await this.#open(signal)
        if (signal.aborted) return
        this.#reconnects += 1
        this.#emit('connected', { reconnects: this.#reconnects, address: this.#address })
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
    this.#inbox.end(error)
    for (const settle of this.#onReady) settle(error)
  }

  async #close(): Promise<void> {
    const error = new BusError('cancelled', 'cancelled', 'the client is closed')
    this.#ended = error
    this.#stop.abort(error)
    this.#inbox.close()
    for (const settle of this.#onReady) settle(error)
    await this.#mending
    await this.#connection?.close()
  }

  #emit<Name extends keyof TmbEvents>(name: Name, event: TmbEvents[Name]): void {
    const listeners: Set<Listener<TmbEvents[Name]>> = this.#listeners[name]
    for (const listener of listeners) listener(event)
  }
}
