/** One end of a message port: batching, the window, and what happens to ends that break or go. */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { PortChannel } from './port-channel.ts'
import { kinds } from './port-frames.ts'

const headerBytes = 12

/** An end whose other end is in the hands of the test. */
function openChannel(t: TestContext, windowBytes = 10_000) {
  const { port1, port2 } = new MessageChannel()
  t.after(() => port1.close())
  const events: string[] = []
  const waiting: (() => void)[] = []
  const note = (event: string) => {
    events.push(event)
    for (const wake of waiting.splice(0)) wake()
  }
  let deferred = 0
  const channel = new PortChannel({
    port: port1,
    windowBytes,
    onFrame: (frame) => {
      if (frame.kind === kinds.publish) {
        channel.keep(frame.size)
        deferred += frame.size
      }
      note(`frame ${frame.id}`)
    },
    onBatchEnd: () => note('batch end'),
    onRoom: () => note('room'),
    onClosed: (error) => note(`closed ${error?.message ?? ''}`),
  })
  channel.open()
  const until = async (event: string) => {
    while (!events.includes(event)) await new Promise<void>((resolve) => waiting.push(resolve))
  }
  const write = (id: number, bytes = 0) => {
    channel.writer.add(kinds.post, 0, id, '', new Uint8Array(bytes), 0, bytes)
    channel.written()
  }
  return { channel, other: port2, events, until, write, deferred: () => deferred }
}

function received(port: MessagePort) {
  const messages: unknown[] = []
  const waiting: (() => void)[] = []
  port.on('message', (message) => {
    messages.push(message)
    waiting.shift()?.()
  })
  return {
    next: async () => {
      if (messages.length === 0) await new Promise<void>((resolve) => waiting.push(resolve))
      return messages.shift()
    },
    count: () => messages.length,
  }
}

function giveBack(port: MessagePort, bytes: number): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- ports of Node.js have none
  port.postMessage(bytes)
}

function lengthOf(batch: unknown): number {
  assert.ok(batch instanceof Uint8Array)
  return batch.length
}

test('what one turn brings goes as one batch; much of it goes earlier', async (t) => {
  const { other, write } = openChannel(t, 1_000_000)
  const { next } = received(other)
  for (let i = 0; i < 100; i++) write(i)
  assert.equal(lengthOf(await next()), 100 * headerBytes)
  for (let i = 0; i < 3; i++) write(i, 50_000)
  const sizes = [lengthOf(await next()), lengthOf(await next())]
  assert.deepEqual(sizes, [2 * (50_000 + headerBytes), 50_000 + headerBytes])
})

test('beyond the window batches wait until bytes are given back', async (t) => {
  const { channel, other, events, until, write } = openChannel(t)
  const { next, count } = received(other)
  const frame = 70_000 + headerBytes
  // Each makes a batch of its own; the first goes over the window, the others wait.
  for (let i = 0; i < 6; i++) write(i, 70_000)
  assert.equal(lengthOf(await next()), frame)
  assert.equal(channel.queuedBytes, 5 * frame)
  assert.equal(channel.isFull, true)
  giveBack(other, frame)
  assert.equal(lengthOf(await next()), frame)
  assert.equal(count(), 0)
  assert.equal(channel.isFull, true)
  for (let i = 0; i < 3; i++) {
    giveBack(other, frame)
    assert.equal(lengthOf(await next()), frame)
  }
  await until('room')
  assert.equal(channel.isFull, false)
  assert.equal(events.filter((event) => event === 'room').length, 1)
})

test('what was dealt with is given back; what is kept, when it is released', async (t) => {
  const { channel, other, until, deferred } = openChannel(t)
  const sender = new PortChannel({
    port: other,
    onFrame: () => undefined,
    onRoom: () => undefined,
    onClosed: () => undefined,
  })
  const credits: unknown[] = []
  const credited = new Promise<void>((resolve) => {
    other.on('message', (message) => {
      if (typeof message === 'number' && credits.push(message) === 2) resolve()
    })
  })
  sender.open()
  sender.writer.add(kinds.post, 0, 1, '', new Uint8Array(5_000), 0, 5_000)
  sender.writer.add(kinds.publish, 0, 2, '', new Uint8Array(6_000), 0, 6_000)
  sender.written()
  await until('batch end')
  assert.equal(deferred(), 6_000 + headerBytes)
  channel.release(deferred())
  await credited
  assert.deepEqual(credits, [5_000 + headerBytes, 6_000 + headerBytes])
})

test('closing sends everything that was written, whatever the window says', async (t) => {
  const { channel, other, write } = openChannel(t)
  const { next } = received(other)
  for (let i = 0; i < 4; i++) write(i, 70_000)
  write(5, 10)
  const closed = new Promise<void>((resolve) => other.on('close', resolve))
  channel.close()
  channel.close()
  for (let i = 0; i < 4; i++) assert.equal(lengthOf(await next()), 70_000 + headerBytes)
  assert.equal(lengthOf(await next()), 10 + headerBytes)
  await closed
})

test('the other end that goes ends it', async (t) => {
  const { channel, other, until, write } = openChannel(t)
  other.close()
  await until('closed ')
  assert.equal(channel.isClosed, true)
  write(1)
})

test('what is no batch of frames ends it with a protocol error', async (t) => {
  for (const [bad, text] of [
    ['text', 'a message is no batch of frames'],
    [new Uint8Array(5), 'a frame of a message port ends too early'],
    [undefined, 'a message is no batch of frames'],
  ] as const) {
    const { channel, other, until } = openChannel(t)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- ports of Node.js have none
    other.postMessage(bad)
    await until(`closed ${text}`)
    assert.equal(channel.isClosed, true)
  }
})
