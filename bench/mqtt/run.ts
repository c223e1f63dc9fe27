/**
 * MQTT beside Mosquitto as Debian ships it: broker and load are processes of their own, on a core each; every round
 * runs both brokers, in turn, each fresh.
 *
 *   npm run bench -- mqtt [--rounds 5] [--only stream,qos,latency,idle,retained,sessions] [--scale 1]
 */

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as wait } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { pin, pinnedCores } from '../busrt/cores.ts'
import { describeQuietness, measureQuietness } from '../busrt/quiet-machine.ts'
import { inChild } from '../child.ts'
import { startDaemonUnderTest, temporaryFolder } from '../daemon-under-test.ts'
import { figureOf, heading, inTurn, machine, ratioOf, row, showFigure } from '../figures.ts'
import type { LoadOptions, LoadResult } from './load.ts'

/** Without what the run itself fills in. */
type Without<Options> = Options extends unknown
  ? Omit<Options, 'port' | 'pid' | 'core' | 'payloadBytes'>
  : never
type Load = Without<LoadOptions>

interface Stage {
  readonly group: string
  readonly name: string
  readonly load: Load
  /** What counts: rates, or memory, or times. */
  readonly shown: 'rate' | 'memory' | 'latency'
  /** Ours only: it makes no sense for a broker that stores nothing. */
  readonly isOursOnly?: boolean
}

const payloadBytes = 100
const rules = `topics:
  - filter: bench/never/#
    store: never
`

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      only: { type: 'string', default: 'stream,qos,latency,idle,retained,sessions' },
      scale: { type: 'string', default: '1' },
    },
  })
  const rounds = Number(values.rounds)
  const groups = values.only.split(',')
  const hasMosquitto = spawnSync('sh', ['-c', 'command -v mosquitto']).status === 0
  process.stdout.write(`${machine()}; ${rounds} rounds, payloads of ${payloadBytes} bytes\n`)
  process.stdout.write(`${describeQuietness(await measureQuietness())}\n`)
  if (!hasMosquitto)
    process.stdout.write('mosquitto is not installed: there is nothing to compare with\n')
  for (const stage of stages(Number(values.scale))) {
    if (!groups.includes(stage.group)) continue
    const ours = () => withOurs((port, pid) => measure(stage.load, port, pid))
    const theirs = () => withMosquitto((port, pid) => measure(stage.load, port, pid))
    heading(stage.name)
    if (hasMosquitto && stage.isOursOnly !== true) {
      const results = await inTurn(rounds, { mosquitto: theirs, msgbusd: ours })
      show(stage, 'mosquitto', results.mosquitto)
      show(stage, 'msgbusd', results.msgbusd)
      compare(stage, results.msgbusd, results.mosquitto)
    } else show(stage, 'msgbusd', (await inTurn(rounds, { msgbusd: ours })).msgbusd)
  }
}

function stages(scale: number): Stage[] {
  const count = (messages: number) => Math.ceil(messages * scale)
  const stream = (senders: number, receivers: number, messages: number): Stage => ({
    group: 'stream',
    name: `QoS 0, ${senders} → ${receivers}, deliveries/s`,
    shown: 'rate',
    load: { kind: 'stream', senders, receivers, messages: count(messages), topic: 'bench/stream' },
  })
  const acked = (
    name: string,
    qos: 1 | 2,
    receivers: number,
    topic: string,
    messages: number,
  ): Stage => ({
    group: 'qos',
    name,
    shown: 'rate',
    load: { kind: 'acknowledged', qos, inFlight: 100, receivers, topic, messages: count(messages) },
  })
  return [
    stream(1, 1, 1_000_000),
    stream(1, 50, 60_000),
    stream(10, 1, 1_000_000),
    acked(
      'QoS 1, 100 under way, store: never here, acknowledgements/s',
      1,
      0,
      'bench/never/a',
      300_000,
    ),
    acked('QoS 1, the same 1 → 1, deliveries/s', 1, 1, 'bench/never/a', 200_000),
    {
      ...acked(
        'QoS 1, 100 under way, stored on disk, acknowledgements/s',
        1,
        0,
        'bench/a',
        300_000,
      ),
      isOursOnly: true,
    },
    acked('QoS 2, 100 under way, store: never here, handshakes/s', 2, 0, 'bench/never/a', 150_000),
    {
      ...acked('QoS 2, 100 under way, stored on disk, handshakes/s', 2, 0, 'bench/a', 100_000),
      isOursOnly: true,
    },
    {
      group: 'latency',
      name: 'QoS 0, 1,000 messages/s, milliseconds from sender to receiver',
      shown: 'latency',
      load: { kind: 'latency', perSecond: 1_000, seconds: 10 },
    },
    {
      group: 'idle',
      name: '1,000 idle clients',
      shown: 'memory',
      load: { kind: 'idle', clients: 1_000 },
    },
    {
      group: 'idle',
      name: '10,000 idle clients',
      shown: 'memory',
      load: { kind: 'idle', clients: 10_000 },
    },
    {
      group: 'retained',
      name: '100,000 retained messages to a new subscriber, deliveries/s',
      shown: 'rate',
      load: { kind: 'retained', messages: count(100_000) },
    },
    {
      group: 'sessions',
      name: '1,000 sessions come back at once to 10 messages each, deliveries/s',
      shown: 'rate',
      load: { kind: 'sessions', clients: 1_000, messages: 10 },
    },
  ]
}

function show({ shown }: Stage, name: string, results: readonly LoadResult[]): void {
  const figures = (of: (result: LoadResult) => number) => showFigure(figureOf(results.map(of)))
  if (shown === 'memory')
    row(
      `${name}, MB`,
      figures(({ residentBytes }) => residentBytes / 1e6),
    )
  else if (shown === 'latency') {
    row(
      `${name}, p50`,
      figures(({ p50 = Number.NaN }) => p50),
    )
    row(
      `${name}, p99`,
      figures(({ p99 = Number.NaN }) => p99),
    )
  } else {
    row(
      name,
      figures(({ perSecond }) => perSecond),
    )
    row(
      `${name}, CPU µs each`,
      figures(({ cpuMicroseconds }) => cpuMicroseconds),
    )
  }
}

function compare(
  { shown }: Stage,
  ours: readonly LoadResult[],
  theirs: readonly LoadResult[],
): void {
  const ratio = (name: string, of: (result: LoadResult) => number) =>
    row(name, showFigure(ratioOf(ours.map(of), theirs.map(of))))
  if (shown === 'memory') ratio('ratio', ({ residentBytes }) => residentBytes)
  else if (shown === 'latency') {
    ratio('ratio p50', ({ p50 = Number.NaN }) => p50)
    ratio('ratio p99', ({ p99 = Number.NaN }) => p99)
  } else {
    ratio('ratio', ({ perSecond }) => perSecond)
    ratio('ratio of CPU', ({ cpuMicroseconds }) => cpuMicroseconds)
  }
}

async function measure(load: Load, port: number, pid: number): Promise<LoadResult> {
  const cores = pinnedCores()
  if (cores !== undefined) pin(pid, cores.broker)
  const options = { ...load, port, pid, payloadBytes, core: cores?.load }
  return inChild<LoadResult>('mqtt/load', options)
}

async function withOurs<Result>(
  use: (port: number, pid: number) => Promise<Result>,
): Promise<Result> {
  const folder = await temporaryFolder()
  const config = join(folder, 'config.yaml')
  await writeFile(config, rules)
  const flags = ['--config', config, '--mqtt', '127.0.0.1:0']
  const daemon = await startDaemonUnderTest('lmdb', join(folder, 'data'), flags)
  try {
    return await use(Number(daemon.addressOf('mqtt').split(':').at(-1)), daemon.pid)
  } finally {
    await daemon.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

/** As Debian configures it, but for the port, and with as many connections as the system allows. */
async function withMosquitto<Result>(
  use: (port: number, pid: number) => Promise<Result>,
): Promise<Result> {
  const folder = await temporaryFolder()
  await mkdir(folder, { recursive: true })
  const port = 20_000 + Math.floor(Math.random() * 20_000)
  const config = join(folder, 'mosquitto.conf')
  // Its bounds would lose messages of sessions that are away, and end clients with more than 20 messages under way.
  const bounds = ['max_queued_messages 0', 'max_inflight_messages 0']
  const lines = [`listener ${port} 127.0.0.1`, 'allow_anonymous true', ...bounds]
  await writeFile(config, `${lines.join('\n')}\n`)
  const script = 'ulimit -n "$(ulimit -H -n)"; exec mosquitto -c "$0"'
  const child = spawn('sh', ['-c', script, config], { stdio: ['ignore', 'ignore', 'ignore'] })
  const exited = once(child, 'exit')
  const killWithUs = () => void child.kill('SIGKILL')
  process.once('exit', killWithUs)
  try {
    await untilListening(port)
    return await use(port, child.pid ?? 0)
  } finally {
    child.kill('SIGKILL')
    await exited
    process.off('exit', killWithUs)
    await rm(folder, { recursive: true, force: true })
  }
}

async function untilListening(port: number): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (isThere) return
    await wait(10)
  }
  throw new Error('mosquitto did not open its port within 5 seconds')
}
