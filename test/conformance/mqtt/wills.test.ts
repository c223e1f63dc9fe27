/** Cases 98 to 105 of spec/mqtt 17: wills. */

import assert from 'node:assert/strict'
import { type Broker, conformance } from './broker.ts'
import {
  bytes,
  connect,
  disconnect,
  packet,
  property,
  type Version,
  type WillOptions,
} from './bytes.ts'
import type { RawClient } from './raw-client.ts'

const five: { readonly versions: readonly Version[] } = { versions: [5] }
const will: WillOptions = { topic: 'will', payload: 'gone' }

async function watcher(broker: Broker, version: Version): Promise<RawClient> {
  const client = await broker.client(version)
  await client.subscribe(['will', { qos: 2 }])
  return client
}

/** A client of 5.0 with a will that waits. */
async function delayed(broker: Broker, delay: number, expiry: number, clean = false) {
  const properties = property.willDelay(delay)
  return broker.client(5, {
    id: 'delayed',
    clean,
    properties: [property.sessionExpiry(expiry)],
    will: { ...will, properties },
  })
}

conformance(
  98,
  'sent when the socket is cut, not after DISCONNECT',
  async ({ broker, version }) => {
    const other = await watcher(broker, version)
    const clean = await broker.client(version, { will })
    clean.send(disconnect())
    await clean.closes()
    await other.quiet()
    for (const end of ['destroy', 'end', 'wrong'] as const) {
      const client = await broker.client(version, { will })
      if (end === 'wrong') client.send(packet(0xc0, 0))
      else if (end === 'end') await client.end()
      else client.destroy()
      await other.payloads('gone')
    }
  },
)

conformance(
  99,
  'DISCONNECT with a reason',
  async ({ broker }) => {
    const other = await watcher(broker, 5)
    for (const reason of [0x04, 0x80]) {
      const client = await broker.client(5, { will })
      client.send(disconnect(reason))
      await client.closes()
      await other.payloads('gone')
    }
  },
  five,
)

conformance(100, 'a takeover', async ({ broker, version }) => {
  const other = await watcher(broker, version)
  await broker.client(version, { id: 'x', will })
  await broker.client(version, { id: 'x' })
  await other.payloads('gone')
  if (version === 4) return
  await delayed(broker, 10, 10)
  await delayed(broker, 10, 10)
  await other.quiet()
  await delayed(broker, 10, 10, true)
  await other.payloads('gone')
  await delayed(broker, 10, 0, true)
  await delayed(broker, 10, 0)
  await other.payloads('gone')
})

conformance(
  101,
  'delayed',
  async ({ broker }) => {
    const other = await watcher(broker, 5)
    ;(await delayed(broker, 2, 10)).destroy()
    await broker.pass(1_000)
    await other.quiet()
    await broker.pass(2_000)
    await other.payloads('gone')
    await broker.pass(20_000)
    ;(await delayed(broker, 10, 2)).destroy()
    await broker.pass(1_000)
    await other.quiet()
    await broker.pass(2_000)
    await other.payloads('gone')
    ;(await delayed(broker, 2, 10)).destroy()
    await broker.pass(1_000)
    const back = await delayed(broker, 2, 10)
    await broker.pass(20_000)
    await other.quiet()
    back.destroy()
    await broker.settled()
    // A clean start ends the session, and so its will does not wait any longer.
    await delayed(broker, 2, 10, true)
    await other.payloads('gone')
    await other.quiet()
  },
  five,
)

conformance(102, 'as it was given', async ({ broker, version }) => {
  const other = await watcher(broker, version)
  const properties = bytes(
    property.willDelay(1),
    property.messageExpiry(60),
    property.contentType('c'),
    property.user('k', 'v'),
  )
  const options = { ...will, qos: 2, retain: true, properties }
  const client = await broker.client(version, {
    id: 'w',
    will: options,
    properties: [property.sessionExpiry(100)],
  })
  client.destroy()
  await broker.pass(30_000)
  const [live] = await other.payloads('gone')
  assert.deepEqual([live?.qos, live?.retain], [2, false])
  const late = await broker.client(version)
  await late.subscribe(['will', { qos: 1 }])
  const [message] = await late.payloads('gone')
  assert.deepEqual([message?.qos, message?.retain], [1, true])
  if (version === 4) return
  const seen = live?.properties.filter(([id]) => id !== 0x02)
  assert.deepEqual(seen, [
    [0x03, 'c'],
    [0x26, 'k=v'],
  ])
  const expiry = live?.properties.find(([id]) => id === 0x02)
  assert.equal(expiry?.[1], 60)
})

conformance(103, 'to a name that is not for clients', async ({ broker, version }) => {
  const client = await broker.open(version)
  client.send(connect({ version, will: { ...will, topic: '$SYS/x' } }))
  assert.equal((await client.connack()).code, version === 5 ? 0x87 : 5)
  await client.closes()
  for (const topic of ['', 'a/#', '+']) {
    const other = await broker.open(version)
    other.send(connect({ version, will: { ...will, topic } }))
    if (version === 5) assert.equal((await other.connack()).code, 0x90)
    await other.closes()
  }
})

conformance(104, 'an empty one', async ({ broker, version }) => {
  const other = await watcher(broker, version)
  const client = await broker.client(version, { will: { topic: 'will', payload: '' } })
  client.destroy()
  await other.payloads('')
})

conformance(
  105,
  'after a restart',
  async ({ broker }) => {
    ;(await delayed(broker, 10, 60)).destroy()
    await broker.pass(5_000)
    await broker.restart()
    const other = await watcher(broker, 5)
    await broker.pass(4_000)
    await other.quiet()
    await broker.pass(3_000)
    await other.payloads('gone')
    await broker.restart()
    const again = await watcher(broker, 5)
    await broker.pass(20_000)
    await again.quiet()
  },
  { ...five, engine: 'lmdb' },
)

conformance(
  'shutdown',
  'wills are sent when the daemon stops',
  async ({ broker, version }) => {
    for (const [id, qos] of [
      ['a', 0],
      ['b', 1],
      ['c', 2],
    ] as const) {
      await broker.client(version, {
        id,
        will: { ...will, topic: `will/${id}`, qos, retain: true },
      })
    }
    await broker.restart()
    const client = await broker.client(version)
    for (const id of ['a', 'b', 'c']) {
      await client.subscribe([`will/${id}`])
      await client.payloads('gone')
    }
  },
  { engine: 'lmdb' },
)
