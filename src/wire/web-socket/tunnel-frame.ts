/**
 * The tunnel: calls of msgbus.v1 and v2 through one WebSocket, for pages, which cannot speak gRPC. This file says
 * what both ends must agree on; docs/protocols/websocket.md tells it to people.
 *
 * A WebSocket message is one or more whole frames. A frame is its kind (one byte), the number of its call and the
 * length of its body (varints), and the body. Calls are numbered by the client, upwards, so that what comes late for
 * a call that has ended is told from what belongs to none. Messages are as the methods of the contract have them.
 *
 * Each call has a window per direction: whoever sends may begin a message while it has credit, which the message
 * then lowers, perhaps below zero; whoever receives gives credit back as messages are taken. So a reader that does not
 * read stops its own stream only, and the largest message fits the smallest window.
 */

import { emptyStringMap, ProtoDecodeError, ProtoReader } from '../../base/proto-reader.ts'
import { ProtoWriter } from '../../base/proto-writer.ts'
import { ProtocolError } from '../../model/errors.ts'

/** Where the HTTP port offers it. */
export const tunnelPath = '/msgbus'
/** The WebSocket sub-protocol; binary messages. */
export const tunnelProtocol = 'msgbus.v2'

export const frameKinds = {
  /** Client: begins a call; the body is an `OpenFrame`. */
  open: 1,
  /** One message of the call's method. */
  message: 2,
  /** Client: no more requests. Methods with one request do without. */
  halfClose: 3,
  /** Client: nobody waits for the answer any more. Nothing follows, in either direction. */
  cancel: 4,
  /** Credit given back: one varint, in bytes. */
  credit: 5,
  /** Daemon: how the call ended; its last frame. The body is a `StatusFrame`. */
  status: 6,
  /** Client: asks for a sign of life. Call 0. */
  ping: 7,
  /** Daemon: the sign. Call 0. */
  pong: 8,
  /** Daemon: its first frame, call 0, before which the client sends nothing. The body is a `HelloFrame`. */
  hello: 9,
} as const

/** Credit of each direction of a call at its beginning. */
export const windowBytes = 262_144
/** What a message takes from the window beyond its length, so that empty ones are bounded as well. */
export const messageOverheadBytes = 16
/** No direction may ever have more credit. */
export const creditMost = 2_147_483_647
/** Frames may share a WebSocket message up to this size; a larger one holds one frame. */
export const sharedMessageBytes = 65_536
/** Body of a frame that begins a call. */
export const openBodyBytesMost = 16_384

export interface HelloFrame {
  /** Largest request the daemon takes. */
  readonly requestBytesMost: number
  /** Calls that may run at the same time. */
  readonly callsMost: number
}

export interface OpenFrame {
  /** `/package.Service/Method` */
  readonly path: string
  /** Milliseconds until the daemon ends the call with DEADLINE_EXCEEDED; 0: never. */
  readonly timeoutMs: number
  /** Keys in lower case. */
  readonly metadata: ReadonlyMap<string, string>
}

export interface StatusFrame {
  /** google.rpc.Code; 0: all went well. */
  readonly code: number
  /** The stable word for programs (`BusError.reason`); empty with code 0. */
  readonly reason: string
  /** For people. */
  readonly message: string
}

/** What of the credit a message of so many bytes takes. */
export function messageCost(bytes: number): number {
  return bytes + messageOverheadBytes
}

/** Bytes that `putFrameHead` writes. */
export function frameHeadBytes(call: number, bodyBytes: number): number {
  return 1 + varintBytes(call) + varintBytes(bodyBytes)
}

/** Writes what stands before the body; returns where the body begins. */
export function putFrameHead(
  target: Uint8Array,
  at: number,
  kind: number,
  call: number,
  bodyBytes: number,
): number {
  target[at] = kind
  return putVarint(target, putVarint(target, at + 1, call), bodyBytes)
}

// The bodies are messages of Protocol Buffers, which leaves room for fields to come.
const writer = new ProtoWriter()

export function encodeHello({ requestBytesMost, callsMost }: HelloFrame): Uint8Array {
  writer.reset()
  writer.uint64(0x08, requestBytesMost)
  writer.uint64(0x10, callsMost)
  return writer.finish()
}

/** @throws ProtocolError */
export function decodeHello(body: Uint8Array): HelloFrame {
  let requestBytesMost = 0
  let callsMost = 0
  readFields(body, (reader, tag) => {
    if (tag === 0x08) requestBytesMost = reader.uint64()
    else if (tag === 0x10) callsMost = reader.uint64()
    else reader.skip(tag, body.length)
  })
  return { requestBytesMost, callsMost }
}

export function encodeOpen({ path, timeoutMs, metadata }: OpenFrame): Uint8Array {
  writer.reset()
  writer.string(0x0a, path)
  if (timeoutMs > 0) writer.uint64(0x10, timeoutMs)
  writer.stringMap(0x1a, metadata)
  return writer.finish()
}

/** @throws ProtocolError */
export function decodeOpen(body: Uint8Array): OpenFrame {
  const end = body.length
  if (end > openBodyBytesMost) {
    throw new ProtocolError(`a call begins with ${end} bytes, limit ${openBodyBytesMost}`)
  }
  let path = ''
  let timeoutMs = 0
  let metadata: Map<string, string> | undefined
  readFields(body, (reader, tag) => {
    if (tag === 0x0a) path = reader.string(end)
    else if (tag === 0x10) timeoutMs = reader.uint64()
    else if (tag === 0x1a) reader.mapEntry(end, (metadata ??= new Map()))
    else reader.skip(tag, end)
  })
  return { path, timeoutMs, metadata: metadata ?? emptyStringMap }
}

export function encodeStatus({ code, reason, message }: StatusFrame): Uint8Array {
  writer.reset()
  if (code !== 0) writer.uint32(0x08, code)
  if (reason !== '') writer.string(0x12, reason)
  if (message !== '') writer.string(0x1a, message)
  return writer.finish()
}

/** @throws ProtocolError */
export function decodeStatus(body: Uint8Array): StatusFrame {
  const end = body.length
  let code = 0
  let reason = ''
  let message = ''
  readFields(body, (reader, tag) => {
    if (tag === 0x08) code = reader.uint32()
    else if (tag === 0x12) reason = reader.string(end)
    else if (tag === 0x1a) message = reader.string(end)
    else reader.skip(tag, end)
  })
  return { code, reason, message }
}

export function encodeCredit(bytes: number): Uint8Array {
  const body = new Uint8Array(varintBytes(bytes))
  putVarint(body, 0, bytes)
  return body
}

/** @throws ProtocolError unless it is one number from 1 to `creditMost` */
export function decodeCredit(body: Uint8Array): number {
  const reader = new ProtoReader(body)
  let bytes = 0
  try {
    bytes = reader.uint64()
  } catch (cause) {
    throw asProtocolError(cause)
  }
  if (bytes < 1 || bytes > creditMost || reader.position !== body.length) {
    throw new ProtocolError('credit is not one number of bytes')
  }
  return bytes
}

function readFields(body: Uint8Array, read: (reader: ProtoReader, tag: number) => void): void {
  const reader = new ProtoReader(body)
  try {
    while (reader.position < body.length) read(reader, reader.tag())
    reader.check(body.length)
  } catch (cause) {
    throw asProtocolError(cause)
  }
}

function asProtocolError(cause: unknown): unknown {
  if (!(cause instanceof ProtoDecodeError)) return cause
  return new ProtocolError(`the body of a frame is not well formed: ${cause.message}`, { cause })
}

function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes += 1
  return bytes
}

function putVarint(target: Uint8Array, at: number, value: number): number {
  let rest = value
  // Not by shifting: numbers of calls may have more than 32 bits.
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) target[at++] = (rest % 0x80) | 0x80
  target[at] = rest
  return at + 1
}
