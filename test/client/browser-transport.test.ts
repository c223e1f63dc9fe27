/** The transport for pages against a WebSocket that a test plays: credit, time, and connections that go. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { connect, connectLazy, createWebSocketTransport } from '../../src/client/browser.ts'
import type { CallOptions, Rpc, Transport } from '../../src/client/browser.ts'
import { ManualClock } from '../../src/core/manual-clock.ts'
import {
  decodeCredit,
  decodeOpen,
  encodeCredit,
  frameKinds,
  messageCost,
  windowBytes,
} from '../../src/wire/web-socket/tunnel-frame.ts'
import { FakeWebSocket, fakeWebSockets } from './fake-web-socket.ts'

const { message, credit, status, pong } = frameKinds

/** A method whose messages are bytes. */
const echo: Rpc<Uint8Array, Uint8Array> = {
  path: '/test/Echo',
  requestSerialize: (request) => request,
  responseDeserialize: (bytes) => bytes.slice(),
}
const picky: Rpc<string, string> = {
  path: '/test/Picky',
  requestSerialize: () => {
    throw new RangeError('not a uint32: -1')
  },
  responseDeserialize: () => {
    throw new Error('no message')
  },
}
const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes)

/** Lets everything go on that waits for no event. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

interface Scene {
  readonly transport: Transport
  readonly clock: ManualClock
  readonly made: FakeWebSocket[]
  /** The newest one. */
  readonly socket: () => FakeWebSocket
}

function scene(): Scene {
  const clock = new ManualClock()
  const { webSocket, made } = fakeWebSockets()
  const timing = {
    monotonic: () => clock.monotonic(),
    random: () => 0.5,
    after: (delayMs: number, task: () => void) => clock.after(delayMs, task),
  }
  const transport = createWebSocketTransport('ws://bus:1', {
    webSocket,
    timing,
    keepAliveMs: 30_000,
  })
  const socket = () => {
    const last = made.at(-1)
    assert.ok(last !== undefined, 'no WebSocket was made')
    return last
  }
  return { transport, clock, made, socket }
}

/** One call under way, on a connection that stands. */
async function streaming(options: CallOptions = {}) {
  const all = scene()
  const stream = all.transport.stream(echo, bytesOf('go'), options)
  all.socket().open()
  await settled()
  all.socket().taken()
  return { ...all, stream }
}

suite('calls', () => {
  test('wait for the first frame of the daemon, and leave together', async () => {
    const { transport, made, socket } = scene()
    assert.equal(made.length, 0)
    const answers = [
      transport.unary(echo, bytesOf('a'), {}),
      transport.unary(echo, bytesOf('b'), {}),
    ]
    assert.equal(made.length, 1)
    assert.deepEqual([socket().url, socket().protocols], ['ws://bus:1/msgbus', ['msgbus.v2']])
    assert.equal(socket().binaryType, 'arraybuffer')
    await settled()
    assert.equal(socket().messages, 0)
    socket().open()
    await settled()
    assert.equal(socket().messages, 1)
    assert.deepEqual(socket().taken(), [
      'open 1 /test/Echo',
      'message 1',
      'open 2 /test/Echo',
      'message 2',
    ])
    // In any order.
    socket().answer([message, 2, bytesOf('B')])
    socket().end(2)
    socket().answer([message, 1, bytesOf('A')])
    socket().end(1)
    assert.deepEqual((await Promise.all(answers)).map(textOf), ['A', 'B'])
    assert.equal(made.length, 1)
  })

  test('carry their time-out and metadata', async () => {
    const { transport, socket } = scene()
    void transport.unary(echo, bytesOf('a'), { timeoutMs: 1.2, metadata: { k: 'v' } })
    socket().open()
    await settled()
    const { timeoutMs, metadata } = decodeOpen(socket().frames[0]?.body ?? new Uint8Array(0))
    assert.deepEqual([timeoutMs, [...metadata]], [2, [['k', 'v']]])
  })

  test('may take as long as they like', async () => {
    const { transport, socket, clock } = scene()
    const answer = transport.unary(echo, bytesOf('a'), { timeoutMs: Infinity })
    socket().open()
    await settled()
    assert.equal(decodeOpen(socket().frames[0]?.body ?? new Uint8Array(0)).timeoutMs, 0)
    for (let minutes = 0; minutes < 60; minutes++) {
      clock.advance(20_000)
      socket().answer([pong, 0])
    }
    socket().answer([message, 1, bytesOf('b')], [status, 1])
    assert.equal(textOf(await answer), 'b')
  })

  test('fail as the daemon says', async () => {
    const { transport, socket } = scene()
    const failing = [1, 2, 3].map(async () => transport.unary(echo, bytesOf('a'), {}))
    socket().open()
    socket().end(1, 5, 'queue_empty', 'nothing there')
    socket().end(2, 14, 'a_reason_of_the_future', 'later')
    socket().end(3)
    const errors = await Promise.allSettled(failing)
    const words = errors.map((one) => (one.status === 'rejected' ? one.reason : undefined))
    assert.deepEqual(
      words.map((error) => [error.name, error.code, error.reason]),
      [
        ['BusError', 'not_found', 'queue_empty'],
        ['BusError', 'unavailable', 'connection_lost'],
        ['BusError', 'internal', 'undecodable'],
      ],
    )
    assert.equal(words[0].message, 'nothing there')
  })

  test('with requests and answers that cannot be, fail alone', async () => {
    const { transport, socket } = scene()
    const wrong = { code: 'invalid_argument', reason: 'bad_argument' }
    await assert.rejects(transport.unary(picky, '', {}), wrong)
    await assert.rejects(transport.duplex?.(picky, {}).write('') ?? Promise.resolve(), wrong)
    const reading = transport.unary({ ...picky, requestSerialize: () => bytesOf('a') }, '', {})
    socket().open()
    await settled()
    socket().taken()
    socket().answer([message, 2, bytesOf('x')])
    await assert.rejects(reading, { code: 'internal', reason: 'undecodable' })
    await settled()
    assert.deepEqual(socket().taken(), ['cancel 2'])
  })

  test('with a larger request than the daemon takes, fail alone', async () => {
    const { transport, socket } = scene()
    const large = transport.unary(echo, new Uint8Array(101), {})
    const small = transport.unary(echo, new Uint8Array(100), {})
    socket().open(100)
    await assert.rejects(large, { code: 'resource_exhausted', reason: 'payload_too_large' })
    socket().answer([message, 2, bytesOf('ok')])
    socket().end(2)
    assert.equal(textOf(await small), 'ok')
  })

  test('end after their time, and when their signal fires', async () => {
    const abort = new AbortController()
    const { transport, socket, clock } = scene()
    const late = transport.unary(echo, bytesOf('a'), { timeoutMs: 100 })
    const given = transport.unary(echo, bytesOf('a'), { signal: abort.signal })
    socket().open()
    await settled()
    socket().taken()
    clock.advance(100)
    await assert.rejects(late, { code: 'deadline_exceeded', reason: 'timed_out' })
    abort.abort('enough')
    await assert.rejects(given, { code: 'cancelled', cause: 'enough' })
    await settled()
    assert.deepEqual(socket().taken(), ['cancel 1', 'cancel 2'])
    await assert.rejects(transport.unary(echo, bytesOf('a'), { signal: abort.signal }), {
      code: 'cancelled',
    })
    // What comes late is for nobody.
    socket().answer([message, 1, bytesOf('x')])
    socket().end(1)
  })

  test('before the connection stands can be given up as well', async () => {
    const { transport, socket, clock } = scene()
    const late = transport.unary(echo, bytesOf('a'), { timeoutMs: 100 })
    clock.advance(100)
    await assert.rejects(late, { code: 'deadline_exceeded' })
    socket().open()
    await settled()
    assert.deepEqual(socket().taken(), [])
  })
})

suite('streams', () => {
  test('are read in order, and their end comes last', async () => {
    const { stream, socket } = await streaming()
    socket().answer([message, 1, bytesOf('a')], [message, 1, bytesOf('b')])
    socket().end(1, 14, 'shutting_down', 'bye')
    assert.equal(textOf(await stream.read()), 'a')
    assert.equal(textOf(await stream.read()), 'b')
    await assert.rejects(stream.read(), { code: 'unavailable', reason: 'shutting_down' })
    await assert.rejects(stream.read(), { code: 'unavailable', reason: 'shutting_down' })
  })

  test('tell when the daemon began to answer', async () => {
    let opened = 0
    const { stream, socket } = await streaming({ onOpen: () => (opened += 1) })
    assert.equal(opened, 0)
    socket().answer([message, 1, bytesOf('a')])
    socket().answer([message, 1, bytesOf('b')])
    assert.equal(opened, 1)
    stream.cancel()
  })

  test('give credit back as they are read, not as it comes', async () => {
    const { stream, socket } = await streaming()
    const part = new Uint8Array(windowBytes / 8)
    for (let i = 0; i < 7; i++) socket().answer([message, 1, part])
    await settled()
    assert.deepEqual(socket().taken(), [])
    for (let i = 0; i < 3; i++) await stream.read()
    await settled()
    assert.deepEqual(socket().taken(), [])
    await stream.read()
    await settled()
    const [frame] = socket().frames
    assert.deepEqual([frame?.kind, frame?.call], [credit, 1])
    assert.equal(decodeCredit(frame?.body ?? part), 4 * messageCost(part.length))
  })

  test('that are cancelled end at once, here and there', async () => {
    const { stream, socket } = await streaming()
    socket().answer([message, 1, bytesOf('unread')])
    const first = await stream.read()
    const reading = stream.read()
    stream.cancel()
    stream.cancel()
    assert.equal(textOf(first), 'unread')
    await assert.rejects(reading, { code: 'cancelled' })
    await settled()
    assert.deepEqual(socket().taken(), ['cancel 1'])
  })

  test('of requests wait for credit', async () => {
    const { transport, socket } = scene()
    const stream = transport.duplex?.(echo, {})
    assert.ok(stream !== undefined)
    socket().open()
    const part = new Uint8Array(windowBytes / 4)
    const cost = messageCost(part.length)
    for (let i = 0; i < 4; i++) await stream.write(part)
    let isSent = false
    const fifth = stream.write(part).then(() => (isSent = true))
    await settled()
    assert.deepEqual(socket().taken(), [
      'open 1 /test/Echo',
      'message 1',
      'message 1',
      'message 1',
      'message 1',
    ])
    socket().answer([credit, 1, encodeCredit(4 * cost - windowBytes)])
    await settled()
    assert.equal(isSent, false)
    socket().answer([credit, 1, encodeCredit(1)])
    await fifth
    stream.end()
    await settled()
    assert.deepEqual(socket().taken(), ['message 1', 'halfClose 1'])
    socket().end(1)
    assert.equal(await stream.read(), undefined)
    // A stream that has ended takes everything and sends nothing.
    await stream.write(part)
    stream.end()
    await settled()
    assert.deepEqual(socket().taken(), [])
  })
})

suite('connections', () => {
  test('that break fail their calls; the next call makes another at once', async () => {
    const { transport, made, socket, stream } = await streaming()
    const reading = stream.read()
    const writing = transport.duplex?.(echo, {})
    const held = new Uint8Array(windowBytes)
    await writing?.write(held)
    const blocked = writing?.write(held)
    socket().drop(1006, '')
    await assert.rejects(reading, { code: 'unavailable', reason: 'connection_lost' })
    await blocked
    await assert.rejects(writing?.read() ?? Promise.resolve(), { code: 'unavailable' })
    const again = transport.unary(echo, bytesOf('a'), {})
    assert.equal(made.length, 2)
    socket().open()
    socket().answer([message, 1, bytesOf('b')], [status, 1])
    assert.equal(textOf(await again), 'b')
  })

  test('that were closed say why', async () => {
    const { socket, stream } = await streaming()
    const reading = stream.read()
    socket().drop(1001, 'the daemon stops')
    await assert.rejects(reading, /ws:\/\/bus:1\/msgbus was closed \(1001, the daemon stops\)/)
  })

  test('that never stood say what to do', async () => {
    const { transport, made, socket } = scene()
    const first = transport.unary(echo, bytesOf('a'), {})
    // Some runtimes tell nothing else.
    socket().emit('error', { message: 'connect ECONNREFUSED' })
    await assert.rejects(first, {
      code: 'unavailable',
      message: /ws:\/\/bus:1\/msgbus \(connect ECONNREFUSED\): start msgbusd/,
    })
    const second = transport.unary(echo, bytesOf('a'), {})
    assert.equal(made.length, 2)
    socket().emit('error', {})
    socket().drop(1006, '')
    await assert.rejects(second, /msgbus: start msgbusd, and see that --http names/)
  })

  test('that take too long are given up', async () => {
    const { transport, clock, socket } = scene()
    const waiting = transport.unary(echo, bytesOf('a'), {})
    clock.advance(19_999)
    assert.equal(socket().isClosed, false)
    clock.advance(1)
    await assert.rejects(waiting, { code: 'unavailable', message: /did not answer within 20 s/ })
    assert.equal(socket().isClosed, true)
  })

  test('on which nothing is heard are asked, and given up without an answer', async () => {
    const { clock, socket, stream } = await streaming()
    const reading = stream.read()
    clock.advance(30_000)
    await settled()
    assert.deepEqual(socket().taken(), ['ping 0'])
    socket().answer([pong, 0])
    clock.advance(10_000)
    // Heard again, then silence.
    clock.advance(30_000)
    await settled()
    assert.deepEqual(socket().taken(), ['ping 0'])
    assert.equal(socket().isClosed, false)
    clock.advance(10_000)
    await assert.rejects(reading, { code: 'unavailable', message: /no sign of life/ })
    assert.equal(socket().isClosed, true)
  })

  test('on which much is heard are not asked', async () => {
    const { clock, socket, stream } = await streaming()
    for (let i = 0; i < 20; i++) {
      socket().answer([message, 1, bytesOf('a')])
      await stream.read()
      clock.advance(20_000)
    }
    await settled()
    assert.deepEqual(socket().taken(), [])
  })

  test('to something else than a daemon are given up', async () => {
    for (const greet of [
      (socket: FakeWebSocket) => socket.emit('message', { data: 'hello' }),
      (socket: FakeWebSocket) => socket.answer([pong, 0]),
      (socket: FakeWebSocket) => socket.emit('message', { data: new ArrayBuffer(2) }),
    ]) {
      const { transport, socket } = scene()
      const waiting = transport.unary(echo, bytesOf('a'), {})
      greet(socket())
      await assert.rejects(waiting, { code: 'unavailable', message: /is no tunnel of msgbus/ })
      assert.equal(socket().isClosed, true)
    }
  })

  test('end with the transport: everything is cancelled', async () => {
    const { transport, made, socket, stream } = await streaming()
    const reading = stream.read()
    transport.close()
    transport.close()
    assert.equal(transport.closed.aborted, true)
    await assert.rejects(reading, { code: 'cancelled', message: 'the client is closed' })
    assert.equal(socket().isClosed, true)
    await assert.rejects(transport.unary(echo, bytesOf('a'), {}), { code: 'cancelled' })
    assert.equal(made.length, 1)
  })
})

suite('connecting', () => {
  test('needs a WebSocket class and an address it takes', async () => {
    class Refusing extends FakeWebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols)
        throw new DOMException('insecure', 'SecurityError')
      }
    }
    const webSocket = Refusing
    await assert.rejects(connect('ws://bus:1', { webSocket }), {
      code: 'invalid_argument',
      message: 'no WebSocket to ws://bus:1/msgbus: insecure',
    })
    assert.throws(() => connectLazy('gopher://bus:1', { webSocket }), { code: 'invalid_argument' })
    // There is no page here.
    assert.throws(() => connectLazy(undefined, { webSocket }), { code: 'invalid_argument' })
    if ('WebSocket' in globalThis) return
    assert.throws(() => connectLazy('ws://bus:1'), { code: 'failed_precondition' })
  })
})
