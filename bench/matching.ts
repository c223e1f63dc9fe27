/**
 * `npm run bench -- matching [--rounds N] [--rules busrt|mqtt]`
 *
 * Who receives a topic: 100,000 subscriptions of 10,000 clients, 20,000 topics (500 where it says busy), some 49
 * receivers each. Nanoseconds per look-up when nothing is remembered, when everything is, and when subscriptions change in between; what it
 * costs to put the subscriptions in; and a matcher that asks every filter, beside it in the same run.
 */

import { parseArgs } from 'node:util'

import { allowEverything } from '../src/core/access.ts'
import { LastValues } from '../src/core/last-values.ts'
import { silentLogger } from '../src/core/logger.ts'
import type { LiveClient } from '../src/core/live-client.ts'
import { ManualClock } from '../src/core/manual-clock.ts'
import { MsgBus } from '../src/core/msg-bus.ts'
import { Router } from '../src/core/router.ts'
import { TopicRules } from '../src/core/topic-rules.ts'
import { type Topic, Topics } from '../src/core/topics.ts'
import { anonymous } from '../src/model/identity.ts'
import { type LevelFilter, levelFilter, type LevelRules } from '../src/model/level-filter.ts'
import { defaultLimits } from '../src/model/limits.ts'
import { parseTopicFilter, topicMatches } from '../src/model/topic-filter.ts'
import { type Figure, figureOf, heading, machine, progress, row, showFigure } from './figures.ts'

const clientCount = 10_000
const node = { tenantId: 'tenant', blName: 'default', deviceId: 'device' }
const changeEvery = [10_000, 1_000, 100, 10]
/** Look-ups per measurement; several for every topic. */
const lookUps = 200_000
const naiveLookUps = 20
/** Topics of the look-ups called busy. */
const busyTopics = 500

interface Subscription {
  readonly filter: LevelFilter
  readonly client: LiveClient
}

interface World {
  readonly router: Router
  readonly topics: Topics
  readonly subscriptions: readonly Subscription[]
  /** As they come, in UTF-8. */
  readonly published: readonly Uint8Array[]
}

export function run(args: string[] = []): void {
  const options = {
    rounds: { type: 'string', default: '5' },
    rules: { type: 'string', default: 'busrt' },
  } as const
  const { values } = parseArgs({ args, options })
  const rules: LevelRules = values.rules === 'mqtt' ? 'mqtt' : 'busrt'
  const rounds = Number(values.rounds)
  process.stdout.write(`${machine()}; ${rounds} rounds, median (smallest … largest)\n`)
  const clients = newClients()
  const figures = new Map<string, number[]>()
  const note = (name: string, value: number) => {
    figures.set(name, [...(figures.get(name) ?? []), value])
  }
  let receivers = 0
  for (let round = 0; round < rounds; round++) {
    progress(`round ${round + 1} of ${rounds}`)
    const world = newWorld(rules, clients, note)
    receivers = countReceivers(world)
    // Every kind of look-up once, so that all of them are compiled.
    cold(world)
    note('nothing remembered', cold(world))
    note('everything remembered', remembered(world))
    // What fits into the caches of the processor, as most of the traffic of a daemon does.
    const busy = { ...world, published: world.published.slice(0, busyTopics) }
    note('nothing remembered, busy', cold(busy))
    note('everything remembered, busy', remembered(busy))
    for (const every of changeEvery) note(`a change per ${count(every)}`, changing(world, every))
    note('every filter asked', naive(world))
  }
  progress('')
  const shown = (name: string): Figure => figureOf(figures.get(name) ?? [])
  heading(`${count(100_000)} subscriptions, ${receivers.toFixed(1)} receivers per topic`)
  row('put in, s', showFigure(shown('put in, s')))
  row('memory, MiB', showFigure(shown('memory, MiB')))
  heading('ns per look-up')
  const names = ['nothing remembered', 'everything remembered']
  names.push('nothing remembered, busy', 'everything remembered, busy')
  for (const every of changeEvery) names.push(`a change per ${count(every)}`)
  for (const name of names) row(name, showFigure(shown(name)))
  row('every filter asked (naive)', showFigure(shown('every filter asked')))
}

function newClients(): LiveClient[] {
  const bus = new MsgBus({
    node,
    limits: defaultLimits,
    clock: new ManualClock(),
    logger: silentLogger,
  })
  for (let i = 0; i < clientCount; i++) {
    bus.connect(anonymous, { name: `client.${i}`, protocol: 'bench' })
  }
  return [...bus.live.registry.clients].filter(({ name }) => name !== '')
}

function newWorld(
  rules: LevelRules,
  clients: readonly LiveClient[],
  note: (name: string, value: number) => void,
): World {
  const random = newRandom(1)
  const lastValues = new LastValues({ node, maxBytes: 1 })
  const topics = new Topics({ rules: new TopicRules([]), lastValues, capacity: 100_000 })
  const router = new Router({ findTopic: (name) => topics.peek(name), access: allowEverything })
  const subscriptions: Subscription[] = []
  const subscribe = (number: number, text: () => string) => {
    for (let i = 0; i < number; i++) {
      const client = clients[random(clients.length)]
      if (client !== undefined) subscriptions.push({ filter: levelFilter(rules, text()), client })
    }
  }
  const [site, line, part, value] = [
    () => `site-${random(20)}`,
    () => `line-${random(10)}`,
    () => `part-${random(10)}`,
    () => `value-${random(10)}`,
  ]
  // Behind each: how many of them match a topic.
  subscribe(60_000, () => [site(), line(), part(), value()].join('/')) // 3
  subscribe(20_000, () => [site(), line(), part(), '+'].join('/')) // 10
  subscribe(10_000, () => [site(), line(), '+', value()].join('/')) // 5
  subscribe(4_960, () => ['+', line(), part(), value()].join('/')) // 5
  subscribe(5_000, () => [site(), line(), '#'].join('/')) // 25
  subscribe(39, () => `${site()}/#`) // 2
  subscribe(1, () => '#') // 1
  shuffle(subscriptions, random)
  const before = memoryMiB()
  const startedAt = performance.now()
  for (const { filter, client } of subscriptions) router.addFilter(filter, client)
  note('put in, s', (performance.now() - startedAt) / 1_000)
  note('memory, MiB', memoryMiB() - before)
  const published: Uint8Array[] = []
  const encoder = new TextEncoder()
  for (let i = 0; i < 20_000; i++) {
    const levels = [
      i % 20,
      Math.floor(i / 20) % 10,
      Math.floor(i / 200) % 10,
      Math.floor(i / 2_000),
    ]
    const [a, b, c, d] = levels
    published.push(encoder.encode(`site-${a}/line-${b}/part-${c}/value-${d}`))
  }
  shuffle(published, random)
  return { router, topics, subscriptions, published }
}

function countReceivers({ router, topics, published }: World): number {
  let receivers = 0
  for (const bytes of published) {
    const topic = topics.byBytes(bytes, 0, bytes.length)
    router.resolve(topic)
    receivers += topic.clients.length
  }
  return receivers / published.length
}

/** Each topic is looked up with all that was remembered of it made void. */
function cold({ router, topics, published }: World): number {
  const entries: Topic[] = published.map((bytes) => topics.byBytes(bytes, 0, bytes.length))
  return nsPer(lookUps, (i) => {
    const topic = entries[i % entries.length]
    if (topic === undefined) return
    topic.rootGeneration = -1
    router.resolve(topic)
  })
}

function remembered({ router, topics, published }: World): number {
  return nsPer(lookUps, (i) => lookUp(router, topics, published, i))
}

/** Every so often a subscription goes and comes back. */
function changing({ router, topics, published, subscriptions }: World, every: number): number {
  let changed = 0
  return nsPer(lookUps, (i) => {
    if (i % every === 0) {
      const subscription = subscriptions[(changed += 7) % subscriptions.length]
      if (subscription !== undefined) {
        const { filter, client } = subscription
        router.removeFilter(filter, client)
        router.addFilter(filter, client)
      }
    }
    lookUp(router, topics, published, i)
  })
}

function lookUp(router: Router, topics: Topics, published: readonly Uint8Array[], i: number): void {
  const bytes = published[i % published.length]
  if (bytes === undefined) return
  router.resolve(topics.byBytes(bytes, 0, bytes.length))
}

/** What a matcher does that knows no tree: asks every filter, and remembers nothing. */
function naive({ published, subscriptions }: World): number {
  const filters = subscriptions.map(({ filter }) => parseTopicFilter(filter.text))
  const decoder = new TextDecoder()
  return nsPer(naiveLookUps, (i) => {
    const topic = decoder.decode(published[i])
    const found = new Set<LiveClient>()
    for (const [n, filter] of filters.entries()) {
      const client = subscriptions[n]?.client
      if (client !== undefined && topicMatches(filter, topic)) found.add(client)
    }
    return found.size
  })
}

function nsPer(times: number, work: (i: number) => unknown): number {
  const startedAt = process.hrtime.bigint()
  for (let i = 0; i < times; i++) work(i)
  return Number(process.hrtime.bigint() - startedAt) / times
}

function memoryMiB(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 1_048_576
}

/** The same numbers in every run. */
function newRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 4_294_967_296) * below)
  }
}

function shuffle(items: unknown[], random: (below: number) => number): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = random(i + 1)
    const [a, b] = [items[i], items[j]]
    if (a === undefined || b === undefined) continue
    items[i] = b
    items[j] = a
  }
}

const count = (number: number) => number.toLocaleString('en-US')
