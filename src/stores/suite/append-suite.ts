/** Appending: heads, what is stored, who owns buffers, and bad items (spec/msgbus-v1 2.4, 8.3). */

import assert from 'node:assert/strict'
import type { LogStore } from '../../core/log-store.ts'
import { noHeaders, type StoredMessage } from '../../model/message.ts'
import {
  bytesOf,
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
import { ownNode, storeTest, type SuiteContext } from './store-fixture.ts'

const uuidV4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

const longTopics = ['x'.repeat(1_024), 'y'.repeat(600), '🚌'.repeat(256), 'z'.repeat(60_000)]
const oddTopics = [
  ...longTopics,
  ...'a| a|a |A|\u00c9|E\u0301|\ufeff|\ufeffa|🚌|𐐷/𐐷|\ud7ff|\uffff|a/b|a//b|/|/a|a/|a\nb|a:b|a\u0001b'.split(
    '|',
  ),
  ...'%00 .. ../a $other $msgbus.deleted + # | || constructor __proto__'.split(' '),
]

export function appendSuite(context: SuiteContext): void {
  storeTest(context, 'the first message of a log is stamped and stored', async (f) => {
    const headers = new Map([['kind', 'greeting']])
    const [outcome] = await f.store.append([outgoing('events', 'hello', { headers })])
    const stored = plain(storedIn(outcome))
    assert.match(stored.id, uuidV4)
    assert.ok(stored.sequence > 0)
    const { id, sequence } = stored
    assert.deepEqual(stored, {
      ...own('events'),
      id,
      headId: 1,
      sequence,
      payload: bytesOf('hello'),
      headers,
      createdAtMs: f.clock.now(),
      deleted: false,
    })
    await f.holds(async (store) => {
      assert.deepEqual((await readLog(store, own('events'))).map(plain), [stored])
      assert.deepEqual((await readFeed(store)).map(plain), [stored])
      assert.equal(store.head(own('events')), 1)
      assert.equal(store.lastSequence, sequence)
    })
  })

  storeTest(context, 'items of one call get consecutive heads, log by log', async (f) => {
    const topics = ['a', 'b', 'a', 'a', 'b', 'c', 'a']
    const outcomes = await f.store.append(topics.map((topic, i) => outgoing(topic, String(i))))
    assert.deepEqual(
      outcomes.map((outcome) => storedIn(outcome).headId),
      [1, 1, 2, 3, 2, 1, 4],
    )
    const [next] = await publish(f.store, 'b', ['x'])
    assert.equal(next?.headId, 3)
    await f.holds(async (store) => {
      const texts = (await readLog(store, own('a'))).map((message) => textOf(message.payload))
      assert.deepEqual(texts, ['0', '2', '3', '6'])
    })
  })

  storeTest(context, 'heads and sequences go on after reopening', async (f) => {
    const before = await publish(f.store, 't', numbers(5))
    await f.reopen()
    const after = await publish(f.store, 't', numbers(3))
    assert.deepEqual(
      after.map((message) => message.headId),
      [6, 7, 8],
    )
    assert.ok((after[0]?.sequence ?? 0) > (before[4]?.sequence ?? 0))
    const ids = (await readLog(f.store, own('t'))).map((message) => message.id)
    assert.deepEqual(
      ids,
      [...before, ...after].map((message) => message.id),
    )
    assert.equal(new Set(ids).size, 8)
  })

  storeTest(context, 'an empty call is answered with nothing', async (f) => {
    assert.deepEqual(await f.store.append([]), [])
    assert.deepEqual(await f.store.replicate([]), [])
    assert.deepEqual(await f.store.enqueue([]), [])
    assert.deepEqual(await f.store.settleQueue([]), [])
    assert.equal(f.store.lastSequence, 0)
  })

  storeTest(context, 'payloads and headers come back as they were given', async (f) => {
    const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i)
    const contents = [
      { payload: new Uint8Array(0), headers: noHeaders },
      { payload: everyByte, headers: noHeaders },
      { payload: bytesOf('x'), headers: new Map([['', '']]) },
      { payload: bytesOf('y'), headers: new Map([['Ключ 🚌', 'Wert\n\u0000\u2028']]) },
      {
        payload: new Uint8Array(0),
        headers: new Map([
          ['__proto__', 'a'],
          ['toString', 'b'],
        ]),
      },
      { payload: bytesOf('z'), headers: new Map(numbers(300).map((n) => [n, n.repeat(99)])) },
    ]
    const outcomes = await f.store.append(contents.map((c) => ({ topic: 't', ...c })))
    const expected = outcomes.map((outcome) => plain(storedIn(outcome)))
    assert.deepEqual(
      expected.map(({ payload, headers }) => ({ payload, headers: new Map(headers) })),
      contents,
    )
    await f.holds(async (store) => {
      assert.deepEqual((await readLog(store, own('t'))).map(plain), expected)
    })
  })

  storeTest(context, 'names are taken as they are: every one is a log of its own', async (f) => {
    const outcomes = await f.store.append(oddTopics.map((topic) => outgoing(topic, topic)))
    for (const outcome of outcomes) assert.equal(storedIn(outcome).headId, 1)
    await f.holds(async (store) => {
      assert.deepEqual([...store.logs()].map((log) => log.topic).sort(), [...oddTopics].sort())
      for (const topic of oddTopics) {
        const [message] = await readLog(store, own(topic))
        assert.equal(textOf(message?.payload ?? bytesOf('')), topic)
      }
    })
    for (const topic of oddTopics) await publish(f.store, topic, ['again'])
    assert.equal(
      [...f.store.logs()].every((log) => log.head === 2),
      true,
    )
  })

  storeTest(context, 'a bad item is rejected alone', async (f) => {
    const topics = ['t', '', 't', 'nul\0', 't', 'half \ud83d', ' ', 'x'.repeat(65_536), 't']
    const outcomes = await f.store.append(topics.map((topic) => outgoing(topic, 'text')))
    const seen = outcomes.map((outcome) =>
      outcome.kind === 'rejected'
        ? `${outcome.error.code}/${outcome.error.reason}`
        : storedIn(outcome).headId,
    )
    assert.deepEqual(seen, [
      1,
      'invalid_argument/name_empty',
      2,
      'invalid_argument/name_contains_nul',
      3,
      'invalid_argument/name_not_unicode',
      'invalid_argument/name_empty',
      'invalid_argument/name_too_long',
      4,
    ])
    await f.holds(async (store) => {
      assert.deepEqual(
        [...store.logs()].map((log) => log.topic),
        ['t'],
      )
      assert.equal((await readFeed(store)).length, 4)
    })
  })

  storeTest(context, 'the caller may reuse its buffers after the promise', async (f) => {
    const pool = Buffer.alloc(64, 'a')
    const headers = new Map([['k', 'v']])
    const items = [0, 8, 16].map((at) => ({
      topic: 't',
      payload: pool.subarray(at, at + 8),
      headers,
    }))
    const outcomes = await f.store.append(items)
    const queued = await f.store.enqueue([
      {
        queue: 'q',
        topic: 't',
        source: ownNode,
        target: ownNode,
        payload: pool.subarray(0, 8),
        headers,
      },
    ])
    pool.fill('b')
    headers.set('k', 'changed')
    items.length = 0
    const expected = { payload: bytesOf('aaaaaaaa'), headers: new Map([['k', 'v']]) }
    for (const outcome of outcomes) assert.deepEqual(contentOf(storedIn(outcome)), expected)
    for (const message of queued) assert.deepEqual(contentOf(message), expected)
    for (const message of f.committed) assert.deepEqual(contentOf(message), expected)
    await f.holds(async (store) => {
      for (const message of await readLog(store, own('t'))) {
        assert.deepEqual(contentOf(message), expected)
      }
      const [message] = await store.readQueue('q', 1, { messages: 1 })
      assert.deepEqual(contentOf(message as NonNullable<typeof message>), expected)
    })
  })

  storeTest(context, 'returned messages stay as they are', async (f) => {
    await publish(f.store, 't', numbers(50))
    await f.reopen()
    const page = await f.store.read(own('t'), 1, { messages: 50 })
    const feed = await f.store.readFeed(0, () => true, { messages: 50 })
    const before = [...page.messages, ...feed.messages].map(plain)
    await f.store.deleteRange({ topic: 't', fromHead: 1, toHead: 20, beyondHead: 'clip' })
    await f.store.trim(own('t'), 10)
    await publish(f.store, 't', numbers(500))
    await f.store.close()
    assert.deepEqual([...page.messages, ...feed.messages].map(plain), before)
  })

  storeTest(context, 'large payloads stand beside small ones', async (f) => {
    const large = new Uint8Array(4 * 1_048_576)
    for (let i = 0; i < large.length; i += 1) large[i] = (i * 31) & 0xff
    const payloads = [
      bytesOf('small'),
      large,
      bytesOf('small'),
      large.subarray(7),
      new Uint8Array(0),
    ]
    const headers = new Map([['large', 'x'.repeat(65_536)]])
    await f.store.append(payloads.map((payload) => ({ topic: 't', payload, headers })))
    await f.holds(async (store) => {
      for (const read of [await readLog(store, own('t')), await readFeed(store)]) {
        assert.equal(read.length, payloads.length)
        for (const [i, payload] of payloads.entries()) {
          const message = read[i]
          assert.ok(Buffer.from(payload).equals(message?.payload ?? large), `payload ${i}`)
          assert.equal(message?.headers.get('large')?.length, 65_536)
        }
      }
    })
  })

  storeTest(context, '10,000 logs', async (f) => {
    const topics = Array.from({ length: 10_000 }, (_, i) => `devices/${i % 97}/${i}`)
    for (let i = 0; i < topics.length; i += 1_000) {
      const items = topics.slice(i, i + 1_000).map((topic) => outgoing(topic, topic))
      for (const outcome of await f.store.append(items)) storedIn(outcome)
    }
    await f.holds(async (store) => {
      assert.deepEqual([...store.logs()].map((log) => log.topic).sort(), [...topics].sort())
      const feed = await readFeed(store)
      assert.deepEqual(
        feed.map((message) => message.topic),
        topics,
      )
      const quiet = topics[4_711] as string
      const sparse = await readFeed(store, 0, (log) => log.topic === quiet)
      assert.deepEqual(
        sparse.map((message) => textOf(message.payload)),
        [quiet],
      )
      assert.equal(store.status().logs, 10_000)
    })
  })

  storeTest(context, 'many appends in flight are as in some serial order', async (f) => {
    const { store } = f
    const calls = Array.from({ length: 200 }, (_, i) =>
      Array.from({ length: 1 + (i % 7) }, (__, j) => outgoing(`t${(i + j) % 3}`, `${i} ${j}`)),
    )
    const answers = await Promise.all(calls.map((items) => appendAndSee(store, items)))
    const all = answers.flat().sort((a, b) => a.sequence - b.sequence)
    assert.equal(new Set(all.map((message) => message.sequence)).size, all.length)
    assert.equal(new Set(all.map((message) => message.id)).size, all.length)
    for (const answer of answers) {
      for (const [i, message] of answer.entries()) {
        const before = answer.slice(0, i).findLast((other) => other.topic === message.topic)
        if (before !== undefined) assert.equal(message.headId, before.headId + 1)
        if (i > 0) assert.ok(message.sequence > (answer[i - 1]?.sequence ?? 0))
      }
    }
    assert.deepEqual(f.committed.map(plain), all.map(plain))
    await f.holds(async (open) => {
      assert.deepEqual((await readFeed(open)).map(plain), all.map(plain))
      for (const topic of ['t0', 't1', 't2']) {
        const expected = all.filter((message) => message.topic === topic)
        assert.deepEqual((await readLog(open, own(topic))).map(plain), expected.map(plain))
      }
    })
  })

  storeTest(context, 'a wish for real time is told with the commit, and not stored', async (f) => {
    const realtime = true
    const [first, second] = await f.store.append([
      outgoing('t', 'soon', { realtime, publishId: 'p' }),
      outgoing('t', 'whenever'),
    ])
    assert.equal(storedIn(first).realtime, true)
    assert.equal(storedIn(second).realtime, undefined)
    assert.deepEqual(
      f.committed.map((message) => message.realtime),
      [true, undefined],
    )
    // Whoever repeats a publish has nothing delivered, and gets what was stored.
    const [repeated] = await f.store.append([outgoing('t', 'soon', { realtime, publishId: 'p' })])
    assert.ok(repeated?.kind === 'duplicate')
    assert.equal(repeated.message.realtime, undefined)
    const replicated = { ...replica('t', 1), realtime }
    await f.store.replicate([replicated])
    assert.equal(f.committed.at(-1)?.realtime, undefined)
    await f.holds(async (store) => {
      for (const message of [...(await readLog(store, own('t'))), ...(await readFeed(store))]) {
        assert.equal(message.realtime, undefined)
      }
    })
  })

  storeTest(context, 'every listener hears every commit until it leaves', async (f) => {
    const heard: string[] = []
    const stopFirst = f.store.onCommit(({ messages }) => {
      for (const message of messages) heard.push(`first ${message.headId}`)
    })
    f.store.onCommit(({ messages }) => {
      for (const message of messages) heard.push(`second ${message.headId}`)
    })
    await publish(f.store, 't', ['x'])
    stopFirst()
    await publish(f.store, 't', ['y'])
    assert.deepEqual(heard, ['first 1', 'second 1', 'second 2'])
  })
}

/** Appends and checks that what was answered is visible at that moment. */
async function appendAndSee(store: LogStore, items: readonly ReturnType<typeof outgoing>[]) {
  const stored = (await store.append(items)).map(storedIn)
  const last = stored[stored.length - 1]
  assert.ok(last)
  assert.ok((store.head(last) ?? 0) >= last.headId)
  assert.ok(store.lastSequence >= last.sequence)
  const page = await store.read(last, last.headId, { messages: 1 })
  assert.deepEqual(page.messages.map(plain), [plain(last)])
  return stored
}

function contentOf({ payload, headers }: Pick<StoredMessage, 'payload' | 'headers'>) {
  return { payload: new Uint8Array(payload), headers: new Map(headers) }
}
