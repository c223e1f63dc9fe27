/**
 * The sockets of the gRPC listeners. We accept them and hand them to grpc-js, instead of letting it
 * bind: so addresses, system errors and Unix sockets behave as everywhere in msgbus, certificates
 * can change without dropping connections, each connection is one client of the bus, and stopping
 * ends in bounded time whatever clients do.
 */

import { type ConnectionInjector, type Server, ServerCredentials } from '@grpc/grpc-js'
import type { ServerHttp2Session } from 'node:http2'
import { createServer, type Server as NetServer, type Socket } from 'node:net'
import { createServer as createTlsServer, Server as TlsServer, TLSSocket } from 'node:tls'
import type { Bus } from '../../core/bus.ts'
import { systemClock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import { toBusError } from '../../model/errors.ts'
import { anonymous, type Identity } from '../../model/identity.ts'
import { formatHostPort, type ListenAddress } from '../../net/address.ts'
import { listen } from '../../net/listen.ts'
import type { BoundListener, ServerTls } from '../adapter.ts'
import { Connection, type ConnectionOrigin } from './connection.ts'

export interface ConnectionsOptions {
  readonly bus: Bus
  readonly logger: Logger
  readonly server: Server
  readonly tls: ServerTls | undefined
}

// Room for what one stream, and one connection, may send before it is read. Node's 64 KiB bound an
// upload to 64 KiB per round trip.
const streamWindowBytes = 262_144
const connectionWindowBytes = 1_048_576

export class Connections {
  readonly listeners: BoundListener[] = []
  readonly #options: ConnectionsOptions
  readonly #injector: ConnectionInjector
  readonly #servers: NetServer[] = []
  readonly #sockets = new Set<Socket>()
  /** By what grpc-js calls the peer. */
  readonly #connections = new Map<string, Connection>()
  #tls: ServerTls | undefined
  #accepted = 0

  constructor(options: ConnectionsOptions) {
    this.#options = options
    this.#tls = options.tls
    // Its TLS is ours, so what it gets is never encrypted from its point of view.
    this.#injector = options.server.createConnectionInjector(ServerCredentials.createInsecure())
    widenWindows(options.server)
  }

  /** @throws the system's error */
  async bind(address: ListenAddress): Promise<void> {
    let bound = ''
    const accept = (socket: Socket) => this.#accept(socket, bound)
    const server = address.tls ? this.#createTlsServer(accept) : createServer(accept)
    server.on('connection', (socket: Socket) => this.#track(socket))
    this.#servers.push(server)
    bound = await listen(server, address)
    server.on('error', (error) => {
      this.#options.logger.error('grpc_accept_failed', { address: bound, error: error.message })
    })
    this.listeners.push({ protocol: 'grpc', address: bound, tls: address.tls })
  }

  connectionOf(peer: string): Connection | undefined {
    return this.#connections.get(peer)
  }

  /** New connections get the new certificate; established ones keep theirs. */
  reloadTls(tls: ServerTls): void {
    this.#tls = tls
    for (const server of this.#servers) {
      if (server instanceof TlsServer) server.setSecureContext(secureOptions(tls))
    }
  }

  /** Accepts no more, tells clients to go, and after the grace time goes without them. */
  async stop(graceMs: number): Promise<void> {
    const closed = this.#servers.map(
      async (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    )
    // Each connection closes once its calls are done.
    this.#injector.drain(graceMs)
    const timer = systemClock.after(graceMs, () => {
      for (const socket of this.#sockets) socket.destroy()
    })
    await Promise.all(closed)
    timer.cancel()
    this.#injector.destroy()
  }

  #createTlsServer(accept: (socket: Socket) => void): NetServer {
    const tls = this.#tls
    if (tls === undefined) throw new Error('a TLS address needs a certificate')
    const server = createTlsServer({ ...secureOptions(tls), ALPNProtocols: ['h2'] })
    server.on('secureConnection', accept)
    server.on('tlsClientError', (error, socket) => {
      const { remoteAddress } = socket
      this.#options.logger.debug('grpc_handshake_failed', { remoteAddress, error: error.message })
    })
    return server
  }

  /** Every socket, those in a handshake included, so that stopping can end them all. */
  #track(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    // An error closes the socket; without a listener it would end the process.
    socket.on('error', () => undefined)
  }

  #accept(socket: Socket, listener: string): void {
    this.#accepted += 1
    const { remoteAddress: host, remotePort: port } = socket
    const remoteAddress = host ?? 'unix'
    const remotePort = this.#accepted
    const isLocal = host === undefined || port === undefined
    const connection = this.#connect(socket, {
      transport: isLocal ? 'local_ipc' : 'tcp',
      source: isLocal ? undefined : formatHostPort(host, port),
      listener,
    })
    if (connection === undefined) return
    // grpc-js tells callers apart by address and port only, which Unix sockets do not have and which
    // are not unique over several listeners. The number of the connection is.
    Object.defineProperties(socket, {
      remoteAddress: { value: remoteAddress },
      remotePort: { value: remotePort },
    })
    const peer = `${remoteAddress}:${remotePort}`
    this.#connections.set(peer, connection)
    socket.on('close', () => {
      this.#connections.delete(peer)
      connection.close()
    })
    socket.on('error', () => undefined)
    this.#injector.injectConnection(socket)
  }

  /** Undefined when the bus takes no more clients: the socket is closed then. */
  #connect(socket: Socket, origin: ConnectionOrigin): Connection | undefined {
    try {
      return new Connection(this.#options.bus, identityOf(socket), origin)
    } catch (error) {
      const { reason } = toBusError(error)
      this.#options.logger.warn('grpc_connection_refused', { reason, source: origin.source })
      socket.on('error', () => undefined)
      socket.destroy()
      return undefined
    }
  }
}

/** A client that proved a name with its certificate has it; all others are anonymous. */
function identityOf(socket: Socket): Identity {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return anonymous
  const name = socket.getPeerCertificate().subject?.CN
  if (typeof name !== 'string' || name === '') return anonymous
  return { user: name, groups: [], method: 'certificate' }
}

function secureOptions({ cert, key, clientCa }: ServerTls) {
  const client =
    clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true }
  return { cert, key, minVersion: 'TLSv1.2', ...client } as const
}

/**
 * grpc-js has no option for the windows of a server. Its HTTP/2 servers are reached through a private
 * field; should that go away, uploads are slower over long distances and nothing else changes.
 */
function widenWindows(server: Server): void {
  const http2Servers: unknown = Reflect.get(server, 'http2Servers')
  if (!(http2Servers instanceof Map)) return
  for (const http2Server of http2Servers.keys()) {
    http2Server.on('session', (session: ServerHttp2Session) => {
      session.settings({ initialWindowSize: streamWindowBytes })
      session.setLocalWindowSize(connectionWindowBytes)
    })
  }
}
