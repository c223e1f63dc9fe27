/** The gate at which pages come in: each WebSocket at `/msgbus` becomes a tunnel, and a client of the bus. */

import type { Bus } from '../../core/bus.ts'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import { toBusError } from '../../model/errors.ts'
import type { WebSocketConnection, WebSocketGate } from '../../net/web-socket-gates.ts'
import {
  sharedMessageBytes,
  tunnelPath,
  tunnelProtocol,
} from '../../wire/web-socket/tunnel-frame.ts'
import type { Admission } from '../admission.ts'
import { Callers } from './callers.ts'
import { Tunnel } from './tunnel.ts'
import type { TunnelCalls } from './tunnel-calls.ts'

export interface TunnelsOptions {
  readonly bus: Bus
  readonly admission: Admission
  readonly logger: Logger
  readonly clock: Clock
  readonly methods: TunnelCalls
  readonly callsMost: number
  readonly requestBytesMost: number
}

/** RFC 6455 and its registry: try again later. */
const tryAgainLater = 1013

export class Tunnels implements WebSocketGate {
  readonly path = tunnelPath
  readonly protocols = [tunnelProtocol]
  readonly endsItself = true
  readonly maxMessageBytes: number
  readonly outboxBytes: number
  readonly #options: TunnelsOptions
  readonly #tunnels = new Set<Tunnel>()
  #onIdle: (() => void) | undefined

  constructor(options: TunnelsOptions) {
    this.#options = options
    // A request that is a little too large costs its call, not the connection.
    this.maxMessageBytes = 2 * options.requestBytesMost + sharedMessageBytes
    this.outboxBytes = options.bus.limits.outboxBytes
  }

  accept(webSocket: WebSocketConnection): void {
    const callers = this.#callersOf(webSocket)
    if (callers === undefined) return
    const { methods, clock, callsMost, requestBytesMost } = this.#options
    const tunnel: Tunnel = new Tunnel({
      webSocket,
      callers,
      methods,
      clock,
      callsMost,
      requestBytesMost,
      onClose: () => {
        this.#tunnels.delete(tunnel)
        if (this.#tunnels.size === 0) this.#onIdle?.()
      },
    })
    this.#tunnels.add(tunnel)
  }

  /** Closes each once its calls are done, and all that are left after the grace time. */
  async stop(graceMs: number): Promise<void> {
    if (this.#tunnels.size === 0) return
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve
    })
    const timer = this.#options.clock.after(graceMs, () => {
      for (const tunnel of this.#tunnels) tunnel.destroy()
    })
    for (const tunnel of this.#tunnels) tunnel.finish()
    await idle
    timer.cancel()
  }

  /** Undefined when the bus takes no more clients: the WebSocket is closed then. */
  #callersOf(webSocket: WebSocketConnection): Callers | undefined {
    const { bus, admission, clock, logger } = this.#options
    const { transport, source, listener } = webSocket
    const origin = { transport, source, listener }
    try {
      return new Callers({ bus, admission, clock, origin, newcomer: webSocket })
    } catch (error) {
      const { reason, message } = toBusError(error)
      logger.warn('grpc_connection_refused', { reason, source })
      webSocket.end(tryAgainLater, message)
      return undefined
    }
  }
}
