/**
 * The tree of files that packages consist of: the programs, the Node they run on, manual pages and completions, below
 * one prefix.
 */

import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { manPage } from './man-pages.mjs'

/** The line of Node that goes with the programs, as a package of the registry. */
const nodeMajor = '24'

const here = dirname(fileURLToPath(import.meta.url))
const root = dirname(here)

export const say = (text) => process.stderr.write(`msgbus: ${text}\n`)

/** Runs a program to its end. Returns what it printed. */
export function run(command, args, cwd) {
  const stdio = ['ignore', 'pipe', 'inherit']
  return execFileSync(command, args, { cwd, stdio, encoding: 'utf8' }).trim()
}

/**
 * What a prefix such as /usr or /opt/msgbus gets: bin, lib/msgbus (the package with what it needs, and node), share.
 */
export function fillTree(prefix, { arch, version, madeAt }) {
  const library = join(prefix, 'lib/msgbus')
  fillApp(join(library, 'app'), arch)
  copyFileSync(fetchNode(arch), join(library, 'node'))
  chmodSync(join(library, 'node'), 0o755)
  for (const [program, script] of [
    ['msgbus', 'cli'],
    ['msgbusd', 'daemon'],
  ]) {
    writeProgram(join(prefix, 'bin', program), launcher(`dist/src/${script}/main.js`))
  }
  writeManual(join(prefix, 'share/man'), version, madeAt)
  writeCompletions(join(prefix, 'share'))
  const doc = join(prefix, 'share/doc/msgbus')
  mkdirSync(doc, { recursive: true })
  copyFileSync(join(root, 'LICENSE'), join(doc, 'copyright'))
  copyFileSync(join(here, 'msgbusd.yaml'), join(doc, 'msgbusd.yaml'))
  writeGzip(join(doc, 'changelog.gz'), readFileSync(join(root, 'CHANGELOG.md')))
}

/** The package as it is published, with what it needs to run on Linux. */
export function fillApp(app, arch) {
  mkdirSync(app, { recursive: true })
  say(`${arch}: the package and what it needs`)
  unpack(npmPack(app), app)
  copyFileSync(join(root, 'package-lock.json'), join(app, 'package-lock.json'))
  const platform = ['--os=linux', `--cpu=${arch}`, '--libc=glibc']
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  run('npm', ['ci', '--omit=dev', ...platform, ...quiet], app)
  dropDevelopmentOnly(app)
  // What npm notes down for itself differs from run to run.
  for (const file of ['package-lock.json', 'node_modules/.package-lock.json']) {
    rmSync(join(app, file), { force: true })
  }
  dropForeignBinaries(join(app, 'node_modules'))
}

function npmPack(target) {
  return join(target, run('npm', ['pack', '--silent', '--pack-destination', target], root))
}

function unpack(tarball, folder) {
  run('tar', ['-xzf', tarball, '--strip-components=1', '-C', folder], root)
  rmSync(tarball)
}

/** npm leaves what is for development and at the same time an optional part of something else. */
function dropDevelopmentOnly(app) {
  const { packages } = JSON.parse(readFileSync(join(app, 'package-lock.json'), 'utf8'))
  for (const [path, { devOptional }] of Object.entries(packages)) {
    if (devOptional) rmSync(join(app, path), { recursive: true, force: true })
  }
}

/** Some packages bring their binaries for the C library of Alpine, too; the Node here is for glibc. */
function dropForeignBinaries(modules) {
  for (const name of readdirSync(modules, { recursive: true, encoding: 'utf8' })) {
    if (/musl[^/]*$/.test(name)) {
      rmSync(join(modules, name), { recursive: true, force: true })
    }
  }
}

/** The path of a Node binary for Linux, of the registry. */
function fetchNode(arch) {
  const name = `node-linux-${arch}`
  const cached = join(root, '.cache', `${name}-${nodeMajor}`)
  const binary = join(cached, 'package/bin/node')
  if (!existsSync(binary)) {
    say(`fetching ${name}@${nodeMajor}`)
    mkdirSync(cached, { recursive: true })
    const tarball = run('npm', ['pack', '--silent', `${name}@${nodeMajor}`], cached)
    run('tar', ['-xzf', tarball], cached)
    rmSync(join(cached, tarball))
  }
  return binary
}

/** Finds its own folder through links, so that the tree can lie anywhere. */
const launcher = (script) => `#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here/../lib/msgbus/node" --enable-source-maps "$here/../lib/msgbus/app/${script}" "$@"
`

function writeProgram(file, text) {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
  chmodSync(file, 0o755)
}

function writeGzip(file, text) {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, gzipSync(text, { level: 9 }))
}

function writeManual(folder, version, madeAt) {
  const day = new Date(madeAt * 1000).toISOString().slice(0, 10)
  const pages = [
    { name: 'msgbus', section: 1, from: 'msgbus', summary: 'publish, read and look after msgbusd' },
    { name: 'msgbusd', section: 8, from: 'configuration', summary: 'the msgbus daemon' },
  ]
  for (const { from, ...about } of pages) {
    const page = readFileSync(join(root, `docs/reference/${from}.md`), 'utf8')
    const file = join(folder, `man${about.section}`, `${about.name}.${about.section}.gz`)
    writeGzip(file, manPage(page, { ...about, version, day }))
  }
}

function writeCompletions(share) {
  const files = {
    bash: 'bash-completion/completions/msgbus',
    zsh: 'zsh/vendor-completions/_msgbus',
    fish: 'fish/vendor_completions.d/msgbus.fish',
  }
  for (const [shell, name] of Object.entries(files)) {
    const file = join(share, name)
    mkdirSync(dirname(file), { recursive: true })
    const cli = join(root, 'dist/src/cli/main.js')
    writeFileSync(file, `${run(process.execPath, [cli, 'completion', shell], root)}\n`)
  }
}
