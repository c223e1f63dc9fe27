// The commands of package.json. Each works as the first command on a fresh clone: it installs from
// the lock file and builds when that is needed, and says so. Plain JavaScript on node: modules only,
// since nothing is installed or built yet when it starts.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const say = (text) => process.stderr.write(`msgbus: ${text}\n`)

/** Runs a command to its end; leaves the process with its exit code when that is not 0. */
function must(command, args, env = process.env) {
  const windows = process.platform === 'win32'
  const done = spawnSync(command, args, { cwd: root, stdio: 'inherit', env, shell: windows })
  if (done.status !== 0) process.exit(done.status ?? 1)
}

/** Installs what the lock file names, unless the last install was of this very lock file. */
function install() {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8')
  const mark = join(root, 'node_modules', '.msgbus-lock')
  if (existsSync(mark) && readFileSync(mark, 'utf8') === lock) return
  say('installing dependencies from the lock file (once; half a minute on most machines)')
  must('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
  writeFileSync(mark, lock)
}

/** Every file below the folders that the compiler reads. */
function* sources(folders) {
  for (const folder of folders) {
    const path = join(root, folder)
    if (!existsSync(path)) continue
    for (const entry of readdirSync(path, { recursive: true })) {
      if (entry.endsWith('.ts')) yield join(path, entry)
    }
  }
}

/** Compiles when a source is newer than the last build. */
function build() {
  const mark = join(root, 'dist', '.built')
  const builtAt = existsSync(mark) ? statSync(mark).mtimeMs : 0
  const inputs = [...sources(['src', 'test', 'bench', 'examples']), join(root, 'tsconfig.json')]
  if (inputs.every((file) => statSync(file).mtimeMs < builtAt)) return
  say('building')
  const startedAt = new Date()
  must(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', root])
  writeFileSync(mark, startedAt.toISOString())
}

/** The compiled test files that match any of the words given; all without words. */
function testFiles(words) {
  const files = []
  for (const source of sources(['src', 'test', 'examples'])) {
    if (!source.endsWith('.test.ts')) continue
    const file = source.slice(root.length + 1)
    if (words.length > 0 && !words.some((word) => file.includes(word))) continue
    files.push(join('dist', file.replace(/\.ts$/, '.js')))
  }
  return files.sort((a, b) => a.localeCompare(b))
}

function runTests(node, words) {
  const files = testFiles(words)
  if (files.length === 0) {
    say(`no test file matches ${words.join(' ')}`)
    process.exit(2)
  }
  must(node, ['--enable-source-maps', '--test', '--test-concurrency=2', ...files])
}

/** Hands this process over to a program of the build, signals and exit code included. */
function become(script, args) {
  const child = spawn(process.execPath, ['--enable-source-maps', join(root, script), ...args], {
    stdio: 'inherit',
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => child.kill(signal))
  }
  child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))
}

const [mode, ...rest] = process.argv.slice(2)
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  say(`Node.js 20.19 or later is needed; this is ${process.versions.node}`)
  process.exit(1)
}
switch (mode) {
  case 'start':
    install()
    build()
    become('dist/src/daemon/main.js', rest)
    break
  case 'test':
    install()
    build()
    runTests(process.execPath, rest)
    break
  case 'check':
    install()
    must('npx', ['prettier', '--check', '--log-level=warn', '.'])
    must('npx', ['oxlint', '--type-aware'])
    build()
    runTests(process.execPath, rest)
    break
  case 'bench':
    install()
    build()
    become(join('dist', 'bench', 'main.js'), rest)
    break
  default:
    say(`unknown command ${mode ?? ''}: start, test, check, bench`)
    process.exit(2)
}
