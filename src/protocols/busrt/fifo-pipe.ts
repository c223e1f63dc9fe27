/**
 * Named pipes on disk: made, opened for reading, removed. Node cannot make them, so the program `mkfifo` does.
 */

import { execFile } from 'node:child_process'
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  lstatSync,
  openSync,
  type Stats,
  unlinkSync,
} from 'node:fs'
import process from 'node:process'
import { promisify } from 'node:util'

export interface Pipe {
  /** Its owner's to close. */
  readonly fd: number
  readonly dev: number
  readonly ino: number
}

/** Everybody may write, as with the reference (spec/busrt 9.2); the folder can say otherwise. */
const mode = 0o622

// On Linux the end of the last writer is seen by whoever reads only, and opening once more forgets it. Elsewhere
// that cannot be relied on; there the pipe is opened as a writer too, so that it has no end.
const access = process.platform === 'linux' ? constants.O_RDONLY : constants.O_RDWR

const run = promisify(execFile)

/**
 * Makes the pipe if there is none and opens it without blocking. One that is there already is used, since
 * somebody may have it open. In that case it is open before the returned promise is.
 *
 * @throws Error with a text for the operator: no pipe, no `mkfifo`, no right
 */
export async function openPipe(path: string): Promise<Pipe> {
  if (process.platform === 'win32') throw new Error('this system has no named pipes of this kind')
  if (statOf(path) === undefined) await makePipe(path)
  // Before it is opened, since opening a device can have effects; and after, since it may have been replaced.
  requirePipe(lstatSync(path))
  const fd = openSync(path, access | constants.O_NONBLOCK | constants.O_NOFOLLOW)
  try {
    const stats = fstatSync(fd)
    requirePipe(stats)
    if ((stats.mode & 0o777) !== mode) fchmodSync(fd, mode)
    return { fd, dev: stats.dev, ino: stats.ino }
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Removes the file, unless another one has taken its place. @throws the system's error */
export function removePipe(path: string, { dev, ino }: Pipe): void {
  const stats = statOf(path)
  if (stats?.dev === dev && stats.ino === ino) unlinkSync(path)
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}

function requirePipe(stats: Stats): void {
  if (!stats.isFIFO()) throw new Error('a file that is not a pipe is in its place')
}

async function makePipe(path: string): Promise<void> {
  try {
    await run('mkfifo', ['-m', mode.toString(8), '--', path])
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: unknown }
    if (code === 'ENOENT') throw new Error('the program mkfifo is not installed', { cause: error })
    const said = typeof stderr === 'string' ? stderr.trim() : ''
    throw said === '' ? error : new Error(said, { cause: error })
  }
}
