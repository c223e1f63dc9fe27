/** Defects of spec/msgbus-v1 section 9 that concern synchronisation, each with the test that ours has not. */

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { formatDeleteMarker } from '../../src/core/delete-marker.ts'
import { ManualClock } from '../../src/core/manual-clock.ts'
import { TestClient } from '../../src/core/live-suite.ts'
import { retentionPassMs } from '../../src/core/retention.ts'
import { anonymous } from '../../src/model/identity.ts'
import { deleteMarkerTopic, noHeaders } from '../../src/model/message.ts'
import { parseTopicFilter } from '../../src/model/topic-filter.ts'
import { until } from '../../src/protocols/grpc/grpc-suite.ts'
import { openLmdbLogStore } from '../../src/stores/lmdb/lmdb-log-store.ts'
import { openMemoryLogStore } from '../../src/stores/memory/memory-log-store.ts'
import { foreign, range } from './engines.ts'
import { FakePeer } from './fake-v1-peer.ts'
import { puller, startSyncNode } from './sync-node.ts'

const events = { topic: 'events', origin: foreign }
const markers = { topic: deleteMarkerTopic, origin: foreign }
const markerOf = (fromHead: number, toHead: number) => ({
  payload: Buffer.from(formatDeleteMarker({ ...events, fromHead, toHead, createdAtMs: 5 })),
  headers: {},
})
const outgoing = (topic: string) => ({ topic, payload: Buffer.from('x'), headers: noHeaders })

test('L9 live subscribers see the flag as it was stored', async (t) => {
  const peer = await FakePeer.start(t, foreign)
  peer.add(deleteMarkerTopic, 1, markerOf(1, 2))
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  const seen: [number, boolean, number][] = []
  node.bus.connect(anonymous).subscribe(
    { kind: 'log', log: events, start: { at: 'now' } },
    {
      deliver: ({ messages }) => {
        for (const { headId, deleted, payload } of messages) {
          seen.push([headId, deleted, payload.length])
        }
        return true
      },
      end: () => undefined,
    },
  )
  await until(() => node.head(markers) === 1)
  peer.add('events', 3)
  await until(() => seen.length === 3)
  assert.deepEqual(seen, [
    [1, true, 0],
    [2, true, 0],
    [3, false, 8],
  ])
})

test('L11 a range beyond the head, as the reference writes it, is honoured on replicas only', async (t) => {
  const peer = await FakePeer.start(t, foreign)
  peer.add('events', 2)
  peer.add(deleteMarkerTopic, 1, markerOf(1, Infinity))
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  await until(() => node.head(markers) === 1)
  peer.add('events', 1)
  await until(() => node.head(events) === 3)
  assert.deepEqual(
    (await node.read(events)).map(({ deleted }) => deleted),
    [true, true, true],
  )
  const [own] = await node.bus.connect(anonymous).publish([outgoing('events')])
  assert.ok(own?.kind === 'stored' && !own.message.deleted)
})

test('L12 and L13 many markers, bad ones among them, and a restart', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'msgbus-sync-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const peer = await FakePeer.start(t, foreign)
  peer.add('events', 600)
  for (const n of range(1, 300)) {
    peer.add(
      deleteMarkerTopic,
      1,
      n % 50 === 0 ? { payload: Buffer.from('{') } : markerOf(2 * n, 2 * n),
    )
  }
  const options = { open: openLmdbLogStore, folder }
  const first = await startSyncNode(t, [{ endpoint: peer.endpoint }], options)
  await until(() => first.head(markers) === 300 && first.head(events) === 600)
  assert.equal(first.lined('bad_delete_marker').length, 6)
  await first.stop()
  await first.store.close()
  const second = await startSyncNode(t, [{ endpoint: peer.endpoint }], options)
  assert.equal(second.lined('bad_delete_marker').length, 0, 'markers are not applied again')
  const deleted = (await second.read(events)).filter((message) => message.deleted)
  assert.equal(deleted.length, 294)
  await until(() => second.row(peer.endpoint)?.lastError === '')
})

test('L14 messages of a lost device can be given up where they are, and do not come back', async (t) => {
  const peer = await FakePeer.start(t, foreign)
  peer.add('events', 10)
  const clock = new ManualClock()
  const rule = { filter: parseTopicFilter('events'), retention: { maxMessages: 3 } }
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }], {
    clock,
    bus: { topicRules: [rule] },
    service: { intervalMs: retentionPassMs },
  })
  await until(() => node.head(events) === 10)
  for (let pass = 0; pass < 3; pass += 1) {
    await until(() => node.row(peer.endpoint)?.lastSuccessAtMs === clock.now())
    clock.advance(retentionPassMs)
  }
  await until(() => node.store.log(events)?.trimmedTo === 7)
  assert.equal(node.sync.counters.messagesPulled, 10)
  assert.equal(node.row(peer.endpoint, 'events')?.lastError, '')
})

test('L18 a message too large for the limit fails its log; with a higher limit it comes', async (t) => {
  const peer = await FakePeer.start(t, foreign)
  peer.add('events', 2)
  // As large as a request of the reference may be, and so larger as an answer.
  peer.add('events', 1, { payload: Buffer.alloc(4_194_304 - 60) })
  peer.add('other', 2)
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  await until(
    () =>
      node.row(peer.endpoint, 'events')?.lastError !== undefined &&
      node.sync.counters.logFailures > 0,
  )
  assert.match(
    node.row(peer.endpoint, 'events')?.lastError ?? '',
    /limits.envelopeBytes is 4194304/,
  )
  await until(() => node.head({ topic: 'other', origin: foreign }) === 2)
  assert.equal(node.head(events), 2)
  await node.stop()
  const wider = { store: node.store, envelopeBytes: 8_388_608 }
  const again = await startSyncNode(t, [{ endpoint: peer.endpoint }], wider)
  await until(() => again.head(events) === 3)
})

test('L24 ids that exist elsewhere block nothing', async (t) => {
  const peer = await FakePeer.start(t, foreign)
  for (const topic of ['a', 'b', 'c']) peer.add(topic, 3, { id: 'the same' })
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  for (const topic of ['a', 'b', 'c']) {
    await until(() => node.head({ topic, origin: foreign }) === 3)
  }
})

test('L25 two origins of one peer whose joined names are the same', async (t) => {
  const peer = await FakePeer.start(t, foreign)
  const origins = [
    { tenantId: 'a/b', blName: 'c', deviceId: 'd' },
    { tenantId: 'a', blName: 'b/c', deviceId: 'd' },
  ]
  for (const origin of origins) peer.add('events', 2, { origin })
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  for (const origin of origins) await until(() => node.head({ topic: 'events', origin }) === 2)
})

test('L26 names of peers are held to what the store can carry, and no less', async (t) => {
  const peer = await FakePeer.start(t, foreign)
  const topic = 'x'.repeat(60_000)
  peer.add(topic, 1, { headers: Object.fromEntries(range(1, 500).map((n) => [`${n}`, ''])) })
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  await until(() => node.head({ topic, origin: foreign }) === 1)
  const [message] = await node.read({ topic, origin: foreign })
  assert.equal(message?.headers.size, 500)
})

test('L27 a store of another node is refused before anything is pulled into it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'msgbus-sync-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const options = { open: openLmdbLogStore, folder }
  const first = await startSyncNode(t, [], options)
  await first.stop()
  await first.store.close()
  const other = { ...options, node: { ...puller, deviceId: 'other' } }
  await assert.rejects(startSyncNode(t, [], other), { reason: 'foreign_node' })
})

test('L28 a node that lost its database and went on: the fork is seen, nothing is mixed', async (t) => {
  const peer = await FakePeer.start(t, foreign)
  peer.add('events', 5)
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  await until(() => node.head(events) === 5)
  // It comes back empty, and its new log outgrows the old one.
  const address = peer.endpoint.replace('http://', '')
  peer.stop()
  await until(() => (node.row(peer.endpoint)?.consecutiveFailures ?? 0) > 0)
  peer.logs.length = 0
  peer.add('events', 7, { id: 'new' })
  await peer.listen(address)
  await until(() => /fork of "events"/.test(node.row(peer.endpoint, 'events')?.lastError ?? ''))
  assert.equal(node.head(events), 5)
  assert.ok((node.row(peer.endpoint, 'events')?.consecutiveFailures ?? 0) > 0)
})

test('L30 a log that fails for ever does not keep back those after it', async (t) => {
  const peer = await FakePeer.start(t, foreign)
  for (const n of range(1, 20)) peer.add(`topic ${n}`, 5)
  peer.script.fetch = ({ topic }) => (Number(topic.split(' ')[1]) <= 10 ? [] : undefined)
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  for (const n of range(11, 20)) {
    await until(() => node.head({ topic: `topic ${n}`, origin: foreign }) === 5)
  }
  await until(() => node.sync.counters.logFailures >= 10)
})

test('L30 a long log does not keep a short one waiting', async (t) => {
  const peer = await FakePeer.start(t, foreign)
  for (const n of range(1, 8)) peer.add(`long ${n}`, 2_000)
  peer.add('short', 1)
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  await until(() => node.head({ topic: 'short', origin: foreign }) === 1)
  for (const n of range(1, 8)) {
    assert.ok(node.head({ topic: `long ${n}`, origin: foreign }) < 2_000, `long ${n} is under way`)
  }
})

test('L33 failures are paused for longer and longer, and logged once', async (t) => {
  const peer = await FakePeer.start(t, foreign)
  const { endpoint } = peer
  peer.stop()
  const clock = new ManualClock()
  const backOff = { minMs: 250, maxMs: 60_000 }
  const node = await startSyncNode(t, [{ endpoint }], { clock, service: { backOff } })
  const failures = () => node.row(endpoint)?.consecutiveFailures ?? 0
  // Three quarters of 250, 500, 1000 ...: chance always answers a half here.
  for (const [n, waitMs] of [187.5, 375, 750, 1_500, 3_000, 6_000].entries()) {
    await until(() => failures() === n + 1)
    clock.advance(waitMs - 1)
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
    assert.equal(failures(), n + 1, `not before ${waitMs} ms`)
    clock.advance(1)
  }
  await until(() => failures() === 7)
  assert.equal(node.lined('peer_failed').length, 1)
})

test('L35 topics and origins can be chosen per peer', async (t) => {
  const peer = await FakePeer.start(t, foreign)
  const other = { ...foreign, deviceId: 'node-y' }
  for (const topic of ['site/1', 'site/2', 'office']) {
    peer.add(topic, 2)
    peer.add(topic, 2, { origin: other })
  }
  peer.add(deleteMarkerTopic, 1, {
    payload: Buffer.from(
      formatDeleteMarker({
        topic: 'site/1',
        origin: foreign,
        fromHead: 1,
        toHead: 1,
        createdAtMs: 5,
      }),
    ),
  })
  const rules = {
    topics: [parseTopicFilter('site/#')],
    exceptTopics: [parseTopicFilter('site/2')],
    origins: [foreign],
  }
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint, rules }])
  await until(
    () => node.head(markers) === 1 && node.head({ topic: 'site/1', origin: foreign }) === 2,
  )
  await until(() => node.row(peer.endpoint)?.remoteHead === 3)
  assert.equal([...node.store.logs()].length, 2)
  const [first] = await node.read({ topic: 'site/1', origin: foreign })
  assert.equal(first?.deleted, true)
})

test('L36 an https peer needs no TLS option to be tried', async (t) => {
  // No TLS is spoken there; what matters is that the attempt is made and says what happened.
  const peer = await FakePeer.start(t, foreign)
  const endpoint = peer.endpoint.replace('http:', 'https:')
  const node = await startSyncNode(t, [{ endpoint }])
  await until(() => node.row(endpoint) !== undefined)
  assert.match(
    node.row(endpoint)?.lastError ?? '',
    /no connection: .*(SSL|TLS|EPROTO|wrong version)/i,
  )
})

test('L37 rows: sums for the peer, its failure on every log, strangers are dropped', async (t) => {
  const peer = await FakePeer.start(t, foreign)
  peer.add('events', 3)
  const clock = new ManualClock()
  const store = await openMemoryLogStore({
    folder: '',
    node: puller,
    durability: 'memory',
    clock,
    logger: { error() {}, warn() {}, info() {}, debug() {} },
    publishIdWindowMs: 1,
    publishIdCount: 1,
  })
  const gone = { peer: 'http://gone:1', log: undefined, localHead: 0, remoteHead: 0 }
  await store.recordSync([
    { ...gone, lastAttemptAtMs: clock.now() - 8 * 86_400_000 },
    { ...gone, peer: 'http://just-gone:1', lastAttemptAtMs: clock.now() - 86_400_000 },
  ])
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }], { store, clock })
  await until(() => node.row(peer.endpoint)?.remoteHead === 3)
  assert.equal(node.row(peer.endpoint)?.localHead, 3)
  const names = new Set(node.sync.states().map((row) => row.peer))
  assert.deepEqual(names, new Set(['http://just-gone:1', peer.endpoint]))
  peer.stop()
  await until(() => {
    clock.advance(20)
    return node.row(peer.endpoint)?.lastError !== ''
  })
  const log = node.row(peer.endpoint, 'events')
  assert.equal(log?.lastError, node.row(peer.endpoint)?.lastError)
  assert.ok((log?.consecutiveFailures ?? 0) > 0)
})

test('what is pulled reaches live subscribers of every kind, once and in order', async (t) => {
  const peer = await FakePeer.start(t, foreign)
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  // As sessions of BUS/RT and TMB are on the bus, and as a subscription of v2.
  const session = new TestClient(node.bus, 'session').subscribe('site/#')
  const fed: string[] = []
  node.bus.connect(anonymous).subscribe(
    { kind: 'filter', filter: parseTopicFilter('site/#'), start: { at: 'now' } },
    {
      deliver: ({ messages }) => {
        fed.push(...messages.map(({ topic, headId }) => `${topic} ${headId}`))
        return true
      },
      end: () => undefined,
    },
  )
  peer.add('site/1', 150)
  const expected = range(1, 150).map((n) => `site/1 ${n}`)
  await until(() => fed.length >= 150 && session.inbox.seen.length >= 150)
  assert.deepEqual(fed, expected)
  assert.deepEqual(session.texts, expected)
})
