/** Cases 73 to 85: FIFO queues. 83 needs a restart and stands with the tests of the stores. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { status } from '@grpc/grpc-js'
import { foreign, onEveryEngine, own, range, refuses } from './engines.ts'
import { isFullSize } from '../full-size.ts'

onEveryEngine('FIFO', (fixture) => {
  const enqueue = async (queue: string, payload: string, more: object = {}) => {
    const request = { queue, topic: 't', target: own, payload: Buffer.from(payload), ...more }
    return (await fixture.client.call('EnqueueFifo', request)).message
  }
  const peek = async (queue: string) => (await fixture.client.call('PeekFifo', { queue })).message
  const ack = async (queue: string, messageId: string) =>
    (await fixture.client.call('AckFifo', { queue, messageId })).accepted
  const reject = async (queue: string, messageId: string) =>
    (await fixture.client.call('RejectFifo', { queue, messageId })).accepted
  test('73 an empty queue', async () => {
    await refuses(peek(fixture.topic()), status.NOT_FOUND, 'fifo queue is empty')
  })

  test('74 to 79 the life of three messages', async () => {
    const queue = fixture.topic()
    const [a, b, c] = [
      await enqueue(queue, 'a'),
      await enqueue(queue, 'b'),
      await enqueue(queue, 'c'),
    ]
    assert.deepEqual(
      [a, b, c].map(({ sequence }) => sequence),
      [1, 2, 3],
    )
    assert.deepEqual(
      [a, b, c].map(({ attempts }) => attempts),
      [0, 0, 0],
    )
    assert.deepEqual(await peek(queue), a)
    assert.deepEqual(await peek(queue), a)
    assert.equal(await ack(queue, b.id), false)
    assert.deepEqual(await peek(queue), a)
    assert.equal(await ack(queue, a.id), true)
    assert.deepEqual(await peek(queue), b)
    assert.equal(await ack(queue, a.id), false)
    assert.equal(await reject(queue, b.id), true)
    assert.equal(await reject(queue, b.id), true)
    assert.deepEqual(await peek(queue), { ...b, attempts: 2 })
    assert.equal(await reject(queue, c.id), false)
    assert.equal(await ack(queue, b.id), true)
    assert.deepEqual(await peek(queue), c)
    assert.equal(await ack(queue, c.id), true)
    await refuses(peek(queue), status.NOT_FOUND, 'fifo queue is empty')
    assert.equal((await enqueue(queue, 'd')).sequence, 4)
  })

  test('80 the target', async () => {
    const queue = fixture.topic()
    const missing = enqueue(queue, 'a', { target: null })
    await refuses(missing, status.INVALID_ARGUMENT, 'target is required')
    const empty = { tenantId: '', blName: '', deviceId: '' }
    assert.deepEqual((await enqueue(queue, 'a', { target: empty })).target, empty)
    const partly = enqueue(queue, 'a', { target: { tenantId: 't', deviceId: 'd' } })
    await refuses(partly, status.INVALID_ARGUMENT, 'bl_name is empty')
    assert.deepEqual((await enqueue(queue, 'a', { target: foreign })).target, foreign)
  })

  test('81 source and topic, in the order of the checks', async () => {
    const queue = fixture.topic()
    const origin = 'writes must use the local daemon origin'
    const reserved = '$msgbus.delete is reserved for delete markers'
    const denied = status.PERMISSION_DENIED
    await refuses(enqueue(queue, 'a', { source: foreign }), denied, origin)
    await refuses(enqueue(queue, 'a', { source: foreign, target: null }), denied, origin)
    await refuses(
      enqueue(queue, 'a', { topic: '$msgbus.delete', source: foreign }),
      denied,
      reserved,
    )
    await refuses(enqueue('', 'a', { topic: '' }), status.INVALID_ARGUMENT, 'queue is empty')
    await refuses(enqueue(queue, 'a', { topic: ' ' }), status.INVALID_ARGUMENT, 'topic is empty')
    assert.deepEqual((await enqueue(queue, 'a', { source: own })).source, own)
  })

  test('82 names of ack', async () => {
    const queue = fixture.topic()
    const invalid = status.INVALID_ARGUMENT
    await refuses(ack(queue, ' '), invalid, 'message_id is empty')
    await refuses(ack(' ', ' '), invalid, 'queue is empty')
    await refuses(reject(queue, ''), invalid, 'message_id is empty')
    await refuses(peek(''), invalid, 'queue is empty')
    assert.equal(await ack(queue, 'whatever'), false)
    assert.equal(await reject(queue, 'whatever'), false)
  })

  test('84 consumers that race acknowledge each message once', async () => {
    const queue = fixture.topic()
    const total = isFullSize ? 1_000 : 300
    await Promise.all(range(1, total).map(async (n) => enqueue(queue, String(n))))
    const acknowledged: number[] = []
    const consume = async () => {
      for (;;) {
        const front = await peek(queue).catch(() => undefined)
        if (front === undefined) return
        if (await ack(queue, front.id)) acknowledged.push(front.sequence)
      }
    }
    await Promise.all(range(1, 8).map(consume))
    assert.deepEqual(
      acknowledged.sort((a, b) => a - b),
      range(1, total),
    )
  })

  test('85 names that differ in a blank or in case are different queues', async () => {
    const queue = `${fixture.topic()}/q`
    for (const name of [queue, ` ${queue}`, queue.toUpperCase()]) {
      assert.equal((await enqueue(name, 'a')).sequence, 1)
    }
  })
})
