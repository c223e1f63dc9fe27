/** `msgbus bench pub|sub|fetch|busrt`: how fast this daemon is, seen from this machine. */

import type { Command } from 'commander'
import type { MsgbusClient } from '../../client/core.ts'
import type { BenchOptions, BenchResult } from '../bench/bench-runs.ts'
import type { StageResult } from '../bench/busrt-stages.ts'
import { addBusrtOptions, busrtOptions } from '../busrt-session.ts'
import type { BusrtCommandOptions } from '../busrt-session.ts'
import { formatBytes, formatCount, formatDuration, parseCount } from '../duration.ts'
import { UsageError } from '../exit-codes.ts'
import { withClient } from '../session.ts'
import type { GlobalOptions } from '../session.ts'
import { formatTable } from '../table.ts'
import type { Column } from '../table.ts'
import type { Terminal } from '../terminal.ts'

type BenchCommandOptions = GlobalOptions &
  Pick<BenchOptions, 'topic' | 'messages' | 'size' | 'publishers' | 'inFlight'> & {
    readonly unary?: boolean
    readonly publishIds?: boolean
  }

interface BusrtBenchCommandOptions extends BusrtCommandOptions {
  readonly workers: number
  readonly payloadSize: number
  readonly iterations: number
}

type BenchKind = 'pub' | 'sub' | 'fetch'

const defaultTopic = 'bench/messages'
/** The progress line changes no more often, milliseconds. */
const progressEveryMs = 200

export function addBenchCommands(program: Command, terminal: Terminal): void {
  const bench = program.command('bench').summary('measure this daemon: pub, sub, fetch, busrt')
  const summaries = {
    pub: 'acknowledged messages per second, and how soon',
    sub: 'replay by subscription',
    fetch: 'replay by fetch',
  }
  for (const kind of ['pub', 'sub', 'fetch'] as const) {
    const command = bench
      .command(kind)
      .summary(summaries[kind])
      .option('--topic <topic>', 'topic to use', defaultTopic)
      .option('--messages <n>', 'how many', parseCount(1), 100_000)
    if (kind === 'pub') {
      command
        .option('--size <bytes>', 'payload of each message', parseCount(0), 100)
        .option('--publishers <n>', 'side by side', parseCount(1), 1)
        .option('--in-flight <n>', 'unanswered messages per publisher', parseCount(1), 100)
        .option('--unary', 'one call per message instead of the stream')
        .option('--no-publish-ids', 'do not have the daemon recognise repetitions')
    }
    command.action((_, self: Command) => runBench(kind, self, terminal))
  }
  const busrt = bench
    .command('busrt')
    .summary('calls and direct messages over BUS/RT, in seven stages')
    .description(
      'Runs the seven stages in which BUS/RT brokers are measured: calls of the broker, of a client and ' +
        'of nobody, then messages to nobody and to oneself, with and without acknowledgement. The ' +
        'client is the one of this package, whose own speed is part of every figure.',
    )
    .option('-w, --workers <n>', 'connections side by side', parseCount(1), 1)
    .option('--payload-size <bytes>', 'payload of each message', parseCount(0), 100)
    .option(
      '-i, --iterations <n>',
      'of all workers together, in each stage',
      parseCount(1),
      100_000,
    )
  addBusrtOptions(busrt)
  busrt.action((_, self: Command) => runBusrtBench(self, terminal))
}

async function runBusrtBench(command: Command, terminal: Terminal): Promise<void> {
  const options = command.optsWithGlobals<BusrtBenchCommandOptions>()
  const { workers, payloadSize, iterations, json } = options
  if (iterations < workers) throw new UsageError('there are more workers than iterations')
  const { benchBusrt } = await import('../bench/busrt-stages.ts')
  const connection = await busrtOptions(command, terminal)
  const results = await benchBusrt({
    connection,
    workers,
    payloadBytes: payloadSize,
    iterations,
    signal: terminal.signal,
    onStage: (stage) => {
      if (terminal.stderrIsTerminal) terminal.writeError(`\r\u001b[K${stage}`)
    },
  })
  if (terminal.stderrIsTerminal) terminal.writeError('\r\u001b[K')
  const sorted = results.toSorted((a, b) => (a.stage < b.stage ? -1 : 1))
  const objects = sorted.map((each) => {
    return { ...each, workers, payloadSize, perSecond: perSecond(each) }
  })
  await terminal.write(
    json
      ? objects.map((each) => `${JSON.stringify(each)}\n`).join('')
      : formatTable(stageColumns, sorted),
  )
}

function perSecond({ iterations, elapsedMs }: StageResult): number {
  return (iterations / elapsedMs) * 1_000
}

const stageColumns: readonly Column<StageResult>[] = [
  { title: 'STAGE', cell: ({ stage }) => stage },
  { title: 'ITERS', cell: ({ iterations }) => formatCount(iterations), align: 'right' },
  { title: 'SECS', cell: ({ elapsedMs }) => (elapsedMs / 1_000).toFixed(3), align: 'right' },
  { title: 'MSECS', cell: ({ elapsedMs }) => elapsedMs.toFixed(3), align: 'right' },
  { title: 'ITERS/S', cell: (each) => formatCount(Math.round(perSecond(each))), align: 'right' },
  {
    title: 'CLIENT CPU µS/ITER',
    cell: ({ cpuMs, iterations }) => ((cpuMs * 1_000) / iterations).toFixed(1),
    align: 'right',
  },
]

function runBench(kind: BenchKind, command: Command, terminal: Terminal): Promise<void> {
  const given = command.optsWithGlobals<BenchCommandOptions>()
  const { unary = false, publishIds = true } = given
  const work = async (client: MsgbusClient) => {
    const { benchFetch, benchPublish, benchSubscribe } = await import('../bench/bench-runs.ts')
    const runs = { pub: benchPublish, sub: benchSubscribe, fetch: benchFetch }
    const { signal } = terminal
    const progress = progressLine(given.messages, terminal)
    const result = await runs[kind](client, { ...given, unary, publishIds, signal, progress })
    if (terminal.stderrIsTerminal) terminal.writeError('\r\u001b[K')
    const report = given.json ? toJson(kind, given, result) : format(kind, given, result, terminal)
    await terminal.write(report)
  }
  return withClient(command, terminal, work, { publishRetry: publishIds })
}

function progressLine(total: number, terminal: Terminal): (done: number) => void {
  if (!terminal.stderrIsTerminal) return () => undefined
  let shownAt = performance.now()
  let shown = 0
  return (done) => {
    const now = performance.now()
    if (now - shownAt < progressEveryMs) return
    const rate = Math.round(((done - shown) / (now - shownAt)) * 1_000)
    const percent = Math.floor((done / total) * 100)
    terminal.writeError(
      `\r\u001b[K${percent} %  ${formatCount(done)} messages  ${formatCount(rate)}/s`,
    )
    shownAt = now
    shown = done
  }
}

function format(
  kind: string,
  options: BenchCommandOptions,
  result: BenchResult,
  { colours }: Terminal,
): string {
  const { messages, bytes, elapsedMs, cpuMs, latency } = result
  const how = kind === 'pub' ? describe(options) : 'from the beginning'
  const rate = formatCount(Math.round((messages / elapsedMs) * 1_000))
  const volume = formatBytes((bytes / elapsedMs) * 1_000)
  const cpu = ((cpuMs * 1_000) / messages).toFixed(1)
  const lines = [
    `${formatCount(messages)} messages, ${formatBytes(bytes)}, ${formatDuration(elapsedMs)}  (${how})`,
    `${colours.strong(`${rate} messages/s`)}  ${volume}/s  ${cpu} µs CPU of this client per message`,
  ]
  const summary = latency.summary()
  if (summary !== undefined) {
    const { p50Ms, p90Ms, p99Ms, p999Ms, maxMs } = summary
    const shown = Object.entries({
      p50: p50Ms,
      p90: p90Ms,
      p99: p99Ms,
      'p99.9': p999Ms,
      max: maxMs,
    })
    const texts = shown.map(([name, ms]) => `${name} ${Number(ms.toPrecision(3))}`)
    lines.push(`latency ms: ${texts.join('  ')}`, latency.picture().trimEnd())
  }
  return `${lines.join('\n')}\n`
}

function describe(options: BenchCommandOptions): string {
  const parts = [`publishers: ${options.publishers}`, `in flight each: ${options.inFlight}`]
  parts.push(options.unary === true ? 'unary' : 'stream')
  if (options.publishIds === false) parts.push('no publish ids')
  return parts.join(', ')
}

function toJson(kind: string, options: BenchCommandOptions, result: BenchResult): string {
  const { messages, bytes, elapsedMs, cpuMs, latency } = result
  const { topic, size, publishers, inFlight, unary = false, publishIds } = options
  const value = {
    kind,
    topic,
    ...(kind === 'pub' ? { size, publishers, inFlight, unary, publishIds } : {}),
    messages,
    bytes,
    elapsedMs,
    messagesPerSecond: (messages / elapsedMs) * 1_000,
    cpuMsOfClient: cpuMs,
    latency: latency.summary(),
  }
  return `${JSON.stringify(value)}\n`
}
