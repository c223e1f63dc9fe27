/**
 * Upgrades on the HTTP port: who comes is checked, then the connection goes to the gate of its path
 * (net/web-socket-gates.ts). What is refused gets an ordinary answer with a body that says why.
 */

import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { BusError } from '../../model/errors.ts'
import type { Identity } from '../../model/identity.ts'
import { isSecureSocket } from '../../net/connection-proof.ts'
import type { WebSocketGate } from '../../net/web-socket-gates.ts'
import { agreedProtocol, type WebSocketServer } from '../../net/web-socket-server.ts'
import type { AdapterContext } from '../adapter.ts'
import { pathOf, sendError } from './answer.ts'
import { HttpError, noSuchPath } from './http-error.ts'
import type { HttpConfig } from './index.ts'
import { requireHost, requireOrigin, type RequestOrigin } from './origin-check.ts'
import { challengeFor, type ListenerTrait, type RequestIdentity } from './request-identity.ts'

export interface UpgradeOptions {
  readonly context: AdapterContext
  readonly config: HttpConfig
  readonly webSockets: WebSocketServer
  readonly listener: ListenerTrait
  readonly identities: RequestIdentity
}

/** Takes or refuses an upgrade; the socket is looked after from now on. */
export function handleUpgrade(
  { context, config, webSockets, listener, identities }: UpgradeOptions,
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
): void {
  const accept = (gate: WebSocketGate, identity: Identity | undefined) => {
    const { address } = listener
    const isSecure = isSecureSocket(socket)
    webSockets.accept(gate, { request, socket, head, listener: address, identity, isSecure })
  }
  try {
    const { gate, origin } = gateFor(context, config, request)
    if (identities.isOpen && socket.remoteAddress !== undefined && !listener.tls) {
      accept(gate, undefined)
      return
    }
    socket.on('error', ignore)
    identities.ofUpgrade(request, listener, origin).then(
      (identity) => {
        socket.off('error', ignore)
        if (!socket.destroyed) accept(gate, identity)
      },
      (error: unknown) => refuse(request, socket, challengeFor(request, error)),
    )
  } catch (error) {
    if (!(error instanceof HttpError)) throw error
    refuse(request, socket, error)
  }
}

/** What is at a path that is asked for without an upgrade. */
export function upgradeRequired(path: string): HttpError {
  const text = `${path} is a WebSocket`
  const headers = { upgrade: 'websocket', connection: 'upgrade' }
  return new HttpError(426, ['failed_precondition', 'unsupported'], text, headers)
}

/** @throws HttpError */
function gateFor(
  { webSockets }: AdapterContext,
  config: HttpConfig,
  request: IncomingMessage,
): { readonly gate: WebSocketGate; readonly origin: RequestOrigin } {
  const { headers } = request
  requireHost(headers, config)
  const origin = requireOrigin(headers, config)
  const path = pathOf(request)
  const gate = webSockets?.at(path)
  if (gate === undefined) {
    throw noSuchPath(path, `WebSockets are at: ${webSockets?.paths.join(' ') ?? ''}`)
  }
  const offered = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim()) ?? []
  if (agreedProtocol(gate, offered) !== undefined) return { gate, origin }
  const text = `${path} speaks ${gate.protocols.join(', ')}; offered is ${offered.join(', ')}`
  throw new HttpError(400, ['unimplemented', 'unsupported'], text)
}

/** Answers on the bare socket of an upgrade, and closes it. */
function refuse(request: IncomingMessage, socket: Socket, error: BusError): void {
  const response = new ServerResponse(request)
  // Of a request whose body was not read nothing else can follow.
  response.shouldKeepAlive = false
  socket.on('error', ignore)
  response.assignSocket(socket)
  response.on('finish', () => {
    response.detachSocket(socket)
    socket.end()
    // What else it sends is of no use.
    socket.resume()
  })
  sendError(response, error)
}

/** An error closes the socket; without a listener it would end the process. */
function ignore(): void {}
