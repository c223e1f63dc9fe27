/** The part of the client that runs anywhere; bring a transport. */

export { CallError } from '../model/call-error.ts'
export type { CallErrorOptions } from '../model/call-error.ts'
export { BusError } from '../model/errors.ts'
export type { BusErrorCode, ErrorReason } from '../model/errors.ts'
export type { Headers, LogKey } from '../model/message.ts'
export { formatNodeId } from '../model/node-id.ts'
export type { NodeId } from '../model/node-id.ts'
export type { PeerSyncState } from '../model/peer-sync-state.ts'
export type { QueueMessage } from '../model/queue-message.ts'
export { AccessAdmin } from './access-admin.ts'
export { MqttAdmin } from './mqtt-admin.ts'
export type { MqttBridgeInfo, MqttRetainedInfo, MqttSessionInfo } from '../wire/gen/msgbus-mqtt.ts'
export type { ExplainFields, NewTokenFields, NewUserFields } from './access-admin.ts'
export { CallResult } from './call-procedure.ts'
export type { CallFields } from './call-procedure.ts'
export type { RequestOptions } from './client-context.ts'
export type { ClientInfo } from './client-list.ts'
export { Delivery, QueueConsumer } from './consumer.ts'
export type { ConsumeOptions } from './consumer.ts'
export type {
  DaemonStatus,
  DamagedMessages,
  Health,
  LogHead,
  LogInfo,
  QueueInfo,
  Readiness,
  VerifyProgress,
} from './daemon-info.ts'
export { DirectMessage } from './direct-message.ts'
export type { HistoryChange } from './feed-reader.ts'
export type { HeadIdInput } from './head-id.ts'
export type { ClientHooks } from './hooks.ts'
export type { LiveFields } from './live-publisher.ts'
export type { LoginOptions } from './login.ts'
export { MsgbusClient } from './msgbus-client.ts'
export type { ClientOptions, EnqueueFields, FetchOptions, OriginOption } from './msgbus-client.ts'
export { Participant } from './participant.ts'
export type { JoinOptions, SendFields, SendOptions } from './participant.ts'
export { codecs } from './payload-codec.ts'
export type { PayloadCodec } from './payload-codec.ts'
export { MemoryPositionStore } from './position.ts'
export type { Position, PositionStore, StoredPositionOptions } from './position.ts'
export { PresenceWatch } from './presence-watch.ts'
export type { PresenceEvent, PresenceOptions } from './presence-watch.ts'
export type { DiscoveredNode, MeshNode, PeerInfo } from './peer-list.ts'
export type { CodecOption, HeadersInput, PublishFields, Receipt } from './publication.ts'
export { Publisher } from './publisher.ts'
export type { PublisherOptions } from './publisher.ts'
export { Message } from './received-message.ts'
export type { ReconnectOptions } from './reconnect-delay.ts'
export { IncomingCall, Registration } from './registration.ts'
export type { CallHandler, CallReply, RegisterOptions } from './registration.ts'
export { Subscription } from './subscription.ts'
export type { SubscribeFrom, SubscribeOptions } from './subscription.ts'
export type { CallOptions, DuplexStream, ResponseStream, Rpc, Transport } from './transport.ts'
