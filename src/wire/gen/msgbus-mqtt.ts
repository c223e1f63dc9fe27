/**
 * The messages and services of msgbus.v2. Generated from proto/msgbus/v2/mqtt.proto by
 * scripts/generate-wire.mjs; change the contract or the generator, then `npm run generate`.
 *
 * Decoded `bytes` are views into what was decoded, valid as long as that is. A uint64 above 2^53-1
 * comes as Number.MAX_SAFE_INTEGER, and a number above it is written as 2^64-1. Encoding takes
 * messages with any field left out. Decoding throws ProtoDecodeError and nothing else.
 */

import { emptyBytes, emptyStringMap, ProtoReader } from '../../base/proto-reader.ts'
import { ProtoWriter, type ProtoInit } from '../../base/proto-writer.ts'

export interface ListMqttSessionsRequest {
  /** Client ids that begin with it; empty: all. */
  readonly prefix: string
  /** At most so many; 0: 1,000, which is also the most. */
  readonly limit: number
  /** Those behind this client id; empty: from the first. */
  readonly after: string
}

export interface ListMqttSessionsResponse {
  readonly sessions: readonly MqttSessionInfo[]
  /** There are more behind the last one. */
  readonly more: boolean
}

export interface MqttSessionInfo {
  readonly clientId: string
  readonly connected: boolean
  /** Of the protocol, 3, 4 or 5, while it is connected; otherwise 0. */
  readonly version: number
  readonly subscriptions: number
  /** Messages of QoS 1 and 2 under way to it, while it is connected. */
  readonly inFlight: number
  /** Milliseconds since 1970 at which it ends; 0: not while it is connected, or never. */
  readonly expiresAtMs: number
  /** Stored messages behind the place it has reached, of all topics: what it may still get is among them. */
  readonly behind: number
  /** A will of it waits for its time. */
  readonly hasPendingWill: boolean
}

export interface GetMqttSessionRequest {
  readonly clientId: string
}

export interface GetMqttSessionResponse {
  readonly session: MqttSessionInfo | undefined
  readonly subscriptions: readonly MqttSubscriptionInfo[]
}

export interface MqttSubscriptionInfo {
  /** As the client wrote it. */
  readonly filter: string
  /** Only while it is connected. */
  readonly qos: number
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  /** 0: none. */
  readonly id: number
}

export interface RemoveMqttSessionRequest {
  readonly clientId: string
}

export type RemoveMqttSessionResponse = Readonly<Record<never, never>>

export interface ListMqttRetainedRequest {
  /** MQTT rules; empty: all. */
  readonly filter: string
  /** At most so many; 0: 1,000, which is also the most. */
  readonly limit: number
}

export interface ListMqttRetainedResponse {
  readonly messages: readonly MqttRetainedInfo[]
  /** There are more. */
  readonly more: boolean
}

export interface MqttRetainedInfo {
  readonly topic: string
  readonly payloadBytes: number
  /** Milliseconds since 1970. */
  readonly createdAtMs: number
  readonly qos: number
}

export interface GetMqttRetainedRequest {
  readonly topic: string
}

export interface GetMqttRetainedResponse {
  readonly message: MqttRetainedInfo | undefined
  readonly payload: Uint8Array
  readonly headers: ReadonlyMap<string, string>
}

export interface RemoveMqttRetainedRequest {
  /** MQTT rules; a topic without wildcards is one of its own. */
  readonly filter: string
}

export interface RemoveMqttRetainedResponse {
  readonly removed: number
}

export type ListMqttBridgesRequest = Readonly<Record<never, never>>

export interface ListMqttBridgesResponse {
  readonly bridges: readonly MqttBridgeInfo[]
}

export interface MqttBridgeInfo {
  readonly name: string
  /** Without user and password. */
  readonly address: string
  /** `starting`, `connecting`, `connected`, `waiting` for the next attempt, `stopped`. */
  readonly state: string
  /** Of the protocol, 3, 4 or 5, while it is connected; otherwise 0. */
  readonly version: number
  /** Why the last connection ended or could not be had; empty: it did not. */
  readonly lastError: string
  /** Since the start of the daemon. */
  readonly connections: number
  readonly messagesIn: number
  readonly messagesOut: number
  /** Came back from where they had been sent, and were dropped. */
  readonly messagesLooped: number
}

/** The methods of msgbus.v2.MqttService. */
export const mqttService = {
  /** Sessions with and without a connection, by client id. */
  listMqttSessions: {
    path: '/msgbus.v2.MqttService/ListMqttSessions',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeListMqttSessionsRequest,
    requestDeserialize: decodeListMqttSessionsRequest,
    responseSerialize: encodeListMqttSessionsResponse,
    responseDeserialize: decodeListMqttSessionsResponse,
  },
  /** One of them, with its subscriptions. NOT_FOUND (no_such_session). */
  getMqttSession: {
    path: '/msgbus.v2.MqttService/GetMqttSession',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeGetMqttSessionRequest,
    requestDeserialize: decodeGetMqttSessionRequest,
    responseSerialize: encodeGetMqttSessionResponse,
    responseDeserialize: decodeGetMqttSessionResponse,
  },
  /**
   * Ends a session, with its connection if it has one: its subscriptions and what was under way are gone, a will that
   * waits is sent. NOT_FOUND (no_such_session). Returns when nothing is left of it.
   */
  removeMqttSession: {
    path: '/msgbus.v2.MqttService/RemoveMqttSession',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeRemoveMqttSessionRequest,
    requestDeserialize: decodeRemoveMqttSessionRequest,
    responseSerialize: encodeRemoveMqttSessionResponse,
    responseDeserialize: decodeRemoveMqttSessionResponse,
  },
  /** Retained messages by topic, without their payloads. */
  listMqttRetained: {
    path: '/msgbus.v2.MqttService/ListMqttRetained',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeListMqttRetainedRequest,
    requestDeserialize: decodeListMqttRetainedRequest,
    responseSerialize: encodeListMqttRetainedResponse,
    responseDeserialize: decodeListMqttRetainedResponse,
  },
  /** NOT_FOUND (no_retained_message). */
  getMqttRetained: {
    path: '/msgbus.v2.MqttService/GetMqttRetained',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeGetMqttRetainedRequest,
    requestDeserialize: decodeGetMqttRetainedRequest,
    responseSerialize: encodeGetMqttRetainedResponse,
    responseDeserialize: decodeGetMqttRetainedResponse,
  },
  /** Empties the slots of topics; nobody is told. Returns when that is as durable as configured. */
  removeMqttRetained: {
    path: '/msgbus.v2.MqttService/RemoveMqttRetained',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeRemoveMqttRetainedRequest,
    requestDeserialize: decodeRemoveMqttRetainedRequest,
    responseSerialize: encodeRemoveMqttRetainedResponse,
    responseDeserialize: decodeRemoveMqttRetainedResponse,
  },
  /** Bridges to other brokers, in the order of the configuration. */
  listMqttBridges: {
    path: '/msgbus.v2.MqttService/ListMqttBridges',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeListMqttBridgesRequest,
    requestDeserialize: decodeListMqttBridgesRequest,
    responseSerialize: encodeListMqttBridgesResponse,
    responseDeserialize: decodeListMqttBridgesResponse,
  },
} as const

/** `mqttService` for whoever calls it. */
export const mqttServiceCalls = {
  listMqttSessions: {
    path: '/msgbus.v2.MqttService/ListMqttSessions',
    requestSerialize: encodeListMqttSessionsRequest,
    responseDeserialize: decodeListMqttSessionsResponse,
  },
  getMqttSession: {
    path: '/msgbus.v2.MqttService/GetMqttSession',
    requestSerialize: encodeGetMqttSessionRequest,
    responseDeserialize: decodeGetMqttSessionResponse,
  },
  removeMqttSession: {
    path: '/msgbus.v2.MqttService/RemoveMqttSession',
    requestSerialize: encodeRemoveMqttSessionRequest,
    responseDeserialize: decodeRemoveMqttSessionResponse,
  },
  listMqttRetained: {
    path: '/msgbus.v2.MqttService/ListMqttRetained',
    requestSerialize: encodeListMqttRetainedRequest,
    responseDeserialize: decodeListMqttRetainedResponse,
  },
  getMqttRetained: {
    path: '/msgbus.v2.MqttService/GetMqttRetained',
    requestSerialize: encodeGetMqttRetainedRequest,
    responseDeserialize: decodeGetMqttRetainedResponse,
  },
  removeMqttRetained: {
    path: '/msgbus.v2.MqttService/RemoveMqttRetained',
    requestSerialize: encodeRemoveMqttRetainedRequest,
    responseDeserialize: decodeRemoveMqttRetainedResponse,
  },
  listMqttBridges: {
    path: '/msgbus.v2.MqttService/ListMqttBridges',
    requestSerialize: encodeListMqttBridgesRequest,
    responseDeserialize: decodeListMqttBridgesResponse,
  },
} as const

export function encodeListMqttSessionsRequest(
  message: ProtoInit<ListMqttSessionsRequest>,
): Uint8Array {
  sharedWriter.reset()
  writeListMqttSessionsRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListMqttSessionsRequest(bytes: Uint8Array): ListMqttSessionsRequest {
  return readListMqttSessionsRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListMqttSessionsResponse(
  message: ProtoInit<ListMqttSessionsResponse>,
): Uint8Array {
  sharedWriter.reset()
  writeListMqttSessionsResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListMqttSessionsResponse(bytes: Uint8Array): ListMqttSessionsResponse {
  return readListMqttSessionsResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeGetMqttSessionRequest(message: ProtoInit<GetMqttSessionRequest>): Uint8Array {
  sharedWriter.reset()
  writeGetMqttSessionRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeGetMqttSessionRequest(bytes: Uint8Array): GetMqttSessionRequest {
  return readGetMqttSessionRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeGetMqttSessionResponse(
  message: ProtoInit<GetMqttSessionResponse>,
): Uint8Array {
  sharedWriter.reset()
  writeGetMqttSessionResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeGetMqttSessionResponse(bytes: Uint8Array): GetMqttSessionResponse {
  return readGetMqttSessionResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeRemoveMqttSessionRequest(
  message: ProtoInit<RemoveMqttSessionRequest>,
): Uint8Array {
  sharedWriter.reset()
  writeRemoveMqttSessionRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeRemoveMqttSessionRequest(bytes: Uint8Array): RemoveMqttSessionRequest {
  return readRemoveMqttSessionRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeRemoveMqttSessionResponse(
  message: ProtoInit<RemoveMqttSessionResponse>,
): Uint8Array {
  sharedWriter.reset()
  writeRemoveMqttSessionResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeRemoveMqttSessionResponse(bytes: Uint8Array): RemoveMqttSessionResponse {
  return readRemoveMqttSessionResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListMqttRetainedRequest(
  message: ProtoInit<ListMqttRetainedRequest>,
): Uint8Array {
  sharedWriter.reset()
  writeListMqttRetainedRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListMqttRetainedRequest(bytes: Uint8Array): ListMqttRetainedRequest {
  return readListMqttRetainedRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListMqttRetainedResponse(
  message: ProtoInit<ListMqttRetainedResponse>,
): Uint8Array {
  sharedWriter.reset()
  writeListMqttRetainedResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListMqttRetainedResponse(bytes: Uint8Array): ListMqttRetainedResponse {
  return readListMqttRetainedResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeGetMqttRetainedRequest(
  message: ProtoInit<GetMqttRetainedRequest>,
): Uint8Array {
  sharedWriter.reset()
  writeGetMqttRetainedRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeGetMqttRetainedRequest(bytes: Uint8Array): GetMqttRetainedRequest {
  return readGetMqttRetainedRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeGetMqttRetainedResponse(
  message: ProtoInit<GetMqttRetainedResponse>,
): Uint8Array {
  sharedWriter.reset()
  writeGetMqttRetainedResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeGetMqttRetainedResponse(bytes: Uint8Array): GetMqttRetainedResponse {
  return readGetMqttRetainedResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeRemoveMqttRetainedRequest(
  message: ProtoInit<RemoveMqttRetainedRequest>,
): Uint8Array {
  sharedWriter.reset()
  writeRemoveMqttRetainedRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeRemoveMqttRetainedRequest(bytes: Uint8Array): RemoveMqttRetainedRequest {
  return readRemoveMqttRetainedRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeRemoveMqttRetainedResponse(
  message: ProtoInit<RemoveMqttRetainedResponse>,
): Uint8Array {
  sharedWriter.reset()
  writeRemoveMqttRetainedResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeRemoveMqttRetainedResponse(bytes: Uint8Array): RemoveMqttRetainedResponse {
  return readRemoveMqttRetainedResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListMqttBridgesRequest(
  message: ProtoInit<ListMqttBridgesRequest>,
): Uint8Array {
  sharedWriter.reset()
  writeListMqttBridgesRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListMqttBridgesRequest(bytes: Uint8Array): ListMqttBridgesRequest {
  return readListMqttBridgesRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListMqttBridgesResponse(
  message: ProtoInit<ListMqttBridgesResponse>,
): Uint8Array {
  sharedWriter.reset()
  writeListMqttBridgesResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListMqttBridgesResponse(bytes: Uint8Array): ListMqttBridgesResponse {
  return readListMqttBridgesResponse(new ProtoReader(bytes), bytes.length, undefined)
}

/** Appends the fields of a message, without a length before them. */
export function writeListMqttSessionsRequest(
  writer: ProtoWriter,
  message: ProtoInit<ListMqttSessionsRequest>,
): void {
  if (message.prefix) writer.string(10, message.prefix)
  if (message.limit) writer.uint32(16, message.limit)
  if (message.after) writer.string(26, message.after)
}

/** Appends the fields of a message, without a length before them. */
export function writeListMqttSessionsResponse(
  writer: ProtoWriter,
  message: ProtoInit<ListMqttSessionsResponse>,
): void {
  if (message.sessions !== undefined)
    for (const item of message.sessions) writeNestedMqttSessionInfo(writer, 10, item)
  if (message.more) writer.bool(16, message.more)
}

/** Appends the fields of a message, without a length before them. */
export function writeMqttSessionInfo(
  writer: ProtoWriter,
  message: ProtoInit<MqttSessionInfo>,
): void {
  if (message.clientId) writer.string(10, message.clientId)
  if (message.connected) writer.bool(16, message.connected)
  if (message.version) writer.uint32(24, message.version)
  if (message.subscriptions) writer.uint32(32, message.subscriptions)
  if (message.inFlight) writer.uint32(40, message.inFlight)
  if (message.expiresAtMs) writer.uint64(48, message.expiresAtMs)
  if (message.behind) writer.uint64(56, message.behind)
  if (message.hasPendingWill) writer.bool(64, message.hasPendingWill)
}

/** Appends the fields of a message, without a length before them. */
export function writeGetMqttSessionRequest(
  writer: ProtoWriter,
  message: ProtoInit<GetMqttSessionRequest>,
): void {
  if (message.clientId) writer.string(10, message.clientId)
}

/** Appends the fields of a message, without a length before them. */
export function writeGetMqttSessionResponse(
  writer: ProtoWriter,
  message: ProtoInit<GetMqttSessionResponse>,
): void {
  if (message.session !== undefined) writeNestedMqttSessionInfo(writer, 10, message.session)
  if (message.subscriptions !== undefined)
    for (const item of message.subscriptions) writeNestedMqttSubscriptionInfo(writer, 18, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeMqttSubscriptionInfo(
  writer: ProtoWriter,
  message: ProtoInit<MqttSubscriptionInfo>,
): void {
  if (message.filter) writer.string(10, message.filter)
  if (message.qos) writer.uint32(16, message.qos)
  if (message.noLocal) writer.bool(24, message.noLocal)
  if (message.retainAsPublished) writer.bool(32, message.retainAsPublished)
  if (message.id) writer.uint32(40, message.id)
}

/** Appends the fields of a message, without a length before them. */
export function writeRemoveMqttSessionRequest(
  writer: ProtoWriter,
  message: ProtoInit<RemoveMqttSessionRequest>,
): void {
  if (message.clientId) writer.string(10, message.clientId)
}

/** Appends the fields of a message, without a length before them. */
export function writeRemoveMqttSessionResponse(
  _writer: ProtoWriter,
  _message: ProtoInit<RemoveMqttSessionResponse>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeListMqttRetainedRequest(
  writer: ProtoWriter,
  message: ProtoInit<ListMqttRetainedRequest>,
): void {
  if (message.filter) writer.string(10, message.filter)
  if (message.limit) writer.uint32(16, message.limit)
}

/** Appends the fields of a message, without a length before them. */
export function writeListMqttRetainedResponse(
  writer: ProtoWriter,
  message: ProtoInit<ListMqttRetainedResponse>,
): void {
  if (message.messages !== undefined)
    for (const item of message.messages) writeNestedMqttRetainedInfo(writer, 10, item)
  if (message.more) writer.bool(16, message.more)
}

/** Appends the fields of a message, without a length before them. */
export function writeMqttRetainedInfo(
  writer: ProtoWriter,
  message: ProtoInit<MqttRetainedInfo>,
): void {
  if (message.topic) writer.string(10, message.topic)
  if (message.payloadBytes) writer.uint64(16, message.payloadBytes)
  if (message.createdAtMs) writer.uint64(24, message.createdAtMs)
  if (message.qos) writer.uint32(32, message.qos)
}

/** Appends the fields of a message, without a length before them. */
export function writeGetMqttRetainedRequest(
  writer: ProtoWriter,
  message: ProtoInit<GetMqttRetainedRequest>,
): void {
  if (message.topic) writer.string(10, message.topic)
}

/** Appends the fields of a message, without a length before them. */
export function writeGetMqttRetainedResponse(
  writer: ProtoWriter,
  message: ProtoInit<GetMqttRetainedResponse>,
): void {
  if (message.message !== undefined) writeNestedMqttRetainedInfo(writer, 10, message.message)
  if (message.payload !== undefined && message.payload.length > 0) writer.bytes(18, message.payload)
  if (message.headers !== undefined) writer.stringMap(26, message.headers)
}

/** Appends the fields of a message, without a length before them. */
export function writeRemoveMqttRetainedRequest(
  writer: ProtoWriter,
  message: ProtoInit<RemoveMqttRetainedRequest>,
): void {
  if (message.filter) writer.string(10, message.filter)
}

/** Appends the fields of a message, without a length before them. */
export function writeRemoveMqttRetainedResponse(
  writer: ProtoWriter,
  message: ProtoInit<RemoveMqttRetainedResponse>,
): void {
  if (message.removed) writer.uint64(8, message.removed)
}

/** Appends the fields of a message, without a length before them. */
export function writeListMqttBridgesRequest(
  _writer: ProtoWriter,
  _message: ProtoInit<ListMqttBridgesRequest>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeListMqttBridgesResponse(
  writer: ProtoWriter,
  message: ProtoInit<ListMqttBridgesResponse>,
): void {
  if (message.bridges !== undefined)
    for (const item of message.bridges) writeNestedMqttBridgeInfo(writer, 10, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeMqttBridgeInfo(writer: ProtoWriter, message: ProtoInit<MqttBridgeInfo>): void {
  if (message.name) writer.string(10, message.name)
  if (message.address) writer.string(18, message.address)
  if (message.state) writer.string(26, message.state)
  if (message.version) writer.uint32(32, message.version)
  if (message.lastError) writer.string(42, message.lastError)
  if (message.connections) writer.uint64(48, message.connections)
  if (message.messagesIn) writer.uint64(56, message.messagesIn)
  if (message.messagesOut) writer.uint64(64, message.messagesOut)
  if (message.messagesLooped) writer.uint64(72, message.messagesLooped)
}

let widthMqttSessionInfo = 1

/** Appends a message as a field of another. */
export function writeNestedMqttSessionInfo(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<MqttSessionInfo>,
): void {
  const start = writer.begin(tag, widthMqttSessionInfo)
  writeMqttSessionInfo(writer, message)
  widthMqttSessionInfo = writer.end(start, widthMqttSessionInfo)
}

let widthMqttSubscriptionInfo = 1

/** Appends a message as a field of another. */
export function writeNestedMqttSubscriptionInfo(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<MqttSubscriptionInfo>,
): void {
  const start = writer.begin(tag, widthMqttSubscriptionInfo)
  writeMqttSubscriptionInfo(writer, message)
  widthMqttSubscriptionInfo = writer.end(start, widthMqttSubscriptionInfo)
}

let widthMqttRetainedInfo = 1

/** Appends a message as a field of another. */
export function writeNestedMqttRetainedInfo(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<MqttRetainedInfo>,
): void {
  const start = writer.begin(tag, widthMqttRetainedInfo)
  writeMqttRetainedInfo(writer, message)
  widthMqttRetainedInfo = writer.end(start, widthMqttRetainedInfo)
}

let widthMqttBridgeInfo = 1

/** Appends a message as a field of another. */
export function writeNestedMqttBridgeInfo(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<MqttBridgeInfo>,
): void {
  const start = writer.begin(tag, widthMqttBridgeInfo)
  writeMqttBridgeInfo(writer, message)
  widthMqttBridgeInfo = writer.end(start, widthMqttBridgeInfo)
}

function readListMqttSessionsRequest(
  reader: ProtoReader,
  end: number,
  previous: ListMqttSessionsRequest | undefined,
): ListMqttSessionsRequest {
  let prefix = previous?.prefix ?? ''
  let limit = previous?.limit ?? 0
  let after = previous?.after ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        prefix = reader.string(end)
        break
      case 16:
        limit = reader.uint32()
        break
      case 26:
        after = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { prefix, limit, after }
}

function readListMqttSessionsResponse(
  reader: ProtoReader,
  end: number,
  previous: ListMqttSessionsResponse | undefined,
): ListMqttSessionsResponse {
  const sessions: MqttSessionInfo[] = previous === undefined ? [] : [...previous.sessions]
  let more = previous?.more ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        sessions.push(readMqttSessionInfo(reader, reader.nested(end), undefined))
        break
      case 16:
        more = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { sessions, more }
}

function readMqttSessionInfo(
  reader: ProtoReader,
  end: number,
  previous: MqttSessionInfo | undefined,
): MqttSessionInfo {
  let clientId = previous?.clientId ?? ''
  let connected = previous?.connected ?? false
  let version = previous?.version ?? 0
  let subscriptions = previous?.subscriptions ?? 0
  let inFlight = previous?.inFlight ?? 0
  let expiresAtMs = previous?.expiresAtMs ?? 0
  let behind = previous?.behind ?? 0
  let hasPendingWill = previous?.hasPendingWill ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        clientId = reader.string(end)
        break
      case 16:
        connected = reader.bool()
        break
      case 24:
        version = reader.uint32()
        break
      case 32:
        subscriptions = reader.uint32()
        break
      case 40:
        inFlight = reader.uint32()
        break
      case 48:
        expiresAtMs = reader.uint64()
        break
      case 56:
        behind = reader.uint64()
        break
      case 64:
        hasPendingWill = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return {
    clientId,
    connected,
    version,
    subscriptions,
    inFlight,
    expiresAtMs,
    behind,
    hasPendingWill,
  }
}

function readGetMqttSessionRequest(
  reader: ProtoReader,
  end: number,
  previous: GetMqttSessionRequest | undefined,
): GetMqttSessionRequest {
  let clientId = previous?.clientId ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        clientId = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { clientId }
}

function readGetMqttSessionResponse(
  reader: ProtoReader,
  end: number,
  previous: GetMqttSessionResponse | undefined,
): GetMqttSessionResponse {
  let session = previous?.session
  const subscriptions: MqttSubscriptionInfo[] =
    previous === undefined ? [] : [...previous.subscriptions]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        session = readMqttSessionInfo(reader, reader.nested(end), session)
        break
      case 18:
        subscriptions.push(readMqttSubscriptionInfo(reader, reader.nested(end), undefined))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { session, subscriptions }
}

function readMqttSubscriptionInfo(
  reader: ProtoReader,
  end: number,
  previous: MqttSubscriptionInfo | undefined,
): MqttSubscriptionInfo {
  let filter = previous?.filter ?? ''
  let qos = previous?.qos ?? 0
  let noLocal = previous?.noLocal ?? false
  let retainAsPublished = previous?.retainAsPublished ?? false
  let id = previous?.id ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        filter = reader.string(end)
        break
      case 16:
        qos = reader.uint32()
        break
      case 24:
        noLocal = reader.bool()
        break
      case 32:
        retainAsPublished = reader.bool()
        break
      case 40:
        id = reader.uint32()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { filter, qos, noLocal, retainAsPublished, id }
}

function readRemoveMqttSessionRequest(
  reader: ProtoReader,
  end: number,
  previous: RemoveMqttSessionRequest | undefined,
): RemoveMqttSessionRequest {
  let clientId = previous?.clientId ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        clientId = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { clientId }
}

function readRemoveMqttSessionResponse(
  reader: ProtoReader,
  end: number,
  _previous: RemoveMqttSessionResponse | undefined,
): RemoveMqttSessionResponse {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readListMqttRetainedRequest(
  reader: ProtoReader,
  end: number,
  previous: ListMqttRetainedRequest | undefined,
): ListMqttRetainedRequest {
  let filter = previous?.filter ?? ''
  let limit = previous?.limit ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        filter = reader.string(end)
        break
      case 16:
        limit = reader.uint32()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { filter, limit }
}

function readListMqttRetainedResponse(
  reader: ProtoReader,
  end: number,
  previous: ListMqttRetainedResponse | undefined,
): ListMqttRetainedResponse {
  const messages: MqttRetainedInfo[] = previous === undefined ? [] : [...previous.messages]
  let more = previous?.more ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        messages.push(readMqttRetainedInfo(reader, reader.nested(end), undefined))
        break
      case 16:
        more = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { messages, more }
}

function readMqttRetainedInfo(
  reader: ProtoReader,
  end: number,
  previous: MqttRetainedInfo | undefined,
): MqttRetainedInfo {
  let topic = previous?.topic ?? ''
  let payloadBytes = previous?.payloadBytes ?? 0
  let createdAtMs = previous?.createdAtMs ?? 0
  let qos = previous?.qos ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        topic = reader.string(end)
        break
      case 16:
        payloadBytes = reader.uint64()
        break
      case 24:
        createdAtMs = reader.uint64()
        break
      case 32:
        qos = reader.uint32()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { topic, payloadBytes, createdAtMs, qos }
}

function readGetMqttRetainedRequest(
  reader: ProtoReader,
  end: number,
  previous: GetMqttRetainedRequest | undefined,
): GetMqttRetainedRequest {
  let topic = previous?.topic ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        topic = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { topic }
}

function readGetMqttRetainedResponse(
  reader: ProtoReader,
  end: number,
  previous: GetMqttRetainedResponse | undefined,
): GetMqttRetainedResponse {
  let message = previous?.message
  let payload = previous?.payload ?? emptyBytes
  let headers: Map<string, string> | undefined = previous && new Map(previous.headers)
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        message = readMqttRetainedInfo(reader, reader.nested(end), message)
        break
      case 18:
        payload = reader.bytes(end)
        break
      case 26:
        reader.mapEntry(end, (headers ??= new Map()))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { message, payload, headers: headers ?? emptyStringMap }
}

function readRemoveMqttRetainedRequest(
  reader: ProtoReader,
  end: number,
  previous: RemoveMqttRetainedRequest | undefined,
): RemoveMqttRetainedRequest {
  let filter = previous?.filter ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        filter = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { filter }
}

function readRemoveMqttRetainedResponse(
  reader: ProtoReader,
  end: number,
  previous: RemoveMqttRetainedResponse | undefined,
): RemoveMqttRetainedResponse {
  let removed = previous?.removed ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        removed = reader.uint64()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { removed }
}

function readListMqttBridgesRequest(
  reader: ProtoReader,
  end: number,
  _previous: ListMqttBridgesRequest | undefined,
): ListMqttBridgesRequest {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readListMqttBridgesResponse(
  reader: ProtoReader,
  end: number,
  previous: ListMqttBridgesResponse | undefined,
): ListMqttBridgesResponse {
  const bridges: MqttBridgeInfo[] = previous === undefined ? [] : [...previous.bridges]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        bridges.push(readMqttBridgeInfo(reader, reader.nested(end), undefined))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { bridges }
}

function readMqttBridgeInfo(
  reader: ProtoReader,
  end: number,
  previous: MqttBridgeInfo | undefined,
): MqttBridgeInfo {
  let name = previous?.name ?? ''
  let address = previous?.address ?? ''
  let state = previous?.state ?? ''
  let version = previous?.version ?? 0
  let lastError = previous?.lastError ?? ''
  let connections = previous?.connections ?? 0
  let messagesIn = previous?.messagesIn ?? 0
  let messagesOut = previous?.messagesOut ?? 0
  let messagesLooped = previous?.messagesLooped ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        name = reader.string(end)
        break
      case 18:
        address = reader.string(end)
        break
      case 26:
        state = reader.string(end)
        break
      case 32:
        version = reader.uint32()
        break
      case 42:
        lastError = reader.string(end)
        break
      case 48:
        connections = reader.uint64()
        break
      case 56:
        messagesIn = reader.uint64()
        break
      case 64:
        messagesOut = reader.uint64()
        break
      case 72:
        messagesLooped = reader.uint64()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return {
    name,
    address,
    state,
    version,
    lastError,
    connections,
    messagesIn,
    messagesOut,
    messagesLooped,
  }
}

const sharedWriter = new ProtoWriter()
