/**
 * The peers of this daemon: those of the configuration, and those that were added while it ran, which are kept in the
 * store as notes. Only the latter can be removed here; what the configuration says is changed there.
 */

import type { BusClient } from '../core/bus-client.ts'
import type { DamagedRange, LogStore } from '../core/log-store.ts'
import type { DiscoveredRow, NodeRow, Peering, PeerRow } from '../core/peering.ts'
import { BusError } from '../model/errors.ts'
import { formatNodeId } from '../model/node-id.ts'
import type { Discovery } from '../sync/discovery/discovery.ts'
import type { LiveMesh } from '../sync/live/live-mesh.ts'
import type { SyncPeer, SyncService } from '../sync/sync-service.ts'
import { parsePeerSpec, type PeerSpec } from './peer-spec.ts'

const table = 'sync.peers'
/** Each is a connection that is tried for ever. */
const addedMost = 1_000
const encoder = new TextEncoder()
const decoder = new TextDecoder()

export interface PeerKeeperOptions {
  readonly store: LogStore
  readonly sync: SyncService
  readonly mesh: LiveMesh
  readonly discovery: Discovery | undefined
  /** Endpoints of the configuration. */
  readonly configured: readonly string[]
  /** What the configuration says beside of a peer. */
  readonly peerOf: (spec: PeerSpec) => SyncPeer
}

export class PeerKeeper implements Peering {
  readonly #options: PeerKeeperOptions
  readonly #added = new Set<string>()

  private constructor(options: PeerKeeperOptions) {
    this.#options = options
  }

  /** Reads what was added before, and dials it. */
  static async open(options: PeerKeeperOptions): Promise<PeerKeeper> {
    const keeper = new PeerKeeper(options)
    const { store, sync, configured, peerOf } = options
    for await (const { key, value } of store.notes(table)) {
      keeper.#added.add(key)
      if (!configured.includes(key)) sync.add(peerOf(parsePeerSpec(decoder.decode(value))))
    }
    return keeper
  }

  /** Endpoints of all, as they were written. */
  get endpoints(): string[] {
    return [...new Set([...this.#options.configured, ...this.#added])]
  }

  list(client: BusClient): PeerRow[] {
    client.requireAccess('sync', '')
    const { sync, configured } = this.#options
    return sync.links().map(({ node, ...link }) => {
      const keptIn = configured.includes(link.peer) ? 'configuration' : 'store'
      return {
        ...link,
        node: node === undefined ? '' : formatNodeId(node),
        keptIn: link.direction === 'incoming' ? '' : keptIn,
      }
    })
  }

  async add(client: BusClient, peer: string): Promise<void> {
    client.requireAccess('admin', '')
    const { store, sync, configured, peerOf } = this.#options
    const spec = parsePeerSpec(peer)
    const { endpoint } = spec
    if (configured.includes(endpoint) || this.#added.has(endpoint)) {
      throw new BusError('already_exists', 'peer_taken', `${endpoint} is a peer already`)
    }
    if (this.#added.size >= addedMost) {
      const text = `${this.#added.size} peers were added, which is the limit`
      throw new BusError('resource_exhausted', 'quota_exceeded', text)
    }
    // Before it is written, so that of two calls at a time one is refused.
    this.#added.add(endpoint)
    try {
      await store.writeNotes([{ table, key: endpoint, value: encoder.encode(peer) }])
    } catch (error) {
      this.#added.delete(endpoint)
      throw error
    }
    sync.add(peerOf(spec))
  }

  async remove(client: BusClient, peer: string): Promise<void> {
    client.requireAccess('admin', '')
    const { store, sync, configured } = this.#options
    const { endpoint } = parsePeerSpec(peer)
    if (configured.includes(endpoint)) {
      const text = `${endpoint} stands in the configuration; take it out there`
      throw new BusError('failed_precondition', 'peer_configured', text)
    }
    if (!this.#added.has(endpoint)) {
      throw new BusError('not_found', 'not_found', `${endpoint} is no peer`)
    }
    await store.writeNotes([{ table, key: endpoint, value: undefined }])
    this.#added.delete(endpoint)
    await sync.remove(endpoint)
  }

  async repair(client: BusClient, range: DamagedRange): Promise<number> {
    client.requireAccess('admin', '')
    return this.#options.sync.repair(range)
  }

  nodes(client: BusClient): NodeRow[] {
    client.requireAccess('sync', '')
    return this.#options.mesh.nodes()
  }

  discovered(client: BusClient): DiscoveredRow[] {
    client.requireAccess('sync', '')
    const { discovery, sync } = this.#options
    if (discovery === undefined) {
      const text = 'this daemon does not look for others; start it with --discover'
      throw new BusError('unimplemented', 'unsupported', text)
    }
    const linked = new Set(sync.links().map(({ node }) => node && formatNodeId(node)))
    return discovery.nodes().map((node) => {
      return { ...node, linked: linked.has(node.node) || this.endpoints.includes(node.endpoint) }
    })
  }
}
