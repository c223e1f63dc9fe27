/**
 * What happens inside the client, for metrics and logs. Hooks are called synchronously and must not
 * throw; none is called per message.
 */

import type { BusError, BusErrorCode } from '../model/errors.ts'
import type { LogKey } from '../model/message.ts'

export interface ClientHooks {
  /** A single call has ended. `path` is `/package.Service/Method`. */
  callEnded?(info: {
    readonly path: string
    readonly durationMs: number
    readonly code: BusErrorCode | 'ok'
  }): void
  /** The daemon has answered a batch of a publisher. */
  batchPublished?(info: {
    readonly messages: number
    readonly bytes: number
    readonly refused: number
    readonly durationMs: number
  }): void
  /** A subscription has received messages; `bytes` counts payloads. */
  batchReceived?(info: {
    readonly filter: string
    readonly messages: number
    readonly bytes: number
  }): void
  /** A stream broke and will be opened again. */
  reconnecting?(info: {
    /** What was to be kept open: `subscribe <filter>`, `consume <queue>`, `join <name>`, `publisher` … */
    readonly what: string
    /** 1 for the first attempt after a success. */
    readonly attempt: number
    readonly delayMs: number
    readonly error: BusError
  }): void
  /** Messages missing in a stream of a v1 daemon were fetched; both ends included. */
  gapFilled?(info: LogKey & { readonly fromHead: bigint; readonly toHead: bigint }): void
  /** These messages cannot be delivered: the daemon found their records damaged. */
  damaged?(info: LogKey & { readonly fromHead: bigint; readonly toHead: bigint }): void
  /** The daemon's store was made anew: a position no longer fits, see `SubscribeOptions.historyChanged`. */
  historyChanged?(info: { readonly filter: string }): void
  /** A handler given to `register` threw what is no `BusError`: most probably a defect of the program. */
  handlerFailed?(info: { readonly procedure: string; readonly error: unknown }): void
}
