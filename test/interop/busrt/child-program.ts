/** Other people's programs as child processes: waits for what they print and for their end. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cleanUp, type Scope } from '../../e2e/clean-up.ts'

export interface Program {
  readonly command: string
  /** In front of those of the call. */
  readonly args: readonly string[]
}

export interface ProgramResult {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunningProgram {
  readonly pid: number
  /** What it wrote to standard output so far. */
  stdout(): string
  /** Resolves with everything it printed once that matches. @throws when it ends before */
  printed(pattern: RegExp): Promise<string>
  /** Resolves when it has written a line that ends after so many characters. @throws when it ends before */
  wrote(after: number): Promise<void>
  /** Writes a line to its standard input. */
  write(line: string): void
  /** Writes to its standard input and closes that. */
  endInput(input: string | Uint8Array): void
  kill(signal: NodeJS.Signals): void
  readonly ended: Promise<ProgramResult>
}

/** Starts it; it ends with the test at the latest. */
export function startProgram(t: Scope, program: Program, args: readonly string[]): RunningProgram {
  const child = spawn(program.command, [...program.args, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    // Panics of Rust programs are expected here; nobody wants their stacks.
    env: { ...process.env, RUST_BACKTRACE: '0', NO_COLOR: '1' },
  })
  // It may end without reading its input.
  child.stdin.on('error', () => undefined)
  let stdout = ''
  let stderr = ''
  let isEnded = false
  const changed = new Set<() => void>()
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    for (const tell of changed) tell()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = (async () => {
    const [code] = (await once(child, 'close')) as [number | null]
    isEnded = true
    for (const tell of changed) tell()
    return { code, stdout, stderr }
  })()
  // Whoever waits for it hears of a program that cannot be started.
  ended.catch(() => undefined)
  cleanUp(t, async () => {
    child.kill('SIGKILL')
    await ended
  })
  const until = async (isTrue: () => boolean, what: string) => {
    while (!isTrue()) {
      if (isEnded) throw new Error(`it ended before it wrote ${what}: ${stdout}${stderr}`)
      await new Promise<void>((resolve) => {
        const tell = () => {
          changed.delete(tell)
          resolve()
        }
        changed.add(tell)
      })
    }
  }
  return {
    pid: child.pid ?? 0,
    stdout: () => stdout,
    printed: async (pattern) => {
      await until(() => pattern.test(stdout), String(pattern))
      return stdout
    },
    wrote: async (after) => until(() => stdout.lastIndexOf('\n') >= after, 'another line'),
    write: (line) => void child.stdin.write(`${line}\n`),
    endInput: (input) => void child.stdin.end(input),
    kill: (signal) => void child.kill(signal),
    ended,
  }
}

/** Runs it to its end. @param input what it reads from standard input; then that is closed */
export async function runProgram(
  t: Scope,
  program: Program,
  args: readonly string[],
  input: string | Uint8Array = '',
): Promise<ProgramResult> {
  const running = startProgram(t, program, args)
  running.endInput(input)
  return running.ended
}
