/**
 * Deliveries of subscriptions as bodies of frames (port-frames.ts):
 *
 *   position f64 (NaN: none), caught up u8, damaged ranges (block, a value; empty: none), then messages up
 *   to the end of the body, each: bits u8, [topic text], [origin: three texts], id text, head id f64,
 *   sequence f64, creation time f64, headers, payload block
 *
 * Topic and origin are left out where they are those of the message before.
 */

import { serialize } from 'node:v8'
import type { Delivery } from '../core/bus-client.ts'
import type { DamagedRange } from '../core/log-store.ts'
import { ProtocolError } from '../model/errors.ts'
import type { StoredMessage } from '../model/message.ts'
import type { NodeId } from '../model/node-id.ts'
import { nodeIdEquals } from '../model/node-id.ts'
import { FieldReader, type Frame, type FrameWriter } from './port-frames.ts'
import { toValue } from './port-values.ts'

const bits = { hasTopic: 1, hasOrigin: 2, deleted: 4, realtime: 8 } as const
const nothing = new Uint8Array(0)

/** Writes the fields; the caller begins and finishes the frame. */
export function writeDelivery(writer: FrameWriter, delivery: Delivery): void {
  const { messages, position, caughtUp, damaged } = delivery
  writer.f64(position ?? Number.NaN)
  writer.u8(caughtUp ? 1 : 0)
  writer.block(damaged.length === 0 ? nothing : serialize(damaged))
  let before: StoredMessage | undefined
  for (const message of messages) {
    const isNewTopic = message.topic !== before?.topic
    const isNewOrigin = before === undefined || !nodeIdEquals(message.origin, before.origin)
    writer.u8(
      (isNewTopic ? bits.hasTopic : 0) |
        (isNewOrigin ? bits.hasOrigin : 0) |
        (message.deleted ? bits.deleted : 0) |
        (message.realtime === true ? bits.realtime : 0),
    )
    if (isNewTopic) writer.text(message.topic)
    if (isNewOrigin) {
      const { tenantId, blName, deviceId } = message.origin
      for (const part of [tenantId, blName, deviceId]) writer.text(part)
    }
    writer.text(message.id)
    writer.f64(message.headId)
    writer.f64(message.sequence)
    writer.f64(message.createdAtMs)
    writer.headers(message.headers)
    writer.block(message.payload)
    before = message
  }
}

/** Payloads are views into the batch. @throws ProtocolError */
export function readDelivery(frame: Frame): Delivery {
  const fields = new FieldReader(frame)
  const position = fields.f64()
  const caughtUp = fields.u8() === 1
  const damagedValue = fields.block()
  const damaged =
    damagedValue.length === 0 ? [] : (toValue(damagedValue) as readonly DamagedRange[])
  const messages: StoredMessage[] = []
  let topic = ''
  let origin: NodeId | undefined
  while (!fields.isAtEnd) {
    const set = fields.u8()
    if ((set & bits.hasTopic) !== 0) topic = fields.text()
    if ((set & bits.hasOrigin) !== 0) {
      origin = { tenantId: fields.text(), blName: fields.text(), deviceId: fields.text() }
    }
    if (origin === undefined) throw new ProtocolError('a delivery begins without an origin')
    messages.push({
      topic,
      origin,
      id: fields.text(),
      headId: fields.f64(),
      sequence: fields.f64(),
      createdAtMs: fields.f64(),
      headers: fields.headers(),
      payload: fields.block(),
      deleted: (set & bits.deleted) !== 0,
      ...((set & bits.realtime) === 0 ? undefined : { realtime: true }),
    })
  }
  return {
    messages,
    position: Number.isNaN(position) ? undefined : position,
    caughtUp,
    damaged,
  }
}
