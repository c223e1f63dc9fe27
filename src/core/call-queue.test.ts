// Calls that wait until somebody has room: their order, their limits, and all the ways in which waiting ends.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { BusError } from '../model/errors.ts'
import { begin, content, hasReason, offer, TestCallee, type TestSink } from './call-suite.ts'
import type { OpenCall } from './calls.ts'
import { openLiveBus } from './live-suite.ts'

const queued = { concurrency: 1, queuePlaces: 2 }
const named = (text: string) => ({ content: content(text) })

describe('a queue of calls', () => {
  test('hands them out in their order, as many as there are places', async () => {
    const { join, bus } = await openLiveBus()
    const callee = new TestCallee()
    offer(join('b'), callee, queued)
    const caller = join('a')
    const calls = ['1', '2', '3'].map((text) => begin(caller, named(text)))
    assert.throws(() => begin(caller, named('4')), hasReason('no_available_callee'))
    assert.deepEqual(callee.told, ['invoke 1'])
    assert.equal(bus.live.procedures.callsInFlight, 3)
    for (const at of [0, 1, 2]) callee.calls[at]?.answer(content(`to ${at + 1}`))
    assert.deepEqual(callee.told, ['invoke 1', 'invoke 2', 'invoke 3'])
    assert.deepEqual(
      calls.map(({ sink }) => sink.told),
      [['answered to 1'], ['answered to 2'], ['answered to 3']],
    )
    assert.equal(bus.live.procedures.callsInFlight, 0)
  })

  test('counts the time they wait, and a callee that watches it gets the rest', async () => {
    const { join, clock } = await openLiveBus()
    const callee = new TestCallee()
    offer(join('b'), callee, { ...queued, forwardTimeout: true })
    const caller = join('a')
    begin(caller)
    const late = begin(caller, { ...named('late'), timeoutMs: 1_000 })
    const served = begin(caller, { ...named('served'), timeoutMs: 5_000 })
    clock.advance(1_100)
    assert.deepEqual(late.sink.told, ['timed_out'])
    callee.calls[0]?.answer(content(''))
    assert.deepEqual(callee.told, ['invoke q', 'invoke served'])
    assert.equal(callee.calls[1]?.forwardedTimeoutMs, 3_900)
    clock.advance(8_700)
    assert.deepEqual(served.sink.told, [])
    clock.advance(200)
    assert.deepEqual(served.sink.told, ['timed_out'])
  })

  test('lets go of who gives up or leaves, in every mode; nobody is told', async () => {
    for (const mode of ['skip', 'kill', 'killnowait'] as const) {
      const { join, bus } = await openLiveBus()
      const callee = new TestCallee()
      offer(join('b'), callee, queued)
      const [caller, other] = [join('a'), join('c')]
      begin(caller)
      const waiting = begin(caller, named('given up'))
      const leaving = begin(other, named('left'))
      waiting.call.cancel(mode)
      assert.deepEqual(waiting.sink.told, ['cancelled'])
      other.close()
      assert.deepEqual(leaving.sink.told, ['cancelled'])
      callee.calls[0]?.answer(content(''))
      assert.deepEqual(callee.told, ['invoke q'])
      assert.equal(bus.live.procedures.callsInFlight, 0)
    }
  })

  test('of a caller that leaves with everything asks for nothing more', async () => {
    const { join } = await openLiveBus()
    const callee = new TestCallee()
    offer(join('b'), callee, queued)
    const caller = join('a')
    begin(caller)
    begin(caller, named('waiting'))
    caller.close()
    assert.deepEqual(callee.told, ['invoke q', 'killnowait cancelled'])
  })

  test('ends with the last callee, whether it withdraws or goes', async () => {
    for (const how of ['withdraws', 'goes'] as const) {
      const { join, bus } = await openLiveBus()
      const callee = new TestCallee()
      const client = join('b')
      const offered = offer(client, callee, queued)
      const caller = join('a')
      const asked = begin(caller)
      const waiting = begin(caller, named('waiting'))
      if (how === 'goes') client.close()
      else offered.close()
      assert.deepEqual(waiting.sink.told, ['callee_gone'])
      callee.calls[0]?.answer(content('late'))
      assert.deepEqual(asked.sink.told, [how === 'goes' ? 'callee_gone' : 'answered late'])
      assert.equal(bus.live.procedures.callsInFlight, 0)
    }
  })

  test('is served by who comes, after he was told that he serves', async () => {
    const { join } = await openLiveBus()
    const shared = { ...queued, invoke: 'roundrobin' } as const
    const [first, second] = [new TestCallee(), new TestCallee()]
    offer(join('b'), first, shared)
    const caller = join('a')
    begin(caller)
    begin(caller, named('2'))
    offer(join('c'), second, shared)
    assert.deepEqual(second.told, [])
    await Promise.resolve()
    assert.deepEqual(second.told, ['invoke 2'])
  })

  test('keeps the parts of a progressive call', async () => {
    const { join } = await openLiveBus()
    const callee = new TestCallee()
    offer(join('b'), callee, { concurrency: 1, queuePlaces: 3 })
    const caller = join('a')
    begin(caller)
    const whole = begin(caller, { ...named('p'), isProgressive: true })
    whole.call.continue(content('q'), false)
    whole.call.continue(content('r'), true)
    whole.call.continue(content('never'), true)
    const open = begin(caller, { ...named('s'), isProgressive: true })
    callee.calls[0]?.answer(content(''))
    assert.deepEqual(callee.told.slice(1), ['invoke p', 'more q', 'last r'])
    callee.calls[1]?.answer(content(''))
    open.call.continue(content('t'), true)
    assert.deepEqual(callee.told.slice(4), ['invoke s', 'last t'])
  })

  test('takes so many bytes, and ends a call that brings more', async () => {
    const { join, bus } = await openLiveBus()
    const callee = new TestCallee()
    offer(join('b'), callee, { concurrency: 1, queuePlaces: 10 })
    const caller = join('a')
    begin(caller)
    const large = { content: content('x'.repeat(12_000_000)) }
    const first = begin(caller, { ...large, isProgressive: true })
    begin(caller, large)
    assert.throws(() => begin(caller, large), hasReason('no_available_callee'))
    first.call.continue(large.content, true)
    assert.deepEqual(first.sink.told, ['quota_exceeded'])
    begin(caller, large)
    assert.equal(bus.live.procedures.callsInFlight, 3)
  })

  test('takes calls that somebody passed on, and asks him no more', async () => {
    const { join } = await openLiveBus()
    const shared = { ...queued, invoke: 'first' } as const
    const [first, second] = [new TestCallee(), new TestCallee()]
    offer(join('b'), first, shared)
    offer(join('c'), second, shared)
    const caller = join('a')
    begin(caller, named('1'))
    begin(caller, named('2'))
    const third = begin(caller, named('3'))
    first.calls[0]?.answer(content(''))
    first.calls[1]?.passOn(new BusError('unavailable', 'application_error', 'not now'))
    assert.deepEqual(first.told, ['invoke 1', 'invoke 3'])
    assert.deepEqual(third.sink.told, [])
    second.calls[0]?.answer(content(''))
    second.calls[1]?.answer(content('here'))
    assert.deepEqual(second.told, ['invoke 2', 'invoke 3'])
    assert.deepEqual(third.sink.told, ['answered here'])
  })
})

const runs = Number(process.env['MSGBUS_CALL_RUNS'] ?? 200)

test(`${runs} random lives: in order, never above the limit, never idle, never lost`, async () => {
  const what = fc.constantFrom('call', 'call', 'call', 'answer', 'cancel', 'advance', 'leave')
  const step = fc.record({ what, which: fc.nat(20) })
  const places = 3
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
      const { join, clock, bus } = await openLiveBus()
      const limits = [1, 2]
      const callees = limits.map(() => new TestCallee())
      const clients = limits.map((concurrency, i) => {
        const client = join(`callee ${i}`)
        const shared = { concurrency, queuePlaces: places, invoke: 'roundrobin' } as const
        offer(client, callees[i] ?? new TestCallee(), shared)
        return client
      })
      const isThere = limits.map(() => true)
      const caller = join('caller')
      const calls: { readonly call: OpenCall; readonly sink: TestSink }[] = []
      const openOf = (i: number) => callees[i]?.calls.filter(({ isEnded }) => !isEnded) ?? []
      for (const { what: action, which } of steps) {
        const open = calls.filter(({ call }) => !call.isEnded)
        const room = limits.reduce((sum, limit, i) => sum + (isThere[i] === true ? limit : 0), 0)
        const asked = openOf(0).length + openOf(1).length
        switch (action) {
          case 'call': {
            const request = { ...named(String(calls.length)), timeoutMs: 1_000 * (1 + which) }
            if (room === 0) {
              assert.throws(() => begin(caller, request), hasReason('no_such_procedure'))
            } else if (open.length - asked >= places) {
              assert.throws(() => begin(caller, request), hasReason('no_available_callee'))
            } else calls.push(begin(caller, request))
            break
          }
          case 'answer':
            openOf(which % 2)[0]?.answer(content('a'))
            break
          case 'cancel':
            open[which % Math.max(1, open.length)]?.call.cancel('skip')
            break
          case 'advance':
            clock.advance(which * 100)
            break
          case 'leave':
            if (which % 8 > 1) break
            clients[which % 8]?.close()
            isThere[which % 8] = false
        }
        const left = calls.filter(({ call }) => !call.isEnded)
        const now = openOf(0).length + openOf(1).length
        limits.forEach((limit, i) => {
          const most = isThere[i] === true ? limit : 0
          assert.ok(openOf(i).length <= most, 'above the limit')
          if (left.length > now) assert.equal(openOf(i).length, most, 'idle while calls wait')
        })
        assert.equal(bus.live.procedures.callsInFlight, left.length)
        for (const { call, sink } of calls) {
          assert.equal(sink.told.length, call.isEnded ? 1 : 0)
        }
      }
      // Each callee was asked in the order in which calls were made.
      for (const { told } of callees) {
        const order = told.filter((text) => text.startsWith('invoke')).map((text) => text.slice(7))
        assert.deepEqual(
          order.map(Number),
          order.map(Number).toSorted((a, b) => a - b),
        )
      }
      for (const client of [caller, ...clients]) client.close()
      assert.equal(bus.live.procedures.callsInFlight, 0)
    }),
    { numRuns: runs },
  )
})
