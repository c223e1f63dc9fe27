/** `$SYS` (spec/mqtt 6, 7): what the daemon tells about itself, and that nobody else does. */

import assert from 'node:assert/strict'
import { anonymous } from '../../../src/model/identity.ts'
import { noHeaders } from '../../../src/model/message.ts'
import { conformance } from './broker.ts'

conformance('$SYS', 'is told at once, and again when it changes', async ({ broker, version }) => {
  const client = await broker.client(version)
  await client.subscribe(['$SYS/broker/clients/connected'], ['$SYS/+/version'])
  const seen = [await client.message(), await client.message()]
  assert.deepEqual(
    seen.map(({ topic, payload, qos, retain }) => [topic, payload, qos, retain]),
    [
      ['$SYS/broker/clients/connected', '1', 0, true],
      ['$SYS/broker/version', 'msgbus version 0', 0, true],
    ],
  )
  await client.quiet()
  await broker.client(version)
  await broker.pass(10_000)
  const told = new Map<string, { readonly payload: string; readonly retain: boolean }>()
  while (!told.has('$SYS/broker/clients/connected')) {
    const message = await client.message()
    told.set(message.topic, message)
  }
  const { payload, retain } = told.get('$SYS/broker/clients/connected') ?? {}
  assert.deepEqual([payload, retain], ['2', false])
})

conformance('$SYS', 'all of it, but not by a leading wildcard', async ({ broker, version }) => {
  const client = await broker.client(version)
  await client.subscribe(['#'], ['+/broker/#'])
  await broker.pass(20_000)
  await client.quiet()
  await client.subscribe(['$SYS/#'])
  const topics = new Set<string>()
  while (topics.size < 11) topics.add((await client.message()).topic)
  assert(topics.has('$SYS/broker/uptime') && topics.has('$SYS/broker/bytes/received'))
  await client.quiet()
})

conformance('$SYS', 'is not for other protocols to say', async ({ broker, version }) => {
  const client = await broker.client(version)
  await client.subscribe(['$SYS/broker/x'])
  const other = broker.bus.connect(anonymous)
  const message = { topic: '$SYS/broker/x', payload: Buffer.from('x'), headers: noHeaders }
  const [outcome] = await other.publish([message])
  assert.equal(outcome?.kind === 'rejected' && outcome.error.reason, 'reserved_topic')
  await assert.rejects(other.retained.set(message), { reason: 'reserved_topic' })
  const bytes = Buffer.from('$SYS/broker/xpayload')
  assert.equal(other.live.publish(bytes, 0, 13, 13, bytes.length, false), 'refused')
  await client.quiet()
})
