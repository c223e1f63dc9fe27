/** The bus over the memory store: publishing, subscriptions in every state, rules, access, shutdown. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { BusError, type ErrorReason } from '../model/errors.ts'
import { anonymous } from '../model/identity.ts'
import { defaultLimits } from '../model/limits.ts'
import { noHeaders } from '../model/message.ts'
import { parseTopicFilter } from '../model/topic-filter.ts'
import { openMemoryLogStore } from '../stores/memory/memory-log-store.ts'
import type { BusClient, Delivery, SubscribeOptions, Subscription } from './bus-client.ts'
import type { LogStore } from './log-store.ts'
import { silentLogger } from './logger.ts'
import { ManualClock } from './manual-clock.ts'
import { MsgBus, type MsgBusOptions } from './msg-bus.ts'
import { retentionPassMs } from './retention.ts'

const node = { tenantId: 'tenant', blName: 'default', deviceId: 'device' }
const text = (payload: Uint8Array) => Buffer.from(payload).toString()

interface Bench {
  readonly bus: MsgBus
  readonly clock: ManualClock
  readonly store: LogStore
  readonly client: BusClient
}

async function openBus(options: Partial<MsgBusOptions> = {}): Promise<Bench> {
  const clock = new ManualClock()
  const logger = silentLogger
  const bus = new MsgBus({ node, limits: defaultLimits, clock, logger, ...options })
  const store = await openMemoryLogStore({
    folder: '',
    node,
    durability: 'memory',
    clock,
    logger,
    publishIdWindowMs: defaultLimits.publishIdWindowMs,
    publishIdCount: defaultLimits.publishIdCount,
  })
  bus.attach(store)
  return { bus, clock, store, client: bus.connect(anonymous) }
}

async function publish(client: BusClient, topic: string, ...payloads: string[]): Promise<void> {
  const messages = payloads.map((payload) => {
    return { topic, payload: Buffer.from(payload), headers: noHeaders }
  })
  for (const outcome of await client.publish(messages)) {
    if (outcome.kind === 'rejected') throw outcome.error
  }
}

/** A reader that takes a given number of deliveries and then has enough until told otherwise. */
class Reader {
  readonly seen: string[] = []
  readonly deliveries: Omit<Delivery, 'messages'>[] = []
  readonly subscription: Subscription
  error: BusError | undefined
  room: number
  #waiting: (() => void)[] = []

  constructor(client: BusClient, options: SubscribeOptions, room = Infinity) {
    this.room = room
    this.subscription = client.subscribe(options, {
      deliver: (delivery) => {
        for (const message of delivery.messages) {
          this.seen.push(`${message.topic}:${message.headId}:${text(message.payload)}`)
        }
        this.deliveries.push({ ...delivery })
        this.room -= 1
        this.#wake()
        return this.room > 0
      },
      end: (error) => {
        this.error = error
        this.#wake()
      },
    })
  }

  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  async caughtUp(): Promise<void> {
    await this.until(() => this.deliveries.at(-1)?.caughtUp === true)
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

const fromEarliest = (filter: string): SubscribeOptions => {
  return { kind: 'filter', filter: parseTopicFilter(filter), start: { at: 'earliest' } }
}
const logFrom = (topic: string, head: number): SubscribeOptions => {
  return { kind: 'log', log: { topic, origin: node }, start: { at: 'head', head } }
}

function hasReason(reason: ErrorReason) {
  return (error: unknown) => error instanceof BusError && error.reason === reason
}

describe('subscriptions', () => {
  test('a log replays and goes on live without a seam', async () => {
    const { client } = await openBus()
    await publish(client, 'a', '1', '2', '3')
    const reader = new Reader(client, { ...logFrom('a', 2), pageMessages: 1 })
    await publish(client, 'a', '4')
    await reader.caughtUp()
    await publish(client, 'b', 'other')
    await publish(client, 'a', '5')
    assert.deepEqual(reader.seen, ['a:2:2', 'a:3:3', 'a:4:4', 'a:5:5'])
  })

  test('a start beyond the head skips what comes before it', async () => {
    const { client } = await openBus()
    await publish(client, 'a', '1')
    const reader = new Reader(client, logFrom('a', 4))
    await reader.caughtUp()
    await publish(client, 'a', '2', '3', '4', '5')
    assert.deepEqual(reader.seen, ['a:4:4', 'a:5:5'])
  })

  test('newest gives the last ones at or after a head', async () => {
    const { client } = await openBus()
    await publish(client, 'a', '1', '2', '3', '4', '5')
    const log = { topic: 'a', origin: node }
    for (const [count, fromHead, first] of [
      [2, 1, 4],
      [9, 3, 3],
    ] as const) {
      const start = { at: 'newest', count, fromHead } as const
      const reader = new Reader(client, { kind: 'log', log, start })
      await reader.caughtUp()
      assert.equal(reader.seen[0], `a:${first}:${first}`)
    }
  })

  test('a filter sees every matching log in commit order', async () => {
    const { client } = await openBus()
    await publish(client, 'x/1', 'a')
    await publish(client, 'y', 'no')
    await publish(client, 'x/2', 'b')
    const reader = new Reader(client, fromEarliest('x/+'))
    await reader.caughtUp()
    await publish(client, 'x/3', 'c')
    assert.deepEqual(reader.seen, ['x/1:1:a', 'x/2:1:b', 'x/3:1:c'])
  })

  test('last gives the newest of each log, oldest first, then what follows', async () => {
    const { client } = await openBus()
    await publish(client, 'x/1', 'a', 'b')
    await publish(client, 'x/2', 'c')
    await publish(client, 'x/1', 'd')
    const start = { at: 'last' } as const
    const options = { kind: 'filter', filter: parseTopicFilter('x/#'), start } as const
    const reader = new Reader(client, { ...options, pageMessages: 1 })
    await reader.caughtUp()
    await publish(client, 'x/2', 'e')
    assert.deepEqual(reader.seen, ['x/2:1:c', 'x/1:3:d', 'x/2:2:e'])
    assert.equal(reader.deliveries[0]?.position, undefined)
    assert.notEqual(reader.deliveries.at(-1)?.position, undefined)
  })

  test('a position resumes without gap or repeat', async () => {
    const { client } = await openBus()
    await publish(client, 'a', '1', '2', '3', '4')
    const first = new Reader(client, { ...fromEarliest('a'), pageMessages: 2 }, 1)
    await first.until(() => first.seen.length === 2)
    const sequence = first.deliveries[0]?.position ?? Number.NaN
    const start = { at: 'after', sequence } as const
    const filter = parseTopicFilter('a')
    const second = new Reader(client, { kind: 'filter', filter, start })
    await second.caughtUp()
    assert.deepEqual(second.seen, ['a:3:3', 'a:4:4'])
  })

  test('stubs of trimmed messages do not move a position back', async () => {
    const { client, store } = await openBus()
    await publish(client, 'a', '1', '2', '3', '4')
    await store.trim({ topic: 'a', origin: node }, 2)
    const reader = new Reader(client, { ...logFrom('a', 1), pageMessages: 1 })
    await reader.caughtUp()
    assert.equal(reader.seen.length, 4)
    const positions = reader.deliveries.map(({ position }) => position ?? Number.NaN)
    assert.deepEqual(
      positions,
      positions.toSorted((a, b) => a - b),
    )
    assert.equal(positions.at(-1), store.lastSequence)
  })

  test('a slow reader falls back to the store and loses nothing', async () => {
    const { client, bus } = await openBus()
    const reader = new Reader(client, fromEarliest('a'), 2)
    await reader.caughtUp()
    await publish(client, 'a', '1')
    for (let i = 2; i <= 50; i++) await publish(client, 'a', String(i))
    assert.deepEqual(reader.seen, ['a:1:1'])
    reader.room = Infinity
    reader.subscription.resume()
    await reader.until(() => reader.seen.length === 50)
    await publish(client, 'a', '51')
    assert.deepEqual(
      reader.seen,
      Array.from({ length: 51 }, (_, i) => `a:${i + 1}:${i + 1}`),
    )
    assert.equal(bus.counters.subscriptionsLagged, 1)
  })

  test('publishing while the replay runs leaves no hole, whatever the page', async () => {
    const { client } = await openBus()
    await publish(client, 'a', ...Array.from({ length: 100 }, (_, i) => String(i + 1)))
    const readers = [1, 3, 7, 50, 1000].flatMap((pageMessages) => [
      new Reader(client, { ...logFrom('a', 1), pageMessages }),
      new Reader(client, { ...fromEarliest('#'), pageMessages }),
    ])
    for (let i = 101; i <= 300; i++) await publish(client, 'a', String(i))
    const wanted = Array.from({ length: 300 }, (_, i) => `a:${i + 1}:${i + 1}`)
    for (const reader of readers) {
      await reader.until(() => reader.seen.length >= 300)
      assert.deepEqual(reader.seen, wanted)
    }
  })

  test('closing frees the route at once, also before the first delivery', async () => {
    const { client, bus } = await openBus()
    const readers = Array.from({ length: 100 }, () => new Reader(client, fromEarliest('quiet')))
    assert.equal(bus.status().subscriptions, 100)
    for (const reader of readers) {
      reader.subscription.close()
      reader.subscription.close()
    }
    assert.equal(bus.status().subscriptions, 0)
    await publish(client, 'quiet', 'x')
    assert.ok(readers.every(({ seen }) => seen.length === 0))
  })

  test('a client has a limit of subscriptions', async () => {
    const { client } = await openBus({ limits: { ...defaultLimits, subscriptionsPerClient: 1 } })
    const reader = new Reader(client, fromEarliest('a'))
    assert.throws(() => new Reader(client, fromEarliest('b')), hasReason('quota_exceeded'))
    reader.subscription.close()
    new Reader(client, fromEarliest('b')).subscription.close()
  })
})

describe('publishing', () => {
  test('a bad message is rejected alone', async () => {
    const { client } = await openBus()
    const payload = Buffer.from('x')
    const outcomes = await client.publish(
      ['a', '', '$msgbus.delete', 'a'].map((topic) => ({ topic, payload, headers: noHeaders })),
    )
    assert.deepEqual(
      outcomes.map((outcome) =>
        outcome.kind === 'rejected' ? outcome.error.message : outcome.message.headId,
      ),
      [1, 'topic is empty', '$msgbus.delete is reserved for delete markers', 2],
    )
  })

  test('store: never routes to live readers and keeps nothing', async () => {
    const topicRules = [{ filter: parseTopicFilter('t/#'), store: 'never' } as const]
    const { client, store } = await openBus({ topicRules })
    const live = new Reader(client, { ...fromEarliest('#'), live: true } as SubscribeOptions)
    const storedOnly = new Reader(client, fromEarliest('#'))
    await Promise.all([live.caughtUp(), storedOnly.caughtUp()])
    await publish(client, 't/1', 'gone')
    await publish(client, 'u', 'kept')
    assert.deepEqual(live.seen, ['t/1:0:gone', 'u:1:kept'])
    assert.deepEqual(storedOnly.seen, ['u:1:kept'])
    assert.deepEqual(
      [...store.logs()].map(({ topic }) => topic),
      ['u'],
    )
  })

  test('limits of headers and payload are told', async () => {
    const topicRules = [{ filter: parseTopicFilter('small'), maxPayloadBytes: 3 }]
    const { client } = await openBus({ topicRules })
    const tooMany = new Map(Array.from({ length: 257 }, (_, i) => [`k${i}`, 'v']))
    const cases: [
      topic: string,
      size: number,
      headers: Map<string, string>,
      reason: ErrorReason,
    ][] = [
      ['small', 4, new Map(), 'payload_too_large'],
      ['a', 4_194_304, new Map(), 'payload_too_large'],
      ['a', 1, tooMany, 'too_many_headers'],
      ['a', 1, new Map([['k'.repeat(1_025), '']]), 'too_many_headers'],
      ['a', 1, new Map([['k', 'v'.repeat(65_537)]]), 'too_many_headers'],
    ]
    for (const [topic, size, headers, reason] of cases) {
      const [outcome] = await client.publish([{ topic, payload: new Uint8Array(size), headers }])
      assert.ok(outcome?.kind === 'rejected' && outcome.error.reason === reason, reason)
    }
  })

  test('an access rule refuses, is named, and is counted', async () => {
    const access = {
      isOpen: false,
      version: 0,
      refusal: (_: unknown, action: string, topic: string) =>
        action === 'publish' && topic === 'secret' ? 'rule 7' : undefined,
    }
    const { client, bus } = await openBus({ access })
    await publish(client, 'open', 'x')
    await assert.rejects(publish(client, 'secret', 'x'), {
      code: 'permission_denied',
      message: 'anonymous may not publish "secret": rule 7',
    })
    assert.equal(bus.counters.accessDenied, 1)
  })
})

describe('retention', () => {
  const cases = [
    { name: 'number', retention: { maxMessages: 2 }, trimmedTo: 3 },
    { name: 'bytes', retention: { maxBytes: 25 }, trimmedTo: 3 },
    { name: 'age', retention: { maxAgeMs: 50_000 }, trimmedTo: 5 },
  ]
  for (const { name, retention, trimmedTo } of cases) {
    test(`trims by ${name}, and only what the rule concerns`, async () => {
      const topicRules = [{ filter: parseTopicFilter('r'), retention }]
      const { client, clock, store, bus } = await openBus({ topicRules })
      const payloads = ['0123456789', '0123456789', '0123456789', '0123456789', '0123456789']
      await publish(client, 'r', ...payloads)
      await publish(client, 'free', ...payloads)
      clock.advance(60_000 - retentionPassMs)
      clock.advance(retentionPassMs)
      while ((store.log({ topic: 'r', origin: node })?.trimmedTo ?? 0) < trimmedTo) {
        await new Promise((resolve) => setImmediate(resolve))
        clock.advance(retentionPassMs)
      }
      assert.equal(store.log({ topic: 'r', origin: node })?.trimmedTo, trimmedTo)
      assert.equal(store.log({ topic: 'free', origin: node })?.trimmedTo, 0)
      assert.equal(store.head({ topic: 'r', origin: node }), 5)
      await bus.shutdown()
    })
  }
})

describe('start and stop', () => {
  test('before the store is there everything says so, and status too', () => {
    const clock = new ManualClock()
    const bus = new MsgBus({ node, limits: defaultLimits, clock, logger: silentLogger })
    const client = bus.connect(anonymous)
    assert.throws(() => client.log.head({ topic: 'a', origin: node }), hasReason('starting'))
    assert.equal(bus.status().ready, false)
    assert.match(bus.status().error, /being opened/)
    bus.fail(new BusError('internal', 'storage_failed', 'cannot read'))
    assert.equal(bus.status().error, 'cannot read')
  })

  test('shutdown ends subscriptions and refuses new work', async () => {
    const { client, bus } = await openBus()
    const reader = new Reader(client, fromEarliest('a'))
    await reader.caughtUp()
    await bus.shutdown()
    assert.equal(reader.error?.code, 'unavailable')
    await assert.rejects(publish(client, 'a', 'x'), hasReason('shutting_down'))
    assert.equal(bus.status().ready, false)
  })
})
