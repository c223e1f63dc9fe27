/** Calls of spec/wamp 15: cases 63 to 92, on lists. */

import assert from 'node:assert/strict'
import { once } from 'node:events'

import {
  announced,
  answer,
  call,
  callError,
  everyFeature,
  fail,
  invocation,
  progress,
  register,
  registerFails,
} from './callee.ts'
import type { Json } from './raw-client.ts'
import { conformance, type Router } from './router.ts'

const canceled = 'wamp.error.canceled'

async function pair(router: Router) {
  return { callee: await router.client(everyFeature), caller: await router.client(everyFeature) }
}

conformance(63, 'arguments and results of every shape', async (router) => {
  const { callee, caller } = await pair(router)
  const registration = await register(callee, 'p')
  const shapes: Json[][] = [
    [],
    [['a', 1]],
    [[], { k: [1, null] }],
    [[null]],
    [[1.5, -7, true], { text: '', deep: { list: [[]] } }],
  ]
  for (const shape of shapes) {
    const request = call(caller, 'p', {}, ...shape)
    const { id, ...invoked } = await invocation(callee)
    assert.deepEqual(invoked, {
      registration,
      details: {},
      args: shape[0] ?? [],
      kwargs: shape[1] ?? {},
    })
    answer(callee, id, ...shape)
    await caller.gets([50, request, {}, ...shape])
  }
})

conformance(64, 'a procedure that nobody offers, and one that is none', async (router) => {
  const caller = await router.client()
  assert.equal(await callError(caller, call(caller, 'p')), 'wamp.error.no_such_procedure')
  for (const uri of ['', 'a..b', 'a.', 'a b', 'a#', 'x'.repeat(5_000)]) {
    assert.equal(await callError(caller, call(caller, uri)), 'wamp.error.invalid_uri', uri)
  }
})

conformance(
  '65, 66',
  'an error keeps its URI and arguments; without a URI it gets one',
  async (router) => {
    const { callee, caller } = await pair(router)
    await register(callee, 'p')
    const errors: [uri: string, told: string][] = [
      ['com.example.error', 'com.example.error'],
      ['wamp.error.invalid_argument', 'wamp.error.invalid_argument'],
      ['wamp.error.no_such_procedure', 'wamp.error.no_such_procedure'],
      ['', 'wamp.error.runtime_error'],
      ['not a uri', 'wamp.error.runtime_error'],
    ]
    for (const [uri, told] of errors) {
      const request = call(caller, 'p')
      const { id } = await invocation(callee)
      fail(callee, id, uri, ['text', 2], { k: true })
      await caller.gets([8, 48, request, {}, told, ['text', 2], { k: true }])
    }
  },
)

conformance(
  '67, 25',
  'a thousand open calls, answered in reverse; ids count up',
  async (router) => {
    const { callee, caller } = await pair(router)
    await register(callee, 'p')
    const requests = Array.from({ length: 1_000 }, (_, i) => call(caller, 'p', {}, [i]))
    const ids: number[] = []
    for (let i = 0; i < 1_000; i++) {
      const { id, args } = await invocation(callee)
      assert.deepEqual([id, args], [i + 1, [i]])
      ids.push(id)
    }
    assert.equal(await callError(caller, call(caller, 'p')), 'wamp.error.not_authorized')
    for (const id of ids.toReversed()) answer(callee, id, [id])
    for (const [i, request] of [...requests.entries()].toReversed()) {
      await caller.gets([50, request, {}, [i + 1]])
    }
  },
)

conformance(69, 'a second REGISTER of the same, and of the same in another way', async (router) => {
  const { callee, caller } = await pair(router)
  const taken = 'wamp.error.procedure_already_exists'
  await register(callee, 'a.b')
  assert.equal(await registerFails(callee, 'a.b'), taken)
  assert.equal(await registerFails(caller, 'a.b'), taken)
  assert.equal(await registerFails(caller, 'a.b', { invoke: 'roundrobin' }), taken)
  await register(caller, 'a.b', { match: 'prefix' })
  await register(caller, 'a.b', { match: 'wildcard' })
  assert.equal(await registerFails(caller, 'c', { match: 'regexp' }), 'wamp.error.invalid_argument')
  assert.equal(await registerFails(caller, 'c', { invoke: 'all' }), 'wamp.error.invalid_argument')
  assert.equal(await registerFails(caller, 'wamp.session.kill'), 'wamp.error.invalid_uri')
  assert.equal(await registerFails(caller, 'a..b'), 'wamp.error.invalid_uri')
})

conformance(70, "UNREGISTER of what is not there, or not one's own", async (router) => {
  const { callee, caller } = await pair(router)
  const registration = await register(callee, 'p')
  caller.send([66, 1, registration])
  await caller.error(66, 1, 'wamp.error.no_such_registration')
  callee.send([66, 77, registration + 1])
  await callee.error(66, 77, 'wamp.error.no_such_registration')
  call(caller, 'p')
  await invocation(callee)
  callee.send([66, 78, registration])
  await callee.gets([67, 78])
  assert.equal(await callError(caller, call(caller, 'p')), 'wamp.error.no_such_procedure')
})

conformance(71, 'a callee that is cut off fails each of its calls once', async (router) => {
  const { callee, caller } = await pair(router)
  await register(callee, 'p')
  const requests = [call(caller, 'p'), call(caller, 'p')]
  await invocation(callee)
  await invocation(callee)
  callee.destroy()
  for (const request of requests) {
    await caller.gets([8, 48, request, {}, canceled, ['callee gone']])
  }
  await caller.quiet()
})

conformance(72, 'a caller that is cut off: who can be told is told', async (router) => {
  const caller = await router.client(everyFeature)
  const able = await router.client(everyFeature)
  const unable = await router.client()
  await register(able, 'able')
  await register(unable, 'unable')
  call(caller, 'able')
  call(caller, 'unable')
  const [one, other] = [await invocation(able), await invocation(unable)]
  caller.destroy()
  await able.gets([69, one.id, { mode: 'killnowait', reason: canceled }])
  answer(able, one.id, ['late'])
  answer(unable, other.id, ['late'])
  await able.quiet()
  await unable.quiet()
})

conformance('73, 74', 'a second YIELD, and one by somebody else', async (router) => {
  const { callee, caller } = await pair(router)
  await register(callee, 'p')
  const request = call(caller, 'p')
  const { id } = await invocation(callee)
  answer(caller, id, ['foreign'])
  fail(caller, id, 'com.example.foreign')
  await caller.quiet()
  answer(callee, id, ['first'])
  answer(callee, id, ['second'])
  await caller.gets([50, request, {}, ['first']])
  await callee.quiet()
  await caller.quiet()
})

conformance(
  '75, 76',
  "an answer after UNREGISTER; a call of one's own procedure",
  async (router) => {
    const callee = await router.client()
    const registration = await register(callee, 'p')
    const request = call(callee, 'p', {}, ['self'])
    const { id, args } = await invocation(callee)
    callee.send([66, 99, registration])
    await callee.gets([67, 99])
    answer(callee, id, args)
    await callee.gets([50, request, {}, ['self']])
  },
)

conformance(77, 'progressive results', async (router) => {
  const { callee, caller } = await pair(router)
  await register(callee, 'p')
  let request = call(caller, 'p', { receive_progress: true })
  let { id, details } = await invocation(callee)
  assert.deepEqual(details, { receive_progress: true })
  progress(callee, id, [1])
  progress(callee, id)
  progress(callee, id, [], { k: 3 })
  answer(callee, id, ['end'])
  progress(callee, id, ['late'])
  await caller.gets(
    [50, request, { progress: true }, [1]],
    [50, request, { progress: true }],
    [50, request, { progress: true }, [], { k: 3 }],
    [50, request, {}, ['end']],
  )
  request = call(caller, 'p', { receive_progress: true })
  id = (await invocation(callee)).id
  progress(callee, id, [1])
  fail(callee, id, 'com.example.broken')
  await caller.gets([50, request, { progress: true }, [1]])
  assert.equal(await callError(caller, request), 'com.example.broken')
  // Not asked for.
  request = call(caller, 'p')
  ;({ id, details } = await invocation(callee))
  assert.deepEqual(details, {})
  progress(callee, id, [1])
  answer(callee, id, [2])
  await caller.gets([50, request, {}, [2]])
  // From a callee that announced nothing, as wampy; and from one that cannot be cancelled, as autobahn-js.
  const plain = await router.client()
  const autobahn = await router.client(announced('callee', 'progressive_call_results'))
  await register(plain, 'plain')
  await register(autobahn, 'autobahn')
  for (const [client, procedure, told] of [
    [plain, 'plain', {}],
    [autobahn, 'autobahn', { receive_progress: true }],
  ] as const) {
    request = call(caller, procedure, { receive_progress: true })
    ;({ id, details } = await invocation(client))
    assert.deepEqual(details, told)
    progress(client, id, [1])
    answer(client, id, [2])
    await caller.gets([50, request, { progress: true }, [1]], [50, request, {}, [2]])
  }
})

conformance(
  '78, 79',
  'cancelling in every mode, of callees that can be told and that cannot',
  async (router) => {
    const caller = await router.client()
    const [able, unable] = [await router.client(everyFeature), await router.client()]
    await register(able, 'able')
    await register(unable, 'unable')
    const modes: [options: { [key: string]: Json }, interrupt: string | undefined][] = [
      [{ mode: 'skip' }, undefined],
      [{ mode: 'killnowait' }, 'killnowait'],
      [{}, 'killnowait'],
      [{ mode: 'unheard of' }, undefined],
    ]
    for (const [options, mode] of modes) {
      const requests = [call(caller, 'able'), call(caller, 'unable')]
      const [one, other] = [await invocation(able), await invocation(unable)]
      for (const request of requests) {
        caller.send([49, request, options])
        assert.equal(await callError(caller, request), canceled)
      }
      if (mode !== undefined) await able.gets([69, one.id, { mode, reason: canceled }])
      answer(able, one.id, ['late'])
      answer(unable, other.id, ['late'])
      await able.quiet()
      await unable.quiet()
      await caller.quiet()
    }
    // kill: what the callee says, or, if it cannot be told, as skip.
    const requests = [call(caller, 'able'), call(caller, 'unable')]
    const one = await invocation(able)
    for (const request of requests) caller.send([49, request, { mode: 'kill' }])
    assert.equal(await callError(caller, Number(requests[1])), canceled)
    await able.gets([69, one.id, { mode: 'kill', reason: canceled }])
    await caller.quiet()
    fail(able, one.id, canceled, ['as you wish'])
    await caller.gets([8, 48, Number(requests[0]), {}, canceled, ['as you wish']])
  },
)

conformance('80, 81', "CANCEL of what is over, or not one's own", async (router) => {
  const { callee, caller } = await pair(router)
  await register(callee, 'p')
  const request = call(caller, 'p')
  const { id } = await invocation(callee)
  callee.send([49, request, {}])
  await callee.quiet()
  answer(callee, id)
  await caller.gets([50, request, {}])
  caller.send([49, request, {}])
  caller.send([49, 4_711, { mode: 'kill' }])
  await caller.quiet()
  await callee.quiet()
})

conformance(
  82,
  'kill: the callee may answer all the same, or not at all',
  async (router) => {
    const { callee, caller } = await pair(router)
    await register(callee, 'p')
    let request = call(caller, 'p')
    let { id } = await invocation(callee)
    const kill = () => caller.send([49, request, { mode: 'kill' }])
    kill()
    kill()
    await callee.gets([69, id, { mode: 'kill', reason: canceled }])
    answer(callee, id, ['done'])
    await caller.gets([50, request, {}, ['done']])
    request = call(caller, 'p')
    id = (await invocation(callee)).id
    kill()
    await callee.gets([69, id, { mode: 'kill', reason: canceled }])
    await router.pass(3_000)
    await caller.quiet()
    await router.pass(3_000)
    assert.equal(await callError(caller, request), canceled)
    // One that does not wait ends what kill left open.
    request = call(caller, 'p')
    await callee.next()
    id = (await invocation(callee)).id
    kill()
    caller.send([49, request, { mode: 'skip' }])
    assert.equal(await callError(caller, request), canceled)
  },
  { limits: { callKillMs: 5_000 } },
)

conformance(83, 'timeouts', async (router) => {
  const { callee, caller } = await pair(router)
  await register(callee, 'p')
  let request = call(caller, 'p', { timeout: 200 })
  let { id, details } = await invocation(callee)
  assert.deepEqual(details, {})
  await router.pass(100)
  await caller.quiet()
  await router.pass(300)
  assert.equal(await callError(caller, request), 'wamp.error.timeout')
  await callee.gets([69, id, { mode: 'killnowait', reason: 'wamp.error.timeout' }])
  answer(callee, id, ['late'])
  await caller.quiet()
  request = call(caller, 'p', { timeout: 200, receive_progress: true })
  id = (await invocation(callee)).id
  for (let i = 0; i < 5; i++) {
    await router.pass(100)
    progress(callee, id, [i])
    await caller.gets([50, request, { progress: true }, [i]])
  }
  answer(callee, id)
  await caller.gets([50, request, {}])
  await router.pass(2_000)
  await caller.quiet()
  request = call(caller, 'p', { timeout: 0 })
  id = (await invocation(callee)).id
  await router.pass(20_000)
  answer(callee, id)
  await caller.gets([50, request, {}])
})

conformance(84, 'a timeout that the callee keeps to itself', async (router) => {
  const { callee, caller } = await pair(router)
  const plain = await router.client()
  await register(callee, 'p', { forward_timeout: true })
  await register(plain, 'q', { forward_timeout: true })
  const request = call(caller, 'p', { timeout: 500 })
  const { details } = await invocation(callee)
  assert.deepEqual(details, { timeout: 500 })
  call(caller, 'q', { timeout: 500 })
  assert.deepEqual((await invocation(plain)).details, {})
  await router.pass(700)
  const message = await caller.next()
  assert.equal(message[4], 'wamp.error.timeout')
  await router.pass(1_500)
  assert.equal(await callError(caller, request), 'wamp.error.timeout')
})

conformance(
  85,
  'who calls is told to those who are to know',
  async (router) => {
    const { callee, caller } = await pair(router)
    await register(callee, 'p')
    await register(callee, 'q', { disclose_caller: true })
    const { authid, authrole } = caller.welcome
    const told = { caller: caller.session, caller_authid: authid, caller_authrole: authrole }
    call(caller, 'p', { disclose_me: true })
    assert.deepEqual((await invocation(callee)).details, told)
    call(caller, 'p')
    assert.deepEqual((await invocation(callee)).details, {})
    call(caller, 'q')
    assert.deepEqual((await invocation(callee)).details, told)
    const never = await router.client({ realm: 'never' })
    const refused = 'wamp.error.option_disallowed.disclose_me'
    assert.equal(await callError(never, call(never, 'p', { disclose_me: true })), refused)
    assert.equal(await registerFails(never, 'p', { disclose_caller: true }), refused)
    const always = await router.client({ realm: 'always' })
    await register(always, 'p')
    call(always, 'p')
    assert.equal((await invocation(always)).details['caller'], always.session)
  },
  {
    config: {
      realms: [
        { name: 'realm1' },
        { name: 'never', disclose: 'never' },
        { name: 'always', disclose: 'always' },
      ],
    },
  },
)

conformance(
  13,
  'calls and registrations do not cross realms',
  async (router) => {
    const here = await router.client()
    const there = await router.client({ realm: 'other' })
    await register(here, 'p')
    assert.equal(await callError(there, call(there, 'p')), 'wamp.error.no_such_procedure')
    await register(there, 'p')
  },
  { config: { realms: [{ name: 'realm1' }, { name: 'other' }] } },
)

conformance(86, 'patterns tell which procedure was called', async (router) => {
  const { callee, caller } = await pair(router)
  const entries: [match: string, uri: string][] = [
    ['exact', 'a1.b2.c3.d4.e55'],
    ['prefix', 'a1.b2.c3'],
    ['prefix', 'a1.b2.c3.d4'],
    ['wildcard', 'a1.b2..d4.e5'],
    ['wildcard', 'a1.b2.c33..e5'],
  ]
  const ids: number[] = []
  for (const [match, uri] of entries) ids.push(await register(callee, uri, { match }))
  const calls: [procedure: string, at: number][] = [
    ['a1.b2.c3.d4.e55', 0],
    ['a1.b2.c3.d98.e74', 1],
    ['a1.b2.c3.d4.e325', 2],
    ['a1.b2.c55.d4.e5', 3],
    ['a1.b2.c33.d4.e5', 4],
  ]
  for (const [procedure, at] of calls) {
    call(caller, procedure)
    const { registration, details } = await invocation(callee)
    assert.equal(registration, ids[at], procedure)
    assert.deepEqual(details, at === 0 ? {} : { procedure })
  }
  // Everything is matched by this, but for what is the router's own.
  await register(callee, '', { match: 'prefix' })
  call(caller, 'something.else')
  await invocation(callee)
  assert.equal(await callError(caller, call(caller, 'wamp.x')), 'wamp.error.no_such_procedure')
})

conformance(87, 'shared registrations', async (router) => {
  const caller = await router.client()
  const callees = [await router.client(), await router.client(), await router.client()]
  const ids: number[] = []
  for (const callee of callees) ids.push(await register(callee, 'r', { invoke: 'roundrobin' }))
  assert.equal(new Set(ids).size, 1)
  for (let i = 0; i < 9; i++) {
    const callee = callees[i % 3]
    assert.ok(callee !== undefined)
    const request = call(caller, 'r')
    answer(callee, (await invocation(callee)).id, [i])
    await caller.gets([50, request, {}, [i]])
  }
  const other = await router.client()
  const conflict = 'wamp.error.procedure_already_exists'
  assert.equal(await registerFails(other, 'r', { invoke: 'first' }), conflict)
  assert.equal(await registerFails(other, 'r'), conflict)
  const [first, second, third] = callees
  assert.ok(first !== undefined && second !== undefined && third !== undefined)
  assert.equal(await register(first, 'r', { invoke: 'roundrobin' }), ids[0])
  for (const callee of callees) {
    await register(callee, 'f', { invoke: 'first' })
    await register(callee, 'l', { invoke: 'last' })
  }
  call(caller, 'f')
  await invocation(first)
  call(caller, 'l')
  await invocation(third)
  await first.end()
  await third.end()
  await caller.next()
  await caller.next()
  call(caller, 'f')
  await invocation(second)
  call(caller, 'l')
  await invocation(second)
})

conformance(88, 'no more calls at a time than a callee takes', async (router) => {
  const caller = await router.client()
  const callees = [await router.client(), await router.client()]
  for (const callee of callees) {
    await register(callee, 'p', { invoke: 'roundrobin', concurrency: 1 })
  }
  const [first, second] = callees
  assert.ok(first !== undefined && second !== undefined)
  call(caller, 'p')
  const { id } = await invocation(first)
  call(caller, 'p')
  await invocation(second)
  assert.equal(await callError(caller, call(caller, 'p')), 'wamp.error.no_available_callee')
  answer(first, id)
  await caller.next()
  call(caller, 'p')
  await invocation(first)
})

conformance(
  '88, queue',
  'calls wait where the realm has places for them, and come in order to whoever is there',
  async (router) => {
    const caller = await router.client()
    const shared = { invoke: 'roundrobin', concurrency: 1 }
    const callee = await router.client()
    await register(callee, 'p.q', shared)
    const calls = [1, 2, 3].map((n) => call(caller, 'p.q', {}, [n]))
    assert.equal(await callError(caller, call(caller, 'p.q')), 'wamp.error.no_available_callee')
    const first = await invocation(callee)
    await callee.quiet()
    // Whoever comes is told that it serves before it is asked.
    const second = await router.client()
    await register(second, 'p.q', shared)
    const next = await invocation(second)
    assert.deepEqual([first.args, next.args], [[1], [2]])
    caller.send([49, calls[2] ?? 0, { mode: 'kill' }])
    assert.equal((await caller.next())[4], 'wamp.error.canceled')
    const timed = call(caller, 'p.q', { timeout: 1_000 }, [4])
    await caller.quiet()
    await router.pass(1_500)
    assert.equal(await callError(caller, timed), 'wamp.error.timeout')
    const left = call(caller, 'p.q', {}, [5])
    await caller.quiet()
    answer(callee, first.id)
    await caller.next()
    const last = await invocation(callee)
    assert.deepEqual(last.args, [5])
    answer(callee, last.id)
    assert.deepEqual((await caller.next()).slice(0, 2), [50, left])
    assert.equal(router.bus.live.procedures.callsInFlight, 1)
  },
  {
    config: {
      realms: [{ name: 'realm1', callQueues: [{ procedure: 'p', match: 'prefix', places: 2 }] }],
    },
  },
)

conformance(89, 'force_reregister', async (router) => {
  const { callee, caller } = await pair(router)
  const registration = await register(callee, 'p')
  await register(caller, 'p', { force_reregister: true })
  const message = await callee.next()
  assert.deepEqual(message.slice(0, 2), [67, 0])
  assert.equal((message[2] as { registration: Json }).registration, registration)
  call(callee, 'p')
  await invocation(caller)
})

conformance(90, 'progressive invocations', async (router) => {
  const { callee, caller } = await pair(router)
  await register(callee, 'p')
  const request = call(caller, 'p', { progress: true }, ['a'])
  const { id, details, args } = await invocation(callee)
  assert.deepEqual([details, args], [{ progress: true }, ['a']])
  caller.send([48, request, { progress: true }, 'p', ['b']])
  caller.send([48, request, {}, 'p', ['c']])
  assert.deepEqual(await callee.next(), [68, id, 1, { progress: true }, ['b']])
  assert.deepEqual(await callee.next(), [68, id, 1, {}, ['c']])
  answer(callee, id, ['abc'])
  await caller.gets([50, request, {}, ['abc']])
  // It answers before the last part.
  const early = call(caller, 'p', { progress: true }, ['a'])
  answer(callee, (await invocation(callee)).id)
  await caller.gets([50, early, {}])
  caller.send([48, early, { progress: true }, 'p', ['b']])
  caller.send([48, early, {}, 'p', ['c']])
  await callee.quiet()
  await caller.quiet()
  const plain = await router.client()
  await register(plain, 'plain')
  const lacking = call(caller, 'plain', { progress: true })
  assert.equal(await callError(caller, lacking), 'wamp.error.feature_not_supported')
  const changed = call(caller, 'p', { progress: true })
  caller.send([48, changed, {}, 'plain'])
  await caller.aborts()
  call(plain, 'p', { progress: true })
  await plain.aborts()
})

conformance('90', 'a CALL with the id of one that is under way', async (router) => {
  const { callee, caller } = await pair(router)
  await register(callee, 'p')
  const request = call(caller, 'p')
  await invocation(callee)
  caller.send([48, request, {}, 'p'])
  await caller.aborts()
  const { id } = { id: 1 }
  await callee.gets([69, id, { mode: 'killnowait', reason: canceled }])
})

conformance(91, 'rerouting', async (router) => {
  const caller = await router.client()
  const callees = []
  for (let i = 0; i < 3; i++) {
    const callee = await router.client(everyFeature)
    await register(callee, 'p', { invoke: 'roundrobin' })
    callees.push(callee)
  }
  const unavailable = 'wamp.error.unavailable'
  const request = call(caller, 'p', {}, ['kept'])
  for (const [i, callee] of callees.entries()) {
    const { id, args } = await invocation(callee)
    assert.deepEqual(args, ['kept'])
    if (i < 2) fail(callee, id, unavailable)
    else answer(callee, id, ['third'])
  }
  await caller.gets([50, request, {}, ['third']])
  const none = call(caller, 'p')
  for (const callee of callees) fail(callee, (await invocation(callee)).id, unavailable)
  assert.equal(await callError(caller, none), 'wamp.error.no_available_callee')
  // Who did not announce it means what it says.
  const plain = await router.client()
  await register(plain, 'q')
  const said = call(caller, 'q')
  fail(plain, (await invocation(plain)).id, unavailable)
  assert.equal(await callError(caller, said), unavailable)
})

conformance(92, 'packed payloads pass unopened', async (router) => {
  const callee = await router.client({ ...everyFeature, serializer: 'cbor' })
  const caller = await router.client({ ...everyFeature, serializer: 'msgpack' })
  await register(callee, 'p')
  const ppt = { ppt_scheme: 'x_own', ppt_serializer: 'cbor', ppt_keyid: 'k' }
  const packed = Uint8Array.of(0, 255, 1, 128)
  const request = call(caller, 'p', ppt, [packed])
  const { id, details, args } = await invocation(callee)
  assert.deepEqual(details, ppt)
  assert.deepEqual(Buffer.from((args as Uint8Array[])[0] ?? []), Buffer.from(packed))
  callee.send([70, id, ppt, [packed]])
  const result = await caller.next()
  assert.deepEqual(result.slice(0, 3), [50, request, ppt])
  const again = call(caller, 'p', ppt, [packed])
  const second = await invocation(callee)
  callee.send([8, 68, second.id, ppt, 'com.example.error', [packed]])
  const error = await caller.next()
  assert.deepEqual(error.slice(0, 5), [8, 48, again, ppt, 'com.example.error'])
  // A callee, and a caller, that did not announce it.
  const plain = await router.client()
  await register(plain, 'plain')
  const lacking = call(caller, 'plain', ppt, [packed])
  assert.equal(await callError(caller, lacking), 'wamp.error.feature_not_supported')
  const unasked = call(plain, 'p')
  const third = await invocation(callee)
  callee.send([70, third.id, ppt, [packed]])
  assert.equal(await callError(plain, unasked), 'wamp.error.feature_not_supported')
  call(plain, 'p', ppt, ['x'])
  await plain.aborts()
})

conformance('37', 'an answer, and a call, that their receiver does not take', async (router) => {
  const callee = await router.client()
  const caller = await router.client({ lengthCode: 2 })
  await register(callee, 'p')
  const request = call(caller, 'p')
  answer(callee, (await invocation(callee)).id, ['x'.repeat(2_100)])
  assert.equal(await callError(caller, request), 'wamp.error.payload_size_exceeded')
  await register(caller, 'small')
  const large = call(callee, 'small', {}, ['x'.repeat(2_100)])
  assert.equal(await callError(callee, large), 'wamp.error.payload_size_exceeded')
  const fits = call(callee, 'small', {}, ['x'])
  const { id } = await invocation(caller)
  // Ids have no gap, whatever was not sent.
  assert.equal(id, 1)
  answer(caller, id)
  await callee.gets([50, fits, {}])
})

conformance(
  '21, 22',
  'ERROR of another type is a violation, of an unknown invocation not',
  async (router) => {
    const client = await router.client()
    fail(client, 4_711, 'com.example.error')
    answer(client, 4_711)
    await client.quiet()
    client.send([8, 48, 1, {}, 'com.example.error'])
    await client.aborts()
    for (const message of [
      [50, 1, {}],
      [68, 1, 1, {}],
      [65, 1, 1],
      [69, 1, {}],
    ]) {
      const other = await router.client()
      other.send(message)
      await other.aborts()
    }
  },
)

conformance('12', 'a transport that is cut frees what was registered', async (router) => {
  const { callee, caller } = await pair(router)
  await register(callee, 'p')
  callee.socket.resetAndDestroy()
  await once(callee.socket, 'close')
  await router.pass(1_000)
  await register(caller, 'p')
})

conformance(
  '118',
  'a caller that does not read its answers is not read from, and loses none of them',
  async (router) => {
    const { callee, caller } = await pair(router)
    await register(callee, 'p')
    caller.socket.pause()
    const large = 'x'.repeat(50_000)
    const requests = Array.from({ length: 200 }, (_, i) => call(caller, 'p', {}, [i]))
    const serve = async () => {
      for (let i = 0; i < requests.length; i++) {
        const { id, args } = await invocation(callee)
        answer(callee, id, args, { large })
      }
    }
    const served = serve()
    // The callee is idle: what was read of the caller has been answered.
    await router.pass(1_000)
    caller.socket.resume()
    for (const [i, request] of requests.entries()) {
      assert.deepEqual(await caller.next(), [50, request, {}, [i], { large }])
    }
    await served
    const last = call(caller, 'p')
    answer(callee, (await invocation(callee)).id)
    await caller.gets([50, last, {}])
  },
  { config: { outboxBytes: 65_536 } },
)
