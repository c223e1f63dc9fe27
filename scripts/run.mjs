// The commands of package.json. Each works as the first command on a fresh clone: it installs from
// the lock file and builds when that is needed, and says so. Several may start at the same moment:
// one prepares, the others wait. Plain JavaScript on node: modules only, since nothing is installed
// or built yet when it starts.

import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath, pathToFileURL } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const cache = join(root, '.cache')
const say = (text) => process.stderr.write(`msgbus: ${text}\n`)

/** Runs a program to its end. Returns its exit code. */
function run(command, args) {
  const shell = process.platform === 'win32' && command === 'npm'
  const done = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell })
  if (done.error) say(`${command} cannot be run: ${done.error.message}`)
  return done.status ?? 1
}

/** Runs a program to its end; leaves with its exit code when that is not 0. */
function must(command, args) {
  const code = run(command, args)
  if (code !== 0) process.exit(code)
}

const installed = (file) => join(root, 'node_modules', file)
const mustNode = (file, args) => must(process.execPath, [installed(file), ...args])

/** Whether what is installed is what the lock file names. npm notes down what it installed. */
function isInstalled() {
  const noted = installed('.package-lock.json')
  if (!existsSync(noted)) return false
  const { packages: found } = JSON.parse(readFileSync(noted, 'utf8'))
  const { packages: wanted } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  return Object.entries(wanted).every(
    // Optional ones are for other platforms, too.
    ([path, { version, optional }]) =>
      path === '' || (optional && !found[path]) || found[path]?.version === version,
  )
}

function install() {
  if (isInstalled()) return
  say('installing dependencies from the lock file (once; half a minute on most machines)')
  must('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
}

const sourceFolders = ['src', 'test', 'bench', 'examples']

/** Every file below the folders, by default those in TypeScript. */
function sources(folders, ending = /\.ts$/) {
  return folders
    .map((folder) => join(root, folder))
    .filter((path) => existsSync(path))
    .flatMap((path) => readdirSync(path, { recursive: true }).map((name) => join(path, name)))
    .filter((file) => ending.test(file))
}

/** Does the work when an input is newer than the last time. */
function whenNewer(markName, inputs, work) {
  const mark = join(root, 'dist', markName)
  const builtAt = existsSync(mark) ? statSync(mark).mtimeMs : 0
  if (inputs.every((file) => statSync(file).mtimeMs < builtAt)) return
  const startedAt = new Date()
  work()
  // What changes while it works is newer than this.
  writeFileSync(mark, '')
  utimesSync(mark, startedAt, startedAt)
}

/** Compiles when a source is newer than the last build. */
function build() {
  const settings = ['tsconfig.json', 'package.json'].map((name) => join(root, name))
  whenNewer('.built', [...sources(sourceFolders), ...settings], () => {
    say('building (some seconds)')
    mustNode('typescript/bin/tsc', ['-p', root])
    const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    // npx and npm link run these files themselves.
    for (const file of Object.values(bin)) chmodSync(join(root, file), 0o755)
  })
  buildPages()
}

/** The console and the demo: types, the bundle, and their unit tests, which run in Node. */
function buildPages() {
  const own = sources(['console'], /\.(ts|tsx|css|html|svg)$/)
  const below = sources(['src/client', 'src/wire', 'src/model', 'src/base'])
  const settings = ['tsconfig.console.json', 'tsconfig.console-test.json', 'package.json']
  const inputs = [...own, ...below, ...settings.map((name) => join(root, name))]
  whenNewer('.pages-built', inputs, () => {
    say('building the web pages')
    mustNode('typescript/bin/tsc', ['-p', join(root, 'tsconfig.console.json')])
    mustNode('typescript/bin/tsc', ['-p', join(root, 'tsconfig.console-test.json')])
    const config = join(root, 'console', 'vite.config.ts')
    mustNode('vite/bin/vite.js', ['build', '--config', config, '--logLevel', 'warn'])
  })
}

/** Installs and builds, one process at a time. */
function prepare() {
  mkdirSync(cache, { recursive: true })
  const lock = join(cache, 'prepare.lock')
  for (let isTold = false; !takeLock(lock); isTold = true) {
    if (!isTold) say('waiting for another msgbus command that installs or builds')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
  }
  const release = () => rmSync(lock, { force: true })
  // must() leaves by process.exit, past any finally.
  process.once('exit', release)
  install()
  build()
  process.off('exit', release)
  release()
}

/** False when a living process has it; one that is gone loses it. */
function takeLock(lock) {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  }
  try {
    process.kill(Number(readFileSync(lock, 'utf8')), 0)
  } catch (error) {
    if (error.code === 'ESRCH') rmSync(lock, { force: true })
  }
  return false
}

/** The compiled test files that match any of the words given; all without words. */
function testFiles(words) {
  const files = sources(['src', 'test', 'examples', 'console'])
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => file.slice(root.length + 1))
    .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  if (files.length > 0) return files.sort().map(compiledTest)
  say(`no test file matches ${words.join(' ')}`)
  return process.exit(2)
}

// Unit tests of pages stand apart from the pages, which are served.
const compiledTest = (file) =>
  join('dist', file.startsWith('console') ? 'page-tests' : '', file.replace(/ts$/, 'js'))

const testArgs = (words) => [
  '--enable-source-maps',
  '--test',
  // One more than there are cores: many tests wait for a disk, a socket or a browser.
  `--test-concurrency=${availableParallelism() + 1}`,
  // A test that hangs fails instead of holding up the run.
  '--test-timeout=300000',
  ...testFiles(words),
]

/** Goes on as a program of the build, in this process, so that signals and exit code are its own. */
async function become(script, args) {
  const file = join(root, script)
  // What was spent on preparing is not the program's.
  performance.mark('msgbusd')
  process.setSourceMapsEnabled(true)
  process.argv = [process.execPath, file, ...args]
  await import(pathToFileURL(file).href)
}

/** Runs the suite on other versions of Node, which come as packages of the registry. */
function testNodes(words) {
  const outcomes = []
  for (const major of ['20', '22', '24']) {
    const node = fetchNode(major)
    if (node === undefined) {
      outcomes.push(`Node ${major}: skipped, it cannot be had from the registry for this platform`)
      continue
    }
    const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()
    say(`running the tests on Node ${version}`)
    const code = run(node, testArgs(words))
    outcomes.push(`Node ${version}: ${code === 0 ? 'passed' : 'FAILED'}`)
    if (code !== 0) process.exitCode = 1
  }
  outcomes.forEach(say)
}

/** Path of a Node binary of this major version; undefined when there is none. */
function fetchNode(major) {
  if (process.versions.node.split('.')[0] === major) return process.execPath
  const windows = process.platform === 'win32'
  const name = `node-${windows ? 'win' : process.platform}-${process.arch}`
  const folder = join(cache, `node-${major}`)
  const node = join(folder, 'package', 'bin', windows ? 'node.exe' : 'node')
  if (existsSync(node)) return node
  say(`fetching ${name}@${major}`)
  mkdirSync(folder, { recursive: true })
  const options = { cwd: folder, encoding: 'utf8', shell: windows }
  const packed = spawnSync('npm', ['pack', `${name}@${major}`, '--silent'], options)
  const archive = packed.stdout?.trim().split('\n').at(-1)
  if (packed.status !== 0 || !archive) return undefined
  const unpacked = spawnSync('tar', ['-xzf', archive], { cwd: folder })
  rmSync(join(folder, archive), { force: true })
  return unpacked.status === 0 && existsSync(node) ? node : undefined
}

const commands = {
  async start(args) {
    prepare()
    await become('dist/src/daemon/main.js', args)
  },
  build: prepare,
  test(words) {
    prepare()
    must(process.execPath, testArgs(words))
  },
  check(words) {
    prepare()
    mustNode('prettier/bin/prettier.cjs', ['--check', '--log-level=warn', '.'])
    mustNode('oxlint/bin/oxlint', ['--type-aware'])
    must(process.execPath, testArgs(words))
  },
  'test-nodes'(words) {
    prepare()
    testNodes(words)
  },
  async bench(args) {
    prepare()
    await become('dist/bench/main.js', args)
  },
  docs(args) {
    prepare()
    must(process.execPath, [join(root, 'docs-site/build.mjs'), ...args])
  },
  package(args) {
    prepare()
    must(process.execPath, [join(root, 'packaging/package.mjs'), ...args])
  },
  async torture(args) {
    prepare()
    await become('dist/test/torture/kill-9.js', args)
  },
}

const [mode = '', ...rest] = process.argv.slice(2)
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  say(`Node.js 20.19 or later is needed; this is ${process.versions.node}`)
  process.exit(1)
}
if (!Object.hasOwn(commands, mode)) {
  say(`unknown command ${mode}: ${Object.keys(commands).join(', ')}`)
  process.exit(2)
}
await commands[mode](rest)
