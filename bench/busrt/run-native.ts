/** Runs a measuring program that prints one line of JSON. */

import { spawn } from 'node:child_process'
import process from 'node:process'

/**
 * @param core where it runs; absent: anywhere
 * @throws Error with what it wrote to standard error, when it fails
 */
export async function runNative<Result>(
  program: string,
  args: readonly string[],
  core?: number,
): Promise<Result> {
  const [command, ...rest] =
    core === undefined ? [program] : ['taskset', '--cpu-list', String(core), program]
  const child = spawn(command, [...rest, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const killWithUs = () => void child.kill('SIGKILL')
  process.once('exit', killWithUs)
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const ended = await new Promise<number | NodeJS.Signals | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(code ?? signal))
  }).finally(() => process.off('exit', killWithUs))
  if (ended !== 0) throw new Error(errors.trim() || `it ended with ${ended}`)
  return JSON.parse(output) as Result
}
