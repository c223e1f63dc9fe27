/**
 * Standard output in blocks: what is written in one turn of the event loop goes out with one write,
 * since a system call per message would be most of the work of printing many. A slow reader is
 * waited for.
 */

import type { Writable } from 'node:stream'

/** More is written at once instead of at the end of the turn. */
const blockLength = 65_536

export class PacedOutput {
  readonly #stream: Writable
  readonly #signal: AbortSignal
  #pending: (string | Uint8Array)[] = []
  #length = 0
  #scheduled: NodeJS.Immediate | undefined
  #drained: Promise<void> | undefined

  /** @param signal ends waiting for the reader */
  constructor(stream: Writable, signal: AbortSignal) {
    this.#stream = stream
    this.#signal = signal
  }

  /** Returns a promise to wait for when the reader is slow. */
  write(output: string | Uint8Array): Promise<void> | undefined {
    if (this.#stream.destroyed) return undefined
    this.#pending.push(output)
    this.#length += output.length
    if (this.#length >= blockLength) this.flush()
    else this.#scheduled ??= setImmediate(() => this.flush())
    return this.#drained
  }

  /** Hands over what was written so far. */
  flush(): void {
    clearImmediate(this.#scheduled)
    this.#scheduled = undefined
    const pending = this.#pending
    if (pending.length === 0 || this.#stream.destroyed) return
    this.#pending = []
    this.#length = 0
    const isText = pending.every((each) => typeof each === 'string')
    const block = isText
      ? pending.join('')
      : Buffer.concat(pending.map((each) => Buffer.from(each)))
    if (!this.#stream.write(block)) this.#drained ??= this.#drain()
  }

  /** Resolves when everything is written, or cannot be. */
  async finish(): Promise<void> {
    this.flush()
    if (this.#stream.destroyed) return
    const written = new Promise<void>((resolve) => {
      this.#stream.write('', () => resolve())
      this.#signal.addEventListener('abort', () => resolve())
    })
    if (!this.#signal.aborted) await written
  }

  #drain(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#stream.removeListener('drain', done)
        this.#signal.removeEventListener('abort', done)
        this.#drained = undefined
        resolve()
      }
      this.#stream.once('drain', done)
      this.#signal.addEventListener('abort', done)
    })
  }
}
