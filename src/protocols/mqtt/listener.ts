/**
 * The sockets of the MQTT adapter and the connections behind them: TCP, TLS, Unix sockets, and WebSockets on the HTTP
 * port. One coarse timer serves the time limits of all of them; there is none per connection (spec/mqtt 4.10).
 */

import type { Bus } from '../../core/bus.ts'
import type { Clock, Timer } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import { formatListenAddress, type ListenAddress } from '../../net/address.ts'
import type { ByteConnection } from '../../net/byte-connection.ts'
import { ByteServer } from '../../net/byte-server.ts'
import { ProxySources } from '../../net/proxy-protocol.ts'
import type { WebSocketConnection, WebSocketGates } from '../../net/web-socket-gates.ts'
import type { BoundListener, ServerTls } from '../adapter.ts'
import type { Admission } from '../admission.ts'
import { MqttConnection } from './connection.ts'
import type { MqttConfig } from './index.ts'
import { MqttCounters } from './counters.ts'
import { Sessions } from './sessions.ts'

export interface MqttListenerOptions {
  readonly bus: Bus
  readonly admission: Admission
  readonly clock: Clock
  readonly logger: Logger
  readonly tls: ServerTls | undefined
  readonly webSockets: WebSocketGates | undefined
  readonly config: MqttConfig
  /** Of the daemon. */
  readonly version: string
}

/** Keep alives and other limits are kept to within this. */
const tickMs = 250
/** Sessions are looked at this often. */
const sessionTicks = 4
/** What the daemon tells about itself is told every ten seconds. */
const systemTicks = 40
/** A client that does not take the end of its connection has so long. */
const lingerMs = 1_000

type Link = ByteConnection | WebSocketConnection

export class MqttListener {
  readonly counters = new MqttCounters()
  readonly sessions: Sessions
  readonly #options: MqttListenerOptions
  readonly #server: ByteServer
  readonly #connections = new Set<MqttConnection>()
  /** Sockets that are not closed yet. */
  readonly #links = new Set<Link>()
  /** Those whose connection is over, and when they are cut off. */
  readonly #ending = new Map<Link, number>()
  readonly #now: () => number
  readonly #removeGate: (() => void) | undefined
  #nowMs: number
  #ticks = 0
  #isTicking = false
  #timer: Timer | undefined
  #onIdle: () => void = () => undefined
  readonly #stopWatching: () => void

  constructor(options: MqttListenerOptions) {
    this.#options = options
    const { bus, clock, logger, tls, config, webSockets, version } = options
    this.#nowMs = clock.monotonic()
    this.#now = () => this.#nowMs
    this.sessions = new Sessions({ bus, clock, logger, version, counters: this.counters })
    this.#server = new ByteServer({
      tls,
      outboxBytes: config.outboxBytes,
      handshakeTimeoutMs: config.connectTimeoutMs,
      proxied: proxiedBy(config),
      onConnection: (connection) => this.#accept(connection),
      onError: (error) => logger.info('mqtt_connection_failed', { reason: error.message }),
    })
    // Without a listener it is here for bridges only.
    const isOpen = config.listen.length > 0
    this.#removeGate = (isOpen ? webSockets : undefined)?.add({
      path: '/mqtt',
      protocols: ['mqtt', 'mqttv3.1'],
      maxMessageBytes: config.maxPacketBytes,
      outboxBytes: config.outboxBytes,
      accept: (connection) => this.#accept(connection),
    })
    // While everybody is still there, so that sessions and wills find the bus open.
    this.#stopWatching = bus.onShutdown(() => {
      for (const connection of this.#connections) connection.shutDown()
    })
    this.#tickLater()
  }

  get listeners(): readonly BoundListener[] {
    return this.#server.listeners.map((bound) => ({ protocol: 'mqtt', ...bound }))
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
    this.#removeGate?.()
    this.#stopWatching()
    this.#timer?.cancel()
    for (const connection of this.#connections) connection.shutDown()
    await this.sessions.close()
    if (this.#links.size === 0) return
    const cut = this.#options.clock.after(graceMs, () => {
      for (const link of this.#links) link.destroy()
    })
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve
    })
    cut.cancel()
  }

  #accept(link: Link): void {
    const { bus, admission, clock, logger, config } = this.#options
    this.#links.add(link)
    const connection = new MqttConnection({
      bus,
      admission,
      clock,
      logger,
      config,
      link,
      sessions: this.sessions,
      counters: this.counters,
      now: this.#now,
      onClosed: () => {
        this.#connections.delete(connection)
        if (this.#links.has(link)) this.#ending.set(link, this.#nowMs + lingerMs)
      },
    })
    this.#connections.add(connection)
    link.owner = {
      onBytes: (bytes, length) => {
        // MQTT over WebSockets is binary (5.0 section 6).
        if ('lastWasText' in link && link.lastWasText) link.destroy()
        else connection.receive(bytes, length)
      },
      onEnd: () => connection.inputEnded(),
      onFull: () => connection.outboxFull(),
      onRoom: () => connection.outboxEmpty(),
      onClose: () => {
        this.#links.delete(link)
        this.#ending.delete(link)
        connection.socketClosed()
        if (this.#links.size === 0) this.#onIdle()
      },
    }
    link.resume()
  }

  #tickLater(): void {
    const { clock } = this.#options
    this.#timer = clock.after(tickMs, () => {
      this.#nowMs = clock.monotonic()
      for (const connection of this.#connections) connection.tick()
      for (const [link, deadline] of this.#ending) if (this.#nowMs >= deadline) link.destroy()
      this.#ticks += 1
      if (this.#ticks % sessionTicks === 0) this.#tickSessions()
      if (this.#ticks % systemTicks === 0) this.sessions.systemTopics.tell()
      this.#tickLater()
    })
  }

  #tickSessions(): void {
    // Before the store is open there are none; and one look at a time is enough.
    if (this.#options.bus.store === undefined || this.#isTicking) return
    this.#isTicking = true
    this.sessions
      .prepare()
      .then(() => this.sessions.tick())
      .catch((error: unknown) => {
        this.#options.logger.warn('mqtt_sessions_failed', { err: error })
      })
      .finally(() => (this.#isTicking = false))
  }
}

/** The listeners behind proxies. */
function proxiedBy({ proxyProtocol }: MqttConfig) {
  const sources = new ProxySources(proxyProtocol.from)
  const addresses = new Set(proxyProtocol.listen.map(formatListenAddress))
  return (address: ListenAddress) =>
    addresses.has(formatListenAddress(address)) ? sources : undefined
}
