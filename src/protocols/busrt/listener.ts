/**
 * The sockets of the BUS/RT adapter and the sessions behind them. One coarse timer serves the time limits and
 * pings of all sessions; there is none per connection (architecture 6).
 */

import type { Clock, Timer } from '../../core/clock.ts'
import type { Bus } from '../../core/bus.ts'
import type { Logger } from '../../core/logger.ts'
import type { ByteConnection } from '../../net/byte-connection.ts'
import { ByteServer } from '../../net/byte-server.ts'
import type { WebSocketConnection, WebSocketGate } from '../../net/web-socket-gates.ts'
import type { BoundListener, ServerTls } from '../adapter.ts'
import type { Admission } from '../admission.ts'
import type { BusrtConfig } from './index.ts'
import { BusrtSession } from './session.ts'

export interface BusrtListenerOptions {
  readonly bus: Bus
  readonly admission: Admission
  readonly clock: Clock
  readonly logger: Logger
  readonly tls: ServerTls | undefined
  readonly config: BusrtConfig
}

/** Looks at the sessions in one timeout: limits are kept to within this part of it. */
const ticksPerTimeout = 16
const longestTickMs = 500
/** Of the protocol in front of a frame on a WebSocket: a registration, or frames that share a write. */
const messageOverheadBytes = 65_536
/** WebSocket close code (RFC 6455 7.4.1): the kind of data is none that can be taken. */
const unsupportedData = 1003

type Link = ByteConnection | WebSocketConnection

export class BusrtListener {
  readonly #options: BusrtListenerOptions
  readonly #server: ByteServer
  readonly #sessions = new Set<BusrtSession>()
  /** Connections that are not closed yet. */
  readonly #connections = new Set<Link>()
  /** Those whose session is over, and when they are cut off if the other side does not close. */
  readonly #ending = new Map<Link, number>()
  readonly #now: () => number
  #nowMs: number
  #timer: Timer | undefined
  #onIdle: () => void = () => undefined

  constructor(options: BusrtListenerOptions) {
    this.#options = options
    const { bus, clock, logger, tls, config } = options
    this.#nowMs = clock.monotonic()
    this.#now = () => this.#nowMs
    this.#server = new ByteServer({
      tls,
      outboxBytes: bus.limits.outboxBytes,
      handshakeTimeoutMs: config.timeoutMs,
      onConnection: (connection) => this.#accept(connection),
      onError: (error) => logger.info('busrt_connection_failed', { reason: error.message }),
    })
    this.#tickLater()
  }

  get listeners(): readonly BoundListener[] {
    return this.#server.listeners.map((bound) => ({ protocol: 'busrt', ...bound }))
  }

  /** Binds every address or none. @throws the system's error */
  async bind(): Promise<void> {
    for (const address of this.#options.config.listen) await this.#server.bind(address)
  }

  reloadTls(tls: ServerTls): void {
    this.#server.reloadTls(tls)
  }

  /** Accepts nothing more; connections that take their last bytes too slowly are cut off. */
  async stop(graceMs: number): Promise<void> {
    this.#server.close()
    this.#timer?.cancel()
    if (this.#connections.size === 0) return
    const cut = this.#options.clock.after(graceMs, () => {
      for (const connection of this.#connections) connection.destroy()
    })
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve
    })
    cut.cancel()
  }

  /** The protocol as a WebSocket: a stream of bytes, cut into binary messages anywhere (spec/busrt 1.2). */
  get webSocketGate(): WebSocketGate {
    const { bus, config } = this.#options
    return {
      path: '/busrt',
      protocols: [],
      maxMessageBytes: config.maxFrameBytes + messageOverheadBytes,
      outboxBytes: bus.limits.outboxBytes,
      accept: (connection) => {
        const session = this.#accept(connection)
        const { owner } = connection
        connection.owner = {
          ...owner,
          onBytes: (bytes, length) => {
            if (!connection.lastWasText) session.receive(bytes, length)
            else {
              session.connectionClosed()
              connection.end(unsupportedData)
            }
          },
        }
      },
    }
  }

  #accept(connection: Link): BusrtSession {
    const { bus, admission, logger, config } = this.#options
    this.#connections.add(connection)
    const session: BusrtSession = new BusrtSession({
      bus,
      admission,
      logger,
      link: connection,
      timeoutMs: config.timeoutMs,
      maxFrameBytes: config.maxFrameBytes,
      forceRegister: config.forceRegister,
      now: this.#now,
      afterEvents: (task) => setImmediate(task),
      onClosed: () => {
        this.#sessions.delete(session)
        if (this.#connections.has(connection)) {
          this.#ending.set(connection, this.#nowMs + config.timeoutMs)
        }
      },
    })
    this.#sessions.add(session)
    connection.owner = {
      onBytes: (bytes, length) => session.receive(bytes, length),
      onEnd: () => session.inputEnded(),
      onFull: () => session.outboxFull(),
      onRoom: () => session.outboxEmpty(),
      onClose: (error) => {
        if (error !== undefined) {
          logger.debug('busrt_connection_broke', { client: session.name, reason: error.message })
        }
        this.#connections.delete(connection)
        this.#ending.delete(connection)
        session.connectionClosed()
        if (this.#connections.size === 0) this.#onIdle()
      },
    }
    return session
  }

  #tickLater(): void {
    const { clock, config } = this.#options
    const tickMs = Math.min(longestTickMs, config.timeoutMs / ticksPerTimeout)
    this.#timer = clock.after(tickMs, () => {
      this.#nowMs = clock.monotonic()
      for (const session of this.#sessions) session.tick()
      for (const [connection, deadline] of this.#ending) {
        if (this.#nowMs >= deadline) connection.destroy()
      }
      this.#tickLater()
    })
  }
}
