// Queries as browsers, forms and people write them; what is wrong is named.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { BusError } from '../../model/errors.ts'
import { param, parseNode, parseQuery, splitQuery } from './query.ts'

const schema = z.strictObject({
  topic: param.text('').optional(),
  filter: param.text('').optional(),
  count: param.integer('', 1, 100).optional(),
  flag: param.flag('').optional(),
  kind: param.choice(['a', 'b'], '').optional(),
})

const parse = (query: string) => parseQuery(schema, splitQuery(`/path${query}`))

test('whatever URLSearchParams writes is read as it was meant', () => {
  // A level of a filter that is one blank is what a typed wildcard looks like, and nothing else is.
  const filter = fc.string({ unit: 'grapheme' }).filter((text) => !text.split('/').includes(' '))
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), filter, (topic, text) => {
      const query = new URLSearchParams({ topic, filter: text }).toString()
      assert.deepEqual({ ...parse(`?${query}`) }, { topic, filter: text })
    }),
  )
})

test('a plus is a blank, but for a whole level of a filter', () => {
  assert.equal(parse('?topic=a+b/+').topic, 'a b/ ')
  assert.equal(parse('?filter=+/a+b/+/%2B/%20').filter, '+/a b/+/+/ ')
})

test('kinds of values', () => {
  assert.deepEqual({ ...parse('?count=7&flag=true&kind=b') }, { count: 7, flag: true, kind: 'b' })
  assert.deepEqual({ ...parse('?') }, {})
  assert.deepEqual({ ...parse('') }, {})
  assert.equal(parse('?topic').topic, '')
  const refused = [
    'count=0',
    'count=101',
    'count=1e1',
    'count=-1',
    'count=',
    'count=99999999999999999',
  ]
  for (const query of [...refused, 'flag=1', 'flag=', 'kind=c', 'other=1', 'topic=%', 'a=1&a=2']) {
    assert.throws(
      () => parse(`?${query}`),
      (error) => error instanceof BusError && error.reason === 'bad_argument',
      query,
    )
  }
})

test('nothing but a refusal is thrown, whatever comes', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parse(`?${text}`)
      } catch (error) {
        assert.ok(error instanceof BusError)
      }
    }),
  )
})

test('nodes', () => {
  assert.deepEqual(parseNode('a/b/c'), { tenantId: 'a', blName: 'b', deviceId: 'c' })
  assert.deepEqual(parseNode('a%2Fx/b/c%25'), { tenantId: 'a/x', blName: 'b', deviceId: 'c%' })
  for (const text of ['', 'a', 'a/b', 'a/b/', '/b/c', 'a//c', 'a/b/c/d', 'a/b/%zz']) {
    assert.throws(() => parseNode(text), BusError, text)
  }
})
