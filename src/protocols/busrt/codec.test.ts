/** Bytes to frames: wherever they are cut, whatever is held back, whatever they are. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'

import { ProtocolError } from '../../model/errors.ts'
import { ackFlag, opcodes, realtimeFlag, requestHeaderBytes } from '../../wire/busrt/frames.ts'
import { FrameDecoder, type FrameHandler } from './codec.ts'

const maxBodyBytes = 100_000

/** Notes what it is handed, and can hold frames back. */
class Recorder implements FrameHandler {
  gate = 0
  readonly seen: string[] = []
  /** Flags of frames that pass a closed gate. */
  admitted: (flags: number) => boolean = () => false
  during: () => void = () => undefined

  frame(bytes: Uint8Array, head: number, end: number): void {
    this.seen.push(Buffer.from(bytes.subarray(head, end)).toString('hex'))
    this.during()
  }

  ping(): void {
    this.seen.push('ping')
  }

  admits(flags: number): boolean {
    return this.admitted(flags)
  }
}

function frameOf(flags: number, body: Uint8Array, opId = 1): Buffer {
  const head = Buffer.alloc(requestHeaderBytes)
  head.writeUInt32LE(opId, 0)
  head[4] = flags
  head.writeUInt32LE(body.length, 5)
  return Buffer.concat([head, body])
}

/** A ping; all but byte 4 is ignored. */
function pingOf(junk: number): Buffer {
  const head = Buffer.alloc(requestHeaderBytes, junk)
  head[4] = 0
  return head
}

const quality = fc.constantFrom(0, ackFlag, realtimeFlag, ackFlag | realtimeFlag)
const body = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 2, arbitrary: fc.uint8Array({ minLength: 200, maxLength: 400 }) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 60_000, max: maxBodyBytes }).map((n) => Buffer.alloc(n, 7)),
  },
)
const frame = fc.oneof(
  { weight: 1, arbitrary: fc.nat(255).map(pingOf) },
  {
    weight: 6,
    arbitrary: fc
      .record({
        opcode: fc.constantFrom(...Object.values(opcodes).filter((opcode) => opcode !== 0)),
        quality,
        body,
        opId: fc.nat(0xffff_ffff),
      })
      .map((given) => frameOf(given.opcode | given.quality, given.body, given.opId)),
  },
  { weight: 1, arbitrary: body.map((bytes) => frameOf(ackFlag, bytes)) },
)
const frames = fc.array(frame, { maxLength: 25, size: 'max' })
const cuts = fc.array(fc.oneof(fc.nat(3), fc.nat(12), fc.nat(300), fc.nat(70_000)), {
  minLength: 1,
  maxLength: 40,
  size: 'max',
})

const shown = (given: readonly Buffer[]) =>
  given.map((bytes) => (bytes[4] === 0 ? 'ping' : bytes.toString('hex')))

/** Cut into pieces, each in the middle of a buffer that is overwritten afterwards, as sockets do. */
function* pieces(bytes: Buffer, sizes: readonly number[]): Generator<[Uint8Array, number, number]> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length] ?? 1)
    const piece = bytes.subarray(at, at + size)
    const before = i % 5
    const buffer = Buffer.concat([Buffer.alloc(before, 0xee), piece, Buffer.alloc(3, 0xee)])
    yield [buffer, before, before + piece.length]
    buffer.fill(0xdd)
    at += piece.length
  }
}

describe('frames', () => {
  test('are the same wherever the bytes are cut', () => {
    fc.assert(
      fc.property(frames, cuts, (given, sizes) => {
        const recorder = new Recorder()
        const decoder = new FrameDecoder(recorder, maxBodyBytes)
        const bytes = Buffer.concat(given)
        let arrived = 0
        for (const [buffer, start, end] of pieces(bytes, sizes)) {
          decoder.push(buffer, start, end)
          arrived += end - start
          assert.ok(decoder.keptBytes <= arrived)
        }
        assert.deepEqual(recorder.seen, shown(given))
        assert.equal(decoder.keptBytes, 0)
        assert.equal(decoder.isMidFrame, false)
      }),
      { numRuns: 400 },
    )
  })

  test('byte by byte, every place of a cut', () => {
    const given = [pingOf(9), frameOf(0x52, Buffer.from('a\0b')), frameOf(0x02, Buffer.alloc(0))]
    const bytes = Buffer.concat([...given, ...given])
    for (let cut = 0; cut <= bytes.length; cut++) {
      const recorder = new Recorder()
      const decoder = new FrameDecoder(recorder, maxBodyBytes)
      decoder.push(bytes, 0, cut)
      decoder.push(bytes, cut, bytes.length)
      assert.deepEqual(recorder.seen, [...shown(given), ...shown(given)], `cut at ${cut}`)
    }
  })

  test('that are held back come later, in order, once', () => {
    const step = fc.record({
      shut: fc.boolean(),
      open: fc.boolean(),
      resume: fc.boolean(),
      passes: fc.constantFrom('none', 'publish'),
    })
    fc.assert(
      fc.property(frames, cuts, fc.array(step, { minLength: 1 }), (given, sizes, steps) => {
        const recorder = new Recorder()
        const decoder = new FrameDecoder(recorder, maxBodyBytes)
        let shutAfter = Infinity
        recorder.during = () => {
          // The gate falls in the middle of the work, as when a receiver is full.
          shutAfter -= 1
          if (shutAfter === 0) recorder.gate = 1
        }
        const bytes = Buffer.concat(given)
        let i = 0
        for (const [buffer, start, end] of pieces(bytes, sizes)) {
          const { shut, open, resume, passes } = steps[i % steps.length] as (typeof steps)[0]
          i += 1
          recorder.admitted = (flags) => passes === 'publish' && (flags & 0x3f) === opcodes.publish
          if (shut) shutAfter = 1 + (i % 3)
          decoder.push(buffer, start, end)
          if (open) recorder.gate = 0
          if (open || resume) decoder.resume()
        }
        const before = recorder.seen.length
        assert.deepEqual(recorder.seen, shown(given).slice(0, before))
        for (recorder.gate = 0; recorder.seen.length < given.length; recorder.gate = 0) {
          decoder.resume()
        }
        assert.deepEqual(recorder.seen, shown(given))
        assert.equal(decoder.keptBytes, 0)
      }),
      { numRuns: 400 },
    )
  })

  test('nothing passes a closed gate that it does not admit, pings in between included', () => {
    const given = [
      frameOf(0x01, Buffer.from('t\0')),
      frameOf(0x12, Buffer.from('a\0')),
      pingOf(0),
      frameOf(0x01, Buffer.from('u\0')),
    ]
    const recorder = new Recorder()
    const decoder = new FrameDecoder(recorder, maxBodyBytes)
    recorder.gate = 1
    recorder.admitted = (flags) => flags === opcodes.publish
    const bytes = Buffer.concat(given)
    decoder.push(bytes, 0, bytes.length)
    assert.deepEqual(recorder.seen, shown(given.slice(0, 1)))
    decoder.resume()
    assert.equal(recorder.seen.length, 1)
    recorder.gate = 0
    decoder.push(bytes, 0, 0)
    assert.deepEqual(recorder.seen, shown(given))
  })

  test('a handler that goes on in the middle of a frame gets that frame once', () => {
    for (const cut of [0, 5, 12]) {
      const given = [frameOf(0x12, Buffer.from('a\x001')), frameOf(0x12, Buffer.from('a\x002'))]
      const bytes = Buffer.concat(given)
      const recorder = new Recorder()
      const decoder = new FrameDecoder(recorder, maxBodyBytes)
      let depth = 0
      recorder.during = () => {
        // As when whoever it made wait has room again before it returns.
        if ((depth += 1) < 10) decoder.resume()
      }
      decoder.push(bytes, 0, cut)
      decoder.push(bytes, cut, bytes.length)
      decoder.push(bytes, 0, bytes.length)
      assert.deepEqual(recorder.seen, [...shown(given), ...shown(given)], `cut at ${cut}`)
      assert.equal(decoder.keptBytes, 0)
    }
  })
})

describe('what is no frame', () => {
  test('is decided from the header', () => {
    const headers: Buffer[] = []
    for (let opcode = 0; opcode <= 0x3f; opcode++) {
      if (Object.values(opcodes).some((known) => known === opcode)) continue
      for (const bits of [0, 0x40, 0x80, 0xc0])
        headers.push(frameOf(opcode | bits, Buffer.alloc(0)))
    }
    const large = frameOf(opcodes.message, Buffer.alloc(0))
    large.writeUInt32LE(maxBodyBytes + 1, 5)
    const huge = frameOf(opcodes.message, Buffer.alloc(0))
    huge.writeUInt32LE(0xffff_ffff, 5)
    headers.push(large, huge)
    for (const header of headers) {
      for (const cut of [0, 4, 8]) {
        const decoder = new FrameDecoder(new Recorder(), maxBodyBytes)
        decoder.push(header, 0, cut)
        assert.throws(() => decoder.push(header, cut, header.length), ProtocolError)
      }
    }
  })

  test('a body as large as the limit passes', () => {
    const recorder = new Recorder()
    const decoder = new FrameDecoder(recorder, maxBodyBytes)
    const bytes = frameOf(opcodes.message, Buffer.alloc(maxBodyBytes))
    for (let at = 0; at < bytes.length; at += 65_536) {
      decoder.push(bytes, at, Math.min(bytes.length, at + 65_536))
    }
    assert.equal(recorder.seen.length, 1)
  })

  test('random bytes cost a ProtocolError and nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 20 }), (chunks) => {
        const decoder = new FrameDecoder(new Recorder(), 1_000)
        try {
          for (const chunk of chunks) decoder.push(chunk, 0, chunk.length)
        } catch (error) {
          assert.ok(error instanceof ProtocolError, String(error))
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('an error of the handler passes', () => {
    const recorder = new Recorder()
    recorder.during = () => {
      throw new ProtocolError('no zero')
    }
    const decoder = new FrameDecoder(recorder, maxBodyBytes)
    const bytes = frameOf(0x12, Buffer.from('x'))
    assert.throws(() => decoder.push(bytes, 0, bytes.length), /no zero/)
  })
})

const held = () => process.memoryUsage().arrayBuffers
setFlagsFromString('--expose_gc')
const collectGarbage = runInNewContext('gc') as () => void

describe('memory', () => {
  test('is taken as bytes arrive, never on the word of a header', () => {
    const before = held()
    const decoders = Array.from(
      { length: 20 },
      () => new FrameDecoder(new Recorder(), 1_000_000_000),
    )
    const header = frameOf(opcodes.message, Buffer.alloc(0))
    header.writeUInt32LE(1_000_000_000, 5)
    for (const decoder of decoders) decoder.push(header, 0, header.length)
    assert.ok(held() - before < 1_000_000)
    const chunk = Buffer.alloc(65_536)
    for (const decoder of decoders) {
      for (let i = 0; i < 4; i++) decoder.push(chunk, 0, chunk.length)
      assert.equal(decoder.keptBytes, requestHeaderBytes + 4 * chunk.length)
      assert.equal(decoder.isMidFrame, true)
    }
  })

  test('a large frame gives it back', () => {
    const before = held()
    const bytes = frameOf(opcodes.message, Buffer.alloc(1_000_000))
    const decoders = Array.from({ length: 20 }, () => new FrameDecoder(new Recorder(), 2_000_000))
    for (const decoder of decoders) {
      decoder.push(bytes, 0, 500_000)
      decoder.push(bytes, 500_000, bytes.length)
    }
    assert.ok(decoders.every(({ keptBytes }) => keptBytes === 0))
    // What was collected is given back by another thread, when it gets its turn.
    for (let tries = 0; tries < 100 && held() - before >= 10_000_000; tries++) collectGarbage()
    assert.ok(held() - before < 10_000_000)
  })
})
