/** What is trimmed and what is not: history and its bounds, kept messages, rules, readers that are behind. */

import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'
import { anonymous } from '../model/identity.ts'
import { defaultLimits } from '../model/limits.ts'
import { noHeaders, type LogKey, type StoredMessage } from '../model/message.ts'
import { parseTopicFilter } from '../model/topic-filter.ts'
import type { TopicRule } from '../model/topic-rule.ts'
import { openMemoryLogStore } from '../stores/memory/memory-log-store.ts'
import { BusCounters } from './counters.ts'
import {
  historyAfter,
  type HistoryBounds,
  type Hold,
  isHistory,
  storedBytes,
} from './history-trimmer.ts'
import type { Inbox } from './live.ts'
import { silentLogger } from './logger.ts'
import type { LogStore, ReadLimit } from './log-store.ts'
import { ManualClock } from './manual-clock.ts'
import { MsgBus } from './msg-bus.ts'
import { RetentionKeeper, retentionPassMs } from './retention.ts'
import { TopicRules } from './topic-rules.ts'

const node = { tenantId: 'tenant', blName: 'default', deviceId: 'device' }
const other = { ...node, deviceId: 'other' }
const own = (topic: string): LogKey => ({ topic, origin: node })
const hour = 3_600_000
const everything: ReadLimit = { messages: 1_000_000 }
const unbounded: HistoryBounds = { maxAgeMs: Infinity, maxBytes: Infinity }
const day: HistoryBounds = { maxAgeMs: 24 * hour, maxBytes: Infinity }

interface Bench {
  readonly clock: ManualClock
  readonly store: LogStore
  readonly keeper: RetentionKeeper
  readonly counters: BusCounters
  readonly holds: Set<Hold>
  /** Reads of the feed and of logs so far. */
  readonly reads: { feed: number; logs: number }
}

async function openBench(history: HistoryBounds, rules: readonly TopicRule[] = []): Promise<Bench> {
  const clock = new ManualClock()
  const counters = new BusCounters()
  const inner = await openStore(clock)
  const reads = { feed: 0, logs: 0 }
  const store = new Proxy(inner, {
    get(target, name) {
      if (name === 'readFeed') reads.feed += 1
      if (name === 'read') reads.logs += 1
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const holds = new Set<Hold>()
  const keeper = new RetentionKeeper({
    store,
    rules: new TopicRules(rules),
    history,
    holds: () => holds,
    clock,
    logger: silentLogger,
    counters,
  })
  return { clock, store, keeper, counters, holds, reads }
}

function openStore(clock: ManualClock): Promise<LogStore> {
  return openMemoryLogStore({
    folder: '',
    node,
    durability: 'memory',
    clock,
    logger: silentLogger,
    publishIdWindowMs: 1_000,
    publishIdCount: 1_000,
  })
}

/** A bus over such a store, with somebody who publishes. */
async function openBus(history: HistoryBounds) {
  const clock = new ManualClock()
  const bus = new MsgBus({ node, limits: defaultLimits, clock, logger: silentLogger, history })
  const store = await openStore(clock)
  bus.attach(store)
  const publisher = bus.connect(anonymous)
  const say = async (topic: string, text: string) => {
    const payload = Buffer.from(text)
    const [outcome] = await publisher.publish([
      { topic, payload, headers: noHeaders, history: true },
    ])
    assert.equal(outcome?.kind, 'stored')
  }
  /** Lets passes run until this is so. */
  const until = async (isSo: () => boolean) => {
    while (!isSo()) {
      clock.advance(retentionPassMs)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return { bus, clock, store, say, until }
}

/** Publishes one message of 100 bytes to each topic; a topic in capitals is kept. */
async function publish(store: LogStore, ...topics: string[]): Promise<void> {
  const payload = new Uint8Array(100)
  const outcomes = await store.append(
    topics.map((topic) => {
      return { topic, payload, headers: noHeaders, history: topic !== topic.toUpperCase() }
    }),
  )
  for (const outcome of outcomes) assert.equal(outcome.kind, 'stored')
}

const trimmedTo = (store: LogStore, topic: string) => store.log(own(topic))?.trimmedTo

function rule(filter: string, retention: TopicRule['retention']): TopicRule {
  return { filter: parseTopicFilter(filter), retention }
}

/** A reader that has read everything up to a sequence, of some topics or of all. */
class Reader implements Hold {
  after: number
  readonly #topics: readonly string[] | undefined

  constructor(after: number, ...topics: string[]) {
    this.after = after
    this.#topics = topics.length === 0 ? undefined : topics
  }

  needs(message: StoredMessage): boolean {
    return message.sequence > this.after && this.#topics?.includes(message.topic) !== false
  }
}

describe('history by age', () => {
  test('goes when it is older than its bound, and what is kept stays', async () => {
    const { clock, store, keeper, counters } = await openBench(day)
    await publish(store, 'a', 'KEPT', 'b')
    clock.advance(20 * hour)
    await publish(store, 'a', 'KEPT', 'c')
    await keeper.runPass()
    assert.equal(counters.messagesTrimmed, 0)
    clock.advance(4 * hour + 600_000)
    await keeper.runPass()
    assert.equal(counters.messagesTrimmed, 0, 'not every pass reads')
    clock.advance(1)
    await keeper.runPass()
    assert.deepEqual(
      ['a', 'b', 'c', 'KEPT'].map((topic) => trimmedTo(store, topic)),
      [1, 1, 0, 0],
    )
    assert.equal(counters.historyTrimmed, 2)
    clock.advance(40 * hour)
    await keeper.runPass()
    assert.deepEqual(
      ['a', 'b', 'c', 'KEPT'].map((topic) => trimmedTo(store, topic)),
      [2, 1, 1, 0],
    )
    assert.equal(counters.messagesTrimmed, 4)
    await keeper.close()
  })

  test('many pages go in one pass', async () => {
    const { clock, store, keeper } = await openBench(day)
    const topics = Array.from({ length: 700 }, (_, i) => `t${i % 70}`)
    for (let round = 0; round < 5; round += 1) await publish(store, ...topics)
    clock.advance(25 * hour)
    await publish(store, ...topics)
    await keeper.runPass()
    for (let i = 0; i < 70; i += 1) assert.equal(trimmedTo(store, `t${i}`), 50)
    assert.equal((await store.readFeed(0, () => true, everything)).messages.length, 700)
    await keeper.close()
  })

  test('without a bound, and for logs of other nodes, nothing goes', async () => {
    const bench = await openBench(unbounded)
    await publish(bench.store, 'a')
    bench.clock.advance(1_000_000 * hour)
    await bench.keeper.runPass()
    assert.equal(trimmedTo(bench.store, 'a'), 0)
    await bench.keeper.close()

    const { clock, store, keeper } = await openBench(day)
    const replica = {
      topic: 't',
      origin: other,
      id: 'x',
      headId: 1,
      createdAtMs: 1,
      deleted: false,
    }
    await store.replicate([{ ...replica, payload: new Uint8Array(1), headers: noHeaders }])
    clock.advance(100 * hour)
    await keeper.runPass()
    assert.equal(store.log({ topic: 't', origin: other })?.trimmedTo, 0)
    await keeper.close()
  })

  test('passes read nothing while nothing is due, and no log by itself', async () => {
    const { clock, store, keeper, reads } = await openBench(day)
    const topics = Array.from({ length: 2_000 }, (_, i) => `t${i}`)
    await publish(store, ...topics)
    // One that stays pinned for as long as this takes.
    await store.append([{ topic: 't0', payload: new Uint8Array(1), headers: noHeaders }])
    await keeper.runPass()
    const first = { ...reads }
    for (let pass = 0; pass < 100; pass += 1) {
      clock.advance(60_000)
      await publish(store, 't1')
      await keeper.runPass()
    }
    assert.deepEqual(reads, first)
    clock.advance(24 * hour)
    await keeper.runPass()
    assert.ok(reads.feed > first.feed && reads.feed < 10, `${reads.feed} reads of the feed`)
    assert.equal(reads.logs, 0)
    assert.equal(trimmedTo(store, 't1999'), 1)
    await keeper.close()
  })

  test('a pass that failed is made up for by the next', async () => {
    const { clock, store, keeper, holds } = await openBench(day)
    await publish(store, 'a', 'b')
    clock.advance(25 * hour)
    const failing: Hold = {
      needs: () => {
        throw new Error('cannot tell')
      },
    }
    holds.add(failing)
    await assert.rejects(keeper.runPass(), /cannot tell/)
    assert.equal(trimmedTo(store, 'a'), 0)
    holds.clear()
    await keeper.runPass()
    assert.deepEqual([trimmedTo(store, 'a'), trimmedTo(store, 'b')], [1, 1])
    await keeper.close()
  })
})

describe('history by bytes', () => {
  test('the oldest go first, over all logs, until the rest keeps within the bound', async () => {
    const { store, keeper, counters } = await openBench({ ...unbounded, maxBytes: 500 })
    await publish(store, 'a', 'KEPT', 'b', 'a', 'c')
    await keeper.runPass()
    // Three of 100 bytes and 48 for each are left.
    assert.equal(keeper.usage.bytes, 444)
    assert.deepEqual(
      ['a', 'b', 'c', 'KEPT'].map((topic) => trimmedTo(store, topic)),
      [1, 0, 0, 0],
    )
    await keeper.runPass()
    const { logs, bytes } = keeper.usage
    assert.deepEqual([logs, bytes], [3, 444])
    await publish(store, 'd', 'd')
    await keeper.runPass()
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((topic) => trimmedTo(store, topic)),
      [2, 1, 0, 0],
    )
    assert.equal(counters.historyTrimmed, 3)
    assert.equal(counters.historyTrimmedUnread, 0)
    await keeper.close()
  })

  test('empty messages count, too', async () => {
    const { store, keeper } = await openBench({ ...unbounded, maxBytes: 480 })
    const empty = { topic: 'a', payload: new Uint8Array(0), headers: noHeaders, history: true }
    await store.append(Array.from({ length: 50 }, () => empty))
    await keeper.runPass()
    assert.equal(trimmedTo(store, 'a'), 40)
    await keeper.close()
  })

  test('both bounds at once: what is left by bytes still grows old', async () => {
    const { clock, store, keeper } = await openBench({ maxAgeMs: 24 * hour, maxBytes: 444 })
    await publish(store, 'a', 'b', 'a', 'b')
    await keeper.runPass()
    assert.deepEqual([trimmedTo(store, 'a'), trimmedTo(store, 'b')], [1, 0])
    clock.advance(25 * hour)
    await publish(store, 'c')
    await keeper.runPass()
    assert.deepEqual(
      ['a', 'b', 'c'].map((topic) => trimmedTo(store, topic)),
      [2, 2, 0],
    )
    await keeper.close()
  })
})

describe('logs with messages that are kept', () => {
  test('stay as they are until those are deleted', async () => {
    const { clock, store, keeper } = await openBench(day)
    const keep = { topic: 'mixed', payload: new Uint8Array(7), headers: noHeaders }
    await publish(store, 'mixed')
    await store.append([keep])
    await publish(store, 'mixed', 'plain')
    clock.advance(25 * hour)
    await keeper.runPass()
    assert.deepEqual([trimmedTo(store, 'mixed'), trimmedTo(store, 'plain')], [0, 1])
    const { pinnedLogs, pinnedBytes, logs } = keeper.usage
    assert.deepEqual([pinnedLogs, pinnedBytes, logs], [1, 207 + 3 * 48, 0])
    // The position is behind all of it by now.
    await publish(store, 'plain')
    clock.advance(25 * hour)
    await keeper.runPass()
    await store.deleteRange({ topic: 'mixed', fromHead: 1, toHead: 2, beyondHead: 'clip' })
    await keeper.runPass()
    assert.equal(trimmedTo(store, 'mixed'), 3)
    assert.equal(keeper.usage.pinnedLogs, 0)
    await keeper.close()
  })

  test('are shown as pinned, wherever in them the history is', async () => {
    const { store, keeper } = await openBench(day)
    const append = async (topic: string, history: boolean) => {
      await store.append([{ topic, payload: new Uint8Array(1), headers: noHeaders, history }])
    }
    await append('before', true)
    await append('before', false)
    await append('behind', false)
    await append('behind', true)
    await append('kept', false)
    await append('trimmed', true)
    await append('trimmed', false)
    await store.trim(own('trimmed'), 1)
    await append('history', true)
    await keeper.runPass()
    assert.deepEqual(keeper.usage, {
      logs: 1,
      bytes: 49,
      pinnedLogs: 2,
      pinnedBytes: 4 * 49,
    })
    await keeper.close()
  })

  test('whose messages are all deleted are left alone, until there is history behind them', async () => {
    const { clock, store, keeper } = await openBench({ maxAgeMs: 24 * hour, maxBytes: 400 })
    const topics = Array.from({ length: 50 }, () => 'ALL')
    await publish(store, ...topics)
    await store.deleteRange({ topic: 'ALL', fromHead: 1, toHead: 50, beyondHead: 'clip' })
    await publish(store, 'a', 'b')
    await keeper.runPass()
    assert.deepEqual(keeper.usage, { logs: 2, bytes: 296, pinnedLogs: 0, pinnedBytes: 0 })
    assert.deepEqual([trimmedTo(store, 'ALL'), trimmedTo(store, 'a')], [0, 0])
    const payload = new Uint8Array(100)
    await store.append([{ topic: 'ALL', payload, headers: noHeaders, history: true }])
    await keeper.runPass()
    assert.deepEqual([trimmedTo(store, 'ALL'), trimmedTo(store, 'a')], [0, 1])
    clock.advance(25 * hour)
    await keeper.runPass()
    assert.equal(trimmedTo(store, 'ALL'), 51)
    await keeper.close()
  })

  test('do not count as history, however full it is', async () => {
    const { store, keeper } = await openBench({ ...unbounded, maxBytes: 200 })
    await publish(store, 'MIXED', 'MIXED', 'MIXED')
    await store.append([
      { topic: 'MIXED', payload: new Uint8Array(900), headers: noHeaders, history: true },
    ])
    await publish(store, 'a')
    await keeper.runPass()
    assert.deepEqual([trimmedTo(store, 'MIXED'), trimmedTo(store, 'a')], [0, 0])
    await keeper.close()
  })
})

describe('rules with a retention of their own', () => {
  test('stand in the place of the bounds of history, for more and for less', async () => {
    const rules = [rule('long/#', { maxAgeMs: Infinity }), rule('short', { maxAgeMs: hour })]
    const { clock, store, keeper, counters } = await openBench({ ...day, maxBytes: 200 }, rules)
    await publish(store, 'long/1', 'long/2', 'short', 'plain')
    clock.advance(2 * hour)
    await keeper.runPass()
    const topics = ['long/1', 'long/2', 'short', 'plain']
    const ends = () => topics.map((topic) => trimmedTo(store, topic))
    assert.deepEqual(ends(), [0, 0, 1, 0])
    assert.deepEqual([keeper.usage.logs, keeper.usage.bytes], [1, 148])
    clock.advance(1_000 * hour)
    await keeper.runPass()
    assert.deepEqual(ends(), [0, 0, 1, 1])
    assert.deepEqual([counters.messagesTrimmed, counters.historyTrimmed], [2, 1])
    await keeper.close()
  })

  test('trim many logs in one pass, kept or not', async () => {
    const { store, keeper } = await openBench(day, [rule('#', { maxMessages: 1 })])
    const topics = Array.from({ length: 600 }, (_, i) => (i % 2 === 0 ? `t${i}` : `T${i}`))
    await publish(store, ...topics, ...topics, ...topics)
    await keeper.runPass()
    for (const topic of topics) assert.equal(trimmedTo(store, topic), 2)
    assert.equal(keeper.usage.logs, 0)
    await keeper.close()
  })
})

describe('readers that are behind', () => {
  test('delay trimming by age of what they still have to read, and of nothing else', async () => {
    const { clock, store, keeper, holds } = await openBench(day)
    await publish(store, 'a', 'b', 'a', 'b', 'a')
    const reader = new Reader(1, 'a')
    holds.add(reader)
    clock.advance(25 * hour)
    const ends = () => ['a', 'b'].map((topic) => trimmedTo(store, topic))
    await keeper.runPass()
    assert.deepEqual(ends(), [1, 2])
    clock.advance(hour)
    await keeper.runPass()
    assert.deepEqual(ends(), [1, 2])
    reader.after = 3
    await keeper.runPass()
    assert.deepEqual(ends(), [2, 2])
    // Younger messages join, and the reader leaves.
    await publish(store, 'a', 'b')
    holds.clear()
    await keeper.runPass()
    assert.deepEqual(ends(), [3, 2])
    clock.advance(25 * hour)
    await keeper.runPass()
    assert.deepEqual(ends(), [4, 3])
    await keeper.close()
  })

  test('do not keep history from its bound of bytes; what they miss is counted', async () => {
    const { clock, store, keeper, holds, counters } = await openBench({ ...day, maxBytes: 600 })
    await publish(store, 'a', 'b', 'a', 'b')
    holds.add(new Reader(0))
    clock.advance(25 * hour)
    await keeper.runPass()
    assert.equal(counters.historyTrimmed, 0)
    await publish(store, 'c', 'c')
    await keeper.runPass()
    assert.deepEqual(
      ['a', 'b', 'c'].map((topic) => trimmedTo(store, topic)),
      [1, 1, 0],
    )
    assert.equal(counters.historyTrimmedUnread, 2)
    holds.clear()
    await keeper.runPass()
    assert.deepEqual(
      ['a', 'b', 'c'].map((topic) => trimmedTo(store, topic)),
      [2, 2, 0],
    )
    assert.equal(counters.historyTrimmedUnread, 2)
    await keeper.close()
  })
})

describe('readers of a bus', () => {
  test('a log subscription gets what it has not read, however late', async () => {
    const { bus, clock, store, say, until } = await openBus(day)
    for (const text of ['1', '2', '3']) await say('a', text)
    await say('b', 'unread by nobody')
    const seen: string[] = []
    let caughtUp = false
    const subscription = bus.connect(anonymous).subscribe(
      {
        kind: 'filter',
        filter: parseTopicFilter('a'),
        start: { at: 'earliest' },
        pageMessages: 1,
      },
      {
        deliver: (delivery) => {
          seen.push(...delivery.messages.map(({ payload }) => Buffer.from(payload).toString()))
          caughtUp = delivery.caughtUp
          return false
        },
        end: (error) => assert.fail(error),
      },
    )
    await until(() => seen.length === 1)
    clock.advance(30 * hour)
    await until(() => trimmedTo(store, 'b') === 1)
    assert.equal(trimmedTo(store, 'a'), 1)
    await until(() => {
      subscription.resume()
      return caughtUp
    })
    assert.deepEqual(seen, ['1', '2', '3'])
    subscription.resume()
    await until(() => trimmedTo(store, 'a') === 3)
    await until(() => bus.status().history?.bytes === 0)
    assert.equal(bus.counters.historyTrimmedUnread, 0)
    subscription.close()
    await bus.shutdown()
  })

  test('a client that had no room gets what it missed, however late', async () => {
    const { bus, clock, store, say, until } = await openBus(day)
    const seen: string[] = []
    const inbox: Inbox = {
      queuedBytes: 0,
      message: () => assert.fail(),
      broadcast: () => assert.fail(),
      publication: ({ bytes, start, end }) => {
        seen.push(Buffer.from(bytes.subarray(start, end)).toString())
      },
      pause: () => undefined,
      resume: () => undefined,
      end: (error) => assert.fail(error),
    }
    const client = bus.connect(anonymous, { protocol: 'test', name: 'slow', inbox })
    client.live.subscribe({ kind: 'level', rules: 'mqtt', text: 'a' })
    client.live.congested(true)
    await say('a', '1')
    await say('b', 'unread by nobody')
    await say('a', '2')
    clock.advance(30 * hour)
    await until(() => trimmedTo(store, 'b') === 1)
    assert.equal(trimmedTo(store, 'a'), 0)
    client.live.congested(false)
    await until(() => seen.length === 2)
    assert.deepEqual(seen, ['1', '2'])
    await until(() => trimmedTo(store, 'a') === 2)
    client.close()
    await bus.shutdown()
  })

  test('a reader that was too slow for the bytes goes on behind the gap, which is counted', async () => {
    const { bus, store, say, until } = await openBus({ ...unbounded, maxBytes: 100 })
    const seen: string[] = []
    let room = 1
    const options = { kind: 'log', log: own('a'), start: { at: 'head', head: 1 } } as const
    for (const text of ['1', '2', '3', '4']) await say('a', text)
    const subscription = bus.connect(anonymous).subscribe(
      { ...options, pageMessages: 1 },
      {
        deliver: (delivery) => {
          for (const { headId, deleted } of delivery.messages) {
            seen.push(deleted ? `${headId} stub` : `${headId}`)
          }
          room -= 1
          return room > 0
        },
        end: (error) => assert.fail(error),
      },
    )
    await until(() => trimmedTo(store, 'a') === 2)
    room = Infinity
    subscription.resume()
    await until(() => seen.length === 4)
    assert.deepEqual(seen, ['1', '2 stub', '3', '4'])
    assert.equal(bus.counters.historyTrimmedUnread, 1)
    subscription.close()
    await bus.shutdown()
  })
})

describe('anything in any order', () => {
  const topics = ['a', 'b', 'c']
  const topic = fc.constantFrom(...topics)
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('publish' as const),
        topic,
        size: fc.nat(60),
        history: fc.oneof({ weight: 7, arbitrary: fc.constant(true) }, fc.boolean()),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(400) }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('delete' as const), topic, to: fc.nat(40) }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('pass' as const) }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('read' as const),
        after: fc.option(fc.nat(60), { freq: 2 }),
        topics: fc.subarray(topics, { minLength: 1 }),
      }),
    },
  )
  const steps = fc.array(step, { minLength: 1, maxLength: 80, size: 'max' })
  const seed = Number(process.env['MSGBUS_HISTORY_SEED'] ?? randomInt(2 ** 31))

  test(`bounds hold, and what is kept or being read stays (seed ${seed})`, async () => {
    const bounds = { maxAgeMs: 1_000, maxBytes: 1_500 }
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const { clock, store, keeper, holds } = await openBench(bounds)
        const kept = new Map<string, number>()
        let reader: Reader | undefined
        for (const next of all) {
          if (next.kind === 'wait') clock.advance(next.ms)
          else if (next.kind === 'publish') {
            const { topic: name, size, history } = next
            const payload = new Uint8Array(size)
            await store.append([{ topic: name, payload, headers: noHeaders, history }])
            if (!history && !kept.has(name)) kept.set(name, store.head(own(name)) ?? 0)
          } else if (next.kind === 'delete') {
            const range = { topic: next.topic, fromHead: 1, toHead: next.to }
            await store.deleteRange({ ...range, beyondHead: 'clip' })
            // Whatever was kept up to there is given up by its owner.
            if ((kept.get(next.topic) ?? Infinity) <= next.to) kept.delete(next.topic)
          } else if (next.kind === 'read') {
            holds.clear()
            if (next.after !== null) holds.add((reader = new Reader(next.after, ...next.topics)))
            else reader = undefined
          } else {
            await keeper.runPass()
            await keeper.runPass()
            await checkBounds(store, clock.now(), bounds, reader)
          }
          for (const [name, head] of kept) assert.ok((trimmedTo(store, name) ?? 0) < head, name)
        }
        await keeper.close()
      }),
      { seed, numRuns: 300, includeErrorInReport: true },
    )
  })
})

async function checkBounds(
  store: LogStore,
  nowMs: number,
  { maxAgeMs, maxBytes }: HistoryBounds,
  reader: Reader | undefined,
): Promise<void> {
  let bytes = 0
  for (const info of store.logs()) {
    if (!isHistory(info)) continue
    bytes += storedBytes(info, historyAfter(info))
    const { messages } = await store.read(info, historyAfter(info) + 1, { messages: 1 })
    const [oldest] = messages
    if (oldest === undefined || reader?.needs(oldest) === true) continue
    assert.ok(oldest.createdAtMs >= nowMs - maxAgeMs - maxAgeMs / 24, `${info.topic} is too old`)
  }
  assert.ok(bytes <= maxBytes, `${bytes} bytes`)
}
