/** Bridges to other brokers, here to another of the same kind: what is carried, and what a cut does to it. */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Broker, type BrokerOptions } from './broker.ts'
import { connect, property, puback, publish } from './bytes.ts'
import type { RawClient } from './raw-client.ts'
import { type Relay, startRelay } from './relay.ts'

interface Pair {
  /** Has the bridge. */
  readonly near: Broker
  readonly far: Broker
  readonly relay: Relay
}

/** @param query of the address of the bridge */
async function bridged(t: TestContext, query: string, options: BrokerOptions = {}): Promise<Pair> {
  const far = await Broker.start(t)
  const relay = await startRelay(t, far.port)
  const bridges = [`mqtt://127.0.0.1:${relay.port}?name=b&backOffMinMs=10&${query}`]
  const near = await Broker.start(t, { ...options, config: { bridges } })
  return { near, far, relay }
}

/** Resolves when the bridge is connected at the other broker, and its subscriptions are there. */
async function connected({ near, far }: Pick<Pair, 'near' | 'far'>, filters = 1): Promise<void> {
  for (;;) {
    const clients = far.bus.clients().filter(({ name }) => name.startsWith('mqtt.msgbus-'))
    const [client] = clients
    const own = near.bus.client('mqtt.$msgbus.bridge/b')
    if (client !== undefined && client.subscriptions >= filters && own !== undefined) return
    // Time is moved for pauses, and the sockets get their turn.
    await near.pass(250)
  }
}

async function acknowledged(client: RawClient, topic: string, texts: readonly string[]) {
  for (const [i, text] of texts.entries()) {
    client.send(publish(client.version, topic, text, { qos: 1, id: i + 1 }))
  }
  for (const i of texts.keys()) await client.gets(puback(i + 1))
}

const bridgeTo = (port: number) => ({
  bridges: [`mqtt://127.0.0.1:${port}?name=b&both=r/%23&backOffMinMs=10`],
})

const limited = { timeout: 30_000 }

for (const version of ['5', '3.1.1', '3.1']) {
  test(`carries both ways, and nothing comes back (${version})`, limited, async (t) => {
    const pair = await bridged(t, `both=a/%23&version=${version}`)
    await connected(pair)
    const [near, far] = [await pair.near.client(5), await pair.far.client(5)]
    await near.subscribe(['#', { qos: 2 }])
    await far.subscribe(['#', { qos: 2 }])
    await acknowledged(await pair.near.client(5), 'a/1', ['from near'])
    await far.payloads('from near')
    await acknowledged(await pair.far.client(5), 'a/2', ['from far'])
    await acknowledged(await pair.near.client(5), 'other', ['stays'])
    const here = [await near.message(), await near.message(), await near.message()]
    const texts = here.map(({ payload }) => payload).sort((one, other) => (one < other ? -1 : 1))
    assert.deepEqual(texts, ['from far', 'from near', 'stays'])
    await far.payloads('from far')
    near.send(publish(5, 'a/end', 'end'))
    await far.payloads('end')
    await far.quiet()
  })
}

test('maps names and keeps properties, QoS and RETAIN', limited, async (t) => {
  const pair = await bridged(t, 'out=t/%2B&remotePrefix=site/1/&localPrefix=here/&qos=2')
  await connected(pair, 0)
  const [near, far] = [await pair.near.client(5), await pair.far.client(5)]
  await far.subscribe(['site/#', { qos: 2, retainAsPublished: true }])
  const properties = [
    property.contentType('text/plain'),
    property.user('who', 'me'),
    property.messageExpiry(100),
  ]
  near.send(publish(5, 'here/t/x', 'one', { qos: 1, id: 1, retain: true, properties }))
  await near.gets(puback(1))
  const got = await far.message()
  assert.equal(got.topic, 'site/1/t/x')
  assert.equal(got.qos, 1)
  assert.equal(got.retain, true)
  const texts = JSON.stringify(got.properties)
  for (const text of ['text/plain', 'who', 'msgbus-via']) assert.ok(texts.includes(text), texts)
  assert.equal(pair.far.bus.retained.get('site/1/t/x')?.payload.length, 3)
})

test(
  'what is stored while there is no connection is carried later, in order, once',
  limited,
  async (t) => {
    const pair = await bridged(t, 'out=q/%23&qos=2')
    const { near, far, relay } = pair
    await connected(pair, 0)
    const listener = await far.client(5)
    await listener.subscribe(['q/#', { qos: 2 }])
    relay.target = 0
    relay.cut()
    const publisher = await near.client(5)
    const texts = Array.from({ length: 50 }, (_, i) => `${i}`)
    await acknowledged(publisher, 'q/a', texts)
    publisher.send(publish(5, 'q/a', 'lost, since it has QoS 0'))
    await publisher.quiet()
    relay.target = far.port
    await connected(pair, 0)
    await listener.payloads(...texts)
    await listener.quiet()
  },
)

test('its place survives a restart, also of one that was never connected', limited, async (t) => {
  const far = await Broker.start(t)
  const relay = await startRelay(t, 0)
  const bridges = [`mqtt://127.0.0.1:${relay.port}?name=b&out=q/%23`]
  const near = await Broker.start(t, { engine: 'lmdb', config: { bridges } })
  while (near.bus.client('mqtt.$msgbus.bridge/b') !== undefined) await near.settled()
  await acknowledged(await near.client(4), 'q/a', ['one', 'two'])
  await near.restart()
  await acknowledged(await near.client(4), 'q/a', ['three'])
  await near.restart()
  const listener = await far.client(4)
  await listener.subscribe(['q/#', { qos: 1 }])
  relay.target = far.port
  await connected({ near, far }, 0)
  await listener.payloads('one', 'two', 'three')
})

test('brokers in a ring pass a message on once each', limited, async (t) => {
  const one = await Broker.start(t)
  const way = await startRelay(t, 0)
  const two = await Broker.start(t, { config: bridgeTo(one.port) })
  const three = await Broker.start(t, { config: bridgeTo(two.port) })
  const ring = await Broker.start(t, { config: bridgeTo(three.port) })
  // And from the first one back to the last.
  way.target = ring.port
  const closing = await Broker.start(t, {
    config: {
      bridges: [...bridgeTo(one.port).bridges, `mqtt://127.0.0.1:${way.port}?name=c&both=r/%23`],
    },
  })
  await connected({ near: two, far: one })
  await connected({ near: three, far: two })
  await connected({ near: ring, far: three })
  while (closing.bus.client('mqtt.$msgbus.bridge/c') === undefined) await closing.pass(250)
  await connected({ near: closing, far: one })
  const listener = await two.client(5)
  await listener.subscribe(['r/#', { qos: 1 }])
  await acknowledged(await one.client(5), 'r/x', ['round'])
  await listener.payloads('round')
  await acknowledged(await one.client(5), 'r/x', ['again'])
  const next = await listener.message()
  // It may come by the other way, too, but never again and again.
  const counts = new Map([[next.payload, 1]])
  listener.send(publish(5, 'r/end', 'end'))
  for (let each = next; each.payload !== 'end';) {
    each = await listener.message()
    counts.set(each.payload, (counts.get(each.payload) ?? 0) + 1)
  }
  assert.ok((counts.get('round') ?? 0) <= 1 && (counts.get('again') ?? 0) <= 2, String([...counts]))
})

test('client ids of the daemon are not for others', limited, async (t) => {
  const broker = await Broker.start(t)
  const client = await broker.open(5)
  client.send(connect({ version: 5, id: '$msgbus.bridge/b' }))
  assert.equal((await client.connack()).code, 0x85)
})
