/**
 * The bus: everything between the protocol adapters and the store. It checks names, limits and
 * access, applies topic rules, appends, and feeds subscriptions and queue consumers from the
 * commits of the store. It opens no socket, file or timer of its own.
 */

import type { Identity } from '../model/identity.ts'
import type { Limits } from '../model/limits.ts'
import type { StoredMessage } from '../model/message.ts'
import type { NodeId } from '../model/node-id.ts'
import type { BusClient } from './bus-client.ts'
import type { ProcedureDirectory } from './calls.ts'
import type { HistoryUsage, Hold } from './history-trimmer.ts'
import type { CallBridge, ClientInfo, JoinOptions, PresenceEvent } from './live.ts'
import type { LogStore, StoreStatus } from './log-store.ts'

export interface BusStatus {
  readonly node: NodeId
  readonly ready: boolean
  /** Why it is not ready; empty otherwise. */
  readonly error: string
  /** Undefined before the store is open. */
  readonly store: StoreStatus | undefined
  readonly epoch: string
  readonly lastSequence: number
  /** As of the last pass of retention; undefined before the store is open. */
  readonly history: HistoryUsage | undefined
  readonly subscriptions: number
  readonly queues: number
}

export interface Traffic {
  readonly receivedFrames: number
  readonly receivedBytes: number
  readonly sentFrames: number
  readonly sentBytes: number
}

/** A topic on which something was published lately. */
export interface TopicUsage {
  readonly name: string
  /** `$msgbus.…`: the daemon's own. */
  readonly isReserved: boolean
  /** Since the topic is remembered: since the start, or since others took its place in between. */
  readonly publications: number
  /** Creation time of its newest message; undefined when that is not remembered. */
  readonly lastAtMs: number | undefined
}

export interface Bus {
  readonly node: NodeId
  readonly limits: Limits
  /** The open store, for administration (backup, verify); undefined while starting. */
  readonly store: LogStore | undefined
  /**
   * @throws BusError when the name cannot be had: `already_exists/name_taken`, `not_found/primary_missing`,
   *   `invalid_argument`, `permission_denied`; `resource_exhausted/quota_exceeded` at the limit of clients
   */
  connect(identity: Identity, join?: JoinOptions): BusClient
  /** Puts down, for the record, that a client was not let in for a reason that the bus does not know by itself. */
  connectRefused(identity: Identity, name: string, why: string): void
  /** All clients, in the order in which they came. */
  clients(): ClientInfo[]
  /** The client of this name, if there is one. */
  client(name: string): ClientInfo | undefined
  /** Frames and bytes of all clients since start, those that left included. */
  traffic(): Traffic
  /** The handle of the client of this name, for what is done on its behalf. */
  handle(name: string): BusClient | undefined
  /**
   * Told once, when the store is open and last values are back: before, nobody knows what was said last. Not told when
   * that has been; see `store`. Returns how not to be told.
   */
  onOpen(listener: () => void): () => void
  /** Told once, when the bus begins to shut down and everybody is still there. */
  onShutdown(listener: () => void): () => void
  /** Told after the fact, in order. Listeners must not throw. */
  onPresence(listener: (event: PresenceEvent) => void): () => void
  /** Serves the procedures that begin with a prefix; ends with the returned function. */
  addBridge(bridge: CallBridge): () => void
  /** What is registered in a call space (`JoinOptions.callSpace`); absent: in that of everybody. */
  procedures(callSpace?: string): ProcedureDirectory
  /**
   * Whoever has stored messages to read yet though no client of the bus shows it, as sessions that are away: history is
   * not trimmed by age while they need it. Asked before trimming; ends with the returned function.
   */
  addHolds(holds: () => Iterable<Hold>): () => void
  /** Whether what is published on a topic can be stored at all: no rule says that nothing is. */
  keepsLog(topic: string): boolean
  /** The newest message of a topic, stored or not, as far as it is remembered. */
  lastValue(topic: string): StoredMessage | undefined
  /** The topics that are remembered (`limits.rememberedTopics` at most), in no particular order. */
  topicTable(): Iterable<TopicUsage>
  status(): BusStatus
}
