/** Leases: who gets what, what comes back when, and what v1 sees meanwhile. */

import assert from 'node:assert/strict'
import { test } from 'node:test'

import { anonymous } from '../model/identity.ts'
import { defaultLimits } from '../model/limits.ts'
import { noHeaders } from '../model/message.ts'
import { openMemoryLogStore } from '../stores/memory/memory-log-store.ts'
import type { BusClient, Consumer, ConsumeOptions, QueueOperations } from './bus-client.ts'
import { silentLogger } from './logger.ts'
import { ManualClock } from './manual-clock.ts'
import { MsgBus, type MsgBusOptions } from './msg-bus.ts'

const node = { tenantId: 'tenant', blName: 'default', deviceId: 'device' }

async function openQueues(options: Partial<MsgBusOptions> = {}) {
  const clock = new ManualClock()
  const logger = silentLogger
  const bus = new MsgBus({ node, limits: defaultLimits, clock, logger, ...options })
  const store = await openMemoryLogStore({
    folder: '',
    node,
    durability: 'memory',
    clock,
    logger,
    publishIdWindowMs: 1_000,
    publishIdCount: 10,
  })
  bus.attach(store)
  const client = bus.connect(anonymous)
  return { bus, clock, client, queue: client.queue }
}

async function enqueue(queue: QueueOperations, ...payloads: string[]) {
  return queue.enqueue(
    payloads.map((payload) => ({
      queue: 'jobs',
      topic: 'job',
      source: node,
      target: node,
      payload: Buffer.from(payload),
      headers: noHeaders,
    })),
  )
}

/** Collects what a consumer is given. */
class Worker {
  readonly got: { payload: string; attempts: number; leaseId: string }[] = []
  readonly consumer: Consumer
  #waiting: (() => void)[] = []

  constructor(client: BusClient, options: Partial<ConsumeOptions> = {}) {
    this.consumer = client.queue.consume(
      { queue: 'jobs', ...options },
      {
        deliver: ({ payload, attempts }, leaseId) => {
          this.got.push({ payload: Buffer.from(payload).toString(), attempts, leaseId })
          for (const resolve of this.#waiting.splice(0)) resolve()
        },
        end: () => undefined,
      },
    )
  }

  get payloads(): string {
    return this.got.map(({ payload }) => payload).join('')
  }

  async has(count: number): Promise<void> {
    while (this.got.length < count) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  lease(index: number): string {
    return this.got[index]?.leaseId ?? ''
  }
}

const acknowledge = (leaseId: string) =>
  ({ queue: 'jobs', leaseId, action: 'acknowledge' }) as const
const release = (leaseId: string, delayMs = 0) =>
  ({ queue: 'jobs', leaseId, action: 'release', delayMs }) as const

test('consumers share a queue, each message to one, in order, within their limits', async () => {
  const { client, queue } = await openQueues()
  const a = new Worker(client, { maxInFlight: 2 })
  const b = new Worker(client)
  await enqueue(queue, '1', '2', '3', '4')
  await a.has(2)
  await b.has(1)
  assert.equal((a.payloads + b.payloads).split('').sort().join(''), '123')
  assert.deepEqual(await queue.settle([acknowledge(b.lease(0))]), [true])
  await b.has(2)
  assert.equal(b.got[1]?.payload, '4')
  const [info] = await queue.list()
  assert.deepEqual(
    { depth: info?.depth, leased: info?.leased, consumers: info?.consumers },
    { depth: 3, leased: 3, consumers: 2 },
  )
})

test('what is released comes back first, counted, after its delay', async () => {
  const { client, queue, clock } = await openQueues()
  await enqueue(queue, '1', '2')
  const worker = new Worker(client)
  await worker.has(1)
  await queue.settle([release(worker.lease(0), 1_000)])
  await worker.has(2)
  assert.equal(worker.got[1]?.payload, '2')
  await queue.settle([acknowledge(worker.lease(1))])
  clock.advance(1_000)
  await worker.has(3)
  assert.deepEqual([worker.got[2]?.payload, worker.got[2]?.attempts], ['1', 1])
})

test('a lease that runs out gives the message to the next; a late acknowledgement is refused', async () => {
  const { client, queue, clock } = await openQueues()
  await enqueue(queue, '1')
  const slow = new Worker(client, { leaseMs: 100 })
  await slow.has(1)
  assert.deepEqual(
    await queue.settle([{ queue: 'jobs', leaseId: slow.lease(0), action: 'extend', leaseMs: 500 }]),
    [true],
  )
  clock.advance(499)
  const next = new Worker(client)
  clock.advance(1)
  await Promise.race([next.has(1), slow.has(2)])
  assert.deepEqual(await queue.settle([acknowledge(slow.lease(0))]), [false])
  assert.equal((await queue.peek('jobs'))?.attempts, 1)
})

test('a lease that is extended by nothing is extended by what it had at first', async () => {
  const { client, queue, clock } = await openQueues()
  await enqueue(queue, '1')
  const worker = new Worker(client, { leaseMs: 100 })
  await worker.has(1)
  clock.advance(60)
  const extend = { queue: 'jobs', leaseId: worker.lease(0), action: 'extend', leaseMs: 0 } as const
  assert.deepEqual(await queue.settle([extend]), [true])
  clock.advance(99)
  assert.deepEqual(await queue.settle([acknowledge(worker.lease(0))]), [true])
})

test('a consumer that leaves gives everything back at once, uncounted', async () => {
  const { client, queue } = await openQueues()
  await enqueue(queue, '1', '2')
  const first = new Worker(client, { maxInFlight: 2 })
  await first.has(2)
  first.consumer.close()
  const second = new Worker(client, { maxInFlight: 2 })
  await second.has(2)
  assert.equal(second.payloads, '12')
  assert.equal(second.got[0]?.attempts, 0)
})

test('v1 sees the front whatever is leased; its ack ends the lease', async () => {
  const { client, queue } = await openQueues()
  const [one] = await enqueue(queue, '1', '2')
  const worker = new Worker(client)
  await worker.has(1)
  assert.equal((await queue.peek('jobs'))?.id, one?.id)
  assert.equal(await queue.ack('jobs', one?.id ?? ''), true)
  assert.deepEqual(await queue.settle([acknowledge(worker.lease(0))]), [false])
  await worker.has(2)
  assert.equal(worker.got[1]?.payload, '2')
})

test('after too many attempts a message becomes a dead letter', async () => {
  const queueRules = [{ queue: 'jobs', maxAttempts: 2, deadLetter: 'jobs.dead' }]
  const { client, queue } = await openQueues({ queueRules })
  await enqueue(queue, '1', '2')
  const worker = new Worker(client)
  await worker.has(1)
  await queue.settle([release(worker.lease(0))])
  await worker.has(2)
  await queue.settle([release(worker.lease(1))])
  await worker.has(3)
  assert.equal(worker.payloads, '112')
  const dead = await queue.peek('jobs.dead')
  assert.equal(Buffer.from(dead?.payload ?? []).toString(), '1')
})

test('purge removes what is not leased', async () => {
  const { client, queue } = await openQueues()
  await enqueue(queue, '1', '2', '3')
  const worker = new Worker(client)
  await worker.has(1)
  assert.equal(await queue.purge('jobs'), 2)
  assert.equal((await queue.list())[0]?.depth, 1)
})

test('racing v1 consumers take each message exactly once', async () => {
  const { queue } = await openQueues()
  await enqueue(queue, ...Array.from({ length: 200 }, (_, i) => String(i)))
  const taken: string[] = []
  const race = async () => {
    for (;;) {
      const front = await queue.peek('jobs')
      if (front === undefined) return
      if (await queue.ack('jobs', front.id)) taken.push(front.id)
    }
  }
  await Promise.all(Array.from({ length: 8 }, race))
  assert.equal(taken.length, 200)
  assert.equal(new Set(taken).size, 200)
})
