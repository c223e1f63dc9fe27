/**
 * The pages of the HTTP listener:
 *  - `/healthz`: 200 as long as the process answers; restart it when it does not.
 *  - `/readyz`: 200 when data can be written and read, else 503 and the reason; send no work there.
 *  - `/metrics`: text format of Prometheus.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AdapterContext } from '../adapter.ts'
import { pathOf, send, sendError, sendJson } from './answer.ts'
import { HttpError, methodNotAllowed, noSuchPath } from './http-error.ts'
import type { HttpConfig } from './index.ts'
import { requireHost } from './origin-check.ts'
import { upgradeRequired } from './web-sockets.ts'

/** Rejects only for defects; every request that can be answered is. */
export async function handleRequest(
  context: AdapterContext,
  config: HttpConfig,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    requireHost(request.headers, config)
    await answer(context, request, response)
  } catch (error) {
    if (!(error instanceof HttpError)) throw error
    sendError(response, error)
  }
}

async function answer(
  context: AdapterContext,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = pathOf(request)
  const page = Object.hasOwn(pages, path) ? pages[path] : undefined
  if (page === undefined) {
    if (context.webSockets?.at(path) !== undefined) throw upgradeRequired(path)
    throw noSuchPath(path, `pages: ${Object.keys(pages).join(', ')}`)
  }
  const { method } = request
  if (method !== 'GET' && method !== 'HEAD') throw methodNotAllowed(path, 'GET, HEAD')
  await page(context, response)
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
    send(response, 200, text, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
  },
}
