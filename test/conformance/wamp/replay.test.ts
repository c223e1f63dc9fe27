// Cases 100 to 103 and 111 to 114 of spec/wamp 15: the past of a subscription, and messages of other protocols.

import assert from 'node:assert/strict'
import { anonymous } from '../../../src/model/identity.ts'
import { noHeaders } from '../../../src/model/message.ts'
import { conformance, type Router } from './router.ts'
import type { Json } from './raw-client.ts'

async function publishByBus(
  { bus }: Router,
  topic: string,
  payload: string,
  headers: ReadonlyMap<string, string> = noHeaders,
): Promise<void> {
  const client = bus.connect(anonymous, { protocol: 'test' })
  await client.publish([{ topic, payload: Buffer.from(payload), headers }])
  client.close()
}

conformance('103', 'the past, then the present, without gap or repeat', async (router) => {
  const publisher = await router.client()
  for (let i = 0; i < 300; i++) publisher.publish('a.b', [i], {}, { acknowledge: true })
  const ids: Json[] = []
  for (let i = 0; i < 300; i++) ids.push((await publisher.next())[2])
  const subscriber = await router.client()
  for (let i = 300; i < 600; i++) publisher.publish('a.b', [i], {}, { acknowledge: true })
  const first = ids[99]
  const id = await subscriber.subscribe('a.b', { _replay: { after_publication: first ?? 0 } })
  for (let i = 600; i < 700; i++) publisher.publish('a.b', [i], {}, { acknowledge: true })
  let replayed = 0
  for (let i = 100; i < 700; i++) {
    const { args, details } = await subscriber.event(id)
    assert.deepEqual(args, [i])
    if (details['_replayed'] === true) replayed += 1
  }
  assert.ok(replayed >= 200)
  await subscriber.quiet()
})

conformance('103', 'so many of the newest, a prefix, own events', async (router) => {
  const publisher = await router.client()
  for (let i = 0; i < 20; i++) await publisher.publishAcknowledged(`p.${i % 2}`, [i])
  const id = await publisher.subscribe('p.', { match: 'prefix', _replay: { last: 3 } })
  await publisher.quiet()
  const other = await router.client()
  assert.equal(await other.subscribe('p.', { match: 'prefix', _replay: { last: 3 } }), id)
  for (let i = 17; i < 20; i++) {
    const { args, details } = await other.event(id)
    assert.deepEqual([args, details], [[i], { topic: `p.${i % 2}`, _replayed: true }])
  }
  publisher.publish('p.0', ['live'])
  assert.deepEqual((await other.event(id)).details, { topic: 'p.0' })
  other.send([32, 77, { _replay: { reverse: true } }, 'p.0'])
  await other.error(32, 77, 'wamp.error.invalid_argument')
})

conformance(
  '100',
  'the past after a restart has the same ids',
  async (router) => {
    const publisher = await router.client()
    const published = await publisher.publishAcknowledged('a', [1], { k: 2 })
    await publisher.publishAcknowledged('a', ['not stored'], {}, { exclude: [1] })
    await router.restart()
    const subscriber = await router.client({ serializer: 'cbor' })
    const id = await subscriber.subscribe('a', { _replay: {} })
    const { publication, args, kwargs } = await subscriber.event(id)
    assert.deepEqual([publication, args, kwargs], [published, [1], { k: 2 }])
    await subscriber.quiet()
  },
  { engine: 'lmdb' },
)

conformance('101, 112, 116', 'what other protocols publish', async (router) => {
  const client = await router.client()
  const id = await client.subscribe('a.b')
  const samples: [payload: string, headers: [string, string][], args: Json, kwargs: Json][] = [
    ['{"t":21}', [], [{ t: 21 }], {}],
    ['21.5', [], ['21.5'], {}],
    ['\u0001', [], ['\0AQ=='], {}],
    ['', [], [], {}],
    ['21.5', [['content-type', 'application/json']], [21.5], {}],
    [
      '{"args":[1],"kwargs":{"u":2}}',
      [
        ['wamp', 'b'],
        ['content-type', 'application/json'],
      ],
      [1],
      { u: 2 },
    ],
    ['nonsense', [['wamp', 'b']], ['nonsense'], {}],
  ]
  for (const [payload, headers, args, kwargs] of samples) {
    await publishByBus(router, 'a/b', payload, new Map(headers))
    const event = await client.event(id)
    assert.deepEqual([event.args, event.kwargs], [args, kwargs], payload)
  }
  const replayed = await client.subscribe('a.b', { _meta: true, _replay: { last: 1 } })
  assert.notEqual(replayed, id)
  const { details } = await client.event(replayed)
  assert.deepEqual(
    [details['_head_id'], details['_origin'], details['_replayed']],
    [samples.length, 'tenant/default/node-a', true],
  )
})

conformance('114', 'nobody else speaks below wamp.', async (router) => {
  const client = await router.client()
  await client.subscribe('wamp.session.on_join')
  const id = await client.subscribe('%77amp.session.on_join')
  await publishByBus(router, 'wamp/session/on_join', 'forged')
  assert.deepEqual((await client.event(id)).args, ['forged'])
  await client.quiet()
})

conformance(
  '118',
  'a subscriber that does not read loses nothing that is stored',
  async (router) => {
    const slow = await router.client()
    const id = await slow.subscribe('a')
    const publisher = await router.client()
    slow.socket.pause()
    const text = 'x'.repeat(20_000)
    const count = 400
    for (let i = 0; i < count; i++) {
      publisher.publish('a', [i, text], {}, { acknowledge: true })
      assert.equal((await publisher.next())[0], 17)
    }
    const [client] = router.bus.clients().filter(({ congested }) => congested)
    assert.ok(client !== undefined, 'it was full')
    assert.ok(client.queuedBytes < 2_000_000, `${client.queuedBytes}`)
    slow.socket.resume()
    for (let i = 0; i < count; i++) {
      const { args } = await slow.event(id)
      assert.deepEqual((args as Json[])[0], i)
    }
    await slow.quiet()
  },
  { config: { outboxBytes: 65_536 } },
)
