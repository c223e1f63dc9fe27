/** Points in time as text: RFC 3339 in UTC, with as many digits behind the second as the time has. */

import { WampTime } from './value.ts'

export function formatTime({ seconds, nanoseconds }: WampTime): string {
  const date = new Date(seconds * 1_000)
  // Beyond what a date can be, and it is no text that anybody could read as one.
  if (Number.isNaN(date.getTime())) return `${seconds}.${String(nanoseconds).padStart(9, '0')}`
  const whole = date.toISOString().replace(/\.\d+Z$/, '')
  const fraction = String(nanoseconds).padStart(9, '0').replace(/0+$/, '')
  return fraction === '' ? `${whole}Z` : `${whole}.${fraction}Z`
}

const form =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?(?:[Zz]|[+-]\d{2}:\d{2})$/

/** Undefined: it is no time. Digits behind the nanoseconds are dropped. */
export function parseTime(text: string): WampTime | undefined {
  const match = form.exec(text)
  if (match === null) return undefined
  const milliseconds = Date.parse(text.replace(/\.\d+/, '').toUpperCase())
  if (Number.isNaN(milliseconds)) return undefined
  const nanoseconds = Number((match[7] ?? '').padEnd(9, '0').slice(0, 9))
  return new WampTime(milliseconds / 1_000, nanoseconds)
}
