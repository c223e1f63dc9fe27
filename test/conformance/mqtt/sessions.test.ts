/** Cases 42 to 54 of spec/mqtt 17: what is kept of a client, and for how long. */

import assert from 'node:assert/strict'
import { type Broker, conformance } from './broker.ts'
import {
  connect,
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

const onDisk = { engine: 'lmdb' } as const

/** A client whose session is kept, for `seconds` in 5.0. */
async function kept(
  broker: Broker,
  version: Version,
  { id = 'kept', seconds = 3_600, clean = false, receiveMaximum = 0 } = {},
): Promise<{ readonly client: RawClient; readonly isPresent: boolean }> {
  const client = await broker.open(version)
  const maximum = receiveMaximum === 0 ? [] : [property.receiveMaximum(receiveMaximum)]
  const properties = version === 5 ? [property.sessionExpiry(seconds), ...maximum] : []
  const isPresent = await client.connect({ id, clean, properties })
  return { client, isPresent }
}

/** Publishes with each QoS and waits until that is acknowledged. */
async function publishes(
  broker: Broker,
  version: Version,
  topic: string,
  payloads: readonly string[],
  qos = 1,
): Promise<void> {
  const client = await broker.client(version)
  for (const [i, payload] of payloads.entries()) {
    client.send(publish(version, topic, payload, { qos, id: i + 1 }))
    if (qos === 1) await client.gets(puback(i + 1))
    if (qos === 2) {
      await client.gets(pubrec(i + 1))
      client.send(pubrel(i + 1))
      await client.gets(pubcomp(i + 1))
    }
  }
  await client.quiet()
  await client.end()
}

/** Each of them with the daemon running on, and with a restart in between. */
function session(
  number: number,
  title: string,
  body: (run: {
    readonly broker: Broker
    readonly version: Version
    readonly between: () => Promise<void>
  }) => Promise<void>,
  versions: readonly Version[] = [4, 5],
): void {
  conformance(
    number,
    title,
    ({ broker, version }) => body({ broker, version, between: () => broker.settled() }),
    { versions },
  )
  conformance(
    52,
    `${number} with a restart: ${title}`,
    ({ broker, version }) => body({ broker, version, between: () => broker.restart() }),
    { versions, ...onDisk },
  )
}

session(
  42,
  'a kept session is present, also without subscriptions',
  async ({ broker, version, between }) => {
    const first = await kept(broker, version)
    assert.equal(first.isPresent, false)
    await first.client.end()
    await between()
    assert.equal((await kept(broker, version)).isPresent, true)
  },
)

session(43, 'a clean start ends the stored session', async ({ broker, version, between }) => {
  const { client } = await kept(broker, version)
  await client.subscribe(['a', { qos: 1 }])
  await client.end()
  await between()
  const clean = await kept(broker, version, { clean: true })
  assert.equal(clean.isPresent, false)
  await publishes(broker, version, 'a', ['x'])
  await clean.client.quiet()
  await clean.client.end()
  await between()
  // Of 3.1.1 a clean session ends with its connection.
  const again = await kept(broker, version)
  assert.equal(again.isPresent, version === 5)
  await again.client.quiet()
})

session(
  44,
  'without an expiry it ends with the connection',
  async ({ broker, between }) => {
    const client = await broker.client(5, { id: 'kept', clean: false })
    await client.subscribe(['a', { qos: 1 }])
    await client.end()
    await between()
    assert.equal((await kept(broker, 5)).isPresent, false)
  },
  [5],
)

session(
  45,
  'it ends when it expires',
  async ({ broker, between }) => {
    await (await kept(broker, 5, { seconds: 2 })).client.end()
    await between()
    await broker.pass(1_000)
    const { client, isPresent } = await kept(broker, 5, { seconds: 2 })
    assert.equal(isPresent, true)
    await client.end()
    await between()
    await broker.pass(4_000)
    assert.equal((await kept(broker, 5)).isPresent, false)
  },
  [5],
)

session(
  46,
  'DISCONNECT changes the expiry',
  async ({ broker, between }) => {
    const longer = (await kept(broker, 5, { seconds: 2 })).client
    longer.send(disconnect(0, [property.sessionExpiry(100)]))
    await longer.closes()
    await between()
    await broker.pass(50_000)
    const { client, isPresent } = await kept(broker, 5)
    assert.equal(isPresent, true)
    client.send(disconnect(0, [property.sessionExpiry(0)]))
    await client.closes()
    await between()
    assert.equal((await kept(broker, 5, { seconds: 0 })).isPresent, false)
    const none = await broker.client(5, { id: 'none' })
    none.send(disconnect(0, [property.sessionExpiry(5)]))
    await none.closes(disconnect(0x82))
  },
  [5],
)

for (const qos of [1, 2]) {
  session(47, `QoS ${qos} waits for its return`, async ({ broker, version, between }) => {
    const { client } = await kept(broker, version)
    await client.subscribe(['a/#', { qos: 2 }])
    await client.end()
    await publishes(broker, version, 'a/b', ['one', 'two', 'three'], qos)
    await between()
    await publishes(broker, version, 'a/c', ['four'], qos)
    await publishes(broker, version, 'b', ['five'], qos)
    const back = (await kept(broker, version)).client
    const messages = await back.payloads('one', 'two', 'three', 'four')
    assert(messages.every((message) => message.qos === qos && !message.dup))
    await back.quiet()
    for (const { id } of messages) {
      if (qos === 1) back.send(puback(id))
      else {
        back.send(pubrec(id))
        await back.gets(pubrel(id))
        back.send(pubcomp(id))
      }
    }
    await back.quiet()
    await back.end()
    await between()
    await (await kept(broker, version)).client.quiet()
  })
}

session(48, 'QoS 0 does not', async ({ broker, version, between }) => {
  const { client } = await kept(broker, version)
  await client.subscribe(['a', { qos: 2 }])
  await client.end()
  await publishes(broker, version, 'a', ['x'], 0)
  await between()
  await (await kept(broker, version)).client.quiet()
})

session(49, 'what was not acknowledged comes again', async ({ broker, version, between }) => {
  const { client } = await kept(broker, version)
  await client.subscribe(['a', { qos: 1 }])
  await publishes(broker, version, 'a', ['one', 'two', 'three'])
  const sent = await client.payloads('one', 'two', 'three')
  client.send(puback(sent[1]?.id ?? 0))
  await client.quiet()
  client.destroy()
  await publishes(broker, version, 'a', ['four'])
  await between()
  await publishes(broker, version, 'a', ['five'])
  const back = (await kept(broker, version)).client
  const again = await back.payloads('one', 'three', 'four', 'five')
  assert.deepEqual(
    again.map(({ dup }) => dup),
    [true, true, false, false],
  )
  assert.deepEqual([again[0]?.id, again[1]?.id], [sent[0]?.id, sent[2]?.id])
})

session(50, 'after PUBREC only PUBREL comes', async ({ broker, version, between }) => {
  const { client } = await kept(broker, version)
  await client.subscribe(['a', { qos: 2 }])
  await publishes(broker, version, 'a', ['one', 'two'], 2)
  const [one, two] = await client.payloads('one', 'two')
  assert(one !== undefined && two !== undefined)
  client.send(pubrec(one.id))
  await client.gets(pubrel(one.id))
  client.destroy()
  await between()
  const back = (await kept(broker, version)).client
  await back.gets(pubrel(one.id))
  const [again] = await back.payloads('two')
  assert.deepEqual([again?.dup, again?.id], [true, two.id])
  back.send(pubcomp(one.id))
  await back.quiet()
  back.send(pubrec(two.id))
  await back.gets(pubrel(two.id))
  back.send(pubcomp(two.id))
  await back.quiet()
})

conformance(51, 'nothing is sent again while the connection stands', async (run) => {
  const { broker, version } = run
  const { client } = await kept(broker, version)
  await client.subscribe(['a', { qos: 2 }])
  await publishes(broker, version, 'a', ['one'], 2)
  await client.payloads('one')
  await broker.pass(100_000)
  await client.quiet()
})

conformance(
  54,
  'the limit of 3.1.1 counts across restarts',
  async ({ broker, version }) => {
    await (await kept(broker, version)).client.end()
    await broker.pass(6_000)
    await broker.restart()
    await broker.pass(5_000)
    assert.equal((await kept(broker, version)).isPresent, false)
  },
  { versions: [4], config: { sessionExpirySeconds: 10 }, ...onDisk },
)

session(57, 'QoS 2 repeated on a new connection', async ({ broker, version, between }) => {
  const other = await kept(broker, version, { id: 'other' })
  await other.client.subscribe(['a', { qos: 2 }])
  await other.client.end()
  const { client } = await kept(broker, version)
  client.send(publish(version, 'a', 'one', { qos: 2, id: 9 }))
  await client.gets(pubrec(9))
  client.destroy()
  await between()
  const back = (await kept(broker, version)).client
  back.send(publish(version, 'a', 'one', { qos: 2, id: 9, dup: true }))
  await back.gets(pubrec(9))
  back.send(pubrel(9))
  await back.gets(pubcomp(9))
  back.send(publish(version, 'a', 'two', { qos: 2, id: 9 }))
  await back.gets(pubrec(9))
  const subscriber = (await kept(broker, version, { id: 'other' })).client
  await subscriber.payloads('one', 'two')
  await subscriber.quiet()
})

session(
  106,
  'what comes again counts against the new receive maximum',
  async ({ broker, between }) => {
    const { client } = await kept(broker, 5, { receiveMaximum: 10 })
    await client.subscribe(['a', { qos: 1 }])
    await publishes(broker, 5, 'a', ['1', '2', '3', '4'])
    const sent = await client.payloads('1', '2', '3', '4')
    client.destroy()
    await between()
    const back = (await kept(broker, 5, { receiveMaximum: 2 })).client
    await back.payloads('1', '2')
    await publishes(broker, 5, 'a', ['5'])
    await back.quiet()
    back.send(puback(sent[0]?.id ?? 0))
    await back.payloads('3')
    back.send(puback(sent[1]?.id ?? 0))
    await back.payloads('4')
    await back.quiet()
    back.send(puback(sent[2]?.id ?? 0), puback(sent[3]?.id ?? 0))
    await back.payloads('5')
  },
  [5],
)

session(
  7.5,
  'a filter that comes while others wait is about what follows',
  async ({ broker, version, between }) => {
    const { client } = await kept(broker, version, { receiveMaximum: 1 })
    await client.subscribe(['a', { qos: 1 }])
    await client.end()
    await publishes(broker, version, 'a', ['a1', 'a2'])
    await publishes(broker, version, 'b', ['b1'])
    await between()
    const back = (await kept(broker, version, { receiveMaximum: 1 })).client
    const [first] = await back.payloads('a1')
    if (version === 4) await back.payloads('a2')
    await back.subscribe(['b', { qos: 1 }])
    await publishes(broker, version, 'b', ['b2'])
    if (version === 5) {
      back.send(puback(first?.id ?? 0))
      const [second] = await back.payloads('a2')
      back.send(puback(second?.id ?? 0))
    }
    await back.payloads('b2')
    await back.quiet()
  },
)

conformance(
  53.1,
  'a session that expires takes its notes with it',
  async ({ broker, version }) => {
    const { client } = await kept(broker, version, { seconds: 10 })
    await client.subscribe(['a', { qos: 1 }])
    client.send(publish(version, 'b', 'x', { qos: 2, id: 3 }))
    await client.gets(pubrec(3))
    await client.end()
    await broker.pass(12_000)
    const notes: string[] = []
    const tables = ['mqtt.sessions', 'mqtt.windows', 'mqtt.groups', 'mqtt.received/kept']
    for (const table of tables) {
      for await (const { key } of broker.bus.store?.notes(table) ?? []) notes.push(key)
    }
    assert.deepEqual(notes, [])
  },
  { config: { sessionExpirySeconds: 10 } },
)

conformance(
  44.1,
  'a session that is resumed without an expiry is gone after it',
  async ({ broker }) => {
    await (await kept(broker, 5)).client.end()
    const client = await broker.open(5)
    client.send(connect({ id: 'kept', clean: false }))
    assert.equal((await client.connack()).isPresent, true)
    await client.end()
    await broker.restart()
    assert.equal((await kept(broker, 5)).isPresent, false)
  },
  { versions: [5], ...onDisk },
)

conformance(
  57.1,
  'QoS 2 repeated on a new connection while the first is being stored',
  async ({ broker, version }) => {
    const other = await broker.client(version)
    await other.subscribe(['a', { qos: 0 }])
    const { client } = await kept(broker, version)
    const properties = version === 5 ? [property.sessionExpiry(3_600)] : []
    const again = await broker.open(version)
    for (let id = 1; id <= 20; id++) {
      client.send(publish(version, 'a', `${id}`, { qos: 2, id }))
    }
    again.send(connect({ version, id: 'kept', clean: false, properties }))
    assert.equal((await again.connack()).isPresent, true)
    for (let id = 1; id <= 20; id++) {
      again.send(publish(version, 'a', `${id}`, { qos: 2, id, dup: true }))
    }
    for (let id = 1; id <= 20; id++) await again.gets(pubrec(id))
    const seen = new Set<string>()
    while (seen.size < 20) {
      const { payload } = await other.message()
      assert(!seen.has(payload), `${payload} came twice`)
      seen.add(payload)
    }
    await other.quiet()
  },
  onDisk,
)
