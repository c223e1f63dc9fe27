/** Sending, back-pressure, receivers that act in the middle of a delivery, and access. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'

import { BusError, type ErrorReason } from '../model/errors.ts'
import { daemonIdentity } from '../model/identity.ts'
import { levelFilter } from '../model/level-filter.ts'
import { noHeaders } from '../model/message.ts'
import { parseTopicFilter } from '../model/topic-filter.ts'
import type { AccessCheck, Subject } from './access.ts'
import { openLiveBus, type TestClient } from './live-suite.ts'

const hasReason = (reason: ErrorReason) => (error: unknown) =>
  error instanceof BusError && error.reason === reason

describe('direct messages', () => {
  test('reach the one of that name, in order, with sender and mark', async () => {
    const { join } = await openLiveBus()
    const [a, b] = [join('a'), join('b')]
    assert.equal(a.send('b', '1', true), 'sent')
    assert.equal(a.send('b', ''), 'sent')
    assert.equal(b.send('b', 'to myself'), 'sent')
    assert.equal(a.send('nobody', 'x'), 'unknown')
    assert.deepEqual(
      b.inbox.seen.map(({ kind, sender, text, realtime }) => [kind, sender, text, realtime]),
      [
        ['message', 'a', '1', true],
        ['message', 'a', '', false],
        ['message', 'b', 'to myself', false],
      ],
    )
    assert.deepEqual(a.texts, [])
  })

  test('reach nobody that has no inbox', async () => {
    const { join } = await openLiveBus()
    const client = join('a')
    const deaf = join('deaf', { isDeaf: true })
    assert.equal(client.send('deaf', 'x'), 'unknown')
    assert.equal(client.broadcast('*', 'x'), 1)
    deaf.subscribe('t')
    client.publish('t', 'x')
    assert.deepEqual(deaf.texts, [])
  })

  test('to a peer that was found before are the same, until it leaves', async () => {
    const { join } = await openLiveBus()
    const [a, b] = [join('a'), join('b')]
    const name = Buffer.from('b')
    const version = a.live.namesVersion
    const peer = a.live.find(name, 0, 1)
    assert.ok(peer !== undefined)
    assert.equal(a.live.namesVersion, version)
    assert.equal(a.live.sendTo(peer, name, 0, 1, false), 'sent')
    assert.deepEqual(b.texts, ['b'])
    b.close()
    assert.equal(a.live.sendTo(peer, name, 0, 1, false), 'unknown')
    assert.notEqual(a.live.namesVersion, version)
    assert.equal(a.live.find(name, 0, 1), undefined)
  })
})

describe('back-pressure', () => {
  test('whoever fills a receiver is paused after that message, and goes on when there is room', async () => {
    const { bus, join } = await openLiveBus()
    const [a, b] = [join('a'), join('b', { room: 2 })]
    a.send('b', '1')
    assert.deepEqual(a.inbox.told, [])
    a.send('b', '2')
    assert.deepEqual(a.inbox.told, ['pause'])
    assert.equal(bus.client('b')?.congested, true)
    assert.equal(bus.counters.clientsPaused, 1)
    b.drain(1)
    assert.deepEqual(a.inbox.told, ['pause', 'resume'])
    a.send('b', '3')
    assert.deepEqual(a.inbox.told, ['pause', 'resume', 'pause'])
    b.drain()
    b.drain()
    assert.deepEqual(b.texts, ['1', '2', '3'])
    assert.deepEqual(a.inbox.told, ['pause', 'resume', 'pause', 'resume'])
  })

  test('what a paused sender still sends arrives; it waits once', async () => {
    const { join } = await openLiveBus()
    const [a, b] = [join('a'), join('b', { room: 1 })]
    for (const text of ['1', '2', '3']) assert.equal(a.send('b', text), 'sent')
    assert.deepEqual([b.texts, a.inbox.told], [['1', '2', '3'], ['pause']])
    b.drain()
    assert.deepEqual(a.inbox.told, ['pause', 'resume'])
  })

  test('whoever waits for several goes on when the last has room', async () => {
    const { join } = await openLiveBus()
    const a = join('a')
    const receivers = ['r.1', 'r.2', 'r.3'].map((name) => join(name, { room: 1 }))
    a.broadcast('r.*', 'x')
    receivers[1]?.drain()
    receivers[0]?.drain()
    assert.deepEqual(a.inbox.told, ['pause'])
    receivers[2]?.drain()
    assert.deepEqual(a.inbox.told, ['pause', 'resume'])
  })

  test('a receiver that leaves holds nobody up', async () => {
    const { join } = await openLiveBus()
    const [a, b, c] = [join('a'), join('b'), join('c', { room: 1 })]
    a.send('c', 'x')
    b.send('c', 'x')
    c.close()
    assert.deepEqual(
      [a.inbox.told, b.inbox.told],
      [
        ['pause', 'resume'],
        ['pause', 'resume'],
      ],
    )
  })

  test('a sender that leaves while it waits is not resumed, and others are', async () => {
    const { join } = await openLiveBus()
    const [a, b, c] = [join('a'), join('b'), join('c', { room: 1 })]
    a.send('c', 'x')
    b.send('c', 'x')
    a.close()
    c.drain()
    assert.deepEqual([a.inbox.told, b.inbox.told], [['pause'], ['pause', 'resume']])
  })

  test('a client that fills itself waits for itself', async () => {
    const { join } = await openLiveBus()
    const a = join('a', { room: 1 })
    a.send('a', 'x')
    assert.deepEqual(a.inbox.told, ['pause'])
    a.drain()
    assert.deepEqual(a.inbox.told, ['pause', 'resume'])
    a.inbox.room = 1
    a.send('a', 'x')
    a.close()
    assert.deepEqual(a.inbox.told, ['pause', 'resume', 'pause'])
  })

  test('two that fill each other go on as soon as one has room', async () => {
    const { join } = await openLiveBus()
    const [a, b] = [join('a', { room: 1 }), join('b', { room: 1 })]
    a.send('b', 'x')
    b.send('a', 'x')
    assert.deepEqual([a.inbox.isPaused, b.inbox.isPaused], [true, true])
    b.drain()
    assert.deepEqual([a.inbox.isPaused, b.inbox.isPaused], [false, true])
    a.drain()
    assert.deepEqual([a.inbox.isPaused, b.inbox.isPaused], [false, false])
  })

  test('senders that cannot be paused are told that there is no room', async () => {
    const { bus, join } = await openLiveBus()
    const deaf = join('d', { isDeaf: true })
    const receiver = join('r', { room: 1 }).subscribe('t')
    assert.equal(deaf.send('r', '1'), 'sent')
    assert.equal(deaf.send('r', '2'), 'full')
    assert.equal(deaf.broadcast('*', '3'), 0)
    assert.equal(deaf.publish('t', '4'), 'published')
    assert.deepEqual(receiver.texts, ['1'])
    assert.equal(bus.counters.messagesDropped, 3)
    receiver.drain()
    assert.equal(deaf.send('r', '5'), 'sent')
  })

  test('answers of the daemon stop whoever asks and does not read them', async () => {
    const { join } = await openLiveBus()
    const daemon = join('.d', { identity: daemonIdentity })
    daemon.inbox.during = ({ sender, text }) => daemon.send(sender, `answer to ${text}`)
    const asker = join('a', { room: 1 })
    asker.send('.d', '1')
    assert.deepEqual([asker.inbox.isPaused, daemon.inbox.isPaused], [true, false])
    asker.drain()
    assert.equal(asker.inbox.isPaused, false)
  })

  test('whoever sends again as soon as it may is paused again', async () => {
    const { join } = await openLiveBus()
    const [a, b, c] = [join('a'), join('b'), join('c', { room: 1 })]
    a.send('c', '1')
    b.send('c', '2')
    a.inbox.onResume = () => {
      c.inbox.room = 1
      a.send('c', 'again')
    }
    c.drain()
    assert.deepEqual(a.inbox.told, ['pause', 'resume', 'pause'])
    assert.deepEqual(c.texts, ['1', '2', 'again'])
    a.inbox.onResume = () => undefined
    c.drain()
    assert.deepEqual([a.inbox.isPaused, b.inbox.isPaused], [false, false])
  })

  const rules = [
    { filter: parseTopicFilter('newest/#'), slowReader: 'drop-newest' as const },
    { filter: parseTopicFilter('oldest/#'), slowReader: 'drop-oldest' as const },
  ]

  test('drop-newest: a reader without room misses what comes, its publisher never waits', async () => {
    const { bus, join } = await openLiveBus({ topicRules: rules })
    const [publisher, other] = [join('p'), join('o').subscribe('#')]
    const reader = join('r', { room: 1 }).subscribe('#')
    for (const text of ['1', '2', '3']) publisher.publish('newest/x', text)
    assert.deepEqual([reader.texts, other.texts], [['1'], ['1', '2', '3']])
    assert.deepEqual(publisher.inbox.told, [])
    assert.equal(bus.counters.messagesDropped, 2)
    reader.drain()
    publisher.publish('newest/x', '4')
    assert.deepEqual(reader.texts, ['1', '4'])
    assert.equal(publisher.send('r', 'direct'), 'sent')
  })

  test('drop-oldest: the newest are kept until there is room, in order', async () => {
    const { bus, join } = await openLiveBus({ topicRules: rules })
    const publisher = join('p')
    const reader = join('r', { room: 1 }).subscribe('#')
    for (let i = 0; i <= 1_500; i++) publisher.publish('oldest/x', String(i))
    assert.deepEqual(reader.texts, ['0'])
    assert.equal(bus.counters.messagesDropped, 500)
    reader.drain(10)
    assert.equal(reader.texts.length, 11)
    publisher.publish('oldest/x', 'last')
    reader.drain()
    const numbers = Array.from({ length: 1_000 }, (_, i) => String(i + 501))
    assert.deepEqual(reader.texts, ['0', ...numbers, 'last'])
    assert.deepEqual(publisher.inbox.told, [])
    publisher.publish('oldest/x', 'live')
    assert.equal(reader.texts.at(-1), 'live')
  })

  test('drop-oldest: a reader that makes room in the middle gets each once, in order', async () => {
    const { join } = await openLiveBus({ topicRules: rules })
    const publisher = join('p')
    const reader = join('r', { room: 1 }).subscribe('#')
    for (let i = 0; i < 20; i++) publisher.publish('oldest/x', String(i))
    reader.inbox.during = ({ text }) => {
      if (text === '5') {
        reader.live.congested(true)
        reader.live.congested(false)
        publisher.publish('oldest/x', 'meanwhile')
      }
    }
    reader.drain()
    const numbers = Array.from({ length: 20 }, (_, i) => String(i))
    assert.deepEqual(reader.texts, [...numbers, 'meanwhile'])
  })

  test('drop-oldest: whoever unsubscribed meanwhile gets nothing more', async () => {
    const { join } = await openLiveBus({ topicRules: rules })
    const publisher = join('p')
    const reader = join('r', { room: 1 }).subscribe('#')
    publisher.publish('oldest/x', '1')
    publisher.publish('oldest/x', '2')
    reader.unsubscribe('#')
    reader.drain()
    assert.deepEqual(reader.texts, ['1'])
  })

  test('at random: who waits is who sent to somebody without room', async () => {
    const names = ['0', '1', '2', '3']
    const event = fc.record({
      do: fc.constantFrom('send', 'send', 'send', 'fill', 'drain', 'drain', 'rejoin'),
      from: fc.nat(3),
      to: fc.nat(3),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 100, size: 'max' }), async (events) => {
        const { join } = await openLiveBus()
        const clients = names.map((name) => join(name))
        const full = new Set<number>()
        /** Who waits for whom. */
        const waits = names.map(() => new Set<number>())
        const release = (whom: number) => {
          for (const set of waits) set.delete(whom)
        }
        for (const { do: what, from, to } of events) {
          const client = clients[to] as TestClient
          switch (what) {
            case 'send':
              clients[from]?.send(String(to), 'x')
              if (full.has(to)) waits[from]?.add(to)
              break
            case 'fill':
              client.live.congested(true)
              full.add(to)
              break
            case 'drain':
              client.drain()
              full.delete(to)
              release(to)
              break
            case 'rejoin':
              client.close()
              clients[to] = join(String(to))
              full.delete(to)
              release(to)
              waits[to]?.clear()
          }
          assert.deepEqual(
            clients.map(({ inbox }) => inbox.isPaused),
            waits.map((set) => set.size > 0),
          )
        }
        for (const { inbox } of clients) {
          // Exactly in turn.
          for (const [i, each] of inbox.told.entries()) {
            assert.equal(each, i % 2 === 0 ? 'pause' : 'resume')
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('receivers that act in the middle of a delivery', () => {
  test('one that leaves holds nobody up, full or not', async () => {
    const ways = {
      message: (a: TestClient) => a.send('r.1', 'x'),
      broadcast: (a: TestClient) => a.broadcast('r.*', 'x'),
      publication: (a: TestClient) => a.publish('t', 'x'),
    }
    for (const [kind, way] of Object.entries(ways)) {
      const { join } = await openLiveBus()
      const a = join('a')
      const leaving = join('r.1', { room: 1 }).subscribe('t')
      const other = join('r.2').subscribe('t')
      leaving.inbox.during = () => leaving.close()
      way(a)
      assert.deepEqual(a.inbox.told, [], kind)
      assert.equal(other.texts.length, kind === 'message' ? 0 : 1, kind)
    }
  })

  test('one that ends others keeps them from getting it, and nobody waits for them', async () => {
    for (const kind of ['broadcast', 'publication']) {
      const { join } = await openLiveBus()
      const a = join('a')
      const [first, second] = [join('r.1').subscribe('t'), join('r.2').subscribe('t')]
      const third = join('r.3').subscribe('t')
      second.live.congested(true)
      first.inbox.during = () => second.close()
      if (kind === 'broadcast') assert.equal(a.broadcast('r.*', 'x'), 2)
      else a.publish('t', 'x')
      assert.deepEqual([first.texts, second.texts, third.texts], [['x'], [], ['x']])
      assert.deepEqual(a.inbox.told, [])
    }
  })

  test('one that ends the sender does not keep it from others', async () => {
    const { join } = await openLiveBus()
    const a = join('a')
    const first = join('r.1').subscribe('t')
    const second = join('r.2', { room: 1 }).subscribe('t')
    first.inbox.during = () => a.close()
    a.publish('t', 'x')
    assert.deepEqual([first.texts, second.texts], [['x'], ['x']])
    assert.deepEqual(a.inbox.told, [])
  })

  test('one that publishes is heard, and the first publication stays what it is', async () => {
    const { join } = await openLiveBus()
    const echo = join('1').subscribe('t')
    const other = join('2').subscribe('t', 'u')
    echo.inbox.during = ({ text, sender }) => {
      if (text === 'question') {
        echo.publish('u', `to ${sender}`)
        echo.publish('t', 'nested')
      }
    }
    join('p').publish('t', 'question', undefined, undefined, true)
    assert.deepEqual(
      other.inbox.seen.map(({ topic, sender, text, realtime }) => [topic, sender, text, realtime]),
      [
        ['u', '1', 'to p', false],
        ['t', '1', 'nested', false],
        ['t', 'p', 'question', true],
      ],
    )
    assert.deepEqual(echo.texts, ['question', 'nested'])
  })

  test('one that changes filters changes what follows', async () => {
    const { join } = await openLiveBus()
    const [first, second] = [join('1').subscribe('t'), join('2')]
    first.inbox.during = ({ text }) => {
      if (text !== '1') return
      first.unsubscribe('t')
      second.subscribe('t')
    }
    const publisher = join('p')
    publisher.publish('t', '1')
    publisher.publish('t', '2')
    assert.deepEqual([first.texts, second.texts], [['1'], ['2']])
  })

  test('two that answer each other at once do so until one has enough', async () => {
    const { join } = await openLiveBus()
    const [a, b] = [join('a'), join('b')]
    b.inbox.during = () => {
      if (b.texts.length < 100) b.send('a', 'pong')
    }
    a.inbox.during = () => a.send('b', 'ping')
    a.send('b', 'ping')
    assert.deepEqual([a.texts.length, b.texts.length], [99, 100])
  })
})

describe('after it has left', () => {
  test('a client can ask for nothing that stays', async () => {
    const { bus, join } = await openLiveBus()
    const client = join('a')
    client.close()
    const { handle } = client
    const filter = parseTopicFilter('x')
    const sink = { deliver: () => true, end: () => undefined }
    const log = { kind: 'filter', filter, start: { at: 'now' } } as const
    const attempts = [
      () => client.subscribe('t'),
      () => client.live.subscribeFrom(levelFilter('busrt', 't'), 0),
      () => client.live.exclude(levelFilter('busrt', 't')),
      () => handle.subscribe(log, sink),
      () => handle.calls.register('p', () => new Promise(() => undefined)),
      () => handle.queue.consume({ queue: 'q' }, { deliver: () => undefined, end: sink.end }),
    ]
    for (const attempt of attempts) assert.throws(attempt, hasReason('cancelled'))
    assert.equal(bus.status().subscriptions, 0)
    assert.equal(bus.live.procedures.size, 0)
  })

  test('a client that was full is forgotten with all it had', async () => {
    const { bus, join } = await openLiveBus()
    const [a, b] = [join('a'), join('b', { room: 1 })]
    b.subscribe('t', 'u/#')
    b.live.exclude(levelFilter('busrt', 'u/x'))
    a.send('b', 'x')
    await a.store('t', 'x')
    assert.notEqual(b.handle.live, undefined)
    b.close()
    assert.equal(bus.status().subscriptions, 0)
    const again = join('b')
    a.publish('u/x', 'not inherited')
    again.subscribe('u/x')
    a.publish('u/x', 'seen')
    assert.deepEqual(again.texts, ['seen'])
  })
})

describe('access', () => {
  class Rules implements AccessCheck {
    readonly isOpen = false
    version = 0
    readonly asked: string[] = []
    /** `action resource` */
    readonly forbidden = new Set<string>()

    refusal(subject: Subject, action: string, resource: string): string | undefined {
      const { user } = subject.identity
      this.asked.push(`${action} ${resource}`)
      return this.forbidden.has(`${action} ${resource}`) ? `rule for ${user}` : undefined
    }
  }

  test('every operation asks for what it is about', async () => {
    const access = new Rules()
    const { join } = await openLiveBus({ access })
    const a = join('a')
    join('b')
    const cases: [asked: string, act: () => unknown][] = [
      ['connect c%%', () => assert.throws(() => join('c%%'), hasReason('access_denied'))],
      ['send b', () => a.send('b', 'x')],
      ['send nobody', () => a.send('nobody', 'x')],
      ['send \uFEFFx', () => a.send('\uFEFFx', 'x')],
      ['broadcast *', () => a.broadcast('*', 'x')],
      ['publish t', () => a.publish('t', 'x')],
      ['subscribe t/#', () => a.subscribe('t/#')],
      ['subscribe f', () => a.live.subscribeFrom(levelFilter('busrt', 'f'), 0)],
      ['register p', () => a.handle.calls.register('p', () => new Promise(() => undefined))],
      ['call q', () => void a.handle.calls.call(callOf('q')).catch(() => undefined)],
    ]
    for (const [asked, act] of cases) {
      access.asked.length = 0
      access.forbidden.add('connect c%%')
      try {
        act()
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error
      }
      assert.ok(access.asked.includes(asked), `${asked}, not ${access.asked.join(', ')}`)
    }
  })

  test('what is refused does not happen, and is told as each operation tells it', async () => {
    const access = new Rules()
    const { bus, join } = await openLiveBus({ access })
    const client = join('c')
    for (const action of ['connect x', 'send c', 'send nobody', 'broadcast *', 'publish t']) {
      access.forbidden.add(action)
    }
    for (const action of ['subscribe t', 'register p', 'call p']) access.forbidden.add(action)
    assert.throws(() => join('x'), hasReason('access_denied'))
    assert.equal(client.send('c', 'x'), 'denied')
    assert.equal(client.send('nobody', 'x'), 'denied')
    assert.throws(() => client.broadcast('*', 'x'), hasReason('access_denied'))
    assert.equal(client.publish('t', 'x'), 'denied')
    assert.throws(() => client.subscribe('t'), hasReason('access_denied'))
    assert.throws(
      () => client.live.subscribeFrom(levelFilter('busrt', 't'), 0),
      hasReason('access_denied'),
    )
    assert.throws(
      () => client.handle.calls.register('p', () => new Promise(() => undefined)),
      hasReason('access_denied'),
    )
    await assert.rejects(client.handle.calls.call(callOf('p')), hasReason('access_denied'))
    assert.equal(bus.counters.accessDenied, 9)
    assert.deepEqual(client.texts, [])
    assert.equal(bus.client('x'), undefined)
    assert.equal(bus.client('c')?.subscriptions, 0)
  })

  test('what was allowed is remembered until the rules change', async () => {
    const access = new Rules()
    const { join } = await openLiveBus({ access })
    const [a, b] = [join('a'), join('b').subscribe('t')]
    access.asked.length = 0
    const peer = a.live.find(Buffer.from('b'), 0, 1)
    assert.ok(peer !== undefined)
    for (let i = 0; i < 3; i++) {
      a.send('b', 'x')
      a.live.sendTo(peer, Buffer.from('x'), 0, 1, false)
      a.publish('t', 'x')
    }
    assert.deepEqual(access.asked, ['send b', 'publish t', 'subscribe t'])
    access.forbidden.add('send b').add('publish t')
    assert.equal(a.send('b', 'still'), 'sent')
    access.version += 1
    assert.equal(a.send('b', 'x'), 'denied')
    assert.equal(a.live.sendTo(peer, Buffer.from('x'), 0, 1, false), 'denied')
    assert.equal(a.publish('t', 'x'), 'denied')
    access.forbidden.clear()
    access.version += 1
    assert.equal(a.send('b', 'again'), 'sent')
    assert.equal(b.texts.length, 11)
  })

  test('what one client may is nothing that another may', async () => {
    const access = new Rules()
    access.refusal = ({ identity }, action) =>
      identity.user === 'mallory' && action === 'send' ? 'no' : undefined
    const { join } = await openLiveBus({ access })
    const mallory = join('m', { identity: { user: 'mallory', groups: [], method: 'none' } })
    const alice = join('a')
    assert.equal(alice.send('m', 'x'), 'sent')
    assert.equal(mallory.send('a', 'x'), 'denied')
    assert.equal(alice.send('m', 'x'), 'sent')
  })

  test('no rule concerns the daemon itself', async () => {
    const access = new Rules()
    access.refusal = ({ identity }) => (identity.user === daemonIdentity.user ? 'no' : undefined)
    const { bus, join } = await openLiveBus({ access })
    const client = join('a').subscribe('t', '$msgbus.clients')
    const daemon = join('.d', { identity: daemonIdentity }).subscribe('t')
    assert.equal(daemon.send('a', '1'), 'sent')
    assert.equal(daemon.broadcast('a', '2'), 1)
    assert.equal(daemon.publish('t', '3'), 'published')
    daemon.handle.calls.register('p', async ({ payload }) => ({ payload, headers: noHeaders }))
    await daemon.handle.calls.call(callOf('p'))
    assert.equal(bus.counters.accessDenied, 0)
    assert.deepEqual(client.texts.slice(-3), ['1', '2', '3'])
  })

  test('everybody may hear that the daemon stops', async () => {
    const access = new Rules()
    access.refusal = (_, action) => (action === 'subscribe' ? 'no' : undefined)
    const { join } = await openLiveBus({ access })
    const client = join('a').subscribe('.broker/warn')
    assert.throws(() => client.subscribe('.broker/info'), hasReason('access_denied'))
    join('.broker', { identity: daemonIdentity }).publish('.broker/warn', 'shutdown')
    assert.deepEqual(client.texts, ['shutdown'])
  })
})

test('filters and exclusions have a limit of number and of length', async () => {
  const { join } = await openLiveBus({ limits: { filtersPerClient: 2, topicBytes: 10 } })
  const client = join('a').subscribe('1', '2', '1')
  assert.throws(() => client.subscribe('3'), hasReason('quota_exceeded'))
  client.unsubscribe('1')
  client.subscribe('3')
  client.live.exclude(levelFilter('busrt', '1'))
  client.live.exclude(levelFilter('busrt', '2'))
  assert.throws(() => client.live.exclude(levelFilter('busrt', '3')), hasReason('quota_exceeded'))
  const other = join('b').subscribe('1234567890')
  assert.throws(() => other.subscribe('12345678901'), hasReason('name_too_long'))
  assert.throws(() => other.subscribe('ääääää'), hasReason('name_too_long'))
  assert.throws(
    () => other.live.exclude(levelFilter('busrt', '12345678901')),
    hasReason('name_too_long'),
  )
})

function callOf(procedure: string) {
  return { procedure, payload: new Uint8Array(0), headers: noHeaders }
}

describe('a client that was away', () => {
  test('continues after a place, by all of its filters, then live', async () => {
    const { store, join } = await openLiveBus()
    const publisher = join('p')
    for (const topic of ['a/1', 'b/1', 'c/1']) await publisher.store(topic, topic)
    const after = store.lastSequence
    for (const topic of ['a/2', 'b/2', 'c/2']) await publisher.store(topic, topic)
    const client = join('c').subscribe('a/#', 'b/#')
    client.live.continueAfter(after)
    // Stored while it reads: not twice.
    await publisher.store('a/3', 'a/3')
    publisher.publish('b/3', 'live')
    await publisher.store('b/4', 'b/4')
    assert.deepEqual(
      client.texts.filter((text) => text !== 'live'),
      ['a/2', 'b/2', 'a/3', 'b/4'],
    )
    assert.ok(client.texts.includes('live'))
    client.live.continueAfter(store.lastSequence)
    await publisher.store('a/5', 'a/5')
    assert.equal(client.texts.at(-1), 'a/5')
  })

  test('one who promises its publishers never to wait misses what is not stored', async () => {
    const { bus, join } = await openLiveBus()
    const slow = join('slow', { room: 1, slowReader: 'drop-newest' }).subscribe('a')
    const publisher = join('p')
    for (const text of ['1', '2', '3']) publisher.publish('a', text)
    assert.deepEqual(slow.texts, ['1'])
    assert.deepEqual(publisher.inbox.told, [])
    assert.equal(bus.counters.messagesDropped, 2)
  })
})
