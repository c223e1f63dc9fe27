import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { rowWindow } from './row-window.ts'

test('the rows that are seen are drawn, few others, and the height is that of all', () => {
  const rows = fc.nat(100_000)
  const pixels = fc.integer({ min: 0, max: 3_000_000 })
  fc.assert(
    fc.property(rows, pixels, fc.integer({ min: 1, max: 2_000 }), (count, scrollTop, height) => {
      const shown = rowWindow(count, { rowHeight: 44, scrollTop, height })
      assert.equal(shown.above + (shown.to - shown.from) * 44 + shown.below, count * 44)
      assert.ok(shown.to - shown.from <= height / 44 + 22)
      const first = Math.floor(scrollTop / 44)
      if (first < count) assert.ok(shown.from <= first && shown.to > first)
    }),
  )
})
