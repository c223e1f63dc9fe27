/**
 * The life of calls against a model: any interleaving of calls, parts, answers, cancels, time and people who leave
 * gives each caller one end, the right one, and each callee the interrupts it needs to know of; nothing stays.
 */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'

import { BusError } from '../model/errors.ts'
import { noHeaders } from '../model/message.ts'
import { begin, content, hasReason, offer, TestCallee, type TestSink } from './call-suite.ts'
import type { OpenCall, ServedCall } from './calls.ts'
import { openLiveBus, textOf } from './live-suite.ts'

describe('a call', () => {
  test('may be answered before it is returned', async () => {
    const { join, bus } = await openLiveBus()
    const callee = new TestCallee()
    callee.invoke = (call) => call.answer(content('at once'))
    offer(join('b'), callee)
    const { call, sink } = begin(join('a'))
    assert.deepEqual([call.isEnded, call.callerTag, sink.told], [true, 7, ['answered at once']])
    assert.equal(bus.live.procedures.callsInFlight, 0)
  })

  test('passes parts both ways, and parts only to those who asked for them', async () => {
    const { join } = await openLiveBus()
    const callee = new TestCallee()
    offer(join('b'), callee)
    const caller = join('a')
    const { call, sink } = begin(caller, { receivesProgress: true, isProgressive: true })
    const [served] = callee.calls
    assert.ok(served !== undefined)
    served.progress(content('1'))
    call.continue(content('r'), false)
    served.progress(content('2'))
    call.continue(content('s'), true)
    call.continue(content('never'), true)
    served.answer(content('3'))
    served.progress(content('4'))
    served.answer(content('5'))
    assert.deepEqual(callee.told, ['invoke q', 'more r', 'last s'])
    assert.deepEqual(sink.told, ['progress 1', 'progress 2', 'answered 3'])
    const plain = begin(caller)
    callee.calls[1]?.progress(content('x'))
    callee.calls[1]?.answer(content('y'))
    assert.deepEqual(plain.sink.told, ['answered y'])
  })

  test('asks each callee once when they are not available', async () => {
    const { join } = await openLiveBus()
    const callees = Array.from({ length: 3 }, (_, i) => {
      const callee = new TestCallee()
      offer(join(`callee ${i}`), callee, { invoke: 'roundrobin' })
      return callee
    })
    const unavailable = new BusError('unavailable', 'application_error', 'not now')
    const { sink } = begin(join('a'))
    callees[0]?.calls[0]?.passOn(unavailable)
    callees[1]?.calls[0]?.passOn(unavailable)
    assert.deepEqual(sink.told, [])
    callees[2]?.calls[0]?.answer(content('here'))
    assert.deepEqual(sink.told, ['answered here'])
    const none = begin(join('other'))
    for (const at of [0, 1, 2]) callees[at]?.calls[1]?.passOn(unavailable)
    assert.deepEqual(none.sink.told, ['no_available_callee'])
    assert.deepEqual(
      callees.map(({ calls }) => calls.length),
      [2, 2, 2],
    )
  })

  test('needs a callee that can, has room and is below its limit', async () => {
    const { join } = await openLiveBus()
    const caller = join('a')
    const [plain, able] = [new TestCallee({ takesProgressiveCalls: false }), new TestCallee()]
    offer(join('b'), plain, { invoke: 'first', concurrency: 1 })
    assert.throws(() => begin(caller, { isProgressive: true }), hasReason('callee_lacks_feature'))
    offer(join('c'), able, { invoke: 'first', concurrency: 1 })
    begin(caller, { isProgressive: true })
    begin(caller)
    assert.deepEqual([able.calls.length, plain.calls.length], [1, 1])
    assert.throws(() => begin(caller), hasReason('no_available_callee'))
    plain.calls[0]?.answer(content('x'))
    plain.isFull = true
    assert.throws(
      () => begin(caller, { procedure: 'p' }),
      (error) => {
        return hasReason('no_available_callee')(error) || hasReason('callee_busy')(error)
      },
    )
    able.calls[0]?.answer(content('x'))
    begin(caller)
    assert.equal(able.calls.length, 2)
  })

  test('gives its timeout to a callee that watches it, and looks after it all the same', async () => {
    const { join, clock } = await openLiveBus()
    const callee = new TestCallee()
    offer(join('b'), callee, { forwardTimeout: true })
    const { sink } = begin(join('a'), { timeoutMs: 1_000 })
    assert.equal(callee.calls[0]?.forwardedTimeoutMs, 1_000)
    clock.advance(2_900)
    assert.deepEqual(sink.told, [])
    clock.advance(200)
    assert.deepEqual(sink.told, ['timed_out'])
  })

  test('tells who calls where either side wants it', async () => {
    const { join } = await openLiveBus()
    const callee = new TestCallee()
    const first = offer(join('b'), callee)
    const caller = join('a')
    begin(caller)
    begin(caller, { disclosesCaller: true })
    first.close()
    offer(join('c'), callee, { disclosesCaller: true })
    begin(caller)
    const names = callee.calls.map(({ disclosedCaller }) => disclosedCaller?.name)
    assert.deepEqual(names, [undefined, 'a', 'a'])
  })
})

describe('a registration', () => {
  test('asks by its policy', async () => {
    const order = { first: '000', last: '222', roundrobin: '012' } as const
    for (const invoke of ['first', 'last', 'roundrobin'] as const) {
      const { join } = await openLiveBus()
      const callees = [0, 1, 2].map((i) => {
        const callee = new TestCallee()
        offer(join(String(i)), callee, { invoke })
        return callee
      })
      const caller = join('a')
      let asked = ''
      for (let i = 0; i < 3; i++) {
        begin(caller)
        const at = callees.findIndex(({ calls }) => calls.some(({ isEnded }) => !isEnded))
        asked += String(at)
        for (const { calls } of callees) for (const call of calls) call.answer(content(''))
      }
      assert.equal(asked, order[invoke], invoke)
    }
  })

  test('keeps its turn when somebody leaves, and its id for all', async () => {
    const { join } = await openLiveBus()
    const clients = [0, 1, 2].map((i) => join(String(i)))
    const callees = clients.map(() => new TestCallee())
    const offers = clients.map((client, i) => {
      return offer(client, callees[i] ?? new TestCallee(), { invoke: 'roundrobin' })
    })
    assert.deepEqual(new Set(offers.map(({ registration }) => registration.id)).size, 1)
    const caller = join('a')
    begin(caller)
    begin(caller)
    clients[0]?.close()
    begin(caller)
    begin(caller)
    assert.deepEqual(
      callees.map(({ calls }) => calls.length),
      [1, 2, 1],
    )
  })

  test('is of one policy; single has one callee, whoever asks', async () => {
    const { join } = await openLiveBus()
    const [a, b] = [join('a'), join('b')]
    offer(a, new TestCallee())
    for (const client of [a, b]) {
      assert.throws(() => offer(client, new TestCallee()), hasReason('procedure_taken'))
      const shared = () => offer(client, new TestCallee(), { invoke: 'first' })
      assert.throws(shared, hasReason('procedure_taken'))
    }
    const first = offer(a, new TestCallee(), { procedure: 'q', invoke: 'last' })
    const again = offer(a, new TestCallee(), { procedure: 'q', invoke: 'last' })
    assert.equal(again.registration, first.registration)
    assert.equal(first.registration.callees.length, 1)
    offer(b, new TestCallee(), { match: 'prefix' })
    offer(b, new TestCallee(), { match: 'wildcard' })
  })

  test('can be taken over by whoever is of the same user or may do everything', async () => {
    const access = {
      isOpen: false,
      version: 1,
      refusal: (_: unknown, action: string) => (action === 'admin' ? 'no' : undefined),
    }
    const { join } = await openLiveBus({ access })
    const named = (user: string) => {
      return join(undefined, { identity: { user, groups: [], method: 'password' } })
    }
    const [old, stranger, same] = [named('u'), named('v'), named('u')]
    const callee = new TestCallee()
    offer(old, callee)
    const replaces = { replaces: true }
    assert.throws(() => offer(stranger, new TestCallee(), replaces), hasReason('procedure_taken'))
    assert.deepEqual(callee.told, [])
    offer(same, new TestCallee(), replaces)
    assert.deepEqual(callee.told, ['revoked p msgbus.registration.replaced'])
  })

  test('of a pattern serves what its client might have registered by itself', async () => {
    const access = {
      isOpen: false,
      version: 1,
      refusal: (_: unknown, action: string, resource: string) =>
        action === 'register' && resource === 'a.secret' ? 'rule 1' : undefined,
    }
    const { join } = await openLiveBus({ access })
    offer(join('b'), new TestCallee(), { procedure: 'a.', match: 'prefix' })
    const caller = join('c')
    begin(caller, { procedure: 'a.open' })
    const refused = () => begin(caller, { procedure: 'a.secret' })
    assert.throws(refused, hasReason('access_denied'))
  })

  test('is told of from its first callee to its last', async () => {
    const { join } = await openLiveBus()
    const [a, b] = [join('a'), join('b')]
    const told: string[] = []
    const { directory } = a.handle.calls
    const stop = directory.onChange(({ kind, client, registration: { id } }) => {
      told.push(`${kind} ${id} ${client.name}`)
    })
    const first = offer(a, new TestCallee(), { invoke: 'first' })
    offer(b, new TestCallee(), { invoke: 'first' })
    first.close()
    b.close()
    stop()
    offer(a, new TestCallee())
    const expected = [
      'created 1 a',
      'joined 1 a',
      'joined 1 b',
      'left 1 a',
      'left 1 b',
      'deleted 1 b',
    ]
    assert.deepEqual(told, expected)
    assert.deepEqual(
      [...directory.list()].map(({ id }) => id),
      [2],
    )
  })

  test('is taken away when rules change, and its callee hears of it', async () => {
    let rule: string | undefined
    const access = { isOpen: false, version: 1, refusal: () => rule }
    const { join, bus } = await openLiveBus({ access })
    const callee = new TestCallee()
    offer(join('b'), callee)
    begin(join('a'))
    rule = 'rule 1'
    bus.live.procedures.accessChanged()
    assert.deepEqual(callee.told, ['invoke q', 'revoked p not_authorized'])
    assert.deepEqual([bus.live.procedures.size, bus.live.procedures.callsInFlight], [0, 1])
  })

  test('is not to be had below a prefix that a part of the daemon keeps', async () => {
    const { join } = await openLiveBus()
    const [here, there] = [join('a'), join('b', { callSpace: 'other' })]
    const callee = new TestCallee()
    const stop = here.handle.calls.directory.serve({ prefix: 'x.', callee, isReserved: true })
    assert.throws(() => offer(here, callee, { procedure: 'x.y' }), hasReason('reserved_name'))
    offer(here, new TestCallee(), { procedure: '', match: 'prefix' })
    begin(here, { procedure: 'x.y' })
    assert.equal(callee.calls.length, 1)
    assert.throws(() => begin(there, { procedure: 'x.y' }), hasReason('no_such_procedure'))
    stop()
    begin(here, { procedure: 'x.y' })
    assert.equal(callee.calls.length, 1)
  })

  test('of another call space is not seen, a bridge is', async () => {
    const { join, bus } = await openLiveBus()
    const [here, there] = [join('a'), join('b', { callSpace: 'other' })]
    offer(here, new TestCallee())
    assert.throws(() => begin(there), hasReason('no_such_procedure'))
    bus.addBridge({ prefix: 'x', call: async () => content('bridge') })
    const answer = await there.handle.calls.call({
      procedure: 'x.y',
      payload: new Uint8Array(0),
      headers: noHeaders,
    })
    assert.equal(textOf(answer.payload), 'bridge')
  })
})

/** What a call should be by now, kept beside the real one. */
interface Modelled {
  readonly call: OpenCall
  readonly sink: TestSink
  readonly caller: number
  readonly timeoutMs: number
  readonly wantsProgress: boolean
  callee: number
  served: ServedCall
  deadline: number
  isKilling: boolean
  hasEnded: boolean
  hasProgressed: boolean
  tried: number[]
  readonly expected: string[]
}

const actions = [
  'call',
  'call',
  'call',
  'answer',
  'fail',
  'progress',
  'pass',
  'skip',
  'kill',
  'killnowait',
  'advance',
  'leave caller',
  'leave callee',
  'withdraw',
] as const

const sorted = (lists: string[][]) => lists.map((list) => list.toSorted())

const runs = Number(process.env['MSGBUS_CALL_RUNS'] ?? 300)

test(`${runs} random lives of calls go as the model says`, async () => {
  const step = fc.record({
    do: fc.constantFrom(...actions),
    which: fc.nat(20),
    flag: fc.boolean(),
  })
  const features = fc.record({ canBeInterrupted: fc.boolean(), passesOn: fc.boolean() })
  const setup = fc.tuple(
    fc.array(features, { minLength: 3, maxLength: 3 }),
    fc.array(step, { maxLength: 80, size: 'max' }),
  )
  await fc.assert(
    fc.asyncProperty(setup, async ([calleeFeatures, steps]) => {
      const all = await openLiveBus()
      let callers = [all.join(), all.join()]
      const clients = calleeFeatures.map(() => all.join())
      const callees = calleeFeatures.map((each) => new TestCallee(each))
      const offers = clients.map((client, i) => {
        return offer(client, callees[i] ?? new TestCallee(), { invoke: 'first' })
      })
      let serving = [0, 1, 2]
      const told: string[][] = [[], [], []]
      const calls: Modelled[] = []
      const now = () => all.clock.monotonic()
      const end = (each: Modelled, how: string) => {
        each.hasEnded = true
        each.expected.push(how)
      }
      const interrupt = (each: Modelled, mode: string, reason: string) => {
        const can = callees[each.callee]?.features.canBeInterrupted === true
        told[each.callee]?.push(`${can ? mode : 'skip'} ${reason}`)
      }
      for (const { do: what, which, flag } of steps) {
        const open = calls.filter(({ hasEnded }) => !hasEnded)
        // Also calls that have ended: what comes late must do nothing.
        const pool = flag ? calls : open
        const each = pool[which % Math.max(1, pool.length)]
        switch (what) {
          case 'call': {
            const caller = which % 2
            const client = callers[caller]
            const callee = serving[0]
            assert.ok(client !== undefined)
            const timeoutMs = which % 3 === 0 ? Infinity : 1_000 * which
            const request = { timeoutMs, receivesProgress: flag }
            if (callee === undefined) {
              assert.throws(() => begin(client, request), hasReason('no_such_procedure'))
              break
            }
            const { call, sink } = begin(client, request)
            const served = callees[callee]?.calls.at(-1)
            assert.ok(served !== undefined)
            told[callee]?.push('invoke q')
            calls.push({
              call,
              sink,
              caller,
              callee,
              served,
              timeoutMs,
              wantsProgress: flag,
              deadline: now() + timeoutMs,
              isKilling: false,
              hasEnded: false,
              hasProgressed: false,
              tried: [],
              expected: [],
            })
            break
          }
          case 'answer':
            each?.served.answer(content('a'))
            if (each?.hasEnded === false) end(each, 'answered a')
            break
          case 'fail':
            each?.served.fail(new BusError('unknown', 'application_error', 'no'))
            if (each?.hasEnded === false) end(each, 'application_error')
            break
          case 'progress':
            each?.served.progress(content('1'))
            if (each?.hasEnded === false && each.wantsProgress) {
              each.hasProgressed = true
              each.expected.push('progress 1')
              if (!each.isKilling) each.deadline = now() + each.timeoutMs
            }
            break
          case 'pass': {
            const canPass = each !== undefined && callees[each.callee]?.features.passesOn === true
            if (!canPass || each.hasEnded) break
            // Only where somebody else was there when it was asked is there anything to pass on.
            if (each.callee !== serving[0] && each.tried.length === 0) break
            const wasAlone = serving.length === 1
            if (wasAlone && each.tried.length === 0) break
            each.tried.push(each.callee)
            const next = serving.find((callee) => !each.tried.includes(callee))
            each.served.passOn(new BusError('unavailable', 'application_error', 'no'))
            if (each.hasProgressed || each.isKilling) end(each, 'application_error')
            else if (next === undefined) end(each, 'no_available_callee')
            else if (each.sink.told.includes('no_available_callee'))
              end(each, 'no_available_callee')
            else {
              each.callee = next
              each.deadline = now() + each.timeoutMs
              told[next]?.push('invoke q')
            }
            break
          }
          case 'skip':
          case 'kill':
          case 'killnowait': {
            each?.call.cancel(what)
            if (each === undefined || each.hasEnded) break
            const can = callees[each.callee]?.features.canBeInterrupted === true
            if (what === 'kill' && can) {
              if (each.isKilling) break
              each.isKilling = true
              each.deadline = now() + 30_000
              interrupt(each, 'kill', 'cancelled')
            } else {
              interrupt(each, what === 'skip' ? 'skip' : 'killnowait', 'cancelled')
              end(each, 'cancelled')
            }
            break
          }
          case 'advance':
            // Times are multiples of how often deadlines are looked at, so none is met between looks.
            all.clock.advance(which * 500 + 100)
            for (const due of open) {
              if (due.deadline > now()) continue
              const reason = due.isKilling ? 'cancelled' : 'timed_out'
              interrupt(due, 'killnowait', reason)
              end(due, reason)
            }
            break
          case 'leave caller':
            callers[which % 2]?.close()
            callers = callers.map((client, i) => (i === which % 2 ? all.join() : client))
            for (const left of open) {
              if (left.caller !== which % 2) continue
              interrupt(left, 'killnowait', 'cancelled')
              end(left, 'cancelled')
            }
            break
          case 'leave callee': {
            const leaving = which % 3
            clients[leaving]?.close()
            serving = serving.filter((callee) => callee !== leaving)
            for (const left of open) {
              if (left.callee !== leaving) continue
              interrupt(left, 'skip', 'callee_gone')
              end(left, 'callee_gone')
            }
            break
          }
          case 'withdraw':
            offers[which % 3]?.close()
            serving = serving.filter((callee) => callee !== which % 3)
        }
        for (const { sink, expected } of calls) assert.deepEqual(sink.told, expected)
        assert.equal(
          all.bus.live.procedures.callsInFlight,
          calls.filter(({ hasEnded }) => !hasEnded).length,
        )
      }
      // In whatever order calls that ended together were told of.
      assert.deepEqual(sorted(callees.map((callee) => callee.told)), sorted(told))
      for (const client of [...callers, ...clients]) client.close()
      for (const { sink } of calls) {
        const ends = sink.told.filter((text) => !text.startsWith('progress'))
        assert.equal(ends.length, 1)
      }
      assert.equal(all.bus.live.procedures.callsInFlight, 0)
    }),
    { numRuns: runs },
  )
})
