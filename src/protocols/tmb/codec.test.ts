// Proves that lines come out the same however their bytes were cut, and that no more is kept than the longest line.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LineDecoder, type LineHandler } from './codec.ts'

const limit = 16

class Lines implements LineHandler {
  readonly seen: string[] = []
  /** Holds everything back behind so many lines. */
  room = Infinity

  get isHeld(): boolean {
    return this.seen.length >= this.room
  }

  line(bytes: Uint8Array, start: number, end: number): void {
    this.seen.push(Buffer.from(bytes.subarray(start, end)).toString('latin1'))
  }

  tooLong(bytes: Uint8Array, start: number, end: number): void {
    this.seen.push(
      `too long: ${Buffer.from(bytes.subarray(start, Math.min(end, start + 4))).toString('latin1')}`,
    )
  }
}

/** What the specification says, in its simplest form. */
function expected(text: string): string[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => line.replace(/\r$/, ''))
    .map((line) => (line.length > limit ? `too long: ${line.slice(0, 4)}` : line))
}

const text = fc
  .array(
    fc.constantFrom('a', 'b', '\r', '\n', '\r\n', '\n', '\xff', 'x'.repeat(limit - 1), '\r\r\n'),
    {
      maxLength: 30,
    },
  )
  .map((parts) => parts.join(''))

/** The text in pieces, each at another place of a buffer that is used again. */
function push(decoder: LineDecoder, input: string, cuts: readonly number[]): void {
  const shared = Buffer.alloc(4_096, '\n')
  const ends = [...cuts.map((cut) => cut % (input.length + 1)), input.length].toSorted(
    (a, b) => a - b,
  )
  let start = 0
  for (const end of ends) {
    const offset = start % 5
    const length = shared.write(input.slice(start, end), offset, 'latin1')
    decoder.push(shared, offset, offset + length)
    shared.fill('\n', 0, 2_048)
    assert.ok(decoder.keptBytes <= limit + 2, `${decoder.keptBytes} bytes kept`)
    start = end
  }
}

test('any cut gives the same lines', () => {
  fc.assert(
    fc.property(text, fc.array(fc.nat(), { maxLength: 8 }), (input, cuts) => {
      const lines = new Lines()
      push(new LineDecoder(lines, limit), input, cuts)
      // Of a line that goes on beyond the input only that it is too long may be known.
      const whole = expected(input)
      assert.deepEqual(lines.seen.slice(0, whole.length), whole)
      const rest = lines.seen.slice(whole.length)
      const unfinished = input.slice(input.lastIndexOf('\n') + 1)
      const isLong =
        unfinished.length > limit + 1 || (unfinished.length > limit && !unfinished.endsWith('\r'))
      assert.deepEqual(rest, isLong ? [`too long: ${unfinished.slice(0, 4)}`] : [])
    }),
    { numRuns: 5_000 },
  )
})

test('a handler that holds back gets the rest when it goes on', () => {
  fc.assert(
    fc.property(text, fc.array(fc.nat(), { maxLength: 4 }), fc.nat(5), (input, cuts, room) => {
      const lines = new Lines()
      const decoder = new LineDecoder(lines, limit)
      lines.room = room
      const shared = Buffer.from(input, 'latin1')
      const ends = [...cuts.map((cut) => cut % (input.length + 1)), input.length].toSorted(
        (a, b) => a - b,
      )
      let start = 0
      for (const end of ends) {
        decoder.push(shared, start, end)
        start = end
      }
      assert.ok(lines.seen.length <= room)
      while (lines.room < input.length + 1) {
        lines.room += 1
        decoder.resume()
        assert.ok(lines.seen.length <= lines.room)
      }
      assert.deepEqual(lines.seen.slice(0, expected(input).length), expected(input))
      assert.ok(decoder.keptBytes <= limit + 1)
    }),
    { numRuns: 5_000 },
  )
})

const isText = (line: string) => line !== ''

test('the end of a message ends its line', () => {
  fc.assert(
    fc.property(fc.array(text, { maxLength: 5 }), fc.nat(3), (messages, room) => {
      const lines = new Lines()
      const decoder = new LineDecoder(lines, limit)
      lines.room = room
      for (const message of messages) {
        const bytes = Buffer.from(message, 'latin1')
        decoder.push(bytes, 0, bytes.length)
        decoder.endLine()
      }
      lines.room = Infinity
      decoder.resume()
      const all = messages
        .map((message) => (/[^\n]$/.test(message) ? `${message}\n` : message))
        .join('')
      assert.deepEqual(lines.seen.filter(isText), expected(all).filter(isText))
      assert.equal(decoder.keptBytes, 0)
    }),
    { numRuns: 5_000 },
  )
})

test('resumed in the middle of a line, it goes on behind that line', () => {
  const seen: string[] = []
  const handler: LineHandler = {
    isHeld: false,
    line: (bytes, start, end) => {
      seen.push(Buffer.from(bytes.subarray(start, end)).toString())
      decoder.resume()
    },
    tooLong: () => assert.fail('nothing is too long'),
  }
  const decoder = new LineDecoder(handler, limit)
  for (const part of ['a\nb', 'c\nd\n']) decoder.push(Buffer.from(part), 0, part.length)
  assert.deepEqual(seen, ['a', 'bc', 'd'])
})
