/** The client against real daemons that are killed and come back: nothing lost, nothing twice. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { MemoryPositionStore, connect } from '../../src/client/index.ts'
import type { MsgbusClient, Subscription } from '../../src/client/index.ts'
import { startDaemon, temporaryFolder } from './daemon-process.ts'
import type { DaemonProcess } from './daemon-process.ts'

const reconnect = { minDelayMs: 20, maxDelayMs: 100 }

async function open(t: TestContext, daemon: DaemonProcess): Promise<MsgbusClient> {
  const client = await connect(daemon.address)
  t.after(() => client.close())
  return client
}

/** Starts a daemon anew on its folder and its port. */
function again(t: TestContext, { data, address }: DaemonProcess): Promise<DaemonProcess> {
  return startDaemon(t, { data, args: ['--listen', address] })
}

async function take(subscription: Subscription, count: number): Promise<string[]> {
  const iterator = subscription[Symbol.asyncIterator]()
  const texts: string[] = []
  while (texts.length < count) {
    const result = await iterator.next()
    if (result.done === true) break
    texts.push(result.value.text())
  }
  return texts
}

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, i) => String(from + i))
}

test('publisher and subscriber over three kill -9: every message once and in order', async (t) => {
  let daemon = await startDaemon(t)
  const client = await open(t, daemon)
  const subscription = client.subscribe('work/#', { reconnect })
  const publisher = client.publisher({ reconnect, maxBatchMessages: 100 })
  const total = 4_000
  const received = take(subscription, total)
  const publishing = (async () => {
    for (let i = 0; i < total; i++) {
      await publisher.send('work/a', String(i))
      // The daemon dies while messages are on their way, whatever it has done with them.
      if (i > 0 && i % 1_000 === 0) {
        daemon.kill('SIGKILL')
        await daemon.exited
        daemon = await again(t, daemon)
      }
    }
    await publisher.close()
  })()
  assert.deepEqual(await received, numbers(0, total))
  await publishing
  assert.equal(await client.getHead('work/a'), BigInt(total))
})

test('a subscription over a graceful restart goes on at once', async (t) => {
  const daemon = await startDaemon(t)
  const client = await open(t, daemon)
  await client.publish('t', 'before')
  const subscription = client.subscribe('t', { reconnect })
  assert.deepEqual(await take(subscription, 1), ['before'])
  assert.equal((await daemon.stop()).code, 0)
  await again(t, daemon)
  await client.publish('t', 'after')
  assert.deepEqual(await take(subscription, 1), ['after'])
})

test('now is from when it is ready, over a restart too', async (t) => {
  const daemon = await startDaemon(t)
  const client = await open(t, daemon)
  await client.publish('t', 'old')
  const subscription = client.subscribe('#', { from: 'now', reconnect })
  await subscription.ready()
  daemon.kill('SIGKILL')
  await daemon.exited
  await again(t, daemon)
  const fresh = await open(t, daemon)
  await fresh.publish('t', 'new')
  assert.deepEqual(await take(subscription, 1), ['new'])
})

test('a new store on the same address: what was seen is over, what is new comes', async (t) => {
  const daemon = await startDaemon(t, { args: ['--storage', 'memory'] })
  const client = await open(t, daemon)
  await client.publish('t', 'first life')
  const store = new MemoryPositionStore()
  const positions = { store, name: 'n', saveEveryMs: 0 }
  const subscription = client.subscribe('t', { reconnect, positions })
  assert.deepEqual(await take(subscription, 1), ['first life'])
  await daemon.stop()
  const data = temporaryFolder(t)
  await startDaemon(t, { data, args: ['--storage', 'memory', '--listen', daemon.address] })
  await client.publish('t', 'second life')
  assert.deepEqual(await take(subscription, 1), ['second life'])
  await subscription.close()
})

test('positions, head ids and last values against the real store', async (t) => {
  const client = await open(t, await startDaemon(t, { args: ['--storage', 'memory'] }))
  for (const text of numbers(1, 6)) await client.publish('a', text)
  await client.publish('b', 'b1')
  assert.deepEqual(await take(client.subscribe('a', { from: 4n }), 2), ['4', '5'])
  assert.deepEqual(await take(client.subscribe('+', { from: 'last' }), 2), ['5', 'b1'])
  const iterator = client.subscribe('#')[Symbol.asyncIterator]()
  await iterator.next()
  const { value } = await iterator.next()
  assert.equal(value?.text(), '2')
  assert.ok(value.position)
  assert.deepEqual(await take(client.subscribe('#', { from: value.position }), 4), [
    '3',
    '4',
    '5',
    'b1',
  ])
})

test('two consumers share a queue, and a lost one gives back what it had', async (t) => {
  const daemon = await startDaemon(t, { args: ['--storage', 'memory'] })
  const [first, second] = [await open(t, daemon), await open(t, daemon)]
  for (const text of numbers(0, 4)) await first.enqueueFifo('q', 'q', text)
  const held = first.consume('q', { maxInFlight: 2 })[Symbol.asyncIterator]()
  assert.equal((await held.next()).value?.text(), '0')
  assert.equal((await held.next()).value?.text(), '1')
  const texts: string[] = []
  for await (const delivery of second.consume('q')) {
    texts.push(delivery.text())
    assert.equal(await delivery.ack(), true)
    if (texts.length === 2) first.close()
    if (texts.length === 4) break
  }
  assert.deepEqual(texts, ['2', '3', '0', '1'])
  assert.deepEqual(
    (await second.listQueues()).map(({ queue, depth }) => [queue, depth]),
    [['q', 0]],
  )
})
