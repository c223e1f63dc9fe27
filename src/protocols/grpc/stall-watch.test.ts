/** Who stops reading is found out, who is only slow is not. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock } from '../../core/manual-clock.ts'
import { StallWatch } from './stall-watch.ts'

function watched() {
  const clock = new ManualClock()
  const state = { taken: 0, stalls: 0 }
  const watch = new StallWatch({
    clock,
    limitMs: 5_000,
    progress: () => state.taken,
    onStalled: () => (state.stalls += 1),
  })
  return { clock, state, watch }
}

test('a client that takes nothing for the limit has stalled, once', () => {
  const { clock, state, watch } = watched()
  watch.start()
  clock.advance(4_999)
  assert.equal(state.stalls, 0)
  clock.advance(1)
  assert.equal(state.stalls, 1)
  clock.advance(60_000)
  assert.equal(state.stalls, 1)
})

test('one that takes little is waited for', () => {
  const { clock, state, watch } = watched()
  watch.start()
  for (let i = 0; i < 20; i++) {
    clock.advance(4_000)
    state.taken += 1
    watch.start()
  }
  assert.equal(state.stalls, 0)
  clock.advance(10_000)
  assert.equal(state.stalls, 1)
})

test('nobody is watched after the end', () => {
  const { clock, state, watch } = watched()
  watch.start()
  watch.stop()
  clock.advance(60_000)
  assert.equal(state.stalls, 0)
  watch.start()
  clock.advance(5_000)
  assert.equal(state.stalls, 1)
})
