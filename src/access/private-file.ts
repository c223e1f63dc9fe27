/** Small files that only the daemon's user may read, written whole: after a crash there is the old one or the new one. */

import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { BusError } from '../model/errors.ts'

/** The parsed JSON of a file; undefined: there is none. @throws BusError `failed_precondition/bad_config` */
export function readPrivateJson(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new BusError('failed_precondition', 'bad_config', `${path} cannot be read`, {
      cause: error,
    })
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    // What the parser says may quote the file, which holds secrets.
    throw new BusError('failed_precondition', 'bad_config', `${path} is not JSON`, { cause: error })
  }
}

/** Rejects with the system's error; the old file is still there then. */
export async function writePrivateJson(path: string, value: unknown): Promise<void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  const file = await open(temporary, 'wx', 0o600)
  try {
    await file.writeFile(`${JSON.stringify(value, undefined, 2)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
}
