/** One run of the reference's `benchmark` command against a broker. */

import { spawn } from 'node:child_process'
import process from 'node:process'

import { parseToolOutput, type ToolOutput } from './tool-output.ts'

export interface ToolOptions {
  /** Path of the command line. */
  readonly tool: string
  /** Connections, each with a task of its own. */
  readonly workers: number
  readonly payloadBytes: number
  /** Per stage, over all workers. */
  readonly iterations: number
  /** A run in which nothing is completed for so long is ended. */
  readonly limitSeconds: number
}

export interface ToolRun extends ToolOutput {
  /** How it crashed or where it hung; undefined when all went well. */
  readonly failure: string | undefined
}

export async function runTool(socket: string, options: ToolOptions): Promise<ToolRun> {
  const { tool, workers, payloadBytes, iterations, limitSeconds } = options
  const child = spawn(
    tool,
    [socket, 'benchmark', '--workers', String(workers)].concat([
      '--payload-size',
      String(payloadBytes),
      '--iters',
      String(iterations),
    ]),
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const killWithUs = () => void child.kill('SIGKILL')
  process.once('exit', killWithUs)
  let isHanging = false
  const timer = setTimeout(() => {
    isHanging = true
    child.kill('SIGKILL')
  }, limitSeconds * 1_000)
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    timer.refresh()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const ended = await new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(code ?? signal))
  }).finally(() => {
    clearTimeout(timer)
    process.off('exit', killWithUs)
  })
  const result = parseToolOutput(output)
  if (result.isComplete && ended === 0) return { ...result, failure: undefined }
  const where = result.unfinished === undefined ? '' : ` in ${result.unfinished}`
  const how = isHanging
    ? `hung${where} for ${limitSeconds} s`
    : `crashed${where} (${ended}): ${reasonOf(errors)}`
  return { ...result, failure: how }
}

/** The sentence of the first panic; a panic of Rust says where in one line and why in the next. */
function reasonOf(errors: string): string {
  const lines = errors.split('\n').filter((line) => line.trim() !== '')
  const panic = lines.findIndex((line) => line.includes('panicked at'))
  const reason = panic < 0 ? lines.at(-1) : (lines[panic + 1] ?? lines[panic])
  return reason?.trim().slice(0, 200) ?? 'no reason given'
}
