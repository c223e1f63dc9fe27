import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { msgpack } from '../../client/busrt/index.ts'
import { UsageError } from '../exit-codes.ts'
import { encodeParams } from './rpc-params.ts'

const hex = (words: readonly string[]) => Buffer.from(encodeParams(words)).toString('hex')
const bigints = msgpack<Record<string, unknown>>({ bigints: true })

const encoded: [words: string[], bytes: string][] = [
  [[], ''],
  [[''], ''],
  [['ok=true'], '81a26f6bc3'],
  [['ok=false', ''], '81a26f6bc2'],
  [['a=1', 'b=-1'], '82a16101a162ff'],
  [['a=1', 'a=2'], '81a16102'],
  [['a=b=c'], '81a161a3623d63'],
  [['a='], '81a161a0'],
  [['=x'], '81a0a178'],
  // A float stays one, whatever its value.
  [['a=1.0'], '81a161cb3ff0000000000000'],
  [['a=1e3'], '81a161cb408f400000000000'],
  [['a=.5'], '81a161cb3fe0000000000000'],
  [['a=+7'], '81a16107'],
  [['a=128'], '81a161cc80'],
  [['a=-33'], '81a161d0df'],
  [['a=256'], '81a161cd0100'],
  [['a=-129'], '81a161d1ff7f'],
  [['a=65536'], '81a161ce00010000'],
  [['a=-32769'], '81a161d2ffff7fff'],
  [['a=4294967296'], '81a161cf0000000100000000'],
  [['a=-2147483649'], '81a161d3ffffffff7fffffff'],
  [['a=-9223372036854775808'], '81a161d38000000000000000'],
  // Beyond 64 bits with sign it is a float.
  [['a=9223372036854775808'], '81a161cb43e0000000000000'],
  [['a=inf', 'b=0x10'], '82a161a3696e66a162a430783130'],
]

for (const [words, bytes] of encoded) {
  test(`parameters ${JSON.stringify(words)} are ${bytes === '' ? 'no bytes' : bytes}`, () => {
    assert.equal(hex(words), bytes)
  })
}

test('a word without = is a usage error', () => {
  assert.throws(() => encodeParams(['a=1', 'b']), UsageError)
})

/** Decoders refuse one key on purpose; of texts only those that do not look like something else. */
function isPlain([key, value]: [string, unknown]): boolean {
  const isText = typeof value === 'string'
  return key !== '__proto__' && !(isText && /^[\d.+-]|^(?:true|false)$/.test(value))
}

/** What is read back has other types: compared as text. */
function texts(entries: readonly [string, unknown][]) {
  return Object.fromEntries(entries.map(([key, value]) => [key, String(value)]))
}

test('any number of any texts and whole numbers is read back by a decoder', () => {
  const params = fc.dictionary(
    fc.string({ maxLength: 40 }).filter((key) => !key.includes('=')),
    fc.oneof(fc.string({ maxLength: 300 }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
    { maxKeys: 40, noNullPrototype: true },
  )
  fc.assert(
    fc.property(params, (values) => {
      const entries = Object.entries(values).filter(isPlain)
      fc.pre(entries.length > 0)
      const decoded = bigints.decode(encodeParams(entries.map(([key, value]) => `${key}=${value}`)))
      assert.deepEqual(texts(Object.entries(decoded)), texts(entries))
    }),
  )
})

test('long texts and many keys take longer heads', () => {
  for (const length of [31, 32, 255, 256, 65_535, 65_536]) {
    const text = 'x'.repeat(length)
    assert.deepEqual(bigints.decode(encodeParams([`k=${text}`])), { k: text })
  }
  for (const count of [15, 16, 65_536]) {
    const words = Array.from({ length: count }, (_, i) => `k${i}=v`)
    assert.equal(Object.keys(bigints.decode(encodeParams(words))).length, count)
  }
})
