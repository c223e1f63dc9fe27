/**
 * A line that a person types while other lines come: what comes is written above it, and what was typed
 * so far stays. With the editing, history and completion that Node.js has.
 */

import { clearScreenDown, createInterface, cursorTo, moveCursor } from 'node:readline'
import type { Interface } from 'node:readline'

/** What `process` has of it. */
export type PromptProcess = Pick<NodeJS.Process, 'stdin' | 'stdout'>

export interface PromptOptions {
  /** What stands before the line; its width must be that of its characters. */
  readonly prompt: string
  /** Newest first. */
  readonly history: readonly string[]
  /** Lines kept for the arrow keys. */
  readonly historySize: number
  /** What the end of a line may become, and which part of it that replaces. */
  readonly complete: (line: string) => readonly [candidates: string[], replaced: string]
  readonly onLine: (line: string) => void
  /** Ctrl-D, Ctrl-C on an empty line, or `close`. Told once. */
  readonly onClose: () => void
}

export class Prompt {
  readonly #stdout: PromptProcess['stdout']
  readonly #readline: Interface
  #pending = ''
  #scheduled: NodeJS.Immediate | undefined
  #drained: Promise<void> | undefined
  #isClosed = false

  constructor(from: PromptProcess, options: PromptOptions) {
    const { prompt, history, historySize, complete, onLine, onClose } = options
    this.#stdout = from.stdout
    this.#readline = createInterface({
      input: from.stdin,
      output: from.stdout,
      terminal: true,
      prompt,
      history: [...history],
      historySize,
      removeHistoryDuplicates: true,
      completer: (line: string) => {
        const [candidates, replaced] = complete(line)
        return [candidates, replaced]
      },
    })
    this.#readline.on('line', (line) => {
      onLine(line)
      if (!this.#isClosed) this.#readline.prompt()
    })
    this.#readline.on('SIGINT', () => this.#interrupt())
    // Back from Ctrl-Z: the shell has written something.
    this.#readline.on('SIGCONT', () => this.#readline.prompt(true))
    this.#readline.once('close', () => {
      this.#isClosed = true
      // An empty prompt says nothing any more; what was typed stays to be read.
      if (this.#readline.line === '') this.#clear()
      else from.stdout.write('\n')
      this.#flush()
      onClose()
    })
    this.#readline.prompt()
  }

  /** Writes whole lines above the one that is typed. Returns a promise when the terminal is slow. */
  print(lines: string): Promise<void> | undefined {
    this.#pending += lines
    // Once per turn: each time the line that is typed is drawn anew.
    this.#scheduled ??= setImmediate(() => this.#flush())
    return this.#drained
  }

  /** Gives the terminal back. May be called twice. */
  close(): void {
    if (!this.#isClosed) this.#readline.close()
  }

  #flush(): void {
    clearImmediate(this.#scheduled)
    this.#scheduled = undefined
    const lines = this.#pending
    if (lines === '') return
    this.#pending = ''
    if (!this.#isClosed) this.#clear()
    const isSlow = !this.#stdout.write(lines)
    if (!this.#isClosed) {
      // The library would move up over rows that are no longer there.
      Reflect.set(this.#readline, 'prevRows', 0)
      this.#readline.prompt(true)
    }
    if (isSlow) this.#drained ??= this.#drain()
  }

  /** Takes the line that is typed off the screen. */
  #clear(): void {
    const { rows } = this.#readline.getCursorPos()
    if (rows > 0) moveCursor(this.#stdout, 0, -rows)
    cursorTo(this.#stdout, 0)
    clearScreenDown(this.#stdout)
  }

  #drain(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#stdout.removeListener('drain', done)
        this.#stdout.removeListener('close', done)
        this.#drained = undefined
        resolve()
      }
      this.#stdout.once('drain', done)
      this.#stdout.once('close', done)
    })
  }

  /** Ctrl-C: gives up the line, or ends. */
  #interrupt(): void {
    if (this.#readline.line === '') return this.close()
    this.#stdout.write('^C\n')
    // Nothing is sent: an empty line would be.
    this.#readline.write(null, { ctrl: true, name: 'e' })
    this.#readline.write(null, { ctrl: true, name: 'u' })
    this.#readline.prompt()
  }
}
