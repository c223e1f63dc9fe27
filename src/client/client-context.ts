/** What every part of the client shares: the connection, time, hooks and the caller's defaults. */

import { BusError } from '../model/errors.ts'
import type { NodeId } from '../model/node-id.ts'
import type { ClientHooks } from './hooks.ts'
import type { Timing } from './timing.ts'
import type { Rpc, Transport } from './transport.ts'

export interface ClientContext {
  readonly transport: Transport
  readonly timing: Timing
  readonly hooks: ClientHooks
  /** For single calls that name no other, milliseconds. */
  readonly timeoutMs: number
  /** Origin of calls that name none; undefined: the daemon's choice. */
  readonly defaultOrigin: NodeId | undefined
}

/** Accepted by every single call. */
export interface RequestOptions {
  /** Milliseconds until the call fails with `deadline_exceeded`; default: that of the client, 10,000. */
  readonly timeoutMs?: number | undefined
  /** Ends the call with `cancelled`. */
  readonly signal?: AbortSignal | undefined
}

export async function callOnce<Q, R>(
  context: ClientContext,
  rpc: Rpc<Q, R>,
  request: Q,
  options: RequestOptions & { readonly metadata?: Readonly<Record<string, string>> } = {},
): Promise<R> {
  const { transport, timing, hooks } = context
  const startedAt = timing.monotonic()
  const report = (code: BusError['code'] | 'ok') =>
    hooks.callEnded?.({ path: rpc.path, durationMs: timing.monotonic() - startedAt, code })
  try {
    const response = await transport.unary(rpc, request, {
      timeoutMs: options.timeoutMs ?? context.timeoutMs,
      signal: options.signal,
      metadata: options.metadata,
    })
    report('ok')
    return response
  } catch (error) {
    report(error instanceof BusError ? error.code : 'internal')
    throw error
  }
}

/** The daemon speaks v1 only, or an older one, and has no such method. */
export function isUnimplemented(error: unknown): boolean {
  return error instanceof BusError && error.code === 'unimplemented'
}

/** Turns "no such method" into what the caller can do about it. */
export function unsupported(what: string, cause: unknown): BusError {
  const text = `this daemon does not offer ${what} (it speaks msgbus.v1 only)`
  return new BusError('unimplemented', 'unsupported', text, { cause })
}
