/**
 * Cases 86 to 104 of spec/msgbus-v1 section 10: pulling from our own server and from a stock one that a
 * test scripts. 91 with a kill and 99 (which is for links of ours) stand elsewhere.
 */

import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { suite, test, type TestContext } from 'node:test'
import { status } from '@grpc/grpc-js'
import { formatDeleteMarker } from '../../src/core/delete-marker.ts'
import { ManualClock } from '../../src/core/manual-clock.ts'
import { anonymous } from '../../src/model/identity.ts'
import { deleteMarkerTopic, noHeaders } from '../../src/model/message.ts'
import { until, withMethods } from '../../src/protocols/grpc/grpc-suite.ts'
import { engines, daemonOf, fill, foreign, own, range } from './engines.ts'
import { FakeError, fakeMessage, FakePeer } from './fake-v1-peer.ts'
import { puller, startSyncNode, type SyncNode } from './sync-node.ts'

const events = { topic: 'events', origin: foreign }

async function peerOf(t: TestContext, count = 3): Promise<FakePeer> {
  const peer = await FakePeer.start(t, foreign)
  if (count > 0) peer.add('events', count)
  return peer
}

function headIds(messages: readonly { readonly headId: number }[]): number[] {
  return messages.map(({ headId }) => headId)
}

for (const [engine, open] of Object.entries(engines)) {
  suite(`sync from one of ours (${engine})`, () => {
    test('86 300 messages in batches of 100 arrive as they are', async (t) => {
      const daemon = await daemonOf(t, { open })
      const client = daemon.bus.connect(anonymous)
      for (const n of range(1, 300)) {
        const headers = new Map([['n', String(n)]])
        await client.publish([{ topic: 'a/é', payload: Buffer.from([n % 256, 0, 255]), headers }])
      }
      const node = await startSyncNode(t, [{ endpoint: `http://${daemon.address}`, pin: own }])
      const log = { topic: 'a/é', origin: own }
      await until(() => node.head(log) === 300)
      const theirs = (await daemon.store.read(log, 1, { messages: 1_000 })).messages
      const plain = (message: (typeof theirs)[number]) => ({
        ...message,
        sequence: 0,
        payload: [...message.payload],
      })
      assert.deepEqual((await node.read(log)).map(plain), theirs.map(plain))
    })

    test('87 a delete after the sync is flagged here', async (t) => {
      const daemon = await daemonOf(t, { open })
      await fill(daemon, 'events', 5)
      const node = await startSyncNode(t, [{ endpoint: `http://${daemon.address}`, pin: own }])
      const log = { topic: 'events', origin: own }
      await until(() => node.head(log) === 5)
      const request = { topic: 'events', fromHeadId: 2, toHeadId: 3 }
      await daemon.connect('msgbus.v1.MsgbusService').call('DeleteRange', request)
      await until(() => node.head({ topic: deleteMarkerTopic, origin: own }) === 1)
      const messages = await node.read(log)
      assert.deepEqual(
        messages.map(({ deleted, payload }) => [deleted, payload.length > 0]),
        [
          [false, true],
          [true, false],
          [true, false],
          [false, true],
          [false, true],
        ],
      )
    })

    test('102 a trimmed log comes as stubs, then as messages', async (t) => {
      const daemon = await daemonOf(t, { open })
      await fill(daemon, 'events', 10)
      const log = { topic: 'events', origin: own }
      await daemon.store.trim(log, 7)
      const node = await startSyncNode(t, [{ endpoint: `http://${daemon.address}`, pin: own }])
      await until(() => node.head(log) === 10)
      const messages = await node.read(log)
      assert.deepEqual(headIds(messages), range(1, 10))
      assert.deepEqual(
        messages.map(({ deleted }) => deleted),
        range(1, 10).map((n) => n <= 7),
      )
      assert.equal(node.sync.counters.logFailures, 0)
    })
  })
}

test('86 ids, times and headers of a foreign server are kept', async (t) => {
  const peer = await peerOf(t, 0)
  peer.add('events', 250, { id: 'same id everywhere ✓' })
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint, pin: foreign }])
  await until(() => node.head(events) === 250)
  const [first] = await node.read(events)
  const { topic, origin, headId, payload, headers, createdAtMs } = fakeMessage('events', foreign, 1)
  assert.deepEqual(
    { ...first, payload: Buffer.from(first?.payload ?? []), sequence: 0 },
    {
      topic,
      origin,
      headId,
      payload,
      createdAtMs,
      deleted: false,
      sequence: 0,
      id: 'same id everywhere ✓',
      headers: new Map(Object.entries(headers)),
    },
  )
  // In batches, each going on where the one before ended.
  assert.deepEqual(
    peer.fetches.slice(0, 3).map(({ fromHeadId, limit }) => [fromHeadId, limit]),
    [
      [1, 100],
      [101, 100],
      [201, 100],
    ],
  )
})

test('88 a marker that is before its data deletes it on arrival, also for subscribers', async (t) => {
  const peer = await peerOf(t)
  const marker = { ...events, fromHead: 1, toHead: 2, createdAtMs: 5 }
  peer.add(deleteMarkerTopic, 1, { payload: Buffer.from(formatDeleteMarker(marker)), headers: {} })
  const all = peer.heads()
  // A relay that has the marker and not yet the data.
  peer.script.heads = () => all.slice(1)
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  const live: [number, boolean][] = []
  node.store.onCommit(({ messages }) => {
    for (const { topic, headId, deleted } of messages) {
      if (topic === 'events') live.push([headId, deleted])
    }
  })
  await until(() => node.head({ topic: deleteMarkerTopic, origin: foreign }) === 1)
  peer.script.heads = () => all
  await until(() => node.head(events) === 3)
  const expected = [
    [1, true],
    [2, true],
    [3, false],
  ]
  assert.deepEqual(live, expected)
  assert.deepEqual(
    (await node.read(events)).map(({ headId, deleted }) => [headId, deleted]),
    expected,
  )
})

/** One of ours that serves what it has pulled. */
async function relayOf(t: TestContext, deviceId: string, peers: string[]): Promise<Relay> {
  const node = { ...own, deviceId }
  const daemon = await daemonOf(t, { store: { node }, bus: { node } })
  const sync = await startSyncNode(
    t,
    peers.map((endpoint) => ({ endpoint })),
    { node, store: daemon.store },
  )
  return { ...sync, daemon, endpoint: `http://${daemon.address}` }
}

interface Relay extends SyncNode {
  readonly daemon: Awaited<ReturnType<typeof daemonOf>>
  readonly endpoint: string
}

test('89 messages of A reach C through B, with A as origin', async (t) => {
  const a = await relayOf(t, 'a', [])
  const b = await relayOf(t, 'b', [a.endpoint])
  const c = await relayOf(t, 'c', [b.endpoint])
  await a.bus
    .connect(anonymous)
    .publish([{ topic: 'events', payload: Buffer.from('x'), headers: noHeaders }])
  const log = { topic: 'events', origin: a.node }
  await until(() => c.head(log) === 1)
  assert.equal(c.head({ topic: 'events', origin: b.node }), 0)
})

test('90 in a ring nothing comes twice, and it falls silent', async (t) => {
  const a = await relayOf(t, 'a', [])
  const b = await relayOf(t, 'b', [a.endpoint])
  const c = await relayOf(t, 'c', [b.endpoint])
  // The ring closes: A pulls from C.
  const closing = await startSyncNode(t, [{ endpoint: c.endpoint }], {
    node: a.node,
    store: a.store,
  })
  for (const node of [a, b, c]) {
    await node.bus.connect(anonymous).publish(
      range(1, 20).map((n) => ({
        topic: 'events',
        payload: Buffer.from(`${n}`),
        headers: noHeaders,
      })),
    )
  }
  const isEverywhere = () =>
    [a, b, c].every((node) =>
      [a, b, c].every(({ node: origin }) => node.head({ topic: 'events', origin }) === 20),
    )
  await until(isEverywhere)
  const services = [closing.sync, b.sync, c.sync]
  const pulled = services.map(({ counters }) => counters.messagesPulled)
  assert.deepEqual(pulled, [40, 40, 40])
  const sequences = [a, b, c].map(({ store }) => store.lastSequence)
  const before = b.row(a.endpoint)?.lastSuccessAtMs ?? 0
  await until(() => (b.row(a.endpoint)?.lastSuccessAtMs ?? 0) > before + 100)
  assert.deepEqual(
    [a, b, c].map(({ store }) => store.lastSequence),
    sequences,
  )
})

test('91 a catch-up that is interrupted goes on where it was', async (t) => {
  const peer = await peerOf(t, 950)
  const first = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  await until(() => first.head(events) >= 300)
  await first.stop()
  const stoppedAt = first.head(events)
  assert.ok(stoppedAt < 950, 'stopped in the middle')
  peer.fetches.length = 0
  const second = await startSyncNode(t, [{ endpoint: peer.endpoint }], { store: first.store })
  await until(() => second.head(events) === 950)
  // From the message that is there, to see that it is the same history.
  assert.ok(peer.fetches.some(({ fromHeadId }) => fromHeadId === stoppedAt))
  assert.ok(peer.fetches.every(({ fromHeadId }) => fromHeadId >= stoppedAt))
  assert.deepEqual(headIds(await second.read(events)), range(1, 950))
})

test('92 another node than the pinned one: nothing is taken', async (t) => {
  const peer = await peerOf(t)
  const pin = { ...foreign, deviceId: 'expected' }
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint, pin }])
  await until(() => (node.row(peer.endpoint)?.consecutiveFailures ?? 0) >= 3)
  const row = node.row(peer.endpoint)
  assert.equal(
    row?.lastError,
    'identity mismatch: expected tenant/default/expected, got tenant/default/node-x',
  )
  assert.equal(row.lastSuccessAtMs, 0)
  assert.equal(peer.listings, 0)
  assert.deepEqual([...node.store.logs()], [])
})

test('93 a peer that is the node itself is refused', async (t) => {
  const peer = await FakePeer.start(t, puller)
  peer.add('events', 1)
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  await until(() => (node.row(peer.endpoint)?.consecutiveFailures ?? 0) >= 1)
  assert.match(node.row(peer.endpoint)?.lastError ?? '', /reports the local node identity/)
  assert.equal(peer.listings, 0)
})

test('93 and a peer that does not say who it is', async (t) => {
  const peer = await peerOf(t)
  peer.script.health = () => ({ status: 'SERVING' })
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  await until(() => node.row(peer.endpoint) !== undefined)
  assert.match(node.row(peer.endpoint)?.lastError ?? '', /does not say which node it is/)
})

test('94 a peer that was away: failures are counted, then forgotten; the last success stays', async (t) => {
  const peer = await peerOf(t)
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  await until(() => node.head(events) === 3)
  await until(() => node.row(peer.endpoint) !== undefined)
  const address = peer.endpoint.replace('http://', '')
  peer.stop()
  await until(() => (node.row(peer.endpoint)?.consecutiveFailures ?? 0) >= 5)
  const down = node.row(peer.endpoint)
  assert.ok((down?.lastSuccessAtMs ?? 0) > 0)
  assert.notEqual(down?.lastError, '')
  assert.equal(node.lined('peer_failed').length > 0, true)
  peer.add('events', 1)
  await peer.listen(address)
  await until(() => node.row(peer.endpoint)?.consecutiveFailures === 0)
  assert.ok((node.row(peer.endpoint)?.lastSuccessAtMs ?? 0) >= (down?.lastSuccessAtMs ?? 0))
  await until(() => node.head(events) === 4)
  assert.equal(node.lined('peer_connected').length, 2)
})

test('95 rows: one about the peer, one for each log', async (t) => {
  const peer = await peerOf(t)
  peer.add('other', 2)
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  await until(() => node.row(peer.endpoint)?.localHead === 5)
  const states = node.sync.states().sort((a, b) => (a.remoteHead % 5) - (b.remoteHead % 5))
  const rows = states.map(({ log, localHead, remoteHead, lastError }) => {
    return [log?.topic, log?.origin.deviceId, localHead, remoteHead, lastError]
  })
  assert.deepEqual(rows, [
    [undefined, undefined, 5, 5, ''],
    ['other', 'node-x', 2, 2, ''],
    ['events', 'node-x', 3, 3, ''],
  ])
  await node.stop()
  assert.equal((await node.store.syncStates()).length, 3, 'they are in the store')
})

test('96 a fork stops its log and no other, and its row says so', async (t) => {
  const peer = await peerOf(t, 5)
  peer.add('other', 5)
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }], {
    open: async (options) => {
      const store = await engines['memory']?.(options)
      assert.ok(store !== undefined)
      const mine = [1, 2].map((n) => ({
        ...fakeMessage('events', foreign, n),
        headId: n,
        id: `mine ${n}`,
        headers: noHeaders,
      }))
      await store.replicate(mine)
      return store
    },
  })
  await until(() => node.head({ topic: 'other', origin: foreign }) === 5)
  await until(() => node.row(peer.endpoint, 'events') !== undefined)
  const row = node.row(peer.endpoint, 'events')
  assert.match(
    row?.lastError ?? '',
    /fork of "events".*message 2 is mine 2 here and node-x events 2/,
  )
  assert.equal(node.head(events), 2)
  await until(() => node.row(peer.endpoint)?.lastError === '')
  assert.equal(node.sync.counters.forks, 1)
  const [line] = node.lined('peer_log_failed')
  assert.deepEqual([line?.level, line?.fields['reason']], ['error', 'log_fork'])
})

test('97 a peer that accepts and stays silent holds nobody up', async (t) => {
  const sockets = new Set<Socket>()
  const silent = createServer((socket) => {
    sockets.add(socket.on('close', () => sockets.delete(socket)).resume())
  })
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.after(() => silent.close())
  const bound = silent.address()
  const port = typeof bound === 'object' ? bound?.port : 0
  const peer = await peerOf(t)
  const clock = new ManualClock()
  const endpoint = `http://127.0.0.1:${port}`
  const node = await startSyncNode(t, [{ endpoint }, { endpoint: peer.endpoint }], { clock })
  await until(() => node.head(events) === 3)
  assert.equal(node.row(endpoint), undefined)
  clock.advance(5_000)
  await until(() => node.row(endpoint) !== undefined)
  assert.match(node.row(endpoint)?.lastError ?? '', /no answer to the connection in 5000 ms/)
  // Nothing is left of the attempt, though the other side never says goodbye.
  await until(() => sockets.size === 0)
})

test('97 nor does one that answers Health and nothing else', async (t) => {
  const silent = await peerOf(t)
  silent.script.fetch = () => ['hang']
  const other = { ...foreign, deviceId: 'node-y' }
  const peer = await FakePeer.start(t, other)
  peer.add('events', 3)
  const clock = new ManualClock()
  const peers = [{ endpoint: silent.endpoint }, { endpoint: peer.endpoint }]
  const node = await startSyncNode(t, peers, { clock })
  await until(
    () => node.head({ topic: 'events', origin: other }) === 3 && silent.fetches.length > 0,
  )
  clock.advance(30_000)
  await until(() => node.row(silent.endpoint, 'events') !== undefined)
  assert.match(node.row(silent.endpoint, 'events')?.lastError ?? '', /no answer to Fetch/)
})

test('98 idle: 60 passes over 1,000 logs write nothing', async (t) => {
  const peer = await peerOf(t, 0)
  for (const n of range(1, 1_000)) peer.add(`topic ${n}`, 1)
  const clock = new ManualClock()
  const commits: string[] = []
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }], {
    clock,
    service: { intervalMs: 1_000 },
    open: async (options) => {
      const store = await engines['memory']?.(options)
      assert.ok(store !== undefined)
      return withMethods(store, {
        recordSync: (rows) => {
          commits.push(`${rows.length} rows`)
          return store.recordSync(rows)
        },
        replicate: (items) => {
          commits.push(`${items.length} messages`)
          return store.replicate(items)
        },
      })
    },
  })
  await until(() => [...node.store.logs()].length === 1_000)
  // What the first pass changed is written once, a second later.
  await until(() => node.row(peer.endpoint)?.localHead === 1_000)
  clock.advance(1_000)
  await until(() => commits.includes('1001 rows'))
  const before = commits.length
  const connections = peer.connections
  const fetched = peer.fetches.length
  for (let pass = 0; pass < 60; pass += 1) {
    const { listings } = peer
    const at = node.row(peer.endpoint)?.lastSuccessAtMs
    clock.advance(1_000)
    await until(() => peer.listings > listings && node.row(peer.endpoint)?.lastSuccessAtMs !== at)
  }
  assert.deepEqual(commits.slice(before), [])
  assert.equal(peer.connections, connections, 'over one connection')
  assert.equal(peer.fetches.length, fetched)
  // And yet who asks sees that it works.
  assert.equal(node.row(peer.endpoint, 'topic 1')?.lastSuccessAtMs, clock.now())
})

test('100 an older peer without Ready and ListPeerSyncStates is as good as any', async (t) => {
  // The stock server here offers neither.
  const peer = await peerOf(t)
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  await until(() => node.head(events) === 3)
})

test('101 messages with our own origin are not taken, and reported', async (t) => {
  const peer = await peerOf(t)
  peer.add('mine', 3, { origin: puller })
  peer.add('mine too', 2, { origin: puller })
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }], {
    open: async (options) => {
      const store = await engines['memory']?.(options)
      assert.ok(store !== undefined)
      const item = { topic: 'mine too', payload: Buffer.from('x'), headers: noHeaders }
      await store.append([item, item, item])
      return store
    },
  })
  await until(() => node.head(events) === 3)
  await until(
    () =>
      node.row(peer.endpoint, 'mine') !== undefined &&
      node.row(peer.endpoint, 'mine too') !== undefined,
  )
  assert.equal(node.head({ topic: 'mine', origin: puller }), 0)
  assert.match(
    node.row(peer.endpoint, 'mine')?.lastError ?? '',
    /the peer has messages of this node up to 3 that are not here/,
  )
  // Shorter than ours, so compared: another history under our name.
  assert.match(node.row(peer.endpoint, 'mine too')?.lastError ?? '', /fork of "mine too"/)
  const [next] = await node.bus
    .connect(anonymous)
    .publish([{ topic: 'mine', payload: Buffer.from('x'), headers: noHeaders }])
  assert.ok(next?.kind === 'stored' && next.message.headId === 1)
})

test('103 bad markers are stored and skipped; sync goes on', async (t) => {
  const peer = await peerOf(t)
  const good = { ...events, fromHead: 1, toHead: 1, createdAtMs: 5 }
  const marker = (more: object) => Buffer.from(formatDeleteMarker({ ...good, ...more }))
  const payloads = [
    Buffer.from('{'),
    Buffer.from(marker({}).toString().replace('"from_head_id":1', '"from_head_id":3')),
    marker({ origin: own }),
    marker({}),
  ]
  for (const payload of payloads) peer.add(deleteMarkerTopic, 1, { payload, headers: {} })
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  await until(() => node.head({ topic: deleteMarkerTopic, origin: foreign }) === 4)
  await until(() => node.head(events) === 3)
  assert.deepEqual(
    (await node.read(events)).map(({ deleted }) => deleted),
    [true, false, false],
  )
  assert.equal(node.lined('bad_delete_marker').length, 3)
  assert.equal(node.sync.counters.logFailures, 0)
})

test('104 node ids whose parts join to the same text are two logs', async (t) => {
  const origins = [
    { tenantId: 'a/b', blName: 'c', deviceId: 'd' },
    { tenantId: 'a', blName: 'b/c', deviceId: 'd' },
  ]
  const peers = await Promise.all(
    origins.map(async (origin) => {
      const peer = await FakePeer.start(t, origin)
      peer.add('events', 2, { payload: Buffer.from(origin.tenantId) })
      return peer
    }),
  )
  const node = await startSyncNode(
    t,
    peers.map(({ endpoint }) => ({ endpoint })),
  )
  for (const origin of origins) {
    await until(() => node.head({ topic: 'events', origin }) === 2)
    const [message] = await node.read({ topic: 'events', origin })
    assert.equal(Buffer.from(message?.payload ?? []).toString(), origin.tenantId)
  }
})

test('what a peer refuses for one log concerns no other', async (t) => {
  const peer = await peerOf(t)
  peer.add('damaged', 5)
  peer.script.fetch = (asked) =>
    asked.topic === 'damaged'
      ? [
          ...peer.answer(asked).filter(({ headId }) => Number(headId) < 3),
          new FakeError(status.DATA_LOSS, 'message 3\ncannot be read'),
        ]
      : undefined
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  await until(() => node.head(events) === 3)
  await until(() => (node.row(peer.endpoint, 'damaged')?.consecutiveFailures ?? 0) >= 3)
  assert.equal(node.head({ topic: 'damaged', origin: foreign }), 2, 'what came before is kept')
  const text = node.row(peer.endpoint, 'damaged')?.lastError
  assert.equal(text, 'Fetch failed with DATA_LOSS: message 3 cannot be read')
  assert.equal(node.lined('peer_log_failed').length, 1, 'one line however often it fails')
  peer.script.fetch = undefined
  await until(() => node.head({ topic: 'damaged', origin: foreign }) === 5)
  await until(() => node.row(peer.endpoint, 'damaged')?.lastError === '')
})
