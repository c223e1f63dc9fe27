import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { PacedOutput } from './paced-output.ts'

/** A stream that takes each write when told to. */
function slowStream(highWaterMark = 16_384) {
  const blocks: string[] = []
  const pending: (() => void)[] = []
  const stream = new Writable({
    highWaterMark,
    write(chunk: Buffer, _, done) {
      blocks.push(chunk.toString('latin1'))
      pending.push(done)
    },
  })
  return { stream, blocks, take: () => pending.shift()?.() }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

test('what is written in one turn is one block, bytes and text alike', async () => {
  const { stream, blocks } = slowStream()
  const output = new PacedOutput(stream, new AbortController().signal)
  void output.write('a')
  void output.write('b\n')
  assert.deepEqual(blocks, [])
  await nextTurn()
  assert.deepEqual(blocks, ['ab\n'])
  const { stream: other, blocks: mixed } = slowStream()
  const second = new PacedOutput(other, new AbortController().signal)
  void second.write('x')
  void second.write(Uint8Array.of(0xff, 0x0a))
  second.flush()
  assert.deepEqual(mixed, ['x\u00ff\n'])
})

test('much is written before the turn ends', () => {
  const { stream, blocks } = slowStream()
  const output = new PacedOutput(stream, new AbortController().signal)
  void output.write('x'.repeat(70_000))
  assert.equal(blocks.length, 1)
})

test('finishing waits until everything is written', async () => {
  const { stream, blocks, take } = slowStream()
  const output = new PacedOutput(stream, new AbortController().signal)
  void output.write('last')
  let isFinished = false
  const finished = output.finish().then(() => (isFinished = true))
  await nextTurn()
  assert.deepEqual([blocks, isFinished], [['last'], false])
  take()
  await nextTurn()
  take()
  await finished
})

test('a slow reader is waited for, unless told to stop', async () => {
  const stop = new AbortController()
  const { stream, take } = slowStream(1)
  const output = new PacedOutput(stream, stop.signal)
  assert.equal(output.write('first'), undefined)
  await nextTurn()
  const waiting = output.write('second')
  assert.ok(waiting instanceof Promise)
  take()
  await waiting
  output.flush()
  const never = output.write('third')
  assert.ok(never instanceof Promise)
  stop.abort()
  await never
})
