/**
 * The frames of a link through the WebSocket that pages use (wire/web-socket/tunnel-frame.ts): one call in one tunnel, for
 * networks that let nothing else pass. Sending ends when the call's credit does, or when the socket does not take more.
 */

import type { WebSocket } from 'ws'
import {
  BusError,
  busErrorCodes,
  type ErrorReason,
  errorReasons,
  ProtocolError,
} from '../model/errors.ts'
import type { FrameHandler, FrameStream } from '../net/frame-stream.ts'
import { linkService } from '../wire/gen/msgbus-link.ts'
import { decodeFrames } from '../wire/web-socket/decode-frames.ts'
import { FrameBatch } from '../wire/web-socket/frame-batch.ts'
import {
  decodeCredit,
  decodeHello,
  decodeStatus,
  encodeCredit,
  encodeOpen,
  frameKinds,
  messageCost,
  type StatusFrame,
  windowBytes,
} from '../wire/web-socket/tunnel-frame.ts'

const call = 1
/** The socket keeps no more than this; the rest waits here, where it is counted. */
const socketBytesMost = 131_072
const farewellMs = 1_000
/** RFC 6455 7.4.1. */
const closeCodes = { normal: 1000, protocolError: 1002 }

export class TunnelFrameStream implements FrameStream {
  readonly #webSocket: WebSocket
  readonly #queue: Uint8Array[] = []
  #queuedBytes = 0
  #credit = 0
  #handler: FrameHandler | undefined
  readonly #held: Uint8Array[] = []
  #takenBytes = 0
  #isPaused = false
  #isOpen = false
  #isEnding = false
  #isOver = false

  /** @param webSocket connected or about to be; it belongs to the stream */
  constructor(webSocket: WebSocket) {
    this.#webSocket = webSocket
  }

  get unsentBytes(): number {
    return this.#queuedBytes + this.#webSocket.bufferedAmount
  }

  start(handler: FrameHandler): void {
    this.#handler = handler
    const webSocket = this.#webSocket
    webSocket.on('message', (data: Buffer, isBinary) => this.#receive(data, isBinary))
    webSocket.on('error', ({ message }) => this.#over(lost(message)))
    webSocket.on('close', (code, reason) => {
      const why = reason.length === 0 ? String(code) : `${code}, ${reason.toString()}`
      this.#over(lost(`the WebSocket was closed (${why})`))
    })
  }

  send(frame: Uint8Array): void {
    if (this.#isEnding || this.#isOver) return
    this.#queue.push(frame)
    this.#queuedBytes += frame.length
    this.#drain()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    while (!this.#isPaused && !this.#isOver) {
      const frame = this.#held.shift()
      if (frame === undefined) return
      this.#hand(frame)
    }
  }

  close(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#drain()
    setTimeout(() => this.#webSocket.terminate(), farewellMs).unref()
  }

  #drain(): void {
    if (!this.#isOpen) return
    const webSocket = this.#webSocket
    while (this.#credit > 0 && webSocket.bufferedAmount < socketBytesMost) {
      const frame = this.#queue.shift()
      if (frame === undefined) break
      this.#queuedBytes -= frame.length
      this.#credit -= messageCost(frame.length)
      this.#write(frameKinds.message, frame)
    }
    if (this.#queue.length > 0) return
    if (this.#isEnding) webSocket.close(closeCodes.normal)
  }

  #write(kind: number, body?: Uint8Array): void {
    const batch = new FrameBatch()
    batch.add(kind, call, body)
    this.#webSocket.send(batch.take(), () => {
      if (this.#isOver) return
      this.#drain()
      if (this.unsentBytes === 0 && !this.#isEnding) this.#handler?.room()
    })
  }

  #receive(bytes: Buffer, isBinary: boolean): void {
    if (this.#isOver) return
    try {
      if (!isBinary) throw new ProtocolError('text, expected binary messages')
      decodeFrames(bytes, bytes.length, (kind, id, start, end) => {
        this.#onFrame(kind, id, bytes.subarray(start, end))
      })
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#over(error)
      this.#webSocket.close(closeCodes.protocolError)
    }
  }

  /** @throws ProtocolError */
  #onFrame(kind: number, id: number, body: Uint8Array): void {
    if (this.#isOver) return
    switch (kind) {
      case frameKinds.hello:
        this.#open(body)
        return
      case frameKinds.message:
        if (id === call && this.#isOpen) this.#arrive(body)
        return
      case frameKinds.credit:
        this.#credit += decodeCredit(body)
        this.#drain()
        return
      case frameKinds.status:
        this.#over(toError(decodeStatus(body)))
        this.#webSocket.close(closeCodes.normal)
        return
      case frameKinds.pong:
        return
      default:
        throw new ProtocolError(`a frame of kind ${kind} from a daemon`)
    }
  }

  #open(body: Uint8Array): void {
    if (this.#isOpen) throw new ProtocolError('a second hello of the tunnel')
    decodeHello(body)
    this.#isOpen = true
    this.#credit = windowBytes
    const { path } = linkService.connect
    this.#write(frameKinds.open, encodeOpen({ path, timeoutMs: 0, metadata: new Map() }))
    this.#drain()
  }

  #arrive(frame: Uint8Array): void {
    // The credit that was given bounds what waits here.
    if (this.#isPaused || this.#held.length > 0) this.#held.push(frame)
    else this.#hand(frame)
  }

  #hand(frame: Uint8Array): void {
    this.#takenBytes += messageCost(frame.length)
    if (this.#takenBytes >= windowBytes / 2 && !this.#isEnding) {
      this.#write(frameKinds.credit, encodeCredit(this.#takenBytes))
      this.#takenBytes = 0
    }
    if (!this.#isEnding) this.#handler?.frame(frame)
  }

  #over(error: Error): void {
    if (this.#isOver) return
    this.#isOver = true
    if (!this.#isEnding) this.#handler?.closed(error)
  }
}

function toError({ code, reason, message }: StatusFrame): BusError {
  if (code === 0) return lost('the peer ended the link')
  const known: ErrorReason = Object.hasOwn(errorReasons, reason)
    ? (reason as ErrorReason)
    : 'peer_refused'
  const text = `the peer refused the link: ${message}`
  return new BusError(busErrorCodes[code - 1] ?? 'unknown', known, text)
}

function lost(why: string): BusError {
  return new BusError('unavailable', 'connection_lost', `no connection: ${why}`)
}
