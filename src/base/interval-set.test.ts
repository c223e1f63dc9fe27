import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { IntervalSet } from './interval-set.ts'

function setOf(...ranges: [number, number][]): IntervalSet {
  const set = new IntervalSet()
  for (const [from, to] of ranges) set.add(from, to)
  return set
}

test('keeps intervals disjoint, sorted and not touching', () => {
  const cases: { add: [number, number][]; entries: [number, number][] }[] = [
    { add: [], entries: [] },
    { add: [[5, 4]], entries: [] },
    { add: [[3, 3]], entries: [[3, 3]] },
    {
      add: [
        [5, 6],
        [1, 2],
      ],
      entries: [
        [1, 2],
        [5, 6],
      ],
    },
    {
      add: [
        [1, 2],
        [3, 4],
      ],
      entries: [[1, 4]],
    },
    {
      add: [
        [3, 4],
        [1, 2],
      ],
      entries: [[1, 4]],
    },
    {
      add: [
        [1, 2],
        [4, 5],
        [7, 8],
        [2, 7],
      ],
      entries: [[1, 8]],
    },
    {
      add: [
        [1, 9],
        [3, 4],
      ],
      entries: [[1, 9]],
    },
  ]
  for (const { add, entries } of cases) {
    assert.deepEqual([...setOf(...add).entries()], entries, JSON.stringify(add))
  }
})

test('knows ranges without end', () => {
  const set = setOf([10, Infinity], [1, 2])
  assert.deepEqual(
    [...set.entries()],
    [
      [1, 2],
      [10, Infinity],
    ],
  )
  assert.equal(set.has(Number.MAX_SAFE_INTEGER), true)
  assert.equal(set.has(9), false)
  assert.equal(set.countIn(1, 12), 5)
  assert.equal(set.countIn(1, Infinity), Infinity)
  set.add(3, Infinity)
  assert.deepEqual([...set.entries()], [[1, Infinity]])
  assert.equal(set.add(Infinity, Infinity), false)
  assert.equal(set.size, 1)
})

test('add answers whether anything was new', () => {
  const set = new IntervalSet()
  assert.equal(set.add(4, 6), true)
  assert.equal(set.add(5, 6), false)
  assert.equal(set.add(6, 7), true)
})

test('agrees with a set of numbers', () => {
  const range = fc.tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 8 }))
  fc.assert(
    fc.property(fc.array(range, { maxLength: 20 }), range, (ranges, [from, length]) => {
      const set = new IntervalSet()
      const model = new Set<number>()
      for (const [start, count] of ranges) {
        const sizeBefore = model.size
        for (let n = start; n < start + count; n++) model.add(n)
        assert.equal(set.add(start, start + count - 1), model.size > sizeBefore)
      }
      for (let n = -1; n < 60; n++) assert.equal(set.has(n), model.has(n))
      const inside = [...model].filter((n) => n >= from && n <= from + length)
      assert.equal(set.countIn(from, from + length), inside.length)
      let previousTo = -2
      for (const [start, end] of set.entries()) {
        assert.ok(start > previousTo + 1 && end >= start)
        previousTo = end
      }
    }),
  )
})

test('tells what an interval would be merged with', () => {
  const set = new IntervalSet()
  for (const [from, to] of [
    [1, 2],
    [5, 6],
    [9, 9],
    [20, Infinity],
  ] as const)
    set.add(from, to)
  assert.deepEqual(set.touching(3, 3), [[1, 2]])
  assert.deepEqual(set.touching(3, 4), [
    [1, 2],
    [5, 6],
  ])
  assert.deepEqual(set.touching(6, 30), [
    [5, 6],
    [9, 9],
    [20, Infinity],
  ])
  assert.deepEqual(set.touching(11, 18), [])
})

test('a copy goes its own way', () => {
  const set = new IntervalSet()
  set.add(1, 2)
  const copy = set.clone()
  copy.add(3, 5)
  assert.deepEqual([...set.entries()], [[1, 2]])
  assert.deepEqual([...copy.entries()], [[1, 5]])
})
