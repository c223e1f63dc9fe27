/** Cases 62 to 72: delete. 71 needs a kill and stands with the tests of the daemon. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { failure } from '../../src/protocols/grpc/grpc-suite.ts'
import { daemonOf, engines, fill, foreign, onEveryEngine, own, range } from './engines.ts'

const markers = '$msgbus.delete'
const most = '18446744073709551615'

onEveryEngine('delete', (fixture) => {
  const remove = async (request: object): Promise<number> =>
    (await fixture.client.call('DeleteRange', request)).deletedCount

  const deletedHeads = async (topic: string) =>
    (await fixture.client.collect('Fetch', { topic }))
      .filter(({ message }) => message.deleted)
      .map(({ message }) => message.headId)

  const newestMarker = async () => {
    const { headId } = await fixture.client.call('GetHead', { topic: markers })
    const [found] = await fixture.client.collect('Fetch', { topic: markers, fromHeadId: headId })
    return found?.message
  }

  test('62, 63 and 67 a range is deleted once, and with it the content', async () => {
    const topic = fixture.topic()
    await fixture.client.call('Publish', { topic, headers: { a: 'b' }, payload: Buffer.from('x') })
    await fixture.client.call('Publish', { topic, headers: { a: 'b' }, payload: Buffer.from('x') })
    await fill(fixture.daemon, topic, 3)
    assert.equal(await remove({ topic, fromHeadId: 2, toHeadId: 3 }), 2)
    const messages = await fixture.client.collect('Fetch', { topic })
    assert.deepEqual(
      messages.map(({ message }) => [message.headId, message.deleted, message.payload.length > 0]),
      [
        [1, false, true],
        [2, true, false],
        [3, true, false],
        [4, false, true],
        [5, false, true],
      ],
    )
    assert.deepEqual({ ...messages[1].message.headers }, {})
    assert.match(messages[1].message.id, /^[0-9a-f-]{36}$/)
    assert.equal((await fixture.client.call('GetHead', { topic })).headId, 5)
    assert.equal(await remove({ topic, fromHeadId: 2, toHeadId: 3 }), 0)
  })

  test('64 and 65 what is refused, and in which order', async () => {
    const topic = fixture.topic()
    const cases = [
      [{ topic, fromHeadId: 5, toHeadId: 3 }, 'from_head_id must be <= to_head_id'],
      [{ topic, origin: foreign }, 'writes must use the local daemon origin'],
      [{ topic, origin: foreign, fromHeadId: 5 }, 'writes must use the local daemon origin'],
      [{ topic: markers, origin: foreign }, `${markers} is reserved for delete markers`],
      [{ topic: markers }, `${markers} is reserved for delete markers`],
      [{ topic: '' }, 'topic is empty'],
    ] as const
    for (const [request, text] of cases) {
      const error = await failure(remove(request))
      const isDenied = /daemon origin|reserved/.test(text)
      const code = isDenied ? status.PERMISSION_DENIED : status.INVALID_ARGUMENT
      assert.deepEqual([error.code, error.details], [code, text])
    }
  })

  test('66 the marker', async () => {
    const topic = fixture.topic()
    await fill(fixture.daemon, topic, 3)
    await remove({ topic, origin: own, fromHeadId: 2, toHeadId: 3 })
    const message = await newestMarker()
    assert.deepEqual([message.origin, { ...message.headers }], [own, {}])
    const text = message.payload.toString()
    const { created_at_ms: at } = JSON.parse(text)
    assert.ok(Math.abs(at - Date.now()) < 5_000)
    const origin = '{"tenant_id":"tenant","bl_name":"default","device_id":"node-a"}'
    const rest = `"from_head_id":2,"to_head_id":3,"created_at_ms":${at}`
    assert.equal(text, `{"topic":"${topic}","origin":${origin},${rest}}`)
  })

  test('68 a range beyond the head does not swallow what comes', async () => {
    const topic = fixture.topic()
    await fill(fixture.daemon, topic, 3)
    assert.equal(await remove({ topic, fromHeadId: 1, toHeadId: most }), 3)
    const { message } = await fixture.client.call('Publish', { topic })
    assert.deepEqual([message.headId, message.deleted], [4, false])
    assert.deepEqual(await deletedHeads(topic), [1, 2, 3])
    assert.equal(JSON.parse((await newestMarker()).payload.toString()).to_head_id, 3)
  })

  test('69 a range without messages writes no marker', async () => {
    const topic = fixture.topic()
    const before = await fixture.client.call('GetHead', { topic: markers })
    assert.equal(await remove({ topic, fromHeadId: 1, toHeadId: 5 }), 0)
    await fill(fixture.daemon, topic, 2)
    assert.equal(await remove({ topic, fromHeadId: 3, toHeadId: 9 }), 0)
    assert.equal(await remove({ topic, fromHeadId: 0, toHeadId: 0 }), 0)
    assert.deepEqual(await fixture.client.call('GetHead', { topic: markers }), before)
  })

  test('70 from 0 is from 1', async () => {
    const topic = fixture.topic()
    await fill(fixture.daemon, topic, 3)
    assert.equal(await remove({ topic, fromHeadId: 0, toHeadId: 2 }), 2)
    assert.deepEqual(await deletedHeads(topic), [1, 2])
  })
})

for (const [engine, open] of Object.entries(engines)) {
  suite(`delete, kept and in numbers (${engine})`, () => {
    test('68 with the setting, a range beyond the head stays', async (t) => {
      const daemon = await daemonOf(t, { open, bus: { deleteBeyondHead: 'keep' } })
      const client = daemon.connect('msgbus.v1.MsgbusService')
      await fill(daemon, 'a', 3)
      await client.call('DeleteRange', { topic: 'a', fromHeadId: 1, toHeadId: most })
      const { message } = await client.call('Publish', { topic: 'a' })
      assert.deepEqual([message.headId, message.deleted], [4, true])
    })

    test('72 many deletes are merged, counted and marked once each', async (t) => {
      const daemon = await daemonOf(t, { open })
      const client = daemon.connect('msgbus.v1.MsgbusService')
      const deletes = 2_000
      await fill(daemon, 'a', 2 * deletes)
      const remove = async (heads: readonly number[]) => {
        const counts = await Promise.all(
          heads.map(async (head) =>
            client.call('DeleteRange', { topic: 'a', fromHeadId: head, toHeadId: head }),
          ),
        )
        return counts.reduce((sum, { deletedCount }) => sum + deletedCount, 0)
      }
      const even = range(1, deletes).map((n) => 2 * n)
      for (let i = 0; i < deletes; i += 500) {
        assert.equal(await remove(even.slice(i, i + 500)), 500)
      }
      assert.equal(await remove(even.slice(0, 500)), 0)
      assert.equal((await client.call('GetHead', { topic: markers })).headId, deletes)
      const all = { topic: 'a', fromHeadId: 1, toHeadId: most }
      assert.equal((await client.call('DeleteRange', all)).deletedCount, deletes)
      const { message } = await client.call('Publish', { topic: 'a' })
      assert.deepEqual([message.headId, message.deleted], [2 * deletes + 1, false])
    })
  })
}
