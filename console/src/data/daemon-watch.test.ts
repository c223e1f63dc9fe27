import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DaemonWatch } from './daemon-watch.ts'
import { sampleStatus } from './sample-status.ts'

/** Whatever waits for promises has gone on. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

test('says when the daemon is gone and when it is tried again, and that it is back', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let isThere = true
  let asked = 0
  const watch = new DaemonWatch(() => {
    asked += 1
    const status = sampleStatus({ nowMs: asked * 1_000 })
    return isThere ? Promise.resolve(status) : Promise.reject(new Error('nobody'))
  })
  const state = () => watch.connection.value.state
  assert.equal(state(), 'connecting')
  watch.retry()
  await turn()
  assert.equal(state(), 'online')
  assert.equal(watch.returns.value, 0, 'the first time is no return')

  isThere = false
  const waits: number[] = []
  for (let i = 0; i < 6; i++) {
    t.mock.timers.tick(10_000)
    await turn()
    const { connection } = watch
    assert.ok(connection.value.state === 'offline')
    assert.equal(connection.value.why, 'nobody')
    waits.push(connection.value.retryAtMs - Date.now())
  }
  const seconds = waits.map((ms) => Math.round(ms / 1_000))
  assert.deepEqual(seconds, [1, 2, 4, 8, 10, 10])
  assert.equal(asked, 7)
  assert.equal(watch.status.value?.nowMs, 1_000, 'what was known stays')

  isThere = true
  watch.retry()
  await turn()
  assert.equal(state(), 'online')
  assert.equal(watch.returns.value, 1)
  t.mock.timers.tick(1_000)
  await turn()
  assert.equal(watch.rates.value.samples.length, 2)
})
