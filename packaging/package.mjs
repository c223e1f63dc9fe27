/**
 * Makes what people install, from a built tree:
 *
 *   npm run package -- [folder] [deb] [npm] [root] [--arch x64|arm64] [--out dist/packages]
 *
 *   folder   msgbus-VERSION-linux-ARCH.tar.gz: programs, the Node they run on, manual, completions
 *   deb      msgbus_VERSION_ARCH.deb: the same below /usr, with a service of systemd
 *   root     root/: the root file system of a container, without a shell, from the Node and the libraries here
 *   npm      msgbus-VERSION.tgz and msgbus-client-VERSION.tgz
 *
 * Without names: all but `root`, for this machine. Prints the path of each file it made. Everything that is the same goes
 * in the same: times are those of the commit, entries are sorted, owners are root.
 */

import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { makeContainerRoot } from './container-root.mjs'
import { fillTree, run, say } from './tree.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const root = dirname(here)
const makers = { folder: makeFolder, deb: makeDeb, npm: makeNpm, root: makeRoot }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    arch: { type: 'string', default: process.arch },
    out: { type: 'string', default: join(root, 'dist/packages') },
  },
})
const { arch } = values
const out = resolve(values.out)
if (!['x64', 'arm64'].includes(arch)) fail(`--arch ${arch}: x64 or arm64`)
for (const name of positionals) {
  if (!Object.hasOwn(makers, name)) fail(`${name}: ${Object.keys(makers).join(', ')}`)
}

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const madeAt = commitTime()
mkdirSync(out, { recursive: true })
for (const name of positionals.length === 0 ? ['folder', 'deb', 'npm'] : positionals) {
  for (const file of makers[name]()) process.stdout.write(`${file}\n`)
}

function fail(text) {
  say(text)
  process.exit(2)
}

/** Seconds. */
function commitTime() {
  const given = process.env['SOURCE_DATE_EPOCH']
  if (given !== undefined) return Number(given)
  try {
    return Number(run('git', ['log', '-1', '--format=%ct'], root))
  } catch {
    // Not a checkout: the package file is as old as the version.
    return Math.floor(statSync(join(root, 'package.json')).mtimeMs / 1000)
  }
}

/** An empty folder below the output, for the time of the work. */
function workFolder(name) {
  const folder = join(out, `.${name}`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return folder
}

function makeNpm() {
  const pack = ['pack', '--silent', '--pack-destination', out]
  const main = join(out, run('npm', pack, root).split('\n').at(-1))
  const work = workFolder('client')
  const client = run(process.execPath, [join(root, 'scripts/pack-client.mjs'), work], root)
  const moved = join(out, client.slice(client.lastIndexOf('/') + 1))
  renameSync(client, moved)
  rmSync(work, { recursive: true })
  return [main, moved]
}

function makeFolder() {
  const name = `msgbus-${version}-linux-${arch}`
  const work = workFolder('folder')
  fillTree(join(work, name), { arch, version, madeAt })
  const file = join(out, `${name}.tar.gz`)
  archive(work, name, file)
  rmSync(work, { recursive: true })
  return [file]
}

function archive(folder, entry, file) {
  const same = [`--mtime=@${madeAt}`, '--sort=name', '--owner=0', '--group=0', '--numeric-owner']
  const compress = ['--use-compress-program', 'gzip -n -6']
  run('tar', [...same, '--format=gnu', ...compress, '-cf', file, '-C', folder, entry], root)
}

function makeRoot() {
  const folder = join(out, 'root')
  rmSync(folder, { recursive: true, force: true })
  makeContainerRoot(folder, arch)
  return [folder]
}

function makeDeb() {
  const debArch = { x64: 'amd64', arm64: 'arm64' }[arch]
  const work = workFolder('deb')
  fillTree(join(work, 'usr'), { arch, version, madeAt })
  const place = (from, to, mode) => {
    mkdirSync(dirname(join(work, to)), { recursive: true })
    copyFileSync(join(here, from), join(work, to))
    chmodSync(join(work, to), mode)
  }
  place('msgbusd.service', 'usr/lib/systemd/system/msgbusd.service', 0o644)
  place('msgbusd.yaml', 'etc/msgbus/msgbusd.yaml', 0o644)
  for (const script of ['postinst', 'prerm', 'postrm']) {
    place(`debian/${script}`, `DEBIAN/${script}`, 0o755)
  }
  writeFileSync(join(work, 'DEBIAN/conffiles'), '/etc/msgbus/msgbusd.yaml\n')
  const kilobytes = run('du', ['-sk', '--apparent-size', join(work, 'usr')], root).split('\t')[0]
  const control = readFileSync(join(here, 'debian/control'), 'utf8')
  writeFileSync(
    join(work, 'DEBIAN/control'),
    control
      .replace('@VERSION@', version)
      .replace('@ARCH@', debArch)
      .replace('@KILOBYTES@', kilobytes),
  )
  const file = join(out, `msgbus_${version}_${debArch}.deb`)
  process.env['SOURCE_DATE_EPOCH'] = String(madeAt)
  run('chmod', ['-R', 'u=rwX,go=rX', work], root)
  run('dpkg-deb', ['--root-owner-group', '-Zxz', '-z3', '--build', work, file], root)
  rmSync(work, { recursive: true })
  return [file]
}
