/**
 * The listeners of a protocol that is a stream of bytes: TCP, Unix sockets and TLS, several of them, all
 * bound or none. Each accepted connection comes out as a `ByteConnection`.
 */

import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls'
import type { ListenAddress } from './address.ts'
import { ByteConnection } from './byte-connection.ts'
import { ConnectionLimits } from './connection-limits.ts'
import { listen } from './listen.ts'
import { FlushSchedule } from './outbox.ts'
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
    const server = address.tls
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
      if (!limits.admit(accepted)) return
      const source = sourceOf(accepted)
      let connection: ByteConnection | undefined
      const socket = readFrom(accepted, readMode, (bytes, length) => {
        connection?.receive(bytes, length)
      })
      connection = this.#open(socket, address, source, bound.address)
      onConnection(connection)
    })
  }

  #secureServer(address: ListenAddress, bound: { readonly address: string }): TlsServer {
    const { tls, onConnection, onError, handshakeTimeoutMs } = this.#options
    if (tls === undefined) throw new Error('a TLS listener needs a certificate')
    const own = new ListenerTls(tls, address.settings, handshakeTimeoutMs)
    const server = createTlsServer({
      ...own.serverOptions,
      allowHalfOpen: true,
      noDelay: true,
      ...this.#keepAlive(),
    })
    new ConnectionLimits(address.settings).watch(server)
    server.on('tlsClientError', onError)
    own.guard(server)
    server.on('secureConnection', (socket) => {
      if (socket.destroyed) return
      const connection = this.#open(socket, address, sourceOf(socket), bound.address)
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
