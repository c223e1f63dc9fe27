/**
 * Who asks, by the means of HTTP: the header `authorization` (Bearer, Basic), the cookie of a console session, else what
 * the connection proves. A cookie is sent by browsers whether or not the page that makes them ask is ours, so a request
 * that comes with one and changes something has to bring the second secret of its session, and a WebSocket has to come
 * from a page of this listener.
 */

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from '../../core/clock.ts'
import type { BusError } from '../../model/errors.ts'
import { toBusError } from '../../model/errors.ts'
import type { Identity } from '../../model/identity.ts'
import type { ListenerSettings } from '../../net/address.ts'
import { SocketProof } from '../../net/connection-proof.ts'
import { sourceOf } from '../../net/source.ts'
import { type Admission, credentialsMissing, type Newcomer } from '../admission.ts'
import { type ConsoleSession, ConsoleSessions, isCsrfToken } from './console-sessions.ts'
import { HttpError } from './http-error.ts'
import type { RequestOrigin } from './origin-check.ts'

/** A listener, as far as it matters for who comes. */
export interface ListenerTrait {
  /** Address text. */
  readonly address: string
  readonly tls: boolean
  readonly settings: ListenerSettings | undefined
}

/** What a request shows. `credentials` tells them apart, empty: nothing. */
export type Shown =
  | { readonly kind: 'nothing'; readonly credentials: '' }
  | { readonly kind: 'header'; readonly credentials: string; readonly header: string }
  | {
      readonly kind: 'session'
      readonly credentials: string
      readonly id: string
      readonly session: ConsoleSession
    }

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

export class RequestIdentity {
  readonly admission: Admission
  readonly sessions: ConsoleSessions

  constructor(admission: Admission, clock: Clock) {
    this.admission = admission
    this.sessions = new ConsoleSessions(clock)
  }

  get isOpen(): boolean {
    return this.admission.isOpen
  }

  /** @throws HttpError 403 for a session without its second secret where that is needed */
  shown(request: IncomingMessage, listener: ListenerTrait): Shown {
    const { authorization } = request.headers
    if (authorization !== undefined) {
      return { kind: 'header', credentials: `header ${authorization}`, header: authorization }
    }
    const found = this.#session(request, listener)
    if (found === undefined) return { kind: 'nothing', credentials: '' }
    const isSafe = safeMethods.has(request.method ?? '')
    if (!isSafe && !isCsrfToken(found.session, request.headers['msgbus-csrf'])) {
      const text = 'with the cookie of a session goes the header msgbus-csrf, from GET /v1/session'
      throw new HttpError(403, ['permission_denied', 'page_not_allowed'], text)
    }
    return { kind: 'session', credentials: `session ${found.id}`, ...found }
  }

  /** @throws BusError, HttpError 401 */
  async identify(shown: Shown, newcomer: Newcomer): Promise<Identity> {
    const identity = await this.#identity(shown, newcomer)
    if (identity !== undefined) return identity
    throw credentialsMissing('send the header authorization: Bearer <token>, or Basic')
  }

  /**
   * Who a WebSocket is opened by, as far as the request says so; the protocol on it may have means of its own.
   * @throws BusError
   */
  async ofUpgrade(
    request: IncomingMessage,
    listener: ListenerTrait,
    origin: RequestOrigin,
  ): Promise<Identity | undefined> {
    const newcomer = newcomerAt(request.socket, listener)
    if (this.isOpen) {
      return newcomer.certificate && this.admission.nameless(newcomer)
    }
    const shown = this.shown(request, listener)
    if (shown.kind === 'session' && origin !== 'same') return undefined
    return shown.kind === 'nothing'
      ? this.admission.byProof(newcomer)
      : this.#identity(shown, newcomer)
  }

  /** The header `set-cookie` for a session; an empty id ends it. */
  cookieOf(listener: ListenerTrait, id: string): string {
    const end = id === '' ? '; Max-Age=0' : ''
    const secure = listener.tls ? '; Secure' : ''
    return `${cookieName(listener)}=${id}; Path=/; HttpOnly; SameSite=Strict${secure}${end}`
  }

  async #identity(shown: Shown, newcomer: Newcomer): Promise<Identity | undefined> {
    switch (shown.kind) {
      case 'nothing':
        return this.admission.byConnection(newcomer)
      case 'header':
        return this.admission.byAuthorization(shown.header, newcomer)
      case 'session':
        return this.admission.still(shown.session.identity)
    }
  }

  #session(request: IncomingMessage, listener: ListenerTrait) {
    if (request.headers.cookie === undefined) return undefined
    const prefix = `${cookieName(listener)}=`
    const pairs = request.headers.cookie.split(';').map((pair) => pair.trim())
    const id = pairs.find((pair) => pair.startsWith(prefix))?.slice(prefix.length)
    const session = id && this.sessions.find(id)
    return id && session ? { id, session } : undefined
  }
}

/** Asked while the connection is open. */
export function newcomerAt(socket: Socket, { address, settings }: ListenerTrait): Newcomer {
  const proof = new SocketProof(socket, settings)
  return {
    source: sourceOf(socket),
    listener: address,
    get certificate() {
      return proof.certificate
    },
    get process() {
      return proof.process
    },
  }
}

/** How a browser, or a program, may answer a 401. A page gets no question by the browser itself: it asks for itself. */
export function challengeFor(request: IncomingMessage, error: unknown): BusError {
  const { code, reason, message } = toBusError(error)
  if (code !== 'unauthenticated') return toBusError(error)
  const mode = request.headers['sec-fetch-mode']
  const isPage = mode !== undefined && mode !== 'navigate'
  const bearer = 'Bearer realm="msgbus"'
  const basic = 'Basic realm="msgbus", charset="UTF-8"'
  const challenges = isPage ? [bearer] : [bearer, basic]
  return new HttpError(401, [code, reason], message, { 'www-authenticate': challenges })
}

/** Cookies know no ports, and several daemons on one machine are usual. */
function cookieName({ address, tls }: ListenerTrait): string {
  const port = /:(\d+)$/.exec(address)?.[1] ?? '0'
  return `${tls ? '__Host-' : ''}msgbus-${port}`
}
