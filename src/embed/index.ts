/** `msgbus`: a bus inside a program, and clients of it in worker threads. */

export type { QueueOperations } from '../core/bus-client.ts'
export type { BusStatus } from '../core/bus.ts'
export type { ClientInfo, PresenceEvent } from '../core/live.ts'
export type { Logger } from '../core/logger.ts'
export type { DamagedRange, Durability, LogInfo } from '../core/log-store.ts'
export { CallError } from '../model/call-error.ts'
export { BusError } from '../model/errors.ts'
export type { BusErrorCode, ErrorReason } from '../model/errors.ts'
export type { Limits } from '../model/limits.ts'
export type { Headers } from '../model/message.ts'
export type { NodeId } from '../model/node-id.ts'
export type { QueueMessage } from '../model/queue-message.ts'
export type { TopicRule } from '../model/topic-rule.ts'
export type { StorageEngine } from '../stores/engines.ts'
export { AttachedPort } from './attached-port.ts'
export { Bus } from './bus.ts'
export type { AttachOptions, BusOptions, ConnectOptions } from './bus.ts'
export { CallAnswer, Client, IncomingCall } from './client.ts'
export type {
  CallProcedureOptions,
  CallReply,
  ClientOptions,
  ConsumeQueueOptions,
  EnqueueOptions,
  FetchOptions,
  ProcedureHandler,
  PublishOptions,
  SendOptions,
} from './client.ts'
export type { Receipt } from './client-link.ts'
export { connectPort } from './connect-port.ts'
export type { ListenOptions } from './inbox.ts'
export type { Handler } from './lane.ts'
export { Listening } from './listening.ts'
export type { HeadersInput, PayloadInput } from './payload.ts'
export type { Position } from './position.ts'
export { QueueDelivery } from './queue-delivery.ts'
export { DirectMessage, LiveMessage, Message } from './received-message.ts'
export type { SubscribeFrom, SubscribeOptions } from './subscription.ts'
