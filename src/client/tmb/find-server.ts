/**
 * Finds the server of an address: of several ports the first that accepts the connection and answers
 * `ping` in time (spec/tmb 8.1). One that is named alone gets the time of any command.
 */

import { BusError, ProtocolError } from '../../model/errors.ts'
import { onAbort } from '../abort-listeners.ts'
import type { Timing } from '../timing.ts'
import { LineLink } from './line-link.ts'
import type { LineLinkOptions } from './line-link.ts'
import { commandLine } from './checked-line.ts'
import { parseReply } from './reply.ts'
import type { TmbAddress, TmbPlace } from './tmb-address.ts'
import { TmbError } from './tmb-error.ts'

export interface FindServerOptions extends Omit<LineLinkOptions, 'place' | 'tls'> {
  readonly address: TmbAddress
  /** For a single place; milliseconds. */
  readonly timeoutMs: number
  readonly timing: Timing
}

/** For each of several ports, milliseconds. */
const searchMs = 500

/**
 * Resolves with a link whose `ping` has been answered, and nothing else sent; the caller sets its owner in
 * the same turn.
 * @throws BusError that says what to do
 */
export async function findServer(
  options: FindServerOptions,
  signal: AbortSignal,
): Promise<LineLink> {
  const { address, timeoutMs } = options
  const [first, ...others] = address.places
  if (first !== undefined && others.length === 0) return tryPlace(options, first, timeoutMs, signal)
  const failures: BusError[] = []
  for (const place of address.places) {
    try {
      return await tryPlace(options, place, Math.min(searchMs, timeoutMs), signal)
    } catch (error) {
      if (!(error instanceof BusError) || signal.aborted) throw error
      failures.push(error)
    }
  }
  // A server that refuses says more than ports where there is none.
  const refusal = failures.find((error) => error instanceof TmbError)
  if (refusal !== undefined) throw refusal
  const text = `no TMB server answers at ${address.text}: start msgbusd, or name the address it listens on`
  throw new BusError('unavailable', 'connection_lost', text, { cause: failures[0] })
}

function tryPlace(
  options: FindServerOptions,
  place: TmbPlace,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<LineLink> {
  if (signal.aborted) return Promise.reject(abortedError(signal))
  return new Promise((resolve, reject) => {
    const settle = () => {
      timer.cancel()
      unlisten()
    }
    const { address, tlsOptions, maxLineBytes, maxPendingBytes, timing } = options
    const link = new LineLink(
      { place, tls: address.tls, tlsOptions, maxLineBytes, maxPendingBytes },
      {
        onLine(bytes, start, end) {
          const reply = parseReply(bytes.subarray(start, end))
          if (reply.kind === 'info') return
          if (reply.kind === 'error') {
            return link.destroy(new TmbError(reply.code, reply.command, reply.text))
          }
          if (reply.kind !== 'ok' || reply.command !== 'ping') {
            throw new ProtocolError('ping was answered with something else')
          }
          settle()
          resolve(link)
        },
        onRead: () => undefined,
        onClosed(error) {
          settle()
          reject(error)
        },
      },
    )
    const timer = timing.after(timeoutMs, () => {
      const text = `no answer from ${link.address} within ${timeoutMs} ms: check that a TMB server listens there`
      link.destroy(new BusError('deadline_exceeded', 'timed_out', text))
    })
    const unlisten = onAbort(signal, () => link.destroy(abortedError(signal)))
    link.send(commandLine('ping'))
  })
}

export function abortedError(signal: AbortSignal | undefined): BusError {
  return new BusError('cancelled', 'cancelled', 'the call was aborted', { cause: signal?.reason })
}
