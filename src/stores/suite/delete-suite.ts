/** Deleting in own logs and trimming (spec/msgbus-v1 2.9, 3.2 to 3.4, 5.4; defects L10 to L12). */

import assert from 'node:assert/strict'
import type { DeleteRangeOptions } from '../../core/log-store.ts'
import { deleteMarkerTopic, noHeaders, type StoredMessage } from '../../model/message.ts'
import { stubId } from '../../model/stub-id.ts'
import {
  numbers,
  outgoing,
  own,
  plain,
  publish,
  readFeed,
  readLog,
  replica,
  storedIn,
  textOf,
} from './messages.ts'
import { foreignNode, storeTest, type StoreFixture, type SuiteContext } from './store-fixture.ts'

const markers = own(deleteMarkerTopic)

export function deleteSuite(context: SuiteContext): void {
  storeTest(context, 'deleting erases, keeps the place, and appends the marker', async (f) => {
    const headers = new Map([['k', 'v']])
    await f.store.append(numbers(5).map((n) => outgoing('events', `secret ${n}`, { headers })))
    const before = (await readLog(f.store, own('events'))).map(plain)
    const bytesBefore = f.store.log(own('events'))?.bytes ?? 0
    f.clock.advance(5_000)
    const { deletedCount, marker } = await f.store.deleteRange({
      topic: 'events',
      fromHead: 2,
      toHead: 3,
      beyondHead: 'clip',
    })
    assert.equal(deletedCount, 2)
    assert.ok(marker)
    const text =
      '{"topic":"events","origin":{"tenant_id":"tenant","bl_name":"default","device_id":"node-a"},' +
      `"from_head_id":2,"to_head_id":3,"created_at_ms":${f.clock.now()}}`
    assert.equal(textOf(marker.payload), text)
    assert.equal(marker.headers.size, 0)
    assert.equal(marker.headId, 1)
    assert.equal(marker.createdAtMs, f.clock.now())
    assert.equal(marker.deleted, false)
    assert.ok(!before.some((message) => message.id === marker.id))
    assert.deepEqual(f.committed.map(plain).at(-1), plain(marker))
    const expected = before.map((message) =>
      message.headId === 2 || message.headId === 3 ? erased(message) : message,
    )
    await f.holds(async (store) => {
      assert.deepEqual((await readLog(store, own('events'))).map(plain), expected)
      assert.deepEqual((await readFeed(store)).map(plain), [...expected, plain(marker)])
      assert.deepEqual((await readLog(store, markers)).map(plain), [plain(marker)])
      assert.equal(store.head(own('events')), 5)
      assert.equal(store.log(own('events'))?.bytes, (bytesBefore / 5) * 3)
    })
  })

  storeTest(
    context,
    'counts what changed, and a call that changes nothing writes no marker',
    async (f) => {
      await publish(f.store, 't', numbers(10))
      assert.deepEqual(await clip(f, 2, 4), [3, 'marker 2..4'])
      assert.deepEqual(await clip(f, 2, 4), [0, undefined])
      assert.deepEqual(await clip(f, 3, 6), [2, 'marker 3..6'])
      await f.reopen()
      assert.deepEqual(await clip(f, 4, 5), [0, undefined])
      assert.deepEqual(await clip(f, 9, 20), [2, 'marker 9..10'])
      assert.deepEqual(await clip(f, 1, 10), [3, 'marker 1..10'])
      assert.deepEqual(await clip(f, 1, Infinity), [0, undefined])
      assert.equal(f.store.head(markers), 4)
      assert.equal(f.store.head(own('t')), 10)
    },
  )

  storeTest(context, 'head 0 counts as 1, and the end is clipped to the head', async (f) => {
    await publish(f.store, 't', numbers(3))
    assert.deepEqual(await clip(f, 0, 2), [2, 'marker 1..2'])
    assert.deepEqual(await clip(f, 0, 0), [0, undefined])
    assert.deepEqual(await clip(f, 3, Infinity), [1, 'marker 3..3'])
    const [later] = await publish(f.store, 't', ['later'])
    assert.equal(later?.deleted, false)
    assert.equal(textOf(later?.payload ?? new Uint8Array(0)), 'later')
  })

  storeTest(context, 'a range without messages changes nothing', async (f) => {
    await publish(f.store, 't', numbers(3))
    assert.deepEqual(await clip(f, 4, 9), [0, undefined])
    assert.deepEqual(await clip(f, 5, Infinity), [0, undefined])
    const unknown = { topic: 'unknown', fromHead: 1, toHead: 5, beyondHead: 'clip' } as const
    assert.deepEqual(await f.store.deleteRange(unknown), { deletedCount: 0 })
    assert.equal(f.store.head(markers), undefined)
    assert.equal(f.store.head(own('unknown')), undefined)
    for (const message of await publish(f.store, 't', numbers(5))) {
      assert.equal(message.deleted, false)
    }
  })

  storeTest(context, 'deletes in own logs only', async (f) => {
    await publish(f.store, 't', numbers(2))
    await f.store.replicate([replica('t', 1), replica('t', 2)])
    await clip(f, 1, 2)
    const theirs = await readLog(f.store, { topic: 't', origin: foreignNode })
    assert.deepEqual(
      theirs.map((message) => textOf(message.payload)),
      ['t 1', 't 2'],
    )
  })

  storeTest(
    context,
    'keep: a range beyond the head makes later messages be born deleted',
    async (f) => {
      await publish(f.store, 't', numbers(2))
      assert.deepEqual(await remove(f, 2, 5, 'keep'), [1, 'marker 2..5'])
      await publish(f.store, 't', ['three'])
      await f.reopen()
      const headers = new Map([['k', 'secret']])
      const outcomes = await f.store.append([outgoing('t', 'four', { headers })])
      await publish(f.store, 't', ['five', 'six'])
      const expected = ['1 false 1', '2 true ', '3 true ', '4 true ', '5 true ', '6 false six']
      assert.deepEqual(summary(outcomes.map(storedIn)), ['4 true '])
      // Listeners see the flag as it is stored (L9).
      assert.deepEqual(
        summary(f.committed.filter((message) => message.headId > 2)),
        expected.slice(2),
      )
      await f.holds(async (store) => {
        assert.deepEqual(summary(await readLog(store, own('t'))), expected)
        const four = (await readLog(store, own('t')))[3]
        assert.equal(four?.headers.size, 0)
        assert.equal(store.log(own('t'))?.bytes, 4)
      })
    },
  )

  storeTest(context, 'keep: a range without end, before the log exists', async (f) => {
    assert.deepEqual(await remove(f, 1, Infinity, 'keep'), [0, 'marker 1..18446744073709551615'])
    assert.equal(f.store.head(own('t')), undefined)
    assert.equal(f.store.log(own('t')), undefined)
    await f.reopen()
    assert.deepEqual(
      [...f.store.logs()].map((log) => log.topic),
      [deleteMarkerTopic],
    )
    const [message] = await publish(f.store, 't', ['x'])
    assert.equal(message?.headId, 1)
    assert.equal(message?.deleted, true)
    assert.deepEqual(await remove(f, 1, Infinity, 'keep'), [0, 'marker 1..18446744073709551615'])
  })

  storeTest(
    context,
    'keepDeletedPayloads: deleted messages keep their content',
    async (f) => {
      const headers = new Map([['k', 'v']])
      await f.store.append(numbers(3).map((n) => outgoing('t', n, { headers })))
      assert.deepEqual(await remove(f, 2, 4, 'keep'), [2, 'marker 2..4'])
      await publish(f.store, 't', ['4'])
      await f.store.replicate([replica('t', 1, { deleted: true })])
      await f.holds(async (store) => {
        const messages = await readLog(store, own('t'))
        assert.deepEqual(
          messages.map((message) => `${textOf(message.payload)} ${message.deleted}`),
          ['1 false', '2 true', '3 true', '4 true'],
        )
        assert.deepEqual(new Map(messages[1]?.headers), headers)
        const [theirs] = await readLog(store, { topic: 't', origin: foreignNode })
        assert.equal(textOf(theirs?.payload ?? new Uint8Array(0)), 't 1')
        assert.equal(theirs?.deleted, true)
      })
    },
    { keepDeletedPayloads: true },
  )

  storeTest(context, 'a delete and its marker become visible together', async (f) => {
    await publish(f.store, 't', numbers(4))
    let bytesAtMarker: number | undefined
    f.store.onCommit(({ messages }) => {
      if (messages.some((message) => message.topic === deleteMarkerTopic)) {
        bytesAtMarker = f.store.log(own('t'))?.bytes
      }
    })
    await clip(f, 1, 3)
    assert.equal(bytesAtMarker, 1)
  })

  storeTest(context, 'deletes among appends in flight', async (f) => {
    const { store } = f
    await publish(store, 't', numbers(10))
    const calls: Promise<number>[] = []
    for (let i = 0; i < 30; i += 1) {
      void publish(store, 't', numbers(3))
      const range = { topic: 't', fromHead: i, toHead: i + 5, beyondHead: 'clip' } as const
      calls.push(store.deleteRange(range).then(({ deletedCount }) => deletedCount))
    }
    const counts = await Promise.all(calls)
    const total = counts.reduce((sum, count) => sum + count, 0)
    await f.holds(async (open) => {
      const messages = await readLog(open, own('t'))
      assert.equal(messages.length, 100)
      assert.equal(messages.filter((message) => message.deleted).length, total)
      for (const message of messages) assert.equal(message.payload.length === 0, message.deleted)
    })
  })

  storeTest(context, 'many small deletes (L12)', async (f) => {
    await publish(f.store, 't', numbers(800))
    const odd = Array.from({ length: 400 }, (_, i) => 2 * i + 1)
    await Promise.all(odd.map((head) => clip(f, head, head)))
    await f.holds(async (store) => {
      for (const message of await readLog(store, own('t'))) {
        assert.equal(message.deleted, message.headId % 2 === 1)
      }
      assert.equal(store.head(markers), 400)
    })
    assert.deepEqual(await clip(f, 1, 800), [400, 'marker 1..800'])
  })

  trimTests(context)
}

function trimTests(context: SuiteContext): void {
  storeTest(context, 'trimming leaves stubs in the log and nothing in the feed', async (f) => {
    await publish(f.store, 't', numbers(10))
    await publish(f.store, 'other', ['x'])
    const before = (await readLog(f.store, own('t'))).map(plain)
    f.clock.advance(1_000)
    await f.store.trim(own('t'), 4)
    const trimmedAtMs = f.clock.now()
    f.clock.advance(1_000)
    await f.holds(async (store) => {
      const messages = (await readLog(store, own('t'), { messages: 3 })).map(plain)
      for (const [i, message] of messages.entries()) {
        if (i >= 4) assert.deepEqual(message, before[i])
        else assert.deepEqual(message, stub('t', i + 1, trimmedAtMs))
      }
      const feed = await readFeed(store)
      assert.deepEqual(
        feed.map((message) => `${message.topic} ${message.headId}`),
        ['t 5', 't 6', 't 7', 't 8', 't 9', 't 10', 'other 1'],
      )
      const { head, trimmedTo, bytes, lastSequence } = store.log(own('t')) ?? {}
      assert.deepEqual([head, trimmedTo, bytes, lastSequence], [10, 4, 7, before[9]?.sequence])
    })
  })

  storeTest(context, 'trimming goes on, never back, and never beyond the head', async (f) => {
    await publish(f.store, 't', numbers(6))
    await f.store.trim(own('t'), 3)
    const first = f.clock.now()
    f.clock.advance(1_000)
    await f.store.trim(own('t'), 3)
    await f.store.trim(own('t'), 2)
    const [unchanged] = await readLog(f.store, own('t'))
    assert.equal(unchanged?.createdAtMs, first)
    await f.store.trim(own('unknown'), 5)
    assert.equal(f.store.head(own('unknown')), undefined)
    await f.store.trim(own('t'), 1_000)
    await f.holds(async (store) => {
      const stubs = numbers(6).map((n) => stub('t', Number(n), f.clock.now()))
      assert.deepEqual((await readLog(store, own('t'))).map(plain), stubs)
      assert.deepEqual(await readFeed(store), [])
      assert.equal(store.log(own('t'))?.trimmedTo, 6)
      assert.equal(store.log(own('t'))?.bytes, 0)
      assert.equal(store.head(own('t')), 6)
    })
    const [next] = await publish(f.store, 't', ['next'])
    assert.equal(next?.headId, 7)
    assert.ok((next?.sequence ?? 0) > 0)
    assert.deepEqual((await readFeed(f.store)).map(plain), [plain(next)])
  })

  storeTest(context, 'foreign logs are trimmed like own ones', async (f) => {
    const log = { topic: 't', origin: foreignNode }
    await f.store.replicate(numbers(5).map((n) => replica('t', Number(n))))
    await f.store.trim(log, 2)
    await f.holds(async (store) => {
      const messages = await readLog(store, log)
      assert.deepEqual(
        messages.map((message) => message.id === stubId(log, message.headId)),
        [true, true, false, false, false],
      )
    })
    const [outcome] = await f.store.replicate([replica('t', 6)])
    assert.equal(outcome?.kind, 'inserted')
  })

  storeTest(context, 'deleting what is trimmed tells others, but counts nothing', async (f) => {
    await publish(f.store, 't', numbers(10))
    await f.store.trim(own('t'), 5)
    assert.deepEqual(await clip(f, 1, 3), [0, 'marker 1..3'])
    assert.deepEqual(await clip(f, 1, 3), [0, undefined])
    assert.deepEqual(await clip(f, 2, 7), [2, 'marker 2..7'])
    await f.reopen()
    assert.deepEqual(await clip(f, 1, 7), [0, undefined])
    await f.store.trim(own('t'), 8)
    assert.equal(f.store.log(own('t'))?.bytes, 3)
  })

  storeTest(context, 'many trims at once, among appends and deletes', async (f) => {
    const { store } = f
    const topics = numbers(300).map((n) => `t${n}`)
    await store.append([...topics, ...topics, ...topics].map((topic) => outgoing(topic, 'x')))
    const calls: Promise<unknown>[] = topics.map((topic) => store.trim(own(topic), 1))
    calls.push(store.trim(own('t7'), 3), store.trim(own('t7'), 2), store.trim(own('none'), 9))
    calls.push(publish(store, 't8', ['later']))
    const range = { topic: 't9', fromHead: 1, toHead: 2, beyondHead: 'clip' } as const
    calls.push(store.deleteRange(range), store.trim(own('t9'), 2))
    await Promise.all(calls)
    await f.holds(async (open) => {
      const trimmedTo = (topic: string) => open.log(own(topic))?.trimmedTo
      for (const topic of topics) {
        const expected = topic === 't7' ? 3 : topic === 't9' ? 2 : 1
        assert.equal(trimmedTo(topic), expected, topic)
        const live = (await readLog(open, own(topic))).filter((message) => !message.deleted)
        const bytes = live.reduce((sum, { payload }) => sum + payload.length, 0)
        assert.equal(open.log(own(topic))?.bytes, bytes, topic)
      }
      assert.equal(open.log(own('t8'))?.bytes, 7)
      assert.equal(open.log(own('none')), undefined)
    })
  })

  storeTest(context, 'retention that runs for long keeps logs readable', async (f) => {
    for (let round = 1; round <= 30; round += 1) {
      await publish(f.store, 't', numbers(20))
      await f.store.trim(own('t'), round * 20 - 5)
    }
    await f.holds(async (store) => {
      assert.equal((await readLog(store, own('t'))).length, 600)
      const feed = await readFeed(store)
      assert.deepEqual(
        feed.map((message) => message.headId),
        [596, 597, 598, 599, 600],
      )
    })
  })
}

async function clip(f: StoreFixture, fromHead: number, toHead: number) {
  return remove(f, fromHead, toHead, 'clip')
}

/** Deletes in topic `t` and answers the count and the range of the marker, if there was one. */
async function remove(
  f: StoreFixture,
  fromHead: number,
  toHead: number,
  beyondHead: DeleteRangeOptions['beyondHead'],
): Promise<[number, string | undefined]> {
  const { deletedCount, marker } = await f.store.deleteRange({
    topic: 't',
    fromHead,
    toHead,
    beyondHead,
  })
  if (marker === undefined) return [deletedCount, undefined]
  const range = /"from_head_id":(\d+),"to_head_id":(\d+),/.exec(textOf(marker.payload))
  return [deletedCount, `marker ${range?.[1]}..${range?.[2]}`]
}

/** Messages of topic `t` in short. */
function summary(messages: readonly StoredMessage[]): string[] {
  return messages
    .filter((message) => message.topic === 't')
    .map(({ headId, deleted, payload }) => `${headId} ${deleted} ${textOf(payload)}`)
}

function erased(message: StoredMessage): StoredMessage {
  return { ...message, payload: new Uint8Array(0), headers: noHeaders, deleted: true }
}

function stub(topic: string, headId: number, createdAtMs: number): StoredMessage {
  return {
    ...own(topic),
    id: stubId(own(topic), headId),
    headId,
    sequence: 0,
    payload: new Uint8Array(0),
    headers: new Map(),
    createdAtMs,
    deleted: true,
  }
}
