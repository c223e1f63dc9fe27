/** `msgbusd hash-password`: the hash of a password, for the users of the configuration file. */

import process from 'node:process'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { PasswordHasher } from '../access/password-hasher.ts'
import { StartError } from './start-error.ts'

const charactersLeast = 8
const charactersMost = 1_024

/**
 * At a terminal it asks, and shows nothing of the answer.
 * @param input its first line is the password
 * Rejects with StartError for one that nobody could log in by.
 */
export async function hashPassword(input: NodeJS.ReadStream): Promise<string> {
  const password = input.isTTY ? await ask(input) : await firstLine(input)
  if (password.length < charactersLeast || password.length > charactersMost) {
    const text = `a password has ${charactersLeast} to ${charactersMost} characters, in the first line of standard input`
    throw new StartError(text)
  }
  const hasher = new PasswordHasher()
  try {
    return await hasher.hash(password)
  } finally {
    await hasher.close()
  }
}

async function firstLine(input: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of input) {
    chunks.push(chunk)
    if (chunk.includes(0x0a)) break
  }
  const [line = ''] = Buffer.concat(chunks).toString('utf8').split(/\r?\n/)
  return line
}

function ask(input: NodeJS.ReadStream): Promise<string> {
  // The library writes what is typed to its output.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })
  const readline = createInterface({ input, output: nowhere, terminal: true, historySize: 0 })
  process.stderr.write('Password: ')
  return new Promise((resolve) => {
    let typed = ''
    readline.once('line', (line) => {
      typed = line
      readline.close()
    })
    readline.once('SIGINT', () => readline.close())
    readline.once('close', () => {
      process.stderr.write('\n')
      resolve(typed)
    })
  })
}
