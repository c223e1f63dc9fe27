/** Who subscribes to more than it may have gets what it may have, by every way there is; and no more once rules change. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Identity } from '../model/identity.ts'
import { levelFilter } from '../model/level-filter.ts'
import { parseTopicFilter } from '../model/topic-filter.ts'
import type { AccessCheck, Subject } from './access.ts'
import type { SubscribeOptions } from './bus-client.ts'
import { openLiveBus, suiteNode, type TestClient } from './live-suite.ts'

const alice: Identity = { user: 'alice', groups: [], method: 'password' }
const root: Identity = { user: 'root', groups: [], method: 'password' }

/** Root may do everything, everybody else what is not below `secret` nor said to be closed. */
class Rules implements AccessCheck {
  readonly isOpen = false
  version = 0
  isRevoked = false
  closed = new Set<string>()
  records = 0

  refusal({ identity }: Subject, action: string, resource: string): string | undefined {
    if (identity === root) return undefined
    const isClosed = this.closed.has(action) || this.closed.has(resource)
    return isClosed || resource.startsWith('secret') ? 'rule 1' : undefined
  }

  filterRefusal(): undefined {
    return undefined
  }

  isValid(identity: Identity): boolean {
    return identity === root || !this.isRevoked
  }

  refused(): void {
    this.records += 1
  }
}

async function open() {
  const access = new Rules()
  const bus = await openLiveBus({ access })
  return { ...bus, access, publisher: bus.join('p', { identity: root }) }
}

function read(client: TestClient, options: SubscribeOptions) {
  const topics: string[] = []
  let reason = ''
  const live = new Promise<void>((resolve) => {
    client.handle.subscribe(options, {
      deliver: ({ messages, caughtUp }) => {
        topics.push(...messages.map(({ topic }) => topic))
        if (caughtUp) resolve()
        return true
      },
      end: (error) => (reason = error.reason),
    })
  })
  return { topics, live, reason: () => reason }
}

describe('a filter over forbidden topics', () => {
  test('brings only what is allowed, stored and not, whatever kind of filter', async () => {
    const { join, publisher } = await open()
    const clients = [
      join('a', { identity: alice }).subscribe('#'),
      join('b', { identity: alice }).subscribe('+'),
    ]
    const exact = join('c', { identity: alice })
    exact.live.subscribe(levelFilter('mqtt', 'secret'))
    for (const topic of ['open', 'secret']) {
      publisher.publish(topic, `live ${topic}`)
      await publisher.store(topic, `stored ${topic}`)
    }
    for (const client of clients) assert.deepEqual(client.texts, ['live open', 'stored open'])
    assert.deepEqual(exact.texts, [])
  })

  test('brings no forbidden history, last values, logs, retained messages or topics', async () => {
    const { join, publisher, bus } = await open()
    for (const topic of ['open', 'secret']) await publisher.store(topic, topic)
    await publisher.handle.retained.set({
      topic: 'secret/slot',
      payload: new Uint8Array(1),
      headers: new Map(),
    })
    const client = join('a', { identity: alice })
    const filter = parseTopicFilter('#')
    for (const at of ['earliest', 'last'] as const) {
      const { topics, live } = read(client, { kind: 'filter', filter, start: { at } })
      await live
      await publisher.store('secret', 'later')
      assert.deepEqual(topics, ['open'], at)
    }
    assert.deepEqual(
      client.handle.log.list(filter).map(({ topic }) => topic),
      ['open'],
    )
    const everything = levelFilter('mqtt', '#')
    assert.deepEqual(
      client.live.lastValues(everything).map(({ topic }) => topic),
      ['open'],
    )
    assert.deepEqual(
      client.live.knownTopics(everything).map(({ name }) => name),
      ['open'],
    )
    assert.deepEqual([...client.handle.retained.match(everything)], [])
    assert.equal(client.live.forgetLast(everything), 1)
    const log = { topic: 'secret', origin: suiteNode }
    await assert.rejects(client.handle.log.fetch(log, 1, { messages: 1 }), {
      reason: 'access_denied',
    })
    assert.equal(bus.counters.accessDenied, 1)
  })

  test('brings no forbidden message to who catches up', async () => {
    const { join, publisher } = await open()
    for (const topic of ['open', 'secret', 'open']) await publisher.store(topic, topic)
    const client = join('a', { identity: alice })
    const done = new Promise<void>((resolve) => {
      client.inbox.during = () => client.texts.length === 2 && resolve()
    })
    client.live.subscribeFrom(levelFilter('busrt', '#'), 0)
    await done
    assert.deepEqual(client.texts, ['open', 'open'])
  })

  test('queues that somebody has nothing to do with are not listed', async () => {
    const { join, publisher } = await open()
    for (const queue of ['jobs', 'secret-jobs']) {
      const headers = new Map<string, string>()
      await publisher.handle.queue.enqueue([
        {
          queue,
          topic: 't',
          source: suiteNode,
          target: suiteNode,
          payload: new Uint8Array(1),
          headers,
        },
      ])
    }
    const client = join('a', { identity: alice })
    assert.deepEqual(
      (await client.handle.queue.list()).map(({ queue }) => queue),
      ['jobs'],
    )
    await assert.rejects(client.handle.queue.peek('secret-jobs'), { reason: 'access_denied' })
  })
})

describe('when the rules change', () => {
  test('what is forbidden now is not delivered any more, and what is allowed is', async () => {
    const { join, publisher, access, bus } = await open()
    const client = join('a', { identity: alice }).subscribe('#')
    publisher.publish('t', '1')
    access.closed.add('t')
    access.version += 1
    bus.accessChanged()
    publisher.publish('t', '2')
    await publisher.store('t', '3')
    publisher.publish('u', '4')
    access.closed.clear()
    access.version += 1
    bus.accessChanged()
    publisher.publish('t', '5')
    assert.deepEqual(client.texts, ['1', '4', '5'])
  })

  test('subscriptions, consumers and procedures that are refused as a whole end, and say why', async () => {
    const { join, access, bus } = await open()
    const client = join('a', { identity: alice })
    const log = { topic: 't', origin: suiteNode }
    const reader = read(client, { kind: 'log', log, start: { at: 'now' } })
    let consumed = ''
    const sink = {
      deliver: () => true,
      end: ({ reason }: { reason: string }) => (consumed = reason),
    }
    client.handle.queue.consume({ queue: 'q' }, sink)
    client.handle.calls.register('proc', () => new Promise(() => undefined))
    for (const name of ['t', 'q', 'proc']) access.closed.add(name)
    access.version += 1
    bus.accessChanged()
    assert.equal(reader.reason(), 'access_denied')
    assert.equal(consumed, 'access_denied')
    assert.equal(bus.live.procedures.size, 0)
    assert.equal(client.inbox.endedBy, undefined)
  })

  test('who is not known any more is disconnected, and who may not have its name', async () => {
    const { join, access, bus } = await open()
    const first = join('a', { identity: alice })
    access.closed.add('a')
    access.version += 1
    bus.accessChanged()
    assert.equal(first.inbox.endedBy?.reason, 'access_denied')
    const second = join('b', { identity: alice })
    access.isRevoked = true
    access.version += 1
    bus.accessChanged()
    assert.equal(second.inbox.endedBy?.reason, 'bad_credentials')
    assert.equal(bus.client('b'), undefined)
    assert.notEqual(bus.client('p'), undefined)
  })
})
