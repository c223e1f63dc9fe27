/** Listeners and connections: every kind of address, the first frames, and how all of it ends. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { status } from '@grpc/grpc-js'
import type { LogStore } from '../../core/log-store.ts'
import { isAddressInUse } from '../../net/address.ts'
import { openMemoryLogStore } from '../../stores/memory/memory-log-store.ts'
import { encodePublishRequest, msgbusService } from '../../wire/gen/msgbus-v1.ts'
import { busService } from '../../wire/gen/msgbus-v2.ts'
import {
  failure,
  startTestDaemon,
  TestClient,
  type TestDaemonOptions,
  until,
  withMethods,
} from './grpc-suite.ts'
import { framed, openRawSession } from './raw-http2-suite.ts'

const service = 'msgbus.v1.MsgbusService'

async function start(t: TestContext, options: TestDaemonOptions = {}) {
  const daemon = await startTestDaemon(options)
  t.after(async () => daemon.stop())
  return daemon
}

async function isServing(address: string): Promise<void> {
  const client = new TestClient(service, address)
  assert.equal((await client.call('Health')).status, 'SERVING')
  client.close()
}

const portOf = (address: string) => Number(address.slice(address.lastIndexOf(':') + 1))

/** A socket on which nothing was sent yet, with all bytes that arrive on it. */
async function openSocket(t: TestContext, address: string) {
  const socket = connect({ host: '127.0.0.1', port: portOf(address) })
  const received: Buffer[] = []
  socket.on('data', (chunk: Buffer) => received.push(chunk))
  socket.on('error', () => undefined)
  t.after(() => socket.destroy())
  await once(socket, 'connect')
  return { socket, bytes: () => Buffer.concat(received) }
}

suite('addresses', () => {
  test('IP addresses, host names, every interface and Unix sockets, several at once', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'msgbus-listen-'))
    t.after(async () => rm(folder, { recursive: true, force: true }))
    const path = join(folder, 'bus.sock')
    const listen = ['127.0.0.1:0', 'localhost:0', '[::1]:0', ':0', `unix:${path}`]
    const daemon = await start(t, { settings: { listen } })
    const { listeners } = daemon.adapter
    assert.equal(listeners.length, listen.length)
    for (const { address, protocol, tls } of listeners) {
      assert.deepEqual([protocol, tls], ['grpc', false])
      if (!address.startsWith('unix:')) assert.ok(portOf(address) > 0, address)
      await isServing(address.startsWith('[::]:') ? `127.0.0.1:${portOf(address)}` : address)
    }
    assert.match(listeners[1]?.address ?? '', /^localhost:\d+$/)
    assert.match(listeners[2]?.address ?? '', /^\[::1\]:\d+$/)
    assert.equal(listeners[4]?.address, `unix:${path}`)
    await daemon.shutdown(1_000)
    assert.equal(existsSync(path), false)
  })

  test('clients of one Unix socket are told apart', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'msgbus-listen-'))
    t.after(async () => rm(folder, { recursive: true, force: true }))
    const listen = `unix:${join(folder, 'bus.sock')}`
    const daemon = await start(t, { settings: { listen }, limits: { subscriptionsPerClient: 1 } })
    const [a, b] = [daemon.connect(service), daemon.connect(service)]
    a.stream('Subscribe', { topic: 'a' })
    b.stream('Subscribe', { topic: 'a' })
    await until(() => daemon.bus.status().subscriptions === 2)
    const error = await a.stream('Subscribe', { topic: 'a' }).status
    assert.equal(error?.code, status.RESOURCE_EXHAUSTED)
  })

  test('a socket file left by a killed daemon is taken over, one in use is not', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'msgbus-listen-'))
    t.after(async () => rm(folder, { recursive: true, force: true }))
    const listen = `unix:${join(folder, 'bus.sock')}`
    const daemon = await start(t, { settings: { listen } })
    await assert.rejects(startTestDaemon({ settings: { listen } }), isAddressInUse)
    await isServing(listen)
    await daemon.shutdown(0)
    // A listener that is closed without its file being removed, as after a kill.
    const left = createServer().listen(join(folder, 'left.sock'))
    await once(left, 'listening')
    const { renameSync } = await import('node:fs')
    renameSync(join(folder, 'left.sock'), join(folder, 'bus.sock'))
    left.close()
    await once(left, 'close')
    assert.equal(existsSync(join(folder, 'bus.sock')), true)
    await start(t, { settings: { listen } })
    await isServing(listen)
  })

  test('all addresses or none', async (t) => {
    const taken = createServer().listen(0, '127.0.0.1')
    t.after(() => taken.close())
    await once(taken, 'listening')
    const address = taken.address()
    assert.ok(typeof address === 'object' && address !== null)
    const free = createServer().listen(0, '127.0.0.1')
    await once(free, 'listening')
    const freeAddress = free.address()
    assert.ok(typeof freeAddress === 'object' && freeAddress !== null)
    free.close()
    await once(free, 'close')
    const listen = [`127.0.0.1:${freeAddress.port}`, `127.0.0.1:${address.port}`]
    await assert.rejects(startTestDaemon({ settings: { listen } }), isAddressInUse)
    // The first one is free again.
    const again = createServer().listen(freeAddress.port, '127.0.0.1')
    await once(again, 'listening')
    again.close()
  })
})

suite('connections', () => {
  test('SETTINGS come at once, before the client has sent a byte', async (t) => {
    const daemon = await start(t)
    const { socket, bytes } = await openSocket(t, daemon.address)
    await once(socket, 'data')
    // Frame type 4 on stream 0 (RFC 9113 6.5).
    assert.equal(bytes()[3], 4)
  })

  test('windows are wide enough for uploads over a distance', async (t) => {
    const daemon = await start(t)
    const session = connectHttp2(`http://${daemon.address}`)
    t.after(() => session.destroy())
    session.on('error', () => undefined)
    while ((session.remoteSettings?.initialWindowSize ?? 0) < 262_144)
      await once(session, 'remoteSettings')
    await until(() => (session.state.remoteWindowSize ?? 0) >= 1_048_576)
  })

  test('a connection that gives no sign of life is closed', async (t) => {
    const settings = { keepAliveMs: 1_000, keepAliveTimeoutMs: 1_000 }
    const daemon = await start(t, { settings })
    // Connected, but nobody answers pings: this client speaks no HTTP/2 after its preface.
    const { socket } = await openSocket(t, daemon.address)
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]))
    await once(socket, 'close')
  })

  test('one connection may hold only so many calls', async (t) => {
    const daemon = await start(t, { settings: { maxConcurrentCalls: 3 } })
    const session = connectHttp2(`http://${daemon.address}`)
    t.after(() => session.destroy())
    session.on('error', () => undefined)
    while (session.remoteSettings?.maxConcurrentStreams !== 3) {
      await once(session, 'remoteSettings')
    }
  })
})

/** A store whose appends wait until `release` is called. */
function gated() {
  let release: (() => void) | undefined
  const gate = new Promise<void>((resolve) => (release = resolve))
  let waiting = 0
  const open: TestDaemonOptions['open'] = async (options) => {
    const store = await openMemoryLogStore(options)
    const append: LogStore['append'] = async (items) => {
      waiting += 1
      await gate
      return store.append(items)
    }
    return withMethods(store, { append })
  }
  return { open, release: () => release?.(), waiting: () => waiting }
}

suite('stopping', () => {
  const publication = encodePublishRequest({ topic: 'a', payload: Buffer.from('x') })

  test('a running unary call is answered, new ones are refused', async (t) => {
    const { open, release, waiting } = gated()
    const daemon = await start(t, { open })
    const client = daemon.connect(service)
    const running = client.call('Publish', { topic: 'a' })
    await until(() => waiting() === 1)
    const stopped = daemon.shutdown(60_000)
    const late = await failure(client.call('Publish', { topic: 'b' }))
    assert.equal(late.code, status.UNAVAILABLE)
    release()
    assert.equal((await running).message.headId, 1)
    await stopped
  })

  test('a client that ignores GOAWAY is cut off after the grace time', async (t) => {
    const { open, waiting } = gated()
    const daemon = await start(t, { open })
    const raw = await openRawSession(daemon.address)
    const neverAnswered = raw.call(msgbusService.publish.path, publication)
    await until(() => waiting() === 1)
    const startedAt = performance.now()
    await daemon.shutdown(300)
    assert.ok(performance.now() - startedAt < 5_000)
    assert.equal((await neverAnswered).status, undefined)
    raw.close()
  })

  test('neither idle connections nor half-open streams nor silent sockets hold it up', async (t) => {
    const daemon = await start(t)
    const silent = await openSocket(t, daemon.address)
    const idle = await openRawSession(daemon.address)
    const halfOpen = await openRawSession(daemon.address)
    const request = halfOpen.session.request({
      ':method': 'POST',
      ':path': busService.publishStream.path,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    request.on('error', () => undefined)
    request.resume()
    request.write(framed(new Uint8Array(0)))
    await once(request, 'response')
    const closed = Promise.all(
      [idle, halfOpen].map(async ({ session }) => new Promise((done) => session.on('close', done))),
    )
    const ended = once(silent.socket, 'close')
    await daemon.shutdown(2_000)
    await Promise.all([closed, ended])
  })

  test('a subscriber that does not read cannot hold it up', async (t) => {
    const daemon = await start(t)
    const client = daemon.connect('msgbus.v2.BusService')
    const publisher = daemon.connect(service)
    const payload = Buffer.alloc(1_000_000)
    for (let i = 0; i < 8; i++) await publisher.call('Publish', { topic: 'a', payload })
    const stream = client.stream('Subscribe', { filter: 'a', start: { earliest: {} } })
    await stream.next()
    await daemon.shutdown(200)
  })

  test('stopping twice is harmless', async (t) => {
    const daemon = await start(t)
    await Promise.all([daemon.adapter.stop(100), daemon.adapter.stop(100)])
    await daemon.adapter.stop(100)
  })
})
