/**
 * Records of the file of last values (docs/reference/disk-format.md): the length, then a row of the journal's
 * codec, whose first byte is the kind and whose last four are the checksum.
 */

import { RowReader, RowWriter } from '../../journal/row-codec.ts'
import type { SavedChange } from '../../core/saved-values.ts'
import { type Headers, noHeaders } from '../../model/message.ts'

/** Bytes of the length in front of a row. */
export const lengthBytes = 4
/** A kind, one byte and a checksum: no row is shorter. */
export const rowBytesLeast = 6

const kinds = { store: 1, message: 2, stored: 3, forgotten: 4, mark: 5 } as const

/** `store` begins a file: which store it belongs to. `mark` ends a save. */
export type LastValueRecord =
  | SavedChange
  | { readonly kind: 'store'; readonly epoch: string }
  | { readonly kind: 'mark'; readonly accountedTo: number }

/** The row; the length in front of it is the caller's. Bytes are copied. */
export function encodeRecord(record: LastValueRecord): Uint8Array {
  switch (record.kind) {
    case 'store':
      return new RowWriter(kinds.store).text(record.epoch).finish()
    case 'mark':
      return new RowWriter(kinds.mark).number(record.accountedTo).finish()
    case 'forgotten':
      return new RowWriter(kinds.forgotten).text(record.topic).number(record.asOf).finish()
    case 'stored': {
      const { topic, order, asOf, origin, headId, sequence } = record
      const row = new RowWriter(kinds.stored).text(topic).number(order).number(asOf)
      row.text(origin.tenantId).text(origin.blName).text(origin.deviceId)
      return row.number(headId).number(sequence).finish()
    }
    case 'message': {
      const { topic, order, asOf, sender, createdAtMs, headers, payload } = record
      const row = new RowWriter(kinds.message, 64 + topic.length + payload.length)
      row.text(topic).number(order).number(asOf).text(sender).number(createdAtMs)
      row.number(headers.size)
      for (const [key, value] of headers) row.text(key).text(value)
      return row.bytes(payload).finish()
    }
  }
}

/** Undefined when the row is damaged, or of a kind that is not known. The payload is copied. */
export function decodeRecord(bytes: Uint8Array): LastValueRecord | undefined {
  const kind = bytes[0] ?? 0
  const row = RowReader.open(bytes, kind)
  if (row === undefined) return undefined
  switch (kind) {
    case kinds.store:
      return { kind: 'store', epoch: row.text() }
    case kinds.mark:
      return { kind: 'mark', accountedTo: row.number() }
    case kinds.forgotten:
      return { kind: 'forgotten', topic: row.text(), asOf: row.number() }
    case kinds.stored: {
      const place = { topic: row.text(), order: row.number(), asOf: row.number() }
      const origin = { tenantId: row.text(), blName: row.text(), deviceId: row.text() }
      return { kind: 'stored', ...place, origin, headId: row.number(), sequence: row.number() }
    }
    case kinds.message: {
      const place = { topic: row.text(), order: row.number(), asOf: row.number() }
      const sender = row.text()
      const createdAtMs = row.number()
      const headers = readHeaders(row)
      const payload = new Uint8Array(row.bytes())
      return { kind: 'message', ...place, sender, createdAtMs, headers, payload }
    }
    default:
      return undefined
  }
}

function readHeaders(row: RowReader): Headers {
  const count = row.number()
  if (count === 0) return noHeaders
  const headers = new Map<string, string>()
  for (let i = 0; i < count; i++) headers.set(row.text(), row.text())
  return headers
}
