import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusError } from '../model/errors.ts'
import type { BusErrorCode } from '../model/errors.ts'
import { ReconnectDelay, isRetryable } from './reconnect-delay.ts'
import type { Timing } from './timing.ts'

function timing(random: number, after: Timing['after'] = neverAfter): Timing {
  return { monotonic: () => 0, random: () => random, after }
}

const neverAfter: Timing['after'] = () => ({ cancel: () => undefined })

test('delays double from 250 ms to 10 s, shortened by chance to no less than half', () => {
  const longest = new ReconnectDelay(timing(0.999_999_999))
  const shortest = new ReconnectDelay(timing(0))
  const steps = [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]
  for (const step of steps) {
    assert.equal(Math.round(longest.next() ?? 0), step)
    assert.equal(shortest.next(), step / 2)
  }
})

test('a success starts over', () => {
  const delay = new ReconnectDelay(timing(0))
  delay.next()
  delay.next()
  assert.equal(delay.attempts, 2)
  delay.reset()
  assert.equal(delay.next(), 125)
})

test('attempts can be limited', () => {
  const delay = new ReconnectDelay(timing(0), { maxAttempts: 1 })
  assert.notEqual(delay.next(), undefined)
  assert.equal(delay.next(), undefined)
})

test('ten thousand attempts do not overflow', () => {
  const delay = new ReconnectDelay(timing(0), { minDelayMs: 1, maxDelayMs: 50 })
  for (let i = 0; i < 10_000; i++) assert.ok((delay.next() ?? 0) <= 50)
})

test('waiting ends with the timer or the signal, and leaves neither behind', async () => {
  let fire: (() => void) | undefined
  let cancelled = 0
  const held = timing(0, (_, task) => {
    fire = task
    return { cancel: () => (cancelled += 1) }
  })
  const delay = new ReconnectDelay(held)
  const stop = new AbortController()
  const first = delay.wait(10, stop.signal)
  fire?.()
  await first
  const second = delay.wait(10, stop.signal)
  stop.abort()
  await second
  await delay.wait(10, stop.signal)
  assert.equal(cancelled, 2)
})

test('exactly the four codes of the reference are worth another attempt', () => {
  const codes: [BusErrorCode, boolean][] = [
    ['unavailable', true],
    ['deadline_exceeded', true],
    ['aborted', true],
    ['cancelled', true],
    ['internal', false],
    ['permission_denied', false],
    ['unimplemented', false],
    ['resource_exhausted', false],
  ]
  for (const [code, expected] of codes) {
    assert.equal(isRetryable(new BusError(code, 'internal', 'x')), expected, code)
  }
  assert.equal(isRetryable(new Error('x')), false)
})
