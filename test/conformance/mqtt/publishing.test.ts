/** Cases 55 to 68 of spec/mqtt 17: QoS 0, 1 and 2 in both directions. */

import assert from 'node:assert/strict'
import { parseTopicFilter } from '../../../src/model/topic-filter.ts'
import { type Broker, conformance } from './broker.ts'
import {
  bytes,
  disconnect,
  property,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
  type Version,
} from './bytes.ts'
import type { RawClient } from './raw-client.ts'

/** Publishes with QoS 2 up to the end. */
async function publishTwice(client: RawClient, topic: string, payload: string, id: number) {
  client.send(publish(client.version, topic, payload, { qos: 2, id }))
  await client.gets(pubrec(id))
  client.send(pubrel(id))
  await client.gets(pubcomp(id))
}

async function two(broker: Broker, version: Version): Promise<[RawClient, RawClient]> {
  return [await broker.client(version), await broker.client(version)]
}

/** What a client of 5.0 is told before the end. */
const told = (version: Version, reason: number) => (version === 5 ? [disconnect(reason)] : [])

conformance(55, 'the smaller QoS', async ({ broker, version }) => {
  const [publisher, ...subscribers] = [
    await broker.client(version),
    await broker.client(version),
    await broker.client(version),
    await broker.client(version),
  ]
  for (const [qos, subscriber] of subscribers.entries()) await subscriber.subscribe(['a', { qos }])
  publisher.send(publish(version, 'a', '0'), publish(version, 'a', '1', { qos: 1, id: 1 }))
  await publisher.gets(puback(1))
  await publishTwice(publisher, 'a', '2', 2)
  for (const [qos, subscriber] of subscribers.entries()) {
    const messages = [
      await subscriber.message(),
      await subscriber.message(),
      await subscriber.message(),
    ]
    const seen = messages.map((each) => [each.payload, each.qos])
    assert.deepEqual(seen, [
      ['0', 0],
      ['1', Math.min(1, qos)],
      ['2', Math.min(2, qos)],
    ])
    // Identifiers begin at 1 and count upward.
    const ids = messages.map(({ id }) => id).filter((id) => id > 0)
    assert.deepEqual(ids, qos === 0 ? [] : [1, 2])
  }
})

conformance(56, 'QoS 2 repeated before PUBREL', async ({ broker, version }) => {
  const [publisher, subscriber] = await two(broker, version)
  await subscriber.subscribe(['a', { qos: 0 }])
  const first = publish(version, 'a', 'one', { qos: 2, id: 5 })
  const again = publish(version, 'a', 'other', { qos: 2, id: 5, dup: true })
  publisher.send(first, again)
  await publisher.gets(pubrec(5), pubrec(5))
  publisher.send(again)
  await publisher.gets(pubrec(5))
  publisher.send(pubrel(5))
  await publisher.gets(pubcomp(5))
  await subscriber.payloads('one')
  await subscriber.quiet()
})

conformance(58, 'PUBREL for nothing', async ({ broker, version }) => {
  const client = await broker.client(version)
  client.send(pubrel(77))
  await client.gets(version === 5 ? pubcomp(77, 0x92) : pubcomp(77))
})

conformance(59, 'an identifier is free after PUBCOMP', async ({ broker, version }) => {
  const [publisher, subscriber] = await two(broker, version)
  await subscriber.subscribe(['a'])
  for (const payload of ['one', 'two', 'three']) await publishTwice(publisher, 'a', payload, 4)
  await subscriber.payloads('one', 'two', 'three')
  await subscriber.quiet()
})

conformance(
  60,
  'PUBREC with an error',
  async ({ broker, version }) => {
    const [publisher, subscriber] = await two(broker, version)
    await subscriber.subscribe(['a', { qos: 2 }])
    await publishTwice(publisher, 'a', 'one', 1)
    const [one] = await subscriber.payloads('one')
    subscriber.send(pubrec(one?.id ?? 0, 0x80))
    await subscriber.quiet()
    subscriber.send(pubrec(one?.id ?? 0))
    await subscriber.gets(pubrel(one?.id ?? 0, 0x92))
  },
  { versions: [5] },
)

conformance(61, 'acknowledgements of another QoS', async ({ broker, version }) => {
  const publisher = await broker.client(version)
  const wrong: readonly [number, (id: number) => Buffer][] = [
    [2, puback],
    [2, pubcomp],
    [1, pubrec],
    [1, pubcomp],
  ]
  for (const [qos, ack] of wrong) {
    const subscriber = await broker.client(version)
    await subscriber.subscribe(['a', { qos }])
    await publishTwice(publisher, 'a', 'x', 1)
    const [message] = await subscriber.payloads('x')
    subscriber.send(ack(message?.id ?? 0))
    await subscriber.closes(...told(version, 0x82))
  }
})

conformance(62, 'acknowledgements of nothing', async ({ broker, version }) => {
  const client = await broker.client(version)
  client.send(puback(9), pubcomp(9))
  await client.quiet()
})

for (const qos of [0, 1, 2]) {
  conformance(63, `10,000 messages of QoS ${qos} in order`, async ({ broker, version }) => {
    const [publisher, subscriber] = await two(broker, version)
    await subscriber.subscribe(['a', { qos }])
    const count = 10_000
    const window = 50
    const ids = Array.from({ length: window }, (_, i) => i + 1)
    const receives = (async () => {
      for (let i = 0; i < count;) {
        const packet = await subscriber.next()
        if (packet.readUInt8(0) === 0x62) {
          subscriber.send(pubcomp(packet.readUInt16BE(2)))
          continue
        }
        const payload = packet.subarray(-6).toString()
        assert.equal(payload, String(i).padStart(6, '0'))
        i += 1
        if (qos === 1) subscriber.send(puback(packet.readUInt16BE(5)))
        if (qos === 2) subscriber.send(pubrec(packet.readUInt16BE(5)))
      }
    })()
    for (let start = 0; start < count; start += window) {
      const batch: Buffer[] = []
      for (let i = 0; i < window; i++) {
        const options = { qos, id: i + 1 }
        batch.push(publish(version, 'a', String(start + i).padStart(6, '0'), options))
      }
      publisher.send(batch)
      if (qos === 1) await publisher.gets(...ids.map((id) => puback(id)))
      if (qos !== 2) continue
      await publisher.gets(...ids.map((id) => pubrec(id)))
      publisher.send(ids.map((id) => pubrel(id)))
      await publisher.gets(...ids.map((id) => pubcomp(id)))
    }
    await receives
  })
}

conformance(64, 'acknowledgements in the order of messages', async ({ broker, version }) => {
  const client = await broker.client(version)
  const messages: Buffer[] = []
  const acks: Buffer[] = []
  for (let id = 1; id <= 60; id++) {
    const qos = 1 + (id % 2)
    const topic = id % 5 === 0 ? '$SYS/x' : `a/${id % 7}`
    messages.push(publish(version, topic, 'x', { qos, id, retain: id % 3 === 0 }))
    const reason = topic === '$SYS/x' && version === 5 ? 0x87 : undefined
    acks.push(qos === 1 ? puback(id, reason) : pubrec(id, reason))
  }
  client.send(messages)
  await client.gets(...acks)
})

conformance(65, 'DUP is not passed on', async ({ broker, version }) => {
  const [publisher, subscriber] = await two(broker, version)
  await subscriber.subscribe(['a', { qos: 2 }])
  publisher.send(publish(version, 'a', 'one', { qos: 1, id: 1, dup: true }))
  publisher.send(publish(version, 'a', 'two', { qos: 2, id: 2, dup: true }))
  const messages = await subscriber.payloads('one', 'two')
  assert.deepEqual(
    messages.map(({ dup }) => dup),
    [false, false],
  )
})

for (const [number, topic] of [
  [66, '$share/g/a'],
  [67, '$SYS/x'],
] as const) {
  conformance(number, `${topic} is not for clients`, async ({ broker, version }) => {
    const [publisher, subscriber] = await two(broker, version)
    await subscriber.subscribe(['$SYS/+'], ['#'])
    for (const retain of [false, true]) {
      publisher.send(publish(version, topic, 'x', { retain }))
      publisher.send(publish(version, topic, 'x', { qos: 1, id: 1, retain }))
      publisher.send(publish(version, topic, 'x', { qos: 2, id: 2, retain }))
      const reason = version === 5 ? 0x87 : undefined
      await publisher.gets(puback(1, reason), pubrec(2, reason))
    }
    await publisher.quiet()
    await subscriber.quiet()
    await subscriber.subscribe(['$SYS/x'])
    await subscriber.quiet()
  })
}

conformance(68, 'nobody subscribed', async ({ broker, version }) => {
  const client = await broker.client(version)
  client.send(publish(version, 'nobody', 'x', { qos: 1, id: 1 }))
  await client.gets(puback(1))
})

conformance(
  6.1,
  'what a rule keeps from being stored keeps its QoS',
  async ({ broker, version }) => {
    const [publisher, subscriber] = await two(broker, version)
    await subscriber.subscribe(['a', { qos: 2 }])
    publisher.send(publish(version, 'a', 'one', { qos: 1, id: 1 }))
    await publisher.gets(puback(1))
    await publishTwice(publisher, 'a', 'two', 2)
    publisher.send(publish(version, 'a', 'three'))
    const messages = await subscriber.payloads('one', 'two', 'three')
    assert.deepEqual(
      messages.map(({ qos }) => qos),
      [1, 2, 0],
    )
    assert.equal(broker.bus.store?.lastSequence, 0)
  },
  { topicRules: [{ filter: parseTopicFilter('a'), store: 'never' }] },
)

conformance(
  6.2,
  'acknowledgements keep their order, whether stored or not',
  async ({ broker, version }) => {
    const [publisher, subscriber] = await two(broker, version)
    await subscriber.subscribe(['#', { qos: 1 }])
    const send = (topic: string, payload: string, id: number) =>
      publish(version, topic, payload, { qos: 1, id })
    publisher.send(
      send('a', 'one', 1),
      send('stored', 'two', 2),
      send('a', 'three', 3),
      send('a', 'much too large', 4),
      send('a', 'four', 5),
    )
    const refused = version === 5 ? puback(4, 0x97) : puback(4)
    await publisher.gets(puback(1), puback(2), puback(3), refused, puback(5))
    const received = [await subscriber.message(), await subscriber.message()]
    for (let i = 0; i < 2; i++) received.push(await subscriber.message())
    // What is not stored does not wait for the disk, nor does it change its order.
    const texts = received.map(({ payload }) => payload)
    assert.deepEqual(
      texts.filter((text) => text !== 'two'),
      ['one', 'three', 'four'],
    )
    assert.ok(texts.includes('two'))
  },
  { topicRules: [{ filter: parseTopicFilter('a'), store: 'never', maxPayloadBytes: 8 }] },
)

conformance(
  11,
  'reason codes that do not belong there',
  async ({ broker, version }) => {
    for (const wrong of [puback(1, 0x11), pubrel(1, 0x80), pubcomp(1, 0x10), disconnect(0x8b)]) {
      const client = await broker.client(version)
      client.send(wrong)
      await client.closes(disconnect(0x82))
    }
    const client = await broker.client(version)
    client.send(bytes('40 04 0009 00 00'), bytes('62 03 0009 00'), bytes('40 03 0009 10'))
    await client.gets(pubcomp(9, 0x92))
    await client.quiet()
  },
  { versions: [5] },
)

conformance(
  'many user properties',
  'reach clients of 5.0 all the same',
  async ({ broker, version }) => {
    const [publisher, subscriber] = await two(broker, version)
    await subscriber.subscribe(['a'])
    const properties = Array.from({ length: 1_000 }, (_, i) => property.user(`k${i}`, 'v'))
    publisher.send(publish(version, 'a', 'x', { qos: 1, id: 1, properties }))
    await publisher.gets(puback(1))
    const [message] = await subscriber.payloads('x')
    assert.equal(message?.properties.length, 1_000)
    assert.deepEqual(message?.properties[999], [0x26, 'k999=v'])
  },
  { versions: [5] },
)

conformance(
  6.3,
  'what a rule stores though nobody asked keeps QoS 0',
  async ({ broker, version }) => {
    const [publisher, subscriber] = await two(broker, version)
    await subscriber.subscribe(['always', { qos: 2 }])
    publisher.send(publish(version, 'always', 'zero'))
    const [message] = await subscriber.payloads('zero')
    assert.equal(message?.qos, 0)
    assert.equal(broker.bus.store?.lastSequence, 1)
    publisher.send(publish(version, 'always', 'one', { qos: 1, id: 1 }))
    await publisher.gets(puback(1))
    const [next] = await subscriber.payloads('one')
    assert.equal(next?.qos, 1)
  },
  { topicRules: [{ filter: parseTopicFilter('always'), store: 'always' }] },
)
