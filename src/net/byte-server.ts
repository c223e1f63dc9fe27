/**
 * The listeners of a protocol that is a stream of bytes: TCP, Unix sockets and TLS, several of them, all
 * bound or none. Each accepted connection comes out as a `ByteConnection`.
 */

import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls'
import type { ListenAddress, ListenerSettings } from './address.ts'
import { ByteConnection } from './byte-connection.ts'
import { ConnectionLimits } from './connection-limits.ts'
import { listen } from './listen.ts'
import { FlushSchedule } from './outbox.ts'
import { ProxyProtocolError, type ProxySources, takeProxyHeader } from './proxy-protocol.ts'
import { type ReadMode, readFrom } from './read-buffer.ts'
import { sourceOf } from './source.ts'
import { ListenerTls, type TlsMaterial } from './server-tls.ts'

export interface ByteServerOptions {
  readonly tls: TlsMaterial | undefined
  /** High mark of a connection's outbox. */
  readonly outboxBytes: number
  /** Time for a TLS handshake. */
  readonly handshakeTimeoutMs: number
  /** A TCP connection that is silent for so long is asked for a sign of life. Absent: never. */
  readonly keepAliveMs?: number | undefined
  readonly onConnection: (connection: ByteConnection) => void
  /** A connection that never became one: a failed TLS handshake, no descriptors left. */
  readonly onError: (error: Error) => void
  readonly readMode?: ReadMode | undefined
  /** Whether a connection to this address begins with the header of a proxy, and of which ones. Absent: none does. */
  readonly proxied?: ((address: ListenAddress) => ProxySources | undefined) | undefined
}

export interface BoundAddress {
  /** `host:port` with the real port, or `unix:/path`. */
  readonly address: string
  readonly tls: boolean
}

export class ByteServer {
  readonly schedule = new FlushSchedule()
  readonly #options: ByteServerOptions
  readonly #servers: Server[] = []
  readonly #tlsServers: { readonly server: TlsServer; readonly tls: ListenerTls }[] = []
  readonly #bound: BoundAddress[] = []

  constructor(options: ByteServerOptions) {
    this.#options = options
  }

  get listeners(): readonly BoundAddress[] {
    return this.#bound
  }

  /** @throws the system's error */
  async bind(address: ListenAddress): Promise<void> {
    const bound = { address: '' }
    const proxies = this.#options.proxied?.(address)
    const server = proxies
      ? this.#proxiedServer(address, bound, proxies)
      : address.tls
        ? this.#secureServer(address, bound)
        : this.#plainServer(address, bound)
    bound.address = await listen(server, address)
    server.on('error', (error) => this.#options.onError(error))
    this.#servers.push(server)
    this.#bound.push({ address: bound.address, tls: address.tls })
  }

  /** New connections use it; established ones go on. */
  reloadTls(tls: TlsMaterial): void {
    for (const { server, tls: own } of this.#tlsServers) own.reload(tls, server)
  }

  /** Accepts nothing more. Connections are their owners' to close; unfinished handshakes time out. */
  close(): void {
    for (const server of this.#servers) server.close()
  }

  #plainServer(address: ListenAddress, bound: { readonly address: string }): Server {
    const { onConnection, readMode = 'shared' } = this.#options
    const limits = new ConnectionLimits(address.settings)
    const noDelay = address.kind === 'tcp'
    const options = { pauseOnConnect: true, allowHalfOpen: true, noDelay, ...this.#keepAlive() }
    return createServer(options, (accepted) => {
      const leave = limits.take(accepted)
      if (leave === undefined) return
      const source = sourceOf(accepted)
      let connection: ByteConnection | undefined
      const socket = readFrom(accepted, readMode, (bytes, length) => {
        connection?.receive(bytes, length)
      })
      // It may be another one than was accepted.
      socket.once('close', leave)
      connection = this.#open(socket, address, source, bound.address)
      onConnection(connection)
    })
  }

  /**
   * Connections that come by a proxy: they are handed on when their header was read. One that comes from elsewhere, or
   * whose header does not do, is closed without a word.
   */
  #proxiedServer(
    address: ListenAddress,
    bound: { readonly address: string },
    proxies: ProxySources,
  ): Server {
    const { onConnection, onError, handshakeTimeoutMs } = this.#options
    /** By the connection to the proxy: who it speaks for. */
    const sources = new Map<string, string | undefined>()
    const secure = address.tls ? this.#secureServer(address, bound, sources) : undefined
    // Behind a proxy all come from one address, which says nothing about them.
    const limits = new ConnectionLimits({ maxConnections: address.settings?.maxConnections })
    const noDelay = address.kind === 'tcp'
    return createServer({ allowHalfOpen: true, noDelay, ...this.#keepAlive() }, (accepted) => {
      if (!limits.admit(accepted)) return
      accepted.on('error', () => accepted.destroy())
      if (address.kind === 'tcp' && !proxies.has(accepted.remoteAddress)) {
        const from = accepted.remoteAddress ?? 'somebody who has gone'
        onError(new ProxyProtocolError(`${from} is no proxy that is configured`))
        accepted.destroy()
        return
      }
      takeProxyHeader(accepted, handshakeTimeoutMs).then(
        ({ source = sourceOf(accepted) }) => {
          if (secure !== undefined) {
            const key = keyOf(accepted)
            sources.set(key, source)
            accepted.on('close', () => sources.delete(key))
            secure.emit('connection', accepted)
            return
          }
          const through = { ...address, settings: certificateOnly(address.settings) }
          const connection = this.#open(accepted, through, source, bound.address)
          readFrom(accepted, 'events', (bytes, length) => connection.receive(bytes, length))
          onConnection(connection)
        },
        (error: Error) => {
          accepted.destroy()
          onError(error)
        },
      )
    })
  }

  /** @param sources whom connections speak for, where proxies say that; absent: for themselves */
  #secureServer(
    address: ListenAddress,
    bound: { readonly address: string },
    sources?: ReadonlyMap<string, string | undefined>,
  ): TlsServer {
    const { tls, onConnection, onError, handshakeTimeoutMs } = this.#options
    if (tls === undefined) throw new Error('a TLS listener needs a certificate')
    const own = new ListenerTls(tls, address.settings, handshakeTimeoutMs)
    const server = createTlsServer({
      ...own.serverOptions,
      allowHalfOpen: true,
      noDelay: true,
      ...this.#keepAlive(),
    })
    if (sources === undefined) new ConnectionLimits(address.settings).watch(server)
    server.on('tlsClientError', onError)
    own.guard(server)
    server.on('secureConnection', (socket) => {
      if (socket.destroyed) return
      const source = sources?.get(keyOf(socket)) ?? sourceOf(socket)
      const proved = sources === undefined ? address.settings : certificateOnly(address.settings)
      const connection = this.#open(socket, { ...address, settings: proved }, source, bound.address)
      readFrom(socket, 'events', (bytes, length) => connection.receive(bytes, length))
      onConnection(connection)
    })
    this.#tlsServers.push({ server, tls: own })
    return server
  }

  #keepAlive() {
    const { keepAliveMs } = this.#options
    if (keepAliveMs === undefined) return {}
    return { keepAlive: true, keepAliveInitialDelay: keepAliveMs }
  }

  #open(
    socket: Socket,
    address: ListenAddress,
    source: string | undefined,
    listener: string,
  ): ByteConnection {
    return new ByteConnection({
      socket,
      transport: address.kind === 'unix' ? 'local_ipc' : 'tcp',
      source,
      listener,
      schedule: this.schedule,
      highBytes: this.#options.outboxBytes,
      settings: address.settings,
    })
  }
}

/** Tells a connection from all others, also from within TLS. */
function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

/** Behind a proxy the process at the other end is the proxy. */
function certificateOnly({ identifyBy, ...rest }: ListenerSettings = {}): ListenerSettings {
  return { ...rest, identifyBy: (identifyBy ?? ['certificate']).filter((by) => by !== 'process') }
}
