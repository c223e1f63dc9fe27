/**
 * One connection to a peer that speaks msgbus.v1: who it is, then pass after pass what it has that is
 * not here (spec/msgbus-v1 5.2 with the changes of 5.6).
 *
 * A pass lists the peer's logs and works on those that lack something, several at a time and one batch
 * of each in turn, so that a long log keeps no short one waiting. While a long pass goes on the list is
 * asked for again at every interval. A pass that finds the same list as before does nothing else.
 */

import type { Clock } from '../core/clock.ts'
import type { LogStore } from '../core/log-store.ts'
import type { Logger } from '../core/logger.ts'
import { BusError, ProtocolError } from '../model/errors.ts'
import { deleteMarkerTopic } from '../model/message.ts'
import { nodeKey, type NodeId } from '../model/node-id.ts'
import type { BackOff } from './back-off.ts'
import type { FetchSlots } from './fetch-slots.ts'
import { LogProgress } from './log-progress.ts'
import { LogReports } from './log-reports.ts'
import { pullLog } from './log-pull.ts'
import { checkIdentity, checkOffer, type OfferedLog } from './peer-claims.ts'
import { allowsLog, type PeerRules } from './peer-rules.ts'
import { inOrder, ownLogAhead, planLog } from './planner.ts'
import { hasOwn, type RecoveryGate } from './recovery-gate.ts'
import type { SyncCounters } from './sync-counters.ts'
import type { Heads, SyncRows } from './sync-rows.ts'
import type { DialV1, V1Peer } from './v1-port.ts'
import { pause, within } from './waiting.ts'

export interface V1SessionOptions {
  /** As configured; names the peer in rows and log lines. */
  readonly endpoint: string
  readonly own: NodeId
  /** The node that must answer; undefined: whoever does. */
  readonly pin: NodeId | undefined
  readonly rules: PeerRules
  readonly store: LogStore
  readonly clock: Clock
  /** 0 to below 1. */
  readonly random: () => number
  readonly logger: Logger
  readonly rows: SyncRows
  readonly counters: SyncCounters
  readonly slots: FetchSlots
  readonly recovery: RecoveryGate
  readonly intervalMs: number
  readonly batchLimit: number
  readonly connectMs: number
  readonly callMs: number
  readonly stallMs: number
  readonly backOff: BackOff
}

/** Logs of one peer that are fetched at the same time. */
export const fetchesPerPeer = 4
const groupBytes = 1_048_576
/** The serving side gives no more (spec/msgbus-v1 2.5). */
const batchMost = 10_000
/** Delete markers wait so long at most for messages of their node that are under way. */
const markerPatienceMs = 1_000

export class V1Session {
  readonly kind = 'v1'
  readonly upSinceMs: number
  readonly #options: V1SessionOptions
  readonly #peer: V1Peer
  readonly #signal: AbortSignal
  readonly #progress: LogProgress
  readonly #reports: LogReports
  /** What the peer said last that it has. */
  #offer: OfferedLog[] = []
  #listedAt = -Infinity
  #isListing = false
  /** Sums over the offer, as of when so many messages had been pulled by all sessions. */
  #sums: { readonly pulled: number; readonly heads: Heads } | undefined
  /** Heads up to which logs are here, so that those without news cost a look-up. */
  readonly #settled = new Map<string, number>()
  /** Logs of the offer that have to be looked at again although it has not changed. */
  #again = new Set<OfferedLog>()
  /** By key, in the order of turns. */
  readonly #queue = new Map<string, OfferedLog>()
  /** Keys of logs that have their turn. */
  readonly #active = new Set<string>()
  /** Fetches of messages under way, by origin. */
  readonly #underWay = new Map<string, Set<Promise<void>>>()
  readonly node: NodeId

  private constructor(options: V1SessionOptions, peer: V1Peer, node: NodeId, signal: AbortSignal) {
    this.#options = options
    this.#peer = peer
    this.node = node
    this.#signal = signal
    this.#progress = new LogProgress(options.backOff, options.random)
    this.upSinceMs = options.clock.now()
    this.#reports = new LogReports(options, this.#progress)
  }

  /**
   * Connects and asks who is there.
   *
   * @throws BusError `unavailable`, `deadline_exceeded`, `failed_precondition` (peer-claims.ts)
   * @throws ProtocolError
   */
  static async open(
    dial: DialV1,
    options: V1SessionOptions,
    signal: AbortSignal,
  ): Promise<V1Session> {
    const { clock, connectMs, callMs, own, pin } = options
    const giveUp = new AbortController()
    let peer: V1Peer | undefined
    const abort = (): void => {
      giveUp.abort()
      peer?.close()
    }
    signal.addEventListener('abort', abort)
    try {
      const dialing = dial(giveUp.signal)
      // A connection that stands too late is of no use to anybody.
      dialing.then(
        (late) => giveUp.signal.aborted && late.close(),
        () => undefined,
      )
      peer = await within(clock, connectMs, 'the connection', dialing)
      const health = await within(clock, callMs, 'Health', peer.health())
      return new V1Session(options, peer, checkIdentity(health, own, pin), signal)
    } catch (error) {
      abort()
      throw error
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /**
   * Synchronises until the signal fires; then it resolves. `onPass` is called after each pass.
   *
   * @throws what ends the session; afterwards nothing of it is under way
   */
  async run(onPass: () => void): Promise<void> {
    const { clock, intervalMs } = this.#options
    const close = (): void => this.#peer.close()
    this.#signal.addEventListener('abort', close)
    try {
      while (!this.#signal.aborted) {
        await this.#pass()
        onPass()
        await pause(clock, intervalMs, this.#signal)
      }
    } catch (error) {
      if (!this.#signal.aborted) throw error
    } finally {
      this.#signal.removeEventListener('abort', close)
      this.#peer.close()
    }
  }

  /** Over all logs that are taken from the peer: messages that are here, and there. */
  get heads(): Heads {
    const { store, rules, counters } = this.#options
    const pulled = counters.messagesPulled
    if (this.#sums?.pulled === pulled) return this.#sums.heads
    const heads = { local: 0, remote: 0 }
    for (const log of this.#offer) {
      if (!allowsLog(rules, log)) continue
      heads.local += Math.min(store.head(log) ?? 0, log.head)
      heads.remote += log.head
    }
    this.#sums = { pulled, heads }
    return heads
  }

  /** Everything of this node that the peer has is here, or cannot be. */
  get hasReturnedOwn(): boolean {
    const { own, store } = this.#options
    return this.#listedAt >= 0 && hasOwn(this.#offer, own, store, this.#progress)
  }

  async #pass(): Promise<void> {
    await this.#list()
    const workers = Array.from({ length: fetchesPerPeer }, () => this.#work())
    const failures: unknown[] = []
    for (const worker of await Promise.allSettled(workers)) {
      if (worker.status === 'rejected') failures.push(worker.reason)
    }
    if (failures.length === 0) return
    // Whoever failed first closed the connection, which is what the others say.
    throw failures.find((error) => error instanceof ProtocolError) ?? failures[0]
  }

  /** Asks what the peer has and queues what has to be done about it. */
  async #list(): Promise<void> {
    const { clock, callMs } = this.#options
    this.#listedAt = clock.monotonic()
    this.#isListing = true
    const heads = await within(clock, callMs, 'ListHeads', this.#peer.listHeads())
    this.#isListing = false
    let candidates: Iterable<OfferedLog> = this.#again
    this.#again = new Set()
    if (heads !== undefined) {
      this.#offer = checkOffer(heads)
      this.#sums = undefined
      candidates = this.#offer
    }
    const wanted: OfferedLog[] = []
    for (const log of candidates) if (this.#isWanted(log)) wanted.push(log)
    for (const log of inOrder(wanted)) {
      // The newer offer takes the place of the older one.
      if (this.#active.has(log.key)) this.#again.add(log)
      else this.#queue.set(log.key, log)
    }
  }

  /** Deals with what needs no fetch; answers whether the log needs one. */
  #isWanted(log: OfferedLog): boolean {
    if (this.#settled.get(log.key) === log.head) return false
    if (this.#queue.has(log.key) || this.#active.has(log.key)) return true
    const step = this.#plan(log)
    switch (step.kind) {
      case 'not_wanted':
        return false
      case 'later':
        this.#again.add(log)
        return false
      case 'refused':
        this.#failed(log, log.refusal ?? new BusError('internal', 'internal', 'not refused'))
        return false
      case 'own_ahead': {
        this.#failed(log, ownLogAhead(log.head))
        return false
      }
      case 'in_step':
        this.#succeeded(log)
        return false
      case 'fetch':
        return true
    }
  }

  /** One of several that work off the queue. */
  async #work(): Promise<void> {
    const { clock, intervalMs, slots } = this.#options
    try {
      for (;;) {
        const [log] = this.#queue.values()
        if (log === undefined || this.#signal.aborted) return
        this.#queue.delete(log.key)
        this.#active.add(log.key)
        const hasMore = await slots.run(() => this.#turn(log))
        this.#active.delete(log.key)
        if (hasMore) this.#queue.set(log.key, log)
        const isDue = clock.monotonic() - this.#listedAt >= intervalMs
        if (isDue && !this.#isListing) await this.#list()
      }
    } catch (error) {
      this.#peer.close()
      throw error
    }
  }

  /** A batch of one log; answers whether there is more to fetch. Failures of the log stay here. */
  async #turn(log: OfferedLog): Promise<boolean> {
    const { slots } = this.#options
    if (!slots.claim(log.key, this)) {
      this.#again.add(log)
      return false
    }
    try {
      return log.topic === deleteMarkerTopic ? await this.#markers(log) : await this.#messages(log)
    } catch (error) {
      if (!(error instanceof BusError) || isAboutThePeer(error)) throw error
      this.#failed(log, error)
      return false
    } finally {
      slots.release(log.key, this)
    }
  }

  async #messages(log: OfferedLog): Promise<boolean> {
    const origin = nodeKey(log.origin)
    let fetches = this.#underWay.get(origin)
    if (fetches === undefined) {
      fetches = new Set()
      this.#underWay.set(origin, fetches)
    }
    const fetching = this.#fetch(log)
    const over = fetching.then(
      () => undefined,
      () => undefined,
    )
    fetches.add(over)
    try {
      return await fetching
    } finally {
      fetches.delete(over)
      if (fetches.size === 0) this.#underWay.delete(origin)
    }
  }

  async #markers(log: OfferedLog): Promise<boolean> {
    const { clock } = this.#options
    const fetches = this.#underWay.get(nodeKey(log.origin))
    if (fetches !== undefined) {
      const patience = new AbortController()
      const enough = pause(clock, markerPatienceMs, patience.signal)
      await Promise.race([Promise.all(fetches), enough])
      patience.abort()
    }
    return this.#fetch(log)
  }

  async #fetch(log: OfferedLog): Promise<boolean> {
    const { store, clock, counters, slots, stallMs } = this.#options
    const step = this.#plan(log)
    if (step.kind !== 'fetch') {
      if (step.kind === 'in_step') this.#succeeded(log)
      return false
    }
    const { from, isComparing } = step
    const isOnlyComparing = isComparing && log.head <= (store.head(log) ?? 0)
    const limit = isOnlyComparing ? 1 : Math.min(this.#options.batchLimit, batchMost)
    const range = { from, isComparing, limit }
    const pull = { store, clock, counters, slots, stallMs, groupBytes }
    const count = await pullLog(this.#peer, log, range, pull)
    const local = store.head(log) ?? 0
    if (count === 0 && (isComparing || local < from)) {
      const text = `the peer lists head ${log.head} and sent nothing from ${from} on`
      throw new BusError('data_loss', 'head_not_served', text)
    }
    // What came from its first message on is this peer's history.
    if (isComparing || from === 1) this.#progress.compared(log.key)
    this.#succeeded(log)
    return local < log.head
  }

  #plan(log: OfferedLog) {
    const { own, store, rules, clock } = this.#options
    const { recovery } = this.#options
    const progress = this.#progress
    const now = clock.monotonic()
    return planLog(log, { own, store, rules, progress, recovers: recovery.isOpen, now })
  }

  #succeeded(log: OfferedLog): void {
    if (this.#reports.succeeded(log) >= log.head) this.#settled.set(log.key, log.head)
  }

  #failed(log: OfferedLog, error: BusError): void {
    this.#reports.failed(log, error)
    this.#again.add(log)
  }
}

/** The connection is gone, or we are not let in: nothing that concerns one log. */
function isAboutThePeer({ code }: BusError): boolean {
  return code === 'unavailable' || code === 'cancelled' || code === 'unauthenticated'
}
