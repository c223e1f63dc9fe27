import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { decode as decodeMessagePack, encode as encodeMessagePack } from '@msgpack/msgpack'
import * as cborg from 'cborg'
import fc from 'fast-check'
import { ProtocolError } from '../../model/errors.ts'
import { ByteSink } from './byte-sink.ts'
import { cbor } from './cbor.ts'
import { json } from './json.ts'
import { messagepack } from './messagepack.ts'
import type { Serializer } from './serializer.ts'
import { allSerializers } from './serializers.ts'
import {
  WampExtension,
  WampFloat,
  type WampInput,
  WampTag,
  WampTime,
  type WampValue,
} from './value.ts'

function encode(serializer: Serializer, value: WampInput): Uint8Array {
  const sink = new ByteSink()
  serializer.encode(sink, value)
  return sink.toBytes()
}

function decode(serializer: Serializer, bytes: Uint8Array): WampValue {
  return serializer.decode(bytes, 0, bytes.length)
}

const text = fc.string({ unit: 'grapheme' })
const integer = fc.oneof(
  fc.maxSafeInteger(),
  fc.bigInt(-(2n ** 63n), 2n ** 64n - 1n).map((value) => {
    return Number.isSafeInteger(Number(value)) ? Number(value) : value
  }),
)
const float = fc
  .double({ noNaN: true, noDefaultInfinity: true })
  .map((value) => (Number.isInteger(value) ? new WampFloat(value) : value))
const leaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  integer,
  float,
  text.filter((value) => !value.startsWith('\0')),
  fc.uint8Array(),
)
const value: fc.Arbitrary<WampValue> = fc.letrec<{ value: WampValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.array(tie('value')),
    fc.array(fc.tuple(text, tie('value'))).map((entries) => new Map<WampValue, WampValue>(entries)),
  ),
})).value

suite('values', () => {
  for (const serializer of allSerializers) {
    test(`${serializer.name}: what is encoded comes back`, () => {
      fc.assert(
        fc.property(value, (given) => {
          assert.deepEqual(decode(serializer, encode(serializer, given)), given)
        }),
        { numRuns: 300 },
      )
    })

    test(`${serializer.name}: every cut is seen`, () => {
      const list = encode(serializer, [1, 'two', { three: [4.5, null, true, 'x'.repeat(40)] }, 300])
      for (let length = 0; length < list.length; length++) {
        assert.throws(() => decode(serializer, list.slice(0, length)), ProtocolError)
      }
    })
  }

  test('from serializer to serializer and back', () => {
    fc.assert(
      fc.property(value, fc.shuffledSubarray([...allSerializers]), (given, path) => {
        let held = given
        for (const serializer of path) held = decode(serializer, encode(serializer, held))
        assert.deepEqual(held, given)
      }),
      { numRuns: 300 },
    )
  })
})

/** Values as the other library has them, for which minus zero is zero. */
function plain(given: WampValue): unknown {
  if (given instanceof WampFloat) return given.value + 0
  if (Array.isArray(given)) return given.map((item: WampValue) => plain(item))
  if (given instanceof Map) {
    return Object.fromEntries([...given].map(([key, item]) => [String(key), plain(item)]))
  }
  return given
}

/** Their maps are objects, on which one key means something else. */
const common = value.filter((given) => !JSON.stringify(plain(given), big).includes('__proto__'))
const big = (_key: string, item: unknown): unknown =>
  typeof item === 'bigint' ? String(item) : item

suite('beside the libraries of others', () => {
  test('MessagePack', () => {
    fc.assert(
      fc.property(common, (given) => {
        const theirs = decodeMessagePack(encode(messagepack, given), { useBigInt64: true })
        const again = decode(messagepack, encodeMessagePack(theirs, { useBigInt64: true }))
        assert.deepEqual(plain(again), plain(given))
      }),
      { numRuns: 300 },
    )
  })

  test('CBOR', () => {
    fc.assert(
      fc.property(common, (given) => {
        const theirs: unknown = cborg.decode(encode(cbor, given), { rejectDuplicateMapKeys: false })
        const again = decode(cbor, cborg.encode(theirs))
        assert.deepEqual(plain(again), plain(given))
      }),
      { numRuns: 300 },
    )
  })

  test('JSON', () => {
    fc.assert(
      fc.property(fc.json(), (given) => {
        const bytes = new TextEncoder().encode(given)
        const ours = new TextDecoder().decode(encode(json, decode(json, bytes)))
        assert.deepEqual(JSON.parse(ours), JSON.parse(JSON.stringify(JSON.parse(given))))
      }),
      { numRuns: 300 },
    )
  })

  test('JSON: what the engine does not take, nobody takes', () => {
    const inserts = ['', ',', '"', '\\', '{', ']', '0', '-', 'e', '.', 'null', ' ', '\u0001', ':']
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.constantFrom(...inserts), (given, at, insert) => {
        const place = at % (given.length + 1)
        const changed = given.slice(0, place) + insert + given.slice(place + 1)
        const bytes = new TextEncoder().encode(changed)
        assert.equal(
          isTaken(() => decode(json, bytes)),
          isTaken(() => JSON.parse(changed)),
          changed,
        )
      }),
      { numRuns: 1_000 },
    )
  })
})

function isTaken(work: () => unknown): boolean {
  try {
    work()
    return true
  } catch {
    return false
  }
}

suite('forms that only one serializer has', () => {
  test('times', () => {
    const time = new WampTime(1_700_000_000, 5_000_000)
    assert.deepEqual(decode(messagepack, encode(messagepack, time)), time)
    assert.deepEqual(decode(json, encode(json, time)), '2023-11-14T22:13:20.005Z')
    const tagged = decode(cbor, encode(cbor, time))
    assert.deepEqual(tagged, new WampTag(0, '2023-11-14T22:13:20.005Z'))
    assert.deepEqual(decode(messagepack, encode(messagepack, tagged)), time)
    for (const far of [new WampTime(-5, 1), new WampTime(2 ** 35, 7), new WampTime(12, 0)]) {
      assert.deepEqual(decode(messagepack, encode(messagepack, far)), far)
    }
  })

  test('extensions and tags', () => {
    const extension = new WampExtension(42, Uint8Array.of(1, 2, 3))
    assert.deepEqual(decode(messagepack, encode(messagepack, extension)), extension)
    assert.deepEqual(decode(cbor, encode(cbor, extension)), extension.bytes)
    const tag = new WampTag(999, ['x'])
    assert.deepEqual(decode(cbor, encode(cbor, tag)), tag)
    assert.deepEqual(decode(messagepack, encode(messagepack, tag)), ['x'])
  })

  test('integers beyond 64 bits', () => {
    for (const large of [2n ** 70n, -(2n ** 70n), 2n ** 64n, -(2n ** 64n), -(2n ** 64n) - 1n]) {
      assert.equal(decode(cbor, encode(cbor, large)), large)
      assert.equal(decode(json, encode(json, large)), large)
    }
    assert.equal(decode(messagepack, encode(messagepack, 2n ** 70n)), String(2n ** 70n))
  })

  test('integers that are too long to calculate with stay what they are', () => {
    const bytes = new Uint8Array(5_000).fill(7)
    const tag = new WampTag(2, bytes)
    assert.deepEqual(decode(cbor, encode(cbor, tag)), tag)
    const digits = new TextEncoder().encode('7'.repeat(100_000))
    assert.equal(decode(json, digits), Infinity)
  })

  test('numbers that JSON does not have', () => {
    for (const special of [NaN, Infinity, -Infinity]) {
      assert.equal(decode(json, encode(json, special)), null)
      assert.deepEqual(decode(cbor, encode(cbor, special)), special)
      assert.deepEqual(decode(messagepack, encode(messagepack, special)), special)
    }
  })

  test('keys that are not text', () => {
    const map = new Map<WampValue, WampValue>([
      [1, 'a'],
      [null, 'b'],
    ])
    assert.deepEqual(decode(cbor, encode(cbor, map)), map)
    assert.deepEqual(decode(messagepack, encode(messagepack, map)), map)
    const asText = new Map([
      ['1', 'a'],
      ['null', 'b'],
    ])
    assert.deepEqual(decode(json, encode(json, map)), asText)
  })

  test('CBOR of unknown length', () => {
    const given = Uint8Array.from(
      Buffer.from('bf616b9f7f6261626163ff25ff6162c1fb41d452d9e20147aeff', 'hex'),
    )
    assert.ok(decode(cbor, given) instanceof Map)
    for (const bad of ['7f41 61ff', '5f6161ff', 'bf6161ff', 'ff', '9f', '1c', 'f800', 'c2 6161']) {
      const bytes = Uint8Array.from(Buffer.from(bad.replaceAll(' ', ''), 'hex'))
      assert.throws(() => decode(cbor, bytes), ProtocolError, bad)
    }
  })

  test('text of JSON that is binary, and text that only begins so', () => {
    const bytes = new TextEncoder().encode(String.raw`["\u0000AP8=","\u0000x","\u0000"]`)
    const decoded = decode(json, bytes)
    assert.deepEqual(decoded, [Uint8Array.of(0, 255), '\0x', new Uint8Array(0)])
  })
})
