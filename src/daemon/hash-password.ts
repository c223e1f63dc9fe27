/** `msgbusd hash-password`: the hash of a password, for the users of the configuration file. */

import { PasswordHasher } from '../access/password-hasher.ts'
import { StartError } from './start-error.ts'

const charactersLeast = 8
const charactersMost = 1_024

/** @param input its first line is the password. Rejects with StartError for one that nobody could log in by */
export async function hashPassword(input: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of input) {
    chunks.push(chunk)
    if (chunk.includes(0x0a)) break
  }
  const [password = ''] = Buffer.concat(chunks).toString('utf8').split(/\r?\n/)
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
