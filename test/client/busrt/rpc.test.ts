/** The RPC layer of the client: what stands on the wire, and what programs see. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { cleanUp } from '../../e2e/clean-up.ts'
import {
  CursorStore,
  RpcError,
  connect,
  pack,
  rpcErrorCodes,
} from '../../../src/client/busrt/index.ts'
import type { BusrtClient, BusrtOptions, RpcCall } from '../../../src/client/busrt/index.ts'
import { results } from '../../../src/wire/busrt/frames.ts'
import { FakeBroker } from './fake-busrt-broker.ts'
import type { FakeBrokerOptions, FakeSession } from './fake-busrt-broker.ts'
import { Gate } from './gate.ts'
import { ManualTiming } from './manual-timing.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytesOf = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

async function pair(
  t: TestContext,
  options: Partial<BusrtOptions> = {},
  brokerOptions: FakeBrokerOptions = {},
): Promise<{ broker: FakeBroker; client: BusrtClient; session: FakeSession }> {
  const broker = await FakeBroker.start(t, brokerOptions)
  const client = await connect({ address: broker.address, name: 'a.b', ...options })
  cleanUp(t, () => client.close())
  return { broker, client, session: await broker.session() }
}

test('calls are the bytes of the specification (6.1), replies find their call', async (t) => {
  const { client, session } = await pair(t)
  const { rpc } = client
  const calls = [rpc.call('b', 'm', 'x'), rpc.call('b', 'n', '', { qos: 'realtime-processed' })]
  await rpc.call0('b', 'm0', pack({}))
  await rpc.notify('b', 'note')
  await session.request(4)
  assert.deepEqual(
    session.requests.map(({ flags, payload }) => `${flags.toString(16)} ${hex(payload)}`),
    ['52 01010000006d0078', 'd2 01020000006e00', '52 01000000006d300080', '52 006e6f7465'],
  )
  session.message('b', bytesOf('11 02000000 32'))
  // Of nobody, of a call that is over, of no call at all.
  session.message('b', bytesOf('11 63000000 32'))
  session.message('b', bytesOf('11 02000000 33'))
  session.message('other', bytesOf('11 01000000'))
  const [first, second] = await Promise.all(calls)
  assert.equal(hex(first ?? pack(0)), '')
  assert.equal(hex(second ?? pack(0)), '32')
})

test('a reply may come before the acknowledgement of its request, or without', async (t) => {
  const { client, session } = await pair(t, {}, { result: () => undefined })
  const call = client.rpc.call('b', 'm')
  const { opId } = await session.request(1)
  session.message('b', bytesOf('11 01000000 31'))
  assert.equal(hex(await call), '31')
  session.ack(opId, results.ok)
  const next = client.rpc.call('b', 'm')
  const request = await session.request(2)
  session.message('b', bytesOf('11 02000000 32'))
  assert.equal(hex(await next), '32')
  session.ack(request.opId, results.ok)
})

test('error replies and refusals of the broker', async (t) => {
  const { client, session } = await pair(
    t,
    {},
    {
      result: ({ head }) => (head === 'nobody' ? results.notRegistered : results.ok),
    },
  )
  const table: [string, number, string, RegExp][] = [
    ['4480', -32_700, 'invalid_argument/undecodable', /m of b: parse error \(-32700\)/],
    ['A880', -32_600, 'invalid_argument/undecodable', /m of b: invalid request/],
    ['A780', -32_601, 'unimplemented/no_such_procedure', /m of b: method not found/],
    ['A680', -32_602, 'invalid_argument/bad_argument', /m of b: invalid params/],
    ['A580 6E6F', -32_603, 'internal/application_error', /m of b: no$/],
    ['FF82', -32_001, 'not_found/not_found', /m of b: not found/],
    ['8F82', -32_113, 'not_found/unknown_client', /m of b: unknown client \(-32113\)/],
    ['8782', -32_121, 'permission_denied/access_denied', /m of b: access denied/],
    ['0500 FFFE', 5, 'unknown/application_error', /m of b: \ufffd\ufffd$/],
    ['FFFF', -1, 'unknown/application_error', /m of b: error of the callee \(-1\)/],
  ]
  for (const [i, [bytes, rpcCode, code, message]] of table.entries()) {
    const call = client.rpc.call('b', 'm')
    await session.request(i + 1)
    const id = Buffer.alloc(4)
    id.writeUInt32LE(i + 1)
    session.message('b', Buffer.concat([bytesOf('12'), id, bytesOf(bytes)]))
    await assert.rejects(call, (error: unknown) => {
      assert.ok(error instanceof RpcError)
      assert.deepEqual([error.rpcCode, `${error.code}/${error.reason}`], [rpcCode, code])
      assert.equal(hex(error.data), bytes.slice(5).toLowerCase())
      assert.match(error.message, message)
      return true
    })
  }
  // A refused request ends its call: nobody will reply.
  await assert.rejects(client.rpc.call('nobody', 'm'), { reason: 'unknown_client' })
  await assert.rejects(client.rpc.call0('nobody', 'm'), { reason: 'unknown_client' })
})

test('handlers answer, to exactly the sender, in the quality they were asked in', async (t) => {
  const seen: RpcCall[] = []
  const { client, session } = await pair(t)
  client.rpc.handle('echo', (call) => {
    seen.push(call)
    return call.params
  })
  client.rpc.handle('text', async () => 'ü')
  client.rpc.handle('empty', () => undefined)
  client.rpc.handle('refuse', () => {
    throw new RpcError(-5, 'no')
  })
  client.rpc.handle('fail', async () => {
    throw new Error('oops')
  })
  client.rpc.handlePacked('double', (params) => ({ n: Number(params) * 2 }))
  client.rpc.handlePacked('nothing', (params) => params)
  const id = '01 07000000'
  const method = (name: string) => `${hex(Buffer.from(name))} 00`
  const table: [string, string][] = [
    [`${id} ${method('echo')} 006162`, '11 07000000 006162'],
    [`${id} ${method('text')}`, '11 07000000 c3bc'],
    [`${id} ${method('empty')} 78`, '11 07000000'],
    [`${id} ${method('refuse')}`, '12 07000000 fbff 6e6f'],
    [`${id} ${method('fail')}`, '12 07000000 a580 6f6f7073'],
    [`${id} ${method('missing')}`, '12 07000000 a780'],
    [`${id} ff 00`, '12 07000000 8e82'],
    [`${id} ${method('double')} 15`, '11 07000000 81a16e2a'],
    [`${id} ${method('nothing')}`, '11 07000000'],
  ]
  for (const [i, [request, reply]] of table.entries()) {
    session.message('caller%%3', bytesOf(request), i % 2 === 1)
    const { flags, head, payload } = await session.request(i + 1)
    assert.deepEqual([flags, head], [i % 2 === 1 ? 0x92 : 0x12, 'caller%%3'])
    assert.equal(hex(payload), reply.replaceAll(' ', ''), request)
  }
  const broken = table.length + 1
  session.message('c', bytesOf(`${id} ${method('double')} c1`))
  const { payload } = await session.request(broken)
  assert.match(hex(payload), /^12070000004480/)
  const [call] = seen
  assert.deepEqual(
    [call?.method, call?.sender, call?.wantsReply, call?.realtime],
    ['echo', 'caller%%3', true, false],
  )
})

test('no reply to what wants none, whatever happens', async (t) => {
  const failures: unknown[] = []
  const { client, session } = await pair(t, {
    on: { handlerFailed: ({ error }) => void failures.push(error) },
  })
  const methods: string[] = []
  client.rpc.handle('m', ({ method, wantsReply }) => void methods.push(`${method} ${wantsReply}`))
  client.rpc.handle('fail', () => {
    throw new Error('oops')
  })
  client.rpc.handle('refuse', () => {
    throw new RpcError(5)
  })
  for (const method of ['m', 'fail', 'refuse', 'missing']) {
    session.message('c', Buffer.concat([bytesOf('01 00000000'), Buffer.from(`${method}\0`)]))
  }
  session.message('c', bytesOf('01 07000000 6d 00'))
  const { payload } = await session.request(1)
  assert.equal(hex(payload), '1107000000')
  assert.deepEqual(methods, ['m false', 'm true'])
  assert.equal(failures.length, 1)
  assert.match(String(failures[0]), /oops/)
})

test('other methods, notifications, and what is no RPC', async (t) => {
  const { client, session } = await pair(t)
  const notes: string[] = []
  client.rpc.handleOthers(({ method }) => `you called ${method}`)
  client.rpc.handleNotifications(({ payload, sender }) => {
    notes.push(`${sender}: ${Buffer.from(payload).toString()}`)
  })
  const frames = client.frames()
  session.message('c', bytesOf('01 07000000 7a 00'))
  session.message('c', Buffer.from('\0one'))
  session.message('c', Buffer.from('\0two'))
  for (const payload of ['', 'hello', '\x01abcd', '\x12abcde']) session.message('c', payload)
  session.broadcast('c', '\0not for RPC')
  session.publication('c', 't', '\0nor this')
  assert.equal((await session.request(1)).payload.toString('latin1', 5), 'you called z')
  const texts: unknown[] = []
  for (let i = 0; i < 6; i++) texts.push((await frames.next()).value?.text())
  assert.deepEqual(texts, ['', 'hello', '\x01abcd', '\x12abcde', '\0not for RPC', '\0nor this'])
  assert.deepEqual(notes, ['c: one', 'c: two'])
})

test('without the layer, direct messages are plain', async (t) => {
  const { client, session } = await pair(t)
  session.message('c', bytesOf('01 07000000 7a 00'))
  const frame = (await client.frames().next()).value
  assert.deepEqual([frame?.kind, frame && hex(frame.payload)], ['message', '01070000007a00'])
})

test('handlers given at the start are there for the first frame', async (t) => {
  const broker = await FakeBroker.start(t, {})
  const connecting = connect({
    address: broker.address,
    name: 'a',
    handlers: { m: () => 'x' },
  })
  const session = await broker.session()
  session.message('c', bytesOf('01 07000000 6d 00'))
  const client = await connecting
  cleanUp(t, () => client.close())
  assert.equal(hex((await session.request(1)).payload), '110700000078')
})

test('a method has one handler, until it stops', async (t) => {
  const { client } = await pair(t)
  const stop = client.rpc.handle('m', () => 'x')
  const again = () => client.rpc.handle('m', () => 'y')
  assert.throws(again, { code: 'already_exists', reason: 'procedure_taken' })
  stop()
  stop()
  again()
  stop()
  assert.throws(again, { code: 'already_exists' })
  assert.throws(() => new RpcError(40_000), { code: 'invalid_argument' })
  assert.throws(() => new RpcError(1.5), { code: 'invalid_argument' })
})

test('a call has a deadline, its late reply is nothing', async (t) => {
  const timing = new ManualTiming()
  const { client, session } = await pair(t, { timing, timeoutMs: 1_000 })
  const patient = client.rpc.call('b', 'slow', '', { timeoutMs: Infinity })
  const call = client.rpc.call('b', 'm')
  await session.request(2)
  // Sets the clock of silence back: the fake does not ping.
  session.write(Buffer.alloc(6))
  timing.advance(1_000)
  await assert.rejects(call, {
    code: 'deadline_exceeded',
    message: /no answer to m of b within 1000 ms/,
  })
  session.message('b', bytesOf('11 02000000'))
  session.message('b', bytesOf('11 01000000 31'))
  assert.equal(hex(await patient), '31')
})

test('a reply does not go over another connection than its request came by', async (t) => {
  const { broker, client, session } = await pair(t, { reconnect: { minDelayMs: 1 } })
  const answer = new Gate()
  let signal: AbortSignal | undefined
  const isCalled = new Promise<void>((resolve) => {
    client.rpc.handle('slow', async (call) => {
      signal = call.signal
      resolve()
      await answer.opened
      return 'late'
    })
  })
  client.rpc.handle('m', () => 'x')
  session.message('c', Buffer.concat([bytesOf('01 07000000'), Buffer.from('slow\0')]))
  await isCalled
  assert.equal(signal?.aborted, false)
  session.socket.destroy()
  await once(signal ?? new EventTarget(), 'abort')
  const second = await broker.session()
  await client.ready()
  answer.open()
  second.message('c', bytesOf('01 08000000 6d 00'))
  assert.equal(hex((await second.request(1)).payload), '110800000078')
  // Numbers of calls go on: a stale reply meets nobody.
  const call = client.rpc.call('b', 'm')
  await second.request(2)
  second.message('b', bytesOf('11 01000000 31'))
  assert.equal(hex(await call), '31')
  assert.equal(second.requests.length, 2)
})

test('requests of a connection that is gone are not begun', async (t) => {
  const methods: string[] = []
  const [begun, held] = [new Gate(), new Gate()]
  const { broker, client, session } = await pair(t, {
    maxConcurrentCalls: 1,
    reconnect: { minDelayMs: 1 },
  })
  client.rpc.handleOthers(async ({ method }) => {
    methods.push(method)
    begun.open()
    if (method === 'a') await held.opened
  })
  for (const method of ['61', '62']) session.message('c', bytesOf(`01 07000000 ${method} 00`))
  await begun.opened
  session.socket.destroy()
  const second = await broker.session()
  await client.ready()
  second.message('c', bytesOf('01 07000000 63 00'))
  held.open()
  await second.request(1)
  assert.deepEqual(methods, ['a', 'c'])
})

test('large replies wait for room instead of being refused', async (t) => {
  const replyBytes = 300_000
  const { session } = await pair(t, {
    maxPendingBytes: 1_000_000,
    handlers: { m: () => Buffer.alloc(replyBytes) },
  })
  session.socket.pause()
  const total = 20
  for (let id = 1; id <= total; id++) {
    session.message('c', Buffer.concat([bytesOf('01'), Buffer.from([id, 0, 0, 0, 0x6d, 0])]))
  }
  // Enough for all handlers to have answered, were it not for the broker that does not read.
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  session.socket.resume()
  await session.request(total)
  const ids = session.requests.map(({ payload }) => payload.readUInt32LE(1))
  assert.deepEqual(
    ids,
    Array.from({ length: total }, (_, i) => i + 1),
  )
  assert.ok(session.requests.every(({ payload }) => payload.length === 5 + replyBytes))
})

test('cursors, one by one and many at a time', async (t) => {
  const { client, session } = await pair(t)
  const uuid = 'c410 000102030405060708090a0b0c0d0e0f'
  const reply = (id: number, bytes: string) => {
    session.message('b', bytesOf(`11 0${id}000000 ${bytes}`))
  }
  const records: unknown[] = []
  const reading = (async () => {
    for await (const record of client.rpc.cursor('b', 'C', { all: true })) records.push(record)
    for await (const record of client.rpc.cursor('b', 'C', undefined, { bulk: 2 })) {
      records.push(record)
    }
  })()
  const requests = [
    `01 01000000 43 00 81a3616c6cc3`,
    `01 02000000 4e 00 81a175 ${uuid}`,
    `01 03000000 4e 00 81a175 ${uuid}`,
    `01 04000000 43 00`,
    `01 05000000 4e42 00 82a175 ${uuid} a16e02`,
    `01 06000000 4e42 00 82a175 ${uuid} a16e02`,
  ]
  const replies = [`81a175 ${uuid}`, '01', '', `81a175 ${uuid}`, '920203', '9104']
  for (const [i, request] of requests.entries()) {
    const { payload } = await session.request(i + 1)
    assert.equal(hex(payload), request.replaceAll(' ', ''))
    reply(i + 1, replies[i] ?? '')
  }
  await reading
  assert.deepEqual(records, [1, 2, 3, 4])
})

test('cursors served', async (t) => {
  const { client, session } = await pair(t)
  const cursors = new CursorStore()
  cleanUp(t, () => cursors.close())
  const stop = cursors.serve(client.rpc)
  client.rpc.handlePacked('C', () => cursors.open([{ n: 1 }, { n: 2 }, { n: 3 }]))
  let count = 0
  const ask = async (request: string) => {
    session.message('c', bytesOf(request))
    count += 1
    return hex((await session.request(count)).payload)
  }
  const opened = await ask('01 01000000 43 00')
  assert.match(opened, /^110100000081a175c410/)
  const id = opened.slice(10)
  assert.equal(await ask(`01 02000000 4e 00 ${id}`), '110200000081a16e01')
  const bulk = `82${id.slice(2)}a16e`
  assert.equal(await ask(`01 03000000 4e42 00 ${bulk}02`), '11030000009281a16e0281a16e03')
  assert.equal(await ask(`01 04000000 4e 00 ${id}`), '1104000000')
  assert.match(await ask(`01 05000000 4e 00 ${id}`), /^1205000000ff82/)
  assert.match(await ask(`01 06000000 4e 00`), /^1206000000a680/)
  stop()
  assert.equal(await ask(`01 07000000 4e 00 ${id}`), '1207000000a780')
  assert.equal(rpcErrorCodes.notFound, -32_001)
})

test('answers of the broker that are not as they should be are errors', async (t) => {
  const { client, session } = await pair(t)
  const table: [() => Promise<unknown>, unknown][] = [
    [() => client.broker.info(), { author: 'x' }],
    [() => client.broker.stats(), { uptime: 'x' }],
    [() => client.broker.clients(), { clients: 5 }],
    [() => client.broker.clients(), { clients: [5] }],
    [() => client.broker.test(), undefined],
  ]
  for (const [i, [ask, answer]] of table.entries()) {
    const asked = ask()
    await session.request(i + 1)
    session.message('.broker', Buffer.concat([bytesOf(`11 0${i + 1}000000`), pack(answer)]))
    await assert.rejects(asked, { code: 'internal', reason: 'undecodable' })
  }
})
