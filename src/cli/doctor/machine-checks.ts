/**
 * Checks of this machine that need no daemon: the runtime, the engines, the data folder, the disk,
 * the clock. Each check is a function of what it looks at, so tests can show it a broken machine.
 */

import { constants } from 'node:fs'
import { access, readFile, stat, statfs } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { formatBytes } from '../duration.ts'
import { good, note, warning, wrong } from './finding.ts'
import type { Finding } from './finding.ts'

/** As in `engines` of package.json. */
const leastNode = [20, 19] as const
/** Under this much free space a busy daemon is out of space soon. */
const scarceBytes = 536_870_912
/** A clock before this is not set: 2025-01-01. */
const plausibleTimeMs = 1_735_689_600_000

/** @param daemonIsReached a daemon answered, so taken ports and a held folder are as they should be */
export async function checkMachine(data: string, daemonIsReached: boolean): Promise<Finding[]> {
  const folder = resolve(data)
  return [
    checkNode(process.versions.node),
    ...(await Promise.all(['lmdb', 'libsql'].map((engine) => checkEngine(engine)))),
    checkClock(Date.now()),
    await checkFolder(folder),
    await checkDisk(folder),
    await checkReadyFile(folder, daemonIsReached),
    ...(daemonIsReached ? [] : await Promise.all([50_051, 8_711].map((port) => checkPort(port)))),
  ]
}

export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [leastMajor, leastMinor] = leastNode
  const isEnough = major > leastMajor || (major === leastMajor && minor >= leastMinor)
  if (isEnough) return good('Node.js', `v${version}`)
  const text = `v${version} is older than v${leastNode.join('.')}`
  return wrong(
    'Node.js',
    text,
    `install Node.js ${leastNode.join('.')} or later from https://nodejs.org`,
  )
}

/** @param load how to import the package; for tests */
export async function checkEngine(
  name: string,
  load: (name: string) => Promise<unknown> = (specifier) => import(specifier),
): Promise<Finding> {
  const storage = name === 'lmdb' ? 'lmdb' : 'sqlite'
  try {
    await load(name)
    return good('engine', `${storage} can be loaded`)
  } catch (error) {
    const text = `${storage} cannot be loaded: ${firstLine(error)}`
    const remedy = `npm install ${name}, on this machine and with this Node.js`
    // SQLite is a choice; LMDB is what a daemon without further settings uses.
    return storage === 'lmdb' ? wrong('engine', text, remedy) : warning('engine', text, remedy)
  }
}

export function checkClock(nowMs: number): Finding {
  const shown = new Date(nowMs).toISOString()
  if (nowMs >= plausibleTimeMs) return good('clock', shown)
  return wrong(
    'clock',
    `${shown} cannot be right`,
    'set the clock, or run a time service: messages carry it',
  )
}

export async function checkFolder(folder: string): Promise<Finding> {
  const found = await stat(folder).catch(() => undefined)
  if (found === undefined) {
    const parent = dirname(folder)
    const canMake = await isAllowed(parent, constants.W_OK)
    if (canMake) return note('data folder', `${folder} does not exist yet; the daemon makes it`)
    const remedy = `make it: mkdir -p ${folder}, owned by the user that runs msgbusd`
    return wrong('data folder', `${folder} does not exist and cannot be made in ${parent}`, remedy)
  }
  if (!found.isDirectory()) {
    return wrong('data folder', `${folder} is a file`, 'name a folder with --data')
  }
  if (!(await isAllowed(folder, constants.R_OK | constants.W_OK | constants.X_OK))) {
    const remedy = `chown it to the user that runs msgbusd, or run this check as that user`
    return wrong('data folder', `${folder} cannot be read and written by this user`, remedy)
  }
  if ((found.mode & 0o002) !== 0) {
    const remedy = `chmod o-w ${folder}`
    return warning('data folder', `${folder} can be written by every user of this machine`, remedy)
  }
  return good('data folder', folder)
}

export async function checkDisk(folder: string): Promise<Finding> {
  for (let path = folder; ; path = dirname(path)) {
    const disk = await statfs(path).catch(() => undefined)
    if (disk !== undefined) return judgeDisk(disk.bavail * disk.bsize, disk.blocks * disk.bsize)
    if (dirname(path) === path) return note('disk', 'the free space cannot be read')
  }
}

export function judgeDisk(freeBytes: number, totalBytes: number): Finding {
  const text = `${formatBytes(freeBytes)} of ${formatBytes(totalBytes)} free`
  const remedy = 'free some space, set retention for busy topics, or move --data to another disk'
  if (freeBytes === 0) return wrong('disk', `full: ${text}`, remedy)
  return freeBytes < scarceBytes ? warning('disk', `only ${text}`, remedy) : good('disk', text)
}

/** `ready.json` names a daemon; one that is gone was killed, one that is there should answer. */
export async function checkReadyFile(folder: string, daemonIsReached: boolean): Promise<Finding> {
  const file = join(folder, 'ready.json')
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text === undefined) return note('running daemon', `none on ${folder}`)
  let pid: unknown
  let listeners: unknown
  try {
    ;({ pid, listeners } = JSON.parse(text) as Record<string, unknown>)
  } catch {
    return warning('running daemon', `${file} is not JSON`, 'delete it: the daemon writes it anew')
  }
  if (typeof pid !== 'number' || !isAlive(pid)) {
    return note(
      'running daemon',
      `the last one on ${folder} was killed; its store mends itself at the next start`,
    )
  }
  if (daemonIsReached) return good('running daemon', `process ${pid} on ${folder}`)
  const addresses = Array.isArray(listeners)
    ? listeners
        .map((each: unknown) => each as { protocol?: unknown; address?: unknown })
        .filter(({ protocol }) => protocol === 'grpc')
        .map(({ address }) => String(address))
    : []
  const where = addresses.length === 0 ? 'its address' : addresses.join(' or ')
  const remedy = `name where it listens: --server ${where}`
  return wrong('running daemon', `process ${pid} runs on ${folder}, but not at --server`, remedy)
}

/** Another program on a default port keeps a daemon from listening there. */
export async function checkPort(port: number): Promise<Finding> {
  const isTaken = await new Promise<boolean>((settle) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => settle(true)).once('error', () => settle(false))
    socket.setTimeout(1_000, () => settle(true)).once('close', () => settle(false))
    socket.once('connect', () => socket.destroy()).once('timeout', () => socket.destroy())
  })
  if (!isTaken) return good('port', `${port} is free`)
  const remedy = 'stop that program, or give the daemon another port with --listen or --http'
  return warning('port', `${port} is taken by another program`, remedy)
}

async function isAllowed(path: string, mode: number): Promise<boolean> {
  return access(path, mode).then(
    () => true,
    () => false,
  )
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Not ours to signal, but there.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
}
