/**
 * A real msgbusd as a child process, for tests: on a free port, in a folder of its own, ended and
 * cleaned up with the test. It waits for what the daemon prints and for its exit, never for time.
 */

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { cleanUp, type Scope } from './clean-up.ts'
import type { ReadyInfo } from '../../src/daemon/ready-file.ts'

export interface DaemonOptions {
  /** Beyond `--listen 127.0.0.1:0 --http off --data <folder>`; a repeated one replaces those. */
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** Default: a new folder, removed after the test. */
  readonly data?: string
  /** Flags that stay at what the daemon itself has as default. */
  readonly omit?: readonly string[]
  /** A command that runs the rest of its arguments, as `ip netns exec NAME`. */
  readonly under?: readonly string[]
}

export interface ExitInfo {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

export interface DaemonProcess {
  /** `host:port` of the first gRPC listener. */
  readonly address: string
  readonly pid: number
  readonly data: string
  readonly info: ReadyInfo
  /** What it wrote so far. */
  stdout(): string
  stderr(): string
  /** Resolves when what it writes from now on, or wrote already, matches. Rejects when it ends before. */
  printed(pattern: RegExp): Promise<void>
  kill(signal: NodeJS.Signals): void
  readonly exited: Promise<ExitInfo>
  /** SIGTERM, then waits for the end. */
  stop(): Promise<ExitInfo>
}

const main = join(dirname(fileURLToPath(import.meta.url)), '../../src/daemon/main.js')

/** A folder under the system's temporary one, removed after the test. */
export function temporaryFolder(t: Scope): string {
  const folder = mkdtempSync(join(tmpdir(), 'msgbus-'))
  cleanUp(t, () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Resolves when it is ready. Rejects with its output when it ends before. */
export async function startDaemon(t: Scope, options: DaemonOptions = {}): Promise<DaemonProcess> {
  const daemon = spawnDaemon(t, options)
  await daemon.printed(/^ready after/m)
  const info = JSON.parse(readFileSync(join(daemon.data, 'ready.json'), 'utf8')) as ReadyInfo
  const grpc = info.listeners.find(({ protocol }) => protocol === 'grpc')
  return { ...daemon, info, address: grpc?.address ?? '' }
}

/** Starts it and does not wait. */
export function spawnDaemon(
  t: Scope,
  options: DaemonOptions = {},
): Omit<DaemonProcess, 'address' | 'info'> {
  const data = options.data ?? temporaryFolder(t)
  const defaults = { '--listen': '127.0.0.1:0', '--http': 'off', '--data': data }
  const { args = [], omit = [], under = [] } = options
  const missing = Object.entries(defaults).filter(([flag]) => ![...args, ...omit].includes(flag))
  const child = spawnMsgbusd(t, [...missing.flat(), ...args], options.env, under)
  return { ...child, data }
}

/** Runs msgbusd with exactly these arguments until it ends. */
export function runMsgbusd(
  t: Scope,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ExitInfo> {
  return spawnMsgbusd(t, args, env).exited
}

function spawnMsgbusd(
  t: Scope,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  under: readonly string[] = [],
) {
  const own = Object.entries(process.env).filter(([name]) => !/^(MSGBUS_|RUST_LOG)/.test(name))
  const words = [...under, process.execPath, '--enable-source-maps', main, ...args]
  const [command = '', ...rest] = words
  const child = spawn(command, rest, {
    // Tests run side by side, and TMB looks for a port among the same ten. MQTT has one that is well known.
    env: { ...Object.fromEntries(own), MSGBUS_TMB: 'off', MSGBUS_MQTT: 'off', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  cleanUp(t, async () => {
    child.kill('SIGKILL')
    const { code, signal, stderr } = await exited
    // In Node since 20.11, in its types later.
    if ((t as { passed?: boolean }).passed === false)
      t.diagnostic(`msgbusd ${child.pid} ended with ${code ?? signal}: ${stderr}`)
  })
  // A test process that leaves early takes its daemons along.
  const killWithUs = () => void child.kill('SIGKILL')
  process.once('exit', killWithUs)
  const output = collect(child)
  const exited = new Promise<ExitInfo>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => {
      process.off('exit', killWithUs)
      resolve({ code, signal, ...output.text() })
    })
  })
  return {
    pid: child.pid ?? 0,
    exited,
    stdout: () => output.text().stdout,
    stderr: () => output.text().stderr,
    printed: (pattern: RegExp) => output.printed(pattern, exited),
    kill: (signal: NodeJS.Signals) => void child.kill(signal),
    stop: () => {
      child.kill('SIGTERM')
      return exited
    },
  }
}

function collect(child: ChildProcessByStdio<null, Readable, Readable>) {
  const text = { stdout: '', stderr: '' }
  const waiting = new Set<() => void>()
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk
      for (const check of waiting) check()
    })
  }
  const printed = async (pattern: RegExp, exited: Promise<ExitInfo>): Promise<void> => {
    const seen = new Promise<void>((resolve) => {
      const check = () => {
        if (!pattern.test(text.stdout) && !pattern.test(text.stderr)) return
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      check()
    })
    const ended = exited.then((exit) => {
      throw new Error(`msgbusd ended before it printed ${pattern}: ${JSON.stringify(exit)}`)
    })
    await Promise.race([seen, ended])
  }
  return { text: () => ({ ...text }), printed }
}
