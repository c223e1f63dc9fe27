// The table of spec/wamp 13.1, and that no text is lost.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeWampSegment, encodeWampSegment } from './wamp-segment.ts'

test('segments are written as specified', () => {
  const cases: Record<string, string> = {
    'temp 1': 'temp%201',
    'v1.2': 'v1%2E2',
    '': '%00',
    '#y': '%23y',
    '%2E': '%252E',
    '%252E': '%25252E',
    '100%': '100%',
    '%41': '%41',
    '%2e': '%2e',
    'a\u2003b': 'a%u2003b',
    '%00': '%2500',
  }
  for (const [text, form] of Object.entries(cases)) {
    assert.equal(encodeWampSegment(text), form, text)
    assert.equal(decodeWampSegment(form), text, form)
  }
})

test('every text comes back, and no form holds a dot or a blank', () => {
  const part = fc.oneof(fc.constantFrom('%', '25', '2E', '00', '.', '#', ' ', 'u2003'), fc.string())
  fc.assert(
    fc.property(
      fc.array(part).map((parts) => parts.join('')),
      (text) => {
        const form = encodeWampSegment(text)
        assert.doesNotMatch(form, /[.#\s]/)
        assert.equal(decodeWampSegment(form), text)
      },
    ),
  )
})
