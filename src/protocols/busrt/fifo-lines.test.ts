import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FifoLines } from './fifo-lines.ts'

const longest = 8

/** Everything that comes out; `end` stands behind what was not ended. */
function read(chunks: readonly Uint8Array[]): string[] {
  const lines = new FifoLines(longest)
  const seen: string[] = []
  for (const chunk of chunks) {
    lines.push(chunk)
    for (let line = lines.next(); line !== undefined; line = lines.next()) {
      seen.push(typeof line === 'string' ? line : `<${Buffer.from(line).toString('latin1')}>`)
    }
  }
  const last = lines.end()
  if (last !== undefined) seen.push(`<${Buffer.from(last).toString('latin1')}> end`)
  return seen
}

test('lines, and one that is not ended', () => {
  assert.deepEqual(read([Buffer.from('one\n\ntwo\nthr')]), ['<one>', '<>', '<two>', '<thr> end'])
  assert.deepEqual(read([Buffer.from('one'), Buffer.from(' two\n')]), ['<one two>'])
  assert.deepEqual(read([]), [])
})

test('a line of the greatest length, and longer ones, which are told of once', () => {
  assert.deepEqual(read([Buffer.from('12345678\n123456789\nx\n')]), [
    '<12345678>',
    'overlong',
    '<x>',
  ])
  const long = Buffer.from('123456789')
  assert.deepEqual(read([long, long, long, Buffer.from('0\nx\n')]), ['overlong', '<x>'])
  assert.deepEqual(read([long]), ['overlong'])
})

test('after an end a new line begins', () => {
  const lines = new FifoLines(longest)
  lines.push(Buffer.from('123456789'))
  assert.equal(lines.next(), 'overlong')
  assert.equal(lines.end(), undefined)
  lines.push(Buffer.from('x\n'))
  assert.deepEqual(lines.next(), Buffer.from('x'))
})

test('where chunks are cut does not matter', () => {
  const text = fc.array(fc.constantFrom('\n', 'a', 'bcdef', '\r'), { maxLength: 30 })
  const cuts = fc.array(fc.nat({ max: 5 }), { maxLength: 60 })
  const property = fc.property(text, cuts, (parts, sizes) => {
    const bytes = Buffer.from(parts.join(''))
    const chunks: Uint8Array[] = []
    let at = 0
    for (const size of sizes) {
      chunks.push(bytes.subarray(at, at + size))
      at += size
    }
    chunks.push(bytes.subarray(at))
    assert.deepEqual(read(chunks), read([bytes]))
  })
  fc.assert(property, { numRuns: 2_000 })
})
