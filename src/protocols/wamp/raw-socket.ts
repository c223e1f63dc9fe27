/**
 * Frames of RawSocket (spec/wamp 6.2): four octets of head, then a message, PING or PONG. Whole frames are handed on
 * where they stand; while the connection holds them back they are kept.
 */

import { FrameBuffer } from '../../net/frame-buffer.ts'
import { ProtocolError } from '../../model/errors.ts'

export const rawSocketMagic = 0x7f
export const handshakeBytes = 4
const headBytes = 4
export const frameTypes = { message: 0, ping: 1, pong: 2 } as const
/** A PING or PONG that is longer fails the connection. */
const pingBytesMost = 1_024
/** What the 24 bits of a head cannot say; it has a bit of its own. */
const longestBytes = 2 ** 24

/** Why a handshake is refused: the high half of the second octet. */
export const refusals = {
  serializer: 1,
  length: 2,
  reserved: 3,
  connections: 4,
} as const

/** Octets that a client of this length code takes, at most. */
export function lengthOf(code: number): number {
  return 2 ** (9 + code)
}

/** The largest code whose length is not above the limit. */
export function codeOfLength(bytes: number): number {
  return Math.max(0, Math.min(15, Math.floor(Math.log2(bytes)) - 9))
}

export interface RawSocketHandler {
  /** No frame is to be handled now. */
  readonly isHeld: boolean
  message(bytes: Uint8Array, start: number, end: number): void
  ping(bytes: Uint8Array, start: number, end: number): void
  pong(): void
}

export class RawSocketFrames extends FrameBuffer {
  readonly #handler: RawSocketHandler
  readonly #messageBytesMost: number

  /** @param messageBytesMost as it was told to the client */
  constructor(handler: RawSocketHandler, messageBytesMost: number) {
    super()
    this.#handler = handler
    this.#messageBytesMost = messageBytesMost
  }

  /** @throws ProtocolError for a head that is not allowed */
  protected override frameLength(bytes: Uint8Array, from: number, end: number): number {
    if (end - from < headBytes) return end - from + 1
    return headBytes + this.#length(bytes, from)
  }

  protected override handleFrames(bytes: Uint8Array, from: number, end: number): number {
    const handler = this.#handler
    let at = from
    while (end - at >= headBytes && !handler.isHeld) {
      const start = at + headBytes
      const to = start + this.#length(bytes, at)
      if (to > end) break
      const type = (bytes[at] as number) & 0x07
      if (type === frameTypes.message) handler.message(bytes, start, to)
      else if (type === frameTypes.ping) handler.ping(bytes, start, to)
      else handler.pong()
      at = to
    }
    return at
  }

  /** Of what stands behind a head; checks the head. */
  #length(bytes: Uint8Array, at: number): number {
    const first = bytes[at] as number
    const type = first & 0x07
    if (first > 0x0f || type > frameTypes.pong) {
      throw new ProtocolError('a RawSocket frame of an unknown kind')
    }
    const short =
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)
    const length = first >= 0x08 ? longestBytes : short
    if (first >= 0x08 && short !== 0) throw new ProtocolError('a RawSocket frame with two lengths')
    const most = type === frameTypes.message ? this.#messageBytesMost : pingBytesMost
    if (length > most) throw new ProtocolError('a RawSocket frame larger than the limit')
    return length
  }
}

/** Writes the head of a frame of `length` octets, at most 2^24. */
export function writeHead(bytes: Uint8Array, at: number, type: number, length: number): void {
  bytes[at] = length === longestBytes ? 0x08 | type : type
  bytes[at + 1] = (length >>> 16) & 0xff
  bytes[at + 2] = (length >>> 8) & 0xff
  bytes[at + 3] = length & 0xff
  if (length === longestBytes) bytes[at + 1] = 0
}
