import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryPositionStore, PositionKeeper } from './position.ts'
import type { Position, PositionStore } from './position.ts'

function at(sequence: number): Position {
  return { epoch: 'e', sequence }
}

function movable() {
  let now = 0
  return {
    advance: (ms: number) => (now += ms),
    timing: { monotonic: () => now, random: () => 0, after: () => ({ cancel: () => undefined }) },
  }
}

test('saves the newest position, not more often than asked for', async () => {
  const saved: number[] = []
  const store: PositionStore = {
    load: () => Promise.resolve(undefined),
    save: (_, position) => Promise.resolve(void saved.push(position.sequence)),
  }
  const { timing, advance } = movable()
  const keeper = new PositionKeeper({ store, name: 'n', saveEveryMs: 100 }, timing)
  keeper.done(at(1))
  keeper.done(at(2))
  assert.deepEqual(saved, [1])
  await keeper.flush()
  assert.deepEqual(saved, [1, 2])
  keeper.done(at(3))
  advance(100)
  keeper.done(at(4))
  await keeper.flush()
  assert.deepEqual(saved, [1, 2, 4])
})

test('one save at a time', async () => {
  const pending: (() => void)[] = []
  const saves: number[] = []
  const store: PositionStore = {
    load: () => Promise.resolve(undefined),
    save: (_, { sequence }) => {
      saves.push(sequence)
      return new Promise((resolve) => pending.push(resolve))
    },
  }
  const keeper = new PositionKeeper({ store, name: 'n', saveEveryMs: 0 }, movable().timing)
  keeper.done(at(1))
  keeper.done(at(2))
  keeper.done(at(3))
  assert.deepEqual(saves, [1])
  const flushed = keeper.flush()
  pending.shift()?.()
  while (saves.length < 2) await new Promise((resolve) => setImmediate(resolve))
  pending.shift()?.()
  await flushed
  assert.deepEqual(saves, [1, 3])
})

test('a failed save is told to the next call', async () => {
  const store: PositionStore = {
    load: () => Promise.resolve(undefined),
    save: () => Promise.reject(new Error('no space')),
  }
  const keeper = new PositionKeeper({ store, name: 'n' }, movable().timing)
  keeper.done(at(1))
  await assert.rejects(keeper.flush(), /no space/)
})

test('the store in memory keeps names apart', async () => {
  const store = new MemoryPositionStore()
  await store.save('a', at(1))
  assert.deepEqual(await store.load('a'), at(1))
  assert.equal(await store.load('b'), undefined)
})
