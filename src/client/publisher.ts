/**
 * Publishes many messages with few frames. Batches clock themselves: what is published while batches
 * are on their way goes with the next one, so a single message waits for nothing and a flood fills
 * its frames. Every message carries a publish id; when the connection breaks, what has no answer is
 * sent again, and the daemon leaves out what it has already: no loss, no repetition, same order.
 *
 * A daemon that only speaks v1 gets single calls, in order within each topic. It knows no publish
 * ids, so nothing is repeated there: what breaks off fails, because it may have been stored.
 */

import { BusError, toBusError } from '../model/errors.ts'
import type { BusErrorCode } from '../model/errors.ts'
import type { OutgoingMessage } from '../model/message.ts'
import { utf8Length } from '../model/name.ts'
import { busServiceCalls } from '../wire/gen/msgbus-v2.ts'
import type { PublishResult } from '../wire/gen/msgbus-v2.ts'
import { onAbort } from './abort-listeners.ts'
import { isUnimplemented } from './client-context.ts'
import type { ClientContext } from './client-context.ts'
import { PublishIds, checkPublishId, encodeValue, toHeaders } from './publication.ts'
import type { CodecOption, PublishFields, Receipt } from './publication.ts'
import { PublishBacklog } from './publish-backlog.ts'
import type { BacklogEntry, BacklogLimits, Batch } from './publish-backlog.ts'
import { ReconnectDelay, isRetryable } from './reconnect-delay.ts'
import type { ReconnectOptions } from './reconnect-delay.ts'
import { publishOnce } from './single-publish.ts'
import { fromRefusal } from './status-code.ts'
import type { ResponseStream } from './transport.ts'

export interface PublisherOptions extends Partial<BacklogLimits> {
  /** Messages accepted and not yet answered before `send` asks to wait; default 10,000. */
  readonly maxInFlightMessages?: number
  /** Their payload and header bytes; default 8 MiB. */
  readonly maxInFlightBytes?: number
  /** Messages in one frame, at most; default 1,000. */
  readonly maxBatchMessages?: number
  /** Bytes in one frame, at most; default 256 KiB. A larger message goes alone. */
  readonly maxBatchBytes?: number
  /**
   * Give every message a publish id, so that what is unanswered when the connection breaks can be sent
   * again and is stored once; default true. False spares the daemon remembering the ids, which with
   * small messages is most of its work: then what is unanswered fails, for it may have been stored.
   */
  readonly idempotent?: boolean | undefined
  /** `false`: what is unanswered when the connection breaks fails. */
  readonly reconnect?: ReconnectOptions | false | undefined
  /** Without any answer for so long, everything waiting fails, milliseconds; default 120,000. */
  readonly giveUpAfterMs?: number | undefined
  /** Told of messages given to `send` that were not stored. Must not throw. */
  readonly onRefused?: ((error: BusError, message: OutgoingMessage) => void) | undefined
}

/** After these one message may be to blame, so each is tried alone. */
const perhapsOneMessage: ReadonlySet<BusErrorCode> = new Set([
  'invalid_argument',
  'resource_exhausted',
  'out_of_range',
  'internal',
  'unknown',
])

/** gRPC's UNAVAILABLE. */
const unavailableStatus = 14

/** What a batch has besides its messages. */
const stored = { live: false, realtime: false, from: '' }

type CodecFields<T> = PublishFields & Partial<CodecOption<T>>

export class Publisher {
  readonly #context: ClientContext
  readonly #options: PublisherOptions
  readonly #backlog: PublishBacklog
  readonly #delay: ReconnectDelay
  readonly #ids = new PublishIds()
  readonly #stop = new AbortController()
  #unlisten: () => void = () => undefined
  /** When each batch in flight was sent, oldest first. */
  #sentAt: number[] = []
  #wake: (() => void) | undefined
  #running = false
  #room: (() => void)[] = []
  #accepted = 0
  #flushes: { readonly until: number; resolve(): void }[] = []
  #streamEnded = false
  /** The first refusal of a `send` since the last `flush`. */
  #refusal: BusError | undefined
  #failingSince: number | undefined
  #v1Only = false
  #closed = false

  constructor(context: ClientContext, options: PublisherOptions = {}) {
    this.#context = context
    this.#options = options
    this.#backlog = new PublishBacklog({
      maxInFlightMessages: options.maxInFlightMessages ?? 10_000,
      maxInFlightBytes: options.maxInFlightBytes ?? 8_388_608,
      maxBatchMessages: options.maxBatchMessages ?? 1_000,
      maxBatchBytes: options.maxBatchBytes ?? 262_144,
    })
    const { reconnect } = options
    this.#unlisten = onAbort(context.transport.closed, () => this.#end())
    this.#delay = new ReconnectDelay(
      context.timing,
      reconnect === false ? { maxAttempts: 0 } : reconnect,
    )
  }

  /** Messages accepted and not yet answered. */
  get pending(): number {
    return this.#backlog.messages
  }

  /**
   * Publishes one message. Resolves when it is stored as durably as the daemon is configured. The
   * payload must not change until then. @throws BusError when it was refused or cannot be delivered
   */
  publish(topic: string, payload: Uint8Array | string, fields?: PublishFields): Promise<Receipt>
  publish<T>(topic: string, value: T, fields: PublishFields & CodecOption<T>): Promise<Receipt>
  publish<T>(topic: string, value: T, fields: CodecFields<T> = {}): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      this.#accept(topic, value, fields, { resolve, reject })
    })
  }

  /**
   * Accepts one message without waiting for its answer: undefined while there is room, else a promise
   * to wait for before the next. The payload must not change until `flush` resolves. Refusals go to
   * `onRefused` and to the next `flush`.
   */
  send(
    topic: string,
    payload: Uint8Array | string,
    fields?: PublishFields,
  ): Promise<void> | undefined
  send<T>(
    topic: string,
    value: T,
    fields: PublishFields & CodecOption<T>,
  ): Promise<void> | undefined
  send<T>(topic: string, value: T, fields: CodecFields<T> = {}): Promise<void> | undefined {
    this.#accept(topic, value, fields, undefined)
    if (!this.#backlog.isFull) return undefined
    return new Promise((resolve) => this.#room.push(resolve))
  }

  /** Resolves when everything accepted so far is answered. @throws BusError the first refusal of a `send` */
  async flush(): Promise<void> {
    const until = this.#accepted
    if (this.#backlog.messages > 0) {
      await new Promise<void>((resolve) => this.#flushes.push({ until, resolve }))
    }
    const refusal = this.#refusal
    this.#refusal = undefined
    if (refusal !== undefined) throw refusal
  }

  /**
   * Flushes, then frees the stream; without a daemon that takes as long as `giveUpAfterMs`. Nothing is
   * accepted any more. May be called twice. @throws as `flush`
   */
  async close(): Promise<void> {
    this.#closed = true
    try {
      await this.flush()
    } finally {
      this.#end()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Empty: none. */
  #makeId(): string {
    return this.#options.idempotent === false ? '' : this.#ids.next()
  }

  #end(): void {
    this.#closed = true
    this.#unlisten()
    this.#stop.abort()
    this.#wake?.()
  }

  #accept<T>(
    topic: string,
    value: T,
    fields: CodecFields<T>,
    receipt: BacklogEntry['receipt'],
  ): void {
    if (this.#closed) {
      throw new BusError('failed_precondition', 'cancelled', 'the publisher is closed')
    }
    const payload = encodeValue(value, fields.codec)
    const headers = toHeaders(fields.headers)
    const publishId =
      fields.publishId === undefined ? this.#makeId() : checkPublishId(fields.publishId)
    let bytes = payload.length
    if (headers.size > 0) {
      for (const [key, text] of headers) bytes += utf8Length(key) + utf8Length(text)
    }
    this.#accepted += 1
    this.#backlog.add({ topic, payload, headers, publishId, bytes, receipt })
    if (this.#wake !== undefined) return this.#wake()
    if (this.#running) return
    this.#running = true
    // After the caller's turn, so that what it publishes together goes together.
    queueMicrotask(() => void this.#run())
  }

  /** Delivers until the publisher is closed, over as many connections as that takes. */
  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      if (this.#backlog.messages === 0) {
        await this.#somethingNew()
        continue
      }
      let error = new BusError('unavailable', 'connection_lost', 'the daemon ended the stream')
      try {
        await (this.#v1Only ? this.#deliverSingly() : this.#deliverByStream())
      } catch (thrown) {
        error = toBusError(thrown)
      }
      const unanswered = this.#backlog.putBack()
      this.#sentAt = []
      if (this.#stop.signal.aborted) break
      if (isUnimplemented(error)) this.#v1Only = true
      else await this.#recover(error, unanswered)
    }
    this.#fail(
      Number.POSITIVE_INFINITY,
      new BusError('cancelled', 'cancelled', 'the publisher is closed'),
    )
  }

  async #deliverByStream(): Promise<void> {
    const { transport, timing } = this.#context
    if (transport.duplex === undefined) {
      throw new BusError('unimplemented', 'unsupported', 'this connection has no duplex streams')
    }
    const { signal } = this.#stop
    const stream = transport.duplex(busServiceCalls.publishStream, { signal })
    this.#streamEnded = false
    const answers = this.#readAnswers(stream).finally(() => {
      this.#streamEnded = true
      this.#wake?.()
    })
    // Awaited below; until then a failure must not count as unhandled.
    answers.catch(() => undefined)
    try {
      while (!this.#streamEnded && !signal.aborted) {
        const batch = this.#backlog.nextBatch()
        if (batch === undefined) {
          await this.#somethingNew()
        } else {
          this.#sentAt.push(timing.monotonic())
          await stream.write({ ...stored, batchId: batch.batchId, messages: toWire(batch.entries) })
        }
      }
    } finally {
      stream.cancel()
    }
    await answers
  }

  async #readAnswers(
    stream: ResponseStream<{ batchId: number; results: readonly PublishResult[] }>,
  ): Promise<void> {
    for (;;) {
      const response = await stream.read()
      if (response === undefined) return
      // A daemon that starts or stops refuses for now; the whole batch is tried again.
      const passing = response.results.find(({ refusal }) => refusal?.code === unavailableStatus)
      if (passing?.refusal !== undefined) throw fromRefusal(passing.refusal)
      const batch = this.#backlog.answered(response.batchId)
      if (batch === undefined || batch.entries.length !== response.results.length) {
        throw new BusError(
          'internal',
          'undecodable',
          'the daemon answered another batch than it got',
        )
      }
      this.#delay.reset()
      this.#failingSince = undefined
      this.#settle(batch, response.results)
      this.#wake?.()
    }
  }

  #settle({ entries, bytes }: Batch, results: readonly PublishResult[]): void {
    let refused = 0
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i] as BacklogEntry
      const { headId, id, createdAtMs, duplicate, refusal } = results[i] as PublishResult
      if (refusal === undefined) {
        entry.receipt?.resolve({ headId: BigInt(headId), id, createdAtMs, duplicate })
      } else {
        refused += 1
        this.#refuse(entry, fromRefusal(refusal))
      }
    }
    const durationMs = this.#context.timing.monotonic() - (this.#sentAt.shift() ?? 0)
    this.#context.hooks.batchPublished?.({ messages: entries.length, bytes, refused, durationMs })
    this.#release()
  }

  /** For daemons without the stream: topics side by side, each in order. */
  async #deliverSingly(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const batch = this.#backlog.nextBatch()
      if (batch === undefined) {
        await this.#somethingNew()
        continue
      }
      const byTopic = new Map<string, BacklogEntry[]>()
      for (const entry of batch.entries) {
        const entries = byTopic.get(entry.topic)
        if (entries === undefined) byTopic.set(entry.topic, [entry])
        else entries.push(entry)
      }
      await Promise.all(Array.from(byTopic.values(), (entries) => this.#deliverInOrder(entries)))
      this.#backlog.answered(batch.batchId)
      this.#release()
    }
  }

  async #deliverInOrder(entries: readonly BacklogEntry[]): Promise<void> {
    for (const entry of entries) {
      try {
        const { headId, id, createdAtMs } = await publishOnce(this.#context, entry, {
          signal: this.#stop.signal,
        })
        entry.receipt?.resolve({ headId: BigInt(headId), id, createdAtMs, duplicate: false })
      } catch (error) {
        this.#refuse(entry, toBusError(error))
      }
    }
  }

  async #recover(error: BusError, unanswered: number): Promise<void> {
    const isPassing = isRetryable(error)
    if (this.#options.idempotent === false && unanswered > 0) this.#fail(unanswered, error)
    else if (!isPassing) this.#blame(error, unanswered)
    if (isPassing) await this.#pause(error)
  }

  async #pause(error: BusError): Promise<void> {
    const { timing, hooks } = this.#context
    const now = timing.monotonic()
    this.#failingSince ??= now
    const delayMs = this.#delay.next()
    const giveUpAfterMs = this.#options.giveUpAfterMs ?? 120_000
    if (delayMs === undefined || now - this.#failingSince >= giveUpAfterMs) {
      this.#delay.reset()
      this.#failingSince = undefined
      this.#fail(Number.POSITIVE_INFINITY, error)
      return
    }
    hooks.reconnecting?.({ what: 'publisher', attempt: this.#delay.attempts, delayMs, error })
    await this.#delay.wait(delayMs, this.#stop.signal)
  }

  /** Finds whom a final error concerns: one message, if it came while messages were unanswered. */
  #blame(error: BusError, unanswered: number): void {
    if (!perhapsOneMessage.has(error.code) || unanswered === 0) {
      this.#fail(Number.POSITIVE_INFINITY, error)
    } else if (unanswered === 1) {
      this.#fail(1, error)
    } else {
      this.#backlog.sendSingly(unanswered)
    }
  }

  #fail(messages: number, error: BusError): void {
    for (const entry of this.#backlog.drop(messages)) this.#refuse(entry, error)
    this.#release()
  }

  #refuse(entry: BacklogEntry, error: BusError): void {
    if (entry.receipt !== undefined) return entry.receipt.reject(error)
    this.#refusal ??= error
    this.#options.onRefused?.(error, entry)
  }

  #release(): void {
    if (this.#room.length > 0 && !this.#backlog.isFull) for (const go of this.#room.splice(0)) go()
    // Messages are settled in the order in which they were accepted.
    const settled = this.#accepted - this.#backlog.messages
    while ((this.#flushes[0]?.until ?? Infinity) <= settled) this.#flushes.shift()?.resolve()
  }

  #somethingNew(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        this.#wake = undefined
        resolve()
      }
    })
  }
}

/** A topic that repeats the one before is left out. */
function toWire(entries: readonly BacklogEntry[]) {
  let previous = ''
  return entries.map(({ topic, payload, headers, publishId }) => {
    const repeats = topic === previous
    previous = topic
    return { topic: repeats ? '' : topic, payload, headers, publishId }
  })
}
