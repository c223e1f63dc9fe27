/**
 * The sockets of the WAMP adapter and the connections behind them: RawSocket over TCP, TLS and Unix sockets, and
 * WebSockets on the HTTP port. One coarse timer serves the time limits of all of them.
 */

import type { Authentication } from '../../core/authentication.ts'
import type { Bus } from '../../core/bus.ts'
import type { Clock, Timer } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import { ProtocolError } from '../../model/errors.ts'
import type { ByteConnection } from '../../net/byte-connection.ts'
import { ByteServer } from '../../net/byte-server.ts'
import type { WebSocketConnection, WebSocketGates } from '../../net/web-socket-gates.ts'
import type { Serializer } from '../../wire/wamp/serializer.ts'
import {
  allSerializers,
  serializerOfNumber,
  serializerOfSubprotocol,
} from '../../wire/wamp/serializers.ts'
import type { BoundListener, ServerTls } from '../adapter.ts'
import { WampConnection } from './connection.ts'
import type { WampConfig } from './index.ts'
import { RawSocketLink } from './raw-socket-link.ts'
import { Realm } from './realm.ts'
import { type WampTransport, WebSocketTransport } from './transport.ts'
import { WampAuthenticator } from './wamp-authenticator.ts'

export interface WampListenerOptions {
  readonly bus: Bus
  readonly clock: Clock
  readonly logger: Logger
  readonly tls: ServerTls | undefined
  readonly webSockets: WebSocketGates | undefined
  readonly config: WampConfig
  readonly authentication: Authentication
  /** Of the daemon. */
  readonly version: string
}

/** Time limits are kept to within this. */
const tickMs = 250
/** A client that does not take the end of its connection has so long. */
const lingerMs = 1_000
const webSocketPaths = ['/wamp', '/ws']

interface Closable {
  destroy(): void
}

export class WampListener {
  readonly realms: ReadonlyMap<string, Realm>
  readonly #options: WampListenerOptions
  readonly #server: ByteServer
  readonly #connections = new Set<WampConnection>()
  /** Those that have not said yet what they speak. */
  readonly #handshakes = new Set<RawSocketLink>()
  /** Sockets that are not closed yet. */
  readonly #links = new Set<Closable>()
  /** Those whose connection is over, and when they are cut off. */
  readonly #ending = new Map<Closable, number>()
  readonly #removeGates: readonly (() => void)[]
  readonly #authenticator: WampAuthenticator
  readonly #now: () => number
  #nowMs: number
  #timer: Timer | undefined
  #isStopping = false
  #onIdle: () => void = () => undefined
  readonly #stopWatching: () => void

  constructor(options: WampListenerOptions) {
    this.#options = options
    const { bus, clock, logger, tls, config, webSockets, authentication } = options
    this.#nowMs = clock.monotonic()
    this.#now = () => this.#nowMs
    this.#authenticator = new WampAuthenticator(authentication, () => clock.now())
    this.realms = new Map(
      config.realms.map((realm, i) => {
        const { perSession } = config
        // What other protocols call, and are called by, is the first realm.
        const callSpace = i === 0 ? undefined : `wamp ${realm.name}`
        return [realm.name, new Realm({ ...realm, perSession, callSpace, bus, clock, logger })]
      }),
    )
    this.#server = new ByteServer({
      tls,
      outboxBytes: config.outboxBytes,
      handshakeTimeoutMs: config.joinTimeoutMs,
      onConnection: (connection) => this.#acceptRaw(connection),
      onError: (error) => logger.info('wamp_connection_failed', { reason: error.message }),
    })
    this.#removeGates = webSocketPaths.flatMap((path) => {
      const remove = webSockets?.add({
        path,
        protocols: allSerializers.map(({ subprotocol }) => subprotocol),
        clientChooses: true,
        maxMessageBytes: config.maxMessageBytes,
        outboxBytes: config.outboxBytes,
        endsItself: true,
        accept: (connection) => this.#acceptWebSocket(connection),
      })
      return remove === undefined ? [] : [remove]
    })
    // While everybody is still there, so that sessions and testaments find the bus open.
    this.#stopWatching = bus.onShutdown(() => this.#shutDown())
    this.#tickLater()
  }

  get listeners(): readonly BoundListener[] {
    return this.#server.listeners.map((bound) => ({ protocol: 'wamp', ...bound }))
  }

  /** Binds every address or none. @throws the system's error */
  async bind(): Promise<void> {
    for (const address of this.#options.config.listen) await this.#server.bind(address)
  }

  reloadTls(tls: ServerTls): void {
    this.#server.reloadTls(tls)
  }

  /** Accepts nothing more; who does not answer GOODBYE within the grace time is cut off. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true
    this.#server.close()
    for (const remove of this.#removeGates) remove()
    this.#stopWatching()
    this.#shutDown()
    if (this.#links.size > 0) {
      const cut = this.#options.clock.after(graceMs, () => {
        for (const link of this.#links) link.destroy()
      })
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
      cut.cancel()
    }
    this.#timer?.cancel()
    for (const realm of this.realms.values()) realm.close()
  }

  #shutDown(): void {
    for (const connection of this.#connections) connection.shutDown()
    for (const handshake of this.#handshakes) handshake.end()
  }

  #acceptWebSocket(link: WebSocketConnection): void {
    const serializer = serializerOfSubprotocol(link.protocol)
    if (serializer === undefined || this.#isStopping) {
      link.end()
      return
    }
    this.#links.add(link)
    const transport = new WebSocketTransport(link, serializer)
    const connection = this.#connect(transport, serializer, link)
    link.owner = {
      onBytes: (bytes, length) => {
        if (link.lastWasText === serializer.isText) connection.receive(bytes, 0, length)
        else connection.violated(new ProtocolError('text and binary messages mixed up'))
      },
      onEnd: () => connection.inputEnded(),
      onFull: () => connection.outboxFull(),
      onRoom: () => connection.outboxEmpty(),
      onClose: () => {
        this.#gone(link)
        connection.lost()
      },
    }
    link.resume()
  }

  #acceptRaw(link: ByteConnection): void {
    const { maxMessageBytes, joinTimeoutMs } = this.#options.config
    this.#links.add(link)
    const raw = new RawSocketLink({
      link,
      maxMessageBytes,
      deadline: this.#nowMs + joinTimeoutMs,
      serializerOf: serializerOfNumber,
      onAgreed: (transport, serializer) => {
        this.#handshakes.delete(raw)
        return this.#connect(transport, serializer, link)
      },
      onEnding: () => {
        this.#handshakes.delete(raw)
        if (this.#links.has(link)) this.#ending.set(link, this.#nowMs + lingerMs)
      },
      onClose: () => {
        this.#handshakes.delete(raw)
        this.#gone(link)
      },
    })
    this.#handshakes.add(raw)
    link.resume()
  }

  #connect(transport: WampTransport, serializer: Serializer, link: Closable): WampConnection {
    const { bus, clock, logger, config, version, authentication } = this.#options
    const connection = new WampConnection({
      bus,
      clock,
      logger,
      config,
      version,
      authentication,
      authenticator: this.#authenticator,
      realms: this.realms,
      serializer,
      transport,
      isTextChecked: transport instanceof WebSocketTransport,
      tickMs,
      now: this.#now,
      onClosed: () => {
        this.#connections.delete(connection)
        if (this.#links.has(link)) this.#ending.set(link, this.#nowMs + lingerMs)
      },
    })
    this.#connections.add(connection)
    return connection
  }

  #gone(link: Closable): void {
    this.#links.delete(link)
    this.#ending.delete(link)
    if (this.#links.size === 0) this.#onIdle()
  }

  #tickLater(): void {
    const { clock } = this.#options
    this.#timer = clock.after(tickMs, () => {
      this.#nowMs = clock.monotonic()
      for (const connection of this.#connections) connection.tick()
      for (const handshake of this.#handshakes) {
        if (this.#nowMs >= handshake.deadline) handshake.end()
      }
      for (const [link, deadline] of this.#ending) if (this.#nowMs >= deadline) link.destroy()
      this.#tickLater()
    })
  }
}
