/** Publish ids: what is repeated within the window is stored once (defect L16). */

import assert from 'node:assert/strict'
import { own, outgoing, plain, publish, readLog, storedIn, textOf } from './messages.ts'
import { storeTest, type StoreFixture, type SuiteContext } from './store-fixture.ts'

export function publishIdSuite(context: SuiteContext): void {
  storeTest(context, 'a repeated publish id stores nothing and returns the first', async (f) => {
    const first = await append(f, 'once', 'first')
    const again = await append(f, 'once', 'again')
    assert.equal(first.kind, 'stored')
    assert.equal(again.kind, 'duplicate')
    assert.deepEqual(again.message, first.message)
    assert.equal(f.committed.length, 1)
    await f.reopen()
    assert.deepEqual(await append(f, 'once', 'after reopening'), again)
    assert.equal((await readLog(f.store, own('t'))).length, 1)
  })

  storeTest(context, 'also within one call and between calls in flight', async (f) => {
    const item = outgoing('t', 'x', { publishId: 'once' })
    const calls = [f.store.append([item, outgoing('t', 'other'), item]), f.store.append([item])]
    const outcomes = (await Promise.all(calls)).flat()
    assert.deepEqual(outcomes.map((outcome) => outcome.kind).sort(), [
      'duplicate',
      'duplicate',
      'stored',
      'stored',
    ])
    const ids = outcomes.map((outcome) => 'message' in outcome && outcome.message.id)
    assert.equal(new Set(ids).size, 2)
    assert.equal(f.store.head(own('t')), 2)
  })

  storeTest(context, 'publish ids of two topics have nothing to do with each other', async (f) => {
    assert.equal((await append(f, 'id', 'x', 'ab')).kind, 'stored')
    assert.equal((await append(f, 'id', 'y', 'a')).kind, 'stored')
    assert.equal((await append(f, 'bid', 'z', 'a')).kind, 'stored')
    assert.equal((await append(f, 'id', 'x', 'ab')).kind, 'duplicate')
  })

  storeTest(
    context,
    'the window begins with the message and repeats do not extend it',
    async (f) => {
      await append(f, 'once', 'first')
      f.clock.advance(999)
      assert.equal((await append(f, 'once', 'inside')).kind, 'duplicate')
      await f.reopen()
      assert.equal((await append(f, 'once', 'inside')).kind, 'duplicate')
      f.clock.advance(2)
      const later = await append(f, 'once', 'outside')
      assert.equal(later.kind, 'stored')
      assert.equal(later.message.headId, 2)
      f.clock.advance(998)
      assert.deepEqual((await append(f, 'once', 'inside again')).message, later.message)
    },
    { publishIdWindowMs: 1_000 },
  )

  storeTest(
    context,
    'only the newest publish ids are remembered',
    async (f) => {
      for (const id of ['a', 'b', 'c', 'd']) assert.equal((await append(f, id)).kind, 'stored')
      await f.reopen()
      for (const id of ['d', 'c', 'b']) assert.equal((await append(f, id)).kind, 'duplicate', id)
      assert.equal((await append(f, 'a')).kind, 'stored')
      assert.equal((await append(f, 'b')).kind, 'stored')
      assert.equal((await append(f, 'd')).kind, 'duplicate')
    },
    { publishIdCount: 3 },
  )

  storeTest(context, 'a duplicate shows the message as it reads now', async (f) => {
    await append(f, 'deleted', 'secret')
    await append(f, 'trimmed', 'old')
    await f.store.deleteRange({ topic: 't', fromHead: 1, toHead: 1, beyondHead: 'clip' })
    const { message } = await append(f, 'deleted', 'again')
    assert.equal(message.deleted, true)
    assert.equal(textOf(message.payload), '')
    await f.store.trim(own('t'), 2)
    await publish(f.store, 't', ['new'])
    const stub = await append(f, 'trimmed', 'again')
    assert.equal(stub.kind, 'duplicate')
    const [, expected] = (await readLog(f.store, own('t'))).map(plain)
    assert.deepEqual(stub.message, expected)
  })

  storeTest(context, 'a rejected message leaves its publish id free', async (f) => {
    const bad = outgoing('', 'x', { publishId: 'once' })
    const [outcome] = await f.store.append([bad])
    assert.equal(outcome?.kind, 'rejected')
    assert.equal((await append(f, 'once')).kind, 'stored')
  })

  storeTest(context, 'a hundred repeats in flight store one message', async (f) => {
    const item = outgoing('t', 'x', { publishId: 'once' })
    const calls = Array.from({ length: 100 }, () => f.store.append([item]))
    const outcomes = (await Promise.all(calls)).flat()
    const stored = outcomes.filter((outcome) => outcome.kind === 'stored')
    assert.equal(stored.length, 1)
    const message = plain(storedIn(stored[0]))
    for (const outcome of outcomes) {
      assert.deepEqual('message' in outcome && plain(outcome.message), message)
    }
  })
}

async function append(f: StoreFixture, publishId: string, text = publishId, topic = 't') {
  const [outcome] = await f.store.append([outgoing(topic, text, { publishId })])
  assert.ok(outcome !== undefined && outcome.kind !== 'rejected')
  return { kind: outcome.kind, message: plain(outcome.message) }
}
