/** What a client is made with, and what it tells of itself. */

import type { BusError } from '../../model/errors.ts'
import type { ClientTlsOptions } from '../grpc-transport.ts'
import type { ReconnectOptions } from '../reconnect-delay.ts'
import type { Timing } from '../timing.ts'
import type { TmbKind, TmbOption, tmbOptions } from '../../wire/tmb/words.ts'
import type { TmbAddressOptions } from './tmb-address.ts'
import type { TmbError } from './tmb-error.ts'

/** Who this client is, where the server asks (spec/tmb 9). */
export type TmbAuth =
  { readonly token: string } | { readonly user: string; readonly password: string }

/** Settings of a connection (spec/tmb 3.5). */
export type TmbOptionValues = {
  // Without replies this client could not tell what became of its commands.
  readonly [Name in Exclude<TmbOption, 'replies'>]?: (typeof tmbOptions)[Name][number] | undefined
}

export interface TmbClientOptions extends TmbAddressOptions {
  /** For an address with `tls+`; default: what Node.js trusts. */
  readonly tls?: ClientTlsOptions | undefined
  readonly auth?: TmbAuth | undefined
  /** Settings from the first moment on, on every connection; `TmbClient.option` changes them. */
  readonly options?: TmbOptionValues | undefined
  /** For connecting, and for each command that names no other; milliseconds, default 5,000. */
  readonly timeoutMs?: number | undefined
  /** A server silent for so long is asked whether it lives; milliseconds, default 15,000. */
  readonly pingMs?: number | undefined
  /**
   * How to mend a broken connection; false: not at all. Default: for ever, with growing delays. A
   * connection that stood for less than five seconds counts as one that failed.
   */
  readonly reconnect?: ReconnectOptions | false | undefined
  /** Keep trying to connect at first as well, until `signal` fires. */
  readonly waitForServer?: boolean | undefined
  /** Ends connecting with `cancelled`; of no effect afterwards. */
  readonly signal?: AbortSignal | undefined
  /** Listeners from the beginning on; `TmbClient.on` adds others. */
  readonly on?: TmbListeners | undefined
  /** Messages that wait for the iterator until the client stops reading; default 8,192. */
  readonly maxQueuedMessages?: number | undefined
  /** The same in bytes of lines; default 8 MiB. */
  readonly maxQueuedBytes?: number | undefined
  /** Sent and not taken by the server; beyond it sending is refused. Default 64 MiB. */
  readonly maxPendingBytes?: number | undefined
  /** Longest line taken; a longer one ends the connection. Default 16 MiB. */
  readonly maxLineBytes?: number | undefined
  /** Largest answer to `last` and `categories` taken; a larger one ends the connection. Default 128 MiB. */
  readonly maxReplyBytes?: number | undefined
  /** Time and chance; for tests. */
  readonly timing?: Timing | undefined
}

export type TmbListeners = {
  readonly [Name in keyof TmbEvents]?: ((event: TmbEvents[Name]) => void) | undefined
}

export interface TmbSubscription {
  readonly id: string
  readonly kind: TmbKind
  /** As bytes, belonging to the client. */
  readonly pattern: Uint8Array
  /** Begins with the last message of every matching category, also after a new connection. */
  readonly isWatch: boolean
}

/** What happens to a client, for logs and for programs that must act on it. */
export interface TmbEvents {
  /** The connection stands again, with all subscriptions and options. Not told for the first one. */
  readonly connected: { readonly reconnects: number; readonly address: string }
  /** The connection is gone, and with it whatever was on its way. */
  readonly disconnected: { readonly error: BusError; readonly willReconnect: boolean }
  /** Before each further attempt to connect, also at first with `waitForServer`. */
  readonly reconnecting: {
    /** 1 for the first since it stood firmly. */
    readonly attempt: number
    readonly delayMs: number
    readonly error: BusError
  }
  /** The server refuses what it allowed on the last connection; the subscription is given up. */
  readonly subscriptionRefused: { readonly subscription: TmbSubscription; readonly error: TmbError }
  /** The server has refused a message that this client sent; which one is not known. */
  readonly messageRefused: { readonly error: TmbError }
  /** Something the server says unasked, such as `slow` with the number of dropped messages. */
  readonly info: { readonly code: string; readonly text: string }
}
