/** `@msgbus/client/busrt`: the client for brokers that speak BUS/RT, on Node.js. */

export { BusError } from '../../model/errors.ts'
export type { BusErrorCode, ErrorReason } from '../../model/errors.ts'
export { rpcErrorCodes } from '../../wire/busrt/rpc.ts'
export type { PayloadCodec } from '../payload-codec.ts'
export type { ReconnectOptions } from '../reconnect-delay.ts'
export type { NodeId } from '../../model/node-id.ts'
export type { LogInfo } from '../daemon-info.ts'
export type { ClientTlsOptions } from '../grpc-transport.ts'
export type { HeadIdInput } from '../head-id.ts'
export type { BrokerLog } from './broker-log.ts'
export type {
  LogFetchOptions,
  LogOptions,
  LogPage,
  LogSubscribeFrom,
  LogSubscribed,
  StoredMessage,
} from './broker-log.ts'
export type { BrokerMethods } from './broker-methods.ts'
export type { BrokerClient, BrokerInfo, BrokerStats, Traffic } from './broker-methods.ts'
export { BusrtClient, connect } from './busrt-client.ts'
export type { BusrtEvents, BusrtListeners, BusrtOptions } from './busrt-options.ts'
export type { BusrtRpc } from './busrt-rpc.ts'
export type { PackedRpcHandler } from './busrt-rpc.ts'
export type { FrameHandler } from './client-inbox.ts'
export type { OperationOptions, Qos } from './connection.ts'
export type { CursorOptions } from './cursor-reader.ts'
export { CursorStore } from './cursor-store.ts'
export type { CursorId, CursorStoreOptions } from './cursor-store.ts'
export type { FrameKind } from './delivery-decoder.ts'
export { msgpack, pack, unpack } from './msgpack.ts'
export type { MsgpackOptions } from './msgpack.ts'
export { BusrtFrame } from './received-frame.ts'
export { RpcError } from './rpc-error.ts'
export type {
  NotificationHandler,
  RpcCall,
  RpcHandler,
  RpcNotification,
  RpcResult,
} from './rpc-handlers.ts'
