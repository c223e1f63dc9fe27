/** FIFO queues (spec/msgbus-v1 4) and the rows about peers (5.5). */

import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { LogStore, QueueSettlement } from '../../core/log-store.ts'
import { noHeaders } from '../../model/message.ts'
import type { OutgoingQueueMessage } from '../../model/queue-message.ts'
import { bytesOf, contentOf, numbers, own, plainQueueMessage, publish, textOf } from './messages.ts'
import { foreignNode, ownNode, storeTest, type SuiteContext } from './store-fixture.ts'

const nobody = { tenantId: '', blName: '', deviceId: '' }
const all = { messages: 10_000 }
const foreignLog = { topic: 't', origin: foreignNode }
const threeOfFive = { localHead: 3, remoteHead: 5, lastSyncedHead: 3 }

export function queueSuite(context: SuiteContext): void {
  storeTest(context, 'queue messages are stamped, stored and read in order', async (f) => {
    const headers = new Map([['k', 'v 🚌']])
    const items = [
      item('q', 'a', { headers, target: nobody }),
      item('Q', 'b', { topic: 'other/topic', target: foreignNode }),
      item('q', '', {}),
      item('q ', 'c', {}),
      item('q', 'd', {}),
    ]
    const stored = (await f.store.enqueue(items)).map(plainQueueMessage)
    assert.deepEqual(
      stored.map((message) => message.sequence),
      [1, 1, 2, 1, 3],
    )
    assert.equal(new Set(stored.map((message) => message.id)).size, items.length)
    for (const [i, message] of stored.entries()) {
      const { id, sequence } = message
      assert.match(id, /^[0-9a-f-]{36}$/)
      const stamp = { id, sequence, createdAtMs: f.clock.now(), attempts: 0 }
      assert.deepEqual(message, { ...items[i], ...stamp })
    }
    assert.deepEqual(f.committed, [], 'enqueueing reaches no subscriber')
    await f.holds(async (store) => {
      for (const queue of ['q', 'Q', 'q ']) {
        const read = (await store.readQueue(queue, 0, all)).map(plainQueueMessage)
        assert.deepEqual(
          read,
          stored.filter((message) => message.queue === queue),
        )
      }
      assert.deepEqual([...store.queues()].map((state) => ({ ...state })).sort(byQueue), [
        { queue: 'Q', depth: 1, lastSequence: 1 },
        { queue: 'q', depth: 3, lastSequence: 3 },
        { queue: 'q ', depth: 1, lastSequence: 1 },
      ])
      assert.deepEqual(await store.readQueue('unknown', 0, all), [])
    })
  })

  storeTest(context, 'notes are written with the queue messages they belong to', async (f) => {
    const note = { table: 'n', key: 'k' }
    await f.store.enqueue([item('q', 'a')], [{ ...note, value: bytesOf('1') }])
    const items = [item('q', 'b'), item('r', 'c')]
    await f.store.enqueue(items, [{ ...note, value: bytesOf('2') }])
    await f.holds(async (store) => {
      assert.equal(textOf((await store.note('n', 'k')) ?? new Uint8Array()), '2')
      assert.equal((await store.readQueue('q', 0, all)).length, 2)
    })
  })

  storeTest(context, 'a queue is read from a sequence on, within limits', async (f) => {
    await f.store.enqueue(numbers(50).map((n) => item('q', n.padStart(100, '.'))))
    await f.holds(async (store) => {
      const read = async (from: number, messages: number, bytes?: number) =>
        (await store.readQueue('q', from, { messages, bytes })).map((message) => message.sequence)
      assert.deepEqual(await read(0, 2), [1, 2])
      assert.deepEqual(await read(1, 2), [1, 2])
      assert.deepEqual(await read(10, 3), [10, 11, 12])
      assert.deepEqual(await read(49, 10), [49, 50])
      assert.deepEqual(await read(51, 10), [])
      const few = await read(5, 10, 250)
      assert.ok(few.length >= 1 && few.length <= 3 && few[0] === 5)
      assert.equal((await read(5, 10, 1)).length, 1)
    })
  })

  storeTest(context, 'removing: the front, or any by id', async (f) => {
    const [a, b, c] = await enqueue(f.store, ['a', 'b', 'c'])
    assert.deepEqual(await settle(f.store, 'remove', true, [b, c, 'unknown']), [
      false,
      false,
      false,
    ])
    assert.deepEqual(await texts(f.store), ['a', 'b', 'c'])
    assert.deepEqual(await settle(f.store, 'remove', true, [a, a]), [true, false])
    assert.deepEqual(await settle(f.store, 'remove', false, [c, c, a]), [true, false, false])
    await f.holds(async (store) => {
      assert.deepEqual(await texts(store), ['b'])
      assert.deepEqual(await store.settleQueue([settlement('other', b)]), [false])
    })
  })

  storeTest(context, 'attempts are counted where the message stands', async (f) => {
    const [a, b] = await enqueue(f.store, ['a', 'b'])
    assert.deepEqual(await settle(f.store, 'attempt', true, [a, a, b]), [true, true, false])
    assert.deepEqual(await settle(f.store, 'attempt', false, [b, 'unknown']), [true, false])
    await f.holds(async (store) => {
      const read = await store.readQueue('q', 0, all)
      assert.deepEqual(
        read.map(({ id, sequence, attempts }) => ({ id, sequence, attempts })),
        [
          { id: a, sequence: 1, attempts: 2 },
          { id: b, sequence: 2, attempts: 1 },
        ],
      )
    })
    await settle(f.store, 'remove', true, [a])
    assert.deepEqual(await settle(f.store, 'attempt', true, [a, b]), [false, true])
  })

  storeTest(context, 'settlements of one call apply in order', async (f) => {
    const [a, b, c] = await enqueue(f.store, ['a', 'b', 'c'])
    assert.deepEqual(await settle(f.store, 'remove', true, [a, b, a, c]), [true, true, false, true])
    assert.deepEqual(await texts(f.store), [])
  })

  storeTest(context, 'a large message is counted and removed in one call', async (f) => {
    const [id] = await enqueue(f.store, ['x'.repeat(100_000)])
    await publish(f.store, 't', ['after'])
    // A commit that writes a large value and takes it back leaves unusual files behind.
    const attempt = { ...settlement('q', id), action: 'attempt' } as const
    assert.deepEqual(await f.store.settleQueue([attempt, settlement('q', id)]), [true, true])
    await f.holds(async (store) => {
      assert.deepEqual(await texts(store), [])
      assert.equal(store.head(own('t')), 1)
    })
  })

  storeTest(context, 'sequences are never used again', async (f) => {
    const ids = await enqueue(f.store, ['a', 'b'])
    await settle(f.store, 'remove', true, ids)
    await f.holds(async (store) => {
      assert.deepEqual(
        [...store.queues()].map((state) => ({ ...state })),
        [{ queue: 'q', depth: 0, lastSequence: 2 }],
      )
    })
    const [message] = await f.store.enqueue([item('q', 'c')])
    assert.equal(message?.sequence, 3)
  })

  storeTest(context, 'of many consumers one gets each message', async (f) => {
    const { store } = f
    const ids = await enqueue(store, numbers(80))
    const taken: string[] = []
    const consume = async () => {
      for (;;) {
        const [front] = await store.readQueue('q', 0, { messages: 1 })
        if (front === undefined) return
        const [isMine] = await settle(store, 'remove', true, [front.id])
        if (isMine === true) taken.push(front.id)
      }
    }
    await Promise.all(Array.from({ length: 8 }, consume))
    assert.deepEqual(taken, ids)
  })

  storeTest(context, 'a long queue that is worked off keeps its order', async (f) => {
    const { store } = f
    const expected: string[] = []
    for (let round = 0; round < 12; round += 1) {
      const added = numbers(300).map((n) => `${round} ${n}`)
      await store.enqueue(added.map((text) => item('q', text)))
      expected.push(...added)
      const front = await store.readQueue('q', 0, { messages: 280 })
      assert.deepEqual(
        front.map((message) => textOf(message.payload)),
        expected.splice(0, 280),
      )
      const gone = await settle(
        store,
        'remove',
        true,
        front.map((message) => message.id),
      )
      assert.ok(gone.every(Boolean))
    }
    await f.holds(async (open) => {
      assert.deepEqual(await texts(open), expected)
    })
  })

  storeTest(context, 'rows about peers: the store counts', async (f) => {
    const attempt = { localHead: 3, remoteHead: 5, lastAttemptAtMs: 10 }
    const whole = { peer: 'http://b:1', log: undefined, localHead: 0, remoteHead: 0 }
    await f.store.recordSync([
      { peer: 'http://b:1', log: own('t'), ...attempt, error: 'first' },
      { peer: 'http://b:1', log: own('t'), ...attempt, lastAttemptAtMs: 20, error: 'second' },
      { ...whole, lastAttemptAtMs: 20 },
      { peer: 'http://b:10', log: own('t'), ...attempt },
      { peer: 'http://b:1', log: foreignLog, ...attempt },
    ])
    await f.reopen()
    await f.store.recordSync([
      { peer: 'http://b:1', log: own('t'), ...attempt, lastAttemptAtMs: 30, error: 'third' },
      { ...whole, lastAttemptAtMs: 40, error: 'down' },
      { peer: 'http://b:10', log: own('t'), ...attempt, localHead: 5, lastAttemptAtMs: 30 },
    ])
    await f.holds(async (store) => {
      const { syncStates } = await contentOf(store)
      const failed = { peer: 'http://b:1', log: own('t'), ...threeOfFive, lastAttemptAtMs: 30 }
      const down = { ...whole, lastSyncedHead: 0, lastAttemptAtMs: 40, lastSuccessAtMs: 20 }
      const done = { log: own('t'), localHead: 5, remoteHead: 5, lastSyncedHead: 5 }
      const expected = [
        { ...failed, lastSuccessAtMs: 0, consecutiveFailures: 3, lastError: 'third' },
        { ...down, consecutiveFailures: 1, lastError: 'down' },
        { peer: 'http://b:10', ...done, ...succeededAt(30) },
        { peer: 'http://b:1', log: foreignLog, ...threeOfFive, ...succeededAt(10) },
      ]
      assert.equal(syncStates.length, expected.length)
      for (const wanted of expected) {
        assert.ok(
          syncStates.some((found) => isDeepStrictEqual(found, wanted)),
          `no row ${JSON.stringify(wanted)} in ${JSON.stringify(syncStates)}`,
        )
      }
    })
  })
}

function item(
  queue: string,
  text: string,
  more: Partial<OutgoingQueueMessage> = {},
): OutgoingQueueMessage {
  return {
    queue,
    topic: 't',
    source: ownNode,
    target: foreignNode,
    payload: bytesOf(text),
    headers: noHeaders,
    ...more,
  }
}

async function enqueue(store: LogStore, payloads: readonly string[]): Promise<string[]> {
  const stored = await store.enqueue(payloads.map((text) => item('q', text)))
  return stored.map((message) => message.id)
}

async function texts(store: LogStore): Promise<string[]> {
  return (await store.readQueue('q', 0, all)).map((message) => textOf(message.payload))
}

async function settle(
  store: LogStore,
  action: QueueSettlement['action'],
  frontOnly: boolean,
  ids: readonly (string | undefined)[],
): Promise<boolean[]> {
  return store.settleQueue(ids.map((id) => ({ ...settlement('q', id), action, frontOnly })))
}

function settlement(queue: string, id: string | undefined): QueueSettlement {
  assert.ok(id !== undefined)
  return { queue, id, action: 'remove', frontOnly: false }
}

function succeededAt(ms: number) {
  return { lastAttemptAtMs: ms, lastSuccessAtMs: ms, consecutiveFailures: 0, lastError: '' }
}

function byQueue(a: { readonly queue: string }, b: { readonly queue: string }): number {
  return a.queue < b.queue ? -1 : 1
}
