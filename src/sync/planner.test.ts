// Proves what is done about an offered log, as a table, and the small rules around it: names, filters,
// back-off, order, and places for fetches.

import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { test } from 'node:test'
import { ManualClock } from '../core/manual-clock.ts'
import { BusError } from '../model/errors.ts'
import { deleteMarkerTopic } from '../model/message.ts'
import { parseTopicFilter } from '../model/topic-filter.ts'
import { backOffMs } from './back-off.ts'
import { FetchSlots } from './fetch-slots.ts'
import { LogProgress } from './log-progress.ts'
import { logKey, type OfferedLog } from './peer-claims.ts'
import { inOrder, planLog, type PlanContext, type Step } from './planner.ts'

const own = { tenantId: 't', blName: 'b', deviceId: 'own' }
const theirs = { ...own, deviceId: 'theirs' }
const backOff = { minMs: 100, maxMs: 1_000 }

function offered(head: number, more: Partial<OfferedLog> = {}): OfferedLog {
  const log = { topic: 'a', origin: theirs, ...more }
  return { key: logKey(log), head, refusal: undefined, ...log }
}

function context(local: number, more: Partial<PlanContext> = {}): PlanContext {
  const store = { head: () => (local === 0 ? undefined : local) }
  const progress = new LogProgress(backOff, () => 0.5)
  return { own, store, rules: {}, progress, recovers: false, now: 0, ...more }
}

function fetch(from: number, isComparing: boolean): Step {
  return { kind: 'fetch', from, isComparing }
}

function compared(log: OfferedLog): LogProgress {
  const progress = new LogProgress(backOff, () => 0.5)
  progress.compared(log.key)
  return progress
}

test('what is done about a log', () => {
  const log = offered(5)
  assert.deepEqual(planLog(log, context(0)), fetch(1, false))
  assert.deepEqual(planLog(log, context(3)), fetch(3, true))
  assert.deepEqual(planLog(log, context(5)), fetch(5, true))
  assert.deepEqual(planLog(log, context(9)), fetch(5, true))
  const known = { progress: compared(log) }
  assert.deepEqual(planLog(log, context(3, known)), fetch(4, false))
  assert.deepEqual(planLog(log, context(5, known)), { kind: 'in_step' })
  assert.deepEqual(planLog(log, context(9, known)), { kind: 'in_step' })
})

test('logs of this node are compared, never fetched', () => {
  const log = offered(5, { origin: own })
  assert.deepEqual(planLog(log, context(0)), { kind: 'own_ahead' })
  assert.deepEqual(planLog(log, context(4)), { kind: 'own_ahead' })
  assert.deepEqual(planLog(log, context(7)), { kind: 'fetch', from: 5, isComparing: true })
  assert.deepEqual(planLog(log, context(7, { progress: compared(log) })), { kind: 'in_step' })
})

test('logs of this node are taken back while it recovers', () => {
  const log = offered(5, { origin: own })
  assert.deepEqual(planLog(log, context(0, { recovers: true })), fetch(1, false))
  assert.deepEqual(planLog(log, context(4, { recovers: true })), fetch(4, true))
})

test('a log that failed waits, and that in whatever state it is', () => {
  const log = offered(5)
  const progress = new LogProgress(backOff, () => 0.5)
  assert.equal(progress.failed(log.key, 'why', 0), true)
  assert.equal(progress.failed(log.key, 'why', 0), false)
  assert.equal(progress.failing, 1)
  assert.deepEqual(planLog(log, context(3, { progress, now: 149 })), { kind: 'later' })
  assert.equal(planLog(log, context(3, { progress, now: 150 })).kind, 'fetch')
  progress.succeeded(log.key)
  assert.equal(planLog(log, context(3, { progress, now: 0 })).kind, 'fetch')
})

test('rules and names', () => {
  const refusal = new BusError('invalid_argument', 'name_too_long', 'too long')
  assert.deepEqual(planLog(offered(5, { refusal }), context(0)), { kind: 'refused' })
  const rules = {
    topics: [parseTopicFilter('a/#')],
    exceptTopics: [parseTopicFilter('a/b')],
    origins: [theirs],
  }
  const kindOf = (more: Partial<OfferedLog>) =>
    planLog(offered(1, more), context(0, { rules })).kind
  assert.equal(kindOf({ topic: 'a' }), 'fetch')
  assert.equal(kindOf({ topic: 'a/c' }), 'fetch')
  assert.equal(kindOf({ topic: 'a/b' }), 'not_wanted')
  assert.equal(kindOf({ topic: 'c' }), 'not_wanted')
  assert.equal(kindOf({ topic: deleteMarkerTopic }), 'fetch')
  const other = { ...own, deviceId: 'other' }
  assert.equal(kindOf({ topic: 'a', origin: other }), 'not_wanted')
  assert.equal(kindOf({ topic: deleteMarkerTopic, origin: other }), 'not_wanted')
})

test('markers come last', () => {
  const logs = ['a', deleteMarkerTopic, 'b'].map((topic) => offered(1, { topic }))
  assert.deepEqual(
    inOrder(logs).map(({ topic }) => topic),
    ['a', 'b', deleteMarkerTopic],
  )
})

test('pauses double up to a bound, with chance in their upper half', () => {
  const pauses = [1, 2, 3, 4, 5, 1_000].map((failures) => backOffMs(failures, backOff, 0))
  assert.deepEqual(pauses, [50, 100, 200, 400, 500, 500])
  assert.equal(backOffMs(1, backOff, 1), 100)
})

test('places are given in the order in which they are asked for', async () => {
  const slots = new FetchSlots(new ManualClock(), 1)
  const order: number[] = []
  const gate = new EventEmitter()
  const first = slots.run(() => once(gate, 'open').then(() => undefined))
  const others = [1, 2, 3].map((n) => slots.run(async () => void order.push(n)))
  assert.equal(order.length, 0)
  gate.emit('open')
  await Promise.all([first, ...others])
  await assert.rejects(
    slots.run<void>(() => Promise.reject(new Error('gone'))),
    /gone/,
  )
  await slots.run(async () => void order.push(4))
  assert.deepEqual(order, [1, 2, 3, 4])
})

test('a log is claimed by one, for two seconds at most', () => {
  const clock = new ManualClock()
  const slots = new FetchSlots(clock, 1)
  const [one, two] = [{}, {}]
  assert.equal(slots.claim('log', one), true)
  assert.equal(slots.claim('log', one), true)
  assert.equal(slots.claim('log', two), false)
  assert.equal(slots.claim('other log', two), true)
  clock.advance(2_000)
  assert.equal(slots.claim('log', two), true)
  slots.release('log', one)
  assert.equal(slots.claim('log', one), false)
  slots.release('log', two)
  assert.equal(slots.claim('log', one), true)
})
