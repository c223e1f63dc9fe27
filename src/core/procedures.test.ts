/** Calls: who serves them, how they end, and that nothing of them stays. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'

import { CallError } from '../model/call-error.ts'
import { BusError, type ErrorReason } from '../model/errors.ts'
import { noHeaders } from '../model/message.ts'
import { type LiveTestBus, openLiveBus, type TestClient, textOf } from './live-suite.ts'
import type { CallOptions, CallResult, Invocation } from './live.ts'

const hasReason = (reason: ErrorReason) => (error: unknown) =>
  error instanceof BusError && error.reason === reason

const answer = (text: string): CallResult => {
  return { payload: Buffer.from(text), headers: noHeaders }
}

async function call(
  { handle }: TestClient,
  procedure: string,
  options: Partial<CallOptions> = {},
): Promise<string> {
  const payload = Buffer.from(`from ${procedure}`)
  const result = await handle.calls.call({ procedure, payload, headers: noHeaders, ...options })
  return textOf(result.payload)
}

/** Answers when told to. */
class Callee {
  readonly invocations: Invocation[] = []
  readonly #answers: ((result: CallResult) => void)[] = []
  readonly registration: { close(): void }

  constructor(client: TestClient, procedure: string) {
    this.registration = client.handle.calls.register(procedure, (invocation) => {
      this.invocations.push(invocation)
      return new Promise((resolve) => this.#answers.push(resolve))
    })
  }

  answer(text: string): void {
    this.#answers.shift()?.(answer(text))
  }
}

const offer = (client: TestClient, procedure: string) => new Callee(client, procedure)

const inFlight = ({ bus }: LiveTestBus) => bus.live.procedures.callsInFlight

describe('a call', () => {
  test('reaches whoever registered the procedure, as it is', async () => {
    const all = await openLiveBus()
    const [caller, callee] = [all.join('caller'), all.join('callee')]
    let seen: Invocation | undefined
    callee.handle.calls.register('p', async (invocation) => {
      seen = invocation
      return { payload: invocation.payload, headers: new Map([['k', 'reply']]) }
    })
    const headers = new Map([['k', 'v']])
    const payload = Buffer.from('question')
    const result = await caller.handle.calls.call({ procedure: 'p', payload, headers })
    assert.deepEqual([seen?.procedure, seen?.caller, seen?.headers], ['p', 'caller', headers])
    assert.equal(textOf(result.payload), 'question')
    assert.deepEqual(result.headers, new Map([['k', 'reply']]))
    assert.equal(seen?.signal.aborted, false)
    assert.equal(inFlight(all), 0)
    assert.deepEqual([all.bus.counters.callsMade, all.bus.counters.callsFailed], [1, 0])
  })

  test('fails as the callee says, at once or later', async () => {
    const all = await openLiveBus()
    const client = all.join('c')
    const failures: [procedure: string, thrown: unknown, reason: ErrorReason][] = [
      ['bus', new BusError('not_found', 'not_found', 'no room'), 'not_found'],
      ['own', new CallError('com.example.full'), 'application_error'],
      ['other', new TypeError('oops'), 'internal'],
    ]
    for (const [procedure, thrown, reason] of failures) {
      client.handle.calls.register(procedure, () => {
        throw thrown
      })
      client.handle.calls.register(`${procedure}.later`, async () => {
        throw thrown
      })
      await assert.rejects(call(client, procedure), hasReason(reason))
      await assert.rejects(call(client, `${procedure}.later`), hasReason(reason))
    }
    assert.equal(inFlight(all), 0)
    assert.equal(all.bus.counters.callsFailed, 6)
  })

  test('of a procedure that nobody offers fails at once, and is none', async () => {
    const all = await openLiveBus()
    const client = all.join('c')
    const callee = new Callee(client, 'p')
    callee.registration.close()
    callee.registration.close()
    for (const procedure of ['p', 'q']) {
      await assert.rejects(call(client, procedure), hasReason('no_such_procedure'))
    }
    await assert.rejects(call(client, ''), hasReason('name_empty'))
    await assert.rejects(call(client, 'x'.repeat(1_025)), hasReason('name_too_long'))
    assert.equal(inFlight(all), 0)
  })

  test('ends when its time is over, whatever comes later', async () => {
    const all = await openLiveBus()
    const client = all.join('c')
    const callee = new Callee(client, 'p')
    const short = call(client, 'p', { timeoutMs: 1_000 })
    const long = call(client, 'p', { timeoutMs: 5_000 })
    all.clock.advance(900)
    assert.equal(inFlight(all), 2)
    all.clock.advance(200)
    await assert.rejects(short, hasReason('timed_out'))
    assert.deepEqual(
      callee.invocations.map(({ signal }) => signal.aborted),
      [true, false],
    )
    callee.answer('too late')
    callee.answer('in time')
    assert.equal(await long, 'in time')
    assert.equal(inFlight(all), 0)
  })

  test('waits as long as the limit at most, and not at all with no time', async () => {
    const all = await openLiveBus({ limits: { callTimeoutMs: 2_000 } })
    const client = all.join('c')
    offer(client, 'p')
    const calls = [{}, { timeoutMs: 99_999_999 }, { timeoutMs: Infinity }].map((options) =>
      assert.rejects(call(client, 'p', options), hasReason('timed_out')),
    )
    const none = assert.rejects(call(client, 'p', { timeoutMs: 0 }), hasReason('timed_out'))
    all.clock.advance(100)
    await none
    assert.equal(inFlight(all), 3)
    all.clock.advance(2_000)
    await Promise.all(calls)
  })

  test('ends when the caller gives up, and the callee hears of it', async () => {
    const all = await openLiveBus()
    const client = all.join('c')
    const callee = new Callee(client, 'p')
    const giveUp = new AbortController()
    const result = call(client, 'p', { signal: giveUp.signal })
    giveUp.abort()
    await assert.rejects(result, hasReason('cancelled'))
    assert.equal(callee.invocations[0]?.signal.aborted, true)
    await assert.rejects(call(client, 'p', { signal: giveUp.signal }), hasReason('cancelled'))
    assert.equal(callee.invocations.length, 1)
    assert.equal(inFlight(all), 0)
  })

  test('leaves no listener on the signal of its caller', async () => {
    const all = await openLiveBus()
    const client = all.join('c')
    const callee = new Callee(client, 'p')
    const { signal } = new AbortController()
    let listeners = 0
    const counted = Object.assign(signal, {
      addEventListener: (...args: Parameters<AbortSignal['addEventListener']>) => {
        listeners += 1
        AbortSignal.prototype.addEventListener.apply(signal, args)
      },
      removeEventListener: (...args: Parameters<AbortSignal['removeEventListener']>) => {
        listeners -= 1
        AbortSignal.prototype.removeEventListener.apply(signal, args)
      },
    })
    const result = call(client, 'p', { signal: counted })
    assert.equal(listeners, 1)
    callee.answer('x')
    await result
    const timedOut = assert.rejects(
      call(client, 'p', { signal: counted, timeoutMs: 1 }),
      hasReason('timed_out'),
    )
    all.clock.advance(1_000)
    await timedOut
    await assert.rejects(call(client, 'nobody', { signal: counted }))
    assert.equal(listeners, 0)
  })

  test('ends with its callee, and with its caller', async () => {
    const all = await openLiveBus()
    const [caller, other] = [all.join('caller'), all.join('other')]
    const client = all.join('callee')
    const callee = new Callee(client, 'p')
    const [first, second] = [call(caller, 'p'), call(other, 'p')]
    caller.close()
    await assert.rejects(first, hasReason('cancelled'))
    assert.deepEqual(
      callee.invocations.map(({ signal }) => signal.aborted),
      [true, false],
    )
    client.close()
    await assert.rejects(second, hasReason('callee_gone'))
    await assert.rejects(call(other, 'p'), hasReason('no_such_procedure'))
    assert.equal(inFlight(all), 0)
    assert.equal(all.bus.live.procedures.size, 0)
  })

  test('is answered though the procedure was given up meanwhile', async () => {
    const all = await openLiveBus()
    const client = all.join('c')
    const callee = new Callee(client, 'p')
    const result = call(client, 'p')
    callee.registration.close()
    const next = new Callee(client, 'p')
    callee.answer('old')
    assert.equal(await result, 'old')
    const again = call(client, 'p')
    next.answer('new')
    assert.equal(await again, 'new')
    callee.registration.close()
    assert.equal(all.bus.live.procedures.size, 1)
  })

  test('is refused above the limit of calls under way', async () => {
    const all = await openLiveBus({ limits: { callsInFlight: 2 } })
    const client = all.join('c')
    const callee = new Callee(client, 'p')
    const calls = [call(client, 'p'), call(client, 'p')]
    await assert.rejects(call(client, 'p'), hasReason('quota_exceeded'))
    callee.answer('1')
    callee.answer('2')
    assert.deepEqual(await Promise.all(calls), ['1', '2'])
    const again = call(client, 'p')
    callee.answer('3')
    assert.equal(await again, '3')
  })
})

describe('a procedure', () => {
  test('has one callee; names of the daemon are not to be had', async () => {
    const { bus, join } = await openLiveBus()
    const [a, b] = [join('a'), join('b')]
    offer(a, 'p')
    for (const client of [a, b]) {
      assert.throws(() => offer(client, 'p'), hasReason('procedure_taken'))
    }
    assert.throws(() => offer(a, '$msgbus.x'), hasReason('reserved_name'))
    assert.throws(() => offer(a, ' '), hasReason('name_empty'))
    a.close()
    offer(b, 'p')
    assert.equal(bus.live.procedures.size, 1)
  })
})

describe('a bridge', () => {
  test('serves what begins with its prefix and nobody registered', async () => {
    const { bus, join } = await openLiveBus()
    const client = join('c')
    const stop = bus.addBridge({
      prefix: 'x.',
      call: async ({ procedure, caller }) => answer(`${procedure} for ${caller}`),
    })
    assert.equal(await call(client, 'x.p'), 'x.p for c')
    await assert.rejects(call(client, 'y.p'), hasReason('no_such_procedure'))
    const registration = client.handle.calls.register('x.p', async () => answer('own'))
    assert.equal(await call(client, 'x.p'), 'own')
    registration.close()
    stop()
    await assert.rejects(call(client, 'x.p'), hasReason('no_such_procedure'))
  })

  test('that fails at once fails the call, and it is over', async () => {
    const all = await openLiveBus()
    all.bus.addBridge({
      prefix: '',
      call: () => {
        throw new BusError('unavailable', 'callee_gone', 'no')
      },
    })
    await assert.rejects(call(all.join('c'), 'p'), hasReason('callee_gone'))
    assert.equal(inFlight(all), 0)
  })
})

test('ten thousand calls at once are all answered, and nothing of them stays', async () => {
  const all = await openLiveBus()
  const caller = all.join('c')
  const callee = new Callee(all.join('callee'), 'p')
  const calls = Array.from({ length: 10_000 }, () => call(caller, 'p'))
  assert.equal(inFlight(all), 10_000)
  for (let i = 0; i < 10_000; i++) callee.answer(String(i))
  const answers = await Promise.all(calls)
  assert.ok(answers.every((text, i) => text === String(i)))
  assert.equal(inFlight(all), 0)
  const later = call(caller, 'p')
  all.clock.advance(60_000)
  callee.answer('x')
  assert.equal(await later, 'x')
})

test('random ends: each call ends once, as the first thing that ends it says', async () => {
  const event = fc.record({
    do: fc.constantFrom('call', 'call', 'answer', 'abort', 'advance', 'rejoin'),
    which: fc.nat(9),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 60, size: 'max' }), async (events) => {
      const all = await openLiveBus()
      const caller = all.join('caller')
      let client = all.join('callee')
      let answers: ((result: CallResult) => void)[] = []
      const register = () => {
        client.handle.calls.register('p', () => new Promise((resolve) => answers.push(resolve)))
      }
      register()
      interface Pending {
        readonly outcome: Promise<string>
        readonly giveUp: AbortController
        readonly deadline: number
        readonly answer: (result: CallResult) => void
        expected: string | undefined
      }
      const calls: Pending[] = []
      const open = () => calls.filter(({ expected }) => expected === undefined)
      for (const { do: what, which } of events) {
        const pending = open()[which % Math.max(1, open().length)]
        switch (what) {
          case 'call': {
            const giveUp = new AbortController()
            const timeoutMs = 1_000 * (which + 1)
            const outcome = call(caller, 'p', { signal: giveUp.signal, timeoutMs }).catch(
              (error: unknown) => (error instanceof BusError ? error.reason : 'none'),
            )
            // The handler is asked in the same turn.
            const resolve = answers.at(-1)
            assert.ok(resolve !== undefined)
            const deadline = all.clock.monotonic() + timeoutMs
            calls.push({ outcome, giveUp, deadline, answer: resolve, expected: undefined })
            break
          }
          case 'answer':
            if (pending === undefined) break
            pending.answer(answer('done'))
            pending.expected = 'done'
            await pending.outcome
            break
          case 'abort':
            if (pending === undefined) break
            pending.giveUp.abort()
            pending.expected = 'cancelled'
            break
          case 'advance':
            // All times are multiples of how often deadlines are looked at, so none is met between looks.
            all.clock.advance(which * 500 + 100)
            for (const each of open()) {
              if (each.deadline <= all.clock.monotonic()) each.expected = 'timed_out'
            }
            break
          case 'rejoin':
            client.close()
            for (const each of open()) each.expected = 'callee_gone'
            client = all.join('callee')
            answers = []
            register()
        }
      }
      client.close()
      for (const each of open()) each.expected = 'callee_gone'
      for (const { outcome, expected } of calls) {
        assert.equal(await outcome, expected)
      }
      assert.equal(inFlight(all), 0)
    }),
    { numRuns: 200 },
  )
})
