import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formatAgo,
  formatAmount,
  formatBytes,
  formatClock,
  formatDuration,
  formatMoment,
  formatNumberOf,
  formatRate,
  formatTime,
} from './format.ts'

test('amounts have as many digits as say something', () => {
  const shown = [0, 0.254, 9.994, 12.34, 99.96, 9_870.4].map(formatAmount)
  assert.deepEqual(shown, ['0', '0.25', '9.99', '12.3', '100', '9,870'])
  assert.equal(formatRate(9_870), '9,870/s')
})

test('sizes are in binary units', () => {
  const sizes = [0, 1_023, 1_024, 1_536, 150 * 1_024, 1_073_741_824, 2 ** 60]
  assert.deepEqual(sizes.map(formatBytes), [
    '0 B',
    '1,023 B',
    '1 KiB',
    '1.5 KiB',
    '150 KiB',
    '1 GiB',
    '1,024 PiB',
  ])
})

test('durations have their two largest units', () => {
  const durations = [0, 340, 1_000, 61_000, 3_600_000, 90_061_000]
  assert.deepEqual(durations.map(formatDuration), [
    '0 ms',
    '340 ms',
    '1 s',
    '1 min 1 s',
    '1 h',
    '1 d 1 h',
  ])
})

test('ages, also when the clocks of daemon and page differ a little', () => {
  const ages = [0, -500, 999, 1_000, 59_999, 7_200_000, -5_000]
  assert.deepEqual(
    ages.map((ms) => formatAgo(10_000_000 - ms, 10_000_000)),
    ['just now', 'just now', 'just now', '1 s ago', '59 s ago', '2 h ago', 'in 5 s'],
  )
})

test('today needs no date', () => {
  const noon = new Date(2026, 10, 20, 12).getTime()
  const hour = 3_600_000
  assert.equal(formatMoment(noon - 11 * hour, noon), formatClock(noon - 11 * hour))
  assert.equal(formatMoment(noon - 13 * hour, noon), formatTime(noon - 13 * hour))
})

test('one and many', () => {
  assert.equal(formatNumberOf(1, 'queue'), '1 queue')
  assert.equal(formatNumberOf(0, 'queue'), '0 queues')
  assert.equal(formatNumberOf(2_000, 'entry', 'entries'), '2,000 entries')
})
