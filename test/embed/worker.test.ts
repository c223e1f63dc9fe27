/** Clients in real worker threads: order, calls, stuck threads, floods, and threads that end. */

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { MessageChannel, Worker } from 'node:worker_threads'
import { isError, take, texts } from '../../src/embed/client-suite.ts'
import {
  type AttachedPort,
  Bus,
  type BusOptions,
  type Client,
  connectPort,
  type DirectMessage,
  type Listening,
} from '../../src/embed/index.ts'
import type { WorkerData } from './worker-data.ts'

const program = new URL('./worker-program.js', import.meta.url)

interface Fixture {
  readonly bus: Bus
  readonly main: Client
  readonly heard: Listening<DirectMessage>
  /** Starts a worker under the name of its role; resolves when it is ready. */
  readonly start: (
    data: WorkerData,
    name?: string,
  ) => Promise<{ worker: Worker; attached: AttachedPort }>
}

async function openBus(t: TestContext, options?: BusOptions): Promise<Fixture> {
  const bus = await Bus.open(options)
  const main = bus.connect({ name: 'main' })
  const heard = main.messages()
  const workers: Worker[] = []
  t.after(async () => {
    await Promise.all(workers.map((worker) => worker.terminate()))
    await bus.close()
  })
  const start = async (workerData: WorkerData, name: string = workerData.role) => {
    const worker = new Worker(program, { workerData })
    workers.push(worker)
    const attached = bus.attach(worker, { name })
    const [message] = await take(heard, 1)
    assert.deepEqual([message?.from, message?.text()], [name, 'ready'])
    return { worker, attached }
  }
  return { bus, main, heard, start }
}

function exitOf(worker: Worker): Promise<number> {
  return new Promise((resolve) => worker.once('exit', resolve))
}

/** Sends until there is no room; how many that took, and when there is room again. */
function fill(client: Client, name: string, payload: Uint8Array) {
  for (let sent = 1; sent < 1_000_000; sent++) {
    const room = client.post(name, payload)
    if (room !== undefined) return { sent, room }
  }
  return assert.fail('there is room for everything')
}

test('a hundred thousand messages each way keep their order', async (t) => {
  const { main, heard, start } = await openBus(t)
  await start({ role: 'echo' })
  const total = 100_000
  const sending = (async () => {
    for (let i = 0; i < total; i++) await main.post('echo', `${i}`)
  })()
  let expected = 0
  for await (const message of heard) {
    if (message.text() !== `${expected}`) assert.equal(message.text(), `${expected}`)
    if (++expected === total) break
  }
  await sending
})

test('a hundred thousand from one worker to another and on keep theirs', async (t) => {
  const { main, heard, start } = await openBus(t)
  const total = 100_000
  await start({ role: 'numbers', count: total })
  await start({ role: 'relay' })
  await main.send('numbers', 'relay')
  let expected = 0
  for await (const message of heard) {
    if (message.text() !== `${expected}`) assert.equal(message.text(), `${expected}`)
    if (++expected === total) break
  }
})

test('a thread that is stuck stops who feeds it, in bounded memory, and nobody else', async (t) => {
  const { bus, main, heard, start } = await openBus(t)
  const gate = new SharedArrayBuffer(4)
  const flag = new Int32Array(gate)
  Atomics.store(flag, 0, 1)
  t.after(() => {
    Atomics.store(flag, 0, 0)
    Atomics.notify(flag, 0)
  })
  await start({ role: 'stuck', gate })
  await start({ role: 'echo' })
  const feeder = bus.connect({ name: 'feeder' })
  await main.send('stuck', 'stick')
  await take(heard, 1)
  const { sent, room } = fill(feeder, 'stuck', new Uint8Array(1_000))
  const stuck = bus.clients().find((client) => client.name === 'stuck')
  assert.equal(stuck?.congested, true)
  assert.ok(sent < 1_500, `${sent} messages of 1,000 bytes were taken`)
  assert.ok(stuck.queuedBytes < 1_000_000, `${stuck.queuedBytes} bytes wait`)
  let hasRoom = false
  const waiting = room.then(() => {
    hasRoom = true
  })
  for (let i = 0; i < 1_000; i++) await main.post('echo', `${i}`)
  assert.equal((await take(heard, 1_000)).length, 1_000)
  assert.equal(hasRoom, false)
  Atomics.store(flag, 0, 0)
  Atomics.notify(flag, 0)
  await waiting
  await main.send('stuck', 'how many?')
  assert.deepEqual(texts(await take(heard, 1)), [`${sent}`])
})

test('a flood from a thread that does not wait for room is stopped there', async (t) => {
  const { main, heard, start } = await openBus(t)
  await start({ role: 'careless', count: 1_000_000 })
  await main.send('careless', 'go')
  let messages = 0
  for await (const message of heard) {
    assert.ok(main.queuedBytes < 3_000_000, `${main.queuedBytes} bytes wait`)
    if (message.payload.length !== 1_000) {
      const { sent, reason } = message.json<{ sent: number; reason: string }>()
      assert.equal(reason, 'quota_exceeded')
      // Everything that was accepted has come.
      assert.equal(messages, sent)
      break
    }
    messages += 1
  }
})

test('calls go both ways at once, through the port that is being called over', async (t) => {
  const { main, start } = await openBus(t)
  await start({ role: 'caller' })
  await main.register('add', (call) => {
    return `${call.json<number[]>().reduce((a, b) => a + b, 0)}`
  })
  const calls = Array.from({ length: 100 }, (_, i) => main.call('double', `${i}`))
  assert.deepEqual(
    texts(await Promise.all(calls)),
    Array.from({ length: 100 }, (_, i) => `${2 * i}`),
  )
})

test('a thread that ends ends its client, and the calls it was to answer', async (t) => {
  const { bus, main, start } = await openBus(t)
  const { worker, attached } = await start({ role: 'caller' })
  const exited = exitOf(worker)
  await assert.rejects(main.call('leave'), isError('callee_gone'))
  assert.equal(await exited, 0)
  assert.equal(await attached.closed, undefined)
  assert.deepEqual(
    bus.clients().map(({ name }) => name),
    ['main'],
  )
  await assert.rejects(main.send('caller', 'x'), isError('unknown_client'))
  await start({ role: 'caller' })
})

test('a thread that never takes its port, and one that is over', async (t) => {
  const { bus } = await openBus(t)
  const worker = new Worker('', { eval: true })
  const exited = exitOf(worker)
  const attached = bus.attach(worker, { name: 'deaf' })
  await exited
  assert.equal(await attached.closed, undefined)
  assert.throws(() => bus.attach(worker, { name: 'over' }), isError('connection_lost'))
  assert.deepEqual(
    bus.clients().map(({ name }) => name),
    ['main'],
  )
})

test('a thread that is stopped from outside, or fails, does too', async (t) => {
  const { bus, start, heard } = await openBus(t)
  const { worker, attached } = await start({ role: 'echo' })
  await worker.terminate()
  assert.equal(await attached.closed, undefined)
  const broken = new Worker(program, { workerData: { role: 'broken' } satisfies WorkerData })
  const failed = new Promise((resolve) => broken.once('error', resolve))
  const brokenPort = bus.attach(broken, { name: 'broken' })
  assert.match(String(await failed), /as the test wants it/)
  assert.equal(await brokenPort.closed, undefined)
  assert.deepEqual(
    bus.clients().map(({ name }) => name),
    ['main'],
  )
  heard.close()
})

test('a worker over a port of its own, ended from the side of the bus', async (t) => {
  const { bus, heard } = await openBus(t)
  const { port1, port2 } = new MessageChannel()
  const workerData: WorkerData = { role: 'echo', port: port2 }
  const worker = new Worker(program, { workerData, transferList: [port2] })
  const exited = exitOf(worker)
  const attached = bus.attach(port1, { name: 'own' })
  await take(heard, 1)
  attached.close()
  attached.close()
  // Without a client the thread has nothing to do.
  assert.equal(await exited, 0)
  assert.equal((await attached.closed)?.message, 'the client was closed by its bus')
})

test('what a thread publishes is stored and read back, on disk and in memory', async (t) => {
  const data = await mkdtemp(join(tmpdir(), 'msgbus-worker-'))
  t.after(() => rm(data, { recursive: true, force: true }))
  for (const options of [{}, { data }]) {
    const { main, start } = await openBus(t, options)
    await start({ role: 'publisher', count: 2_000 })
    const answer = await main.call('publish', 'numbers')
    const { heads, read } = answer.json<{ heads: number[]; read: string[] }>()
    assert.deepEqual(
      heads,
      Array.from({ length: 2_000 }, (_, i) => i + 1),
    )
    assert.deepEqual(
      read,
      Array.from({ length: 2_000 }, (_, i) => `${i}`),
    )
    const [first] = await take(main.fetch('numbers'), 1)
    assert.deepEqual([first?.from, first?.text()], ['publisher', '0'])
  }
})

test('a name that is taken leaves the port as it was', async (t) => {
  const { bus } = await openBus(t)
  const { port1, port2 } = new MessageChannel()
  assert.throws(() => bus.attach(port1, { name: 'main' }), isError('name_taken'))
  bus.attach(port1, { name: 'other' })
  const client = await connectPort(port2)
  assert.equal(client.name, 'other')
  client.close()
})

test('a port that is closed before the bus has greeted, and none at all', async (t) => {
  await openBus(t)
  const { port1, port2 } = new MessageChannel()
  const connecting = connectPort(port2)
  port1.close()
  await assert.rejects(connecting, isError('connection_lost'))
  await assert.rejects(connectPort(), isError('bad_argument'))
})

test('a port that brings something else ends its client with an error', async (t) => {
  const { bus } = await openBus(t)
  const { port1, port2 } = new MessageChannel()
  const attached = bus.attach(port1, { name: 'other' })
  const closed = new Promise<void>((resolve) => port2.on('close', resolve))
  // Listening for messages keeps the port, and so the process, awake.
  port2.on('message', () => undefined)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- ports of Node.js have none
  port2.postMessage('hello')
  assert.match((await attached.closed)?.message ?? '', /no batch of frames/)
  await closed
  assert.deepEqual(
    bus.clients().map(({ name }) => name),
    ['main'],
  )
})
