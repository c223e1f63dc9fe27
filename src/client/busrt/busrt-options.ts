/** What a client is made with, and what it tells of itself. */

import type { BusError } from '../../model/errors.ts'
import type { ClientTlsOptions } from '../grpc-transport.ts'
import type { ReconnectOptions } from '../reconnect-delay.ts'
import type { Timing } from '../timing.ts'
import type { FrameHandler } from './client-inbox.ts'
import type { RpcHandler } from './rpc-handlers.ts'

export interface BusrtOptions {
  /** Path of a Unix socket, `unix:/path`, `host:port` or `[::1]:port`; `tls+` in front asks for TLS. */
  readonly address: string
  /** For an address with `tls+`; default: what Node.js trusts. */
  readonly tls?: ClientTlsOptions | undefined
  /**
   * The client is its name: unique at the broker, 1 to 65,535 bytes of UTF-8, not beginning with a dot.
   * By custom `group.subgroup.client`, which broadcast masks divide at the dots.
   */
  readonly name: string
  /** For connecting, and for each operation and call that names no other; milliseconds, default 5,000. */
  readonly timeoutMs?: number | undefined
  /** How often the broker is told that this client lives; default half the time-out, at most 1,000. */
  readonly pingMs?: number | undefined
  /**
   * How to mend a broken connection; false: not at all. Default: for ever, with growing delays. A
   * connection that stood for less than five seconds counts as one that failed.
   */
  readonly reconnect?: ReconnectOptions | false | undefined
  /** Keep trying to connect at first as well, also while the name is taken, until `signal` fires. */
  readonly waitForBroker?: boolean | undefined
  /** Ends connecting with `cancelled`; of no effect afterwards. */
  readonly signal?: AbortSignal | undefined
  /**
   * Takes frames as they come, one after the other: a promise it returns is waited for. What it does
   * without waiting is done before the handler of any later request begins. Without it, iterate
   * `frames()`.
   */
  readonly onFrame?: FrameHandler | undefined
  /**
   * Handlers of RPC methods that are there from the first moment; `BusrtRpc.handle` adds others. With
   * them the client has the RPC layer, see `BusrtRpc`.
   */
  readonly handlers?: Readonly<Record<string, RpcHandler>> | undefined
  /** Listeners from the beginning on; `BusrtClient.on` adds others. */
  readonly on?: BusrtListeners | undefined
  /** Frames that wait for the handler or iterator until the client stops reading; default 8,192. */
  readonly maxQueuedFrames?: number | undefined
  /** The same in bytes of payload; default 8 MiB. */
  readonly maxQueuedBytes?: number | undefined
  /** RPC handlers that run at the same time; default 1,000. Beyond it requests wait. */
  readonly maxConcurrentCalls?: number | undefined
  /** Sent and not taken by the broker; beyond it operations are refused. Default 64 MiB. */
  readonly maxPendingBytes?: number | undefined
  /** Largest frame taken; a larger one ends the connection. Default 256 MiB. */
  readonly maxFrameBytes?: number | undefined
  /** Time and chance; for tests. */
  readonly timing?: Timing | undefined
}

export type BusrtListeners = {
  readonly [Name in keyof BusrtEvents]?: ((event: BusrtEvents[Name]) => void) | undefined
}

/** What happens to a client, for logs and for programs that must act on it. */
export interface BusrtEvents {
  /** The connection stands again, with all subscriptions and exclusions. Not told for the first one. */
  readonly connected: { readonly reconnects: number }
  /** The connection is gone, and with it whatever was on its way. */
  readonly disconnected: { readonly error: BusError; readonly willReconnect: boolean }
  /** Before each further attempt to connect, also at first with `waitForBroker`. */
  readonly reconnecting: {
    /** 1 for the first since it stood firmly. */
    readonly attempt: number
    readonly delayMs: number
    readonly error: BusError
  }
  /** The broker refuses what it allowed on the last connection; the filters are given up. */
  readonly filtersRefused: { readonly filters: readonly string[]; readonly error: BusError }
  /** A handler of frames or notifications, or of a call that wants no reply, has failed. */
  readonly handlerFailed: { readonly error: unknown }
}
