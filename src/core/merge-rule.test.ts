import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noHeaders, type StoredMessage } from '../model/message.ts'
import { stubId } from '../model/stub-id.ts'
import { compareReplica } from './merge-rule.ts'

const log = { topic: 't', origin: { tenantId: 'a', blName: 'b', deviceId: 'c' } }
const message: StoredMessage = {
  ...log,
  id: 'id-1',
  headId: 7,
  sequence: 12,
  payload: new Uint8Array([1, 2]),
  headers: new Map([['k', 'v']]),
  createdAtMs: 5,
  deleted: false,
}
const erased = { ...message, payload: new Uint8Array(), headers: noHeaders, deleted: true }
const stub = { ...erased, id: stubId(log, 7), createdAtMs: 99 }

test('the table of spec 3.5', () => {
  const cases: [string, StoredMessage, StoredMessage, string][] = [
    ['equal', message, { ...message, payload: new Uint8Array([1, 2]) }, 'present'],
    ['other sequence', message, { ...message, sequence: 1 }, 'present'],
    ['incoming is deleted', message, erased, 'tombstoned'],
    ['incoming is deleted with a body', message, { ...message, deleted: true }, 'tombstoned'],
    ['both deleted', erased, erased, 'present'],
    ['deletion is sticky', erased, message, 'present'],
    ['other id', message, { ...message, id: 'id-2' }, 'fork'],
    ['other time', message, { ...message, createdAtMs: 6 }, 'fork'],
    ['other payload', message, { ...message, payload: new Uint8Array([1, 3]) }, 'fork'],
    ['longer payload', message, { ...message, payload: new Uint8Array([1, 2, 3]) }, 'fork'],
    ['header gone', message, { ...message, headers: noHeaders }, 'fork'],
    ['other header value', message, { ...message, headers: new Map([['k', 'w']]) }, 'fork'],
    ['other header key', message, { ...message, headers: new Map([['l', 'v']]) }, 'fork'],
    ['other id, both deleted', erased, { ...erased, id: 'id-2' }, 'fork'],
    ['stub here', stub, message, 'present'],
    ['stub there', message, stub, 'present'],
    ['stubs of two trims', stub, { ...stub, createdAtMs: 100 }, 'present'],
    ['id of a stub but not deleted', message, { ...stub, deleted: false }, 'fork'],
    ['stub of another head', message, { ...stub, id: stubId(log, 8) }, 'fork'],
  ]
  for (const [what, stored, incoming, expected] of cases) {
    assert.equal(compareReplica(stored, incoming), expected, what)
  }
})
