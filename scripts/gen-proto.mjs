// Writes the code of the contracts for every language that keeps it in the repository, with that
// language's own generator. `node scripts/gen-proto.mjs [--check] [language …]`.
//
// sdks/generated.json holds, per language, a digest of the contracts it was generated from: so that
// stale code is seen on every machine, also where the generator cannot run. `--check` writes nothing,
// and compares file by file where it can.

import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const record = join(root, 'sdks/generated.json')
const contracts = [
  'msgbus/v1/msgbus.proto',
  'msgbus/v2/link.proto',
  'msgbus/v2/mqtt.proto',
  'msgbus/v2/msgbus.proto',
  'msgbus/v2/peers.proto',
]
const say = (text) => process.stderr.write(`gen-proto: ${text}\n`)

/**
 * Per language: the folder whose content is generated and nothing else, the program without which it
 * cannot be, and how. `generate` writes into the folder it is given.
 */
const languages = {
  typescript: { folder: 'src/wire/gen', needs: 'node', generate: generateTypescript },
  go: { folder: 'sdks/go/pb', needs: 'go', generate: generateGo },
  rust: { folder: 'sdks/rust/src/pb', needs: 'cargo', generate: generateRust },
  python: { folder: 'sdks/python/src/msgbus/_pb', needs: 'python3', generate: generatePython },
}

/** The generator writes where it is told by the repository; it has a check of its own. */
function generateTypescript() {
  run(process.execPath, [join(root, 'scripts/generate-wire.mjs')])
}

/** The versions of the generators are those of sdks/go/tools/go.mod. */
function generateGo(out) {
  const tools = join(root, 'sdks/go/tools')
  const bin = join(root, '.cache/gen-proto/go')
  mkdirSync(bin, { recursive: true })
  const packages = [
    'google.golang.org/protobuf/cmd/protoc-gen-go',
    'google.golang.org/grpc/cmd/protoc-gen-go-grpc',
  ]
  run('go', ['build', '-o', `${bin}/`, ...packages], tools)
  const [, path] = /^module (\S+)/m.exec(readFileSync(join(root, 'sdks/go/go.mod'), 'utf8'))
  const module = `${path}/pb`
  const opt = [
    `module=${module}`,
    ...contracts.map((file) => `M${file}=${module}/${file.split('/').slice(0, 2).join('')}`),
  ]
  const plugins = ['protoc-gen-go', 'protoc-gen-go-grpc']
  buf(
    'generate',
    '--template',
    templateOf(plugins.map((name) => ({ local: join(bin, name), out, opt }))),
  )
}

/** A small program of ours that calls the generators of prost and tonic. */
function generateRust(out) {
  const folder = mkdtempSync(join(tmpdir(), 'msgbus-gen-'))
  try {
    const descriptors = join(folder, 'contracts.binpb')
    buf('build', '--as-file-descriptor-set', '-o', descriptors)
    const manifest = join(root, 'sdks/rust/generator/Cargo.toml')
    run('cargo', ['run', '--quiet', '--manifest-path', manifest, '--', descriptors, out])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * protoc as a package of Python, of the version in requirements-dev.txt. What it writes imports from the top; there our own
 * package has the name, so the imports are made those of the folder.
 */
function generatePython(out) {
  const environment = join(root, '.cache/gen-proto/python')
  const python = join(environment, 'bin/python')
  if (!existsSync(python)) run('python3', ['-m', 'venv', environment])
  const requirements = join(root, 'sdks/python/requirements-dev.txt')
  run(python, ['-m', 'pip', 'install', '--quiet', '--requirement', requirements])
  const folders = ['python', 'pyi', 'grpc_python'].map((kind) => `--${kind}_out=${out}`)
  const files = contracts.filter((file) => file.endsWith('msgbus.proto'))
  run(python, ['-m', 'grpc_tools.protoc', '-I', join(root, 'proto'), ...folders, ...files])
  for (const version of ['v1', 'v2']) {
    const folder = join(out, version)
    renameSync(join(out, 'msgbus', version), folder)
    for (const name of readdirSync(folder)) {
      const file = join(folder, name)
      const text = readFileSync(file, 'utf8')
      writeFileSync(file, text.replaceAll(/^from msgbus\./gm, 'from msgbus._pb.'))
    }
    writeFileSync(join(folder, '__init__.py'), '')
  }
  rmSync(join(out, 'msgbus'), { recursive: true })
  writeFileSync(join(out, '__init__.py'), '')
}

const templateOf = (plugins) => JSON.stringify({ version: 'v2', plugins })

function buf(...args) {
  run(process.execPath, [join(root, 'node_modules/@bufbuild/buf/bin/buf'), ...args])
}

function run(command, args, cwd = root) {
  const done = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (done.status === 0) return
  throw new Error(`${command} ${args[0]}: ${done.error?.message ?? `${done.stdout}${done.stderr}`}`)
}

function isInstalled(command) {
  return spawnSync(command, [command === 'go' ? 'version' : '--version']).status === 0
}

const digest = createHash('sha256')
for (const file of contracts) digest.update(readFileSync(join(root, 'proto', file)))
const contractDigest = digest.digest('hex')

const filesOf = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
        .sort()
    : []

/** What differs between two folders. */
function differences(one, other) {
  const names = new Set([...filesOf(one), ...filesOf(other)])
  return [...names].filter((name) => {
    const [a, b] = [join(one, name), join(other, name)]
    return !existsSync(a) || !existsSync(b) || !readFileSync(a).equals(readFileSync(b))
  })
}

function check(name, { folder, needs, generate }, recorded) {
  const fault = (text) => {
    say(`${text}: node scripts/gen-proto.mjs ${name}`)
    process.exitCode = 1
  }
  // The code of the daemon is compared itself, on every machine (test/proto.test.ts).
  const isStale = name !== 'typescript' && recorded[name] !== contractDigest
  if (isStale) fault(`${folder} was generated from other contracts`)
  if (isDigestOnly || !isInstalled(needs)) return
  if (name === 'typescript') {
    const done = spawnSync(process.execPath, [join(root, 'scripts/generate-wire.mjs'), '--check'])
    if (done.status !== 0) fault(`${folder} is not up to date`)
    return
  }
  const fresh = mkdtempSync(join(tmpdir(), 'msgbus-gen-'))
  try {
    generate(fresh)
    const different = differences(join(root, folder), fresh)
    if (different.length > 0) fault(`${folder} is not up to date (${different.join(', ')})`)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

function write(name, { folder, needs, generate }, recorded) {
  if (!isInstalled(needs)) {
    say(`${name}: skipped, ${needs} is not installed`)
    return
  }
  const fresh = mkdtempSync(join(tmpdir(), 'msgbus-gen-'))
  try {
    generate(fresh)
    if (name === 'typescript') return
    rmSync(join(root, folder), { recursive: true, force: true })
    cpSync(fresh, join(root, folder), { recursive: true })
    recorded[name] = contractDigest
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

const args = process.argv.slice(2)
const isCheck = args.includes('--check')
/** Look at the digests alone: quick, and the same on every machine. */
const isDigestOnly = args.includes('--digest')
const chosen = args.filter((word) => !word.startsWith('--'))
const recorded = existsSync(record) ? JSON.parse(readFileSync(record, 'utf8')) : {}
for (const name of chosen.length > 0 ? chosen : Object.keys(languages)) {
  const language = languages[name]
  if (language === undefined) throw new Error(`unknown language ${name}`)
  if (isCheck) check(name, language, recorded)
  else write(name, language, recorded)
}
if (!isCheck) {
  const sorted = Object.fromEntries(
    Object.entries(recorded).sort(([one], [other]) => (one < other ? -1 : 1)),
  )
  writeFileSync(record, `${JSON.stringify(sorted, null, 2)}\n`)
}
