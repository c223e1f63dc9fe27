/** Frames of the tunnel: what is written is read, and what is no frame is only ever a ProtocolError. */

import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { ProtocolError } from '../../model/errors.ts'
import { decodeFrames } from './decode-frames.ts'
import { FrameBatch } from './frame-batch.ts'
import { frameHeadBytes, frameKinds, sharedMessageBytes } from './tunnel-frame.ts'

interface Frame {
  readonly kind: number
  readonly call: number
  readonly body: Uint8Array
}

function framesOf(bytes: Uint8Array, length = bytes.length): Frame[] {
  const frames: Frame[] = []
  decodeFrames(bytes, length, (kind, call, start, end) => {
    frames.push({ kind, call, body: bytes.slice(start, end) })
  })
  return frames
}

const frame = fc.record(
  {
    kind: fc.integer({ min: 0, max: 255 }),
    call: fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat()),
    body: fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ minLength: 120, maxLength: 140 }),
    ),
  },
  { noNullPrototype: true },
)

suite('frames', () => {
  test('are read as they were written, however many share a message', () => {
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 30 }), fc.nat(9), (frames, junk) => {
        const batch = new FrameBatch()
        for (const { kind, call, body } of frames) {
          assert.ok(batch.fits(call, body.length))
          batch.add(kind, call, body)
        }
        const size = frames.reduce((sum, { call, body }) => {
          return sum + frameHeadBytes(call, body.length) + body.length
        }, 0)
        assert.equal(batch.length, size)
        const message = batch.take()
        assert.equal(batch.length, 0)
        // The daemon reads from buffers that hold more than the message.
        const buffer = new Uint8Array(message.length + junk)
        buffer.set(message)
        assert.deepEqual(framesOf(buffer, message.length), frames)
      }),
    )
  })

  test('cut short are refused, and what stands before the cut is handed on', () => {
    fc.assert(
      fc.property(fc.array(frame, { minLength: 1, maxLength: 5 }), fc.nat(), (frames, at) => {
        const batch = new FrameBatch()
        const ends = [0]
        for (const { kind, call, body } of frames) {
          batch.add(kind, call, body)
          ends.push(batch.length)
        }
        const message = batch.take()
        const cut = at % message.length
        const whole = ends.filter((end) => end <= cut).length - 1
        const seen: number[] = []
        const decode = () => decodeFrames(message, cut, (kind) => seen.push(kind))
        if (ends.includes(cut) && cut > 0) decode()
        else assert.throws(decode, ProtocolError)
        assert.deepEqual(
          seen,
          frames.slice(0, whole).map(({ kind }) => kind),
        )
      }),
    )
  })

  test('of random bytes are frames or a ProtocolError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          let at = 0
          decodeFrames(bytes, bytes.length, (kind, call, start, end) => {
            assert.equal(kind, bytes[at])
            assert.ok(Number.isSafeInteger(call) && start >= at + 3 && end >= start)
            at = end
          })
          assert.equal(at, bytes.length)
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error))
        }
      }),
      { numRuns: 5_000 },
    )
  })

  test('share a message up to a size, and one of any size goes alone', () => {
    const large = new Uint8Array(sharedMessageBytes)
    const alone = new FrameBatch()
    assert.ok(alone.fits(1, large.length))
    alone.add(frameKinds.message, 1, large)
    assert.equal(alone.fits(1, 0), false)
    assert.equal(framesOf(alone.take()).length, 1)

    const full = new FrameBatch()
    full.add(frameKinds.message, 1, large.subarray(0, sharedMessageBytes - 5 - 3))
    assert.ok(full.fits(1, 0))
    full.add(frameKinds.halfClose, 1)
    assert.equal(full.length, sharedMessageBytes)
    assert.equal(full.fits(1, 0), false)
    assert.equal(framesOf(full.take()).length, 2)

    const pair = new FrameBatch()
    pair.add(frameKinds.message, 1, large.subarray(0, sharedMessageBytes - 5))
    pair.add(frameKinds.halfClose, 1)
    assert.throws(() => framesOf(pair.take()), /several frames/)
  })

  test('whose numbers are larger than any are refused', () => {
    const nine = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]
    for (const bytes of [
      [frameKinds.cancel, ...nine, 0],
      [frameKinds.cancel, 1, ...nine],
      // 2^53
      [frameKinds.cancel, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 0],
    ]) {
      assert.throws(() => framesOf(Uint8Array.from(bytes)), /too large/)
    }
    // Numbers may be written with more bytes than they need.
    assert.deepEqual(framesOf(Uint8Array.of(4, 0x85, 0x80, 0, 0x80, 0)), [
      { kind: 4, call: 5, body: new Uint8Array(0) },
    ])
  })

  test('a message of none is refused', () => {
    assert.throws(() => framesOf(new Uint8Array(0)), ProtocolError)
  })
})
