/** Subscriptions over v2: resuming, restarting, flow control, ends. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { Metadata, status } from '@grpc/grpc-js'
import type { ServerWritableStream } from '@grpc/grpc-js'
import { MemoryPositionStore, codecs, connect } from '../../src/client/index.ts'
import type { ClientHooks, ConnectOptions, Message, Subscription } from '../../src/client/index.ts'
import type { SubscribeRequest, SubscribeResponse } from '../../src/wire/gen/msgbus-v2.ts'
import { Failure, startFakeDaemon } from './fake-daemon.ts'
import type { FakeServices } from './fake-daemon.ts'
import { fastTiming } from './fast-timing.ts'

const node = { tenantId: 'tenant', blName: 'default', deviceId: 'fake' }
const other = { ...node, deviceId: 'other' }

type Call = ServerWritableStream<SubscribeRequest, SubscribeResponse>

/** Wire form of a message; `topic` empty repeats the one before. */
function wire(
  sequence: number,
  topic = 't',
  headId = sequence,
  origin: typeof node | undefined = node,
) {
  const payload = Buffer.from(`${topic}${headId}`)
  const rest = { headers: new Map<string, string>(), createdAtMs: 1, deleted: false }
  return { id: `id-${headId}`, topic, origin, headId, payload, sequence, ...rest }
}

function response(
  messages: SubscribeResponse['messages'],
  sequence?: number,
  epoch = 'e1',
): SubscribeResponse {
  const position = sequence === undefined ? undefined : { epoch, sequence }
  return { messages, position, caughtUp: true, damaged: [] }
}

/** A daemon whose subscriptions the test answers one after the other. */
async function serve(t: TestContext, options: ConnectOptions = {}, v1: FakeServices['v1'] = {}) {
  const calls: Call[] = []
  const waiting: (() => void)[] = []
  const daemon = await startFakeDaemon({
    v1,
    bus: {
      subscribe: (_, call) => {
        calls.push(call)
        for (const go of waiting.splice(0)) go()
      },
    },
  })
  const client = await connect(daemon.address, { timing: fastTiming(), ...options })
  t.after(() => {
    client.close()
    daemon.stop()
  })
  const call = async (n: number): Promise<Call> => {
    while (calls.length < n) await new Promise<void>((resolve) => waiting.push(resolve))
    return calls[n - 1] as Call
  }
  return { client, call }
}

async function take<T>(subscription: Subscription<T>, count: number): Promise<Message<T>[]> {
  const iterator = subscription[Symbol.asyncIterator]()
  const messages: Message<T>[] = []
  while (messages.length < count) {
    const result = await iterator.next()
    if (result.done === true) break
    messages.push(result.value)
  }
  return messages
}

function texts(messages: readonly Message<unknown>[]): string[] {
  return messages.map((message) => message.text())
}

function breakOff(call: Call): void {
  call.emit('error', new Failure(status.UNAVAILABLE, 'stopping'))
}

function badPosition(call: Call): void {
  const metadata = new Metadata()
  metadata.set('msgbus-reason', 'bad_position')
  call.emit('error', new Failure(status.FAILED_PRECONDITION, 'another store', metadata))
}

test('batches of many topics and origins are spelled out', async (t) => {
  const { client, call } = await serve(t)
  const subscription = client.subscribe('#')
  const first = await call(1)
  assert.equal(first.request.filter, '#')
  assert.equal(first.request.start?.at?.case, 'earliest')
  first.write(
    response(
      [
        wire(1, 'a'),
        wire(2, '', 2, undefined),
        wire(3, 'b', 1, undefined),
        wire(4, '', 7, other),
        wire(5, 'a', 3, node),
      ],
      5,
    ),
  )
  const messages = await take(subscription, 5)
  assert.deepEqual(
    messages.map(({ topic, origin, headId, position }) => {
      return [topic, origin.deviceId, headId, position?.sequence]
    }),
    [
      ['a', 'fake', 1n, 1],
      ['a', 'fake', 2n, 2],
      ['b', 'fake', 1n, 3],
      ['b', 'other', 7n, 4],
      ['a', 'fake', 3n, 5],
    ],
  )
})

test('a broken stream goes on after the last message received, within a delivery too', async (t) => {
  const { client, call } = await serve(t)
  const subscription = client.subscribe('t')
  const first = await call(1)
  first.write(response([], 0))
  // The position comes with the last response of a delivery only.
  first.write(response([wire(1), wire(2)]))
  assert.deepEqual(texts(await take(subscription, 2)), ['t1', 't2'])
  breakOff(first)
  const second = await call(2)
  assert.deepEqual(second.request.start?.at, { case: 'after', value: { epoch: 'e1', sequence: 2 } })
  second.write(response([wire(3)], 3))
  assert.deepEqual(texts(await take(subscription, 1)), ['t3'])
  second.end()
  const third = await call(3)
  assert.deepEqual(third.request.start?.at, { case: 'after', value: { epoch: 'e1', sequence: 3 } })
})

test('broken off before the first message, now does not become a later now', async (t) => {
  const { client, call } = await serve(t)
  const subscription = client.subscribe('t', { from: 'now' })
  const first = await call(1)
  first.write(response([], 41))
  await subscription.ready()
  breakOff(first)
  const second = await call(2)
  assert.deepEqual(second.request.start?.at, {
    case: 'after',
    value: { epoch: 'e1', sequence: 41 },
  })
})

test('last values that came before the break are not repeated after it', async (t) => {
  const { client, call } = await serve(t)
  const subscription = client.subscribe('#', { from: 'last' })
  const first = await call(1)
  first.write(response([wire(5, 'a', 3), wire(6, 'b', 9)]))
  const before = await take(subscription, 2)
  assert.deepEqual(
    before.map(({ position }) => position),
    [undefined, undefined],
  )
  breakOff(first)
  const second = await call(2)
  assert.equal(second.request.start?.at?.case, 'last')
  second.write(response([wire(5, 'a', 3), wire(8, 'b', 10), wire(7, 'c', 1)], 8))
  assert.deepEqual(texts(await take(subscription, 2)), ['b10', 'c1'])
})

test('another store: logs that are still there go on, all others begin anew', async (t) => {
  const changed: string[] = []
  const hooks: ClientHooks = { historyChanged: ({ filter }) => changed.push(filter) }
  const { client, call } = await serve(
    t,
    { hooks },
    {
      fetch: ({ topic, fromHeadId }, fetch) => {
        // The log `kept` came back from a peer, `lost` is written anew.
        const id = topic === 'kept' ? `id-${fromHeadId}` : 'another'
        const { payload, headers } = wire(1)
        const message = {
          id,
          topic,
          origin: node,
          headId: fromHeadId,
          payload,
          headers,
          createdAtMs: 1,
          deleted: false,
        }
        fetch.write({ message })
        fetch.end()
      },
    },
  )
  const subscription = client.subscribe('#')
  const first = await call(1)
  first.write(response([wire(1, 'kept', 1), wire(2, 'kept', 2), wire(3, 'lost', 1)], 3))
  await take(subscription, 3)
  breakOff(first)
  badPosition(await call(2))
  const third = await call(3)
  assert.equal(third.request.start?.at?.case, 'earliest')
  third.write(
    response(
      [wire(1, 'lost', 1), wire(2, 'kept', 1), wire(3, 'kept', 2), wire(4, 'kept', 3)],
      4,
      'e2',
    ),
  )
  const messages = await take(subscription, 2)
  assert.deepEqual(texts(messages), ['lost1', 'kept3'])
  assert.deepEqual(messages[1]?.position, { epoch: 'e2', sequence: 4 })
  assert.deepEqual(changed, ['#'])
})

test('another store can also start at now, or end the subscription', async (t) => {
  const { client, call } = await serve(t)
  const from = { epoch: 'e0', sequence: 9 }
  client.subscribe('t', { from, historyChanged: 'now' })
  badPosition(await call(1))
  assert.equal((await call(2)).request.start?.at?.case, 'now')
  const strict = client.subscribe('t', { from, historyChanged: 'fail' })
  badPosition(await call(3))
  await assert.rejects(take(strict, 1), { code: 'failed_precondition', reason: 'bad_position' })
})

test('what is not stored has no position of its own and moves none', async (t) => {
  const { client, call } = await serve(t)
  const subscription = client.subscribe('t')
  const first = await call(1)
  first.write(response([wire(1)], 1))
  first.write(response([wire(0, 't', 0)], 1))
  const messages = await take(subscription, 2)
  assert.deepEqual(
    messages.map(({ headId, position }) => [headId, position?.sequence]),
    [
      [1n, 1],
      [0n, 1],
    ],
  )
})

test('a start at a head id names the log of this daemon and skips what comes before it', async (t) => {
  const { client, call } = await serve(t)
  const subscription = client.subscribe('t', { from: 5n })
  const first = await call(1)
  assert.deepEqual(first.request.origin, node)
  assert.deepEqual(first.request.start?.at, { case: 'headId', value: 5 })
  assert.equal(first.request.storedOnly, true)
  first.write(response([], 3))
  breakOff(first)
  ;(await call(2)).write(response([wire(4, 't', 4), wire(5, 't', 5)], 5))
  assert.deepEqual(texts(await take(subscription, 1)), ['t5'])
  assert.throws(() => client.subscribe('a/+', { from: 5 }), { code: 'invalid_argument' })
  assert.throws(() => client.subscribe('a/#/b'), { reason: 'bad_filter' })
})

test('a slow reader stops the stream: the daemon is held, memory is bounded, nothing is lost', async (t) => {
  const { client, call } = await serve(t)
  const subscription = client.subscribe('t', { bufferMessages: 50 })
  const first = await call(1)
  const total = 3_000
  const sent = { messages: 0 }
  const payload = Buffer.alloc(4_096)
  const pump = () => {
    while (sent.messages < total) {
      const messages = Array.from({ length: 10 }, () => ({ ...wire(++sent.messages), payload }))
      if (first.write(response(messages, sent.messages))) continue
      first.once('drain', pump)
      return
    }
  }
  pump()
  const [message] = await take(subscription, 1)
  assert.equal(message?.headId, 1n)
  // 12 MB are on offer; what transport windows hold is a fraction.
  assert.ok(sent.messages < total, 'the daemon could send everything')
  const rest = await take(subscription, total - 1)
  assert.deepEqual(rest.at(-1)?.headId, BigInt(total))
})

for (const how of ['break', 'close', 'signal', 'client'] as const) {
  test(`ended by ${how}, the stream is freed at once at the daemon`, async (t) => {
    const { client, call } = await serve(t)
    const stop = new AbortController()
    const subscription = client.subscribe('t', { signal: stop.signal })
    const first = await call(1)
    const gone = new Promise<void>((resolve) => first.once('cancelled', resolve))
    first.write(response([wire(1), wire(2)], 2))
    const seen: bigint[] = []
    const run = async () => {
      for await (const { headId } of subscription) {
        seen.push(headId)
        if (how === 'break') break
        if (how === 'close') void subscription.close()
        if (how === 'signal') stop.abort()
        if (how === 'client') client.close()
      }
    }
    if (how === 'signal') await assert.rejects(run(), { code: 'cancelled' })
    else await run()
    assert.deepEqual(seen, [1n])
    await gone
  })
}

test('batches come as they were sent, and can follow single messages', async (t) => {
  const { client, call } = await serve(t)
  const subscription = client.subscribe('t')
  ;(await call(1)).write(response([wire(1), wire(2), wire(3)], 3))
  await take(subscription, 1)
  for await (const batch of subscription.batches()) {
    assert.deepEqual(texts(batch), ['t2', 't3'])
    break
  }
})

test('values are decoded by the codec; a payload that is none names its message', async (t) => {
  const { client, call } = await serve(t)
  const subscription = client.subscribe('t', { codec: codecs.json<{ n: number }>() })
  const good = { ...wire(1), payload: Buffer.from('{"n":4}') }
  ;(await call(1)).write(response([good, wire(2)], 2))
  const [first, second] = await take(subscription, 2)
  assert.equal(first?.value.n, 4)
  assert.deepEqual(first?.json(), { n: 4 })
  assert.throws(() => second?.value, { reason: 'undecodable', message: /t at head 2/ })
})

test('a saved position counts a message once the next one is asked for', async (t) => {
  const { client, call } = await serve(t)
  const store = new MemoryPositionStore()
  const positions = { store, name: 'n', saveEveryMs: 0 }
  const run = async (n: number, count: number) => {
    const subscription = client.subscribe('t', { positions })
    const messages: string[] = []
    const stream = await call(n)
    const { at } = stream.request.start ?? {}
    const from = at?.case === 'after' ? at.value.sequence : 0
    stream.write(
      response(
        [1, 2, 3].map((i) => wire(from + i)),
        from + 3,
      ),
    )
    for await (const message of subscription) {
      messages.push(message.text())
      if (messages.length === count) break
    }
    return messages
  }
  // The message in hand when the program leaves was perhaps not dealt with: it comes again.
  assert.deepEqual(await run(1, 2), ['t1', 't2'])
  assert.deepEqual(await store.load('n'), { epoch: 'e1', sequence: 1 })
  assert.deepEqual(await run(2, 3), ['t2', 't3', 't4'])
  assert.deepEqual(await store.load('n'), { epoch: 'e1', sequence: 3 })
})

test('damaged records and reconnecting are told to the hooks', async (t) => {
  const told: string[] = []
  const hooks: ClientHooks = {
    damaged: ({ topic, fromHead, toHead }) => told.push(`${topic} ${fromHead}-${toHead}`),
    reconnecting: ({ what, attempt, error }) => told.push(`${what} ${attempt} ${error.code}`),
    batchReceived: ({ messages, bytes }) => told.push(`${messages} in ${bytes}`),
  }
  const { client, call } = await serve(t, { hooks })
  const subscription = client.subscribe('t')
  const first = await call(1)
  const damaged = [{ topic: 't', origin: node, fromHeadId: 2, toHeadId: 4 }]
  first.write({ ...response([wire(1)], 4), damaged })
  await take(subscription, 1)
  breakOff(first)
  await call(2)
  assert.deepEqual(told, ['t 2-4', '1 in 2', 'subscribe t 1 unavailable'])
})

test('a hundred subscriptions share one signal without a warning', async (t) => {
  const { client, call } = await serve(t)
  const warnings: Error[] = []
  const listen = (warning: Error) => warnings.push(warning)
  process.on('warning', listen)
  t.after(() => process.removeListener('warning', listen))
  const stop = new AbortController()
  for (let i = 0; i < 100; i++) client.subscribe(`t${i}`, { signal: stop.signal })
  const last = await call(100)
  const gone = new Promise<void>((resolve) => last.once('cancelled', resolve))
  stop.abort()
  await gone
  assert.deepEqual(warnings, [])
})
