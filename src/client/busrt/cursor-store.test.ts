import assert from 'node:assert/strict'
import { EventEmitter, once } from 'node:events'
import { test } from 'node:test'
import { BusError } from '../../model/errors.ts'
import { CursorStore } from './cursor-store.ts'
import { RpcError } from './rpc-error.ts'

/** Time that stands still until it is moved. */
function manualTiming() {
  let now = 0
  let timer: { readonly at: number; readonly task: () => void } | undefined
  return {
    monotonic: () => now,
    random: () => 0,
    after(delayMs: number, task: () => void) {
      timer = { at: now + delayMs, task }
      return { cancel: () => void (timer = undefined) }
    },
    pass(ms: number) {
      now += ms
      const due = timer
      if (due === undefined || due.at > now) return
      timer = undefined
      due.task()
    },
    isWaiting: () => timer !== undefined,
  }
}

const hasCode = (rpcCode: number) => (error: unknown) =>
  error instanceof RpcError && error.rpcCode === rpcCode

async function* slowly(values: readonly unknown[]): AsyncGenerator {
  for (const value of values) {
    await Promise.resolve()
    yield value
  }
}

/** Waits before its first record. */
async function* afterOpening(gate: EventEmitter): AsyncGenerator<number> {
  await once(gate, 'open')
  yield 1
  yield 2
}

const broken: Iterable<unknown> = {
  [Symbol.iterator]: () => ({
    next: () => {
      throw new Error('no database')
    },
  }),
}

test('records come in order, and the end forgets the cursor', async () => {
  const cursors = new CursorStore()
  const cursor = cursors.open(slowly([1, undefined, 'x']))
  assert.equal(cursor.u.length, 16)
  assert.deepEqual(await cursors.take(cursor, 2), [1, null])
  assert.deepEqual(await cursors.take(cursor, 2), ['x'])
  assert.equal(cursors.size, 0)
  await assert.rejects(cursors.take(cursor, 1), hasCode(-32_001))
  cursors.close()
})

test('exactly as many as asked for is not the end', async () => {
  const cursors = new CursorStore()
  const cursor = cursors.open([1, 2])
  assert.deepEqual(await cursors.take(cursor, 2), [1, 2])
  assert.deepEqual(await cursors.take(cursor, 2), [])
  await assert.rejects(cursors.take(cursor, 2), hasCode(-32_001))
  cursors.close()
})

test('calls at the same time take turns', async () => {
  const cursors = new CursorStore()
  const cursor = cursors.open(slowly([1, 2, 3, 4, 5]))
  const pages = await Promise.all([2, 2, 2].map((count) => cursors.take(cursor, count)))
  assert.deepEqual(pages, [[1, 2], [3, 4], [5]])
  cursors.close()
})

test('a cursor that nobody uses is forgotten, and what it read from is closed', async () => {
  const timing = manualTiming()
  const cursors = new CursorStore({ ttlMs: 1_000, timing })
  let closed = 0
  function* records(): Generator<number> {
    try {
      yield 1
      yield 2
      yield 3
    } finally {
      closed += 1
    }
  }
  const cursor = cursors.open(records())
  timing.pass(900)
  await cursors.take(cursor, 1)
  // Every call renews it.
  timing.pass(900)
  await cursors.take(cursor, 1)
  assert.equal(cursors.size, 1)
  timing.pass(1_000)
  await assert.rejects(cursors.take(cursor, 1), hasCode(-32_001))
  timing.pass(1_000)
  assert.equal(cursors.size, 0)
  assert.equal(closed, 1)
  assert.equal(timing.isWaiting(), false)
})

test('a call that takes its time does not lose its cursor', async () => {
  const timing = manualTiming()
  const cursors = new CursorStore({ ttlMs: 1_000, timing })
  const gate = new EventEmitter()
  const cursor = cursors.open(afterOpening(gate))
  const first = cursors.take(cursor, 1)
  await new Promise((resolve) => setImmediate(resolve))
  timing.pass(5_000)
  gate.emit('open')
  assert.deepEqual(await first, [1])
  assert.deepEqual(await cursors.take(cursor, 1), [2])
  cursors.close()
})

test('limits, and params that are wrong', async () => {
  const cursors = new CursorStore({ maxCursors: 1, maxBulk: 10 })
  const cursor = cursors.open([1])
  assert.throws(
    () => cursors.open([1]),
    (error: unknown) => error instanceof BusError && error.code === 'resource_exhausted',
  )
  // Giving fewer than asked for would say that there are no more.
  for (const count of [0, 11, 1.5, Number.NaN]) {
    await assert.rejects(cursors.take(cursor, count), hasCode(-32_602))
  }
  for (const params of [undefined, null, {}, { u: 'x' }, 5]) {
    await assert.rejects(cursors.take(params, 1), hasCode(-32_602))
  }
  await assert.rejects(cursors.take({ u: new Uint8Array(16) }, 1), hasCode(-32_001))
  cursors.close()
  assert.equal(cursors.size, 0)
})

test('a source that fails ends its cursor', async () => {
  const cursors = new CursorStore()
  const cursor = cursors.open(broken)
  await assert.rejects(cursors.take(cursor, 1), /no database/)
  assert.equal(cursors.size, 0)
  cursors.close()
})
