// Builds and tests the SDKs in other languages, each with its own tools, against the sdk-suite:
// `node scripts/sdk.mjs go|rust|…|all`. What a machine has no toolchain for is reported as skipped.
// `MSGBUSD` names a daemon built elsewhere; without it this repository is built first.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const cache = join(root, '.cache/sdk')
/** The Python of an environment of its own, which the first command makes. */
const python = join(cache, 'python/bin/python')
const say = (text) => process.stderr.write(`sdk: ${text}\n`)

/**
 * Per language: the folder below sdks/, what asks its tools for their version, what fetches its dependencies, and the
 * commands that build and test it. A command that ends with another code than 0 fails the language; `quiet` ones fail it
 * when they print something, too.
 */
const languages = {
  go: {
    tools: [['go', 'version']],
    fetch: [['go', 'mod', 'download']],
    generated: true,
    commands: [
      { run: ['gofmt', '-l', '.'], quiet: true },
      { run: ['go', 'vet', './...'] },
      // Results do not depend on the sources alone.
      { run: ['go', 'test', '-race', '-count=1', './...'] },
    ],
  },
  rust: {
    tools: [
      ['cargo', '--version'],
      ['cargo', 'clippy', '--version'],
    ],
    fetch: [['cargo', 'fetch', '--quiet']],
    generated: true,
    env: { CARGO_TARGET_DIR: process.env.CARGO_TARGET_DIR ?? join(cache, 'rust') },
    commands: [
      { run: ['cargo', 'fmt', '--check'] },
      {
        run: ['cargo', 'clippy', '--quiet', '--all-targets', '--all-features', '--', '-Dwarnings'],
      },
      { run: ['cargo', 'test', '--quiet', '--all-features'] },
      { run: ['cargo', 'doc', '--quiet', '--no-deps'], env: { RUSTDOCFLAGS: '-Dwarnings' } },
    ],
  },
  python: {
    tools: [['python3', '-m', 'venv', '--help']],
    generated: true,
    env: { PYTHONPATH: 'src', PYTHONDONTWRITEBYTECODE: '1' },
    fetch: [
      ['python3', '-m', 'venv', join(cache, 'python')],
      [python, '-m', 'pip', 'install', '--quiet', '-r', 'requirements-dev.txt'],
    ],
    commands: [
      { run: [python, '-m', 'mypy', '--no-error-summary'] },
      { run: [python, '-m', 'unittest', 'discover', '-t', '.', '-s', 'tests'] },
    ],
  },
  java: {
    tools: [
      ['mvn', '--version'],
      ['javac', '--version'],
    ],
    // What comes first wants the compiler of the contracts.
    fetch: [['mvn', '-q', '-B', 'generate-sources']],
    commands: [{ run: ['mvn', '-q', '-B', 'verify'] }],
  },
  cpp: {
    tools: [
      ['cmake', '--version'],
      ['pkg-config', '--exists', 'grpc++', 'gtest', 'nlohmann_json'],
    ],
    commands: [
      { run: ['cmake', '-S', '.', '-B', join(cache, 'cpp'), '-DMSGBUS_TESTS=ON'] },
      { run: ['cmake', '--build', join(cache, 'cpp'), '--parallel', '2'] },
      { run: [join(cache, 'cpp/msgbus_tests'), '--gtest_brief=1'] },
    ],
  },
}

/** The first tool that is not here; undefined when all are. */
function missingTool({ tools }) {
  return tools.find(([command, ...args]) => spawnSync(command, args).status !== 0)?.join(' ')
}

/** Runs the sdk-suite as long as `work` takes. */
async function withSuite(work) {
  const suite = spawn(process.execPath, [join(root, 'sdks/suite/main.mjs')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(suite, 'close')
  try {
    const [line] = await Promise.race([
      once(createInterface({ input: suite.stdout }), 'line'),
      ended.then(([code]) => Promise.reject(new Error(`the sdk-suite ended with ${code}`))),
    ])
    return await work(JSON.parse(line).control)
  } finally {
    suite.stdin.end()
    await ended
  }
}

/** Never blocks this process, which reads what the suite prints. @returns whether it passed */
async function runOne({ run: [command, ...args], quiet, env }, options) {
  const stdout = quiet ? 'pipe' : 'inherit'
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...options.env, ...env },
    stdio: ['ignore', stdout, 'inherit'],
  })
  let printed = ''
  child.stdout?.setEncoding('utf8').on('data', (text) => (printed += text))
  const [code] = await once(child, 'close')
  process.stderr.write(printed)
  return code === 0 && printed === ''
}

async function testLanguage(name, control) {
  const language = languages[name]
  const cwd = join(root, 'sdks', name)
  if (!existsSync(cwd)) return 'skipped, it is not there'
  const missing = missingTool(language)
  if (missing !== undefined) return `skipped, no toolchain: ${missing} cannot be run`
  const env = { ...process.env, ...language.env, MSGBUS_SUITE: control }
  for (const command of language.fetch ?? []) {
    if (!(await runOne({ run: command }, { cwd, env }))) {
      return `skipped, its dependencies cannot be fetched: ${command.join(' ')}`
    }
  }
  const generator = join(root, 'scripts/gen-proto.mjs')
  const commands = language.generated
    ? [{ run: [process.execPath, generator, '--check', name] }, ...language.commands]
    : language.commands
  for (const command of commands) {
    say(`${name}: ${command.run.join(' ').replaceAll(`${root}/`, '')}`)
    if (!(await runOne(command, { cwd, env }))) return 'FAILED'
  }
  return 'passed'
}

const words = process.argv.slice(2)
const chosen = words.includes('all') ? Object.keys(languages) : words
const unknown = chosen.filter((name) => !Object.hasOwn(languages, name))
if (chosen.length === 0 || unknown.length > 0) {
  say(`choose among ${[...Object.keys(languages), 'all'].join(', ')}`)
  process.exit(2)
}
if (process.env.MSGBUSD === undefined) {
  const built = spawnSync(process.execPath, [join(root, 'scripts/run.mjs'), 'build'], {
    stdio: 'inherit',
  })
  if (built.status !== 0) process.exit(1)
}
const outcomes = await withSuite(async (control) => {
  const all = []
  for (const name of chosen) all.push([name, await testLanguage(name, control)])
  return all
})
for (const [name, outcome] of outcomes) {
  say(`${name}: ${outcome}`)
  if (outcome === 'FAILED') process.exitCode = 1
}
