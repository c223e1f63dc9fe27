/** Canonical gRPC status numbers as the codes of this bus, and the reason when a daemon names none. */

import { BusError, busErrorCodes, errorReasons } from '../model/errors.ts'
import type { BusErrorCode, ErrorReason } from '../model/errors.ts'
import type { Refusal } from '../wire/gen/msgbus-v2.ts'

/** What a status without a known reason most probably means; v1 daemons send none. */
const usualReasons = {
  cancelled: 'cancelled',
  unknown: 'internal',
  invalid_argument: 'bad_argument',
  deadline_exceeded: 'timed_out',
  not_found: 'not_found',
  already_exists: 'internal',
  permission_denied: 'access_denied',
  resource_exhausted: 'quota_exceeded',
  failed_precondition: 'internal',
  aborted: 'cancelled',
  out_of_range: 'payload_too_large',
  unimplemented: 'unsupported',
  internal: 'internal',
  unavailable: 'connection_lost',
  data_loss: 'damaged_record',
  unauthenticated: 'access_denied',
} as const satisfies Record<BusErrorCode, ErrorReason>

/** Numbers that are no status count as `unknown`, as gRPC prescribes. */
export function toErrorCode(status: number): BusErrorCode {
  return busErrorCodes[status - 1] ?? 'unknown'
}

/** @param word the daemon's `msgbus-reason`, if it sent one */
export function toErrorReason(code: BusErrorCode, word: string | undefined): ErrorReason {
  if (word !== undefined && Object.hasOwn(errorReasons, word)) return word as ErrorReason
  return usualReasons[code]
}

/** What the daemon refused one item with, as the error of that item. */
export function fromRefusal(refusal: Refusal): BusError {
  const code = toErrorCode(refusal.code)
  return new BusError(code, toErrorReason(code, refusal.reason), refusal.message)
}

export function toStatusNumber(code: BusErrorCode): number {
  return busErrorCodes.indexOf(code) + 1
}
