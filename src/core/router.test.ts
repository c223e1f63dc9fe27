/**
 * Who receives what: random histories of subscriptions, exclusions, arrivals and departures, with publications in
 * between, against matching written down as plainly as the specifications say it.
 */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'

import { daemonIdentity } from '../model/identity.ts'
import { type LevelFilter, type LevelRules, levelFilter } from '../model/level-filter.ts'
import type { TextFilter, TextView } from '../model/text-filter.ts'
import { parseTopicFilter, topicMatches } from '../model/topic-filter.ts'
import type { Delivery } from './bus-client.ts'
import { openLiveBus, type TestClient } from './live-suite.ts'
import type { LiveFilter } from './live.ts'

const runs = 300

describe('matching one filter', () => {
  const cases: [filter: string, matching: string[], others: string[]][] = [
    ['#', ['x', 'x/y', '/', '', '.broker/info', '.x/y', '+', '#', '$a/b'], ['$msgbus.x']],
    ['t/#', ['t/x', 't/x/y', 't/', 't//'], ['t', 'T/x', 'tt/x']],
    ['p/+', ['p/q', 'p/'], ['p', 'p/q/r']],
    ['+/topic/#', ['x/topic/e', 'x/topic/s/e', '/topic/'], ['x/topic', 'topic/e']],
    ['+', ['', 'x'], ['x/', '/']],
    ['x+/y', ['x+/y'], ['xa/y', 'x/y']],
    ['x#', ['x#'], ['x', 'xa', 'x/a']],
    ['m/#/z', ['m/1/2', 'm/1', 'm/'], ['m', 'n/1/z']],
    ['', [''], ['/', 'x']],
    ['a//b', ['a//b'], ['a/b', 'a/x/b']],
    ['/a', ['/a'], ['a', '//a']],
    ['$msgbus.x', ['$msgbus.x'], ['$msgbus.y']],
    ['$msgbus.x/+', ['$msgbus.x/y'], ['$msgbus.y/y']],
    ['!ge(2)', ['!ge(2)'], ['3']],
  ]
  for (const [filter, matching, others] of cases) {
    test(`BUS/RT ${JSON.stringify(filter)}`, async () => {
      const { join } = await openLiveBus()
      const client = join('c').subscribe(filter)
      const daemon = join(undefined, { identity: daemonIdentity })
      for (const topic of [...others, ...matching]) daemon.publish(topic, 'x')
      assert.deepEqual(
        client.inbox.seen.map(({ topic }) => topic),
        matching,
      )
    })
  }

  test('WAMP: empty segments are wildcards, nothing else is', async () => {
    const { join } = await openLiveBus()
    const client = join('c')
    for (const text of ['a//c', '/x', 'a/+/#']) client.live.subscribe(levelFilter('wamp', text))
    const publisher = join('p')
    const topics = ['a/b/c', 'a//c', 'x/x', '/x', 'a/+/#', 'a/c', 'a/b', 'x', 'a/b/c/d', 'b/b/c']
    for (const topic of topics) publisher.publish(topic, 'x')
    assert.deepEqual(
      client.inbox.seen.map(({ topic }) => topic),
      ['a/b/c', 'a//c', 'x/x', '/x', 'a/+/#'],
    )
  })

  test('events of the BUS/RT broker are for its own wildcards and for their own names', async () => {
    const { join } = await openLiveBus()
    const wild = join('wild')
    for (const text of ['#', '+/info', '.broker/#']) wild.live.subscribe(levelFilter('mqtt', text))
    wild.live.subscribe(levelFilter('wamp', '/info'))
    wild.live.subscribe(textFilter('begins-with:'))
    const exact = join('exact')
    exact.live.subscribe(levelFilter('mqtt', '.broker/info'))
    const busrt = join('busrt').subscribe('.broker/+')
    join('p').publish('.broker/info', 'x')
    assert.deepEqual([wild.texts, exact.texts, busrt.texts], [[], ['x'], ['x']])
  })

  test('what is the daemon’s own is hidden from everything that is not its name', async () => {
    const { join } = await openLiveBus()
    const wild = join('wild').subscribe('#', '+')
    wild.live.subscribe(levelFilter('mqtt', '#'))
    wild.live.subscribe(levelFilter('wamp', ''))
    wild.live.subscribe(textFilter('begins-with:'))
    const exact = join('exact').subscribe('$msgbus.clients')
    join('newcomer')
    assert.deepEqual(wild.inbox.seen, [])
    assert.equal(exact.inbox.seen.length, 1)
  })
})

describe('filters that mean the same', () => {
  test('m/# and m/#/z are undone separately, in either order', async () => {
    for (const [first, second] of [
      ['m/#', 'm/#/z'],
      ['m/#/z', 'm/#'],
    ] as const) {
      const { join } = await openLiveBus()
      const client = join('c').subscribe(first, second)
      const publisher = join('p')
      publisher.publish('m/1', '1')
      assert.equal(client.unsubscribe(first), true)
      assert.equal(client.unsubscribe(first), false)
      publisher.publish('m/1', '2')
      client.unsubscribe(second)
      publisher.publish('m/1', '3')
      assert.deepEqual(client.texts, ['1', '2'])
    }
  })

  test('exclusions m/# and m/#/z are undone separately', async () => {
    const { join } = await openLiveBus()
    const client = join('c').subscribe('m/1')
    const publisher = join('p')
    const [one, other] = [levelFilter('busrt', 'm/#'), levelFilter('busrt', 'm/#/z')]
    client.live.exclude(one)
    client.live.exclude(other)
    client.live.unexclude(one)
    publisher.publish('m/1', 'still excluded')
    client.live.unexclude(other)
    publisher.publish('m/1', 'seen')
    assert.deepEqual(client.texts, ['seen'])
  })

  test('a name subscribed to by two kinds of rules is given up by one of them', async () => {
    const { join } = await openLiveBus()
    const client = join('c')
    client.live.subscribe(levelFilter('busrt', 'a/b'))
    client.live.subscribe(levelFilter('mqtt', 'a/b'))
    client.live.unsubscribe(levelFilter('mqtt', 'a/b'))
    join('p').publish('a/b', 'x')
    assert.deepEqual(client.texts, ['x'])
  })
})

test('log subscriptions and live clients stand beside each other', async () => {
  const { bus, join } = await openLiveBus()
  const client = join('c').subscribe('a/#', 'a/b')
  const seen: string[] = []
  const sink = {
    deliver: ({ messages }: Delivery) => {
      for (const { topic, headId } of messages) seen.push(`${topic}:${headId}`)
      return true
    },
    end: () => undefined,
  }
  const filters = ['a/+', '#'].map(parseTopicFilter)
  const subscriptions = filters.map((filter) =>
    client.handle.subscribe({ kind: 'filter', filter, start: { at: 'now' }, live: true }, sink),
  )
  await client.store('a/b', 'stored')
  client.publish('a/b', 'live')
  await Promise.resolve()
  assert.deepEqual(seen, ['a/b:1', 'a/b:1', 'a/b:0', 'a/b:0'])
  assert.deepEqual(client.texts, ['stored', 'live'])
  assert.equal(bus.status().subscriptions, 4)
  for (const subscription of subscriptions) subscription.close()
  client.close()
  assert.equal(bus.status().subscriptions, 0)
})

describe('random histories', () => {
  for (const capacity of [3, 10_000]) {
    test(`every publication reaches whom it should, once, with ${capacity} topics remembered`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(steps, { maxLength: 120, size: 'max' }), async (history) => {
          const limits = { rememberedTopics: capacity }
          const { bus, join } = await openLiveBus({ limits })
          const world = new World(bus, join)
          for (const each of history) world.take(each)
          world.end()
          assert.equal(bus.status().subscriptions, 0)
          assert.ok(bus.live.topics.size <= capacity)
        }),
        { numRuns: runs },
      )
    })
  }
})

/** What a filter means, as its specification says it. */
function matches(filter: LiveFilter, topic: string): boolean {
  if (filter.kind === 'text') return textMatches(filter, topic)
  switch (filter.rules) {
    case 'mqtt':
      return topicMatches(parseTopicFilter(filter.text), topic)
    case 'busrt':
      return isUnhidden(filter, topic) && busrtMatches(filter.text.split('/'), topic.split('/'))
    case 'wamp': {
      const pattern = filter.text.split('/')
      const levels = topic.split('/')
      const isSame = pattern.every((level, i) => level === '' || level === levels[i])
      return isUnhidden(filter, topic) && pattern.length === levels.length && isSame
    }
  }
}

/** spec/busrt 4.5 */
function busrtMatches(pattern: readonly string[], levels: readonly string[]): boolean {
  const [want, ...morePattern] = pattern
  const [level, ...moreLevels] = levels
  if (want === undefined) return level === undefined
  if (level === undefined) return false
  if (want === '#') return true
  return (want === '+' || want === level) && busrtMatches(morePattern, moreLevels)
}

/** Of what is the daemon's own, leading wildcards see nothing. */
function isUnhidden({ rules, text }: LevelFilter, topic: string): boolean {
  if (!topic.startsWith('$msgbus.')) return true
  const first = text.split('/')[0]
  return rules === 'wamp' ? first !== '' : first !== '+' && first !== '#'
}

/** Whether a filter reaches a topic at all; what is the daemon's own is hidden from most. */
function reaches(filter: LiveFilter, topic: string): boolean {
  if (!matches(filter, topic)) return false
  const isOwnName = filter.kind === 'level' ? isExact(filter) : filter.form === 'is'
  if (topic.startsWith('$msgbus.') && filter.kind === 'text') return isOwnName
  if (!topic.startsWith('.broker/') || isOwnName) return true
  return filter.kind === 'level' && filter.rules === 'busrt'
}

/** It names one topic, whatever characters that has. */
function isExact({ rules, text }: LevelFilter): boolean {
  const wildcards = rules === 'wamp' ? [''] : ['+', '#']
  return !text.split('/').some((level) => wildcards.includes(level))
}

/** Sees topics as they are, but for those that begin with `x`. */
const view: TextView = {
  name: 'test',
  of: (topic) => (topic.startsWith('x') ? undefined : topic),
  topicOf: (viewed) => (viewed.startsWith('x') ? undefined : viewed),
}

function textFilter(key: string): TextFilter {
  const [form = '', text = ''] = key.split(':')
  const occursOnce = (viewed: string) => viewed.split(text).length === 2
  return { kind: 'text', key, view, form: form as TextFilter['form'], text, matches: occursOnce }
}

function textMatches(filter: TextFilter, topic: string): boolean {
  const { form, text } = filter
  if (topic.startsWith('x')) return false
  switch (form) {
    case 'is':
      return topic === text
    case 'begins-with':
      return topic.startsWith(text)
    case 'ends-with':
      return topic.endsWith(text)
    case 'contains':
      return topic.includes(text)
    case 'test':
      return filter.matches(topic)
  }
}

const level = fc.constantFrom('', 'a', 'b', 'c', '+', '#', 'x+', '$a', '$msgbus.x', '.broker')
const topics = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'))
/** Few enough to be published again and again, so that what is remembered of them counts. */
const publishedOften = [
  '',
  'a',
  '+',
  '/',
  'a/',
  'a/b',
  'a/+',
  'a/b/c',
  'b/c',
  'x+/a',
  '$a/b',
].concat(['$msgbus.x', '$msgbus.x/a', '.broker', '.broker/a', 'a//b'])
const publishedTopic = fc.oneof(
  { weight: 1, arbitrary: topics },
  {
    weight: 5,
    arbitrary: fc.constantFrom(...publishedOften),
  },
)
const mqttText = fc
  .tuple(
    fc.array(fc.constantFrom('', 'a', 'b', 'c', '+', '$a', '.broker'), {
      minLength: 0,
      maxLength: 3,
    }),
    fc.boolean(),
  )
  .map(([levels, hasRest]) => (hasRest ? [...levels, '#'] : levels).join('/'))
  .filter((text) => text !== '')
const textFilters = [
  'begins-with:',
  'begins-with:a',
  'begins-with:a/',
  'ends-with:b',
  'ends-with:/b',
]
  .concat(['contains:/', 'contains:', 'contains:b/', 'test:a', 'test:/', 'is:a/b', 'is:x', 'is:+'])
  .concat(['is:$msgbus.x', 'is:.broker/a', 'is:'])
const levelFilters: fc.Arbitrary<LevelFilter> = fc.oneof(
  mqttText.map((text) => levelFilter('mqtt', text)),
  topics.map((text) => levelFilter('busrt', text)),
  topics.map((text) => levelFilter('wamp', text)),
)
const liveFilter: fc.Arbitrary<LiveFilter> = fc.oneof(
  { weight: 6, arbitrary: levelFilters },
  {
    weight: 2,
    arbitrary: fc.constantFrom(...textFilters).map(textFilter),
  },
)
const someone = fc.nat(3)

type Step =
  | { readonly do: 'subscribe' | 'unsubscribe'; readonly who: number; readonly filter: LiveFilter }
  | { readonly do: 'exclude' | 'unexclude'; readonly who: number; readonly filter: LevelFilter }
  | { readonly do: 'undo'; readonly who: number; readonly place: number }
  | { readonly do: 'rejoin'; readonly who: number }
  | { readonly do: 'publish'; readonly topic: string; readonly only: number | undefined }

const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('subscribe' as const),
      who: someone,
      filter: liveFilter,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('unsubscribe' as const),
      who: someone,
      filter: liveFilter,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('exclude' as const),
      who: someone,
      filter: levelFilters,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('unexclude' as const),
      who: someone,
      filter: levelFilters,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('undo' as const), who: someone, place: fc.nat(9) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('rejoin' as const), who: someone }) },
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      topic: publishedTopic,
      only: fc.option(someone, { nil: undefined, freq: 9 }),
    }),
  },
)

interface Member {
  client: TestClient
  filters: Map<string, LiveFilter>
  exclusions: Map<string, LevelFilter>
}

/** Clients beside the plainest possible account of what they asked for. */
class World {
  readonly #join: (name: string) => TestClient
  readonly #members: Member[]
  readonly #daemon: TestClient
  #count = 0

  constructor(
    _bus: unknown,
    join: (name?: string, options?: { identity: typeof daemonIdentity }) => TestClient,
  ) {
    this.#join = join
    this.#members = ['0', '1', '2', '3'].map((name) => this.#member(name))
    // The only one who may publish everywhere.
    this.#daemon = join(undefined, { identity: daemonIdentity })
  }

  take(step: Step): void {
    switch (step.do) {
      case 'subscribe':
        this.#of(step.who).client.live.subscribe(step.filter)
        this.#of(step.who).filters.set(keyOf(step.filter), step.filter)
        break
      case 'unsubscribe':
        this.#unsubscribe(this.#of(step.who), step.filter)
        break
      case 'exclude':
        this.#of(step.who).client.live.exclude(step.filter)
        this.#of(step.who).exclusions.set(keyOf(step.filter), step.filter)
        break
      case 'unexclude':
        this.#unexclude(this.#of(step.who), step.filter)
        break
      case 'undo': {
        const member = this.#of(step.who)
        const filter = [...member.filters.values()][step.place]
        if (filter !== undefined) this.#unsubscribe(member, filter)
        const exclusion = [...member.exclusions.values()][step.place]
        if (exclusion !== undefined) this.#unexclude(member, exclusion)
        break
      }
      case 'rejoin':
        this.#of(step.who).client.close()
        this.#members[step.who] = this.#member(String(step.who))
        break
      case 'publish':
        this.#publish(step.topic, step.only)
    }
  }

  end(): void {
    for (const { client } of this.#members) client.close()
  }

  #publish(topic: string, only: number | undefined): void {
    const text = String((this.#count += 1))
    this.#daemon.publish(topic, text, only === undefined ? undefined : String(only))
    for (const [i, { client, filters, exclusions }] of this.#members.entries()) {
      const isMeant = only === undefined || only === i
      const isExcluded = [...exclusions.values()].some((filter) => matches(filter, topic))
      const isWanted = [...filters.values()].some((filter) => reaches(filter, topic))
      const wanted = isMeant && isWanted && !isExcluded ? 1 : 0
      const got = client.texts.filter((each) => each === text).length
      const asked = [...filters.keys(), ...[...exclusions.keys()].map((key) => `not ${key}`)]
      assert.equal(got, wanted, `${JSON.stringify(topic)} for ${JSON.stringify(asked)}`)
    }
  }

  #unsubscribe({ client, filters }: Member, filter: LiveFilter): void {
    assert.equal(client.live.unsubscribe(filter), filters.delete(keyOf(filter)))
  }

  #unexclude({ client, exclusions }: Member, filter: LevelFilter): void {
    assert.equal(client.live.unexclude(filter), exclusions.delete(keyOf(filter)))
  }

  #member(name: string): Member {
    return { client: this.#join(name), filters: new Map(), exclusions: new Map() }
  }

  #of(who: number): Member {
    return this.#members[who] as Member
  }
}

function keyOf(filter: LiveFilter): string {
  return filter.kind === 'text' ? filter.key : `${filter.rules satisfies LevelRules} ${filter.text}`
}
