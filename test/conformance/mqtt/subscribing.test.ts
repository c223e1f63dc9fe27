/** Cases 69 to 89 of spec/mqtt 17: subscriptions, shared ones among them. */

import assert from 'node:assert/strict'
import { type Broker, conformance } from './broker.ts'
import {
  type ConnectOptions,
  disconnect,
  packet,
  property,
  props,
  puback,
  publish,
  pubrec,
  pubrel,
  short,
  subscribe,
  text,
  unsubscribe,
  type Version,
} from './bytes.ts'
import type { RawClient } from './raw-client.ts'

const told = (version: Version, reason: number) => (version === 5 ? [disconnect(reason)] : [])
const five: { readonly versions: readonly Version[] } = { versions: [5] }

/** Options of a client whose session is kept. */
function keptAs(version: Version, id: string): Omit<ConnectOptions, 'version'> {
  const properties = version === 5 ? [property.sessionExpiry(1_000)] : []
  return { id, clean: false, properties }
}

/** Publishes with QoS 1, acknowledged. */
async function publishes(broker: Broker, topic: string, ...payloads: readonly string[]) {
  const client = await broker.client(4)
  for (const payload of payloads) {
    client.send(publish(4, topic, payload, { qos: 1, id: 1 }))
    await client.gets(puback(1))
  }
  await client.end()
}

async function unsubscribed(client: RawClient, id: number, filter: string, code: number) {
  client.send(unsubscribe(client.version, id, [filter]))
  await client.gets(packet(0xb0, short(id), client.version === 5 ? [0, code] : ''))
}

conformance(69, 'three filters', async ({ broker, version }) => {
  const client = await broker.client(version)
  await client.subscribe(['a', { qos: 2 }], ['b'], ['c', { qos: 1 }])
})

conformance(70, 'one is refused', async ({ broker, version }) => {
  const client = await broker.client(version)
  client.send(subscribe(version, 3, [['a'], ['$share/a+b/c'], ['b', { qos: 1 }]]))
  await client.suback(3, 0, version === 5 ? 0x8f : 0x80, 1)
  client.send(publish(version, 'a', 'x'), publish(version, 'b', 'y'))
  await client.payloads('x', 'y')
})

conformance(71, 'filters that are none', async ({ broker, version }) => {
  for (const filter of ['a/#/b', 'a#', 'a+/b', '', '#/', '+a', '##', 'a/#b']) {
    const client = await broker.client(version)
    client.send(subscribe(version, 1, [['fine'], [filter]]))
    await client.closes(...told(version, 0x81))
  }
  for (const bits of version === 5 ? [3, 0x30, 0x40, 0x80] : [3, 4, 0x10, 0x80]) {
    const client = await broker.client(version)
    client.send(packet(0x82, short(1), version === 5 ? props() : '', text('a'), bits))
    await client.closes(...told(version, 0x81))
  }
})

conformance(72, 'no filter at all', async ({ broker, version }) => {
  for (const empty of [subscribe(version, 1, []), unsubscribe(version, 1, [])]) {
    const client = await broker.client(version)
    client.send(empty)
    await client.closes(...told(version, 0x82))
  }
})

conformance(73, 'what matches what', async ({ broker, version }) => {
  const topics = ['a', 'a/', 'a/b', '/a', 'a//b', '/']
  const table: Readonly<Record<string, readonly string[]>> = {
    '#': topics,
    '+': ['a'],
    '+/+': ['a/', 'a/b', '/a', '/'],
    '/+': ['/a', '/'],
    '+/': ['a/', '/'],
    'a/#': ['a', 'a/', 'a/b', 'a//b'],
    'a/+': ['a/', 'a/b'],
    'a/+/b': ['a//b'],
    '/#': ['/a', '/'],
  }
  const publisher = await broker.client(version)
  for (const [filter, expected] of Object.entries(table)) {
    const client = await broker.client(version)
    await client.subscribe([filter])
    publisher.send(topics.map((topic) => publish(version, topic, topic)))
    await publisher.quiet()
    await client.payloads(...expected)
    await client.quiet()
  }
})

conformance(74, 'leading wildcards do not see names with $', async ({ broker, version }) => {
  const client = await broker.client(version)
  await client.subscribe(['#'], ['+/x'], ['$own/#'])
  client.send(publish(version, '$own/x', 'one'), publish(version, 'own/x', 'two'))
  await client.payloads('one', 'two')
  await unsubscribed(client, 9, '$own/#', 0)
  client.send(publish(version, '$own/x', 'three'))
  await client.quiet()
})

conformance(75, 'the same filter again', async ({ broker, version }) => {
  const client = await broker.client(version)
  await client.subscribe(['a', { qos: 2 }])
  await client.subscribe(['a', { qos: 1 }])
  await publishes(broker, 'a', 'x')
  const [message] = await client.payloads('x')
  assert.equal(message?.qos, 1)
  await client.quiet()
})

conformance(76, 'filters that overlap', async ({ broker, version }) => {
  const client = await broker.client(version)
  const own = (id: number) => (version === 5 ? [property.subscriptionId(id)] : [])
  client.send(subscribe(version, 1, [['a/#', { qos: 1 }]], own(7)))
  client.send(subscribe(version, 2, [['+/b', { qos: 0 }]], own(200)))
  client.send(subscribe(version, 3, [['c', { qos: 2 }]], own(3)))
  await client.suback(1, 1)
  await client.suback(2, 0)
  await client.suback(3, 2)
  await publishes(broker, 'a/b', 'x')
  const [message] = await client.payloads('x')
  assert.equal(message?.qos, 1)
  const ids = message?.properties.map(([, id]) => String(id))
  assert.deepEqual(ids?.toSorted(), version === 5 ? ['200', '7'] : [])
  await client.quiet()
})

conformance(
  77,
  'no local',
  async ({ broker }) => {
    const client = await broker.client(5, keptAs(5, 'me'))
    await client.subscribe(['a', { noLocal: true }], ['b', { noLocal: true, qos: 1 }])
    const other = await broker.client(5)
    client.send(publish(5, 'a', 'own'), publish(5, 'b', 'own', { qos: 1, id: 1 }))
    await client.gets(puback(1))
    other.send(publish(5, 'a', 'other'))
    await client.payloads('other')
    await client.end()
    const again = await broker.client(5, keptAs(5, 'me'))
    again.send(publish(5, 'a', 'own'))
    await again.quiet()
    // An overlapping one without it gets the message.
    await again.subscribe(['+'])
    again.send(publish(5, 'a', 'own again'))
    await again.payloads('own again')
  },
  five,
)

conformance(
  78,
  'retain as published',
  async ({ broker }) => {
    const [as, not] = [await broker.client(5), await broker.client(5)]
    await as.subscribe(['a', { retainAsPublished: true }])
    await not.subscribe(['a'])
    const publisher = await broker.client(5)
    publisher.send(publish(5, 'a', 'x', { retain: true }), publish(5, 'a', 'y'))
    publisher.send(publish(5, 'a', 'z', { retain: true, qos: 1, id: 1 }))
    const kept = await as.payloads('x', 'y', 'z')
    assert.deepEqual(
      kept.map(({ retain }) => retain),
      [true, false, true],
    )
    const plain = await not.payloads('x', 'y', 'z')
    assert.deepEqual(
      plain.map(({ retain }) => retain),
      [false, false, false],
    )
  },
  five,
)

conformance(
  79,
  'subscription identifiers that are none',
  async ({ broker }) => {
    const id = property.subscriptionId
    const wrong: readonly [Uint8Array, number][] = [
      [subscribe(5, 1, [['a']], [id(0)]), 0x82],
      [subscribe(5, 1, [['a']], [id(1), id(2)]), 0x82],
      [publish(5, 'a', 'x', { properties: [id(1)] }), 0x82],
    ]
    for (const [each, code] of wrong) {
      const client = await broker.client(5)
      client.send(each)
      await client.closes(disconnect(code))
    }
  },
  five,
)

conformance(
  80,
  'subscription identifiers come with every kind of message',
  async ({ broker }) => {
    const publisher = await broker.client(5)
    publisher.send(publish(5, 'a', 'retained', { retain: true }))
    await publisher.quiet()
    const client = await broker.client(5, keptAs(5, 'ids'))
    client.send(subscribe(5, 1, [['a', { qos: 1 }]], [property.subscriptionId(268_435_455)]))
    await client.suback(1, 1)
    const withId = [[0x0b, 268_435_455]]
    assert.deepEqual((await client.message()).properties, withId)
    await publishes(broker, 'a', 'live')
    const [live] = await client.payloads('live')
    assert.deepEqual(live?.properties, withId)
    client.send(puback(live?.id ?? 0))
    await client.end()
    await publishes(broker, 'a', 'queued')
    const back = await broker.client(5, keptAs(5, 'ids'))
    assert.deepEqual((await back.payloads('queued'))[0]?.properties, withId)
    back.destroy()
    const again = await broker.client(5, keptAs(5, 'ids'))
    assert.deepEqual((await again.payloads('queued'))[0]?.properties, withId)
    await again.subscribe(['a', { qos: 1, retainHandling: 2 }])
    await publishes(broker, 'a', 'without')
    assert.deepEqual((await again.payloads('without'))[0]?.properties, [])
  },
  five,
)

conformance(81, 'UNSUBSCRIBE of what was never there', async ({ broker, version }) => {
  const client = await broker.client(version)
  await client.subscribe(['a'])
  client.send(unsubscribe(version, 5, ['b', 'a', 'a']))
  await client.gets(packet(0xb0, short(5), version === 5 ? [0, 0x11, 0, 0x11] : ''))
})

conformance(82, 'UNSUBSCRIBE with a message in flight', async ({ broker, version }) => {
  const client = await broker.client(version, keptAs(version, 'flight'))
  await client.subscribe(['a', { qos: 1 }])
  await publishes(broker, 'a', 'one')
  const [one] = await client.payloads('one')
  await unsubscribed(client, 9, 'a', 0)
  await publishes(broker, 'a', 'two')
  await client.quiet()
  client.destroy()
  const back = await broker.client(version, keptAs(version, 'flight'))
  const [again] = await back.payloads('one')
  assert.deepEqual([again?.dup, again?.id], [true, one?.id])
  back.send(puback(again?.id ?? 0))
  await back.quiet()
})

conformance(
  7.6,
  'SUBACK comes before messages, also when it waits for the disk',
  async ({ broker, version }) => {
    const publisher = await broker.client(version)
    publisher.send(publish(version, 'a', 'retained', { retain: true, qos: 1, id: 1 }))
    await publisher.gets(puback(1))
    const client = await broker.client(version, keptAs(version, 'early'))
    client.send(subscribe(version, 1, [['a', { qos: 1 }], ['$share/g/b']]))
    publisher.send(Array.from({ length: 50 }, () => publish(version, 'a', 'live')))
    publisher.send(Array.from({ length: 50 }, () => publish(version, 'b', 'live')))
    await client.suback(1, 1, 0)
  },
  { engine: 'lmdb' },
)

conformance(83, 'two members share', async ({ broker, version }) => {
  const members = [await broker.client(version), await broker.client(version)]
  for (const member of members) await member.subscribe(['$share/g/a/+', { qos: 1 }])
  const payloads = Array.from({ length: 100 }, (_, i) => String(i))
  await publishes(broker, 'a/b', ...payloads)
  const seen: string[] = []
  for (const member of members) {
    for (let i = 0; i < 50; i++) seen.push((await member.message()).payload)
    await member.quiet()
  }
  assert.deepEqual(new Set(seen), new Set(payloads))
})

conformance(84, 'two groups and one without', async ({ broker, version }) => {
  const one = await broker.client(version)
  const other = await broker.client(version)
  await one.subscribe(['$share/g/a'], ['a'])
  await other.subscribe(['$share/h/a'])
  await publishes(broker, 'a', 'x')
  await one.payloads('x', 'x')
  await other.payloads('x')
  await one.quiet()
  await other.quiet()
})

conformance(85, 'shared filters that are none', async ({ broker, version }) => {
  const client = await broker.client(version)
  const wrong = ['$share//a', '$share/a+b/c', '$share/a', '$share/a/', '$share/#/a']
  const refused = version === 5 ? 0x8f : 0x80
  client.send(
    subscribe(
      version,
      1,
      wrong.map((filter) => [filter] as const),
    ),
  )
  await client.suback(1, ...wrong.map(() => refused))
  if (version < 5) return
  client.send(subscribe(5, 2, [['$share/g/a', { noLocal: true }]]))
  await client.closes(disconnect(0x82))
})

conformance(86, 'no retained messages for a shared one', async ({ broker, version }) => {
  const client = await broker.client(version)
  client.send(publish(version, 'a', 'x', { retain: true }))
  await client.subscribe(['$share/g/a'])
  await client.quiet()
})

conformance(87, 'what a member left goes to another', async ({ broker, version }) => {
  const leaves = await broker.client(version)
  await leaves.subscribe(['$share/g/a', { qos: 1 }])
  await publishes(broker, 'a', '1', '2', '3')
  await leaves.payloads('1', '2', '3')
  const stays = await broker.client(version)
  await stays.subscribe(['$share/g/a', { qos: 1 }])
  leaves.send(puback(2))
  await leaves.quiet()
  leaves.destroy()
  const got = await stays.payloads('1', '3')
  assert.deepEqual(
    got.map(({ dup }) => dup),
    [false, false],
  )
  await stays.quiet()
})

for (const engine of ['memory', 'lmdb'] as const) {
  conformance(
    88,
    `all members are away (${engine})`,
    async ({ broker, version }) => {
      for (const id of ['one', 'other']) {
        const member = await broker.client(version, keptAs(version, id))
        await member.subscribe(['$share/g/a', { qos: 1 }])
        if (id === 'one') {
          await publishes(broker, 'a', 'unacknowledged')
          await member.payloads('unacknowledged')
        }
        await member.end()
      }
      await publishes(broker, 'a', 'x', 'y')
      if (engine === 'lmdb') await broker.restart()
      await publishes(broker, 'a', 'z')
      const back = await broker.client(version, keptAs(version, 'other'))
      await back.payloads('x', 'y', 'z')
      await back.quiet()
      const one = await broker.client(version, keptAs(version, 'one'))
      const [again] = await one.payloads('unacknowledged')
      assert.equal(again?.dup, true)
      await one.quiet()
    },
    { engine },
  )
}

conformance(88.1, 'a group whose sessions are over keeps no place', async ({ broker, version }) => {
  const member = await broker.client(version, keptAs(version, 'one'))
  await member.subscribe(['$share/g/a', { qos: 1 }])
  await member.end()
  await publishes(broker, 'a', 'x')
  const clean = await broker.client(version, { id: 'one' })
  await clean.subscribe(['$share/g/a', { qos: 1 }])
  await clean.quiet()
  const again = await broker.client(version, keptAs(version, 'two'))
  await again.subscribe(['$share/h/a', { qos: 1 }])
  // Takes its own session over, and begins anew.
  const anew = await broker.client(version, { id: 'two' })
  await publishes(broker, 'a', 'y')
  await anew.subscribe(['$share/h/a', { qos: 1 }])
  await anew.quiet()
})

conformance(
  89,
  'a member with a full window is passed over',
  async ({ broker, version }) => {
    const [full, free] = [await broker.client(version), await broker.client(version)]
    await full.subscribe(['$share/g/a', { qos: 1 }])
    await free.subscribe(['$share/g/a', { qos: 1 }])
    const acknowledges = async (count: number) => {
      const seen: string[] = []
      for (let i = 0; i < count; i++) {
        const { payload, id } = await free.message()
        seen.push(payload)
        free.send(puback(id))
      }
      return seen
    }
    const seen = acknowledges(8)
    await publishes(broker, 'a', ...Array.from({ length: 10 }, (_, i) => String(i)))
    const taken = [await full.message(), await full.message()].map(({ payload }) => payload)
    assert.equal(new Set([...taken, ...(await seen)]).size, 10)
    await full.quiet()
  },
  { config: { window: 2 } },
)

conformance(
  89.1,
  'when all windows are full, messages wait in the log',
  async ({ broker, version }) => {
    const client = await broker.client(version)
    await client.subscribe(['$share/g/a', { qos: 2 }])
    await publishes(broker, 'a', '1', '2', '3', '4', '5')
    const [one, two] = await client.payloads('1', '2')
    await client.quiet()
    client.send(puback(one?.id ?? 0), puback(two?.id ?? 0))
    const [three] = await client.payloads('3', '4')
    client.send(puback(three?.id ?? 0))
    await client.payloads('5')
    await client.quiet()
  },
  { config: { window: 2 } },
)

conformance(
  4.2,
  'a bridge hears nothing of its own, and RETAIN as published',
  async ({ broker, version }) => {
    const bridge = await broker.open(version)
    await bridge.connect({ level: 0x80 | version, id: 'bridge' })
    await bridge.subscribe(['a'])
    bridge.send(publish(version, 'a', 'own'))
    await bridge.quiet()
    const other = await broker.client(version)
    other.send(publish(version, 'a', 'x', { retain: true }))
    assert.equal((await bridge.message()).retain, true)
  },
  { versions: [4, 3] },
)

conformance(87.1, 'QoS 2 of a lost member stays with its session', async ({ broker, version }) => {
  const one = await broker.client(version, keptAs(version, 'one'))
  await one.subscribe(['$share/g/a', { qos: 2 }])
  const publisher = await broker.client(version)
  publisher.send(publish(version, 'a', 'x', { qos: 2, id: 1 }))
  await publisher.gets(pubrec(1))
  const [message] = await one.payloads('x')
  const other = await broker.client(version)
  await other.subscribe(['$share/g/a', { qos: 2 }])
  one.destroy()
  await other.quiet()
  const back = await broker.client(version, keptAs(version, 'one'))
  const [again] = await back.payloads('x')
  assert.deepEqual([again?.dup, again?.id], [true, message?.id])
  back.send(pubrec(again?.id ?? 0))
  await back.gets(pubrel(again?.id ?? 0))
  await other.quiet()
})
