import assert from 'node:assert/strict'
import { test } from 'node:test'
import { historyPage } from './history-page.ts'

test('pages lead from the head to the first message and back', () => {
  const log = { head: 120, trimmedTo: 0 }
  const head = historyPage({ ...log, at: 120 })
  assert.deepEqual(head, { from: 71, count: 50, older: 70, newer: undefined })
  const middle = historyPage({ ...log, at: 70 })
  assert.deepEqual(middle, { from: 21, count: 50, older: 20, newer: 120 })
  const first = historyPage({ ...log, at: 20 })
  assert.deepEqual(first, { from: 1, count: 20, older: undefined, newer: 70 })
})

test('what was trimmed is not looked for', () => {
  const log = { head: 120, trimmedTo: 100 }
  assert.deepEqual(historyPage({ ...log, at: 120 }), {
    from: 101,
    count: 20,
    older: undefined,
    newer: undefined,
  })
  assert.equal(historyPage({ ...log, at: 3 }).from, 101)
  assert.equal(historyPage({ head: 5, trimmedTo: 5, at: 5 }).count, 0)
})

test('what is no place in the log counts as the head', () => {
  for (const at of [0, -1, 121, 1.5, Number.NaN]) {
    assert.equal(historyPage({ head: 120, trimmedTo: 0, at }).from, 71, String(at))
  }
})
