/**
 * Lines typed in earlier sessions, in the user's state folder. Each line is added as it is typed, so
 * sessions side by side lose nothing; the file is cut when it has grown to twice what is kept.
 */

import { appendFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { expandWord, tmbCommands } from '../../wire/tmb/words.ts'
import type { TmbCommand } from '../../wire/tmb/words.ts'

export const historySize = 1_000
/** A longer line is somebody's data and not worth typing again. */
const maxLineLength = 4_096

const commandWords = Object.keys(tmbCommands) as TmbCommand[]

/** By the rules of freedesktop.org for state that may be lost. */
export function historyFile(env: Readonly<Record<string, string | undefined>>): string {
  const folder = env['XDG_STATE_HOME'] || join(homedir(), '.local', 'state')
  return join(folder, 'msgbus', 'tmb-history')
}

export class ShellHistory {
  readonly #file: string
  readonly #onProblem: (text: string) => void
  /** Writing is one after the other. */
  #written: Promise<void>
  #isBroken = false

  /** @param onProblem told once, when the history cannot be kept */
  constructor(file: string, onProblem: (text: string) => void) {
    this.#file = file
    this.#onProblem = onProblem
    this.#written = Promise.resolve()
  }

  /** Newest first; none when there is no file. */
  async read(): Promise<readonly string[]> {
    let lines: string[]
    try {
      lines = (await readFile(this.#file, 'utf8')).split('\n').filter((line) => line !== '')
    } catch (error) {
      const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
      if (!isMissing) this.#fail(error)
      return []
    }
    const kept = lines.slice(-historySize)
    if (lines.length > historySize * 2) this.#do(() => this.#replace(kept))
    return kept.toReversed()
  }

  /** What names secrets is not kept. */
  add(line: string): void {
    const [word = ''] = line.trimStart().split(/\s/, 1)
    if (expandWord(commandWords, word) === 'auth' || line.length > maxLineLength) return
    this.#do(async () => {
      await mkdir(dirname(this.#file), { recursive: true, mode: 0o700 })
      await appendFile(this.#file, `${line}\n`, { mode: 0o600 })
    })
  }

  /** Resolves when everything is written, or cannot be. */
  finish(): Promise<void> {
    return this.#written
  }

  async #replace(lines: readonly string[]): Promise<void> {
    const temporary = `${this.#file}.${process.pid}`
    await writeFile(temporary, `${lines.join('\n')}\n`, { mode: 0o600 })
    await rename(temporary, this.#file)
  }

  #do(step: () => Promise<void>): void {
    this.#written = this.#written.then(async () => {
      if (this.#isBroken) return
      try {
        await step()
      } catch (error) {
        this.#fail(error)
      }
    })
  }

  #fail(error: unknown): void {
    this.#isBroken = true
    const why = error instanceof Error ? error.message : String(error)
    this.#onProblem(`the history is not kept: ${why}`)
  }
}
