/**
 * `/v1/session`: who asks, and logging in and out for people with a browser. Programs need none of it, they send their
 * credentials with each request.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import { BusError } from '../../model/errors.ts'
import type { Identity } from '../../model/identity.ts'
import type { SessionJson } from '../../wire/http-api.ts'
import { sendJson } from './answer.ts'
import { unsupportedMediaType } from './http-error.ts'
import { type ListenerTrait, newcomerAt, type RequestIdentity } from './request-identity.ts'
import { type BodyBudget, readBody } from './request-body.ts'

const bodyBytesMost = 16_384

const loginSchema = z.union([
  z.strictObject({ user: z.string().min(1), password: z.string() }),
  z.strictObject({ token: z.string().min(1) }),
])

export interface SessionRoutesOptions {
  readonly identities: RequestIdentity
  readonly budget: BodyBudget
}

export class SessionRoutes {
  readonly #options: SessionRoutesOptions

  constructor(options: SessionRoutesOptions) {
    this.#options = options
  }

  /** Who asks. @throws BusError */
  async show(
    request: IncomingMessage,
    response: ServerResponse,
    listener: ListenerTrait,
  ): Promise<void> {
    const { identities } = this.#options
    const shown = identities.shown(request, listener)
    const identity = await identities.identify(shown, newcomerAt(request.socket, listener))
    const csrfToken = shown.kind === 'session' ? shown.session.csrfToken : undefined
    sendJson(response, 200, this.#toJson(identity, csrfToken))
  }

  /** Logs in. @throws BusError */
  async begin(
    request: IncomingMessage,
    response: ServerResponse,
    listener: ListenerTrait,
  ): Promise<void> {
    const { identities, budget } = this.#options
    const { admission, sessions } = identities
    // A form of another page could not say so.
    const type = request.headers['content-type'] ?? ''
    if (!/^application\/json(;|$)/i.test(type)) {
      throw unsupportedMediaType('logging in takes application/json')
    }
    const body = await readBody(request, response, bodyBytesMost, budget)
    const login = parseLogin(body.bytes)
    body.release()
    const newcomer = newcomerAt(request.socket, listener)
    if (admission.isOpen) {
      sendJson(response, 200, this.#toJson(admission.nameless(newcomer), undefined))
      return
    }
    const identity =
      'token' in login
        ? await admission.byToken(login.token, newcomer)
        : await admission.byPassword(login.user, login.password, newcomer)
    const { id, session } = sessions.begin(identity)
    response.setHeader('set-cookie', identities.cookieOf(listener, id))
    sendJson(response, 200, this.#toJson(identity, session.csrfToken))
  }

  /** Logs out; whoever is not logged in is that already. @throws HttpError 403 */
  end(request: IncomingMessage, response: ServerResponse, listener: ListenerTrait): void {
    const { identities } = this.#options
    const shown = identities.shown(request, listener)
    if (shown.kind === 'session') identities.sessions.end(shown.id)
    response.setHeader('set-cookie', identities.cookieOf(listener, ''))
    sendJson(response, 200, {})
  }

  #toJson({ user, groups, method }: Identity, csrfToken: string | undefined): SessionJson {
    const { isOpen } = this.#options.identities
    return { user, groups, method, open: isOpen, ...(csrfToken !== undefined && { csrfToken }) }
  }
}

function parseLogin(bytes: Buffer): z.output<typeof loginSchema> {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    value = undefined
  }
  const { data } = loginSchema.safeParse(value)
  if (data !== undefined) return data
  const text = 'logging in takes {"user":…,"password":…} or {"token":…}'
  throw new BusError('invalid_argument', 'bad_argument', text)
}

/** For the OpenAPI document. */
const session = {
  type: 'object',
  properties: {
    user: { type: 'string' },
    groups: { type: 'array', items: { type: 'string' } },
    method: { type: 'string' },
    open: { type: 'boolean', description: 'Nobody needs to log in.' },
    csrfToken: {
      type: 'string',
      description: 'Goes as the header `msgbus-csrf` with whatever changes something.',
    },
  },
  required: ['user', 'groups', 'method', 'open'],
}
const text = { type: 'string' }
const password = {
  type: 'object',
  properties: { user: text, password: text },
  required: ['user', 'password'],
}
const token = { type: 'object', properties: { token: text }, required: ['token'] }
const error = { $ref: '#/components/responses/Error' }
const answer = {
  description: 'Who asks.',
  content: { 'application/json': { schema: session } },
}

export const sessionPaths = {
  '/v1/session': {
    get: {
      operationId: 'session',
      tags: ['daemon'],
      summary: 'Who asks, as the daemon sees it.',
      responses: { 200: answer, default: error },
    },
    post: {
      operationId: 'login',
      tags: ['daemon'],
      summary: 'Begins a session of the console; programs send credentials instead.',
      requestBody: { content: { 'application/json': { schema: { oneOf: [password, token] } } } },
      responses: { 200: answer, default: error },
    },
    delete: {
      operationId: 'logout',
      tags: ['daemon'],
      summary: 'Ends the session.',
      responses: {
        200: {
          description: 'It is over.',
          content: { 'application/json': { schema: { type: 'object' } } },
        },
        default: error,
      },
    },
  },
}
