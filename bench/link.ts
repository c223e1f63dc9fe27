/**
 * A link between two daemons on this machine: how long from a publication on one until it is read on the other, beside
 * the same on one daemon; how fast a daemon that comes late catches up; what a link costs that has nothing to do.
 *
 * `npm run bench -- link [messages=1000000] [seconds=10] [logs=10000] [storage=lmdb]`
 */

import { createHistogram } from 'node:perf_hooks'
import { credentials, Client } from '@grpc/grpc-js'
import { connect } from '../src/client/index.ts'
import { msgbusService } from '../src/wire/gen/msgbus-v1.ts'
import { type DaemonUnderTest, startDaemonUnderTest } from './daemon-under-test.ts'
import { heading, machine, row, showNumber } from './figures.ts'
import { usageOf } from './process-usage.ts'

const payload = Buffer.alloc(100, 7)
const origin = { tenantId: 'tenant', blName: 'default', deviceId: 'bench' }
const off = ['--busrt', 'off', '--mqtt', 'off']
const same = (bytes: Buffer) => bytes

export async function run(args: string[]): Promise<void> {
  const setting = (name: string, other: string): string =>
    args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1) ?? other
  const messages = Number(setting('messages', '1000000'))
  const seconds = Number(setting('seconds', '10'))
  const logs = Number(setting('logs', '10000'))
  const storage = setting('storage', 'lmdb')
  process.stdout.write(`${machine()}\n`)
  await latency(storage, seconds)
  await catchUp(storage, messages)
  await idle(storage, logs)
}

function startPeer(storage: string, of: DaemonUnderTest): Promise<DaemonUnderTest> {
  const peer = ['--peer', `http://${of.address}=tenant/default/bench`]
  return startDaemonUnderTest(storage, undefined, ['--device-id', 'other', ...off, ...peer])
}

async function latency(storage: string, seconds: number): Promise<void> {
  heading('From publishing to reading, 1,000 messages of 100 bytes a second')
  const a = await startDaemonUnderTest(storage, undefined, off)
  const b = await startPeer(storage, a)
  const here = await connect(a.address)
  const there = await connect(b.address)
  await here.publish('bench/latency', payload)
  await headReached(b, 'bench/latency', 1)
  for (const [name, reader] of [
    ['on the same daemon', here],
    ['through a link', there],
  ] as const) {
    const histogram = createHistogram()
    const subscription = reader.subscribe('bench/latency', { from: 'now' })
    const count = seconds * 1_000
    const reading = (async () => {
      let read = 0
      for await (const message of subscription) {
        const sentAt = Buffer.from(message.payload).readDoubleLE(0)
        histogram.record(Math.max(1, Math.round((performance.now() - sentAt) * 1e6)))
        read += 1
        if (read === count) break
      }
    })()
    await subscription.ready()
    const publisher = here.publisher()
    const startedAt = performance.now()
    let sent = 0
    await new Promise<void>((resolve) => {
      const timer = setInterval(() => {
        const due = Math.min(count, Math.floor(performance.now() - startedAt))
        for (; sent < due; sent += 1) {
          const stamped = Buffer.alloc(100, 7)
          stamped.writeDoubleLE(performance.now())
          void publisher.send('bench/latency', stamped)
        }
        if (sent < count) return
        clearInterval(timer)
        resolve()
      }, 1)
    })
    await reading
    await publisher.close()
    const at = (share: number) => showNumber(histogram.percentile(share) / 1e6)
    row(name, `p50 ${at(50)} ms, p99 ${at(99)} ms, max ${showNumber(histogram.max / 1e6)} ms`)
  }
  here.close()
  there.close()
  await Promise.all([a.stop(), b.stop()])
}

async function catchUp(storage: string, messages: number): Promise<void> {
  heading(`Catching up with ${showNumber(messages)} messages of 100 bytes`)
  for (const topics of [1, 100]) {
    const a = await startDaemonUnderTest(storage, undefined, off)
    const bus = await connect(a.address)
    const publisher = bus.publisher()
    for (let i = 0; i < messages; i += 1) await publisher.send(`bench/${i % topics}`, payload)
    await publisher.close()
    bus.close()
    const b = await startPeer(storage, a)
    const startedAt = performance.now()
    const before = [usageOf(a.pid), usageOf(b.pid)]
    const last = (messages - 1) % topics
    await headReached(
      b,
      `bench/${last}`,
      Math.ceil(messages / topics) - (last === topics - 1 ? 0 : 1),
    )
    const tookMs = performance.now() - startedAt
    const cpu = [usageOf(a.pid), usageOf(b.pid)].map(
      ({ cpuSeconds }, i) => cpuSeconds - (before[i]?.cpuSeconds ?? 0),
    )
    const each = cpu.map((used) => `${showNumber((used * 1e6) / messages)} µs`).join(' and ')
    row(`${topics} topics`, `${showNumber((messages / tookMs) * 1_000)} messages/s, CPU ${each}`)
    await Promise.all([a.stop(), b.stop()])
  }
}

async function idle(storage: string, logs: number): Promise<void> {
  heading(`A link with ${showNumber(logs)} logs and nothing to do`)
  const a = await startDaemonUnderTest(storage, undefined, off)
  const bus = await connect(a.address)
  const publisher = bus.publisher()
  for (let i = 0; i < logs; i += 1) await publisher.send(`bench/${i}`, payload)
  await publisher.close()
  bus.close()
  const b = await startPeer(storage, a)
  await headReached(b, `bench/${logs - 1}`, 1)
  // Rows about the logs are written once more after it.
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  const before = [a, b].map(({ pid }) => usageOf(pid))
  await new Promise((resolve) => setTimeout(resolve, 10_000))
  for (const [i, name] of ['who was dialled', 'who dialled'].entries()) {
    const now = usageOf([a, b][i]?.pid ?? 0)
    const cpu = (now.cpuSeconds - (before[i]?.cpuSeconds ?? 0)) / 10
    const written = now.writtenBytes - (before[i]?.writtenBytes ?? 0)
    row(name, `${showNumber(cpu * 100)} % of a core, ${showNumber(written)} bytes written in 10 s`)
  }
  await Promise.all([a.stop(), b.stop()])
}

/** Asks for the head until it is there. */
async function headReached(daemon: DaemonUnderTest, topic: string, head: number): Promise<void> {
  const client = new Client(daemon.address, credentials.createInsecure())
  const { path, requestSerialize, responseDeserialize } = msgbusService.getHead
  const request = Buffer.from(requestSerialize({ topic, origin }))
  for (;;) {
    const bytes = await new Promise<Buffer>((resolve, reject) => {
      client.makeUnaryRequest(path, same, same, request, (error, value) => {
        if (error) reject(error)
        else resolve(value ?? Buffer.alloc(0))
      })
    })
    if (responseDeserialize(bytes).headId >= head) break
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  client.close()
}
