/** Publishing: what is stored and what is not, what a rule refuses, who is told of what, and in which order. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { envelopeSize } from '../model/envelope-size.ts'
import { BusError, type ErrorReason } from '../model/errors.ts'
import { daemonIdentity } from '../model/identity.ts'
import { defaultLimits } from '../model/limits.ts'
import { noHeaders } from '../model/message.ts'
import { parseTopicFilter } from '../model/topic-filter.ts'
import type { Delivery, Subscription } from './bus-client.ts'
import { openLiveBus, suiteNode, TestClient, textOf } from './live-suite.ts'
import type { LogStore } from './log-store.ts'
import { silentLogger } from './logger.ts'
import { ManualClock } from './manual-clock.ts'
import { MsgBus } from './msg-bus.ts'
import { publisherHeader } from './publisher-header.ts'

const rules = (['always', 'never', 'acked'] as const).map((store) => {
  return { filter: parseTopicFilter(`${store}/#`), store }
})

const hasReason = (reason: ErrorReason) => (error: unknown) =>
  error instanceof BusError && error.reason === reason

/** Commits that are under way are over. */
async function committed(store: LogStore): Promise<void> {
  await store.settleQueue([])
}

interface LogReader {
  readonly seen: string[]
  readonly batches: number[]
  readonly subscription: Subscription
  hasRoom: boolean
  during: (delivery: Delivery) => void
}

const nothing = () => undefined

/** `topic:head:text`, with publications that are not stored. */
async function readLive(client: TestClient, filter: string): Promise<LogReader> {
  const reader: Omit<LogReader, 'subscription'> = {
    seen: [],
    batches: [],
    hasRoom: true,
    during: nothing,
  }
  let isLive: () => void = nothing
  const live = new Promise<void>((resolve) => (isLive = resolve))
  const subscription = client.handle.subscribe(
    { kind: 'filter', filter: parseTopicFilter(filter), start: { at: 'now' }, live: true },
    {
      deliver: (delivery) => {
        if (delivery.messages.length > 0) reader.batches.push(delivery.messages.length)
        for (const { topic, headId, payload } of delivery.messages) {
          reader.seen.push(`${topic}:${headId}:${textOf(payload)}`)
        }
        reader.during(delivery)
        isLive()
        return reader.hasRoom
      },
      end: () => undefined,
    },
  )
  await live
  return Object.assign(reader, { subscription })
}

describe('without acknowledgement', () => {
  test('only what a rule says is stored, and reaches readers after its commit', async () => {
    const { bus, store, join } = await openLiveBus({ topicRules: rules })
    const reader = join('r').subscribe('#')
    const client = join('c')
    for (const topic of ['always/x', 'never/x', 'acked/x', 'other']) {
      assert.equal(client.publish(topic, topic), 'published')
    }
    assert.deepEqual(reader.texts, ['never/x', 'acked/x', 'other'])
    await committed(store)
    assert.deepEqual(reader.texts, ['never/x', 'acked/x', 'other', 'always/x'])
    const { sequence, sender } = reader.inbox.seen.at(-1) ?? {}
    assert.deepEqual([sequence, sender], [store.lastSequence, 'c'])
    assert.deepEqual(
      [...store.logs()].map(({ topic }) => topic),
      ['always/x'],
    )
    assert.equal(bus.counters.messagesPublished, 1)
  })

  test('what is stored has its publisher, its headers and its mark', async () => {
    const { store, join } = await openLiveBus({ topicRules: rules })
    const reader = join('r').subscribe('#')
    reader.inbox.keepsMessages = true
    const bytes = Buffer.from('always/x\0payload')
    const headers = new Map([['k', 'v']])
    join('c').live.publish(bytes, 0, 8, 9, 16, true, undefined, headers)
    // The bytes were borrowed for the call.
    bytes.fill(0)
    await committed(store)
    const [message] = reader.inbox.kept
    assert.deepEqual(
      message?.headers,
      new Map([
        ['k', 'v'],
        [publisherHeader, 'c'],
        ['msgbus-unacknowledged', '1'],
      ]),
    )
    assert.equal(textOf(message?.payload ?? Buffer.alloc(0)), 'payload')
    assert.equal(reader.inbox.seen[0]?.realtime, true)
    const log = { topic: 'always/x', origin: suiteNode }
    assert.equal(store.log(log)?.keptTo, 0, 'it is no history')
  })

  test('for one client alone: to it and its secondaries that subscribed, never stored', async () => {
    const { store, join } = await openLiveBus({ topicRules: rules })
    const [a, one, two, b] = [join('a'), join('a%%1'), join('a%%2'), join('b')]
    const nameless = join()
    for (const client of [a, one, b, nameless]) client.subscribe('always/x')
    b.publish('always/x', 'for a', 'a')
    b.publish('always/x', 'for nobody', 'a%%1')
    b.publish('always/x', 'for nobody', '')
    await committed(store)
    assert.deepEqual(
      [a, one, two, b, nameless].map(({ texts }) => texts),
      [['for a'], ['for a'], [], [], []],
    )
    assert.equal(store.lastSequence, 0)
  })

  test('topics of the daemon, and payloads above a rule, are refused', async () => {
    const topicRules = [{ filter: parseTopicFilter('small'), maxPayloadBytes: 3 }]
    const { bus, join } = await openLiveBus({ topicRules })
    const client = join('c').subscribe('small', '$msgbus.x')
    assert.equal(client.publish('small', '123'), 'published')
    assert.equal(client.publish('small', '1234'), 'refused')
    assert.equal(client.publish('$msgbus.x', 'x'), 'refused')
    assert.equal(bus.counters.messagesRefused, 2)
    assert.deepEqual(client.texts, ['123'])
  })

  test('names that no log can have are delivered all the same', async () => {
    const always = [{ filter: parseTopicFilter('#'), store: 'always' as const }]
    const { store, join } = await openLiveBus({ topicRules: always })
    const client = join('c').subscribe('#')
    for (const topic of ['', ' ', 'a\0b']) client.publish(topic, JSON.stringify(topic))
    assert.deepEqual(client.texts, ['""', '" "', '"a\\u0000b"'])
    await committed(store)
    assert.equal(store.lastSequence, 0)
  })

  test('what the daemon says is for now, whatever the rule', async () => {
    const always = [{ filter: parseTopicFilter('#'), store: 'always' as const }]
    const { store, join } = await openLiveBus({ topicRules: always })
    const client = join('c').subscribe('.broker/warn')
    join('.broker', { identity: daemonIdentity }).publish('.broker/warn', 'shutdown')
    assert.deepEqual(client.texts, ['shutdown'])
    await committed(store)
    assert.equal(store.lastSequence, 0)
  })

  test('whoever fills the store waits for it, with large messages and with empty ones', async () => {
    for (const size of [100_000, 0]) {
      const { store, join } = await openLiveBus({ topicRules: rules })
      const client = join('c')
      const payload = 'x'.repeat(size)
      let count = 0
      for (; !client.inbox.isPaused; count++) {
        assert.ok(count < 10_000, 'it is never stopped')
        client.publish('always/x', payload)
      }
      await committed(store)
      await new Promise((resolve) => setImmediate(resolve))
      assert.equal(client.inbox.isPaused, false)
      assert.equal(store.head({ topic: 'always/x', origin: suiteNode }), count)
    }
  })

  test('what is too large to be stored is refused', async () => {
    const { store, join } = await openLiveBus({
      topicRules: rules,
      limits: { envelopeBytes: 1_500_000 },
    })
    const client = join('c')
    assert.equal(client.publish('always/x', 'x'.repeat(1_500_000)), 'refused')
    assert.equal(client.publish('other', 'x'.repeat(1_500_000)), 'published')
    await committed(store)
    assert.equal(store.lastSequence, 0)
  })

  test('whoever cannot wait for the store is refused', async () => {
    const { join } = await openLiveBus({ topicRules: rules })
    const client = join('c', { isDeaf: true })
    const payload = 'x'.repeat(100_000)
    let taken = 0
    while (client.publish('always/x', payload) === 'published') {
      taken += 1
      assert.ok(taken < 1_000, 'it is never refused')
    }
    assert.ok(taken > 5)
  })

  test('before there is a store, what has to be stored is refused and the rest passes', async () => {
    const clock = new ManualClock()
    const logger = silentLogger
    const options = { node: suiteNode, limits: defaultLimits, clock, logger, topicRules: rules }
    const client = new TestClient(new MsgBus(options), 'c').subscribe('#')
    assert.equal(client.publish('always/x', 'stored'), 'refused')
    assert.equal(client.publish('other', 'live'), 'published')
    assert.deepEqual(client.texts, ['live'])
  })
})

describe('with acknowledgement', () => {
  test('is stored unless a rule says never; then it is routed before the answer', async () => {
    const { store, join } = await openLiveBus({ topicRules: rules })
    const reader = join('r').subscribe('#')
    const client = join('c')
    const topics = ['never/x', 'always/x', 'acked/x']
    const outcomes = await client.handle.publish(
      topics.map((topic) => ({ topic, payload: Buffer.from(topic), headers: noHeaders })),
    )
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.kind === 'stored' ? outcome.message.headId : 'none')),
      [0, 1, 1],
    )
    assert.deepEqual(reader.texts, topics)
    assert.deepEqual(
      reader.inbox.seen.map(({ sender }) => sender),
      ['c', 'c', 'c'],
    )
    assert.equal([...store.logs()].length, 2)
  })

  test('stored ones name their publisher; who has no name names nobody', async () => {
    const { join } = await openLiveBus()
    const reader = join('r').subscribe('t')
    const client = join('c')
    await client.store('t', '1')
    await join().store('t', '2')
    client.close()
    // Also when it is not here any more.
    const late = join('late').subscribe('t')
    late.live.subscribeFrom({ kind: 'level', rules: 'busrt', text: 't' }, 0)
    await new Promise((resolve) => setImmediate(resolve))
    for (const each of [reader, late]) {
      assert.deepEqual(
        each.inbox.seen.map(({ sender, text }) => [sender, text]),
        [
          ['c', '1'],
          ['', '2'],
        ],
      )
    }
  })

  test('a publisher that cannot be one is not believed', async () => {
    const { join } = await openLiveBus()
    const reader = join('r').subscribe('t')
    const client = join()
    for (const name of ['.broker', 'a\0b', '']) {
      const headers = new Map([[publisherHeader, name]])
      await client.handle.publish([{ topic: 't', payload: Buffer.from('x'), headers }])
    }
    assert.deepEqual(
      reader.inbox.seen.map(({ sender }) => sender),
      ['', '', ''],
    )
  })

  test('the largest that may be stored may be with the name of its publisher, no more', async () => {
    const { join } = await openLiveBus({ limits: { envelopeBytes: 1_500_000 } })
    const client = join('publisher'.repeat(10))
    for (let size = 1_499_700; size < 1_500_000; size += 10) {
      const payload = new Uint8Array(size)
      const [outcome] = await client.handle.publish([{ topic: 't', payload, headers: noHeaders }])
      if (outcome?.kind !== 'stored') continue
      assert.ok(envelopeSize(outcome.message, suiteNode) <= 1_500_000)
    }
  })

  test('on a topic of the daemon is stored as msgbus.v1 has it, and reaches no live client', async () => {
    const { store, join } = await openLiveBus()
    const reader = join('r').subscribe('$msgbus.clients', '$msgbus.x')
    const seen = reader.texts.length
    const client = join()
    await client.store('$msgbus.clients', 'not the daemon')
    await client.store('$msgbus.x', 'nor this')
    await assert.rejects(client.store('$msgbus.delete', 'x'), hasReason('reserved_topic'))
    assert.equal(store.lastSequence, 2)
    assert.equal(reader.texts.length, seen)
  })

  test('delete markers reach no live client', async () => {
    const { join } = await openLiveBus()
    const reader = join('r').subscribe('$msgbus.delete', '#')
    const client = join('c')
    await client.store('t', '1', '2')
    await client.handle.log.deleteRange({ topic: 't', fromHead: 1, toHead: 1 })
    await client.store('t', '3')
    assert.deepEqual(reader.texts, ['1', '2', '3'])
  })

  test('what a store reports together is delivered in commit order', async () => {
    const { join } = await openLiveBus()
    const reader = join('r').subscribe('#')
    const clients = [join('a'), join('b'), join('c')]
    await Promise.all(
      clients.flatMap((client, i) => [
        client.store(`t/${i}`, `${i}.1`, `${i}.2`),
        client.store('t', 'x'),
      ]),
    )
    const sequences = reader.inbox.seen.map(({ sequence }) => sequence)
    assert.equal(sequences.length, 9)
    assert.deepEqual(
      sequences,
      sequences.toSorted((a, b) => a - b),
    )
  })
})

describe('log subscriptions that take what is not stored', () => {
  test('get the publications of one turn together, once, between what is stored', async () => {
    const { join } = await openLiveBus()
    const client = join('c')
    const reader = await readLive(client, 't/#')
    for (const text of ['1', '2', '3']) client.publish('t/x', text)
    assert.deepEqual(reader.seen, [])
    await client.store('t/y', 'stored')
    client.publish('t', '4')
    await Promise.resolve()
    assert.deepEqual(reader.seen, ['t/x:0:1', 't/x:0:2', 't/x:0:3', 't/y:1:stored', 't:0:4'])
    assert.ok(reader.batches.length <= 3)
  })

  test('miss what comes while they have no room, and it is counted', async () => {
    const { bus, join } = await openLiveBus()
    const client = join('c')
    const reader = await readLive(client, '#')
    reader.hasRoom = false
    client.publish('t', '1')
    await Promise.resolve()
    client.publish('t', '2')
    await client.store('t', 'stored')
    await Promise.resolve()
    reader.hasRoom = true
    reader.subscription.resume()
    await new Promise((resolve) => setImmediate(resolve))
    client.publish('t', '3')
    await Promise.resolve()
    assert.deepEqual(reader.seen, ['t:0:1', 't:1:stored', 't:0:3'])
    assert.equal(bus.counters.messagesDropped, 1)
  })

  test('see what their own reader publishes in answer', async () => {
    const { join } = await openLiveBus()
    const client = join('c')
    const reader = await readLive(client, '#')
    reader.during = ({ messages }) => {
      const isQuestion = messages.some(({ payload }) => textOf(payload) === 'question')
      if (isQuestion) client.publish('t', 'answer')
    }
    client.publish('t', 'question')
    await Promise.resolve()
    await Promise.resolve()
    client.publish('t', 'next')
    await Promise.resolve()
    assert.deepEqual(reader.seen, ['t:0:question', 't:0:answer', 't:0:next'])
    assert.deepEqual(reader.batches, [1, 1, 1])
  })

  test('have no room for the answer of a reader that has enough, and go on', async () => {
    const { bus, join } = await openLiveBus()
    const client = join('c')
    const reader = await readLive(client, '#')
    reader.during = () => {
      client.publish('t', 'answer')
      reader.during = () => undefined
    }
    reader.hasRoom = false
    client.publish('t', 'question')
    await Promise.resolve()
    reader.hasRoom = true
    reader.subscription.resume()
    client.publish('t', 'next')
    await client.store('t', 'stored')
    assert.deepEqual(reader.seen, ['t:0:question', 't:0:next', 't:1:stored'])
    assert.equal(bus.counters.messagesDropped, 1)
  })

  test('know who published', async () => {
    const { join } = await openLiveBus()
    const client = join('c')
    const publishers: (string | undefined)[] = []
    const reader = await readLive(client, '#')
    reader.during = ({ messages }) => {
      for (const { headers } of messages) publishers.push(headers.get(publisherHeader))
    }
    client.publish('t', '1')
    await client.store('t', '2')
    await Promise.resolve()
    assert.deepEqual(publishers, ['c', 'c'])
  })

  test('close in the middle of a turn without being told more', async () => {
    const { join } = await openLiveBus()
    const client = join('c')
    const reader = await readLive(client, '#')
    client.publish('t', '1')
    reader.subscription.close()
    client.publish('t', '2')
    await Promise.resolve()
    assert.deepEqual(reader.seen, [])
  })
})

test('shutdown tells everybody once, with what was announced before it', async () => {
  const { bus, join } = await openLiveBus()
  const clients = ['a', 'b', 'c'].map((name) => join(name).subscribe('.broker/warn'))
  const daemon = join('.broker', { identity: daemonIdentity })
  bus.onShutdown(() => daemon.publish('.broker/warn', 'shutdown'))
  await bus.shutdown()
  for (const { texts, inbox } of clients) {
    assert.deepEqual(texts, ['shutdown'])
    assert.deepEqual(inbox.told, ['end shutting_down'])
  }
  assert.throws(() => join('d'), hasReason('shutting_down'))
})
