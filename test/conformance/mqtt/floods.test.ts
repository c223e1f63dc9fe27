/**
 * Clients that ask for too much (design/reliability A4, A6, A11): they meet a limit, are told so, and harm nobody else.
 * MSGBUS_MQTT_FLOOD is how much of it there is; 1,000 is the number that is asked for.
 */

import assert from 'node:assert/strict'
import process from 'node:process'
import { conformance } from './broker.ts'
import { bytes, connect, disconnect, property, puback, publish, subscribe } from './bytes.ts'

const amount = Number(process.env['MSGBUS_MQTT_FLOOD'] ?? 50)
/** What 3.1.1 is told of a refused message. */
const code = (version: number, reason: number) => (version === 5 ? reason : undefined)

conformance('A4', `${amount} packets of 256 MB that begin`, async ({ broker, version }) => {
  const other = await broker.client(version)
  for (let i = 0; i < amount; i++) {
    const client = await broker.client(version)
    client.send('30 ff ff ff 7f', Buffer.alloc(1_000))
    await client.closes(...(version === 5 ? [disconnect(0x95)] : []))
    const stranger = await broker.open(version)
    stranger.send('10 ff ff ff 7f')
    await stranger.closes()
  }
  await other.quiet()
})

conformance(
  'A6',
  'deep filters, names and filters as long as they can be',
  async ({ broker, version }) => {
    const client = await broker.client(version)
    const other = await broker.client(version)
    const deep = Array.from({ length: 100 }, () => '+').join('/')
    await client.subscribe([`${deep}/#`], [deep], [`${deep}/+`])
    const name = Array.from({ length: 100 }, () => 'x').join('/')
    other.send(publish(version, name, 'deep'))
    await client.payloads('deep')
    const long = 'n'.repeat(65_535)
    other.send(publish(version, long, 'dropped'))
    other.send(publish(version, long, 'refused', { qos: 1, id: 1 }))
    await other.gets(puback(1, code(version, 0x90)))
    other.send(subscribe(version, 2, [[long], ['short']]))
    await other.suback(2, version === 5 ? 0x8f : 0x80, 0)
    await other.quiet()
  },
)

conformance(
  'A11',
  'more retained messages than there may be',
  async ({ broker, version }) => {
    const client = await broker.client(version)
    const watcher = await broker.client(version)
    await watcher.subscribe(['#'])
    const retain = (topic: string, payload: string, id: number) =>
      client.send(publish(version, topic, payload, { qos: 1, id, retain: true }))
    for (let i = 1; i <= 6; i++) retain(`t/${i}`, 'kept', i)
    const refused = code(version, 0x97)
    await client.gets(...[1, 2, 3, 4, 5].map((id) => puback(id)), puback(6, refused))
    // One that is there may change, and its place may be given to another.
    retain('t/1', 'other', 7)
    retain('t/2', '', 8)
    await client.gets(puback(7), puback(8))
    retain('t/6', 'now', 9)
    await client.gets(puback(9))
    for (let i = 0; i < amount; i++) {
      client.send(publish(version, `flood/${i}`, 'x', { retain: true }))
    }
    await client.quiet()
    const payloads = [...Array<string>(5).fill('kept'), 'other', '', 'now']
    await watcher.payloads(...payloads, ...Array<string>(amount).fill('x'))
    assert.equal(broker.bus.retained.size, 5)
  },
  { limits: { retainedMessages: 5 } },
)

conformance(
  'A11',
  'more bytes of retained messages than there may be',
  async ({ broker, version }) => {
    const client = await broker.client(version)
    const large = 'x'.repeat(4_000)
    for (let id = 1; id <= 4; id++) {
      client.send(publish(version, `t/${id}`, large, { qos: 1, id, retain: true }))
    }
    const refused = code(version, 0x97)
    await client.gets(puback(1), puback(2), puback(3, refused), puback(4, refused))
    client.send(publish(version, 't/5', large, { qos: 1, id: 5 }))
    await client.gets(puback(5))
  },
  { limits: { retainedBytes: 10_000 } },
)

conformance(
  'A11',
  'topics that are used once',
  async ({ broker, version }) => {
    const client = await broker.client(version)
    const watcher = await broker.client(version)
    await watcher.subscribe(['flood/#'])
    const topics = amount * 20
    for (let i = 0; i < topics; i++) client.send(publish(version, `flood/${i}`, String(i)))
    await client.quiet()
    await watcher.payloads(...Array.from({ length: topics }, (_, i) => String(i)))
    assert([...broker.bus.topicTable()].length <= 100)
  },
  { limits: { rememberedTopics: 100 } },
)

conformance(
  'A9',
  'ids that are not wanted twice are none the slower',
  async ({ broker, version }) => {
    // An empty one is another one each time, and many in a row are many clients.
    const clients = await Promise.all(Array.from({ length: amount }, () => broker.open(version)))
    for (const client of clients) client.send(connect({ version }))
    for (const client of clients) assert.equal((await client.connack()).code, 0)
    for (const client of clients) await client.quiet()
  },
)

conformance(
  'window',
  'identifiers of QoS 2 that are never released meet the receive maximum',
  async ({ broker, version }) => {
    const client = await broker.client(version, {
      id: 'c',
      properties: [property.sessionExpiry(100)],
    })
    for (let id = 1; id <= 10; id++) {
      client.send(publish(version, 'a', 'x', { qos: 2, id }))
      await client.gets(bytes(0x50, 2, 0, id))
    }
    client.send(publish(version, 'a', 'x', { qos: 2, id: 11 }))
    await client.closes(disconnect(0x93))
  },
  { versions: [5], config: { receiveMaximum: 10 } },
)
