/**
 * The properties of MQTT 5.0 (section 2.2.2) as a table: number, type, and the packets in which a client may send
 * them. Everything else about them, how they are read, checked and written, follows from the table.
 */

import { hasWildcard } from './text.ts'
import { malformed, MqttError, packetTypes, protocolError, reasonCodes } from './packets.ts'
import type { PacketReader } from './packet-reader.ts'

/** What a packet says about itself. Absent: it does not say. Units and defaults are those of the standard. */
export interface Properties {
  payloadFormat?: number
  /** Seconds. */
  messageExpiry?: number
  contentType?: string
  responseTopic?: string
  correlationData?: Uint8Array
  subscriptionIds?: number[]
  /** Seconds; 0xffffffff: for ever. */
  sessionExpiry?: number
  assignedClientId?: string
  /** Seconds. */
  serverKeepAlive?: number
  authenticationMethod?: string
  authenticationData?: Uint8Array
  requestProblemInformation?: number
  /** Seconds. */
  willDelay?: number
  requestResponseInformation?: number
  responseInformation?: string
  serverReference?: string
  reasonString?: string
  receiveMaximum?: number
  topicAliasMaximum?: number
  topicAlias?: number
  maximumQos?: number
  retainAvailable?: number
  userProperties?: [name: string, value: string][]
  maximumPacketSize?: number
  wildcardsAvailable?: number
  subscriptionIdsAvailable?: number
  sharedAvailable?: number
}

/** `topic`: a text that is a topic name. */
type Kind = 'byte' | 'flag' | 'short' | 'long' | 'varint' | 'text' | 'topic' | 'binary' | 'pair'

interface PropertyRow {
  readonly id: number
  readonly name: keyof Properties
  readonly kind: Kind
  /** Packets of clients that may have it; `will` is the part of CONNECT about the will. */
  readonly from: readonly PropertyPlace[]
  /** What a zero is answered with; absent: it is allowed. */
  readonly zero?: number
}

/** A type of packet, or the will inside of CONNECT. */
export type PropertyPlace = keyof typeof packetTypes | 'will'

const row = (
  id: number,
  name: keyof Properties,
  kind: Kind,
  from: readonly PropertyPlace[],
  zero?: number,
): PropertyRow => ({ id, name, kind, from, ...(zero === undefined ? {} : { zero }) })

const message = ['publish', 'will'] as const
const acks = ['puback', 'pubrec', 'pubrel', 'pubcomp'] as const
const everywhere: readonly PropertyPlace[] = [
  'connect',
  'will',
  'publish',
  ...acks,
  'subscribe',
  'unsubscribe',
  'disconnect',
  'auth',
]

/** By number. */
export const propertyTable: readonly PropertyRow[] = [
  row(0x01, 'payloadFormat', 'flag', message),
  row(0x02, 'messageExpiry', 'long', message),
  row(0x03, 'contentType', 'text', message),
  row(0x08, 'responseTopic', 'topic', message),
  row(0x09, 'correlationData', 'binary', message),
  row(0x0b, 'subscriptionIds', 'varint', ['subscribe'], reasonCodes.protocolError),
  row(0x11, 'sessionExpiry', 'long', ['connect', 'disconnect']),
  row(0x12, 'assignedClientId', 'text', []),
  row(0x13, 'serverKeepAlive', 'short', []),
  row(0x15, 'authenticationMethod', 'text', ['connect', 'auth']),
  row(0x16, 'authenticationData', 'binary', ['connect', 'auth']),
  row(0x17, 'requestProblemInformation', 'flag', ['connect']),
  row(0x18, 'willDelay', 'long', ['will']),
  row(0x19, 'requestResponseInformation', 'flag', ['connect']),
  row(0x1a, 'responseInformation', 'text', []),
  row(0x1c, 'serverReference', 'text', []),
  row(0x1f, 'reasonString', 'text', [...acks, 'disconnect', 'auth']),
  row(0x21, 'receiveMaximum', 'short', ['connect'], reasonCodes.protocolError),
  row(0x22, 'topicAliasMaximum', 'short', ['connect']),
  row(0x23, 'topicAlias', 'short', ['publish'], reasonCodes.topicAliasInvalid),
  row(0x24, 'maximumQos', 'byte', []),
  row(0x25, 'retainAvailable', 'byte', []),
  row(0x26, 'userProperties', 'pair', everywhere),
  row(0x27, 'maximumPacketSize', 'long', ['connect'], reasonCodes.protocolError),
  row(0x28, 'wildcardsAvailable', 'byte', []),
  row(0x29, 'subscriptionIdsAvailable', 'byte', []),
  row(0x2a, 'sharedAvailable', 'byte', []),
]

const byId: (PropertyRow | undefined)[] = []
for (const each of propertyTable) byId[each.id] = each

const none: Properties = {}

/**
 * Reads properties with their length in front, as a client may send them in this place.
 * @throws MqttError
 */
export function readProperties(reader: PacketReader, place: PropertyPlace): Properties {
  const length = reader.varint()
  if (length > reader.left) throw malformed('properties run past the end of their packet')
  if (length === 0) return none
  const properties: Properties = {}
  const packetEnd = reader.end
  reader.end = reader.at + length
  while (reader.left > 0) {
    const found = readId(reader, place)
    const value = readValue(reader, found)
    if (found.kind === 'pair') {
      ;(properties.userProperties ??= []).push(value as [string, string])
    } else if (properties[found.name] !== undefined) throw twice(found)
    else if (found.name === 'subscriptionIds') properties.subscriptionIds = [value as number]
    else Object.assign(properties, { [found.name]: value })
  }
  reader.end = packetEnd
  return properties
}

/**
 * Reads properties with their length in front as another broker sends them, in any packet but PUBLISH: all that are known.
 * @throws MqttError
 */
export function readServerProperties(reader: PacketReader): Properties {
  const length = reader.varint()
  if (length > reader.left) throw malformed('properties run past the end of their packet')
  const properties: Properties = {}
  const packetEnd = reader.end
  reader.end = reader.at + length
  while (reader.left > 0) {
    const id = reader.varint()
    const found = byId[id]
    if (found === undefined) throw malformed(`there is no property ${id}`)
    const value = readKind(reader, found)
    if (found.kind === 'pair') {
      ;(properties.userProperties ??= []).push(value as [string, string])
    } else Object.assign(properties, { [found.name]: value })
  }
  reader.end = packetEnd
  return properties
}

/** What of a PUBLISH the daemon looks at, and what it passes on as it came. */
export interface PublishProperties {
  /** -1: none. Seconds. */
  messageExpiry: number
  /** 0: none. */
  topicAlias: number
  /** The payload is said to be UTF-8. */
  isText: boolean
  /** `bytes[start..end)`: properties without their length. */
  start: number
  end: number
  /** All of them go on as they came: neither an alias nor an expiry is among them. */
  isPassedWhole: boolean
}

/**
 * Checks the properties of a PUBLISH where they stand, and builds nothing but for what is rare.
 * @throws MqttError
 */
export function scanPublishProperties(reader: PacketReader, into: PublishProperties): void {
  const length = reader.varint()
  if (length > reader.left) throw malformed('properties run past the end of their packet')
  into.messageExpiry = -1
  into.topicAlias = 0
  into.isText = false
  into.isPassedWhole = true
  into.start = reader.at
  into.end = reader.at + length
  if (length === 0) return
  const packetEnd = reader.end
  reader.end = into.end
  /** A bit for each number that was seen. */
  let seen = 0
  while (reader.left > 0) {
    const found = readId(reader, 'publish')
    if (found.kind === 'pair') {
      skipText(reader)
      skipText(reader)
      continue
    }
    // All numbers that PUBLISH may have are different in their lowest five bits but the alias, 0x23.
    const bit = found.id === 0x23 ? 1 << 30 : 1 << found.id
    if ((seen & bit) !== 0) throw twice(found)
    seen |= bit
    if (found.id === 0x02) {
      into.messageExpiry = reader.long()
      into.isPassedWhole = false
    } else if (found.id === 0x23) {
      into.topicAlias = readValue(reader, found) as number
      into.isPassedWhole = false
    } else if (found.id === 0x01) into.isText = readValue(reader, found) === 1
    else skipValue(reader, found)
  }
  reader.end = packetEnd
}

/** The properties of a scanned PUBLISH that are passed on, in the order in which they came; copied. */
export function passedOn(reader: PacketReader, scanned: PublishProperties): Uint8Array {
  const { start, end } = scanned
  const kept = new Uint8Array(end - start)
  let length = 0
  reader.open(reader.bytes, start, end)
  while (reader.left > 0) {
    const from = reader.at
    const found = readId(reader, 'publish')
    if (found.kind === 'pair') {
      reader.skipBinary()
      reader.skipBinary()
    } else readValue(reader, found)
    if (found.id === 0x02 || found.id === 0x23) continue
    kept.set(reader.bytes.subarray(from, reader.at), length)
    length += reader.at - from
  }
  return kept.subarray(0, length)
}

/** Properties of a PUBLISH without their length, as objects: for whoever needs what they say. */
export function parsePublishProperties(reader: PacketReader, bytes: Uint8Array): Properties {
  const properties: Properties = {}
  reader.open(bytes, 0, bytes.length)
  while (reader.left > 0) {
    const found = readId(reader, 'publish')
    const value = readValue(reader, found)
    if (found.kind === 'pair') (properties.userProperties ??= []).push(value as [string, string])
    else Object.assign(properties, { [found.name]: value })
  }
  return properties
}

function readId(reader: PacketReader, place: PropertyPlace): PropertyRow {
  const id = reader.varint()
  const found = byId[id]
  if (found === undefined) throw malformed(`there is no property ${id}`)
  if (!found.from.includes(place)) {
    throw protocolError(`property ${found.name} does not belong into ${place}`)
  }
  return found
}

function readValue(reader: PacketReader, found: PropertyRow): unknown {
  const value = readKind(reader, found)
  if (value === 0 && found.zero !== undefined) throw isZero(found, found.zero)
  return value
}

function readKind(reader: PacketReader, { kind, name }: PropertyRow): unknown {
  switch (kind) {
    case 'byte':
      return reader.byte()
    case 'flag': {
      const value = reader.byte()
      if (value > 1) throw protocolError(`property ${name} is neither 0 nor 1`)
      return value
    }
    case 'short':
      return reader.short()
    case 'long':
      return reader.long()
    case 'varint':
      return reader.varint()
    case 'text':
      return reader.text()
    case 'topic': {
      const start = reader.at + 2
      const topic = reader.name()
      if (topic === '' || hasWildcard(reader.bytes, start, reader.at)) {
        throw protocolError(`property ${name} is no topic name`)
      }
      return topic
    }
    case 'binary':
      return reader.binary()
    case 'pair':
      return [reader.text(), reader.text()]
  }
}

/** As `readValue`, where nobody needs the value: copies no bytes. */
function skipValue(reader: PacketReader, found: PropertyRow): void {
  if (found.kind === 'binary') reader.skipBinary()
  else readValue(reader, found)
}

function skipText(reader: PacketReader): void {
  reader.text()
}

function twice({ name }: PropertyRow): MqttError {
  return protocolError(`property ${name} is there twice`)
}

function isZero({ name }: PropertyRow, code: number): MqttError {
  return new MqttError(code, `property ${name} is 0`)
}
