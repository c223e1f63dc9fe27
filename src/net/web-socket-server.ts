/**
 * Makes WebSockets of HTTP upgrades and looks after them: the handshake with the sub-protocol of the gate, one coarse
 * timer that asks all of them for a sign of life, and an end in bounded time. Who may come is decided before, by
 * whoever owns the HTTP server.
 */

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type ServerOptions, WebSocketServer as WsServer } from 'ws'
import type { Clock, Timer } from '../core/clock.ts'
import { FlushSchedule } from './outbox.ts'
import type { Identity } from '../model/identity.ts'
import { sourceOf } from './source.ts'
import { AcceptedWebSocket } from './web-socket-connection.ts'
import type { WebSocketGate } from './web-socket-gates.ts'

/** Middleboxes forget a silent connection after a minute. */
const pingIntervalMs = 30_000
/** How long the other side has to answer a close message. */
const closeTimeoutMs = 5_000
const normalClosure = 1000
const goingAway = 1001

export interface Upgrade {
  readonly request: IncomingMessage
  readonly socket: Socket
  readonly head: Buffer
  /** Address text. */
  readonly listener: string
  /** Of whoever sent the request, as far as it says so. */
  readonly identity?: Identity | undefined
  /** Nobody on the way can read along. */
  readonly isSecure?: boolean | undefined
}

export class WebSocketServer {
  readonly #clock: Clock
  readonly #schedule = new FlushSchedule()
  readonly #connections = new Set<AcceptedWebSocket>()
  readonly #handshakes = new Map<WebSocketGate, WsServer>()
  #timer: Timer | undefined
  #isStopping = false
  #onIdle: () => void = () => undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#connections.size
  }

  /**
   * Answers the upgrade, with an error where the request is not one of WebSocket, and hands the connection to the gate.
   * The caller has made sure that they have a sub-protocol in common (`agreedProtocol`).
   */
  accept(gate: WebSocketGate, upgrade: Upgrade): void {
    const { request, socket, head, listener, identity, isSecure } = upgrade
    this.#handshakeOf(gate).handleUpgrade(request, socket, head, (webSocket) => {
      const connection = new AcceptedWebSocket({
        webSocket,
        socket,
        source: sourceOf(socket),
        listener,
        identity,
        isSecure,
        schedule: this.#schedule,
        outboxBytes: gate.outboxBytes,
        endsItself: gate.endsItself ?? false,
        closeCode: () => (this.#isStopping ? goingAway : normalClosure),
      })
      this.#connections.add(connection)
      webSocket.on('close', () => {
        this.#connections.delete(connection)
        if (this.#connections.size === 0) this.#onIdle()
      })
      if (this.#isStopping) connection.end()
      else gate.accept(connection)
      this.#pingLater()
    })
  }

  /** From now on connections that end are told that the daemon goes away. */
  announceStop(): void {
    this.#isStopping = true
  }

  /** Closes all of them, or lets their gate do it; those that are left after the grace time are cut off. */
  async stop(graceMs: number): Promise<void> {
    this.#isStopping = true
    this.#timer?.cancel()
    if (this.#connections.size === 0) return
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve
    })
    for (const connection of this.#connections) if (!connection.endsItself) connection.end()
    const cut = this.#clock.after(graceMs, () => {
      for (const connection of this.#connections) connection.destroy()
    })
    await idle
    cut.cancel()
  }

  #handshakeOf(gate: WebSocketGate): WsServer {
    const known = this.#handshakes.get(gate)
    if (known !== undefined) return known
    const options: ServerOptions & { readonly closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: gate.maxMessageBytes,
      closeTimeout: closeTimeoutMs,
      handleProtocols: (offered) => agreedProtocol(gate, [...offered]) || false,
    }
    const server = new WsServer(options)
    this.#handshakes.set(gate, server)
    return server
  }

  #pingLater(): void {
    if (this.#timer !== undefined || this.#isStopping) return
    this.#timer = this.#clock.after(pingIntervalMs, () => {
      this.#timer = undefined
      for (const connection of this.#connections) connection.checkAlive()
      if (this.#connections.size > 0) this.#pingLater()
    })
  }
}

/** The sub-protocol that gate and client have in common, by the preference of whoever chooses; empty: none has a meaning; undefined: none in common. */
export function agreedProtocol(
  { protocols, clientChooses = false }: WebSocketGate,
  offered: readonly string[],
): string | undefined {
  if (clientChooses) return offered.find((protocol) => protocols.includes(protocol))
  if (offered.length === 0 || protocols.length === 0) return ''
  return protocols.find((protocol) => offered.includes(protocol))
}
