/** A shell that is typed into, as somebody who follows a page does. Ends with its test, and so does what it started. */

import { spawn } from 'node:child_process'
import process from 'node:process'
import { cleanUp, type Scope } from '../e2e/clean-up.ts'

const endMark = '__end_of_block__'

export class Terminal {
  readonly #type: (text: string) => void
  #output = ''
  #onOutput: () => void = () => undefined

  constructor(t: Scope, folder: string, env: Readonly<Record<string, string>>) {
    // A group of its own, so that what runs in the background ends, too.
    const options = { cwd: folder, env: { ...process.env, ...env }, detached: true } as const
    const shell = spawn('bash', ['--noprofile', '--norc'], { ...options, stdio: 'pipe' })
    cleanUp(t, () => {
      if (shell.pid !== undefined) process.kill(-shell.pid, 'SIGKILL')
    })
    shell.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      this.#output += chunk
      this.#onOutput()
    })
    this.#type = (text) => void shell.stdin.write(text)
    this.#type(`exec 2>&1\ntrap 'failed=1' ERR\n`)
  }

  /** Types it, and does not wait. */
  start(commands: string): void {
    this.#type(commands)
  }

  /** @returns what the commands print. Rejects when one of them fails. */
  async run(commands: string): Promise<string> {
    const from = this.#output.length
    this.#type(`failed=0\n${commands}\necho "${endMark} $failed"\n`)
    const text = await this.printed((output) => {
      const at = output.indexOf(endMark, from)
      return at !== -1 && output.indexOf('\n', at) !== -1 ? output.slice(from) : undefined
    })
    const [printed = '', outcome = ''] = text.split(endMark)
    if (outcome.trim() !== '0') throw new Error(`failed: ${commands}\n${printed}`)
    return printed
  }

  /** Resolves with the first answer that is not undefined; asked whenever something is printed. */
  printed<Answer>(ask: (output: string) => Answer | undefined): Promise<Answer> {
    return new Promise((resolve) => {
      const look = () => {
        const answer = ask(this.#output)
        if (answer === undefined) return
        this.#onOutput = () => undefined
        resolve(answer)
      }
      this.#onOutput = look
      look()
    })
  }

  get output(): string {
    return this.#output
  }
}
