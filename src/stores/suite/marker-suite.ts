/** Delete markers of other nodes: good, bad, early and late (spec/msgbus-v1 3.3, 3.4; L9, L13). */

import assert from 'node:assert/strict'
import { formatDeleteMarker } from '../../core/delete-marker.ts'
import type { ReplicateOutcome } from '../../core/log-store.ts'
import { deleteMarkerTopic, noHeaders, type LogKey } from '../../model/message.ts'
import {
  bytesOf,
  numbers,
  own,
  publish,
  readLog,
  replica,
  textOf,
  type Replica,
} from './messages.ts'
import {
  foreignNode,
  ownNode,
  storeTest,
  type StoreFixture,
  type SuiteContext,
} from './store-fixture.ts'

const theirs: LogKey = { topic: 't', origin: foreignNode }
const theirMarkers: LogKey = { topic: deleteMarkerTopic, origin: foreignNode }

export function markerSuite(context: SuiteContext): void {
  const data = numbers(6).map((n) => replica('t', Number(n)))

  storeTest(context, 'a marker deletes, before or after the data or with it', async (f) => {
    const range = markerItem(1, marker({}, 2, 4))
    const orders: Replica[][][] = [
      [data, [range]],
      [[range], data],
      [[range, ...data]],
      [[...data, range]],
      [data.slice(0, 3), [range], data.slice(3)],
      [data, [range], [range], data],
    ]
    for (const [i, calls] of orders.entries()) {
      const origin = { ...foreignNode, deviceId: `device ${i}` }
      const payload = marker({ origin }, 2, 4)
      for (const items of calls) {
        const moved = items.map((item) => ({
          ...item,
          origin,
          payload: item.topic === deleteMarkerTopic ? payload : item.payload,
        }))
        for (const outcome of await f.store.replicate(moved)) {
          assert.ok(outcome.kind === 'inserted' || outcome.kind === 'present', outcome.kind)
        }
      }
      assert.deepEqual(await deletedHeads(f, { topic: 't', origin }), [2, 3, 4], `order ${i}`)
    }
    await f.reopen()
    for (const i of orders.keys()) {
      const origin = { ...foreignNode, deviceId: `device ${i}` }
      assert.deepEqual(await deletedHeads(f, { topic: 't', origin }), [2, 3, 4], `order ${i}`)
    }
    assert.deepEqual(f.warnings, [])
  })

  storeTest(
    context,
    'data that arrives after its marker is deleted for listeners, too (L9)',
    async (f) => {
      await f.store.replicate([markerItem(1, marker({}, 1, 2))])
      await f.reopen()
      await f.store.replicate(data.slice(0, 3))
      assert.deepEqual(
        f.committed.slice(1).map((message) => `${message.deleted} ${textOf(message.payload)}`),
        ['true ', 'true ', 'false t 3'],
      )
    },
  )

  storeTest(context, 'a range without end holds for everything that comes', async (f) => {
    await f.store.replicate([...data, markerItem(1, marker({}, 5, Infinity))])
    await f.reopen()
    await f.store.replicate([replica('t', 7), replica('t', 8)])
    assert.deepEqual(await deletedHeads(f, theirs), [5, 6, 7, 8])
    assert.deepEqual(
      kinds(await f.store.replicate(data)),
      data.map(() => 'present'),
    )
  })

  storeTest(context, 'bad markers are stored, logged once, and skipped (L13)', async (f) => {
    const good = textOf(marker({}, 1, 2))
    const bad = [
      '',
      '{',
      'null',
      good.replace('"from_head_id":1', '"from_head_id":3'),
      good.replace('"from_head_id":1', '"from_head_id":1.5'),
      good.replace('"created_at_ms"', '"created"'),
      textOf(marker({ origin: ownNode }, 1, 2)),
      textOf(marker({ topic: '' }, 1, 2)),
    ]
    await publish(f.store, 't', numbers(3))
    await f.store.replicate(data)
    const items = bad.map((text, i) => markerItem(i + 1, bytesOf(text)))
    assert.deepEqual(
      kinds(await f.store.replicate(items)),
      items.map(() => 'inserted'),
    )
    assert.deepEqual(
      kinds(await f.store.replicate(items)),
      items.map(() => 'present'),
    )
    assert.deepEqual(
      f.warnings.map((warning) => warning.event),
      bad.map(() => 'bad_delete_marker'),
    )
    await f.reopen()
    assert.equal(f.warnings.length, bad.length, 'they are not read again at start')
    await f.store.replicate([markerItem(bad.length + 1, bytesOf(good))])
    await f.holds(async (store) => {
      assert.deepEqual(await deletedHeads(f, theirs), [1, 2])
      assert.deepEqual(await deletedHeads(f, own('t')), [])
      const messages = await readLog(store, theirMarkers)
      assert.deepEqual(
        messages.map((message) => textOf(message.payload)),
        [...bad, good],
      )
    })
  })

  storeTest(context, 'a marker that is itself deleted is ignored', async (f) => {
    await f.store.replicate(data)
    await f.store.replicate([markerItem(1, marker({}, 1, 2), { deleted: true })])
    assert.deepEqual(await deletedHeads(f, theirs), [])
    // A marker may delete markers: what they did stays done, what comes deleted does nothing.
    await f.store.replicate([
      markerItem(2, marker({}, 6, 6)),
      markerItem(3, marker({ topic: deleteMarkerTopic }, 2, 4)),
      markerItem(4, marker({}, 1, 6)),
    ])
    assert.deepEqual(await deletedHeads(f, theirs), [6])
    assert.deepEqual(await deletedHeads(f, theirMarkers), [1, 2, 3, 4])
    assert.deepEqual(f.warnings, [])
  })

  storeTest(context, 'a marker does not reach trimmed heads or other logs', async (f) => {
    await f.store.replicate([...data, ...numbers(6).map((n) => replica('u', Number(n)))])
    await f.store.trim(theirs, 3)
    const bytes = f.store.log(theirs)?.bytes ?? 0
    await f.store.replicate([markerItem(1, marker({}, 2, 4))])
    assert.deepEqual(await deletedHeads(f, theirs), [1, 2, 3, 4])
    assert.deepEqual(await deletedHeads(f, { ...theirs, topic: 'u' }), [])
    assert.equal(f.store.log(theirs)?.bytes, (bytes / 3) * 2)
  })

  storeTest(
    context,
    'in recovery our own messages come back, and we go on after them',
    async (f) => {
      const origin = ownNode
      const payload = marker({ origin }, 1, 2)
      const items = [
        ...numbers(4).map((n) => replica('t', Number(n), { origin })),
        replica(deleteMarkerTopic, 1, { origin, payload, headers: noHeaders }),
      ]
      assert.deepEqual(
        kinds(await f.store.replicate(items)),
        items.map(() => 'inserted'),
      )
      const [next] = await publish(f.store, 't', ['next'])
      assert.equal(next?.headId, 5)
      const range = { topic: 't', fromHead: 1, toHead: 3, beyondHead: 'clip' } as const
      const deleted = await f.store.deleteRange(range)
      assert.equal(deleted.deletedCount, 1)
      assert.equal(deleted.marker?.headId, 2)
    },
  )
}

function markerItem(headId: number, payload: Uint8Array, more: Partial<Replica> = {}): Replica {
  return replica(deleteMarkerTopic, headId, { payload, headers: noHeaders, ...more })
}

function marker(log: Partial<LogKey>, fromHead: number, toHead: number): Uint8Array {
  return formatDeleteMarker({ ...theirs, ...log, fromHead, toHead, createdAtMs: 5 })
}

function kinds(outcomes: readonly ReplicateOutcome[]): string[] {
  return outcomes.map((outcome) => outcome.kind)
}

async function deletedHeads(f: StoreFixture, log: LogKey): Promise<number[]> {
  const messages = await readLog(f.store, log)
  for (const message of messages) {
    if (message.deleted) assert.equal(message.payload.length, 0)
  }
  return messages.filter((message) => message.deleted).map((message) => message.headId)
}
