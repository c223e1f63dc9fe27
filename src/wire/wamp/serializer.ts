/**
 * What a serializer does for the router (spec/wamp 5). A message is taken apart into the spans of its elements, which
 * also checks all of it; only elements somebody needs become values. So the arguments of an event pass through in
 * the octets of their publisher. The three serializers are `json.ts`, `messagepack.ts` and `cbor.ts`.
 */

import type { ByteSink } from './byte-sink.ts'
import type { WampDict, WampInput, WampValue } from './value.ts'

export type SerializerName = 'json' | 'msgpack' | 'cbor'

/** What kind of value stands at a span, as far as the layout of messages asks. */
export type ValueKind = 'list' | 'map' | 'text' | 'binary' | 'integer' | 'other'

/** Most elements a message can have: no message type has more. */
export const elementsMost = 7

/**
 * Where the elements of the message at hand stand: `at[2 * i]` to `at[2 * i + 1]` is the i-th. One object is reused for
 * all messages of a session.
 */
export class Spans {
  readonly at = new Int32Array(2 * elementsMost)
  count = 0

  start(element: number): number {
    return this.at[2 * element] as number
  }

  end(element: number): number {
    return this.at[2 * element + 1] as number
  }
}

export interface Serializer {
  readonly name: SerializerName
  /** Sub-protocol of WebSocket. */
  readonly subprotocol: string
  /** In the handshake of RawSocket. */
  readonly rawSocketNumber: number
  /** Messages are text frames of WebSocket. */
  readonly isText: boolean
  /** Other serializers' payloads of this media type are of this serializer. */
  readonly mediaType: string

  /**
   * Takes a whole message apart and checks that it is well formed.
   * @throws ProtocolError: no list, empty, too many elements, malformed, too deep, something behind it
   */
  split(bytes: Uint8Array, start: number, end: number, spans: Spans): void
  kindAt(bytes: Uint8Array, start: number): ValueKind
  /** An integer, or a float with an integral value; NaN where there is something else or it is not safe. */
  integerAt(bytes: Uint8Array, start: number, end: number): number
  /**
   * Where the octets of a text, or of binary outside of JSON, stand, as the second span: false where they do not stand
   * there as they are.
   */
  contentAt(bytes: Uint8Array, start: number, end: number, spans: Spans): boolean
  /** Undefined: it is no text. */
  textAt(bytes: Uint8Array, start: number, end: number): string | undefined
  /** Undefined: it is no map, or has keys that are not text. A value that is null or undefined is left out. */
  dictAt(bytes: Uint8Array, start: number, end: number): WampDict | undefined
  /** Whether there is an empty list or map. */
  isEmptyAt(bytes: Uint8Array, start: number, end: number): boolean

  /** Whether the list at the span has exactly one element; then the first span is its place. It was checked before. */
  isSingle(bytes: Uint8Array, start: number, end: number, spans: Spans): boolean

  /** One value that takes all of the span. Binary is copied. @throws ProtocolError */
  decode(bytes: Uint8Array, start: number, end: number): WampValue
  /** Appends a value; whatever this serializer has no form for is written as spec/wamp 5.1 says. */
  encode(sink: ByteSink, value: WampInput): void
  /** Begins a list of so many elements; then come the elements, `separate` between them, and `endList`. */
  beginList(sink: ByteSink, count: number): void
  separate(sink: ByteSink): void
  endList(sink: ByteSink): void
}
