/** What is stored reaches a client that had no room, and one that asks for the past: all, in order, once. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'

import { BusError, type ErrorReason } from '../model/errors.ts'
import { levelFilter } from '../model/level-filter.ts'
import { noHeaders } from '../model/message.ts'
import { type LiveTestBus, openLiveBus, suiteNode, TestClient } from './live-suite.ts'
import { ManualClock } from './manual-clock.ts'
import { MsgBus } from './msg-bus.ts'
import { silentLogger } from './logger.ts'
import { defaultLimits } from '../model/limits.ts'

const hasReason = (reason: ErrorReason) => (error: unknown) =>
  error instanceof BusError && error.reason === reason

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const busrt = (text: string) => levelFilter('busrt', text)

/** Whether the client takes part in live routing. */
const isCurrent = ({ bus }: LiveTestBus, { name }: TestClient) =>
  bus.live.registry.byName(name)?.catchUp === undefined

async function caughtUp(all: LiveTestBus, client: TestClient): Promise<void> {
  for (let turns = 0; !isCurrent(all, client); turns++) {
    assert.ok(turns < 1_000, 'it never catches up')
    await turn()
  }
}

describe('without room', () => {
  test('stored publications come when there is room, and nobody waits for it', async () => {
    const all = await openLiveBus()
    const { bus, join } = all
    const publisher = join('p')
    const reader = join('r', { room: 2 }).subscribe('t/#')
    for (let i = 1; i <= 50; i++) await publisher.store(`t/${i % 3}`, String(i))
    assert.deepEqual(reader.texts, ['1', '2'])
    assert.deepEqual(publisher.inbox.told, [])
    assert.equal(bus.counters.subscriptionsLagged, 1)
    // Room for some: the rest stays in the store.
    reader.drain(10)
    await turn()
    assert.equal(reader.texts.length, 12)
    assert.equal(isCurrent(all, reader), false)
    reader.drain()
    await caughtUp(all, reader)
    await publisher.store('t/1', '51')
    assert.deepEqual(
      reader.texts,
      Array.from({ length: 51 }, (_, i) => String(i + 1)),
    )
  })

  test('pages of the store are read on until the end', async () => {
    const all = await openLiveBus()
    const publisher = all.join('p')
    const reader = all.join('r').subscribe('#')
    reader.live.congested(true)
    const texts = Array.from({ length: 2_300 }, (_, i) => String(i))
    await publisher.store('t', ...texts)
    reader.drain()
    await caughtUp(all, reader)
    assert.deepEqual(reader.texts, texts)
  })

  test('what was stored before the first one it missed does not come again', async () => {
    const all = await openLiveBus()
    const publisher = all.join('p')
    await publisher.store('t', 'before')
    const reader = all.join('r').subscribe('t')
    await publisher.store('t', '1')
    reader.live.congested(true)
    await publisher.store('other', 'x')
    await publisher.store('t', '2')
    reader.drain()
    await caughtUp(all, reader)
    assert.deepEqual(reader.texts, ['1', '2'])
  })

  test('what it does not want any more does not come', async () => {
    const all = await openLiveBus()
    const publisher = all.join('p')
    const reader = all.join('r').subscribe('a', 'b', 'c')
    reader.live.congested(true)
    for (const topic of ['a', 'b', 'c']) await publisher.store(topic, topic)
    reader.unsubscribe('a')
    reader.live.exclude(busrt('b'))
    reader.drain()
    await caughtUp(all, reader)
    assert.deepEqual(reader.texts, ['c'])
  })

  test('deleted messages and delete markers do not come', async () => {
    const all = await openLiveBus()
    const publisher = all.join('p')
    const reader = all.join('r').subscribe('t', '$msgbus.delete')
    reader.live.congested(true)
    await publisher.store('t', '1', '2', '3')
    await publisher.handle.log.deleteRange({ topic: 't', fromHead: 2, toHead: 2 })
    reader.drain()
    await caughtUp(all, reader)
    assert.deepEqual(reader.texts, ['1', '3'])
  })

  test('what is not stored is not held up by what is read from the store', async () => {
    const all = await openLiveBus()
    const publisher = all.join('p')
    const reader = all.join('r').subscribe('t')
    reader.live.congested(true)
    await publisher.store('t', 'stored')
    reader.drain()
    assert.equal(publisher.publish('t', 'live'), 'published')
    await caughtUp(all, reader)
    assert.deepEqual(reader.texts.toSorted(), ['live', 'stored'])
  })

  test('whoever leaves meanwhile gets nothing more and holds nothing back', async () => {
    const all = await openLiveBus()
    const publisher = all.join('p')
    const reader = all.join('r', { room: 1 }).subscribe('t')
    await publisher.store('t', '1', '2', '3')
    reader.drain()
    reader.close()
    await turn()
    await turn()
    assert.deepEqual(reader.texts, ['1'])
  })

  test('a store that cannot be read ends the client with its error', async () => {
    const all = await openLiveBus()
    const { bus, store } = all
    const publisher = all.join('p')
    const reader = all.join('r', { room: 1 }).subscribe('t')
    await publisher.store('t', '1', '2')
    store.readFeed = () => Promise.reject(new BusError('internal', 'storage_failed', 'broken'))
    reader.drain()
    await turn()
    assert.deepEqual(reader.inbox.told, ['end storage_failed'])
    assert.equal(bus.client('r'), undefined)
    assert.equal(bus.status().subscriptions, 0)
  })

  test('catching up with many topics leaves what is remembered of others alone', async () => {
    const all = await openLiveBus({ limits: { rememberedTopics: 10 } })
    const { bus, join } = all
    const publisher = join('p')
    const reader = join('r').subscribe('stored/#')
    reader.live.congested(true)
    for (let i = 0; i < 50; i++) await publisher.store(`stored/${i}`, String(i))
    for (let i = 0; i < 10; i++) publisher.publish(`live/${i}`, 'x')
    reader.drain()
    await caughtUp(all, reader)
    assert.equal(reader.texts.length, 50)
    for (let i = 0; i < 10; i++) assert.notEqual(bus.lastValue(`live/${i}`), undefined)
  })
})

describe('from the past', () => {
  test('what is stored comes first, then what follows, without gap or repeat', async () => {
    const all = await openLiveBus()
    const publisher = all.join('p')
    await publisher.store('t/1', '1', '2')
    await publisher.store('u', 'other')
    await publisher.store('t/2', '3')
    const reader = all.join('r')
    reader.live.subscribeFrom(busrt('t/#'), 1)
    await publisher.store('t/1', '4')
    await caughtUp(all, reader)
    await publisher.store('t/1', '5')
    assert.deepEqual(reader.texts, ['2', '3', '4', '5'])
  })

  test('only one such replay at a time; the filter of a refused one stays out', async () => {
    const all = await openLiveBus()
    const publisher = all.join('p')
    await publisher.store('t', '1')
    const reader = all.join('r')
    reader.live.subscribeFrom(busrt('t'), 0)
    assert.throws(() => reader.live.subscribeFrom(busrt('u'), 0), hasReason('quota_exceeded'))
    await caughtUp(all, reader)
    await publisher.store('u', 'x')
    assert.deepEqual(reader.texts, ['1'])
    reader.live.subscribeFrom(busrt('u'), 0)
    await caughtUp(all, reader)
    assert.deepEqual(reader.texts, ['1', 'x'])
  })

  test('with nothing to replay, at the end and beyond, it is live at once', async () => {
    const all = await openLiveBus()
    const publisher = all.join('p')
    await publisher.store('t', '1')
    for (const after of [1, 1_000]) {
      const reader = all.join(`r.${after}`)
      reader.live.subscribeFrom(busrt('t'), after)
      assert.equal(isCurrent(all, reader), true)
      await publisher.store('t', `after ${after}`)
      assert.deepEqual(reader.texts, [`after ${after}`])
    }
  })

  test('other subscriptions of the client go on without gap or repeat', async () => {
    const all = await openLiveBus()
    const publisher = all.join('p')
    await publisher.store('b', 'b1')
    const reader = all.join('r').subscribe('a')
    await publisher.store('a', 'a1')
    reader.live.subscribeFrom(busrt('b'), 0)
    await publisher.store('a', 'a2')
    await publisher.store('b', 'b2')
    await caughtUp(all, reader)
    await publisher.store('a', 'a3')
    assert.deepEqual(reader.texts, ['a1', 'b1', 'a2', 'b2', 'a3'])
  })

  test('exclusions hold, and an end of the subscription ends the replay', async () => {
    const all = await openLiveBus()
    const publisher = all.join('p')
    await publisher.store('t/1', '1')
    await publisher.store('t/2', '2')
    const reader = all.join('r')
    reader.live.exclude(busrt('t/1'))
    reader.live.subscribeFrom(busrt('t/#'), 0)
    await caughtUp(all, reader)
    assert.deepEqual(reader.texts, ['2'])
    const other = all.join('o')
    other.live.subscribeFrom(busrt('t/#'), 0)
    other.unsubscribe('t/#')
    await caughtUp(all, other)
    assert.deepEqual(other.texts, [])
  })

  test('asked for in the middle of a commit, the rest of it is not lost', async () => {
    const all = await openLiveBus()
    const publisher = all.join('p')
    await publisher.store('c', 'c1')
    const reader = all.join('r').subscribe('a', 'b')
    reader.inbox.during = ({ topic }) => {
      if (topic === 'a') reader.live.subscribeFrom(busrt('c'), 0)
    }
    const messages = ['a', 'b', 'c'].map((topic) => {
      return { topic, payload: Buffer.from(topic), headers: noHeaders }
    })
    await publisher.handle.publish(messages)
    await caughtUp(all, reader)
    assert.deepEqual(reader.texts, ['a', 'c1', 'b', 'c'])
  })

  test('needs a store', () => {
    const clock = new ManualClock()
    const bus = new MsgBus({ node: suiteNode, limits: defaultLimits, clock, logger: silentLogger })
    const client = new TestClient(bus, 'c')
    assert.throws(() => client.live.subscribeFrom(busrt('t'), 0), hasReason('starting'))
    assert.equal(bus.status().subscriptions, 0)
  })
})

describe('random histories', () => {
  const event = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('publish' as const),
        topics: fc.array(fc.constantFrom('a/1', 'a/2', 'b/1', 'c/1'), {
          minLength: 1,
          maxLength: 8,
        }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('drain' as const),
        room: fc.integer({ min: 1, max: 7 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('congest' as const) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('live' as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('replay' as const),
        filter: fc.constantFrom('b/#', 'c/+'),
        back: fc.nat(20),
      }),
    },
  )

  test('all of what is stored comes, in order, once, wherever there was no room', async () => {
    let caughtUpRuns = 0
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 60, size: 'max' }), async (events) => {
        const all = await openLiveBus()
        const { store, bus } = all
        const publisher = all.join('p')
        const reader = all.join('r', { room: 3 }).subscribe('a/#')
        /** Sequence after which each filter delivers. */
        const since = new Map([['a', 0]])
        const published: Promise<unknown>[] = []
        let count = 0
        for (const step of events) {
          switch (step.do) {
            case 'publish':
              published.push(
                publisher.handle.publish(
                  step.topics.map((topic) => {
                    return { topic, payload: Buffer.from(String((count += 1))), headers: noHeaders }
                  }),
                ),
              )
              break
            case 'live':
              publisher.publish('a/1', 'live')
              break
            case 'drain':
              reader.drain(step.room)
              break
            case 'congest':
              reader.live.congested(true)
              break
            case 'turn':
              await turn()
              break
            case 'replay': {
              const first = step.filter.charAt(0)
              if (since.has(first)) break
              const after = Math.max(0, store.lastSequence - step.back)
              try {
                reader.live.subscribeFrom(busrt(step.filter), after)
                since.set(first, after)
              } catch (error) {
                assert.ok(hasReason('quota_exceeded')(error))
              }
            }
          }
        }
        await Promise.all(published)
        reader.drain()
        await caughtUp(all, reader)
        caughtUpRuns += bus.counters.subscriptionsLagged > 0 ? 1 : 0
        const { messages } = await store.readFeed(0, () => true, { messages: 10_000 })
        for (const [first, after] of since) {
          const wanted = messages
            .filter(({ topic, sequence }) => topic.startsWith(first) && sequence > after)
            .map(({ sequence }) => sequence)
          const got = reader.inbox.seen
            .filter(({ topic, sequence }) => topic.startsWith(first) && sequence > 0)
            .map(({ sequence }) => sequence)
          assert.deepEqual(got, wanted, first)
        }
      }),
      { numRuns: 300 },
    )
    assert.ok(caughtUpRuns > 100, `only ${caughtUpRuns} histories had to catch up`)
  })
})
