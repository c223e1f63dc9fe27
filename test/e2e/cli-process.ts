/** The real `msgbus` as a child process, for tests. */

import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface CliResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CliOptions {
  /** What it reads from standard input; default: nothing, closed at once. */
  readonly input?: string | Uint8Array
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

const main = join(dirname(fileURLToPath(import.meta.url)), '../../src/cli/main.js')

/** Starts it; the caller ends it or waits for its end. */
export function spawnMsgbus(args: readonly string[], options: CliOptions = {}) {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(MSGBUS_|NO_COLOR$|FORCE_COLOR$)/.test(name),
  )
  const child = spawn(process.execPath, [main, ...args], {
    cwd: options.cwd,
    env: { ...Object.fromEntries(own), ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  // A command may end without reading its input.
  child.stdin.on('error', () => undefined)
  child.stdin.end(options.input ?? '')
  return child
}

export function runMsgbus(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const child = spawnMsgbus(args, options)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}
