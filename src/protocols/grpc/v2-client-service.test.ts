/** `msgbus.v2.ClientService` over real sockets, with a codec that is not ours. */

import assert from 'node:assert/strict'
import { connect as connectSocket, createServer, type Socket } from 'node:net'
import { suite, test, type TestContext } from 'node:test'
import type { ClientDuplexStream } from '@grpc/grpc-js'
import { status } from '@grpc/grpc-js'
import { ManualClock } from '../../core/manual-clock.ts'
import type { Inbox } from '../../core/live.ts'
import { CallError } from '../../model/call-error.ts'
import { anonymous } from '../../model/identity.ts'
import { noHeaders } from '../../model/message.ts'
import {
  failure,
  type Plain,
  startTestDaemon,
  TestClient,
  type TestDaemon,
  type TestDaemonOptions,
  TestStream,
  until,
} from './grpc-suite.ts'

const service = 'msgbus.v2.ClientService'

async function start(t: TestContext, options: TestDaemonOptions = {}) {
  const daemon = await startTestDaemon(options)
  t.after(async () => daemon.stop())
  return { daemon, client: daemon.connect(service) }
}

/** A duplex call that is read one response at a time. */
class Duplex extends TestStream {
  readonly #call: ClientDuplexStream<object, Plain>

  constructor(client: TestClient, method: string) {
    const call = client.duplex(method)
    super(call)
    this.#call = call
  }

  write(request: object): void {
    this.#call.write(request)
  }

  /** Resolves when the transport wants more. */
  async writeSlowly(request: object): Promise<void> {
    if (this.#call.write(request)) return
    await new Promise((resolve) => this.#call.once('drain', resolve))
  }

  halfClose(): void {
    this.#call.end()
  }
}

/** A client whose connection can be cut, as by a cable. */
async function connectBreakable(t: TestContext, daemon: TestDaemon) {
  const port = Number(daemon.address.split(':').at(-1))
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    const further = connectSocket(port, '127.0.0.1')
    sockets.push(socket, further)
    for (const each of [socket, further]) each.on('error', () => undefined)
    socket.pipe(further).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  const client = new TestClient(service, `127.0.0.1:${address.port}`)
  t.after(() => {
    client.close()
    cut()
  })
  return { client, cut }
}

/** Joins and waits until the name is taken. */
async function join(client: TestClient, name: string, more: object = {}): Promise<TestStream> {
  const stream = client.stream('Join', { name, ...more })
  assert.deepEqual((await stream.next()).joined, {})
  return stream
}

/** Registers and waits until it is. */
async function register(client: TestClient, ...procedures: string[]): Promise<Duplex> {
  const stream = new Duplex(client, 'Register')
  stream.write({ registration: { procedures } })
  assert.deepEqual((await stream.next()).registered, {})
  return stream
}

async function nextMessages(stream: TestStream, count: number): Promise<Plain[]> {
  const messages: Plain[] = []
  while (messages.length < count) messages.push(...(await stream.next()).messages)
  return messages
}

const text = ({ payload }: Plain): string => payload.toString()
const bytes = (value: string) => Buffer.from(value)
const reason = ({ metadata }: Plain): unknown => metadata.get('msgbus-reason')[0]

async function rejected(call: Promise<unknown>): Promise<[code: string | undefined, why: unknown]> {
  const error = await failure(call)
  return [status[error.code], reason(error)]
}

async function ended(stream: TestStream): Promise<[code: string | undefined, why: unknown]> {
  const error = await stream.status
  return error === undefined ? ['OK', undefined] : [status[error.code], reason(error)]
}

/** An inbox that keeps what it gets, and tells who holds it back. */
function inProcessInbox() {
  const received: [sender: string, payload: string, kind: string][] = []
  const paused: boolean[] = []
  const keep = (kind: string): Inbox['message'] => {
    return ({ name }, block, from, to) => {
      received.push([name, Buffer.from(block.subarray(from, to)).toString(), kind])
    }
  }
  const inbox: Inbox = {
    queuedBytes: 0,
    message: keep('message'),
    broadcast: keep('broadcast'),
    publication: () => undefined,
    pause: () => paused.push(true),
    resume: () => paused.push(false),
    end: () => undefined,
  }
  return { inbox, received, paused }
}

/** What waits for a client, as the listing shows it. */
const queued = (daemon: TestDaemon, name: string) => {
  const info = daemon.bus.client(name)
  return info === undefined ? 0 : info.queuedBytes
}

const namesOf = (clients: Plain[]) => clients.map(({ name }) => name)

const call = async (client: TestClient, procedure: string, more: object = {}) =>
  client.call('Call', { procedure, ...more })

/** The next invocation of a callee. */
async function invocation(callee: TestStream): Promise<Plain> {
  for (;;) {
    const [first] = (await callee.next()).invocations
    if (first !== undefined) return first
  }
}

async function cancellation(callee: TestStream): Promise<number> {
  for (;;) {
    const [first] = (await callee.next()).cancellations
    if (first !== undefined) return first.id
  }
}

suite('Join', () => {
  test('messages between two connections, under their names and in order', async (t) => {
    const { daemon } = await start(t)
    const [a, b] = [daemon.connect(service), daemon.connect(service)]
    await join(a, 'alice')
    const bob = await join(b, 'bob')
    const sending = new Duplex(a, 'SendStream')
    const total = 20_000
    const batch = 1_000
    for (let i = 0; i < total; i += batch) {
      const messages = Array.from({ length: batch }, (_, n) => {
        return { target: 'bob', payload: bytes(String(i + n)) }
      })
      sending.write({ messages, batchId: 1 + i / batch, from: 'alice' })
    }
    const received = await nextMessages(bob, total)
    assert.deepEqual(
      received.map(text),
      Array.from({ length: total }, (_, i) => String(i)),
    )
    assert.deepEqual(
      { ...received[0], payload: '' },
      { sender: 'alice', payload: '', broadcast: false, realtime: false },
    )
    const { batchId, results } = await sending.next()
    assert.deepEqual([batchId, results.length], [1, batch])
    assert.deepEqual(results[0], { receivers: 1, refusal: null })
    sending.halfClose()
    for (let i = 1; i < total / batch; i++) assert.equal((await sending.next()).batchId, i + 1)
    assert.deepEqual(await ended(sending), ['OK', undefined])
  })

  test('each message has an outcome of its own, and none without a batch id', async (t) => {
    const { client } = await start(t)
    const me = await join(client, 'me')
    const messages = [
      { target: 'nobody' },
      { target: 'me', payload: bytes('x'), realtime: true },
      { payload: bytes('to nobody at all') },
      { mask: 'm*', payload: bytes('no such chunk') },
      { mask: '*', payload: bytes('y') },
      { mask: '' },
    ]
    const sending = new Duplex(client, 'SendStream')
    sending.write({ messages, from: 'me' })
    sending.write({ messages, from: 'me', batchId: 7 })
    const [x, y] = await nextMessages(me, 2)
    assert.deepEqual([text(x), x.sender, x.realtime, x.broadcast], ['x', 'me', true, false])
    assert.deepEqual([text(y), y.sender, y.realtime, y.broadcast], ['y', 'me', false, true])
    await nextMessages(me, 2)
    const { batchId, results } = await sending.next()
    assert.equal(batchId, 7)
    assert.deepEqual(
      results.map((one: Plain) => one.refusal?.reason ?? one.receivers),
      ['unknown_client', 1, 'bad_argument', 0, 1, 'name_empty'],
    )
    const [{ refusal }] = results
    assert.equal(refusal.code, status.NOT_FOUND)
  })

  test('single calls, with a name and without', async (t) => {
    const { daemon, client } = await start(t)
    const me = await join(client, 'room.me')
    await join(daemon.connect(service), 'room.you')
    await client.call('Send', { target: 'room.me', payload: bytes('a') })
    await client.call('Send', { target: 'room.me', payload: bytes('b'), from: 'room.me' })
    const sent = await client.call('Broadcast', { mask: 'room.?', payload: bytes('c') })
    assert.equal(sent.receivers, 2)
    const got = await nextMessages(me, 3)
    assert.deepEqual(
      got.map((one) => [text(one), one.sender, one.broadcast]),
      [
        ['a', '', false],
        ['b', 'room.me', false],
        ['c', '', true],
      ],
    )
    const send = async (request: object) => rejected(client.call('Send', request))
    assert.deepEqual(await send({ target: 'nobody' }), ['NOT_FOUND', 'unknown_client'])
    assert.deepEqual(await send({}), ['NOT_FOUND', 'unknown_client'])
    // The name is held, but by another connection.
    const stolen = { target: 'room.me', from: 'room.you' }
    assert.deepEqual(await send(stolen), ['FAILED_PRECONDITION', 'unknown_client'])
    const nobody = await client.call('Broadcast', { mask: 'nowhere.*' })
    assert.equal(nobody.receivers, 0)
  })

  test('reaches clients of other protocols, and is reached by them', async (t) => {
    const { daemon, client } = await start(t)
    const { inbox, received } = inProcessInbox()
    const there = daemon.bus.connect(anonymous, { protocol: 'test', name: 'there', inbox })
    const here = await join(client, 'here')
    const sending = new Duplex(client, 'SendStream')
    const messages = [{ target: 'there', payload: bytes('hello') }, { mask: 'there' }]
    sending.write({ from: 'here', messages })
    sending.write({ messages })
    await until(() => received.length === 4)
    assert.deepEqual(received, [
      ['here', 'hello', 'message'],
      ['here', '', 'broadcast'],
      ['', 'hello', 'message'],
      ['', '', 'broadcast'],
    ])
    const block = bytes('..herehi..')
    assert.equal(there.live.send(block, 2, 6, 6, 8, true), 'sent')
    const [message] = await nextMessages(here, 1)
    assert.deepEqual([text(message), message.sender, message.realtime], ['hi', 'there', true])
  })

  test('a name has one holder, who may be replaced, and is free when the stream ends', async (t) => {
    const { daemon } = await start(t)
    const [a, b] = [daemon.connect(service), daemon.connect(service)]
    const first = await join(a, 'name')
    const second = b.stream('Join', { name: 'name' })
    assert.deepEqual(await ended(second), ['ALREADY_EXISTS', 'name_taken'])
    const third = await join(b, 'name', { replace: true })
    assert.deepEqual(await ended(first), ['ABORTED', 'replaced'])
    await a.call('Send', { target: 'name', payload: bytes('x') })
    assert.equal(text((await nextMessages(third, 1))[0]), 'x')
    third.cancel()
    await until(() => daemon.bus.client('name') === undefined)
    await join(a, 'name')
  })

  test('a connection that breaks gives its names back', async (t) => {
    const { daemon, client } = await start(t)
    const other = await connectBreakable(t, daemon)
    await join(other.client, 'name')
    other.cut()
    await until(() => daemon.bus.client('name') === undefined)
    await join(client, 'name')
  })

  test('a secondary needs its primary and ends with it', async (t) => {
    const { client } = await start(t)
    const early = client.stream('Join', { name: 'a%%1' })
    assert.deepEqual(await ended(early), ['NOT_FOUND', 'primary_missing'])
    const primary = await join(client, 'a')
    const secondary = await join(client, 'a%%1')
    primary.cancel()
    assert.deepEqual(await ended(secondary), ['CANCELLED', 'primary_missing'])
  })

  test('presence, by mask and in order', async (t) => {
    const { daemon, client } = await start(t)
    const watcher = await join(client, '', { presence: 'room.*' })
    const other = daemon.connect(service)
    const one = await join(other, 'room.a')
    await join(other, 'elsewhere')
    await join(other, 'room.a%%1')
    await join(other, 'room.b')
    await join(client, 'room.b', { replace: true })
    one.cancel()
    const seen: unknown[] = []
    while (seen.length < 6) {
      for (const event of (await watcher.next()).presence) {
        const { name, secondary, protocol, change } = event
        seen.push([name, secondary, protocol, change, event[change].reason ?? ''])
      }
    }
    assert.deepEqual(seen, [
      ['room.a', false, 'grpc', 'joined', ''],
      ['room.a%%1', true, 'grpc', 'joined', ''],
      ['room.b', false, 'grpc', 'joined', ''],
      ['room.b', false, 'grpc', 'replaced', ''],
      ['room.a%%1', true, 'grpc', 'left', 'primary_missing'],
      ['room.a', false, 'grpc', 'left', ''],
    ])
  })

  test('what is not right ends the stream', async (t) => {
    const { client } = await start(t)
    const joining = async (name: string) => ended(client.stream('Join', { name }))
    assert.deepEqual(await joining('a\0'), ['INVALID_ARGUMENT', 'name_contains_nul'])
    assert.deepEqual(await joining('.broker'), ['INVALID_ARGUMENT', 'reserved_name'])
    const sending = async (request: object) => {
      const stream = new Duplex(client, 'SendStream')
      stream.write(request)
      return ended(stream)
    }
    const messages = Array.from({ length: 10_001 }, () => ({ target: 'a' }))
    assert.deepEqual(await sending({ messages }), ['RESOURCE_EXHAUSTED', 'quota_exceeded'])
    const foreign = await sending({ from: 'nobody' })
    assert.deepEqual(foreign, ['FAILED_PRECONDITION', 'unknown_client'])
  })

  test('ends with UNAVAILABLE when the daemon stops', async (t) => {
    const { daemon, client } = await start(t)
    const me = await join(client, 'me')
    await daemon.shutdown(5_000)
    assert.deepEqual(await ended(me), ['UNAVAILABLE', 'shutting_down'])
  })
})

suite('a receiver that does not read', () => {
  const kilobytes = 64
  const payload = Buffer.alloc(kilobytes * 1_024, 7)

  test('stops the stream that feeds it, loses nothing and holds little', async (t) => {
    const { daemon } = await start(t)
    const slow = await join(daemon.connect(service), 'slow')
    const quick = daemon.connect(service)
    await join(quick, 'quick')
    const sending = new Duplex(quick, 'SendStream')
    const total = 1_000
    let written = 0
    const writing = (async () => {
      while (written < total) {
        await sending.writeSlowly({ from: 'quick', messages: [{ target: 'slow', payload }] })
        written += 1
      }
    })()
    await until(() => daemon.bus.client('slow')?.congested === true)
    // Everything there is room for on the way has arrived when nothing arrives any more.
    const account = () => daemon.bus.traffic().receivedFrames
    for (let last = -1, turns = 0; turns < 200; turns += 1) {
      if (account() !== last) turns = 0
      last = account()
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.ok(written < total, `all ${written} were taken`)
    assert.ok(queued(daemon, 'slow') < 4_194_304, `${queued(daemon, 'slow')} bytes wait`)
    const received = await nextMessages(slow, total)
    assert.equal(received.length, total)
    assert.ok(received.every((one) => one.payload.length === payload.length))
    await writing
    await until(() => daemon.bus.client('slow')?.congested === false)
  })

  test('makes single calls wait; beyond what may wait they are refused', async (t) => {
    const { daemon, client } = await start(t)
    const slow = await join(daemon.connect(service), 'slow')
    let answered = 0
    const refused: Plain[] = []
    const total = 600
    const isEnough = new Promise<void>((resolve) => {
      for (let i = 0; i < total; i++) {
        client.call('Send', { target: 'slow', payload }).then(
          () => (answered += 1),
          (error: unknown) => {
            refused.push(error)
            resolve()
          },
        )
      }
    })
    await isEnough
    assert.ok(answered < total)
    assert.ok(queued(daemon, 'slow') < 4_194_304, `${queued(daemon, 'slow')} bytes wait`)
    assert.deepEqual(
      [refused[0].code, reason(refused[0])],
      [status.RESOURCE_EXHAUSTED, 'slow_client'],
    )
    let received = 0
    const reading = (async () => {
      for (;;) received += (await slow.next()).messages.length
    })()
    await until(() => answered + refused.length === total && received === answered)
    slow.cancel()
    await assert.rejects(reading)
  })

  test('is ended when a sender that cannot be stopped goes on', async (t) => {
    const { daemon } = await start(t)
    const slow = await join(daemon.connect(service), 'slow')
    const { inbox, paused } = inProcessInbox()
    const flood = daemon.bus.connect(anonymous, { protocol: 'test', inbox })
    const name = bytes('slow')
    const block = Buffer.concat([name, payload])
    let sent = 0
    while (flood.live.send(block, 0, name.length, name.length, block.length, false) === 'sent') {
      sent += 1
      assert.ok(sent < 10_000, 'it holds everything')
      if (sent % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    assert.deepEqual(paused, [true, false])
    for (;;) {
      const response = await slow.next().catch(() => undefined)
      if (response === undefined) break
    }
    assert.deepEqual(await ended(slow), ['RESOURCE_EXHAUSTED', 'slow_client'])
  })
})

suite('ListClients', () => {
  test('shows who is there, with all there is to know', async (t) => {
    const { daemon, client } = await start(t)
    const other = daemon.connect(service)
    await join(other, 'room.b')
    await join(other, 'room.a')
    await join(other, 'room.a%%1')
    daemon.bus.connect(anonymous, { protocol: 'test', name: 'elsewhere' })
    const list = async (mask: string) => {
      const pages = await client.collect('ListClients', { mask })
      return pages.flatMap(({ clients }) => clients)
    }
    const all = await list('')
    assert.deepEqual(namesOf(all), ['', '', 'elsewhere', 'room.a', 'room.a%%1', 'room.b'])
    assert.deepEqual(namesOf(await list('*')), namesOf(all).slice(2))
    const [a] = await list('room.a')
    const { id, source, connectedAtMs, sentFrames, sentBytes, receivedBytes, ...rest } = a
    assert.ok(id > 0 && connectedAtMs > 0)
    assert.match(source, /^127\.0\.0\.1:\d+$/)
    assert.deepEqual(rest, {
      name: 'room.a',
      user: 'anonymous',
      protocol: 'grpc',
      transport: 'tcp',
      listener: daemon.address,
      receivedFrames: 0,
      subscriptions: 0,
      instances: 2,
      queuedBytes: 0,
      congested: false,
    })
    // The answer that it has joined.
    assert.deepEqual([sentFrames, receivedBytes], [1, 0])
    assert.ok(sentBytes > 0)
    const mine = all.find((one) => one.name === '' && one.receivedFrames > 0 && one.id < id)
    assert.equal(mine.protocol, 'grpc')
  })

  test('comes in pages', async (t) => {
    const { daemon, client } = await start(t)
    for (let i = 0; i < 1_200; i++) {
      daemon.bus.connect(anonymous, { protocol: 'test', name: `client.${i}` })
    }
    const pages = await client.collect('ListClients', { mask: 'client.?' })
    assert.deepEqual(
      pages.map(({ clients }) => clients.length),
      [500, 500, 200],
    )
  })
})

suite('calls', () => {
  test('between two connections, with headers and the name of the caller', async (t) => {
    const { daemon, client } = await start(t)
    const callee = await register(daemon.connect(service), 'com.example.double')
    await join(client, 'caller')
    const headers = { unit: '°C' }
    const request = { payload: bytes('21'), headers, from: 'caller' }
    const answered = call(client, 'com.example.double', request)
    const { id, ...rest } = await invocation(callee)
    assert.deepEqual(rest, {
      procedure: 'com.example.double',
      payload: bytes('21'),
      headers,
      caller: 'caller',
    })
    callee.write({ answers: [{ id, result: { payload: bytes('42'), headers: { n: '1' } } }] })
    const { outcome, result } = await answered
    assert.deepEqual([outcome, text(result), result.headers], ['result', '42', { n: '1' }])
    const nameless = call(client, 'com.example.double')
    const second = await invocation(callee)
    assert.deepEqual([second.caller, second.id > id], ['', true])
    callee.write({ answers: [{ id: second.id, result: {} }] })
    assert.equal((await nameless).result.payload.length, 0)
  })

  test('errors of the application arrive whole, refusals as statuses', async (t) => {
    const { daemon, client } = await start(t)
    const callee = await register(daemon.connect(service), 'p')
    const answer = async (outcome: object) => {
      const answered = call(client, 'p')
      // Looked at below.
      answered.catch(() => undefined)
      callee.write({ answers: [{ id: (await invocation(callee)).id, ...outcome }] })
      return answered
    }
    const payload = Buffer.alloc(100_000, 1)
    const named = { name: 'com.example.full', message: 'no room', payload, headers: { a: 'b' } }
    const { outcome, failure: failed } = await answer({ failure: named })
    assert.deepEqual([outcome, failed], ['failure', named])
    const bare = await answer({ failure: { name: 'com.example.full' } })
    assert.equal(bare.failure.message, 'com.example.full')
    const refusal = { code: status.NOT_FOUND, reason: 'not_found', message: 'no such room' }
    const refused = await failure(answer({ refusal }))
    assert.deepEqual(
      [refused.code, refused.details, reason(refused)],
      [status.NOT_FOUND, 'no such room', 'not_found'],
    )
    // Neither a defect of ours nor a word that is none of ours is taken from a callee.
    for (const word of ['internal', 'no word of ours', '']) {
      const given = { code: status.INTERNAL, reason: word, message: 'x' }
      assert.deepEqual(await rejected(answer({ refusal: given })), [
        'INTERNAL',
        'application_error',
      ])
    }
    const odd = { refusal: { code: 99, message: 'x' } }
    assert.deepEqual(await rejected(answer(odd)), ['UNKNOWN', 'application_error'])
    assert.deepEqual(await rejected(answer({})), ['INTERNAL', 'undecodable'])
  })

  test('with callees and callers of other protocols', async (t) => {
    const { daemon, client } = await start(t)
    const other = daemon.bus.connect(anonymous, { protocol: 'test' })
    other.calls.register('in.process', async ({ payload }) => {
      if (payload.length === 0) throw new CallError('empty', { payload: bytes('details') })
      return { payload, headers: noHeaders }
    })
    const { result } = await call(client, 'in.process', { payload: bytes('x') })
    assert.equal(text(result), 'x')
    const { failure: failed } = await call(client, 'in.process')
    assert.deepEqual([failed.name, text(failed)], ['empty', 'details'])
    const callee = await register(client, 'over.grpc')
    const calling = other.calls.call({
      procedure: 'over.grpc',
      payload: bytes('y'),
      headers: noHeaders,
    })
    const { id } = await invocation(callee)
    callee.write({ answers: [{ id, failure: { name: 'bad', message: 'text' } }] })
    await assert.rejects(calling, (error) => {
      assert.ok(error instanceof CallError)
      assert.deepEqual([error.errorName, error.message], ['bad', 'text'])
      return true
    })
  })

  test('a procedure is registered once, all of a request or none', async (t) => {
    const { daemon, client } = await start(t)
    const first = await register(client, 'b')
    const second = new Duplex(daemon.connect(service), 'Register')
    second.write({ registration: { procedures: ['a', 'b', 'c'] } })
    assert.deepEqual(await ended(second), ['ALREADY_EXISTS', 'procedure_taken'])
    assert.deepEqual(await rejected(call(client, 'a')), ['UNIMPLEMENTED', 'no_such_procedure'])
    first.cancel()
    await until(() => daemon.bus.status().ready && daemon.bus.live.procedures.size === 0)
    await register(client, 'a', 'b', 'c')
  })

  test('what is not right ends the stream', async (t) => {
    const { client } = await start(t)
    const outcome = async (...requests: object[]) => {
      const stream = new Duplex(client, 'Register')
      for (const request of requests) stream.write(request)
      return ended(stream)
    }
    const registration = { procedures: ['a'] }
    const bad = ['INVALID_ARGUMENT', 'bad_argument']
    assert.deepEqual(await outcome({}), bad)
    assert.deepEqual(await outcome({ registration: {} }), bad)
    assert.deepEqual(await outcome({ registration }, { registration }), bad)
    const many = { procedures: Array.from({ length: 1_001 }, (_, i) => String(i)) }
    assert.deepEqual(await outcome({ registration: many }), bad)
    const empty = await outcome({ registration: { procedures: [''] } })
    assert.deepEqual(empty, ['INVALID_ARGUMENT', 'name_empty'])
    const ours = await outcome({ registration: { procedures: ['$msgbus.x'] } })
    assert.equal(ours[0], 'PERMISSION_DENIED')
  })

  test('a thousand at once, answered backwards', async (t) => {
    const { daemon, client } = await start(t)
    const callee = await register(daemon.connect(service), 'echo')
    const total = 1_000
    const answered = Array.from({ length: total }, async (_, i) =>
      call(client, 'echo', { payload: bytes(String(i)) }),
    )
    const invocations: Plain[] = []
    while (invocations.length < total) invocations.push(...(await callee.next()).invocations)
    assert.equal(new Set(invocations.map(({ id }) => id)).size, total)
    const answers = invocations.map(({ id, payload }) => ({ id, result: { payload } })).toReversed()
    for (let i = 0; i < total; i += 100) callee.write({ answers: answers.slice(i, i + 100) })
    const results = await Promise.all(answered)
    assert.deepEqual(
      results.map(({ result }) => text(result)),
      Array.from({ length: total }, (_, i) => String(i)),
    )
    assert.equal(daemon.bus.live.procedures.callsInFlight, 0)
  })

  test('a caller that gives up cancels at the callee, whose answer is ignored then', async (t) => {
    const { daemon, client } = await start(t)
    const callee = await register(daemon.connect(service), 'slow')
    const giveUp = new AbortController()
    const impatient = failure(client.call('Call', { procedure: 'slow' }, {}, {}, giveUp.signal))
    const { id } = await invocation(callee)
    giveUp.abort()
    assert.equal((await impatient).code, status.CANCELLED)
    assert.equal(await cancellation(callee), id)
    callee.write({
      answers: [
        { id, result: {} },
        { id: 99, result: {} },
      ],
    })
    const answered = call(client, 'slow')
    const next = await invocation(callee)
    callee.write({ answers: [{ id: next.id, result: { payload: bytes('ok') } }] })
    assert.equal(text((await answered).result), 'ok')
    // A caller whose connection breaks gives up as well.
    const leaving = await connectBreakable(t, daemon)
    const lost = failure(call(leaving.client, 'slow'))
    const third = await invocation(callee)
    leaving.cut()
    assert.equal(await cancellation(callee), third.id)
    await lost
  })

  test('a callee has as long as the caller says, at most as long as the daemon allows', async (t) => {
    const clock = new ManualClock()
    const { daemon, client } = await start(t, { bus: { clock }, limits: { callTimeoutMs: 5_000 } })
    const callee = await register(daemon.connect(service), 'slow')
    for (const [timeoutMs, passesMs] of [
      [1_000, 1_000],
      [0, 5_000],
      [60_000, 5_000],
    ] as const) {
      const failing = rejected(call(client, 'slow', { timeoutMs }))
      const { id } = await invocation(callee)
      clock.advance(passesMs - 1)
      assert.equal(daemon.bus.live.procedures.callsInFlight, 1)
      clock.advance(200)
      assert.deepEqual(await failing, ['DEADLINE_EXCEEDED', 'timed_out'])
      assert.equal(await cancellation(callee), id)
    }
  })

  for (const [how, leave] of [
    ['cancels its stream', (callee: Duplex) => callee.cancel()],
    ['half-closes', (callee: Duplex) => callee.halfClose()],
    ['loses its connection', (_callee: Duplex, cut: () => void) => cut()],
  ] as const) {
    test(`a callee that ${how} fails what it has not answered`, async (t) => {
      const { daemon, client } = await start(t)
      const other = await connectBreakable(t, daemon)
      const callee = await register(other.client, 'p')
      const failing = rejected(call(client, 'p'))
      await invocation(callee)
      leave(callee, other.cut)
      assert.deepEqual(await failing, ['UNAVAILABLE', 'callee_gone'])
      assert.deepEqual(await rejected(call(client, 'p')), ['UNIMPLEMENTED', 'no_such_procedure'])
      await register(client, 'p')
    })
  }

  test('a callee that withdraws answers what it has, and is done', async (t) => {
    const { daemon, client } = await start(t)
    const callee = await register(daemon.connect(service), 'p')
    const answered = call(client, 'p')
    const { id } = await invocation(callee)
    callee.write({ withdraw: true })
    await until(() => daemon.bus.live.procedures.size === 0)
    assert.deepEqual(await rejected(call(client, 'p')), ['UNIMPLEMENTED', 'no_such_procedure'])
    callee.write({ answers: [{ id, result: { payload: bytes('last') } }] })
    assert.equal(text((await answered).result), 'last')
    assert.deepEqual(await ended(callee), ['OK', undefined])
  })

  test('a callee that does not read is not waited for', async (t) => {
    const { daemon, client } = await start(t)
    const callee = await register(daemon.connect(service), 'p')
    const payload = Buffer.alloc(1_048_576, 1)
    const refused: Promise<[code: string | undefined, why: unknown]>[] = []
    for (let i = 0; i < 32; i++) refused.push(rejected(call(client, 'p', { payload })))
    assert.deepEqual(await Promise.race(refused), ['RESOURCE_EXHAUSTED', 'slow_client'])
    callee.cancel()
    const outcomes = await Promise.all(refused)
    const gone = outcomes.filter(([, why]) => why === 'callee_gone').length
    assert.ok(gone >= 8 && gone < 24, `${gone} of 32 were taken`)
  })

  test('end with UNAVAILABLE when the daemon stops, whoever came first', async (t) => {
    for (const isCallerFirst of [true, false]) {
      const { daemon, client } = await start(t)
      if (isCallerFirst) await client.call('Broadcast', { mask: 'anybody' })
      const callee = await register(daemon.connect(service), 'p')
      const failing = rejected(call(client, 'p'))
      await invocation(callee)
      await daemon.shutdown(5_000)
      assert.deepEqual(await ended(callee), ['UNAVAILABLE', 'shutting_down'])
      assert.deepEqual(await failing, ['UNAVAILABLE', 'shutting_down'])
    }
  })
})

suite('rules of access', () => {
  test('forbid to send, broadcast, call and register, and are named', async (t) => {
    const access = {
      isOpen: false,
      version: 1,
      refusal: (_who: object, action: string, resource: string) =>
        resource.startsWith('secret') ? `${action} of secrets` : undefined,
    }
    const { client } = await start(t, { bus: { access } })
    const denied = ['PERMISSION_DENIED', 'access_denied']
    assert.deepEqual(await rejected(client.call('Send', { target: 'secret' })), denied)
    assert.deepEqual(await rejected(client.call('Broadcast', { mask: 'secret.*' })), denied)
    assert.deepEqual(await rejected(client.call('Call', { procedure: 'secret' })), denied)
    const callee = new Duplex(client, 'Register')
    callee.write({ registration: { procedures: ['secret'] } })
    assert.deepEqual(await ended(callee), denied)
    await join(client, 'me')
    const sending = new Duplex(client, 'SendStream')
    const messages = [{ target: 'secret' }, { mask: 'secret' }]
    sending.write({ from: 'me', batchId: 1, messages })
    const { results } = await sending.next()
    assert.deepEqual(
      results.map(({ refusal }: Plain) => refusal.code),
      [status.PERMISSION_DENIED, status.PERMISSION_DENIED],
    )
    assert.deepEqual(await ended(client.stream('Join', { name: 'secret' })), denied)
  })
})
