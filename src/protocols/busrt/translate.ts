/** What the bus answers, in the result codes of BUS/RT (spec/busrt 3.2), and the sender of what has none. */

import type { SendOutcome } from '../../core/live.ts'
import type { BusError, BusErrorCode } from '../../model/errors.ts'
import { results } from '../../wire/busrt/frames.ts'

/** Result of an operation that failed. A new code does not compile until it has a row here. */
const resultOfCode = {
  cancelled: results.other,
  unknown: results.other,
  invalid_argument: results.badData,
  deadline_exceeded: results.timeout,
  not_found: results.notRegistered,
  already_exists: results.busy,
  permission_denied: results.denied,
  resource_exhausted: results.notDelivered,
  failed_precondition: results.other,
  aborted: results.other,
  out_of_range: results.badData,
  unimplemented: results.notSupported,
  internal: results.io,
  unavailable: results.other,
  data_loss: results.io,
  unauthenticated: results.denied,
} as const satisfies Record<BusErrorCode, number>

export function resultOfError(error: BusError): number {
  // A full disk is no matter of the receiver.
  if (error.reason === 'disk_full') return results.io
  return resultOfCode[error.code]
}

/** Answer to a registration that failed (spec 1.3). */
export function registrationResult({ code }: BusError): number {
  return code === 'resource_exhausted' ? results.other : resultOfCode[code]
}

export const resultOfSend = {
  sent: results.ok,
  unknown: results.notRegistered,
  denied: results.denied,
  full: results.notDelivered,
} as const satisfies Record<SendOutcome, number>

/** Frames must name a sender; this stands for publishers without a name. Clients cannot take it. */
export const unnamedSenderBytes = new TextEncoder().encode('.msgbus')
