/**
 * One call in a tunnel. Responses leave at once while the client gives credit and the connection has room, and wait here
 * in their order otherwise; what may wait is bounded by who writes them (response-stream.ts). Requests wait here
 * only while the handler has paused the call, which the client's credit bounds.
 */

import type { Timer } from '../../core/clock.ts'
import { BusError, ProtocolError, toBusError } from '../../model/errors.ts'
import {
  creditMost,
  encodeCredit,
  frameKinds,
  messageCost,
  type OpenFrame,
  windowBytes,
} from '../../wire/web-socket/tunnel-frame.ts'
import type { Callers } from './callers.ts'
import type { DuplexCall, MetadataReader, Received, UnaryCall } from './incoming-call.ts'
import { encodeEnd } from './translate.ts'

/** A call as its tunnel sees it, whatever its requests are. */
export interface OpenedCall {
  readonly id: number
  readonly isOver: boolean
  receive(bytes: Uint8Array): void
  halfClose(): void
  grant(bytes: number): void
  drain(): void
  fail(error: unknown): void
  close(): void
}

/** What a call needs of its tunnel. */
export interface TunnelLink {
  readonly callers: Callers | undefined
  /** Its outbox takes no more now; `waitForRoom` tells when it does. */
  readonly isFull: boolean
  send(kind: number, call: number, body: Uint8Array, urgent: boolean): void
  waitForRoom(call: OpenedCall): void
  /** More or fewer bytes of requests are kept for calls that are paused. */
  hold(bytes: number): void
  /** The call is over. */
  remove(call: OpenedCall): void
  after(delayMs: number, task: () => void): Timer
}

export interface TunnelCallOptions {
  readonly link: TunnelLink
  readonly id: number
  readonly open: OpenFrame
}

export interface CallKind {
  /** 1, or any number of them. */
  readonly requestsMost: number
  /** Somebody waits for the response: it leaves at the end of the chunk. Streams share a write per turn of the loop. */
  readonly isUrgent: boolean
}

/** What timers can take, almost 25 days; a call that has longer ends in another way before. */
const longestTimerMs = 2_147_483_647

interface Waiting {
  readonly response: Uint8Array
  readonly onTaken: (() => void) | undefined
}

export class TunnelCall<Request> implements OpenedCall, UnaryCall, DuplexCall<Request> {
  readonly id: number
  readonly path: string
  readonly metadata: MetadataReader
  readonly #link: TunnelLink
  readonly #decode: (bytes: Uint8Array) => Request
  readonly #requestsMost: number
  readonly #isUrgent: boolean
  readonly #deadline: Timer | undefined
  readonly #onCancelled: (() => void)[] = []
  #onRequest: ((received: Received<Request>) => void) | undefined
  #onHalfClose: (() => void) | undefined
  #isOver = false

  // Requests.
  #requests = 0
  #requestCredit = windowBytes
  /** Of requests that were handed on, and not yet given back. */
  #takenBytes = 0
  readonly #held: Uint8Array[] = []
  #isPaused = false
  #isHandOverDue = false
  #isHalfClosed = false
  #hasToldHalfClose = false

  // Responses.
  #responseCredit = windowBytes
  readonly #waiting: Waiting[] = []
  /** The status, once there is one; it leaves after what waits. */
  #end: Uint8Array | undefined

  constructor(
    { link, id, open }: TunnelCallOptions,
    decode: (bytes: Uint8Array) => Request,
    { requestsMost, isUrgent }: CallKind,
  ) {
    this.id = id
    this.path = open.path
    this.metadata = new OpenMetadata(open.metadata)
    this.#link = link
    this.#decode = decode
    this.#requestsMost = requestsMost
    this.#isUrgent = isUrgent
    const { timeoutMs } = open
    if (timeoutMs > 0 && timeoutMs <= longestTimerMs) {
      this.#deadline = link.after(timeoutMs, () => this.#expire(timeoutMs))
    }
  }

  get isOver(): boolean {
    return this.#isOver
  }

  get callers(): Callers | undefined {
    return this.#link.callers
  }

  /** Bytes alone decide. */
  get isFull(): boolean {
    return false
  }

  onCancelled(listener: () => void): void {
    if (this.#isOver) listener()
    else this.#onCancelled.push(listener)
  }

  onRequest(listener: (received: Received<Request>) => void): void {
    this.#onRequest = listener
  }

  onHalfClose(listener: () => void): void {
    this.#onHalfClose = listener
  }

  answer(response: Uint8Array): void {
    this.write(response)
    this.end()
  }

  /** The client does not wait for it. */
  accept(): void {}

  write(response: Uint8Array, onTaken?: () => void): boolean {
    if (this.#isOver) return true
    if (this.#waiting.length === 0 && this.#maySend()) {
      this.#send(response)
      return true
    }
    this.#waiting.push({ response, onTaken })
    return false
  }

  end(): void {
    this.#finish(encodeEnd(undefined))
  }

  fail(error: unknown): void {
    this.#finish(encodeEnd(toBusError(error)))
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    if (this.#isHandOverDue || (this.#held.length === 0 && !this.#isHalfClosed)) return
    this.#isHandOverDue = true
    // Not at once: whoever resumes is in the middle of something.
    queueMicrotask(() => {
      this.#isHandOverDue = false
      this.#handOver()
    })
  }

  /** A request. @param bytes belong to the call. @throws ProtocolError for one that may not come now */
  receive(bytes: Uint8Array): void {
    this.#requests += 1
    if (this.#isHalfClosed || this.#requests > this.#requestsMost) {
      throw new ProtocolError(`call ${this.id}: another request after the last one`)
    }
    if (this.#requestCredit <= 0) {
      throw new ProtocolError(`call ${this.id}: a request without credit for it`)
    }
    const cost = messageCost(bytes.length)
    this.#requestCredit -= cost
    if (this.#isPaused || this.#held.length > 0) {
      this.#held.push(bytes)
      this.#link.hold(cost)
    } else this.#handOn(bytes)
  }

  /** No more requests come. @throws ProtocolError when that was said before */
  halfClose(): void {
    if (this.#isHalfClosed) throw new ProtocolError(`call ${this.id}: half-closed twice`)
    this.#isHalfClosed = true
    if (this.#requestsMost === 1 && this.#requests === 0) {
      this.fail(new BusError('invalid_argument', 'bad_argument', 'the request is missing'))
      return
    }
    if (!this.#isPaused && this.#held.length === 0) this.#tellHalfClose()
  }

  /** The client took responses. @throws ProtocolError when that makes more credit than there may be */
  grant(bytes: number): void {
    this.#responseCredit += bytes
    if (this.#responseCredit > creditMost) {
      throw new ProtocolError(`call ${this.id}: more credit than ${creditMost} bytes`)
    }
    this.drain()
  }

  /** Sends what waits, as far as it may. */
  drain(): void {
    while (this.#waiting.length > 0 && this.#maySend()) {
      const { response, onTaken } = this.#waiting.shift() as Waiting
      this.#send(response)
      onTaken?.()
    }
    if (this.#end !== undefined && this.#waiting.length === 0 && !this.#isOver) {
      this.#link.send(frameKinds.status, this.id, this.#end, true)
      this.close()
    }
  }

  /** It is over, and nothing more is told to the client. */
  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#deadline?.cancel()
    for (const bytes of this.#held.splice(0)) this.#link.hold(-messageCost(bytes.length))
    this.#waiting.length = 0
    this.#link.remove(this)
    for (const listener of this.#onCancelled.splice(0)) listener()
  }

  #maySend(): boolean {
    if (this.#responseCredit <= 0) return false
    if (!this.#link.isFull) return true
    this.#link.waitForRoom(this)
    return false
  }

  #send(response: Uint8Array): void {
    this.#responseCredit -= messageCost(response.length)
    this.#link.send(frameKinds.message, this.id, response, this.#isUrgent)
  }

  #finish(end: Uint8Array): void {
    if (this.#isOver || this.#end !== undefined) return
    this.#end = end
    this.drain()
  }

  #expire(timeoutMs: number): void {
    if (this.#isOver) return
    const error = new BusError('deadline_exceeded', 'timed_out', `no answer in ${timeoutMs} ms`)
    this.#link.send(frameKinds.status, this.id, encodeEnd(error), true)
    this.close()
  }

  #handOver(): void {
    while (!this.#isPaused) {
      const bytes = this.#held.shift()
      if (bytes === undefined) break
      this.#link.hold(-messageCost(bytes.length))
      this.#handOn(bytes)
    }
    if (!this.#isPaused && this.#isHalfClosed) this.#tellHalfClose()
  }

  #handOn(bytes: Uint8Array): void {
    if (this.#isOver || this.#end !== undefined) return
    this.#takenBytes += messageCost(bytes.length)
    if (this.#takenBytes >= windowBytes / 2 && this.#requestsMost > 1) this.#giveBack()
    let request: Request
    try {
      request = this.#decode(bytes)
    } catch (cause) {
      const text = `the request of ${this.path} cannot be decoded`
      this.fail(new BusError('internal', 'undecodable', text, { cause }))
      return
    }
    this.#onRequest?.({ request, bytes: bytes.length })
  }

  #giveBack(): void {
    const bytes = this.#takenBytes
    this.#takenBytes = 0
    this.#requestCredit += bytes
    this.#link.send(frameKinds.credit, this.id, encodeCredit(bytes), false)
  }

  #tellHalfClose(): void {
    if (this.#hasToldHalfClose || this.#isOver || this.#end !== undefined) return
    this.#hasToldHalfClose = true
    this.#onHalfClose?.()
  }
}

class OpenMetadata implements MetadataReader {
  readonly #entries: ReadonlyMap<string, string>

  constructor(entries: ReadonlyMap<string, string>) {
    this.#entries = entries
  }

  get(key: string): readonly string[] {
    const value = this.#entries.get(key)
    return value === undefined ? [] : [value]
  }
}
