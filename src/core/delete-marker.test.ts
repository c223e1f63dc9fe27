import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { formatDeleteMarker, parseDeleteMarker } from './delete-marker.ts'

const origin = { tenantId: 'tenant', blName: 'default', deviceId: 'node-a' }
const marker = { topic: 'events', origin, fromHead: 2, toHead: 3, createdAtMs: 1767225600000 }
const specText =
  '{"topic":"events","origin":{"tenant_id":"tenant","bl_name":"default","device_id":"node-a"},' +
  '"from_head_id":2,"to_head_id":3,"created_at_ms":1767225600000}'

const encode = (text: string) => new TextEncoder().encode(text)
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

test('is written exactly as spec 3.3 shows', () => {
  assert.equal(decode(formatDeleteMarker(marker)), specText)
  assert.deepEqual(parseDeleteMarker(encode(specText)), marker)
})

test('a range without end is 2^64-1 on the wire', () => {
  const bytes = formatDeleteMarker({ ...marker, toHead: Infinity })
  assert.match(decode(bytes), /"to_head_id":18446744073709551615,/)
  assert.equal(parseDeleteMarker(bytes)?.toHead, Infinity)
})

test('takes any order of members and ignores unknown ones', () => {
  const text =
    ' {"x":[1.5e3,{"topic":2}], "created_at_ms":1767225600000,"to_head_id":3,\n"from_head_id":2,' +
    '"origin":{"device_id":"node-a","y":null,"bl_name":"default","tenant_id":"tenant"},"topic":"events"}'
  assert.deepEqual(parseDeleteMarker(encode(text)), marker)
})

test('numbers above 2^53-1 saturate and never round downwards', () => {
  const read = (to: string) =>
    parseDeleteMarker(encode(specText.replace('"to_head_id":3', `"to_head_id":${to}`)))?.toHead
  assert.equal(read('9007199254740991'), 9007199254740991)
  assert.equal(read('9007199254740992'), Infinity)
  assert.equal(read('9007199254740993'), Infinity)
  assert.equal(read('18446744073709551615'), Infinity)
  assert.equal(read('18446744073709551616'), undefined)
  const late = specText.replace('"created_at_ms":1767225600000', '"created_at_ms":9007199254740999')
  assert.equal(parseDeleteMarker(encode(late))?.createdAtMs, Number.MAX_SAFE_INTEGER)
})

test('refuses everything else without throwing', () => {
  const without = (member: string) => {
    const object = JSON.parse(specText) as Record<string, unknown>
    delete object[member]
    return JSON.stringify(object)
  }
  const bad = [
    '',
    'null',
    '[]',
    '"text"',
    '{',
    specText.slice(0, -1),
    `${specText}x`,
    `\ufeff${specText}`,
    without('topic'),
    without('origin'),
    without('from_head_id'),
    without('to_head_id'),
    without('created_at_ms'),
    specText.replace('"from_head_id":2', '"from_head_id":4'),
    specText.replace('"from_head_id":2', '"from_head_id":2.0'),
    specText.replace('"from_head_id":2', '"from_head_id":2e0'),
    specText.replace('"from_head_id":2', '"from_head_id":-2'),
    specText.replace('"from_head_id":2', '"from_head_id":-0'),
    specText.replace('"from_head_id":2', '"from_head_id":"2"'),
    specText.replace('"from_head_id":2', '"from_head_id":["2"]'),
    specText.replace('"from_head_id":2', '"from_head_id":02'),
    specText.replace('"events"', '7'),
    specText.replace('"events"', '"\\ud800"'),
    specText.replace('"tenant"', 'null'),
    specText.replace('"node-a"', '{}'),
  ]
  for (const text of bad) assert.equal(parseDeleteMarker(encode(text)), undefined, text)
  const invalidUtf8 = encode(specText)
  invalidUtf8[10] = 0xff
  assert.equal(parseDeleteMarker(invalidUtf8), undefined)
})

test('a string that looks like a number token stays a string', () => {
  const topic = '1,"2":3 \\" -4e5'
  assert.equal(parseDeleteMarker(formatDeleteMarker({ ...marker, topic }))?.topic, topic)
})

test('what is written is read back', () => {
  const name = fc.string({ unit: 'grapheme' })
  const head = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constant(Infinity))
  fc.assert(
    fc.property(
      name,
      name,
      name,
      head,
      head,
      fc.maxSafeNat(),
      (topic, blName, deviceId, a, b, ms) => {
        const written = {
          topic,
          origin: { tenantId: topic, blName, deviceId },
          fromHead: Math.min(a, b),
          toHead: Math.max(a, b),
          createdAtMs: ms,
        }
        assert.deepEqual(parseDeleteMarker(formatDeleteMarker(written)), written)
      },
    ),
  )
})

test('random bytes never throw', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.nat(specText.length - 1), fc.nat(255), (bytes, at, byte) => {
      parseDeleteMarker(bytes)
      const damaged = encode(specText)
      damaged[at] = byte
      parseDeleteMarker(damaged)
    }),
  )
})
