import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createUuid, formatUuid, parseUuid } from './uuid.ts'

test('ids are version 4, distinct, and survive the way through words', () => {
  const words = new Uint32Array(8)
  const seen = new Set<string>()
  for (let i = 0; i < 1_000; i++) {
    const id = createUuid(words, 0)
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    seen.add(id)
    assert.ok(parseUuid(id, words, 4))
    assert.deepEqual(words.subarray(4), words.subarray(0, 4))
    assert.equal(formatUuid(words, 4), id)
  }
  assert.equal(seen.size, 1_000)
})

test('bytes stand in the order of the text', () => {
  const words = new Uint32Array(4)
  const id = '00112233-4455-6677-8899-aabbccddeeff'
  assert.ok(parseUuid(id, words, 0))
  assert.equal(Buffer.from(words.buffer).toString('hex'), id.replaceAll('-', ''))
})

test('only the canonical form is a UUID', () => {
  const words = new Uint32Array(4)
  const id = '00112233-4455-6677-8899-aabbccddeeff'
  for (const text of ['', id.toUpperCase(), `${id}0`, id.slice(1), id.replace('-', '0')]) {
    assert.equal(parseUuid(text, words, 0), false, text)
  }
  for (let i = 0; i < id.length; i++) {
    assert.equal(parseUuid(`${id.slice(0, i)}g${id.slice(i + 1)}`, words, 0), false)
  }
})
