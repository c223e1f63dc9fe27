/**
 * The records of live traffic, version 1. A frame of a link is a row of records, each with its length before it as a
 * varint; all numbers are varints, texts are UTF-8 with their length before them, a node is three texts with the length
 * of them all before them. A record begins with its kind; kinds that a daemon does not know are passed over, so that
 * new ones can come.
 *
 *   hello        version
 *   snapshot     node, incarnation, version, part (1 first, 2 last, 3 only), count, items
 *   change       node, incarnation, version, count, items that came, count, items that went
 *   publication  hops, origin, sequence, flags, topic, sender, [user], [headers], payload
 *   broadcast    hops, origin, sequence, flags, mask, sender, [user], payload
 *   message      hops, target, origin, flags, client, sender, [user], payload
 *   call         hops, target, origin, id, time-out, flags, procedure, caller, [user], [headers], payload
 *   result       hops, target, origin, id, flags, [headers], payload
 *   failure      hops, target, origin, id, code, reason, message, error name, headers, payload
 *   cancel       hops, target, origin, id, mode (0 skip, 1 kill, 2 kill and do not wait)
 *   forward      hops, target, origin, epoch, queue, previous sequence, sequence, topic, source and target of the
 *                message (three texts each), headers, payload
 *   forwarded    hops, target, origin, epoch, queue, sequence, code, reason, message (all three empty: everything
 *                up to the sequence is stored)
 */

import { ProtocolError } from '../../model/errors.ts'
import { type Headers, noHeaders } from '../../model/message.ts'
import type { ByteReader } from './byte-reader.ts'
import { ByteWriter } from './byte-writer.ts'
import { type MeshNode, mostItems } from './mesh-node.ts'

export const recordVersion = 1

export const kinds = {
  hello: 1,
  snapshot: 2,
  change: 3,
  publication: 4,
  broadcast: 5,
  message: 6,
  call: 7,
  result: 8,
  failure: 9,
  cancel: 10,
  forward: 11,
  forwarded: 12,
} as const

/** Nodes that a record may pass, its target included. */
export const mostHops = 16

const flagBits = { realtime: 1, acknowledged: 2, user: 4, headers: 8 }
/** Items of one record of a snapshot take about this, so that no frame gets large. */
const partBytes = 32_768

/** What stands beside the payload of most records. */
export interface RecordMeta {
  readonly realtime: boolean
  readonly isAcknowledged: boolean
  /** User of the sender; empty: not known, or nobody authenticated. */
  readonly user: string
  readonly headers: Headers
}

const writer = new ByteWriter()

/** The records of a snapshot, one after the other; each is valid until the next. */
export function* snapshotRecords(node: MeshNode): Generator<Uint8Array> {
  const items = [...node.items]
  let from = 0
  do {
    let to = from
    for (let bytes = 0; to < items.length && bytes < partBytes; to++) {
      bytes += (items[to]?.length ?? 0) + 1
    }
    const part = (from === 0 ? 1 : 0) + (to === items.length ? 2 : 0)
    writer.reset().byte(kinds.snapshot).bytes(node.bytes)
    writer.number(node.incarnation).number(node.version).byte(part)
    writeItems(items.slice(from, to))
    yield writer.view()
    from = to
  } while (from < items.length)
}

export function changeRecord(
  node: MeshNode,
  added: readonly string[],
  gone: readonly string[],
): Uint8Array {
  writer.reset().byte(kinds.change).bytes(node.bytes)
  writer.number(node.incarnation).number(node.version)
  writeItems(added)
  writeItems(gone)
  return writer.view()
}

export function helloRecord(): Uint8Array {
  return writer.reset().byte(kinds.hello).number(recordVersion).view()
}

/** Begins a record that goes to whoever is concerned. */
export function beginSpread(kind: number, origin: MeshNode, sequence: number): ByteWriter {
  return writer.reset().byte(kind).byte(mostHops).bytes(origin.bytes).number(sequence)
}

/** Begins a record that goes to one node. */
export function beginRouted(kind: number, target: MeshNode, origin: MeshNode): ByteWriter {
  return writer.reset().byte(kind).byte(mostHops).bytes(target.bytes).bytes(origin.bytes)
}

export function writeFlags(meta: RecordMeta): void {
  writer.byte(
    (meta.realtime ? flagBits.realtime : 0) |
      (meta.isAcknowledged ? flagBits.acknowledged : 0) |
      (meta.user === '' ? 0 : flagBits.user) |
      (meta.headers.size === 0 ? 0 : flagBits.headers),
  )
}

/** User and headers, where the flags say that there are any. */
export function writeMeta(meta: RecordMeta): void {
  if (meta.user !== '') writer.text(meta.user)
  if (meta.headers.size > 0) writer.texts(meta.headers)
}

export function isRealtime(flags: number): boolean {
  return (flags & flagBits.realtime) !== 0
}

export function isAcknowledged(flags: number): boolean {
  return (flags & flagBits.acknowledged) !== 0
}

export function readUser(reader: ByteReader, flags: number): string {
  return (flags & flagBits.user) === 0 ? '' : reader.text()
}

export function readHeaders(reader: ByteReader, flags: number): Headers {
  return (flags & flagBits.headers) === 0 ? noHeaders : reader.texts()
}

export function readItems(reader: ByteReader): string[] {
  const items: string[] = []
  for (let count = reader.number(); count > 0; count--) {
    if (items.length >= mostItems) throw new ProtocolError('too many items in one record')
    items.push(reader.text())
  }
  return items
}

function writeItems(items: readonly string[]): void {
  writer.number(items.length)
  for (const item of items) writer.text(item)
}
