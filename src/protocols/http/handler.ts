/**
 * The pages of the HTTP listener:
 *  - `/healthz`: 200 as long as the process answers; restart it when it does not.
 *  - `/readyz`: 200 when data can be written and read, else 503 and the reason; send no work there.
 *  - `/metrics`: text format of Prometheus.
 * A request must name this machine in its Host header. A web page that lets its own name resolve to
 * 127.0.0.1 reaches the socket, but not with a Host that is allowed here.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { isIP } from 'node:net'
import type { AdapterContext } from '../adapter.ts'
import type { HttpConfig } from './index.ts'

/** Rejects only for defects; every request that can be answered is. */
export async function handleRequest(
  context: AdapterContext,
  config: HttpConfig,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = '' } = request
  if (!isAllowedHost(request.headers.host, config)) {
    const hint =
      'address this listener by IP or localhost, or name the host in protocols.http.allowedHosts'
    sendJson(response, 421, { error: 'host_not_allowed', hint })
    return
  }
  const page = pages[(request.url ?? '').split('?', 1)[0] ?? '']
  if (page === undefined) {
    sendJson(response, 404, { error: 'not_found', pages: Object.keys(pages) })
  } else if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD')
    sendJson(response, 405, { error: 'method_not_allowed' })
  } else {
    await page(context, response)
  }
}

type Page = (context: AdapterContext, response: ServerResponse) => void | Promise<void>

const pages: Readonly<Record<string, Page>> = {
  '/healthz': (_context, response) => sendJson(response, 200, { status: 'ok' }),

  '/readyz': ({ bus }, response) => {
    const { ready, error } = bus.status()
    if (ready) sendJson(response, 200, { status: 'ready' })
    else sendJson(response, 503, { status: 'not_ready', reason: error })
  },

  '/metrics': async (context, response) => {
    const text = await context.metricsText()
    send(response, 200, 'text/plain; version=0.0.4; charset=utf-8', text)
  },
}

/** IP addresses cannot be rebound; of names only those that mean this machine, or are listed. */
function isAllowedHost(header: string | undefined, config: HttpConfig): boolean {
  // HTTP/1.0 probes send none; browsers always do.
  if (header === undefined) return true
  const host = header.replace(/:\d+$/, '').toLowerCase()
  if (isIP(host.replace(/^\[(.*)\]$/, '$1')) !== 0) return true
  if (host === 'localhost' || host.endsWith('.localhost')) return true
  const listened = config.listen.map((address) => (address.kind === 'tcp' ? address.host : ''))
  return [...config.allowedHosts, ...listened].some((name) => name.toLowerCase() === host)
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  send(response, status, 'application/json', `${JSON.stringify(body)}\n`)
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  // Node leaves the body of an answer to HEAD out by itself.
  response.end(body)
}
