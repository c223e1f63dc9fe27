import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stubId } from './stub-id.ts'

const origin = { tenantId: 't', blName: 'b', deviceId: 'd' }

test('is a lower-case UUID of version 8', () => {
  for (let head = 1; head < 200; head++) {
    assert.match(
      stubId({ topic: 'events', origin }, head),
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    )
  }
})

test('never changes: stubs of old stores keep their ids', () => {
  assert.equal(stubId({ topic: 'events', origin }, 1), '9dd01827-f476-89f0-a064-ccc3cdd1d81d')
})

test('differs in every part, also where the joined parts are the same (L25)', () => {
  const ids = [
    stubId({ topic: 'events', origin }, 1),
    stubId({ topic: 'events', origin }, 2),
    stubId({ topic: 'events', origin }, 2 ** 40),
    stubId({ topic: 'event', origin: { ...origin, tenantId: 'st' } }, 1),
    stubId({ topic: 'x', origin: { tenantId: 'a/b', blName: 'c', deviceId: 'd' } }, 1),
    stubId({ topic: 'x', origin: { tenantId: 'a', blName: 'b/c', deviceId: 'd' } }, 1),
    stubId({ topic: 'x', origin: { tenantId: 'ab', blName: 'c', deviceId: 'd' } }, 1),
    stubId({ topic: 'x', origin: { tenantId: 'a', blName: 'bc', deviceId: 'd' } }, 1),
  ]
  assert.equal(new Set(ids).size, ids.length)
})
