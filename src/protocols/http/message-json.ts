/** Messages, logs and queues of the bus in the JSON of the API (wire/http-api.ts). */

import { isUtf8 } from 'node:buffer'
import type { QueueInfo } from '../../core/bus-client.ts'
import type { ClientInfo } from '../../core/live.ts'
import type { DamagedRange, LogInfo } from '../../core/log-store.ts'
import type { StoredMessage } from '../../model/message.ts'
import type { NodeId } from '../../model/node-id.ts'
import type { QueueMessage } from '../../model/queue-message.ts'
import type {
  ClientJson,
  DamageJson,
  LogJson,
  MessageJson,
  NodeIdJson,
  PayloadJson,
  QueueJson,
  QueueMessageJson,
  ReceiptJson,
} from '../../wire/http-api.ts'

/** `auto`: as text where it is well-formed UTF-8, else in base64. */
export type PayloadEncoding = 'auto' | 'base64'

export function toMessageJson(
  message: StoredMessage,
  encoding: PayloadEncoding = 'auto',
): MessageJson {
  const { topic, origin, id, headId, sequence, createdAtMs, headers, deleted, payload } = message
  const json = {
    topic,
    origin: toNodeJson(origin),
    id,
    headId,
    sequence,
    createdAtMs,
    headers: Object.fromEntries(headers),
  }
  return deleted ? { ...json, deleted } : { ...json, ...toPayloadJson(payload, encoding) }
}

export function toPayloadJson(
  payload: Uint8Array,
  encoding: PayloadEncoding = 'auto',
): PayloadJson {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length)
  if (encoding === 'auto' && isUtf8(payload)) return { text: bytes.toString() }
  return { base64: bytes.toString('base64') }
}

/** The three parts and nothing else. */
export function toNodeJson({ tenantId, blName, deviceId }: NodeId): NodeIdJson {
  return { tenantId, blName, deviceId }
}

export function toReceiptJson(message: StoredMessage, duplicate: boolean): ReceiptJson {
  const { topic, id, headId, sequence, createdAtMs } = message
  return { topic, id, headId, sequence, createdAtMs, duplicate }
}

export function toLogJson(log: LogInfo): LogJson {
  const { topic, origin, head, trimmedTo, bytes, lastSequence } = log
  return { topic, origin: toNodeJson(origin), headId: head, trimmedTo, bytes, lastSequence }
}

export function toDamageJson({ topic, origin, fromHead, toHead }: DamagedRange): DamageJson {
  return { topic, origin: toNodeJson(origin), fromHead, toHead }
}

export function toQueueJson({ oldestAtMs, ...queue }: QueueInfo): QueueJson {
  return oldestAtMs === undefined ? queue : { ...queue, oldestAtMs }
}

export function toQueueMessageJson(message: QueueMessage): QueueMessageJson {
  const { queue, id, topic, source, target, headers, createdAtMs, sequence, attempts } = message
  return {
    queue,
    id,
    topic,
    source: toNodeJson(source),
    target: toNodeJson(target),
    headers: Object.fromEntries(headers),
    createdAtMs,
    sequence,
    attempts,
    ...toPayloadJson(message.payload),
  }
}

export function toClientJson({ source, listener, ...client }: ClientInfo): ClientJson {
  return {
    ...client,
    ...(source !== undefined && { source }),
    ...(listener !== undefined && { listener }),
  }
}
