/** Slow programs: what waits, what is read, what is never lost. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { cleanUp } from '../../e2e/clean-up.ts'
import { connect } from '../../../src/client/busrt/index.ts'
import type { BusrtClient, BusrtFrame, BusrtOptions } from '../../../src/client/busrt/index.ts'
import { FakeBroker } from './fake-busrt-broker.ts'
import type { FakeSession } from './fake-busrt-broker.ts'
import { Gate } from './gate.ts'
import { ManualTiming } from './manual-timing.ts'

const frameBytes = 10_000
/** More than sockets and queues of these tests hold together. */
const floodFrames = 1_000

async function pair(
  t: TestContext,
  options: Partial<BusrtOptions> = {},
): Promise<{ client: BusrtClient; session: FakeSession }> {
  const broker = await FakeBroker.start(t)
  const client = await connect({ address: broker.address, name: 'a', ...options })
  cleanUp(t, () => client.close())
  return { client, session: await broker.session() }
}

/** Sends numbered messages as fast as the client reads them. */
class Flood {
  sent = 0
  readonly finished: Promise<void>

  constructor(session: FakeSession, make: (n: number) => void, count = floodFrames) {
    const { socket } = session
    this.finished = (async () => {
      while (this.sent < count && !socket.destroyed) {
        make(this.sent)
        this.sent += 1
        if (socket.writableNeedDrain) await drained(socket)
      }
    })()
  }

  /** Resolves when nothing has moved for some turns of the loop although the broker has more. */
  async stalled(): Promise<void> {
    for (let quiet = 0, before = -1; quiet < 50;) {
      quiet = this.sent === before ? quiet + 1 : 0
      before = this.sent
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.ok(this.sent < floodFrames, 'the client has read everything')
  }
}

/** Resolves when more can be written, or nothing any more. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done)
      socket.off('close', done)
      resolve()
    }
    socket.on('drain', done)
    socket.on('close', done)
  })
}

const numbered = (n: number) => {
  const payload = Buffer.alloc(frameBytes)
  payload.writeUInt32LE(n)
  return payload
}
const messageFrame = (payload: string | Buffer) => {
  const body = Buffer.concat([Buffer.from('b\0'), Buffer.from(payload)])
  return Buffer.concat([Buffer.from([0x12, body.length, 0, 0, 0, 0]), body])
}
const numberOf = ({ payload }: BusrtFrame) => Buffer.from(payload).readUInt32LE(0)

test('a slow handler stops the broker, and loses nothing', async (t) => {
  const released = new Gate()
  const numbers: number[] = []
  const done = new Gate()
  const { session } = await pair(t, {
    maxQueuedBytes: 100_000,
    onFrame: async (frame) => {
      await released.opened
      if (numbers.push(numberOf(frame)) === floodFrames) done.open()
    },
  })
  const flood = new Flood(session, (n) => session.message('b', numbered(n)))
  await flood.stalled()
  assert.equal(numbers.length, 0)
  released.open()
  await flood.finished
  await done.opened
  assert.deepEqual(
    numbers,
    Array.from({ length: floodFrames }, (_, i) => i),
  )
})

test('a slow iterator likewise, by the number of frames', async (t) => {
  const { client, session } = await pair(t, { maxQueuedFrames: 20 })
  const frames = client.frames()
  const flood = new Flood(session, (n) => session.publication('b', 't', numbered(n)))
  await flood.stalled()
  for (let i = 0; i < floodFrames; i++) {
    const { value } = await frames.next()
    assert.ok(value !== undefined && numberOf(value) === i)
  }
  await flood.finished
})

test('a handler that sends over its own client gets its acknowledgements', async (t) => {
  let handled = 0
  const done = new Gate()
  const { client, session } = await pair(t, {
    maxQueuedFrames: 70,
    onFrame: async () => {
      await client.send('b', 'x')
      handled += 1
      if (handled === 500) done.open()
    },
  })
  // Every acknowledgement stands behind a full queue of frames.
  const flood = new Flood(session, (n) => session.message('b', numbered(n)), 500)
  await flood.finished
  await done.opened
  assert.equal(session.requests.length, 500)
})

test('a handler that waits behind too much is told why', async (t) => {
  const failed = new Gate()
  const errors: unknown[] = []
  const timing = new ManualTiming()
  const { client, session } = await pair(t, {
    timing,
    maxQueuedFrames: 5,
    on: {
      handlerFailed: ({ error }) => {
        errors.push(error)
        failed.open()
      },
    },
    onFrame: async () => {
      if (errors.length === 0) await client.send('b', 'x')
    },
  })
  const flood = new Flood(session, (n) => session.message('b', numbered(n)))
  await flood.stalled()
  timing.advance(5_000)
  await failed.opened
  await flood.finished
  assert.match(String(errors[0]), /BusError: no answer to .* let them send over secondary\(\)/)
})

test('too many calls at once wait, and the broker with them', async (t) => {
  const waiting: (() => void)[] = []
  let most = 0
  let running = 0
  let isHeld = true
  const { session } = await pair(t, {
    maxConcurrentCalls: 4,
    handlers: {
      m: async () => {
        running += 1
        most = Math.max(most, running)
        if (isHeld) await new Promise<void>((resolve) => waiting.push(resolve))
        running -= 1
      },
    },
  })
  const request = (n: number) => {
    const head = Buffer.from('01000000006d00', 'hex')
    head.writeUInt32LE(n + 1, 1)
    session.message('c', Buffer.concat([head, numbered(n)]))
  }
  const flood = new Flood(session, request)
  await flood.stalled()
  assert.deepEqual([waiting.length, running], [4, 4])
  isHeld = false
  for (const resume of waiting) resume()
  await flood.finished
  await session.request(floodFrames)
  assert.equal(most, 4)
})

test('so do calls that want no reply', async (t) => {
  const [held, done] = [new Gate(), new Gate()]
  let handled = 0
  const { session } = await pair(t, {
    maxConcurrentCalls: 4,
    handlers: {
      m: async () => {
        await held.opened
        handled += 1
        if (handled === floodFrames) done.open()
      },
    },
  })
  const head = Buffer.from('01000000006d00', 'hex')
  const flood = new Flood(session, (n) => session.message('c', Buffer.concat([head, numbered(n)])))
  await flood.stalled()
  assert.equal(handled, 0)
  held.open()
  await flood.finished
  await done.opened
})

test('who wants no frames is not held up by them', async (t) => {
  const { client, session } = await pair(t, { maxQueuedFrames: 10 })
  const flood = new Flood(session, (n) => session.broadcast('b', numbered(n)))
  await flood.finished
  await client.send('b', 'x')
  assert.ok(client.discardedFrames > 0)
  // The first ones are there for whoever asks late.
  const kept = floodFrames - client.discardedFrames
  const frames = client.frames()
  for (let i = 0; i < kept; i++) {
    const { value } = await frames.next()
    assert.ok(value !== undefined && numberOf(value) === i)
  }
  session.broadcast('b', 'more')
  assert.equal((await frames.next()).value?.text(), 'more')
})

test('a handler that fails is told and goes on', async (t) => {
  const failures: string[] = []
  const seen: string[] = []
  const { client, session } = await pair(t, {
    on: { handlerFailed: ({ error }) => void failures.push(String(error)) },
    onFrame: (frame) => {
      const text = frame.text()
      seen.push(text)
      if (text === 'sync') throw new Error('1')
      return text === 'async' ? Promise.reject(new Error('2')) : undefined
    },
  })
  for (const text of ['sync', 'async', 'fine']) session.message('b', text)
  session.socket.once('data', () => undefined)
  // Its acknowledgement comes behind them.
  await client.send('b', 'x')
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(seen, ['sync', 'async', 'fine'])
  assert.deepEqual(failures, ['Error: 1', 'Error: 2'])
})

test('without a listener the failure of a handler is a warning', async (t) => {
  const { session } = await pair(t, {
    onFrame: () => {
      throw new Error('oops')
    },
  })
  const warned = once(process, 'warning') as Promise<[Error]>
  session.message('b', 'x')
  const [warning] = await warned
  assert.match(warning.message, /a handler of the BUS\/RT client a failed: Error: oops/)
})

test('frames tell what they are', async (t) => {
  const { client, session } = await pair(t)
  session.publication('b%%1', 'ä/b', Buffer.from('81a17801', 'hex'), true)
  session.broadcast('b', '')
  const seen: unknown[] = []
  for await (const frame of client) {
    const { kind, sender, primarySender, topic, realtime } = frame
    seen.push({ kind, sender, primarySender, topic, realtime, value: frame.unpack() })
    if (seen.length === 2) break
  }
  assert.deepEqual(seen, [
    {
      kind: 'publication',
      sender: 'b%%1',
      primarySender: 'b',
      topic: 'ä/b',
      realtime: true,
      value: { x: 1 },
    },
    {
      kind: 'broadcast',
      sender: 'b',
      primarySender: 'b',
      topic: undefined,
      realtime: false,
      value: undefined,
    },
  ])
})

test('a handler sees what came before a request, and keeps the order when it is busy', async (t) => {
  const seen: string[] = []
  const busy = new Gate()
  const { client, session } = await pair(t, {
    onFrame: (frame) => {
      seen.push(frame.text())
      return frame.text() === 'busy' ? busy.opened : undefined
    },
    handlers: { m: () => seen.join(' ') },
  })
  const call = Buffer.from('01010000006d00', 'hex')
  // All in one read.
  session.write(Buffer.concat(['1', '2', call, 'busy', '3'].map(messageFrame)))
  assert.equal((await session.request(1)).payload.toString('latin1', 5), '1 2')
  session.write(messageFrame('4'))
  // Its acknowledgement comes behind that.
  await client.send('b', 'x')
  assert.deepEqual(seen, ['1', '2', 'busy'])
  busy.open()
  session.write(Buffer.concat([messageFrame('5'), messageFrame(call)]))
  await session.request(3)
  assert.deepEqual(seen, ['1', '2', 'busy', '3', '4', '5'])
  assert.throws(() => client.frames(), { code: 'failed_precondition' })
})

test('closing ends iterators quietly', async (t) => {
  const { client } = await pair(t)
  const waiting = client.frames().next()
  await client.close()
  assert.deepEqual(await waiting, { value: undefined, done: true })
})
