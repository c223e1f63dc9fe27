import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sampleStatus } from './sample-status.ts'
import { StatusHistory } from './status-history.ts'

const status = (nowMs: number, published: number, startedAtMs = 0) =>
  sampleStatus({ nowMs, published, startedAtMs })

test('rates are what the counters grew by, per second', () => {
  const history = new StatusHistory()
  history.add(status(1_000, 100))
  assert.deepEqual(history.samples, [], 'one answer says nothing about a rate')
  history.add(status(3_000, 300))
  history.add(status(3_500, 300))
  const seen = history.samples.map(({ atMs, stored, delivered }) => [atMs, stored, delivered])
  assert.deepEqual(seen, [
    [3_000, 100, 200],
    [3_500, 0, 0],
  ])
})

test('a restart and a silence leave a gap instead of a wrong rate', () => {
  const history = new StatusHistory()
  const answers = [
    status(1_000, 900),
    status(2_000, 1_000),
    // Started again: it counts from the start.
    status(3_000, 5, 2_500),
    status(4_000, 6, 2_500),
    // Nothing was heard for a minute.
    status(64_000, 6_006, 2_500),
    status(65_000, 6_016, 2_500),
  ]
  for (const answer of answers) history.add(answer)
  assert.deepEqual(
    history.samples.map(({ atMs, stored, afterGap }) => [atMs, stored, afterGap]),
    [
      [2_000, 100, true],
      [4_000, 1, true],
      [65_000, 10, true],
    ],
  )
})

test('keeps five minutes', () => {
  const history = new StatusHistory()
  for (let i = 0; i <= 400; i++) history.add(status(i * 1_000, i))
  assert.equal(history.samples.length, 300)
  assert.equal(history.samples.at(-1)?.atMs, 400_000)
})
