/**
 * Synchronises this node with its peers: a link for each, all at the same time, none waiting for
 * another (defect L31). It pulls: what this node has, others pull from its gRPC listener.
 *
 * Start it when the store is open, and close it before the store.
 */

import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { LogStore } from '../core/log-store.ts'
import type { NodeId } from '../model/node-id.ts'
import type { PeerSyncState } from '../model/peer-sync-state.ts'
import type { BackOff } from './back-off.ts'
import { FetchSlots } from './fetch-slots.ts'
import { PeerLink, type LinkState } from './peer-link.ts'
import type { PeerRules } from './peer-rules.ts'
import { SyncCounters } from './sync-counters.ts'
import { SyncRows } from './sync-rows.ts'
import type { DialV1 } from './v1-port.ts'
import { fetchesPerPeer, V1Session } from './v1-session.ts'

export interface SyncPeer {
  /** As configured. */
  readonly endpoint: string
  readonly pin: NodeId | undefined
  readonly rules: PeerRules
  /** Opens a fresh connection. */
  readonly dial: DialV1
}

export interface SyncServiceOptions {
  readonly node: NodeId
  readonly store: LogStore
  readonly clock: Clock
  /** 0 to below 1; for jitter. */
  readonly random: () => number
  readonly logger: Logger
  readonly peers: readonly SyncPeer[]
  /** Pause between two passes over a peer. */
  readonly intervalMs: number
  /** Messages asked for at a time; a server of v1 gives at most 10,000. */
  readonly batchLimit: number
  /** Peers that can be pulled from at full speed at the same time; with more, batches take turns. */
  readonly parallelPeers: number
  readonly connectTimeoutMs: number
  readonly callTimeoutMs: number
  readonly stallTimeoutMs: number
  readonly backOff: BackOff
  /** How long a peer that lied is left alone. */
  readonly cutOffMs: number
}

export interface PeerStatus {
  readonly endpoint: string
  readonly state: LinkState
  /** Messages that it has and this node lacks. */
  readonly lag: number
}

export class SyncService {
  readonly counters = new SyncCounters()
  readonly #rows: SyncRows
  readonly #links: readonly PeerLink[]

  private constructor(options: SyncServiceOptions, rows: SyncRows) {
    this.#rows = rows
    const slots = new FetchSlots(options.clock, options.parallelPeers * fetchesPerPeer)
    this.#links = options.peers.map((peer) => this.#link(peer, options, slots))
  }

  /** Reads the rows of the store and starts. @throws BusError when the store cannot be read */
  static async start(options: SyncServiceOptions): Promise<SyncService> {
    const { store, clock, logger, peers } = options
    const endpoints = peers.map(({ endpoint }) => endpoint)
    const rows = await SyncRows.open({ store, clock, logger, peers: endpoints })
    for (const { endpoint, pin } of peers) {
      if (pin === undefined) logger.warn('peer_not_pinned', { peer: endpoint })
    }
    return new SyncService(options, rows)
  }

  /** The rows about all peers, fresh. */
  states(): PeerSyncState[] {
    return this.#rows.list()
  }

  peers(): PeerStatus[] {
    return this.#links.map(({ endpoint, state, lag }) => ({ endpoint, state, lag }))
  }

  /** Ends every connection, waits for what is being stored, and writes the rows. */
  async close(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.close()))
    await this.#rows.close()
  }

  #link(peer: SyncPeer, options: SyncServiceOptions, slots: FetchSlots): PeerLink {
    const { endpoint, pin, rules, dial } = peer
    const { node, store, clock, random, logger, backOff, cutOffMs } = options
    const rows = this.#rows
    const { counters } = this
    const shared = { endpoint, clock, random, logger, rows, counters, backOff }
    const session = {
      ...shared,
      own: node,
      pin,
      rules,
      store,
      slots,
      intervalMs: options.intervalMs,
      batchLimit: options.batchLimit,
      connectMs: options.connectTimeoutMs,
      callMs: options.callTimeoutMs,
      stallMs: options.stallTimeoutMs,
    }
    const open = (signal: AbortSignal) => V1Session.open(dial, session, signal)
    return new PeerLink({ ...shared, open, cutOffMs })
  }
}
