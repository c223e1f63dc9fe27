import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { toWireHead } from './head-id.ts'
import { codecs, decodePayload } from './payload-codec.ts'
import { PublishIds, checkPublishId, encodeValue, toHeaders } from './publication.ts'

test('what a codec encodes it decodes', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const codec = codecs.json<unknown>()
      assert.deepEqual(codec.decode(codec.encode(value)), JSON.parse(JSON.stringify(value)))
    }),
  )
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (value) => {
      assert.equal(codecs.text.decode(codecs.text.encode(value)), value)
    }),
  )
})

test('what JSON cannot express is refused before it is sent', () => {
  assert.throws(() => encodeValue(undefined, codecs.json<undefined>()), {
    code: 'invalid_argument',
  })
})

test('values without codec must be bytes or text', () => {
  assert.throws(() => encodeValue({ a: 1 }, undefined), { message: /codecs\.json/ })
})

test('an undecodable payload names the message', () => {
  const bytes = Uint8Array.of(0xff)
  assert.throws(() => decodePayload(codecs.text, bytes, 't at head 3'), {
    code: 'invalid_argument',
    reason: 'undecodable',
    message: /t at head 3 \(1 bytes\)/,
  })
})

test('headers come as objects or maps', () => {
  assert.deepEqual([...toHeaders({ a: 'b' })], [['a', 'b']])
  const map = new Map([['a', 'b']])
  assert.equal(toHeaders(map), map)
})

test('publish ids differ, are short and fit into request metadata', () => {
  const [a, b] = [new PublishIds(), new PublishIds()]
  const all = new Set([a.next(), a.next(), b.next(), b.next()])
  assert.equal(all.size, 4)
  for (const id of all) {
    assert.ok(id.length <= 20)
    checkPublishId(id)
  }
  for (const id of ['', 'ü', 'a\n', 'x'.repeat(129)]) {
    assert.throws(() => checkPublishId(id), { code: 'invalid_argument' })
  }
})

test('head ids: bigint and number in, safe integers on the wire', () => {
  assert.equal(toWireHead(5n, 'from'), 5)
  assert.equal(toWireHead(2n ** 64n - 1n, 'to'), Number.MAX_SAFE_INTEGER)
  assert.equal(toWireHead(Infinity, 'to'), Number.MAX_SAFE_INTEGER)
  for (const bad of [-1, 1.5, NaN, -1n]) {
    assert.throws(() => toWireHead(bad, 'from'), { code: 'invalid_argument', message: /from/ })
  }
})
