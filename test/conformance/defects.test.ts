/** Every defect of the reference that spec/msgbus-v1 section 9 lists and this version must not have. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { type ClientDuplexStream, status } from '@grpc/grpc-js'
import type { LogStore } from '../../src/core/log-store.ts'
import { anonymous } from '../../src/model/identity.ts'
import { noHeaders } from '../../src/model/message.ts'
import {
  failure,
  type Plain,
  startTestDaemon,
  type TestDaemonOptions,
  until,
  withMethods,
} from '../../src/protocols/grpc/grpc-suite.ts'
import { openRawSession } from '../../src/protocols/grpc/raw-http2-suite.ts'
import { openLmdbLogStore } from '../../src/stores/lmdb/lmdb-log-store.ts'
import { openMemoryLogStore } from '../../src/stores/memory/memory-log-store.ts'
import { encodeSubscribeRequest, msgbusService } from '../../src/wire/gen/msgbus-v1.ts'
import { daemonOf, engines, fill, foreign, headsOf, own, range } from './engines.ts'

const v1 = 'msgbus.v1.MsgbusService'
const markers = '$msgbus.delete'

async function start(t: TestContext, options: TestDaemonOptions = {}) {
  const daemon = await daemonOf(t, options)
  return { daemon, client: daemon.connect(v1) }
}

/** Half-closes a duplex call and waits for the other side. */
async function endOf(call: ClientDuplexStream<object, Plain>): Promise<void> {
  call.end()
  await once(call, 'end')
}

const replica = (topic: string, headId: number, origin: object = foreign, id = 'x') => ({
  topic,
  origin: origin as typeof foreign,
  id: `${id}-${headId}`,
  headId,
  payload: Buffer.from(id),
  headers: noHeaders,
  createdAtMs: 1,
  deleted: false,
})

test('L1 a replay has no gap, whatever the replay limit', async (t) => {
  const { daemon, client } = await start(t)
  await fill(daemon, 'a', 250)
  const stream = client.stream('Subscribe', { topic: 'a', fromHeadId: 1, replayLimit: 0 })
  assert.deepEqual(headsOf(await stream.take(250)), range(1, 250))
  await fill(daemon, 'a', 1)
  assert.deepEqual(headsOf([await stream.next()]), [251])
})

test('L2 a client that reconnects with a replay limit of 100 misses nothing', async (t) => {
  const { daemon, client } = await start(t)
  await fill(daemon, 'a', 5)
  const first = client.stream('Subscribe', { topic: 'a', fromHeadId: 1, replayLimit: 100 })
  assert.deepEqual(headsOf(await first.take(5)), range(1, 5))
  first.cancel()
  await fill(daemon, 'a', 300)
  const second = client.stream('Subscribe', { topic: 'a', fromHeadId: 6, replayLimit: 100 })
  assert.deepEqual(headsOf(await second.take(300)), range(6, 305))
})

test('L3 a reader that pauses is not cut off by traffic on other topics', async (t) => {
  const { daemon, client } = await start(t)
  const bus = daemon.bus.connect(anonymous)
  const large = { topic: 'a', payload: Buffer.alloc(131_072), headers: noHeaders }
  for (let i = 0; i < 100; i++) await bus.publish([large])
  const stream = client.stream('Subscribe', { topic: 'a', fromHeadId: 1 })
  assert.deepEqual(headsOf(await stream.take(10)), range(1, 10))
  await fill(daemon, 'b', 2_000)
  await fill(daemon, 'a', 1)
  assert.deepEqual(headsOf(await stream.take(91)), range(11, 101))
})

test('L4 concurrent publishers: live order is commit order', async (t) => {
  const { daemon, client } = await start(t, { open: openLmdbLogStore })
  const stream = client.stream('Subscribe', { topic: 'a', fromHeadId: 1 })
  await until(() => daemon.bus.status().subscriptions === 1)
  const publishers = range(1, 32).map(async () => {
    const bus = daemon.bus.connect(anonymous)
    for (let i = 0; i < 100; i++) {
      await bus.publish([{ topic: 'a', payload: Buffer.from('x'), headers: noHeaders }])
    }
  })
  await Promise.all(publishers)
  assert.deepEqual(headsOf(await stream.take(3_200)), range(1, 3_200))
})

test('L5 a cancelled subscription is gone without any message on its topic', async (t) => {
  const { daemon, client } = await start(t)
  const streams = range(1, 1_000).map(() => client.stream('Subscribe', { topic: 'quiet' }))
  await until(() => daemon.bus.status().subscriptions === 1_000)
  for (const stream of streams) stream.cancel()
  await until(() => daemon.bus.status().subscriptions === 0)
})

test('L6 subscriptions to other topics cost a publication nothing', async (t) => {
  const { daemon, client } = await start(t)
  range(1, 900).map((n) => client.stream('Subscribe', { topic: `idle/${n}` }))
  await until(() => daemon.bus.status().subscriptions === 900)
  await client.call('Publish', { topic: 'busy' })
  assert.equal(daemon.bus.live.topics.byName('busy').subscriptions.length, 0)
  assert.equal(daemon.bus.counters.messagesDelivered, 0)
})

test('L7 one subscription can cover many topics of all origins', async (t) => {
  const { daemon } = await start(t)
  const client = daemon.connect('msgbus.v2.BusService')
  await fill(daemon, 'site/1', 1)
  await daemon.store.replicate([replica('site/2', 1)])
  const stream = client.stream('Subscribe', { filter: 'site/#', start: { earliest: {} } })
  const { messages } = await stream.next()
  const devices = messages.map(({ origin }: Plain) => origin.deviceId)
  assert.deepEqual(devices, ['node-a', 'node-x'])
})

test('L8 subscriptions can start now, or with the last message', async (t) => {
  const { daemon, client } = await start(t)
  await fill(daemon, 'a', 3)
  const last = daemon.connect('msgbus.v2.BusService').stream('Subscribe', {
    filter: 'a',
    start: { last: {} },
  })
  assert.equal((await last.next()).messages[0].headId, 3)
  const now = client.stream('Subscribe', { topic: 'a' }, { 'msgbus-from': 'now' })
  await until(() => daemon.bus.status().subscriptions === 2)
  await fill(daemon, 'a', 1)
  assert.deepEqual(headsOf([await now.next()]), [4])
})

for (const [engine, open] of Object.entries(engines)) {
  test(`L10 deleting erases, and subscribers of the markers see it (${engine})`, async (t) => {
    const { client } = await start(t, { open })
    const headers = { secret: 'yes' }
    await client.call('Publish', { topic: 'a', payload: Buffer.from('secret'), headers })
    const stream = client.stream('Subscribe', { topic: markers })
    await client.call('DeleteRange', { topic: 'a', fromHeadId: 1, toHeadId: 1 })
    assert.equal((await stream.next()).message.topic, markers)
    const [{ message }] = await client.collect('Fetch', { topic: 'a' })
    assert.deepEqual([message.deleted, message.payload.length], [true, 0])
    assert.deepEqual({ ...message.headers }, {})
  })

  test(`L11 a range beyond the head swallows nothing to come (${engine})`, async (t) => {
    const { client } = await start(t, { open })
    await client.call('Publish', { topic: 'a' })
    await client.call('DeleteRange', { topic: 'a', fromHeadId: 1, toHeadId: 1_000_000 })
    const beyond = { topic: 'a', fromHeadId: 1, toHeadId: '18446744073709551615' }
    await client.call('DeleteRange', beyond)
    assert.equal((await client.call('Publish', { topic: 'a' })).message.deleted, false)
  })

  test(`L12 a delete that changes nothing leaves no marker (${engine})`, async (t) => {
    const { client } = await start(t, { open })
    await client.call('Publish', { topic: 'a' })
    for (let i = 0; i < 10; i++) {
      await client.call('DeleteRange', { topic: 'a', fromHeadId: 1, toHeadId: 9 })
    }
    assert.equal((await client.call('GetHead', { topic: markers })).headId, 1)
  })

  test(`L24 engines agree on order, large numbers and repeated ids (${engine})`, async (t) => {
    const { daemon, client } = await start(t, { open })
    for (const topic of ['b', 'a/é', 'a']) await fill(daemon, topic, 2)
    const most = '18446744073709551615'
    assert.deepEqual(await client.collect('Fetch', { topic: 'a', fromHeadId: most }), [])
    const range64 = { topic: 'a', fromHeadId: 2, toHeadId: most }
    assert.equal((await client.call('DeleteRange', range64)).deletedCount, 1)
    const [one, two] = [replica('r1', 1), replica('r2', 1)]
    assert.equal(one.id, two.id)
    const outcomes = await daemon.store.replicate([one, two])
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      ['inserted', 'inserted'],
    )
    const { heads } = await client.call('ListHeads')
    assert.deepEqual(
      heads.map(({ topic }: Plain) => topic),
      [markers, 'a', 'a/é', 'b', 'r1', 'r2'],
    )
  })

  test(`L25 node ids with slashes are not mixed up (${engine})`, async (t) => {
    const { daemon, client } = await start(t, { open })
    const origins = [
      { tenantId: 'a/b', blName: 'c', deviceId: 'd' },
      { tenantId: 'a', blName: 'b/c', deviceId: 'd' },
    ]
    for (const origin of origins) {
      await daemon.store.replicate([replica('t', 1, origin, origin.tenantId)])
    }
    for (const origin of origins) {
      const [{ message }] = await client.collect('Fetch', { topic: 't', origin })
      assert.equal(message.payload.toString(), origin.tenantId)
    }
  })
}

test('L15 queues lease, wait, give up on poison, list, count and purge', async (t) => {
  const rule = { queue: 'q', maxAttempts: 2, deadLetter: 'dead' }
  const { daemon } = await start(t, { bus: { queueRules: [rule] } })
  const client = daemon.connect('msgbus.v2.QueueService')
  // Waiting, and never the same message twice at a time.
  const [one, two] = [
    client.stream('Consume', { queue: 'q' }),
    client.stream('Consume', { queue: 'q' }),
  ]
  const message = { queue: 'q', topic: 't' }
  await client.call('Enqueue', { messages: [message, message, message] })
  const [a, b] = await Promise.all([one.next(), two.next()])
  assert.notEqual(a.message.id, b.message.id)
  const settle = async (settlement: object) => {
    const { accepted } = await client.call('Settle', {
      settlements: [{ queue: 'q', ...settlement }],
    })
    return accepted[0]
  }
  assert.equal(await settle({ leaseId: b.leaseId, acknowledge: {} }), true)
  assert.equal(await settle({ leaseId: b.leaseId, acknowledge: {} }), false)
  // What is rejected again and again does not block the queue for ever.
  assert.equal(await settle({ leaseId: a.leaseId, release: {} }), true)
  const others = [await one.next(), await two.next()]
  const again = others.find(({ message: { id } }) => id === a.message.id)
  assert.equal(again.message.attempts, 1)
  assert.equal(await settle({ leaseId: again.leaseId, release: {} }), true)
  const dead = await client.stream('Consume', { queue: 'dead' }).next()
  assert.equal(dead.message.queue, 'dead')
  const { queues } = await client.call('ListQueues')
  assert.deepEqual(
    queues.map(({ queue, depth }: Plain) => [queue, depth]),
    [
      ['dead', 1],
      ['q', 1],
    ],
  )
  one.cancel()
  two.cancel()
  let removed = 0
  while (removed === 0) removed = (await client.call('PurgeQueue', { queue: 'q' })).removed
  assert.equal(removed, 1)
})

test('L16 a publish repeated with its id is stored once', async (t) => {
  const { client } = await start(t)
  const publish = async () => client.call('Publish', { topic: 'a' }, { 'msgbus-publish-id': 'k' })
  assert.deepEqual(await publish(), await publish())
  assert.equal((await client.call('GetHead', { topic: 'a' })).headId, 1)
})

test('L17 publishing does not echo the payload (v2), and fits the client (v1)', async (t) => {
  const { daemon, client } = await start(t)
  const call = daemon.connect('msgbus.v2.BusService').duplex('PublishStream')
  call.write({ batchId: 1, messages: [{ topic: 'a', payload: Buffer.alloc(100_000) }] })
  const [answer] = await once(call, 'data')
  await endOf(call)
  assert.equal(answer.results[0].headId, 1)
  assert.ok(JSON.stringify(answer).length < 500)
  const payload = Buffer.alloc(4_194_304 - 400)
  assert.equal((await client.call('Publish', { topic: 'b', payload })).message.headId, 1)
})

test('L18 what no peer could fetch is not accepted', async (t) => {
  const { client } = await start(t)
  const payload = Buffer.alloc(4_194_304 - 60)
  const error = await failure(client.call('Publish', { topic: 'a', payload }))
  assert.equal(error.code, status.RESOURCE_EXHAUSTED)
  assert.equal((await client.call('GetHead', { topic: 'a' })).found, false)
})

test('L19 no limit cuts a v2 subscription: it is the size of a batch', async (t) => {
  const { daemon } = await start(t)
  await fill(daemon, 'a', 10_500)
  const client = daemon.connect('msgbus.v2.BusService')
  const request = { filter: 'a', start: { earliest: {} }, maxBatch: 50_000 }
  const stream = client.stream('Subscribe', request)
  let count = 0
  while (count < 10_500) count += (await stream.next()).messages.length
  assert.equal(count, 10_500)
})

test('L20 a fetch is sent while it is read', async (t) => {
  let pages = 0
  const { daemon, client } = await start(t, {
    open: async (options) => {
      const store = await openMemoryLogStore(options)
      const read: LogStore['read'] = async (log, from, limit) => {
        pages += 1
        return store.read(log, from, limit)
      }
      return withMethods(store, { read })
    },
  })
  const bus = daemon.bus.connect(anonymous)
  const large = { topic: 'a', payload: Buffer.alloc(300_000), headers: noHeaders }
  for (let i = 0; i < 100; i++) await bus.publish([large])
  const stream = client.stream('Fetch', { topic: 'a' })
  await stream.next()
  assert.ok(pages < 30, `${pages} of 100 pages read before the first message was taken`)
  assert.equal((await stream.take(99)).length, 99)
})

test('L21 batches and concurrent publishes share commits', async (t) => {
  const { daemon, client } = await start(t, { open: openLmdbLogStore })
  let commits = 0
  daemon.store.onCommit(() => (commits += 1))
  await Promise.all(range(1, 200).map(async () => client.call('Publish', { topic: 'a' })))
  assert.ok(commits < 150, `${commits} commits for 200 publishes`)
  commits = 0
  const call = daemon.connect('msgbus.v2.BusService').duplex('PublishStream')
  call.write({ batchId: 1, messages: range(1, 1_000).map(() => ({ topic: 'a' })) })
  const [{ results }] = await once(call, 'data')
  await endOf(call)
  assert.equal(results.length, 1_000)
  assert.ok(commits <= 4, `${commits} commits for one batch`)
})

test('L22 nothing is acknowledged before the store has it', async (t) => {
  let release: (() => void) | undefined
  const gate = new Promise<void>((resolve) => (release = resolve))
  let isStored = false
  const { client } = await start(t, {
    open: async (options) => {
      const store = await openMemoryLogStore(options)
      const append: LogStore['append'] = async (items) => {
        await gate
        isStored = true
        return store.append(items)
      }
      return withMethods(store, { append })
    },
  })
  const publishing = client.call('Publish', { topic: 'a' }).then(() => isStored)
  await client.call('Health')
  release?.()
  assert.equal(await publishing, true)
})

const never = async () => Promise.reject(new Error('read'))

test('L23 payloads are stored as bytes, and listing heads reads none', async (t) => {
  const { daemon, client } = await start(t, {
    open: async (options) => {
      const store = await openLmdbLogStore(options)
      return withMethods(store, { read: never, readFeed: never })
    },
  })
  const payload = Buffer.alloc(10_000, 255)
  for (let i = 0; i < 200; i++) await client.call('Publish', { topic: `t/${i}`, payload })
  const { bytesOnDisk } = daemon.store.status()
  assert.ok(bytesOnDisk < 2 * 200 * 10_000, `${bytesOnDisk} bytes for 2,000,000 of payload`)
  assert.equal((await client.call('ListHeads')).heads.length, 200)
  assert.equal((await client.call('Ready')).ready, true)
})

const manyHeaders = (count: number, size = 1) =>
  Object.fromEntries(range(1, count).map((n) => [`k${n}`, 'v'.repeat(size)]))

test('L26 names and headers have limits', async (t) => {
  const { client } = await start(t)
  const cases = [
    { topic: 'a'.repeat(1_025) },
    { topic: 'a', headers: manyHeaders(257) },
    { topic: 'a', headers: manyHeaders(1, 65_537) },
    { topic: 'a', headers: { ['k'.repeat(1_025)]: 'v' } },
    { topic: 'a', headers: manyHeaders(5, 60_000) },
  ]
  for (const request of cases) {
    assert.equal((await failure(client.call('Publish', request))).code, status.INVALID_ARGUMENT)
  }
  const most = { topic: 'a'.repeat(1_024), headers: manyHeaders(256) }
  assert.equal((await client.call('Publish', most)).message.headId, 1)
  const queue = { queue: 'q'.repeat(1_025), topic: 't', target: own }
  assert.equal((await failure(client.call('EnqueueFifo', queue))).code, status.INVALID_ARGUMENT)
})

test('L27 a store belongs to one node', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'msgbus-defects-'))
  t.after(async () => rm(folder, { recursive: true, force: true }))
  const first = await startTestDaemon({ open: openLmdbLogStore, folder })
  await fill(first, 'a', 1)
  await first.stop()
  const other = { open: openLmdbLogStore, folder, store: { node: foreign } }
  await assert.rejects(startTestDaemon(other), { name: 'BusError', reason: 'foreign_node' })
})

test('L40 an open subscription does not hold up shutdown', async (t) => {
  const { daemon } = await start(t)
  // A client that reacts neither to trailers nor to GOAWAY, as Node's own HTTP/2 client would.
  const socket = connect({ host: '127.0.0.1', port: Number(daemon.address.split(':')[1]) })
  t.after(() => socket.destroy())
  socket.resume()
  socket.on('error', () => undefined)
  const body = encodeSubscribeRequest({ topic: 'a' })
  socket.write(rawSubscribe(msgbusService.subscribe.path, body))
  await until(() => daemon.bus.status().subscriptions === 1)
  const closed = once(socket, 'close')
  await daemon.shutdown(500)
  await closed
})

test('L42 metrics, standard health and reflection are there', async (t) => {
  const { daemon } = await start(t)
  const admin = daemon.connect('msgbus.v2.AdminService')
  assert.notEqual((await admin.call('GetMetrics')).text, '')
  const raw = await openRawSession(daemon.address)
  const health = await raw.call('/grpc.health.v1.Health/Check', new Uint8Array(0))
  assert.deepEqual([...health.body.subarray(5)], [8, 1])
  const path = '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo'
  const services = await raw.call(path, Uint8Array.of(0x3a, 0))
  assert.ok(services.body.includes('msgbus.v1.MsgbusService'))
  raw.close()
})

test('L43 a half-open connection is noticed and its subscription released', async (t) => {
  const settings = { keepAliveMs: 1_000, keepAliveTimeoutMs: 1_000 }
  const { daemon } = await start(t, { settings })
  // It reads and never answers a ping, like a peer whose network went away.
  const socket = connect({ host: '127.0.0.1', port: Number(daemon.address.split(':')[1]) })
  t.after(() => socket.destroy())
  socket.resume()
  socket.on('error', () => undefined)
  const body = encodeSubscribeRequest({ topic: 'a' })
  socket.write(rawSubscribe(msgbusService.subscribe.path, body))
  await until(() => daemon.bus.status().subscriptions === 1)
  await until(() => daemon.bus.status().subscriptions === 0)
})

test('L46 there is a command line', () => {
  const cli = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.js')
  const { status: code, stdout } = spawnSync(process.execPath, [cli, '--help'], {
    encoding: 'utf8',
  })
  assert.equal(code, 0)
  for (const command of ['pub', 'sub', 'fetch', 'queue']) assert.match(stdout, new RegExp(command))
})

const frame = (type: number, flags: number, stream: number, payload: Buffer) => {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

// HPACK: literal fields without indexing (RFC 7541 6.2.2), names spelled out.
const field = (name: string, value: string) =>
  Buffer.concat([
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ])

/** Preface, SETTINGS, and one gRPC call whose request is complete, as bytes. */
function rawSubscribe(path: string, message: Uint8Array): Buffer {
  const headers = Buffer.concat([
    field(':method', 'POST'),
    field(':scheme', 'http'),
    field(':path', path),
    field(':authority', 'test'),
    field('content-type', 'application/grpc'),
    field('te', 'trailers'),
  ])
  const prefix = Buffer.from([0, 0, 0, 0, message.length])
  return Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    frame(4, 0, 0, Buffer.alloc(0)),
    frame(1, 4, 1, headers),
    frame(0, 1, 1, Buffer.concat([prefix, message])),
  ])
}
