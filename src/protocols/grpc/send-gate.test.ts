/** What the gate lets through, when, and in which order. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusError } from '../../model/errors.ts'
import { SendGate } from './send-gate.ts'

const never = () => undefined

test('an open gate runs what comes at once, and passes on what it throws', async () => {
  const gate = new SendGate()
  let ran = false
  const passed = gate.pass(1, never, () => (ran = true))
  assert.equal(ran, true)
  assert.equal(await passed, true)
  const failing = gate.pass(1, never, () => {
    throw new RangeError('x')
  })
  await assert.rejects(failing, RangeError)
})

test('what waits goes on in order, one by one, until the gate closes again', async () => {
  const gate = new SendGate()
  gate.pause()
  const ran: number[] = []
  const passed = [1, 2, 3].map(async (n) =>
    gate.pass(1, never, () => {
      ran.push(n)
      if (n === 2) gate.pause()
    }),
  )
  let readOn = 0
  const stop = gate.onResume(() => (readOn += 1))
  gate.resume()
  assert.deepEqual([ran, readOn], [[1, 2], 0])
  gate.resume()
  assert.deepEqual([ran, readOn], [[1, 2, 3], 1])
  stop()
  gate.resume()
  assert.equal(readOn, 1)
  await Promise.all(passed)
})

test('what waits can be given up, and makes room for other things then', async () => {
  const gate = new SendGate()
  gate.pause()
  let giveUp: () => void = never
  const large = gate.pass(8_000_000, (listener) => (giveUp = listener), never)
  const refused = gate.pass(1_000_000, never, never)
  await assert.rejects(refused, { code: 'resource_exhausted', reason: 'slow_client' })
  giveUp()
  await assert.rejects(large, { code: 'cancelled' })
  let ran = false
  const passed = gate.pass(8_000_000, never, () => (ran = true))
  gate.resume()
  await passed
  assert.equal(ran, true)
  // Given up too late.
  giveUp()
})

test('one of any size may wait', async () => {
  const gate = new SendGate()
  gate.pause()
  const passed = gate.pass(100_000_000, never, () => 'through')
  gate.resume()
  assert.equal(await passed, 'through')
})

test('a closed gate fails what waits', async () => {
  const gate = new SendGate()
  gate.pause()
  const passed = gate.pass(1, never, () => assert.fail('it ran'))
  gate.close(new BusError('unavailable', 'connection_lost', 'gone'))
  await assert.rejects(passed, { reason: 'connection_lost' })
  gate.resume()
})
