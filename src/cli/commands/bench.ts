/** `msgbus bench pub|sub|fetch`: how fast this daemon is, seen from this machine. */

import type { Command } from 'commander'
import type { MsgbusClient } from '../../client/core.ts'
import type { BenchOptions, BenchResult } from '../bench/bench-runs.ts'
import { formatBytes, formatCount, formatDuration, parseCount } from '../duration.ts'
import { withClient } from '../session.ts'
import type { GlobalOptions } from '../session.ts'
import type { Terminal } from '../terminal.ts'

type BenchCommandOptions = GlobalOptions &
  Pick<BenchOptions, 'topic' | 'messages' | 'size' | 'publishers' | 'inFlight'> & {
    readonly unary?: boolean
    readonly publishIds?: boolean
  }

type BenchKind = 'pub' | 'sub' | 'fetch'

const defaultTopic = 'bench/messages'
/** The progress line changes no more often, milliseconds. */
const progressEveryMs = 200

export function addBenchCommands(program: Command, terminal: Terminal): void {
  const bench = program.command('bench').summary('measure this daemon: pub, sub, fetch')
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
}

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
