// Proves that the metrics of history say what a pass of retention found and did.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../core/logger.ts'
import { ManualClock } from '../core/manual-clock.ts'
import { MsgBus } from '../core/msg-bus.ts'
import { retentionPassMs } from '../core/retention.ts'
import { anonymous } from '../model/identity.ts'
import { defaultLimits } from '../model/limits.ts'
import { noHeaders, type OutgoingMessage } from '../model/message.ts'
import { openMemoryLogStore } from '../stores/memory/memory-log-store.ts'
import { createMetrics } from './metrics.ts'

const node = { tenantId: 'tenant', blName: 'default', deviceId: 'device' }

function message(topic: string, history: boolean): OutgoingMessage {
  return { topic, payload: new Uint8Array(52), headers: noHeaders, history }
}

test('history: how much there is, what cannot be trimmed, what was', async () => {
  const clock = new ManualClock()
  const history = { maxAgeMs: Infinity, maxBytes: 300 }
  const bus = new MsgBus({ node, limits: defaultLimits, clock, logger: silentLogger, history })
  const metrics = createMetrics(bus, () => undefined, { administration: undefined })
  const value = async (name: string) => {
    const lines = (await metrics.text()).split('\n')
    return Number(lines.find((line) => line.startsWith(`msgbus_${name} `))?.split(' ')[1])
  }
  assert.equal(await value('history_logs'), 0)
  const store = await openMemoryLogStore({
    folder: '',
    node,
    durability: 'memory',
    clock,
    logger: silentLogger,
    publishIdWindowMs: 1_000,
    publishIdCount: 10,
  })
  bus.attach(store)
  const client = bus.connect(anonymous)
  await client.publish([message('kept', false), message('mixed', false), message('mixed', true)])
  await client.publish(['a', 'a', 'b', 'c'].map((topic) => message(topic, true)))
  while (bus.status().history?.bytes !== 300) {
    clock.advance(retentionPassMs)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(await value('history_logs'), 3)
  assert.equal(await value('history_bytes'), 300)
  assert.equal(await value('history_pinned_logs'), 1)
  assert.equal(await value('history_pinned_bytes'), 200)
  assert.equal(await value('history_messages_trimmed_total'), 1)
  assert.equal(await value('history_messages_trimmed_unread_total'), 0)
  assert.equal(await value('messages_trimmed_total'), 1)
  client.close()
  await bus.shutdown()
  metrics.close()
  await store.close()
})

const sample = (name: string, operation: string, value: number) =>
  `messaging_client_${name}_messages_total{messaging_system="msgbus",messaging_operation_name="${operation}"} ${value}`

test('what the conventions of OpenTelemetry have a name for', async () => {
  const clock = new ManualClock()
  const bus = new MsgBus({ node, limits: defaultLimits, clock, logger: silentLogger })
  const metrics = createMetrics(bus, () => undefined, { administration: undefined })
  Object.assign(bus.counters, { messagesPublished: 1, queueEnqueued: 2 })
  Object.assign(bus.counters, { messagesDelivered: 3, queueDelivered: 4 })
  const lines = (await metrics.text()).split('\n').filter((line) => line.startsWith('messaging_'))
  assert.deepEqual(lines, [
    sample('sent', 'publish', 1),
    sample('sent', 'enqueue', 2),
    sample('consumed', 'subscribe', 3),
    sample('consumed', 'consume', 4),
  ])
  metrics.close()
})
