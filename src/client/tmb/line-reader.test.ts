import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ProtocolError } from '../../model/errors.ts'
import { LineReader } from './line-reader.ts'

/** Reads pieces from one buffer that is used again for each, as a socket does. */
function read(pieces: readonly Uint8Array[], maxLineBytes = 1_000): string[] {
  const reader = new LineReader(maxLineBytes)
  const shared = Buffer.alloc(4_096)
  const lines: string[] = []
  for (const piece of pieces) {
    shared.fill(0x0a)
    shared.set(piece)
    reader.push(shared, piece.length, (bytes, start, end) => {
      lines.push(bytes.toString('latin1', start, end))
    })
  }
  return lines
}

test('any pieces give the same lines, whatever bytes they hold', (t) => {
  const seed = Date.now() % 1_000_000
  t.diagnostic(`seed ${seed}`)
  const bytes = fc.array(fc.oneof(fc.constant(0x0a), fc.constant(0x0d), fc.nat(255)), {
    maxLength: 300,
  })
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(40), { maxLength: 20 }), (all, cuts) => {
      const whole = Uint8Array.from(all)
      const pieces: Uint8Array[] = []
      let at = 0
      for (const cut of [...cuts, whole.length]) {
        pieces.push(whole.subarray(at, at + cut))
        at = Math.min(whole.length, at + cut)
      }
      const expected = Buffer.from(whole).toString('latin1').split('\n').slice(0, -1)
      assert.deepEqual(read(pieces), expected)
    }),
    { seed, numRuns: 2_000 },
  )
})

function single(bytes: Buffer): Uint8Array[] {
  return [...bytes].map((byte) => Uint8Array.of(byte))
}

test('a line may be as long as the limit and no longer, in one piece or in many', () => {
  const fits = Buffer.from(`${'x'.repeat(50)}\n`)
  const tooLong = Buffer.from(`${'x'.repeat(51)}\n`)
  assert.deepEqual(read([fits], 50), ['x'.repeat(50)])
  assert.deepEqual(read(single(fits), 50), ['x'.repeat(50)])
  assert.throws(() => read([tooLong], 50), ProtocolError)
  assert.throws(() => read(single(tooLong), 50), ProtocolError)
  // It does not wait for the end of it.
  assert.throws(() => read([tooLong.subarray(0, 51)], 50), ProtocolError)
})
