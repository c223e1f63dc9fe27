/** Packets that only a client sends, as a bridge sends them (MQTT 5.0 section 3). */

import type { Outbox } from '../../../net/outbox.ts'
import { encodeProperties } from '../packet-writer.ts'
import { packetTypes, type Version } from '../packets.ts'
import type { Properties } from '../properties.ts'
import type { SideFilter } from './bridge-topics.ts'

export interface ConnectRequest {
  readonly version: Version
  /** Sets the top bit of the level: asks for no local and retain as published, before 5.0. */
  readonly isBridge: boolean
  readonly clientId: string
  readonly cleanStart: boolean
  readonly keepAliveSeconds: number
  readonly userName: string | undefined
  readonly password: string | undefined
  /** 5.0 only. */
  readonly properties: Properties
}

export function writeConnect(outbox: Outbox, request: ConnectRequest): void {
  const { version, isBridge, clientId, cleanStart, keepAliveSeconds, userName, password } = request
  const flags =
    (cleanStart ? 0x02 : 0) |
    (userName === undefined ? 0 : 0x80) |
    (password === undefined ? 0 : 0x40)
  write(outbox, packetTypes.connect << 4, [
    text(version === 3 ? 'MQIsdp' : 'MQTT'),
    Uint8Array.of(version | (isBridge ? 0x80 : 0), flags),
    short(keepAliveSeconds),
    ...(version === 5 ? [properties(request.properties)] : []),
    text(clientId),
    ...(userName === undefined ? [] : [text(userName)]),
    ...(password === undefined ? [] : [text(password)]),
  ])
}

export function writeSubscribe(
  outbox: Outbox,
  version: Version,
  id: number,
  filters: readonly SideFilter[],
): void {
  const parts: Uint8Array[] = [short(id)]
  if (version === 5) parts.push(Uint8Array.of(0))
  // No local, retain as published, retained messages only for what was not subscribed to before.
  const options = version === 5 ? 0x04 | 0x08 | 0x10 : 0
  for (const { filter, qos } of filters) parts.push(text(filter), Uint8Array.of(options | qos))
  write(outbox, (packetTypes.subscribe << 4) | 2, parts)
}

export function writePingreq(outbox: Outbox): void {
  write(outbox, packetTypes.pingreq << 4, [])
}

/** The connection ends as its client wishes. */
export function writeFarewell(outbox: Outbox): void {
  write(outbox, packetTypes.disconnect << 4, [])
}

function write(outbox: Outbox, first: number, parts: readonly Uint8Array[]): void {
  const body = Buffer.concat(parts)
  outbox.push(Buffer.concat([Uint8Array.of(first), varint(body.length), body]), true)
}

function properties(given: Properties): Uint8Array {
  const encoded = encodeProperties(given)
  return Buffer.concat([varint(encoded.length), encoded])
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return Uint8Array.of(...bytes, rest)
}

function short(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value & 0xff)
}

function text(value: string): Uint8Array {
  const bytes = Buffer.from(value)
  return Buffer.concat([short(bytes.length), bytes])
}
