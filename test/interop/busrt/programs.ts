/**
 * The programs and libraries of BUS/RT that people use, fetched from the registries of their
 * languages and built once into the user's cache folder. Versions are pinned.
 */

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { cached, cacheHome, mustRun, output, type Toolchain, tryRun } from '../toolchain.ts'

const version = '0.5.6'

/** Where the benchmark looks for the same build. */
const builtRoot = join(cacheHome, 'msgbus-bench', `busrt-${version}`)

/** Some of what it is built from needs that. */
const oldestRust = 88

/** The command line tool `busrt`. Building it takes minutes, once. */
export function commandLineTool(): Toolchain {
  const reference = process.env['MSGBUS_BUSRT_REFERENCE']
  const found = [...(reference === undefined ? [] : [dirname(reference)]), join(builtRoot, 'bin')]
    .map((folder) => join(folder, 'busrt'))
    .find((file) => existsSync(file))
  if (found !== undefined) return { command: found, args: [] }
  const missing = missingRust()
  if (missing !== undefined) return { missing }
  const crate = ['busrt', '--version', version, '--features', 'server,cli', '--locked']
  const failure = tryRun('cargo', ['install', ...crate, '--root', builtRoot], process.cwd())
  // Without a network the first thing that fails is the index.
  if (failure !== undefined) return { missing: `busrt ${version} cannot be built: ${failure}` }
  return { command: join(builtRoot, 'bin', 'busrt'), args: [] }
}

/** Our program over the Rust library, async and sync. */
export function rustClient(): Toolchain {
  const missing = missingRust()
  if (missing !== undefined) return { missing }
  return cached('busrt/rust', output('rustc', ['--version']) ?? '', (folder) => {
    const fetched = tryRun('cargo', ['fetch'], folder)
    if (fetched !== undefined) return { missing: `crates cannot be fetched: ${fetched}` }
    // Kept beside, so that a change of the program does not build its libraries again.
    const target = join(cacheHome, 'msgbus-interop', 'busrt-rust-target')
    mustRun('cargo', ['build', '--offline', '--target-dir', target], folder)
    return { command: join(target, 'debug', 'busrt-interop'), args: [] }
  })
}

/** Our program over the Python libraries, sync and async. */
export function pythonClient(): Toolchain {
  const python = output('python3', ['--version'])
  if (python === undefined) return { missing: 'python3 is not installed' }
  if (output('python3', ['-c', 'import ensurepip, venv']) === undefined)
    return { missing: 'python3 has no venv (on Debian: apt-get install python3-venv)' }
  return cached('busrt/python', python, (folder) => {
    mustRun('python3', ['-m', 'venv', 'venv'], folder)
    const interpreter = join(folder, 'venv/bin/python')
    const install = ['-m', 'pip', 'install', '--quiet', '--requirement', 'requirements.txt']
    const failure = tryRun(interpreter, install, folder)
    if (failure !== undefined) return { missing: `Python packages cannot be fetched: ${failure}` }
    return { command: interpreter, args: [join(folder, 'client.py')] }
  })
}

function missingRust(): string | undefined {
  const compiler = output('rustc', ['--version'])
  if (compiler === undefined || output('cargo', ['--version']) === undefined)
    return 'cargo is not installed'
  const [, major = 0, minor = 0] = /(\d+)\.(\d+)/.exec(compiler)?.map(Number) ?? []
  return major === 1 && minor < oldestRust
    ? `Rust 1.${oldestRust} or later is needed, this is ${compiler}`
    : undefined
}
