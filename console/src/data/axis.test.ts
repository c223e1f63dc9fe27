import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { axisTicks, byteTicks } from './axis.ts'

test('ticks are at round values', () => {
  assert.deepEqual(axisTicks(1, 4), [0, 0.5, 1])
  assert.deepEqual(axisTicks(9_870, 4), [0, 5_000, 10_000])
  assert.deepEqual(axisTicks(120, 4), [0, 50, 100, 150])
  assert.deepEqual(axisTicks(0, 4).length, 2)
  assert.deepEqual(byteTicks(3_000, 4), [0, 1_024, 2_048, 3_072])
})

test('they reach over the largest value and are few', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e12, noNaN: true }), (max) => {
      for (const ticks of [axisTicks(max, 4), byteTicks(max, 4)]) {
        const last = ticks.at(-1) ?? 0
        assert.ok(last >= max * (1 - 1e-6), `${last} for ${max}`)
        assert.ok(ticks.length >= 2 && ticks.length <= 6, `${ticks.length} ticks for ${max}`)
      }
    }),
  )
})
