/**
 * Long random histories on the engine under test and on the memory store side by side. Every answer
 * is compared, and at the end everything a store shows, after reopening. What differs by design is
 * replaced before comparing: a random id by the place of its message, a sequence by its rank in the
 * commit order.
 *
 * The same steps are also run all at once. What each is answered then depends on the order in which
 * the engine takes them, but what holds for every store must hold, and reopening must change nothing.
 *
 * The seed is printed; MSGBUS_HISTORY_SEED repeats it and MSGBUS_HISTORY_RUNS runs for longer.
 */

import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { formatDeleteMarker } from '../../core/delete-marker.ts'
import type { LogStore } from '../../core/log-store.ts'
import { deleteMarkerTopic, noHeaders, type LogKey } from '../../model/message.ts'
import { stubId } from '../../model/stub-id.ts'
import { openMemoryLogStore, restoreMemoryLogStore } from '../memory/memory-log-store.ts'
import { HistorySide } from './history-side.ts'
import { bytesOf, noteTables, readFeed, replica, type Replica } from './messages.ts'
import { foreignNode, ownNode, StoreFixture, type SuiteContext } from './store-fixture.ts'

const memory: SuiteContext = {
  open: openMemoryLogStore,
  traits: { restore: restoreMemoryLogStore },
}

export function historySuite(context: SuiteContext): void {
  const numRuns = Number(process.env['MSGBUS_HISTORY_RUNS'] ?? 8)
  const seed = Number(process.env['MSGBUS_HISTORY_SEED'] ?? randomInt(2 ** 31))

  // Making a counterexample smaller takes many runs, and ends after a while.
  const reporting = { includeErrorInReport: true, interruptAfterTimeLimit: numRuns * 1_500 }

  test(`random histories are as in the memory store (seed ${seed})`, async () => {
    const operations = fc.array(operation, { minLength: 1, maxLength: 80, size: 'max' })
    await fc.assert(
      fc.asyncProperty(operations, fc.boolean(), (history, keepDeletedPayloads) =>
        runHistory(context, history, keepDeletedPayloads),
      ),
      { ...reporting, seed, numRuns },
    )
  })

  test(`everything in flight at once (seed ${seed})`, async () => {
    const batch = fc.array(operation, { minLength: 1, maxLength: 40, size: 'max' })
    const batches = fc.array(batch, { minLength: 1, maxLength: 4 })
    const property = fc.asyncProperty(batches, (all) => runInFlight(context, all))
    await fc.assert(property, { ...reporting, seed, numRuns: Math.ceil(numRuns / 3) })
  })
}

async function runInFlight(
  context: SuiteContext,
  batches: readonly (readonly Operation[])[],
): Promise<void> {
  const fixture = await StoreFixture.create(context, {})
  try {
    const side = new HistorySide(fixture)
    for (const batch of batches) {
      const calls = batch.filter((step) => step.kind === 'call')
      await Promise.all(calls.map((step) => step.prepare(side.store)(side)))
      const before = await side.content()
      await fixture.reopen()
      assert.deepEqual(await side.content(), before)
    }
  } finally {
    await fixture.end()
  }
}

async function runHistory(
  context: SuiteContext,
  history: readonly Operation[],
  keepDeletedPayloads: boolean,
): Promise<void> {
  // The window never ends at a step, and the number of ids is no bound here: an engine may look at
  // both once per commit.
  const options = { keepDeletedPayloads, publishIdWindowMs: 1_005 }
  const fixture = await StoreFixture.create(context, options)
  const model = await StoreFixture.create(memory, { ...options, clock: fixture.clock })
  try {
    const expected = new HistorySide(model)
    const actual = new HistorySide(fixture)
    for (const [i, step] of history.entries()) {
      if (step.kind === 'advance') fixture.clock.advance(step.ms)
      else if (step.kind === 'reopen') await fixture.reopen()
      else {
        // Places are chosen by what the model holds, so that both sides get the same arguments.
        const run = step.prepare(expected.store)
        assert.deepEqual(await run(actual), await run(expected), `step ${i}: ${step.name}`)
      }
    }
    assert.deepEqual(await actual.content(), await expected.content(), 'at the end')
    await fixture.reopen()
    assert.deepEqual(await actual.content(), await expected.content(), 'after reopening')
    assert.deepEqual(
      fixture.warnings.map((warning) => warning.event),
      model.warnings.map((warning) => warning.event),
    )
  } finally {
    await fixture.end()
    await model.end()
  }
}

/** Runs on one side and answers what must be equal on both. */
type HistoryRun = (side: HistorySide) => Promise<unknown>

type Operation =
  { readonly kind: 'advance'; readonly ms: number } | { readonly kind: 'reopen' } | Call

interface Call {
  readonly kind: 'call'
  readonly name: string
  /** What was generated, for people. */
  readonly args: unknown
  readonly prepare: (model: LogStore) => HistoryRun
}

const topics = ['a', 'b/c', '$d']
const origins = [
  foreignNode,
  { tenantId: 'a/b', blName: 'c', deviceId: 'd' },
  { tenantId: 'a', blName: 'b/c', deviceId: 'd' },
  ownNode,
]
const queues = ['q', 'Q']

const topic = fc.constantFrom(...topics)
const log: fc.Arbitrary<LogKey> = fc.record({ topic, origin: fc.constantFrom(...origins) })
const anyLog: fc.Arbitrary<LogKey> = fc.oneof(
  { weight: 4, arbitrary: log },
  { weight: 1, arbitrary: log.map(({ origin }) => ({ topic: deleteMarkerTopic, origin })) },
)
const payload = fc.oneof(
  { weight: 9, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  // Some are larger than what an engine may put together in one place.
  { weight: 1, arbitrary: fc.nat(300_000).map((length) => new Uint8Array(length).fill(7)) },
)
const headers = fc
  .dictionary(fc.string({ maxLength: 4 }), fc.string({ maxLength: 6 }), { maxKeys: 3 })
  .map((entries) => new Map(Object.entries(entries)))
const upperHead = fc.oneof(
  { weight: 6, arbitrary: fc.nat(14) },
  { weight: 1, arbitrary: fc.constant(Infinity) },
)

const note = fc.record({
  table: fc.constantFrom(...noteTables),
  key: fc.constantFrom('a', 'b', ''),
  value: fc.option(payload, { nil: undefined, freq: 3 }),
})
const notes = fc.array(note, { maxLength: 3 })

const appendedItems = fc.array(
  fc.record({
    topic: fc.oneof({ weight: 20, arbitrary: topic }, { weight: 1, arbitrary: fc.constant('') }),
    payload,
    headers,
    publishId: fc.option(fc.constantFrom('p', 'q', 'r', 's', 't', 'u'), {
      nil: undefined,
      freq: 2,
    }),
    history: fc.boolean(),
  }),
  { maxLength: 6 },
)
const append = fc
  .record({ items: appendedItems, notes: fc.option(notes, { nil: undefined }) })
  .map((args) =>
    call('append', args, () => async (side) => {
      const outcomes = await side.store.append(args.items, args.notes)
      return outcomes.map((outcome) => side.appended(outcome))
    }),
  )
const writeNotes = notes.map((changes) =>
  call('writeNotes', changes, () => async (side) => side.store.writeNotes(changes)),
)

type Variant = (item: Replica) => Replica
const variants: Variant[] = [
  (item) => ({ ...item, deleted: true }),
  (item) => ({ ...item, deleted: true, payload: new Uint8Array(0), headers: noHeaders }),
  (item) => ({ ...item, id: `${item.id} fork` }),
  (item) => ({ ...item, payload: bytesOf('fork') }),
  (item) => ({ ...item, createdAtMs: 1 }),
  (item) => ({ ...item, deleted: true, id: stubId(item, item.headId), createdAtMs: 2 }),
  (item) => ({ ...item, headId: 0 }),
]
const variant = fc.oneof(
  { weight: 12, arbitrary: fc.constant<Variant>((item) => item) },
  { weight: 3, arbitrary: fc.constantFrom(...variants) },
)

const replicate = fc
  .record({
    log,
    /** Where the items begin, seen from the head. */
    delta: fc.integer({ min: -4, max: 3 }),
    changes: fc.array(variant, { minLength: 1, maxLength: 6 }),
    order: fc.constantFrom('ascending', 'descending', 'odd first'),
  })
  .map((args) =>
    call('replicate', args, (model) => {
      const { log: key, delta, changes, order } = args
      const first = Math.max(1, (model.head(key) ?? 0) + Math.min(1, delta))
      const items = changes.map((change, i) => {
        return change(replica(key.topic, first + i, { origin: key.origin }))
      })
      if (order === 'descending') items.reverse()
      if (order === 'odd first') items.sort((a, b) => (b.headId % 2) - (a.headId % 2))
      return replicateOn(items)
    }),
  )

const replicateMarker = fc
  .record({
    origin: fc.constantFrom(...origins),
    target: fc.oneof(
      { weight: 8, arbitrary: topic },
      { weight: 1, arbitrary: fc.constant(deleteMarkerTopic) },
    ),
    from: fc.nat(8),
    to: upperHead,
    fault: fc.option(fc.constantFrom('json', 'origin', 'deleted', 'present', 'reversed'), {
      freq: 3,
    }),
  })
  .map((args) =>
    call('marker', args, (model) => {
      const { origin, target, from, to, fault } = args
      const head = model.head({ topic: deleteMarkerTopic, origin }) ?? 0
      const isReversed = fault === 'reversed'
      const content = formatDeleteMarker({
        topic: target,
        origin: fault === 'origin' ? { ...origin, deviceId: 'other' } : origin,
        fromHead: isReversed ? 9 : Math.min(from, to),
        toHead: isReversed ? 3 : Math.max(from, to),
        createdAtMs: 3,
      })
      const item = replica(deleteMarkerTopic, head + 1, {
        origin,
        payload: fault === 'json' ? bytesOf('{') : content,
        headers: noHeaders,
        deleted: fault === 'deleted',
      })
      return replicateOn(fault === 'present' ? [item, item] : [item])
    }),
  )

const deleteRange = fc
  .record({
    topic,
    from: fc.nat(12),
    to: upperHead,
    beyondHead: fc.constantFrom('clip' as const, 'clip' as const, 'keep' as const),
  })
  .map((args) =>
    call('deleteRange', args, () => async (side) => {
      const { from, to, ...rest } = args
      const range = { fromHead: Math.min(from, to), toHead: Math.max(from, to) }
      const { deletedCount, marker } = await side.store.deleteRange({ ...rest, ...range })
      return { deletedCount, marker: marker && side.message(marker) }
    }),
  )

const trim = fc.tuple(anyLog, fc.nat(10)).map(([key, back]) =>
  call('trim', { key, back }, (model) => {
    const toHead = (model.head(key) ?? 0) + 2 - back
    return async (side) => side.store.trim(key, Math.max(0, toHead))
  }),
)

const read = fc
  .tuple(anyLog, fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 8 }))
  .map(([key, from, messages]) =>
    call('read', { key, from, messages }, () => async (side) => {
      const page = await side.store.read(key, from, { messages })
      return { ...page, messages: page.messages.map((message) => side.message(message)) }
    }),
  )

const feed = fc
  .record({
    after: fc.nat(60),
    wanted: fc.subarray([...topics, deleteMarkerTopic]),
    messages: fc.integer({ min: 1, max: 9 }),
    bytes: fc.option(fc.nat(200), { nil: undefined }),
  })
  .map((args) =>
    call('feed', args, () => async (side) => {
      const { after, wanted, messages, bytes } = args
      const limit = { messages, bytes }
      const from = side.sequenceOf(after)
      const found = await readFeed(side.store, from, (key) => wanted.includes(key.topic), limit)
      return found.map((message) => side.message(message))
    }),
  )

const enqueue = fc
  .array(fc.record({ queue: fc.constantFrom(...queues), payload, headers }), { maxLength: 4 })
  .map((items) =>
    call('enqueue', items, () => async (side) => {
      const full = items.map((item) => ({
        ...item,
        topic: 't',
        source: ownNode,
        target: foreignNode,
      }))
      return (await side.store.enqueue(full)).map((message) => side.queued(message))
    }),
  )

const settle = fc
  .array(
    fc.record({
      queue: fc.constantFrom(...queues),
      sequence: fc.integer({ min: 1, max: 12 }),
      action: fc.constantFrom('remove' as const, 'attempt' as const),
      frontOnly: fc.boolean(),
    }),
    { maxLength: 5 },
  )
  .map((items) =>
    call('settle', items, () => async (side) => {
      const full = items.map(({ sequence, ...item }) => {
        return { ...item, id: side.queueId(item.queue, sequence) }
      })
      return side.store.settleQueue(full)
    }),
  )

const recordSync = fc
  .record({
    peer: fc.constantFrom('http://b:1', 'http://b:10'),
    log: fc.option(log, { nil: undefined }),
    localHead: fc.nat(9),
    remoteHead: fc.nat(9),
    lastAttemptAtMs: fc.nat(99),
    error: fc.option(fc.constantFrom('down', 'refused'), { nil: undefined }),
  })
  .map((result) =>
    call('recordSync', result, () => async (side) => side.store.recordSync([result])),
  )

/** One step of a history. */
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 8, arbitrary: append },
  { weight: 8, arbitrary: replicate },
  { weight: 4, arbitrary: replicateMarker },
  { weight: 4, arbitrary: deleteRange },
  { weight: 3, arbitrary: trim },
  { weight: 3, arbitrary: read },
  { weight: 3, arbitrary: feed },
  { weight: 2, arbitrary: enqueue },
  { weight: 2, arbitrary: settle },
  { weight: 1, arbitrary: recordSync },
  { weight: 2, arbitrary: writeNotes },
  { weight: 2, arbitrary: fc.nat(60).map((n) => ({ kind: 'advance' as const, ms: n * 10 })) },
  { weight: 2, arbitrary: fc.constant({ kind: 'reopen' as const }) },
)

function call(name: string, args: unknown, prepare: Call['prepare']): Operation {
  const step = { kind: 'call' as const, name, args, prepare }
  // A counterexample is printed as its steps, without their code.
  Object.defineProperty(step, fc.toStringMethod, {
    value: () => `${name} ${fc.stringify(args)}`,
  })
  return step
}

function replicateOn(items: readonly Replica[]): HistoryRun {
  return async (side) => {
    const outcomes = await side.store.replicate(items)
    return outcomes.map((outcome) => side.replicated(outcome))
  }
}
