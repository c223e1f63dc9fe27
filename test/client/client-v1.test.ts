/** The client against daemons that only speak v1, well and badly. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { status } from '@grpc/grpc-js'
import type { ServerWritableStream } from '@grpc/grpc-js'
import { connect, connectLazy } from '../../src/client/index.ts'
import type { ConnectOptions, Subscription } from '../../src/client/index.ts'
import type { SubscribeRequest, SubscribeResponse } from '../../src/wire/gen/msgbus-v1.ts'
import { Failure, startFakeDaemon } from './fake-daemon.ts'
import type { FakeServices } from './fake-daemon.ts'
import { fastTiming } from './fast-timing.ts'

const node = { tenantId: 'tenant', blName: 'default', deviceId: 'fake' }

function envelope(topic: string, headId: number) {
  const payload = Buffer.from(`m${headId}`)
  const headers = new Map<string, string>()
  return {
    id: `id-${headId}`,
    topic,
    origin: node,
    headId,
    payload,
    headers,
    createdAtMs: 1,
    deleted: false,
  }
}

type LiveCall = ServerWritableStream<SubscribeRequest, SubscribeResponse>

/** A v1 daemon with one log that replays and streams just as a test wants. */
class V1Log {
  head: number
  readonly fetched: [from: number, limit: number][] = []
  readonly subscribed: number[] = []
  readonly calls: LiveCall[] = []
  #waiting: (() => void) | undefined

  constructor(head: number) {
    this.head = head
  }

  readonly services: FakeServices = {
    v1: {
      getHead: () => ({ headId: this.head, found: this.head > 0 }),
      fetch: ({ topic, fromHeadId, limit }, call) => {
        this.fetched.push([fromHeadId, limit])
        const end = Math.min(this.head, fromHeadId + limit - 1)
        for (let head = fromHeadId; head <= end; head++)
          call.write({ message: envelope(topic, head) })
        call.end()
      },
      subscribe: ({ fromHeadId }, call) => {
        this.subscribed.push(fromHeadId)
        this.calls.push(call)
        this.#waiting?.()
      },
    },
  }

  /** The call of the n-th subscribe, from 1 on. */
  async call(n: number): Promise<LiveCall> {
    while (this.calls.length < n) await new Promise<void>((resolve) => (this.#waiting = resolve))
    return this.calls[n - 1] as LiveCall
  }

  send(call: LiveCall, head: number): void {
    this.head = Math.max(this.head, head)
    call.write({ message: envelope('t', head) })
  }
}

async function startDaemon(t: TestContext, services: FakeServices, port = 0) {
  const daemon = await startFakeDaemon(services, port)
  t.after(() => daemon.stop())
  return daemon
}

async function connectTo(t: TestContext, address: string, options?: ConnectOptions) {
  const client = await connect(address, options)
  t.after(() => client.close())
  return client
}

async function take(subscription: Subscription, count: number): Promise<number[]> {
  const heads: number[] = []
  for await (const { headId } of { [Symbol.asyncIterator]: () => held(subscription) }) {
    heads.push(Number(headId))
    if (heads.length === count) break
  }
  return heads
}

/** An iterator whose end leaves the subscription open. */
function held(subscription: Subscription) {
  const iterator = subscription[Symbol.asyncIterator]()
  return { next: () => iterator.next() }
}

function text(payload: Uint8Array): string {
  return Buffer.from(payload).toString()
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i)
}

async function serve(t: TestContext, log: V1Log) {
  const daemon = await startFakeDaemon(log.services)
  const timing = fastTiming()
  const gaps: [from: bigint, to: bigint][] = []
  const client = await connect(daemon.address, {
    timing,
    hooks: { gapFilled: ({ fromHead, toHead }) => gaps.push([fromHead, toHead]) },
  })
  t.after(() => {
    client.close()
    daemon.stop()
  })
  return { client, gaps, timing }
}

test('a long log is fetched before it is subscribed to, so no replay limit cuts it (L1)', async (t) => {
  const log = new V1Log(2_500)
  const { client } = await serve(t, log)
  const subscription = client.subscribe('t')
  assert.deepEqual(await take(subscription, 2_500), range(1, 2_500))
  const call = await log.call(1)
  assert.deepEqual(log.subscribed, [2_501])
  log.send(call, 2_501)
  assert.deepEqual(await take(subscription, 1), [2_501])
})

test('a jump of the head ids is filled before going on, repeats are left out (L4)', async (t) => {
  const log = new V1Log(0)
  const { client, gaps } = await serve(t, log)
  const subscription = client.subscribe('t')
  const call = await log.call(1)
  for (const head of [1, 2, 2, 1, 6, 5, 7]) log.send(call, head)
  assert.deepEqual(await take(subscription, 7), range(1, 7))
  assert.deepEqual(gaps, [[3n, 5n]])
})

test('after a broken stream it goes on behind the last message (L2)', async (t) => {
  const log = new V1Log(3)
  const { client, timing } = await serve(t, log)
  const subscription = client.subscribe('t')
  assert.deepEqual(await take(subscription, 3), [1, 2, 3])
  const first = await log.call(1)
  // Passes while nobody is connected.
  log.head = 400
  first.emit('error', new Failure(status.UNAVAILABLE, 'stopping'))
  assert.deepEqual(await take(subscription, 397), range(4, 400))
  await log.call(2)
  assert.deepEqual(log.subscribed, [4, 401])
  // Clean ends are no reason to give up either.
  log.calls[1]?.end()
  await log.call(3)
  assert.equal(timing.delaysMs.length, 2)
})

test('an error that repeating cannot mend ends the iteration', async (t) => {
  const log = new V1Log(0)
  const { client } = await serve(t, log)
  const subscription = client.subscribe('t')
  const call = await log.call(1)
  call.emit('error', new Failure(status.PERMISSION_DENIED, 'not yours'))
  await assert.rejects(take(subscription, 1), { code: 'permission_denied', message: 'not yours' })
})

test('without reconnecting the iteration ends with the stream', async (t) => {
  const log = new V1Log(0)
  const { client } = await serve(t, log)
  const clean = client.subscribe('t', { reconnect: false })
  ;(await log.call(1)).end()
  assert.deepEqual(await take(clean, 1), [])
  const broken = client.subscribe('t', { reconnect: false })
  ;(await log.call(2)).emit('error', new Failure(status.UNAVAILABLE, 'stopping'))
  await assert.rejects(take(broken, 1), { code: 'unavailable' })
})

test('now and last start at the head (L8), a position goes on behind it', async (t) => {
  const log = new V1Log(9)
  const { client } = await serve(t, log)
  client.subscribe('t', { from: 'now' })
  await log.call(1)
  const last = client.subscribe('t', { from: 'last' })
  assert.deepEqual(await take(last, 1), [9])
  const five = client.subscribe('t', { from: { epoch: '', sequence: 4 } })
  assert.deepEqual(await take(five, 5), range(5, 9))
  await log.call(3)
  assert.deepEqual(log.subscribed, [10, 10, 10])
})

test('what only v2 has is refused with a reason', async (t) => {
  const { client } = await serve(t, new V1Log(1))
  await assert.rejects(take(client.subscribe('a/#'), 1), {
    code: 'unimplemented',
    reason: 'unsupported',
    message: /wildcards/,
  })
  await assert.rejects(client.status(), { message: /msgbus\.v1 only/ })
  await assert.rejects(client.listQueues(), { code: 'unimplemented' })
  await assert.rejects(client.consume('q')[Symbol.asyncIterator]().next(), { message: /peekFifo/ })
})

test('a position of a daemon that spoke v2 starts over, or fails when that is wanted', async (t) => {
  const { client } = await serve(t, new V1Log(2))
  const from = { epoch: 'old', sequence: 77 }
  assert.deepEqual(await take(client.subscribe('t', { from }), 2), [1, 2])
  const strict = client.subscribe('t', { from, historyChanged: 'fail' })
  await assert.rejects(take(strict, 1), { reason: 'bad_position' })
})

test('fetch goes on page by page to the head or the limit (L19)', async (t) => {
  const log = new V1Log(2_500)
  const { client } = await serve(t, log)
  assert.equal((await client.fetchAll('t')).length, 2_500)
  const some = await client.fetchAll('t', { from: 10n, limit: 1_200 })
  assert.deepEqual([some[0]?.headId, some.at(-1)?.headId], [10n, 1_209n])
  assert.deepEqual(log.fetched.slice(-2), [
    [10, 1_000],
    [1_010, 200],
  ])
})

test('leaving a fetch early frees the stream at the daemon', async (t) => {
  let cancelled: (() => void) | undefined
  const gone = new Promise<void>((resolve) => (cancelled = resolve))
  const daemon = await startDaemon(t, {
    v1: {
      fetch: ({ topic }, call) => {
        for (let head = 1; head <= 200; head++) call.write({ message: envelope(topic, head) })
        call.on('cancelled', () => cancelled?.())
      },
    },
  })
  const client = await connectTo(t, daemon.address)
  for await (const { headId } of client.fetch('t')) if (headId === 3n) break
  await gone
})

test('a publication whose connection broke is not repeated: v1 daemons cannot tell (L16)', async (t) => {
  let publishes = 0
  const daemon = await startDaemon(t, {
    v1: {
      publish: () => {
        publishes += 1
        throw new Failure(status.UNAVAILABLE, 'gone')
      },
    },
  })
  const client = await connectTo(t, daemon.address, { timing: fastTiming() })
  await assert.rejects(client.publish('t', 'x'), { code: 'unavailable' })
  assert.equal(publishes, 1)
})

test('a daemon that honours publish ids gets the same one again', async (t) => {
  const ids: unknown[] = []
  const daemon = await startDaemon(t, {
    v1: {
      publish: ({ topic }, call) => {
        ids.push(call.metadata.get('msgbus-publish-id')[0])
        if (ids.length < 3) throw new Failure(status.UNAVAILABLE, 'gone')
        return { message: envelope(topic, 1) }
      },
    },
    admin: {
      getStatus: () => {
        throw new Failure(status.PERMISSION_DENIED, 'admins only')
      },
    },
  })
  const timing = fastTiming()
  const client = await connectTo(t, daemon.address, { timing })
  assert.equal((await client.publish('t', 'x')).headId, 1n)
  assert.equal(new Set(ids).size, 1)
  assert.equal(typeof ids[0], 'string')
  assert.deepEqual(timing.delaysMs, [187.5, 375])
  const plain = await connectTo(t, daemon.address, { publishRetry: false })
  await plain.publish('t', 'x')
  assert.equal(ids.at(-1), undefined)
})

test('a publication waits for a daemon that is away, and asks it before it repeats', async (t) => {
  const asked: string[] = []
  const daemon = await startDaemon(t, {
    v1: {
      publish: ({ topic }) => {
        asked.push('publish')
        if (asked.length === 1) throw new Failure(status.UNAVAILABLE, 'stopping')
        return { message: envelope(topic, 1) }
      },
    },
    admin: {
      getStatus: () => {
        asked.push('status')
        // It is still starting.
        if (asked.length < 4) throw new Failure(status.UNAVAILABLE, 'starting')
        throw new Failure(status.PERMISSION_DENIED, 'admins only')
      },
    },
  })
  const client = await connectTo(t, daemon.address, { timing: fastTiming() })
  await client.publish('t', 'x')
  assert.deepEqual(asked, ['publish', 'status', 'status', 'status', 'publish'])
})

test('a request that cannot be encoded fails alone and at once', async (t) => {
  const daemon = await startDaemon(t, {})
  const client = await connectTo(t, daemon.address)
  const topic = 7 as unknown as string
  const headers = { k: 7 } as unknown as Record<string, string>
  await assert.rejects(client.publish(topic, 'x'), { reason: 'bad_argument' })
  await assert.rejects(client.publish('t', 'x', { headers }), { reason: 'bad_argument' })
  assert.equal((await client.health()).status, 'SERVING')
})

test('a publisher falls back to single calls, in order within a topic', async (t) => {
  const seen: string[] = []
  const daemon = await startDaemon(t, {
    v1: {
      publish: async ({ topic, payload }) => {
        // The first of each topic is slow; what follows must wait for it.
        if (text(payload) === '0') await new Promise((resolve) => setImmediate(resolve))
        if (topic === 'refused') throw new Failure(status.INVALID_ARGUMENT, 'bad')
        seen.push(`${topic}${text(payload)}`)
        return { message: envelope(topic, seen.length) }
      },
    },
  })
  const client = await connectTo(t, daemon.address)
  const refused: string[] = []
  const publisher = client.publisher({ onRefused: (_, { topic }) => refused.push(topic) })
  for (let i = 0; i < 20; i++) {
    await publisher.send('a', String(i))
    await publisher.send('b', String(i))
  }
  await publisher.send('refused', '0')
  await assert.rejects(publisher.flush(), { message: 'bad' })
  const order = range(0, 19)
  assert.deepEqual(
    seen.filter((each) => each.startsWith('a')),
    order.map((i) => `a${i}`),
  )
  assert.deepEqual(
    seen.filter((each) => each.startsWith('b')),
    order.map((i) => `b${i}`),
  )
  assert.deepEqual(refused, ['refused'])
  await publisher.close()
})

test('an answer larger than 4 MiB is taken, since the message was stored (L17)', async (t) => {
  const daemon = await startDaemon(t, {
    v1: { publish: ({ topic, payload }) => ({ message: { ...envelope(topic, 1), payload } }) },
  })
  const client = await connectTo(t, daemon.address)
  const payload = Buffer.alloc(4_194_304 - 40, 1)
  assert.equal((await client.publish('t', payload)).payload.length, payload.length)
})

test('errors: code, reason of the daemon or the usual one, and the cause', async (t) => {
  const daemon = await startDaemon(t, {
    v1: {
      peekFifo: () => {
        throw new Failure(status.NOT_FOUND, 'fifo queue is empty')
      },
      getHead: () => {
        throw new Failure(status.RESOURCE_EXHAUSTED, 'no space')
      },
    },
  })
  const client = await connectTo(t, daemon.address)
  assert.equal(await client.peekFifo('q'), undefined)
  await assert.rejects(client.peekFifoOrThrow('q'), {
    code: 'not_found',
    message: 'fifo queue is empty',
  })
  await assert.rejects(client.getHead('t'), {
    code: 'resource_exhausted',
    reason: 'quota_exceeded',
  })
  await assert.rejects(client.deleteRange('t', { from: -1, to: 2 }), { code: 'invalid_argument' })
  client.close()
  await assert.rejects(client.health(), { code: 'cancelled', message: /closed/ })
  daemon.stop()
})

test('calls end by their time-out or signal', async (t) => {
  const daemon = await startDaemon(t, { v1: { getHead: () => new Promise(() => undefined) } })
  const client = await connectTo(t, daemon.address)
  await assert.rejects(client.getHead('t', { timeoutMs: 20 }), {
    code: 'deadline_exceeded',
    reason: 'timed_out',
  })
  const stop = new AbortController()
  const pending = client.getHead('t', { signal: stop.signal })
  stop.abort(new Error('enough'))
  await assert.rejects(pending, (error: Error) => {
    assert.equal((error.cause as Error).message, 'enough')
    return true
  })
  await assert.rejects(client.getHead('t', { signal: stop.signal }), { code: 'cancelled' })
})

test('connecting says what is wrong, and can wait for the daemon', async (t) => {
  const daemon = await startDaemon(t, {})
  daemon.stop()
  await assert.rejects(connect(daemon.address), {
    code: 'unavailable',
    message: /nothing listens at/,
  })
  await assert.rejects(connect('not a target'), { code: 'invalid_argument' })
  const waiting = connect(daemon.address, { waitForDaemon: true })
  await startDaemon(t, {}, daemon.port)
  const client = await waiting
  t.after(() => client.close())
  assert.deepEqual(await client.health(), { status: 'SERVING', node })
})

test('a lazy client connects with its first call and mends a broken connection', async (t) => {
  const daemon = await startDaemon(t, { v1: { getHead: () => ({ headId: 5, found: true }) } })
  const client = connectLazy(daemon.address)
  t.after(() => client.close())
  assert.equal(await client.getHead('t'), 5n)
  daemon.stop()
  await assert.rejects(client.getHead('t'), { code: 'unavailable' })
  await startDaemon(t, { v1: { getHead: () => ({ headId: 6, found: true }) } }, daemon.port)
  assert.equal(await client.getHead('t'), 6n)
})

test('a default origin goes with every call of the new client and none of the old one', async (t) => {
  const origins: unknown[] = []
  const daemon = await startDaemon(t, {
    v1: {
      getHead: ({ origin }) => {
        origins.push(origin)
        return { headId: 0, found: false }
      },
    },
  })
  const client = await connectTo(t, daemon.address)
  const other = client.withDefaultOrigin(node)
  assert.equal(await other.getHead('t'), undefined)
  await client.getHead('t')
  await other.getHead('t', { origin: { ...node, deviceId: 'x' } })
  assert.deepEqual(origins, [node, undefined, { ...node, deviceId: 'x' }])
})
