/**
 * Keeps a connection to one peer: opens a session, lets it run until it breaks, waits, and opens a
 * fresh one. What is spoken is the session's business; a link only knows that sessions end.
 */

import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import { BusError, ProtocolError, toBusError } from '../model/errors.ts'
import { formatNodeId, type NodeId } from '../model/node-id.ts'
import { backOffMs, type BackOff } from './back-off.ts'
import { type LinkInfo, sessionInfo } from './link-info.ts'
import { StoreFailure } from './log-pull.ts'
import type { SyncCounters } from './sync-counters.ts'
import type { Heads, SyncRows } from './sync-rows.ts'
import { shortText } from './short-text.ts'
import { pause } from './waiting.ts'

/** A connection that synchronises by itself. */
export interface PeerSession {
  readonly node: NodeId
  readonly kind: 'link' | 'v1' | 'standby'
  readonly heads: Heads
  /** Everything of this node that the peer has is here, or cannot be. */
  readonly hasReturnedOwn: boolean
  /** See `SessionInfo` (link-info.ts). */
  readonly rttMs?: number | undefined
  readonly behind?: number
  readonly receivedBytes?: number
  readonly sentBytes?: number
  readonly upSinceMs: number
  /** Runs until the signal fires, which it was opened with, and rejects when it breaks before. */
  run(onPass: () => void, signal: AbortSignal): Promise<void>
}

export type OpenSession = (signal: AbortSignal) => Promise<PeerSession>

export interface PeerLinkOptions {
  readonly endpoint: string
  readonly open: OpenSession
  readonly clock: Clock
  /** 0 to below 1. */
  readonly random: () => number
  readonly logger: Logger
  readonly rows: SyncRows
  readonly counters: SyncCounters
  readonly backOff: BackOff
  /** How long a peer that lies is left alone. */
  readonly cutOffMs: number
}

/** What a peer is doing. `cut_off`: it lied, and is left alone for a while. */
export type LinkState = 'connecting' | 'up' | 'waiting' | 'cut_off'

const noSession = {
  node: undefined,
  kind: 'none',
  rttMs: undefined,
  behind: 0,
  receivedBytes: 0,
  sentBytes: 0,
  upSinceMs: undefined,
} as const

export class PeerLink {
  readonly #options: PeerLinkOptions
  readonly #stop = new AbortController()
  readonly #running: Promise<void>
  #state: LinkState = 'connecting'
  #session: PeerSession | undefined
  #heads: Heads = { local: 0, remote: 0 }
  #failures = 0
  /** Somebody answered and it is not the peer, or they do not let us in. */
  #isNobody = false
  #lastError = ''

  /** Starts at once. */
  constructor(options: PeerLinkOptions) {
    this.#options = options
    this.#running = this.#run()
  }

  get endpoint(): string {
    return this.#options.endpoint
  }

  get state(): LinkState {
    return this.#state
  }

  /** Messages that the peer has and this node lacks, as far as is known. */
  get lag(): number {
    const { local, remote } = this.#session?.heads ?? this.#heads
    return remote - local
  }

  /** Everything of this node that the peer has is here, or cannot be. */
  get hasReturnedOwn(): boolean {
    return this.#session?.hasReturnedOwn === true
  }

  /** Waiting for it changes nothing: it was asked, or whoever answers does not let us. */
  get isNotWaitedFor(): boolean {
    return this.#isNobody || this.hasReturnedOwn
  }

  info(): LinkInfo {
    const { endpoint, state } = this
    const session = this.#session
    const found = session === undefined ? { ...noSession, lag: this.lag } : sessionInfo(session)
    return { ...found, peer: endpoint, direction: 'outgoing', state, lastError: this.#lastError }
  }

  /** Resolves when nothing of it is under way any more. */
  close(): Promise<void> {
    this.#stop.abort()
    return this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    const { clock, logger, endpoint, rows, open } = this.#options
    while (!signal.aborted) {
      let waitMs = 0
      try {
        this.#state = 'connecting'
        const session = await open(signal)
        const node = formatNodeId(session.node)
        await session.run(() => {
          if (this.#state !== 'up')
            logger.info('peer_connected', { peer: endpoint, peerNode: node })
          this.#state = 'up'
          this.#session = session
          this.#failures = 0
          this.#isNobody = false
          this.#lastError = ''
          rows.succeeded(endpoint, undefined, session.heads)
        }, signal)
      } catch (error) {
        if (!signal.aborted) waitMs = this.#failed(error)
      }
      if (this.#session !== undefined) this.#heads = this.#session.heads
      this.#session = undefined
      await pause(clock, waitMs, signal)
    }
  }

  /** Says what went wrong, and answers how long to wait. */
  #failed(error: unknown): number {
    const { endpoint, rows, counters, backOff, random, logger, cutOffMs } = this.#options
    const isLie = error instanceof ProtocolError
    const isOurs = error instanceof StoreFailure
    if (error instanceof BusError && error.reason === 'already_linked') {
      // Not a failure: the next session waits for the other link to end.
      this.#state = 'waiting'
      return backOff.minMs
    }
    const message = shortText(isLie || isOurs ? error.message : toBusError(error).message)
    const { code } = toBusError(error)
    this.#isNobody = isLie || (code !== 'unavailable' && code !== 'deadline_exceeded')
    this.#failures += 1
    counters.peerFailures += 1
    rows.failed(endpoint, undefined, this.#session?.heads ?? this.#heads, message)
    const waitMs = isLie ? cutOffMs : backOffMs(this.#failures, backOff, random())
    this.#state = isLie ? 'cut_off' : 'waiting'
    const fields = { peer: endpoint, message, waitMs: Math.round(waitMs) }
    if (isLie) {
      counters.peersCutOff += 1
      logger.error('peer_cut_off', fields)
    } else if (message !== this.#lastError) {
      const reason = isOurs ? 'storage_failed' : toBusError(error).reason
      const details = reason === 'internal' ? { err: error } : {}
      logger[reason === 'internal' ? 'error' : 'warn']('peer_failed', {
        ...fields,
        reason,
        ...details,
      })
    }
    this.#lastError = message
    return waitMs
  }
}
