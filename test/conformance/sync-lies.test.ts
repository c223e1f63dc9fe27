/**
 * Peers that lie (reliability N3; defects L29, L38): whatever no honest peer says costs it its connection,
 * is reported, and leaves nothing behind. What an honest peer can have and we cannot take costs one log.
 */

import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { ManualClock } from '../../src/core/manual-clock.ts'
import { until } from '../../src/protocols/grpc/grpc-suite.ts'
import { foreign, own, range } from './engines.ts'
import { fakeMessage, FakePeer, type Script } from './fake-v1-peer.ts'
import { startSyncNode } from './sync-node.ts'

const events = { topic: 'events', origin: foreign }
const message = (headId: number, more: object = {}) => ({
  ...fakeMessage('events', foreign, headId),
  ...more,
})
const messages = (from: number, to: number) => range(from, to).map((n) => message(n))
const heads = (...more: object[]) => [{ ...events, headId: 3 }, ...more]

const most = '18446744073709551615'
const lies: readonly [what: string, script: Script, says: RegExp][] = [
  ['a head without origin', { heads: () => heads({ topic: 'a', headId: 1 }) }, /has no origin/],
  [
    'a head of a blank topic',
    { heads: () => heads({ ...events, topic: ' ', headId: 1 }) },
    /topic is empty/,
  ],
  [
    'a head of a topic with NUL',
    { heads: () => heads({ ...events, topic: 'a\0', headId: 1 }) },
    /topic contains NUL byte/,
  ],
  [
    'a head of half a node',
    { heads: () => heads({ topic: 'a', origin: { tenantId: 't' }, headId: 1 }) },
    /bl_name is empty/,
  ],
  ['head 0', { heads: () => heads({ ...events, topic: 'a', headId: 0 }) }, /listed with head 0/],
  [
    'a head beyond all logs',
    { heads: () => heads({ ...events, topic: 'a', headId: most }) },
    /above 2\^53-2/,
  ],
  ['a log listed twice', { heads: () => heads(...heads()) }, /listed twice/],
  ['messages out of order', { fetch: () => [message(2), message(1), message(3)] }, /got 2$/],
  ['a gap', { fetch: () => [message(1), message(3)] }, /asked for message 2 .* got 3/],
  ['a repeat', { fetch: () => [message(1), message(1)] }, /asked for message 2 .* got 1/],
  [
    'a head that jumps',
    { fetch: () => [message(1), message(2), message(3, { headId: most })] },
    /message 3/,
  ],
  ['head 0 in a message', { fetch: () => [message(0)] }, /got 0$/],
  ['another topic', { fetch: () => [message(1), message(2, { topic: 'b' })] }, /another log/],
  ['another origin', { fetch: () => [message(1), message(2, { origin: own })] }, /another log/],
  ['no origin', { fetch: () => [message(1), message(2, { origin: undefined })] }, /another log/],
  ['no message', { fetch: () => [message(1), { message: undefined }] }, /holds no message/],
  [
    'a message without id',
    { fetch: () => [message(1), message(2, { id: '' })] },
    /message_id is empty/,
  ],
  [
    'more than was asked for',
    { fetch: () => messages(1, 101) },
    /asked for 100 messages, got more/,
  ],
]

async function lying(t: TestContext, script: Script) {
  const clock = new ManualClock()
  const peer = await FakePeer.start(t, foreign)
  Object.assign(peer.script, { heads: () => [{ ...events, headId: 3 }], ...script })
  const honest = await FakePeer.start(t, { ...foreign, deviceId: 'honest' })
  honest.add('other', 3)
  const peers = [{ endpoint: peer.endpoint }, { endpoint: honest.endpoint }]
  const node = await startSyncNode(t, peers, { clock })
  return { clock, peer, honest, node }
}

suite('a peer that lies is cut off, and nothing of it is kept', () => {
  for (const [what, script, says] of lies) {
    test(what, async (t) => {
      const { clock, peer, honest, node } = await lying(t, script)
      await until(() => node.sync.counters.peersCutOff === 1)
      assert.match(node.row(peer.endpoint)?.lastError ?? '', says)
      assert.equal(node.head(events), 0, 'nothing is kept')
      const [line] = node.lined('peer_cut_off')
      assert.deepEqual([line?.level, line?.fields['peer']], ['error', peer.endpoint])
      // It is left alone for a good while; others are not.
      const { connections } = peer
      const passed = () => node.row(honest.endpoint)?.lastSuccessAtMs === clock.now()
      await until(passed)
      for (let i = 0; i < 20; i += 1) {
        clock.advance(20)
        await until(passed)
      }
      clock.advance(599_000)
      assert.equal(peer.connections, connections)
      assert.equal(node.head({ topic: 'other', origin: honest.node }), 3)
      // And then it gets another chance.
      peer.script.heads = undefined
      peer.script.fetch = undefined
      peer.add('events', 3)
      clock.advance(1_000)
      await until(() => node.head(events) === 3)
    })
  }
})

test('an answer that is no protobuf cuts off', async (t) => {
  const { node } = await lying(t, {
    health: () => ({ status: 'SERVING', node: { tenantId: ' ' } }),
  })
  await until(() => node.sync.counters.peersCutOff === 1)
  assert.equal(node.head(events), 0)
})

test('a peer that changes what is here is no source for it', async (t) => {
  const peer = await FakePeer.start(t, foreign)
  peer.add('events', 3)
  const first = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  await until(() => first.head(events) === 3)
  await first.stop()
  const changes: readonly [object, RegExp | undefined][] = [
    [{ payload: Buffer.from('changed') }, /fork/],
    [{ headers: {} }, /fork/],
    [{ createdAtMs: 5 }, /fork/],
    // Only markers delete (L29): the flag alone changes nothing here, and is no fork either.
    [{ deleted: true }, undefined],
  ]
  for (const [change, says] of changes) {
    peer.script.fetch = ({ fromHeadId }) => [message(fromHeadId, change)]
    const node = await startSyncNode(t, [{ endpoint: peer.endpoint }], { store: first.store })
    await until(() =>
      says === undefined
        ? node.row(peer.endpoint)?.lastError === '' && peer.fetches.length > 0
        : says.test(node.row(peer.endpoint, 'events')?.lastError ?? ''),
    )
    await node.stop()
    const [, , last] = await node.read(events)
    assert.equal(last?.deleted, false)
    assert.equal(Buffer.from(last.payload).toString(), 'events 3')
    peer.fetches.length = 0
  }
})

test('L38 a listed head without messages is a failure of its log', async (t) => {
  const peer = await FakePeer.start(t, foreign)
  peer.add('events', 3)
  peer.add('other', 3)
  peer.script.fetch = ({ topic }) => (topic === 'events' ? [] : undefined)
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  await until(() => (node.row(peer.endpoint, 'events')?.consecutiveFailures ?? 0) > 1)
  const row = node.row(peer.endpoint, 'events')
  assert.match(row?.lastError ?? '', /lists head 3 and sent nothing from 1 on/)
  assert.deepEqual([row?.localHead, row?.remoteHead], [0, 3])
  await until(() => node.head({ topic: 'other', origin: foreign }) === 3)
})

test('what the store cannot hold fails its log, from there on, and no other', async (t) => {
  const peer = await FakePeer.start(t, foreign)
  peer.add('events', 3)
  peer.add('long id', 2)
  peer.add('long id', 1, { id: 'x'.repeat(70_000) })
  peer.add('t'.repeat(70_000), 1)
  const node = await startSyncNode(t, [{ endpoint: peer.endpoint }])
  await until(() => node.head(events) === 3 && node.sync.counters.logFailures >= 2)
  assert.equal(node.head({ topic: 'long id', origin: foreign }), 2)
  assert.match(node.row(peer.endpoint, 'long id')?.lastError ?? '', /message_id is too long/)
  assert.match(node.row(peer.endpoint, 't'.repeat(70_000))?.lastError ?? '', /topic is too long/)
  assert.equal(node.sync.counters.peersCutOff, 0)
})
