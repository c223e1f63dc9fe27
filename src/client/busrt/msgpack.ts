/**
 * MessagePack as services on BUS/RT use it: maps with text keys, whole numbers in their shortest form,
 * an absent value as no bytes at all.
 */

import { Decoder, Encoder } from '@msgpack/msgpack'
import type { PayloadCodec } from '../payload-codec.ts'
import { decodePayload } from '../payload-codec.ts'

export interface MsgpackOptions {
  /**
   * Whole numbers of 64 bits as `bigint` instead of the nearest `number`, which is exact up to
   * 2^53 - 1. When encoding, a `number` beyond 32 bits is then a floating-point one.
   */
  readonly bigints?: boolean | undefined
}

const numbers = codecOf(false)
const bigints = codecOf(true)

/** Keys whose value is `undefined` are left out. The type is what the program says; nothing checks it. */
export function msgpack<T = unknown>(options: MsgpackOptions = {}): PayloadCodec<T> {
  return (options.bigints === true ? bigints : numbers) as PayloadCodec<T>
}

/** `undefined` is no bytes. */
export function pack(value: unknown): Uint8Array {
  return value === undefined ? nothing : numbers.encode(value)
}

/**
 * No bytes are `undefined`.
 * @param where what the bytes are, for the error
 * @throws BusError `invalid_argument/undecodable`
 */
export function unpack(bytes: Uint8Array, where: string): unknown {
  return bytes.length === 0 ? undefined : decodePayload(numbers, bytes, where)
}

const nothing = new Uint8Array(0)

function codecOf(useBigInt64: boolean): PayloadCodec<unknown> {
  // Kept, because making one allocates its buffers anew; both work on one value at a time.
  const encoder = new Encoder({ ignoreUndefined: true, useBigInt64 })
  const decoder = new Decoder({ useBigInt64 })
  return {
    encode: (value) => encoder.encode(value),
    decode: (payload) => decoder.decode(payload),
  }
}
