/** Publishing and replaying through the daemon: single calls against streams, and replay. */

import { inChild } from './child.ts'
import { startDaemonUnderTest, type DaemonUnderTest } from './daemon-under-test.ts'
import type { DurableOptions } from './durable.ts'
import { figureOf, heading, inTurn, row, showFigure } from './figures.ts'
import type { GrpcLoadOptions, GrpcLoadResult } from './grpc-load.ts'

const replayed = 500_000

interface GrpcResult extends GrpcLoadResult {
  /** How late the loop of the daemon was, at the 99th percentile. */
  readonly loopDelayP99Ms: number
}

export async function runGrpc({ rounds, seconds }: DurableOptions): Promise<void> {
  for (const engine of ['lmdb', 'sqlite'] as const) {
    const withDaemon =
      (measure: (daemon: DaemonUnderTest) => Promise<GrpcLoadResult>) =>
      async (): Promise<GrpcResult> => {
        const daemon = await startDaemonUnderTest(engine)
        try {
          await loopDelayP99Ms(daemon)
          const result = await measure(daemon)
          return { ...result, loopDelayP99Ms: await loopDelayP99Ms(daemon) }
        } finally {
          await daemon.stop()
        }
      }
    const load =
      (mode: GrpcLoadOptions['mode'], publishers: number, inFlight = 1, idleSubscriptions = 0) =>
      async ({ address, pid }: DaemonUnderTest) =>
        inChild<GrpcLoadResult>('grpc-load', {
          address,
          pid,
          mode,
          publishers,
          inFlight,
          seconds,
          messages: replayed,
          idleSubscriptions,
        } satisfies GrpcLoadOptions)
    const results = await inTurn(rounds, {
      'unary, 1 in flight': withDaemon(load('unary', 1)),
      'unary, 1 in flight, 1,000 idle subscriptions': withDaemon(load('unary', 1, 1, 1_000)),
      'unary, 64 in flight, calls by grpc-js': withDaemon(load('unary', 64)),
      'unary, 64 in flight, calls written by hand': withDaemon(load('frames', 64)),
      'stream, 1 publisher, 100 in flight': withDaemon(load('stream', 1, 100)),
      'stream, 16 publishers, 100 in flight each': withDaemon(load('stream', 16, 100)),
      'stream, 4 publishers, 2,000 in flight each': withDaemon(load('stream', 4, 2_000)),
      'replay of 500,000 by filter': withDaemon(async (daemon) => {
        await load('fill', 4, 4_000)(daemon)
        return load('replay', 1)(daemon)
      }),
    })
    heading(`${engine}: the daemon over gRPC, durable, 100 bytes`)
    for (const [name, list] of Object.entries(results)) {
      row(name, `${showFigure(figureOf(list.map((r) => r.messagesPerSecond)))} messages/s`)
      row('', `${showFigure(figureOf(list.map((r) => r.cpuMicrosPerMessage)))} CPU µs/message`)
      row('', `${showFigure(figureOf(list.map((r) => r.loopDelayP99Ms)))} ms loop delay p99`)
      if (list.some(({ p50Ms }) => p50Ms > 0)) {
        row('', `${showFigure(figureOf(list.map((r) => r.p50Ms)))} ms p50`)
        row('', `${showFigure(figureOf(list.map((r) => r.p99Ms)))} ms p99`)
      }
    }
  }
}

/** Since the last call. */
async function loopDelayP99Ms({ http }: DaemonUnderTest): Promise<number> {
  const text = await (await fetch(`${http}/metrics`)).text()
  return 1_000 * Number(/^nodejs_eventloop_lag_p99_seconds (.*)$/m.exec(text)?.[1])
}
