/**
 * Bytes to packets as a broker sends them (MQTT 5.0 section 3): what a bridge reads. The other half of codec.ts, as strict
 * where something would be misunderstood.
 */

import { FrameBuffer } from '../../../net/frame-buffer.ts'
import { PacketReader } from '../packet-reader.ts'
import {
  type AckType,
  malformed,
  MqttError,
  packetTypes,
  protocolError,
  reasonCodes,
  type Version,
} from '../packets.ts'
import { type Properties, readServerProperties } from '../properties.ts'
import { type IncomingPublish, PublishInPlace, readPacketId } from '../publish-in-place.ts'

export interface Connack {
  readonly sessionPresent: boolean
  /** As the version has it: below 5.0 one of 0 to 5. */
  readonly code: number
  readonly properties: Properties
}

export interface ServerPacketHandler {
  /** True: what follows is kept for `resume`. */
  readonly isHeld: boolean
  connack(packet: Connack): void
  publish(packet: IncomingPublish): void
  acknowledge(type: AckType, id: number, reasonCode: number): void
  /** Of SUBSCRIBE or UNSUBSCRIBE; before 5.0 an UNSUBACK has no codes. */
  answered(type: number, id: number, codes: Uint8Array): void
  pong(): void
  /** The other broker ends the connection. 5.0 only. */
  disconnect(reasonCode: number, properties: Properties): void
}

const nothing: Properties = {}

export class ServerPacketDecoder extends FrameBuffer {
  readonly #handler: ServerPacketHandler
  readonly #version: Version
  readonly #maxPacketBytes: number
  readonly #reader = new PacketReader()
  readonly #publish = new PublishInPlace()
  #isConnected = false

  constructor(handler: ServerPacketHandler, version: Version, maxPacketBytes: number) {
    super()
    this.#handler = handler
    this.#version = version
    this.#maxPacketBytes = maxPacketBytes
  }

  protected override frameLength(bytes: Uint8Array, from: number, end: number): number {
    this.#checkFirstByte(bytes[from] as number)
    let length = 0
    for (let i = 0; i < 4; i++) {
      const at = from + 1 + i
      if (at >= end) return end - from + 1
      const byte = bytes[at] as number
      length += (byte & 0x7f) * 2 ** (7 * i)
      if (byte >= 0x80) continue
      const total = 2 + i + length
      if (total <= this.#maxPacketBytes) return total
      const text = `a packet has ${total} bytes, the limit is ${this.#maxPacketBytes}`
      throw new MqttError(reasonCodes.packetTooLarge, text)
    }
    throw malformed('the length of a packet has more than four bytes')
  }

  protected override isHeldBack(): boolean {
    return this.#handler.isHeld
  }

  protected override handleFrames(bytes: Uint8Array, from: number, end: number): number {
    let at = from
    while (at < end && !this.#handler.isHeld) {
      const total = this.frameLength(bytes, at, end)
      if (total > end - at) break
      let body = at + 2
      while ((bytes[body - 1] as number) >= 0x80) body += 1
      this.#reader.open(bytes, body, at + total)
      this.#packet(bytes[at] as number)
      at += total
    }
    return at
  }

  #checkFirstByte(first: number): void {
    const type = first >>> 4
    if (!this.#isConnected && type !== packetTypes.connack && type !== packetTypes.disconnect) {
      throw protocolError('the first packet of a broker is no CONNACK')
    }
    if (type === packetTypes.publish && ((first >>> 1) & 3) === 3) {
      throw malformed('PUBLISH with QoS 3')
    }
  }

  #packet(first: number): void {
    const reader = this.#reader
    const handler = this.#handler
    const type = first >>> 4
    switch (type) {
      case packetTypes.publish:
        this.#publish.read(reader, this.#version, first)
        handler.publish(this.#publish)
        break
      case packetTypes.puback:
      case packetTypes.pubrec:
      case packetTypes.pubrel:
      case packetTypes.pubcomp: {
        const id = readPacketId(reader)
        handler.acknowledge(type, id, this.#reason().code)
        break
      }
      case packetTypes.suback:
      case packetTypes.unsuback: {
        const id = readPacketId(reader)
        if (this.#version === 5) readServerProperties(reader)
        handler.answered(type, id, reader.bytes.slice(reader.at, reader.end))
        break
      }
      case packetTypes.pingresp:
        handler.pong()
        break
      case packetTypes.connack: {
        if (this.#isConnected) throw protocolError('a second CONNACK')
        this.#isConnected = true
        const sessionPresent = (reader.byte() & 1) !== 0
        const code = reader.byte()
        const properties =
          this.#version === 5 && reader.left > 0 ? readServerProperties(reader) : nothing
        handler.connack({ sessionPresent, code, properties })
        break
      }
      case packetTypes.disconnect: {
        const { code, properties } = this.#reason()
        handler.disconnect(code, properties)
        break
      }
      default:
        throw protocolError(`a broker does not send packets of type ${type}`)
    }
  }

  /** A reason code with its properties, which may be left out. */
  #reason(): { readonly code: number; readonly properties: Properties } {
    const reader = this.#reader
    if (this.#version < 5 || reader.left === 0)
      return { code: reasonCodes.success, properties: nothing }
    const code = reader.byte()
    return { code, properties: reader.left > 0 ? readServerProperties(reader) : nothing }
  }
}
