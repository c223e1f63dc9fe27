/** The parts of the codec that the contracts alone do not reach: borders, limits and strictness. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { ProtoDecodeError, ProtoReader } from './proto-reader.ts'
import { ProtoWriter } from './proto-writer.ts'

const written = (write: (writer: ProtoWriter) => void) => {
  const writer = new ProtoWriter()
  write(writer)
  return writer.finish()
}

const reader = (...bytes: number[]) => new ProtoReader(Uint8Array.from(bytes))
const fails = (read: () => unknown) => assert.throws(read, ProtoDecodeError)

/** Where the reader stands after passing over the first field. */
function skip(...bytes: number[]): number {
  const read = reader(...bytes)
  read.skip(read.tag(), bytes.length)
  return read.position
}

suite('numbers', () => {
  test('every safe integer survives', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (value) => {
        const read = new ProtoReader(written((writer) => writer.uint64(8, value)))
        assert.equal(read.tag(), 8)
        assert.equal(read.uint64(), value)
      }),
    )
  })

  test('beyond 2^53-1: read as the largest safe integer, written as 2^64-1', () => {
    const largest = written((writer) => writer.uint64(8, Infinity))
    assert.deepEqual([...largest], [8, ...Array<number>(9).fill(0xff), 1])
    for (const bytes of [largest, written((writer) => writer.uint64(8, 2 ** 53))]) {
      const read = new ProtoReader(bytes)
      read.tag()
      assert.equal(read.uint64(), Number.MAX_SAFE_INTEGER)
    }
    // 2^53 exactly, the first value that is not safe.
    assert.equal(reader(...Array<number>(7).fill(0x80), 16).uint64(), Number.MAX_SAFE_INTEGER)
  })

  test('what is no unsigned integer is our own mistake', () => {
    for (const value of [-1, 0.5, NaN, 2 ** 40 + 0.5]) {
      assert.throws(() => written((writer) => writer.uint64(8, value)), RangeError)
    }
    for (const value of [-1, 0.5, NaN, 2 ** 32]) {
      assert.throws(() => written((writer) => writer.uint32(8, value)), RangeError)
    }
  })

  test('varints may be longer than needed, up to ten bytes', () => {
    assert.equal(reader(0x81, 0x80, 0x80, 0x00).uint64(), 1)
    assert.equal(reader(0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00).uint32(), 1)
    fails(() => reader(...Array<number>(11).fill(0x80)).uint64())
    fails(() => reader(...Array<number>(11).fill(0x80)).uint32())
    fails(() => reader(0x80).uint64())
  })

  test('a bool is true for every value but zero', () => {
    assert.equal(reader(0x80, 0x80, 0x80, 0x80, 0x10).bool(), true)
    assert.equal(reader(0x80, 0x00).bool(), false)
  })
})

suite('text and bytes', () => {
  test('every string survives, and lone surrogates become U+FFFD', () => {
    const text = fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.string())
    fc.assert(
      fc.property(text, (value) => {
        const bytes = written((writer) => writer.string(10, value))
        const read = new ProtoReader(bytes)
        read.tag()
        assert.equal(read.string(bytes.length), Buffer.from(value).toString())
      }),
      { examples: [['\ud800'], ['\ufeffx'], ['é'.repeat(64)], ['x'.repeat(20_000)]] },
    )
  })

  test('what is not UTF-8 is refused', () => {
    for (const bad of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82], [0x61, 0x80]]) {
      fails(() => reader(bad.length, ...bad).string(bad.length + 1))
    }
  })

  test('bytes are a view, and never a Buffer', () => {
    const source = Buffer.from([2, 7, 8])
    const view = new ProtoReader(source).bytes(3)
    assert.equal(view.constructor, Uint8Array)
    source[1] = 9
    assert.deepEqual([...view], [9, 8])
  })

  test('a length beyond the enclosing message is refused', () => {
    fails(() => reader(3, 1, 2, 3).bytes(3))
    fails(() => reader(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f).nested(8))
  })
})

suite('nesting', () => {
  test('lengths are right on both sides of every border, with any guess', () => {
    for (const size of [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152]) {
      for (const guess of [1, 2, 3, 4]) {
        const content = new Uint8Array(size).fill(7)
        const bytes = written((writer) => {
          const start = writer.begin(10, guess)
          writer.bytes(18, content)
          writer.end(start, guess)
          writer.bool(24, true)
        })
        const read = new ProtoReader(bytes)
        assert.equal(read.tag(), 10)
        const end = read.nested(bytes.length)
        assert.equal(read.tag(), 18)
        assert.equal(Buffer.compare(read.bytes(end), content), 0)
        assert.equal(read.position, end)
        assert.equal(read.tag(), 24)
        assert.equal(read.bool(), true)
      }
    }
  })

  test('a writer is used again, and gives large blocks back', () => {
    const writer = new ProtoWriter()
    writer.bytes(10, new Uint8Array(3_000_000))
    const large = writer.finish()
    writer.reset()
    writer.bool(8, true)
    assert.deepEqual([...writer.view()], [8, 1])
    assert.equal(large.length, 3_000_005)
    assert.ok(writer.view().buffer.byteLength < 1_000_000)
  })

  test('groups must be closed by their own number, and may not nest without bound', () => {
    assert.equal(skip(0x0b, 0x08, 1, 0x0c), 4)
    fails(() => skip(0x0b, 0x08, 1, 0x14))
    fails(() => skip(0x0b, 0x08, 1))
    fails(() => skip(0x0c))
    fails(() => skip(0x0e, 1))
    fails(() => skip(...Array<number>(40).fill(0x0b), ...Array<number>(40).fill(0x0c)))
    fails(() => reader(0x00).tag())
  })

  test('of equal keys in a map the last wins', () => {
    const map = new Map<string, string>()
    const bytes = written((writer) => {
      writer.stringMap(10, new Map([['k', '1']]))
      writer.stringMap(10, new Map([['k', '']]))
    })
    const read = new ProtoReader(bytes)
    while (read.position < bytes.length) {
      read.tag()
      read.mapEntry(bytes.length, map)
    }
    assert.deepEqual(map, new Map([['k', '']]))
  })
})
