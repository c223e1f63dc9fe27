import assert from 'node:assert/strict'
import { test } from 'node:test'
import { maxTrafficEntries, TrafficLog } from './traffic-log.ts'

test('the last lines stay, in order, and numbers go on after clearing', () => {
  const log = new TrafficLog()
  const numbers = () => log.entries.map((entry) => entry.number)
  for (let i = 1; i <= 5_000; i++) {
    log.add({ atMs: i, direction: 'in', line: `${i}` })
    assert.ok(log.entries.length <= maxTrafficEntries)
  }
  assert.equal(log.count, 5_000)
  assert.deepEqual(
    numbers(),
    Array.from({ length: maxTrafficEntries }, (_, i) => 4_801 + i),
  )
  log.clear()
  log.add({ atMs: 0, direction: 'note', line: 'x' })
  assert.deepEqual(numbers(), [5_001])
})
