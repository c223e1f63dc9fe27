/** The entries of topics: found by text and by bytes alike, bounded in number, and without loss when they go. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'

import { LastValues } from './last-values.ts'
import { openLiveBus, suiteNode } from './live-suite.ts'
import { TopicRules } from './topic-rules.ts'
import { levelSlot, levelSlots, Topics } from './topics.ts'

const encoder = new TextEncoder()

function newTopics(capacity: number) {
  const lastValues = new LastValues({ node: suiteNode, maxBytes: 1_000_000 })
  const topics = new Topics({ rules: new TopicRules([]), lastValues, capacity })
  return { topics, lastValues }
}

function byBytes(topics: Topics, name: string) {
  const bytes = encoder.encode(`<${name}>`)
  return topics.byBytes(bytes, 1, bytes.length - 1)
}

test('text and bytes lead to one entry', () => {
  const { topics } = newTopics(100)
  for (const name of ['', 'a', 'a/b', 'ä/日本/🚌', '\uFEFFx', '\0']) {
    const topic = byBytes(topics, name)
    assert.equal(topic.name, name)
    assert.equal(topics.byName(name), topic)
    assert.equal(topics.peek(name), topic)
    assert.deepEqual(topic.bytes, encoder.encode(name))
  }
  assert.equal(topics.byName('later'), byBytes(topics, 'later'))
  assert.equal(topics.size, 7)
})

test('bytes are copied, not borrowed', () => {
  const { topics } = newTopics(100)
  const bytes = encoder.encode('abc')
  const topic = topics.byBytes(bytes, 0, 3)
  bytes.fill(0)
  assert.equal(byBytes(topics, 'abc'), topic)
})

test('half a surrogate pair does not lead astray', () => {
  const { topics } = newTopics(2)
  const half = topics.byName('a\ud800')
  const replaced = topics.byName('a\ufffd')
  assert.notEqual(half, replaced)
  assert.equal(byBytes(topics, 'a\ufffd'), replaced)
  topics.byName('b')
  topics.byName('c')
  topics.byName('d')
  assert.equal(byBytes(topics, 'a\ufffd').name, 'a\ufffd')
})

test('whoever was used since somebody last had to go stays', () => {
  const { topics } = newTopics(3)
  for (const name of ['a', 'b', 'c', 'd']) topics.byName(name)
  // The first to go was `a`; nobody but `d` was used since.
  assert.deepEqual(
    [...topics.values()].map(({ name }) => name),
    ['b', 'c', 'd'],
  )
  topics.byName('b')
  topics.byName('e')
  assert.ok(topics.peek('b') !== undefined)
  assert.equal(topics.peek('c'), undefined)
})

test('random use: entries stay within their number and are found however they are looked for', () => {
  const names = Array.from({ length: 12 }, (_, i) => `topic/${i}`)
  const use = fc.record({ name: fc.constantFrom(...names), isText: fc.boolean() })
  fc.assert(
    fc.property(fc.nat(7), fc.array(use, { maxLength: 200, size: 'max' }), (more, uses) => {
      const { topics } = newTopics(1 + more)
      for (const { name, isText } of uses) {
        const before = topics.peek(name)
        const topic = isText ? topics.byName(name) : byBytes(topics, name)
        assert.equal(topic.name, name)
        if (before !== undefined) assert.equal(topic, before)
        assert.equal(byBytes(topics, name), topics.byName(name))
        assert.ok(topics.size <= 1 + more)
        assert.equal([...topics.values()].length, topics.size)
      }
    }),
    { numRuns: 200 },
  )
})

test('a topic that goes takes its last value with it', async () => {
  const { bus, join } = await openLiveBus({ limits: { rememberedTopics: 3 } })
  const client = join('c')
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) client.publish(name, 'x')
  assert.equal(bus.live.lastValues.size, 3)
  assert.equal(bus.lastValue('a'), undefined)
  assert.notEqual(bus.lastValue('f'), undefined)
})

test('a topic that goes while it is being delivered leaves no value behind', async () => {
  const { bus, join } = await openLiveBus({ limits: { rememberedTopics: 2 } })
  const watcher = join('w').subscribe('a')
  const other = join('o')
  watcher.inbox.during = () => {
    for (const name of ['b', 'c', 'd', 'e', 'f']) other.publish(name, 'x')
  }
  other.publish('a', 'x')
  const held = [...bus.live.topics.values()].filter(({ last }) => last !== undefined)
  assert.equal(bus.live.lastValues.size, held.length)
})

test('the names of topics are kept up to the limit of their length', async () => {
  const { bus, join } = await openLiveBus({ limits: { topicBytes: 10 } })
  const client = join('c').subscribe('#')
  assert.equal(client.publish('1234567890', 'x'), 'published')
  assert.equal(client.publish('12345678901', 'x'), 'refused')
  assert.deepEqual(client.texts, ['x'])
  assert.equal(bus.live.topics.peek('12345678901'), undefined)
})

test('the slot of a first level is the same for topics and for filters below it', () => {
  for (const first of ['', 'a', 'factory', '日本']) {
    const slot = levelSlot(first)
    assert.ok(slot >= 0 && slot < levelSlots)
    for (const rest of ['/', '/x', '/x/y', '/#']) assert.equal(levelSlot(first + rest), slot)
  }
})
