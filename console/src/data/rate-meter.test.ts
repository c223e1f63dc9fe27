import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RateMeter } from './rate-meter.ts'

test('counts what came within the last second', () => {
  const meter = new RateMeter()
  assert.equal(meter.perSecond(5_000), 0)
  meter.add(3, 5_000)
  meter.add(4, 5_450)
  assert.equal(meter.perSecond(5_450), 7)
  assert.equal(meter.perSecond(5_999), 7)
  assert.equal(meter.perSecond(6_000), 4, 'the first slice is a second old')
  assert.equal(meter.perSecond(60_000), 0)
  meter.add(2, 60_001)
  assert.equal(meter.perSecond(60_050), 2)
})

test('a steady stream has its rate', () => {
  const meter = new RateMeter()
  for (let ms = 0; ms < 5_000; ms += 10) meter.add(100, ms)
  assert.equal(meter.perSecond(4_999), 10_000)
})
