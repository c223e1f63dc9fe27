/** The runs of `msgbus bench`: what the daemon at hand does with this machine as client. */

import type { MsgbusClient } from '../../client/core.ts'
import { CommandFailure, exitCodes } from '../exit-codes.ts'
import { LatencyRecorder } from './latency-recorder.ts'

export interface BenchOptions {
  readonly topic: string
  readonly messages: number
  /** Payload bytes. */
  readonly size: number
  readonly publishers: number
  /** Unanswered messages per publisher. */
  readonly inFlight: number
  /** Single calls instead of the stream. */
  readonly unary: boolean
  /** False: repetitions are not recognised, which costs the daemon less. */
  readonly publishIds: boolean
  readonly signal: AbortSignal
  /** Called now and then with how many messages are done. */
  readonly progress: (done: number) => void
}

export interface BenchResult {
  readonly messages: number
  readonly bytes: number
  readonly elapsedMs: number
  /** Of this process, user and system. */
  readonly cpuMs: number
  readonly latency: LatencyRecorder
}

/** A call of `progress` per so many messages. */
const progressStep = 1_000

/** Stored messages: how many are acknowledged per second, and how soon. */
export async function benchPublish(
  client: MsgbusClient,
  options: BenchOptions,
): Promise<BenchResult> {
  const { topic, messages, size, publishers, inFlight, unary, publishIds, signal } = options
  const payload = new Uint8Array(size).fill(0x78)
  const latency = new LatencyRecorder()
  const meter = new Meter(options)
  let next = 0
  const runs = Array.from({ length: publishers }, async () => {
    const publisher = client.publisher({ maxInFlightMessages: inFlight, idempotent: publishIds })
    const publishOne = unary
      ? () => client.publish(topic, payload, { signal })
      : () => publisher.publish(topic, payload)
    const worker = async () => {
      while (next < messages && !signal.aborted) {
        next += 1
        const startedAt = performance.now()
        await publishOne()
        latency.record(performance.now() - startedAt)
        meter.count(1, size)
      }
    }
    await Promise.all(Array.from({ length: inFlight }, worker))
    await publisher.close()
  })
  await Promise.all(runs)
  return meter.result(latency)
}

/** Replay by subscription. */
export async function benchSubscribe(
  client: MsgbusClient,
  options: BenchOptions,
): Promise<BenchResult> {
  const { topic, signal } = options
  const messages = await availableMessages(client, options)
  const meter = new Meter(options)
  for await (const batch of client.subscribe(topic, { from: 'earliest', signal }).batches()) {
    let bytes = 0
    for (const { payload } of batch) bytes += payload.length
    meter.count(batch.length, bytes)
    if (meter.messages >= messages) break
  }
  return meter.result(new LatencyRecorder())
}

/** Replay by fetch. */
export async function benchFetch(
  client: MsgbusClient,
  options: BenchOptions,
): Promise<BenchResult> {
  const { topic, signal } = options
  const limit = await availableMessages(client, options)
  const meter = new Meter(options)
  for await (const { payload } of client.fetch(topic, { limit, signal })) {
    meter.count(1, payload.length)
  }
  return meter.result(new LatencyRecorder())
}

async function availableMessages(client: MsgbusClient, options: BenchOptions): Promise<number> {
  const head = await client.getHead(options.topic, { signal: options.signal })
  if (head !== undefined) return Math.min(options.messages, Number(head))
  const text = `nothing is stored in ${options.topic}: run msgbus bench pub first`
  throw new CommandFailure(exitCodes.notFound, text)
}

class Meter {
  readonly #progress: BenchOptions['progress']
  readonly #startedAt = performance.now()
  readonly #cpu = process.cpuUsage()
  messages = 0
  #bytes = 0
  #reported = 0

  constructor({ progress }: BenchOptions) {
    this.#progress = progress
  }

  count(messages: number, bytes: number): void {
    this.messages += messages
    this.#bytes += bytes
    if (this.messages - this.#reported < progressStep) return
    this.#reported = this.messages
    this.#progress(this.messages)
  }

  result(latency: LatencyRecorder): BenchResult {
    const elapsedMs = performance.now() - this.#startedAt
    const { user, system } = process.cpuUsage(this.#cpu)
    const cpuMs = (user + system) / 1_000
    return { messages: this.messages, bytes: this.#bytes, elapsedMs, cpuMs, latency }
  }
}
