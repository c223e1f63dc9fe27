/** What came to be kept and what is history (LogInfo.keptTo; architecture 4, docs/adr/0005-history.md). */

import assert from 'node:assert/strict'
import type { LogStore } from '../../core/log-store.ts'
import { deleteMarkerTopic, type LogKey } from '../../model/message.ts'
import { numbers, outgoing, own, publish, readLog, replica, storedIn } from './messages.ts'
import { foreignNode, storeTest, type StoreFixture, type SuiteContext } from './store-fixture.ts'

export function keptSuite(context: SuiteContext): void {
  storeTest(context, 'a log of history has nothing that is kept', async (f) => {
    await history(f.store, 't', 5)
    await f.holds(async (store) => {
      assert.equal(keptTo(store, 't'), 0)
      assert.equal(store.log(own('t'))?.historyTo, 5)
      assert.equal(store.head(own('t')), 5)
    })
    await history(f.store, 't', 2)
    await f.holds(async (store) => assert.equal(keptTo(store, 't'), 0))
  })

  storeTest(context, 'history ends with the last message that is not history', async (f) => {
    await history(f.store, 't', 3)
    await publish(f.store, 't', ['kept'])
    await f.holds(async (store) => assert.equal(keptTo(store, 't'), 4))
    await history(f.store, 't', 3)
    await f.holds(async (store) => {
      assert.equal(keptTo(store, 't'), 4)
      assert.equal(store.log(own('t'))?.historyTo, 7)
      assert.equal((await readLog(store, own('t'))).length, 7)
    })
    await publish(f.store, 't', numbers(2))
    await f.holds(async (store) => {
      assert.equal(keptTo(store, 't'), 9)
      assert.equal(store.log(own('t'))?.historyTo, 7)
    })
  })

  storeTest(context, 'both kinds in one call, and other logs beside', async (f) => {
    const outcomes = await f.store.append([
      outgoing('a', '1', { history: true }),
      outgoing('b', '1'),
      outgoing('a', '2'),
      outgoing('b', '2', { history: true }),
      outgoing('a', '3', { history: true }),
      outgoing('c', '1', { history: false }),
    ])
    assert.equal(outcomes.map(storedIn).length, 6)
    await f.holds(async (store) => {
      assert.deepEqual(
        ['a', 'b', 'c'].map((topic) => keptTo(store, topic)),
        [2, 1, 1],
      )
    })
  })

  storeTest(context, 'what is kept can be given up by trimming', async (f) => {
    await publish(f.store, 't', numbers(3))
    await history(f.store, 't', 3)
    await f.store.trim(own('t'), 2)
    await f.holds(async (store) => assert.equal(keptTo(store, 't'), 3))
    await f.store.trim(own('t'), 3)
    await f.holds(async (store) => assert.equal(keptTo(store, 't'), 0))
    await f.store.trim(own('t'), 6)
    await publish(f.store, 't', ['kept'])
    await f.holds(async (store) => assert.equal(keptTo(store, 't'), 7))
  })

  storeTest(context, 'what is kept can be given up by deleting all of it', async (f) => {
    await history(f.store, 't', 2)
    await publish(f.store, 't', numbers(3))
    await history(f.store, 't', 2)
    await remove(f, 5, 5)
    // Which of the others are history is not known one by one.
    await f.holds(async (store) => assert.equal(keptTo(store, 't'), 5))
    await remove(f, 2, 4)
    await f.holds(async (store) => assert.equal(keptTo(store, 't'), 5))
    await f.store.trim(own('t'), 1)
    await f.holds(async (store) => assert.equal(keptTo(store, 't'), 0))
    await remove(f, 6, 7)
    await publish(f.store, 't', ['kept'])
    await f.holds(async (store) => assert.equal(keptTo(store, 't'), 8))
  })

  storeTest(context, 'messages that are born deleted hold nothing up', async (f) => {
    const range = { topic: 't', fromHead: 1, toHead: 2, beyondHead: 'keep' } as const
    await f.store.deleteRange(range)
    await publish(f.store, 't', numbers(2))
    await history(f.store, 't', 1)
    await f.holds(async (store) => assert.equal(keptTo(store, 't'), 0))
  })

  storeTest(context, 'replicated messages and delete markers are kept', async (f) => {
    await f.store.replicate(numbers(3).map((n) => replica('t', Number(n))))
    await history(f.store, 't', 3)
    await remove(f, 1, 1)
    await f.holds(async (store) => {
      assert.equal(keptTo(store, { topic: 't', origin: foreignNode }), 3)
      assert.equal(keptTo(store, deleteMarkerTopic), 1)
      assert.equal(keptTo(store, 't'), 0)
    })
  })

  storeTest(context, 'a repeated publish changes nothing', async (f) => {
    await f.store.append([outgoing('t', 'x', { history: true, publishId: 'p' })])
    const [again] = await f.store.append([outgoing('t', 'x', { publishId: 'p' })])
    assert.equal(again?.kind, 'duplicate')
    await f.holds(async (store) => assert.equal(keptTo(store, 't'), 0))
  })

  if (context.traits.restore === undefined) return

  storeTest(context, 'a backup tells the two apart', async (f) => {
    await history(f.store, 'history', 4)
    await publish(f.store, 'kept', numbers(4))
    await publish(f.store, 'both', numbers(2))
    await history(f.store, 'both', 2)
    await f.reopen()
    await history(f.store, 'both', 2)
    const restored = await f.restore(f.store.backup())
    assert.deepEqual(
      ['history', 'kept', 'both'].map((topic) => keptTo(restored, topic)),
      [0, 4, 2],
    )
  })
}

/** Appends `count` messages of history. */
async function history(store: LogStore, topic: string, count: number): Promise<void> {
  const items = numbers(count).map((n) => outgoing(topic, n, { history: true }))
  for (const outcome of await store.append(items)) storedIn(outcome)
}

/** The last head that is to be kept; 0 when there is none any more. */
function keptTo(store: LogStore, log: string | LogKey): number | undefined {
  const info = store.log(typeof log === 'string' ? own(log) : log)
  return info?.holdsKept === false ? 0 : info?.keptTo
}

async function remove(f: StoreFixture, fromHead: number, toHead: number): Promise<void> {
  await f.store.deleteRange({ topic: 't', fromHead, toHead, beyondHead: 'clip' })
}
