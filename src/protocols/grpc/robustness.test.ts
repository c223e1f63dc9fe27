/** What no proper client sends, and what happens on bad days: never more than one call or connection. */

import assert from 'node:assert/strict'
import { connect as connectSocket } from 'node:net'
import { once } from 'node:events'
import { suite, test, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { status } from '@grpc/grpc-js'
import fc from 'fast-check'
import type { LogStore } from '../../core/log-store.ts'
import { anonymous } from '../../model/identity.ts'
import { noHeaders } from '../../model/message.ts'
import { openMemoryLogStore } from '../../stores/memory/memory-log-store.ts'
import { encodePublishRequest, msgbusService } from '../../wire/gen/msgbus-v1.ts'
import { busService } from '../../wire/gen/msgbus-v2.ts'
import {
  failure,
  startTestDaemon,
  testNode,
  type TestDaemonOptions,
  until,
  withMethods,
} from './grpc-suite.ts'
import { framed, openRawSession, type RawSession } from './raw-http2-suite.ts'

async function start(t: TestContext, options: TestDaemonOptions = {}) {
  const daemon = await startTestDaemon(options)
  t.after(async () => daemon.stop())
  return daemon
}

const publishPath = msgbusService.publish.path
const request = encodePublishRequest({ topic: 'a', payload: Buffer.from('x') })

async function isAlive(raw: RawSession): Promise<void> {
  assert.equal((await raw.call(msgbusService.health.path, new Uint8Array(0))).status, status.OK)
}

suite('malformed calls', () => {
  test('cost one call each', async (t) => {
    const daemon = await start(t)
    const raw = await openRawSession(daemon.address)
    const statusOf = async (...args: Parameters<RawSession['send']>) =>
      (await raw.send(...args)).status
    // No message, two messages, half a message.
    assert.equal(await statusOf(publishPath, Buffer.alloc(0)), status.UNIMPLEMENTED)
    const two = Buffer.concat([framed(request), framed(request)])
    assert.equal(await statusOf(publishPath, two), status.UNIMPLEMENTED)
    await statusOf(publishPath, framed(request).subarray(0, 7))
    // Compression that is none, and one nobody knows.
    const gzip = { 'grpc-encoding': 'gzip' }
    assert.equal(await statusOf(publishPath, framed(request, 1), gzip), status.INTERNAL)
    const snappy = { 'grpc-encoding': 'snappy' }
    assert.equal(await statusOf(publishPath, framed(request, 1), snappy), status.UNIMPLEMENTED)
    assert.equal(
      await statusOf(publishPath, framed(request), { 'grpc-timeout': 'soon' }),
      status.INTERNAL,
    )
    await statusOf(publishPath, framed(request), { 'x-bin': '!!!' })
    await statusOf('/é', framed(request))
    await statusOf('/%ff', framed(request))
    const html = await raw.send(publishPath, framed(request), { 'content-type': 'text/html' })
    assert.equal(html.headers[':status'], 415)
    await isAlive(raw)
    raw.close()
  })

  test('of random bytes too, on every kind of method', async (t) => {
    const daemon = await start(t)
    const raw = await openRawSession(daemon.address)
    const paths = [
      publishPath,
      msgbusService.fetch.path,
      busService.publishStream.path,
      busService.listLogs.path,
      '/grpc.health.v1.Health/Check',
      '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
    ]
    const body = fc.uint8Array({ maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...paths),
        body,
        fc.boolean(),
        async (path, bytes, whole) => {
          const answer = await raw.send(path, whole ? framed(bytes) : Buffer.from(bytes), {
            'grpc-timeout': '2S',
          })
          assert.notEqual(answer.status, status.UNKNOWN)
        },
      ),
      { numRuns: 150 },
    )
    await isAlive(raw)
    raw.close()
  })

  test('bytes that are not HTTP/2 end that connection', async (t) => {
    const daemon = await start(t)
    const [host, port] = daemon.address.split(':')
    const socket = connectSocket({ host: host ?? '', port: Number(port) })
    socket.on('error', () => undefined)
    socket.resume()
    socket.write('GET / HTTP/1.1\r\n\r\n')
    await once(socket, 'close')
    const raw = await openRawSession(daemon.address)
    await isAlive(raw)
    raw.close()
  })
})

suite('size and compression', () => {
  test('a compressed request is accepted, one that inflates too far is not', async (t) => {
    const daemon = await start(t)
    const raw = await openRawSession(daemon.address)
    const gzip = { 'grpc-encoding': 'gzip' }
    const small = await raw.send(publishPath, framed(gzipSync(request), 1), gzip)
    assert.equal(small.status, status.OK)
    const bomb = framed(gzipSync(Buffer.alloc(20_000_000)), 1)
    const large = await raw.send(publishPath, bomb, gzip)
    assert.equal(large.status, status.RESOURCE_EXHAUSTED)
    await isAlive(raw)
    raw.close()
  })

  test('a request above the limit is RESOURCE_EXHAUSTED', async (t) => {
    const daemon = await start(t, { limits: { envelopeBytes: 100_000 } })
    const client = daemon.connect('msgbus.v1.MsgbusService')
    for (const size of [100_000, 200_000, 1_000_000]) {
      const error = await failure(
        client.call('Publish', { topic: 'a', payload: Buffer.alloc(size) }),
      )
      assert.equal(error.code, status.RESOURCE_EXHAUSTED)
    }
    const { message } = await client.call('Publish', { topic: 'a', payload: Buffer.alloc(99_000) })
    assert.equal(message.headId, 1)
  })
})

suite('bad days', () => {
  const damaged = { topic: 'a', origin: testNode, fromHead: 3, toHead: 4 }

  test('a damaged record ends Fetch and Subscribe of v1 with DATA_LOSS', async (t) => {
    const daemon = await start(t, {
      open: async (options) => {
        const store = await openMemoryLogStore(options)
        const read: LogStore['read'] = async (log, from, limit) => {
          const page = await store.read(log, from, limit)
          const messages = page.messages.filter(({ headId }) => headId !== 3 && headId !== 4)
          return { ...page, messages, damaged: from <= 3 ? [damaged] : [] }
        }
        return withMethods(store, { read })
      },
    })
    const bus = daemon.bus.connect(anonymous)
    const message = { topic: 'a', payload: Buffer.from('x'), headers: noHeaders }
    await bus.publish(Array.from({ length: 6 }, () => message))
    const client = daemon.connect('msgbus.v1.MsgbusService')
    for (const method of ['Fetch', 'Subscribe']) {
      const stream = client.stream(method, { topic: 'a', fromHeadId: 1 })
      const heads = (await stream.take(2)).map(({ message: { headId } }) => headId)
      assert.deepEqual(heads, [1, 2])
      const error = await stream.status
      assert.deepEqual(
        [error?.code, error?.metadata.get('msgbus-reason')],
        [15, ['damaged_record']],
      )
      assert.match(error?.details ?? '', /go on from 5$/)
      const rest = client.stream(method, { topic: 'a', fromHeadId: 5 })
      assert.equal((await rest.next()).message.headId, 5)
      rest.cancel()
    }
  })

  test('a defect of ours is INTERNAL, shows nothing, and is logged with its cause', async (t) => {
    const logged: unknown[] = []
    const error = (event: string, fields?: unknown) => logged.push([event, fields])
    const logger = { error, warn: error, info: () => undefined, debug: () => undefined }
    const secret = new TypeError('secret')
    const daemon = await start(t, {
      context: { logger },
      open: async (options) =>
        withMethods(await openMemoryLogStore(options), {
          append: async () => Promise.reject(secret),
          read: async () => Promise.reject(secret),
        }),
    })
    const client = daemon.connect('msgbus.v1.MsgbusService')
    const unary = await failure(client.call('Publish', { topic: 'a' }))
    const stream = await failure(client.collect('Fetch', { topic: 'a' }))
    for (const { code, details } of [unary, stream]) {
      assert.deepEqual([code, details], [status.INTERNAL, 'internal error'])
    }
    assert.deepEqual(logged, [
      ['grpc_call_failed', { method: publishPath, err: secret }],
      ['grpc_call_failed', { method: msgbusService.fetch.path, err: secret }],
    ])
  })

  test('before the store is open: Health, Ready, and UNAVAILABLE for the rest', async (t) => {
    const daemon = await start(t, { isAttached: false })
    const client = daemon.connect('msgbus.v1.MsgbusService')
    assert.equal((await client.call('Health')).status, 'SERVING')
    const { ready, status: text, error } = await client.call('Ready')
    assert.deepEqual([ready, text], [false, 'NOT_READY'])
    assert.notEqual(error, '')
    for (const call of [
      client.call('Publish', { topic: 'a' }),
      client.call('ListHeads'),
      client.collect('Fetch', { topic: 'a' }),
      client.collect('Subscribe', { topic: 'a' }),
      client.call('PeekFifo', { queue: 'q' }),
    ]) {
      const failed = await failure(call)
      assert.deepEqual([failed.code, failed.metadata.get('msgbus-reason')], [14, ['starting']])
    }
    daemon.attach()
    assert.equal((await client.call('Ready')).status, 'READY')
  })

  test('a fetch that nobody reads on reads no further from the store', async (t) => {
    let pages = 0
    const daemon = await start(t, {
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
    const message = { topic: 'a', payload: Buffer.alloc(200_000), headers: noHeaders }
    for (let i = 0; i < 100; i++) await bus.publish([message])
    const client = daemon.connect('msgbus.v1.MsgbusService')
    const stream = client.stream('Fetch', { topic: 'a', limit: 100 })
    await stream.next()
    for (let i = 0; i < 20; i++) await client.call('Health')
    assert.ok(pages < 20, `${pages} pages read`)
    stream.cancel()
    await until(() => pages > 0)
    const read = pages
    for (let i = 0; i < 20; i++) await client.call('Health')
    assert.ok(pages <= read + 1)
  })
})
