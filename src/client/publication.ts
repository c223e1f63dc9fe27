/** What programs publish, in the forms they like, turned into what the wire wants. */

import { BusError } from '../model/errors.ts'
import { noHeaders } from '../model/message.ts'
import type { Headers } from '../model/message.ts'
import { toPayload } from './payload-codec.ts'
import type { PayloadCodec } from './payload-codec.ts'

/** Headers as a plain object or a map; the order has no meaning. */
export type HeadersInput = Headers | Readonly<Record<string, string>>

export interface PublishFields {
  readonly headers?: HeadersInput | undefined
  /**
   * Idempotency key, 1 to 128 characters of printable ASCII: a repeat with the same key within the
   * daemon's window stores nothing and returns the first message. Default: one is made, so that
   * repeating after a broken connection is safe.
   */
  readonly publishId?: string | undefined
}

export interface CodecOption<T> {
  /** How `value` becomes the payload. */
  readonly codec: PayloadCodec<T>
}

/** What the daemon made of a publication, once it is stored as durably as configured. */
export interface Receipt {
  /** Place in the log of its topic; 0n where a topic rule says that nothing is stored. */
  readonly headId: bigint
  readonly id: string
  readonly createdAtMs: number
  /** It was stored before under the same publish id. */
  readonly duplicate: boolean
}

/** @throws BusError `invalid_argument/bad_argument` for values that are not text, as programs in JavaScript give */
export function toHeaders(input: HeadersInput | undefined): Headers {
  if (input === undefined) return noHeaders
  const headers: Headers = input instanceof Map ? input : new Map(Object.entries(input))
  for (const [key, value] of headers) {
    if (typeof key === 'string' && typeof value === 'string') continue
    const text = `the value of the header ${key} is not text`
    throw new BusError('invalid_argument', 'bad_argument', text)
  }
  return headers
}

/** @throws BusError `invalid_argument/bad_argument` for values that need a codec and have none */
export function encodeValue<T>(value: T, codec: PayloadCodec<T> | undefined): Uint8Array {
  if (codec !== undefined) return codec.encode(value)
  if (typeof value === 'string' || value instanceof Uint8Array) return toPayload(value)
  const text = `a payload is bytes or text; for ${value === null ? 'null' : typeof value} pass { codec: codecs.json() }`
  throw new BusError('invalid_argument', 'bad_argument', text)
}

/** The argument of a call; absent: an empty payload. @throws as `encodeValue` */
export function encodeArgument<T>(
  value: T | undefined,
  codec: PayloadCodec<T> | undefined,
): Uint8Array {
  return value === undefined ? toPayload('') : encodeValue(value, codec)
}

/** @throws BusError `invalid_argument/bad_argument` */
export function checkPublishId(publishId: string): string {
  // Request metadata carries nothing else.
  if (/^[\x20-\x7e]{1,128}$/.test(publishId)) return publishId
  const text = 'a publish id has 1 to 128 characters of printable ASCII'
  throw new BusError('invalid_argument', 'bad_argument', text)
}

/**
 * Short ids that no other process makes: 72 random bits once, then a counter.
 * A publisher needs one per message, and the daemon remembers each for a while.
 */
export class PublishIds {
  readonly #prefix: string
  #counter = 0

  constructor() {
    const random = crypto.getRandomValues(new Uint8Array(9))
    this.#prefix = btoa(String.fromCharCode(...random))
  }

  next(): string {
    this.#counter += 1
    return this.#prefix + this.#counter.toString(36)
  }
}
