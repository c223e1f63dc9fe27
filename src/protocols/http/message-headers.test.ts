// Headers of messages in headers of HTTP: both ways without loss, and nothing that HTTP could not carry.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeHeaderText, messageHeadersOf, toHttpHeaders } from './message-headers.ts'

test('what a request carries for its message', () => {
  const headers = messageHeadersOf({
    host: 'localhost',
    'content-type': 'text/plain',
    'msgbus-header-plain': 'value',
    'msgbus-header-%55pper%20name': 'caf%C3%A9, 100%25, 5%',
    'msgbus-header-': 'nameless',
  })
  assert.deepEqual(Object.fromEntries(headers), {
    'content-type': 'text/plain',
    plain: 'value',
    'Upper name': 'café, 100%, 5%',
    '': 'nameless',
  })
  for (const type of ['application/octet-stream', 'application/x-www-form-urlencoded']) {
    assert.equal(messageHeadersOf({ 'content-type': type }).size, 0)
  }
})

test('bytes above ASCII are UTF-8, and escapes that are none stay', () => {
  assert.equal(decodeHeaderText(Buffer.from('grün').toString('latin1')), 'grün')
  assert.equal(decodeHeaderText('%ff %zz % %4'), '%ff %zz % %4')
})

test('any header comes back as it went out, and is one that HTTP takes', () => {
  const name = fc.string({ unit: 'grapheme', minLength: 1 })
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.string({ unit: 'grapheme' }))), (entries) => {
      const headers = new Map(entries)
      headers.delete('content-type')
      const http = toHttpHeaders(headers)
      for (const [key, value] of Object.entries(http)) {
        assert.match(key, /^[a-z0-9!#$%&'*+.^_`|~A-F-]+$/)
        assert.match(String(value), /^([!-~]([ -~]*[!-~])?)?$/)
      }
      // Node gives header names in lower case.
      const seen = Object.entries(http).map(([key, value]) => [key.toLowerCase(), String(value)])
      assert.deepEqual(messageHeadersOf(Object.fromEntries(seen)), headers)
    }),
  )
})

test('an answer without a type is plain bytes, one with a type keeps it', () => {
  assert.equal(toHttpHeaders(new Map())['content-type'], 'application/octet-stream')
  assert.equal(toHttpHeaders(new Map([['content-type', 'text/x']]))['content-type'], 'text/x')
})
