// Cases 1 to 26 of spec/wamp 15: sessions, and messages that are not allowed.

import assert from 'node:assert/strict'
import { conformance } from './router.ts'
import { type Json, pack, type SerializerName, violation } from './raw-client.ts'

const serializers: readonly SerializerName[] = ['json', 'msgpack', 'cbor']
const roles = { subscriber: {} }

conformance('1, 14, 15', 'WELCOME says who one is and what there is', async (router) => {
  for (const serializer of serializers) {
    const client = await router.open(serializer)
    await client.join('realm1', { authmethods: [] })
    assert.ok(client.session >= 1 && client.session <= 2 ** 53)
    const { roles: offered, authid, authrole, authmethod, authprovider, realm } = client.welcome
    const { broker, dealer } = offered as Record<string, { features: Record<string, boolean> }>
    assert.equal(broker?.features['publisher_exclusion'], true)
    assert.ok(dealer?.features !== undefined)
    assert.equal(typeof authid, 'string')
    assert.deepEqual(
      [authrole, authmethod, authprovider, realm],
      ['anonymous', 'anonymous', 'static', 'realm1'],
    )
  }
})

conformance('2', 'a realm that is not there', async (router) => {
  const client = await router.open()
  client.send([1, 'nowhere', { roles }])
  await client.aborts('wamp.error.no_such_realm')
})

conformance('3', 'no role', async (router) => {
  for (const none of [{}, { dancer: {} }]) {
    const client = await router.open()
    client.send([1, 'realm1', { roles: none }])
    await client.aborts('wamp.error.no_such_role')
  }
})

conformance('4, 6', 'what is no HELLO', async (router) => {
  const messages: Json[][] = [
    [1, 5, { roles }],
    [16, 1, {}, 'a.b'],
    [6, {}, 'wamp.close.normal'],
    [32, 1, {}, 'a'],
    [5, '', {}],
  ]
  for (const message of messages) {
    const client = await router.open()
    client.send(message)
    await client.aborts()
  }
})

conformance('5', 'a second HELLO', async (router) => {
  const client = await router.client()
  client.send([1, 'realm1', { roles }])
  await client.aborts()
})

conformance('7', 'ABORT before HELLO', async (router) => {
  const client = await router.open()
  client.send([3, {}, 'wamp.error.whatever'])
  await client.closes()
})

conformance('8', 'no HELLO in time', async (router) => {
  const client = await router.open()
  await router.pass(9_500)
  client.frame(1, Buffer.from('x'))
  await router.pass(1_000)
  await assert.rejects(client.nextBytes())
})

conformance('9', 'GOODBYE, and another session', async (router) => {
  const client = await router.client()
  const first = client.session
  client.send([6, {}, 'wamp.close.normal'])
  await client.gets([6, {}, 'wamp.close.goodbye_and_out'])
  await client.join()
  assert.notEqual(client.session, first)
  client.send([6, {}, 'wamp.close.normal'])
  await client.gets([6, {}, 'wamp.close.goodbye_and_out'])
  await router.pass(5_500)
  await client.closes()
})

conformance('10', 'PUBLISH behind GOODBYE is not routed', async (router) => {
  const other = await router.client()
  await other.subscribe('a')
  const client = await router.client()
  client.send([6, {}, 'wamp.close.normal'])
  client.publish('a', [1])
  await client.gets([6, {}, 'wamp.close.goodbye_and_out'])
  await client.aborts()
  await other.quiet()
})

conformance('11', 'the router stops', async (router) => {
  const client = await router.client()
  await router.shutDown()
  const message = await client.next()
  assert.deepEqual([message[0], message[2]], [6, 'wamp.close.system_shutdown'])
  client.send([6, {}, 'wamp.close.goodbye_and_out'])
  await client.closes()
})

conformance('12', 'a transport that is cut', async (router) => {
  const watcher = await router.client()
  const left = await watcher.subscribe('wamp.session.on_leave')
  const client = await router.client()
  await client.subscribe('a')
  client.destroy()
  const { args } = await watcher.event(left)
  assert.equal((args as Json[])[0], client.session)
  assert.equal(router.bus.clients().length, 1)
})

conformance(
  '13',
  'nothing crosses from realm to realm but what is on the bus',
  async (router) => {
    const watcher = await router.client({ realm: 'a' })
    await watcher.subscribe('wamp.', { match: 'prefix' })
    const client = await router.client({ realm: 'b' })
    await client.subscribe('x')
    await client.end()
    await watcher.quiet()
  },
  { config: { realms: [{ name: 'a' }, { name: 'b' }] } },
)

const malformed: readonly Json[][] = [
  [],
  [99],
  [32],
  [32, 1, {}],
  [32, 1, {}, 'a', 1],
  [32, 1, [], 'a'],
  [32, 1, {}, 7],
  [16, 1, {}, 'a', { x: 1 }],
  [16, 1, {}, 'a', [], []],
  [16, 1, {}, 'a', [], {}, 1],
  [32, '1', {}, 'a'],
  [32, 0, {}, 'a'],
  [32, -1, {}, 'a'],
  [32, 9_007_199_254_740_994, {}, 'a'],
  [32, 1.5, {}, 'a'],
  [300, 1],
  [8, 48, 1, {}, 'a.error'],
  [36, 1, 1, {}],
  [50, 1, {}],
  [2, 1, {}],
  [68, 1, 1, {}],
  [5, '', {}],
  [32, 1, { match: 5 }, 'a'],
  [16, 1, { acknowledge: 1 }, 'a'],
  [16, 1, { exclude: 'x' }, 'a'],
]

conformance('16, 17, 20, 21, 22, 23', 'messages that are not allowed', async (router) => {
  for (const serializer of serializers) {
    for (const message of malformed) {
      const client = await router.client({ serializer })
      client.send(message)
      await client.aborts(violation)
    }
  }
  for (const text of ['{}', '"x"', '5', '', '[32,1,{},"a"', '[32,1,{},"a"]x', '[32,01,{},"a"]']) {
    const client = await router.client()
    client.sendBytes(text)
    await client.aborts(violation)
  }
  const client = await router.client()
  client.sendBytes(Buffer.from([...Buffer.from('[32,1,{},"'), 0xc3, 0x28, 0x22, 0x5d]))
  await client.aborts(violation)
})

conformance('18, 19', 'keys that are not known, and values that are none', async (router) => {
  for (const serializer of serializers) {
    const client = await router.client({ serializer })
    await client.subscribe('a', { _own: [1], whatever: { x: null }, nkey: null, match: null })
    await client.publishAcknowledged('b', [], {}, { zzz: 'x', exclude_me: null })
  }
})

conformance('20', 'an id that is a float comes back as an integer', async (router) => {
  const client = await router.client({ serializer: 'msgpack' })
  client.sendBytes(Buffer.from('9420cb3ff000000000000080a3612e62', 'hex'))
  assert.equal((await client.nextBytes()).toString('hex'), '93210101')
})

conformance('21', 'late answers', async (router) => {
  const client = await router.client()
  client.send([8, 68, 7, {}, 'a.error'])
  client.send([70, 9, {}])
  client.send([49, 5, {}])
  await client.quiet()
})

conformance('24', 'ids are integers on the wire', async (router) => {
  for (const serializer of ['msgpack', 'cbor'] as const) {
    const client = await router.open(serializer)
    client.sendBytes(pack(serializer, [1, 'realm1', { roles }]))
    const bytes = await client.nextBytes()
    assert.ok([0xcf, 0xce, 0x1b, 0x1a].includes(bytes.readUInt8(2)), bytes.toString('hex'))
  }
})

conformance('26', 'request ids of a client that reconnects', async (router) => {
  const client = await router.client()
  client.send([32, 4_711, {}, 'a'])
  assert.deepEqual((await client.next()).slice(0, 2), [33, 4_711])
  client.send([32, 3, {}, 'b'])
  assert.deepEqual((await client.next()).slice(0, 2), [33, 3])
})

conformance(
  '26, strict',
  'request ids by the letter',
  async (router) => {
    const client = await router.client()
    await client.subscribe('a')
    await client.publishAcknowledged('b')
    client.send([32, 4, {}, 'a'])
    await client.aborts()
  },
  { config: { requestIds: 'strict' } },
)

conformance('36', 'PING, and frames of no known kind', async (router) => {
  const client = await router.client()
  await client.quiet()
  for (const head of [0x03, 0x10, 0x80]) {
    const other = await router.client()
    other.socket.write(Buffer.of(head, 0, 0, 0))
    await other.closes()
  }
})

conformance('31', 'a frame above the limit', async (router) => {
  const client = await router.client()
  client.socket.write(Buffer.of(8, 0, 0, 1))
  await client.closes()
})

conformance('37', 'a client that takes 512 octets is welcome', async (router) => {
  for (const serializer of serializers) {
    const client = await router.client({ serializer, lengthCode: 0 })
    assert.deepEqual(client.welcome['roles'], {
      broker: { features: {} },
      dealer: { features: {} },
    })
    assert.equal(client.welcome['authrole'], 'anonymous')
    await client.subscribe('a')
  }
})

conformance(
  '37, WELCOME',
  'who does not even take the name of its realm is told so',
  async (router) => {
    const client = await router.open('json', 0)
    client.send([1, 'ü'.repeat(255), { roles }])
    await client.aborts('wamp.error.payload_size_exceeded')
    assert.equal(router.bus.clients().length, 0)
  },
  { config: { realms: [{ name: 'ü'.repeat(255) }] } },
)

conformance('38', 'frames cut and joined', async (router) => {
  const client = await router.client()
  const message = pack('json', [32, 1, {}, 'a.b'])
  const frame = Buffer.concat([Buffer.of(0, 0, 0, message.length), message])
  for (const byte of frame) client.socket.write(Buffer.of(byte))
  await client.gets([33, 1, 1])
  client.socket.write(Buffer.concat(Array.from({ length: 100 }, () => frame)))
  for (let i = 0; i < 100; i++) await client.gets([33, 1, 1])
})

conformance('120', 'many sessions come and go, and leave nothing', async (router) => {
  for (let i = 0; i < 200; i++) {
    const client = await router.client()
    await client.subscribe('a')
    await client.subscribe(`b.${i}`, { match: 'prefix' })
    if (i % 2 === 0) client.destroy()
    else await client.end()
  }
  const client = await router.client()
  client.send([48, 1, {}, 'wamp.session.count'])
  client.send([48, 2, {}, 'wamp.subscription.list'])
  await client.gets([50, 1, {}, [1]])
  await client.gets([50, 2, {}, [{ exact: [], prefix: [], wildcard: [] }]])
  assert.equal(router.bus.clients().length, 1)
})

conformance(
  '120, limits',
  'what a session may have at a time',
  async (router) => {
    const notAuthorized = 'wamp.error.not_authorized'
    const client = await router.client()
    await client.subscribe('a')
    const second = await client.subscribe('wamp.session.on_join')
    client.send([32, 50, {}, 'b'])
    assert.match(JSON.stringify(await client.error(32, 50, notAuthorized)), /2 subscriptions/)
    await client.subscribe('a')
    await client.unsubscribe(second)
    await client.subscribe('b')
    client.send([64, 51, {}, 'p'])
    await client.next()
    client.send([64, 52, {}, 'q'])
    assert.match(JSON.stringify(await client.error(64, 52, notAuthorized)), /1 registrations/)
    for (const request of [53, 54, 55, 56]) client.send([48, request, {}, 'p'])
    for (const id of [1, 2, 3]) assert.deepEqual((await client.next()).slice(0, 2), [68, id])
    assert.match(JSON.stringify(await client.error(48, 56, notAuthorized)), /3 calls/)
  },
  { config: { perSession: { subscriptions: 2, registrations: 1, calls: 3 } } },
)

conformance(
  '120, rate',
  'who sends faster than it may is read later, and loses nothing',
  async (router) => {
    const watcher = await router.client()
    const id = await watcher.subscribe('a')
    const client = await router.client()
    await router.pass(250)
    for (let i = 0; i < 60; i++) client.publish('a', [i])
    let next = 0
    for (const most of [25, 25, 10]) {
      for (let i = 0; i < most; i++) assert.deepEqual((await watcher.event(id)).args, [next++])
      await watcher.quiet()
      await router.pass(250)
    }
    await client.quiet()
  },
  { config: { messagesPerSecond: 100 } },
)

conformance(
  '120, rate of much',
  'what is sent too fast stays with its sender',
  async (router) => {
    const watcher = await router.client()
    const id = await watcher.subscribe('a')
    const client = await router.client()
    const long = 'x'.repeat(8_000)
    for (let i = 0; i < 4_096; i++) client.publish('a', [long])
    for (let i = 0; i < 10; i++) {
      await router.pass(250)
      await watcher.event(id)
    }
    // Time enough to read all of it.
    for (let i = 0; i < 100; i++) await router.pass(0)
    assert.ok(client.socket.writableLength > 0)
  },
  { config: { messagesPerSecond: 8 } },
)

conformance('121', 'nesting and lengths that nobody means', async (router) => {
  const deep = `[16,1,{},"a",${'['.repeat(600)}${']'.repeat(600)}]`
  const client = await router.client()
  client.sendBytes(deep)
  await client.aborts()
  for (const serializer of ['msgpack', 'cbor'] as const) {
    const huge = serializer === 'msgpack' ? 'ddffffffff' : '9affffffff'
    const other = await router.client({ serializer })
    other.sendBytes(Buffer.from(huge, 'hex'))
    await other.aborts()
  }
  const long = await router.client()
  long.send([32, 1, {}, 'x'.repeat(1_048_576)])
  await long.error(32, 1, 'wamp.error.invalid_uri')
})
