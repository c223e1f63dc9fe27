/**
 * Head ids at the edge of the client. They are unsigned 64-bit numbers on the wire, `bigint` for
 * programs, and safe integers inside; values above 2^53-1 mean "no bound" (architecture 12).
 */

import { BusError } from '../model/errors.ts'

/** What programs may give; numbers must be integers. */
export type HeadIdInput = bigint | number

/** @throws BusError `invalid_argument` for negative or fractional values */
export function toWireHead(value: HeadIdInput, name: string): number {
  const number = typeof value === 'bigint' ? Number(value) : value
  if (number === Number.POSITIVE_INFINITY) return Number.MAX_SAFE_INTEGER
  if (!Number.isInteger(number) || number < 0) {
    const text = `${name} must be a whole number from 0 on, got ${value}`
    throw new BusError('invalid_argument', 'bad_argument', text)
  }
  return Math.min(number, Number.MAX_SAFE_INTEGER)
}
