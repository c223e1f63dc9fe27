/** The procedures and topics below `wamp.` of spec/wamp 15: cases 93 to 97. */

import assert from 'node:assert/strict'

import {
  answer,
  call,
  callError,
  type Dict,
  everyFeature,
  invocation,
  meta,
  metaError,
  register,
} from './callee.ts'
import type { Json, RawClient } from './raw-client.ts'
import { conformance } from './router.ts'

const noSuchSession = 'wamp.error.no_such_session'
const invalidArgument = 'wamp.error.invalid_argument'

/** A session is told to go, and goes. */
const ends = async (client: RawClient, reason: string, details: Dict) => {
  assert.deepEqual(await client.next(), [6, details, reason])
  client.send([6, {}, 'wamp.close.goodbye_and_out'])
  await client.closes()
}

function textOf(value: Json | undefined): string {
  assert.ok(typeof value === 'string')
  return value
}

function dictOf(value: Json): Dict {
  assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value))
  return value as Dict
}

conformance('93', 'who is here', async (router) => {
  const [one, other] = [await router.client(), await router.client({ details: { agent: 'x/1' } })]
  assert.equal(await meta(one, 'wamp.session.count'), 2)
  assert.equal(await meta(one, 'wamp.session.count', [['anonymous']]), 2)
  assert.equal(await meta(one, 'wamp.session.count', [['admin']]), 0)
  assert.deepEqual(await meta(one, 'wamp.session.list'), [one.session, other.session])
  assert.deepEqual(await meta(one, 'wamp.session.list', [['admin', 'x']]), [])
  const { authid, authrole, authmethod, authprovider } = other.welcome
  const about = dictOf(await meta(one, 'wamp.session.get', [other.session]))
  const { transport, ...rest } = about
  assert.deepEqual(rest, {
    session: other.session,
    authid,
    authrole,
    authmethod,
    authprovider,
    agent: 'x/1',
    dropped: 0,
  })
  assert.equal(dictOf(transport ?? null)['type'], 'rawsocket')
  assert.equal(await metaError(one, 'wamp.session.get', [4_711]), noSuchSession)
  for (const wrong of [[], ['x'], [1.5], [null], [{}]]) {
    assert.equal(await metaError(one, 'wamp.session.get', wrong), invalidArgument)
  }
  assert.equal(await metaError(one, 'wamp.session.count', ['admin']), invalidArgument)
  assert.equal(await metaError(one, 'wamp.session.unheard_of'), 'wamp.error.no_such_procedure')
})

conformance('94', 'who comes and goes is told to the others', async (router) => {
  const watcher = await router.client()
  const joined = await watcher.subscribe('wamp.session.on_join')
  const left = await watcher.subscribe('wamp.session.on_leave')
  const guest = await router.client()
  const { args } = await watcher.event(joined)
  const [about] = args as Json[]
  assert.equal(dictOf(about ?? null)['session'], guest.session)
  await guest.end()
  const gone = await watcher.event(left)
  const { authid, authrole } = guest.welcome
  assert.deepEqual(gone.args, [guest.session, authid, authrole])
  await watcher.quiet()
})

conformance('95', 'kill', async (router) => {
  const killer = await router.client()
  let victim = await router.client()
  const kill = (client: RawClient, kwargs: Dict) =>
    meta(killer, 'wamp.session.kill', [client.session], kwargs)
  await kill(victim, { reason: 'com.example.out', message: 'go' })
  await ends(victim, 'com.example.out', { message: 'go' })
  victim = await router.client()
  await kill(victim, {})
  await ends(victim, 'wamp.close.killed', {})
  for (const id of [killer.session, victim.session, 4_711]) {
    assert.equal(await metaError(killer, 'wamp.session.kill', [id]), noSuchSession)
  }
  victim = await router.client()
  const badReason = metaError(killer, 'wamp.session.kill', [victim.session], { reason: 'a b' })
  assert.equal(await badReason, 'wamp.error.invalid_uri')
  const { authid } = victim.welcome
  const byAuthid = meta(killer, 'wamp.session.kill_by_authid', [authid ?? ''])
  assert.deepEqual(await byAuthid, [victim.session])
  await ends(victim, 'wamp.close.killed', {})
  const victims = [await router.client(), await router.client()]
  assert.equal(await meta(killer, 'wamp.session.kill_by_authrole', ['anonymous']), 2)
  for (const each of victims) await ends(each, 'wamp.close.killed', {})
  const watcher = await router.client()
  const left = await killer.subscribe('wamp.session.on_leave')
  assert.equal(await meta(killer, 'wamp.session.kill_all'), 1)
  await ends(watcher, 'wamp.close.killed', {})
  assert.ok(left > 0)
  await killer.quiet()
})

conformance('96', 'registrations', async (router) => {
  const watcher = await router.client()
  const topics = ['on_create', 'on_register', 'on_unregister', 'on_delete']
  const ids: number[] = []
  for (const topic of topics) ids.push(await watcher.subscribe(`wamp.registration.${topic}`))
  const [created = 0, joined = 0] = ids
  const [one, other] = [await router.client(everyFeature), await router.client(everyFeature)]
  const registration = await register(one, 'a.b', { invoke: 'roundrobin' })
  const made = (await watcher.event(created)).args as Json[]
  const about = dictOf(made[1] ?? null)
  assert.equal(made[0], one.session)
  const { created: at, ...rest } = about
  assert.match(textOf(at), /^\d{4}-\d\d-\d\dT/)
  assert.deepEqual(rest, { id: registration, uri: 'a.b', match: 'exact', invoke: 'roundrobin' })
  assert.deepEqual((await watcher.event(joined)).args, [one.session, registration])
  await register(other, 'a.b', { invoke: 'roundrobin' })
  assert.deepEqual((await watcher.event(joined)).args, [other.session, registration])
  const prefix = await register(one, 'a', { match: 'prefix' })
  const wildcard = await register(one, 'x..y', { match: 'wildcard' })
  const told: Json[] = []
  for (let i = 0; i < 4; i++) told.push((await watcher.next())[1] ?? null)
  assert.deepEqual(told, [created, joined, created, joined])
  const r = 'wamp.registration'
  assert.deepEqual(await meta(watcher, `${r}.list`), {
    exact: [registration],
    prefix: [prefix],
    wildcard: [wildcard],
  })
  assert.deepEqual(await meta(watcher, `${r}.list`, [other.session]), {
    exact: [registration],
    prefix: [],
    wildcard: [],
  })
  assert.equal(await meta(watcher, `${r}.lookup`, ['a.b']), registration)
  assert.equal(await meta(watcher, `${r}.lookup`, ['a', { match: 'prefix' }]), prefix)
  assert.equal(await meta(watcher, `${r}.lookup`, ['a']), null)
  assert.equal(await meta(watcher, `${r}.match`, ['a.b']), registration)
  assert.equal(await meta(watcher, `${r}.match`, ['a.c']), prefix)
  assert.equal(await meta(watcher, `${r}.match`, ['b']), null)
  assert.deepEqual(await meta(watcher, `${r}.get`, [registration]), about)
  const sessions = [one.session, other.session]
  assert.deepEqual(await meta(watcher, `${r}.list_callees`, [registration]), sessions)
  assert.equal(await meta(watcher, `${r}.count_callees`, [registration]), 2)
  for (const what of ['get', 'list_callees', 'count_callees', 'remove_callee']) {
    const error = await metaError(watcher, `${r}.${what}`, [4_711, 1])
    assert.equal(error, 'wamp.error.no_such_registration')
  }
  assert.equal(await metaError(watcher, `${r}.lookup`), invalidArgument)
  assert.equal(await metaError(watcher, `${r}.lookup`, ['a', { match: 'x' }]), invalidArgument)
})

conformance('96', 'a callee that is removed, and the last one that leaves', async (router) => {
  const [watcher, one] = [await router.client(), await router.client(everyFeature)]
  const other = await router.client()
  const registration = await register(one, 'p', { invoke: 'first' })
  await register(other, 'p', { invoke: 'first' })
  const left = await watcher.subscribe('wamp.registration.on_unregister')
  const deleted = await watcher.subscribe('wamp.registration.on_delete')
  const reason = 'com.example.enough'
  const request = call(
    watcher,
    'wamp.registration.remove_callee',
    {},
    [registration, one.session],
    { reason },
  )
  assert.deepEqual((await watcher.event(left)).args, [one.session, registration])
  await watcher.gets([50, request, {}])
  await one.gets([67, 0, { registration, reason }])
  other.send([66, 9, registration])
  await other.gets([67, 9])
  assert.deepEqual((await watcher.event(left)).args, [other.session, registration])
  assert.deepEqual((await watcher.event(deleted)).args, [other.session, registration])
  assert.equal(await callError(one, call(one, 'p')), 'wamp.error.no_such_procedure')
})

conformance('97', 'subscriptions', async (router) => {
  const [one, other] = [await router.client(everyFeature), await router.client()]
  const exact = await one.subscribe('a.b')
  await other.subscribe('a.b')
  const prefix = await one.subscribe('a', { match: 'prefix' })
  const wildcard = await one.subscribe('x..y', { match: 'wildcard' })
  const s = 'wamp.subscription'
  assert.deepEqual(await meta(other, `${s}.list`), {
    exact: [exact],
    prefix: [prefix],
    wildcard: [wildcard],
  })
  assert.deepEqual(await meta(other, `${s}.list`, [other.session]), {
    exact: [exact],
    prefix: [],
    wildcard: [],
  })
  assert.equal(await meta(other, `${s}.lookup`, ['x..y', { match: 'wildcard' }]), wildcard)
  assert.equal(await meta(other, `${s}.lookup`, ['x..y']), null)
  assert.deepEqual(await meta(other, `${s}.match`, ['a.b']), [exact, prefix])
  assert.equal(await meta(other, `${s}.match`, ['b']), null)
  const { created, ...rest } = dictOf(await meta(other, `${s}.get`, [exact]))
  assert.match(textOf(created), /^\d{4}-\d\d-\d\dT/)
  assert.deepEqual(rest, { id: exact, uri: 'a.b', match: 'exact' })
  const sessions = [one.session, other.session]
  assert.deepEqual(await meta(other, `${s}.list_subscribers`, [exact]), sessions)
  assert.equal(await meta(other, `${s}.count_subscribers`, [exact]), 2)
  for (const what of ['get', 'list_subscribers', 'count_subscribers', 'remove_subscriber']) {
    const error = await metaError(other, `${s}.${what}`, [4_711, 1])
    assert.equal(error, 'wamp.error.no_such_subscription')
  }
  const reason = 'com.example.enough'
  await meta(other, `${s}.remove_subscriber`, [exact, one.session], { reason })
  await one.gets([35, 0, { subscription: exact, reason }])
  assert.equal(await meta(other, `${s}.count_subscribers`, [exact]), 1)
})

conformance(
  '13',
  'what is told of one realm is not told in another',
  async (router) => {
    const [here, there] = [await router.client(), await router.client({ realm: 'other' })]
    await here.subscribe('wamp.registration.on_create')
    await here.subscribe('wamp.session.on_join')
    await register(there, 'p')
    await router.client({ realm: 'other' })
    assert.equal(await meta(here, 'wamp.session.count'), 1)
    assert.equal(await meta(here, 'wamp.registration.lookup', ['p']), null)
    await here.quiet()
  },
  { config: { realms: [{ name: 'realm1' }, { name: 'other' }] } },
)

conformance(
  '10',
  "the router's own procedures do not count, and calls of them are calls",
  async (router) => {
    const client = await router.client({ serializer: 'cbor' })
    const empty = { exact: [], prefix: [], wildcard: [] }
    assert.deepEqual(await meta(client, 'wamp.registration.list'), empty)
    const registration = await register(client, 'p')
    assert.equal(registration, 1)
    const request = call(client, 'p')
    answer(client, (await invocation(client)).id)
    await client.gets([50, request, {}])
    assert.equal(router.bus.counters.callsMade, 2)
  },
)
