// Cases 98 to 102 of spec/wamp 15: testaments, and the history of subscriptions.

import assert from 'node:assert/strict'
import { parseTopicFilter } from '../../../src/model/topic-filter.ts'
import { conformance } from './router.ts'
import type { Json, RawClient } from './raw-client.ts'

async function call(
  client: RawClient,
  procedure: string,
  args: Json,
  kwargs?: Json,
): Promise<Json[]> {
  const request = client.nextRequest
  client.send([48, request, {}, procedure, args, ...(kwargs === undefined ? [] : [kwargs])])
  const message = await client.next()
  assert.deepEqual(message.slice(0, 2), [50, request], JSON.stringify(message))
  return message.slice(3)
}

async function fails(client: RawClient, uri: string, procedure: string, args: Json, kwargs: Json) {
  const request = client.nextRequest
  client.send([48, request, {}, procedure, args, kwargs])
  await client.error(48, request, uri)
}

const getEvents = 'wamp.subscription.get_events'

/** Arguments of the events of the past. */
async function past(client: RawClient, id: number, query: Json = {}): Promise<Json[]> {
  const [events = []] = await call(client, getEvents, [id], query)
  return (events as { readonly args?: Json }[]).map(({ args }) => args)
}

conformance(
  '98',
  'testaments, when a connection is cut and when it says good-bye',
  async (router) => {
    const watcher = await router.client()
    const id = await watcher.subscribe('t.', { match: 'prefix' })
    for (const isCut of [true, false]) {
      const client = await router.client()
      const add = 'wamp.session.add_testament'
      assert.deepEqual(await call(client, add, ['t.a', [1], { k: 2 }]), [[1]])
      assert.deepEqual(await call(client, add, ['t.b', [2], {}], { scope: 'detached' }), [[1]])
      const options = { publish_options: { acknowledge: true, exclude_me: true } }
      assert.deepEqual(await call(client, add, ['t.c', [3]], options), [[2]])
      assert.deepEqual(await call(client, add, ['t.d', [4]], { scope: 'detached' }), [[2]])
      await fails(client, 'wamp.error.invalid_uri', add, ['wamp.x', []], {})
      await fails(client, 'wamp.error.invalid_argument', add, ['t.x', []], { scope: 'never' })
      await fails(client, 'wamp.error.invalid_argument', add, [5], {})
      const flush = 'wamp.session.flush_testaments'
      if (!isCut) assert.deepEqual(await call(client, flush, [], { scope: 'detached' }), [[2]])
      if (isCut) client.destroy()
      else client.send([6, {}, 'wamp.close.normal'])
      const got: Json[] = []
      for (let i = 0; i < (isCut ? 4 : 2); i++) {
        const { details, args, kwargs } = await watcher.event(id)
        got.push([details['topic'], args, kwargs])
      }
      const kept = [
        ['t.a', [1], { k: 2 }],
        ['t.c', [3], {}],
      ]
      const detached = [
        ['t.b', [2], {}],
        ['t.d', [4], {}],
      ]
      assert.deepEqual(got, isCut ? [...detached, ...kept] : kept)
    }
    await watcher.quiet()
  },
)

conformance('98', 'at most so many, and none when the daemon stops', async (router) => {
  const client = await router.client()
  for (let i = 0; i < 100; i++) await call(client, 'wamp.session.add_testament', ['t.a', [i]])
  await fails(client, 'wamp.error.not_authorized', 'wamp.session.add_testament', ['t.a', [1]], {})
  const watcher = await router.client()
  await watcher.subscribe('t.a')
  await router.shutDown()
  assert.equal((await watcher.next())[0], 6)
})

conformance('99, 102', 'what get_events answers', async (router) => {
  const client = await router.client()
  const ids: number[] = []
  const times: string[] = []
  for (let i = 0; i < 6; i++) {
    await router.pass(1_000)
    ids.push(await client.publishAcknowledged(i % 2 === 0 ? 'h.a' : 'h.b', [i]))
    times.push(new Date(router.clock.now()).toISOString())
    await client.publishAcknowledged('h.a', ['hidden'], {}, { exclude: [1] })
    client.publish('h.a', ['not stored'])
  }
  const exact = await client.subscribe('h.a')
  const prefix = await client.subscribe('h.', { match: 'prefix' })
  assert.deepEqual(await past(client, exact), [[0], [2], [4]])
  assert.deepEqual(await past(client, prefix), [[0], [1], [2], [3], [4], [5]])
  const cases: [query: { [key: string]: Json }, found: number[]][] = [
    [{ reverse: true }, [5, 4, 3, 2, 1, 0]],
    [{ limit: 2 }, [0, 1]],
    [{ limit: 2, reverse: true }, [5, 4]],
    [{ from_time: times[3] }, [3, 4, 5]],
    [{ after_time: times[3] }, [4, 5]],
    [{ until_time: times[1] }, [0, 1]],
    [{ before_time: times[1] }, [0]],
    [{ after_time: times[0], before_time: times[3], reverse: true }, [2, 1]],
    [{ topic: 'h.b' }, [1, 3, 5]],
    [{ from_publication: ids[4] }, [4, 5]],
    [{ after_publication: ids[4] }, [5]],
    [{ until_publication: ids[1] }, [0, 1]],
    [{ before_publication: ids[1] }, [0]],
    [{ after_publication: ids[1], until_publication: ids[4], reverse: true }, [4, 3, 2]],
    [{ from_publication: 5 }, []],
    [{ topic: 'h.none' }, []],
  ]
  for (const [query, found] of cases) {
    const expected = found.map((i) => [i])
    assert.deepEqual(await past(client, prefix, query), expected, JSON.stringify(query))
  }
  const [events] = await call(client, getEvents, [prefix], { limit: 1 })
  assert.deepEqual(events, [
    {
      timestamp: times[0],
      subscription: prefix,
      publication: ids[0],
      details: { topic: 'h.a' },
      args: [0],
    },
  ])
  await fails(client, 'wamp.error.no_such_subscription', getEvents, [99], {})
  for (const wrong of [{ limit: 0 }, { limit: 'x' }, { reverse: 1 }, { from_time: 'noon' }]) {
    await fails(client, 'wamp.error.invalid_argument', getEvents, [prefix], wrong)
  }
  await fails(client, 'wamp.error.invalid_argument', getEvents, [], {})
})

conformance(
  '99, unavailable',
  'of what is never stored there is no history',
  async (router) => {
    const client = await router.client()
    await client.publishAcknowledged('gone.a', [1])
    const id = await client.subscribe('gone.a')
    await fails(client, 'wamp.error.history_unavailable', getEvents, [id], {})
    const other = await client.subscribe('kept.a')
    assert.deepEqual(await past(client, other), [])
    const all = await client.subscribe('gone.', { match: 'prefix' })
    assert.deepEqual(await past(client, all), [])
  },
  { topicRules: [{ filter: parseTopicFilter('gone/#'), store: 'never' }] },
)

conformance('99', 'no more than fits one answer', async (router) => {
  const client = await router.client()
  for (let i = 0; i < 1_010; i++) client.publish('m', [i], {}, { acknowledge: true })
  for (let i = 0; i < 1_010; i++) await client.next()
  const id = await client.subscribe('m')
  const [events, kwargs] = await call(client, getEvents, [id], {})
  assert.equal((events as Json[]).length, 1_000)
  assert.deepEqual(kwargs, { more: true })
  const [newest] = await call(client, getEvents, [id], { reverse: true, limit: 3 })
  assert.deepEqual(
    (newest as { args: Json }[]).map(({ args }) => args),
    [[1_009], [1_008], [1_007]],
  )
})
