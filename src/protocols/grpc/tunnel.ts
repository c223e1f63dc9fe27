/**
 * One WebSocket that carries calls: takes its messages apart into frames and hands them to the calls, which write
 * their own frames into its outbox. To the bus it is what a gRPC connection is. It is read no further while its outbox
 * is full, or while too many requests wait for handlers that have paused; so nothing the other side does makes the daemon
 * keep more than these two and what calls may keep.
 */

import { copyOf } from '../../base/copy-of.ts'
import type { Clock, Timer } from '../../core/clock.ts'
import { BusError, ProtocolError } from '../../model/errors.ts'
import type { ConnectionOwner } from '../../net/byte-connection.ts'
import type { WebSocketConnection } from '../../net/web-socket-gates.ts'
import { decodeFrames } from '../../wire/web-socket/decode-frames.ts'
import {
  decodeCredit,
  decodeOpen,
  encodeHello,
  frameHeadBytes,
  frameKinds,
  putFrameHead,
} from '../../wire/web-socket/tunnel-frame.ts'
import type { Callers } from './callers.ts'
import type { OpenedCall, TunnelLink } from './tunnel-call.ts'
import type { TunnelCalls } from './tunnel-calls.ts'
import { encodeEnd } from './translate.ts'

export interface TunnelOptions {
  readonly webSocket: WebSocketConnection
  readonly callers: Callers
  readonly methods: TunnelCalls
  readonly clock: Clock
  /** Calls at the same time. */
  readonly callsMost: number
  readonly requestBytesMost: number
  readonly onClose: () => void
}

/** Requests that wait for paused handlers, of all calls; above it the connection is not read. */
const heldBytesMost = 4_194_304
/** Close codes of RFC 6455 7.4.1. */
const closeCodes = { goingAway: 1001, protocolError: 1002, unsupportedData: 1003 }

const noBody = new Uint8Array(0)

export class Tunnel implements ConnectionOwner, TunnelLink {
  readonly #options: TunnelOptions
  readonly #webSocket: WebSocketConnection
  readonly #calls = new Map<number, OpenedCall>()
  /** Calls that have something to send and wait for the outbox. */
  readonly #waiting = new Set<OpenedCall>()
  #lastCall = 0
  #heldBytes = 0
  #isOutboxFull = false
  #isPaused = false
  #isFinishing = false
  #isClosed = false

  constructor(options: TunnelOptions) {
    this.#options = options
    this.#webSocket = options.webSocket
    this.#webSocket.owner = this
    options.callers.outboxBytes = () => options.webSocket.outbox.queuedBytes
    const { callsMost, requestBytesMost } = options
    this.send(frameKinds.hello, 0, encodeHello({ callsMost, requestBytesMost }), true)
  }

  get callers(): Callers | undefined {
    return this.#isClosed ? undefined : this.#options.callers
  }

  get isFull(): boolean {
    return this.#isOutboxFull
  }

  /** Lets the calls that run come to their end, then closes. */
  finish(): void {
    this.#isFinishing = true
    if (this.#calls.size === 0) this.#webSocket.end(closeCodes.goingAway)
  }

  destroy(): void {
    this.#webSocket.destroy()
  }

  onBytes(bytes: Uint8Array, length: number): void {
    if (this.#isClosed) return
    if (this.#webSocket.lastWasText) {
      this.#refuse(closeCodes.unsupportedData, 'text, expected binary messages')
      return
    }
    try {
      decodeFrames(bytes, length, (kind, call, start, end) => {
        this.#receive(kind, call, bytes, start, end)
      })
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#refuse(closeCodes.protocolError, error.message)
    }
  }

  onEnd(): void {}

  onClose(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const call of this.#calls.values()) call.close()
    this.#options.callers.close()
    this.#options.onClose()
  }

  onFull(): void {
    this.#isOutboxFull = true
    this.#pauseOrResume()
  }

  onRoom(): void {
    this.#isOutboxFull = false
    for (const call of this.#waiting) {
      if (this.#isOutboxFull) break
      // If something is left, it comes again, behind the others.
      this.#waiting.delete(call)
      call.drain()
    }
    this.#pauseOrResume()
  }

  send(kind: number, call: number, body: Uint8Array, urgent: boolean): void {
    const { outbox } = this.#webSocket
    const at = outbox.reserve(frameHeadBytes(call, body.length) + body.length, urgent)
    const { bytes } = outbox
    bytes.set(body, putFrameHead(bytes, at, kind, call, body.length))
  }

  waitForRoom(call: OpenedCall): void {
    this.#waiting.add(call)
  }

  hold(bytes: number): void {
    this.#heldBytes += bytes
    this.#pauseOrResume()
  }

  remove(call: OpenedCall): void {
    this.#calls.delete(call.id)
    this.#waiting.delete(call)
    if (this.#isFinishing && this.#calls.size === 0) this.finish()
  }

  after(delayMs: number, task: () => void): Timer {
    return this.#options.clock.after(delayMs, task)
  }

  #pauseOrResume(): void {
    const isPaused = this.#isOutboxFull || this.#heldBytes > heldBytesMost
    if (isPaused === this.#isPaused) return
    this.#isPaused = isPaused
    if (isPaused) this.#webSocket.pause()
    else this.#webSocket.resume()
  }

  /** @throws ProtocolError */
  #receive(kind: number, id: number, bytes: Uint8Array, start: number, end: number): void {
    switch (kind) {
      case frameKinds.open:
        this.#open(id, bytes.subarray(start, end))
        return
      case frameKinds.message:
        this.#request(id, bytes, start, end)
        return
      case frameKinds.halfClose:
        this.#callOf(id)?.halfClose()
        return
      case frameKinds.cancel:
        this.#callOf(id)?.close()
        return
      case frameKinds.credit: {
        const credit = decodeCredit(bytes.subarray(start, end))
        this.#callOf(id)?.grant(credit)
        return
      }
      case frameKinds.ping:
        this.send(frameKinds.pong, 0, noBody, true)
        return
      default:
        throw new ProtocolError(`a frame of kind ${kind} from a client`)
    }
  }

  #open(id: number, body: Uint8Array): void {
    if (id <= this.#lastCall) throw new ProtocolError(`call ${id} after call ${this.#lastCall}`)
    this.#lastCall = id
    const open = decodeOpen(body)
    const { methods, callsMost } = this.#options
    const begin = methods.method(open.path)
    if (begin === undefined) {
      const text = `this daemon has no method ${JSON.stringify(open.path)}`
      this.#refuseCall(id, new BusError('unimplemented', 'unsupported', text))
    } else if (this.#calls.size >= callsMost) {
      const text = `${callsMost} calls run on this connection, which is the limit`
      this.#refuseCall(id, new BusError('resource_exhausted', 'quota_exceeded', text))
    } else {
      const call = begin({ link: this, id, open })
      if (!call.isOver) this.#calls.set(id, call)
    }
  }

  #request(id: number, bytes: Uint8Array, start: number, end: number): void {
    const call = this.#callOf(id)
    if (call === undefined) return
    const { requestBytesMost } = this.#options
    if (end - start > requestBytesMost) {
      const text = `a request of ${end - start} bytes, limit ${requestBytesMost}`
      call.fail(new BusError('resource_exhausted', 'payload_too_large', text))
    } else call.receive(copyOf(bytes, start, end))
  }

  /** Undefined: it has ended, and what was on its way for it is for nobody. @throws ProtocolError */
  #callOf(id: number): OpenedCall | undefined {
    const call = this.#calls.get(id)
    if (call === undefined && (id > this.#lastCall || id === 0)) {
      throw new ProtocolError(`a frame for call ${id}, which was not begun`)
    }
    return call
  }

  #refuseCall(id: number, error: BusError): void {
    this.send(frameKinds.status, id, encodeEnd(error), true)
  }

  #refuse(code: number, why: string): void {
    this.#webSocket.end(code, why)
    this.onClose()
  }
}
