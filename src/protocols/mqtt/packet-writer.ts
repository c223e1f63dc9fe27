/**
 * Packets as the daemon, or a bridge, sends them, into an outbox (MQTT 5.0 section 3). The shortest form is sent:
 * without a reason code where it says success, without properties where there are none.
 */

import type { Outbox } from '../../net/outbox.ts'
import {
  type AckType,
  connackCode,
  type ConnackPacket,
  packetTypes,
  type Qos,
  reasonCodes,
  type Version,
} from './packets.ts'
import { type Properties, propertyTable } from './properties.ts'

const encoder = new TextEncoder()
const nothing = new Uint8Array(0)

/** Where packets are written: an outbox, or bytes of one's own. */
export interface Room {
  readonly bytes: Uint8Array
  /** Place in `bytes`, which may be another afterwards. */
  reserve(count: number, urgent: boolean): number
}

export interface OutgoingPublish {
  readonly qos: Qos
  readonly duplicate: boolean
  readonly retain: boolean
  /** In UTF-8; empty when an alias stands for it. */
  readonly topic: Uint8Array
  /** Not looked at for QoS 0. */
  readonly id: number
  /** Properties that go on as they came, encoded, without their length. 5.0 only. */
  readonly passedOn: Uint8Array
  /** What the daemon adds: expiry, alias, subscription identifiers, encoded. 5.0 only. */
  readonly added: Uint8Array
  /** The payload is `bytes[start..end)`. */
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
}

/** Length of the packet, its fixed header included. */
export function publishLength(version: Version, packet: OutgoingPublish): number {
  return packetLength(publishBody(version, packet))
}

/** Writes a PUBLISH; returns where its packet identifier stands in the outbox's block, for QoS above 0. */
export function writePublish(outbox: Room, version: Version, packet: OutgoingPublish): number {
  const { qos, topic, passedOn, added, bytes, start, end } = packet
  const body = publishBody(version, packet)
  let at = outbox.reserve(packetLength(body), false)
  const out = outbox.bytes
  const flags = (packet.duplicate ? 8 : 0) | (qos << 1) | (packet.retain ? 1 : 0)
  out[at++] = (packetTypes.publish << 4) | flags
  at = putVarint(out, at, body)
  at = putBinary(out, at, topic)
  const idAt = at
  if (qos > 0) at = putShort(out, at, packet.id)
  if (version === 5) {
    at = putVarint(out, at, added.length + passedOn.length)
    at = putBytes(out, at, added)
    at = putBytes(out, at, passedOn)
  }
  if (end > start)
    out.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), at)
  return idAt
}

export function writeConnack(outbox: Outbox, version: Version, packet: ConnackPacket): void {
  const isPresent = packet.sessionPresent && packet.reasonCode < reasonCodes.unspecifiedError
  const first = isPresent ? 1 : 0
  if (version < 5) {
    write(outbox, packetTypes.connack, 0, [first, connackCode(packet.reasonCode)])
    return
  }
  const properties = withLength(encodeProperties(packet.properties))
  write(outbox, packetTypes.connack, 0, [first, packet.reasonCode], properties)
}

/** Length of a CONNACK of 5.0 with these properties, its fixed header included. */
export function connackLength(properties: Properties): number {
  return packetLength(2 + withLength(encodeProperties(properties)).length)
}

/** Length of a SUBACK or UNSUBACK of 5.0. */
export function subackLength(codes: number): number {
  return packetLength(3 + codes)
}

/** PUBACK, PUBREC, PUBREL or PUBCOMP. Versions before 5.0 carry no reason. */
export function writeAck(
  outbox: Outbox,
  version: Version,
  type: AckType,
  id: number,
  reasonCode: number = reasonCodes.success,
): void {
  const hasReason = version === 5 && reasonCode !== reasonCodes.success
  const at = outbox.reserve(hasReason ? 5 : 4, false)
  const out = outbox.bytes
  out[at] = (type << 4) | (type === packetTypes.pubrel ? 2 : 0)
  out[at + 1] = hasReason ? 3 : 2
  putShort(out, at + 2, id)
  if (hasReason) out[at + 4] = reasonCode
}

/** One code for each filter, in order; before 5.0 a refusal is 0x80. */
export function writeSuback(
  outbox: Outbox,
  version: Version,
  id: number,
  codes: readonly number[],
): void {
  const refused = reasonCodes.unspecifiedError
  const head = version === 5 ? [id >>> 8, id & 0xff, 0] : [id >>> 8, id & 0xff]
  const shown = version === 5 ? codes : codes.map((code) => Math.min(code, refused))
  write(outbox, packetTypes.suback, 0, head, Uint8Array.from(shown))
}

export function writeUnsuback(
  outbox: Outbox,
  version: Version,
  id: number,
  codes: readonly number[],
): void {
  if (version < 5) write(outbox, packetTypes.unsuback, 0, [id >>> 8, id & 0xff])
  else write(outbox, packetTypes.unsuback, 0, [id >>> 8, id & 0xff, 0], Uint8Array.from(codes))
}

export function writePingresp(outbox: Outbox): void {
  write(outbox, packetTypes.pingresp, 0, [])
}

/** To clients of 5.0 only. */
export function writeDisconnect(
  outbox: Outbox,
  reasonCode: number,
  properties: Properties = {},
): void {
  writeReason(outbox, packetTypes.disconnect, reasonCode, properties)
}

/** To clients of 5.0 only. */
export function writeAuth(outbox: Outbox, reasonCode: number, properties: Properties): void {
  writeReason(outbox, packetTypes.auth, reasonCode, properties)
}

/** Properties without their length. */
export function encodeProperties(properties: Properties): Uint8Array {
  const parts: number[] = []
  for (const { id, name, kind } of propertyTable) {
    const value = properties[name]
    if (value === undefined) continue
    const values: readonly unknown[] =
      kind === 'pair' || kind === 'varint' ? (value as []) : [value]
    for (const each of values) {
      parts.push(id)
      if (typeof each === 'number') pushNumber(parts, kind, each)
      else if (typeof each === 'string') pushBinary(parts, encoder.encode(each))
      else if (each instanceof Uint8Array) pushBinary(parts, each)
      else for (const text of each as string[]) pushBinary(parts, encoder.encode(text))
    }
  }
  return parts.length === 0 ? nothing : Uint8Array.from(parts)
}

function publishBody(
  version: Version,
  { qos, topic, passedOn, added, start, end }: OutgoingPublish,
) {
  const properties = added.length + passedOn.length
  const propertyBytes = version === 5 ? varintLength(properties) + properties : 0
  return 2 + topic.length + (qos > 0 ? 2 : 0) + propertyBytes + (end - start)
}

function writeReason(outbox: Outbox, type: number, reasonCode: number, given: Properties): void {
  const properties = encodeProperties(given)
  if (properties.length > 0) write(outbox, type, 0, [reasonCode], withLength(properties))
  else write(outbox, type, 0, reasonCode === reasonCodes.success ? [] : [reasonCode])
}

function write(
  outbox: Outbox,
  type: number,
  flags: number,
  head: readonly number[],
  tail: Uint8Array = nothing,
): void {
  const body = head.length + tail.length
  let at = outbox.reserve(packetLength(body), false)
  const out = outbox.bytes
  out[at++] = (type << 4) | flags
  at = putVarint(out, at, body)
  for (const byte of head) out[at++] = byte
  putBytes(out, at, tail)
}

/** @param body its length without the fixed header */
function packetLength(body: number): number {
  return 1 + varintLength(body) + body
}

function withLength(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(varintLength(bytes.length) + bytes.length)
  whole.set(bytes, putVarint(whole, 0, bytes.length))
  return whole
}

function pushNumber(parts: number[], kind: string, value: number): void {
  if (kind === 'long') parts.push(value >>> 24, (value >>> 16) & 0xff)
  if (kind === 'long' || kind === 'short') parts.push((value >>> 8) & 0xff)
  if (kind === 'varint') {
    let rest = value
    for (; rest > 0x7f; rest >>>= 7) parts.push((rest & 0x7f) | 0x80)
    parts.push(rest)
  } else parts.push(value & 0xff)
}

function pushBinary(parts: number[], bytes: Uint8Array): void {
  parts.push(bytes.length >>> 8, bytes.length & 0xff)
  for (const byte of bytes) parts.push(byte)
}

function putShort(out: Uint8Array, at: number, value: number): number {
  out[at] = value >>> 8
  out[at + 1] = value & 0xff
  return at + 2
}

function putBinary(out: Uint8Array, at: number, bytes: Uint8Array): number {
  return putBytes(out, putShort(out, at, bytes.length), bytes)
}

function putBytes(out: Uint8Array, start: number, bytes: Uint8Array): number {
  let at = start
  for (let i = 0; i < bytes.length; i++) out[at++] = bytes[i] as number
  return at
}

function putVarint(out: Uint8Array, start: number, value: number): number {
  let at = start
  let rest = value
  for (; rest > 0x7f; rest >>>= 7) out[at++] = (rest & 0x7f) | 0x80
  out[at++] = rest
  return at
}

function varintLength(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  return value < 0x20_0000 ? 3 : 4
}
