import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PacedSource } from './paced-source.ts'
import { Rates } from './rates.ts'

test('rates come from differences, over the time that has really passed', () => {
  const rates = new Rates<'in' | 'out'>()
  rates.add(1_000, [['a', { in: 10, out: 0 }]])
  assert.equal(rates.of('a'), undefined)
  rates.add(3_000, [
    ['a', { in: 30, out: 1 }],
    ['b', { in: 8, out: 0 }],
  ])
  assert.deepEqual(rates.of('a'), { in: 10, out: 0.5 })
  // It was not there before: it began in between.
  assert.deepEqual(rates.of('b'), { in: 4, out: 0 })
  assert.equal(rates.of('c'), undefined)
})

test('the same reading again changes nothing; rows that are gone have no rate', () => {
  const rates = new Rates<'n'>()
  rates.add(0, [['a', { n: 0 }]])
  rates.add(1_000, [['a', { n: 5 }]])
  rates.add(1_000, [['a', { n: 500 }]])
  assert.deepEqual(rates.of('a'), { n: 5 })
  rates.add(2_000, [])
  assert.equal(rates.of('a'), undefined)
})

test('what shrinks is no negative traffic', () => {
  const rates = new Rates<'n'>()
  rates.add(0, [['a', { n: 100 }]])
  rates.add(1_000, [['a', { n: 3 }]])
  assert.deepEqual(rates.of('a'), { n: 0 })
})

test('a source that takes long is asked less often', async () => {
  let nowMs = 0
  let asked = 0
  const ask = () => {
    asked += 1
    nowMs += 200
    return Promise.resolve(asked)
  }
  const source = new PacedSource(ask, () => nowMs)
  assert.deepEqual(await source.read(), { value: 1, atMs: 200 })
  // There is no rate before the second answer.
  assert.deepEqual(await source.read(), { value: 2, atMs: 400 })
  nowMs = 2_399
  assert.deepEqual(await source.read(), { value: 2, atMs: 400 })
  nowMs = 2_400
  assert.deepEqual(await source.read(), { value: 3, atMs: 2_600 })
})

test('a source that failed is asked again', async () => {
  let asked = 0
  const ask = () => {
    asked += 1
    return asked === 1 ? Promise.reject(new Error('no answer')) : Promise.resolve(asked)
  }
  const source = new PacedSource(ask, () => 0)
  await assert.rejects(source.read(), /no answer/)
  assert.equal((await source.read()).value, 2)
})
