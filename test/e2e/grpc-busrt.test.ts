/** One bus, two protocols: clients of gRPC and of BUS/RT meet by name, by topic and by call. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { CallError, connect } from '../../src/client/index.ts'
import type { MsgbusClient } from '../../src/client/index.ts'
import { connect as connectBusrt, RpcError } from '../../src/client/busrt/index.ts'
import type { BusrtClient, BusrtOptions } from '../../src/client/busrt/index.ts'
import { startDaemon } from './daemon-process.ts'

async function meet(
  t: TestContext,
  options: Partial<BusrtOptions> = {},
): Promise<{ grpc: MsgbusClient; busrt: BusrtClient }> {
  const daemon = await startDaemon(t, { args: ['--storage', 'memory'] })
  const grpc = await connect(daemon.address)
  const address = join(daemon.data, 'busrt.sock')
  const busrt = await connectBusrt({ address, name: 'plc.1', reconnect: false, ...options })
  t.after(async () => {
    grpc.close()
    await busrt.close()
  })
  return { grpc, busrt }
}

async function next<T>(from: AsyncIterable<T>): Promise<T> {
  const { value, done } = await from[Symbol.asyncIterator]().next()
  assert.ok(done !== true)
  return value
}

test('messages and broadcasts, both ways', async (t) => {
  const { grpc, busrt } = await meet(t)
  const me = grpc.join('console.1')
  await me.ready()
  const frames = busrt.frames()
  const frame = async () => {
    const { value } = await frames.next()
    assert.ok(value !== undefined)
    return [value.kind, value.sender, value.text(), value.realtime]
  }
  await me.send('plc.1', 'direct', { realtime: true })
  assert.deepEqual(await frame(), ['message', 'console.1', 'direct', true])
  assert.equal(await me.broadcast('plc.*', 'to all'), 1)
  assert.deepEqual(await frame(), ['broadcast', 'console.1', 'to all', false])
  await busrt.send('console.1', 'back')
  const back = await next(me)
  assert.deepEqual([back.sender, back.text(), back.isBroadcast], ['plc.1', 'back', false])
  await busrt.broadcast('console.?', 'to all')
  const all = await next(me)
  assert.deepEqual([all.sender, all.text(), all.isBroadcast], ['plc.1', 'to all', true])
  const seen = (await grpc.clients('plc.*')).map(({ name, protocol }) => [name, protocol])
  assert.deepEqual(seen, [['plc.1', 'busrt']])
  await busrt.close()
  await assert.rejects(
    async () => {
      for (;;) await grpc.send('plc.1', 'gone')
    },
    { reason: 'unknown_client' },
  )
})

test('publications that are not stored, both ways', async (t) => {
  const { grpc, busrt } = await meet(t)
  await busrt.subscribe('to/busrt/#')
  const me = grpc.join('console.1')
  await me.ready()
  await me.publish('to/busrt/a', 'live', { realtime: true })
  const frame = await next(busrt.frames())
  assert.deepEqual(
    [frame.kind, frame.topic, frame.sender, frame.text(), frame.realtime],
    ['publication', 'to/busrt/a', 'console.1', 'live', true],
  )
  const subscription = grpc.subscribe('to/grpc/#', { from: 'now' })
  await subscription.ready()
  await busrt.publish('to/grpc/a', 'not stored', { qos: 'none' })
  const unstored = await next(subscription)
  assert.deepEqual(
    [unstored.topic, unstored.text(), unstored.headId],
    ['to/grpc/a', 'not stored', 0n],
  )
  await busrt.publish('to/grpc/a', 'stored')
  const stored = await next(subscription)
  assert.deepEqual([stored.text(), stored.headId], ['stored', 1n])
})

test('calls, both ways, with their errors', async (t) => {
  const { grpc, busrt } = await meet(t, {
    handlers: {
      double: ({ params }) => String(Number(Buffer.from(params).toString()) * 2),
      fail: () => {
        throw new RpcError(-5, 'no more paper')
      },
    },
  })
  assert.equal((await grpc.call('busrt.plc%2E1.double', '21')).text(), '42')
  await assert.rejects(grpc.call('busrt.plc%2E1.fail'), (error) => {
    assert.ok(error instanceof CallError)
    assert.match(error.message, /no more paper/)
    return true
  })
  await assert.rejects(grpc.call('busrt.plc%2E1.nothing'), { reason: 'no_such_procedure' })
  await assert.rejects(grpc.call('busrt.nobody.nothing'), { reason: 'no_such_procedure' })
  await grpc.register('examples.half', (call) => {
    const n = Number(call.text())
    if (Number.isNaN(n)) throw new CallError('examples.no_number', { message: 'that is no number' })
    return `${n / 2} for ${call.caller}`
  })
  const half = await busrt.rpc.call('.msgbus', 'examples.half', '42')
  assert.equal(Buffer.from(half).toString(), '21 for plc.1')
  await assert.rejects(busrt.rpc.call('.msgbus', 'examples.half', 'x'), (error) => {
    assert.ok(error instanceof RpcError)
    assert.match(error.message, /examples\.no_number: that is no number/)
    return true
  })
  await assert.rejects(busrt.rpc.call('.msgbus', 'examples.nothing'), RpcError)
})
