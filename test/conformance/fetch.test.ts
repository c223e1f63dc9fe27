/** Cases 32 to 43: fetch, get head, list heads. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { failure } from '../../src/protocols/grpc/grpc-suite.ts'
import { daemonOf, engines, fill, foreign, headsOf, onEveryEngine, own, range } from './engines.ts'

onEveryEngine('fetch and heads', (fixture) => {
  const fetchHeads = async (request: object) =>
    headsOf(await fixture.client.collect('Fetch', request))

  test('32 an unknown topic is an empty stream', async () => {
    assert.deepEqual(await fetchHeads({ topic: fixture.topic() }), [])
  })

  test('33, 36, 37, 38 where to begin', async () => {
    const topic = fixture.topic()
    await fill(fixture.daemon, topic, 9)
    assert.deepEqual(await fetchHeads({ topic, fromHeadId: 0 }), range(1, 9))
    assert.deepEqual(await fetchHeads({ topic, fromHeadId: 1 }), range(1, 9))
    assert.deepEqual(await fetchHeads({ topic, fromHeadId: 5, limit: 3 }), [5, 6, 7])
    assert.deepEqual(await fetchHeads({ topic, fromHeadId: 10 }), [])
    assert.deepEqual(await fetchHeads({ topic, fromHeadId: '18446744073709551615' }), [])
    assert.deepEqual(await fetchHeads({ topic, fromHeadId: '9007199254740993' }), [])
  })

  test('34 and 35 limits: 0 is 100, and 10,000 at most', async () => {
    const topic = fixture.topic()
    await fill(fixture.daemon, topic, 10_001)
    assert.deepEqual(await fetchHeads({ topic, limit: 0 }), range(1, 100))
    const all = await fetchHeads({ topic, limit: 4_294_967_295 })
    assert.deepEqual([all.length, all[0], all[9_999]], [10_000, 1, 10_000])
  })

  test('39 another origin is another log', async () => {
    const topic = fixture.topic()
    await fill(fixture.daemon, topic, 1)
    const replica = {
      topic,
      origin: foreign,
      id: 'theirs',
      headId: 1,
      payload: Buffer.from('x'),
      headers: new Map(),
      createdAtMs: 1,
      deleted: false,
    }
    await fixture.daemon.store.replicate([replica])
    const [theirs] = await fixture.client.collect('Fetch', { topic, origin: foreign })
    assert.deepEqual([theirs.message.id, theirs.message.origin], ['theirs', foreign])
    const [ours] = await fixture.client.collect('Fetch', { topic })
    assert.deepEqual(ours.message.origin, own)
  })

  test('40 a cancelled fetch ends at once on the side of the daemon', async () => {
    const topic = fixture.topic()
    await fill(fixture.daemon, topic, 10_000)
    const stream = fixture.client.stream('Fetch', { topic, limit: 10_000 })
    await stream.next()
    stream.cancel()
    assert.equal((await stream.status)?.code, status.CANCELLED)
    assert.deepEqual(await fetchHeads({ topic, limit: 1 }), [1])
  })

  test('41 get head', async () => {
    const topic = fixture.topic()
    const head = async () => fixture.client.call('GetHead', { topic })
    assert.deepEqual(await head(), { headId: 0, found: false })
    await fill(fixture.daemon, topic, 3)
    assert.deepEqual(await head(), { headId: 3, found: true })
    await fixture.client.call('DeleteRange', { topic, fromHeadId: 1, toHeadId: 3 })
    assert.deepEqual(await head(), { headId: 3, found: true })
    const blank = await failure(fixture.client.call('GetHead', { topic: ' ' }))
    assert.equal(blank.details, 'topic is empty')
  })
})

for (const [engine, open] of Object.entries(engines)) {
  suite(`heads of a whole store (${engine})`, () => {
    test('42 nothing at first, then every log, sorted by bytes, markers too', async (t) => {
      const daemon = await daemonOf(t, { open })
      const client = daemon.connect('msgbus.v1.MsgbusService')
      assert.deepEqual(await client.call('ListHeads'), { heads: [] })
      for (const topic of ['b', 'a', 'é', '\u{1f642}', '\uffee']) await fill(daemon, topic, 2)
      await client.call('DeleteRange', { topic: 'a', fromHeadId: 1, toHeadId: 1 })
      const { heads } = await client.call('ListHeads')
      assert.deepEqual(
        heads.map(({ topic, headId }: { topic: string; headId: number }) => [topic, headId]),
        [
          ['$msgbus.delete', 1],
          ['a', 2],
          ['b', 2],
          ['é', 2],
          ['\uffee', 2],
          ['\u{1f642}', 2],
        ],
      )
    })

    test('43 50,000 topics', async (t) => {
      const daemon = await daemonOf(t, { open })
      const big = { 'grpc.max_receive_message_length': -1 }
      const client = daemon.connect('msgbus.v1.MsgbusService', big)
      const bus = daemon.bus.connect({ user: 'test', groups: [], method: 'in-process' })
      for (let i = 0; i < 50_000; i += 5_000) {
        const topics = range(i, i + 4_999)
        const message = { payload: new Uint8Array(1), headers: new Map<string, string>() }
        await bus.publish(topics.map((n) => ({ topic: `many/${n}`, ...message })))
      }
      // How long both take is measured in bench/durable-start.ts.
      assert.equal((await client.call('Ready')).ready, true)
      assert.equal((await client.call('ListHeads')).heads.length, 50_000)
    })
  })
}
