/**
 * A terminal that a command draws on: the alternate screen, keys one by one, no cursor. Whatever ends
 * the program leaves the terminal as it was.
 */

import { emitKeypressEvents } from 'node:readline'

export interface ScreenSize {
  readonly columns: number
  readonly rows: number
}

/** As the terminal names it: `up`, `tab`, `q` … */
export interface ScreenKey {
  readonly name?: string | undefined
  readonly shift?: boolean | undefined
  readonly ctrl?: boolean | undefined
}

export interface ScreenEvents {
  /** Raw mode: Ctrl-C is a key. */
  readonly onKey: (key: ScreenKey) => void
  /** The size is another one, or everything must be drawn anew. */
  readonly onResize: () => void
}

/** What `process` has of it. */
export type ScreenProcess = Pick<
  NodeJS.Process,
  'stdin' | 'stdout' | 'once' | 'removeListener' | 'kill' | 'pid'
>

// Alternate screen, no cursor, no wrapping at the right edge; and back.
const enter = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const leave = '\u001b[?7h\u001b[?25h\u001b[?1049l'
// What is between is shown at once by terminals that know this; others ignore it.
const beginFrame = '\u001b[?2026h'
const endFrame = '\u001b[?2026l'
const clear = '\u001b[2J'
const clearToEnd = '\u001b[K'

export class Screen {
  readonly #process: ScreenProcess
  readonly #events: ScreenEvents
  /** What the terminal shows. */
  #shown: readonly string[] = []
  #isOpen = false

  constructor(from: ScreenProcess, events: ScreenEvents) {
    this.#process = from
    this.#events = events
    if (from.stdin.isTTY) {
      emitKeypressEvents(from.stdin)
      from.stdin.on('keypress', this.#onKey)
    }
    from.stdout.on('resize', this.#onResize)
    // Also when nobody catches an error.
    from.once('exit', this.#leave)
    this.#enter()
  }

  get size(): ScreenSize {
    const { columns, rows } = this.#process.stdout
    // Some terminals do not know their size.
    return { columns: columns || 80, rows: rows || 24 }
  }

  /** Writes what differs from what is shown. A terminal that is slow misses frames. */
  draw(lines: readonly string[]): void {
    const { stdout } = this.#process
    if (!this.#isOpen || stdout.writableNeedDrain) return
    const shown = this.#shown
    const changes = Array.from({ length: Math.max(lines.length, shown.length) }, (_, i) => {
      const line = lines[i] ?? ''
      return line === shown[i] ? '' : `\u001b[${i + 1};1H${line}${clearToEnd}`
    })
    this.#shown = lines
    const output = changes.join('')
    if (output !== '') stdout.write(`${beginFrame}${output}${endFrame}`)
  }

  /** Gives the terminal back. May be called twice. */
  close(): void {
    const { stdin, stdout } = this.#process
    this.#leave()
    this.#process.removeListener('exit', this.#leave)
    stdin.removeListener('keypress', this.#onKey)
    stdout.removeListener('resize', this.#onResize)
  }

  #enter(): void {
    const { stdin, stdout } = this.#process
    this.#isOpen = true
    this.#shown = []
    stdout.write(`${enter}${clear}`)
    if (!stdin.isTTY) return
    stdin.setRawMode(true)
    stdin.resume()
  }

  readonly #leave = (): void => {
    if (!this.#isOpen) return
    const { stdin, stdout } = this.#process
    this.#isOpen = false
    stdout.write(leave)
    if (!stdin.isTTY) return
    stdin.setRawMode(false)
    stdin.pause()
  }

  readonly #onKey = (_: unknown, key: ScreenKey): void => {
    if (key.ctrl === true && key.name === 'z') this.#suspend()
    else this.#events.onKey(key)
  }

  readonly #onResize = (): void => {
    // What the terminal made of the old lines is not known.
    this.#shown = []
    if (this.#isOpen) this.#process.stdout.write(clear)
    this.#events.onResize()
  }

  /** Ctrl-Z: to the shell, and back with `fg`. */
  #suspend(): void {
    this.#leave()
    this.#process.once('SIGCONT', () => {
      this.#enter()
      this.#events.onResize()
    })
    this.#process.kill(this.#process.pid, 'SIGTSTP')
  }
}
