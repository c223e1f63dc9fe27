/** Working off a queue: leases, settling, broken connections. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { status } from '@grpc/grpc-js'
import type { ServerWritableStream } from '@grpc/grpc-js'
import { codecs, connect } from '../../src/client/index.ts'
import type { ConsumeRequest, ConsumeResponse, Settlement } from '../../src/wire/gen/msgbus-v2.ts'
import { Failure, startFakeDaemon } from './fake-daemon.ts'
import { fastTiming } from './fast-timing.ts'

const node = { tenantId: 'tenant', blName: 'default', deviceId: 'fake' }

type Call = ServerWritableStream<ConsumeRequest, ConsumeResponse>

function leased(sequence: number, payload = `m${sequence}`): ConsumeResponse {
  return {
    message: {
      id: `id-${sequence}`,
      queue: 'q',
      topic: 'q',
      source: node,
      target: undefined,
      payload: Buffer.from(payload),
      headers: new Map(),
      createdAtMs: 1,
      sequence,
      attempts: 0,
    },
    leaseId: `lease-${sequence}`,
    leaseUntilMs: 1_000,
  }
}

async function serve(t: TestContext, onConsume: (call: Call, n: number) => void) {
  const settled: Settlement[][] = []
  let calls = 0
  const daemon = await startFakeDaemon({
    queue: {
      consume: (_, call) => onConsume(call, ++calls),
      settle: ({ settlements }) => {
        settled.push([...settlements])
        return { accepted: settlements.map(({ leaseId }) => leaseId !== 'lease-3') }
      },
    },
  })
  const client = await connect(daemon.address, { timing: fastTiming() })
  t.after(() => {
    client.close()
    daemon.stop()
  })
  return { client, settled }
}

test('deliveries are settled by lease; what is settled in one turn shares a call', async (t) => {
  let request: ConsumeRequest | undefined
  const { client, settled } = await serve(t, (call) => {
    request = call.request
    for (const sequence of [1, 2, 3, 4]) call.write(leased(sequence))
  })
  const consumer = client.consume('q', { maxInFlight: 4, leaseMs: 5_000 })
  const deliveries = []
  for await (const delivery of consumer) {
    deliveries.push(delivery)
    if (deliveries.length === 4) {
      const [a, b, c, d] = deliveries
      const accepted = await Promise.all([
        a?.ack(),
        b?.release({ delayMs: 70 }),
        c?.ack(),
        d?.extend(9),
      ])
      assert.deepEqual(accepted, [true, true, false, true])
      break
    }
  }
  assert.deepEqual([request?.queue, request?.maxInFlight, request?.leaseMs], ['q', 4, 5_000])
  assert.equal(settled.length, 1)
  assert.deepEqual(
    settled[0]?.map(({ leaseId, action }) => [leaseId, action]),
    [
      ['lease-1', { case: 'acknowledge', value: {} }],
      ['lease-2', { case: 'release', value: { delayMs: 70 } }],
      ['lease-3', { case: 'acknowledge', value: {} }],
      ['lease-4', { case: 'extend', value: { leaseMs: 9 } }],
    ],
  )
})

test('after a broken stream the leases held ready are dropped, for they are void', async (t) => {
  let first: Call | undefined
  let reopened: (() => void) | undefined
  const again = new Promise<void>((resolve) => (reopened = resolve))
  const { client } = await serve(t, (call, n) => {
    if (n === 1) {
      first = call
      for (const sequence of [1, 2, 3]) call.write(leased(sequence))
    } else {
      call.write(leased(2, 'again'))
      reopened?.()
    }
  })
  const texts: string[] = []
  for await (const delivery of client.consume('q', { maxInFlight: 3 })) {
    texts.push(delivery.text())
    if (texts.length === 2) break
    first?.emit('error', new Failure(status.UNAVAILABLE, 'gone'))
    await again
  }
  assert.deepEqual(texts, ['m1', 'again'])
})

test('values are decoded; leaving frees the stream at the daemon', async (t) => {
  let gone: Promise<void> | undefined
  const { client } = await serve(t, (call) => {
    gone = new Promise((resolve) => call.once('cancelled', resolve))
    call.write(leased(1, '{"n":2}'))
  })
  for await (const { value, message } of client.consume('q', {
    codec: codecs.json<{ n: number }>(),
  })) {
    assert.equal(value.n, 2)
    assert.deepEqual(message.target, { tenantId: '', blName: '', deviceId: '' })
    break
  }
  await gone
})

test('a signal ends with an error, close ends quietly, a final error is told', async (t) => {
  const { client } = await serve(t, (call, n) => {
    if (n === 3) call.emit('error', new Failure(status.PERMISSION_DENIED, 'not yours'))
  })
  const stop = new AbortController()
  const aborted = client.consume('q', { signal: stop.signal })[Symbol.asyncIterator]().next()
  stop.abort()
  await assert.rejects(aborted, { code: 'cancelled' })
  const consumer = client.consume('q')
  const quiet = consumer[Symbol.asyncIterator]().next()
  consumer.close()
  assert.equal((await quiet).done, true)
})

test('a refusal ends consuming', async (t) => {
  const { client } = await serve(t, (call) => {
    call.emit('error', new Failure(status.PERMISSION_DENIED, 'not yours'))
  })
  await assert.rejects(client.consume('q')[Symbol.asyncIterator]().next(), { message: 'not yours' })
})
