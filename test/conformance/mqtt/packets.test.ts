/** Cases 1 to 20 of spec/mqtt 17: what is no packet, or none of a client. */

import assert from 'node:assert/strict'
import { Broker, conformance } from './broker.ts'
import {
  bytes,
  connect,
  disconnect,
  packet,
  pingreq,
  props,
  puback,
  publish,
  short,
  subscribe,
  text,
  type Version,
} from './bytes.ts'
import type { RawClient } from './raw-client.ts'

/** What a client of 5.0 is told before the end. */
const told = (version: Version, reason: number) => (version === 5 ? [disconnect(reason)] : [])

async function refuses(
  broker: Broker,
  version: Version,
  wrong: Uint8Array,
  reason: number,
): Promise<void> {
  const client = await broker.client(version)
  client.send(wrong)
  await client.closes(...told(version, reason))
}

async function lives(broker: Broker): Promise<void> {
  const client = await broker.client(5)
  await client.quiet()
  await client.end()
}

conformance(1, 'the first packet is no CONNECT', async ({ broker, version }) => {
  for (const first of [pingreq, subscribe(version, 1, [['a']]), disconnect(), packet(0x20, 0, 0)]) {
    const client = await broker.open(version)
    client.send(first)
    await client.closes()
  }
})

conformance(2, 'nothing is sent for the connect time-out', async ({ broker, version }) => {
  const client = await broker.open(version)
  await lives(broker)
  await broker.pass(9_750)
  const slow = await broker.open(version)
  slow.send(connect({ version }).subarray(0, 5))
  await broker.pass(500)
  await client.closes()
  await broker.pass(10_000)
  await slow.closes()
})

conformance(3, 'a second CONNECT', async ({ broker, version }) => {
  await refuses(broker, version, connect({ version }), 0x82)
})

conformance(4, 'a length of five bytes', async ({ broker, version }) => {
  await refuses(broker, version, bytes('30 ff ff ff ff'), 0x81)
})

conformance(
  5,
  'a variable byte integer with more bytes than it needs',
  async ({ broker, version }) => {
    await refuses(broker, version, bytes('c0 80 00'), 0x81)
    const long = packet(0x30, text('a'), '80 00')
    await refuses(broker, version, long, 0x81)
  },
  { versions: [5] },
)

conformance(6, 'flags of SUBSCRIBE, UNSUBSCRIBE and PUBREL', async ({ broker, version }) => {
  const own = version === 5 ? props() : ''
  for (const flags of [0, 1, 3, 4, 8, 15]) {
    await refuses(broker, version, packet(0x80 | flags, short(1), own, text('a'), 0), 0x81)
    await refuses(broker, version, packet(0xa0 | flags, short(1), own, text('a')), 0x81)
    await refuses(broker, version, packet(0x60 | flags, short(1)), 0x81)
  }
})

conformance(7, 'flags of PINGREQ, DISCONNECT and acknowledgements', async ({ broker, version }) => {
  for (const first of [0xc1, 0xe2, 0x48, 0x51, 0x74]) {
    const body = first >= 0xc0 ? '' : short(1)
    await refuses(broker, version, packet(first, body), 0x81)
  }
})

conformance(8, 'PINGREQ with a body', async ({ broker, version }) => {
  await refuses(broker, version, packet(0xc0, 0), 0x81)
})

conformance(9, 'bytes left over', async ({ broker, version }) => {
  const whole = subscribe(version, 1, [['a']])
  await refuses(broker, version, packet(0x82, whole.subarray(2), 0), 0x81)
  await refuses(broker, version, packet(0x40, short(1), version === 5 ? '00 00 00' : '00'), 0x81)
})

conformance(10, 'a field that runs past the end', async ({ broker, version }) => {
  const wrong = [
    packet(0x30, short(5), 'aa'),
    packet(0x82, short(1), version === 5 ? '00' : '', short(9), 'aa00'),
    packet(0x30, 0),
    packet(0x40, 0),
  ]
  for (const each of wrong) await refuses(broker, version, each, 0x81)
  const client = await broker.open(version)
  client.send(packet(0x10, text('MQTT'), version, 2, short(0), version === 5 ? '00' : '', short(4)))
  if (version === 5) assert.equal((await client.connack()).code, 0x81)
  await client.closes()
  await lives(broker)
})

conformance(11, 'names that are no text', async ({ broker, version }) => {
  for (const name of ['c328', 'eda080', '610062', 'f8888080', '61c3']) {
    const wrong = Buffer.from(name, 'hex')
    await refuses(broker, version, publish(version, wrong, 'x'), 0x81)
    await refuses(broker, version, subscribe(version, 1, [[wrong]]), 0x81)
  }
})

conformance(12, 'an astral character', async ({ broker, version }) => {
  const client = await broker.client(version)
  await client.subscribe(['x/🜁/+'])
  const sent = publish(version, 'x/🜁/𝕏', '🜁')
  client.send(sent)
  await client.gets(sent)
})

conformance(13, 'U+FEFF is a character like others', async ({ broker, version }) => {
  const client = await broker.client(version)
  await client.subscribe(['\ufeffa'])
  client.send(publish(version, 'a', 'without'), publish(version, '\ufeffa', 'with'))
  await client.gets(publish(version, '\ufeffa', 'with'))
  client.send(publish(version, '\ufeffa', 'with', { qos: 1, id: 1, retain: true }))
  await client.gets(publish(version, '\ufeffa', 'with'), puback(1))
})

conformance(14, 'QoS 3, and DUP with QoS 0', async ({ broker, version }) => {
  await refuses(broker, version, publish(version, 'a', 'x', { qos: 3, id: 1 }), 0x81)
  await refuses(broker, version, publish(version, 'a', 'x', { dup: true }), 0x81)
})

conformance(15, 'identifier 0', async ({ broker, version }) => {
  for (const qos of [1, 2]) {
    await refuses(broker, version, publish(version, 'a', 'x', { qos, id: 0 }), 0x82)
  }
  await refuses(broker, version, subscribe(version, 0, [['a']]), 0x82)
})

conformance(16, 'topic names with wildcards, or none', async ({ broker, version }) => {
  for (const name of ['a/+', '#', 'a+b']) {
    await refuses(broker, version, publish(version, name, 'x'), 0x90)
  }
  await refuses(broker, version, publish(version, '', 'x'), version === 5 ? 0x82 : 0x81)
})

conformance(17, 'packets that only a server sends', async ({ broker, version }) => {
  for (const first of [0x20, 0x90, 0xb0, 0xd0, 0x00]) {
    await refuses(broker, version, packet(first, short(1), 0), 0x82)
  }
  if (version < 5) await refuses(broker, version, packet(0xf0), 0x82)
  else await refuses(broker, version, packet(0xf0, 0x18, props(0x15, text('x'))), 0x82)
})

conformance(18, 'bytes one by one, and many packets at once', async ({ broker, version }) => {
  const client = await broker.open(version)
  for (const byte of bytes(connect({ version }), subscribe(version, 1, [['a']]))) {
    client.send(byte)
    await broker.settled()
  }
  assert.equal((await client.connack()).code, 0)
  await client.suback(1, 0)
  const many = Array.from({ length: 200 }, (_, i) => publish(version, 'a', `${i}`))
  client.send(many)
  await client.gets(...many)
})

conformance(
  19,
  'a packet above the limit is refused by its header',
  async ({ broker, version }) => {
    const client = await broker.client(version)
    client.send(publish(version, 'a', 'x'.repeat(1_000)))
    await client.quiet()
    client.send('30 ff 7f')
    await client.closes(...told(version, 0x95))
  },
  { config: { maxPacketBytes: 2_000 } },
)

conformance(20, 'random bytes', async ({ broker, version }) => {
  let seed = 20
  const random = () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31
  const noise = (count: number) =>
    Buffer.from(Array.from({ length: count }, () => Math.floor(random() * 256)))
  for (let round = 0; round < 20; round++) {
    const clients: RawClient[] = []
    for (let i = 0; i < 20; i++) {
      const client = await broker.open(version)
      if (i % 2 === 1) client.send(connect({ version }))
      client.send(noise(1 + Math.floor(random() * 200)))
      clients.push(client)
    }
    for (const client of clients) await client.end()
  }
  await lives(broker)
  assert.deepEqual(
    broker.bus.clients().filter(({ transport }) => transport !== 'internal'),
    [],
  )
})
