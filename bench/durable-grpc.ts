/** Publishing and replaying through the daemon: single calls against streams, and replay. */

import { inChild } from './child.ts'
import { startDaemonUnderTest, type DaemonUnderTest } from './daemon-under-test.ts'
import type { DurableOptions } from './durable.ts'
import { figureOf, heading, inTurn, row, showFigure } from './figures.ts'
import type { GrpcLoadOptions, GrpcLoadResult } from './grpc-load.ts'

const replayed = 500_000

export async function runGrpc({ rounds, seconds }: DurableOptions): Promise<void> {
  for (const engine of ['lmdb', 'sqlite'] as const) {
    const withDaemon =
      (measure: (daemon: DaemonUnderTest) => Promise<GrpcLoadResult>) => async () => {
        const daemon = await startDaemonUnderTest(engine)
        try {
          return await measure(daemon)
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
      if (list.some(({ p50Ms }) => p50Ms > 0)) {
        row('', `${showFigure(figureOf(list.map((r) => r.p50Ms)))} ms p50`)
        row('', `${showFigure(figureOf(list.map((r) => r.p99Ms)))} ms p99`)
      }
    }
  }
}
