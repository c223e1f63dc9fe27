// Cases 77 to 80 of spec/busrt 11: peers that do not read, and more than they can take. Against the
// program in a process of its own, whose memory is looked at.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { defaultLimits } from '../../../src/model/limits.ts'
import { cleanUp } from '../../e2e/clean-up.ts'
import { ack, message, messageFrom, rpcRequest, subscribe } from './bytes.ts'
import {
  type Broker,
  type BrokerProcess,
  isReference,
  startBroker,
  startBrokerProcess,
} from './broker.ts'
import { nextEvent } from './events.ts'
import { RawClient } from './raw-client.ts'
import { isFullSize } from '../../full-size.ts'

const transports = isFullSize ? (['unix', 'tcp'] as const) : (['unix'] as const)

/** Resident memory of the broker may grow by this much. What floods it is at least twice that. */
const mostGrowthBytes = 60_000_000

/** No ping comes in between. */
const patient = { timeoutMs: 600_000 }

for (const transport of transports) {
  test(`case 77: a receiver that stops reading, over ${transport}`, async (t) => {
    const broker = await startBrokerProcess(t, patient)
    const open = opener(t, broker, transport)
    const receiver = await open('receiver')
    const sender = await open('sender')
    const pair = [await open('a'), await open('b')] as const
    await roundTrips(pair, 100)
    const residentBefore = residentBytes(broker, t)

    receiver.socket.pause()
    const count = 60_000
    const flood = new Flood(sender, count, (index) =>
      message('receiver', twoKilobytes(index), { qos: 0 }),
    )
    // The reference throws the receiver out instead, and goes on.
    await (isReference ? flood.done : flood.stalls(pair))
    await roundTrips(pair, 1000)
    const growth = residentBytes(broker, t) - residentBefore
    assert.ok(growth < mostGrowthBytes, `grew by ${growth} bytes`)

    if (isReference) return
    receiver.socket.resume()
    for (let index = 0; index < count; index += 1)
      await receiver.gets(messageFrom('sender', twoKilobytes(index)))
    await flood.done
    await receiver.isUsable()
  })
}

test(
  'case 78: a receiver that does not read for too long is let go',
  { skip: isReference && 'not on the reference: it lets go as soon as the queue is full' },
  async (t) => {
    const broker = await startBroker(t)
    const open = opener(t, broker, 'unix')
    const watcher = await open('watcher')
    await watcher.send(subscribe('.broker/info'))
    await watcher.gets(ack())
    const receiver = await open('receiver')
    await nextEvent(watcher)
    receiver.socket.pause()
    const sender = await open('sender')
    await nextEvent(watcher)
    const pair = [await open('a'), await open('b')] as const
    const flood = new Flood(sender, 60_000, (index) =>
      message('receiver', twoKilobytes(index), { qos: 0 }),
    )
    await flood.stalls(pair)
    for (const name of ['a', 'b']) assert.equal((await nextEvent(watcher)).name, name)
    await watcher.isUsable()

    // Nothing happens before its time; then the sender goes on, and is told that nobody is there.
    await broker.pass(defaultLimits.slowClientMs / 2)
    await watcher.isUsable()
    await broker.pass(defaultLimits.slowClientMs)
    const { subject, name } = await nextEvent(watcher)
    assert.deepEqual([subject, name], ['unreg', 'receiver'])
    await flood.done
    await sender.send(message('receiver', 'x'))
    await sender.gets(ack(0x71))
    // What it does not take within the timeout is lost.
    await broker.pass(broker.timeoutMs)
    receiver.socket.resume()
    await once(receiver.socket, 'close')
  },
)

for (const transport of transports) {
  test(
    `case 79: a flood of messages to itself, over ${transport}`,
    { skip: isReference && 'not on the reference: it throws the client out at times' },
    async (t) => {
      const broker = await startBrokerProcess(t, patient)
      const client = await opener(t, broker, transport)('a.b')
      const count = isFullSize ? 200_000 : 60_000
      const flood = new Flood(client, count, (index) => message('a.b', String(index), { qos: 0 }))
      for (let index = 0; index < count; index += 1)
        await client.gets(messageFrom('a.b', String(index)))
      await flood.done
      await client.isUsable()
    },
  )

  const unread = `case 80: answers of the broker that nobody reads, over ${transport}`
  const skip = isReference && 'not on the reference: it throws the client out'
  test(unread, { skip }, async (t) => {
    const broker = await startBrokerProcess(t, patient)
    const open = opener(t, broker, transport)
    const pair = [await open('a'), await open('b')] as const
    await roundTrips(pair, 100)
    for (const method of ['benchmark.test', 'client.list', 'test']) {
      const residentBefore = residentBytes(broker, t)
      const client = await open('a.b')
      client.socket.pause()
      const params = method === 'benchmark.test' ? Buffer.alloc(2000) : ''
      const flood = new Flood(client, 1_000_000, (index) =>
        message('.broker', rpcRequest(index + 1, method, params), { qos: 0 }),
      )
      await flood.stalls(pair)
      const growth = residentBytes(broker, t) - residentBefore
      assert.ok(growth < mostGrowthBytes, `${method}: grew by ${growth} bytes`)
      client.socket.destroy()
      flood.stop()
    }
  })

  test(`case 80: acks that nobody reads, over ${transport}`, async (t) => {
    const broker = await startBrokerProcess(t, patient)
    const open = opener(t, broker, transport)
    const client = await open('a.b')
    const pair = [await open('a'), await open('b')] as const
    await roundTrips(pair, 100)
    const residentBefore = residentBytes(broker, t)

    client.socket.pause()
    // Their acks are more than twice what may be kept, beside what lies in the system's buffers.
    const flood = new Flood(client, 40_000_000, (index) => message('nobody', '', { id: index }))
    await flood.stalls(pair)
    const growth = residentBytes(broker, t) - residentBefore
    assert.ok(growth < mostGrowthBytes, `grew by ${growth} bytes`)
    flood.stop()

    client.socket.resume()
    await flood.done
    for (let index = 0; index < flood.sent;) {
      const acks: Buffer[] = []
      while (acks.length < 1000 && index < flood.sent) acks.push(ack(0x71, index++))
      const expected = Buffer.concat(acks)
      assert.ok((await client.take(expected.length)).equals(expected), `acks up to ${index}`)
    }
    await client.isUsable()
  })
}

const twoKilobytes = (index: number) => String(index).padEnd(2000, '.')

function opener(t: TestContext, broker: Broker, transport: 'unix' | 'tcp') {
  return async (name: string): Promise<RawClient> => {
    const client = await (await RawClient.connect(broker[transport], name)).register()
    cleanUp(t, () => client.socket.destroy())
    return client
  }
}

/** Sends many frames, as fast as they are taken. */
class Flood {
  /** Frames that were given to the system. */
  sent = 0
  readonly done: Promise<void>
  #isStopped = false

  constructor(client: RawClient, count: number, frame: (index: number) => Uint8Array) {
    this.done = this.#run(client, count, frame)
    // Whoever waits for the end hears of it.
    this.done.catch(() => undefined)
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Resolves when nothing is taken any more while the others are served. Rejects when all was. */
  async stalls(others: readonly [RawClient, RawClient]): Promise<void> {
    const isDone = this.done.then(() => {
      throw new Error(`all ${this.sent} frames were taken`)
    })
    isDone.catch(() => undefined)
    for (let before = -1; before !== this.sent;) {
      before = this.sent
      await Promise.race([roundTrips(others, 1000), isDone])
    }
    assert.ok(this.sent > 0)
  }

  async #run(
    client: RawClient,
    count: number,
    frame: (index: number) => Uint8Array,
  ): Promise<void> {
    while (this.sent < count && !this.#isStopped) {
      const frames: Uint8Array[] = []
      let bytes = 0
      while (bytes < 32_768 && this.sent + frames.length < count) {
        const next = frame(this.sent + frames.length)
        frames.push(next)
        bytes += next.length
      }
      await client.send(...frames)
      this.sent += frames.length
    }
  }
}

/** A message there and one back, so many times. */
async function roundTrips([a, b]: readonly [RawClient, RawClient], count: number): Promise<void> {
  for (let round = 0; round < count; round += 1) {
    await a.send(message(b.name, 'ping'))
    await a.gets(ack())
    await b.gets(messageFrom(a.name, 'ping'))
    await b.send(message(a.name, 'pong'))
    await b.gets(ack())
    await a.gets(messageFrom(b.name, 'pong'))
  }
}

/** 0 where the system does not tell: then nothing has grown. */
function residentBytes(broker: BrokerProcess, t: TestContext): number {
  try {
    const status = readFileSync(`/proc/${broker.pid}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024
  } catch {
    t.diagnostic('memory is not looked at: this system has no /proc')
    return 0
  }
}
