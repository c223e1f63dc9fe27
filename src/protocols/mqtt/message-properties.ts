/**
 * What an MQTT message says beside topic and payload, and where the bus keeps it (spec/mqtt 11, 14): every property
 * that is passed on goes on as the bytes it came in, in one header; the ones that others understand stand in headers
 * of their own beside it. Messages of other protocols get properties made of their headers.
 */

import { type Headers, noHeaders } from '../../model/message.ts'
import { PacketReader } from './packet-reader.ts'
import { encodeProperties } from './packet-writer.ts'
import { isTopicName } from './filters.ts'
import { MqttError, type Qos } from './packets.ts'
import { parsePublishProperties, type Properties } from './properties.ts'

/** Headers of the adapter. All others are user properties. */
export const mqttHeaders = {
  /** Properties that are passed on, as they came, in base64. */
  properties: 'mqtt-properties',
  /** QoS of the publication, where it is neither 0 without an acknowledgement nor 1 with one. */
  qos: 'mqtt-qos',
  /** `1`: published with RETAIN. */
  retain: 'mqtt-retain',
  /** Milliseconds since 1970 from which on it is not delivered any more. */
  expiresAt: 'mqtt-expires-at',
} as const

/** Names that other protocols use for the same (docs/protocols/mqtt.md). */
const shared = {
  contentType: 'content-type',
  responseTopic: 'reply-to',
  correlationData: 'correlation-data',
} as const

const ownHeaders: ReadonlySet<string> = new Set([
  ...Object.values(mqttHeaders),
  ...Object.values(shared),
])
/** Of the bus itself; nobody else's business. */
const busHeader = 'msgbus-'
const nothing = new Uint8Array(0)
/** User properties that other protocols see as headers. */
const userHeadersMost = 100
const secondsMost = 0xffff_ffff
const textBytesMost = 65_535

export interface IncomingTraits {
  readonly qos: Qos
  readonly retain: boolean
  /** Encoded, without their length; they may be kept. */
  readonly properties: Uint8Array
  /** Seconds; -1: none. */
  readonly messageExpiry: number
}

const plain: readonly Headers[] = [noHeaders, noHeaders, new Map([[mqttHeaders.qos, '2']])]
// A retained message does not tell by itself how it was published.
const retained: readonly Headers[] = [
  new Map([
    [mqttHeaders.qos, '0'],
    [mqttHeaders.retain, '1'],
  ]),
  new Map([[mqttHeaders.retain, '1']]),
  new Map([
    [mqttHeaders.qos, '2'],
    [mqttHeaders.retain, '1'],
  ]),
]

/** Headers of a message that came by MQTT. Most have one of six sets, which are shared. */
export function headersOf(traits: IncomingTraits, nowMs: number): Headers {
  const { qos, retain, properties, messageExpiry } = traits
  const common = (retain ? retained : plain)[qos] as Headers
  if (properties.length === 0 && messageExpiry < 0) return common
  const headers = new Map(common)
  if (messageExpiry >= 0) headers.set(mqttHeaders.expiresAt, String(nowMs + messageExpiry * 1_000))
  if (properties.length === 0) return headers
  headers.set(mqttHeaders.properties, base64(properties))
  const said = parsePublishProperties(new PacketReader(), properties)
  if (said.contentType !== undefined) headers.set(shared.contentType, said.contentType)
  if (said.responseTopic !== undefined) headers.set(shared.responseTopic, said.responseTopic)
  if (said.correlationData !== undefined) {
    headers.set(shared.correlationData, base64(said.correlationData))
  }
  // The first of a name; all of them are in the property bytes.
  for (const [name, value] of said.userProperties?.slice(0, userHeadersMost) ?? []) {
    if (!headers.has(name) && !isOwn(name)) headers.set(name, value)
  }
  return headers
}

/** What is passed on with a message, encoded, without its length. Remembers what it last made. */
export class OutgoingProperties {
  #headers: Headers = noHeaders
  #encoded: Uint8Array = nothing

  of(headers: Headers): Uint8Array {
    if (headers.size === 0) return nothing
    if (headers === this.#headers) return this.#encoded
    this.#headers = headers
    this.#encoded = encode(headers)
    return this.#encoded
  }
}

/**
 * The QoS a message was published with.
 * @param isAcknowledged as of `Publication`
 */
export function qosOf(headers: Headers, isAcknowledged: boolean): Qos {
  const said = headers.size === 0 ? undefined : headers.get(mqttHeaders.qos)
  if (said === '0') return 0
  if (said === '1') return 1
  if (said === '2') return 2
  return isAcknowledged ? 1 : 0
}

export function wasRetained(headers: Headers): boolean {
  return headers.size > 0 && headers.get(mqttHeaders.retain) === '1'
}

/** Seconds a message has left; -1: it does not expire; 0: it has. */
export function secondsLeft(headers: Headers, nowMs: number): number {
  const said = headers.size === 0 ? undefined : headers.get(mqttHeaders.expiresAt)
  if (said === undefined) return -1
  const leftMs = Number(said) - nowMs
  return Number.isFinite(leftMs)
    ? Math.min(secondsMost, Math.max(0, Math.ceil(leftMs / 1_000)))
    : -1
}

function encode(headers: Headers): Uint8Array {
  const known = headers.get(mqttHeaders.properties)
  if (known !== undefined) return checked(Buffer.from(known, 'base64'))
  const properties: Properties = {}
  const contentType = headers.get(shared.contentType)
  const responseTopic = headers.get(shared.responseTopic)
  const correlationData = headers.get(shared.correlationData)
  if (contentType !== undefined && isProperty(contentType)) properties.contentType = contentType
  if (responseTopic !== undefined && isTopicName(responseTopic)) {
    properties.responseTopic = responseTopic
  }
  if (correlationData !== undefined) {
    const bytes = Buffer.from(correlationData, 'base64')
    if (bytes.length <= textBytesMost) properties.correlationData = bytes
  }
  const others = [...headers].filter(
    ([name, value]) => !isOwn(name) && isProperty(name) && isProperty(value),
  )
  if (others.length > 0) properties.userProperties = others.map(([name, value]) => [name, value])
  return encodeProperties(properties)
}

/** Whoever publishes by another protocol may write anything into this header; clients get only what is well formed. */
function checked(bytes: Uint8Array): Uint8Array {
  try {
    const { topicAlias, messageExpiry } = parsePublishProperties(new PacketReader(), bytes)
    return topicAlias === undefined && messageExpiry === undefined ? bytes : nothing
  } catch (error) {
    if (error instanceof MqttError) return nothing
    throw error
  }
}

function isProperty(text: string): boolean {
  if (text.includes('\0')) return false
  return text.length * 3 <= textBytesMost || Buffer.byteLength(text) <= textBytesMost
}

function isOwn(name: string): boolean {
  return ownHeaders.has(name) || name.startsWith(busHeader)
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
