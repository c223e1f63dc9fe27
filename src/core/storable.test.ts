import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkStorableLog, checkStorableReplica, storedNameBytes } from './storable.ts'

const origin = { tenantId: 'a', blName: 'b', deviceId: 'c' }

const reasonOf = (topic: string, changed = {}) =>
  checkStorableLog({ topic, origin: { ...origin, ...changed } })?.reason

test('takes every name of the wire', () => {
  for (const topic of ['t', ' ', '\ufeff', 'a/b', '🚌', 'x'.repeat(storedNameBytes)]) {
    const expected = topic === ' ' ? 'name_empty' : undefined
    assert.equal(reasonOf(topic), expected)
  }
})

test('refuses what does not survive a disk', () => {
  assert.equal(reasonOf(''), 'name_empty')
  assert.equal(reasonOf('a\0b'), 'name_contains_nul')
  assert.equal(reasonOf('x'.repeat(storedNameBytes + 1)), 'name_too_long')
  assert.equal(reasonOf('half \ud83d'), 'name_not_unicode')
  assert.equal(reasonOf('t', { tenantId: '' }), 'name_empty')
  assert.equal(reasonOf('t', { blName: '' }), 'name_empty')
  assert.equal(reasonOf('t', { deviceId: '\udc00' }), 'name_not_unicode')
})

test('holds replicated messages to safe integers', () => {
  const replica = { id: 'id', headId: 1, createdAtMs: 0 }
  const reasonWith = (changed: Partial<typeof replica>) =>
    checkStorableReplica({ ...replica, ...changed })?.reason
  assert.equal(reasonWith({}), undefined)
  assert.equal(reasonWith({ headId: Number.MAX_SAFE_INTEGER }), undefined)
  assert.equal(reasonWith({ headId: 0 }), 'bad_argument')
  for (const headId of [-1, 1.5, 2 ** 53, Infinity, NaN]) {
    assert.equal(reasonWith({ headId }), 'bad_argument', String(headId))
  }
  for (const createdAtMs of [-1, 0.5, 2 ** 53, Infinity]) {
    assert.equal(reasonWith({ createdAtMs }), 'bad_argument', String(createdAtMs))
  }
  assert.equal(reasonWith({ id: '' }), 'name_empty')
})
