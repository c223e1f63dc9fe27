/** When the disk is full or broken: what fails leaves nothing behind, and reads go on (L44). */

import assert from 'node:assert/strict'
import { BusError } from '../../model/errors.ts'
import { noHeaders, type LogKey } from '../../model/message.ts'
import {
  bytesOf,
  contentOf,
  noteTables,
  numbers,
  outgoing,
  own,
  publish,
  readLog,
  replica,
} from './messages.ts'
import {
  foreignNode,
  ownNode,
  rejectsWith,
  storeTest,
  type FaultyStore,
  type StoreFixture,
  type SuiteContext,
} from './store-fixture.ts'

const faults = [
  new BusError('resource_exhausted', 'disk_full', 'no space left'),
  new BusError('internal', 'storage_failed', 'the disk is broken'),
]
const theirs: LogKey = { topic: 't', origin: foreignNode }

export function faultSuite(context: SuiteContext): void {
  const { openFaulty } = context.traits
  if (openFaulty === undefined) return

  const faultTest = (
    name: string,
    run: (f: StoreFixture, faulty: FaultyStore) => Promise<void>,
  ) => {
    storeTest(context, name, async (f) => {
      const folder = `${f.options.folder}-faulty`
      const faulty = await openFaulty({ ...f.options, folder })
      try {
        await run(f, faulty)
      } finally {
        faulty.fail(undefined)
        await faulty.store.close()
      }
    })
  }

  faultTest('no write that fails leaves anything behind', async (_, { store, fail }) => {
    await publish(store, 't', numbers(9))
    await store.replicate(numbers(5).map((n) => replica('t', Number(n))))
    const item = { topic: 't', source: ownNode, target: ownNode, headers: noHeaders }
    const [queued] = await store.enqueue([{ ...item, queue: 'q', payload: bytesOf('x') }])
    assert.ok(queued)
    const settlement = { queue: 'q', id: queued.id, action: 'remove', frontOnly: true } as const
    const attempt = { peer: 'p', log: undefined, localHead: 0, remoteHead: 0, lastAttemptAtMs: 1 }
    const range = { topic: 't', fromHead: 2, toHead: 3, beyondHead: 'clip' } as const
    const writes: (() => Promise<unknown>)[] = [
      () => store.append([outgoing('t', 'lost'), outgoing('new', 'lost')]),
      () => store.append([outgoing('t', 'lost', { publishId: 'once' })]),
      () => store.replicate([replica('t', 6), replica('unknown', 1)]),
      () => store.replicate([replica('t', 1, { deleted: true })]),
      () => store.deleteRange(range),
      () => store.deleteRange({ ...range, toHead: Infinity, beyondHead: 'keep' }),
      () => store.trim(own('t'), 4),
      () => store.trim(theirs, 5),
      () => store.enqueue([{ ...item, queue: 'q', payload: bytesOf('y') }]),
      () => store.enqueue([{ ...item, queue: 'new', payload: bytesOf('y') }]),
      () => store.settleQueue([settlement]),
      () => store.settleQueue([{ ...settlement, action: 'attempt' }]),
      () => store.recordSync([attempt]),
      () => store.writeNotes([{ table: noteTables[0], key: 'k', value: bytesOf('lost') }]),
    ]
    const before = await contentOf(store)
    const heard: string[] = []
    store.onCommit(({ messages }) => heard.push(...messages.map((message) => message.id)))
    for (const fault of faults) {
      fail(fault)
      for (const write of writes) await rejectsWith(write(), fault.code, fault.reason)
      assert.deepEqual(await contentOf(store), before)
      assert.equal(store.status().failure?.reason, fault.reason)
    }
    fail(undefined)
    assert.deepEqual(heard, [])

    const [next] = await publish(store, 't', ['next'])
    assert.equal(next?.headId, 10, 'heads of failed writes are given again')
    assert.equal(store.status().failure, undefined)
    assert.deepEqual(heard, [next?.id])
    const [again] = await store.append([outgoing('t', 'kept', { publishId: 'once' })])
    assert.equal(again?.kind, 'stored')
    for (const write of writes.slice(2)) await write()
    const deleted = (await readLog(store, own('t'))).filter((message) => message.deleted)
    assert.ok(deleted.length > 4)
  })

  faultTest('writes in flight when the disk fills up', async (_, { store, fail }) => {
    const fault = faults[0] as BusError
    const kept: string[] = []
    const ids = new Set<string>()
    for (let round = 0; round < 20; round += 1) {
      const calls = numbers(6).map((n) => {
        if (n === '4') fail(round % 2 === 0 ? fault : undefined)
        return store.append([outgoing('t', `${round} ${n}`), outgoing('t', n)])
      })
      for (const result of await Promise.allSettled(calls)) {
        if (result.status === 'rejected') {
          assert.equal((result.reason as BusError).reason, 'disk_full')
          continue
        }
        for (const outcome of result.value) {
          assert.ok(outcome.kind === 'stored')
          ids.add(outcome.message.id)
          kept.push(`${outcome.message.headId} ${outcome.message.id}`)
        }
      }
    }
    assert.equal(ids.size, kept.length)
    const read = await readLog(store, own('t'))
    assert.deepEqual(
      read.map((message) => `${message.headId} ${message.id}`),
      kept,
    )
  })

  faultTest('what was stored before and after is there after reopening', async (f, faulty) => {
    await publish(faulty.store, 't', numbers(3))
    faulty.fail(faults[0])
    await rejectsWith(publish(faulty.store, 't', ['lost']), 'resource_exhausted', 'disk_full')
    faulty.fail(undefined)
    await publish(faulty.store, 't', numbers(3))
    const before = await contentOf(faulty.store)
    await faulty.store.close()
    const again = await f.open({ folder: `${f.options.folder}-faulty` })
    assert.deepEqual(await contentOf(again), before)
    assert.equal(again.head(own('t')), 6)
  })

  faultTest('closing does not wait for a disk that stays full', async (f, faulty) => {
    await publish(faulty.store, 't', numbers(3))
    faulty.fail(faults[0])
    const lost = rejectsWith(
      publish(faulty.store, 't', ['lost']),
      'resource_exhausted',
      'disk_full',
    )
    await faulty.store.close()
    await lost
    const again = await f.open({ folder: `${f.options.folder}-faulty` })
    assert.equal((await readLog(again, own('t'))).length, 3)
  })
}
