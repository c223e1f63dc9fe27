import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { noHeaders, type StoredMessage } from '../model/message.ts'
import { BlockBuilder, blockLimits } from './block-builder.ts'
import { BlockView, blockHeaderBytes, blockTrailerBytes, entryBytes, recordFlags } from './block.ts'
import { contentSize, decodeRecord, publishIdAt } from './record-decoder.ts'

interface Entry {
  readonly log: number
  readonly headId: number
  readonly step: number
  readonly createdAtMs: number
  readonly deleted: boolean
  readonly history: boolean
  readonly id: string | undefined
  readonly headers: ReadonlyMap<string, string>
  readonly payload: Uint8Array
  readonly publishId: string | undefined
}

const text = fc.string({ unit: 'binary', maxLength: 20 })
const entry: fc.Arbitrary<Entry> = fc.record({
  log: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
  headId: fc.integer({ min: 1, max: 2 ** 48 - 1 }),
  step: fc.integer({ min: 1, max: 5 }),
  createdAtMs: fc.maxSafeNat(),
  deleted: fc.boolean(),
  history: fc.boolean(),
  id: fc.oneof(fc.constant(undefined), fc.uuid(), text),
  headers: fc.oneof(
    fc.constant(noHeaders),
    fc.array(fc.tuple(text, text), { maxLength: 4 }).map((pairs) => new Map(pairs)),
  ),
  payload: fc.uint8Array({ maxLength: 300 }),
  publishId: fc.oneof(fc.constant(undefined), text),
})
const entries = fc.array(entry, { minLength: 1, maxLength: 12 })

const names = { topic: 't', origin: { tenantId: 'a', blName: 'b', deviceId: 'c' } }
const shown = { deleted: false, keepsDeletedPayloads: true, copies: false }

test('what goes in comes out', () => {
  fc.assert(
    fc.property(entries, fc.maxSafeNat(), (list, key) => {
      const { bytes, messages } = build(list, key % 2 ** 52)
      const view = new BlockView(key % 2 ** 52, bytes)
      assert.ok(view.isDirectorySound)
      assert.deepEqual(readSound(view), messages)
      assert.equal(view.lastSequence, messages[messages.length - 1]?.sequence)
      list.forEach((item, i) => {
        assert.equal(publishIdAt(view, i), item.publishId)
        assert.equal(view.logAt(i), item.log)
        assert.equal(contentSize(view, i), sizeOf(item))
        assert.equal(isHistory(view, i), item.history)
      })
    }),
  )
})

test('one flipped bit costs at most the record it hits, and is never served', () => {
  fc.assert(
    fc.property(entries, fc.nat(), (list, at) => {
      const { bytes, messages } = build(list, 7)
      const bit = at % (bytes.length * 8)
      const byte = bit >> 3
      bytes[byte] = (bytes[byte] as number) ^ (1 << (bit & 7))
      const view = new BlockView(7, bytes)
      // Header and trailer tell the same: with one of them gone everything is still there.
      assert.equal(view.count, list.length)
      const isInRecords = byte >= blockHeaderBytes && byte < bytes.length - blockTrailerBytes
      const lost = isInRecords ? 1 : 0
      const found = readSound(view)
      assert.equal(found.length, messages.length - lost)
      const ids = new Map(messages.map((message) => [message.sequence, message]))
      for (const message of found) assert.deepEqual(message, ids.get(message.sequence))
      // While the directory is sound, the damaged record is known by log and head.
      const isInBodies = byte >= blockHeaderBytes + list.length * entryBytes
      if (isInRecords && isInBodies) assert.ok(view.isDirectorySound)
    }),
    { numRuns: 500 },
  )
})

test('any damage gives only records that were written', () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 40 })
  fc.assert(
    fc.property(entries, damage, fc.nat(), (list, changes, cut) => {
      const { bytes, messages } = build(list, 1)
      for (const [at, value] of changes) bytes[at % bytes.length] = value
      const view = new BlockView(1, bytes.subarray(0, bytes.length - (cut % 3) * (cut % 50)))
      const ids = new Map(messages.map((message) => [message.sequence, message]))
      for (const message of readSound(view)) {
        assert.deepEqual(message, ids.get(message.sequence))
      }
    }),
    { numRuns: 500 },
  )
})

test('anything at all can be looked at', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      assert.deepEqual(readSound(new BlockView(1, bytes)), [])
    }),
  )
})

test('a rewritten record keeps everything but its content', () => {
  fc.assert(
    fc.property(entries, (list) => {
      const { bytes, messages } = build(list, 100)
      const view = new BlockView(100, bytes)
      const builder = new BlockBuilder()
      builder.begin(100)
      for (let i = 1; i < list.length; i++) builder.copy(view, i, i % 2 === 1)
      if (builder.count === 0) return
      const rewritten = new BlockView(100, builder.finish())
      const expected = messages.slice(1).map((message, i) => {
        if (i % 2 === 1) return message
        return { ...message, payload: new Uint8Array(), headers: noHeaders, deleted: true }
      })
      assert.deepEqual(readSound(rewritten), expected)
      for (let i = 1; i < list.length; i++) {
        assert.equal(publishIdAt(rewritten, i - 1), list[i]?.publishId)
        assert.equal(isHistory(rewritten, i - 1), list[i]?.history)
      }
    }),
  )
})

test('a damaged record stays damaged when its block is rewritten', () => {
  const { bytes } = build([sample(1), sample(2), sample(3)], 1)
  const body = blockHeaderBytes + 3 * entryBytes + 12
  bytes[body] = (bytes[body] as number) ^ 1
  const view = new BlockView(1, bytes)
  assert.deepEqual(
    [0, 1, 2].map((i) => view.isSound(i)),
    [true, false, true],
  )
  for (const withBody of [true, false]) {
    const builder = new BlockBuilder()
    builder.begin(1)
    for (let i = 0; i < 3; i++) {
      if (view.isSound(i)) builder.copy(view, i, false)
      else builder.copyDamaged(view, i, withBody)
    }
    const rewritten = new BlockView(1, builder.finish())
    assert.ok(rewritten.isDirectorySound)
    assert.deepEqual(
      [0, 1, 2].map((i) => rewritten.isSound(i)),
      [true, false, true],
    )
    assert.equal(rewritten.headAt(1), 2)
  }
})

test('a block ends before it grows too large, and takes one message of any size', () => {
  const builder = new BlockBuilder()
  const payload = new Uint8Array(blockLimits.bytes * 6).fill(9)
  assert.ok(builder.hasRoomFor(payload.length))
  builder.addNew({ ...sample(1), sequence: 1, payload })
  assert.equal(builder.hasRoomFor(0), false)
  const view = new BlockView(1, builder.finish())
  assert.deepEqual(decodeRecord(view, 0, names, shown).payload, payload)
  for (let i = 1; i <= blockLimits.records; i++) {
    assert.ok(builder.hasRoomFor(1))
    builder.addNew({ ...sample(i), sequence: i, payload: new Uint8Array(1) })
  }
  assert.equal(builder.hasRoomFor(1), false)
})

function build(list: readonly Entry[], key: number) {
  const builder = new BlockBuilder()
  let sequence = key
  const messages: StoredMessage[] = []
  for (const item of list) {
    const { headId, createdAtMs, deleted, headers, payload } = item
    const record = { ...item, sequence }
    let { id } = item
    if (id === undefined) id = builder.addNew(record)
    else builder.add(record, id)
    const content = { payload, headers: headers.size === 0 ? noHeaders : headers }
    messages.push({ ...names, id, headId, sequence, ...content, createdAtMs, deleted })
    sequence += item.step
  }
  return { bytes: builder.finish(), messages }
}

function readSound(view: BlockView): StoredMessage[] {
  const messages: StoredMessage[] = []
  for (let i = 0; i < view.count; i++) {
    if (!view.isSound(i)) continue
    const message = decodeRecord(view, i, names, shown)
    messages.push({ ...message, payload: new Uint8Array(message.payload) })
  }
  return messages
}

function isHistory(view: BlockView, i: number): boolean {
  return (view.flagsAt(i) & recordFlags.history) !== 0
}

function sizeOf({ payload, headers }: Entry): number {
  let size = payload.length
  for (const [key, value] of headers) size += Buffer.byteLength(key) + Buffer.byteLength(value)
  return size
}

function sample(headId: number) {
  return {
    log: 1,
    headId,
    step: 1,
    createdAtMs: 5,
    deleted: false,
    history: false,
    id: undefined,
    headers: noHeaders,
    payload: new Uint8Array(10).fill(headId),
    publishId: undefined,
  }
}
