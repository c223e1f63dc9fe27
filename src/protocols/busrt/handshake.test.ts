/** The registration, however its bytes are cut. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'

import { Handshake } from './handshake.ts'

/** Steps that tell something, and how many bytes were taken. */
function take(chunks: readonly Uint8Array[]): { steps: string[]; taken: number; done: number } {
  const handshake = new Handshake()
  const steps: string[] = []
  let taken = 0
  for (const chunk of chunks) {
    // Somewhere in a larger buffer.
    const bytes = Buffer.concat([Buffer.from('xx'), chunk, Buffer.from('yy')])
    for (let at = 2; at < 2 + chunk.length;) {
      const step = handshake.take(bytes, at, 2 + chunk.length)
      taken += handshake.taken - at
      at = handshake.taken
      if (step.kind === 'more') continue
      steps.push(step.kind === 'named' ? `named ${step.name}` : step.kind)
      if (step.kind !== 'greeted') return { steps, taken, done: handshake.steps }
    }
  }
  return { steps, taken, done: handshake.steps }
}

function registrationOf(name: Uint8Array): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16LE(name.length)
  return Buffer.concat([Buffer.from([0xeb, 0x01, 0x00]), length, name])
}

test('greeting, length, name; what follows is left', () => {
  const bytes = Buffer.concat([registrationOf(Buffer.from('a.b')), Buffer.from('frames')])
  assert.deepEqual(take([bytes]), { steps: ['greeted', 'named a.b'], taken: 8, done: 3 })
})

test('wherever the bytes are cut', () => {
  const name = fc.oneof(
    fc.constantFrom('', 'a', 'a.b%%1', 'ä日本🚌', '\uFEFFa', 'x'.repeat(300), 'y'.repeat(65_535)),
    fc.string({ unit: 'grapheme' }),
  )
  fc.assert(
    fc.property(
      name,
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }),
      (text, sizes) => {
        const registration = registrationOf(Buffer.from(text))
        const bytes = Buffer.concat([registration, Buffer.from([1, 2, 3])])
        const chunks: Buffer[] = []
        for (let at = 0, i = 0; at < bytes.length; i++) {
          const size = sizes[i % sizes.length] ?? 1
          chunks.push(bytes.subarray(at, at + size))
          at += size
        }
        const { steps, taken } = take(chunks)
        assert.deepEqual(steps, ['greeted', `named ${text}`])
        assert.equal(taken, registration.length)
      },
    ),
    { numRuns: 300 },
  )
})

test('another magic or version is none of ours', () => {
  for (const greeting of ['000100', 'eb0200', 'eb0101', 'ec0100', '474554']) {
    const { steps } = take([Buffer.from(greeting, 'hex')])
    assert.deepEqual(steps, ['unsupported'], greeting)
  }
  // It is decided when the three bytes are there, not before.
  assert.deepEqual(take([Buffer.from([0x00, 0x01])]).steps, [])
})

test('a name that is no UTF-8 is none', () => {
  for (const name of [
    [0xff, 0xfe],
    [0x61, 0x80],
    [0xed, 0xa0, 0x80],
    [0xc0, 0xaf],
  ]) {
    assert.deepEqual(take([registrationOf(Buffer.from(name))]).steps, ['greeted', 'broken'])
  }
})

test('the step a client hangs in can be told', () => {
  const bytes = registrationOf(Buffer.from('abc'))
  const done = [0, 2, 3, 4, 5, 7, 8].map((length) => take([bytes.subarray(0, length)]).done)
  assert.deepEqual(done, [0, 0, 1, 1, 2, 2, 3])
})
