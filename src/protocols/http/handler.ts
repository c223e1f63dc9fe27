/**
 * From a request to its answer: Host and Origin, then the route. There are
 *  - probes: `/healthz` (200 as long as the process answers; restart it when it does not), `/readyz` (200 when data can
 *    be written and read, else 503 and the reason; send no work there) and `/metrics` (text format of Prometheus);
 *  - the API under `/v1`, its document and a page about it;
 *  - files of the console; and WebSocket gates, which are told to be such.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import findMyWay from 'find-my-way'
import type { Logger } from '../../core/logger.ts'
import { toBusError } from '../../model/errors.ts'
import type { AdapterContext } from '../adapter.ts'
import { metricsResource } from '../visible-clients.ts'
import { operations } from './api/operations.ts'
import { pathOf, send, sendError, sendJson } from './answer.ts'
import { ApiCall } from './api-call.ts'
import { allowPage, answerPreflight } from './cors.ts'
import type { EventStreams } from './event-stream.ts'
import type { HttpConnections } from './http-connections.ts'
import { methodNotAllowed, noSuchPath } from './http-error.ts'
import type { HttpConfig } from './index.ts'
import { apiPage, openApiText } from './openapi.ts'
import type { Operation } from './operation.ts'
import { requireHost, requireOrigin } from './origin-check.ts'
import { splitQuery } from './query.ts'
import type { BodyBudget } from './request-body.ts'
import { challengeFor, type ListenerTrait, type RequestIdentity } from './request-identity.ts'
import { SessionRoutes } from './session-routes.ts'
import type { StaticFiles } from './static-files.ts'
import { upgradeRequired } from './web-sockets.ts'

export interface HandlerOptions {
  readonly context: AdapterContext
  readonly config: HttpConfig
  readonly connections: HttpConnections
  readonly streams: EventStreams
  readonly budget: BodyBudget
  readonly files: StaticFiles
  readonly identities: RequestIdentity
}

type Handle = (
  request: IncomingMessage,
  response: ServerResponse,
  listener: ListenerTrait,
) => void | Promise<void>

const plainText = { 'content-type': 'text/plain; charset=utf-8' }

export class Handler {
  readonly #options: HandlerOptions
  readonly #logger: Logger
  readonly #router = findMyWay()
  /** Methods by path, as the header `allow` has them. */
  readonly #methods = new Map<string, string[]>()

  constructor(options: HandlerOptions) {
    this.#options = options
    this.#logger = options.context.logger
    for (const [path, page] of Object.entries(pages)) {
      this.#route('GET', path, (_request, response) => page(options.context, response))
    }
    const session = new SessionRoutes(options)
    this.#route('GET', '/v1/session', session.show.bind(session))
    this.#route('POST', '/v1/session', session.begin.bind(session))
    this.#route('DELETE', '/v1/session', session.end.bind(session))
    this.#route('GET', '/metrics', async (request, response, listener) => {
      // They tell about everybody.
      if (!options.identities.isOpen) {
        const { client } = await options.connections.of(request, listener)
        client.requireAccess('fetch', metricsResource)
      }
      const text = await options.context.metricsText()
      send(response, 200, text, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
    })
    for (const operation of operations) {
      const { method, path, isStream } = operation
      const handle: Handle = async (request, response, listener) =>
        this.#callApi(operation, request, response, listener)
      this.#route(method, path, handle, isStream)
    }
  }

  /** Answers every request that can be answered. Never rejects. */
  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    listener: ListenerTrait,
  ): Promise<void> {
    try {
      requireHost(request.headers, this.#options.config)
      await this.#answer(request, response, listener)
    } catch (error) {
      this.#fail(request, response, error)
    }
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    listener: ListenerTrait,
  ): Promise<void> {
    const { context, config, files } = this.#options
    const path = pathOf(request)
    const methods = this.#methods.get(path)
    if (methods === undefined) {
      if (await files.answer(request, response)) return
      if (context.webSockets?.at(path) !== undefined) throw upgradeRequired(path)
      throw noSuchPath(path, hintFor(path))
    }
    if (path.startsWith('/v1')) {
      const origin = requireOrigin(request.headers, config)
      allowPage(request, response, origin)
    }
    if (request.method === 'OPTIONS') {
      answerPreflight(request, response, methods)
      return
    }
    const isHead = request.method === 'HEAD'
    const route = this.#router.find(isHead ? 'GET' : (request.method as 'GET'), path)
    const handle = route?.store as Handle | undefined
    if (handle === undefined || (isHead && !methods.includes('HEAD'))) {
      throw methodNotAllowed(path, methods.join(', '))
    }
    await handle(request, response, listener)
  }

  #route(method: 'GET' | 'POST' | 'DELETE', path: string, handle: Handle, isStream = false): void {
    this.#router.on(method, path, () => undefined, handle)
    const methods = this.#methods.get(path) ?? []
    methods.push(...(method === 'GET' && !isStream ? ['GET', 'HEAD'] : [method]))
    this.#methods.set(path, methods)
  }

  async #callApi(
    operation: Operation,
    request: IncomingMessage,
    response: ServerResponse,
    listener: ListenerTrait,
  ): Promise<void> {
    const { context, connections, streams, budget } = this.#options
    const connection = await connections.of(request, listener)
    const call = new ApiCall({ context, request, response, connection, streams, budget })
    try {
      const answer = await operation.handle(call, splitQuery(request.url ?? ''))
      if (answer.kind === 'json') sendJson(response, 200, answer.body)
      else if (answer.kind === 'bytes') send(response, 200, answer.bytes, answer.headers)
    } finally {
      call.finish()
    }
  }

  #fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const { code, cause } = toBusError(error)
    if (code === 'internal') {
      this.#logger.error('http_request_failed', { url: pathOf(request), err: cause ?? error })
    }
    // A browser that asks for events takes any other answer for final, and comes back after a broken connection.
    const comesBack = request.headers.accept?.includes('text/event-stream') === true
    // An answer that was begun cannot become another one.
    if (response.headersSent || (comesBack && code === 'unavailable')) response.destroy()
    else sendError(response, challengeFor(request, error))
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

  '/v1': (_context, response) => send(response, 200, apiPage(), plainText),

  '/v1/openapi.json': (_context, response) =>
    send(response, 200, openApiText(), { 'content-type': 'application/json' }),
}

function hintFor(path: string): string {
  if (path === '/') return 'the console is not part of this build: npm run build makes it'
  return path.startsWith('/v1')
    ? 'GET /v1 lists what is'
    : `see ${Object.keys(pages).join(', ')}, /metrics`
}
