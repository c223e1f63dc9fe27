// The decoder of BUS/RT frames against a few lines that say the same in the plainest way: whatever comes,
// however it is cut, and whenever frames are kept back. `MSGBUS_FUZZ_RUNS=1000000 npm test -- fuzz` runs a million.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProtocolError } from '../../src/model/errors.ts'
import { FrameDecoder, type FrameHandler } from '../../src/protocols/busrt/codec.ts'
import { clientStream, pieces } from './busrt-inputs.ts'
import { bestMs, fuzz, longestMs } from './fuzz-runs.ts'
import { Random } from './random.ts'

const maxBodyBytes = 4_096
const opcodes = new Set([0, 1, 2, 3, 4, 5, 6, 0x12, 0x13])

interface Outcome {
  /** The bytes of each frame; undefined is a ping. */
  readonly frames: readonly (Uint8Array | undefined)[]
  readonly isBroken: boolean
  /** Bytes of a frame that is not whole. */
  readonly rest: number
}

/** What a stream holds, read at once. */
function read(stream: Buffer): Outcome {
  const frames: (Uint8Array | undefined)[] = []
  let at = 0
  while (stream.length - at >= 9) {
    const flags = stream.readUInt8(at + 4)
    const length = stream.readUInt32LE(at + 5)
    if (flags !== 0 && (!opcodes.has(flags & 0x3f) || length > maxBodyBytes))
      return { frames, isBroken: true, rest: 0 }
    const end = flags === 0 ? at + 9 : at + 9 + length
    if (end > stream.length) break
    frames.push(flags === 0 ? undefined : stream.subarray(at, end))
    at = end
  }
  return { frames, isBroken: false, rest: stream.length - at }
}

/** Keeps what it gets, and keeps frames back now and then. */
class Recorder implements FrameHandler {
  gate = 0
  readonly frames: (Uint8Array | undefined)[] = []
  readonly #random: Random

  constructor(random: Random) {
    this.#random = random
  }

  frame(bytes: Uint8Array, head: number, end: number): void {
    this.frames.push(bytes.slice(head, end))
    if (this.#random.once(5)) this.gate = 1
  }

  ping(): void {
    this.frames.push(undefined)
  }

  admits(flags: number): boolean {
    return (flags & 0x40) !== 0
  }
}

/** What the decoder makes of a stream in pieces. */
function decode(stream: Buffer, random: Random): Outcome {
  const recorder = new Recorder(random)
  const decoder = new FrameDecoder(recorder, maxBodyBytes)
  const open = () => {
    recorder.gate = 0
    decoder.resume()
  }
  try {
    for (const piece of pieces(random, stream)) {
      // A chunk stands somewhere in a buffer that is used again for the next.
      const buffer = new Uint8Array(piece.length + 7).fill(0xaa)
      buffer.set(piece, 3)
      decoder.push(buffer, 3, 3 + piece.length)
      buffer.fill(0x55)
      assert.ok(decoder.keptBytes <= stream.length)
      if (recorder.gate !== 0 && random.once(2)) open()
    }
    while (recorder.gate !== 0) open()
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error
    return { frames: recorder.frames, isBroken: true, rest: 0 }
  }
  return { frames: recorder.frames, isBroken: false, rest: decoder.keptBytes }
}

const same = (a: Uint8Array | undefined, b: Uint8Array | undefined) =>
  a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0

test('every stream is read as it is meant, however it is cut', { timeout: 280_000 }, async (t) =>
  fuzz(t, {
    runs: 40_000,
    make: (random) => clientStream(random, 'a.b'),
    check: (stream, random) => {
      const expected = read(stream)
      const seen = decode(stream, random)
      assert.equal(seen.isBroken, expected.isBroken, 'broken')
      assert.equal(seen.rest, expected.rest, 'rest')
      assert.equal(seen.frames.length, expected.frames.length, 'how many frames')
      for (const [index, frame] of seen.frames.entries())
        assert.ok(same(frame, expected.frames[index]), `frame ${index}`)
    },
    show: (stream) => stream.toString('hex'),
  }),
)

test('a length that was announced costs nothing', () => {
  const before = process.memoryUsage().arrayBuffers
  const header = Buffer.from('010000005200000001', 'hex')
  const decoders = Array.from({ length: 500 }, () => {
    const decoder = new FrameDecoder(new Recorder(new Random(1)), 16_777_216)
    decoder.push(header, 0, header.length)
    decoder.push(Buffer.alloc(100), 0, 100)
    return decoder
  })
  const growth = process.memoryUsage().arrayBuffers - before
  assert.ok(decoders.every(({ keptBytes }) => keptBytes === 109))
  assert.ok(growth < 1_000_000, `${growth} bytes for 500 decoders`)
})

/** How long a decoder needs for it, at best. */
const took = (task: (decoder: FrameDecoder) => void, maxBytes: number) =>
  bestMs(() => {
    const recorder = new Recorder(new Random(1))
    const startedAt = performance.now()
    task(new FrameDecoder(recorder, maxBytes))
    assert.ok(recorder.frames.length > 0)
    return performance.now() - startedAt
  })

test('a large frame that comes byte by byte, and many small ones at once', () => {
  const large = Buffer.alloc(9 + 200_000)
  large.writeUInt8(0x52, 4)
  large.writeUInt32LE(200_000, 5)
  const byByte = took((decoder) => {
    for (let at = 0; at < large.length; at += 1) decoder.push(large, at, at + 1)
  }, 200_000)
  const pings = Buffer.alloc(65_536 - (65_536 % 9))
  const atOnce = took((decoder) => decoder.push(pings, 0, pings.length), 200_000)
  assert.ok(byByte < longestMs, `byte by byte: ${byByte} ms`)
  assert.ok(atOnce < longestMs, `pings at once: ${atOnce} ms`)
})
