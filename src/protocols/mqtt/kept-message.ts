/** A message that a session keeps by itself, since no log does, or until a note about it is on disk. */

import { copyOf } from '../../base/copy-of.ts'
import type { Publication } from '../../core/live.ts'
import type { Headers, StoredMessage } from '../../model/message.ts'

const noBytes = new Uint8Array(0)

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

/** A message that was kept, in the form in which sessions take publications. */
export function asPublication(
  { topic: bytes, payload, headers }: KeptMessage,
  {
    topic,
    sequence,
    isAcknowledged,
  }: Pick<Publication, 'sequence' | 'isAcknowledged'> & { readonly topic: string },
): Publication {
  return {
    topic: { name: topic, bytes },
    sender: { name: '', nameBytes: noBytes },
    bytes: payload,
    start: 0,
    end: payload.length,
    headers,
    realtime: false,
    isLocal: true,
    sequence,
    isAcknowledged,
    fanOut: 1,
    serial: -1,
    toMessage() {
      throw new Error('a message that was kept for one session is not kept by it')
    },
  }
}
