/** Retained messages: the slot of a topic, what fills and empties it, and who finds it. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'

import { levelFilter } from '../model/level-filter.ts'
import { BusError } from '../model/errors.ts'
import { defaultLimits } from '../model/limits.ts'
import { noHeaders } from '../model/message.ts'
import { parseTopicFilter, topicMatches } from '../model/topic-filter.ts'
import { openLiveBus, textOf } from './live-suite.ts'
import { type RetainedMessage, RetainedMessages } from './retained-messages.ts'

const retained = (topic: string, text: string, retain = true) => {
  return { topic, payload: Buffer.from(text), headers: noHeaders, retain }
}

function texts(found: Iterable<RetainedMessage>): string[] {
  return [...found].map(({ topic, payload }) => `${topic}=${textOf(payload)}`).sort()
}

describe('the limit', () => {
  const limits = { retainedMessages: 3, retainedBytes: 3_000 }
  const step = fc.record({
    topic: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    bytes: fc.constantFrom(0, 10, 500, 1_500),
    settles: fc.nat(3),
    isStored: fc.boolean(),
  })

  test('holds for what waits for the store, and nothing is reserved afterwards', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const messages = new RetainedMessages(limits)
        const pending: ((isStored: boolean) => void)[] = []
        const begin = (topic: string, bytes: number) => {
          const message = { ...retained(topic, 'x'.repeat(bytes)), createdAtMs: 1 }
          const slot = bytes === 0 ? undefined : message
          messages.change(topic, slot)
          const order = messages.begin(topic, slot)
          pending.push((isStored) => {
            if (isStored) messages.apply(topic, slot, order)
            messages.finish(topic)
          })
        }
        const isWithin = () => messages.size <= 3 && messages.bytes <= 3_000
        for (const { topic, bytes, settles, isStored } of steps) {
          try {
            begin(topic, bytes)
          } catch (error) {
            assert(error instanceof BusError && error.reason === 'quota_exceeded')
          }
          for (const settle of pending.splice(0, settles)) settle(isStored)
          assert(isWithin())
        }
        for (const settle of pending.splice(0)) settle(false)
        for (const topic of ['a', 'b', 'c', 'd', 'e']) messages.apply(topic, undefined)
        for (const topic of ['x', 'y', 'z']) begin(topic, 500)
        for (const settle of pending.splice(0)) settle(true)
        assert.equal(messages.size, 3)
      }),
    )
  })
})

describe('the tree', () => {
  const level = fc.constantFrom('', 'a', 'b', '$s')
  const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'))
  const filter = fc
    .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 3 }), fc.boolean())
    .map(([levels, hasRest]) => (hasRest ? [...levels, '#'] : levels).join('/'))
    .filter((text) => text !== '')

  test('finds exactly what matches, whatever came and went', () => {
    const step = fc.tuple(topic, fc.boolean())
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), filter, (steps, text) => {
        const messages = new RetainedMessages(defaultLimits)
        const wanted = new Map<string, RetainedMessage>()
        for (const [name, isFilled] of steps) {
          const message = { ...retained(name, name), createdAtMs: 1 }
          messages.apply(name, isFilled ? message : undefined)
          if (isFilled) wanted.set(name, message)
          else wanted.delete(name)
        }
        assert.equal(messages.size, wanted.size)
        const matching = [...wanted.values()].filter((message) =>
          topicMatches(parseTopicFilter(text), message.topic),
        )
        assert.deepEqual(texts(messages.match(levelFilter('mqtt', text))), texts(matching))
        for (const name of wanted.keys()) messages.apply(name, undefined)
        assert.deepEqual([messages.size, messages.bytes], [0, 0])
      }),
    )
  })

  test('filters of other protocols find theirs', () => {
    const messages = new RetainedMessages(defaultLimits)
    for (const name of ['a', 'a/b', 'a/b/c', 'x/b/c']) {
      messages.apply(name, { ...retained(name, name), createdAtMs: 1 })
    }
    assert.deepEqual(texts(messages.match(levelFilter('busrt', 'a/#'))), ['a/b/c=a/b/c', 'a/b=a/b'])
    assert.deepEqual(texts(messages.match(levelFilter('wamp', '/b/c'))), [
      'a/b/c=a/b/c',
      'x/b/c=x/b/c',
    ])
  })

  test('a topic may have any number of levels', () => {
    const messages = new RetainedMessages(defaultLimits)
    const name = 'a/'.repeat(30_000)
    messages.apply(name, { ...retained(name, 'deep'), createdAtMs: 1 })
    assert.equal(messages.get(name)?.topic, name)
    assert.equal([...messages.match(levelFilter('mqtt', '#'))].length, 1)
    messages.apply(name, undefined)
    assert.equal([...messages.match(levelFilter('mqtt', '#'))].length, 0)
  })
})

describe('publishing', () => {
  test('a retained publication fills the slot, an empty one empties it, others leave it alone', async () => {
    const { bus, join } = await openLiveBus()
    const { handle } = join('p')
    const subscriber = join('s').subscribe('#')
    await handle.publish([retained('a', '1')])
    await handle.publish([retained('a', '2', false)])
    assert.equal(textOf(handle.retained.get('a')?.payload ?? Buffer.of()), '1')
    await handle.publish([retained('a', '3'), retained('b', '4'), retained('c', '', false)])
    assert.deepEqual(texts(handle.retained.match(levelFilter('mqtt', '#'))), ['a=3', 'b=4'])
    await handle.publish([retained('a', '')])
    assert.equal(handle.retained.get('a'), undefined)
    assert.deepEqual(subscriber.texts, ['1', '2', '3', '4', '', ''])
    assert.equal(bus.retained.size, 1)
  })

  test('what is refused leaves the slot alone', async () => {
    const { bus, join } = await openLiveBus({ limits: { retainedMessages: 1 } })
    const { handle } = join('p')
    await handle.publish([retained('a', '1')])
    const large = { ...retained('a', ''), payload: Buffer.alloc(5_000_000) }
    const outcomes = await handle.publish([retained('b', '2'), large, retained('a', '3')])
    assert.deepEqual(
      outcomes.map((outcome) =>
        outcome.kind === 'rejected' ? outcome.error.reason : outcome.kind,
      ),
      ['quota_exceeded', 'payload_too_large', 'stored'],
    )
    assert.deepEqual(texts(bus.retained.match(levelFilter('mqtt', '#'))), ['a=3'])
  })

  test('also where a rule keeps the publication from being stored', async () => {
    const topicRules = [{ filter: parseTopicFilter('a'), store: 'never' as const }]
    const { store, join } = await openLiveBus({ topicRules })
    const [outcome] = await join('p').handle.publish([retained('a', '1')])
    assert.ok(outcome?.kind === 'stored' && outcome.message.headId === 0)
    const again = new RetainedMessages(defaultLimits)
    await again.load(store)
    assert.deepEqual(texts(again.match(levelFilter('mqtt', '#'))), ['a=1'])
  })

  test('it is there again when the store is opened again, as it was', async () => {
    const { bus, store, join } = await openLiveBus()
    const { handle } = join('p')
    const headers = new Map([
      ['unit', '°C'],
      ['', 'x'],
    ])
    const payload = Buffer.from([0, 255, 10])
    await handle.retained.set({ topic: 'a/ü', payload, headers })
    await handle.publish([retained('gone', '1')])
    await handle.retained.set({ topic: 'gone', payload: Buffer.of(), headers: noHeaders })
    payload.fill(7)
    const again = new RetainedMessages(defaultLimits)
    await again.load(store)
    assert.equal(again.size, 1)
    assert.deepEqual(again.get('a/ü'), {
      topic: 'a/ü',
      payload: new Uint8Array([0, 255, 10]),
      headers,
      createdAtMs: bus.retained.get('a/ü')?.createdAtMs,
    })
  })
})
