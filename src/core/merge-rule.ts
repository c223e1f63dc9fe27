/**
 * What becomes of a replicated message whose head is already here: the middle rows of the table in
 * spec/msgbus-v1 3.5 with its three refinements (deletion is sticky; bodies of deleted messages are
 * not compared; a real difference is a fork).
 *
 * One more row concerns stubs, what retention leaves of a trimmed message: a stub says nothing about
 * the content, so next to anything else it is `present`. Otherwise every node that trims would look
 * like a fork to every node that does not.
 */

import type { Headers, StoredMessage } from '../model/message.ts'
import { stubId } from '../model/stub-id.ts'

/**
 * `tombstoned`: the stored message has to become deleted. `stored` is the message as it reads: a
 * trimmed head as its stub, one in a remembered deleted range as deleted, so that ranges need not be
 * applied to `incoming`.
 */
export function compareReplica(
  stored: StoredMessage,
  incoming: Omit<StoredMessage, 'sequence'>,
): 'present' | 'tombstoned' | 'fork' {
  if (stored.id !== incoming.id || stored.createdAtMs !== incoming.createdAtMs) {
    return isStub(stored) || isStub(incoming) ? 'present' : 'fork'
  }
  if (stored.deleted) return 'present'
  if (incoming.deleted) return 'tombstoned'
  const isSame =
    sameBytes(stored.payload, incoming.payload) && sameHeaders(stored.headers, incoming.headers)
  return isSame ? 'present' : 'fork'
}

function isStub(message: Omit<StoredMessage, 'sequence'>): boolean {
  return message.deleted && message.id === stubId(message, message.headId)
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function sameHeaders(a: Headers, b: Headers): boolean {
  if (a.size !== b.size) return false
  for (const [key, value] of a) if (b.get(key) !== value) return false
  return true
}
