/** Opening, reopening, closing, whose store it is, and taking copies (spec/msgbus-v1 8.3; L22, L27). */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Durability, LogStore } from '../../core/log-store.ts'
import { formatNodeId } from '../../model/node-id.ts'
import { noHeaders } from '../../model/message.ts'
import {
  bytesOf,
  contentOf,
  noteTables,
  numbers,
  outgoing,
  own,
  publish,
  readFeed,
  readLog,
  replica,
  textOf,
} from './messages.ts'
import {
  foreignNode,
  ownNode,
  piecesOf,
  rejectsWith,
  storeTest,
  type StoreFixture,
  type SuiteContext,
} from './store-fixture.ts'

export function lifecycleSuite(context: SuiteContext): void {
  storeTest(context, 'a new store is empty and says what it promises', async (f) => {
    assert.equal(f.store.lastSequence, 0)
    assert.deepEqual([...f.store.logs()], [])
    assert.deepEqual([...f.store.queues()], [])
    assert.deepEqual(await f.store.syncStates(), [])
    assert.deepEqual(await f.store.readFeed(0, () => true, { messages: 10 }), {
      messages: [],
      nextAfter: 0,
      damaged: [],
    })
    const { logs, lastCommitAt, damagedRecords, failure } = f.store.status()
    assert.deepEqual([logs, lastCommitAt, damagedRecords, failure], [0, undefined, 0, undefined])
    const levels: Durability[] = ['disk', 'os', 'memory']
    for (const durability of levels) {
      const folder = join(f.options.folder, '..', durability)
      const store = await f.open({ folder, durability })
      const expected = context.traits.isPersistent === true ? durability : 'memory'
      assert.equal(store.guarantees.durability, expected)
      await publish(store, 't', ['x'])
      assert.equal((await readLog(store, own('t'))).length, 1)
      await store.close()
    }
  })

  storeTest(context, 'status tells of commits', async (f) => {
    f.clock.advance(500)
    await publish(f.store, 't', ['x'])
    const { logs, lastCommitAt, failure } = f.store.status()
    assert.deepEqual([logs, lastCommitAt, failure], [1, 500, undefined])
    if (context.traits.isPersistent === true) assert.ok(f.store.status().bytesOnDisk > 0)
  })

  storeTest(context, 'after close every operation is refused', async (f) => {
    const { store } = f
    await publish(store, 't', numbers(3))
    await f.reopen()
    await f.store.close()
    await f.store.close()
    const closed = f.store
    const limit = { messages: 1 }
    const operations: Record<string, () => Promise<unknown>> = {
      append: () => closed.append([outgoing('t')]),
      replicate: () => closed.replicate([replica('t', 1)]),
      deleteRange: () =>
        closed.deleteRange({ topic: 't', fromHead: 1, toHead: 1, beyondHead: 'clip' }),
      trim: () => closed.trim(own('t'), 1),
      read: () => closed.read(own('t'), 1, limit),
      readFeed: () => closed.readFeed(0, () => true, limit),
      enqueue: () => closed.enqueue([queueItem('q', 'x')]),
      readQueue: () => closed.readQueue('q', 0, limit),
      settleQueue: () =>
        closed.settleQueue([{ queue: 'q', id: 'x', action: 'remove', frontOnly: true }]),
      recordSync: () =>
        closed.recordSync([
          { peer: 'p', log: undefined, localHead: 0, remoteHead: 0, lastAttemptAtMs: 1 },
        ]),
      syncStates: () => closed.syncStates(),
      writeNotes: () => closed.writeNotes([{ table: 't', key: 'k', value: undefined }]),
      notes: () => drain(closed.notes('t')),
      note: () => closed.note('t', 'k'),
      backup: () => drain(closed.backup()),
      verify: () => drain(closed.verify()),
    }
    for (const [name, operation] of Object.entries(operations)) {
      const error = await rejectsWith(operation(), 'unavailable', 'shutting_down')
      assert.ok(error.message.length > 0, name)
    }
  })

  storeTest(context, 'close waits for the writes in progress', async (f) => {
    const { store } = f
    const writes = numbers(50).map((n) => publish(store, `t${Number(n) % 3}`, [n]))
    const enqueued = store.enqueue([queueItem('q', 'x')])
    await store.close()
    const stored = (await Promise.all(writes)).flat()
    assert.equal((await enqueued).length, 1)
    if (context.traits.isPersistent !== true) return
    const again = await f.open()
    const ids = (await readFeed(again)).map((message) => message.id)
    assert.deepEqual(ids.sort(), stored.map((message) => message.id).sort())
    assert.equal([...again.queues()][0]?.depth, 1)
  })

  storeTest(context, 'everything is as it was after reopening, twice', async (f) => {
    await fillWithEverything(f)
    const before = await contentOf(f.store)
    assert.equal(before.logs.length, 5)
    await f.reopen()
    assert.deepEqual(await contentOf(f.store), before)
    await f.reopen()
    assert.deepEqual(await contentOf(f.store), before)
    const [next] = await publish(f.store, 'events', ['next'])
    assert.equal(next?.headId, 31)
    assert.ok((next?.sequence ?? 0) > before.lastSequence)
  })

  storeTest(context, 'verify reads everything and finds nothing', async (f) => {
    await fillWithEverything(f)
    const messages = (await readFeed(f.store)).length
    await f.holds(async (store) => {
      let recordsChecked = 0
      for await (const step of store.verify()) {
        assert.deepEqual(step.damaged, [])
        assert.ok(step.recordsChecked >= recordsChecked)
        recordsChecked = step.recordsChecked
      }
      assert.ok(recordsChecked >= messages)
      assert.equal(store.status().damagedRecords, 0)
    })
  })

  storeTest(context, 'an abandoned backup does not keep the store from closing', async (f) => {
    await fillWithEverything(f)
    const backup = f.store.backup()[Symbol.asyncIterator]()
    const verify = f.store.verify()[Symbol.asyncIterator]()
    assert.equal((await backup.next()).done, false)
    await verify.next()
    await f.store.close()
    if (context.traits.isPersistent !== true) return
    const again = await f.open()
    assert.equal(again.head(own('events')), 30)
  })

  storeTest(context, 'stores have epochs of their own', async (f) => {
    const other = await f.open({ folder: join(f.options.folder, '..', 'other') })
    assert.notEqual(other.epoch, '')
    assert.notEqual(other.epoch, f.store.epoch)
  })

  if (context.traits.isPersistent === true) persistenceTests(context)
  if (context.traits.restore !== undefined) backupTests(context)
}

function persistenceTests(context: SuiteContext): void {
  storeTest(context, 'the epoch stays, and the folder is made when missing', async (f) => {
    const folder = join(f.options.folder, '..', 'deep', 'down', '🚌 folder')
    const first = await f.open({ folder })
    const { epoch } = first
    await first.close()
    const second = await f.open({ folder })
    assert.equal(second.epoch, epoch)
  })

  storeTest(context, 'a store belongs to its node (L27)', async (f) => {
    await publish(f.store, 't', ['x'])
    const before = await contentOf(f.store)
    await f.store.close()
    const wrong = { ...ownNode, deviceId: 'node-z' }
    const error = await rejectsWith(f.open({ node: wrong }), 'failed_precondition', 'foreign_node')
    assert.ok(error.message.includes(formatNodeId(ownNode)), error.message)
    assert.ok(error.message.includes(formatNodeId(wrong)), error.message)
    // Joined with slashes this is the same node; it is another one (L25).
    const joined = { tenantId: 'tenant/default', blName: 'node-a', deviceId: '' }
    await rejectsWith(f.open({ node: joined }), 'failed_precondition', 'foreign_node')
    const again = await f.open()
    assert.deepEqual(await contentOf(again), before, 'a refused opening changes nothing')
    await again.close()

    const adopted = await f.open({ node: wrong, adoptNodeId: true })
    const [old] = await readLog(adopted, own('t'))
    assert.equal(textOf(old?.payload ?? bytesOf('')), 'x')
    const [outcome] = await adopted.append([outgoing('t', 'y')])
    assert.ok(outcome?.kind === 'stored')
    assert.deepEqual({ ...outcome.message.origin }, wrong)
    assert.equal(outcome.message.headId, 1)
    await adopted.close()
    await rejectsWith(f.open(), 'failed_precondition', 'foreign_node')
    const kept = await f.open({ node: wrong })
    assert.equal([...kept.logs()].length, 2)
  })

  storeTest(context, 'a second opener is refused and the first is unharmed', async (f) => {
    await publish(f.store, 't', ['x'])
    await rejectsWith(f.open(), 'failed_precondition', 'already_running')
    await publish(f.store, 't', ['y'])
    await f.holds(async (store) => {
      assert.equal((await readLog(store, own('t'))).length, 2)
    })
    await rejectsWith(f.open(), 'failed_precondition', 'already_running')
  })
}

function backupTests(context: SuiteContext): void {
  storeTest(context, 'a backup holds everything and goes on as another history', async (f) => {
    await fillWithEverything(f)
    const before = await contentOf(f.store)
    const restored = await f.restore(f.store.backup())
    assert.deepEqual(await contentOf(restored), before)
    assert.notEqual(restored.epoch, f.store.epoch)
    const [ours] = await publish(f.store, 'events', ['ours'])
    const [theirs] = await publish(restored, 'events', ['theirs'])
    assert.equal(ours?.headId, theirs?.headId)
    assert.notEqual(ours?.id, theirs?.id)
    const item = outgoing('events', 'again', { publishId: 'remembered' })
    const [duplicate] = await restored.append([item])
    assert.equal(duplicate?.kind, 'duplicate')
  })

  storeTest(context, 'a backup is consistent while writes go on', async (f) => {
    const { store } = f
    await fillWithEverything(f)
    const atStart = store.lastSequence
    const chunks: Uint8Array[] = []
    const writes: Promise<unknown>[] = []
    for await (const chunk of store.backup()) {
      chunks.push(new Uint8Array(chunk))
      writes.push(publish(store, 'events', numbers(10)), store.trim(own('events'), 2))
      writes.push(store.deleteRange({ topic: 'more', fromHead: 1, toHead: 40, beyondHead: 'clip' }))
    }
    await Promise.all(writes)
    const restored = await f.restore(piecesOf(chunks))
    assert.ok(restored.lastSequence >= atStart)
    const original = new Map(
      (await readFeed(store)).map((message) => [message.sequence, message.id]),
    )
    for (const { sequence, id } of await readFeed(restored)) {
      if (original.has(sequence)) assert.equal(original.get(sequence), id)
    }
    for (const log of restored.logs()) assert.equal((await readLog(restored, log)).length, log.head)
  })

  storeTest(context, 'a damaged or cut backup is refused', async (f) => {
    await fillWithEverything(f)
    const chunks: Uint8Array[] = []
    for await (const chunk of f.store.backup()) chunks.push(new Uint8Array(chunk))
    const file = Buffer.concat(chunks)
    const damaged = [0, 5, 0.3, 0.6, 0.9, file.length - 1].map((at) => {
      const copy = Buffer.from(file)
      const place = at < 1 ? Math.floor(at * file.length) : at
      copy.writeUInt8(copy.readUInt8(place) ^ 0x10, place)
      return copy
    })
    const cut = [0, 1, 0.5, file.length - 1].map((at) =>
      file.subarray(0, at > 0 && at < 1 ? Math.floor(at * file.length) : at),
    )
    for (const [i, bytes] of [...damaged, ...cut].entries()) {
      const error = await rejectsWith(f.restore(piecesOf([bytes])), 'data_loss', 'damaged_store')
      assert.ok(error.message.length > 0, `case ${i}`)
    }
    // Nothing depends on where the file is divided into pieces.
    const parts = Array.from({ length: Math.ceil(file.length / 777) }, (_, i) =>
      file.subarray(i * 777, (i + 1) * 777),
    )
    const restored = await f.restore(piecesOf(parts))
    assert.deepEqual(await contentOf(restored), await contentOf(f.store))
  })

  storeTest(context, 'a backup of another node needs to be adopted', async (f) => {
    await publish(f.store, 't', ['x'])
    const node = { ...ownNode, deviceId: 'node-z' }
    const refused = f.restore(f.store.backup(), { node })
    await rejectsWith(refused, 'failed_precondition', 'foreign_node')
    const adopted = await f.restore(f.store.backup(), { node, adoptNodeId: true })
    assert.equal((await readLog(adopted, own('t'))).length, 1)
  })
}

async function fillWithEverything(f: StoreFixture): Promise<void> {
  const { store } = f
  await publish(store, 'events', numbers(29))
  await store.append([outgoing('events', 'remembered', { publishId: 'remembered' })])
  await publish(store, 'more', numbers(40))
  await store.replicate(numbers(30).map((n) => replica('events', Number(n))))
  await store.replicate([replica('deleted', 1, { deleted: true })])
  await store.deleteRange({ topic: 'events', fromHead: 4, toHead: 9, beyondHead: 'clip' })
  await store.trim(own('events'), 6)
  await store.trim({ topic: 'events', origin: foreignNode }, 30)
  const [first, second] = await store.enqueue(numbers(9).map((n) => queueItem('q', n)))
  await store.enqueue([queueItem('empty', 'x')])
  assert.ok(first && second)
  await store.settleQueue([
    { queue: 'q', id: first.id, action: 'remove', frontOnly: true },
    { queue: 'q', id: second.id, action: 'attempt', frontOnly: false },
    { queue: 'empty', id: 'unknown', action: 'remove', frontOnly: false },
  ])
  await store.recordSync([
    { peer: 'p', log: own('events'), localHead: 1, remoteHead: 2, lastAttemptAtMs: 3 },
    { peer: 'p', log: undefined, localHead: 0, remoteHead: 0, lastAttemptAtMs: 4, error: 'down' },
  ])
  const [table] = noteTables
  await store.writeNotes([{ table, key: 'k', value: bytesOf('v') }])
}

function queueItem(queue: string, text: string) {
  const payload = bytesOf(text)
  return { queue, topic: 't', source: ownNode, target: ownNode, payload, headers: noHeaders }
}

async function drain(
  pieces: AsyncIterable<unknown> | ReturnType<LogStore['verify']>,
): Promise<void> {
  for await (const piece of pieces) assert.ok(piece)
}
