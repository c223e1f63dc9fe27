/**
 * The sockets of the gRPC listeners. We accept them and hand them to grpc-js, instead of letting it
 * bind: so addresses, system errors and Unix sockets behave as everywhere in msgbus, certificates
 * can change without dropping connections, each connection is one client of the bus, and stopping
 * ends in bounded time whatever clients do.
 */

import { type ConnectionInjector, type Server, ServerCredentials } from '@grpc/grpc-js'
import type { ServerHttp2Session } from 'node:http2'
import { createServer, type Server as NetServer, type Socket } from 'node:net'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls'
import type { Bus } from '../../core/bus.ts'
import type { Clock, Timer } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import { toBusError } from '../../model/errors.ts'
import { formatHostPort, type ListenAddress, type ListenerSettings } from '../../net/address.ts'
import { ConnectionLimits } from '../../net/connection-limits.ts'
import { listen } from '../../net/listen.ts'
import { SocketProof } from '../../net/connection-proof.ts'
import { ListenerTls } from '../../net/server-tls.ts'
import type { BoundListener, ServerTls } from '../adapter.ts'
import type { Admission, Newcomer } from '../admission.ts'
import { Callers } from './callers.ts'
import type { ConnectionOrigin } from './connection.ts'

export interface ConnectionsOptions {
  readonly bus: Bus
  readonly admission: Admission
  readonly clock: Clock
  readonly logger: Logger
  readonly server: Server
  readonly tls: ServerTls | undefined
}

// Room for what one stream, and one connection, may send before it is read. Node's 64 KiB bound an
// upload to 64 KiB per round trip.
const streamWindowBytes = 262_144
const connectionWindowBytes = 1_048_576
/** How long a client may take to say that it speaks HTTP/2. */
const greetingMs = 10_000

export class Connections {
  readonly listeners: BoundListener[] = []
  readonly #options: ConnectionsOptions
  readonly #injector: ConnectionInjector
  readonly #servers: NetServer[] = []
  readonly #tlsServers: { readonly server: TlsServer; readonly tls: ListenerTls }[] = []
  readonly #sockets = new Set<Socket>()
  /** By what grpc-js calls the peer. */
  readonly #callers = new Map<string, Callers>()
  #tls: ServerTls | undefined
  #accepted = 0
  /** Those that have not said yet that they speak HTTP/2, by the peer, and when they are cut off; in that order. */
  readonly #greeting = new Map<string, { readonly socket: Socket; readonly deadline: number }>()
  #greetingTimer: Timer | undefined
  readonly #seesGreetings: boolean

  constructor(options: ConnectionsOptions) {
    this.#options = options
    this.#tls = options.tls
    // Its TLS is ours, so what it gets is never encrypted from its point of view.
    this.#injector = options.server.createConnectionInjector(ServerCredentials.createInsecure())
    this.#seesGreetings = watchSessions(options.server, (peer) => this.#greeting.delete(peer))
  }

  /** @throws the system's error */
  async bind(address: ListenAddress): Promise<void> {
    let bound = ''
    const { settings } = address
    const accept = (socket: Socket) => this.#accept(socket, bound, settings)
    const server = address.tls ? this.#createTlsServer(settings, accept) : createServer(accept)
    server.prependListener('connection', (socket: Socket) => this.#track(socket))
    new ConnectionLimits(settings).watch(server)
    this.#servers.push(server)
    bound = await listen(server, address)
    server.on('error', (error) => {
      this.#options.logger.error('grpc_accept_failed', { address: bound, error: error.message })
    })
    this.listeners.push({ protocol: 'grpc', address: bound, tls: address.tls })
  }

  callersOf(peer: string): Callers | undefined {
    return this.#callers.get(peer)
  }

  /** New connections get the new certificate; established ones keep theirs. */
  reloadTls(tls: ServerTls): void {
    this.#tls = tls
    for (const { server, tls: own } of this.#tlsServers) own.reload(tls, server)
  }

  /** Accepts no more, tells clients to go, and after the grace time goes without them. */
  async stop(graceMs: number): Promise<void> {
    const closed = this.#servers.map(
      async (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    )
    this.#greetingTimer?.cancel()
    // Each connection closes once its calls are done.
    this.#injector.drain(graceMs)
    const timer = this.#options.clock.after(graceMs, () => {
      for (const socket of this.#sockets) socket.destroy()
    })
    await Promise.all(closed)
    timer.cancel()
    this.#injector.destroy()
  }

  #createTlsServer(
    settings: ListenerSettings | undefined,
    accept: (socket: Socket) => void,
  ): NetServer {
    const material = this.#tls
    if (material === undefined) throw new Error('a TLS address needs a certificate')
    const tls = new ListenerTls(material, settings)
    const server = createTlsServer({ ...tls.serverOptions, ALPNProtocols: ['h2'] })
    tls.guard(server)
    server.on('secureConnection', accept)
    this.#tlsServers.push({ server, tls })
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

  #accept(socket: Socket, listener: string, settings: ListenerSettings | undefined): void {
    if (socket.destroyed) return
    this.#accepted += 1
    const { remoteAddress: host, remotePort: port } = socket
    const remoteAddress = host ?? 'unix'
    const remotePort = this.#accepted
    const isLocal = host === undefined || port === undefined
    const origin = {
      transport: isLocal ? 'local_ipc' : 'tcp',
      source: isLocal ? undefined : formatHostPort(host, port),
      listener,
    }
    const proof = new SocketProof(socket, settings)
    const callers = this.#callersOf(origin, {
      ...origin,
      get certificate() {
        return proof.certificate
      },
      get process() {
        return proof.process
      },
    })
    if (callers === undefined) {
      socket.on('error', () => undefined)
      socket.destroy()
      return
    }
    // grpc-js tells callers apart by address and port only, which Unix sockets do not have and which
    // are not unique over several listeners. The number of the connection is.
    Object.defineProperties(socket, {
      remoteAddress: { value: remoteAddress },
      remotePort: { value: remotePort },
    })
    const peer = `${remoteAddress}:${remotePort}`
    this.#callers.set(peer, callers)
    if (this.#seesGreetings) this.#greetInTime(peer, socket)
    socket.on('close', () => {
      this.#greeting.delete(peer)
      this.#callers.delete(peer)
      callers.close()
    })
    socket.on('error', () => undefined)
    this.#injector.injectConnection(socket)
  }

  #greetInTime(peer: string, socket: Socket): void {
    const { clock } = this.#options
    this.#greeting.set(peer, { socket, deadline: clock.monotonic() + greetingMs })
    this.#greetingTimer ??= clock.after(greetingMs, () => this.#cutSilent())
  }

  #cutSilent(): void {
    this.#greetingTimer = undefined
    const { clock } = this.#options
    const now = clock.monotonic()
    for (const [peer, { socket, deadline }] of this.#greeting) {
      if (deadline > now) {
        this.#greetingTimer = clock.after(deadline - now, () => this.#cutSilent())
        return
      }
      this.#greeting.delete(peer)
      socket.destroy()
    }
  }

  /** Undefined when the bus takes no more clients. */
  #callersOf(origin: ConnectionOrigin, newcomer: Newcomer): Callers | undefined {
    const { bus, admission, clock, logger } = this.#options
    try {
      return new Callers({ bus, admission, clock, origin, newcomer })
    } catch (error) {
      const { reason } = toBusError(error)
      logger.warn('grpc_connection_refused', { reason, source: origin.source })
      return undefined
    }
  }
}

/**
 * grpc-js has no option for the windows of a server, and does not tell when a client has said its part of the preface
 * (RFC 9113 3.4). Its HTTP/2 servers are reached through a private field; should that go away, uploads are slower over
 * long distances, silent connections stay until the keep alive finds them, and nothing else changes.
 *
 * @param onGreeted gets what grpc-js calls the peer
 * @returns whether it is called
 */
function watchSessions(server: Server, onGreeted: (peer: string) => void): boolean {
  const http2Servers: unknown = Reflect.get(server, 'http2Servers')
  if (!(http2Servers instanceof Map)) return false
  for (const http2Server of http2Servers.keys()) {
    http2Server.on('session', (session: ServerHttp2Session) => {
      session.settings({ initialWindowSize: streamWindowBytes })
      session.setLocalWindowSize(connectionWindowBytes)
      const { remoteAddress, remotePort } = session.socket
      session.once('remoteSettings', () => onGreeted(`${remoteAddress}:${remotePort}`))
    })
  }
  return http2Servers.size > 0
}
