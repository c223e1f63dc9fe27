/** A line that a person types and that is not shown. */

import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'

/** What `process` has of it. */
type PromptProcess = Pick<NodeJS.Process, 'stdin' | 'stderr'>

/** The question goes to standard error, so that output stays clean. Rejects when it is ended by Ctrl-C or Ctrl-D. */
export function promptSecret({ stdin, stderr }: PromptProcess, question: string): Promise<string> {
  // The library echoes what is typed to its output.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const readline = createInterface({
    input: stdin,
    output: nowhere,
    terminal: true,
    historySize: 0,
  })
  stderr.write(question)
  return new Promise((resolve, reject) => {
    readline.once('line', (line) => {
      stderr.write('\n')
      readline.removeAllListeners('close')
      readline.close()
      resolve(line)
    })
    readline.once('close', () => {
      stderr.write('\n')
      reject(new Error('nothing was typed'))
    })
    readline.on('SIGINT', () => readline.close())
  })
}
