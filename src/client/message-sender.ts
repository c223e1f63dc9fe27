/**
 * Direct messages in order, over one stream of their own: what is sent in one turn goes together, and
 * each message learns its outcome. When the stream breaks, what has no outcome fails, since it may have
 * arrived; the next message opens another. Without duplex streams each message is a call.
 */

import { BusError, toBusError } from '../model/errors.ts'
import { clientServiceCalls } from '../wire/gen/msgbus-v2.ts'
import type { Dispatch, SendStreamRequest, SendStreamResponse } from '../wire/gen/msgbus-v2.ts'
import { onAbort } from './abort-listeners.ts'
import { callOnce } from './client-context.ts'
import type { ClientContext } from './client-context.ts'
import { fromRefusal } from './status-code.ts'
import type { DuplexStream } from './transport.ts'

/** In one request, at most. */
const batchMessages = 1_000
const batchBytes = 262_144

interface Entry {
  readonly message: Dispatch
  /** How many took it. */
  resolve(receivers: number): void
  reject(error: unknown): void
}

type Stream = DuplexStream<SendStreamRequest, SendStreamResponse>

/** A stream, and what was sent on it and has no outcome yet. */
interface Open {
  readonly stream: Stream
  readonly inFlight: Map<number, readonly Entry[]>
}

export class MessageSender {
  readonly #context: ClientContext
  readonly #from: string
  readonly #stop = new AbortController()
  #pending: Entry[] = []
  #isWriting = false
  #open: Open | undefined
  #lastBatch = 0

  /** @param from name of a participant of the same connection */
  constructor(context: ClientContext, from: string) {
    this.#context = context
    this.#from = from
  }

  /** Resolves with how many took it. @throws BusError what it was refused with, or how the stream broke */
  async send(message: Dispatch, signal: AbortSignal | undefined): Promise<number> {
    if (signal?.aborted === true) throw givenUp(signal)
    if (this.#context.transport.duplex === undefined) return this.#sendAlone(message, signal)
    return new Promise((resolve, reject) => {
      const unlisten = onAbort(signal, () => reject(givenUp(signal)))
      this.#pending.push({
        message,
        resolve: (receivers) => {
          unlisten()
          resolve(receivers)
        },
        reject: (error) => {
          unlisten()
          reject(error)
        },
      })
      if (this.#isWriting) return
      this.#isWriting = true
      // After the caller's turn, so that what it sends together goes together.
      queueMicrotask(() => void this.#writeAll())
    })
  }

  /** Frees the stream; what has no outcome fails. May be called twice. */
  close(): void {
    this.#stop.abort()
  }

  async #sendAlone(message: Dispatch, signal: AbortSignal | undefined): Promise<number> {
    const { to, ...rest } = message
    const request = { ...rest, from: this.#from }
    if (to?.case === 'mask') {
      const { broadcast } = clientServiceCalls
      const all = { ...request, mask: to.value }
      return (await callOnce(this.#context, broadcast, all, { signal })).receivers
    }
    const one = { ...request, target: to?.value ?? '' }
    await callOnce(this.#context, clientServiceCalls.send, one, { signal })
    return 1
  }

  async #writeAll(): Promise<void> {
    while (this.#pending.length > 0) {
      const entries = this.#takeBatch()
      try {
        const { stream, inFlight } = (this.#open ??= this.#openStream())
        this.#lastBatch += 1
        inFlight.set(this.#lastBatch, entries)
        const messages = entries.map(({ message }) => message)
        await stream.write({ batchId: this.#lastBatch, messages, from: this.#from })
      } catch (error) {
        for (const entry of entries) entry.reject(error)
      }
    }
    this.#isWriting = false
  }

  /** @throws BusError when there are no such streams */
  #openStream(): Open {
    const { transport } = this.#context
    if (this.#stop.signal.aborted) throw new BusError('cancelled', 'cancelled', 'it was closed')
    if (transport.duplex === undefined) {
      throw new BusError('unimplemented', 'unsupported', 'this connection has no duplex streams')
    }
    const stream = transport.duplex(clientServiceCalls.sendStream, { signal: this.#stop.signal })
    const open: Open = { stream, inFlight: new Map() }
    void this.#read(open)
    return open
  }

  async #read({ stream, inFlight }: Open): Promise<void> {
    let error = new BusError('unavailable', 'connection_lost', 'the daemon ended the stream')
    try {
      for (;;) {
        const response = await stream.read()
        if (response === undefined) break
        settle(inFlight, response)
      }
    } catch (thrown) {
      error = toBusError(thrown)
    }
    stream.cancel()
    if (this.#open?.stream === stream) this.#open = undefined
    for (const entries of inFlight.values()) for (const entry of entries) entry.reject(error)
    inFlight.clear()
  }

  #takeBatch(): Entry[] {
    let count = 0
    let bytes = 0
    for (const { message } of this.#pending) {
      bytes += message.payload.length
      // A larger message goes alone.
      if (count > 0 && (count === batchMessages || bytes > batchBytes)) break
      count += 1
    }
    return this.#pending.splice(0, count)
  }
}

/** @throws BusError `internal/undecodable` */
function settle(inFlight: Open['inFlight'], { batchId, results }: SendStreamResponse): void {
  const entries = inFlight.get(batchId)
  if (entries === undefined || entries.length !== results.length) {
    const text = 'the daemon answered another batch than it got'
    throw new BusError('internal', 'undecodable', text)
  }
  inFlight.delete(batchId)
  for (const [i, entry] of entries.entries()) {
    const result = results[i]
    if (result?.refusal !== undefined) entry.reject(fromRefusal(result.refusal))
    else entry.resolve(result?.receivers ?? 0)
  }
}

function givenUp(signal: AbortSignal | undefined): BusError {
  return new BusError('cancelled', 'cancelled', 'sending was aborted', { cause: signal?.reason })
}
