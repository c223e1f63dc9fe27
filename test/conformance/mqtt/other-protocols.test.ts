/** What comes from, and goes to, other protocols, and what they cannot do to MQTT clients (spec/mqtt 14). */

import assert from 'node:assert/strict'
import { anonymous } from '../../../src/model/identity.ts'
import { type Broker, conformance } from './broker.ts'
import { property, puback, publish } from './bytes.ts'

function store(
  broker: Broker,
  topic: string,
  headers: readonly (readonly [string, string])[] = [],
) {
  const client = broker.bus.connect(anonymous)
  const message = { topic, payload: Buffer.from('x'), headers: new Map(headers) }
  return client.publish([message])
}

conformance(
  'others',
  'headers are properties, and back',
  async ({ broker }) => {
    const client = await broker.client(5)
    await client.subscribe(['a', { qos: 2 }])
    await store(broker, 'a', [
      ['content-type', 'text/plain'],
      ['reply-to', 'b'],
      ['correlation-data', Buffer.of(0, 1).toString('base64')],
      ['own', 'é'],
    ])
    const message = await client.message()
    assert.equal(message.qos, 1)
    assert.deepEqual(message.properties, [
      [0x03, 'text/plain'],
      [0x08, 'b'],
      [0x09, '\0\u0001'],
      [0x26, 'own=é'],
    ])
    const properties = [property.contentType('text/html'), property.user('k', 'v')]
    client.send(publish(5, 'b', 'y', { qos: 1, id: 1, properties }))
    await client.gets(puback(1))
    const last = broker.bus.lastValue('b')
    assert.equal(last?.headers.get('content-type'), 'text/html')
    assert.equal(last?.headers.get('k'), 'v')
  },
  { versions: [5] },
)

conformance(
  'others',
  'what MQTT cannot say does not reach its clients',
  async ({ broker, version }) => {
    const client = await broker.client(version)
    await client.subscribe(['#', { qos: 1 }])
    for (const topic of ['a+b', 'a/#', 'tab\there', '\u007f']) await store(broker, topic)
    await client.quiet()
    const forged = [Buffer.of(0xff), Buffer.of(0x03, 0x00), Buffer.of(0x23, 0, 1)]
    for (const bytes of forged) {
      await store(broker, 'a', [['mqtt-properties', bytes.toString('base64')]])
      assert.deepEqual((await client.message()).properties, [])
    }
    await store(broker, 'a', [
      ['mqtt-expires-at', 'soon'],
      ['content-type', 'with\0nul'],
      ['reply-to', 'a/+'],
    ])
    assert.deepEqual((await client.message()).properties, [])
    await client.quiet()
  },
)

conformance(
  'history',
  'is not trimmed by age while a session that is away needs it',
  async ({ broker, version }) => {
    const properties = version === 5 ? [property.sessionExpiry(1_000)] : []
    const kept = { id: 'kept', clean: false, properties }
    const client = await broker.client(version, kept)
    await client.subscribe(['a', { qos: 1 }])
    const publisher = await broker.client(version)
    const stores = async (topic: string, payload: string) => {
      publisher.send(publish(version, topic, payload, { qos: 1, id: 1 }))
      await publisher.gets(puback(1))
    }
    await stores('a', 'unacknowledged')
    await client.payloads('unacknowledged')
    await client.end()
    await stores('a', 'away')
    await stores('b', 'for nobody')
    await broker.pass(90_000)
    const trimmed = [...(broker.bus.store?.logs() ?? [])].filter(({ trimmedTo }) => trimmedTo > 0)
    assert.deepEqual(
      trimmed.map(({ topic }) => topic),
      ['b'],
    )
    const back = await broker.client(version, kept)
    const [one, two] = await back.payloads('unacknowledged', 'away')
    back.send(puback(one?.id ?? 0), puback(two?.id ?? 0))
    await back.quiet()
    await broker.pass(60_000)
    const logs = [...(broker.bus.store?.logs() ?? [])]
    assert(logs.every(({ trimmedTo }) => trimmedTo > 0))
  },
  { history: { maxAgeMs: 30_000, maxBytes: 1_000_000 } },
)
