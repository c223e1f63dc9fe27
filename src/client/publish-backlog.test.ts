import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PublishBacklog } from './publish-backlog.ts'
import type { BacklogEntry } from './publish-backlog.ts'

const limits = {
  maxInFlightMessages: 8,
  maxInFlightBytes: 100,
  maxBatchMessages: 4,
  maxBatchBytes: 20,
}

function entry(publishId: string, bytes = 1): BacklogEntry {
  const receipt = undefined
  return { topic: 't', payload: new Uint8Array(), headers: new Map(), publishId, bytes, receipt }
}

function ids(entries: readonly BacklogEntry[] | undefined): string {
  return (entries ?? []).map((each) => each.publishId).join('')
}

function filled(text: string, bytes = 1): PublishBacklog {
  const backlog = new PublishBacklog(limits)
  for (const id of text) backlog.add(entry(id, bytes))
  return backlog
}

test('a batch is bounded in messages and bytes; a larger message goes alone', () => {
  assert.equal(ids(filled('abcdef').nextBatch()?.entries), 'abcd')
  assert.equal(ids(filled('abcdef', 7).nextBatch()?.entries), 'ab')
  assert.equal(ids(filled('abc', 50).nextBatch()?.entries), 'a')
})

test('while two batches are on their way a small one waits, a full one goes', () => {
  const backlog = new PublishBacklog(limits)
  for (const id of 'ab') {
    backlog.add(entry(id))
    assert.ok(backlog.nextBatch())
  }
  backlog.add(entry('c'))
  assert.equal(backlog.nextBatch(), undefined)
  for (const id of 'def') backlog.add(entry(id))
  assert.equal(ids(backlog.nextBatch()?.entries), 'cdef')
})

test('nothing more goes when enough is in flight', () => {
  const backlog = filled('abcdefghijkl')
  assert.equal(ids(backlog.nextBatch()?.entries), 'abcd')
  assert.equal(ids(backlog.nextBatch()?.entries), 'efgh')
  assert.equal(backlog.nextBatch(), undefined)
  backlog.answered(1)
  assert.equal(ids(backlog.nextBatch()?.entries), 'ijkl')
})

test('answers are taken in order only', () => {
  const backlog = filled('abcdefgh')
  backlog.nextBatch()
  backlog.nextBatch()
  assert.equal(backlog.answered(2), undefined)
  assert.equal(ids(backlog.answered(1)?.entries), 'abcd')
})

test('what is put back comes first and in order', () => {
  const backlog = filled('abcdefghij')
  backlog.nextBatch()
  backlog.nextBatch()
  assert.equal(backlog.putBack(), 8)
  assert.equal(ids(backlog.drop(Infinity)), 'abcdefghij')
  assert.equal(backlog.messages, 0)
})

test('sent singly, one message is on its way at a time until the suspects are settled', () => {
  const backlog = filled('abcd')
  backlog.sendSingly(2)
  for (const id of 'ab') {
    const batch = backlog.nextBatch()
    assert.equal(ids(batch?.entries), id)
    assert.equal(backlog.nextBatch(), undefined)
    backlog.answered(batch?.batchId ?? 0)
  }
  assert.equal(ids(backlog.nextBatch()?.entries), 'cd')
})

test('whatever happens, messages leave once and in order', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('add' as const), bytes: fc.integer({ min: 0, max: 40 }) }),
    fc.record({ kind: fc.constantFrom('send' as const, 'answer' as const, 'break' as const) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const backlog = new PublishBacklog(limits)
      const inFlight: number[] = []
      const left: number[] = []
      let added = 0
      for (const each of steps) {
        if (each.kind === 'add') backlog.add(entry(String(added++), each.bytes))
        else if (each.kind === 'send') {
          const batch = backlog.nextBatch()
          if (batch !== undefined) inFlight.push(batch.batchId)
        } else if (each.kind === 'answer') {
          const batch = backlog.answered(inFlight.shift() ?? -1)
          for (const { publishId } of batch?.entries ?? []) left.push(Number(publishId))
        } else {
          backlog.putBack()
          inFlight.length = 0
        }
        assert.equal(backlog.messages, added - left.length)
      }
      backlog.putBack()
      for (const { publishId } of backlog.drop(Infinity)) left.push(Number(publishId))
      assert.deepEqual(left, [...left.keys()])
      assert.equal(left.length, added)
      assert.equal(backlog.isFull, false)
    }),
  )
})
