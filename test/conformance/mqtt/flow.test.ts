/** Cases 106 to 116 of spec/mqtt 17: how much may be under way, sizes, aliases, expiry, properties. */

import assert from 'node:assert/strict'
import { conformance, type Broker } from './broker.ts'
import {
  connect,
  disconnect,
  type Part,
  property,
  puback,
  pubcomp,
  publish,
  pubrec,
  pubrel,
  type Version,
} from './bytes.ts'
import type { RawClient } from './raw-client.ts'

const five: { readonly versions: readonly Version[] } = { versions: [5] }

async function publishes(broker: Broker, topic: string, ...payloads: readonly string[]) {
  const client = await broker.client(5)
  for (const payload of payloads) {
    client.send(publish(5, topic, payload, { qos: 2, id: 1 }))
    await client.gets(pubrec(1))
    client.send(pubrel(1))
    await client.gets(pubcomp(1))
  }
  await client.end()
}

const withAlias = (value: number) => ({ properties: [property.topicAlias(value)] })
const large = (i: number) => `${i} ${'x'.repeat(20_000)}`
// With an id of its own, so that the answer to CONNECT is small.
const subscriber = (broker: Broker, ...properties: Part[]) =>
  broker.client(5, { id: 'subscriber', properties })

conformance(
  106,
  'receive maximum of the subscriber',
  async ({ broker }) => {
    const client = await subscriber(broker, property.receiveMaximum(2))
    await client.subscribe(['a', { qos: 1 }], ['b'])
    await publishes(broker, 'a', '1', '2', '3', '4')
    const [one, two] = await client.payloads('1', '2')
    const other = await broker.client(5)
    other.send(publish(5, 'b', 'zero'))
    await client.payloads('zero')
    await client.quiet()
    client.send(puback(one?.id ?? 0))
    await client.payloads('3')
    await client.quiet()
    client.send(puback(two?.id ?? 0))
    await client.payloads('4')
  },
  five,
)

conformance(
  107,
  'of QoS 2 until PUBCOMP',
  async ({ broker }) => {
    const client = await subscriber(broker, property.receiveMaximum(1))
    await client.subscribe(['a', { qos: 2 }])
    await publishes(broker, 'a', '1', '2')
    const [one] = await client.payloads('1')
    client.send(pubrec(one?.id ?? 0))
    await client.gets(pubrel(one?.id ?? 0))
    await client.quiet()
    client.send(pubcomp(one?.id ?? 0))
    const [two] = await client.payloads('2')
    client.send(pubrec(two?.id ?? 0, 0x97))
    await client.quiet()
  },
  five,
)

for (const qos of [1, 2]) {
  conformance(
    108,
    `receive maximum of the server, QoS ${qos}`,
    async ({ broker }) => {
      const client = await broker.client(5)
      if (qos === 2) {
        client.send([1, 2, 3].map((id) => publish(5, 'a', 'x', { qos, id })))
        await client.gets(pubrec(1), pubrec(2), pubrec(3))
        client.send(publish(5, 'a', 'x', { qos, id: 4 }), publish(5, 'a', 'x', { qos: 1, id: 5 }))
      } else client.send([1, 2, 3, 4].map((id) => publish(5, 'a', 'x', { qos, id })))
      await client.closes(disconnect(0x93))
    },
    { ...five, config: { receiveMaximum: 3 } },
  )
}

conformance(
  108.1,
  'never before 5.0',
  async ({ broker, version }) => {
    const client = await broker.client(version)
    const ids = Array.from({ length: 3_000 }, (_, i) => i + 1)
    client.send(ids.map((id) => publish(version, 'a', 'x', { qos: 2, id })))
    await client.gets(...ids.map((id) => pubrec(id)))
    client.send(ids.map((id) => pubrel(id)))
    await client.gets(...ids.map((id) => pubcomp(id)))
  },
  { versions: [4], config: { receiveMaximum: 3 } },
)

conformance(
  109,
  'a message above the maximum packet size of the subscriber',
  async ({ broker }) => {
    const client = await subscriber(
      broker,
      property.maximumPacketSize(40),
      property.receiveMaximum(1),
      property.sessionExpiry(100),
    )
    await client.subscribe(['a', { qos: 2 }])
    const tooLarge = 'x'.repeat(40)
    await publishes(broker, 'a', tooLarge, tooLarge, 'small', tooLarge, 'last')
    const [small] = await client.payloads('small')
    await client.quiet()
    client.send(pubrec(small?.id ?? 0))
    await client.gets(pubrel(small?.id ?? 0))
    client.send(pubcomp(small?.id ?? 0))
    await client.payloads('last')
    await client.quiet()
  },
  five,
)

conformance(
  109.1,
  'an alias does not make a packet too large',
  async ({ broker }) => {
    const name = 'topic/name'
    const whole = publish(5, name, 'x'.repeat(20)).length
    const client = await subscriber(
      broker,
      property.maximumPacketSize(whole),
      property.topicAliasMaximum(5),
    )
    await client.subscribe([name])
    const other = await broker.client(5)
    other.send(publish(5, name, 'x'.repeat(20)), publish(5, name, 'y'))
    other.send(publish(5, name, 'x'.repeat(21)), publish(5, name, 'z'))
    const topics: string[] = []
    for (let i = 0; i < 3; i++) topics.push((await client.message()).topic)
    assert.deepEqual(topics, [name, name, ''])
    await client.quiet()
  },
  five,
)

conformance(
  110,
  'aliases of the publisher',
  async ({ broker }) => {
    const client = await broker.client(5)
    await client.subscribe(['+', { qos: 1 }])
    client.send(
      publish(5, 'a', '1', withAlias(1)),
      publish(5, '', '2', withAlias(1)),
      publish(5, 'b', '3', withAlias(32)),
      publish(5, 'c', '4', withAlias(1)),
      publish(5, '', '5', withAlias(1)),
      publish(5, '', '6', { ...withAlias(32), qos: 1, id: 1 }),
    )
    const seen: string[] = []
    while (seen.length < 6) {
      const packet = await client.next()
      if (packet[0] === 0x40) continue
      seen.push(packet.subarray(-1).toString())
      // 111: no alias arrives.
      assert(!packet.includes(Buffer.of(0x23, 0)), packet.toString('hex'))
    }
    assert.deepEqual(seen.toSorted(), ['1', '2', '3', '4', '5', '6'])
    client.destroy()
    for (const [value, code] of [
      [1, 0x82],
      [0, 0x94],
      [33, 0x94],
    ] as const) {
      const again = await broker.client(5)
      again.send(publish(5, value === 1 ? '' : 'a', 'x', withAlias(value)))
      await again.closes(disconnect(code))
    }
  },
  five,
)

conformance(
  112,
  'aliases of the server',
  async ({ broker }) => {
    const publisher = await broker.client(5)
    for (const most of [0, 2, undefined]) {
      const own = most === undefined ? [] : [property.topicAliasMaximum(most)]
      const client = await subscriber(broker, ...own)
      await client.subscribe(['t/#', { qos: 1 }])
      const topics = ['t/one', 't/two', 't/three', 't/one', 't/two', 't/three']
      publisher.send(topics.map((topic) => publish(5, topic, 'x')))
      const names = new Map<string | number, string>()
      const seen: string[] = []
      const aliases = new Set<string | number>()
      for (const _ of topics) {
        const { topic, properties } = await client.message()
        const alias = properties.find(([id]) => id === 0x23)?.[1]
        if (alias !== undefined) {
          aliases.add(alias)
          if (topic !== '') names.set(alias, topic)
        }
        seen.push(topic === '' ? (names.get(alias ?? 0) ?? '?') : topic)
      }
      assert.deepEqual(seen, topics)
      assert.deepEqual([...aliases], most === 2 ? [1, 2] : [])
    }
  },
  five,
)

conformance(
  113,
  'message expiry',
  async ({ broker }) => {
    const kept = { id: 'kept', clean: false, properties: [property.sessionExpiry(100)] }
    const client = await broker.client(5, kept)
    await client.subscribe(['a', { qos: 1 }])
    await client.end()
    const publisher = await broker.client(5)
    for (const [id, seconds] of [
      [1, 1],
      [2, 10],
      [3, 0],
    ] as const) {
      const properties = [property.messageExpiry(seconds)]
      publisher.send(publish(5, 'a', `${seconds}`, { qos: 1, id, properties }))
      await publisher.gets(puback(id))
    }
    await broker.pass(2_000)
    const back = await broker.client(5, kept)
    const [message] = await back.payloads('10')
    assert.deepEqual(message?.properties, [[0x02, 8]])
    await back.quiet()
  },
  five,
)

conformance(
  114,
  'properties are passed on',
  async ({ broker }) => {
    const client = await broker.client(5)
    await client.subscribe(['a', { qos: 2 }])
    const properties = [
      property.user('z', ''),
      property.responseTopic('reply/x'),
      property.correlationData(Buffer.of(0, 255, 1)),
      property.user('a', 'é🜁'),
      property.contentType(''),
      property.payloadFormat(0),
      property.user('z', '2'),
    ]
    const whole = publish(5, 'a', 'x', { properties })
    client.send(whole)
    await client.gets(whole)
    client.send(publish(5, 'a', 'x', { qos: 1, id: 1, properties }))
    const packets = [await client.next(), await client.next()]
    const expected = publish(5, 'a', 'x', { qos: 1, id: 1, properties })
    assert(packets.some((packet) => packet.equals(expected)))
  },
  five,
)

conformance(
  115,
  'a response topic with a wildcard',
  async ({ broker }) => {
    for (const topic of ['a/#', '+', '']) {
      const client = await broker.client(5)
      client.send(publish(5, 'a', 'x', { properties: [property.responseTopic(topic)] }))
      await client.closes(disconnect(0x82))
    }
  },
  five,
)

conformance(
  116,
  'a subscriber that does not read',
  async ({ broker, version }) => {
    const slow = await broker.client(version)
    await slow.subscribe(['a', { qos: 1 }], ['z'])
    const other = await broker.client(version)
    await other.subscribe(['a'])
    slow.socket.pause()
    const publisher = await broker.client(version)
    const count = 600
    for (let i = 0; i < count; i++) {
      publisher.send(publish(version, 'z', large(i)))
      publisher.send(publish(version, 'a', large(i), { qos: 1, id: 1 }))
      await publisher.gets(puback(1))
      assert.equal((await other.message()).payload.split(' ')[0], String(i))
    }
    const [info] = broker.bus.clients().filter(({ queuedBytes }) => queuedBytes > 0)
    assert(info !== undefined && info.queuedBytes < 10_000_000, String(info?.queuedBytes))
    slow.socket.resume()
    let next = 0
    while (next < count) {
      const { topic, payload: seen, id } = await slow.message()
      if (topic === 'z') continue
      assert.equal(seen.split(' ')[0], String(next))
      next += 1
      slow.send(puback(id))
    }
  },
  { config: { outboxBytes: 65_536, window: 1_000 } },
)

conformance(
  119,
  'a clean stop',
  async ({ broker, version }) => {
    const client = await broker.client(version)
    const waiting = await broker.open(version)
    await client.quiet()
    await broker.stop()
    await client.closes(...(version === 5 ? [disconnect(0x8b)] : []))
    await waiting.closes()
  },
  { engine: 'lmdb' },
)

conformance(
  119.1,
  'what was acknowledged before a stop is there after it',
  async ({ broker, version }) => {
    const properties = version === 5 ? [property.sessionExpiry(100)] : []
    const kept = { id: 'kept', clean: false, properties }
    const client = await broker.client(version, kept)
    await client.subscribe(['a', { qos: 1 }])
    await client.end()
    const publisher = await broker.client(version)
    publisher.send(
      Array.from({ length: 50 }, (_, i) => publish(version, 'a', `${i}`, { qos: 1, id: i + 1 })),
    )
    const acknowledged: string[] = []
    const reading = readAcks(publisher, acknowledged)
    await broker.restart()
    await reading
    const back = await broker.open(version)
    back.send(connect({ version, ...kept }))
    assert.equal((await back.connack()).isPresent, true)
    for (const payload of acknowledged) assert.equal((await back.message()).payload, payload)
  },
  { engine: 'lmdb' },
)

async function readAcks(client: RawClient, into: string[]): Promise<void> {
  try {
    for (;;) {
      const packet = await client.next()
      if (packet[0] === 0x40) into.push(String(packet.readUInt16BE(2) - 1))
    }
  } catch {
    // The daemon has ended the connection.
  }
}
