/** Reading: logs by head, all logs in commit order, and what is known without reading. */

import assert from 'node:assert/strict'
import { nodeKey } from '../../model/node-id.ts'
import { numbers, outgoing, own, plain, publish, readFeed, readLog, replica } from './messages.ts'
import { foreignNode, storeTest, type StoreFixture, type SuiteContext } from './store-fixture.ts'

export function readSuite(context: SuiteContext): void {
  storeTest(context, 'an unknown log is empty', async (f) => {
    await publish(f.store, 't', ['x'])
    await f.holds(async (store) => {
      for (const log of [own('unknown'), { topic: 't', origin: foreignNode }]) {
        assert.equal(store.head(log), undefined)
        assert.equal(store.log(log), undefined)
        assert.deepEqual(await store.read(log, 1, { messages: 5 }), {
          messages: [],
          nextHead: 1,
          damaged: [],
        })
      }
    })
  })

  storeTest(context, 'reads from a head on, as many as asked for', async (f) => {
    const all = (await publish(f.store, 't', numbers(300))).map(plain)
    await f.holds(async (store) => {
      const cases = [
        { from: 1, count: 1 },
        { from: 1, count: 300 },
        { from: 5, count: 3 },
        { from: 250, count: 1_000 },
        { from: 300, count: 1 },
        { from: 301, count: 10 },
        { from: Number.MAX_SAFE_INTEGER, count: 10 },
      ]
      for (const { from, count } of cases) {
        const page = await store.read(own('t'), from, { messages: count })
        const expected = all.slice(from - 1, from - 1 + count)
        assert.deepEqual(page.messages.map(plain), expected, `from ${from}`)
        assert.equal(page.nextHead, from + expected.length)
        assert.deepEqual(page.damaged, [])
      }
      for (const messages of [1, 7, 299]) {
        assert.deepEqual((await readLog(store, own('t'), { messages })).map(plain), all)
      }
    })
  })

  storeTest(context, 'a page is bounded in bytes but never empty', async (f) => {
    const text = 'x'.repeat(100)
    const all = (await publish(f.store, 't', Array<string>(40).fill(text))).map(plain)
    await f.holds(async (store) => {
      for (const bytes of [1, 99, 100, 350]) {
        const atMost = Math.floor(bytes / 100) + 1
        const limit = { messages: 1_000, bytes }
        const page = await store.read(own('t'), 3, limit)
        assert.ok(page.messages.length >= 1 && page.messages.length <= atMost, `bytes ${bytes}`)
        const feed = await store.readFeed(0, () => true, limit)
        assert.ok(feed.messages.length >= 1 && feed.messages.length <= atMost, `feed ${bytes}`)
        assert.deepEqual((await readLog(store, own('t'), limit)).map(plain), all)
        assert.deepEqual((await readFeed(store, 0, () => true, limit)).map(plain), all)
      }
    })
  })

  storeTest(context, 'headers count as bytes', async (f) => {
    const headers = new Map([['k', 'v'.repeat(999)]])
    await f.store.append(numbers(5).map((n) => outgoing('t', n, { headers })))
    const page = await f.store.read(own('t'), 1, { messages: 10, bytes: 1_500 })
    assert.ok(page.messages.length <= 2)
  })

  storeTest(context, 'reads are whole while appends go on', async (f) => {
    const { store } = f
    const writes: Promise<unknown>[] = []
    for (let i = 0; i < 60; i += 1) {
      writes.push(publish(store, `t${i % 2}`, numbers(20)))
      const head = store.head(own('t0')) ?? 0
      const messages = await readLog(store, own('t0'), { messages: 33 })
      assert.ok(messages.length >= head)
      await readFeed(store, 0, () => true, { messages: 50 })
    }
    await Promise.all(writes)
    assert.equal((await readLog(store, own('t0'))).length, 600)
  })

  storeTest(context, 'the feed is every log in commit order, from any position', async (f) => {
    const all = await fill(f)
    await f.holds(async (store) => {
      assert.deepEqual((await readFeed(store)).map(plain), all)
      for (const messages of [1, 10, 97]) {
        assert.deepEqual((await readFeed(store, 0, () => true, { messages })).map(plain), all)
      }
      for (const [i, { sequence }] of all.entries()) {
        if (i % 29 !== 0) continue
        const page = await store.readFeed(sequence, () => true, { messages: 5 })
        assert.deepEqual(page.messages.map(plain), all.slice(i + 1, i + 6))
      }
    })
  })

  storeTest(context, 'the feed of few logs among many, and of most', async (f) => {
    const all = await fill(f)
    await f.holds(async (store) => {
      for (const keep of [1, 2, 3, 50]) {
        const wants = (topic: string) => Number(topic.slice(1)) % keep === 0
        const expected = all.filter((message) => wants(message.topic))
        for (const messages of [3, 1_000]) {
          const read = await readFeed(store, 0, (log) => wants(log.topic), { messages })
          assert.deepEqual(read.map(plain), expected, `every ${keep}th log`)
        }
        const middle = all[Math.floor(all.length / 2)]?.sequence ?? 0
        const rest = await readFeed(store, middle, (log) => wants(log.topic), { messages: 7 })
        assert.deepEqual(
          rest.map(plain),
          expected.filter((message) => message.sequence > middle),
        )
      }
    })
  })

  storeTest(context, 'the feed asks once per log and call, and tells how far it is', async (f) => {
    const all = await fill(f)
    const end = all[all.length - 1]?.sequence ?? 0
    await f.holds(async (store) => {
      const asked = new Map<string, number>()
      const page = await store.readFeed(
        0,
        (log) => {
          const key = `${nodeKey(log.origin)}${log.topic}`
          asked.set(key, (asked.get(key) ?? 0) + 1)
          return false
        },
        { messages: 10 },
      )
      assert.deepEqual(page.messages, [])
      assert.ok(page.nextAfter > 0 && page.nextAfter <= end)
      assert.deepEqual(await readFeed(store, 0, () => false), [])
      assert.equal(asked.size, [...store.logs()].length)
      assert.deepEqual(new Set(asked.values()), new Set([1]))
      for (const after of [end, end + 1_000]) {
        const rest = await store.readFeed(after, () => true, { messages: 10 })
        assert.deepEqual(rest.messages, [])
        assert.equal(rest.nextAfter, after)
      }
    })
  })

  storeTest(context, 'the feed skips nothing while appends go on', async (f) => {
    const { store } = f
    const writes: Promise<unknown>[] = []
    const seen: string[] = []
    let after = 0
    for (let i = 0; i < 100 || after < store.lastSequence; i += 1) {
      if (i < 100) writes.push(publish(store, `t${i % 5}`, numbers(1 + (i % 9))))
      const page = await store.readFeed(after, (log) => log.topic !== 't3', { messages: 8 })
      seen.push(...page.messages.map((message) => message.id))
      after = page.nextAfter
      if (i >= 100) await Promise.all(writes)
    }
    const expected = f.committed.filter((message) => message.topic !== 't3')
    assert.deepEqual(
      seen,
      expected.map((message) => message.id),
    )
  })

  storeTest(context, 'what a log holds is known without reading it', async (f) => {
    const headers = new Map([['ключ', 'x']])
    await f.store.append([outgoing('t', '12345', { headers }), outgoing('t', '1'), outgoing('u')])
    const [last] = await publish(f.store, 't', ['12'])
    await f.store.replicate([replica('t', 1, { payload: new Uint8Array(7), headers: new Map() })])
    await f.holds(async (store) => {
      const { head, trimmedTo, bytes, lastSequence } = store.log(own('t')) ?? {}
      assert.deepEqual(
        { head, trimmedTo, bytes, lastSequence },
        { head: 3, trimmedTo: 0, bytes: 5 + 8 + 1 + 1 + 2, lastSequence: last?.sequence },
      )
      assert.equal(store.log(own('u'))?.bytes, 0)
      assert.equal(store.log({ topic: 't', origin: foreignNode })?.bytes, 7)
      const listed = [...store.logs()].map(
        (log) => `${log.topic} ${log.origin.deviceId} ${log.head}`,
      )
      assert.deepEqual(listed.sort(), ['t node-a 3', 't node-b 1', 'u node-a 1'])
    })
  })

  storeTest(context, 'logs may be listed while the store goes on', async (f) => {
    await publish(f.store, 'a', ['x'])
    await publish(f.store, 'b', ['x'])
    const seen: string[] = []
    for (const log of f.store.logs()) {
      seen.push(log.topic)
      await publish(f.store, 'b', ['y'])
      await f.store.trim(own('a'), 1)
      if (seen.length === 1) await publish(f.store, 'c', ['z'])
    }
    assert.deepEqual(seen.filter((topic) => topic !== 'c').sort(), ['a', 'b'])
  })
}

/** 60 logs of different rates, own and foreign, in many commits. */
async function fill(f: StoreFixture) {
  for (let i = 0; i < 40; i += 1) {
    const topics = Array.from({ length: 1 + ((i * 7) % 12) }, (_, j) => `t${(i * i + j * 11) % 60}`)
    await f.store.append(topics.map((topic) => outgoing(topic, `${i}`)))
    await f.store.replicate([replica(`t${i % 4}`, 1 + Math.floor(i / 4))])
  }
  assert.ok(f.committed.length > 200)
  return f.committed.map(plain)
}
