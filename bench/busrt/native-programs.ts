/**
 * The measuring programs of `native/`, compiled once per version of their sources into the user's
 * cache folder. They are in C because the load must cost less per message than a broker does.
 */

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

import { packageRoot } from '../../src/daemon/version.ts'
import { cacheFolder } from './cache-folder.ts'

const names = ['load', 'relay', 'slow-reader', 'many-clients'] as const

/** Paths of the programs. */
export type NativePrograms = Readonly<Record<(typeof names)[number], string>>

/** Says why, where they cannot be had: no Linux, no gcc. @throws Error when gcc refuses them */
export function nativePrograms(): NativePrograms | { readonly missing: string } {
  if (process.platform !== 'linux') return { missing: 'the measuring programs are for Linux' }
  if (!existsSync('/proc/self/schedstat')) return { missing: 'this kernel has no schedstat' }
  const version = spawnSync('gcc', ['--version'], { encoding: 'utf8' })
  if (version.status !== 0) return { missing: 'gcc is not installed' }
  const sources = join(packageRoot, 'bench/busrt/native')
  const hash = createHash('sha256').update(version.stdout)
  for (const name of readdirSync(sources).toSorted()) hash.update(readFileSync(join(sources, name)))
  const folder = join(cacheFolder, `native-${hash.digest('hex').slice(0, 16)}`)
  if (!existsSync(folder)) {
    // Under a name of its own first: several may compile at the same moment.
    const draft = `${folder}.${process.pid}`
    mkdirSync(draft, { recursive: true })
    for (const name of names) compile(join(sources, `${name}.c`), join(draft, name))
    try {
      renameSync(draft, folder)
    } catch (error) {
      rmSync(draft, { recursive: true, force: true })
      if (!existsSync(folder)) throw error
    }
  }
  const path = (name: string) => join(folder, name)
  return {
    load: path('load'),
    relay: path('relay'),
    'slow-reader': path('slow-reader'),
    'many-clients': path('many-clients'),
  }
}

function compile(source: string, program: string): void {
  const args = ['-std=gnu17', '-O2', '-Wall', '-Wextra', '-o', program, source, '-lm']
  const { status, stderr } = spawnSync('gcc', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`gcc ${args.join(' ')}: ${stderr}`)
}
