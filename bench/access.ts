/**
 * What rules cost on the fast path: the seven stages of BUS/RT against a daemon without rules and one with 100 of them,
 * in turns. Beside the rates of the client, whose own speed is part of them, the processor time of the daemon is
 * compared, which other work on the machine disturbs less.
 *
 * `npm run bench -- access [--rounds 5] [--messages 200000]`
 */

import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { type DaemonUnderTest, startDaemonUnderTest, temporaryFolder } from './daemon-under-test.ts'
import { machine } from './figures.ts'
import { usageOf } from './process-usage.ts'

const cli = join(dirname(fileURLToPath(import.meta.url)), '..', 'src', 'cli', 'main.js')
const ruleCount = 100
const runProgram = promisify(execFile)

/** Rules about others, passed over first; the last lets everybody do everything. */
function ruleText(): string {
  const rules = Array.from({ length: ruleCount - 1 }, (_, i) => {
    const to = i % 2 === 0 ? 'any' : `user${i}`
    return `  - { ${i % 3 === 0 ? 'deny' : 'allow'}: all, to: ${to}, on: 'area${i}/+/%u/#' }`
  })
  return ['rules:', ...rules, `  - { allow: all, to: any, on: '#' }`, ''].join('\n')
}

interface Round {
  readonly cpuSeconds: number
  /** Messages or calls per second, by stage. */
  readonly rates: readonly number[]
}

async function measure(daemon: DaemonUnderTest, messages: number): Promise<Round> {
  const before = usageOf(daemon.pid).cpuSeconds
  const args = ['--json', 'bench', 'busrt', '-w', '4', '-i', String(messages)]
  const { stdout } = await runProgram(process.execPath, [
    cli,
    ...args,
    '--busrt',
    daemon.addressOf('busrt'),
  ])
  const cpuSeconds = usageOf(daemon.pid).cpuSeconds - before
  const rates = [...stdout.matchAll(/"perSecond":\s*([\d.]+)/g)].map(([, rate]) => Number(rate))
  return { cpuSeconds, rates }
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      rounds: { type: 'string', default: '5' },
      messages: { type: 'string', default: '200000' },
    },
  })
  const [rounds, messages] = [Number(values.rounds), Number(values.messages)]
  const folder = await temporaryFolder()
  const config = join(folder, 'rules.yaml')
  await writeFile(config, ruleText())
  const flags = ['--mqtt', 'off', '--busrt', '127.0.0.1:0']
  const open = await startDaemonUnderTest('memory', undefined, flags)
  const ruled = await startDaemonUnderTest('memory', undefined, [...flags, '--config', config])
  const found: { open: Round[]; ruled: Round[] } = { open: [], ruled: [] }
  try {
    for (let i = 0; i <= rounds; i++) {
      // In turns, and the other way round each time; the first of each warms up.
      const order = i % 2 === 0 ? (['open', 'ruled'] as const) : (['ruled', 'open'] as const)
      for (const which of order) {
        const round = await measure(which === 'open' ? open : ruled, messages)
        if (i > 0) found[which].push(round)
      }
    }
  } finally {
    await Promise.all([open.stop(), ruled.stop()])
  }
  const cpu = (which: 'open' | 'ruled') => median(found[which].map(({ cpuSeconds }) => cpuSeconds))
  const spread = (which: 'open' | 'ruled') => {
    const all = found[which].map(({ cpuSeconds }) => cpuSeconds)
    return `${Math.min(...all).toFixed(2)} to ${Math.max(...all).toFixed(2)}`
  }
  const lines = [
    machine(),
    `${rounds} rounds in turns, ${messages} messages in each of seven stages, 4 connections`,
    `processor time of the daemon, no rules:  ${cpu('open').toFixed(2)} s (${spread('open')})`,
    `processor time of the daemon, ${ruleCount} rules: ${cpu('ruled').toFixed(2)} s (${spread('ruled')})`,
    `difference: ${((cpu('ruled') / cpu('open') - 1) * 100).toFixed(1)} %`,
  ]
  const stages = found.open[0]?.rates.length ?? 0
  for (let stage = 0; stage < stages; stage++) {
    const rate = (which: 'open' | 'ruled') =>
      median(found[which].map(({ rates }) => rates[stage] ?? 0))
    const change = ((rate('ruled') / rate('open') - 1) * 100).toFixed(1)
    lines.push(
      `stage ${stage + 1}: ${Math.round(rate('open'))}/s, with rules ${Math.round(rate('ruled'))}/s (${change} %)`,
    )
  }
  process.stdout.write(`${lines.join('\n')}\n`)
}
