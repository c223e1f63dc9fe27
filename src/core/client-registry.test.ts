/** Who is there: names, secondaries, replacement, presence, masks, listings. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'

import { BusError, type ErrorReason } from '../model/errors.ts'
import { anonymous, daemonIdentity } from '../model/identity.ts'
import { noHeaders } from '../model/message.ts'
import { nameMatches } from '../model/name-mask.ts'
import { parseTopicFilter } from '../model/topic-filter.ts'
import { type LiveTestBus, openLiveBus, type TestClient, textOf } from './live-suite.ts'
import type { PresenceEvent } from './live.ts'

const hasReason = (reason: ErrorReason) => (error: unknown) =>
  error instanceof BusError && error.reason === reason

/** `+a` joined, `-a` left, `*a` replaced. */
function watchPresence({ bus }: LiveTestBus): string[] {
  const marks = { joined: '+', left: '-', replaced: '*' }
  const events: string[] = []
  bus.onPresence(({ kind, name }: PresenceEvent) => events.push(`${marks[kind]}${name}`))
  return events
}

describe('names', () => {
  test('belong to one client at a time, and are free when it has left', async () => {
    const { join } = await openLiveBus()
    const first = join('a')
    assert.throws(() => join('a'), hasReason('name_taken'))
    assert.equal(first.send('a', 'still there'), 'sent')
    first.close()
    first.close()
    assert.equal(join('a').send('a', 'x'), 'sent')
    assert.deepEqual(first.texts, ['still there'])
  })

  test('that cannot be names are refused, and take no place', async () => {
    const { bus, join } = await openLiveBus({ limits: { clientNameBytes: 8 } })
    const cases: [name: string, reason: ErrorReason][] = [
      ['a\0b', 'name_contains_nul'],
      ['123456789', 'name_too_long'],
      ['日本語', 'name_too_long'],
      ['.x', 'reserved_name'],
      ['a\ud800', 'name_not_unicode'],
      ['a%%1', 'primary_missing'],
      ['%%1', 'primary_missing'],
    ]
    for (const [name, reason] of cases) assert.throws(() => join(name), hasReason(reason), name)
    assert.deepEqual(bus.clients(), [])
    join('12345678')
    join('日本')
  })

  test('are compared byte for byte', async () => {
    const { join } = await openLiveBus()
    const names = ['a', 'A', ' a', 'ä', 'a\u0308', '\uFEFFa', 'a/b', 'a*', '?', '日本/🚌', 'a b']
    const clients = names.map((name) => join(name))
    for (const name of names) assert.equal(clients[0]?.send(name, name), 'sent')
    for (const [i, name] of names.entries()) assert.deepEqual(clients[i]?.texts, [name])
  })

  test('clients without one are there, are not addressed, and can send', async () => {
    const { bus, join } = await openLiveBus()
    const [nameless, other] = [join(), join('')]
    const named = join('n')
    assert.equal(nameless.send('n', 'x'), 'sent')
    assert.equal(named.inbox.seen[0]?.sender, '')
    assert.equal(named.send('', 'x'), 'unknown')
    assert.equal(named.broadcast('*', 'x'), 1)
    assert.deepEqual(
      bus.clients().map(({ name }) => name),
      ['', '', 'n'],
    )
    nameless.close()
    other.close()
  })

  test('are limited in number, but for the daemon’s own', async () => {
    const { join } = await openLiveBus({ limits: { clients: 3 } })
    // The one by which presence is told is the daemon's.
    const client = join('a')
    join('b')
    assert.throws(() => join('c'), hasReason('quota_exceeded'))
    join('.d', { identity: daemonIdentity })
    assert.throws(() => join(), hasReason('quota_exceeded'))
    client.close()
  })
})

describe('secondaries', () => {
  test('join while their primary is there and end with it, told in order', async () => {
    const all = await openLiveBus()
    const events = watchPresence(all)
    const { bus, join } = all
    const primary = join('a')
    const [one, two] = [join('a%%1'), join('a%%2%%x')]
    assert.throws(() => join('a%%1', { replace: true }), hasReason('name_taken'))
    assert.equal(bus.client('a')?.instances, 3)
    assert.equal(bus.client('a%%1')?.instances, 1)
    one.close()
    assert.equal(bus.client('a')?.instances, 2)
    assert.equal(primary.send('a%%2%%x', 'x'), 'sent')
    assert.equal(primary.send('a%%1', 'x'), 'unknown')
    primary.close()
    assert.deepEqual(two.inbox.told, ['end primary_missing'])
    assert.deepEqual(one.inbox.told, [])
    assert.deepEqual(events, ['+a', '+a%%1', '+a%%2%%x', '-a%%1', '-a%%2%%x', '-a'])
    assert.throws(() => join('a%%3'), hasReason('primary_missing'))
  })
})

describe('replacement', () => {
  test('ends the old one with its secondaries and hands the name over', async () => {
    const all = await openLiveBus()
    const { bus, join } = all
    const old = join('a').subscribe('t')
    const secondary = join('a%%1')
    const events = watchPresence(all)
    const fresh = join('a', { replace: true })
    assert.deepEqual(old.inbox.told, ['end replaced'])
    assert.deepEqual(secondary.inbox.told, ['end replaced'])
    assert.deepEqual(events, ['-a%%1', '*a'])
    fresh.publish('t', 'not inherited')
    assert.deepEqual([old.texts, fresh.texts], [[], []])
    // A late goodbye of the old one takes nothing from the new one.
    old.close()
    assert.equal(fresh.send('a', 'x'), 'sent')
    assert.equal(bus.client('a')?.instances, 1)
  })

  test('ends all that the old one had, also when its adapter does nothing', async () => {
    const { bus, join } = await openLiveBus()
    const old = bus.connect(anonymous, { name: 'a', protocol: 'test' })
    let ended = ''
    old.subscribe(
      { kind: 'filter', filter: parseTopicFilter('#'), start: { at: 'now' } },
      { deliver: () => true, end: ({ reason }) => (ended = reason) },
    )
    old.calls.register('p', () => new Promise(() => undefined))
    const answer = join('c').handle.calls.call({
      procedure: 'p',
      payload: new Uint8Array(0),
      headers: noHeaders,
    })
    join('a', { replace: true })
    await assert.rejects(answer, hasReason('callee_gone'))
    assert.equal(ended, 'replaced')
    assert.equal(bus.status().subscriptions, 0)
    assert.equal(bus.live.procedures.size, 0)
    assert.equal(bus.clients().length, 2)
  })

  test('whoever comes back at once, while it is being told, gets the name', async () => {
    const { bus, join } = await openLiveBus()
    const old = join('a')
    let again: TestClient | undefined
    old.inbox.onEnd = () => (again = join('a', { replace: true }))
    const fresh = join('a', { replace: true })
    assert.deepEqual(fresh.inbox.told, ['end replaced'])
    assert.equal(again?.send('a', 'x'), 'sent')
    assert.deepEqual(again?.texts, ['x'])
    assert.equal(bus.clients().length, 1)
    again?.close()
    assert.equal(bus.client('a'), undefined)
  })
})

test('presence is told as JSON on a topic of the daemon', async () => {
  const { clock, join } = await openLiveBus()
  const watcher = join('w').subscribe('$msgbus.clients')
  const client = join('a', { protocol: 'x' })
  client.handle.close(new BusError('aborted', 'slow_client', 'did not read'))
  const at = clock.now()
  assert.deepEqual(
    watcher.texts.map((text) => JSON.parse(text) as unknown),
    [
      { event: 'joined', name: 'a', protocol: 'x', at },
      { event: 'left', name: 'a', protocol: 'x', reason: 'slow_client', at },
    ],
  )
})

test('whoever is greeted when it has joined gets the greeting', async () => {
  const { bus, join } = await openLiveBus()
  const host = join('host')
  bus.onPresence(({ kind, name }) => {
    if (kind === 'joined') assert.equal(host.send(name, 'welcome'), 'sent')
  })
  assert.deepEqual(join('guest').texts, ['welcome'])
})

test('a listing shows what a client is and did', async () => {
  const { bus, clock, join } = await openLiveBus()
  const connectedAtMs = clock.now()
  const client = join('a', {
    identity: { user: 'u', groups: [], method: 'none' },
    protocol: 'busrt',
    transport: 'tcp',
    source: '10.0.0.1:5',
    listener: '0.0.0.0:1',
    room: 1,
  })
  client.subscribe('t', 'u/#')
  client.handle.subscribe(
    { kind: 'filter', filter: parseTopicFilter('x'), start: { at: 'now' } },
    { deliver: () => true, end: () => undefined },
  )
  client.inbox.queuedBytes = 42
  client.live.receivedFrames = 3
  client.live.sentBytes = 7
  client.send('a', 'x')
  assert.deepEqual(bus.client('a'), {
    id: 1,
    name: 'a',
    user: 'u',
    protocol: 'busrt',
    transport: 'tcp',
    source: '10.0.0.1:5',
    listener: '0.0.0.0:1',
    connectedAtMs,
    receivedFrames: 3,
    receivedBytes: 0,
    sentFrames: 0,
    sentBytes: 7,
    subscriptions: 3,
    instances: 1,
    queuedBytes: 42,
    congested: true,
  })
  const before = bus.traffic()
  client.close()
  assert.deepEqual(bus.traffic(), before)
  assert.equal(before.receivedFrames, 3)
})

describe('broadcasts', () => {
  const cases: [mask: string, matching: string[]][] = [
    ['*', ['g', 'g.', 'g.a', 'g.a.b', 'g.a%%0', 'h', 'a?']],
    ['g.*', ['g.', 'g.a', 'g.a.b', 'g.a%%0']],
    ['?', ['g', 'h', 'a?']],
    ['g.a', ['g.a']],
    ['g.?', ['g.', 'g.a', 'g.a%%0']],
    ['a?', ['a?']],
    ['g*', []],
    ['?.a.?', ['g.a.b']],
    ['*.x', ['g', 'g.', 'g.a', 'g.a.b', 'g.a%%0', 'h', 'a?']],
    ['', []],
  ]
  test('reach every name that the mask matches, once, the sender included', async () => {
    const { join } = await openLiveBus()
    const clients = ['g', 'g.', 'g.a', 'g.a.b', 'g.a%%0', 'h', 'a?'].map((name) => join(name))
    for (const [mask, matching] of cases) {
      // The second time the answer is remembered.
      for (const text of [`1 ${mask}`, `2 ${mask}`]) {
        assert.equal(clients[0]?.broadcast(mask, text), matching.length, text)
        const reached = clients.filter(({ texts }) => texts.includes(text))
        assert.deepEqual(
          reached.map(({ name }) => name),
          matching,
          text,
        )
      }
    }
    assert.ok(clients.every(({ texts }) => new Set(texts).size === texts.length))
  })

  test('know who came and went since', async () => {
    const { join } = await openLiveBus()
    const sender = join('s')
    const first = join('g.1')
    assert.equal(sender.broadcast('g.*', '1'), 1)
    const second = join('g.2')
    assert.equal(sender.broadcast('g.*', '2'), 2)
    first.close()
    assert.equal(sender.broadcast('g.*', '3'), 1)
    assert.deepEqual(
      [first.texts, second.texts],
      [
        ['1', '2'],
        ['2', '3'],
      ],
    )
  })

  test('masks that are very long are not remembered', async () => {
    const { join } = await openLiveBus()
    const client = join(`a.${'x'.repeat(3_000)}`)
    assert.equal(client.broadcast(`?.${'x'.repeat(3_000)}`, '1'), 1)
    assert.equal(client.broadcast(`?.${'x'.repeat(3_001)}`, '2'), 0)
  })
})

describe('random comings and goings', () => {
  const name = fc.constantFrom('a', 'b', 'a.b', 'a%%1', 'a%%2', 'b%%1', 'a.b%%x', 'c')
  const event = fc.record({
    do: fc.constantFrom('join', 'join', 'join', 'replace', 'leave', 'send', 'broadcast'),
    name,
    mask: fc.constantFrom('*', 'a', 'a.*', '?', 'a.?', 'a%%1'),
  })

  test('lead to the same as a list of names', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 80, size: 'max' }), async (events) => {
        const all = await openLiveBus()
        const told = watchPresence(all)
        const { bus, clock, join } = all
        const there = new Map<string, TestClient>()
        const expected: string[] = []
        const drop = (gone: string) => {
          for (const each of there.keys()) {
            if (!each.startsWith(`${gone}%%`)) continue
            there.delete(each)
            expected.push(`-${each}`)
          }
          there.delete(gone)
        }
        for (const [i, { do: what, name: who, mask }] of events.entries()) {
          // So rarely that nobody takes them for a fight over a name.
          clock.advance(11_000)
          const primary = who.split('%%')[0] ?? ''
          const isSecondary = primary !== who
          switch (what) {
            case 'join':
            case 'replace': {
              const replace = what === 'replace'
              if (isSecondary && !there.has(primary)) {
                assert.throws(() => join(who, { replace }), hasReason('primary_missing'))
              } else if (there.has(who) && (isSecondary || !replace)) {
                assert.throws(() => join(who, { replace }), hasReason('name_taken'))
              } else {
                const isTaken = there.has(who)
                if (isTaken) drop(who)
                expected.push(`${isTaken ? '*' : '+'}${who}`)
                there.set(who, join(who, { replace }))
              }
              break
            }
            case 'leave': {
              const client = there.get(who)
              if (client === undefined) break
              drop(who)
              expected.push(`-${who}`)
              client.close()
              break
            }
            case 'send': {
              const sender = join()
              assert.equal(sender.send(who, String(i)), there.has(who) ? 'sent' : 'unknown')
              if (there.has(who)) assert.equal(there.get(who)?.texts.at(-1), String(i))
              sender.close()
              break
            }
            case 'broadcast': {
              const sender = join()
              const matching = [...there].filter(([each]) => nameMatches(mask, each))
              assert.equal(sender.broadcast(mask, String(i)), matching.length)
              for (const [, { texts }] of matching) assert.equal(texts.at(-1), String(i))
              sender.close()
            }
          }
          assert.deepEqual(told, expected)
          assert.deepEqual(
            bus
              .clients()
              .map((info) => info.name)
              .sort(),
            [...there.keys()].sort(),
          )
        }
      }),
      { numRuns: 200 },
    )
  })
})

test('bytes of a name are found wherever they stand', async () => {
  const { join } = await openLiveBus()
  const client = join('name')
  const bytes = Buffer.from('xxnameyy:payload')
  assert.equal(client.live.send(bytes, 2, 6, 9, 16, true), 'sent')
  assert.equal(client.live.send(bytes, 2, 7, 9, 16, true), 'unknown')
  assert.deepEqual(client.texts, ['payload'])
  assert.equal(textOf(client.live.nameBytes), 'name')
  assert.equal(client.inbox.seen[0]?.realtime, true)
})
