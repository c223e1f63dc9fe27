import assert from 'node:assert/strict'
import { test } from 'node:test'

import { BusError } from './errors.ts'
import { parseTopicFilter, topicMatches } from './topic-filter.ts'

/** MQTT 5.0 4.7 and its examples. */
const matchCases: [filter: string, topic: string, isMatch: boolean][] = [
  ['a', 'a', true],
  ['a', 'b', false],
  ['a/b', 'a', false],
  ['a', 'a/b', false],
  ['+', 'a', true],
  ['+', 'a/b', false],
  ['+/+', '/finance', true],
  ['/+', '/finance', true],
  ['+', '/finance', false],
  ['sport/+', 'sport', false],
  ['sport/+', 'sport/', true],
  ['sport/#', 'sport', true],
  ['sport/#', 'sport/', true],
  ['sport/#', 'sport/a/b', true],
  ['sport/#', 'sports', false],
  ['+/#', 'sport', true],
  ['#', 'a/b/c', true],
  ['#', '/', true],
  ['a/+/c', 'a/b/c', true],
  ['a/+/c', 'a//c', true],
  ['a/+/c', 'a/b/d', false],
  ['a/+/#', 'a/b', true],
  ['a/+/#', 'a', false],
  ['#', '$SYS/x', false],
  ['+/x', '$SYS/x', false],
  ['$SYS/#', '$SYS/x', true],
  ['$SYS/+', '$SYS/x', true],
  ['+', '+', true],
  ['a', 'A', false],
]

for (const [filter, topic, isMatch] of matchCases) {
  test(`${filter} ${isMatch ? 'matches' : 'does not match'} ${topic}`, () => {
    assert.equal(topicMatches(parseTopicFilter(filter), topic), isMatch)
  })
}

for (const filter of ['', 'a#', '#/a', 'a/#/b', 'a+', 'a/+b', 'a\0']) {
  test(`${JSON.stringify(filter)} is no filter`, () => {
    assert.throws(
      () => parseTopicFilter(filter),
      (error) => error instanceof BusError && error.reason === 'bad_filter',
    )
  })
}
