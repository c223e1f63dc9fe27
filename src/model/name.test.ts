import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { BusError } from './errors.ts'
import { checkName, utf8Length } from './name.ts'

const refused: [value: string, text: string][] = [
  ['', 'topic is empty'],
  [' \t\u00a0\u0085\u2003\u3000', 'topic is empty'],
  ['a\0b', 'topic contains NUL byte'],
  ['\0', 'topic contains NUL byte'],
  ['é'.repeat(513), 'topic is too long (1026 bytes, limit 1024)'],
  ['a'.repeat(1025), 'topic is too long (1025 bytes, limit 1024)'],
]
for (const [value, text] of refused) {
  test(`refused: ${text} (${JSON.stringify(value.slice(0, 12))})`, () => {
    assert.throws(
      () => checkName('topic', value, 1024),
      (error) =>
        error instanceof BusError && error.code === 'invalid_argument' && error.message === text,
    )
  })
}

for (const value of ['\ufeff', ' a', 'a ', 'a/b\n😀', 'a'.repeat(1024), 'é'.repeat(512)]) {
  test(`accepted: ${JSON.stringify(value.slice(0, 12))}`, () => checkName('topic', value, 1024))
}

test('utf8Length agrees with the encoder, lone surrogates included', () => {
  const anyText = fc
    .array(fc.integer({ min: 0, max: 0xffff }))
    .map((u) => String.fromCharCode(...u))
  fc.assert(
    fc.property(fc.oneof(anyText, fc.string({ unit: 'binary' })), (text) => {
      assert.equal(utf8Length(text), Buffer.byteLength(text, 'utf8'))
    }),
  )
})
