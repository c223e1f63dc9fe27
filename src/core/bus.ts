/**
 * The bus: everything between the protocol adapters and the store. It checks names, limits and
 * access, applies topic rules, appends, and feeds subscriptions and queue consumers from the
 * commits of the store. It opens no socket, file or timer of its own.
 */

import type { Identity } from '../model/identity.ts'
import type { Limits } from '../model/limits.ts'
import type { NodeId } from '../model/node-id.ts'
import type { BusClient } from './bus-client.ts'
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
  readonly subscriptions: number
  readonly queues: number
}

export interface Bus {
  readonly node: NodeId
  readonly limits: Limits
  /** The open store, for administration (backup, verify); undefined while starting. */
  readonly store: LogStore | undefined
  connect(identity: Identity): BusClient
  status(): BusStatus
}
