/**
 * How a client reaches its bus: by function calls in the same thread (direct-link.ts), or over a message
 * port from another (port-link.ts). The client is written once over this; what comes back goes to the
 * `Inbox` the link was given, which copies what it keeps.
 *
 * Whatever is not `void` may be answered later, and rejects with `BusError`. After `pause` the client holds
 * back what is not stored until `resume` (send-queue.ts).
 */

import type {
  LogOperations,
  QueueOperations,
  SubscribeOptions,
  Subscription,
  SubscriptionSink,
} from '../core/bus-client.ts'
import type { AppendOutcome, LogInfo } from '../core/log-store.ts'
import type { CallHandler, CallOptions, CallResult, ClientInfo, SendOutcome } from '../core/live.ts'
import { BusError } from '../model/errors.ts'
import type { OutgoingMessage } from '../model/message.ts'
import type { NodeId } from '../model/node-id.ts'
import type { TopicFilter } from '../model/topic-filter.ts'

/** What became of an acknowledged publication. */
export interface Receipt {
  /** Place in the log of its topic; 0 where a topic rule says that nothing is stored. */
  readonly headId: number
  readonly id: string
  readonly createdAtMs: number
  /** It was stored before under the same publish id. */
  readonly duplicate: boolean
}

/** @throws BusError when it was refused */
export function toReceipt(outcome: AppendOutcome | undefined): Receipt {
  if (outcome === undefined)
    throw new BusError('internal', 'internal', 'a publication has no outcome')
  if (outcome.kind === 'rejected') throw outcome.error
  const { headId, id, createdAtMs } = outcome.message
  return { headId, id, createdAtMs, duplicate: outcome.kind === 'duplicate' }
}

export type MaybePromise<T> = T | Promise<T>

export interface ClientLink {
  /** Empty: the client has none. */
  readonly name: string
  readonly node: NodeId
  /** Of the store; positions of another one are refused. */
  readonly epoch: string

  publish(message: OutgoingMessage): Promise<Receipt>
  /** Refusals are counted by the bus, not told. */
  publishLive(topic: string, payload: Uint8Array, realtime: boolean): void
  send(name: string, payload: Uint8Array, realtime: boolean): MaybePromise<SendOutcome>
  /** As `send` for whoever does not want to know. */
  post(name: string, payload: Uint8Array, realtime: boolean): void
  broadcast(mask: string, payload: Uint8Array, realtime: boolean): MaybePromise<number>

  /** What is wrong with the options comes by `sink.end`, too. */
  subscribe(options: SubscribeOptions, sink: SubscriptionSink): Subscription
  subscribeLive(filter: TopicFilter): MaybePromise<void>
  unsubscribeLive(filter: TopicFilter): void
  /** The inbox has no room (true), or has room again. */
  congested(isCongested: boolean): void

  fetch: LogOperations['fetch']
  head(...args: Parameters<LogOperations['head']>): Promise<number | undefined>
  list(filter: TopicFilter | undefined): Promise<LogInfo[]>
  deleteRange: LogOperations['deleteRange']
  readonly queue: QueueOperations

  register(procedure: string, handler: CallHandler): Promise<{ close(): void }>
  call(options: CallOptions): Promise<CallResult>

  clients(): Promise<ClientInfo[]>

  /** What was sent before still goes out; nothing comes back. May be called twice. */
  close(): void
}
