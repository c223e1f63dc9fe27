/**
 * The sockets of the TMB adapter, its WebSocket gate, and the sessions behind both (spec/tmb 8). There is no time
 * limit for idle clients; only a connection that was told to end and is not closed by the other side is cut off.
 */

import type { Clock, Timer } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import { BusError } from '../../model/errors.ts'
import { formatListenAddress, isAddressInUse, type ListenAddress } from '../../net/address.ts'
import type { ConnectionOwner } from '../../net/byte-connection.ts'
import { ByteServer } from '../../net/byte-server.ts'
import type { WebSocketConnection, WebSocketGates } from '../../net/web-socket-gates.ts'
import { tmbErrors } from '../../wire/tmb/words.ts'
import { type AdapterContext, AdapterStartError, type BoundListener } from '../adapter.ts'
import type { ServerTls } from '../adapter.ts'
import { Admission } from '../admission.ts'
import type { TmbConfig } from './index.ts'
import { LineWriter } from './line-writer.ts'
import { isPortSearch, portsToSearch } from './listen-addresses.ts'
import { backlogBytes, QueueBudget } from './output-queue.ts'
import { Regexps } from './regexps.ts'
import { type SessionLink, type SessionShare, TmbSession } from './session.ts'
import { CategoryTable } from './translate.ts'

const keepAliveMs = 60_000
const handshakeTimeoutMs = 10_000
/** How long a connection may take to end after it was told to (spec 8.2). */
const endingMs = 1_000
/** How long somebody who has to show who it is may take for it (spec 9). */
const provingMs = 10_000

/** A connection, whatever it is made of. */
interface Link extends SessionLink {
  owner: ConnectionOwner
  destroy(): void
}

export interface TmbListenerOptions {
  readonly context: AdapterContext
  readonly config: TmbConfig
  readonly clock: Clock
}

export class TmbListener {
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #config: TmbConfig
  readonly #share: SessionShare
  #server: ByteServer
  readonly #tls: ServerTls | undefined
  readonly #sessions = new Set<TmbSession>()
  /** Connections that are not closed yet. */
  readonly #links = new Set<Link>()
  /** Those whose session is over, and when they are cut off; in that order. */
  readonly #ending = new Map<Link, number>()
  #endingTimer: Timer | undefined
  /** Those of whom it is not known who they are, and when they are cut off; in that order. */
  readonly #proving = new Map<TmbSession, { readonly link: Link; readonly deadline: number }>()
  #provingTimer: Timer | undefined
  #leaveGate: () => void = () => undefined
  #onIdle: () => void = () => undefined

  constructor({ context, config, clock }: TmbListenerOptions) {
    const { bus, logger, tls, version } = context
    this.#clock = clock
    this.#logger = logger
    this.#config = config
    this.#tls = tls
    this.#share = {
      bus,
      admission: new Admission(context.authentication, 'tmb'),
      logger,
      version,
      maxLineBytes: config.maxLineBytes,
      slow: config.slow,
      regexps: new Regexps(),
      categories: new CategoryTable(),
      lines: new LineWriter(logger),
      budget: new QueueBudget(config.queueBytes, config.totalQueueBytes),
      clock,
      later: (task) => setImmediate(task),
    }
    this.#server = this.#newServer()
  }

  get listeners(): readonly BoundListener[] {
    return this.#server.listeners.map((bound) => ({ protocol: 'tmb', ...bound }))
  }

  /** Binds every address or none. @throws the system's error, AdapterStartError */
  async bind(): Promise<void> {
    const { listen } = this.#config
    if (isPortSearch(listen)) await this.#searchPort(listen)
    else for (const address of listen) await this.#server.bind(address)
  }

  /** Serves WebSockets, too. */
  join(gates: WebSocketGates): void {
    this.#leaveGate = gates.add({
      path: '/tmb',
      protocols: ['tmb.v1'],
      maxMessageBytes: Math.max(leastMessageBytes, 2 * this.#config.maxLineBytes),
      outboxBytes: backlogBytes,
      accept: (connection) => this.#acceptWebSocket(connection),
    })
  }

  reloadTls(tls: ServerTls): void {
    this.#server.reloadTls(tls)
  }

  /** Accepts nothing more; connections that take their last bytes too slowly are cut off. */
  async stop(graceMs: number): Promise<void> {
    this.#leaveGate()
    this.#server.close()
    this.#endingTimer?.cancel()
    this.#provingTimer?.cancel()
    if (this.#links.size === 0) return
    const cut = this.#clock.after(Math.min(graceMs, endingMs), () => {
      for (const link of this.#links) link.destroy()
    })
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve
    })
    cut.cancel()
  }

  /** The first number that is free on all addresses; one this machine has no family for is left out. */
  async #searchPort(addresses: readonly ListenAddress[]): Promise<void> {
    for (const port of portsToSearch()) {
      try {
        for (const address of addresses) await this.#bindIfPossible(address, port)
        if (this.#server.listeners.length > 0) return
      } catch (error) {
        if (!isAddressInUse(error)) throw error
      }
      this.#server.close()
      this.#server = this.#newServer()
    }
    const [first, last] = [portsToSearch().at(0), portsToSearch().at(-1)]
    throw new AdapterStartError(
      `TMB has no port: all from ${first} to ${last} are taken; give --tmb an address, or --tmb off`,
    )
  }

  async #bindIfPossible(address: ListenAddress, port: number): Promise<void> {
    const wanted = address.kind === 'tcp' ? { ...address, port } : address
    try {
      await this.#server.bind(wanted)
    } catch (error) {
      if (!isFamilyMissing(error)) throw error
      this.#logger.debug('tmb_address_missing', { address: formatListenAddress(wanted) })
    }
  }

  #newServer(): ByteServer {
    return new ByteServer({
      tls: this.#tls,
      outboxBytes: backlogBytes,
      handshakeTimeoutMs,
      keepAliveMs,
      onConnection: (connection) => {
        connection.owner = this.#accept(connection, (session) => ({
          onBytes: (bytes, length) => session.receive(bytes, length),
        }))
      },
      onError: (error) => this.#logger.info('tmb_connection_failed', { reason: error.message }),
    })
  }

  #acceptWebSocket(connection: WebSocketConnection): void {
    connection.owner = this.#accept(connection, (session) => ({
      onBytes: (bytes, length) => {
        // Answers come in the kind that was used last (spec 12.2).
        connection.sendAs = connection.lastWasText ? 'text-or-binary' : 'binary'
        session.receive(bytes, length)
        session.endMessage()
      },
    }))
  }

  /** Makes a session for a connection, and answers who looks after it. */
  #accept(
    link: Link,
    input: (session: TmbSession) => Pick<ConnectionOwner, 'onBytes'>,
  ): ConnectionOwner {
    this.#links.add(link)
    const session = this.#open(link)
    const onClose = (error: Error | undefined) => {
      if (error !== undefined) {
        this.#logger.debug('tmb_connection_broke', { source: link.source, reason: error.message })
      }
      this.#links.delete(link)
      this.#ending.delete(link)
      session?.connectionClosed()
      if (this.#links.size === 0) this.#onIdle()
    }
    if (session === undefined) return { ...nobody, onClose }
    return {
      ...input(session),
      onEnd: () => session.inputEnded(),
      onFull: () => session.outboxFull(),
      onRoom: () => session.outboxEmpty(),
      onClose,
    }
  }

  /** Undefined: there is no place for it; it has been told so and ends. */
  #open(link: Link): TmbSession | undefined {
    if (this.#sessions.size >= this.#config.maxClients) {
      this.#refuse(link, 'too-many-clients')
      return undefined
    }
    try {
      const session: TmbSession = new TmbSession({
        share: this.#share,
        link,
        onClosed: () => {
          this.#sessions.delete(session)
          this.#proving.delete(session)
          this.#endSoon(link)
        },
      })
      this.#sessions.add(session)
      if (!session.isKnown) this.#proveInTime(session, link)
      return session
    } catch (error) {
      if (!(error instanceof BusError)) throw error
      const isStopping = error.reason === 'shutting_down'
      this.#refuse(link, isStopping ? 'shutting-down' : 'too-many-clients')
      return undefined
    }
  }

  #refuse(link: Link, code: 'shutting-down' | 'too-many-clients'): void {
    link.outbox.push(Buffer.from(`error ${code} - ${tmbErrors[code]}\n`), true)
    this.#endSoon(link)
    // Only now: whoever accepted the connection has not set its owner yet.
    queueMicrotask(() => link.end())
  }

  /** Sees to it that a connection that was told to end does. */
  #endSoon(link: Link): void {
    if (!this.#links.has(link)) return
    this.#ending.set(link, this.#clock.monotonic() + endingMs)
    this.#endingTimer ??= this.#clock.after(endingMs, () => this.#cutEnding())
  }

  #proveInTime(session: TmbSession, link: Link): void {
    this.#proving.set(session, { link, deadline: this.#clock.monotonic() + provingMs })
    this.#provingTimer ??= this.#clock.after(provingMs, () => this.#cutUnknown())
  }

  #cutUnknown(): void {
    this.#provingTimer = undefined
    const now = this.#clock.monotonic()
    for (const [session, { link, deadline }] of this.#proving) {
      if (deadline > now && !session.isKnown) {
        this.#provingTimer = this.#clock.after(deadline - now, () => this.#cutUnknown())
        return
      }
      this.#proving.delete(session)
      if (!session.isKnown) link.destroy()
    }
  }

  #cutEnding(): void {
    this.#endingTimer = undefined
    const now = this.#clock.monotonic()
    for (const [link, deadline] of this.#ending) {
      if (deadline > now) {
        this.#endingTimer = this.#clock.after(deadline - now, () => this.#cutEnding())
        return
      }
      this.#ending.delete(link)
      link.destroy()
    }
  }
}

/** Enough for a page that sends a few hundred lines at once. */
const leastMessageBytes = 1_048_576

const nobody: ConnectionOwner = {
  onBytes: () => undefined,
  onEnd: () => undefined,
  onClose: () => undefined,
  onFull: () => undefined,
  onRoom: () => undefined,
}

/** This machine has no IPv6, or no IPv4. */
function isFamilyMissing(error: unknown): boolean {
  const { code } = error as { code?: unknown }
  return code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT'
}
