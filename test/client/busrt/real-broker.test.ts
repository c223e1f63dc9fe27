/**
 * The client against a real broker: msgbusd, or the reference's `busrtd` when `MSGBUS_BUSRT_REFERENCE`
 * names it.
 */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { isReference, startBrokerProcess } from '../../conformance/busrt/broker.ts'
import { cleanUp } from '../../e2e/clean-up.ts'
import type { Scope } from '../../e2e/clean-up.ts'
import { startDaemon, temporaryFolder } from '../../e2e/daemon-process.ts'
import { CursorStore, RpcError, connect } from '../../../src/client/busrt/index.ts'
import type { BusrtClient, BusrtFrame, BusrtOptions } from '../../../src/client/busrt/index.ts'
import { Gate } from './gate.ts'

const onlyMsgbusd = isReference ? 'the reference broker has no such thing' : false

type Connect = (name: string, options?: Partial<BusrtOptions>) => Promise<BusrtClient>

function connector(t: Scope, address: string): Connect {
  return async (name, options = {}) => {
    const client = await connect({ address, name, timeoutMs: 60_000, ...options })
    cleanUp(t, () => client.close())
    return client
  }
}

/** The next frames that are not the broker's own. */
async function take(client: BusrtClient, count: number): Promise<BusrtFrame[]> {
  const frames: BusrtFrame[] = []
  for await (const frame of client) {
    if (frame.sender !== '.broker') frames.push(frame)
    if (frames.length === count) break
  }
  return frames
}

const summary = ({ kind, sender, topic, realtime, ...frame }: BusrtFrame) =>
  [
    kind,
    sender,
    topic ?? '',
    realtime ? 'realtime' : '',
    Buffer.from(frame.payload).toString(),
  ].join(' ')

test('a client and a real broker', async (t) => {
  const broker = await startBrokerProcess(t)
  const addresses = { unix: broker.unix.path, tcp: `${broker.tcp.host}:${broker.tcp.port}` }
  for (const [transport, address] of Object.entries(addresses)) {
    await t.test(transport, (scope) => everything(scope, address))
  }
})

async function everything(t: TestContext, address: string): Promise<void> {
  await t.test('messages, broadcasts, publications', async (part) => {
    const here = connector(part, address)
    const [a, b] = [await here('g.a'), await here('g.b')]
    const extra = await b.secondary()
    assert.equal(extra.name, 'g.b%%0')
    cleanUp(part, () => extra.close())
    await b.subscribe(['t/+', 'own/#'])
    await b.exclude('t/secret')
    await extra.subscribe('own/#')
    await a.send('g.b', 'direct')
    await a.send('g.b', '', { qos: 'realtime-processed' })
    await a.broadcast('g.?', 'to all of g')
    await a.publish('t/secret', 'never')
    await a.publish('t/x', 'public', { qos: 'realtime-processed' })
    await a.publishFor('own/x', 'g.b', 'yours')
    await a.publishFor('own/x', 'g.c', 'not yours')
    await a.send('g.b%%0', 'extra')
    await b.unexclude('t/secret')
    await b.unsubscribe('own/#')
    await a.publishFor('own/x', 'g.b', 'no longer')
    await a.publish('t/secret', 'now')
    await a.send('g.b', 'last', { qos: 'none' })
    assert.deepEqual((await take(b, 7)).map(summary), [
      'message g.a   direct',
      'message g.a  realtime ',
      'broadcast g.a   to all of g',
      'publication g.a t/x realtime public',
      'publication g.a own/x  yours',
      'publication g.a t/secret  now',
      'message g.a   last',
    ])
    assert.deepEqual((await take(extra, 4)).map(summary), [
      'broadcast g.a   to all of g',
      'publication g.a own/x  yours',
      'message g.a   extra',
      'publication g.a own/x  no longer',
    ])
  })

  await t.test('refusals', async (part) => {
    const here = connector(part, address)
    const a = await here('g.a')
    await assert.rejects(a.send('nobody', 'x'), { code: 'not_found', reason: 'unknown_client' })
    await a.send('nobody', 'x', { qos: 'none' })
    await a.publish('nowhere', 'x')
    await a.broadcast('nobody.*', 'x')
    await assert.rejects(here('g.a'), { code: 'already_exists', reason: 'name_taken' })
    await assert.rejects(here('g.none%%0'), { reason: 'primary_missing' })
  })

  await t.test('100,000 messages to itself come back in order', async (part) => {
    const client = await connector(part, address)('self')
    const total = 100_000
    const receiving = (async () => {
      let next = 0
      for await (const { payload } of client) {
        assert.equal(Buffer.from(payload).readUInt32LE(0), next)
        next += 1
        if (next === total) return
      }
    })()
    for (let i = 0; i < total; i++) {
      const payload = Buffer.alloc(100)
      payload.writeUInt32LE(i)
      await client.send('self', payload, { qos: 'none' })
    }
    await receiving
  })

  await t.test('calls both ways', async (part) => {
    const here = connector(part, address)
    const [a, b] = [await here('a'), await here('b')]
    const notes = new Gate()
    const cursors = new CursorStore()
    cleanUp(part, () => cursors.close())
    b.rpc.handlePacked('add', (params) => {
      const { x, y } = params as { x: number; y: number }
      return x + y
    })
    b.rpc.handle('who', async ({ sender }) => {
      // Calls back while it is being called.
      const name = await a.rpc.call(sender, 'name')
      return `you are ${Buffer.from(name).toString()}`
    })
    b.rpc.handle('back', async ({ sender }) => b.rpc.call(sender, 'name'))
    b.rpc.handle('refuse', () => {
      throw new RpcError(-7, 'no')
    })
    b.rpc.handle('fail', () => {
      throw new Error('oops')
    })
    b.rpc.handleNotifications(({ payload }) => {
      if (Buffer.from(payload).toString() === 'note') notes.open()
    })
    cursors.serve(b.rpc)
    b.rpc.handlePacked('C', () => cursors.open(Array.from({ length: 25 }, (_, n) => ({ n }))))
    a.rpc.handle('name', () => 'a')

    assert.equal(await a.rpc.callPacked('b', 'add', { x: 2, y: 3 }), 5)
    assert.equal(Buffer.from(await a.rpc.call('b', 'back')).toString(), 'a')
    assert.equal(Buffer.from(await a.rpc.call('b', 'who')).toString(), 'you are a')
    const fast = { qos: 'realtime-processed' } as const
    assert.equal(await a.rpc.callPacked('b', 'add', { x: 1, y: 1 }, fast), 2)
    await assert.rejects(a.rpc.call('b', 'refuse'), { rpcCode: -7, message: 'refuse of b: no' })
    await assert.rejects(a.rpc.call('b', 'fail'), { rpcCode: -32_603, message: 'fail of b: oops' })
    await assert.rejects(a.rpc.call('b', 'missing'), { rpcCode: -32_601 })
    await assert.rejects(a.rpc.call('c', 'x'), { reason: 'unknown_client' })
    await a.rpc.call0('b', 'missing')
    await a.rpc.notify('b', 'note')
    await notes.opened
    for (const bulk of [undefined, 10, 25]) {
      const numbers: number[] = []
      for await (const { n } of a.rpc.cursor<{ n: number }>('b', 'C', undefined, { bulk })) {
        numbers.push(n)
      }
      assert.deepEqual(
        numbers,
        Array.from({ length: 25 }, (_, n) => n),
      )
    }
    const sums = Array.from({ length: 2_000 }, (_, n) =>
      a.rpc.callPacked<number>('b', 'add', { x: n, y: n }),
    )
    assert.deepEqual(
      await Promise.all(sums),
      sums.map((_, n) => 2 * n),
    )
  })

  await t.test('the broker answers for itself', async (part) => {
    const here = connector(part, address)
    const [a, b] = [await here('info.a'), await here('info.b')]
    const extra = await b.secondary()
    cleanUp(part, () => extra.close())
    await a.broker.test()
    assert.match((await a.broker.info()).version, /^\d+\.\d+/)
    assert.ok((await a.broker.stats()).receivedFrames > 0)
    const clients = await a.broker.clients('^info\\.')
    assert.deepEqual(
      clients.map(({ name, instances }) => [name, instances]),
      [
        ['info.a', 1],
        ['info.b', 2],
      ],
    )
    const all = await a.broker.clients()
    assert.ok(
      all.some(
        ({ name, kind, source }) =>
          name === '.broker' && kind === 'internal' && source === undefined,
      ),
    )
    await assert.rejects(a.broker.clients('('), { rpcCode: -32_700 })
    const echo = await a.rpc.call('.broker', 'benchmark.test', 'abc')
    assert.equal(Buffer.from(echo).toString(), 'abc')
    await assert.rejects(a.rpc.call('.broker', 'none'), { rpcCode: -32_601 })
    await assert.rejects(a.rpc.call('.broker', 'test', 'x'), { rpcCode: -32_602 })
  })

  await t.test('large payloads', async (part) => {
    const a = await connector(part, address)('large')
    const payload = Buffer.alloc(3_000_000, 'ab')
    await a.send('large', payload)
    const [frame] = await take(a, 1)
    assert.ok(payload.equals(frame?.payload ?? Buffer.alloc(0)))
  })
}

test('a slow handler slows the sender down and loses nothing', { skip: onlyMsgbusd }, async (t) => {
  const broker = await startBrokerProcess(t)
  const open = connector(t, broker.unix.path)
  const [released, done] = [new Gate(), new Gate()]
  const total = 20_000
  let received = 0
  await open('slow', {
    maxQueuedBytes: 100_000,
    onFrame: async ({ payload }) => {
      await released.opened
      assert.equal(Buffer.from(payload).readUInt32LE(0), received)
      received += 1
      if (received === total) done.open()
    },
  })
  const fast = await open('fast')
  let sent = 0
  const sending = (async () => {
    for (; sent < total; sent++) {
      const payload = Buffer.alloc(10_000)
      payload.writeUInt32LE(sent)
      await fast.send('slow', payload, { qos: 'none' })
    }
  })()
  // Somebody else is not held up, and asks until nothing moves any more.
  const other = await open('other')
  for (let quiet = 0, before = -1; quiet < 200;) {
    quiet = sent === before ? quiet + 1 : 0
    before = sent
    await other.broker.test()
  }
  assert.ok(sent < total, 'everything was taken although nobody read it')
  assert.equal(received, 0)
  released.open()
  await sending
  await done.opened
})

test('a daemon that is killed and started again', { skip: onlyMsgbusd }, async (t) => {
  const folder = temporaryFolder(t)
  const address = join(folder, 'bus.sock')
  const data = join(folder, 'data')
  const args = ['--storage', 'memory', '--listen', 'off', '--busrt', `unix:${address}`]
  const first = await startDaemon(t, { data, args })
  const open = connector(t, address)
  const reconnect = { minDelayMs: 10, maxDelayMs: 50 }
  const a = await open('a', { reconnect })
  const b = await open('b', { reconnect })
  await b.subscribe('t/#')
  await b.exclude('t/not')
  b.rpc.handle('m', () => 'here')
  const lost = new Promise((resolve) => b.on('disconnected', resolve))
  first.kill('SIGKILL')
  await first.exited
  await lost
  await startDaemon(t, { data, args })
  await Promise.all([a.ready(), b.ready()])
  await a.publish('t/not', 'never')
  await a.publish('t/1', 'again')
  assert.deepEqual((await take(b, 1)).map(summary), ['publication a t/1  again'])
  assert.equal(Buffer.from(await a.rpc.call('b', 'm')).toString(), 'here')
})

test('what msgbusd stores can be read over BUS/RT', { skip: onlyMsgbusd }, async (t) => {
  const folder = temporaryFolder(t)
  const config = join(folder, 'msgbus.yaml')
  writeFileSync(config, JSON.stringify({ topics: [{ filter: 'log/#', store: 'always' }] }))
  const address = join(folder, 'bus.sock')
  const listen = ['--listen', 'off', '--busrt', `unix:${address}`]
  await startDaemon(t, { args: ['--config', config, '--storage', 'memory', ...listen] })
  const open = connector(t, address)
  const [a, b] = [await open('a'), await open('b')]
  const { log } = a.broker
  for (const text of ['1', '2', '3']) await a.publish('log/x', text)
  await a.publish('log/y', 'other')
  // The acknowledgement of a publication that is stored comes when it is.
  assert.equal(await log.head('log/x'), 3n)
  assert.equal(await log.head('log/none'), undefined)
  const page = await log.fetch('log/x', { from: 2, limit: 10 })
  const texts = page.messages.map(({ headId, publisher, payload }) =>
    [headId, publisher, Buffer.from(payload).toString()].join(' '),
  )
  assert.deepEqual([texts, page.next], [['2 a 2', '3 a 3'], 4n])
  const [message] = page.messages
  assert.ok(message !== undefined)
  assert.equal(await log.head('log/x', { origin: message.origin }), 3n)
  const logs = await log.list('log/+')
  const heads = logs.map(({ topic, headId }) => `${topic} ${headId}`)
  assert.deepEqual(heads.sort(), ['log/x 3', 'log/y 1'])
  const last = await log.last('log/x')
  assert.equal(last && Buffer.from(last.payload).toString(), '3')
  const { after, until } = await b.broker.log.subscribe('log/x', { from: 2n })
  assert.ok(after < until)
  await a.publish('log/x', '4')
  assert.deepEqual((await take(b, 3)).map(summary), [
    'publication a log/x  2',
    'publication a log/x  3',
    'publication a log/x  4',
  ])
  await assert.rejects(log.fetch('log/x', { limit: 0.5 }), { rpcCode: -32_602 })
  await assert.rejects(log.fetch('log/x', { from: -1 }), { code: 'invalid_argument' })
})
