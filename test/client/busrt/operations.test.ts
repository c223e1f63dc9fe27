/** What a client writes and what it makes of the answers. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { cleanUp } from '../../e2e/clean-up.ts'
import { BusError, connect } from '../../../src/client/busrt/index.ts'
import type { BusrtClient, BusrtOptions } from '../../../src/client/busrt/index.ts'
import type { ErrorReason } from '../../../src/model/errors.ts'
import { results } from '../../../src/wire/busrt/frames.ts'
import { FakeBroker } from './fake-busrt-broker.ts'
import type { FakeBrokerOptions, FakeSession } from './fake-busrt-broker.ts'
import { ManualTiming } from './manual-timing.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

async function pair(
  t: TestContext,
  brokerOptions: FakeBrokerOptions = {},
  options: Partial<BusrtOptions> = {},
): Promise<{ broker: FakeBroker; client: BusrtClient; session: FakeSession }> {
  const broker = await FakeBroker.start(t, brokerOptions)
  const client = await connect({ address: broker.address, name: 'a.b', ...options })
  cleanUp(t, () => client.close())
  return { broker, client, session: await broker.session() }
}

function isBusError(code: BusError['code'], reason: ErrorReason, message = /./) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof BusError, String(error))
    assert.equal(`${error.code}/${error.reason}`, `${code}/${reason}`)
    assert.match(error.message, message)
    return true
  }
}

test('operations are the bytes of the specification (2.1, 11.16 to 11.18)', async (t) => {
  const { client, session } = await pair(t)
  await client.send('a.b', 'hello')
  await client.send('a.b', 'hello', { qos: 'realtime-processed' })
  await client.send('a.b', '', { qos: 'none' })
  await client.send('a.b', Buffer.from([0, 1]), { qos: 'realtime' })
  await client.broadcast('a.*', 'x')
  await client.publish('t/x', 'x')
  await client.publishFor('t/x', 'a.b', 'x\0y')
  await client.subscribe(['t/+', 'ü/#'])
  await client.unsubscribe('t/+')
  await client.exclude(['t/x'])
  await client.unexclude('t/x')
  await client.subscribe('')
  const expected = [
    '01000000 52 09000000 612e6200 68656c6c6f',
    '02000000 d2 09000000 612e6200 68656c6c6f',
    '03000000 12 04000000 612e6200',
    '04000000 92 06000000 612e6200 0001',
    '05000000 53 05000000 612e2a00 78',
    '06000000 41 05000000 742f7800 78',
    '07000000 46 0b000000 742f7800 612e6200 780079',
    '08000000 42 08000000 742f2b00 c3bc2f23',
    '09000000 43 03000000 742f2b',
    '0a000000 44 03000000 742f78',
    '0b000000 45 03000000 742f78',
    '0c000000 42 00000000',
  ]
  const sent = session.requests.map(({ bytes }) => hex(bytes))
  assert.deepEqual(
    sent,
    expected.map((text) => text.replaceAll(' ', '')),
  )
})

test('a burst leaves in one write, a realtime frame takes along what waits before it', async (t) => {
  const { client, session } = await pair(t)
  const chunks: Buffer[] = []
  session.socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  const sent = [client.send('x', '1', { qos: 'none' }), client.send('x', '2')]
  sent.push(client.send('x', '3', { qos: 'realtime-processed' }))
  await Promise.all(sent)
  assert.equal(chunks.length, 1)
  assert.deepEqual(
    session.requests.map(({ payload }) => payload.toString()),
    ['1', '2', '3'],
  )
})

test('results are errors of the bus, with what to do', async (t) => {
  const table: [number, BusError['code'], ErrorReason, RegExp][] = [
    [0x71, 'not_found', 'unknown_client', /"x" was not sent: no client has this name; check it/],
    [0x72, 'invalid_argument', 'undecodable', /result 0x72/],
    [0x73, 'unavailable', 'connection_lost', /result 0x73/],
    [0x74, 'unknown', 'internal', /result 0x74/],
    [0x75, 'unimplemented', 'unsupported', /result 0x75/],
    [0x76, 'already_exists', 'name_taken', /result 0x76/],
    [0x77, 'resource_exhausted', 'slow_client', /does not read what waits for it; send less/],
    [0x78, 'deadline_exceeded', 'timed_out', /result 0x78/],
    [0x79, 'permission_denied', 'access_denied', /not allowed to this client: ask for it/],
    [0xff, 'not_found', 'unknown_client', /just leaving; try again/],
    [0x42, 'unknown', 'internal', /result 0x42/],
  ]
  let result = 0
  const { client } = await pair(t, { result: () => result })
  for (const [code, ...expected] of table) {
    result = code
    await assert.rejects(client.send('x', 'y'), isBusError(...expected), String(code))
  }
  result = results.ok
  await client.send('x', 'y')
})

test('a registration that is refused says why', async (t) => {
  const table: [number | 'close', BusError['code'], ErrorReason, RegExp][] = [
    [0x71, 'failed_precondition', 'primary_missing', /primary "a" is not connected; connect that/],
    [0x72, 'invalid_argument', 'bad_argument', /does not take this name/],
    [0x75, 'unimplemented', 'unsupported', /another version/],
    [0x76, 'already_exists', 'name_taken', /another client has this name; choose another one/],
    [0x79, 'permission_denied', 'access_denied', /does not let this name in/],
    [0x74, 'unknown', 'internal', /result 0x74/],
    ['close', 'unavailable', 'connection_lost', /closed the connection before "a%%1"/],
  ]
  let answer: number | 'close' = results.ok
  const broker = await FakeBroker.start(t, { register: () => answer })
  for (const [result, ...expected] of table) {
    answer = result
    const attempt = connect({ address: broker.address, name: 'a%%1' })
    await assert.rejects(attempt, isBusError(...expected), String(result))
  }
})

test('where nothing listens, and where something else does', async (t) => {
  const broker = await FakeBroker.start(t)
  const missing = connect({ address: `${broker.address}.ipc`, name: 'a' })
  await assert.rejects(
    missing,
    isBusError('unavailable', 'connection_lost', /nothing listens at .*: start the broker/),
  )
  const { createServer } = await import('node:http')
  const server = createServer().listen(0, '127.0.0.1')
  cleanUp(t, () => server.close())
  await new Promise((resolve) => server.once('listening', resolve))
  server.once('connection', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))
  const port = (server.address() as { port: number }).port
  await assert.rejects(
    connect({ address: `127.0.0.1:${port}`, name: 'a' }),
    isBusError('internal', 'undecodable', /does not speak BUS\/RT: its greeting/),
  )
})

test('names that no frame can carry are refused before anything is sent', async (t) => {
  const { broker, client, session } = await pair(t)
  const attempts: [Promise<unknown>, ErrorReason][] = [
    [client.send('a\0b', 'x'), 'name_contains_nul'],
    [client.publish('t/\ud800', 'x'), 'name_not_unicode'],
    [client.publishFor('t', 'a\0', 'x'), 'name_contains_nul'],
    [client.broadcast('\0', 'x'), 'name_contains_nul'],
    [client.subscribe(['t', '\0']), 'name_contains_nul'],
    [client.rpc.call('a\0', 'm'), 'name_contains_nul'],
    [client.rpc.call('a', 'm\0'), 'name_contains_nul'],
    [client.rpc.notify('a\0', ''), 'name_contains_nul'],
    [connect({ address: broker.address, name: '' }), 'name_empty'],
    [connect({ address: broker.address, name: '.a' }), 'bad_argument'],
    [connect({ address: broker.address, name: 'a\0' }), 'name_contains_nul'],
    [connect({ address: broker.address, name: 'ü'.repeat(32_768) }), 'name_too_long'],
  ]
  for (const [attempt, reason] of attempts) {
    await assert.rejects(attempt, isBusError('invalid_argument', reason))
  }
  assert.equal(session.requests.length, 0)
})

test('an answer that does not come is a deadline, a late one is nothing', async (t) => {
  const timing = new ManualTiming()
  let isSilent = true
  const { client, session } = await pair(
    t,
    { result: () => (isSilent ? undefined : results.ok) },
    { timing, timeoutMs: 1_000 },
  )
  const late = client.send('x', 'y')
  const later = client.subscribe('t', { timeoutMs: 3_000 })
  const { opId } = await session.request(1)
  await session.request(2)
  timing.advance(1_000)
  await assert.rejects(
    late,
    isBusError('deadline_exceeded', 'timed_out', /the message to "x" within 1000 ms; it may have/),
  )
  session.ack(opId, results.ok)
  isSilent = false
  await client.send('x', 'y')
  session.ack(opId + 1, results.ok)
  await later
})

test('a signal ends waiting, for operations and calls', async (t) => {
  const { client, session } = await pair(t, { result: () => undefined })
  const stop = new AbortController()
  const waiting = [
    client.send('x', 'y', { signal: stop.signal }),
    client.rpc.call('x', 'm', '', { signal: stop.signal }),
  ]
  await session.request(2)
  stop.abort(new Error('enough'))
  for (const operation of waiting) {
    await assert.rejects(operation, isBusError('cancelled', 'cancelled'))
  }
  const after = client.send('x', 'z', { signal: stop.signal })
  await assert.rejects(after, isBusError('cancelled', 'cancelled'))
  assert.equal(session.requests.length, 2)
})

test('what the broker does not take makes senders wait, and is refused at the limit', async (t) => {
  const maxPendingBytes = 4_000_000
  const { client, session } = await pair(t, {}, { maxPendingBytes })
  session.socket.pause()
  const payload = Buffer.alloc(100_000)
  let waiting: Promise<void> | undefined
  // Fills what the kernel takes, then what the client keeps.
  let isWaiting = true
  while (isWaiting) {
    waiting = client.send('x', payload, { qos: 'none' })
    const turn = new Promise((resolve) => setImmediate(resolve, 'still waiting'))
    isWaiting = (await Promise.race([waiting, turn])) !== 'still waiting'
  }
  const refused = isBusError('resource_exhausted', 'quota_exceeded', /await what you send/)
  let accepted = 0
  for (;;) {
    const sending = client.send('x', payload, { qos: 'none' })
    if (await Promise.race([sending.then(() => false, refused), turnOver()])) break
    sending.catch(() => undefined)
    accepted += 1
    assert.ok(accepted * payload.length <= maxPendingBytes)
  }
  session.socket.resume()
  await waiting
  await client.send('x', 'last')
  assert.equal(session.requests.at(-1)?.payload.toString(), 'last')
})

function turnOver(): Promise<boolean> {
  return new Promise((resolve) => setImmediate(resolve, false))
}

test('one frame larger than the limit passes when nothing else waits', async (t) => {
  const { client, session } = await pair(t, {}, { maxPendingBytes: 1_000 })
  await client.send('x', Buffer.alloc(300_000, 7))
  assert.equal((await session.request(1)).payload.length, 300_000)
})

test('what is refused in part is taken back whole', async (t) => {
  const { client, session } = await pair(t, {
    result: ({ head }) => (head.includes('secret') ? results.denied : results.ok),
  })
  await client.subscribe('kept')
  const refusal = client.subscribe(['secret', 'kept', 'open'])
  // All of a list in one frame: the fake looks at the first only.
  await assert.rejects(refusal, isBusError('permission_denied', 'access_denied'))
  const undo = await session.request(3)
  assert.equal(undo.flags, 0x03)
  assert.equal(`${undo.head}\0${undo.payload.toString()}`, 'secret\0open')
})

test('pings go out while nothing else does, and silence ends a connection', async (t) => {
  const timing = new ManualTiming()
  const { client, session } = await pair(
    t,
    { result: () => undefined },
    { timing, timeoutMs: 1_000, reconnect: false },
  )
  timing.advance(500)
  await session.until(() => session.pings === 1)
  timing.advance(500)
  await session.until(() => session.pings === 2)
  // Silent for as long as the time-out: asked, with an operation that changes nothing.
  const probe = await session.request(1)
  assert.equal(hex(probe.bytes), '01000000520100000000')
  const lost = new Promise<BusError>((resolve) => {
    client.on('disconnected', ({ error }) => resolve(error))
  })
  timing.advance(1_500)
  isBusError('unavailable', 'connection_lost', /no sign of life for \d+ ms/)(await lost)
})

test('a broker that answers lives, however late', async (t) => {
  const timing = new ManualTiming()
  const { client, session } = await pair(
    t,
    { result: () => results.notRegistered },
    { timing, timeoutMs: 1_000, reconnect: false },
  )
  for (let i = 1; i <= 5; i++) {
    timing.advance(1_000)
    const probe = await session.request(2 * i - 1)
    assert.equal(probe.head, '')
    // What is answered behind the probe shows that its answer has come.
    await assert.rejects(client.send('x', 'y'), isBusError('not_found', 'unknown_client'))
  }
  assert.equal(client.isConnected, true)
})

test('closing waits for what was sent', async (t) => {
  const { client, session } = await pair(t)
  const acknowledged = client.send('x', '1')
  void client.send('x', '2', { qos: 'none' })
  const closing = client.close()
  await acknowledged
  await closing
  await session.closed()
  assert.equal(session.requests.length, 2)
  await assert.rejects(client.send('x', '3'), isBusError('cancelled', 'cancelled'))
  await client.close()
  assert.equal(client.isConnected, false)
})

test('closing writes what the broker has not taken yet', async (t) => {
  const { client, session } = await pair(t)
  session.socket.pause()
  for (let i = 0; i < 30; i++) void client.send('x', Buffer.alloc(100_000, i), { qos: 'none' })
  await turnOver()
  void client.send('x', 'last', { qos: 'none' })
  const closing = client.close()
  await turnOver()
  session.socket.resume()
  await closing
  await session.closed()
  assert.equal(session.requests.length, 31)
  assert.equal(session.requests.at(-1)?.payload.toString(), 'last')
})

test('closing does not wait for ever', async (t) => {
  const timing = new ManualTiming()
  const { client, session } = await pair(
    t,
    { result: () => undefined },
    { timing, timeoutMs: 1_000 },
  )
  const operation = client.send('x', '1', { timeoutMs: Infinity })
  const call = client.rpc.call('x', 'm', '', { timeoutMs: Infinity })
  await session.request(2)
  const closing = client.close()
  await assert.rejects(call, isBusError('cancelled', 'cancelled'))
  // The call is given up, its frame and the other still wait for their acknowledgements.
  await turnOver()
  timing.advance(1_000)
  await assert.rejects(operation, isBusError('cancelled', 'cancelled'))
  await closing
})
