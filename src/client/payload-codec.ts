/**
 * How values become payloads and back. The bus carries bytes; a codec is the agreement of the
 * programs at both ends and leaves no trace in the message.
 */

import { BusError } from '../model/errors.ts'

export interface PayloadCodec<T> {
  encode(value: T): Uint8Array
  /** @throws anything when the payload is not of this kind; callers see `invalid_argument/undecodable` */
  decode(payload: Uint8Array): T
}

const textEncoder = new TextEncoder()
const textDecoder = new TextDecoder('utf-8', { fatal: true })
const lenientTextDecoder = new TextDecoder()

const bytes: PayloadCodec<Uint8Array> = { encode: (value) => value, decode: (payload) => payload }

const text: PayloadCodec<string> = {
  encode: (value) => textEncoder.encode(value),
  decode: (payload) => textDecoder.decode(payload),
}

/** JSON in UTF-8; the type is what the program says it is, nothing checks it. */
function json<T>(): PayloadCodec<T> {
  return jsonCodec as PayloadCodec<T>
}

const jsonCodec: PayloadCodec<unknown> = {
  encode(value) {
    const encoded = JSON.stringify(value)
    if (encoded === undefined) {
      throw new BusError('invalid_argument', 'undecodable', `JSON cannot express ${typeof value}`)
    }
    return textEncoder.encode(encoded)
  },
  decode: (payload) => JSON.parse(textDecoder.decode(payload)),
}

/** The codecs that come with the client. */
export const codecs = { bytes, text, json } as const

/** Payload as given to the client without codec: bytes as they are, text in UTF-8. */
export function toPayload(value: Uint8Array | string): Uint8Array {
  return typeof value === 'string' ? textEncoder.encode(value) : value
}

/** Text for people: what is not UTF-8 shows as U+FFFD. */
export function payloadText(payload: Uint8Array): string {
  return lenientTextDecoder.decode(payload)
}

/** @throws BusError `invalid_argument/undecodable`, the codec's error as cause */
export function decodePayload<T>(codec: PayloadCodec<T>, payload: Uint8Array, where: string): T {
  try {
    return codec.decode(payload)
  } catch (cause) {
    const what = `the payload of ${where} (${payload.length} bytes) is not what the codec expects`
    throw new BusError('invalid_argument', 'undecodable', what, { cause })
  }
}
