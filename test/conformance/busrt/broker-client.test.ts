// Cases 62 to 76 of spec/busrt 11: the client `.broker`, its events, and RPC between clients.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { decode, encode } from '@msgpack/msgpack'
import {
  ack,
  broadcast,
  exclude,
  hex,
  message,
  messageFrom,
  publish,
  rpcError,
  rpcReply,
  rpcRequest,
  subscribe,
} from './bytes.ts'
import { startBrokerProcess } from './broker.ts'
import { conformance } from './case.ts'
import { nextEvent } from './events.ts'
import { RawClient } from './raw-client.ts'

/** Result of a call of the broker; the ack and the reply may come in any order. */
async function call(client: RawClient, method: string, params?: unknown): Promise<unknown> {
  const encoded = params === undefined ? '' : encode(params)
  await client.send(message('.broker', rpcRequest(7, method, encoded)))
  const frames = [await client.frame(), await client.frame()]
  const [reply, ...others] = frames.filter((frame) => !frame.equals(ack()))
  assert.ok(reply !== undefined && others.length === 0)
  const body = reply.subarray(6 + '.broker'.length + 1)
  assert.equal(reply.readUInt8(0), 0x12)
  assert.equal(reply.subarray(6, 14).toString(), '.broker\0')
  if (body.readUInt8(0) === 0x12) return new RpcFailure(body.readInt16LE(5), body.subarray(7))
  assert.equal(body.subarray(0, 5).toString('hex'), '1107000000')
  return decode(body.subarray(5))
}

class RpcFailure {
  readonly code: number
  readonly text: string

  constructor(code: number, text: Buffer) {
    this.code = code
    this.text = text.toString()
  }
}

interface ListedClient {
  readonly name: string
  readonly kind: string
  readonly source: string | null
  readonly port: string | null
  readonly instances: number
  readonly [counter: string]: unknown
}

async function list(client: RawClient, params?: unknown): Promise<readonly ListedClient[]> {
  const { clients } = (await call(client, 'client.list', params)) as { clients: ListedClient[] }
  return clients
}

conformance(62, 'test', async ({ client }) => {
  const a = await client('a.b')
  await a.send('01000000 52 12000000 2E62726F6B657200 01 07000000 7465737400')
  await a.getsInAnyOrder(ack(), hex('12 12000000 00 2E62726F6B657200 11 07000000 81A26F6BC3'))
})

conformance(63, 'test with parameters', async ({ client }) => {
  const a = await client('a.b')
  await a.send('01000000 52 13000000 2E62726F6B657200 01 07000000 7465737400 80')
  await a.getsInAnyOrder(ack(), hex('12 0F000000 00 2E62726F6B657200 12 07000000 A680'))
  for (const method of ['info', 'stats']) {
    await a.send(message('.broker', rpcRequest(8, method, hex('C0'))))
    await a.getsInAnyOrder(ack(), messageFrom('.broker', rpcError(8, -32602)))
  }
})

conformance(64, 'methods there are not', async ({ client }) => {
  const a = await client('a.b')
  await a.send(message('.broker', rpcRequest(7, 'no.such')))
  await a.getsInAnyOrder(ack(), hex('12 0F000000 00 2E62726F6B657200 12 07000000 A780'))
  await a.send(message('.broker', rpcRequest(7, '')))
  await a.getsInAnyOrder(ack(), messageFrom('.broker', rpcError(7, -32601)))
  await a.send(message('.broker', rpcRequest(7, hex('FF'))))
  await a.getsInAnyOrder(ack(), hex('12 0F000000 00 2E62726F6B657200 12 07000000 8E82'))
})

conformance(65, 'benchmark.test', async ({ client }) => {
  const a = await client('a.b')
  for (const params of [hex('616263'), hex(''), hex('C1 00 FF 00')]) {
    await a.send(message('.broker', rpcRequest(7, 'benchmark.test', params)))
    await a.getsInAnyOrder(ack(), messageFrom('.broker', rpcReply(7, params)))
    await a.send(message('.broker', rpcRequest(0xffff_ffff, 'benchmark.test', params), { qos: 3 }))
    await a.getsInAnyOrder(ack(), messageFrom('.broker', rpcReply(0xffff_ffff, params), 1))
  }
  await a.send(message('.broker', rpcRequest(7, 'benchmark.test', 'x'), { qos: 0 }))
  await a.gets(messageFrom('.broker', rpcReply(7, 'x')))
})

conformance(66, 'what .broker does not answer', async ({ client }) => {
  const a = await client('a.b')
  const unanswered = [
    rpcRequest(0, 'test'),
    rpcRequest(0, 'no.such'),
    // A notification, nothing, something else, too short, no NUL, replies.
    hex('00 616263'),
    hex('00'),
    hex(''),
    hex('02'),
    hex('FF 00000000'),
    hex('01 07000000'),
    hex('01 07000000 74657374'),
    hex('11 07000000'),
    hex('12 07000000 A780'),
  ]
  for (const payload of unanswered) {
    await a.send(message('.broker', payload))
    await a.gets(ack())
  }
  await a.send(broadcast('.*', rpcRequest(7, 'test')))
  await a.gets(ack())
  await a.isUsable()
})

conformance(67, 'info and stats', async ({ client }) => {
  const a = await client('a.b')
  const info = (await call(a, 'info')) as Record<string, unknown>
  assert.deepEqual([typeof info['author'], typeof info['version']], ['string', 'string'])
  const stats = (await call(a, 'stats')) as Record<string, unknown>
  for (const key of ['uptime', 'r_frames', 'r_bytes', 'w_frames', 'w_bytes'])
    assert.ok(Number.isSafeInteger(stats[key]) && Number(stats[key]) >= 0, key)
})

conformance(67, 'what is counted', async ({ client }) => {
  const watcher = await client('watcher')
  const a = await client('a.b')
  const counted = async () => {
    const [listed] = await list(watcher, { filter: '^a\\.b$' })
    return ['r_frames', 'r_bytes', 'w_frames', 'w_bytes'].map((key) => Number(listed?.[key]))
  }
  const before = await counted()
  // Received: the body. Sent: as many bytes as the sender's body had, and 6 for an ack.
  await a.send(message('a.b', 'hello'))
  await a.gets(messageFrom('a.b', 'hello'), ack())
  await a.send(subscribe('x/y'))
  await a.gets(ack())
  await a.send(Buffer.alloc(9), Buffer.alloc(9))
  await a.isUsable()
  const after = await counted()
  const differences = after.map((value, index) => value - (before[index] ?? 0))
  assert.deepEqual(differences, [3, 9 + 3 + 9, 5, 9 + 6 + 6 + 9 + 6])
})

conformance(68, 'client.list', async ({ broker, transport, client }) => {
  const a = await client('a.b')
  const other = await client('Z')
  const clients = await list(a)
  assert.deepEqual(
    clients.map(({ name }) => name),
    ['.broker', other.name, a.name],
  )
  for (const listed of clients) {
    for (const key of ['r_frames', 'r_bytes', 'w_frames', 'w_bytes', 'queue', 'instances'])
      assert.ok(Number.isSafeInteger(listed[key]) && Number(listed[key]) >= 0, key)
  }
  const [internal, , own] = clients
  assert.deepEqual(
    [internal?.kind, internal?.source, internal?.port, internal?.instances],
    ['internal', null, null, 1],
  )
  if (transport === 'unix')
    assert.deepEqual([own?.kind, own?.source, own?.port], ['local_ipc', null, broker.unix.path])
})

conformance(69, 'client.list with a filter', async ({ client }) => {
  const a = await client('a.b')
  const names = async (params: unknown) => (await list(a, params)).map(({ name }) => name)
  assert.deepEqual(await names({ filter: String.raw`^\.br` }), ['.broker'])
  assert.deepEqual(await names([String.raw`^\.br`]), ['.broker'])
  assert.deepEqual(await names({ filter: 'b' }), ['.broker', 'a.b'])
  assert.deepEqual(await names({}), ['.broker', 'a.b'])
  assert.deepEqual(await names({ filter: null }), ['.broker', 'a.b'])
  assert.deepEqual(await names({ filter: '^a', other: 1 }), ['a.b'])
  assert.deepEqual(await names({ filter: 'nobody' }), [])
  for (const params of [
    null,
    5,
    'text',
    { filter: 5 },
    { filter: '(' },
    { filter: '(?=a)' },
    [5],
  ]) {
    const failed = await call(a, 'client.list', params)
    assert.ok(failed instanceof RpcFailure, JSON.stringify(params))
    assert.equal(failed.code, -32700)
    assert.notEqual(failed.text, '')
  }
  await a.send(message('.broker', rpcRequest(7, 'client.list', hex('C1'))))
  const [first, second] = [await a.frame(), await a.frame()]
  const reply = first.equals(ack()) ? second : first
  assert.equal(reply.subarray(14, 21).toString('hex'), '12070000004480')
})

conformance(70, 'instances', async ({ client }) => {
  const a = await client('a.b')
  const instances = async () =>
    (await list(a))
      .filter(({ name }) => name.startsWith('a'))
      .map((one) => [one.name, one.instances])
  assert.deepEqual(await instances(), [['a.b', 1]])
  const secondary = await client('a.b%%0')
  await secondary.isUsable()
  assert.deepEqual(await instances(), [['a.b', 2]])
  await client('a.b%%1')
  assert.deepEqual(await instances(), [['a.b', 3]])
})

conformance(71, 'a client over TCP as it is listed', async ({ transport, client }) => {
  const a = await client('a.b')
  // As a WebSocket it is another case (88).
  if (transport === 'unix' || transport === 'webSocket') return
  const [listed] = await list(a, { filter: '^a' })
  const { localAddress, localPort } = a.socket
  assert.deepEqual(
    [listed?.kind, listed?.source, listed?.port],
    ['tcp', `${localAddress}:${localPort}`, `127.0.0.1:${a.socket.remotePort}`],
  )
})

conformance(72, 'events of clients that come and go', async ({ broker, client }) => {
  const watcher = await client('watcher')
  await watcher.send(subscribe('.broker/info'))
  await watcher.gets(ack())
  const before = BigInt(broker.now()) * 1_000_000n
  const newcomer = await client('newc')
  const joined = await nextEvent(watcher)
  assert.deepEqual([joined.subject, joined.name], ['reg', 'newc'])
  assert.ok(joined.atNs >= before && joined.atNs < before + 3_600_000_000_000n)
  const secondary = await client('newc%%0')
  await secondary.close()
  const other = await client('newc%%1')
  await newcomer.close()
  await other.isClosed()
  const left = await nextEvent(watcher)
  assert.deepEqual([left.subject, left.name], ['unreg', 'newc'])
  await watcher.send(exclude('.broker/#'))
  await watcher.gets(ack())
  await client('newd')
  await watcher.isUsable()
})

test('case 73: SIGTERM tells every client, then closes', async (t) => {
  const broker = await startBrokerProcess(t)
  const clients: RawClient[] = []
  for (const [address, name] of [
    [broker.unix, 'a.b'],
    [broker.tcp, 'c'],
    [broker.unix, 'a.b%%0'],
  ] as const)
    clients.push(await (await RawClient.connect(address, name)).register())
  const exited = broker.stop()
  for (const client of clients) {
    const { subject, name, atNs } = await nextEvent(client, '.broker/warn')
    assert.deepEqual([subject, name], ['shutdown', undefined])
    assert.ok(atNs > 0n)
    await client.isClosed()
  }
  await exited
  assert.equal(existsSync(broker.unix.path), false)
})

conformance(74, 'a call between clients', async ({ client }) => {
  const caller = await client('a.b')
  const secondary = await client('a.b%%0')
  const callee = await client('service')
  await secondary.send(message('service', rpcRequest(7, 'm', 'params'), { qos: 3 }))
  await secondary.gets(ack())
  await callee.gets(messageFrom('a.b%%0', hex('01 07000000 6D 00 706172616D73'), 1))
  await callee.send(message('a.b%%0', rpcReply(7, 'result'), { qos: 3 }))
  await callee.gets(ack())
  await secondary.gets(messageFrom('service', hex('11 07000000 726573756C74'), 1))
  await caller.isUsable()
})

conformance(75, 'a call to nobody', async ({ client }) => {
  const a = await client('a.b')
  await a.send(message('service', rpcRequest(7, 'm', 'params')))
  await a.gets(ack(0x71))
})

conformance(76, 'an error reply', async ({ client }) => {
  const caller = await client('a.b')
  const callee = await client('service')
  await callee.send(message('a.b', rpcError(7, -32603, 'no luck')))
  await callee.gets(ack())
  await caller.gets(messageFrom('service', hex('12 07000000 A580 6E6F206C75636B')))
  await callee.send(publish('x', 'y'))
  await callee.gets(ack())
})
