/**
 * Builds clients in other languages from the contract, with those languages' own tools. Everything
 * fetched or built lies in the user's cache folder, keyed by what it was made from, so that it costs
 * its minute once. What a machine does not have is a reason to skip; what it has and what then
 * fails is a failure.
 */

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { packageRoot } from '../../src/daemon/version.ts'

/** How to run a client; or why it cannot be built here. */
export type Toolchain =
  { readonly command: string; readonly args: readonly string[] } | { readonly missing: string }

const protoFolder = join(packageRoot, 'proto')
const protoFile = 'msgbus/v1/msgbus.proto'
export const cacheHome = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')

export function goClient(): Toolchain {
  const version = output('go', ['version'])
  if (version === undefined) return { missing: 'go is not installed' }
  const [, major = 0, minor = 0] = /go(\d+)\.(\d+)/.exec(version)?.map(Number) ?? []
  if (major === 1 && minor < 24)
    return { missing: `Go 1.24 or later is needed, this is ${version}` }

  return cached('go', version, (folder) => {
    const run = (args: readonly string[]) => mustRun('go', args, folder)
    const fetched = tryRun('go', ['mod', 'download'], folder)
    if (fetched !== undefined) return { missing: `Go modules cannot be fetched: ${fetched}` }
    const plugins = ['google.golang.org/protobuf/cmd/protoc-gen-go']
    plugins.push('google.golang.org/grpc/cmd/protoc-gen-go-grpc')
    run(['build', '-o', join(folder, 'bin/'), ...plugins])
    const opt = [`M${protoFile}=msgbus.test/interop/msgbusv1`, 'module=msgbus.test/interop']
    const plugin = (name: string) => ({ local: join(folder, 'bin', name), out: folder, opt })
    const template = {
      version: 'v2',
      plugins: [plugin('protoc-gen-go'), plugin('protoc-gen-go-grpc')],
    }
    const buf = join(packageRoot, 'node_modules/@bufbuild/buf/bin/buf')
    const generate = [
      'generate',
      '--path',
      'proto/msgbus/v1',
      '--template',
      JSON.stringify(template),
    ]
    mustRun(process.execPath, [buf, ...generate], packageRoot)
    run(['build', '-o', 'client', '.'])
    return { command: join(folder, 'client'), args: [] }
  })
}

export function pythonClient(): Toolchain {
  const version = output('python3', ['--version'])
  if (version === undefined) return { missing: 'python3 is not installed' }
  if (output('python3', ['-c', 'import ensurepip, venv']) === undefined) {
    return { missing: 'python3 has no venv (on Debian: apt-get install python3-venv)' }
  }
  return cached('python', version, (folder) => {
    mustRun('python3', ['-m', 'venv', 'venv'], folder)
    const python = join(folder, 'venv/bin/python')
    const install = ['-m', 'pip', 'install', '--quiet', '--requirement', 'requirements.txt']
    const fetched = tryRun(python, install, folder)
    if (fetched !== undefined) return { missing: `Python packages cannot be fetched: ${fetched}` }
    const out = [`--python_out=${folder}`, `--grpc_python_out=${folder}`]
    mustRun(python, ['-m', 'grpc_tools.protoc', `-I${protoFolder}`, ...out, protoFile], folder)
    return { command: python, args: [join(folder, 'client.py')] }
  })
}

/** Runs `build` in a copy of the sources unless that was done before with the same inputs. */
export function cached(
  language: string,
  version: string,
  build: (folder: string) => Toolchain,
): Toolchain {
  const sources = join(packageRoot, 'test/interop', language)
  const hash = createHash('sha256')
    .update(version)
    .update(readFileSync(join(protoFolder, protoFile)))
  const entries = readdirSync(sources, { recursive: true, encoding: 'utf8' }).toSorted()
  for (const path of entries.map((entry) => join(sources, entry)))
    if (statSync(path).isFile()) hash.update(readFileSync(path))
  const parent = join(cacheHome, 'msgbus-interop', language)
  const folder = join(parent, hash.digest('hex').slice(0, 16))
  const mark = join(folder, 'client.json')
  if (existsSync(mark)) return JSON.parse(readFileSync(mark, 'utf8')) as Toolchain
  // What was built from older inputs, or half-built.
  rmSync(parent, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  cpSync(sources, folder, { recursive: true })
  const client = build(folder)
  if (!('missing' in client)) writeFileSync(mark, JSON.stringify(client))
  return client
}

export function output(command: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : undefined
}

/** Undefined when it worked, else the end of what it said. */
export function tryRun(command: string, args: readonly string[], cwd: string): string | undefined {
  const done = spawnSync(command, args, { cwd, encoding: 'utf8' })
  return done.status === 0 ? undefined : `${done.stdout}${done.stderr}`.trim().slice(-500)
}

export function mustRun(command: string, args: readonly string[], cwd: string): void {
  const failure = tryRun(command, args, cwd)
  if (failure !== undefined) throw new Error(`${command} ${args.join(' ')}: ${failure}`)
}
