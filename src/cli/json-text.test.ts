import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { jsonText } from './json-text.ts'

test('what JSON itself can say is said the same, on one line and indented', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      assert.deepEqual(JSON.parse(jsonText(value)), JSON.parse(JSON.stringify(value)))
      assert.deepEqual(JSON.parse(jsonText(value, '  ')), JSON.parse(JSON.stringify(value)))
      assert.ok(!jsonText(value).includes('\n'))
    }),
  )
  assert.equal(jsonText({ a: [1, {}, []], b: undefined }), '{"a":[1,{},[]]}')
  assert.equal(
    jsonText({ a: [1, 'x'], b: {} }, '  '),
    JSON.stringify({ a: [1, 'x'], b: {} }, null, 2),
  )
})

test('numbers of 64 bits keep their digits, bytes are base64, times ISO', () => {
  const value = { t: 2n ** 64n - 1n, b: Uint8Array.of(255, 0), d: new Date(0), n: Number.NaN }
  assert.equal(
    jsonText(value),
    '{"t":18446744073709551615,"b":"/wA=","d":"1970-01-01T00:00:00.000Z","n":null}',
  )
})

test('no text puts a control character on the terminal', () => {
  assert.equal(jsonText('\u001b[2J\u009b\u202e\n'), '"\\u001b[2J\\u009b\\u202e\\n"')
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (key, text) => {
      const shown = jsonText({ [key]: text })
      assert.doesNotMatch(shown, /\p{Cc}/u)
      assert.deepEqual(JSON.parse(shown), JSON.parse(JSON.stringify({ [key]: text })))
    }),
  )
})
