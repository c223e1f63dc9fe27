/** Opens an address with the program that the desktop has for it. */

import { spawn } from 'node:child_process'

export interface BrowserProblem {
  /** For people. */
  readonly text: string
  /** There is a browser, but it did not open; otherwise there is none to be had here. */
  readonly isFailure: boolean
}

/** An opener that has not failed by then has opened something, milliseconds. */
const patienceMs = 3_000

type Environment = Readonly<Record<string, string | undefined>>

/** Resolves with why it was not opened, or undefined. What the program prints is not shown. */
export async function openInBrowser(
  url: string,
  env: Environment,
  platform: NodeJS.Platform = process.platform,
): Promise<BrowserProblem | undefined> {
  const opener = openerOf(url, env, platform)
  if (opener === undefined) {
    const text = 'there is no display here: open the address in a browser'
    return { text, isFailure: false }
  }
  const [program, ...args] = opener
  return new Promise((resolve) => {
    // On its own: the browser stays when this command is interrupted.
    const child = spawn(program, args, { stdio: 'ignore', detached: true })
    child.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'ENOENT' ? 'it is not installed' : error.message
      const text = `${program} cannot be run, ${why}: open the address in a browser`
      resolve({ text, isFailure: error.code !== 'ENOENT' })
    })
    // Some openers become the browser; nobody waits for that.
    const patience = setTimeout(() => {
      child.unref()
      resolve(undefined)
    }, patienceMs)
    child.once('close', () => clearTimeout(patience))
    child.once('exit', (code) => {
      const text = `${program} ended with ${code}: open the address in a browser`
      resolve(code === 0 ? undefined : { text, isFailure: true })
    })
  })
}

/** The command line; undefined where nothing can be shown. */
function openerOf(
  url: string,
  env: Environment,
  platform: NodeJS.Platform,
): readonly [program: string, ...args: string[]] | undefined {
  if (platform === 'darwin') return ['open', url]
  // The first argument in quotes would be the title of a window.
  if (platform === 'win32') return ['cmd', '/c', 'start', '""', url]
  if (!env['DISPLAY'] && !env['WAYLAND_DISPLAY']) return undefined
  return ['xdg-open', url]
}
