/**
 * Sockets of the HTTP listener, on node:http and node:https. Small on purpose: three read-only
 * pages, bounded headers, short time-outs, few connections; what a scraper or an orchestrator needs
 * and nothing that a stranger could lean on.
 */

import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createServer as createHttpsServer, Server as HttpsServer } from 'node:https'
import type { ListenAddress } from '../../net/address.ts'
import { listen } from '../../net/listen.ts'
import type { AdapterContext, BoundListener, ProtocolAdapter, ServerTls } from '../adapter.ts'
import { handleRequest } from './handler.ts'
import type { HttpConfig } from './index.ts'

// A scrape and a probe are one small request each; longer or slower ones are not theirs.
const limits = {
  maxHeaderSize: 8192,
  headersTimeout: 5000,
  requestTimeout: 10_000,
  keepAliveTimeout: 15_000,
  connectionsCheckingInterval: 5000,
} as const
const maxConnections = 256

/** Binds every address or none. @throws the system's error */
export async function startHttpAdapter(
  context: AdapterContext,
  config: HttpConfig,
): Promise<ProtocolAdapter> {
  const adapter = new HttpAdapter(context, config)
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
  readonly #answer: RequestListener

  constructor(context: AdapterContext, config: HttpConfig) {
    this.#context = context
    this.#answer = (request, response) => {
      handleRequest(context, config, request, response).catch((error: unknown) => {
        context.logger.error('http_request_failed', { url: request.url, err: error })
        response.destroy()
      })
    }
  }

  async bind(address: ListenAddress): Promise<void> {
    const server = this.#createServer(address)
    server.maxConnections = maxConnections
    const bound = await listen(server, address)
    this.#servers.push(server)
    this.listeners.push({ protocol: 'http', address: bound, tls: address.tls })
  }

  reloadTls(tls: ServerTls): void {
    for (const server of this.#servers) {
      if (server instanceof HttpsServer) server.setSecureContext(secureOptions(tls))
    }
  }

  async stop(graceMs: number): Promise<void> {
    const closed = this.#servers.splice(0).map(async (server) => {
      const end = new Promise((resolve) => server.close(resolve))
      const timer = setTimeout(() => server.closeAllConnections(), graceMs)
      await end
      clearTimeout(timer)
    })
    await Promise.all(closed)
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
