// Cases 37, 40 to 62 and 112 to 115 of spec/wamp 15: publish and subscribe.

import assert from 'node:assert/strict'
import { conformance } from './router.ts'
import type { Json, SerializerName } from './raw-client.ts'

const serializers: readonly SerializerName[] = ['json', 'msgpack', 'cbor']

conformance('40', 'arguments arrive as they were', async (router) => {
  for (const from of serializers) {
    for (const to of serializers) {
      const publisher = await router.client({ serializer: from })
      const subscriber = await router.client({ serializer: to })
      const topic = `a.${from}.${to}`
      const id = await subscriber.subscribe(topic)
      const samples: [Json[] | undefined, Json | undefined][] = [
        [undefined, undefined],
        [[1, 'two', { three: [3.5, null, true] }], undefined],
        [[], { only: 'kwargs' }],
        [['both'], { k: [1] }],
        [[''], undefined],
      ]
      for (const isAcknowledged of [false, true]) {
        for (const [args, kwargs] of samples) {
          if (isAcknowledged) await publisher.publishAcknowledged(topic, args, kwargs)
          else publisher.publish(topic, args, kwargs)
          const event = await subscriber.event(id)
          assert.deepEqual([event.args, event.kwargs], [args ?? [], kwargs ?? {}])
        }
      }
    }
  }
})

conformance('41', 'the publisher is not served unless it asks', async (router) => {
  const client = await router.client()
  const id = await client.subscribe('a')
  client.publish('a', [1])
  await client.publishAcknowledged('a', [2])
  await client.quiet()
  client.publish('a', [3], {}, { exclude_me: false })
  assert.deepEqual((await client.event(id)).args, [3])
  client.publish('a', [4], {}, { exclude_me: false, acknowledge: true })
  assert.deepEqual((await client.event(id)).args, [4])
  assert.equal((await client.next())[0], 17)
})

conformance('42', 'PUBLISHED and EVENT have one id', async (router) => {
  const subscriber = await router.client()
  const exact = await subscriber.subscribe('a.b')
  const prefix = await subscriber.subscribe('a', { match: 'prefix' })
  const publisher = await router.client()
  const published = await publisher.publishAcknowledged('a.b')
  const ids = [await subscriber.event(exact), await subscriber.event(prefix)]
  assert.deepEqual(
    ids.map(({ publication }) => publication),
    [published, published],
  )
  const unstored = await publisher.publishAcknowledged('a.b', [], {}, { _durable: false })
  assert.equal((await subscriber.event(exact)).publication, unstored)
})

conformance('43, 44, 50', 'URIs that are none', async (router) => {
  const client = await router.client()
  for (const uri of ['', 'a..b', 'a b', 'wamp.a', 'wamp', 'a.', '#']) {
    client.publish(uri, [1])
    const request = client.nextRequest
    client.send([16, request, { acknowledge: true }, uri])
    await client.error(16, request, 'wamp.error.invalid_uri')
  }
  client.sendBytes(String.raw`[16,99,{"acknowledge":true},"half.\ud800"]`)
  await client.error(16, 99, 'wamp.error.invalid_uri')
  await client.quiet()
})

conformance('45, 46, 47', 'subscribing twice, and to nothing', async (router) => {
  const client = await router.client()
  const other = await router.client()
  const id = await client.subscribe('a')
  assert.equal(await client.subscribe('a'), id)
  assert.equal(await other.subscribe('a'), id)
  assert.notEqual(await client.subscribe('a', { match: 'prefix' }), id)
  await client.unsubscribe(id)
  for (const [who, unknown] of [
    [client, id],
    [client, 99],
  ] as const) {
    const request = who.nextRequest
    who.send([34, request, unknown])
    await who.error(34, request, 'wamp.error.no_such_subscription')
  }
  other.publish('a', [1], {}, { exclude_me: false })
  assert.deepEqual((await other.event(id)).args, [1])
})

conformance('49', 'events of one publisher come in order', async (router) => {
  const subscriber = await router.client()
  await subscriber.subscribe('a', { match: 'prefix' })
  const publisher = await router.client()
  for (let i = 0; i < 500; i++) {
    publisher.publish(i % 3 === 0 ? 'a.x' : 'a.y', [i], {}, { acknowledge: i % 7 === 0 })
  }
  for (let i = 0; i < 500; i++) assert.deepEqual((await subscriber.next())[4], [i])
})

conformance('51, 52', 'prefixes and wildcards', async (router) => {
  const publisher = await router.client()
  const cases: [string, string, string[], string[]][] = [
    ['prefix', 'a.b', ['a.b', 'a.b.c', 'a.bc'], ['a', 'b.a.b']],
    ['prefix', 'a.b.', ['a.b.c'], ['a.b', 'a.bc']],
    ['prefix', '', ['a', 'x.y'], ['$sys.x']],
    ['wildcard', 'a..c', ['a.b.c', 'a.x.c'], ['a.c', 'a.b.b.c', 'a.b.d']],
    ['wildcard', '.b', ['a.b'], ['a.b.c', '$x.b']],
    ['wildcard', '..', ['a.b.c'], ['a.b']],
    ['wildcard', '', ['a'], ['a.b']],
    ['wildcard', 'a.', ['a.b'], ['a', 'a.b.c']],
  ]
  for (const [match, pattern, hits, misses] of cases) {
    const subscriber = await router.client()
    const id = await subscriber.subscribe(pattern, { match })
    for (const topic of misses) await publisher.publishAcknowledged(topic)
    for (const topic of hits) {
      publisher.publish(topic)
      assert.deepEqual((await subscriber.event(id)).details, { topic }, `${match} ${pattern}`)
      await publisher.publishAcknowledged(topic)
      assert.deepEqual((await subscriber.event(id)).details, { topic }, `${match} ${pattern}`)
    }
    await subscriber.quiet()
    await subscriber.end()
  }
})

conformance('53', 'one publication, three subscriptions', async (router) => {
  const client = await router.client()
  const ids = [
    await client.subscribe('a.b.c'),
    await client.subscribe('a.', { match: 'prefix' }),
    await client.subscribe('a..c', { match: 'wildcard' }),
  ]
  client.publish('a.b.c', [1], {}, { exclude_me: false })
  const events = [await client.next(), await client.next(), await client.next()]
  assert.deepEqual(new Set(events.map((event) => event[1])), new Set(ids))
  assert.equal(new Set(events.map((event) => event[2])).size, 1)
  for (const [, subscription, , details] of events) {
    assert.deepEqual(details, subscription === ids[0] ? {} : { topic: 'a.b.c' })
  }
})

conformance('54', 'a match that is none', async (router) => {
  const client = await router.client()
  client.send([32, 1, { match: 'regex' }, 'a'])
  await client.error(32, 1, 'wamp.error.invalid_argument')
})

conformance('55', 'who is to receive it, and who is not', async (router) => {
  const [publisher, one, other] = [
    await router.client(),
    await router.client(),
    await router.client(),
  ]
  const id = await one.subscribe('a')
  await other.subscribe('a')
  const { authid } = one.welcome
  assert(typeof authid === 'string')
  const cases: [{ [key: string]: Json }, boolean, boolean][] = [
    [{ eligible: [one.session] }, true, false],
    [{ eligible: one.session }, true, false],
    [{ eligible: [] }, false, false],
    [{ exclude: [one.session, 5] }, false, true],
    [{ eligible_authid: [authid] }, true, false],
    [{ exclude_authid: authid }, false, true],
    [{ eligible_authrole: ['anonymous'] }, true, true],
    [{ exclude_authrole: ['anonymous'] }, false, false],
    [{ eligible: [one.session], exclude_authid: [authid] }, false, false],
  ]
  for (const [i, [options, toOne, toOther]] of cases.entries()) {
    await publisher.publishAcknowledged('a', [i], {}, options)
    for (const [who, isMeant] of [
      [one, toOne],
      [other, toOther],
    ] as const) {
      if (isMeant) assert.deepEqual((await who.event(id)).args, [i])
      else await who.quiet()
    }
  }
  assert.equal(router.bus.store?.lastSequence, 0, 'nothing of it is stored')
})

conformance('56', 'who published it', async (router) => {
  const subscriber = await router.client()
  const id = await subscriber.subscribe('a')
  const publisher = await router.client()
  for (const acknowledge of [false, true]) {
    publisher.publish('a', [], {}, { disclose_me: true, acknowledge })
    assert.deepEqual((await subscriber.event(id)).details, {
      publisher: publisher.session,
      publisher_authid: publisher.welcome['authid'],
      publisher_authrole: 'anonymous',
    })
    publisher.publish('a', [], {}, { acknowledge })
    assert.deepEqual((await subscriber.event(id)).details, {})
  }
})

conformance(
  '56, never',
  'a realm that tells nobody',
  async (router) => {
    const client = await router.client()
    client.send([16, 1, { disclose_me: true, acknowledge: true }, 'a'])
    await client.error(16, 1, 'wamp.error.option_disallowed.disclose_me')
    client.send([16, 2, { disclose_me: true }, 'a'])
    await client.quiet()
  },
  { config: { realms: [{ name: 'realm1', disclose: 'never' }] } },
)

conformance(
  '57, 58',
  'retained events',
  async (router) => {
    const publisher = await router.client()
    for (const acknowledge of [false, true]) {
      publisher.publish('r.a', [`${acknowledge}`], { k: 1 }, { retain: true, acknowledge })
      publisher.publish('r.b', [2], {}, { retain: true, acknowledge: true })
      if (acknowledge) await publisher.next()
      await publisher.next()
      const plain = await router.client()
      await plain.subscribe('r.a')
      await plain.quiet()
      const asking = await router.client()
      const id = await asking.subscribe('r.a', { get_retained: true })
      const { args, kwargs, details } = await asking.event(id)
      assert.deepEqual([args, kwargs, details], [[`${acknowledge}`], { k: 1 }, { retained: true }])
      const all = await asking.subscribe('r.', { match: 'prefix', get_retained: true })
      assert.deepEqual((await asking.event(all)).details, { topic: 'r.a', retained: true })
      assert.deepEqual((await asking.event(all)).details, { topic: 'r.b', retained: true })
    }
    await publisher.publishAcknowledged('r.c', [1], {}, { retain: true, eligible: [1] })
    await router.restart()
    const late = await router.client()
    const id = await late.subscribe('r.', { match: 'prefix', get_retained: true })
    assert.deepEqual((await late.event(id)).args, ['true'])
    assert.deepEqual((await late.event(id)).args, [2])
    await late.quiet()
    await late.publishAcknowledged('r.a', undefined, undefined, { retain: true })
    const last = await late.subscribe('r.a', { get_retained: true })
    assert.ok(last > 0)
    await late.quiet()
  },
  { engine: 'lmdb' },
)

conformance('59', 'numbers as they were written', async (router) => {
  const publisher = await router.client()
  const topic = 'numbers'
  const text = '[12345678901234567890,1.0,-0.5e3,9007199254740993]'
  const readers = new Map<SerializerName, Awaited<ReturnType<typeof router.client>>>()
  for (const serializer of serializers) {
    const reader = await router.client({ serializer })
    await reader.subscribe(topic)
    readers.set(serializer, reader)
  }
  for (const acknowledge of [false, true]) {
    publisher.sendBytes(`[16,1,{"acknowledge":${acknowledge}},"${topic}",${text}]`)
    const bytes = new Map<SerializerName, Buffer>()
    for (const [serializer, reader] of readers) bytes.set(serializer, await reader.nextBytes())
    assert.ok(bytes.get('json')?.toString().endsWith(`${text}]`))
    const packed = bytes.get('msgpack')?.toString('hex') ?? ''
    assert.ok(
      packed.endsWith('94cfab54a98ceb1f0ad2cb3ff0000000000000cbc07f400000000000cf0020000000000001'),
    )
    const cbor = bytes.get('cbor')?.toString('hex') ?? ''
    assert.ok(
      cbor.endsWith('841bab54a98ceb1f0ad2fb3ff0000000000000fbc07f4000000000001b0020000000000001'),
    )
  }
})

conformance('60', 'binary in every serializer', async (router) => {
  const octets = Buffer.from('10e3ff9053075c526f5fc06d4fe37cdb', 'hex')
  const asText = '\0EOP/kFMHXFJvX8BtT+N82w=='
  const valueIn = (serializer: SerializerName): Json =>
    serializer === 'json' ? asText : new Uint8Array(octets)
  for (const from of serializers) {
    for (const to of serializers) {
      const publisher = await router.client({ serializer: from })
      const subscriber = await router.client({ serializer: to })
      const id = await subscriber.subscribe('bin')
      for (const acknowledge of [false, true]) {
        publisher.publish('bin', [valueIn(from), { x: [valueIn(from)] }], {}, { acknowledge })
        const both = await subscriber.event(id)
        assert.deepEqual(plain(both.args), plain([valueIn(to), { x: [valueIn(to)] }]))
        publisher.publish('bin', [valueIn(from)], {}, { acknowledge })
        assert.deepEqual(plain((await subscriber.event(id)).args), plain([valueIn(to)]))
      }
      await subscriber.end()
    }
  }
})

const plain = (value: Json) => JSON.parse(JSON.stringify(value, toHex)) as Json

function toHex(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? `hex ${Buffer.from(value).toString('hex')}` : value
}

conformance('62', 'a payload that is broken reaches nobody', async (router) => {
  const subscriber = await router.client()
  await subscriber.subscribe('a')
  for (const text of ['[1,]', '[tru]', '["\\x"]', '[1', '["a\nb"]', '[1.]', '[+1]']) {
    const publisher = await router.client()
    publisher.sendBytes(`[16,1,{},"a",${text}]`)
    await publisher.aborts()
  }
  await subscriber.quiet()
})

conformance('37', 'an event that is larger than the client takes', async (router) => {
  const small = await router.client({ lengthCode: 2 })
  const id = await small.subscribe('a')
  const publisher = await router.client()
  publisher.publish('a', ['x'.repeat(3_000)])
  await publisher.publishAcknowledged('a', ['fits'])
  assert.deepEqual((await small.event(id)).args, ['fits'])
})

conformance('92', 'payloads that are passed through', async (router) => {
  const details = { roles: { publisher: { features: { payload_passthru_mode: true } } } }
  const options = { ppt_scheme: 'x_own', ppt_serializer: 'cbor', ppt_keyid: 'k' }
  const octets = new Uint8Array([0, 255, 1])
  for (const acknowledge of [false, true]) {
    const subscriber = await router.client({ serializer: 'cbor' })
    const id = await subscriber.subscribe('p')
    const publisher = await router.client({ serializer: 'msgpack', details })
    publisher.publish('p', [octets], undefined, { ...options, acknowledge })
    const event = await subscriber.event(id)
    assert.deepEqual(event.details, options)
    assert.deepEqual(event.args, [octets])
    const other = await router.client({ serializer: 'msgpack' })
    other.publish('p', [octets], undefined, { ...options, acknowledge })
    await other.aborts()
  }
})
