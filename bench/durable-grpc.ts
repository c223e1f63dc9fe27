/** Publishing and replaying through the daemon: single calls against streams, and replay. */

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { encodePublishRequest } from '../src/wire/gen/msgbus-v1.ts'
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
      'unary, 64 in flight': withDaemon(load('unary', 64)),
      'unary, 64 in flight, load by h2load': withDaemon(async (daemon) => h2load(daemon, 64)),
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
      const measured = list.filter(({ messagesPerSecond }) => messagesPerSecond > 0)
      if (measured.length === 0) {
        row(name, 'skipped: h2load is not installed (Debian: nghttp2-client)')
        continue
      }
      row(name, `${showFigure(figureOf(measured.map((r) => r.messagesPerSecond)))} messages/s`)
      row('', `${showFigure(figureOf(measured.map((r) => r.cpuMicrosPerMessage)))} CPU µs/message`)
      if (measured.some(({ p50Ms }) => p50Ms > 0)) {
        row('', `${showFigure(figureOf(measured.map((r) => r.p50Ms)))} ms p50`)
        row('', `${showFigure(figureOf(measured.map((r) => r.p99Ms)))} ms p99`)
      }
    }
  }
}

/** The same call from a load generator in C, which costs less than the gRPC library. */
async function h2load({ address }: DaemonUnderTest, inFlight: number): Promise<GrpcLoadResult> {
  const folder = mkdtempSync(join(tmpdir(), 'msgbus-bench-'))
  try {
    const message = encodePublishRequest({ topic: 'bench/unary', payload: Buffer.alloc(100, 7) })
    const frame = Buffer.alloc(5 + message.length)
    frame.writeUInt32BE(message.length, 1)
    frame.set(message, 5)
    writeFileSync(join(folder, 'request'), frame)
    const args = ['-n', '40000', '-c', '1', '-m', String(inFlight), '-d', join(folder, 'request')]
    const headers = ['-H', 'content-type: application/grpc', '-H', 'te: trailers']
    const url = `http://${address}/msgbus.v1.MsgbusService/Publish`
    const output = await outputOf('h2load', [...args, ...headers, url])
    const rate = Number(/([\d.]+) req\/s/.exec(output)?.[1] ?? 0)
    return { messagesPerSecond: rate, cpuMicrosPerMessage: Number.NaN, p50Ms: 0, p99Ms: 0 }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What a command prints; empty when it cannot be run. */
async function outputOf(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    child.on('error', () => resolve(''))
    child.on('close', () => resolve(output))
  })
}
