/**
 * The programs and libraries of BUS/RT that people use, fetched from the registries of their languages and
 * built once into the user's cache folder. Versions are pinned. What is written in Rust takes minutes to
 * build, so tests only look for it; `set-up.ts` builds it.
 */

import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { packageRoot } from '../../../src/daemon/version.ts'
import { cached, cacheHome, output, type Toolchain, tryRun, mustRun } from '../toolchain.ts'

const version = '0.5.6'

/** Where the benchmark looks for the same build. */
const toolRoot = join(cacheHome, 'msgbus-bench', `busrt-${version}`)
const rustSources = join(packageRoot, 'test/interop/busrt/rust')
const rustFolder = join(cacheHome, 'msgbus-interop', 'busrt-rust')
const rustProgram = join(rustFolder, 'target', 'debug', 'busrt-interop')
/** Says what the program was built from. */
const rustMark = join(rustFolder, 'built-from')

/** Some of the crates need that: Rust 1.88. */
const oldestRust = 88
const howToBuild = 'node dist/test/interop/busrt/set-up.js builds it, in some minutes'

/** The command line tool `busrt`. */
export function commandLineTool(): Toolchain {
  const reference = process.env['MSGBUS_BUSRT_REFERENCE']
  const found = [...(reference === undefined ? [] : [dirname(reference)]), join(toolRoot, 'bin')]
    .map((folder) => join(folder, 'busrt'))
    .find((file) => existsSync(file))
  if (found !== undefined) return { command: found, args: [] }
  return { missing: missingRust() ?? `busrt ${version} is not built: ${howToBuild}` }
}

/** Our program over the Rust library, async and sync. */
export function rustClient(): Toolchain {
  const missing = missingRust()
  if (missing !== undefined) return { missing }
  return existsSync(rustMark) && readFileSync(rustMark, 'utf8') === rustFingerprint()
    ? { command: rustProgram, args: [] }
    : { missing: `the Rust client is not built: ${howToBuild}` }
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

/** Builds the tool unless it is there. Returns why it could not. */
export function buildCommandLineTool(): string | undefined {
  if (!('missing' in commandLineTool())) return undefined
  const missing = missingRust()
  if (missing !== undefined) return missing
  // The reference's broker comes along, for the benchmark and for checking the cases themselves.
  const crate = ['busrt', '--version', version, '--features', 'server,cli', '--locked']
  return tryRun('cargo', ['install', ...crate, '--root', toolRoot], packageRoot)
}

/** Builds our Rust program unless it is there. Returns why it could not. */
export function buildRustClient(): string | undefined {
  if (!('missing' in rustClient())) return undefined
  const missing = missingRust()
  if (missing !== undefined) return missing
  mkdirSync(rustFolder, { recursive: true })
  cpSync(rustSources, rustFolder, { recursive: true })
  const failure = tryRun('cargo', ['build'], rustFolder)
  if (failure === undefined) writeFileSync(rustMark, rustFingerprint())
  return failure
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

function rustFingerprint(): string {
  const hash = createHash('sha256').update(output('rustc', ['--version']) ?? '')
  const entries = readdirSync(rustSources, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const paths = files.map(({ parentPath, name }) => join(parentPath, name))
  for (const path of paths.toSorted()) hash.update(readFileSync(path))
  return hash.digest('hex')
}
