/**
 * Bytes to packets, as they come from MQTT clients of versions 3.1, 3.1.1 and 5.0 (MQTT 5.0 section 3; spec/mqtt 3). Pure
 * and synchronous. PUBLISH, which is most of what comes, is described by one reused object that says where its parts
 * stand; acknowledgements are handed over as numbers; the rest is rare and becomes objects.
 *
 * Strict: what the standard calls malformed or a protocol error is refused, with its reason code, as early as it
 * can be told: kind, flags and size from the fixed header, before the body has come.
 */

import { isUtf8 } from 'node:buffer'
import { FrameBuffer } from '../../net/frame-buffer.ts'
import { PacketReader } from './packet-reader.ts'
import {
  type AckType,
  type AuthPacket,
  type ConnectPacket,
  type DisconnectPacket,
  malformed,
  MqttError,
  packetTypes,
  protocolError,
  type Qos,
  reasonCodes,
  type SubscribePacket,
  type SubscriptionRequest,
  type UnsubscribePacket,
  UnsupportedVersion,
  type Version,
  type Will,
} from './packets.ts'
import { type Properties, readProperties } from './properties.ts'
import { type IncomingPublish, PublishInPlace, readPacketId } from './publish-in-place.ts'
import { hasWildcard } from './text.ts'
import { isTopicFilter } from './filters.ts'

export interface PacketHandler {
  connect(packet: ConnectPacket): void
  publish(packet: IncomingPublish): void
  /** PUBACK, PUBREC, PUBREL or PUBCOMP. */
  acknowledge(type: AckType, id: number, reasonCode: number): void
  subscribe(packet: SubscribePacket): void
  unsubscribe(packet: UnsubscribePacket): void
  ping(): void
  disconnect(packet: DisconnectPacket): void
  authenticate(packet: AuthPacket): void
  /** Not 0: before each packet `admits` is asked; what it does not admit is kept for `resume`. */
  readonly gate: number
  admits(type: number): boolean
}

export interface PacketDecoderOptions {
  /** Largest packet, its fixed header included. */
  readonly maxPacketBytes: number
}

/** Flags of the fixed header by type; PUBLISH has its own. */
const fixedFlags = new Uint8Array(16)
fixedFlags[packetTypes.pubrel] = 2
fixedFlags[packetTypes.subscribe] = 2
fixedFlags[packetTypes.unsubscribe] = 2

/** What clients may send once they are connected. */
const fromClients = new Uint8Array(16)
for (const type of [3, 4, 5, 6, 7, 8, 10, 12, 14, 15]) fromClients[type] = 1

const noProperties: Properties = {}

/** Reason codes that a client may give, by type (5.0 sections 3.4.2.1, 3.5.2.1, 3.6.2.1, 3.7.2.1, 3.14.2.1). */
const publishReasons = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]
const releaseReasons = [0x00, 0x92]
const ackReasons: Readonly<Record<AckType, ReadonlySet<number>>> = {
  4: new Set(publishReasons),
  5: new Set(publishReasons),
  6: new Set(releaseReasons),
  7: new Set(releaseReasons),
}
const disconnectReasons = new Set([
  0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99,
])
const ackPlaces = { 4: 'puback', 5: 'pubrec', 6: 'pubrel', 7: 'pubcomp' } as const

export class PacketDecoder extends FrameBuffer {
  readonly #handler: PacketHandler
  readonly #options: PacketDecoderOptions
  readonly #reader = new PacketReader()
  readonly #publish = new PublishInPlace()
  /** Undefined before CONNECT. */
  #version: Version | undefined
  #seenVersion: Version | undefined

  constructor(handler: PacketHandler, options: PacketDecoderOptions) {
    super()
    this.#handler = handler
    this.#options = options
  }

  /** Of the CONNECT that came; undefined before. */
  get version(): Version | undefined {
    return this.#version
  }

  /** Of a CONNECT that came, also when the rest of it was not well formed. */
  get seenVersion(): Version | undefined {
    return this.#seenVersion
  }

  protected override frameLength(bytes: Uint8Array, from: number, end: number): number {
    this.#checkFirstByte(bytes[from] as number)
    let length = 0
    for (let i = 0; i < 4; i++) {
      const at = from + 1 + i
      if (at >= end) return end - from + 1
      const byte = bytes[at] as number
      length += (byte & 0x7f) * 2 ** (7 * i)
      if (byte < 0x80) {
        if (byte === 0 && i > 0)
          throw malformed('the length of a packet has more bytes than it needs')
        const total = 2 + i + length
        if (total > this.#options.maxPacketBytes) throw this.#tooLarge(total)
        return total
      }
    }
    throw malformed('the length of a packet has more than four bytes')
  }

  protected override isHeldBack(bytes: Uint8Array, from: number): boolean {
    const handler = this.#handler
    return handler.gate !== 0 && !handler.admits((bytes[from] as number) >>> 4)
  }

  protected override handleFrames(bytes: Uint8Array, from: number, end: number): number {
    const handler = this.#handler
    let at = from
    while (at < end) {
      // What is held back is not looked at: it comes after what holds it back.
      if (handler.gate !== 0 && this.isHeldBack(bytes, at)) break
      const total = this.frameLength(bytes, at, end)
      if (total > end - at) break
      const next = at + total
      let body = at + 2
      while ((bytes[body - 1] as number) >= 0x80) body += 1
      this.#packet(bytes, at, body, next)
      at = next
    }
    return at
  }

  #checkFirstByte(first: number): void {
    const type = first >>> 4
    if (this.#version === undefined) {
      if (type !== packetTypes.connect) throw protocolError('the first packet is no CONNECT')
      if ((first & 0xf) !== 0) throw malformed('CONNECT with flags')
      return
    }
    if (type === packetTypes.publish) {
      const qos = (first >>> 1) & 3
      if (qos === 3) throw malformed('PUBLISH with QoS 3')
      if (qos === 0 && (first & 8) !== 0) throw malformed('PUBLISH with QoS 0 and DUP')
      return
    }
    if (type === packetTypes.connect) throw protocolError('a second CONNECT')
    if (fromClients[type] === 0)
      throw protocolError(`a client does not send packets of type ${type}`)
    // In 3.1 what is sent again may say so in any packet that has an identifier.
    const flags = this.#version === 3 && fixedFlags[type] === 2 ? first & 0x7 : first & 0xf
    if (flags !== fixedFlags[type]) throw malformed(`flags of a packet of type ${type}`)
    if (type === packetTypes.auth && this.#version !== 5) throw protocolError('AUTH before 5.0')
  }

  #packet(bytes: Uint8Array, head: number, body: number, end: number): void {
    const reader = this.#reader
    reader.open(bytes, body, end)
    const first = bytes[head] as number
    const type = first >>> 4
    switch (type) {
      case packetTypes.publish:
        this.#readPublish(first)
        break
      case packetTypes.puback:
      case packetTypes.pubrec:
      case packetTypes.pubrel:
      case packetTypes.pubcomp:
        this.#readAck(type)
        break
      case packetTypes.pingreq:
        reader.requireEnd()
        this.#handler.ping()
        break
      case packetTypes.subscribe:
        this.#handler.subscribe(this.#readSubscribe())
        break
      case packetTypes.unsubscribe:
        this.#handler.unsubscribe(this.#readUnsubscribe())
        break
      case packetTypes.connect:
        this.#handler.connect(this.#readConnect())
        break
      case packetTypes.disconnect:
        this.#handler.disconnect(this.#readDisconnect())
        break
      case packetTypes.auth:
        this.#handler.authenticate(this.#readAuth())
        break
      default:
        // The first byte has been checked.
        throw protocolError(`packets of type ${type} are not known`)
    }
  }

  #readPublish(first: number): void {
    this.#publish.read(this.#reader, this.#version ?? 4, first)
    this.#handler.publish(this.#publish)
  }

  #readAck(type: AckType): void {
    const reader = this.#reader
    const id = this.#readId()
    let reasonCode: number = reasonCodes.success
    if (this.#version === 5 && reader.left > 0) {
      reasonCode = reader.byte()
      if (!ackReasons[type].has(reasonCode)) throw wrongReason(reasonCode, ackPlaces[type])
      if (reader.left > 0) readProperties(reader, ackPlaces[type])
    }
    reader.requireEnd()
    this.#handler.acknowledge(type, id, reasonCode)
  }

  #readSubscribe(): SubscribePacket {
    const reader = this.#reader
    const id = this.#readId()
    const properties = this.#version === 5 ? readProperties(reader, 'subscribe') : noProperties
    const requests: SubscriptionRequest[] = []
    while (reader.left > 0) {
      const filter = this.#readFilter()
      const options = reader.byte()
      const qos = options & 3
      const retainHandling = (options >>> 4) & 3
      const most = this.#version === 5 ? 0x3f : 0x03
      if (options > most || qos === 3 || retainHandling === 3) {
        throw malformed('options of a subscription')
      }
      requests.push({
        filter,
        qos: qos as Qos,
        noLocal: (options & 4) !== 0,
        retainAsPublished: (options & 8) !== 0,
        retainHandling: retainHandling as 0 | 1 | 2,
      })
    }
    if (requests.length === 0) throw protocolError('SUBSCRIBE without a filter')
    return { id, requests, properties }
  }

  #readUnsubscribe(): UnsubscribePacket {
    const reader = this.#reader
    const id = this.#readId()
    const properties = this.#version === 5 ? readProperties(reader, 'unsubscribe') : noProperties
    const filters: string[] = []
    while (reader.left > 0) filters.push(this.#readFilter())
    if (filters.length === 0) throw protocolError('UNSUBSCRIBE without a filter')
    return { id, filters, properties }
  }

  #readFilter(): string {
    const filter = this.#reader.name()
    if (!isTopicFilter(filter)) throw malformed('a topic filter is not well formed')
    return filter
  }

  #readConnect(): ConnectPacket {
    const reader = this.#reader
    const { version, isBridge } = this.#readVersion()
    this.#seenVersion = version
    const flags = reader.byte()
    if ((flags & 1) !== 0) throw malformed('the reserved flag of CONNECT')
    const willQos = (flags >>> 3) & 3
    const hasWill = (flags & 4) !== 0
    const [hasName, hasPassword] = [(flags & 0x80) !== 0, (flags & 0x40) !== 0]
    if (willQos === 3 || (!hasWill && (flags & 0x38) !== 0)) throw malformed('flags of the will')
    if (version !== 5 && hasPassword && !hasName) throw malformed('a password without a user name')
    const keepAlive = reader.short()
    const properties = version === 5 ? readProperties(reader, 'connect') : noProperties
    if (properties.authenticationData !== undefined && !properties.authenticationMethod) {
      throw protocolError('authentication data without a method')
    }
    const clientId = reader.name()
    const will = hasWill ? this.#readWill(version, willQos as Qos, (flags & 0x20) !== 0) : undefined
    // 3.1 lets the packet end before what its flags announce (section 3.1, user name and password flags).
    const isThere = () => version !== 3 || reader.left > 0
    const userName = hasName && isThere() ? reader.name() : undefined
    const password = hasPassword && isThere() ? reader.binary() : undefined
    reader.requireEnd()
    this.#version = version
    const cleanStart = (flags & 2) !== 0
    return {
      version,
      isBridge,
      cleanStart,
      keepAlive,
      clientId,
      will,
      userName,
      password,
      properties,
    }
  }

  #readVersion(): { version: Version; isBridge: boolean } {
    const reader = this.#reader
    const name = reader.text()
    const mark = reader.byte()
    const level = mark & 0x7f
    const isBridge = mark > 0x7f
    if (name !== 'MQTT' && name !== 'MQIsdp') throw malformed('this is no MQTT')
    if (name === 'MQIsdp' && level === 3) return { version: 3, isBridge }
    if (name === 'MQTT' && level === 4) return { version: 4, isBridge }
    if (name === 'MQTT' && level === 5 && !isBridge) return { version: 5, isBridge }
    throw new UnsupportedVersion(level)
  }

  #readWill(version: Version, qos: Qos, retain: boolean): Will {
    const reader = this.#reader
    const properties = version === 5 ? readProperties(reader, 'will') : noProperties
    const start = reader.at + 2
    const topic = reader.name()
    if (topic === '' || hasWildcard(reader.bytes, start, reader.at)) {
      throw new MqttError(reasonCodes.topicNameInvalid, 'the topic of the will is no topic name')
    }
    const payload = reader.binary()
    if (properties.payloadFormat === 1 && !isUtf8(payload)) {
      throw new MqttError(reasonCodes.payloadFormatInvalid, 'the payload of the will is no text')
    }
    return { topic, payload, qos, retain, properties }
  }

  #readDisconnect(): DisconnectPacket {
    const reader = this.#reader
    let reasonCode: number = reasonCodes.success
    let properties = noProperties
    if (this.#version === 5 && reader.left > 0) {
      reasonCode = reader.byte()
      if (!disconnectReasons.has(reasonCode)) throw wrongReason(reasonCode, 'disconnect')
      if (reader.left > 0) properties = readProperties(reader, 'disconnect')
    }
    reader.requireEnd()
    return { reasonCode, properties }
  }

  #readAuth(): AuthPacket {
    const reader = this.#reader
    // An empty one means success, which only a server has to say.
    const reasonCode = reader.left === 0 ? reasonCodes.success : reader.byte()
    const { continueAuthentication, reAuthenticate } = reasonCodes
    if (reasonCode !== continueAuthentication && reasonCode !== reAuthenticate) {
      throw wrongReason(reasonCode, 'auth')
    }
    const properties = reader.left > 0 ? readProperties(reader, 'auth') : noProperties
    reader.requireEnd()
    if (properties.authenticationMethod === undefined) {
      throw protocolError('AUTH without an authentication method')
    }
    return { reasonCode, properties }
  }

  #readId(): number {
    return readPacketId(this.#reader)
  }

  #tooLarge(bytes: number): MqttError {
    const text = `a packet has ${bytes} bytes, the limit is ${this.#options.maxPacketBytes}`
    return new MqttError(reasonCodes.packetTooLarge, text)
  }
}

function wrongReason(code: number, place: string): MqttError {
  return protocolError(`reason code ${code} does not belong into ${place}`)
}
