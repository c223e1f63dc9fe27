/** A secret of the daemon, from which it makes up what it tells of users that are not there; kept, so that the answers stay. */

import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const secretBytes = 32

/** @param folder undefined: another one each time. @throws the system's error when it cannot be written */
export function readDaemonSecret(folder: string | undefined): Uint8Array {
  const made = randomBytes(secretBytes)
  if (folder === undefined) return made
  const path = join(folder, 'secret')
  try {
    const found = readFileSync(path)
    if (found.length === secretBytes) return found
  } catch {
    // The first start: it is made below.
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(path, made, { mode: 0o600 })
  return made
}
