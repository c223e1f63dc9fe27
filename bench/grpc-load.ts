/**
 * Child of the bench `durable`: one load on a running daemon, with the client that programs use
 * (`stream`, `replay`), with bare calls of the gRPC library (`unary`), or with frames written by hand
 * (`frames`), which cost so little that the daemon and not the load is what is measured.
 */

import { createHistogram } from 'node:perf_hooks'

import { Client, credentials } from '@grpc/grpc-js'

import { connect } from '../src/client/index.ts'
import { encodePublishRequest, msgbusService } from '../src/wire/gen/msgbus-v1.ts'
import { answer, childOptions } from './child.ts'
import { runUnaryLoad } from './http2-load.ts'
import { usageOf } from './process-usage.ts'

export interface GrpcLoadOptions {
  readonly address: string
  readonly pid: number
  readonly mode: 'unary' | 'frames' | 'stream' | 'fill' | 'replay'
  /** unary, frames: calls in flight. stream: publishers. */
  readonly publishers: number
  /** stream: messages in flight per publisher. */
  readonly inFlight: number
  readonly seconds: number
  /** fill, replay: how many. */
  readonly messages: number
  /** Subscriptions to other topics that are open meanwhile. */
  readonly idleSubscriptions?: number
}

export interface GrpcLoadResult {
  readonly messagesPerSecond: number
  /** Of the daemon. */
  readonly cpuMicrosPerMessage: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const options = childOptions() as GrpcLoadOptions
const payload = Buffer.alloc(100, 7)
const latency = createHistogram()
const same = (bytes: Buffer) => bytes

/** Runs until the time is over; returns the number of messages done. */
const modes: Record<GrpcLoadOptions['mode'], (seconds: number) => Promise<number>> = {
  unary,
  frames,
  stream: async (seconds) => publish(seconds, Infinity),
  fill: async () => publish(Infinity, options.messages),
  replay,
}

const work = modes[options.mode]
await openIdleSubscriptions(options.idleSubscriptions ?? 0)
if (options.mode !== 'fill' && options.mode !== 'replay') await work(options.seconds / 4)
latency.reset()
const before = usageOf(options.pid)
const startedAt = performance.now()
const messages = await work(options.seconds)
const elapsedSeconds = (performance.now() - startedAt) / 1_000
const after = usageOf(options.pid)
answer({
  messagesPerSecond: messages / elapsedSeconds,
  cpuMicrosPerMessage: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / messages,
  p50Ms: latency.percentile(50) / 1e6,
  p99Ms: latency.percentile(99) / 1e6,
} satisfies GrpcLoadResult)
process.exit(0)

async function unary(seconds: number): Promise<number> {
  const client = new Client(options.address, credentials.createInsecure())
  const request = Buffer.from(encodePublishRequest({ topic: 'bench/unary', payload }))
  const endAt = performance.now() + seconds * 1_000
  let done = 0
  await new Promise<void>((resolve, reject) => {
    let open = options.publishers
    const next = () => {
      if (performance.now() >= endAt) {
        open -= 1
        if (open === 0) resolve()
        return
      }
      const sentAt = process.hrtime.bigint()
      const path = '/msgbus.v1.MsgbusService/Publish'
      client.makeUnaryRequest(path, same, same, request, (error) => {
        if (error !== null) {
          reject(error)
          return
        }
        latency.record(process.hrtime.bigint() - sentAt)
        done += 1
        next()
      })
    }
    for (let i = 0; i < options.publishers; i++) next()
  })
  client.close()
  return done
}

/** As many calls as the daemon takes in about that time, which a first run of some tells. */
async function frames(seconds: number): Promise<number> {
  const { address, publishers: inFlight } = options
  const request = encodePublishRequest({ topic: 'bench/unary', payload })
  const load = { address, path: msgbusService.publish.path, request, inFlight }
  const few = 2_000
  const calls = Math.ceil((few / (await runUnaryLoad({ ...load, calls: few }))) * seconds)
  await runUnaryLoad({ ...load, calls })
  return calls + few
}

/** Subscriptions that never get anything, on a connection of their own. */
async function openIdleSubscriptions(count: number): Promise<void> {
  if (count === 0) return
  const bus = await connect(options.address)
  await Promise.all(
    Array.from({ length: count }, async (_, i) => bus.subscribe(`idle/${i}`).ready()),
  )
}

/** Publishers that keep their window full. */
async function publish(seconds: number, count: number): Promise<number> {
  const bus = await connect(options.address)
  const endAt = performance.now() + seconds * 1_000
  let sent = 0
  const run = async (index: number) => {
    const publisher = bus.publisher({
      maxInFlightMessages: options.inFlight,
      maxBatchMessages: Math.max(1, Math.floor(options.inFlight / 2)),
    })
    while (sent < count && performance.now() < endAt) {
      sent += 1
      await publisher.send(`bench/${index}`, payload)
    }
    await publisher.close()
  }
  await Promise.all(Array.from({ length: options.publishers }, (_, index) => run(index)))
  bus.close()
  return sent
}

async function replay(): Promise<number> {
  const bus = await connect(options.address)
  let received = 0
  for await (const batch of bus.subscribe('bench/#', { from: 'earliest' }).batches()) {
    received += batch.length
    if (received >= options.messages) break
  }
  bus.close()
  return received
}
