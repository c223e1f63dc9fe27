/** The three serializers, and how they are found. */

import { cbor } from './cbor.ts'
import { json } from './json.ts'
import { messagepack } from './messagepack.ts'
import type { Serializer, SerializerName } from './serializer.ts'

export const serializers: Readonly<Record<SerializerName, Serializer>> = {
  json,
  msgpack: messagepack,
  cbor,
}

export const allSerializers: readonly Serializer[] = [json, messagepack, cbor]

export function serializerOfSubprotocol(name: string): Serializer | undefined {
  return allSerializers.find(({ subprotocol }) => subprotocol === name)
}

export function serializerOfNumber(rawSocketNumber: number): Serializer | undefined {
  return allSerializers.find((serializer) => serializer.rawSocketNumber === rawSocketNumber)
}

export function serializerOfMediaType(mediaType: string): Serializer | undefined {
  return allSerializers.find((serializer) => serializer.mediaType === mediaType)
}
