/** `@msgbus/client/browser`: the client in a page, and its WebSocket transport. Runs in workers and Node.js as well. */

import { firstAnswer } from './first-answer.ts'
import type { FirstAnswerOptions } from './first-answer.ts'
import { MsgbusClient } from './msgbus-client.ts'
import type { ClientOptions } from './msgbus-client.ts'
import { createWebSocketTransport } from './web-socket-transport.ts'
import type { WebSocketTransportOptions } from './web-socket-transport.ts'

export * from './core.ts'
export { createWebSocketTransport } from './web-socket-transport.ts'
export type { WebSocketTransportOptions } from './web-socket-transport.ts'
export type { WebSocketClass, WebSocketInstance } from './web-socket-class.ts'

export interface ConnectOptions
  extends ClientOptions, WebSocketTransportOptions, FirstAnswerOptions {}

/**
 * Connects and makes sure that a daemon answers. Afterwards broken connections mend themselves.
 * @param url `ws://…`, `wss://…`, `http://…`, `https://…`, `host:port` (that of `--http`) or a path; default: `/msgbus`
 *   at the host the page came from
 * @throws BusError `unavailable` with what to do about it, `deadline_exceeded`, `cancelled`
 */
export async function connect(url?: string, options: ConnectOptions = {}): Promise<MsgbusClient> {
  return firstAnswer(connectLazy(url, options), options)
}

/** As `connect`, but the connection is made by the first call. @throws BusError for a bad address */
export function connectLazy(url?: string, options: ConnectOptions = {}): MsgbusClient {
  return new MsgbusClient(createWebSocketTransport(url, options), options)
}
