/** The error a callee answered with (spec/busrt 6.1, 6.2), and how a callee answers with one. */

import { BusError } from '../../model/errors.ts'
import type { BusErrorCode, ErrorReason } from '../../model/errors.ts'
import { resultOfRpcCode, rpcErrorCodes } from '../../wire/busrt/rpc.ts'
import { payloadText, toPayload } from '../payload-codec.ts'
import { kindOfResult } from './result-error.ts'

const known: ReadonlyMap<number, readonly [BusErrorCode, ErrorReason, string]> = new Map([
  [rpcErrorCodes.parse, ['invalid_argument', 'undecodable', 'parse error']],
  [rpcErrorCodes.invalidRequest, ['invalid_argument', 'undecodable', 'invalid request']],
  [rpcErrorCodes.methodNotFound, ['unimplemented', 'no_such_procedure', 'method not found']],
  [rpcErrorCodes.invalidParams, ['invalid_argument', 'bad_argument', 'invalid params']],
  [rpcErrorCodes.internal, ['internal', 'application_error', 'internal error']],
  [rpcErrorCodes.notFound, ['not_found', 'not_found', 'not found']],
])

/**
 * Thrown by `call` when the callee answers with an error; thrown in a handler it becomes the answer.
 * `code` and `reason` are those of the bus, `rpcCode` is what stands on the wire.
 */
export class RpcError extends BusError {
  /** From -32,768 to 32,767; those of services are their own business, `rpcErrorCodes` are common. */
  readonly rpcCode: number
  /** What came with the code: by convention text, often nothing. */
  readonly data: Uint8Array

  /**
   * @param data text for the caller, or bytes
   * @param from what failed, where that is known; it is put before the text
   * @throws BusError `invalid_argument` for a code that does not fit 16 bits
   */
  constructor(rpcCode: number, data: string | Uint8Array = '', from?: string) {
    if (!Number.isInteger(rpcCode) || rpcCode < -32_768 || rpcCode > 32_767) {
      const text = `an RPC error code is a whole number of 16 bits, not ${rpcCode}`
      throw new BusError('invalid_argument', 'bad_argument', text)
    }
    const [code, reason, meaning] = meaningOf(rpcCode)
    const text = typeof data === 'string' ? data : payloadText(data)
    const message = text === '' ? `${meaning} (${rpcCode})` : text
    super(code, reason, from === undefined ? message : `${from}: ${message}`)
    this.name = 'RpcError'
    this.rpcCode = rpcCode
    this.data = toPayload(data)
  }
}

function meaningOf(rpcCode: number): readonly [BusErrorCode, ErrorReason, string] {
  const entry = known.get(rpcCode)
  if (entry !== undefined) return entry
  const result = resultOfRpcCode(rpcCode)
  if (result === undefined) return ['unknown', 'application_error', 'error of the callee']
  const [code, reason] = kindOfResult(result)
  return [code, reason, reason.replaceAll('_', ' ')]
}
