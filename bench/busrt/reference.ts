/**
 * The reference implementation of BUS/RT with its command line, whose `benchmark` is what users
 * compare brokers with. Built from its published package, once, into the user's cache folder.
 */

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

import { cacheFolder } from './cache-folder.ts'

const version = '0.5.6'
const folder = join(cacheFolder, `busrt-${version}`)

export interface Reference {
  /** Path of the broker. */
  readonly broker: string
  /** Path of the command line. */
  readonly tool: string
}

/** Builds it when it is not there; cargo shows its progress. Says why, where it cannot be had. */
export function findReference(): Reference | { readonly missing: string } {
  const reference = { broker: join(folder, 'bin/busrtd'), tool: join(folder, 'bin/busrt') }
  const isThere = () => existsSync(reference.broker) && existsSync(reference.tool)
  if (isThere()) return reference
  if (spawnSync('cargo', ['--version']).status !== 0) {
    return { missing: 'the reference broker is not built, and cargo is not installed' }
  }
  process.stderr.write(`building busrt ${version} (once; some minutes)\n`)
  const args = ['install', 'busrt', '--version', version, '--features', 'server,cli', '--locked']
  const { status } = spawnSync('cargo', [...args, '--root', folder], {
    // What is printed belongs to the figures.
    stdio: ['ignore', process.stderr.fd, process.stderr.fd],
  })
  return status === 0 && isThere() ? reference : { missing: 'cargo could not build busrt' }
}
