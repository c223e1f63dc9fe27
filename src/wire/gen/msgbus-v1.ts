/**
 * The messages and services of msgbus.v1. Generated from proto/msgbus/v1/msgbus.proto by
 * scripts/generate-wire.mjs; change the contract or the generator, then `npm run generate`.
 *
 * Decoded `bytes` are views into what was decoded, valid as long as that is. A uint64 above 2^53-1
 * comes as Number.MAX_SAFE_INTEGER, and a number above it is written as 2^64-1. Encoding takes
 * messages with any field left out. Decoding throws ProtoDecodeError and nothing else.
 */

import { emptyBytes, emptyStringMap, ProtoReader } from '../../base/proto-reader.ts'
import { ProtoWriter, type ProtoInit } from '../../base/proto-writer.ts'

export interface NodeId {
  readonly tenantId: string
  readonly blName: string
  readonly deviceId: string
}

export interface MessageEnvelope {
  readonly id: string
  readonly topic: string
  readonly origin: NodeId | undefined
  readonly headId: number
  readonly payload: Uint8Array
  readonly headers: ReadonlyMap<string, string>
  readonly createdAtMs: number
  readonly deleted: boolean
}

export interface PublishRequest {
  readonly topic: string
  readonly origin: NodeId | undefined
  readonly payload: Uint8Array
  readonly headers: ReadonlyMap<string, string>
}

export interface PublishResponse {
  readonly message: MessageEnvelope | undefined
}

export interface FetchRequest {
  readonly topic: string
  readonly origin: NodeId | undefined
  readonly fromHeadId: number
  readonly limit: number
}

export interface FetchResponse {
  readonly message: MessageEnvelope | undefined
}

export interface SubscribeRequest {
  readonly topic: string
  readonly origin: NodeId | undefined
  readonly fromHeadId: number
  readonly replayLimit: number
}

export interface SubscribeResponse {
  readonly message: MessageEnvelope | undefined
}

export interface GetHeadRequest {
  readonly topic: string
  readonly origin: NodeId | undefined
}

export interface GetHeadResponse {
  readonly headId: number
  readonly found: boolean
}

export interface TopicHead {
  readonly topic: string
  readonly origin: NodeId | undefined
  readonly headId: number
}

export type ListHeadsRequest = Readonly<Record<never, never>>

export interface ListHeadsResponse {
  readonly heads: readonly TopicHead[]
}

export interface PeerSyncState {
  readonly peer: string
  readonly topic: string
  readonly origin: NodeId | undefined
  readonly localHead: number
  readonly remoteHead: number
  readonly lastSyncedHead: number
  readonly lastAttemptAtMs: number
  readonly lastSuccessAtMs: number
  readonly consecutiveFailures: number
  readonly lastError: string
}

export type ListPeerSyncStatesRequest = Readonly<Record<never, never>>

export interface ListPeerSyncStatesResponse {
  readonly states: readonly PeerSyncState[]
}

export interface DeleteRangeRequest {
  readonly topic: string
  readonly origin: NodeId | undefined
  readonly fromHeadId: number
  readonly toHeadId: number
}

export interface DeleteRangeResponse {
  readonly deletedCount: number
}

export interface FifoMessage {
  readonly id: string
  readonly queue: string
  readonly topic: string
  readonly source: NodeId | undefined
  readonly target: NodeId | undefined
  readonly payload: Uint8Array
  readonly headers: ReadonlyMap<string, string>
  readonly createdAtMs: number
  readonly sequence: number
  readonly attempts: number
}

export interface EnqueueFifoRequest {
  readonly queue: string
  readonly topic: string
  readonly source: NodeId | undefined
  readonly target: NodeId | undefined
  readonly payload: Uint8Array
  readonly headers: ReadonlyMap<string, string>
}

export interface EnqueueFifoResponse {
  readonly message: FifoMessage | undefined
}

export interface PeekFifoRequest {
  readonly queue: string
}

export interface PeekFifoResponse {
  readonly message: FifoMessage | undefined
}

export interface AckFifoRequest {
  readonly queue: string
  readonly messageId: string
}

export interface AckFifoResponse {
  readonly accepted: boolean
}

export interface RejectFifoRequest {
  readonly queue: string
  readonly messageId: string
}

export interface RejectFifoResponse {
  readonly accepted: boolean
}

export type HealthRequest = Readonly<Record<never, never>>

export interface HealthResponse {
  readonly status: string
  readonly node: NodeId | undefined
}

export type ReadyRequest = Readonly<Record<never, never>>

export interface ReadyResponse {
  readonly ready: boolean
  readonly status: string
  readonly error: string
  readonly node: NodeId | undefined
}

/** The methods of msgbus.v1.MsgbusService. */
export const msgbusService = {
  publish: {
    path: '/msgbus.v1.MsgbusService/Publish',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodePublishRequest,
    requestDeserialize: decodePublishRequest,
    responseSerialize: encodePublishResponse,
    responseDeserialize: decodePublishResponse,
  },
  fetch: {
    path: '/msgbus.v1.MsgbusService/Fetch',
    requestStream: false,
    responseStream: true,
    requestSerialize: encodeFetchRequest,
    requestDeserialize: decodeFetchRequest,
    responseSerialize: encodeFetchResponse,
    responseDeserialize: decodeFetchResponse,
  },
  subscribe: {
    path: '/msgbus.v1.MsgbusService/Subscribe',
    requestStream: false,
    responseStream: true,
    requestSerialize: encodeSubscribeRequest,
    requestDeserialize: decodeSubscribeRequest,
    responseSerialize: encodeSubscribeResponse,
    responseDeserialize: decodeSubscribeResponse,
  },
  getHead: {
    path: '/msgbus.v1.MsgbusService/GetHead',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeGetHeadRequest,
    requestDeserialize: decodeGetHeadRequest,
    responseSerialize: encodeGetHeadResponse,
    responseDeserialize: decodeGetHeadResponse,
  },
  listHeads: {
    path: '/msgbus.v1.MsgbusService/ListHeads',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeListHeadsRequest,
    requestDeserialize: decodeListHeadsRequest,
    responseSerialize: encodeListHeadsResponse,
    responseDeserialize: decodeListHeadsResponse,
  },
  listPeerSyncStates: {
    path: '/msgbus.v1.MsgbusService/ListPeerSyncStates',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeListPeerSyncStatesRequest,
    requestDeserialize: decodeListPeerSyncStatesRequest,
    responseSerialize: encodeListPeerSyncStatesResponse,
    responseDeserialize: decodeListPeerSyncStatesResponse,
  },
  deleteRange: {
    path: '/msgbus.v1.MsgbusService/DeleteRange',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeDeleteRangeRequest,
    requestDeserialize: decodeDeleteRangeRequest,
    responseSerialize: encodeDeleteRangeResponse,
    responseDeserialize: decodeDeleteRangeResponse,
  },
  enqueueFifo: {
    path: '/msgbus.v1.MsgbusService/EnqueueFifo',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeEnqueueFifoRequest,
    requestDeserialize: decodeEnqueueFifoRequest,
    responseSerialize: encodeEnqueueFifoResponse,
    responseDeserialize: decodeEnqueueFifoResponse,
  },
  peekFifo: {
    path: '/msgbus.v1.MsgbusService/PeekFifo',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodePeekFifoRequest,
    requestDeserialize: decodePeekFifoRequest,
    responseSerialize: encodePeekFifoResponse,
    responseDeserialize: decodePeekFifoResponse,
  },
  ackFifo: {
    path: '/msgbus.v1.MsgbusService/AckFifo',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeAckFifoRequest,
    requestDeserialize: decodeAckFifoRequest,
    responseSerialize: encodeAckFifoResponse,
    responseDeserialize: decodeAckFifoResponse,
  },
  rejectFifo: {
    path: '/msgbus.v1.MsgbusService/RejectFifo',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeRejectFifoRequest,
    requestDeserialize: decodeRejectFifoRequest,
    responseSerialize: encodeRejectFifoResponse,
    responseDeserialize: decodeRejectFifoResponse,
  },
  health: {
    path: '/msgbus.v1.MsgbusService/Health',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeHealthRequest,
    requestDeserialize: decodeHealthRequest,
    responseSerialize: encodeHealthResponse,
    responseDeserialize: decodeHealthResponse,
  },
  ready: {
    path: '/msgbus.v1.MsgbusService/Ready',
    requestStream: false,
    responseStream: false,
    requestSerialize: encodeReadyRequest,
    requestDeserialize: decodeReadyRequest,
    responseSerialize: encodeReadyResponse,
    responseDeserialize: decodeReadyResponse,
  },
} as const

/** `msgbusService` for whoever calls it. */
export const msgbusServiceCalls = {
  publish: {
    path: '/msgbus.v1.MsgbusService/Publish',
    requestSerialize: encodePublishRequest,
    responseDeserialize: decodePublishResponse,
  },
  fetch: {
    path: '/msgbus.v1.MsgbusService/Fetch',
    requestSerialize: encodeFetchRequest,
    responseDeserialize: decodeFetchResponse,
  },
  subscribe: {
    path: '/msgbus.v1.MsgbusService/Subscribe',
    requestSerialize: encodeSubscribeRequest,
    responseDeserialize: decodeSubscribeResponse,
  },
  getHead: {
    path: '/msgbus.v1.MsgbusService/GetHead',
    requestSerialize: encodeGetHeadRequest,
    responseDeserialize: decodeGetHeadResponse,
  },
  listHeads: {
    path: '/msgbus.v1.MsgbusService/ListHeads',
    requestSerialize: encodeListHeadsRequest,
    responseDeserialize: decodeListHeadsResponse,
  },
  listPeerSyncStates: {
    path: '/msgbus.v1.MsgbusService/ListPeerSyncStates',
    requestSerialize: encodeListPeerSyncStatesRequest,
    responseDeserialize: decodeListPeerSyncStatesResponse,
  },
  deleteRange: {
    path: '/msgbus.v1.MsgbusService/DeleteRange',
    requestSerialize: encodeDeleteRangeRequest,
    responseDeserialize: decodeDeleteRangeResponse,
  },
  enqueueFifo: {
    path: '/msgbus.v1.MsgbusService/EnqueueFifo',
    requestSerialize: encodeEnqueueFifoRequest,
    responseDeserialize: decodeEnqueueFifoResponse,
  },
  peekFifo: {
    path: '/msgbus.v1.MsgbusService/PeekFifo',
    requestSerialize: encodePeekFifoRequest,
    responseDeserialize: decodePeekFifoResponse,
  },
  ackFifo: {
    path: '/msgbus.v1.MsgbusService/AckFifo',
    requestSerialize: encodeAckFifoRequest,
    responseDeserialize: decodeAckFifoResponse,
  },
  rejectFifo: {
    path: '/msgbus.v1.MsgbusService/RejectFifo',
    requestSerialize: encodeRejectFifoRequest,
    responseDeserialize: decodeRejectFifoResponse,
  },
  health: {
    path: '/msgbus.v1.MsgbusService/Health',
    requestSerialize: encodeHealthRequest,
    responseDeserialize: decodeHealthResponse,
  },
  ready: {
    path: '/msgbus.v1.MsgbusService/Ready',
    requestSerialize: encodeReadyRequest,
    responseDeserialize: decodeReadyResponse,
  },
} as const

export function encodePublishRequest(message: ProtoInit<PublishRequest>): Uint8Array {
  sharedWriter.reset()
  writePublishRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodePublishRequest(bytes: Uint8Array): PublishRequest {
  return readPublishRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodePublishResponse(message: ProtoInit<PublishResponse>): Uint8Array {
  sharedWriter.reset()
  writePublishResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodePublishResponse(bytes: Uint8Array): PublishResponse {
  return readPublishResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeFetchRequest(message: ProtoInit<FetchRequest>): Uint8Array {
  sharedWriter.reset()
  writeFetchRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeFetchRequest(bytes: Uint8Array): FetchRequest {
  return readFetchRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeFetchResponse(message: ProtoInit<FetchResponse>): Uint8Array {
  sharedWriter.reset()
  writeFetchResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeFetchResponse(bytes: Uint8Array): FetchResponse {
  return readFetchResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeSubscribeRequest(message: ProtoInit<SubscribeRequest>): Uint8Array {
  sharedWriter.reset()
  writeSubscribeRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeSubscribeRequest(bytes: Uint8Array): SubscribeRequest {
  return readSubscribeRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeSubscribeResponse(message: ProtoInit<SubscribeResponse>): Uint8Array {
  sharedWriter.reset()
  writeSubscribeResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeSubscribeResponse(bytes: Uint8Array): SubscribeResponse {
  return readSubscribeResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeGetHeadRequest(message: ProtoInit<GetHeadRequest>): Uint8Array {
  sharedWriter.reset()
  writeGetHeadRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeGetHeadRequest(bytes: Uint8Array): GetHeadRequest {
  return readGetHeadRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeGetHeadResponse(message: ProtoInit<GetHeadResponse>): Uint8Array {
  sharedWriter.reset()
  writeGetHeadResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeGetHeadResponse(bytes: Uint8Array): GetHeadResponse {
  return readGetHeadResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListHeadsRequest(message: ProtoInit<ListHeadsRequest>): Uint8Array {
  sharedWriter.reset()
  writeListHeadsRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListHeadsRequest(bytes: Uint8Array): ListHeadsRequest {
  return readListHeadsRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListHeadsResponse(message: ProtoInit<ListHeadsResponse>): Uint8Array {
  sharedWriter.reset()
  writeListHeadsResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListHeadsResponse(bytes: Uint8Array): ListHeadsResponse {
  return readListHeadsResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListPeerSyncStatesRequest(
  message: ProtoInit<ListPeerSyncStatesRequest>,
): Uint8Array {
  sharedWriter.reset()
  writeListPeerSyncStatesRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListPeerSyncStatesRequest(bytes: Uint8Array): ListPeerSyncStatesRequest {
  return readListPeerSyncStatesRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeListPeerSyncStatesResponse(
  message: ProtoInit<ListPeerSyncStatesResponse>,
): Uint8Array {
  sharedWriter.reset()
  writeListPeerSyncStatesResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeListPeerSyncStatesResponse(bytes: Uint8Array): ListPeerSyncStatesResponse {
  return readListPeerSyncStatesResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeDeleteRangeRequest(message: ProtoInit<DeleteRangeRequest>): Uint8Array {
  sharedWriter.reset()
  writeDeleteRangeRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeDeleteRangeRequest(bytes: Uint8Array): DeleteRangeRequest {
  return readDeleteRangeRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeDeleteRangeResponse(message: ProtoInit<DeleteRangeResponse>): Uint8Array {
  sharedWriter.reset()
  writeDeleteRangeResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeDeleteRangeResponse(bytes: Uint8Array): DeleteRangeResponse {
  return readDeleteRangeResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeEnqueueFifoRequest(message: ProtoInit<EnqueueFifoRequest>): Uint8Array {
  sharedWriter.reset()
  writeEnqueueFifoRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeEnqueueFifoRequest(bytes: Uint8Array): EnqueueFifoRequest {
  return readEnqueueFifoRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeEnqueueFifoResponse(message: ProtoInit<EnqueueFifoResponse>): Uint8Array {
  sharedWriter.reset()
  writeEnqueueFifoResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeEnqueueFifoResponse(bytes: Uint8Array): EnqueueFifoResponse {
  return readEnqueueFifoResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodePeekFifoRequest(message: ProtoInit<PeekFifoRequest>): Uint8Array {
  sharedWriter.reset()
  writePeekFifoRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodePeekFifoRequest(bytes: Uint8Array): PeekFifoRequest {
  return readPeekFifoRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodePeekFifoResponse(message: ProtoInit<PeekFifoResponse>): Uint8Array {
  sharedWriter.reset()
  writePeekFifoResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodePeekFifoResponse(bytes: Uint8Array): PeekFifoResponse {
  return readPeekFifoResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeAckFifoRequest(message: ProtoInit<AckFifoRequest>): Uint8Array {
  sharedWriter.reset()
  writeAckFifoRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeAckFifoRequest(bytes: Uint8Array): AckFifoRequest {
  return readAckFifoRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeAckFifoResponse(message: ProtoInit<AckFifoResponse>): Uint8Array {
  sharedWriter.reset()
  writeAckFifoResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeAckFifoResponse(bytes: Uint8Array): AckFifoResponse {
  return readAckFifoResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeRejectFifoRequest(message: ProtoInit<RejectFifoRequest>): Uint8Array {
  sharedWriter.reset()
  writeRejectFifoRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeRejectFifoRequest(bytes: Uint8Array): RejectFifoRequest {
  return readRejectFifoRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeRejectFifoResponse(message: ProtoInit<RejectFifoResponse>): Uint8Array {
  sharedWriter.reset()
  writeRejectFifoResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeRejectFifoResponse(bytes: Uint8Array): RejectFifoResponse {
  return readRejectFifoResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeHealthRequest(message: ProtoInit<HealthRequest>): Uint8Array {
  sharedWriter.reset()
  writeHealthRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeHealthRequest(bytes: Uint8Array): HealthRequest {
  return readHealthRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeHealthResponse(message: ProtoInit<HealthResponse>): Uint8Array {
  sharedWriter.reset()
  writeHealthResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeHealthResponse(bytes: Uint8Array): HealthResponse {
  return readHealthResponse(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeReadyRequest(message: ProtoInit<ReadyRequest>): Uint8Array {
  sharedWriter.reset()
  writeReadyRequest(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeReadyRequest(bytes: Uint8Array): ReadyRequest {
  return readReadyRequest(new ProtoReader(bytes), bytes.length, undefined)
}

export function encodeReadyResponse(message: ProtoInit<ReadyResponse>): Uint8Array {
  sharedWriter.reset()
  writeReadyResponse(sharedWriter, message)
  return sharedWriter.finish()
}

export function decodeReadyResponse(bytes: Uint8Array): ReadyResponse {
  return readReadyResponse(new ProtoReader(bytes), bytes.length, undefined)
}

/** Appends the fields of a message, without a length before them. */
export function writeNodeId(writer: ProtoWriter, message: ProtoInit<NodeId>): void {
  if (message.tenantId) writer.string(10, message.tenantId)
  if (message.blName) writer.string(18, message.blName)
  if (message.deviceId) writer.string(26, message.deviceId)
}

/** Appends the fields of a message, without a length before them. */
export function writeMessageEnvelope(
  writer: ProtoWriter,
  message: ProtoInit<MessageEnvelope>,
): void {
  if (message.id) writer.string(10, message.id)
  if (message.topic) writer.string(18, message.topic)
  if (message.origin !== undefined) writeNestedNodeId(writer, 26, message.origin)
  if (message.headId) writer.uint64(32, message.headId)
  if (message.payload !== undefined && message.payload.length > 0) writer.bytes(42, message.payload)
  if (message.headers !== undefined) writer.stringMap(50, message.headers)
  if (message.createdAtMs) writer.uint64(56, message.createdAtMs)
  if (message.deleted) writer.bool(64, message.deleted)
}

/** Appends the fields of a message, without a length before them. */
export function writePublishRequest(writer: ProtoWriter, message: ProtoInit<PublishRequest>): void {
  if (message.topic) writer.string(10, message.topic)
  if (message.origin !== undefined) writeNestedNodeId(writer, 18, message.origin)
  if (message.payload !== undefined && message.payload.length > 0) writer.bytes(26, message.payload)
  if (message.headers !== undefined) writer.stringMap(34, message.headers)
}

/** Appends the fields of a message, without a length before them. */
export function writePublishResponse(
  writer: ProtoWriter,
  message: ProtoInit<PublishResponse>,
): void {
  if (message.message !== undefined) writeNestedMessageEnvelope(writer, 10, message.message)
}

/** Appends the fields of a message, without a length before them. */
export function writeFetchRequest(writer: ProtoWriter, message: ProtoInit<FetchRequest>): void {
  if (message.topic) writer.string(10, message.topic)
  if (message.origin !== undefined) writeNestedNodeId(writer, 18, message.origin)
  if (message.fromHeadId) writer.uint64(24, message.fromHeadId)
  if (message.limit) writer.uint32(32, message.limit)
}

/** Appends the fields of a message, without a length before them. */
export function writeFetchResponse(writer: ProtoWriter, message: ProtoInit<FetchResponse>): void {
  if (message.message !== undefined) writeNestedMessageEnvelope(writer, 10, message.message)
}

/** Appends the fields of a message, without a length before them. */
export function writeSubscribeRequest(
  writer: ProtoWriter,
  message: ProtoInit<SubscribeRequest>,
): void {
  if (message.topic) writer.string(10, message.topic)
  if (message.origin !== undefined) writeNestedNodeId(writer, 18, message.origin)
  if (message.fromHeadId) writer.uint64(24, message.fromHeadId)
  if (message.replayLimit) writer.uint32(32, message.replayLimit)
}

/** Appends the fields of a message, without a length before them. */
export function writeSubscribeResponse(
  writer: ProtoWriter,
  message: ProtoInit<SubscribeResponse>,
): void {
  if (message.message !== undefined) writeNestedMessageEnvelope(writer, 10, message.message)
}

/** Appends the fields of a message, without a length before them. */
export function writeGetHeadRequest(writer: ProtoWriter, message: ProtoInit<GetHeadRequest>): void {
  if (message.topic) writer.string(10, message.topic)
  if (message.origin !== undefined) writeNestedNodeId(writer, 18, message.origin)
}

/** Appends the fields of a message, without a length before them. */
export function writeGetHeadResponse(
  writer: ProtoWriter,
  message: ProtoInit<GetHeadResponse>,
): void {
  if (message.headId) writer.uint64(8, message.headId)
  if (message.found) writer.bool(16, message.found)
}

/** Appends the fields of a message, without a length before them. */
export function writeTopicHead(writer: ProtoWriter, message: ProtoInit<TopicHead>): void {
  if (message.topic) writer.string(10, message.topic)
  if (message.origin !== undefined) writeNestedNodeId(writer, 18, message.origin)
  if (message.headId) writer.uint64(24, message.headId)
}

/** Appends the fields of a message, without a length before them. */
export function writeListHeadsRequest(
  _writer: ProtoWriter,
  _message: ProtoInit<ListHeadsRequest>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeListHeadsResponse(
  writer: ProtoWriter,
  message: ProtoInit<ListHeadsResponse>,
): void {
  if (message.heads !== undefined)
    for (const item of message.heads) writeNestedTopicHead(writer, 10, item)
}

/** Appends the fields of a message, without a length before them. */
export function writePeerSyncState(writer: ProtoWriter, message: ProtoInit<PeerSyncState>): void {
  if (message.peer) writer.string(10, message.peer)
  if (message.topic) writer.string(18, message.topic)
  if (message.origin !== undefined) writeNestedNodeId(writer, 26, message.origin)
  if (message.localHead) writer.uint64(32, message.localHead)
  if (message.remoteHead) writer.uint64(40, message.remoteHead)
  if (message.lastSyncedHead) writer.uint64(48, message.lastSyncedHead)
  if (message.lastAttemptAtMs) writer.uint64(56, message.lastAttemptAtMs)
  if (message.lastSuccessAtMs) writer.uint64(64, message.lastSuccessAtMs)
  if (message.consecutiveFailures) writer.uint32(72, message.consecutiveFailures)
  if (message.lastError) writer.string(82, message.lastError)
}

/** Appends the fields of a message, without a length before them. */
export function writeListPeerSyncStatesRequest(
  _writer: ProtoWriter,
  _message: ProtoInit<ListPeerSyncStatesRequest>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeListPeerSyncStatesResponse(
  writer: ProtoWriter,
  message: ProtoInit<ListPeerSyncStatesResponse>,
): void {
  if (message.states !== undefined)
    for (const item of message.states) writeNestedPeerSyncState(writer, 10, item)
}

/** Appends the fields of a message, without a length before them. */
export function writeDeleteRangeRequest(
  writer: ProtoWriter,
  message: ProtoInit<DeleteRangeRequest>,
): void {
  if (message.topic) writer.string(10, message.topic)
  if (message.origin !== undefined) writeNestedNodeId(writer, 18, message.origin)
  if (message.fromHeadId) writer.uint64(24, message.fromHeadId)
  if (message.toHeadId) writer.uint64(32, message.toHeadId)
}

/** Appends the fields of a message, without a length before them. */
export function writeDeleteRangeResponse(
  writer: ProtoWriter,
  message: ProtoInit<DeleteRangeResponse>,
): void {
  if (message.deletedCount) writer.uint64(8, message.deletedCount)
}

/** Appends the fields of a message, without a length before them. */
export function writeFifoMessage(writer: ProtoWriter, message: ProtoInit<FifoMessage>): void {
  if (message.id) writer.string(10, message.id)
  if (message.queue) writer.string(18, message.queue)
  if (message.topic) writer.string(26, message.topic)
  if (message.source !== undefined) writeNestedNodeId(writer, 34, message.source)
  if (message.target !== undefined) writeNestedNodeId(writer, 42, message.target)
  if (message.payload !== undefined && message.payload.length > 0) writer.bytes(50, message.payload)
  if (message.headers !== undefined) writer.stringMap(58, message.headers)
  if (message.createdAtMs) writer.uint64(64, message.createdAtMs)
  if (message.sequence) writer.uint64(72, message.sequence)
  if (message.attempts) writer.uint32(80, message.attempts)
}

/** Appends the fields of a message, without a length before them. */
export function writeEnqueueFifoRequest(
  writer: ProtoWriter,
  message: ProtoInit<EnqueueFifoRequest>,
): void {
  if (message.queue) writer.string(10, message.queue)
  if (message.topic) writer.string(18, message.topic)
  if (message.source !== undefined) writeNestedNodeId(writer, 26, message.source)
  if (message.target !== undefined) writeNestedNodeId(writer, 34, message.target)
  if (message.payload !== undefined && message.payload.length > 0) writer.bytes(42, message.payload)
  if (message.headers !== undefined) writer.stringMap(50, message.headers)
}

/** Appends the fields of a message, without a length before them. */
export function writeEnqueueFifoResponse(
  writer: ProtoWriter,
  message: ProtoInit<EnqueueFifoResponse>,
): void {
  if (message.message !== undefined) writeNestedFifoMessage(writer, 10, message.message)
}

/** Appends the fields of a message, without a length before them. */
export function writePeekFifoRequest(
  writer: ProtoWriter,
  message: ProtoInit<PeekFifoRequest>,
): void {
  if (message.queue) writer.string(10, message.queue)
}

/** Appends the fields of a message, without a length before them. */
export function writePeekFifoResponse(
  writer: ProtoWriter,
  message: ProtoInit<PeekFifoResponse>,
): void {
  if (message.message !== undefined) writeNestedFifoMessage(writer, 10, message.message)
}

/** Appends the fields of a message, without a length before them. */
export function writeAckFifoRequest(writer: ProtoWriter, message: ProtoInit<AckFifoRequest>): void {
  if (message.queue) writer.string(10, message.queue)
  if (message.messageId) writer.string(18, message.messageId)
}

/** Appends the fields of a message, without a length before them. */
export function writeAckFifoResponse(
  writer: ProtoWriter,
  message: ProtoInit<AckFifoResponse>,
): void {
  if (message.accepted) writer.bool(8, message.accepted)
}

/** Appends the fields of a message, without a length before them. */
export function writeRejectFifoRequest(
  writer: ProtoWriter,
  message: ProtoInit<RejectFifoRequest>,
): void {
  if (message.queue) writer.string(10, message.queue)
  if (message.messageId) writer.string(18, message.messageId)
}

/** Appends the fields of a message, without a length before them. */
export function writeRejectFifoResponse(
  writer: ProtoWriter,
  message: ProtoInit<RejectFifoResponse>,
): void {
  if (message.accepted) writer.bool(8, message.accepted)
}

/** Appends the fields of a message, without a length before them. */
export function writeHealthRequest(
  _writer: ProtoWriter,
  _message: ProtoInit<HealthRequest>,
): void {}

/** Appends the fields of a message, without a length before them. */
export function writeHealthResponse(writer: ProtoWriter, message: ProtoInit<HealthResponse>): void {
  if (message.status) writer.string(10, message.status)
  if (message.node !== undefined) writeNestedNodeId(writer, 18, message.node)
}

/** Appends the fields of a message, without a length before them. */
export function writeReadyRequest(_writer: ProtoWriter, _message: ProtoInit<ReadyRequest>): void {}

/** Appends the fields of a message, without a length before them. */
export function writeReadyResponse(writer: ProtoWriter, message: ProtoInit<ReadyResponse>): void {
  if (message.ready) writer.bool(8, message.ready)
  if (message.status) writer.string(18, message.status)
  if (message.error) writer.string(26, message.error)
  if (message.node !== undefined) writeNestedNodeId(writer, 34, message.node)
}

let widthNodeId = 1

/** Appends a message as a field of another. */
export function writeNestedNodeId(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<NodeId>,
): void {
  const start = writer.begin(tag, widthNodeId)
  writeNodeId(writer, message)
  widthNodeId = writer.end(start, widthNodeId)
}

let widthMessageEnvelope = 1

/** Appends a message as a field of another. */
export function writeNestedMessageEnvelope(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<MessageEnvelope>,
): void {
  const start = writer.begin(tag, widthMessageEnvelope)
  writeMessageEnvelope(writer, message)
  widthMessageEnvelope = writer.end(start, widthMessageEnvelope)
}

let widthTopicHead = 1

/** Appends a message as a field of another. */
export function writeNestedTopicHead(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<TopicHead>,
): void {
  const start = writer.begin(tag, widthTopicHead)
  writeTopicHead(writer, message)
  widthTopicHead = writer.end(start, widthTopicHead)
}

let widthPeerSyncState = 1

/** Appends a message as a field of another. */
export function writeNestedPeerSyncState(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<PeerSyncState>,
): void {
  const start = writer.begin(tag, widthPeerSyncState)
  writePeerSyncState(writer, message)
  widthPeerSyncState = writer.end(start, widthPeerSyncState)
}

let widthFifoMessage = 1

/** Appends a message as a field of another. */
export function writeNestedFifoMessage(
  writer: ProtoWriter,
  tag: number,
  message: ProtoInit<FifoMessage>,
): void {
  const start = writer.begin(tag, widthFifoMessage)
  writeFifoMessage(writer, message)
  widthFifoMessage = writer.end(start, widthFifoMessage)
}

function readNodeId(reader: ProtoReader, end: number, previous: NodeId | undefined): NodeId {
  let tenantId = previous?.tenantId ?? ''
  let blName = previous?.blName ?? ''
  let deviceId = previous?.deviceId ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        tenantId = reader.string(end)
        break
      case 18:
        blName = reader.string(end)
        break
      case 26:
        deviceId = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { tenantId, blName, deviceId }
}

function readMessageEnvelope(
  reader: ProtoReader,
  end: number,
  previous: MessageEnvelope | undefined,
): MessageEnvelope {
  let id = previous?.id ?? ''
  let topic = previous?.topic ?? ''
  let origin = previous?.origin
  let headId = previous?.headId ?? 0
  let payload = previous?.payload ?? emptyBytes
  let headers: Map<string, string> | undefined = previous && new Map(previous.headers)
  let createdAtMs = previous?.createdAtMs ?? 0
  let deleted = previous?.deleted ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        id = reader.string(end)
        break
      case 18:
        topic = reader.string(end)
        break
      case 26:
        origin = readNodeId(reader, reader.nested(end), origin)
        break
      case 32:
        headId = reader.uint64()
        break
      case 42:
        payload = reader.bytes(end)
        break
      case 50:
        reader.mapEntry(end, (headers ??= new Map()))
        break
      case 56:
        createdAtMs = reader.uint64()
        break
      case 64:
        deleted = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return {
    id,
    topic,
    origin,
    headId,
    payload,
    headers: headers ?? emptyStringMap,
    createdAtMs,
    deleted,
  }
}

function readPublishRequest(
  reader: ProtoReader,
  end: number,
  previous: PublishRequest | undefined,
): PublishRequest {
  let topic = previous?.topic ?? ''
  let origin = previous?.origin
  let payload = previous?.payload ?? emptyBytes
  let headers: Map<string, string> | undefined = previous && new Map(previous.headers)
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        topic = reader.string(end)
        break
      case 18:
        origin = readNodeId(reader, reader.nested(end), origin)
        break
      case 26:
        payload = reader.bytes(end)
        break
      case 34:
        reader.mapEntry(end, (headers ??= new Map()))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { topic, origin, payload, headers: headers ?? emptyStringMap }
}

function readPublishResponse(
  reader: ProtoReader,
  end: number,
  previous: PublishResponse | undefined,
): PublishResponse {
  let message = previous?.message
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        message = readMessageEnvelope(reader, reader.nested(end), message)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { message }
}

function readFetchRequest(
  reader: ProtoReader,
  end: number,
  previous: FetchRequest | undefined,
): FetchRequest {
  let topic = previous?.topic ?? ''
  let origin = previous?.origin
  let fromHeadId = previous?.fromHeadId ?? 0
  let limit = previous?.limit ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        topic = reader.string(end)
        break
      case 18:
        origin = readNodeId(reader, reader.nested(end), origin)
        break
      case 24:
        fromHeadId = reader.uint64()
        break
      case 32:
        limit = reader.uint32()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { topic, origin, fromHeadId, limit }
}

function readFetchResponse(
  reader: ProtoReader,
  end: number,
  previous: FetchResponse | undefined,
): FetchResponse {
  let message = previous?.message
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        message = readMessageEnvelope(reader, reader.nested(end), message)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { message }
}

function readSubscribeRequest(
  reader: ProtoReader,
  end: number,
  previous: SubscribeRequest | undefined,
): SubscribeRequest {
  let topic = previous?.topic ?? ''
  let origin = previous?.origin
  let fromHeadId = previous?.fromHeadId ?? 0
  let replayLimit = previous?.replayLimit ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        topic = reader.string(end)
        break
      case 18:
        origin = readNodeId(reader, reader.nested(end), origin)
        break
      case 24:
        fromHeadId = reader.uint64()
        break
      case 32:
        replayLimit = reader.uint32()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { topic, origin, fromHeadId, replayLimit }
}

function readSubscribeResponse(
  reader: ProtoReader,
  end: number,
  previous: SubscribeResponse | undefined,
): SubscribeResponse {
  let message = previous?.message
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        message = readMessageEnvelope(reader, reader.nested(end), message)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { message }
}

function readGetHeadRequest(
  reader: ProtoReader,
  end: number,
  previous: GetHeadRequest | undefined,
): GetHeadRequest {
  let topic = previous?.topic ?? ''
  let origin = previous?.origin
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        topic = reader.string(end)
        break
      case 18:
        origin = readNodeId(reader, reader.nested(end), origin)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { topic, origin }
}

function readGetHeadResponse(
  reader: ProtoReader,
  end: number,
  previous: GetHeadResponse | undefined,
): GetHeadResponse {
  let headId = previous?.headId ?? 0
  let found = previous?.found ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        headId = reader.uint64()
        break
      case 16:
        found = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { headId, found }
}

function readTopicHead(
  reader: ProtoReader,
  end: number,
  previous: TopicHead | undefined,
): TopicHead {
  let topic = previous?.topic ?? ''
  let origin = previous?.origin
  let headId = previous?.headId ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        topic = reader.string(end)
        break
      case 18:
        origin = readNodeId(reader, reader.nested(end), origin)
        break
      case 24:
        headId = reader.uint64()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { topic, origin, headId }
}

function readListHeadsRequest(
  reader: ProtoReader,
  end: number,
  _previous: ListHeadsRequest | undefined,
): ListHeadsRequest {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readListHeadsResponse(
  reader: ProtoReader,
  end: number,
  previous: ListHeadsResponse | undefined,
): ListHeadsResponse {
  const heads: TopicHead[] = previous === undefined ? [] : [...previous.heads]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        heads.push(readTopicHead(reader, reader.nested(end), undefined))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { heads }
}

function readPeerSyncState(
  reader: ProtoReader,
  end: number,
  previous: PeerSyncState | undefined,
): PeerSyncState {
  let peer = previous?.peer ?? ''
  let topic = previous?.topic ?? ''
  let origin = previous?.origin
  let localHead = previous?.localHead ?? 0
  let remoteHead = previous?.remoteHead ?? 0
  let lastSyncedHead = previous?.lastSyncedHead ?? 0
  let lastAttemptAtMs = previous?.lastAttemptAtMs ?? 0
  let lastSuccessAtMs = previous?.lastSuccessAtMs ?? 0
  let consecutiveFailures = previous?.consecutiveFailures ?? 0
  let lastError = previous?.lastError ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        peer = reader.string(end)
        break
      case 18:
        topic = reader.string(end)
        break
      case 26:
        origin = readNodeId(reader, reader.nested(end), origin)
        break
      case 32:
        localHead = reader.uint64()
        break
      case 40:
        remoteHead = reader.uint64()
        break
      case 48:
        lastSyncedHead = reader.uint64()
        break
      case 56:
        lastAttemptAtMs = reader.uint64()
        break
      case 64:
        lastSuccessAtMs = reader.uint64()
        break
      case 72:
        consecutiveFailures = reader.uint32()
        break
      case 82:
        lastError = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return {
    peer,
    topic,
    origin,
    localHead,
    remoteHead,
    lastSyncedHead,
    lastAttemptAtMs,
    lastSuccessAtMs,
    consecutiveFailures,
    lastError,
  }
}

function readListPeerSyncStatesRequest(
  reader: ProtoReader,
  end: number,
  _previous: ListPeerSyncStatesRequest | undefined,
): ListPeerSyncStatesRequest {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readListPeerSyncStatesResponse(
  reader: ProtoReader,
  end: number,
  previous: ListPeerSyncStatesResponse | undefined,
): ListPeerSyncStatesResponse {
  const states: PeerSyncState[] = previous === undefined ? [] : [...previous.states]
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        states.push(readPeerSyncState(reader, reader.nested(end), undefined))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { states }
}

function readDeleteRangeRequest(
  reader: ProtoReader,
  end: number,
  previous: DeleteRangeRequest | undefined,
): DeleteRangeRequest {
  let topic = previous?.topic ?? ''
  let origin = previous?.origin
  let fromHeadId = previous?.fromHeadId ?? 0
  let toHeadId = previous?.toHeadId ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        topic = reader.string(end)
        break
      case 18:
        origin = readNodeId(reader, reader.nested(end), origin)
        break
      case 24:
        fromHeadId = reader.uint64()
        break
      case 32:
        toHeadId = reader.uint64()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { topic, origin, fromHeadId, toHeadId }
}

function readDeleteRangeResponse(
  reader: ProtoReader,
  end: number,
  previous: DeleteRangeResponse | undefined,
): DeleteRangeResponse {
  let deletedCount = previous?.deletedCount ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        deletedCount = reader.uint64()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { deletedCount }
}

function readFifoMessage(
  reader: ProtoReader,
  end: number,
  previous: FifoMessage | undefined,
): FifoMessage {
  let id = previous?.id ?? ''
  let queue = previous?.queue ?? ''
  let topic = previous?.topic ?? ''
  let source = previous?.source
  let target = previous?.target
  let payload = previous?.payload ?? emptyBytes
  let headers: Map<string, string> | undefined = previous && new Map(previous.headers)
  let createdAtMs = previous?.createdAtMs ?? 0
  let sequence = previous?.sequence ?? 0
  let attempts = previous?.attempts ?? 0
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        id = reader.string(end)
        break
      case 18:
        queue = reader.string(end)
        break
      case 26:
        topic = reader.string(end)
        break
      case 34:
        source = readNodeId(reader, reader.nested(end), source)
        break
      case 42:
        target = readNodeId(reader, reader.nested(end), target)
        break
      case 50:
        payload = reader.bytes(end)
        break
      case 58:
        reader.mapEntry(end, (headers ??= new Map()))
        break
      case 64:
        createdAtMs = reader.uint64()
        break
      case 72:
        sequence = reader.uint64()
        break
      case 80:
        attempts = reader.uint32()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return {
    id,
    queue,
    topic,
    source,
    target,
    payload,
    headers: headers ?? emptyStringMap,
    createdAtMs,
    sequence,
    attempts,
  }
}

function readEnqueueFifoRequest(
  reader: ProtoReader,
  end: number,
  previous: EnqueueFifoRequest | undefined,
): EnqueueFifoRequest {
  let queue = previous?.queue ?? ''
  let topic = previous?.topic ?? ''
  let source = previous?.source
  let target = previous?.target
  let payload = previous?.payload ?? emptyBytes
  let headers: Map<string, string> | undefined = previous && new Map(previous.headers)
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        queue = reader.string(end)
        break
      case 18:
        topic = reader.string(end)
        break
      case 26:
        source = readNodeId(reader, reader.nested(end), source)
        break
      case 34:
        target = readNodeId(reader, reader.nested(end), target)
        break
      case 42:
        payload = reader.bytes(end)
        break
      case 50:
        reader.mapEntry(end, (headers ??= new Map()))
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { queue, topic, source, target, payload, headers: headers ?? emptyStringMap }
}

function readEnqueueFifoResponse(
  reader: ProtoReader,
  end: number,
  previous: EnqueueFifoResponse | undefined,
): EnqueueFifoResponse {
  let message = previous?.message
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        message = readFifoMessage(reader, reader.nested(end), message)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { message }
}

function readPeekFifoRequest(
  reader: ProtoReader,
  end: number,
  previous: PeekFifoRequest | undefined,
): PeekFifoRequest {
  let queue = previous?.queue ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        queue = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { queue }
}

function readPeekFifoResponse(
  reader: ProtoReader,
  end: number,
  previous: PeekFifoResponse | undefined,
): PeekFifoResponse {
  let message = previous?.message
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        message = readFifoMessage(reader, reader.nested(end), message)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { message }
}

function readAckFifoRequest(
  reader: ProtoReader,
  end: number,
  previous: AckFifoRequest | undefined,
): AckFifoRequest {
  let queue = previous?.queue ?? ''
  let messageId = previous?.messageId ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        queue = reader.string(end)
        break
      case 18:
        messageId = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { queue, messageId }
}

function readAckFifoResponse(
  reader: ProtoReader,
  end: number,
  previous: AckFifoResponse | undefined,
): AckFifoResponse {
  let accepted = previous?.accepted ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        accepted = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { accepted }
}

function readRejectFifoRequest(
  reader: ProtoReader,
  end: number,
  previous: RejectFifoRequest | undefined,
): RejectFifoRequest {
  let queue = previous?.queue ?? ''
  let messageId = previous?.messageId ?? ''
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        queue = reader.string(end)
        break
      case 18:
        messageId = reader.string(end)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { queue, messageId }
}

function readRejectFifoResponse(
  reader: ProtoReader,
  end: number,
  previous: RejectFifoResponse | undefined,
): RejectFifoResponse {
  let accepted = previous?.accepted ?? false
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        accepted = reader.bool()
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { accepted }
}

function readHealthRequest(
  reader: ProtoReader,
  end: number,
  _previous: HealthRequest | undefined,
): HealthRequest {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readHealthResponse(
  reader: ProtoReader,
  end: number,
  previous: HealthResponse | undefined,
): HealthResponse {
  let status = previous?.status ?? ''
  let node = previous?.node
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 10:
        status = reader.string(end)
        break
      case 18:
        node = readNodeId(reader, reader.nested(end), node)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { status, node }
}

function readReadyRequest(
  reader: ProtoReader,
  end: number,
  _previous: ReadyRequest | undefined,
): ReadyRequest {
  while (reader.position < end) {
    reader.skip(reader.tag(), end)
  }
  reader.check(end)
  return {}
}

function readReadyResponse(
  reader: ProtoReader,
  end: number,
  previous: ReadyResponse | undefined,
): ReadyResponse {
  let ready = previous?.ready ?? false
  let status = previous?.status ?? ''
  let error = previous?.error ?? ''
  let node = previous?.node
  while (reader.position < end) {
    const tag = reader.tag()
    switch (tag) {
      case 8:
        ready = reader.bool()
        break
      case 18:
        status = reader.string(end)
        break
      case 26:
        error = reader.string(end)
        break
      case 34:
        node = readNodeId(reader, reader.nested(end), node)
        break
      default:
        reader.skip(tag, end)
    }
  }
  reader.check(end)
  return { ready, status, error, node }
}

const sharedWriter = new ProtoWriter()
