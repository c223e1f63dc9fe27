/** Cases 90 to 97 of spec/mqtt 17: retained messages. */

import assert from 'node:assert/strict'
import { type Broker, conformance } from './broker.ts'
import {
  property,
  puback,
  publish,
  type PublishOptions,
  pubrec,
  pubrel,
  subscribe,
  type Version,
} from './bytes.ts'
import type { RawClient } from './raw-client.ts'

const five: { readonly versions: readonly Version[] } = { versions: [5] }

/** Publishes with RETAIN and waits until that holds. */
async function retains(
  client: RawClient,
  topic: string,
  payload: string,
  options: PublishOptions = {},
): Promise<void> {
  const { qos = 0 } = options
  client.send(publish(client.version, topic, payload, { ...options, id: 1, retain: true }))
  if (qos === 1) await client.gets(puback(1))
  if (qos === 2) {
    await client.gets(pubrec(1))
    client.send(pubrel(1))
    await client.next()
  }
  await client.quiet()
}

async function sees(broker: Broker, version: Version, filter: string, ...expected: string[]) {
  const client = await broker.client(version)
  await client.subscribe([filter, { qos: 2 }])
  const messages = await client.payloads(...expected)
  await client.quiet()
  await client.end()
  return messages
}

conformance(90, 'a later subscriber gets it', async ({ broker, version }) => {
  const publisher = await broker.client(version)
  for (const qos of [0, 1, 2]) await retains(publisher, `a/${qos}`, `${qos}`, { qos })
  for (const granted of [0, 1, 2]) {
    const client = await broker.client(version)
    for (const qos of [0, 1, 2]) {
      await client.subscribe([`a/${qos}`, { qos: granted }])
      const [message] = await client.payloads(`${qos}`)
      assert.deepEqual(
        [message?.retain, message?.dup, message?.qos],
        [true, false, Math.min(qos, granted)],
      )
    }
    await client.quiet()
  }
})

conformance(91, 'replaced and removed', async ({ broker, version }) => {
  const publisher = await broker.client(version)
  const present = await broker.client(version)
  await present.subscribe(['a'])
  for (const [i, payload] of ['one', 'two', 'three', ''].entries()) {
    await retains(publisher, 'a', payload, { qos: i % 3 })
    const [message] = await present.payloads(payload)
    assert.equal(message?.retain, false)
    await sees(broker, version, 'a', ...(payload === '' ? [] : [payload]))
  }
})

conformance(
  91.1,
  'the last one counts, whatever its QoS',
  async ({ broker, version }) => {
    const publisher = await broker.client(version)
    publisher.send(publish(version, 'a', 'one', { qos: 1, id: 1, retain: true }))
    publisher.send(publish(version, 'a', 'two', { retain: true }))
    publisher.send(publish(version, 'b', 'one', { qos: 1, id: 2, retain: true }))
    publisher.send(publish(version, 'b', '', { retain: true }))
    await publisher.gets(puback(1), puback(2))
    await publisher.quiet()
    await sees(broker, version, 'a', 'two')
    await sees(broker, version, 'b')
    await broker.restart()
    await sees(broker, version, 'a', 'two')
    await sees(broker, version, 'b')
  },
  { engine: 'lmdb' },
)

conformance(92, 'RETAIN=0 leaves it alone', async ({ broker, version }) => {
  const publisher = await broker.client(version)
  await retains(publisher, 'a', 'one')
  publisher.send(publish(version, 'a', 'two'), publish(version, 'a', ''))
  publisher.send(publish(version, 'a', 'three', { qos: 1, id: 1 }))
  await publisher.gets(puback(1))
  await sees(broker, version, 'a', 'one')
})

conformance(
  93,
  'retain handling',
  async ({ broker }) => {
    const client = await broker.client(5)
    await retains(client, 'a', 'x')
    for (const [retainHandling, first, again] of [
      [0, true, true],
      [1, true, false],
      [2, false, false],
    ] as const) {
      const subscriber = await broker.client(5)
      for (const isSent of [first, again]) {
        await subscriber.subscribe(['a', { retainHandling }])
        if (isSent) await subscriber.payloads('x')
        await subscriber.quiet()
      }
    }
  },
  five,
)

conformance(
  94,
  'properties come with it',
  async ({ broker }) => {
    const client = await broker.client(5)
    const properties = [
      property.payloadFormat(1),
      property.messageExpiry(10),
      property.contentType('text/plain'),
      property.user('b', '2'),
      property.user('a', '1'),
      property.user('b', '3'),
    ]
    for (const qos of [0, 1, 2]) await retains(client, `a/${qos}`, 'x', { qos, properties })
    await broker.pass(4_000)
    for (const { properties: seen } of await sees(broker, 5, 'a/#', 'x', 'x', 'x')) {
      const expiry = seen.find(([id]) => id === 0x02)
      assert.deepEqual(expiry, [0x02, 6])
      assert.deepEqual(
        seen.filter(([id]) => id !== 0x02),
        [
          [0x01, 1],
          [0x03, 'text/plain'],
          [0x26, 'b=2'],
          [0x26, 'a=1'],
          [0x26, 'b=3'],
        ],
      )
    }
  },
  five,
)

conformance(
  95,
  'an expired one is not sent',
  async ({ broker }) => {
    const client = await broker.client(5)
    for (const qos of [0, 1]) {
      await retains(client, `a/${qos}`, 'x', { qos, properties: [property.messageExpiry(2)] })
    }
    await broker.pass(2_000)
    await sees(broker, 5, 'a/#')
    await broker.settled()
    assert.equal(broker.bus.retained.size, 0)
  },
  five,
)

conformance(96, '20,000 of them', async ({ broker, version }) => {
  const publisher = await broker.client(version)
  const count = 20_000
  for (let start = 0; start < count; start += 500) {
    publisher.send(
      Array.from({ length: 500 }, (_, i) =>
        publish(version, `many/${start + i}/x`, 'x', { retain: true }),
      ),
    )
    await publisher.quiet()
  }
  const client = await broker.client(version)
  const other = await broker.client(version)
  client.send(subscribe(version, 1, [['many/+/x', { qos: 1 }]]))
  await client.suback(1, 1)
  await other.quiet()
  const topics = new Set<string>()
  for (let i = 0; i < count; i++) topics.add((await client.message()).topic)
  assert.equal(topics.size, count)
  await client.quiet()
})

conformance(
  96.1,
  'QoS 1 ones go through the window, and stored messages come behind them',
  async ({ broker, version }) => {
    const publisher = await broker.client(version)
    const topics = ['1', '2', '3', '4', '5']
    for (const topic of topics) await retains(publisher, `a/${topic}`, topic, { qos: 1 })
    const client = await broker.client(version)
    await client.subscribe(['a/#', { qos: 1 }])
    const first = [await client.message(), await client.message()]
    publisher.send(publish(version, 'a/6', 'live', { qos: 1, id: 1 }))
    await publisher.gets(puback(1))
    await client.quiet()
    const seen = first.map(({ payload }) => payload)
    for (const { id } of first) client.send(puback(id))
    while (seen.length < 6) {
      const { payload, id } = await client.message()
      seen.push(payload)
      client.send(puback(id))
    }
    assert.equal(seen.at(-1), 'live')
    assert.deepEqual(seen.slice(0, 5).toSorted(), topics)
    await client.quiet()
  },
  { config: { window: 2 } },
)

conformance(
  97,
  'they survive a restart',
  async ({ broker, version }) => {
    const publisher = await broker.client(version)
    for (const qos of [0, 1, 2]) await retains(publisher, `a/${qos}`, `${qos}`, { qos })
    await retains(publisher, 'a/0', '')
    await broker.restart()
    for (const qos of [1, 2]) {
      const [message] = await sees(broker, version, `a/${qos}`, `${qos}`)
      assert.deepEqual([message?.qos, message?.retain], [qos, true])
    }
    await sees(broker, version, 'a/0')
  },
  { engine: 'lmdb' },
)

conformance('retained', 'a refused one is not kept', async ({ broker, version }) => {
  const client = await broker.client(version)
  client.send(publish(version, '$SYS/x', 'x', { retain: true }))
  await client.quiet()
  assert.equal(broker.bus.retained.size, 0)
})
