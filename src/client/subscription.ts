/**
 * A subscription: an async iterable of messages that survives broken connections. It prefers the v2
 * stream (filters, every origin, batches) and falls back to v1 for one topic of one origin. What the
 * program has not taken yet is bounded; beyond the bound nothing is read from the daemon, which
 * keeps the rest in its store.
 */

import { BusError } from '../model/errors.ts'
import type { NodeId } from '../model/node-id.ts'
import { isExactFilter, parseTopicFilter } from '../model/topic-filter.ts'
import { msgbusServiceCalls } from '../wire/gen/msgbus-v1.ts'
import type { Start } from '../wire/gen/msgbus-v2.ts'
import { onAbort } from './abort-listeners.ts'
import { BatchQueue } from './batch-queue.ts'
import { callOnce, isUnimplemented, unsupported } from './client-context.ts'
import type { ClientContext } from './client-context.ts'
import { FeedReader } from './feed-reader.ts'
import type { HistoryChange } from './feed-reader.ts'
import { toWireHead } from './head-id.ts'
import type { HeadIdInput } from './head-id.ts'
import { LogReader } from './log-reader.ts'
import type { LogReaderStart } from './log-reader.ts'
import { codecs } from './payload-codec.ts'
import type { PayloadCodec } from './payload-codec.ts'
import { PositionKeeper } from './position.ts'
import type { Position, StoredPositionOptions } from './position.ts'
import { ReconnectDelay, isRetryable } from './reconnect-delay.ts'
import type { ReconnectOptions } from './reconnect-delay.ts'
import type { Message } from './received-message.ts'

/**
 * `earliest`: everything stored. `now`: what is stored from now on. `last`: the newest message of
 * each matching topic and origin, then what follows. A head id: from there on, in the log of one
 * topic of one origin. A position: what follows it.
 */
export type SubscribeFrom = 'earliest' | 'now' | 'last' | HeadIdInput | Position

export interface SubscribeOptions<T> {
  /** Default `earliest`. A saved position (`positions`) goes before it. */
  readonly from?: SubscribeFrom | undefined
  /**
   * Only messages of this origin. Default: the client's default origin; without one every origin,
   * but for head ids (and on daemons that only speak v1) the daemon's own.
   */
  readonly origin?: NodeId | undefined
  /** What `message.value` is; default: the payload bytes. */
  readonly codec?: PayloadCodec<T> | undefined
  /** Leave out publications that are not stored (head id 0), which come while the reader keeps up. */
  readonly storedOnly?: boolean | undefined
  /** Leave payloads and headers out; not on daemons that only speak v1. */
  readonly headsOnly?: boolean | undefined
  /** `false`: the stream as it is, ending with the connection. Default: reconnect for ever. */
  readonly reconnect?: ReconnectOptions | false | undefined
  /** What to do when the daemon's store was made anew; default `earliest`, so that nothing is missed. */
  readonly historyChanged?: HistoryChange | undefined
  /** Where to keep how far the program has come: a message counts when the next one is asked for. */
  readonly positions?: StoredPositionOptions | undefined
  /** Messages held ready at most; default 10,000. */
  readonly bufferMessages?: number | undefined
  /** Payload bytes held ready at most; default 8 MiB. */
  readonly bufferBytes?: number | undefined
  /** Most messages the daemon sends together; default 1,000. */
  readonly maxBatch?: number | undefined
  /** Ends the subscription: iterating throws `cancelled`. For a quiet end call `close`. */
  readonly signal?: AbortSignal | undefined
}

export class Subscription<T = Uint8Array> implements AsyncIterable<Message<T>> {
  readonly filter: string
  readonly #context: ClientContext
  readonly #options: SubscribeOptions<T>
  readonly #queue: BatchQueue<Message<T>>
  readonly #stop = new AbortController()
  readonly #keeper: PositionKeeper | undefined
  readonly #delay: ReconnectDelay
  readonly #unlisten: (() => void)[] = []
  readonly #ready: Promise<void>
  #onReady: { resolve(): void; reject(error: unknown): void } | undefined
  #taken: Message<T> | undefined

  /** Opens at once. @throws BusError for a bad filter or start */
  constructor(context: ClientContext, filter: string, options: SubscribeOptions<T>) {
    this.filter = parseTopicFilter(filter)
    this.#context = context
    this.#options = options
    this.#delay = new ReconnectDelay(
      context.timing,
      options.reconnect === false ? { maxAttempts: 0 } : options.reconnect,
    )
    this.#queue = new BatchQueue({
      maxItems: options.bufferMessages ?? 10_000,
      maxBytes: options.bufferBytes ?? 8_388_608,
      onClosed: () => this.#closed(),
    })
    this.#keeper = options.positions && new PositionKeeper(options.positions, context.timing)
    this.#ready = new Promise((resolve, reject) => {
      this.#onReady = { resolve, reject }
    })
    // Whoever does not ask for readiness learns of the failure by iterating.
    this.#ready.catch(() => undefined)
    const from = options.from ?? 'earliest'
    this.#checkStart(from)
    const { signal } = options
    const abort = () => {
      const cause = signal?.reason as unknown
      const text = 'the subscription was aborted'
      this.#queue.close(new BusError('cancelled', 'cancelled', text, { cause }))
    }
    this.#unlisten.push(onAbort(signal, abort))
    this.#unlisten.push(onAbort(context.transport.closed, () => this.#queue.close()))
    void this.#run(from)
  }

  /**
   * Resolves when the daemon has set the subscription up: with `now`, everything stored after that
   * will come. @throws BusError when the subscription ended first
   */
  ready(): Promise<void> {
    return this.#ready
  }

  /** One iteration per subscription: a second iterator shares the messages with the first. */
  [Symbol.asyncIterator](): AsyncIterator<Message<T>, undefined> {
    const finish = () => this.#finish()
    if (this.#keeper === undefined) {
      return { next: () => this.#queue.next(), return: finish }
    }
    return { next: () => this.#nextKept(), return: finish }
  }

  /** The same messages as they come, many at a time: cheaper when there are hundreds of thousands. */
  batches(): AsyncIterable<readonly Message<T>[]> {
    const next = async (): Promise<IteratorResult<readonly Message<T>[], undefined>> => {
      this.#countTaken()
      const result = await this.#queue.nextBatch()
      if (result.done !== true) this.#taken = result.value.at(-1)
      return result
    }
    const finish = () => this.#finish()
    return { [Symbol.asyncIterator]: () => ({ next, return: finish }) }
  }

  /**
   * Saves that everything up to `message` (default: the message taken last) is dealt with, and
   * resolves when it is saved. @throws BusError without `positions`, and what the store throws
   */
  async save(message: Message<T> | undefined = this.#taken): Promise<void> {
    if (this.#keeper === undefined) {
      throw new BusError(
        'failed_precondition',
        'bad_argument',
        'subscribe with `positions` to save them',
      )
    }
    if (message?.position !== undefined) this.#keeper.done(message.position)
    await this.#keeper.flush()
  }

  /** Frees the stream at once; iterating ends quietly. Resolves when the position is saved. */
  async close(): Promise<void> {
    this.#queue.close()
    await this.#keeper?.flush()
  }

  async #nextKept(): Promise<IteratorResult<Message<T>, undefined>> {
    this.#countTaken()
    const result = await this.#queue.next()
    if (result.done === true) await this.#keeper?.flush()
    else this.#taken = result.value
    return result
  }

  /** Asking for more means that what was taken before is dealt with. */
  #countTaken(): void {
    const position = this.#taken?.position
    this.#taken = undefined
    if (position !== undefined) this.#keeper?.done(position)
  }

  async #finish(): Promise<IteratorResult<never, undefined>> {
    await this.close()
    return { value: undefined, done: true }
  }

  #closed(): void {
    for (const unlisten of this.#unlisten) unlisten()
    this.#stop.abort()
    this.#onReady?.reject(new BusError('cancelled', 'cancelled', 'the subscription was closed'))
  }

  async #run(from: SubscribeFrom): Promise<void> {
    let error: BusError | undefined
    try {
      const saved = await this.#keeper?.load()
      let reader: { read(): Promise<void> } = await this.#feedReader(saved ?? from)
      while (!this.#queue.closed) {
        try {
          await reader.read()
          error = undefined
        } catch (thrown) {
          if (this.#queue.closed) return
          if (isUnimplemented(thrown) && reader instanceof FeedReader) {
            reader = this.#logReader(saved ?? from, thrown)
            continue
          }
          if (!isRetryable(thrown)) throw thrown
          error = thrown as BusError
        }
        if (this.#queue.closed) return
        const delayMs = this.#delay.next()
        if (delayMs === undefined) break
        this.#context.hooks.reconnecting?.({
          what: `subscribe ${this.filter}`,
          attempt: this.#delay.attempts,
          delayMs,
          error: error ?? new BusError('unavailable', 'connection_lost', 'the stream ended'),
        })
        await this.#delay.wait(delayMs, this.#stop.signal)
      }
      this.#end(error)
    } catch (thrown) {
      this.#end(thrown)
    }
  }

  #end(error: unknown): void {
    if (error !== undefined) this.#onReady?.reject(error)
    this.#queue.end(error)
  }

  #opened(): void {
    this.#delay.reset()
    this.#onReady?.resolve()
  }

  async #feedReader(from: SubscribeFrom): Promise<FeedReader<T>> {
    const { codec, headsOnly = false, storedOnly = false, maxBatch = 1_000 } = this.#options
    let origin = this.#options.origin ?? this.#context.defaultOrigin
    const start = toStart(from)
    if (start.at?.case === 'headId' && origin === undefined) {
      // A head id counts in one log: the daemon's own, as on v1.
      const { node } = await this.#persistently(() =>
        callOnce(this.#context, msgbusServiceCalls.health, {}, { signal: this.#stop.signal }),
      )
      origin = node
    }
    return new FeedReader<T>(this.#context, {
      filter: this.filter,
      origin,
      start,
      maxBatch,
      headsOnly,
      // Heads count what is stored.
      storedOnly: storedOnly || start.at?.case === 'headId',
      codec: codec ?? (codecs.bytes as PayloadCodec<unknown> as PayloadCodec<T>),
      historyChanged: this.#options.historyChanged ?? 'earliest',
      queue: this.#queue,
      signal: this.#stop.signal,
      onOpen: () => this.#opened(),
    })
  }

  #logReader(from: SubscribeFrom, cause: unknown): LogReader<T> {
    const { codec, headsOnly, origin, historyChanged = 'earliest' } = this.#options
    if (!isExactFilter(parseTopicFilter(this.filter)))
      throw unsupported('filters with wildcards', cause)
    if (headsOnly === true) throw unsupported('subscriptions without payloads', cause)
    return new LogReader<T>(this.#context, {
      topic: this.filter,
      origin: origin ?? this.#context.defaultOrigin,
      start: toLogStart(from, historyChanged),
      codec: codec ?? (codecs.bytes as PayloadCodec<unknown> as PayloadCodec<T>),
      queue: this.#queue,
      signal: this.#stop.signal,
      onOpen: () => this.#opened(),
    })
  }

  /** Repeats a call that a subscription needs before its stream, under the same rules as the stream. */
  async #persistently<R>(call: () => Promise<R>): Promise<R> {
    for (;;) {
      try {
        return await call()
      } catch (error) {
        const delayMs = isRetryable(error) && !this.#queue.closed ? this.#delay.next() : undefined
        if (delayMs === undefined) throw error
        await this.#delay.wait(delayMs, this.#stop.signal)
      }
    }
  }

  #checkStart(from: SubscribeFrom): void {
    const byHead =
      typeof from === 'number' ||
      typeof from === 'bigint' ||
      (typeof from === 'object' && from.epoch === '')
    if (byHead && !isExactFilter(parseTopicFilter(this.filter))) {
      const text = `a head id counts in one log: it cannot start the filter ${JSON.stringify(this.filter)}`
      throw new BusError('invalid_argument', 'bad_argument', text)
    }
    toStart(from)
  }
}

function toStart(from: SubscribeFrom): Start {
  if (typeof from === 'string') return { at: { case: from, value: {} } }
  if (typeof from !== 'object') {
    return { at: { case: 'headId', value: Math.max(1, toWireHead(from, 'from')) } }
  }
  if (from.epoch === '') return { at: { case: 'headId', value: from.sequence + 1 } }
  return { at: { case: 'after', value: { epoch: from.epoch, sequence: from.sequence } } }
}

function toLogStart(from: SubscribeFrom, historyChanged: HistoryChange): LogReaderStart {
  if (from === 'earliest') return 1
  if (typeof from === 'string') return from
  if (typeof from !== 'object') return toWireHead(from, 'from')
  if (from.epoch === '') return from.sequence + 1
  // A place in the commit order of a daemon that spoke v2 says nothing here.
  if (historyChanged === 'now') return 'now'
  if (historyChanged === 'earliest') return 1
  const text = 'the position was taken from another daemon than this one, which speaks v1 only'
  throw new BusError('failed_precondition', 'bad_position', text)
}
