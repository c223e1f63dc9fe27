/** Errors of the bus as reason codes of MQTT (5.0 section 2.4). */

import type { BusError, BusErrorCode, ErrorReason } from '../../model/errors.ts'
import { reasonCodes } from './packets.ts'

const byCode = {
  cancelled: reasonCodes.unspecifiedError,
  unknown: reasonCodes.unspecifiedError,
  invalid_argument: reasonCodes.topicNameInvalid,
  deadline_exceeded: reasonCodes.unspecifiedError,
  not_found: reasonCodes.unspecifiedError,
  already_exists: reasonCodes.unspecifiedError,
  permission_denied: reasonCodes.notAuthorized,
  resource_exhausted: reasonCodes.quotaExceeded,
  failed_precondition: reasonCodes.implementationSpecific,
  aborted: reasonCodes.unspecifiedError,
  out_of_range: reasonCodes.unspecifiedError,
  unimplemented: reasonCodes.implementationSpecific,
  internal: reasonCodes.unspecifiedError,
  unavailable: reasonCodes.unspecifiedError,
  data_loss: reasonCodes.unspecifiedError,
  unauthenticated: reasonCodes.notAuthorized,
} as const satisfies Record<BusErrorCode, number>

/** Of one operation: goes into its acknowledgement. */
export function reasonOfError({ code, reason }: BusError): number {
  return reason === 'payload_not_text' ? reasonCodes.payloadFormatInvalid : byCode[code]
}

const byReason: Partial<Record<ErrorReason, number>> = {
  shutting_down: reasonCodes.serverShuttingDown,
  replaced: reasonCodes.sessionTakenOver,
}

const refusals: Partial<Record<ErrorReason, number>> = {
  bad_credentials: reasonCodes.badUserNameOrPassword,
  too_many_logins: reasonCodes.serverBusy,
  takeover_loop: reasonCodes.serverBusy,
  // The client id is that of somebody else.
  name_taken: reasonCodes.clientIdNotValid,
}

/** Of a CONNECT. */
export function refusalOf(error: BusError): number {
  const { code, reason } = error
  if (code === 'permission_denied' || code === 'unauthenticated' || code === 'resource_exhausted') {
    return refusals[reason] ?? reasonOfError(error)
  }
  return reasonCodes.serverUnavailable
}

/** Of a connection that the bus ends. */
export function disconnectReason(error: BusError): number {
  return byReason[error.reason] ?? reasonOfError(error)
}

/** The operation may succeed when it is tried again: a client that cannot be told must not take it for done. */
export function isPassing({ code }: BusError): boolean {
  return code === 'unavailable' || code === 'internal' || code === 'aborted'
}
