/**
 * The part of the WebSocket interface that the client uses, which browsers, Node.js from 22 on and the package `ws`
 * all have, so that the client needs no types of any of them.
 */

import { BusError } from '../model/errors.ts'

export interface WebSocketInstance {
  binaryType: string
  /** Takes the bytes over. */
  send(data: Uint8Array<ArrayBuffer>): void
  close(code?: number, reason?: string): void
  addEventListener(type: 'open' | 'error', listener: (event: object) => void): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  addEventListener(
    type: 'close',
    listener: (event: { readonly code: number; readonly reason: string }) => void,
  ): void
}

export type WebSocketClass = new (url: string, protocols: string[]) => WebSocketInstance

/** What the page or the runtime has. @throws BusError `failed_precondition/unsupported` when that is none */
export function globalWebSocket(): WebSocketClass {
  const { WebSocket } = globalThis as { readonly WebSocket?: WebSocketClass }
  if (WebSocket !== undefined) return WebSocket
  const text =
    'there is no WebSocket here: give one as the option webSocket (Node.js has it from 22)'
  throw new BusError('failed_precondition', 'unsupported', text)
}
