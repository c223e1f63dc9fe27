/** The frames of message ports: what is written is read, however it is batched; anything else is refused. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Delivery } from '../core/bus-client.ts'
import { BusError, ProtocolError } from '../model/errors.ts'
import { readDelivery, writeDelivery } from './port-delivery.ts'
import {
  FieldReader,
  type Frame,
  type FrameKind,
  FrameWriter,
  kinds,
  readFrames,
} from './port-frames.ts'
import { readFailure, readValue } from './port-values.ts'

// A failure prints its seed.
const runs = { numRuns: 300 }

interface PlainFrame {
  readonly kind: FrameKind
  readonly flags: number
  readonly id: number
  readonly name: string
  readonly body: Uint8Array
}

const record = <T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true })
const wellFormed = fc.string({ unit: 'grapheme', maxLength: 80 })
const frames: fc.Arbitrary<PlainFrame> = record({
  kind: fc.constantFrom(...Object.values(kinds)),
  flags: fc.nat(255),
  id: fc.nat(0xffff_ffff),
  name: fc.oneof(
    wellFormed,
    wellFormed.map((text) => text.repeat(50)),
  ),
  body: fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.nat(20_000).map((length) => new Uint8Array(length).fill(length)),
  ),
})

function plain(frame: Frame): PlainFrame {
  const { kind, flags, id, name, bytes, start, end } = frame
  return {
    kind: kind as FrameKind,
    flags,
    id,
    name,
    body: new Uint8Array(bytes.subarray(start, end)),
  }
}

/** Batches of the frames, cut behind those whose index is in `cuts`. */
function batchesOf(list: readonly PlainFrame[], cuts: ReadonlySet<number>) {
  const writer = new FrameWriter()
  const batches: Uint8Array<ArrayBuffer>[] = []
  const cut = () => {
    const batch = writer.take()
    if (batch !== undefined) batches.push(batch)
  }
  list.forEach(({ kind, flags, id, name, body }, i) => {
    // Names may come as bytes, bodies from the middle of others.
    const given = i % 2 === 0 ? name : Buffer.from(name)
    const padded = Buffer.concat([Buffer.alloc(i % 3), body, Buffer.alloc(2)])
    writer.add(kind, flags, id, given, padded, i % 3, (i % 3) + body.length)
    if (cuts.has(i)) cut()
  })
  cut()
  return batches
}

test('the frames that are read are those that were written, however they are batched', () => {
  const input = fc.tuple(fc.array(frames, { maxLength: 30 }), fc.array(fc.nat(30)))
  fc.assert(
    fc.property(input, ([list, cuts]) => {
      const read: PlainFrame[] = []
      for (const batch of batchesOf(list, new Set(cuts))) {
        let bytes = 0
        readFrames(batch, (frame) => {
          read.push(plain(frame))
          bytes += frame.size
        })
        assert.equal(bytes, batch.length)
      }
      assert.deepEqual(read, list)
    }),
    runs,
  )
})

test('a batch that is cut anywhere gives the frames that are whole, and then a protocol error', () => {
  fc.assert(
    fc.property(fc.array(frames, { minLength: 1, maxLength: 5 }), fc.nat(), (list, at) => {
      const [whole] = batchesOf(list, new Set())
      assert.ok(whole !== undefined)
      const ends = new Set([0])
      readFrames(whole, (frame) => ends.add(frame.end))
      const batch = whole.slice(0, at % whole.length)
      const read: PlainFrame[] = []
      const readAll = () => readFrames(batch, (frame) => read.push(plain(frame)))
      if (ends.has(batch.length)) readAll()
      else assert.throws(readAll, ProtocolError)
      assert.deepEqual(read, list.slice(0, read.length))
    }),
    runs,
  )
})

test('any bytes give frames or a protocol error, and so do their fields', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const reads: ((frame: Frame) => unknown)[] = [
        (frame) => new FieldReader(frame).headers(),
        (frame) => new FieldReader(frame).f64(),
        (frame) => new FieldReader(frame).text(),
        (frame) => new FieldReader(frame).block(),
        (frame) => readDelivery(frame),
        (frame) => readValue(frame),
        (frame) => readFailure(frame),
      ]
      // Lengths that are small enough lead further in.
      const batch = Buffer.concat([bytes, bytes.map((byte) => byte & 3)])
      for (const read of reads) {
        for (const part of [new Uint8Array(bytes), new Uint8Array(batch)]) {
          try {
            readFrames(part, (frame) => void read(frame))
          } catch (error) {
            assert.ok(error instanceof ProtocolError, String(error))
          }
        }
      }
    }),
    runs,
  )
})

const origin = record({ tenantId: wellFormed, blName: wellFormed, deviceId: wellFormed })
const message = record({
  topic: fc.constantFrom('a', 'b/c', 'täg'),
  origin: fc.oneof(fc.constant({ tenantId: 't', blName: 'b', deviceId: 'd' }), origin),
  id: wellFormed,
  headId: fc.nat(2 ** 31),
  sequence: fc.maxSafeNat(),
  payload: fc.uint8Array({ maxLength: 300 }),
  headers: fc.array(fc.tuple(wellFormed, wellFormed)).map((pairs) => new Map(pairs)),
  createdAtMs: fc.maxSafeNat(),
  deleted: fc.boolean(),
})
const delivery: fc.Arbitrary<Delivery> = record({
  messages: fc.array(message, { maxLength: 10 }),
  position: fc.option(fc.maxSafeNat(), { nil: undefined }),
  caughtUp: fc.boolean(),
  damaged: fc.array(record({ topic: wellFormed, origin, fromHead: fc.nat(), toHead: fc.nat() }), {
    maxLength: 2,
  }),
})

test('deliveries are read as they were written', () => {
  fc.assert(
    fc.property(delivery, (written) => {
      const writer = new FrameWriter()
      writer.begin(kinds.delivery, 0, 7, '')
      writeDelivery(writer, written)
      writer.finish()
      const batch = writer.take()
      assert.ok(batch !== undefined)
      let read: Delivery | undefined
      readFrames(batch, (frame) => {
        read = readDelivery(frame)
      })
      const messages = read?.messages.map((each) => {
        return { ...each, payload: new Uint8Array(each.payload) }
      })
      assert.deepEqual(
        JSON.parse(JSON.stringify({ ...read, messages }, mapsToPairs)),
        JSON.parse(JSON.stringify(written, mapsToPairs)),
      )
    }),
    runs,
  )
})

test('the mark of real time passes with a delivery', () => {
  const writer = new FrameWriter()
  writer.begin(kinds.delivery, 0, 7, '')
  const node = { tenantId: 't', blName: 'b', deviceId: 'd' }
  const plainMessage = {
    topic: 't',
    origin: node,
    id: 'id',
    headId: 1,
    sequence: 1,
    payload: new Uint8Array(1),
    headers: new Map(),
    createdAtMs: 0,
    deleted: false,
  }
  const messages = [{ ...plainMessage, realtime: true }, plainMessage]
  writeDelivery(writer, { messages, position: 1, caughtUp: true, damaged: [] })
  writer.finish()
  const batch = writer.take()
  assert.ok(batch !== undefined)
  readFrames(batch, (frame) => {
    assert.deepEqual(
      readDelivery(frame).messages.map(({ realtime }) => realtime),
      [true, undefined],
    )
  })
})

test('a name that is too long is refused and leaves the batch as it was', () => {
  const writer = new FrameWriter()
  writer.addEmpty(kinds.pause)
  const before = writer.length
  assert.throws(() => writer.begin(kinds.post, 0, 0, 'x'.repeat(65_536)), BusError)
  assert.throws(() => writer.begin(kinds.post, 0, 0, new Uint8Array(65_536)), BusError)
  assert.equal(writer.length, before)
  writer.begin(kinds.post, 0, 0, 'x'.repeat(65_535))
  writer.finish()
  const batch = writer.take()
  assert.ok(batch !== undefined)
  const lengths: number[] = []
  readFrames(batch, (frame) => lengths.push(frame.name.length))
  assert.deepEqual(lengths, [0, 65_535])
  assert.equal(writer.take(), undefined)
})

function mapsToPairs(_key: string, value: unknown): unknown {
  return value instanceof Map ? [...value] : value
}
