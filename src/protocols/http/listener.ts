/**
 * Sockets of the HTTP listener, on node:http and node:https: bounded headers, time limits for requests but none for
 * answers, since an event stream may last for ever, and an end in bounded time.
 */

import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { type Clock, systemClock } from '../../core/clock.ts'
import type { ListenAddress } from '../../net/address.ts'
import { ConnectionLimits } from '../../net/connection-limits.ts'
import { listen } from '../../net/listen.ts'
import { ListenerTls } from '../../net/server-tls.ts'
import { WebSocketServer } from '../../net/web-socket-server.ts'
import type { AdapterContext, BoundListener, ProtocolAdapter, ServerTls } from '../adapter.ts'
import { Admission } from '../admission.ts'
import { EventStreams } from './event-stream.ts'
import { Handler } from './handler.ts'
import { HttpConnections } from './http-connections.ts'
import type { HttpConfig } from './index.ts'
import { isWebSocketUpgrade, putBackWithoutUpgrade } from './other-upgrades.ts'
import { type ListenerTrait, RequestIdentity } from './request-identity.ts'
import { BodyBudget } from './request-body.ts'
import { StaticFiles } from './static-files.ts'
import { handleUpgrade } from './web-sockets.ts'

const limits = {
  // CloudEvents and message headers travel in these.
  maxHeaderSize: 32_768,
  headersTimeout: 10_000,
  // For the whole request with its body; an answer may take as long as it likes.
  requestTimeout: 60_000,
  // Longer than the pause between two questions of the console.
  keepAliveTimeout: 30_000,
  connectionsCheckingInterval: 5000,
} as const

/** Bodies that are held at a time, of all connections together. */
const bodyBytesMost = 134_217_728

export interface HttpAdapterOptions {
  readonly clock?: Clock | undefined
  /** Where the files of the console are; default: beside the compiled code. */
  readonly consoleFolder?: string | undefined
}

/** Binds every address or none. @throws the system's error */
export async function startHttpAdapter(
  context: AdapterContext,
  config: HttpConfig,
  { clock = systemClock, consoleFolder = besideTheCode() }: HttpAdapterOptions = {},
): Promise<ProtocolAdapter> {
  const adapter = new HttpAdapter(context, config, clock)
  try {
    await adapter.loadFiles(consoleFolder)
    for (const address of config.listen) await adapter.bind(address)
  } catch (error) {
    await adapter.stop(0)
    throw error
  }
  return adapter
}

class HttpAdapter implements ProtocolAdapter {
  readonly listeners: BoundListener[] = []
  readonly #servers: Server[] = []
  readonly #tlsServers: { readonly server: HttpsServer; readonly tls: ListenerTls }[] = []
  readonly #context: AdapterContext
  readonly #config: HttpConfig
  readonly #webSockets: WebSocketServer
  readonly #identities: RequestIdentity
  readonly #connections: HttpConnections
  readonly #streams: EventStreams
  readonly #files = new StaticFiles()
  readonly #handler: Handler
  readonly #forgetShutdown: () => void

  constructor(context: AdapterContext, config: HttpConfig, clock: Clock) {
    this.#context = context
    this.#config = config
    this.#webSockets = new WebSocketServer(clock)
    // Sessions end with the bus, before this adapter is stopped.
    this.#forgetShutdown = context.bus.onShutdown(() => this.#webSockets.announceStop())
    const identities = new RequestIdentity(new Admission(context.authentication, 'http'), clock)
    this.#identities = identities
    this.#connections = new HttpConnections({ bus: context.bus, clock, identities })
    this.#streams = new EventStreams(clock)
    this.#handler = new Handler({
      context,
      config,
      connections: this.#connections,
      streams: this.#streams,
      budget: new BodyBudget(bodyBytesMost),
      files: this.#files,
      identities,
    })
  }

  async loadFiles(folder: string): Promise<void> {
    await this.#files.load(folder)
  }

  async bind(address: ListenAddress): Promise<void> {
    const server = this.#createServer(address)
    const bound = { address: '', tls: address.tls, settings: address.settings }
    const answer: RequestListener = (request, response) => {
      void this.#handler.handle(request, response, bound)
    }
    // Whoever asks before it sends its body is answered when the body is to be read.
    server.on('request', answer).on('checkContinue', answer)
    server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
      // Node's servers hand out nothing else; its types leave room for those of others.
      if (!(stream instanceof Socket)) throw new Error('an upgrade came without a socket')
      if (isWebSocketUpgrade(request)) this.#upgrade(request, stream, head, bound)
      else {
        putBackWithoutUpgrade(request, stream, head)
        server.emit(address.tls ? 'secureConnection' : 'connection', stream)
      }
    })
    bound.address = await listen(server, address)
    this.#servers.push(server)
    this.listeners.push({ protocol: 'http', address: bound.address, tls: address.tls })
  }

  reloadTls(tls: ServerTls): void {
    for (const { server, tls: own } of this.#tlsServers) own.reload(tls, server)
  }

  async stop(graceMs: number): Promise<void> {
    this.#forgetShutdown()
    this.#streams.close()
    this.#connections.close()
    const closed = this.#servers.splice(0).map(async (server) => {
      const end = new Promise((resolve) => server.close(resolve))
      const timer = setTimeout(() => server.closeAllConnections(), graceMs)
      await end
      clearTimeout(timer)
    })
    await Promise.all([this.#webSockets.stop(graceMs), ...closed])
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer, listener: ListenerTrait): void {
    const options = {
      identities: this.#identities,
      context: this.#context,
      config: this.#config,
      webSockets: this.#webSockets,
      listener,
    }
    handleUpgrade(options, request, socket, head)
  }

  #createServer(address: ListenAddress): Server {
    if (!address.tls) {
      const server = createHttpServer(limits)
      this.#limit(server, address)
      return server
    }
    const { tls: material } = this.#context
    if (material === undefined) throw new Error('a TLS address needs a certificate')
    const tls = new ListenerTls(material, address.settings)
    const server = createHttpsServer({ ...limits, ...tls.serverOptions })
    this.#limit(server, address)
    tls.guard(server)
    this.#tlsServers.push({ server, tls })
    return server
  }

  #limit(server: Server, { settings }: ListenAddress): void {
    const { maxConnections } = this.#config
    new ConnectionLimits({ maxConnections, ...settings }).watch(server)
  }
}

/** `dist/console`, seen from `dist/src/protocols/http`. */
function besideTheCode(): string {
  return fileURLToPath(new URL('../../../console', import.meta.url))
}
