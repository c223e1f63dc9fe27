/**
 * Writes frames for BUS/RT clients into an outbox (spec/busrt 3.1): header, sender, topic and payload are copied
 * to where they are sent from, without an object in between.
 */

import type { Publication, Sender } from '../../core/live.ts'
import type { Outbox } from '../../net/outbox.ts'
import { deliveryHeaderBytes, deliveryKinds } from '../../wire/busrt/frames.ts'
import { unnamedSenderBytes } from './translate.ts'

/** Up to so many bytes a loop is faster than a block copy and the view it needs: 50 ns for 100 bytes. */
const loopBytes = 32

/** A direct message or broadcast. Returns the length of its body. */
export function writeMessage(
  outbox: Outbox,
  kind: number,
  sender: Sender,
  bytes: Uint8Array,
  start: number,
  end: number,
  realtime: boolean,
): number {
  const name = sender.nameBytes.length === 0 ? unnamedSenderBytes : sender.nameBytes
  const length = name.length + 1 + (end - start)
  let at = outbox.reserve(deliveryHeaderBytes + length, realtime)
  const out = outbox.bytes
  writeHeader(out, at, kind, length, realtime)
  at += deliveryHeaderBytes
  for (let i = 0; i < name.length; i++) out[at++] = name[i] as number
  out[at++] = 0
  copy(bytes, start, end, out, at)
  return length
}

/** The frame of a publication that goes to several clients: the same bytes for all of them. */
const shared = { serial: -1, bytes: new Uint8Array(0), frame: new Uint8Array(0) }
const sharedBytesMost = 65_536

/** A publication. Returns the length of its body. */
export function writePublication(outbox: Outbox, publication: Publication): number {
  const { sender, topic, start, end, realtime } = publication
  const name = sender.nameBytes.length === 0 ? unnamedSenderBytes : sender.nameBytes
  const length = name.length + 1 + topic.bytes.length + 1 + (end - start)
  const frameLength = deliveryHeaderBytes + length
  if (publication.fanOut === 1 || frameLength > sharedBytesMost) {
    const at = outbox.reserve(frameLength, realtime)
    encodePublication(publication, name, length, outbox.bytes, at)
    return length
  }
  if (shared.serial !== publication.serial) {
    if (shared.bytes.length === 0) shared.bytes = new Uint8Array(sharedBytesMost)
    encodePublication(publication, name, length, shared.bytes, 0)
    shared.frame = shared.bytes.subarray(0, frameLength)
    shared.serial = publication.serial
  }
  const at = outbox.reserve(frameLength, realtime)
  outbox.bytes.set(shared.frame, at)
  return length
}

function encodePublication(
  publication: Publication,
  name: Uint8Array,
  length: number,
  out: Uint8Array,
  start: number,
): void {
  const { topic, bytes, realtime } = publication
  const topicBytes = topic.bytes
  let at = start
  writeHeader(out, at, deliveryKinds.publish, length, realtime)
  at += deliveryHeaderBytes
  for (let i = 0; i < name.length; i++) out[at++] = name[i] as number
  out[at++] = 0
  for (let i = 0; i < topicBytes.length; i++) out[at++] = topicBytes[i] as number
  out[at++] = 0
  copy(bytes, publication.start, publication.end, out, at)
}

/** The answer to the operation whose id stands in `bytes[id..id + 4)`. */
export function writeAck(outbox: Outbox, bytes: Uint8Array, id: number, result: number): void {
  const at = outbox.reserve(deliveryHeaderBytes, true)
  const out = outbox.bytes
  out[at] = deliveryKinds.ack
  out[at + 1] = bytes[id] as number
  out[at + 2] = bytes[id + 1] as number
  out[at + 3] = bytes[id + 2] as number
  out[at + 4] = bytes[id + 3] as number
  out[at + 5] = result
}

const noOperation = new Uint8Array(deliveryHeaderBytes)

export function writePing(outbox: Outbox): void {
  outbox.push(noOperation, false)
}

function writeHeader(
  out: Uint8Array,
  at: number,
  kind: number,
  length: number,
  realtime: boolean,
): void {
  out[at] = kind
  out[at + 1] = length & 0xff
  out[at + 2] = (length >>> 8) & 0xff
  out[at + 3] = (length >>> 16) & 0xff
  out[at + 4] = length >>> 24
  out[at + 5] = realtime ? 1 : 0
}

function copy(bytes: Uint8Array, start: number, end: number, out: Uint8Array, at: number): void {
  if (end - start <= loopBytes) {
    for (let i = start, j = at; i < end; i++, j++) out[j] = bytes[i] as number
  } else out.set(bytes.subarray(start, end), at)
}
