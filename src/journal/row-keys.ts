/**
 * Keys of rows: one byte for the kind, then numbers in big-endian so that the order of keys is the
 * order of numbers. Names never stand in keys: a log has a number (spec/msgbus-v1 8.4).
 */

/** Kinds of rows, in the order in which they lie. Numbers are never given to another kind. */
export const rowKinds = {
  meta: 0x01,
  checkpoint: 0x02,
  log: 0x10,
  /** The same as `log`, far enough away that one damaged page does not take both. */
  logCopy: 0x70,
  /** The same as `queue`. */
  queueCopy: 0x71,
  index: 0x20,
  deleted: 0x30,
  erase: 0x31,
  publishIds: 0x40,
  queue: 0x50,
  queueMessage: 0x51,
  sync: 0x60,
  note: 0x61,
} as const

export type RowKind = (typeof rowKinds)[keyof typeof rowKinds]

/** Greater than every key. */
export const endOfRows = new Uint8Array([0xff])
export const startOfRows = new Uint8Array([0])

/** The one row of its kind; also what a scan of all rows of the kind starts at. */
export function kindKey(kind: RowKind): Uint8Array {
  return new Uint8Array([kind])
}

/** Where a scan of all rows of the kind ends. */
export function kindEnd(kind: RowKind): Uint8Array {
  return new Uint8Array([kind + 1])
}

/** `number` is a log or queue number, 32 bits. */
export function numberKey(kind: RowKind, number: number): Uint8Array {
  const key = Buffer.allocUnsafe(5)
  key[0] = kind
  key.writeUInt32BE(number, 1)
  return key
}

/** `position` is a head id or sequence, 53 bits. */
export function positionKey(kind: RowKind, number: number, position: number): Uint8Array {
  const key = Buffer.allocUnsafe(12)
  key[0] = kind
  key.writeUInt32BE(number, 1)
  writePosition(key, position, 5)
  return key
}

/** A row by sequence alone. */
export function sequenceKey(kind: RowKind, sequence: number): Uint8Array {
  const key = Buffer.allocUnsafe(8)
  key[0] = kind
  writePosition(key, sequence, 1)
  return key
}

/** The next possible key. */
export function keyAfter(key: Uint8Array): Uint8Array {
  return Buffer.concat([key, new Uint8Array(1)])
}

export function keyKind(key: Uint8Array): number {
  return key[0] as number
}

/** Of a key made by `numberKey` or `positionKey`. */
export function keyNumber(key: Uint8Array): number {
  return asBuffer(key).readUInt32BE(1)
}

/** Of a key made by `positionKey` or `sequenceKey`. */
export function keyPosition(key: Uint8Array): number {
  const at = key.length - 7
  const buffer = asBuffer(key)
  return buffer.readUIntBE(at, 3) * 0x1_0000_0000 + buffer.readUInt32BE(at + 3)
}

function writePosition(key: Buffer, position: number, at: number): void {
  key.writeUIntBE(Math.floor(position / 0x1_0000_0000), at, 3)
  key.writeUInt32BE(position % 0x1_0000_0000, at + 3)
}

function asBuffer(key: Uint8Array): Buffer {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength)
}
