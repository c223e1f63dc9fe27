/** Where clients may publish (spec/mqtt 6, 10.6): not on names of the daemon's own, and not too deep. */

import { BusError } from '../../model/errors.ts'

const prefixes = ['$SYS/', '$share/', '$msgbus.', '$msgbus/'].map((text) => Buffer.from(text))
const levelsMost = 128

/** Whether it is one where clients may publish; `bytes[start..end)` is a topic name. */
export function isOpenTopic(bytes: Uint8Array, start: number, end: number): boolean {
  if (isReserved(bytes, start, end)) return false
  let levels = 1
  for (let i = start; i < end; i++) if (bytes[i] === 0x2f) levels += 1
  return levels <= levelsMost
}

/** Why it is none. */
export function closedTopic(topic: string): BusError {
  const bytes = Buffer.from(topic)
  if (isReserved(bytes, 0, bytes.length)) {
    return new BusError('permission_denied', 'reserved_topic', `${topic} is not for clients`)
  }
  const text = `a topic has more than ${levelsMost} levels`
  return new BusError('invalid_argument', 'name_too_long', text)
}

function isReserved(bytes: Uint8Array, start: number, end: number): boolean {
  if (bytes[start] !== 0x24) return false
  return prefixes.some(
    (prefix) =>
      end - start >= prefix.length && prefix.every((byte, i) => bytes[start + i] === byte),
  )
}
