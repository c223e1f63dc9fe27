/** A RawSocket connection from its first octet (spec/wamp 6.2): the handshake, then frames for its WAMP connection. */

import { ProtocolError } from '../../model/errors.ts'
import type { ByteConnection } from '../../net/byte-connection.ts'
import type { Serializer } from '../../wire/wamp/serializer.ts'
import type { WampConnection } from './connection.ts'
import {
  codeOfLength,
  handshakeBytes,
  lengthOf,
  RawSocketFrames,
  type RawSocketHandler,
  rawSocketMagic,
  refusals,
} from './raw-socket.ts'
import { RawSocketTransport } from './transport.ts'

export interface RawSocketLinkOptions {
  readonly link: ByteConnection
  readonly maxMessageBytes: number
  /** For the handshake, in the time of the listener. */
  readonly deadline: number
  readonly serializerOf: (rawSocketNumber: number) => Serializer | undefined
  readonly onAgreed: (transport: RawSocketTransport, serializer: Serializer) => WampConnection
  /** It is over before there was a connection. */
  readonly onEnding: () => void
  readonly onClose: () => void
}

export class RawSocketLink implements RawSocketHandler {
  isHeld = false
  readonly deadline: number
  readonly #options: RawSocketLinkOptions
  readonly #frames: RawSocketFrames
  readonly #lengthCode: number
  readonly #handshake = new Uint8Array(handshakeBytes)
  #handshakeLength = 0
  #transport: RawSocketTransport | undefined
  #connection: WampConnection | undefined
  #isOver = false

  constructor(options: RawSocketLinkOptions) {
    this.#options = options
    this.deadline = options.deadline
    this.#lengthCode = codeOfLength(options.maxMessageBytes)
    this.#frames = new RawSocketFrames(this, lengthOf(this.#lengthCode))
    options.link.owner = {
      onBytes: (bytes, length) => this.#receive(bytes, length),
      onEnd: () => {
        if (this.#connection === undefined) this.end()
        else this.#connection.inputEnded()
      },
      onFull: () => this.#connection?.outboxFull(),
      onRoom: () => this.#connection?.outboxEmpty(),
      onClose: () => {
        this.#isOver = true
        options.onClose()
        this.#connection?.lost()
      },
    }
  }

  message(bytes: Uint8Array, start: number, end: number): void {
    this.#connection?.receive(bytes, start, end)
  }

  ping(bytes: Uint8Array, start: number, end: number): void {
    this.#connection?.heard()
    this.#transport?.pong(bytes, start, end)
  }

  pong(): void {
    this.#connection?.heard()
  }

  /** Ends a connection whose handshake is not done. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#options.link.end()
    this.#options.onEnding()
  }

  #receive(bytes: Uint8Array, length: number): void {
    let at = 0
    while (this.#handshakeLength < handshakeBytes && at < length) {
      this.#handshake[this.#handshakeLength++] = bytes[at++] as number
      if (this.#handshakeLength === 1 && bytes[0] !== rawSocketMagic) {
        this.end()
        return
      }
      if (this.#handshakeLength === handshakeBytes) this.#agree()
    }
    if (this.#isOver || at === length) return
    this.#guard(() => this.#frames.push(bytes, at, length))
  }

  #agree(): void {
    const { link, serializerOf, onAgreed } = this.#options
    const second = this.#handshake[1] as number
    if (this.#handshake[2] !== 0 || this.#handshake[3] !== 0) {
      this.#refuse(refusals.reserved)
      return
    }
    const serializer = serializerOf(second & 0x0f)
    if (serializer === undefined) {
      this.#refuse(refusals.serializer)
      return
    }
    this.#answer((this.#lengthCode << 4) | serializer.rawSocketNumber)
    const transport = new RawSocketTransport(link, serializer, lengthOf(second >> 4), (isHeld) => {
      this.isHeld = isHeld
      if (!isHeld) this.#guard(() => this.#frames.resume())
    })
    this.#transport = transport
    this.#connection = onAgreed(transport, serializer)
  }

  #refuse(why: number): void {
    this.#answer(why << 4)
    this.end()
  }

  #answer(second: number): void {
    const { outbox } = this.#options.link
    const at = outbox.reserve(handshakeBytes, true)
    outbox.bytes.set([rawSocketMagic, second, 0, 0], at)
  }

  /** A frame that is not allowed fails the connection; there is no message to say so. */
  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#connection?.failed(error)
    }
  }
}
