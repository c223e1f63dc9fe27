/**
 * The root file system of the container: Node, the libraries it and the storage engines load, the
 * package, one unprivileged user and its data folder. No shell, nothing else that can be run, and
 * nothing that has to be written outside the data folder.
 */

import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fillApp, run } from './tree.mjs'

/** As in other images without a shell: a user that no host has. */
const userId = 65532

/** @param folder an empty one; @param arch must be that of this machine, whose Node is taken */
export function makeContainerRoot(folder, arch) {
  if (arch !== process.arch) throw new Error('a container root is made on a machine of its kind')
  const app = join(folder, 'opt/msgbus')
  fillApp(app, arch)
  const node = join(folder, 'usr/bin/node')
  place(process.execPath, node)
  chmodSync(node, 0o755)
  const binaries = readdirSync(join(app, 'node_modules'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.node'))
    .map((name) => join(app, 'node_modules', name))
  for (const library of librariesOf([process.execPath, ...binaries])) {
    place(realpathSync(library), join(folder, library))
  }
  mkdirSync(join(folder, 'etc'), { recursive: true })
  const user = `msgbus:x:${userId}:${userId}:msgbus:/var/lib/msgbus:/none\n`
  writeFileSync(join(folder, 'etc/passwd'), user)
  writeFileSync(join(folder, 'etc/group'), `msgbus:x:${userId}:\n`)
  writeFileSync(join(folder, 'etc/nsswitch.conf'), 'hosts: files dns\n')
  const data = join(folder, 'var/lib/msgbus')
  mkdirSync(data, { recursive: true })
  chmodSync(data, 0o700)
  chownSync(data, userId, userId)
}

function place(from, to) {
  mkdirSync(dirname(to), { recursive: true })
  copyFileSync(from, to)
}

/** Paths of shared libraries, the loader included, where programs look for them. */
function librariesOf(binaries) {
  const found = new Set()
  for (const binary of binaries) {
    for (const [path] of run('ldd', [binary]).matchAll(/\/\S+(?= \(0x)/g)) found.add(path)
  }
  return found
}
