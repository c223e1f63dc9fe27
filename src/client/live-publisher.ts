/**
 * Publications that are neither stored nor acknowledged, over one stream of their own. What is
 * published in one turn goes together; a promise resolves when the transport has taken its message, and
 * that is all anybody learns: subscribers that are there and keep up get it.
 */

import { BusError, toBusError } from '../model/errors.ts'
import type { Headers } from '../model/message.ts'
import { checkName } from '../model/name.ts'
import { busServiceCalls } from '../wire/gen/msgbus-v2.ts'
import type { PublishStreamRequest } from '../wire/gen/msgbus-v2.ts'
import { onAbort } from './abort-listeners.ts'
import { isUnimplemented, unsupported } from './client-context.ts'
import type { ClientContext } from './client-context.ts'
import { toHeaders } from './publication.ts'
import type { HeadersInput } from './publication.ts'
import { isRetryable } from './reconnect-delay.ts'
import type { DuplexStream } from './transport.ts'

export interface LiveFields {
  readonly headers?: HeadersInput | undefined
  /** Deliver without delay, rather than in larger writes. */
  readonly realtime?: boolean | undefined
}

interface Entry {
  readonly topic: string
  readonly payload: Uint8Array
  readonly headers: Headers
  readonly realtime: boolean
  resolve(): void
  reject(error: unknown): void
}

type Stream = DuplexStream<PublishStreamRequest, unknown>

/** In one request, at most. */
const batchMessages = 1_000
const batchBytes = 262_144

export class LivePublisher {
  readonly #context: ClientContext
  readonly #from: string
  readonly #stop = new AbortController()
  readonly #unlisten: () => void
  #pending: Entry[] = []
  #isWriting = false
  #stream: Stream | undefined
  /** Why the daemon ended the stream, if that was our fault: told to the next who publishes. */
  #failure: BusError | undefined

  /** @param from name of a participant of the same connection; empty: none */
  constructor(context: ClientContext, from: string) {
    this.#context = context
    this.#from = from
    this.#unlisten = onAbort(context.transport.closed, () => this.close())
  }

  /**
   * Resolves when the transport has taken it. The payload must not change until then.
   * @throws BusError `unavailable` without a connection, `unimplemented` on daemons that only speak v1
   */
  async publish(topic: string, payload: Uint8Array, fields: LiveFields): Promise<void> {
    // Of no use to anybody, and the daemon would end the stream.
    checkName('topic', topic, Number.POSITIVE_INFINITY)
    const headers = toHeaders(fields.headers)
    const { realtime = false } = fields
    return new Promise((resolve, reject) => {
      this.#pending.push({ topic, payload, headers, realtime, resolve, reject })
      if (this.#isWriting) return
      this.#isWriting = true
      // After the caller's turn, so that what it publishes together goes together.
      queueMicrotask(() => void this.#writeAll())
    })
  }

  /** Frees the stream; what the transport has not taken fails. May be called twice. */
  close(): void {
    this.#unlisten()
    this.#stop.abort()
  }

  async #writeAll(): Promise<void> {
    while (this.#pending.length > 0) {
      try {
        const stream = this.#stream ?? (await this.#open())
        const entries = this.#takeBatch()
        const [first] = entries
        if (first === undefined) break
        const messages = toWire(entries)
        const { realtime } = first
        await stream.write({ batchId: 0, messages, live: true, realtime, from: this.#from })
        for (const entry of entries) entry.resolve()
      } catch (error) {
        for (const entry of this.#pending.splice(0)) entry.reject(error)
      }
    }
    this.#isWriting = false
  }

  /** Resolves when the daemon has shown that it has such streams. */
  async #open(): Promise<Stream> {
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
    if (this.#stop.signal.aborted) throw new BusError('cancelled', 'cancelled', 'it was closed')
    const { transport, timeoutMs, timing } = this.#context
    if (transport.duplex === undefined) {
      throw new BusError('unimplemented', 'unsupported', 'this connection has no duplex streams')
    }
    const stream = transport.duplex(busServiceCalls.publishStream, { signal: this.#stop.signal })
    let isTooLate = false
    const timer = timing.after(timeoutMs, () => {
      isTooLate = true
      stream.cancel()
    })
    try {
      await stream.write({ batchId: 0, messages: [], live: false, realtime: false, from: '' })
      if ((await stream.read()) === undefined) throw ended()
    } catch (error) {
      stream.cancel()
      if (isTooLate) throw timedOut(error)
      throw isUnimplemented(error) ? unsupported('publishing without storing', error) : error
    } finally {
      timer.cancel()
    }
    this.#stream = stream
    void this.#watch(stream)
    return stream
  }

  /** Nothing more is answered; only how it ends is of interest. */
  async #watch(stream: Stream): Promise<void> {
    try {
      while ((await stream.read()) !== undefined);
    } catch (error) {
      if (!isRetryable(error)) this.#failure = toBusError(error)
    }
    this.#stream = undefined
  }

  #takeBatch(): Entry[] {
    let count = 0
    let bytes = 0
    const realtime = this.#pending[0]?.realtime
    for (const entry of this.#pending) {
      bytes += entry.payload.length
      if (entry.realtime !== realtime) break
      // A larger message goes alone.
      if (count > 0 && (count === batchMessages || bytes > batchBytes)) break
      count += 1
    }
    return this.#pending.splice(0, count)
  }
}

/** A topic that repeats the one before is left out. */
function toWire(entries: readonly Entry[]) {
  let previous = ''
  return entries.map(({ topic, payload, headers }) => {
    const repeats = topic === previous
    previous = topic
    return { topic: repeats ? '' : topic, payload, headers, publishId: '' }
  })
}

function ended(): BusError {
  return new BusError('unavailable', 'connection_lost', 'the daemon ended the stream')
}

function timedOut(cause: unknown): BusError {
  const text = 'no stream for publishing in time'
  return new BusError('deadline_exceeded', 'timed_out', text, { cause })
}
