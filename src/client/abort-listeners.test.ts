import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { onAbort } from './abort-listeners.ts'

test('many tasks share one listener, and all run once', () => {
  const stop = new AbortController()
  let runs = 0
  const task = () => (runs += 1)
  for (let i = 0; i < 20; i++) onAbort(stop.signal, task)
  assert.equal(getEventListeners(stop.signal, 'abort').length, 1)
  stop.abort()
  assert.equal(runs, 20)
})

test('the last one to leave takes the listener along', () => {
  const stop = new AbortController()
  const leave = [1, 2].map(() => onAbort(stop.signal, () => assert.fail('left before')))
  for (const each of [...leave, ...leave]) each()
  assert.equal(getEventListeners(stop.signal, 'abort').length, 0)
  stop.abort()
})

test('a signal that has fired runs the task at once', () => {
  let runs = 0
  onAbort(AbortSignal.abort(), () => (runs += 1))
  onAbort(undefined, () => (runs += 1))
  assert.equal(runs, 1)
})
