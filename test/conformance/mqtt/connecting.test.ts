/** Cases 21 to 41 of spec/mqtt 17: CONNECT. */

import assert from 'node:assert/strict'
import { type Broker, conformance } from './broker.ts'
import {
  bytes,
  connect,
  disconnect,
  packet,
  pingreq,
  property,
  props,
  publish,
  pubrec,
  short,
  subscribe,
  text,
  type Version,
} from './bytes.ts'

const will = { topic: 'will', payload: 'gone' }

conformance(21, 'an unknown protocol level', async ({ broker, version }) => {
  const client = await broker.open(version)
  client.send(connect({ version, level: version === 5 ? 6 : 2, protocol: 'MQTT' }))
  assert.equal((await client.connack()).code, version === 5 ? 0x84 : 1)
  await client.closes()
})

conformance(22, 'an unknown protocol name', async ({ broker, version }) => {
  const client = await broker.open(version)
  client.send(connect({ version, protocol: 'MQTX' }))
  await client.closes()
})

conformance(
  23,
  'MQIsdp',
  async ({ broker, version }) => {
    const client = await broker.client(version, { id: 'old' })
    await client.subscribe(['a', { qos: 2 }])
    client.send(publish(version, 'a', 'x', { qos: 2, id: 7 }))
    await client.gets(publish(version, 'a', 'x', { qos: 2, id: 1 }), pubrec(7))
  },
  { versions: [3] },
)

conformance(24, 'the reserved flag', async ({ broker, version }) => {
  const client = await broker.open(version)
  client.send(connect({ version, flags: 1 }))
  if (version === 5) assert.equal((await client.connack()).code, 0x81)
  await client.closes()
})

conformance(25, 'QoS or RETAIN of a will that is not there', async ({ broker, version }) => {
  for (const flags of [0x08, 0x10, 0x20]) {
    const client = await broker.open(version)
    client.send(connect({ version, flags }))
    if (version === 5) assert.equal((await client.connack()).code, 0x81)
    await client.closes()
  }
  const client = await broker.open(version)
  client.send(connect({ version, will: { ...will, qos: 3 } }))
  if (version === 5) assert.equal((await client.connack()).code, 0x81)
  await client.closes()
})

conformance(26, 'a password without a user name', async ({ broker, version }) => {
  const client = await broker.open(version)
  client.send(connect({ version, password: 'secret' }))
  if (version === 5) assert.equal((await client.connack()).code, 0)
  else await client.closes()
})

conformance(
  27,
  'no client id',
  async ({ broker, version }) => {
    const refused = await broker.open(version)
    refused.send(connect({ version, clean: false }))
    assert.equal((await refused.connack()).code, 2)
    await refused.closes()
    const [one, other] = [await broker.client(version), await broker.client(version)]
    await one.quiet()
    await other.quiet()
  },
  { versions: [4] },
)

conformance(
  28,
  'no client id: one is assigned',
  async ({ broker, version }) => {
    const ids = new Set<string | number | undefined>()
    for (const clean of [true, false]) {
      for (let i = 0; i < 2; i++) {
        const client = await broker.open(version)
        client.send(connect({ version, clean }))
        const { code, isPresent, properties } = await client.connack()
        assert.deepEqual([code, isPresent], [0, false])
        ids.add(properties.get(0x12))
      }
    }
    assert.equal(ids.size, 4)
    assert(!ids.has(undefined) && !ids.has(''))
  },
  { versions: [5] },
)

conformance(29, 'long and strange client ids', async ({ broker, version }) => {
  const ids = ['c'.repeat(200), 'x'.repeat(65_535), 'a%%b', '#', 'a/b c', 'é🜁', 'mqtt.']
  for (const id of ids) {
    const client = await broker.client(version, { id, clean: false })
    await client.quiet()
  }
  for (const id of ids) {
    const again = await broker.open(version)
    assert.equal(await again.connect({ id, clean: false }), version === 4)
  }
})

conformance(30, 'packets behind CONNECT', async ({ broker, version }) => {
  const client = await broker.open(version)
  client.send(
    connect({ version, id: 'eager', clean: false, will }),
    subscribe(version, 1, [['a', { qos: 1 }]]),
    publish(version, 'a', 'one', { qos: 1, id: 2 }),
    publish(version, 'a', 'two'),
    pingreq,
  )
  assert.equal((await client.connack()).code, 0)
  await client.suback(1, 1)
  const got = [await client.next(), await client.next(), await client.next(), await client.next()]
  const kinds = got.map((each) => each.readUInt8(0) >>> 4)
  assert.deepEqual(kinds.map(String).toSorted(), ['13', '3', '3', '4'])
})

conformance(31, 'packets behind a refused CONNECT', async ({ broker, version }) => {
  const other = await broker.client(version)
  await other.subscribe(['a'], ['will'])
  const client = await broker.open(version)
  const method = [property.authenticationMethod('nobody knows it')]
  const refused =
    version === 5
      ? connect({ version, properties: method, will })
      : connect({ version, clean: false, will })
  client.send(refused, publish(version, 'a', 'x', { retain: true }))
  assert.notEqual((await client.connack()).code, 0)
  await client.closes()
  await other.quiet()
  await other.subscribe(['a'])
  await other.quiet()
})

conformance(32, 'the same client id again', async ({ broker, version }) => {
  const old = await broker.client(version, { id: 'twice' })
  await old.subscribe(['a'])
  const client = await broker.client(version, { id: 'twice' })
  await old.closes(...(version === 5 ? [disconnect(0x8e)] : []))
  await client.subscribe(['b'])
  client.send(publish(version, 'a', 'x'), publish(version, 'b', 'y'))
  await client.payloads('y')
  await client.quiet()
})

conformance(32.1, 'many connections with one client id at once', async ({ broker, version }) => {
  const clients = await Promise.all(Array.from({ length: 5 }, () => broker.open(version)))
  for (const client of clients) {
    client.send(connect({ version, id: 'one', clean: false, will }), subscribe(version, 1, [['a']]))
  }
  await broker.settled()
  await broker.settled()
  const here = broker.bus.clients().filter(({ name }) => name === 'mqtt.one')
  assert.equal(here.length, 1)
  const last = await broker.client(version, { id: 'one', clean: false })
  await last.quiet()
})

conformance(33, 'silence for longer than the keep alive', async ({ broker, version }) => {
  const other = await broker.client(version)
  await other.subscribe(['will'])
  const client = await broker.client(version, { keepAlive: 10, will })
  await broker.pass(14_750)
  await client.quiet()
  // What is no whole packet does not count.
  await broker.pass(8_000)
  client.send('30')
  await broker.pass(7_500)
  await client.closes(...(version === 5 ? [disconnect(0x8d)] : []))
  await other.payloads('gone')
})

conformance(34, 'who publishes need not ping', async ({ broker, version }) => {
  const client = await broker.client(version, { keepAlive: 10 })
  for (let i = 0; i < 5; i++) {
    await broker.pass(12_000)
    client.send(publish(version, 'a', 'x'))
    await broker.settled()
  }
  await client.quiet()
})

conformance(35, 'keep alive 0', async ({ broker, version }) => {
  const client = await broker.client(version, { keepAlive: 0 })
  await broker.pass(200_000)
  await client.quiet()
})

for (const keepAlive of [0, 60]) {
  conformance(
    36,
    `keep alive ${keepAlive} above the cap`,
    async ({ broker, version }) => {
      const client = await broker.open(version)
      client.send(connect({ version, keepAlive }))
      assert.equal((await client.connack()).properties.get(0x13), 10)
      await broker.pass(15_500)
      await client.closes(disconnect(0x8d))
    },
    { versions: [5], config: { maxKeepAliveSeconds: 10 } },
  )
}

conformance(
  37,
  'keep alive above the cap, before 5.0',
  async ({ broker, version }) => {
    const client = await broker.client(version, { keepAlive: 60 })
    await broker.pass(20_000)
    await client.quiet()
  },
  { versions: [4], config: { maxKeepAliveSeconds: 10 } },
)

const five: { readonly versions: readonly Version[] } = { versions: [5] }

async function refuses(
  broker: Broker,
  code: number,
  properties: readonly Uint8Array[],
): Promise<void> {
  const client = await broker.open(5)
  client.send(connect({ properties }))
  assert.equal((await client.connack()).code, code)
  await client.closes()
}

conformance(
  38,
  'sizes of 0',
  async ({ broker }) => {
    await refuses(broker, 0x82, [property.maximumPacketSize(0)])
    await refuses(broker, 0x82, [property.receiveMaximum(0)])
  },
  five,
)

conformance(
  39,
  'properties twice, or of other packets',
  async ({ broker }) => {
    await refuses(broker, 0x82, [property.sessionExpiry(1), property.sessionExpiry(1)])
    await refuses(broker, 0x82, [property.topicAlias(1)])
    await refuses(broker, 0x82, [property.subscriptionId(1)])
    await refuses(broker, 0x82, [property.willDelay(1)])
    await refuses(broker, 0x82, [bytes(0x17, 2)])
    await refuses(broker, 0x81, [bytes(0x7f, 0)])
    await refuses(broker, 0x81, [bytes(0x11, short(1))])
  },
  five,
)

conformance(
  40,
  'an unknown authentication method',
  async ({ broker }) => refuses(broker, 0x8c, [property.authenticationMethod('SCRAM-SHA-1')]),
  five,
)

conformance(
  41,
  'authentication data without a method, and AUTH without one',
  async ({ broker }) => {
    await refuses(broker, 0x82, [property.authenticationData('x')])
    const client = await broker.client(5)
    client.send(packet(0xf0, 0x19, props(0x15, text('x'))))
    await client.closes(disconnect(0x82))
  },
  five,
)

conformance(
  'CONNACK',
  'says what differs from the defaults',
  async ({ broker }) => {
    const client = await broker.open(5)
    const properties = [property.requestResponse(1), property.sessionExpiry(0xffff_ffff)]
    client.send(connect({ id: 'x', properties }))
    const said = (await client.connack()).properties
    assert.deepEqual(Object.fromEntries(said), {
      0x11: 604_800,
      0x1a: 'reply/x',
      0x21: 100,
      0x22: 32,
      0x27: 1_048_576,
    })
  },
  five,
)

conformance(
  'limits',
  'sessions that are kept are not more than clients may be',
  async ({ broker, version }) => {
    const properties = version === 5 ? [property.sessionExpiry(100)] : []
    for (const id of ['a', 'b', 'c']) {
      const client = await broker.client(version, { id, clean: false, properties })
      await client.end()
    }
    const client = await broker.open(version)
    client.send(connect({ version, id: 'd', clean: false, properties }))
    assert.equal((await client.connack()).code, version === 5 ? 0x97 : 3)
    await client.closes()
    await broker.client(version, { id: 'a', clean: false, properties })
    await broker.client(version, { id: 'e' })
  },
  { limits: { clients: 3 } },
)
