/** What is put into an outbox comes out of it, once, in order, when it is due, whatever its writer does. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'

import { blockBytes, type BlockWriter, FlushSchedule, Outbox } from './outbox.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

/** Takes blocks at once, or holds them until told, as a socket whose other side does not read. */
class TestWriter implements BlockWriter {
  isTaking = true
  writes = 0
  pendingBytes = 0
  readonly #taken: Buffer[] = []
  #held: { readonly block: Uint8Array; readonly asItWas: Buffer }[] = []

  write(block: Uint8Array): boolean {
    this.writes += 1
    assert.ok(block.length > 0, 'nothing is written')
    if (this.isTaking && this.#held.length === 0) {
      this.#taken.push(Buffer.from(block))
      return true
    }
    this.#held.push({ block, asItWas: Buffer.from(block) })
    this.pendingBytes += block.length
    return false
  }

  /** The other side reads it all. Blocks that were held must be as they were given. */
  drain(): void {
    for (const { block, asItWas } of this.#held) {
      assert.ok(Buffer.compare(block, asItWas) === 0, 'a block was used again while it was held')
      this.#taken.push(asItWas)
    }
    this.#held = []
    this.pendingBytes = 0
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#taken)
  }
}

function newOutbox(options: { highBytes?: number; schedule?: FlushSchedule } = {}) {
  const writer = new TestWriter()
  const { highBytes = 1_000_000, schedule = new FlushSchedule() } = options
  const told: string[] = []
  const onFull = () => void told.push('full')
  const outbox = new Outbox({ writer, schedule, highBytes, onFull })
  const drain = () => {
    writer.drain()
    if (outbox.drained()) told.push('room')
  }
  return { outbox, writer, schedule, told, drain }
}

describe('when it is written', () => {
  test('urgent: as soon as the running task is over', async () => {
    const { outbox, writer } = newOutbox()
    outbox.push(Buffer.from('a'), true)
    outbox.push(Buffer.from('b'), true)
    assert.equal(writer.writes, 0)
    await Promise.resolve()
    assert.equal(writer.bytes.toString(), 'ab')
    assert.equal(writer.writes, 1)
  })

  test('urgent within a chunk: when the chunk was handled, and not again', async () => {
    const { outbox, writer, schedule } = newOutbox()
    schedule.beginChunk()
    outbox.push(Buffer.from('a'), true)
    await Promise.resolve()
    assert.equal(writer.writes, 0)
    outbox.push(Buffer.from('b'), false)
    schedule.endChunk()
    assert.equal(writer.bytes.toString(), 'ab')
    await turn()
    assert.equal(writer.writes, 1)
  })

  test('the rest: at the end of the turn, together', async () => {
    const { outbox, writer, schedule } = newOutbox()
    for (const text of ['a', 'b', 'c']) {
      schedule.beginChunk()
      outbox.push(Buffer.from(text), false)
      schedule.endChunk()
      await Promise.resolve()
    }
    assert.equal(writer.writes, 0)
    await turn()
    assert.equal(writer.bytes.toString(), 'abc')
    assert.equal(writer.writes, 1)
  })

  test('one that becomes urgent takes what was to be written later with it', async () => {
    const { outbox, writer, schedule } = newOutbox()
    outbox.push(Buffer.from('a'), false)
    schedule.beginChunk()
    outbox.push(Buffer.from('b'), true)
    schedule.endChunk()
    assert.equal(writer.bytes.toString(), 'ab')
    // What comes then is due at the end of the turn anew.
    outbox.push(Buffer.from('c'), false)
    outbox.push(Buffer.from('d'), false)
    await turn()
    assert.equal(writer.bytes.toString(), 'abcd')
    assert.equal(writer.writes, 2)
    assert.deepEqual([outbox.isUrgent, outbox.isLater], [false, false])
  })

  test('several share a schedule, each in its order', async () => {
    const schedule = new FlushSchedule()
    const boxes = Array.from({ length: 50 }, () => newOutbox({ schedule }))
    for (let round = 0; round < 10; round++) {
      for (const [i, { outbox }] of boxes.entries()) {
        schedule.beginChunk()
        outbox.push(Buffer.from([round]), (i + round) % 3 === 0)
        schedule.endChunk()
      }
    }
    await turn()
    for (const { writer } of boxes)
      assert.deepEqual([...writer.bytes], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('what is put in while others are written is not forgotten', async () => {
    const schedule = new FlushSchedule()
    const first = newOutbox({ schedule })
    const second = newOutbox({ schedule })
    const write = first.writer.write.bind(first.writer)
    first.writer.write = (block) => {
      second.outbox.push(Buffer.from('urgent'), true)
      second.outbox.push(Buffer.from(' and not'), false)
      return write(block)
    }
    for (const urgent of [true, false]) {
      first.outbox.push(Buffer.from('x'), urgent)
      await turn()
      await turn()
    }
    assert.equal(second.writer.bytes.toString(), 'urgent and noturgent and not')
  })
})

describe('room', () => {
  test('it is full above the mark, once, and has room when all was written', () => {
    const { outbox, writer, told, drain } = newOutbox({ highBytes: 10 })
    writer.isTaking = false
    for (let i = 0; i < 10; i++) {
      outbox.push(Buffer.from('x'), true)
      outbox.flush()
    }
    assert.deepEqual([told, outbox.isFull, outbox.queuedBytes], [[], false, 10])
    for (let i = 0; i < 3; i++) {
      outbox.push(Buffer.from('x'), true)
      outbox.flush()
    }
    assert.deepEqual([told, outbox.isFull, outbox.queuedBytes], [['full'], true, 13])
    drain()
    drain()
    assert.deepEqual([told, outbox.isFull, outbox.queuedBytes], [['full', 'room'], false, 0])
  })

  test('what is taken at once never fills it', () => {
    const { outbox, told } = newOutbox({ highBytes: 10 })
    for (let i = 0; i < 100; i++) {
      outbox.push(Buffer.alloc(1_000), true)
      outbox.flush()
    }
    assert.deepEqual(told, [])
  })

  test('a closed one takes everything and writes nothing', async () => {
    const { outbox, writer, told } = newOutbox({ highBytes: 10 })
    outbox.push(Buffer.from('lost'), false)
    outbox.close()
    for (let i = 0; i < 100; i++) outbox.push(Buffer.alloc(5_000), i % 2 === 0)
    await turn()
    assert.deepEqual([writer.writes, told, outbox.isLater], [0, [], false])
    outbox.close()
  })

  test('writing nothing does nothing', () => {
    const { outbox, writer } = newOutbox()
    outbox.flush()
    outbox.push(Buffer.alloc(0), true)
    outbox.flush()
    assert.equal(writer.writes, 0)
  })
})

test('frames around the sizes of blocks stay whole', () => {
  const sizes = [2_047, 1, 1, 2_048, 2_049, blockBytes - 2_049, blockBytes - 1, 1, 1, blockBytes]
  sizes.push(blockBytes + 1, 3, 1_000_000, 3)
  const { outbox, writer } = newOutbox()
  const all: Buffer[] = []
  for (const [i, size] of sizes.entries()) {
    const frame = Buffer.alloc(size, i + 1)
    all.push(frame)
    const at = outbox.reserve(size, false)
    assert.ok(at + size <= outbox.bytes.length)
    outbox.bytes.set(frame, at)
  }
  outbox.flush()
  assert.ok(Buffer.compare(writer.bytes, Buffer.concat(all)) === 0)
})

describe('random use', () => {
  const size = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 1, max: 300 }) },
    { weight: 3, arbitrary: fc.integer({ min: 1_000, max: 70_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 100_000, max: 1_048_576 }) },
  )
  const event = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('push' as const),
        who: fc.nat(2),
        size,
        urgent: fc.boolean(),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constantFrom('take', 'hold', 'drain'),
        who: fc.nat(2),
      }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('begin', 'end', 'task', 'turn') }) },
  )

  test('bytes in are bytes out; full and room come in turn; nothing stays behind', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 80, size: 'max' }), async (events) => {
        const schedule = new FlushSchedule()
        const boxes = [0, 1, 2].map(() => newOutbox({ schedule, highBytes: 100_000 }))
        const given: Buffer[][] = [[], [], []]
        let isInChunk = false
        let count = 0
        for (const step of events) {
          const box = 'who' in step ? boxes[step.who] : undefined
          switch (step.do) {
            case 'push': {
              if (!('size' in step) || box === undefined) break
              const frame = Buffer.alloc(step.size, (count += 1) & 0xff)
              given[step.who]?.push(frame)
              box.outbox.push(frame, step.urgent)
              break
            }
            case 'take':
              if (box !== undefined) box.writer.isTaking = true
              break
            case 'hold':
              if (box !== undefined) box.writer.isTaking = false
              break
            case 'drain':
              box?.drain()
              break
            case 'begin':
              if (!isInChunk) schedule.beginChunk()
              isInChunk = true
              break
            case 'end':
              if (!isInChunk) break
              schedule.endChunk()
              isInChunk = false
              for (const { outbox } of boxes) assert.equal(outbox.isUrgent, false)
              break
            case 'task':
              // Chunks are handled in one go.
              if (isInChunk) break
              await Promise.resolve()
              for (const { outbox } of boxes) assert.equal(outbox.isUrgent, false)
              break
            case 'turn':
              if (isInChunk) break
              await turn()
              for (const { outbox, writer } of boxes) {
                assert.deepEqual([outbox.isUrgent, outbox.isLater], [false, false])
                assert.equal(outbox.queuedBytes, writer.pendingBytes)
              }
          }
        }
        if (isInChunk) schedule.endChunk()
        await turn()
        for (const [i, { outbox, writer, told, drain }] of boxes.entries()) {
          drain()
          assert.ok(Buffer.compare(writer.bytes, Buffer.concat(given[i] ?? [])) === 0)
          assert.equal(outbox.queuedBytes, 0)
          assert.deepEqual(
            told,
            told.map((_, n) => (n % 2 === 0 ? 'full' : 'room')),
          )
          assert.equal(outbox.isFull, false)
          assert.equal(told.length % 2, 0)
        }
      }),
      { numRuns: 200 },
    )
  })
})
