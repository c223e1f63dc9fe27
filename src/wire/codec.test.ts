/**
 * The generated codec against protobufjs, which reads the same contracts by itself: both ways, with
 * unknown fields, cut short at every byte, and with random bytes.
 */

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import protobuf from 'protobufjs'
import { ProtoDecodeError } from '../base/proto-reader.ts'
import * as v1 from './gen/msgbus-v1.ts'
import * as v2 from './gen/msgbus-v2.ts'

function packageRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : packageRoot(dirname(folder))
}

const root = packageRoot(import.meta.dirname)

type Json = Record<string, unknown>
type Encode = (message: Json) => Uint8Array
type Decode = (bytes: Uint8Array) => Json

/** Every message that is sent by itself, as protobufjs knows it and as ours encodes it. */
function codecs(file: string, generated: object) {
  const contract = new protobuf.Root().loadSync(join(root, file))
  contract.resolveAll()
  return Object.entries(generated).flatMap(([name, encode]) => {
    if (!name.startsWith('encode')) return []
    const messageName = name.slice('encode'.length)
    const decode: unknown = Reflect.get(generated, `decode${messageName}`)
    const type = contract.lookupType(messageName)
    return [{ type, name: messageName, encode: encode as Encode, decode: decode as Decode }]
  })
}

const all = [
  ...codecs('proto/msgbus/v1/msgbus.proto', v1),
  ...codecs('proto/msgbus/v2/msgbus.proto', v2),
]

const scalars: Record<string, fc.Arbitrary<unknown>> = {
  bool: fc.boolean(),
  uint32: fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 2 ** 32 - 1 })),
  uint64: fc.oneof(fc.nat(300), fc.maxSafeNat()),
  string: fc.oneof(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.string({ maxLength: 200 })),
  bytes: fc.uint8Array({ maxLength: 300 }),
}

/** Random messages of a type, in the shape of the generated interfaces. */
function messagesOf(type: protobuf.Type): fc.Arbitrary<Json> {
  const fields: Record<string, fc.Arbitrary<unknown>> = {}
  for (const field of type.fieldsArray) {
    if (!field.partOf) fields[field.name] = valuesOf(field)
  }
  for (const oneof of type.oneofsArray) {
    const members = oneof.fieldsArray.map((field) =>
      one(field).map((value) => ({ case: field.name, value })),
    )
    fields[oneof.name] = fc.option(fc.oneof(...members), { nil: undefined })
  }
  return fc.record(fields, { noNullPrototype: true })
}

function valuesOf(field: protobuf.Field): fc.Arbitrary<unknown> {
  if (field instanceof protobuf.MapField) {
    const text = fc.string({ unit: 'grapheme', maxLength: 6 })
    return fc.uniqueArray(fc.tuple(text, text), { selector: ([key]) => key }).map((e) => new Map(e))
  }
  if (field.repeated) return fc.array(one(field), { maxLength: 4 })
  return field.resolvedType ? fc.option(one(field), { nil: undefined }) : one(field)
}

function one(field: protobuf.Field): fc.Arbitrary<unknown> {
  if (field.resolvedType instanceof protobuf.Type) return messagesOf(field.resolvedType)
  const scalar = scalars[field.type]
  assert.ok(scalar, field.type)
  return scalar
}

/** Our shape to the plain objects of protobufjs. */
function toPlain(type: protobuf.Type, message: Json): Json {
  const plain: Json = {}
  for (const field of type.fieldsArray) {
    if (field.partOf) {
      const union = message[field.partOf.name] as { case: string; value: unknown } | undefined
      if (union?.case === field.name) plain[field.name] = plainValue(field, union.value)
      continue
    }
    const value = message[field.name]
    if (value === undefined) continue
    if (value instanceof Map) plain[field.name] = Object.fromEntries(value)
    else if (Array.isArray(value)) plain[field.name] = value.map((item) => plainValue(field, item))
    else plain[field.name] = plainValue(field, value)
  }
  return plain
}

function plainValue(field: protobuf.Field, value: unknown): unknown {
  if (field.resolvedType instanceof protobuf.Type) return toPlain(field.resolvedType, value as Json)
  return value
}

/** What protobufjs decoded, in our shape. */
function fromProtobufjs(type: protobuf.Type, decoded: Json): Json {
  const message: Json = {}
  for (const oneof of type.oneofsArray) {
    const set = decoded[oneof.name] as string | undefined
    const field = oneof.fieldsArray.find(({ name }) => name === set)
    message[oneof.name] =
      field === undefined ? undefined : { case: set, value: ourValue(field, decoded[field.name]) }
  }
  for (const field of type.fieldsArray) {
    if (field.partOf) continue
    const value = decoded[field.name]
    if (field instanceof protobuf.MapField) {
      message[field.name] = new Map(Object.entries(value as Record<string, string>))
    } else if (field.repeated) {
      message[field.name] = (value as unknown[]).map((item) => ourValue(field, item))
    } else message[field.name] = value === null ? undefined : ourValue(field, value)
  }
  return message
}

function ourValue(field: protobuf.Field, value: unknown): unknown {
  if (field.resolvedType instanceof protobuf.Type) {
    return fromProtobufjs(field.resolvedType, value as Json)
  }
  if (field.type === 'bytes') return new Uint8Array(value as Uint8Array)
  // A Long, or a number.
  return field.type === 'uint64' ? Number(String(value)) : value
}

/** Header maps compare by content, keys like `__proto__` included; protobufjs cannot hold those. */
const isPlainKey = (message: unknown): boolean =>
  message instanceof Map
    ? !message.has('__proto__')
    : typeof message !== 'object' || message === null || message instanceof Uint8Array
      ? true
      : Object.values(message).every(isPlainKey)

const cases = fc.oneof(
  ...all.map((codec) => messagesOf(codec.type).map((message) => ({ codec, message }))),
)

/** Fields nobody knows: varints, fixed widths, bytes, and groups with more of the same. */
const unknownFields = fc.letrec<{ field: number[]; fields: number[] }>((tie) => ({
  fields: fc.array(tie('field'), { maxLength: 3, depthIdentifier: 'field' }).map((f) => f.flat()),
  field: fc.oneof(
    { depthIdentifier: 'field', maxDepth: 4 },
    fc.maxSafeNat().map((n) => [...tag(0), ...varint(n)]),
    fc.uint8Array({ minLength: 8, maxLength: 8 }).map((b) => [...tag(1), ...b]),
    fc.uint8Array({ minLength: 4, maxLength: 4 }).map((b) => [...tag(5), ...b]),
    fc.uint8Array({ maxLength: 9 }).map((b) => [...tag(2), b.length, ...b]),
    tie('fields').map((inner) => [...tag(3), ...inner, ...tag(4)]),
  ),
})).fields

const tag = (wireType: number) => varint(1000 * 8 + wireType)

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 128) | 0x80, ...varint(Math.floor(value / 128))]
}

suite('generated codec', () => {
  test('covers the messages of all methods', () => {
    assert.ok(all.length >= 40, `${all.length} messages`)
    for (const { decode, name } of all) assert.equal(typeof decode, 'function', name)
  })

  test('protobufjs reads what it writes', () => {
    fc.assert(
      fc.property(cases, ({ codec, message }) => {
        fc.pre(isPlainKey(message))
        const decoded = codec.type.decode(codec.encode(message)) as unknown as Json
        assert.deepEqual(fromProtobufjs(codec.type, decoded), message)
      }),
      { numRuns: 500 },
    )
  })

  test('it reads what protobufjs writes, unknown fields left out', () => {
    fc.assert(
      fc.property(cases, unknownFields, unknownFields, ({ codec, message }, before, after) => {
        fc.pre(isPlainKey(message))
        const plain = toPlain(codec.type, message)
        const written = codec.type.encode(codec.type.fromObject(plain)).finish()
        const bytes = Uint8Array.from([...before, ...written, ...after])
        assert.deepEqual(codec.decode(bytes), message)
      }),
      { numRuns: 500 },
    )
  })

  test('cut short anywhere, it throws ProtoDecodeError or reads a shorter message', () => {
    fc.assert(
      fc.property(cases, ({ codec, message }) => {
        const bytes = codec.encode(message)
        for (let length = 0; length < bytes.length; length++) {
          decodesOrRefuses(codec.decode, bytes.subarray(0, length))
        }
      }),
      { numRuns: 100 },
    )
  })

  test('inside a nested message, nothing is ever cut short silently', () => {
    const bytes = v1.encodePublishResponse({
      message: { id: 'abc', topic: 't', origin: { blName: 'x' }, headId: 300, createdAtMs: 5e12 },
    })
    for (let length = 1; length < bytes.length; length++) {
      assert.throws(() => v1.decodePublishResponse(bytes.subarray(0, length)), ProtoDecodeError)
    }
  })

  test('random bytes give a message or ProtoDecodeError', () => {
    const bytes = fc.uint8Array({ maxLength: 64, size: 'max' })
    const anyCodec = fc.constantFrom(...all)
    fc.assert(
      fc.property(anyCodec, bytes, (codec, input) => decodesOrRefuses(codec.decode, input)),
      { numRuns: 3_000 },
    )
  })

  test('a message that occurs twice is merged', () => {
    const first = {
      message: { id: 'a', origin: { tenantId: 't' }, headers: new Map([['k', '1']]) },
    }
    const second = {
      message: { topic: 'b', origin: { blName: 'l' }, headers: new Map([['k', '2']]) },
    }
    const both = [...v1.encodePublishResponse(first), ...v1.encodePublishResponse(second)]
    const { message } = v1.decodePublishResponse(Uint8Array.from(both))
    assert.deepEqual(
      [message?.id, message?.topic, message?.origin, message?.headers],
      ['a', 'b', { tenantId: 't', blName: 'l', deviceId: '' }, new Map([['k', '2']])],
    )
  })

  test('repeated scalars are read packed and unpacked', () => {
    assert.deepEqual(v2.decodeSettleResponse(Uint8Array.of(0x0a, 2, 1, 0)).accepted, [true, false])
    assert.deepEqual(v2.decodeSettleResponse(Uint8Array.of(8, 1, 8, 0)).accepted, [true, false])
    assert.deepEqual([...v2.encodeSettleResponse({ accepted: [true, false] })], [0x0a, 2, 1, 0])
  })

  test('the chosen member of a union is kept even with its default value', () => {
    const request = { start: { at: { case: 'headId', value: 0 } } } as const
    const decoded = v2.decodeSubscribeRequest(v2.encodeSubscribeRequest(request))
    assert.deepEqual(decoded.start, request.start)
  })

  test('descriptors name the paths of the contract', () => {
    const { path, requestStream, responseStream } = v2.busService.publishStream
    assert.equal(path, '/msgbus.v2.BusService/PublishStream')
    assert.deepEqual([requestStream, responseStream], [true, true])
    assert.equal(Object.keys(v1.msgbusService).length, 13)
  })
})

function decodesOrRefuses(decode: Decode, bytes: Uint8Array): void {
  try {
    decode(bytes)
  } catch (error) {
    if (!(error instanceof ProtoDecodeError)) throw error
  }
}
