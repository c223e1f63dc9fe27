import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { Poller, pauseAfter } from './poller.ts'

/** Whatever waits for promises has gone on. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** A poller whose answers and whose time are the test's. */
function startPoller(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const asked: { resolve(value: string): void; reject(error: Error): void; signal: AbortSignal }[] =
    []
  const may = { ask: true }
  const poller = new Poller(
    (signal) => new Promise<string>((resolve, reject) => asked.push({ resolve, reject, signal })),
    1_000,
    () => may.ask,
  )
  const answer = async (value: string | Error) => {
    const last = asked.at(-1)
    if (value instanceof Error) last?.reject(value)
    else last?.resolve(value)
    await turn()
  }
  const seen = () => [poller.answer.value.value, poller.answer.value.error]
  // An answer takes next to no time, but not none.
  return { poller, asked, may, answer, seen, pass: () => t.mock.timers.tick(3_000) }
}

test('asks again and again; a failure keeps the answer before it', async (t) => {
  const { poller, asked, answer, seen, pass } = startPoller(t)
  poller.start()
  assert.deepEqual(seen(), [undefined, undefined])
  await answer('one')
  assert.deepEqual(seen(), ['one', undefined])
  assert.equal(asked.length, 1)
  pass()
  assert.equal(asked.length, 2)
  await answer(new Error('gone'))
  assert.deepEqual(seen(), ['one', 'gone'])
  pass()
  await answer('two')
  assert.deepEqual(seen(), ['two', undefined])
  poller.stop()
  pass()
  assert.equal(asked.length, 3)
})

test('asked in between, it asks at once, or once more after what is under way', async (t) => {
  const { poller, asked, answer, seen } = startPoller(t)
  poller.start()
  poller.refresh()
  poller.refresh()
  assert.equal(asked.length, 1)
  await answer('old')
  t.mock.timers.tick(0)
  assert.equal(asked.length, 2)
  await answer('new')
  assert.deepEqual(seen(), ['new', undefined])
  poller.refresh()
  assert.equal(asked.length, 3)
  poller.stop()
})

test('nobody looks, nothing is asked; an answer that comes after the end is not told', async (t) => {
  const { poller, asked, may, answer, seen, pass } = startPoller(t)
  may.ask = false
  poller.start()
  await answer('nobody')
  pass()
  assert.equal(asked.length, 0)
  may.ask = true
  poller.refresh()
  assert.equal(asked.length, 1)
  poller.stop()
  assert.ok(asked[0]?.signal.aborted)
  await answer('late')
  assert.deepEqual(seen(), [undefined, undefined])
})

test('what takes the daemon long is asked for less often', () => {
  assert.equal(pauseAfter(2_000, 3), 2_000)
  assert.equal(pauseAfter(2_000, 500), 10_000)
})
