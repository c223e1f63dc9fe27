import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RingBuffer } from './ring-buffer.ts'

test('holds the newest, the newest first, and never more than it may', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.integer()),
      fc.nat(25),
      (capacity, items, wanted) => {
        const ring = new RingBuffer<number>(capacity)
        for (const item of items) ring.push(item)
        assert.equal(ring.length, Math.min(capacity, items.length))
        assert.deepEqual(ring.newest(wanted), items.slice(-capacity).toReversed().slice(0, wanted))
      },
    ),
  )
})

test('is empty after clear, and goes on', () => {
  const ring = new RingBuffer<string>(2)
  for (const item of ['a', 'b', 'c']) ring.push(item)
  ring.clear()
  assert.deepEqual(ring.newest(2), [])
  ring.push('d')
  assert.deepEqual(ring.newest(2), ['d'])
})
