/** The newest message of each topic, in bounded memory. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'

import { noHeaders } from '../model/message.ts'
import { LastValues } from './last-values.ts'
import { LivePublication, unnamedSender } from './live-publication.ts'
import { openLiveBus, suiteNode, textOf } from './live-suite.ts'
import { publisherHeader } from './live-bus.ts'
import { ManualClock } from './manual-clock.ts'
import { TopicRules } from './topic-rules.ts'
import { Topics } from './topics.ts'

const clock = new ManualClock()

function newValues(maxBytes: number, capacity = 1_000) {
  const lastValues = new LastValues({ node: suiteNode, maxBytes })
  const topics = new Topics({ rules: new TopicRules([]), lastValues, capacity })
  const publication = new LivePublication(suiteNode, clock)
  let sequence = 0
  return {
    lastValues,
    topics,
    live: (name: string, payload: Uint8Array) => {
      const topic = topics.byName(name)
      // Somewhere in a larger buffer, as it comes from a socket.
      const bytes = Buffer.concat([Buffer.from('head'), payload, Buffer.from('tail')])
      publication.setLive(topic, unnamedSender, bytes, 4, 4 + payload.length, noHeaders, false)
      lastValues.remember(topic, publication, clock.now())
      bytes.fill(0)
    },
    stored: (name: string, payload: Uint8Array) => {
      const topic = topics.byName(name)
      sequence += 1
      publication.setStored(topic, unnamedSender, {
        topic: name,
        origin: suiteNode,
        id: `id-${sequence}`,
        headId: sequence,
        sequence,
        payload,
        headers: noHeaders,
        createdAtMs: clock.now(),
        deleted: false,
      })
      lastValues.remember(topic, publication, clock.now())
    },
  }
}

const size = fc.oneof(fc.nat(40), fc.nat(300), fc.integer({ min: 4_000, max: 9_000 }))
const event = fc.record({
  topic: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
  size,
  kind: fc.constantFrom('live', 'live', 'stored', 'forget', 'touch'),
})

test('random histories: the newest value, the sum of the bytes, and the bound', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(200, 3_000, 20_000, 1_000_000),
      fc.constantFrom(3, 1_000),
      fc.array(event, { maxLength: 150, size: 'max' }),
      (maxBytes, capacity, events) => {
        const { lastValues, topics, live, stored } = newValues(maxBytes, capacity)
        const newest = new Map<string, Buffer>()
        for (const [i, { topic, size: length, kind }] of events.entries()) {
          const payload = Buffer.alloc(length, (i % 250) + 1)
          const known = topics.peek(topic)
          if (kind === 'forget' && known !== undefined) lastValues.forget(known)
          else if (kind === 'touch') topics.byName(topic)
          else if (kind === 'live') live(topic, payload)
          else if (kind === 'stored') stored(topic, payload)
          if (kind === 'live' || kind === 'stored') newest.set(topic, payload)
          assert.ok(lastValues.bytes <= maxBytes, `${lastValues.bytes} of ${maxBytes}`)
          const held = [...topics.values()].flatMap((each) => each.last ?? [])
          assert.equal(held.length, lastValues.size)
          assert.equal(
            held.reduce((sum, { cost }) => sum + cost, 0),
            lastValues.bytes,
          )
          for (const { stored: message, buffer, cost } of held) {
            assert.ok(cost >= (message?.payload ?? buffer).length)
          }
          for (const each of topics.values()) {
            const value = lastValues.read(each)
            if (value !== undefined)
              assert.deepEqual(Buffer.from(value.payload), newest.get(each.name))
          }
          // The one that just came is there, unless it alone is too large.
          const isPublication = kind === 'live' || kind === 'stored'
          if (isPublication && 128 + length <= maxBytes) {
            assert.notEqual(topics.peek(topic)?.last, undefined)
          }
        }
      },
    ),
    { numRuns: 200 },
  )
})

test('a value that is larger than all that may be kept is not kept', () => {
  const { lastValues, topics, live } = newValues(1_000)
  live('small', Buffer.alloc(10))
  live('large', Buffer.alloc(2_000))
  assert.ok(lastValues.bytes <= 1_000)
  assert.equal(lastValues.read(topics.byName('large')), undefined)
})

test('a topic that shrinks gives its memory back', () => {
  const { lastValues, live } = newValues(1_000_000)
  live('a', Buffer.alloc(100_000))
  live('a', Buffer.alloc(10))
  assert.ok(lastValues.bytes < 10_000)
})

test('what was read stays as it is when the next one comes', () => {
  const { lastValues, topics, live } = newValues(1_000)
  live('a', Buffer.from('first'))
  const first = lastValues.read(topics.byName('a'))
  live('a', Buffer.from('other'))
  assert.equal(textOf(first?.payload ?? Buffer.alloc(0)), 'first')
})

describe('on the bus', () => {
  test('the newest is remembered, stored or not, with who published it', async () => {
    const { bus, clock: time, join } = await openLiveBus()
    const client = join('c')
    client.publish('t', 'live', undefined, new Map([['k', 'v']]))
    const live = bus.lastValue('t')
    assert.equal(textOf(live?.payload ?? Buffer.alloc(0)), 'live')
    assert.deepEqual(
      live?.headers,
      new Map([
        ['k', 'v'],
        [publisherHeader, 'c'],
      ]),
    )
    assert.deepEqual([live?.headId, live?.sequence, live?.createdAtMs], [0, 0, time.now()])
    await client.store('t', 'stored')
    const stored = bus.lastValue('t')
    assert.deepEqual([stored?.headId, stored?.headers.get(publisherHeader)], [1, 'c'])
    client.publish('t', 'again')
    assert.equal(bus.lastValue('t')?.headId, 0)
  })

  test('what was meant for one client alone is nobody else’s last value', async () => {
    const { bus, join } = await openLiveBus()
    const client = join('c').subscribe('t')
    client.publish('t', 'secret', 'c')
    assert.deepEqual(client.texts, ['secret'])
    assert.equal(bus.lastValue('t'), undefined)
  })

  test('what was published in answer to a publication is newer than it', async () => {
    const { bus, join } = await openLiveBus()
    const client = join('c').subscribe('t')
    client.inbox.during = ({ text }) => {
      if (text === 'question') client.publish('t', 'answer')
    }
    client.publish('t', 'question')
    assert.equal(textOf(bus.lastValue('t')?.payload ?? Buffer.alloc(0)), 'answer')
  })

  test('a stored value does not change with the publisher’s buffer', async () => {
    const { bus, join } = await openLiveBus()
    const payload = Buffer.from('mine')
    await join('c').handle.publish([{ topic: 't', payload, headers: noHeaders }])
    const kept = bus.lastValue('t')?.payload
    assert.ok(kept !== undefined)
    assert.ok(kept.buffer.byteLength <= 8_192, 'it holds on to much more than it needs')
  })

  test('a small message out of a large buffer does not keep the buffer', async () => {
    const { bus, join } = await openLiveBus()
    const large = Buffer.alloc(1_000_000)
    const messages = [{ topic: 't', payload: large.subarray(0, 10), headers: noHeaders }]
    await join('c').handle.publish(messages)
    const kept = bus.lastValue('t')?.payload
    assert.ok(kept !== undefined && kept.buffer.byteLength < 100_000)
  })
})
