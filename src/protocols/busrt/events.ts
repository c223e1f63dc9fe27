/** Events of `.broker` as bytes (spec/busrt 5.2): a msgpack map whose keys and their order are fixed. */

import { encode } from '@msgpack/msgpack'

/**
 * @param subject `reg`, `unreg` or `shutdown`
 * @param client absent: the event concerns none
 * @param atMs wall clock; goes out in nanoseconds
 */
export function encodeEvent(subject: string, client: string | undefined, atMs: number): Uint8Array {
  const t = BigInt(Math.round(atMs)) * 1_000_000n
  const event = client === undefined ? { s: subject, t } : { s: subject, d: client, t }
  return encode(event, { useBigInt64: true })
}
