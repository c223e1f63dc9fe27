import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BatchQueue } from './batch-queue.ts'

function open(limits: { maxItems?: number; maxBytes?: number } = {}) {
  const closed: true[] = []
  const queue = new BatchQueue<number>({
    maxItems: limits.maxItems ?? 1_000,
    maxBytes: limits.maxBytes ?? 1_000,
    onClosed: () => closed.push(true),
  })
  return { queue, closed }
}

test('items come one by one, in order, over all batches', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(fc.integer())), async (batches) => {
      const { queue } = open({ maxItems: Infinity, maxBytes: Infinity })
      for (const batch of batches) void queue.push(batch, 0)
      queue.end()
      const seen: number[] = []
      for (;;) {
        const result = await queue.next()
        if (result.done === true) break
        seen.push(result.value)
      }
      assert.deepEqual(seen, batches.flat())
    }),
  )
})

test('a full queue asks to wait until enough was taken', async () => {
  const { queue } = open({ maxItems: 3 })
  assert.equal(queue.push([1, 2], 0), undefined)
  let released = false
  const room = queue.push([3, 4], 0)?.then(() => (released = true))
  assert.ok(room)
  await queue.next()
  await room
  assert.equal(released, true)
})

test('bytes count as well as items', () => {
  const { queue } = open({ maxBytes: 10 })
  assert.equal(queue.push([1], 9), undefined)
  assert.ok(queue.push([2], 1) instanceof Promise)
})

test('takers that came first are served first, whatever they take', async () => {
  const { queue } = open()
  const first = queue.next()
  const second = queue.nextBatch()
  const third = queue.next()
  void queue.push([1, 2, 3], 0)
  void queue.push([4], 0)
  assert.deepEqual(await first, { value: 1, done: false })
  assert.deepEqual(await second, { value: [2, 3], done: false })
  assert.deepEqual(await third, { value: 4, done: false })
})

test('an end waits for what is buffered and tells its error once', async () => {
  const { queue, closed } = open()
  void queue.push([1], 0)
  queue.end(new Error('broken'))
  assert.deepEqual(await queue.next(), { value: 1, done: false })
  assert.equal(closed.length, 0)
  await assert.rejects(queue.next(), /broken/)
  assert.deepEqual(await queue.next(), { value: undefined, done: true })
  assert.equal(closed.length, 1)
})

test('closing drops what is buffered, ends every taker and releases the producer', async () => {
  const { queue, closed } = open({ maxItems: 1 })
  const room = queue.push([1, 2], 0)
  queue.close()
  await room
  assert.deepEqual(await queue.next(), { value: undefined, done: true })
  assert.equal(queue.push([3], 0), undefined)
  assert.deepEqual(await queue.next(), { value: undefined, done: true })
  assert.equal(closed.length, 1)
})

test('closing with an error tells a waiting taker', async () => {
  const { queue } = open()
  const waiting = queue.next()
  queue.close(new Error('aborted'))
  await assert.rejects(waiting, /aborted/)
})

test('clearing forgets the buffered items and releases the producer', async () => {
  const { queue } = open({ maxItems: 2 })
  const room = queue.push([1, 2], 0)
  queue.clear()
  await room
  void queue.push([3], 0)
  assert.deepEqual(await queue.next(), { value: 3, done: false })
})
