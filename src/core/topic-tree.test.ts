import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import { parseTopicFilter, topicMatches } from '../model/topic-filter.ts'
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
      const tree = new TopicTree<string>('mqtt')
      for (const [i, filter] of kept.entries()) tree.add(filter, `kept ${i}`)
      for (const [i, filter] of removed.entries()) tree.add(filter, `removed ${i}`)
      for (const [i, filter] of removed.entries()) tree.remove(filter, `removed ${i}`)
      const found: string[] = []
      tree.match(topic, topic.split('/'), found)
      const wanted = kept.flatMap((filter, i) => (topicMatches(filter, topic) ? [`kept ${i}`] : []))
      assert.deepEqual(found.sort(), wanted.sort())
    }),
  )
})

test('removing what is not there changes nothing', () => {
  const tree = new TopicTree<number>('mqtt')
  tree.add(parseTopicFilter('a/b'), 1)
  tree.remove(parseTopicFilter('a/b'), 2)
  tree.remove(parseTopicFilter('a/c/d'), 1)
  tree.remove(parseTopicFilter('a/#'), 1)
  const found: number[] = []
  tree.match('a/b', ['a', 'b'], found)
  assert.deepEqual(found, [1])
})
