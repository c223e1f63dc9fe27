/**
 * One process per folder. The lock is a file that says who holds it: process id, and on Linux when
 * that process started and in which boot, so that neither a crash nor a process id given to
 * somebody else blocks a start. Node.js has no advisory file locks, and the ones of the engines allow
 * several processes.
 *
 * A lock is made complete under another name and then linked, which succeeds for one process only.
 * One left behind by a dead process is replaced by whoever holds a second lock, named after the
 * content of the first: so two that find it at the same time cannot both take it, and one that
 * comes late finds that the content has changed.
 */

import { createHash, randomUUID } from 'node:crypto'
import { link, readFile, readdir, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { BusError } from '../model/errors.ts'
import { errorCode } from './storage-errors.ts'

export const lockFileName = 'store.lock'

/** `PF_EXITING` of the Linux kernel. */
const exitingFlag = 0x4
const endingPauseMs = 10

interface Holder {
  readonly pid: number
  /** Clock ticks after boot, as the kernel tells; undefined elsewhere. */
  readonly startedAt?: string | undefined
  readonly boot?: string | undefined
}

export class FolderLock {
  readonly #path: string
  readonly #content: string

  private constructor(path: string, content: string) {
    this.#path = path
    this.#content = content
  }

  /** @throws BusError `failed_precondition/already_running` */
  static async acquire(folder: string): Promise<FolderLock> {
    const { pid } = process
    const holder: Holder = { pid, startedAt: await startOf(pid), boot: await bootId() }
    // The random part makes every lock different from every other.
    const content = JSON.stringify({ ...holder, nonce: randomUUID() })
    const path = join(folder, lockFileName)
    const draft = `${path}.${randomUUID()}`
    await writeFile(draft, content)
    try {
      await take(path, draft, folder)
    } finally {
      await rm(draft, { force: true })
    }
    return new FolderLock(path, content)
  }

  async release(): Promise<void> {
    if ((await contentOf(this.#path)) === this.#content) await rm(this.#path, { force: true })
  }
}

/** Makes `draft` known as `path`. */
async function take(path: string, draft: string, folder: string): Promise<void> {
  for (;;) {
    try {
      await link(draft, path)
      return
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
    }
    const left = await contentOf(path)
    if (left === undefined) continue
    const pid = await livingHolder(left)
    if (pid !== undefined && (await isEnding(pid))) {
      await setTimeout(endingPauseMs)
      continue
    }
    if (pid !== undefined) throw alreadyRunning(folder, pid)
    const claim = `${path}.${createHash('sha256').update(left).digest('hex').slice(0, 16)}`
    await take(claim, draft, folder)
    try {
      if ((await contentOf(path)) === left) {
        const copy = `${draft}.taken`
        await link(draft, copy)
        await rename(copy, path)
        return
      }
    } finally {
      await unlink(claim)
    }
  }
}

async function contentOf(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** The process that holds a lock with this content, if it is alive. */
async function livingHolder(content: string): Promise<number | undefined> {
  const holder = parseHolder(content)
  if (holder === undefined) return undefined
  try {
    process.kill(holder.pid, 0)
  } catch (error) {
    if (errorCode(error) === 'ESRCH') return undefined
  }
  const isSame =
    holder.startedAt === undefined ||
    (holder.startedAt === (await startOf(holder.pid)) && holder.boot === (await bootId()))
  return isSame ? holder.pid : undefined
}

/** Undefined for what a crash left half written. */
function parseHolder(content: string): Holder | undefined {
  try {
    const value = JSON.parse(content) as Partial<Holder> | null
    return typeof value?.pid === 'number' ? (value as Holder) : undefined
  } catch {
    return undefined
  }
}

/**
 * A process that was killed is there until the kernel has taken it apart and its parent has asked for
 * it; while threads of it are left, one of them may still be writing.
 */
async function isEnding(pid: number): Promise<boolean> {
  const fields = await statOf(pid)
  if (fields === undefined) return false
  const isExiting = (Number(fields[6]) & exitingFlag) !== 0
  return isExiting || fields[0] === 'Z'
}

async function startOf(pid: number): Promise<string | undefined> {
  const fields = await statOf(pid)
  if (fields === undefined) return undefined
  if (fields[0] !== 'Z') return fields[19]
  // What is left of a process whose parent does not ask for it does nothing any more.
  const threads = await readdir(`/proc/${pid}/task`).catch(() => [])
  return threads.length > 1 ? fields[19] : undefined
}

/** Fields 3 and on of /proc/<pid>/stat; the second is a name in brackets that may hold anything. */
async function statOf(pid: number): Promise<string[] | undefined> {
  if (process.platform !== 'linux') return undefined
  const stat = await contentOf(`/proc/${pid}/stat`)
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')
}

async function bootId(): Promise<string | undefined> {
  if (process.platform !== 'linux') return undefined
  return (await contentOf('/proc/sys/kernel/random/boot_id'))?.trim()
}

function alreadyRunning(folder: string, pid: number): BusError {
  const text = `the data folder ${folder} is in use by process ${pid}`
  return new BusError('failed_precondition', 'already_running', text)
}
