/**
 * The seven stages in which BUS/RT brokers are measured (spec/busrt 9.5), with the client of this
 * package: workers are connections of this one process, so a broker that is faster than its client is
 * not seen to be. Nothing is stored: all of it is direct messages and calls.
 *
 * Differences to the tool of the reference: instead of five seconds of idling each stage is preceded by
 * some iterations that do not count, and rates are of what was really done.
 */

import { connect } from '../../client/busrt/index.ts'
import type { BusrtClient, BusrtOptions, OperationOptions } from '../../client/busrt/index.ts'
import { BusError } from '../../model/errors.ts'
import { CommandFailure, exitCodes } from '../exit-codes.ts'

export interface BusrtBenchOptions {
  /** `name` is the base of the names of all workers. */
  readonly connection: BusrtOptions
  readonly workers: number
  readonly payloadBytes: number
  /** Of all workers together, in each stage. */
  readonly iterations: number
  readonly signal: AbortSignal
  readonly onStage: (stage: string) => void
}

export interface StageResult {
  readonly stage: string
  readonly iterations: number
  readonly elapsedMs: number
  /** Of this process, user and system. */
  readonly cpuMs: number
}

interface Worker {
  readonly client: BusrtClient
  /** A name that nobody has. */
  readonly nobody: string
  /** Resolves when so many frames more have come. */
  received(frames: number): Promise<void>
}

type Stage = (worker: Worker, iterations: number) => Promise<void>

const closed: OperationOptions = { qos: 'realtime-processed' }
const open: OperationOptions = { qos: 'none' }
const broker = '.broker'
const brokerMethod = 'benchmark.test'
const ownMethod = 'benchmark.selftest'

/** Of all iterations of a stage, so many come before, uncounted; but not more than `mostWarmUp`. */
const warmUpPart = 0.1
const mostWarmUp = 5_000

/** In the order in which they run. @throws CommandFailure when the broker does not do what it should */
export async function benchBusrt(options: BusrtBenchOptions): Promise<StageResult[]> {
  const { stackTraceLimit } = Error
  // Every message to nobody ends with an error: what is measured is not the collecting of stacks.
  Error.stackTraceLimit = 0
  try {
    return await runAll(options)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

async function runAll(options: BusrtBenchOptions): Promise<StageResult[]> {
  const payload = new Uint8Array(options.payloadBytes).fill(0xee)
  const withRpc = await runStages(options, {
    'rpc.call': (worker, n) => repeat(n, () => call(worker, broker, brokerMethod, payload)),
    'rpc.call+handle': (worker, n) =>
      repeat(n, () => call(worker, worker.client.name, ownMethod, payload)),
    'rpc.call0': ({ client, nobody }, n) =>
      repeat(n, () => refused(client.rpc.call0(nobody, 'test', '', closed))),
  })
  // The same names again, as the tool of the reference does.
  const plain = await runStages(options, {
    'send.qos.no': ({ client, nobody }, n) => repeat(n, () => client.send(nobody, payload, open)),
    'send.qos.processed': ({ client, nobody }, n) =>
      repeat(n, () => refused(client.send(nobody, payload, closed))),
    'send+recv.qos.no': async (worker, n) => {
      const all = worker.received(n)
      await repeat(n, () => worker.client.send(worker.client.name, payload, open))
      await all
    },
    'send+recv.qos.processed': async (worker, n) => {
      const all = worker.received(n)
      await repeat(n, () => worker.client.send(worker.client.name, payload, closed))
      await all
    },
  })
  return [...withRpc, ...plain]
}

async function runStages(
  options: BusrtBenchOptions,
  stages: Readonly<Record<string, Stage>>,
): Promise<StageResult[]> {
  const { workers: count, iterations, signal, onStage } = options
  const each = Math.floor(iterations / count)
  const warmUp = Math.ceil(Math.min(each * warmUpPart, mostWarmUp / count))
  const workers = await connectAll(options, 'rpc.call' in stages)
  const results: StageResult[] = []
  const stop = () => void Promise.all(workers.map(({ client }) => client.close()))
  signal.addEventListener('abort', stop)
  try {
    for (const [stage, run] of Object.entries(stages)) {
      onStage(stage)
      await Promise.all(workers.map((worker) => run(worker, warmUp)))
      const cpu = process.cpuUsage()
      const startedAt = performance.now()
      await Promise.all(workers.map((worker) => run(worker, each)))
      const elapsedMs = performance.now() - startedAt
      const { user, system } = process.cpuUsage(cpu)
      results.push({ stage, iterations: each * count, elapsedMs, cpuMs: (user + system) / 1_000 })
    }
    return results
  } finally {
    signal.removeEventListener('abort', stop)
    await Promise.all(workers.map(({ client }) => client.close()))
  }
}

async function connectAll(
  { connection, workers: count }: BusrtBenchOptions,
  hasRpc: boolean,
): Promise<Worker[]> {
  const workers: Worker[] = []
  try {
    for (let i = 1; i <= count; i++) {
      const name = `${connection.name}-${i}`
      workers.push(await connectWorker({ ...connection, name }, hasRpc))
    }
    return workers
  } catch (error) {
    await Promise.all(workers.map(({ client }) => client.close()))
    throw error
  }
}

async function connectWorker(options: BusrtOptions, hasRpc: boolean): Promise<Worker> {
  let awaited = 0
  let resolveAll: () => void = nothing
  let rejectAll: (error: BusError) => void = nothing
  const client = await connect({
    ...options,
    ...(hasRpc
      ? { handlers: { [ownMethod]: ({ params }) => params } }
      : {
          onFrame: () => {
            awaited -= 1
            if (awaited === 0) resolveAll()
          },
        }),
    on: { disconnected: ({ error }) => rejectAll(error) },
  })
  return {
    client,
    nobody: `${options.name}-null`,
    received(frames) {
      awaited = frames
      if (frames === 0) return Promise.resolve()
      const all = new Promise<void>((resolve, reject) => {
        resolveAll = resolve
        rejectAll = reject
      })
      // Whoever waits for it does so after sending, which may fail before.
      all.catch(nothing)
      return all
    },
  }
}

function nothing(): void {}

async function repeat(times: number, operation: () => Promise<void>): Promise<void> {
  for (let i = 0; i < times; i++) await operation()
}

async function call(
  { client }: Worker,
  target: string,
  method: string,
  payload: Uint8Array,
): Promise<void> {
  const result = await client.rpc.call(target, method, payload, closed)
  if (Buffer.compare(result, payload) === 0) return
  throw new CommandFailure(exitCodes.refused, `${method} of ${target} did not return what it got`)
}

/** The broker's refusal is the answer that is waited for. */
async function refused(operation: Promise<void>): Promise<void> {
  try {
    await operation
  } catch (error) {
    if (error instanceof BusError && error.reason === 'unknown_client') return
    throw error
  }
  throw new CommandFailure(exitCodes.refused, 'a message to nobody was taken')
}
