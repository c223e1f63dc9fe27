/** A message that a session keeps by itself, since no log does, or until a note about it is on disk. */

import { copyOf } from '../../base/copy-of.ts'
import type { Publication } from '../../core/live.ts'
import type { Headers, StoredMessage } from '../../model/message.ts'

export interface KeptMessage {
  /** In UTF-8. */
  readonly topic: Uint8Array
  readonly payload: Uint8Array
  readonly headers: Headers
}

export function keep({ topic, bytes, start, end, headers }: Publication): KeptMessage {
  return { topic: topic.bytes, payload: copyOf(bytes, start, end), headers }
}

export function keptFrom({ topic, payload, headers }: StoredMessage): KeptMessage {
  return { topic: Buffer.from(topic), payload: copyOf(payload, 0, payload.length), headers }
}
