/** Cases 44 to 61: subscribe. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { failure, type TestStream, until } from '../../src/protocols/grpc/grpc-suite.ts'
import { openRawSession } from '../../src/protocols/grpc/raw-http2-suite.ts'
import { encodeSubscribeRequest, msgbusService } from '../../src/wire/gen/msgbus-v1.ts'
import { anonymous } from '../../src/model/identity.ts'
import { daemonOf, engines, fill, foreign, headsOf, onEveryEngine, own, range } from './engines.ts'
import { isFullSize } from '../full-size.ts'

const replica = (topic: string, headId: number, more: object = {}) => ({
  topic,
  origin: foreign,
  id: `theirs-${topic}-${headId}`,
  headId,
  payload: Buffer.from('x'),
  headers: new Map<string, string>(),
  createdAtMs: 1,
  deleted: false,
  ...more,
})

const takesHeads = async (stream: TestStream, heads: number[]) =>
  assert.deepEqual(headsOf(await stream.take(heads.length)), heads)

onEveryEngine('subscribe', (fixture) => {
  const subscribe = (request: object, metadata: Readonly<Record<string, string>> = {}) =>
    fixture.client.stream('Subscribe', request, metadata)

  /** Publishes through gRPC once the subscription is at the end of what is stored. */
  const publish = async (topic: string, more: object = {}) =>
    (await fixture.client.call('Publish', { topic, ...more })).message.headId

  /** Resolves when the daemon has taken the subscription. */
  const isSubscribed = async (count = 1) =>
    until(() => fixture.daemon.bus.status().subscriptions >= count)

  test('44 and 45 what is stored, then what comes, from 1 or 0', async () => {
    const topic = fixture.topic()
    await fill(fixture.daemon, topic, 10)
    const streams = [1, 0].map((fromHeadId) => subscribe({ topic, fromHeadId }))
    for (const stream of streams) await takesHeads(stream, range(1, 10))
    await publish(topic)
    for (const stream of streams) {
      await takesHeads(stream, [11])
      stream.cancel()
    }
  })

  test('46 from head + 1', async () => {
    const topic = fixture.topic()
    await fill(fixture.daemon, topic, 10)
    const stream = subscribe({ topic, fromHeadId: 11 })
    await publish(topic)
    await takesHeads(stream, [11])
    stream.cancel()
  })

  test('47 from beyond the head: what comes before it is not delivered', async () => {
    const topic = fixture.topic()
    await fill(fixture.daemon, topic, 10)
    const stream = subscribe({ topic, fromHeadId: 50 })
    await fill(fixture.daemon, topic, 41)
    await takesHeads(stream, [50, 51])
    stream.cancel()
  })

  test('48 and 49 the replay limit is a page, never a cut', async () => {
    for (const [count, replayLimit] of [
      [250, 0],
      [5_000, 10],
    ] as const) {
      const topic = fixture.topic()
      await fill(fixture.daemon, topic, count)
      const stream = subscribe({ topic, fromHeadId: 1, replayLimit })
      await takesHeads(stream, range(1, count))
      await publish(topic)
      await takesHeads(stream, [count + 1])
      stream.cancel()
    }
  })

  test('50 a strict replay limit gives the newest', async () => {
    const topic = fixture.topic()
    await fill(fixture.daemon, topic, 50)
    const strict = { 'msgbus-replay-limit': 'strict' }
    const stream = subscribe({ topic, fromHeadId: 1, replayLimit: 10 }, strict)
    await takesHeads(stream, range(41, 50))
    await publish(topic)
    await takesHeads(stream, [51])
    stream.cancel()
    const bounded = subscribe({ topic, fromHeadId: 48, replayLimit: 10 }, strict)
    await takesHeads(bounded, [48, 49, 50, 51])
    bounded.cancel()
    const bad = subscribe({ topic }, { 'msgbus-replay-limit': 'loose' })
    assert.equal((await bad.status)?.code, status.INVALID_ARGUMENT)
  })

  test('51 from now', async () => {
    const topic = fixture.topic()
    await fill(fixture.daemon, topic, 5)
    const stream = subscribe({ topic, fromHeadId: 1 }, { 'msgbus-from': 'now' })
    await isSubscribed()
    await publish(topic)
    await takesHeads(stream, [6])
    stream.cancel()
  })

  test('52 many publishers, several subscribers: each sees everything in order', async () => {
    const topic = fixture.topic()
    const total = isFullSize ? 20_000 : 6_000
    const subscribers = range(1, 5).map(() => subscribe({ topic, fromHeadId: 1 }))
    const publishers = range(1, 20).map(async () => {
      const client = fixture.daemon.bus.connect(anonymous)
      for (let i = 0; i < total / 20; i++) {
        await client.publish([{ topic, payload: Buffer.from('x'), headers: new Map() }])
      }
      client.close()
    })
    await Promise.all(publishers)
    for (const subscriber of subscribers) {
      await takesHeads(subscriber, range(1, total))
      subscriber.cancel()
    }
  })

  test('53 the seam between replay and live, 200 times', async () => {
    const topic = fixture.topic()
    const client = fixture.daemon.bus.connect(anonymous)
    let head = 0
    const grow = async () => {
      await client.publish([{ topic, payload: Buffer.from('x'), headers: new Map() }])
      head += 1
    }
    for (let i = 0; i < 200; i++) {
      const from = head + 1
      await Promise.all([grow(), grow()])
      const growing = Promise.all([grow(), grow(), grow()])
      const stream = subscribe({ topic, fromHeadId: from, replayLimit: 1 })
      const first = await stream.next()
      await Promise.all([growing, grow(), grow()])
      const rest = await stream.take(head - from)
      assert.deepEqual(headsOf([first, ...rest]), range(from, head))
      stream.cancel()
    }
    client.close()
  })

  test('56 only the origin asked for, arriving by replication', async () => {
    const topic = fixture.topic()
    const stream = subscribe({ topic, origin: foreign, fromHeadId: 1 })
    await fill(fixture.daemon, topic, 2)
    await fixture.daemon.store.replicate([replica(topic, 1)])
    await fill(fixture.daemon, topic, 1)
    await fixture.daemon.store.replicate([replica(topic, 2)])
    const [first, second] = await stream.take(2)
    assert.deepEqual([first.message.id, second.message.headId], [`theirs-${topic}-1`, 2])
    stream.cancel()
  })

  test('57 deleted messages are replayed as such', async () => {
    const topic = fixture.topic()
    await fill(fixture.daemon, topic, 3)
    await fixture.client.call('DeleteRange', { topic, fromHeadId: 2, toHeadId: 2 })
    const stream = subscribe({ topic, fromHeadId: 1 })
    const messages = (await stream.take(3)).map(({ message }) => message)
    assert.deepEqual(
      messages.map(({ deleted, payload }) => [deleted, payload.toString()]),
      [
        [false, '1'],
        [true, ''],
        [false, '3'],
      ],
    )
    stream.cancel()
  })

  test('60 markers arrive live', async () => {
    const topic = fixture.topic()
    await fill(fixture.daemon, topic, 2)
    const markers = '$msgbus.delete'
    const { headId } = await fixture.client.call('GetHead', { topic: markers })
    const stream = subscribe({ topic: markers, fromHeadId: headId + 1 })
    await fixture.client.call('DeleteRange', { topic, fromHeadId: 1, toHeadId: 2 })
    const { message } = await stream.next()
    assert.equal(JSON.parse(message.payload.toString()).topic, topic)
    stream.cancel()
  })

  test('61 one stream that is not read does not block another on its connection', async () => {
    const [stalled, read] = [fixture.topic(), fixture.topic()]
    const blocked = subscribe({ topic: stalled, fromHeadId: 1 })
    const reading = subscribe({ topic: read, fromHeadId: 1 })
    const client = fixture.daemon.bus.connect(anonymous)
    const payload = Buffer.alloc(65_536)
    for (let i = 0; i < 64; i++) {
      await client.publish([
        { topic: stalled, payload, headers: new Map() },
        { topic: read, payload, headers: new Map() },
      ])
    }
    await takesHeads(reading, range(1, 64))
    await takesHeads(blocked, range(1, 64))
    blocked.cancel()
    reading.cancel()
  })

  test('a subscription to a quiet topic is accepted at once: clients in Rust wait for that', async () => {
    const stream = subscribe({ topic: fixture.topic() })
    await new Promise((resolve) => stream.call.once('metadata', resolve))
    stream.cancel()
  })

  test('a bad request is refused before anything is held', async () => {
    await until(() => fixture.daemon.bus.status().subscriptions === 0)
    for (const request of [{ topic: '' }, { topic: 'a', origin: { tenantId: 'x' } }]) {
      assert.equal((await subscribe(request).status)?.code, status.INVALID_ARGUMENT)
    }
    assert.equal(fixture.daemon.bus.status().subscriptions, 0)
  })
})

for (const [engine, open] of Object.entries(engines)) {
  suite(`slow and vanishing subscribers (${engine})`, () => {
    test('54 a reader that stops for a while gets everything, and costs no memory', async (t) => {
      const daemon = await daemonOf(t, { open })
      const slow = daemon.connect('msgbus.v1.MsgbusService')
      const quick = daemon.connect('msgbus.v1.MsgbusService')
      const stalled = slow.stream('Subscribe', { topic: 'busy', fromHeadId: 1 })
      const reading = quick.stream('Subscribe', { topic: 'busy', fromHeadId: 1 })
      await fill(daemon, 'busy', 1)
      // Until it is read for the first time, grpc-js's client takes in everything.
      assert.deepEqual(headsOf([await stalled.next()]), [1])
      const total = isFullSize ? 50_000 : 20_000
      const filling = fill(daemon, 'busy', total - 1)
      const heads = headsOf(await reading.take(total))
      await filling
      assert.deepEqual([heads.length, heads[0], heads[total - 1]], [total, 1, total])
      // It holds a position now, not a queue: had it been sent everything, it would not have lagged.
      assert.ok(daemon.bus.counters.messagesDelivered < 1.5 * total)
      assert.deepEqual(headsOf(await stalled.take(total - 1)), range(2, total))
      assert.ok(daemon.bus.counters.subscriptionsLagged > 0)
    })

    test('55 a paused reader is not disturbed by other topics', async (t) => {
      const daemon = await daemonOf(t, { open })
      const client = daemon.connect('msgbus.v1.MsgbusService')
      await fill(daemon, 'mine', 400)
      const stream = client.stream('Subscribe', { topic: 'mine', fromHeadId: 1 })
      await stream.next()
      await fill(daemon, 'others', 100_000)
      await fill(daemon, 'mine', 1)
      assert.deepEqual(headsOf(await stream.take(400)), range(2, 401))
    })

    test('58 opened and cancelled subscriptions leave nothing behind', async (t) => {
      const daemon = await daemonOf(t, { open })
      const round = async (count: number) => {
        // The HTTP/2 library drops a connection that cancels over 1,000 streams in a burst.
        const client = daemon.connect('msgbus.v1.MsgbusService')
        const streams = range(1, count).map(() => client.stream('Subscribe', { topic: 'quiet' }))
        await until(() => daemon.bus.status().subscriptions === count)
        for (const stream of streams) stream.cancel()
        await until(() => daemon.bus.status().subscriptions === 0)
        client.close()
      }
      for (let i = 0; i < (isFullSize ? 20 : 4); i++) await round(500)
      const client = daemon.connect('msgbus.v1.MsgbusService')
      const { message } = await client.call('Publish', { topic: 'quiet' })
      assert.equal(message.headId, 1)
      assert.equal(daemon.bus.counters.messagesDelivered, 0)
    })

    test('59 shutting down ends every subscription with UNAVAILABLE', async (t) => {
      const daemon = await daemonOf(t, { open })
      const client = daemon.connect('msgbus.v1.MsgbusService')
      const streams = range(1, 20).map((n) => client.stream('Subscribe', { topic: `t${n}` }))
      await until(() => daemon.bus.status().subscriptions === 20)
      const stopped = daemon.shutdown(5_000)
      for (const stream of streams) {
        assert.equal((await stream.status)?.code, status.UNAVAILABLE)
      }
      await stopped
      const error = await failure(client.call('Publish', { topic: 'late' }))
      assert.equal(error.code, status.UNAVAILABLE)
    })

    test('a connection that breaks releases its subscriptions', async (t) => {
      const daemon = await daemonOf(t, { open })
      const raw = await openRawSession(daemon.address)
      const body = encodeSubscribeRequest({ topic: 'quiet', origin: own })
      const call = raw.call(msgbusService.subscribe.path, body)
      await until(() => daemon.bus.status().subscriptions === 1)
      raw.session.destroy()
      assert.equal((await call).status, undefined)
      await until(() => daemon.bus.status().subscriptions === 0)
    })
  })
}
