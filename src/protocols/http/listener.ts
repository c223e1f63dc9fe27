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
import { createServer as createHttpsServer, Server as HttpsServer } from 'node:https'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type Clock, systemClock } from '../../core/clock.ts'
import type { ListenAddress } from '../../net/address.ts'
import { listen } from '../../net/listen.ts'
import { WebSocketServer } from '../../net/web-socket-server.ts'
import type { AdapterContext, BoundListener, ProtocolAdapter, ServerTls } from '../adapter.ts'
import { handleRequest } from './handler.ts'
import type { HttpConfig } from './index.ts'
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

/** Binds every address or none. @throws the system's error */
export async function startHttpAdapter(
  context: AdapterContext,
  config: HttpConfig,
  clock: Clock = systemClock,
): Promise<ProtocolAdapter> {
  const adapter = new HttpAdapter(context, config, clock)
  try {
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
  readonly #context: AdapterContext
  readonly #config: HttpConfig
  readonly #webSockets: WebSocketServer
  readonly #answer: RequestListener
  readonly #forgetShutdown: () => void

  constructor(context: AdapterContext, config: HttpConfig, clock: Clock) {
    this.#context = context
    this.#config = config
    this.#webSockets = new WebSocketServer(clock)
    // Sessions end with the bus, before this adapter is stopped.
    this.#forgetShutdown = context.bus.onShutdown(() => this.#webSockets.announceStop())
    this.#answer = (request, response) => {
      handleRequest(context, config, request, response).catch((error: unknown) => {
        context.logger.error('http_request_failed', { url: request.url, err: error })
        response.destroy()
      })
    }
  }

  async bind(address: ListenAddress): Promise<void> {
    const server = this.#createServer(address)
    server.maxConnections = this.#config.maxConnections
    const bound = { address: '' }
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#upgrade(request, socket, head, bound.address)
    })
    bound.address = await listen(server, address)
    this.#servers.push(server)
    this.listeners.push({ protocol: 'http', address: bound.address, tls: address.tls })
  }

  reloadTls(tls: ServerTls): void {
    for (const server of this.#servers) {
      if (server instanceof HttpsServer) server.setSecureContext(secureOptions(tls))
    }
  }

  async stop(graceMs: number): Promise<void> {
    this.#forgetShutdown()
    const closed = this.#servers.splice(0).map(async (server) => {
      const end = new Promise((resolve) => server.close(resolve))
      const timer = setTimeout(() => server.closeAllConnections(), graceMs)
      await end
      clearTimeout(timer)
    })
    await Promise.all([this.#webSockets.stop(graceMs), ...closed])
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, listener: string): void {
    // Node's servers hand out nothing else; its types leave room for those of others.
    if (!(socket instanceof Socket)) throw new Error('an upgrade came without a socket')
    const options = {
      context: this.#context,
      config: this.#config,
      webSockets: this.#webSockets,
      listener,
    }
    handleUpgrade(options, request, socket, head)
  }

  #createServer(address: ListenAddress): Server {
    if (!address.tls) return createHttpServer(limits, this.#answer)
    const { tls } = this.#context
    if (tls === undefined) throw new Error('a TLS address needs a certificate')
    const options = { ...limits, ...secureOptions(tls), minVersion: 'TLSv1.2' } as const
    return createHttpsServer(options, this.#answer)
  }
}

function secureOptions(tls: ServerTls) {
  const { cert, key, clientCa } = tls
  const client = clientCa === undefined ? {} : { ca: clientCa, requestCert: true }
  return { cert, key, rejectUnauthorized: clientCa !== undefined, ...client }
}
