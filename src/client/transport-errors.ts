/** What can go wrong with a call in any transport, in the same words. */

import { BusError } from '../model/errors.ts'
import type { Rpc } from './transport.ts'

/** @throws BusError `invalid_argument/bad_argument`: a field has a value that its type does not allow */
export function encodeRequest<Q>(rpc: Rpc<Q, unknown>, request: Q): Uint8Array {
  try {
    return rpc.requestSerialize(request)
  } catch (cause) {
    const text = `the request of ${rpc.path} cannot be encoded: ${(cause as Error).message}`
    throw new BusError('invalid_argument', 'bad_argument', text, { cause })
  }
}

/** @throws BusError `internal/undecodable` */
export function decodeResponse<R>(rpc: Rpc<never, R>, bytes: Uint8Array, target: string): R {
  try {
    return rpc.responseDeserialize(bytes)
  } catch (cause) {
    const text = `${target} sent an answer to ${rpc.path} that cannot be decoded`
    throw new BusError('internal', 'undecodable', text, { cause })
  }
}

export function missingResponse(path: string): BusError {
  return new BusError('internal', 'undecodable', `${path} ended without an answer`)
}

export function abortedError(signal: AbortSignal): BusError {
  return new BusError('cancelled', 'cancelled', 'the call was aborted', { cause: signal.reason })
}

export function closedError(): BusError {
  return new BusError('cancelled', 'cancelled', 'the client is closed')
}

export function timedOutError(target: string, path: string, cause?: unknown): BusError {
  const text = `no answer from ${target} to ${path} in time`
  return new BusError('deadline_exceeded', 'timed_out', text, { cause })
}
