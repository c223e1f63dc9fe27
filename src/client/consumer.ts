/**
 * Takes messages from a queue that several programs share. The daemon leases each message to one of
 * them; what is not acknowledged in time, or when the connection breaks, goes to another. So a
 * message is handled at least once, and by one program at a time while leases last.
 */

import { BusError, toBusError } from '../model/errors.ts'
import type { QueueMessage } from '../model/queue-message.ts'
import { queueServiceCalls } from '../wire/gen/msgbus-v2.ts'
import type { ConsumeResponse, Settlement } from '../wire/gen/msgbus-v2.ts'
import { onAbort } from './abort-listeners.ts'
import { BatchQueue } from './batch-queue.ts'
import { callOnce, isUnimplemented, unsupported } from './client-context.ts'
import type { ClientContext } from './client-context.ts'
import { requireMessage } from './log-fetch.ts'
import { codecs, decodePayload, payloadText } from './payload-codec.ts'
import type { PayloadCodec } from './payload-codec.ts'
import { emptyNode } from './received-message.ts'
import { ReconnectDelay, isRetryable } from './reconnect-delay.ts'
import type { ReconnectOptions } from './reconnect-delay.ts'

export interface ConsumeOptions<T> {
  /** Messages leased and not settled, at most; default 1. More hides the way to the daemon and back. */
  readonly maxInFlight?: number | undefined
  /** How long a message is leased, milliseconds; default: the daemon's, 30,000. */
  readonly leaseMs?: number | undefined
  /** What `delivery.value` is; default: the payload bytes. */
  readonly codec?: PayloadCodec<T> | undefined
  /** `false`: ends with the connection. Default: reconnect for ever. */
  readonly reconnect?: ReconnectOptions | false | undefined
  /** Ends consuming: iterating throws `cancelled`. For a quiet end call `close`. */
  readonly signal?: AbortSignal | undefined
}

/** A leased message. Settle it once, with `ack` or `release`. */
export class Delivery<T = Uint8Array> {
  readonly message: QueueMessage
  /** Wall clock of the daemon, milliseconds since 1970; `extend` does not change it. */
  readonly leaseUntilMs: number
  readonly #leaseId: string
  readonly #codec: PayloadCodec<T>
  readonly #settle: (settlement: Settlement) => Promise<boolean>

  constructor(
    response: ConsumeResponse,
    codec: PayloadCodec<T>,
    settle: (settlement: Settlement) => Promise<boolean>,
  ) {
    const { source = emptyNode, target = emptyNode, ...rest } = requireMessage(response.message)
    this.message = { ...rest, source, target }
    this.leaseUntilMs = response.leaseUntilMs
    this.#leaseId = response.leaseId
    this.#codec = codec
    this.#settle = settle
  }

  get payload(): Uint8Array {
    return this.message.payload
  }

  /** The payload by the codec given to `consume`. @throws BusError `invalid_argument/undecodable` */
  get value(): T {
    return decodePayload(this.#codec, this.payload, `${this.message.queue} ${this.message.id}`)
  }

  /** The payload as UTF-8; what is not shows as U+FFFD. */
  text(): string {
    return payloadText(this.payload)
  }

  /** Done: removes the message. False: the lease had ended, and another consumer may have it. */
  ack(): Promise<boolean> {
    return this.#apply({ case: 'acknowledge', value: {} })
  }

  /** Not done: counts an attempt and gives the message back, after `delayMs` (default 0). */
  release(options: { readonly delayMs?: number } = {}): Promise<boolean> {
    return this.#apply({ case: 'release', value: { delayMs: options.delayMs ?? 0 } })
  }

  /** Not done yet: keeps the message for `leaseMs` more, from now (default: as long as at first). */
  extend(leaseMs = 0): Promise<boolean> {
    return this.#apply({ case: 'extend', value: { leaseMs } })
  }

  #apply(action: Settlement['action']): Promise<boolean> {
    return this.#settle({ queue: this.message.queue, leaseId: this.#leaseId, action })
  }
}

/** An async iterable of deliveries; made by `client.consume`. */
export class QueueConsumer<T = Uint8Array> implements AsyncIterable<Delivery<T>> {
  readonly #context: ClientContext
  readonly #queueName: string
  readonly #options: ConsumeOptions<T>
  readonly #deliveries: BatchQueue<Delivery<T>>
  readonly #stop = new AbortController()
  readonly #delay: ReconnectDelay
  readonly #unlisten: (() => void)[] = []
  #unsettled: Unsettled[] = []

  constructor(context: ClientContext, queueName: string, options: ConsumeOptions<T>) {
    const { signal, reconnect } = options
    this.#context = context
    this.#queueName = queueName
    this.#options = options
    this.#delay = new ReconnectDelay(
      context.timing,
      reconnect === false ? { maxAttempts: 0 } : reconnect,
    )
    this.#deliveries = new BatchQueue<Delivery<T>>({
      // The daemon sends no more than `maxInFlight`.
      maxItems: Number.POSITIVE_INFINITY,
      maxBytes: Number.POSITIVE_INFINITY,
      onClosed: () => {
        for (const unlisten of this.#unlisten) unlisten()
        this.#stop.abort()
      },
    })
    const abort = () => {
      const cause = signal?.reason as unknown
      const text = 'consuming was aborted'
      this.#deliveries.close(new BusError('cancelled', 'cancelled', text, { cause }))
    }
    this.#unlisten.push(onAbort(signal, abort))
    this.#unlisten.push(onAbort(context.transport.closed, () => this.#deliveries.close()))
    void this.#run()
  }

  [Symbol.asyncIterator](): AsyncIterator<Delivery<T>, undefined> {
    return {
      next: () => this.#deliveries.next(),
      return: () => {
        this.close()
        return Promise.resolve({ value: undefined, done: true })
      },
    }
  }

  /** Ends consuming; iterating ends quietly. What is not settled goes back to the queue at once. */
  close(): void {
    this.#deliveries.close()
  }

  async #run(): Promise<void> {
    while (!this.#deliveries.closed) {
      let error = new BusError('unavailable', 'connection_lost', 'the daemon ended the stream')
      try {
        await this.#read()
      } catch (thrown) {
        error = toBusError(thrown)
      }
      // The leases ended with the stream.
      this.#deliveries.clear()
      if (this.#deliveries.closed) return
      const delayMs = isRetryable(error) ? this.#delay.next() : undefined
      if (delayMs === undefined) {
        const final = isUnimplemented(error)
          ? unsupported('leases; use peekFifo and ackFifo', error)
          : error
        return this.#deliveries.end(final)
      }
      const attempt = this.#delay.attempts
      this.#context.hooks.reconnecting?.({
        what: `consume ${this.#queueName}`,
        attempt,
        delayMs,
        error,
      })
      await this.#delay.wait(delayMs, this.#stop.signal)
    }
  }

  async #read(): Promise<void> {
    const { maxInFlight = 1, leaseMs = 0 } = this.#options
    const codec = this.#options.codec ?? (codecs.bytes as PayloadCodec<unknown> as PayloadCodec<T>)
    const request = { queue: this.#queueName, maxInFlight, leaseMs }
    const settle = (settlement: Settlement) => this.#settle(settlement)
    const stream = this.#context.transport.stream(queueServiceCalls.consume, request, {
      signal: this.#stop.signal,
      onOpen: () => this.#delay.reset(),
    })
    try {
      for (;;) {
        const response = await stream.read()
        if (response === undefined) return
        this.#delay.reset()
        void this.#deliveries.push([new Delivery(response, codec, settle)], 0)
      }
    } finally {
      stream.cancel()
    }
  }

  /** What is settled in one turn goes in one call. */
  #settle(settlement: Settlement): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#unsettled.push({ settlement, resolve, reject })
      if (this.#unsettled.length === 1) queueMicrotask(() => void this.#sendSettlements())
    })
  }

  async #sendSettlements(): Promise<void> {
    const batch = this.#unsettled
    this.#unsettled = []
    try {
      const settlements = batch.map((each) => each.settlement)
      const { accepted } = await callOnce(this.#context, queueServiceCalls.settle, { settlements })
      batch.forEach((each, i) => each.resolve(accepted[i] ?? false))
    } catch (error) {
      for (const each of batch) each.reject(error)
    }
  }
}

interface Unsettled {
  readonly settlement: Settlement
  resolve(accepted: boolean): void
  reject(error: unknown): void
}
