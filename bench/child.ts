/** Runs a measurement in a process of its own, so that variants do not share compiled code or memory. */

import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))

/**
 * Runs `<program>.js` of this folder with one JSON argument and returns the JSON it prints.
 * @throws Error with what the program wrote when it fails
 */
export async function inChild<Result>(program: string, options: unknown): Promise<Result> {
  const args = [join(here, `${program}.js`), JSON.stringify(options)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${output}`)
  return JSON.parse(output) as Result
}

/** The other side: the options of this child process, as `inChild` was given them. */
export function childOptions(): unknown {
  return JSON.parse(process.argv[2] ?? '{}')
}

export function answer(result: unknown): void {
  process.stdout.write(JSON.stringify(result))
}
