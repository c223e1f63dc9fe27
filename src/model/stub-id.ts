/**
 * Ids of stubs: what is left of a head that retention trimmed still needs an id, the same one on
 * every read and unique over all logs (spec/msgbus-v1 5.4, point 2). It is a pure function of the
 * position, so that no id has to be kept per trimmed message. Random ids were ruled out by that,
 * and hashes of joined names by defect L25: every part is preceded by its length.
 */

import { createHash } from 'node:crypto'
import type { LogKey } from './message.ts'

/** A UUID version 8 (RFC 9562 5.8) from SHA-256 over the length-prefixed names and the head. */
export function stubId(log: LogKey, headId: number): string {
  const hash = createHash('sha256')
  const { topic, origin } = log
  for (const part of [topic, origin.tenantId, origin.blName, origin.deviceId]) {
    const bytes = Buffer.from(part, 'utf8')
    const length = Buffer.allocUnsafe(4)
    length.writeUInt32BE(bytes.length)
    hash.update(length).update(bytes)
  }
  const head = Buffer.allocUnsafe(8)
  head.writeBigUInt64BE(BigInt(headId))
  const digest = hash.update(head).digest()
  digest.writeUInt8((digest.readUInt8(6) & 0x0f) | 0x80, 6)
  digest.writeUInt8((digest.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = digest.toString('hex', 0, 16)
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
