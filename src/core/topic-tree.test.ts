import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { parseTopicFilter, topicMatches } from '../model/topic-filter.ts'
import { SlotSearch } from './receiver-slots.ts'
import { TopicTree } from './topic-tree.ts'

const level = fc.constantFrom('a', 'b', '', '$s')
const topics = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'))
const filters = fc
  .tuple(
    fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 3 }),
    fc.constantFrom('', '/#'),
  )
  .map(([levels, rest]) => levels.join('/') + rest)
  .filter((text) => text !== '')
  .map(parseTopicFilter)

test('finds exactly the filters that match, also after removals', () => {
  fc.assert(
    fc.property(fc.array(filters), fc.array(filters), topics, (kept, removed, topic) => {
      const tree = new TopicTree('mqtt')
      const first = kept.length
      for (const [i, filter] of kept.entries()) assert.equal(tree.add(filter, i), true)
      for (const [i, filter] of removed.entries()) tree.add(filter, first + i)
      for (const [i, filter] of removed.entries()) {
        assert.equal(tree.remove(filter, first + i), true)
        assert.equal(tree.remove(filter, first + i), false)
      }
      assert.equal(tree.size, kept.length)
      const wanted = kept.flatMap((filter, i) => (topicMatches(filter, topic) ? [i] : []))
      assert.deepEqual(found(tree, topic), wanted)
    }),
  )
})

test('removing what is not there changes nothing', () => {
  const tree = new TopicTree('mqtt')
  tree.add(parseTopicFilter('a/b'), 1)
  tree.remove(parseTopicFilter('a/b'), 2)
  tree.remove(parseTopicFilter('a/c/d'), 1)
  tree.remove(parseTopicFilter('a/#'), 1)
  assert.deepEqual(found(tree, 'a/b'), [1])
})

test('filters of as many levels as a topic may have bytes are no danger', () => {
  const tree = new TopicTree('mqtt')
  const levels = 30_000
  for (const depth of [1, 10, levels])
    tree.add(`${'a/'.repeat(depth)}+/#`, depth === levels ? 1 : 0)
  assert.deepEqual(found(tree, 'a/'.repeat(levels + 1)), [0, 1])
  assert.equal(tree.remove(`${'a/'.repeat(levels)}+/#`, 1), true)
  assert.deepEqual(found(tree, 'a/'.repeat(levels + 1)), [0])
})

test('many values at one filter come and go', () => {
  const tree = new TopicTree('mqtt')
  for (let i = 0; i < 100; i++) tree.add('a/+', i)
  for (let i = 0; i < 100; i += 3) assert.equal(tree.remove('a/+', i), true)
  const left = Array.from({ length: 100 }, (_, i) => i).filter((i) => i % 3 > 0)
  assert.deepEqual(found(tree, 'a/x'), left)
  for (const i of left) assert.equal(tree.remove('a/+', i), true)
  assert.equal(tree.size, 0)
  assert.deepEqual(found(tree, 'a/x'), [])
})

function found(tree: TopicTree, topic: string): number[] {
  const search = new SlotSearch()
  search.begin(100_000)
  tree.match(topic, topic.split('/'), search)
  return search.found.slice(0, search.count).sort((one, other) => one - other)
}
