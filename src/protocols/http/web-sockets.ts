/**
 * Upgrades on the HTTP port: who comes is checked, then the connection goes to the gate of its path
 * (net/web-socket-gates.ts). What is refused gets an ordinary answer with a body that says why.
 */

import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { WebSocketGate } from '../../net/web-socket-gates.ts'
import { agreedProtocol, type WebSocketServer } from '../../net/web-socket-server.ts'
import type { AdapterContext } from '../adapter.ts'
import { pathOf, sendError } from './answer.ts'
import { HttpError, noSuchPath } from './http-error.ts'
import type { HttpConfig } from './index.ts'
import { requireHost, requireOrigin } from './origin-check.ts'

export interface UpgradeOptions {
  readonly context: AdapterContext
  readonly config: HttpConfig
  readonly webSockets: WebSocketServer
  /** Address text of the listener. */
  readonly listener: string
}

/** Takes or refuses an upgrade; the socket is looked after from now on. */
export function handleUpgrade(
  { context, config, webSockets, listener }: UpgradeOptions,
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
): void {
  try {
    const gate = gateFor(context, config, request)
    webSockets.accept(gate, { request, socket, head, listener })
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
): WebSocketGate {
  const { headers } = request
  requireHost(headers, config)
  requireOrigin(headers, config)
  const path = pathOf(request)
  const gate = webSockets?.at(path)
  if (gate === undefined) {
    throw noSuchPath(path, `WebSockets are at: ${webSockets?.paths.join(' ') ?? ''}`)
  }
  const offered = headers['sec-websocket-protocol']?.split(',').map((name) => name.trim()) ?? []
  if (agreedProtocol(gate, offered) !== undefined) return gate
  const text = `${path} speaks ${gate.protocols.join(', ')}; offered is ${offered.join(', ')}`
  throw new HttpError(400, ['unimplemented', 'unsupported'], text)
}

/** Answers on the bare socket of an upgrade, and closes it. */
function refuse(request: IncomingMessage, socket: Socket, error: HttpError): void {
  const response = new ServerResponse(request)
  // Of a request whose body was not read nothing else can follow.
  response.shouldKeepAlive = false
  socket.on('error', () => undefined)
  response.assignSocket(socket)
  response.on('finish', () => {
    response.detachSocket(socket)
    socket.end()
    // What else it sends is of no use.
    socket.resume()
  })
  sendError(response, error)
}
