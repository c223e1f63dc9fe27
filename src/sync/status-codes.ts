/** The codes of errors in the order of their numbers (google.rpc.Code), from 1. */

import type { BusErrorCode } from '../model/errors.ts'

export const statusCodes: readonly BusErrorCode[] = [
  'cancelled',
  'unknown',
  'invalid_argument',
  'deadline_exceeded',
  'not_found',
  'already_exists',
  'permission_denied',
  'resource_exhausted',
  'failed_precondition',
  'aborted',
  'out_of_range',
  'unimplemented',
  'internal',
  'unavailable',
  'data_loss',
  'unauthenticated',
]
