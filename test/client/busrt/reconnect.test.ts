/** What happens to a client when its connection breaks, and how it comes back. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { cleanUp } from '../../e2e/clean-up.ts'
import { BusError, connect } from '../../../src/client/busrt/index.ts'
import type { BusrtClient, BusrtEvents, BusrtOptions } from '../../../src/client/busrt/index.ts'
import { opcodes, results } from '../../../src/wire/busrt/frames.ts'
import { FakeBroker } from './fake-busrt-broker.ts'
import type { FakeBrokerOptions } from './fake-busrt-broker.ts'
import { ManualTiming } from './manual-timing.ts'

async function start(
  t: TestContext,
  brokerOptions: FakeBrokerOptions = {},
  options: Partial<BusrtOptions> = {},
): Promise<{ broker: FakeBroker; client: BusrtClient }> {
  const broker = await FakeBroker.start(t, brokerOptions)
  const client = await connect({
    address: broker.address,
    name: 'a',
    reconnect: { minDelayMs: 1, maxDelayMs: 2 },
    ...options,
  })
  cleanUp(t, () => client.close())
  return { broker, client }
}

function event<Name extends keyof BusrtEvents>(
  client: BusrtClient,
  name: Name,
): Promise<BusrtEvents[Name]> {
  return new Promise((resolve) => {
    const off = client.on(name, (info) => {
      off()
      resolve(info)
    })
  })
}

const isLost = { name: 'BusError', code: 'unavailable', reason: 'connection_lost' }

test('what is on its way fails, and what had been set up comes again, in order', async (t) => {
  const { broker, client } = await start(t, {
    result: ({ head }) => (head === 'nobody' ? undefined : results.ok),
  })
  const first = await broker.session()
  await client.subscribe(['t/#', 'gone'])
  await client.exclude(['t/secret', 'also gone'])
  await client.unsubscribe(['gone', '.broker/warn'])
  await client.unexclude('also gone')
  const operation = client.send('nobody', 'x')
  const call = client.rpc.call('nobody', 'm')
  const acknowledgedCall = client.rpc.call('somebody', 'm')
  await first.request(7)
  const disconnected = event(client, 'disconnected')
  const connected = event(client, 'connected')
  first.socket.destroy()
  await assert.rejects(operation, isLost)
  await assert.rejects(call, isLost)
  await assert.rejects(acknowledgedCall, isLost)
  const { error, willReconnect } = await disconnected
  assert.deepEqual([error.code, willReconnect], ['unavailable', true])
  await assert.rejects(client.send('b', 'x'), {
    ...isLost,
    message: /keeps trying, and ready\(\) waits for it/,
  })
  await client.ready()
  assert.deepEqual(await connected, { reconnects: 1 })
  const second = await broker.session()
  assert.deepEqual(
    second.requests.map(({ opcode, head }) => [opcode, head]),
    [
      [opcodes.unsubscribe, '.broker/warn'],
      [opcodes.exclude, 't/secret'],
      [opcodes.subscribe, 't/#'],
    ],
  )
  await client.send('b', 'x')
})

test('a broker that is away for a while', async (t) => {
  const { broker, client } = await start(t)
  const lost = event(client, 'disconnected')
  await broker.stop()
  await lost
  // Some attempts in vain.
  await event(client, 'reconnecting')
  const { attempt, error } = await event(client, 'reconnecting')
  assert.ok(attempt >= 2)
  assert.match(error.message, /nothing listens at|broke/)
  await broker.start()
  await client.ready()
  await client.send('b', 'x')
})

test('a frame that was begun ends with its connection', async (t) => {
  const { broker, client } = await start(t)
  const first = await broker.session()
  first.message('b', 'whole')
  // The head of a frame, and not all of its body.
  first.write(Buffer.from('12ff00000000 6200'.replace(' ', ''), 'hex'))
  const frames = client.frames()
  assert.equal((await frames.next()).value?.text(), 'whole')
  const connected = event(client, 'connected')
  first.socket.end()
  await connected
  const second = await broker.session()
  second.message('b', 'next')
  assert.equal((await frames.next()).value?.text(), 'next')
})

test('filters that are refused on the new connection are told and given up', async (t) => {
  let isStrict = false
  const { broker, client } = await start(t, {
    result: ({ head, payload }) =>
      isStrict && `${head}\0${payload.toString()}`.includes('secret') ? results.denied : results.ok,
  })
  await client.subscribe(['a/#', 'secret/1', 'b/#', 'secret/2'])
  isStrict = true
  const refused = event(client, 'filtersRefused')
  const again = event(client, 'connected')
  const first = await broker.session()
  first.socket.destroy()
  const { filters, error } = await refused
  assert.deepEqual([filters, error.code], [['secret/1', 'secret/2'], 'permission_denied'])
  await again
  const second = await broker.session()
  second.socket.destroy()
  await event(client, 'connected')
  const third = await broker.session()
  assert.deepEqual(
    third.requests.map(({ head, payload }) => `${head} ${payload.toString()}`),
    ['a/# b/#'],
  )
})

test('a name that is still taken is waited for, one that is forbidden is the end', async (t) => {
  let answer: number = results.ok
  const { broker, client } = await start(t, { register: () => answer })
  const first = await broker.session()
  answer = results.busy
  first.socket.destroy()
  let last = await event(client, 'reconnecting')
  while (last.attempt < 3) last = await event(client, 'reconnecting')
  assert.equal(last.error.reason, 'name_taken')
  const frames = client.frames()
  const end = event(client, 'disconnected')
  const ready = client.ready()
  answer = results.denied
  const { error, willReconnect } = await end
  assert.deepEqual([error.code, willReconnect], ['permission_denied', false])
  const isDenied = { name: 'BusError', code: 'permission_denied' }
  await assert.rejects(ready, isDenied)
  await assert.rejects(client.ready(), isDenied)
  await assert.rejects(client.send('b', 'x'), isDenied)
  await assert.rejects(frames.next(), isDenied)
  assert.equal((await frames.next()).done, true)
})

test('without reconnecting the client ends with its connection', async (t) => {
  const { broker, client } = await start(t, {}, { reconnect: false })
  const session = await broker.session()
  const frames = client.frames()
  const end = event(client, 'disconnected')
  session.message('b', 'last words')
  session.socket.end()
  assert.equal((await end).willReconnect, false)
  // What had come is still there.
  assert.equal((await frames.next()).value?.text(), 'last words')
  await assert.rejects(frames.next(), isLost)
  await assert.rejects(client.ready(), isLost)
  await client.close()
})

test('attempts end at their limit', async (t) => {
  const timing = new ManualTiming()
  const reconnect = { maxAttempts: 3, minDelayMs: 100 }
  const { broker, client } = await start(t, {}, { timing, reconnect })
  await broker.session()
  const attempts: number[] = []
  const end = new Promise<BusError>((resolve) => {
    client.on('disconnected', ({ error, willReconnect }) => {
      if (!willReconnect) resolve(error)
    })
  })
  client.on('reconnecting', ({ attempt, delayMs }) => {
    attempts.push(attempt, delayMs)
    // As soon as the client waits.
    queueMicrotask(() => timing.advance(delayMs))
  })
  await broker.stop()
  assert.match((await end).message, /nothing listens at/)
  assert.deepEqual(attempts, [1, 75, 2, 150, 3, 300])
})

test('delays grow while connections do not last, and begin anew when one has', async (t) => {
  const timing = new ManualTiming()
  const { broker, client } = await start(t, {}, { timing, reconnect: { minDelayMs: 100 } })
  const delays: number[] = []
  const breakOff = async () => {
    const session = await broker.session()
    const waiting = event(client, 'reconnecting')
    session.socket.destroy()
    const { delayMs } = await waiting
    delays.push(delayMs)
    const connected = event(client, 'connected')
    timing.advance(delayMs)
    await connected
  }
  await breakOff()
  await breakOff()
  await breakOff()
  timing.advance(5_000)
  await breakOff()
  assert.deepEqual(delays, [75, 150, 300, 75])
})

test('closing ends an attempt to connect', async (t) => {
  const timing = new ManualTiming()
  const { broker, client } = await start(t, {}, { timing })
  const session = await broker.session()
  const waiting = event(client, 'reconnecting')
  const ready = (async () => {
    await waiting
    await client.ready()
  })()
  session.socket.destroy()
  await waiting
  const stop = new AbortController()
  const aborted = client.ready({ signal: stop.signal })
  stop.abort()
  await assert.rejects(aborted, { code: 'cancelled', message: /aborted/ })
  await assert.rejects(client.ready({ signal: stop.signal }), { code: 'cancelled' })
  const closing = client.close()
  await assert.rejects(ready, { code: 'cancelled' })
  await closing
})

test('a client can wait for its first connection, too', async (t) => {
  const broker = await FakeBroker.start(t)
  await broker.stop()
  const errors: string[] = []
  let isStarted: Promise<void> | undefined
  const client = await connect({
    address: broker.address,
    name: 'a',
    waitForBroker: true,
    reconnect: { minDelayMs: 1, maxDelayMs: 2 },
    on: {
      reconnecting: ({ attempt, error }) => {
        errors.push(error.code)
        if (attempt === 3) isStarted = broker.start()
      },
    },
  })
  cleanUp(t, () => client.close())
  await isStarted
  assert.deepEqual(errors.slice(0, 3), ['unavailable', 'unavailable', 'unavailable'])
  assert.equal(client.isConnected, true)
})

test('a signal ends waiting for the first connection', async (t) => {
  const broker = await FakeBroker.start(t)
  await broker.stop()
  const stop = new AbortController()
  const attempt = connect({
    address: broker.address,
    name: 'a',
    waitForBroker: true,
    signal: stop.signal,
    reconnect: { minDelayMs: 1, maxDelayMs: 2 },
    on: { reconnecting: () => stop.abort() },
  })
  await assert.rejects(attempt, { code: 'cancelled' })
})

test('secondary clients have names of their own and end with their primary', async (t) => {
  const { broker, client } = await start(t)
  await broker.session()
  const secondary = await client.secondary()
  const session = await broker.session()
  const other = await client.secondary({ timeoutMs: 1_000 })
  assert.deepEqual([secondary.name, other.name], ['a%%0', 'a%%1'])
  assert.deepEqual([secondary.primaryName, session.name], ['a', 'a%%0'])
  await assert.rejects(secondary.secondary(), { code: 'failed_precondition' })
  await secondary.send('b', 'x')
  assert.equal((await session.request(1)).head, 'b')
  await client.close()
  for (const closed of [client, secondary, other]) {
    await assert.rejects(closed.send('b', 'x'), { code: 'cancelled' })
  }
})

test('a secondary comes back once its primary is there', async (t) => {
  const present = new Set<string>()
  let isPrimaryWelcome = true
  const { broker, client } = await start(t, {
    register: (name) => {
      if (name === 'a' && isPrimaryWelcome) present.add('a')
      return present.has('a') ? results.ok : results.notRegistered
    },
  })
  const secondary = await client.secondary()
  const sessions = [await broker.session(), await broker.session()]
  isPrimaryWelcome = false
  present.clear()
  for (const session of sessions) session.socket.destroy()
  const { error } = await eventWith(secondary, 2)
  assert.equal(error.reason, 'primary_missing')
  isPrimaryWelcome = true
  await Promise.all([client.ready(), secondary.ready()])
})

/** The attempt of this number, or a later one. */
async function eventWith(
  client: BusrtClient,
  attempt: number,
): Promise<BusrtEvents['reconnecting']> {
  for (;;) {
    const info = await event(client, 'reconnecting')
    if (info.attempt >= attempt) return info
  }
}
