// CloudEvents in their modes, on bytes: what becomes of attributes and data, and what is refused.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BusError } from '../../model/errors.ts'
import {
  binaryEvent,
  type CloudEvent,
  isBinaryEvent,
  mediaTypeOf,
  parseBatch,
  parseEvent,
} from './cloud-events.ts'

const plain = { specversion: '1.0', id: '1', source: '/s', type: 'com.example.x' }
const plainHeaders = {
  'ce-specversion': '1.0',
  'ce-id': '1',
  'ce-source': '/s',
  'ce-type': 'com.example.x',
}

const structured = (event: object) => parseEvent(Buffer.from(JSON.stringify(event)))

function shown({ type, headers, payload }: CloudEvent) {
  return { type, headers: Object.fromEntries(headers), payload: Buffer.from(payload).toString() }
}

test('an event reads the same in whichever mode it came', () => {
  const time = '2026-11-20T18:00:00Z'
  const binary = binaryEvent(
    {
      ...plainHeaders,
      'ce-subject': 'r%C3%A9sum%C3%A9 100%25',
      'ce-time': time,
      'ce-count': '7',
      'ce-flag': 'true',
      'content-type': 'application/json; charset=utf-8',
      accept: '*/*',
    },
    Buffer.from('{"a":1}'),
  )
  const one = {
    ...plain,
    subject: 'résumé 100%',
    time,
    count: 7,
    flag: true,
    dataschema: null,
    datacontenttype: 'application/json; charset=utf-8',
    data: { a: 1 },
  }
  const expected = {
    type: 'com.example.x',
    headers: {
      ...plainHeaders,
      'ce-subject': 'résumé 100%',
      'ce-time': time,
      'ce-count': '7',
      'ce-flag': 'true',
      'content-type': 'application/json; charset=utf-8',
    },
    payload: '{"a":1}',
  }
  assert.deepEqual(shown(binary), expected)
  assert.deepEqual(shown(structured(one)), expected)
  const batch = parseBatch(Buffer.from(JSON.stringify([one, one])))
  assert.deepEqual(batch.map(shown), [expected, expected])
})

test('data is what its type says', () => {
  const cases = [
    { given: {}, payload: '', type: undefined },
    { given: { data: null }, payload: 'null', type: 'application/json' },
    { given: { data: 'x' }, payload: '"x"', type: 'application/json' },
    { given: { data: [1] }, payload: '[1]', type: 'application/json' },
    { given: { datacontenttype: 'text/xml', data: '<a/>' }, payload: '<a/>', type: 'text/xml' },
    { given: { datacontenttype: 'text/plain', data: 1 }, payload: '1', type: 'text/plain' },
    { given: { datacontenttype: 'a/b+json', data: 'x' }, payload: '"x"', type: 'a/b+json' },
    { given: { data_base64: 'aGk=' }, payload: 'hi', type: undefined },
    { given: { data_base64: null }, payload: '', type: undefined },
  ]
  for (const { given, payload, type } of cases) {
    const event = structured({ ...plain, ...given })
    assert.equal(Buffer.from(event.payload).toString(), payload, JSON.stringify(given))
    assert.equal(event.headers.get('content-type'), type, JSON.stringify(given))
  }
})

const refused = (message: RegExp) => (error: unknown) =>
  error instanceof BusError && error.reason === 'undecodable' && message.test(error.message)

test('what is no event is refused, with what is wrong', () => {
  const cases: readonly [object | null, RegExp][] = [
    [null, /JSON object/],
    [[], /JSON object/],
    [{ ...plain, specversion: '0.3' }, /specversion is "0.3"/],
    [{ ...plain, id: '' }, /the attribute id is missing/],
    [{ ...plain, source: undefined }, /the attribute source is missing/],
    [{ ...plain, type: null }, /the attribute type is missing/],
    [{ ...plain, Upper: 'x' }, /lower-case/],
    [{ ...plain, 'a-b': 'x' }, /lower-case/],
    [{ ...plain, number: 1.5 }, /neither text/],
    [{ ...plain, nested: {} }, /neither text/],
    [{ ...plain, data: 1, data_base64: '' }, /either data or data_base64/],
    [{ ...plain, data_base64: 'a*==' }, /not base64/],
    [{ ...plain, data_base64: 1 }, /not base64/],
  ]
  for (const [event, message] of cases) {
    const bytes = Buffer.from(JSON.stringify(event))
    assert.throws(() => parseEvent(bytes), refused(message), JSON.stringify(event))
    if (Array.isArray(event)) continue
    const batch = Buffer.from(JSON.stringify([plain, event]))
    assert.throws(() => parseBatch(batch), refused(/^event 1 of the batch: /))
  }
  assert.throws(() => parseEvent(Buffer.from('{')), refused(/not JSON/))
  assert.throws(() => parseEvent(Buffer.from([0x22, 0xff, 0x22])), refused(/not JSON/))
  assert.throws(() => parseBatch(Buffer.from('{}')), refused(/an array/))
  const many = JSON.stringify(Array.from({ length: 10_001 }, () => 0))
  assert.throws(() => parseBatch(Buffer.from(many)), refused(/at most 10000/))
  assert.deepEqual(parseBatch(Buffer.from('[]')), [])
})

test('which mode it is', () => {
  assert.equal(mediaTypeOf({}), '')
  assert.equal(
    mediaTypeOf({ 'content-type': 'Application/CloudEvents+JSON ; charset=utf-8' }),
    'application/cloudevents+json',
  )
  assert.equal(isBinaryEvent({ 'ce-id': '1' }), false)
  assert.equal(isBinaryEvent(plainHeaders), true)
})

test('whatever comes, it is an event or a refusal', () => {
  const json = fc.oneof(
    fc.json(),
    fc
      .record({ specversion: fc.constant('1.0'), id: fc.string(), data: fc.jsonValue() })
      .map((v) => {
        return JSON.stringify({ ...plain, ...v })
      }),
  )
  fc.assert(
    fc.property(json, (text) => {
      try {
        const { headers, type } = parseEvent(Buffer.from(text))
        assert.equal(headers.get('ce-type'), type)
      } catch (error) {
        assert.ok(error instanceof BusError)
      }
    }),
  )
})
