/**
 * The transport for pages: all calls of msgbus.v1 and v2 through one WebSocket on the daemon's HTTP port. As with gRPC
 * (grpc-transport.ts) a connection that was lost is made anew by the next call, at once; how often to try is decided in
 * one place (reconnect-delay.ts).
 */

import { BusError } from '../model/errors.ts'
import { authorizationOf } from './login.ts'
import type { LoginOptions } from './login.ts'
import { systemTiming } from './timing.ts'
import type { Timing } from './timing.ts'
import { closedError, encodeRequest, missingResponse } from './transport-errors.ts'
import type { CallOptions, DuplexStream, ResponseStream, Rpc, Transport } from './transport.ts'
import { TunnelLink } from './tunnel-link.ts'
import { TunnelStream } from './tunnel-stream.ts'
import type { CallLink } from './tunnel-stream.ts'
import { globalWebSocket } from './web-socket-class.ts'
import type { WebSocketClass } from './web-socket-class.ts'
import { toWebSocketUrl } from './web-socket-url.ts'

/** Who the client is; a page of the daemon's own console need not say so. */
export interface WebSocketTransportOptions extends LoginOptions {
  /** Default: the runtime's own. In Node.js before 22 give that of the package `ws`. */
  readonly webSocket?: WebSocketClass | undefined
  /** A connection silent for so long is asked for a sign of life, milliseconds; default 30,000. */
  readonly keepAliveMs?: number | undefined
  /** Time; for tests. */
  readonly timing?: Timing | undefined
}

/**
 * @param url as `toWebSocketUrl` takes it; default: `/msgbus` at the host of the page
 * @throws BusError `invalid_argument/bad_argument`; `failed_precondition/unsupported` without a WebSocket class
 */
export function createWebSocketTransport(
  url?: string,
  options: WebSocketTransportOptions = {},
): Transport {
  return new WebSocketTransport(toWebSocketUrl(url), options)
}

class WebSocketTransport implements Transport {
  readonly target: string
  readonly #webSocket: WebSocketClass
  readonly #timing: Timing
  readonly #authorization: string | undefined
  readonly #keepAliveMs: number
  readonly #stop = new AbortController()
  #link: TunnelLink | undefined

  constructor(url: string, options: WebSocketTransportOptions) {
    this.target = url
    this.#authorization = authorizationOf(options)
    this.#webSocket = options.webSocket ?? globalWebSocket()
    this.#timing = options.timing ?? systemTiming
    this.#keepAliveMs = options.keepAliveMs ?? 30_000
  }

  get closed(): AbortSignal {
    return this.#stop.signal
  }

  async unary<Q, R>(rpc: Rpc<Q, R>, request: Q, options: CallOptions): Promise<R> {
    const stream = this.stream(rpc, request, options)
    const response = await stream.read()
    if (response === undefined) throw missingResponse(rpc.path)
    // Nothing but how it ended.
    await stream.read()
    return response
  }

  stream<Q, R>(rpc: Rpc<Q, R>, request: Q, options: CallOptions): ResponseStream<R> {
    const bytes = encodeRequest(rpc, request)
    const stream = this.#start(rpc, options)
    stream.send(bytes, () => undefined)
    return stream
  }

  duplex<Q, R>(rpc: Rpc<Q, R>, options: CallOptions): DuplexStream<Q, R> {
    return this.#start(rpc, options)
  }

  close(): void {
    this.#stop.abort()
    this.#link?.close(closedError())
  }

  #start<Q, R>(rpc: Rpc<Q, R>, options: CallOptions): TunnelStream<Q, R> {
    const authorization = this.#authorization
    const call =
      authorization === undefined
        ? options
        : { ...options, metadata: { ...options.metadata, authorization } }
    const { target } = this
    const timing = this.#timing
    const isClosed = this.#stop.signal.aborted
    if (isClosed || call.signal?.aborted === true) {
      const stream = new TunnelStream({ link: nowhere, rpc, call, timing, target })
      if (isClosed) stream.fail(closedError())
      return stream
    }
    const link = (this.#link ??= this.#connect())
    const stream = new TunnelStream({ link, rpc, call, timing, target })
    link.add(stream)
    return stream
  }

  #connect(): TunnelLink {
    const url = this.target
    try {
      const link: TunnelLink = new TunnelLink({
        url,
        webSocket: this.#webSocket,
        timing: this.#timing,
        keepAliveMs: this.#keepAliveMs,
        onLost: () => {
          if (this.#link === link) this.#link = undefined
        },
      })
      return link
    } catch (cause) {
      // A page that came by https may not open ws://, for one.
      const text = `no WebSocket to ${url}: ${cause instanceof Error ? cause.message : String(cause)}`
      throw new BusError('invalid_argument', 'bad_argument', text, { cause })
    }
  }
}

/** For calls that are over before they begin. */
const nowhere: CallLink = { requestBytesMost: 0, send: () => undefined, remove: () => undefined }
