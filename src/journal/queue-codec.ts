/** Rows of FIFO queues: one about each queue, one per message under (queue number, sequence). */

import { createUuid, parseUuid, formatUuid } from '../base/uuid.ts'
import { noHeaders, type Headers } from '../model/message.ts'
import type { NodeId } from '../model/node-id.ts'
import type { QueueMessage } from '../model/queue-message.ts'
import { RowReader, RowWriter } from './row-codec.ts'

const queueVersion = 1
const messageVersion = 1

export interface QueueRow {
  readonly name: string
  readonly lastSequence: number
  readonly depth: number
}

export function encodeQueue({ name, lastSequence, depth }: QueueRow): Uint8Array {
  return new RowWriter(queueVersion).text(name).number(lastSequence).number(depth).finish()
}

export function decodeQueue(value: Uint8Array): QueueRow | undefined {
  const row = RowReader.open(value, queueVersion)
  if (row === undefined) return undefined
  return { name: row.text(), lastSequence: row.number(), depth: row.number() }
}

/** Name and sequence are known from the key. */
export function encodeQueueMessage(message: QueueMessage): Uint8Array {
  const { id, topic, source, target, payload, headers, createdAtMs, attempts } = message
  const writer = new RowWriter(messageVersion, 128 + payload.length).text(id).text(topic)
  writeNode(writer, source)
  writeNode(writer, target)
  writer.number(createdAtMs).number(attempts).number(headers.size)
  for (const [key, value] of headers) writer.text(key).text(value)
  return writer.bytes(payload).finish()
}

export function decodeQueueMessage(
  value: Uint8Array,
  queue: string,
  sequence: number,
): QueueMessage | undefined {
  const row = RowReader.open(value, messageVersion)
  if (row === undefined) return undefined
  const id = row.text()
  const topic = row.text()
  const source = readNode(row)
  const target = readNode(row)
  const createdAtMs = row.number()
  const attempts = row.number()
  const headers = readHeaders(row)
  const payload = row.bytes()
  return {
    id,
    queue,
    topic,
    source,
    target,
    // Not a Buffer, and not a view that keeps other rows of the page in memory.
    payload: new Uint8Array(payload),
    headers,
    createdAtMs,
    sequence,
    attempts,
  }
}

const words = new Uint32Array(4)

/**
 * A fresh id that tells its sequence: a UUID of version 8 (RFC 9562 5.8) with the sequence in its
 * first 48 bits and 74 random ones. So a message is found by its id without an index beside the rows.
 */
export function createQueueMessageId(sequence: number): string {
  createUuid(words, 0)
  const bytes = new Uint8Array(words.buffer)
  const view = new DataView(words.buffer)
  view.setUint16(0, Math.floor(sequence / 0x1_0000_0000))
  view.setUint32(2, sequence % 0x1_0000_0000)
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x80
  return formatUuid(words, 0)
}

/** The sequence that an id tells; undefined for a text that is no id of ours. */
export function sequenceOfId(id: string): number | undefined {
  if (!parseUuid(id, words, 0)) return undefined
  const view = new DataView(words.buffer)
  return view.getUint16(0) * 0x1_0000_0000 + view.getUint32(2)
}

function writeNode(writer: RowWriter, node: NodeId): void {
  writer.text(node.tenantId).text(node.blName).text(node.deviceId)
}

function readNode(row: RowReader): NodeId {
  return { tenantId: row.text(), blName: row.text(), deviceId: row.text() }
}

function readHeaders(row: RowReader): Headers {
  let rest = row.number()
  if (rest === 0) return noHeaders
  const headers = new Map<string, string>()
  for (; rest > 0; rest--) headers.set(row.text(), row.text())
  return headers
}
