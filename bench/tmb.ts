/**
 * TMB beside a plain relay of bytes: lines of 100 bytes from one sender to one receiver, and to fifty. Server, relay and
 * load are processes of their own, server and load on a core each; every round runs all, in turn, each fresh.
 *
 *   npm run bench -- tmb [--rounds 5] [--messages 2000000]
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { pin, pinnedCores } from './busrt/cores.ts'
import { inChild } from './child.ts'
import { startDaemonUnderTest } from './daemon-under-test.ts'
import { figureOf, heading, inTurn, machine, ratioOf, row, showFigure } from './figures.ts'
import type { TmbLoadOptions, TmbLoadResult } from './tmb-load.ts'

type Load = Pick<TmbLoadOptions, 'receivers' | 'messages'>

const here = dirname(fileURLToPath(import.meta.url))
const relayGreeting = 'receive\n'

/** What the text bus is to deliver (issue 4). */
const targets = new Map([
  [1, 500_000],
  [50, 1_000_000],
])

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      messages: { type: 'string', default: '2000000' },
    },
  })
  const rounds = Number(values.rounds)
  // As many deliveries for few receivers as for many would take fifty times as long.
  const messages = Number(values.messages)
  process.stdout.write(`${machine()}; ${rounds} rounds, lines of 100 bytes\n`)
  for (const receivers of [1, 50]) {
    const load = { receivers, messages: Math.ceil(messages / Math.sqrt(receivers)) }
    const results = await inTurn(rounds, {
      tmb: () => throughDaemon(load),
      relay: () => throughRelay(load),
    })
    const rates = (name: 'tmb' | 'relay') =>
      results[name].map(({ deliveriesPerSecond }) => deliveriesPerSecond)
    const cpu = (name: 'tmb' | 'relay') => results[name].map((one) => one.cpuMicroseconds)
    heading(`1 sender, ${receivers} receiver${receivers === 1 ? '' : 's'}`)
    row('TMB, deliveries/s', showFigure(figureOf(rates('tmb'))))
    row('plain relay, deliveries/s', showFigure(figureOf(rates('relay'))))
    row('TMB, CPU µs per delivery', showFigure(figureOf(cpu('tmb'))))
    row('plain relay, CPU µs per delivery', showFigure(figureOf(cpu('relay'))))
    row('CPU, ratio to the relay', showFigure(ratioOf(cpu('tmb'), cpu('relay'))))
    const target = targets.get(receivers) ?? 0
    const isMet = figureOf(rates('tmb')).median >= target
    row(`target ${target.toLocaleString('en-US')}/s`, isMet ? 'met' : 'not met')
  }
}

async function throughDaemon(load: Load): Promise<TmbLoadResult> {
  const daemon = await startDaemonUnderTest('memory')
  try {
    const port = Number(daemon.tmb.split(':').at(-1))
    const subscribe = 's 1 begins-with /bench\n'
    const subscribed = 'ok subscribe 1 added\n'
    return await measure({ ...load, port, pid: daemon.pid, subscribe, subscribed })
  } finally {
    await daemon.stop()
  }
}

async function throughRelay(load: Load): Promise<TmbLoadResult> {
  const relay = spawn(process.execPath, [join(here, 'tmb-relay.js')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(relay, 'exit')
  try {
    const [port] = (await once(relay.stdout.setEncoding('utf8'), 'data')) as [string]
    const greeting = { subscribe: relayGreeting, subscribed: relayGreeting }
    return await measure({ ...load, port: Number(port), pid: relay.pid ?? 0, ...greeting })
  } finally {
    relay.kill('SIGKILL')
    await exited
  }
}

async function measure(options: TmbLoadOptions): Promise<TmbLoadResult> {
  const cores = pinnedCores()
  if (cores !== undefined) pin(options.pid, cores.broker)
  return inChild<TmbLoadResult>('tmb-load', { ...options, core: cores?.load })
}
