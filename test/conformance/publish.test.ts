/** Cases 16 to 31: publish and heads. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { failure } from '../../src/protocols/grpc/grpc-suite.ts'
import { encodeFetchResponse } from '../../src/wire/gen/msgbus-v1.ts'
import { foreign, headsOf, onEveryEngine, own, range } from './engines.ts'

const limitBytes = 4_194_304

onEveryEngine('publish and heads', (fixture) => {
  const publish = async (topic: string, more: object = {}, metadata = {}) =>
    (await fixture.client.call('Publish', { topic, ...more }, metadata)).message

  test('16 the first message of a topic', async () => {
    const message = await publish(fixture.topic())
    assert.deepEqual([message.headId, message.deleted, message.origin], [1, false, own])
    assert.ok(Math.abs(message.createdAtMs - Date.now()) < 5_000)
  })

  test('17 sequential publishes are numbered without gap', async () => {
    const topic = fixture.topic()
    const heads: number[] = []
    for (let i = 0; i < 1_000; i++) heads.push((await publish(topic)).headId)
    assert.deepEqual(heads, range(1, 1_000))
  })

  test('18 concurrent publishes from 50 connections are numbered without gap', async () => {
    const topic = fixture.topic()
    const clients = range(1, 50).map(() => fixture.daemon.connect('msgbus.v1.MsgbusService'))
    const messages = await Promise.all(
      clients.flatMap((client) =>
        range(1, 20).map(async () => (await client.call('Publish', { topic })).message),
      ),
    )
    for (const client of clients) client.close()
    const heads = messages.map(({ headId }) => headId).sort((a, b) => a - b)
    assert.deepEqual(heads, range(1, 1_000))
    assert.equal(new Set(messages.map(({ id }) => id)).size, 1_000)
  })

  test('19 topics are numbered independently', async () => {
    const [a, b] = [fixture.topic(), fixture.topic()]
    const heads = []
    for (const topic of [a, b, a, b]) heads.push((await publish(topic)).headId)
    assert.deepEqual(heads, [1, 1, 2, 2])
  })

  test('20 ids are random UUIDs in lower case', async () => {
    const { id } = await publish(fixture.topic())
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  test('21 to 23 payloads and headers come back identically everywhere', async () => {
    const every = Buffer.from(range(0, 255))
    const strange = { '': 'empty key', empty: '', ключ: '値🙂' }
    for (const [payload, headers] of [
      [Buffer.alloc(0), {}],
      [every, strange],
    ] as const) {
      const topic = fixture.topic()
      const live = fixture.client.stream('Subscribe', { topic, fromHeadId: 1 })
      const published = await publish(topic, { payload, headers })
      const [fetched] = await fixture.client.collect('Fetch', { topic })
      const subscribed = await live.next()
      live.cancel()
      for (const message of [published, fetched.message, subscribed.message]) {
        assert.deepEqual([message.payload, { ...message.headers }], [payload, headers])
      }
    }
  })

  test('24 the own origin may be spelled out', async () => {
    const topic = fixture.topic()
    assert.equal((await publish(topic, { origin: own })).headId, 1)
    assert.equal((await publish(topic)).headId, 2)
  })

  test('25 and 26 foreign origins and the reserved topic are refused, the topic first', async () => {
    const cases = [
      [fixture.topic(), foreign, 'writes must use the local daemon origin'],
      ['$msgbus.delete', undefined, '$msgbus.delete is reserved for delete markers'],
      ['$msgbus.delete', foreign, '$msgbus.delete is reserved for delete markers'],
    ] as const
    for (const [topic, origin, text] of cases) {
      const error = await failure(publish(topic, { origin }))
      assert.deepEqual([error.code, error.details], [status.PERMISSION_DENIED, text])
    }
    const empty = await failure(publish('', { origin: foreign }))
    assert.equal(empty.details, 'topic is empty')
  })

  test('27 other names with $ are ordinary', async () => {
    for (const topic of ['$msgbus.deleted', '$other']) {
      assert.equal((await publish(topic)).topic, topic)
    }
  })

  test('29 what no replica could fetch is refused and not stored', async () => {
    const topic = fixture.topic()
    await publish(topic)
    for (const size of [limitBytes - 60, limitBytes]) {
      const error = await failure(publish(topic, { payload: Buffer.alloc(size) }))
      assert.equal(error.code, status.RESOURCE_EXHAUSTED)
    }
    const { headId } = await fixture.client.call('GetHead', { topic })
    assert.equal(headId, 1)
  })

  test('30 the largest accepted publish is fetched by a client with the default limit', async () => {
    const topic = fixture.topic()
    let size = limitBytes - 300
    let step = 256
    // The largest size that is accepted, by halving steps.
    while (step >= 1) {
      const error = await publish(topic, { payload: Buffer.alloc(size + step) }).catch(
        (thrown: unknown) => thrown,
      )
      if (!(error instanceof Error)) size += step
      step /= 2
    }
    const message = await publish(topic, { payload: Buffer.alloc(size, 7) })
    const { headId } = message
    const envelope = { ...message, headers: new Map() }
    const encoded = encodeFetchResponse({ message: envelope }).length
    // Room for the longest head id and time that there can be, no more.
    assert.ok(encoded <= limitBytes && encoded > limitBytes - 16, `${encoded} bytes`)
    const request = { topic, fromHeadId: headId }
    const [fetched] = await fixture.client.collect('Fetch', request)
    assert.equal(fetched.message.payload.length, size)
    const live = fixture.client.stream('Subscribe', request)
    assert.equal((await live.next()).message.payload.length, size)
    live.cancel()
  })

  test('31 a repeated msgbus-publish-id stores once', async () => {
    const topic = fixture.topic()
    const key = { 'msgbus-publish-id': 'once' }
    const first = await publish(topic, { payload: Buffer.from('a') }, key)
    const second = await publish(topic, { payload: Buffer.from('b') }, key)
    assert.deepEqual(second, first)
    assert.deepEqual(headsOf(await fixture.client.collect('Fetch', { topic })), [1])
    const longest = { 'msgbus-publish-id': 'k'.repeat(128) }
    assert.equal((await publish(topic, {}, longest)).headId, 2)
    const error = await failure(publish(topic, {}, { 'msgbus-publish-id': 'k'.repeat(129) }))
    assert.equal(error.code, status.INVALID_ARGUMENT)
  })
})
