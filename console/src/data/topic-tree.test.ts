import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TopicEntryJson, TopicLevelJson } from '../../../src/wire/http-api.ts'
import { TopicTree } from './topic-tree.ts'
import type { TreeRow } from './topic-tree.ts'

function entry(path: string, topicsBelow = 0, publications = 0): TopicEntryJson {
  return { level: path.split('/').at(-1) ?? '', path, topicsBelow, publications }
}

function level(under: string, entries: readonly TopicEntryJson[], more = false): TopicLevelJson {
  return { under, entries, more }
}

const shown = (rows: readonly TreeRow[]) =>
  rows.map((row) => {
    const text = row.kind === 'entry' ? row.entry.level : `(${row.kind})`
    return '  '.repeat(row.depth) + text
  })

test('levels appear below what was opened, and go with it', () => {
  const tree = new TopicTree()
  tree.loading(undefined)
  assert.deepEqual(shown(tree.rows()), ['(loading)'])
  tree.loaded(undefined, level('', [entry('a', 2), entry('b')]), undefined, 0)
  assert.deepEqual(shown(tree.rows()), ['a', 'b'])

  tree.expand('a')
  tree.loading('a')
  assert.deepEqual(shown(tree.rows()), ['a', '  (loading)', 'b'])
  tree.loaded('a', level('a', [entry('a/x', 1), entry('a/y')]), undefined, 0)
  tree.expand('a/x')
  tree.loaded('a/x', level('a/x', [entry('a/x/1')]), undefined, 0)
  assert.deepEqual(shown(tree.rows()), ['a', '  x', '    1', '  y', 'b'])

  tree.collapse('a')
  assert.deepEqual(shown(tree.rows()), ['a', 'b'])
  tree.loaded('a', level('a', [entry('a/late')]), undefined, 0)
  assert.deepEqual(shown(tree.rows()), ['a', 'b'], 'an answer that nobody waits for any more')
})

test('a level with an empty name is not the first one', () => {
  const tree = new TopicTree()
  tree.loaded(undefined, level('', [entry('', 1), entry('a')]), undefined, 0)
  tree.expand('')
  tree.loaded('', level('', [entry('/x')], true), undefined, 0)
  assert.deepEqual(shown(tree.rows()), ['', '  x', '  (more)', 'a'])
  const keys = tree.rows().map(({ key }) => key)
  assert.equal(new Set(keys).size, keys.length)
})

test('pages of a level follow each other; a failure keeps what is known', () => {
  const tree = new TopicTree()
  tree.loaded(undefined, level('', [entry('a'), entry('b')], true), undefined, 0)
  assert.deepEqual(tree.end(undefined), { count: 2, last: 'b' })
  tree.loading(undefined)
  tree.failed(undefined, 'gone')
  assert.deepEqual(shown(tree.rows()), ['a', 'b', '(failed)'])
  tree.loaded(undefined, level('', [entry('c')]), 'b', 0)
  assert.deepEqual(shown(tree.rows()), ['a', 'b', 'c'])
  assert.deepEqual(
    tree.rows().map((row) => row.kind === 'entry' && [row.position, row.siblings]),
    [
      [1, 3],
      [2, 3],
      [3, 3],
    ],
  )
})

test('rates are what publications grew by; a restart is not a rate', () => {
  const tree = new TopicTree()
  const see = (publications: number, nowMs: number) => {
    tree.loaded(undefined, level('', [entry('a', 0, publications)]), undefined, nowMs)
    return tree.rateOf('a')
  }
  assert.equal(see(100, 0), undefined)
  assert.equal(see(300, 2_000), 100)
  assert.equal(see(310, 2_100), 100, 'too soon to say')
  assert.equal(see(300, 4_000), 0)
  assert.equal(see(5, 6_000), undefined)
  assert.equal(see(7, 8_000), 1)
})
