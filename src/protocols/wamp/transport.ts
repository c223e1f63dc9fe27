/**
 * The two ways in which messages travel (spec/wamp 6) in one shape: WebSocket, one message per message, and RawSocket.
 * Both write into the outbox of the connection below, so that all messages of one turn leave in one write.
 */

import type { ClientCertificate, ProcessCredentials } from '../../core/authentication.ts'
import type { Identity } from '../../model/identity.ts'
import type { ByteConnection } from '../../net/byte-connection.ts'
import type { Outbox } from '../../net/outbox.ts'
import { frameOpcodes, writeFrame } from '../../net/web-socket-frame.ts'
import type { WebSocketConnection } from '../../net/web-socket-gates.ts'
import type { Serializer } from '../../wire/wamp/serializer.ts'
import { frameTypes, writeHead } from './raw-socket.ts'
import type { ChannelProof } from './authenticator.ts'
import type { TransportInfo } from './session.ts'

/** Close codes of WebSocket (spec/wamp 6.1); RawSocket has none. */
export const closeCodes = { done: 1000, goingAway: 1001, violation: 1002, tryLater: 1013 } as const

export interface WampTransport extends ChannelProof {
  readonly info: TransportInfo
  readonly source: string | undefined
  readonly listener: string
  readonly outbox: Outbox
  readonly unsentBytes: number
  /** Its receiver takes no longer message. */
  readonly messageBytesMost: number
  write(bytes: Uint8Array, start: number, end: number): void
  /** Nothing more is handed on (true), until there is room again. */
  hold(isHeld: boolean): void
  /** Writes what is in the outbox, then closes. */
  end(code: number): void
  destroy(): void
  /** A sign of life, after a long silence. */
  ping(): void
}

export class WebSocketTransport implements WampTransport {
  readonly info: TransportInfo
  readonly messageBytesMost = 2 ** 31
  readonly #link: WebSocketConnection
  readonly #opcode: number

  constructor(link: WebSocketConnection, serializer: Serializer) {
    this.#link = link
    this.#opcode = serializer.isText ? frameOpcodes.text : frameOpcodes.binary
    this.info = { type: 'websocket', protocol: link.protocol, peer: link.source ?? 'unix' }
    link.sendAs = 'frames'
  }

  // The HTTP request has been asked for these already.
  readonly certificate = undefined
  readonly process = undefined

  get identity(): Identity | undefined {
    return this.#link.identity
  }

  get isSecure(): boolean {
    return this.#link.isSecure === true
  }

  channelId(kind: string): Uint8Array | undefined {
    return this.#link.channelId?.(kind)
  }

  get source(): string | undefined {
    return this.#link.source
  }

  get listener(): string {
    return this.#link.listener
  }

  get outbox(): Outbox {
    return this.#link.outbox
  }

  get unsentBytes(): number {
    return this.#link.unsentBytes
  }

  write(bytes: Uint8Array, start: number, end: number): void {
    writeFrame(this.#link.outbox, this.#opcode, bytes, start, end, false)
  }

  hold(isHeld: boolean): void {
    if (isHeld) this.#link.pause()
    else this.#link.resume()
  }

  end(code: number): void {
    this.#link.end(code)
  }

  destroy(): void {
    this.#link.destroy()
  }

  ping(): void {
    // The server of all WebSockets does that.
  }
}

export class RawSocketTransport implements WampTransport {
  readonly info: TransportInfo
  readonly messageBytesMost: number
  readonly #link: ByteConnection
  readonly #onHold: (isHeld: boolean) => void
  #isHeld = false

  constructor(
    link: ByteConnection,
    serializer: Serializer,
    messageBytesMost: number,
    onHold: (isHeld: boolean) => void,
  ) {
    this.#link = link
    this.messageBytesMost = messageBytesMost
    this.#onHold = onHold
    this.info = { type: 'rawsocket', protocol: serializer.subprotocol, peer: link.source ?? 'unix' }
  }

  readonly identity = undefined

  get isSecure(): boolean {
    return this.#link.isSecure
  }

  get certificate(): ClientCertificate | undefined {
    return this.#link.certificate
  }

  get process(): ProcessCredentials | undefined {
    return this.#link.process
  }

  channelId(kind: string): Uint8Array | undefined {
    return this.#link.channelId(kind)
  }

  get source(): string | undefined {
    return this.#link.source
  }

  get listener(): string {
    return this.#link.listener
  }

  get outbox(): Outbox {
    return this.#link.outbox
  }

  get unsentBytes(): number {
    return this.#link.unsentBytes
  }

  write(bytes: Uint8Array, start: number, end: number): void {
    this.#frame(frameTypes.message, bytes, start, end)
  }

  pong(bytes: Uint8Array, start: number, end: number): void {
    this.#frame(frameTypes.pong, bytes, start, end)
  }

  ping(): void {
    this.#frame(frameTypes.ping, new Uint8Array(0), 0, 0)
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    if (isHeld) this.#link.pause()
    this.#onHold(isHeld)
    // What was kept may have held it again.
    if (!this.#isHeld) this.#link.resume()
  }

  end(): void {
    this.#link.end()
  }

  destroy(): void {
    this.#link.destroy()
  }

  #frame(type: number, bytes: Uint8Array, start: number, end: number): void {
    const { outbox } = this.#link
    const length = end - start
    const at = outbox.reserve(4 + length, false)
    writeHead(outbox.bytes, at, type, length)
    outbox.bytes.set(bytes.subarray(start, end), at + 4)
  }
}
