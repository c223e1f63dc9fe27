/** Messages of other nodes: the table of spec/msgbus-v1 3.5, and odd peers (L9, L24, L25). */

import assert from 'node:assert/strict'
import type { ReplicateOutcome } from '../../core/log-store.ts'
import { noHeaders, type LogKey } from '../../model/message.ts'
import { stubId } from '../../model/stub-id.ts'
import {
  bytesOf,
  numbers,
  own,
  plain,
  readFeed,
  readLog,
  replica,
  textOf,
  type Replica,
} from './messages.ts'
import { foreignNode, storeTest, type SuiteContext } from './store-fixture.ts'

const theirs: LogKey = { topic: 't', origin: foreignNode }

export function replicateSuite(context: SuiteContext): void {
  storeTest(context, 'the next message of a foreign log is inserted as it is', async (f) => {
    const items = [
      replica('t', 1, { payload: new Uint8Array(0), headers: noHeaders, createdAtMs: 0 }),
      replica('t', 2, { id: 'not a uuid 🚌', createdAtMs: Number.MAX_SAFE_INTEGER }),
      // Ids are text: these three differ only in how they are written.
      replica('t', 3, { id: '0F8FAD5B-D9CB-469F-A165-70867728950E' }),
      replica('t', 4, { id: '0f8fad5b-d9cb-469f-a165-70867728950e' }),
      replica('t', 5, { id: '0f8fad5bd9cb469fa16570867728950e' }),
      replica('t', 6, { id: '00000000-0000-0000-0000-000000000000' }),
      replica('t', 7, { id: 'x'.repeat(10_000) }),
      // Another log may use an id again (L24).
      replica('u', 1, { id: 'not a uuid 🚌' }),
    ]
    const outcomes = await f.store.replicate(items)
    assert.deepEqual(
      kinds(outcomes),
      items.map(() => 'inserted'),
    )
    const messages = items.map((item) => ({
      ...item,
      sequence: f.committed.find((m) => m.topic === item.topic && m.headId === item.headId)
        ?.sequence,
    }))
    await f.holds(async (store) => {
      assert.deepEqual((await readLog(store, theirs)).map(plain), messages.slice(0, 7))
      assert.deepEqual(
        (await readLog(store, { ...theirs, topic: 'u' })).map(plain),
        messages.slice(7),
      )
      assert.equal((await readFeed(store)).length, 8)
      assert.equal(store.head(own('t')), undefined)
    })
    assert.deepEqual(
      kinds(await f.store.replicate(items)),
      items.map(() => 'present'),
    )
  })

  storeTest(context, 'the table of spec 3.5', async (f) => {
    const { store } = f
    await store.replicate(numbers(9).map((n) => replica('t', Number(n))))
    const last = store.lastSequence
    const cases: [string, Replica, string][] = [
      ['equal', replica('t', 1), 'present'],
      ['now deleted', replica('t', 2, { deleted: true }), 'tombstoned'],
      ['deleted again', replica('t', 2, { deleted: true }), 'present'],
      ['deletion is sticky', replica('t', 2), 'present'],
      ['now deleted and empty', erasedReplica('t', 3), 'tombstoned'],
      [
        'bodies of deleted ones are not compared',
        replica('t', 3, { payload: bytesOf('?') }),
        'present',
      ],
      ['another id', replica('t', 4, { id: 'other' }), 'fork'],
      ['another payload', replica('t', 5, { payload: bytesOf('other') }), 'fork'],
      ['other headers', replica('t', 5, { headers: noHeaders }), 'fork'],
      ['another time', replica('t', 5, { createdAtMs: 7 }), 'fork'],
      ['deleted with another id', erasedReplica('t', 6, { id: 'other' }), 'fork'],
      ['stub of a trimmed message', stubReplica('t', 7), 'present'],
      ['too far', replica('t', 11), 'gap'],
      ['an unknown log from its middle', replica('unknown', 2), 'gap'],
      ['the next', replica('t', 10), 'inserted'],
    ]
    for (const [what, item, expected] of cases) {
      const [outcome] = await store.replicate([item])
      assert.equal(outcome?.kind, expected, what)
      if (outcome.kind === 'fork') assert.equal(outcome.localId, replica('t', item.headId).id)
      if (outcome.kind === 'gap') assert.equal(outcome.localHead, item.topic === 't' ? 9 : 0)
      if ('message' in outcome) assert.equal(outcome.message.headId, item.headId)
    }
    assert.equal(f.committed.filter((message) => message.sequence > last).length, 1)
    await f.holds(async (open) => {
      const texts = (await readLog(open, theirs)).map((message) => textOf(message.payload))
      assert.deepEqual(texts, ['t 1', '', '', 't 4', 't 5', 't 6', 't 7', 't 8', 't 9', 't 10'])
      assert.equal(open.head({ ...theirs, topic: 'unknown' }), undefined)
    })
  })

  storeTest(context, 'items of one call may come in any order', async (f) => {
    const heads = [4, 2, 5, 1, 3]
    const items = heads.flatMap((head) => [replica('t', head), replica('u', head)])
    const outcomes = await f.store.replicate(items)
    assert.deepEqual(
      kinds(outcomes),
      items.map(() => 'inserted'),
    )
    for (const [i, outcome] of outcomes.entries()) {
      assert.ok('message' in outcome)
      assert.equal(outcome.message.id, items[i]?.id)
    }
    assert.equal((await readFeed(f.store)).length, 10)
    assert.equal((await readLog(f.store, theirs)).length, 5)
  })

  storeTest(context, 'one head twice in a call', async (f) => {
    const outcomes = await f.store.replicate([
      replica('t', 1),
      replica('t', 1),
      replica('t', 1, { id: 'other' }),
    ])
    assert.deepEqual(kinds(outcomes), ['inserted', 'present', 'fork'])
  })

  storeTest(context, 'what cannot be stored is rejected alone', async (f) => {
    const items = [
      replica('t', 0),
      replica('t', 1),
      replica('t', 1.5),
      replica('t', 2 ** 53),
      replica('t', Infinity),
      replica('t', -1),
      replica('', 1),
      replica('t', 2, { id: '' }),
      replica('t', 2, { createdAtMs: -1 }),
      replica('half \ud83d', 1),
      replica('t', 2, { origin: { ...foreignNode, blName: '' } }),
      replica('t', 2),
    ]
    const outcomes = await f.store.replicate(items)
    const good = new Set([1, 11])
    assert.deepEqual(
      kinds(outcomes),
      items.map((_, i) => (good.has(i) ? 'inserted' : 'rejected')),
    )
    const [zero] = outcomes
    assert.ok(zero?.kind === 'rejected')
    assert.equal(zero.error.code, 'invalid_argument')
    assert.equal(zero.error.message, 'replicated message head_id must be greater than zero')
    assert.equal([...f.store.logs()].length, 1)
  })

  storeTest(
    context,
    'node ids whose joined parts are the same are different nodes (L25)',
    async (f) => {
      const origins = [
        { tenantId: 'a/b', blName: 'c', deviceId: 'd' },
        { tenantId: 'a', blName: 'b/c', deviceId: 'd' },
        { tenantId: 'a', blName: 'b', deviceId: 'c/d' },
        { tenantId: 'ab', blName: 'c', deviceId: 'd' },
        { tenantId: 'a', blName: 'bc', deviceId: 'd' },
        { tenantId: 'a', blName: 'b', deviceId: 'cd' },
        { tenantId: 'a', blName: 'b', deviceId: 'cdt' },
        { tenantId: '1:1:2:', blName: '🚌', deviceId: '1:1:' },
      ]
      const items = origins.map((origin, i) =>
        replica('t', 1, { origin, payload: bytesOf(`${i}`) }),
      )
      items.push(replica('tt', 1, { origin: { tenantId: 'a', blName: 'b', deviceId: 'cd' } }))
      assert.deepEqual(
        kinds(await f.store.replicate(items)),
        items.map(() => 'inserted'),
      )
      await f.holds(async (store) => {
        assert.equal([...store.logs()].length, items.length)
        for (const item of items) {
          const [message] = await readLog(store, { topic: item.topic, origin: item.origin })
          assert.deepEqual(new Uint8Array(message?.payload ?? []), item.payload)
        }
      })
    },
  )

  storeTest(context, 'a message that arrives deleted stays deleted', async (f) => {
    await f.store.replicate([
      replica('t', 1),
      replica('t', 2, { deleted: true }),
      erasedReplica('t', 3),
    ])
    // Listeners see the stored form.
    assert.deepEqual(
      f.committed.map((message) => textOf(message.payload)),
      ['t 1', '', ''],
    )
    const [outcome] = await f.store.replicate([replica('t', 2)])
    assert.equal(outcome?.kind, 'present')
    await f.holds(async (store) => {
      const messages = await readLog(store, theirs)
      assert.deepEqual(
        messages.map(
          (message) => `${message.deleted} ${textOf(message.payload)} ${message.headers.size}`,
        ),
        ['false t 1 1', 'true  0', 'true  0'],
      )
      assert.equal(store.log(theirs)?.bytes, 3 + 5)
    })
  })

  storeTest(context, 'a trimmed head takes anything as present', async (f) => {
    await f.store.replicate(numbers(3).map((n) => replica('t', Number(n))))
    await f.store.trim(theirs, 2)
    const outcomes = await f.store.replicate([
      replica('t', 1),
      replica('t', 2, { id: 'other' }),
      replica('t', 3, { id: 'other' }),
    ])
    assert.deepEqual(kinds(outcomes), ['present', 'present', 'fork'])
    // And a stub that came from elsewhere gives way to nothing, but is no fork either.
    await f.store.replicate([stubReplica('u', 1)])
    assert.deepEqual(kinds(await f.store.replicate([replica('u', 1)])), ['present'])
  })
}

function kinds(outcomes: readonly ReplicateOutcome[]): string[] {
  return outcomes.map((outcome) => outcome.kind)
}

function erasedReplica(topic: string, headId: number, more: Partial<Replica> = {}): Replica {
  return replica(topic, headId, {
    payload: new Uint8Array(0),
    headers: noHeaders,
    deleted: true,
    ...more,
  })
}

function stubReplica(topic: string, headId: number): Replica {
  const id = stubId({ topic, origin: foreignNode }, headId)
  return erasedReplica(topic, headId, { id, createdAtMs: 99 })
}
