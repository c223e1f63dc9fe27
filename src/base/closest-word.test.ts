// Proves that the distance is one, and that suggestions are near and never forced.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { closestWord, editDistance } from './closest-word.ts'

test('distances of known pairs', () => {
  const cases = [
    ['', '', 0],
    ['', 'abc', 3],
    ['kitten', 'sitting', 3],
    ['engine', 'enigne', 1],
    ['listen', 'listne', 1],
    ['abc', 'abc', 0],
  ] as const
  for (const [a, b, distance] of cases) assert.equal(editDistance(a, b), distance, `${a} ${b}`)
})

test('a distance is symmetric, zero only for equal words, and at most the longer length', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      const distance = editDistance(a, b)
      assert.equal(distance, editDistance(b, a))
      assert.equal(distance === 0, a === b)
      assert.ok(distance <= Math.max(a.length, b.length))
    }),
  )
})

test('the nearest word is suggested, and none when all are far', () => {
  const words = ['engine', 'durability', 'data']
  assert.equal(closestWord('enigne', words), 'engine')
  assert.equal(closestWord('DURA-BILITY', words), 'durability')
  assert.equal(closestWord('dta', words), 'data')
  assert.equal(closestWord('retention', words), undefined)
  assert.equal(closestWord('', words), undefined)
})
