// Proves that base64url is what Node writes, and that no text but that one is read.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeBase64url, encodeBase64url } from './base64url.ts'

test('it is written as everywhere, and read again', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
      const text = encodeBase64url(bytes)
      assert.equal(text, Buffer.from(bytes).toString('base64url'))
      assert.deepEqual(decodeBase64url(text), bytes)
    }),
  )
})

test('one text for each sequence of bytes', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), (text) => {
      const bytes = decodeBase64url(text)
      if (bytes !== undefined) assert.equal(encodeBase64url(bytes), text)
    }),
    { numRuns: 2_000 },
  )
  for (const text of ['A', 'YR', 'YWF', 'YQ==', 'Y Q', 'Y/', 'Y+8', 'é', 'YQ\n']) {
    assert.equal(decodeBase64url(text), undefined, text)
  }
})
