import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMetrics } from './daemon-watch.ts'
import { observed } from './top-suite.ts'
import { TopMeter } from './top-meter.ts'

test('what clients, topics and queues do per second', () => {
  const meter = new TopMeter()
  const first = meter.measure(
    observed(1_000, {
      clients: [{ id: 1, name: 'a', receivedFrames: 10, sentBytes: 100 }],
      logs: [{ topic: 't', headId: 5n }],
      queues: [{ queue: 'q', lastSequence: 10, depth: 4 }],
      metrics: { msgbus_messages_published_total: 7, process_cpu_seconds_total: 1 },
    }),
    0,
  )
  assert.equal(first.totals.inFramesPerSecond, undefined)
  assert.equal(first.totals.storedPerSecond, undefined)
  assert.equal(first.topics[0]?.messagesPerSecond, undefined)

  const { clients, topics, queues, totals } = meter.measure(
    observed(3_000, {
      clients: [
        { id: 1, name: 'a', receivedFrames: 30, sentBytes: 500 },
        { id: 2, name: 'b', receivedFrames: 4 },
      ],
      logs: [
        { topic: 't', headId: 5n },
        { topic: 't', headId: 8n, device: 'other' },
      ],
      queues: [{ queue: 'q', lastSequence: 16, depth: 2 }],
      metrics: { msgbus_messages_published_total: 9, process_cpu_seconds_total: 2 },
    }),
    99,
  )
  assert.deepEqual(
    clients.map(({ name, inFramesPerSecond, outBytesPerSecond }) => [
      name,
      inFramesPerSecond,
      outBytesPerSecond,
    ]),
    [
      ['a', 10, 200],
      ['b', 2, 0],
    ],
  )
  assert.deepEqual(
    topics.map(({ origin, messagesPerSecond }) => [origin, messagesPerSecond]),
    [
      ['tenant/default/desk', 0],
      ['tenant/default/other', 4],
    ],
  )
  // Six came, and of ten that were there or came two are left.
  assert.equal(queues[0]?.enqueuedPerSecond, 3)
  assert.equal(queues[0].removedPerSecond, 4)
  assert.equal(totals.inFramesPerSecond, 12)
  assert.equal(totals.storedPerSecond, 1)
  assert.equal(totals.cpuPercent, 50)
})

test('a daemon that was started anew begins without rates', () => {
  const meter = new TopMeter()
  const clients = [{ id: 1, receivedFrames: 1_000 }]
  meter.measure(observed(0, { clients }), 0)
  meter.measure(observed(1_000, { clients }), 0)
  const again = meter.measure(observed(2_000, { clients, startedAtMs: 1_500 }), 0)
  assert.equal(again.clients[0]?.inFramesPerSecond, undefined)
})

test('metrics without labels are read, others left out', () => {
  const text = `# HELP a_total Something.
# TYPE a_total counter
a_total 12
b_seconds 0.25
b_info{version="1"} 1
c_total 1e3
`
  assert.deepEqual(
    [...parseMetrics(text)],
    [
      ['a_total', 12],
      ['b_seconds', 0.25],
      ['c_total', 1_000],
    ],
  )
})
