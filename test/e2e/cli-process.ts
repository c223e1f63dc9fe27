/** The real `msgbus` as a child process, for tests. */

import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

export interface CliResult {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CliOptions {
  /** What it reads from standard input; default: nothing, closed at once. */
  readonly input?: string | Uint8Array
  /** More input might come, as from a terminal or `tail -f`. */
  readonly keepInputOpen?: boolean
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** The compiled entry. */
export const cliMain = join(dirname(fileURLToPath(import.meta.url)), '../../src/cli/main.js')

export interface CliProcess {
  /** Resolves when what was written to standard output matches; default: when anything was. */
  printed(pattern?: RegExp): Promise<void>
  /** Resolves when what was written to standard error matches. */
  said(pattern: RegExp): Promise<void>
  kill(signal: NodeJS.Signals): void
  /** Closes the reading end of its standard output, as `| head` does. */
  stopReading(): void
  readonly ended: Promise<CliResult & { readonly signal: NodeJS.Signals | null }>
}

export function startMsgbus(args: readonly string[], options: CliOptions = {}): CliProcess {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(MSGBUS_|NO_COLOR$|FORCE_COLOR$)/.test(name),
  )
  const child = spawn(process.execPath, [cliMain, ...args], {
    cwd: options.cwd,
    env: { ...Object.fromEntries(own), ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  // A command may end without reading its input.
  child.stdin.on('error', () => undefined)
  child.stdin.write(options.input ?? '')
  if (options.keepInputOpen !== true) child.stdin.end()
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended: CliProcess['ended'] = new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  const until = (stream: Readable, isMet: () => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const check = () => {
        if (isMet()) resolve()
      }
      stream.on('data', check)
      child.once('close', () => reject(new Error(`it ended: ${stderr}`)))
      check()
    })
  return {
    printed: (pattern = /[^]/) => until(child.stdout, () => pattern.test(stdout)),
    said: (pattern) => until(child.stderr, () => pattern.test(stderr)),
    kill: (signal) => void child.kill(signal),
    stopReading: () => void child.stdout.destroy(),
    ended,
  }
}

/** Runs it to its end. */
export async function runMsgbus(
  args: readonly string[],
  options: CliOptions = {},
): Promise<CliResult> {
  const { code, stdout, stderr } = await startMsgbus(args, options).ended
  return { code, stdout, stderr }
}
