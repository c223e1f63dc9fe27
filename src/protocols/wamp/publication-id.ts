/** Ids of publications (spec/wamp 13.4): of what is stored the same on every node and after every restart. */

import { createHash } from 'node:crypto'

export function publicationIdOf(messageId: string): number {
  const digest = createHash('sha256').update(messageId).digest()
  const first = digest.readBigUInt64BE(0)
  return 1 + Number(first % (2n ** 53n - 1n))
}
