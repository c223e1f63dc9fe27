/** Errors of the bus as HTTP answers: one status per code, and the body of every answer that is not 2xx. */

import type { BusError, BusErrorCode, ErrorReason } from '../../model/errors.ts'
import { CallError } from '../../model/call-error.ts'
import type { ErrorJson } from '../../wire/http-api.ts'
import { HttpError } from './http-error.ts'
import { toPayloadJson } from './message-json.ts'

/** A new code does not compile until it has a row here. */
export const statusOfCode = {
  // The client closed the request; nobody reads it.
  cancelled: 499,
  unknown: 500,
  invalid_argument: 400,
  deadline_exceeded: 504,
  not_found: 404,
  already_exists: 409,
  permission_denied: 403,
  resource_exhausted: 429,
  failed_precondition: 412,
  aborted: 409,
  out_of_range: 400,
  unimplemented: 501,
  internal: 500,
  unavailable: 503,
  data_loss: 500,
  unauthenticated: 401,
} as const satisfies Record<BusErrorCode, number>

/** Where the reason tells more than the code. */
const statusOfReason: Partial<Record<ErrorReason, number>> = {
  payload_too_large: 413,
  disk_full: 507,
  // The request is fine, what it names is not there.
  no_such_procedure: 404,
  // The callee answered, with an error of its own.
  application_error: 422,
  callee_gone: 502,
}

export function statusOf(error: BusError): number {
  if (error instanceof HttpError) return error.status
  return statusOfReason[error.reason] ?? statusOfCode[error.code]
}

export function toErrorJson(error: BusError): ErrorJson {
  const { code, reason, message } = error
  if (!(error instanceof CallError)) return { error: { code, reason, message } }
  const { errorName: name, payload } = error
  const details = payload.length === 0 ? undefined : toPayloadJson(payload)
  return { error: { code, reason, message, name, ...(details !== undefined && { details }) } }
}
