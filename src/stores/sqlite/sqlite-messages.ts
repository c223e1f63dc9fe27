/**
 * What the threads of the SQLite storage say to each other. All bytes of a message travel in one
 * transferred slab, since a structured clone per value costs more than copying them together.
 */

/** Lengths of what follows each other in the slab; -1 stands for a value that is not there. */
export interface Packed {
  readonly lengths: readonly number[]
  readonly slab: Uint8Array<ArrayBuffer>
}

export type SqliteRequest =
  /** `packed` holds the blocks, then key and value of each row; what is removed has length -1. */
  | { readonly op: 'commit'; readonly blockKeys: readonly number[]; readonly packed: Packed }
  | { readonly op: 'getBlocks'; readonly keys: readonly number[] }
  | { readonly op: 'floorBlockKey'; readonly key: number }
  | { readonly op: 'scanBlocks'; readonly from: number; readonly bytes: number }
  | { readonly op: 'floorRow'; readonly key: Uint8Array }
  | {
      readonly op: 'scanRows'
      readonly from: Uint8Array
      readonly until: Uint8Array
      readonly count: number
    }
  | { readonly op: 'close' }

/** Blocks in order, or key and value of each row. */
export interface SqliteResult {
  readonly keys: readonly number[]
  readonly packed: Packed
}

export interface SqliteFailure {
  readonly kind: 'missing' | 'full' | 'foreign' | 'failed'
  readonly message: string
}

export interface SqliteRequestMessage {
  readonly id: number
  readonly request: SqliteRequest
}

export type SqliteReplyMessage =
  | { readonly id: number; readonly result: SqliteResult }
  | { readonly id: number; readonly failure: SqliteFailure }

/** What a thread opens: the one that writes, one that reads, or one that keeps what it saw first. */
export interface SqliteThreadData {
  readonly path: string
  readonly role: 'writer' | 'reader' | 'snapshot'
  /** As in `PRAGMA synchronous`. */
  readonly synchronous: 'OFF' | 'NORMAL' | 'FULL'
}

export function pack(values: readonly (Uint8Array | undefined)[]): Packed {
  let bytes = 0
  for (const value of values) bytes += value?.length ?? 0
  const slab = new Uint8Array(bytes)
  let at = 0
  const lengths = values.map((value) => {
    if (value === undefined) return -1
    slab.set(value, at)
    at += value.length
    return value.length
  })
  return { lengths, slab }
}

/** Views into the slab. */
export function unpack({ lengths, slab }: Packed): (Buffer | undefined)[] {
  let at = 0
  return lengths.map((length) => {
    if (length < 0) return undefined
    at += length
    return Buffer.from(slab.buffer, slab.byteOffset + at - length, length)
  })
}
