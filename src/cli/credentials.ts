/**
 * What the options say about who one is. Secrets come from files, the environment or a prompt, never from the command
 * line, where every user of the machine could read them.
 */

import { UsageError } from './exit-codes.ts'
import type { GlobalOptions } from './session.ts'
import type { Terminal } from './terminal.ts'

export interface Credentials {
  readonly token?: string | undefined
  readonly user?: string | undefined
  readonly password?: string | undefined
}

/** @throws UsageError when a file cannot be read, or two things are shown at once */
export async function readCredentials(
  { user, passwordFile, tokenFile }: GlobalOptions,
  terminal: Terminal,
): Promise<Credentials> {
  const { MSGBUS_TOKEN: token, MSGBUS_PASSWORD: password } = terminal.env
  if (tokenFile !== undefined && user !== undefined) {
    throw new UsageError('give either --token-file, or --user')
  }
  if (tokenFile !== undefined) return { token: await readSecretFile('--token-file', tokenFile) }
  if (user === undefined) {
    if (passwordFile !== undefined) throw new UsageError('--password-file needs --user')
    return token === undefined || token === '' ? {} : { token }
  }
  if (passwordFile !== undefined) {
    return { user, password: await readSecretFile('--password-file', passwordFile) }
  }
  if (password !== undefined && password !== '') return { user, password }
  return { user, password: await askSecret(terminal, `Password of ${user}: `) }
}

/**
 * From a terminal without showing it, else the first line of standard input.
 * @throws UsageError when nothing comes
 */
export async function askSecret(terminal: Terminal, question: string): Promise<string> {
  if (terminal.stdinIsTerminal && terminal.askSecret !== undefined) {
    return terminal.askSecret(question)
  }
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of terminal.stdin) {
    chunks.push(chunk)
    bytes += chunk.length
    if (chunk.includes(0x0a) || bytes > 65_536) break
  }
  terminal.stopInput()
  const [line = ''] = Buffer.concat(chunks).toString('utf8').split(/\r?\n/)
  if (line === '') throw new UsageError('standard input has no password in its first line')
  return line
}

async function readSecretFile(option: string, path: string): Promise<string> {
  const { readFile } = await import('node:fs/promises')
  try {
    // A line end is what editors put there, not what was meant.
    return (await readFile(path, 'utf8')).replace(/\r?\n$/, '')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new UsageError(`${option} ${path} cannot be read: ${why}`)
  }
}
