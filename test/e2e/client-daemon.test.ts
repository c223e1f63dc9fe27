/** The client against real daemons that are killed and come back: nothing lost, nothing twice. */

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { MemoryPositionStore } from '../../src/client/index.ts'
import type { MsgbusClient, Subscription } from '../../src/client/index.ts'
import { testOverAll } from './client-transports.ts'
import type { ClientTransport } from './client-transports.ts'
import { temporaryFolder } from './daemon-process.ts'
import type { DaemonProcess } from './daemon-process.ts'

const reconnect = { minDelayMs: 20, maxDelayMs: 100 }

async function open(
  t: TestContext,
  over: ClientTransport,
  daemon: DaemonProcess,
): Promise<MsgbusClient> {
  const client = await over.connect(daemon)
  t.after(() => client.close())
  return client
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

testOverAll(
  'publisher and subscriber over three kill -9: every message once and in order',
  async (t, over) => {
    let daemon = await over.start(t)
    const client = await open(t, over, daemon)
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
          daemon = await over.startAgain(t, daemon)
        }
      }
      await publisher.close()
    })()
    assert.deepEqual(await received, numbers(0, total))
    await publishing
    assert.equal(await client.getHead('work/a'), BigInt(total))
  },
)

testOverAll('a subscription over a graceful restart goes on at once', async (t, over) => {
  const daemon = await over.start(t)
  const client = await open(t, over, daemon)
  await client.publish('t', 'before')
  const subscription = client.subscribe('t', { reconnect })
  assert.deepEqual(await take(subscription, 1), ['before'])
  assert.equal((await daemon.stop()).code, 0)
  await over.startAgain(t, daemon)
  await client.publish('t', 'after')
  assert.deepEqual(await take(subscription, 1), ['after'])
})

testOverAll('now is from when it is ready, over a restart too', async (t, over) => {
  const daemon = await over.start(t)
  const client = await open(t, over, daemon)
  await client.publish('t', 'old')
  const subscription = client.subscribe('#', { from: 'now', reconnect })
  await subscription.ready()
  daemon.kill('SIGKILL')
  await daemon.exited
  await over.startAgain(t, daemon)
  const fresh = await open(t, over, daemon)
  await fresh.publish('t', 'new')
  assert.deepEqual(await take(subscription, 1), ['new'])
})

testOverAll(
  'a new store on the same address: what was seen is over, what is new comes',
  async (t, over) => {
    const daemon = await over.start(t, { args: ['--storage', 'memory'] })
    const client = await open(t, over, daemon)
    await client.publish('t', 'first life')
    const store = new MemoryPositionStore()
    const positions = { store, name: 'n', saveEveryMs: 0 }
    const subscription = client.subscribe('t', { reconnect, positions })
    assert.deepEqual(await take(subscription, 1), ['first life'])
    await daemon.stop()
    const data = temporaryFolder(t)
    await over.startAgain(t, daemon, { data, args: ['--storage', 'memory'] })
    await client.publish('t', 'second life')
    assert.deepEqual(await take(subscription, 1), ['second life'])
    await subscription.close()
  },
)

testOverAll('positions, head ids and last values against the real store', async (t, over) => {
  const client = await open(t, over, await over.start(t, { args: ['--storage', 'memory'] }))
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

testOverAll(
  'two consumers share a queue, and a lost one gives back what it had',
  async (t, over) => {
    const daemon = await over.start(t, { args: ['--storage', 'memory'] })
    const [first, second] = [await open(t, over, daemon), await open(t, over, daemon)]
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
  },
)
