/**
 * Synchronises this node with its peers: a link for each, all at the same time, none waiting for
 * another (defect L31), and links that other nodes dial.
 *
 * Start it when the store is open, and close it before the store.
 */

import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { DamagedRange, LogStore } from '../core/log-store.ts'
import { BusError, ProtocolError, toBusError } from '../model/errors.ts'
import type { Identity } from '../model/identity.ts'
import { formatNodeId, nodeKey, type NodeId } from '../model/node-id.ts'
import type { PeerSyncState } from '../model/peer-sync-state.ts'
import type { BackOff } from './back-off.ts'
import { FetchSlots } from './fetch-slots.ts'
import { type LinkInfo, sessionInfo } from './link-info.ts'
import { PeerLink, type LinkState } from './peer-link.ts'
import type { FrameStream } from '../net/frame-stream.ts'
import { LinkMemory } from './link/link-memory.ts'
import { type LinkOptions, LinkSession } from './link/link-session.ts'
import { LinkTable } from './link/link-table.ts'
import { peerOpener } from './link/peer-opener.ts'
import type { LiveTraffic } from './live-channel.ts'
import type { PeerRules } from './peer-rules.ts'
import { RecoveryGate } from './recovery-gate.ts'
import { shortText } from './short-text.ts'
import { SyncCounters } from './sync-counters.ts'
import { SyncRows } from './sync-rows.ts'
import type { DialV1 } from './v1-port.ts'
import { pause } from './waiting.ts'
import { fetchesPerPeer } from './v1-session.ts'

/** Nodes that dialled, of which is remembered what they have. */
const memoriesMost = 64
/** Read at a time. */
const repairMessages = 1_000
/** How often to look whether everything has come back. */
const recoveryLookMs = 10
const noHeads = { local: 0, remote: 0 }

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
  /** What holds for a node that dials this one. @throws BusError when it is not welcome */
  readonly rulesFor: (node: NodeId, identity: Identity) => PeerRules
  /** What carries live traffic over links; undefined: nothing does. */
  readonly live?: LiveTraffic | undefined
  /** Larger messages are not taken. */
  readonly envelopeBytes: number
  /** Messages of this node are taken back until `recovered` has settled. */
  readonly recovers?: boolean | undefined
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
  readonly #options: SyncServiceOptions
  readonly #rows: SyncRows
  readonly #slots: FetchSlots
  readonly #table: LinkTable
  readonly #links: PeerLink[]
  /** Those that peers have dialled, until nothing of them is under way. */
  readonly #accepted = new Set<Promise<void>>()
  /** By node. */
  readonly #memories = new Map<string, LinkMemory>()
  /** Nodes that lied, and until when they are not let in: monotonic. */
  readonly #cutOff = new Map<string, number>()
  readonly #stop = new AbortController()
  readonly #recovery: RecoveryGate
  #isClosed = false

  private constructor(options: SyncServiceOptions, rows: SyncRows) {
    this.#options = options
    this.#rows = rows
    this.#slots = new FetchSlots(options.clock, options.parallelPeers * fetchesPerPeer)
    this.#table = new LinkTable(options.node)
    this.#recovery = new RecoveryGate(options.recovers === true)
    this.#links = options.peers.map((peer) => this.#link(peer))
  }

  /** Reads the rows of the store and starts. @throws BusError when the store cannot be read */
  static async start(options: SyncServiceOptions): Promise<SyncService> {
    const { store, clock, logger, peers } = options
    let service: SyncService | undefined
    const isCurrent = (peer: string): boolean => service?.isCurrent(peer) === true
    const rows = await SyncRows.open({ store, clock, logger, isCurrent })
    for (const { endpoint, pin } of peers) {
      if (pin === undefined) logger.warn('peer_not_pinned', { peer: endpoint })
    }
    service = new SyncService(options, rows)
    return service
  }

  /** Whether a peer is configured, or has a link. */
  isCurrent(peer: string): boolean {
    if (this.#links.some(({ endpoint }) => endpoint === peer)) return true
    for (const link of this.#table.values()) if (nameOf(link) === peer) return true
    return false
  }

  /** The rows about all peers, fresh. */
  states(): PeerSyncState[] {
    return this.#rows.list()
  }

  peers(): PeerStatus[] {
    return this.#links.map(({ endpoint, state, lag }) => ({ endpoint, state, lag }))
  }

  /** Peers that are configured, then links that others have dialled. */
  links(): LinkInfo[] {
    const dialled = this.#links.map((link) => link.info())
    const accepted = [...this.#table.values()].filter(({ isOutgoing }) => !isOutgoing)
    const now = { state: 'up', lastError: '', direction: 'incoming' } as const
    return [
      ...dialled,
      ...accepted.map((link) => ({ ...now, peer: nameOf(link), ...sessionInfo(link) })),
    ]
  }

  /** Dials one more peer. */
  add(peer: SyncPeer): void {
    if (this.#isClosed) return
    const { endpoint, pin } = peer
    if (pin === undefined) this.#options.logger.warn('peer_not_pinned', { peer: endpoint })
    this.#links.push(this.#link(peer))
  }

  /** Ends the link to a peer; resolves when nothing of it is under way any more. */
  async remove(endpoint: string): Promise<void> {
    const at = this.#links.findIndex((link) => link.endpoint === endpoint)
    if (at === -1) return
    const [link] = this.#links.splice(at, 1)
    await link?.close()
  }

  /**
   * Resolves when peers have given back what they have of this node, or after `waitMs`, and answers whether all of them
   * were asked. From then on nothing of this node is taken.
   * @param atLeastMs how long to wait for peers that dial this node
   */
  async recovered(waitMs: number, atLeastMs = 0): Promise<boolean> {
    const { clock } = this.#options
    const startedAt = clock.monotonic()
    const isDone = (): boolean =>
      clock.monotonic() - startedAt >= atLeastMs &&
      this.#links.every((link) => link.isNotWaitedFor) &&
      [...this.#table.values()].every((link) => link.hasReturnedOwn)
    while (!isDone() && clock.monotonic() - startedAt < waitMs && !this.#isClosed) {
      await pause(clock, recoveryLookMs, this.#stop.signal)
    }
    this.#recovery.isOpen = false
    return isDone() && this.#links.every((link) => link.hasReturnedOwn)
  }

  /**
   * Fetches messages that are damaged here from whoever has a link and has them; answers how many could be read
   * again. What peers have of this node is taken for that as well: it has to be the message that stood there.
   */
  async repair({ topic, origin, fromHead, toHead }: DamagedRange): Promise<number> {
    const log = { topic, origin }
    const damagedHeads = async (): Promise<number> => {
      let count = 0
      for (let from = fromHead; from <= toHead;) {
        const limit = { messages: Math.min(repairMessages, toHead - from + 1) }
        const { damaged, nextHead } = await this.#options.store.read(log, from, limit)
        for (const range of damaged) {
          count += Math.max(0, Math.min(range.toHead, toHead) - range.fromHead + 1)
        }
        if (nextHead <= from) break
        from = nextHead
      }
      return count
    }
    const before = await damagedHeads()
    let left = before
    for (const link of this.#table.values()) {
      if (left === 0) break
      await link.repair(log, fromHead, toHead)
      left = await damagedHeads()
    }
    return before - left
  }

  /** A link that somebody has dialled. It is ended here when they are not welcome. */
  accept(stream: FrameStream, identity: Identity): void {
    if (this.#isClosed) {
      stream.close(new BusError('unavailable', 'shutting_down', 'the daemon is stopping'))
      return
    }
    const over = this.#accept(stream, identity)
    this.#accepted.add(over)
    void over.finally(() => this.#accepted.delete(over))
  }

  /** Ends every connection, waits for what is being stored, and writes the rows. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#stop.abort()
    for (const link of this.#table.values()) link.stop()
    await Promise.all([...this.#links.map((link) => link.close()), ...this.#accepted])
    await this.#rows.close()
  }

  async #accept(stream: FrameStream, identity: Identity): Promise<void> {
    const { logger } = this.#options
    let node: NodeId | undefined
    try {
      const welcome = (who: NodeId): LinkOptions => {
        node = who
        return this.#welcome(who, identity)
      }
      const nobody = this.#linkOptions('', undefined, {}, this.#newMemory())
      const session = await LinkSession.accept(stream, nobody, welcome)
      const peer = nameOf(session)
      logger.info('peer_connected', { peer, direction: 'incoming' })
      this.#rows.succeeded(peer, undefined, session.heads)
      await session.run(() => undefined, this.#stop.signal)
    } catch (error) {
      this.#ended(node, error)
    }
  }

  /** What holds for a node that has dialled. @throws BusError when it is not welcome */
  #welcome(node: NodeId, identity: Identity): LinkOptions {
    const key = nodeKey(node)
    const untilMs = this.#cutOff.get(key)
    if (untilMs !== undefined) {
      if (untilMs > this.#options.clock.monotonic()) {
        throw new BusError('permission_denied', 'peer_cut_off', 'this peer was cut off')
      }
      this.#cutOff.delete(key)
    }
    const rules = this.#options.rulesFor(node, identity)
    const memory = this.#memories.get(key) ?? this.#newMemory()
    // Those that came last are remembered; others list what they have once more.
    this.#memories.delete(key)
    this.#memories.set(key, memory)
    const [oldest] = this.#memories.keys()
    if (this.#memories.size > memoriesMost && oldest !== undefined) this.#memories.delete(oldest)
    return this.#linkOptions(formatNodeId(node), undefined, rules, memory)
  }

  /** A link that somebody has dialled is over, or was none. */
  #ended(node: NodeId | undefined, error: unknown): void {
    const name = node === undefined ? 'unknown' : formatNodeId(node)
    const { logger, clock, cutOffMs } = this.#options
    const isLie = error instanceof ProtocolError
    const { reason, message } = isLie ? { reason: '', message: error.message } : toBusError(error)
    const fields = { peer: name, direction: 'incoming', message: shortText(message) }
    if (reason === 'already_linked') return
    if (node !== undefined) this.#rows.failed(name, undefined, noHeads, fields.message)
    this.counters.peerFailures += 1
    if (!isLie) {
      logger.info('peer_disconnected', { ...fields, reason })
      return
    }
    this.counters.peersCutOff += 1
    if (node !== undefined) this.#cutOff.set(nodeKey(node), clock.monotonic() + cutOffMs)
    logger.error('peer_cut_off', { ...fields, waitMs: cutOffMs })
  }

  #newMemory(): LinkMemory {
    return new LinkMemory(this.#options.backOff, this.#options.random)
  }

  #linkOptions(
    endpoint: string,
    pin: NodeId | undefined,
    rules: PeerRules,
    memory: LinkMemory,
  ): LinkOptions {
    const { node, store, clock, logger, live, envelopeBytes } = this.#options
    return {
      endpoint,
      own: node,
      pin,
      rules,
      store,
      clock,
      logger,
      rows: this.#rows,
      counters: this.counters,
      slots: this.#slots,
      recovery: this.#recovery,
      memory,
      table: this.#table,
      live,
      envelopeBytes,
      helloMs: this.#options.callTimeoutMs,
      stallMs: this.#options.stallTimeoutMs,
    }
  }

  #link(peer: SyncPeer): PeerLink {
    const { endpoint, pin, rules, dial } = peer
    const options = this.#options
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
      slots: this.#slots,
      recovery: this.#recovery,
      intervalMs: options.intervalMs,
      batchLimit: options.batchLimit,
      connectMs: options.connectTimeoutMs,
      callMs: options.callTimeoutMs,
      stallMs: options.stallTimeoutMs,
    }
    const link = this.#linkOptions(endpoint, pin, rules, this.#newMemory())
    return new PeerLink({ ...shared, open: peerOpener(dial, link, session), cutOffMs })
  }
}

function nameOf(link: LinkSession): string {
  return formatNodeId(link.node)
}
