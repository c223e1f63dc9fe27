/** The other daemons, as adapters list and change them. Who may is checked by whoever implements it: `sync` to list, `admin` to change. */

import type { BusClient } from './bus-client.ts'
import type { DamagedRange } from './log-store.ts'

/** A peer that is dialled, or a link that another daemon has dialled. */
export interface PeerRow {
  /** Endpoint as it was written; of a link that was dialled from there, the node id. */
  readonly peer: string
  /** `tenant/bl/device`; empty while nobody has answered. */
  readonly node: string
  readonly direction: 'outgoing' | 'incoming'
  /** Where it is written down; empty: it dialled. */
  readonly keptIn: 'configuration' | 'store' | ''
  readonly state: 'connecting' | 'up' | 'waiting' | 'cut_off'
  /** `standby`: another link to this node is up. */
  readonly kind: 'link' | 'v1' | 'standby' | 'none'
  /** Undefined: not known. */
  readonly rttMs: number | undefined
  /** Messages that it has and this node lacks, as far as is known. */
  readonly lag: number
  /** Messages that it asked for and has not stored. */
  readonly behind: number
  readonly receivedBytes: number
  readonly sentBytes: number
  readonly upSinceMs: number | undefined
  /** Empty since it is up. */
  readonly lastError: string
}

/** A daemon that can be reached over links. */
export interface NodeRow {
  readonly node: string
  readonly hops: number
  readonly clients: number
  readonly procedures: number
  readonly filters: number
}

/** A daemon that says on this network that it is there. Nothing has proved it. */
export interface DiscoveredRow {
  readonly node: string
  /** What `add` takes. */
  readonly peer: string
  readonly version: string
  readonly lastSeenMs: number
  /** It is a peer, or has a link. */
  readonly linked: boolean
}

export interface Peering {
  list(client: BusClient): PeerRow[]
  /**
   * Dials another daemon from now on, also after a restart.
   * @param peer `endpoint` or `endpoint=tenant/bl/device`
   * @throws BusError `invalid_argument/bad_config`, `already_exists/peer_taken`, `resource_exhausted/quota_exceeded`
   */
  add(client: BusClient, peer: string): Promise<void>
  /** @throws BusError `not_found`, `failed_precondition/peer_configured` when it stands in the configuration */
  remove(client: BusClient, peer: string): Promise<void>
  /** Fetches messages that are damaged here from peers that have a link; answers how many could be read again. */
  repair(client: BusClient, range: DamagedRange): Promise<number>
  nodes(client: BusClient): NodeRow[]
  /** @throws BusError `unimplemented/unsupported` when the daemon does not look for others */
  discovered(client: BusClient): DiscoveredRow[]
}
