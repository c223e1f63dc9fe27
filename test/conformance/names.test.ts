/** Cases 1 to 15: wire and names. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { until } from '../../src/protocols/grpc/grpc-suite.ts'
import { openRawSession } from '../../src/protocols/grpc/raw-http2-suite.ts'
import { msgbusService } from '../../src/wire/gen/msgbus-v1.ts'
import { foreign, headsOf, onEveryEngine, own, refuses } from './engines.ts'

onEveryEngine('wire and names', (fixture) => {
  const publish = async (topic: string, more: object = {}) =>
    fixture.client.call('Publish', { topic, ...more })

  test('1 every method answers by its path', async () => {
    const { client } = fixture
    const topic = fixture.topic()
    const queue = topic
    const paths = Object.values(msgbusService).map(({ path }) => path)
    assert.equal(paths.length, 13)
    for (const path of paths) assert.match(path, /^\/msgbus\.v1\.MsgbusService\/[A-Z]\w+$/)
    const { message } = await publish(topic, { payload: Buffer.from('x'), headers: { k: 'v' } })
    assert.deepEqual(
      { ...message, id: '', createdAtMs: 0, payload: message.payload.toString() },
      {
        id: '',
        topic,
        origin: own,
        headId: 1,
        payload: 'x',
        headers: { k: 'v' },
        createdAtMs: 0,
        deleted: false,
      },
    )
    assert.deepEqual(await client.collect('Fetch', { topic }), [{ message }])
    const live = client.stream('Subscribe', { topic, fromHeadId: 1 })
    assert.deepEqual(await live.next(), { message })
    live.cancel()
    assert.deepEqual(await client.call('GetHead', { topic }), { headId: 1, found: true })
    const { heads } = await client.call('ListHeads')
    assert.ok(heads.some((head: { topic: string }) => head.topic === topic))
    assert.deepEqual(await client.call('ListPeerSyncStates'), { states: [] })
    const enqueued = await client.call('EnqueueFifo', { queue, topic, target: own })
    assert.equal(enqueued.message.sequence, 1)
    assert.deepEqual(await client.call('PeekFifo', { queue }), enqueued)
    const messageId = enqueued.message.id
    assert.deepEqual(await client.call('RejectFifo', { queue, messageId }), { accepted: true })
    assert.deepEqual(await client.call('AckFifo', { queue, messageId }), { accepted: true })
    const range = { topic, fromHeadId: 1, toHeadId: 1 }
    assert.deepEqual(await client.call('DeleteRange', range), { deletedCount: 1 })
    assert.deepEqual(await client.call('Health'), { status: 'SERVING', node: own })
    assert.deepEqual(await client.call('Ready'), {
      ready: true,
      status: 'READY',
      error: '',
      node: own,
    })
  })

  test('2 an unknown method is UNIMPLEMENTED', async () => {
    const raw = await openRawSession(fixture.daemon.address)
    const answer = await raw.call('/msgbus.v1.MsgbusService/Nothing', new Uint8Array(0))
    assert.equal(answer.status, status.UNIMPLEMENTED)
    raw.close()
  })

  test('3 an unknown field is ignored', async () => {
    const raw = await openRawSession(fixture.daemon.address)
    const unknown = Buffer.from([0xc2, 0x3e, 1, 7])
    const topic = Buffer.from(fixture.topic())
    const request = Buffer.concat([unknown, Buffer.from([0x0a, topic.length]), topic, unknown])
    const answer = await raw.call(msgbusService.publish.path, request)
    assert.equal(answer.status, status.OK)
    raw.close()
  })

  test('4 what is not protobuf is INTERNAL, and the connection goes on', async () => {
    const raw = await openRawSession(fixture.daemon.address)
    for (const body of [[0x0a, 5, 1], [0x0a, 1, 0xff], [0x07], [0xff, 0xff]]) {
      const answer = await raw.call(msgbusService.publish.path, Uint8Array.from(body))
      assert.equal(answer.status, status.INTERNAL)
    }
    assert.equal((await raw.call(msgbusService.health.path, new Uint8Array(0))).status, status.OK)
    raw.close()
  })

  test('5 and 6 an empty or blank topic', async () => {
    for (const topic of ['', ' ', '\t\n', '\u00a0\u0085', '\u2003\u3000']) {
      await refuses(publish(topic), status.INVALID_ARGUMENT, 'topic is empty')
    }
  })

  test('7 U+FEFF is not blank', async () => {
    const { message } = await publish('\ufeff')
    assert.equal(message.topic, '\ufeff')
  })

  test('8 a topic with U+0000', async () => {
    await refuses(publish('a\0b'), status.INVALID_ARGUMENT, 'topic contains NUL byte')
  })

  test('9 topics are not trimmed', async () => {
    const topic = fixture.topic()
    assert.equal((await publish(topic)).message.headId, 1)
    assert.equal((await publish(` ${topic}`)).message.headId, 1)
  })

  test('10 slashes, line breaks and emoji come back unchanged everywhere', async () => {
    const topic = `//a\n${fixture.topic()}/🙂`
    const { client } = fixture
    assert.equal((await publish(topic)).message.topic, topic)
    assert.equal((await client.collect('Fetch', { topic }))[0].message.topic, topic)
    const { heads } = await client.call('ListHeads')
    assert.ok(heads.some((head: { topic: string }) => head.topic === topic))
  })

  test('11 no Unicode normalisation', async () => {
    const base = fixture.topic()
    assert.equal((await publish(`${base}\u00c9`)).message.headId, 1)
    assert.equal((await publish(`${base}E\u0301`)).message.headId, 1)
  })

  test('12 the limit of a topic is 1,024 bytes', async () => {
    const longest = fixture.topic().padEnd(1_022, 'x') + 'é'
    assert.equal((await publish(longest)).message.headId, 1)
    const text = 'topic is too long (1025 bytes, limit 1024)'
    await refuses(publish(`${longest}x`), status.INVALID_ARGUMENT, text)
  })

  test('13 a partly filled origin', async () => {
    const topic = fixture.topic()
    const partly = { tenantId: 'tenant' }
    const call = publish(topic, { origin: partly })
    await refuses(call, status.INVALID_ARGUMENT, 'bl_name is empty')
    const head = fixture.client.call('GetHead', { topic, origin: { blName: 'b', deviceId: 'd' } })
    await refuses(head, status.INVALID_ARGUMENT, 'tenant_id is empty')
    const long = { ...foreign, deviceId: 'd'.repeat(256) }
    const fetch = fixture.client.collect('Fetch', { topic, origin: long })
    const text = 'device_id is too long (256 bytes, limit 255)'
    await refuses(fetch, status.INVALID_ARGUMENT, text)
  })

  test('14 an origin of three empty parts is no origin', async () => {
    const topic = fixture.topic()
    const origin = { tenantId: '', blName: '', deviceId: '' }
    assert.deepEqual((await publish(topic, { origin })).message.origin, own)
    assert.deepEqual(headsOf(await fixture.client.collect('Fetch', { topic, origin })), [1])
  })

  test('15 a deadline ends a quiet subscription, and nothing stays behind', async () => {
    const { client, daemon } = fixture
    const before = daemon.bus.status().subscriptions
    const deadline = { deadline: Date.now() + 1 }
    const late = client.stream('Subscribe', { topic: fixture.topic() }, {}, deadline)
    assert.equal((await late.status)?.code, status.DEADLINE_EXCEEDED)
    // With time enough to reach the daemon, the deadline is the daemon's too.
    const raw = await openRawSession(daemon.address)
    const topic = Buffer.from(fixture.topic())
    const body = Buffer.concat([Buffer.from([0x0a, topic.length]), topic])
    const timeout = { 'grpc-timeout': '100m' }
    const answer = await raw.call(msgbusService.subscribe.path, body, timeout)
    assert.equal(answer.status, status.DEADLINE_EXCEEDED)
    await until(() => daemon.bus.status().subscriptions === before)
    raw.close()
  })
})
