// Last values over restarts and crashes of the daemon: the real file, a store that outlives the bus, and a clock that
// is moved by hand. A crash is a run that is given up without another word to the file.

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import * as fc from 'fast-check'
import { nextTurn } from '../base/time-slice.ts'
import { levelFilter } from '../model/level-filter.ts'
import { defaultLimits, type Limits } from '../model/limits.ts'
import { type Headers, noHeaders, type StoredMessage } from '../model/message.ts'
import { parseTopicFilter } from '../model/topic-filter.ts'
import type { StorePolicy, TopicRule } from '../model/topic-rule.ts'
import { LastValueFile } from '../stores/last-values/last-value-file.ts'
import { openMemoryLogStore } from '../stores/memory/memory-log-store.ts'
import { LastValueKeeper, saveEveryMs, saveRetryMs } from './last-value-keeper.ts'
import { suiteNode, TestClient } from './live-suite.ts'
import type { LogStore } from './log-store.ts'
import { type Logger, silentLogger } from './logger.ts'
import { ManualClock } from './manual-clock.ts'
import { MsgBus, type MsgBusOptions } from './msg-bus.ts'
import { publisherHeader } from './publisher-header.ts'
import type { Save, SavedValues } from './saved-values.ts'

const everything = levelFilter('mqtt', '#')

interface RunOptions {
  readonly limits?: Partial<Limits>
  readonly topicRules?: MsgBusOptions['topicRules']
  /** Before anything is loaded, as clients that come early. */
  readonly early?: (bus: MsgBus) => void
}

/** What outlives the runs: the folder, the store, what was logged. */
class Machine {
  readonly logged: string[] = []
  readonly folder: string
  store: LogStore
  /** Thrown by the file system instead of opening a file for writing. */
  fault: Error | undefined
  #run: Run | undefined

  private constructor(folder: string, store: LogStore) {
    this.folder = folder
    this.store = store
  }

  static async create(t?: TestContext): Promise<Machine> {
    const folder = mkdtempSync(join(tmpdir(), 'msgbus-last-'))
    const machine = new Machine(folder, await Machine.emptyStore())
    t?.after(() => machine.end())
    return machine
  }

  async end(): Promise<void> {
    if (this.#run?.isOver === false) await this.#run.crash()
    rmSync(this.folder, { recursive: true, force: true })
  }

  static emptyStore(): Promise<LogStore> {
    return openMemoryLogStore({
      folder: '',
      node: suiteNode,
      durability: 'memory',
      clock: new ManualClock(),
      logger: silentLogger,
      publishIdWindowMs: 1_000,
      publishIdCount: 1_000,
    })
  }

  async start(options: RunOptions = {}): Promise<Run> {
    const run = new Run(this, options)
    this.#run = run
    options.early?.(run.bus)
    await run.keeper.load()
    run.bus.attach(this.store)
    run.keeper.start()
    return run
  }

  get logger(): Logger {
    const log = (event: string) => void this.logged.push(event)
    return { ...silentLogger, info: log, warn: log, error: log }
  }
}

class Run {
  isOver = false
  readonly bus: MsgBus
  readonly keeper: LastValueKeeper
  /** Of its own, so that a run that crashed does nothing any more. */
  readonly clock = new ManualClock()
  readonly #saved: WatchedFile

  constructor(machine: Machine, { limits, topicRules }: RunOptions) {
    const { clock } = this
    const { logger, store } = machine
    const all = { ...defaultLimits, ...limits }
    this.bus = new MsgBus({ node: suiteNode, clock, logger, topicRules, limits: all })
    this.#saved = new WatchedFile(machine)
    this.keeper = new LastValueKeeper({ bus: this.bus, store, saved: this.#saved, clock, logger })
  }

  get scopes(): readonly string[] {
    return this.#saved.scopes
  }

  join(name?: string): TestClient {
    return new TestClient(this.bus, name)
  }

  /** All last values, oldest first. */
  get values(): StoredMessage[] {
    const client = this.join()
    const values = client.live.lastValues(everything)
    client.close()
    return values
  }

  get texts(): string[] {
    return this.values.map(({ topic, payload }) => `${topic}=${Buffer.from(payload).toString()}`)
  }

  /** A second later, when the save that was due, if one was, is over. */
  async save(): Promise<void> {
    const before = this.scopes.length
    const over = this.#saved.nextSave()
    this.clock.advance(saveEveryMs)
    if (this.scopes.length === before) return
    await over
    // The keeper hears of it, too.
    await nextTurn()
  }

  async stop(): Promise<void> {
    this.isOver = true
    await this.bus.shutdown()
    await this.keeper.close()
  }

  /** As when the process is killed between two saves. */
  async crash(): Promise<void> {
    this.isOver = true
    await this.bus.shutdown()
    await this.#saved.close()
  }
}

/** A message of another node. */
function replica(topic: string, text: string, deviceId: string, headId: number) {
  const origin = { ...suiteNode, deviceId }
  const payload = Buffer.from(text)
  const id = crypto.randomUUID()
  return { topic, origin, id, headId, payload, headers: noHeaders, createdAtMs: 1, deleted: false }
}

function rule(filter: string, store: StorePolicy): TopicRule {
  return { filter: parseTopicFilter(filter), store }
}

/** The real file, which tells when a save is over and can be made to fail. */
class WatchedFile implements SavedValues {
  readonly scopes: string[] = []
  readonly #file: LastValueFile
  #onSaved: () => void = () => undefined

  constructor(machine: Machine) {
    this.#file = new LastValueFile({
      folder: machine.folder,
      epoch: 'one',
      logger: machine.logger,
      openFile: async (path, flags, mode) => {
        if (machine.fault !== undefined && flags === 'w') throw machine.fault
        const { open } = await import('node:fs/promises')
        return open(path, flags, mode)
      },
    })
  }

  get needsEverything(): boolean {
    return this.#file.needsEverything
  }

  nextSave(): Promise<void> {
    return new Promise((resolve) => (this.#onSaved = resolve))
  }

  load() {
    return this.#file.load()
  }

  begin(scope: 'changes' | 'everything'): Save {
    this.scopes.push(scope)
    const save = this.#file.begin(scope)
    return {
      put: (change) => save.put(change),
      commit: async (accountedTo) => {
        await save.commit(accountedTo)
        this.#onSaved()
      },
      abandon: async () => {
        await save.abandon()
        this.#onSaved()
      },
    }
  }

  sync() {
    return this.#file.sync()
  }

  close() {
    return this.#file.close()
  }
}

test('what was published is there again: order, sender, headers, time, and whether it was stored', async (t) => {
  const machine = await Machine.create(t)
  const first = await machine.start()
  const named = first.join('plc.1')
  const headers: Headers = new Map([['unit', 'K']])
  named.publish('a', 'one', undefined, headers)
  first.clock.advance(5)
  await named.store('b', 'two', 'three')
  first.join().publish('c', '')
  first.clock.advance(5)
  named.publish('a', 'four', undefined, headers)
  const before = first.values
  await first.stop()

  const second = await machine.start()
  assert.deepEqual(second.values, before)
  const [b, c, a] = before
  assert.deepEqual([b?.topic, b?.headId, b?.headers.get(publisherHeader)], ['b', 2, 'plc.1'])
  assert.deepEqual([c?.topic, c?.headId, c?.payload.length], ['c', 0, 0])
  assert.deepEqual([a?.topic, a?.headers.get('unit')], ['a', 'K'])
  // What follows is newer, and only that is written.
  second.join().publish('c', 'five')
  await second.save()
  assert.deepEqual(second.scopes, ['changes'])
  assert.deepEqual(second.texts, ['b=three', 'a=four', 'c=five'])
  await second.stop()
  assert.deepEqual((await machine.start()).texts, ['b=three', 'a=four', 'c=five'])
  assert.deepEqual(machine.logged, [])
})

test('a crash costs what was not saved yet, but for what was stored', async (t) => {
  const machine = await Machine.create(t)
  const first = await machine.start()
  const client = first.join()
  client.publish('live', 'saved')
  client.publish('both', 'live')
  await client.store('stored', 'saved')
  await first.save()
  client.publish('live', 'lost')
  await client.store('both', 'stored')
  await client.store('stored', 'after')
  client.publish('stored', 'live, lost')
  await first.crash()
  const second = await machine.start()
  assert.deepEqual(second.texts, ['live=saved', 'both=stored', 'stored=after'])
})

test('without a file the newest message of each log is read, as many as are remembered', async (t) => {
  const machine = await Machine.create(t)
  const first = await machine.start()
  const client = first.join()
  for (let i = 0; i < 100; i++) await client.store(`topic/${i % 50}`, String(i))
  await first.crash()
  const second = await machine.start({ limits: { rememberedTopics: 10 } })
  const newest = Array.from({ length: 10 }, (_, i) => `topic/${40 + i}=${90 + i}`)
  assert.deepEqual(second.texts, newest)
  await second.crash()
  const third = await machine.start({ limits: { lastValueBytes: 3 * 130 } })
  assert.deepEqual(third.texts, newest.slice(-3))
})

test('without a file, of several logs of a topic the newest counts, whatever order they come in', async (t) => {
  const machine = await Machine.create(t)
  for (let i = 1; i <= 20; i++) {
    await machine.store.replicate([replica(`topic/${i % 5}`, String(i), `device ${i}`, 1)])
  }
  await machine.store.replicate([replica('topic/3', 'newest', 'device 3', 2)])
  const run = await machine.start({ limits: { rememberedTopics: 3 } })
  assert.deepEqual(run.texts, ['topic/4=19', 'topic/0=20', 'topic/3=newest'])
})

test('what was deleted or trimmed after the last save does not come back, nor does what it replaced', async (t) => {
  const machine = await Machine.create(t)
  const first = await machine.start()
  const client = first.join()
  for (const topic of ['deleted', 'trimmed']) await client.store(topic, '1')
  for (const topic of ['deleted later', 'trimmed later', 'stays']) client.publish(topic, 'live')
  await first.save()
  for (const topic of ['deleted later', 'trimmed later']) await client.store(topic, '1')
  for (const topic of ['deleted', 'deleted later']) {
    await client.handle.log.deleteRange({ topic, fromHead: 1, toHead: 1 })
  }
  for (const topic of ['trimmed', 'trimmed later']) {
    await machine.store.trim({ topic, origin: suiteNode }, 1)
  }
  await first.crash()
  assert.deepEqual((await machine.start()).texts, ['stays=live'])
})

test('what was forgotten stays forgotten after a save, also when it is in a log', async (t) => {
  const machine = await Machine.create(t)
  const first = await machine.start()
  const client = first.join()
  await client.store('stored', '1')
  client.publish('live', '1')
  client.publish('stays', '1')
  await first.save()
  assert.equal(client.live.forgetLast(levelFilter('mqtt', 'stored')), 1)
  assert.equal(client.live.forgetLast(levelFilter('mqtt', 'live')), 1)
  await first.save()
  await first.crash()
  assert.deepEqual((await machine.start()).texts, ['stays=1'])
})

test('a last value that the rule in force would not have made does not come back', async (t) => {
  const machine = await Machine.create(t)
  const first = await machine.start()
  const client = first.join()
  for (const policy of ['acked', 'always', 'never']) {
    client.publish(`live/${policy}`, 'x')
    await client.store(`stored/${policy}`, 'x')
  }
  client.publish('small', '12345')
  await first.stop()
  const topicRules = [
    rule('+/acked', 'acked'),
    rule('+/always', 'always'),
    rule('+/never', 'never'),
    { filter: parseTopicFilter('small'), maxPayloadBytes: 4 },
  ]
  const second = await machine.start({ topicRules })
  assert.deepEqual(second.texts, [
    'live/acked=x',
    'stored/acked=x',
    'stored/always=x',
    'live/never=x',
  ])
  await second.stop()
  // For good: the rules may change again.
  assert.equal((await machine.start()).values.length, 4)
})

test('what comes before the values are loaded stays, is newer, and is saved', async (t) => {
  const machine = await Machine.create(t)
  const first = await machine.start()
  for (const topic of ['a', 'b', 'c']) first.join().publish(topic, 'before')
  await first.stop()
  const second = await machine.start({
    early: (bus) => void new TestClient(bus, 'early').publish('b', 'early'),
  })
  const expected = ['a=before', 'c=before', 'b=early']
  assert.deepEqual(second.texts, expected)
  await second.save()
  await second.crash()
  assert.deepEqual((await machine.start()).texts, expected)
})

test('what the daemon itself says is not saved', async (t) => {
  const machine = await Machine.create(t)
  const first = await machine.start()
  first.join('somebody').publish('a', 'x')
  assert.ok(first.bus.lastValue('$msgbus.clients') !== undefined)
  await first.stop()
  const second = await machine.start()
  assert.deepEqual(second.texts, ['a=x'])
  assert.equal(second.bus.lastValue('$msgbus.clients'), undefined)
})

test('a disk that cannot be written to is reported once, tried again, and costs nothing when it works again', async (t) => {
  const machine = await Machine.create(t)
  machine.fault = new Error('no space')
  const run = await machine.start()
  const client = run.join()
  client.publish('a', '1')
  await run.save()
  client.publish('b', '2')
  run.clock.advance(saveRetryMs - saveEveryMs)
  assert.equal(run.scopes.length, 1, 'not every second')
  await run.save()
  assert.deepEqual(machine.logged, ['last_values_not_saved'])
  machine.fault = undefined
  run.clock.advance(saveRetryMs - saveEveryMs)
  await run.save()
  assert.deepEqual(machine.logged, ['last_values_not_saved', 'last_values_saved_again'])
  assert.deepEqual(run.scopes, ['everything', 'everything', 'everything'])
  await run.crash()
  assert.deepEqual((await machine.start()).texts, ['a=1', 'b=2'])
})

test('more changes than topics are remembered make one save of everything', async (t) => {
  const machine = await Machine.create(t)
  const run = await machine.start({ limits: { rememberedTopics: 10 } })
  const client = run.join()
  client.publish('first', 'x')
  await run.save()
  for (let i = 0; i < 50; i++) client.publish(`topic/${i}`, 'x')
  await run.save()
  assert.deepEqual(run.scopes, ['everything', 'everything'])
  const before = run.texts
  assert.equal(before.length, 10)
  await run.crash()
  assert.deepEqual((await machine.start()).texts, before)
})

test('nothing is written while nothing changes', async (t) => {
  const machine = await Machine.create(t)
  const run = await machine.start()
  run.join().publish('a', 'x')
  await run.save()
  run.clock.advance(10 * saveEveryMs)
  await run.stop()
  assert.deepEqual(run.scopes, ['everything'])
})

test('a store that lost its last commits is read as it is', async (t) => {
  const machine = await Machine.create(t)
  const first = await machine.start()
  const client = first.join()
  await client.store('a', '1')
  client.publish('live', 'x')
  await client.store('a', '2', '3', '4')
  await client.store('gone', '5')
  await first.stop()
  // The same history up to its second message, and then another.
  machine.store = await Machine.emptyStore()
  const append = (topic: string, text: string) =>
    machine.store.append([{ topic, payload: Buffer.from(text), headers: noHeaders }])
  await append('a', '1')
  await append('other', 'new')
  const second = await machine.start()
  assert.deepEqual(second.texts.toSorted(), ['a=1', 'live=x', 'other=new'])
  await second.save()
  await second.crash()
  assert.deepEqual((await machine.start()).texts.toSorted(), ['a=1', 'live=x', 'other=new'])
})

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('live' as const), topic: fc.nat(5) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('store' as const), topic: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), topic: fc.nat(5) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), topic: fc.nat(5) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('save' as const), topic: fc.constant(0) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('stop' as const), topic: fc.constant(0) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('crash' as const), topic: fc.constant(0) }),
  },
)

interface Modelled {
  readonly text: string
  readonly isStored: boolean
}

test('random histories with stops and crashes agree with a model', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
      const machine = await Machine.create()
      try {
        await follow(machine, steps)
      } finally {
        await machine.end()
      }
    }),
    { numRuns: 60 },
  )
})

async function follow(
  machine: Machine,
  steps: readonly { readonly kind: string; readonly topic: number }[],
): Promise<void> {
  let run = await machine.start()
  // In the order of acceptance.
  let now = new Map<string, Modelled>()
  let saved = new Map<string, Modelled>()
  /** Newest stored message of each topic since the last save. */
  let since = new Map<string, string>()
  const deleted = new Set<string>()
  const accept = (topic: string, value: Modelled) => {
    now.delete(topic)
    now.set(topic, value)
  }
  for (const [i, { kind, topic: number }] of steps.entries()) {
    const topic = `topic/${number}`
    const text = String(i)
    const client = run.join()
    if (kind === 'live') {
      client.publish(topic, text)
      accept(topic, { text, isStored: false })
    } else if (kind === 'store') {
      await client.store(topic, text)
      accept(topic, { text, isStored: true })
      since.delete(topic)
      since.set(topic, text)
    } else if (kind === 'forget') {
      client.live.forgetLast(levelFilter('mqtt', topic))
      now.delete(topic)
    } else if (kind === 'delete') {
      const head = machine.store.head({ topic, origin: suiteNode })
      const last = now.get(topic)
      if (head !== undefined) {
        const { messages } = await machine.store.read({ topic, origin: suiteNode }, head, {
          messages: 1,
        })
        deleted.add(Buffer.from(messages[0]?.payload ?? []).toString())
        await client.handle.log.deleteRange({ topic, fromHead: head, toHead: head })
        if (last?.isStored === true) now.delete(topic)
      }
    } else {
      if (kind === 'save') await run.save()
      if (kind === 'stop') await run.stop()
      if (kind === 'crash') {
        await run.crash()
        now = new Map(saved)
        for (const [known, content] of since) {
          now.delete(known)
          now.set(known, { text: content, isStored: true })
        }
        for (const [known, value] of now) {
          if (value.isStored && deleted.has(value.text)) now.delete(known)
        }
      }
      if (kind !== 'save') run = await machine.start()
      // After a crash what was put back from the logs is not in the file yet.
      if (kind !== 'crash') {
        saved = new Map(now)
        since = new Map()
      }
    }
    client.close()
    const expected = [...now].map(([known, value]) => `${known}=${value.text}`)
    assert.deepEqual(run.texts, expected, `after step ${i}, ${kind}`)
  }
}
