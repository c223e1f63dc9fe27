import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from '../base/crc32.ts'
import { systemClock, type Clock } from '../core/clock.ts'
import type { LogFields } from '../core/logger.ts'
import type { LogKey, OutgoingMessage, StoredMessage } from '../model/message.ts'
import { noHeaders } from '../model/message.ts'
import type { LogStore } from '../core/log-store.ts'
import { rowKinds } from './row-keys.ts'
import { openSimulated, SimulatedDisk } from './simulated-disk.ts'

const node = { tenantId: 'tenant', blName: 'bl', deviceId: 'device' }
const options = { node, clock: systemClock, publishIdWindowMs: 600_000, publishIdCount: 1_000 }
const everything = { messages: 1_000_000 }
const wanted = () => true
const short = (key: LogKey) => key.topic === 'short 2'

const keyOf = (topic: string): LogKey => ({ topic, origin: node })
const message = (topic: string, text: string, publishId?: string): OutgoingMessage => ({
  topic,
  payload: Buffer.from(text),
  headers: noHeaders,
  publishId,
  // Some logs are history, and some are not.
  history: /[a13579]$/.test(topic),
})

/** Appends as many groups of one message to each topic; publish ids are the heads. */
async function fill(store: LogStore, topics: readonly string[], groups: number): Promise<void> {
  for (let i = 0; i < groups; i++) {
    const next = (topic: string) => (store.head(keyOf(topic)) ?? 0) + 1
    await store.append(topics.map((topic) => message(topic, `${topic} ${i}`, `${next(topic)}`)))
  }
}

/** Everything a store shows, in a form to compare. */
async function contentOf(store: LogStore): Promise<unknown> {
  const logs = []
  for (const info of store.logs()) {
    const { messages, damaged } = await store.read(info, 1, everything)
    logs.push({ info, messages: messages.map(plain), damaged })
  }
  const feed = await store.readFeed(0, wanted, everything)
  const queues = [...store.queues()]
  return { logs, feed: feed.messages.map(plain), last: store.lastSequence, queues }
}

const plain = (m: StoredMessage) => ({ ...m, payload: Buffer.from(m.payload).toString() })

test('a store that was not closed opens with everything, from the blocks alone', async () => {
  const disk = new SimulatedDisk()
  const store = await openSimulated(disk, options)
  await fill(store, ['a', 'b'], 20)
  await store.deleteRange({ topic: 'a', fromHead: 3, toHead: 5, beyondHead: 'clip' })
  await store.trim(keyOf('b'), 4)
  const expected = await contentOf(store)
  const crashed = disk.copy()
  assert.equal(rowsOf(crashed, rowKinds.index).length, 0, 'no checkpoint was made')
  const reopened = await openSimulated(crashed, options)
  assert.deepEqual(await contentOf(reopened), expected)
  const [outcome] = await reopened.append([message('a', 'again', '20')])
  assert.equal(outcome?.kind, 'duplicate', 'publish ids are read from the records')
  await reopened.close()
  await store.close()
})

test('a crash between any two commits of a checkpoint changes nothing', async () => {
  const disk = new SimulatedDisk()
  const store = await openSimulated(disk, options)
  const topics = Array.from({ length: 150 }, (_, i) => `topic ${i}`)
  await fill(store, topics, 6)
  const expected = await contentOf(store)
  const states: SimulatedDisk[] = []
  disk.onCommitted = () => void states.push(disk.copy())
  await store.close()
  assert.ok(states.length >= 3, `${states.length} commits`)
  for (const state of states) {
    // Once more over what was written half, then with something new, then closed in good order.
    const first = await openSimulated(state, options)
    assert.deepEqual(await contentOf(first), expected)
    await fill(first, topics.slice(0, 3), 2)
    const grown = await contentOf(first)
    await first.close()
    const second = await openSimulated(state, options)
    assert.deepEqual(await contentOf(second), grown)
    await second.close()
  }
})

test('index rows fill up, and a log is found through many of them', async () => {
  const disk = new SimulatedDisk()
  for (let round = 0; round < 4; round++) {
    const store = await openSimulated(disk, options)
    await fill(store, ['long', `short ${round}`], 400)
    await store.close()
  }
  const store = await openSimulated(disk, options)
  assert.equal(rowsOf(disk, rowKinds.index).length, 4 + 4, 'rows of 512 runs')
  for (const head of [1, 2, 511, 512, 513, 1_024, 1_025, 1_600]) {
    const page = await store.read(keyOf('long'), head, { messages: 3 })
    const expected = [head, head + 1, head + 2].filter((h) => h <= 1_600)
    assert.deepEqual(
      page.messages.map((m) => m.headId),
      expected,
    )
  }
  // A quiet log among much else is read by its index, wherever one begins.
  for (const after of [0, 1_000, 1_700, 1_999, 2_400, 3_200]) {
    const page = await store.readFeed(after, short, everything)
    assert.deepEqual(
      page.messages,
      (await scan(store, short)).filter((m) => m.sequence > after),
    )
  }
  await store.close()
})

test('a damaged record is left out, reported, counted once, and its head is not given again', async () => {
  const disk = new SimulatedDisk()
  const store = await openSimulated(disk, options)
  await store.append([message('a', 'first'), message('b', 'x'), message('a', 'second')])
  const [key, bytes] = only(disk.blocks)
  const at = Buffer.from(bytes).indexOf('second')
  bytes[at] = 0
  const crashed = disk.copy()
  await store.close()
  const warnings: { event: string; fields: LogFields | undefined }[] = []
  const reopened = await openSimulated(crashed, options, warnings)
  assert.equal(key, 1)
  for (let round = 0; round < 2; round++) {
    const page = await reopened.read(keyOf('a'), 1, everything)
    assert.deepEqual(
      page.messages.map((m) => m.headId),
      [1],
    )
    assert.deepEqual(page.damaged, [{ ...keyOf('a'), fromHead: 2, toHead: 2 }])
    assert.equal(page.nextHead, 3)
    const feed = await reopened.readFeed(0, wanted, everything)
    assert.equal(feed.messages.length, 2)
    assert.deepEqual(feed.damaged, page.damaged)
  }
  assert.equal(reopened.status().damagedRecords, 1)
  assert.equal(warnings.filter(({ event }) => event === 'record_damaged').length, 1)
  const [outcome] = await reopened.append([message('a', 'third')])
  assert.ok(outcome?.kind === 'stored' && outcome.message.headId === 3)
  let checked
  for await (const progress of reopened.verify()) checked = progress
  assert.equal(checked?.recordsChecked, 4)
  assert.deepEqual(checked.damaged, [{ ...keyOf('a'), fromHead: 2, toHead: 2 }])
  await reopened.close()
})

test('a block that cannot be read at all costs what was in it', async () => {
  const disk = new SimulatedDisk()
  const first = await openSimulated(disk, options)
  await fill(first, ['a', 'b'], 3)
  await first.close()
  // The second of three blocks: heads 2.
  disk.blocks.get(3)?.fill(0)
  const store = await openSimulated(disk, options)
  const lost = ['a', 'b'].map((topic) => ({ ...keyOf(topic), fromHead: 2, toHead: 2 }))
  const page = await store.read(keyOf('a'), 1, everything)
  assert.deepEqual(
    page.messages.map((m) => m.headId),
    [1, 3],
  )
  assert.deepEqual(page.damaged, lost.slice(0, 1))
  const feed = await store.readFeed(0, wanted, everything)
  assert.deepEqual(
    feed.messages.map((m) => m.sequence),
    [1, 2, 5, 6],
  )
  assert.deepEqual(feed.damaged, lost)
  assert.equal(store.status().damagedRecords, 2)
  await store.close()
})

test('damaged rows: index rows are made again, logs have a copy', async () => {
  const disk = new SimulatedDisk()
  const first = await openSimulated(disk, options)
  await fill(first, ['a', 'b'], 600)
  await first.enqueue([queueMessage(), queueMessage()])
  const expected = await contentOf(first)
  await first.close()
  for (const kind of [rowKinds.index, rowKinds.log, rowKinds.queue, rowKinds.checkpoint]) {
    const damaged = disk.copy()
    for (const [name] of rowsOf(damaged, kind)) damaged.rows.get(name)?.fill(7, 3)
    const warnings: { event: string; fields: LogFields | undefined }[] = []
    const store = await openSimulated(damaged, options, warnings)
    assert.deepEqual(await contentOf(store), expected)
    await store.close()
    const isNoticed = warnings.some(({ event }) => event === 'record_damaged')
    assert.equal(isNoticed, kind === rowKinds.index || kind === rowKinds.checkpoint)
  }
})

test('a damaged note is reported and not served, and the others are', async () => {
  const disk = new SimulatedDisk()
  const store = await openSimulated(disk, options)
  const changes = ['a', 'b', 'c'].map((key) => ({ table: 't', key, value: Buffer.from(key) }))
  await store.writeNotes(changes)
  const [[name]] = rowsOf(disk, rowKinds.note) as [[string, Uint8Array]]
  disk.rows.get(name)?.fill(7, 3)
  const keys: string[] = []
  for await (const { key } of store.notes('t')) keys.push(key)
  assert.equal(keys.length, 2)
  for await (const { recordsChecked } of store.verify()) assert.ok(recordsChecked <= 3)
  assert.equal(store.status().damagedRecords, 1)
  await store.close()
})

test('a commit that failed but is there after all is a success', async () => {
  const disk = new SimulatedDisk()
  const store = await openSimulated(disk, options)
  const heard: number[] = []
  store.onCommit(({ messages }) => heard.push(...messages.map((m) => m.headId)))
  disk.fate = () => 'lost'
  const [outcome] = await store.append([message('a', 'one')])
  assert.equal(outcome?.kind, 'stored')
  await store.enqueue([queueMessage()])
  disk.fate = () => 'broken'
  await assert.rejects(store.append([message('a', 'two')]), { reason: 'storage_failed' })
  await assert.rejects(store.enqueue([queueMessage()]), { reason: 'storage_failed' })
  assert.equal(store.status().failure?.reason, 'storage_failed')
  disk.fate = () => 'ok'
  const [next] = await store.append([message('a', 'two again')])
  assert.ok(next?.kind === 'stored' && next.message.headId === 2)
  assert.equal(store.status().failure, undefined)
  assert.deepEqual(heard, [1, 2])
  assert.deepEqual([...store.queues()], [{ queue: 'q', depth: 1, lastSequence: 1 }])
  await store.close()
})

test('while the storage is lost nothing is acknowledged; what was written shows when it is back', async () => {
  const disk = new SimulatedDisk()
  const store = await openSimulated(disk, options)
  await store.append([message('a', 'one')])
  disk.fate = () => 'lost'
  disk.canReopen = false
  await assert.rejects(store.append([message('a', 'two')]), { reason: 'storage_failed' })
  disk.fate = () => 'ok'
  await assert.rejects(store.append([message('a', 'never')]), { reason: 'storage_failed' })
  assert.equal(store.head(keyOf('a')), 1)
  assert.equal((await store.read(keyOf('a'), 1, everything)).messages.length, 1, 'reads go on')
  disk.canReopen = true
  const [outcome] = await store.append([message('a', 'three')])
  assert.ok(outcome?.kind === 'stored')
  const texts = (await store.read(keyOf('a'), 1, everything)).messages.map((m) => plain(m).payload)
  assert.deepEqual(texts, ['one', 'two', 'three'])
  assert.equal(outcome.message.headId, 3)
  await store.close()
})

test('deleted content leaves the disk, also when the process ends in between', async () => {
  const disk = new SimulatedDisk()
  const store = await openSimulated(disk, options)
  const secret = Buffer.from('very secret')
  for (let i = 0; i < 100; i++) {
    await store.append([message('a', `very secret ${i}`), message('b', `public ${i}`)])
  }
  const commits = disk.commits
  const crashes: SimulatedDisk[] = []
  disk.onCommitted = () => {
    // The commit of the marker, then the first step of the sweeper.
    if (disk.commits === commits + 2) crashes.push(disk.copy())
  }
  await store.deleteRange({ topic: 'a', fromHead: 1, toHead: Infinity, beyondHead: 'clip' })
  await disk.until(() => rowsOf(disk, rowKinds.erase).length === 0)
  assert.equal(disk.holds(secret), false)
  assert.ok(disk.holds(Buffer.from('public 99')))
  const expected = await contentOf(store)
  await store.close()
  const left = crashes[0] as SimulatedDisk
  assert.ok(left.holds(secret), 'the crash came in between')
  const again = await openSimulated(left, options)
  await left.until(() => rowsOf(left, rowKinds.erase).length === 0)
  assert.equal(left.holds(secret), false)
  assert.deepEqual(await contentOf(again), expected)
  await again.close()
})

test('trimmed messages give their space back, cycle after cycle', async () => {
  const disk = new SimulatedDisk()
  const clock = new StepClock()
  let store = await openSimulated(disk, { ...options, clock, publishIdCount: 10 })
  const sizes: number[] = []
  for (let cycle = 0; cycle < 8; cycle++) {
    await fill(store, ['a', 'b', 'c'], 50)
    const keep = 10
    for (const topic of ['a', 'b', 'c']) {
      await store.trim(keyOf(topic), (store.head(keyOf(topic)) ?? 0) - keep)
    }
    const swept = disk.until(() => disk.blocks.size <= keep)
    clock.fire()
    await swept
    await store.close()
    sizes.push(disk.bytes)
    store = await openSimulated(disk, { ...options, clock, publishIdCount: 10 })
  }
  const [first, ...later] = sizes as [number, ...number[]]
  for (const size of later) assert.ok(size < first * 1.2, sizes.join(' '))
  const page = await store.read(keyOf('b'), 385, everything)
  assert.deepEqual(page.messages.map((m) => m.deleted).filter(Boolean).length, 6)
  assert.equal(page.messages.length, 16)
  assert.equal(page.damaged.length, 0)
  await store.close()
})

test('a store written before there was history: everything in it is kept', async () => {
  const disk = new SimulatedDisk()
  const first = await openSimulated(disk, options)
  await fill(first, ['a'], 5)
  await first.close()
  for (const kind of [rowKinds.log, rowKinds.logCopy]) {
    for (const [name, value] of rowsOf(disk, kind)) {
      // Without the last two numbers, which take one byte each here.
      const [head, checksum] = [value.subarray(0, -6), new Uint8Array(4)]
      disk.rows.set(name, sealed(Buffer.concat([head, checksum])))
    }
  }
  const store = await openSimulated(disk, options)
  assert.equal(store.log(keyOf('a'))?.keptTo, 5)
  await fill(store, ['a'], 3)
  const crashed = disk.copy()
  await store.close()
  for (const state of [disk, crashed]) {
    const again = await openSimulated(state, options)
    assert.equal(again.head(keyOf('a')), 8)
    assert.equal(again.log(keyOf('a'))?.keptTo, 5)
    assert.equal(again.log(keyOf('a'))?.historyTo, 8)
    await again.close()
  }
})

test('a damaged record that was kept is not mistaken, and one of history holds nothing up', async () => {
  const disk = new SimulatedDisk()
  const store = await openSimulated(disk, options)
  await store.append([message('a', 'first'), message('b', 'other'), message('a', 'second')])
  const crashed = disk.copy()
  await store.close()
  const [, bytes] = only(crashed.blocks)
  for (const text of ['second', 'other']) bytes[Buffer.from(bytes).indexOf(text)] = 0
  const reopened = await openSimulated(crashed, options)
  assert.deepEqual(
    ['a', 'b'].map((topic) => reopened.log(keyOf(topic))?.keptTo),
    [0, 1],
  )
  await reopened.close()
})

test('trims that are asked for together share commits, and so does the sweeping', async () => {
  const disk = new SimulatedDisk()
  const clock = new StepClock()
  const store = await openSimulated(disk, { ...options, clock })
  const topics = Array.from({ length: 500 }, (_, i) => `topic ${i}`)
  await fill(store, topics, 2)
  const before = disk.commits
  await Promise.all(topics.map((topic) => store.trim(keyOf(topic), 1)))
  assert.equal(disk.commits - before, 2)
  const swept = disk.until(() => disk.blocks.size === 1)
  clock.fire()
  await swept
  await store.close()
  // One for the blocks, one for each 64 logs, and those of the checkpoint.
  assert.ok(disk.commits - before < 30, `${disk.commits - before} commits`)
  const again = await openSimulated(disk, { ...options, clock })
  for (const topic of topics) {
    const page = await again.read(keyOf(topic), 1, everything)
    assert.deepEqual(
      page.messages.map((m) => m.deleted),
      [true, false],
    )
  }
  await again.close()
})

test('a newer format is refused before anything is changed', async () => {
  const disk = new SimulatedDisk()
  await (await openSimulated(disk, options)).close()
  const [[name, value]] = rowsOf(disk, rowKinds.meta) as [[string, Uint8Array]]
  const newer = new Uint8Array(value)
  newer[0] = 2
  disk.rows.set(name, sealed(newer))
  const before = disk.copy()
  await assert.rejects(openSimulated(disk, options), { reason: 'newer_schema' })
  assert.deepEqual(disk.rows, before.rows)
  newer[5] = 77
  disk.rows.set(name, newer)
  await assert.rejects(openSimulated(disk, options), { reason: 'damaged_store' })
})

function rowsOf(disk: SimulatedDisk, kind: number): [string, Uint8Array][] {
  const prefix = Buffer.from([kind]).toString('hex')
  return [...disk.rows].filter(([name]) => name.startsWith(prefix))
}

function only<Key, Value>(map: Map<Key, Value>): [Key, Value] {
  assert.equal(map.size, 1)
  return [...map][0] as [Key, Value]
}

/** What a feed has to show, by reading the logs. */
async function scan(store: LogStore, wants: (key: LogKey) => boolean): Promise<StoredMessage[]> {
  const found: StoredMessage[] = []
  for (const info of store.logs()) {
    if (wants(info)) found.push(...(await store.read(info, 1, everything)).messages)
  }
  return found.sort((a, b) => a.sequence - b.sequence)
}

function queueMessage() {
  const payload = Buffer.from('x')
  return { queue: 'q', topic: 't', source: node, target: node, payload, headers: noHeaders }
}

/** The value with the checksum that belongs to it. */
function sealed(value: Uint8Array): Uint8Array {
  const at = value.length - 4
  new DataView(value.buffer, value.byteOffset).setUint32(at, crc32(value, 0, at, 0), true)
  return value
}

/** Tasks run when the test says so. */
class StepClock implements Clock {
  #tasks: (() => void)[] = []

  now = () => systemClock.now()
  monotonic = () => systemClock.monotonic()

  after(_delayMs: number, task: () => void) {
    this.#tasks.push(task)
    return { cancel: () => void (this.#tasks = this.#tasks.filter((other) => other !== task)) }
  }

  fire(): void {
    const tasks = this.#tasks
    this.#tasks = []
    for (const task of tasks) task()
  }
}
