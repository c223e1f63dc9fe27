/** How the TMB client finds its server, mends its connection, and holds back when the program is slow. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import net from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { connect } from '../../../src/client/tmb/index.ts'
import type { TmbClient, TmbClientOptions, TmbEvents } from '../../../src/client/tmb/index.ts'
import { findServer } from '../../../src/client/tmb/find-server.ts'
import { systemTiming } from '../../../src/client/timing.ts'
import { cleanUp } from '../../e2e/clean-up.ts'
import { ManualTiming } from '../busrt/manual-timing.ts'
import { FakeServer } from './fake-tmb-server.ts'
import type { FakeServerOptions } from './fake-tmb-server.ts'

async function start(
  t: TestContext,
  options: FakeServerOptions = {},
  clientOptions: TmbClientOptions = {},
): Promise<{ server: FakeServer; client: TmbClient }> {
  const server = await FakeServer.start(t, options)
  const reconnect = { minDelayMs: 1, maxDelayMs: 2 }
  const client = await connect({ address: server.address, reconnect, ...clientOptions })
  cleanUp(t, () => client.close())
  return { server, client }
}

function event<Name extends keyof TmbEvents>(
  client: TmbClient,
  name: Name,
): Promise<TmbEvents[Name]> {
  return new Promise((resolve) => {
    const off = client.on(name, (info) => {
      off()
      resolve(info)
    })
  })
}

/** A port that accepts and then does what `greet` does. */
async function listen(t: TestContext, greet: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket.on('error', () => undefined))
    greet(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUp(t, async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  return (server.address() as AddressInfo).port
}

async function freePort(t: TestContext): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  t.diagnostic(`a port where nothing listens: ${port}`)
  return port
}

function search(ports: readonly number[], timing = systemTiming) {
  const places = ports.map((port) => ({ host: '127.0.0.1', port }))
  return findServer(
    {
      address: { places, tls: false, text: 'several ports' },
      tlsOptions: undefined,
      maxLineBytes: 1_000,
      maxPendingBytes: 1_000,
      timeoutMs: 5_000,
      timing,
    },
    new AbortController().signal,
  )
}

test('of several ports the first that answers ping is taken', async (t) => {
  const timing = new ManualTiming()
  const closed = await freePort(t)
  const other = await listen(t, (socket) => socket.write('220 mail.example ESMTP\r\n'))
  const hangsUp = await listen(t, (socket) => socket.end())
  // Takes the connection and says nothing: it gets its 500 ms and no more.
  const silent = await listen(t, () => timing.advance(500))
  const servers = [
    await FakeServer.start(t, { tcp: true }),
    await FakeServer.start(t, { tcp: true }),
  ]
  const [first, second] = servers.map(({ port }) => port)
  const link = await search([closed, other, hangsUp, silent, first ?? 0, second ?? 0], timing)
  cleanUp(t, () => link.destroy(new Error('done') as never))
  assert.equal(link.address, `127.0.0.1:${first}`)
})

test('a search in vain says where it looked, or why a server refuses', async (t) => {
  await assert.rejects(search([await freePort(t), await freePort(t)]), {
    code: 'unavailable',
    reason: 'connection_lost',
    message: /no TMB server answers at several ports: start msgbusd/,
  })
  const full = await listen(t, (socket) => socket.end('error too-many-clients - 10000\n'))
  await assert.rejects(search([full, await freePort(t)]), { tmbCode: 'too-many-clients' })
})

test('a port that is named is the only one, and says what is wrong there', async (t) => {
  const port = await freePort(t)
  await assert.rejects(connect({ port }), {
    code: 'unavailable',
    message: `nothing listens at 127.0.0.1:${port}: start msgbusd, or name the address it listens on`,
  })
  const mail = await listen(t, (socket) => socket.write('220 mail.example ESMTP\r\n'))
  await assert.rejects(connect({ host: '127.0.0.1', port: mail }), {
    code: 'internal',
    message: /does not speak TMB: "220 mail.example ESMTP\\r" is no line of a TMB server/,
  })
  const timing = new ManualTiming()
  const silent = await listen(t, () => timing.advance(700))
  await assert.rejects(connect({ port: silent, timeoutMs: 700, timing }), {
    code: 'deadline_exceeded',
    message: /no answer from .* within 700 ms/,
  })
  await assert.rejects(connect({ address: 'x', port: 1 }), { reason: 'bad_argument' })
  const stop = new AbortController()
  stop.abort()
  await assert.rejects(connect({ port: silent, signal: stop.signal }), { code: 'cancelled' })
})

test('a new connection has what the last one had', async (t) => {
  const { server, client } = await start(
    t,
    { tcp: true },
    { auth: { token: 's3cret' }, options: { remote: 'none' } },
  )
  const first = await server.session()
  await client.subscribe('regexp', '.')
  await client.watch('begins-with', '/upper')
  await client.subscribe('is', '/gone')
  await client.unsubscribe('3')
  await client.option('echo', 'off')
  assert.deepEqual(first.lines.slice(0, 2), ['auth token s3cret', 'option remote none'])
  const disconnected = event(client, 'disconnected')
  const connected = event(client, 'connected')
  const pending = client.last('is', '/x')
  first.socket.destroy()
  await assert.rejects(pending, { code: 'unavailable', reason: 'connection_lost' })
  assert.equal((await disconnected).willReconnect, true)
  await assert.rejects(client.publish('/a'), { message: /keeps trying, and ready\(\) waits/ })
  await client.ready()
  assert.deepEqual(await connected, { reconnects: 1, address: client.address })
  const second = await server.session()
  assert.deepEqual(second.lines, [
    'auth token s3cret',
    'option remote none',
    'option echo off',
    'subscribe 1 regexp .',
    'watch 2 begins-with /upper',
  ])
  await client.publish('/a')
  await second.line(6)
})

test('a server that is away for a while', async (t) => {
  const { server, client } = await start(t)
  const lost = event(client, 'disconnected')
  await server.stop()
  await lost
  await event(client, 'reconnecting')
  const { attempt, error } = await event(client, 'reconnecting')
  assert.ok(attempt >= 2)
  assert.match(error.message, /nothing listens at|broke/)
  await server.start()
  await client.ready()
  await client.ping()
})

test('a subscription that is refused on the new connection is told and given up', async (t) => {
  let isStrict = false
  const { server, client } = await start(t, {
    answer: (line) =>
      isStrict && line.includes('/secret') ? 'error not-permitted subscribe /secret\n' : undefined,
  })
  await client.subscribe('is', '/secret')
  await client.subscribe('is', '/open')
  isStrict = true
  const refused = event(client, 'subscriptionRefused')
  const connected = event(client, 'connected')
  const first = await server.session()
  first.socket.destroy()
  const { subscription, error } = await refused
  assert.deepEqual([subscription.id, error.tmbCode], ['1', 'not-permitted'])
  await connected
  assert.deepEqual(
    client.subscriptions.map(({ id }) => id),
    ['2'],
  )
})

test('wrong secrets are the end, and so is the reason that a server gives', async (t) => {
  const denied = await FakeServer.start(t, {
    answer: (line) => (line.startsWith('auth') ? 'error auth-failed auth\n' : undefined),
  })
  await assert.rejects(connect({ address: denied.address, auth: { user: 'a', password: 'b' } }), {
    code: 'unauthenticated',
    tmbCode: 'auth-failed',
  })
  const { server, client } = await start(t, {}, { reconnect: false })
  const session = await server.session()
  const end = event(client, 'disconnected')
  session.write(':/a last words\nerror slow-reader -\n')
  session.socket.end()
  const { error, willReconnect } = await end
  assert.deepEqual([error.reason, willReconnect], ['slow_client', false])
  const messages = client.messages()
  // What had come is still there.
  assert.equal((await messages.next()).value?.text(), 'last words')
  await assert.rejects(messages.next(), { reason: 'slow_client' })
  await assert.rejects(client.ready(), { reason: 'slow_client' })
})

test('a line that was begun ends with its connection', async (t) => {
  const { server, client } = await start(t)
  const first = await server.session()
  first.write(':/a whole\n:/a beg')
  const messages = client.messages()
  assert.equal((await messages.next()).value?.text(), 'whole')
  const connected = event(client, 'connected')
  first.socket.end()
  await connected
  const second = await server.session()
  second.write(':/a next\n')
  assert.equal((await messages.next()).value?.text(), 'next')
})

test('a silent server is asked, and given up when it does not answer', async (t) => {
  const timing = new ManualTiming()
  let pings = 0
  const { server, client } = await start(
    t,
    // The first is the greeting.
    { answer: (line) => (line === 'ping' && ++pings > 2 ? '' : undefined) },
    { timing, pingMs: 1_000, timeoutMs: 400, reconnect: false },
  )
  const session = await server.session()
  timing.advance(2_000)
  await session.line(1)
  // Its answer has come when that of the next command has.
  await client.version()
  const end = event(client, 'disconnected')
  timing.advance(2_000)
  await session.line(3)
  timing.advance(400)
  assert.match((await end).error.message, /no sign of life/)
})

test('a slow program holds the socket back and loses nothing', async (t) => {
  const { server, client } = await start(t, {}, { maxQueuedMessages: 10 })
  const session = await server.session()
  const messages = client.messages()
  const line = `:/a ${'x'.repeat(1_000)}`
  // More than the buffers of a socket hold.
  const total = 20_000
  session.write(Array.from({ length: total }, (_, i) => `${line}${i}\n`).join(''))
  for (let i = 0; i < total; i++) {
    // Of some 20 MB nearly all is still there, beside what the sockets hold.
    if (i === 1_000) assert.ok(session.socket.writableLength > 15_000_000)
    const { value } = await messages.next()
    if (value?.text() !== `${line.slice(4)}${i}`) assert.fail(`message ${i} is another one`)
  }
  assert.equal(client.discardedMessages, 0)
})

test('while it is held back, answers still come; without an iterator, messages go', async (t) => {
  const { server, client } = await start(t, {}, { maxQueuedMessages: 10 })
  const session = await server.session()
  const messages = client.messages()
  session.write(':/a x\n'.repeat(50))
  await client.version()
  for (let i = 0; i < 50; i++) await messages.next()
  await messages.return?.()
  session.write(':/a x\n'.repeat(50))
  await client.version()
  session.write(':/a x\n'.repeat(50))
  await client.version()
  assert.equal(client.discardedMessages, 50)
})

test('closing ends an attempt to connect, and who waits for it', async (t) => {
  const timing = new ManualTiming()
  const { server, client } = await start(t, {}, { timing })
  const session = await server.session()
  const waiting = event(client, 'reconnecting')
  session.socket.destroy()
  await waiting
  const ready = client.ready()
  const stop = new AbortController()
  const aborted = client.ready({ signal: stop.signal })
  stop.abort()
  await assert.rejects(aborted, { code: 'cancelled', message: /aborted/ })
  const closing = client.close()
  await assert.rejects(ready, { code: 'cancelled', message: /closed/ })
  await closing
})

test('attempts end at their limit; the first connection can be waited for', async (t) => {
  const { server, client } = await start(
    t,
    {},
    { reconnect: { maxAttempts: 2, minDelayMs: 1, maxDelayMs: 2 } },
  )
  const end = new Promise<TmbEvents['disconnected']>((resolve) => {
    client.on('disconnected', (info) => {
      if (!info.willReconnect) resolve(info)
    })
  })
  await server.stop()
  assert.match((await end).error.message, /nothing listens at|broke/)
  const attempts: number[] = []
  let isStarted: Promise<void> | undefined
  const late = await connect({
    address: server.address,
    waitForServer: true,
    reconnect: { minDelayMs: 1, maxDelayMs: 2 },
    on: {
      reconnecting: ({ attempt }) => {
        attempts.push(attempt)
        if (attempt === 3) isStarted = server.start()
      },
    },
  })
  cleanUp(t, () => late.close())
  await isStarted
  assert.deepEqual(attempts.slice(0, 3), [1, 2, 3])
})
