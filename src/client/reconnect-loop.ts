/**
 * Keeps one stream open: opens it, lets its owner read it to its end, and opens it again after a
 * growing delay, until it is stopped or fails in a way that trying again does not mend. What an owner
 * does between two streams is its own business.
 */

import { BusError, toBusError } from '../model/errors.ts'
import { onAbort } from './abort-listeners.ts'
import type { ClientContext } from './client-context.ts'
import { ReconnectDelay } from './reconnect-delay.ts'
import type { ReconnectOptions } from './reconnect-delay.ts'

export interface ReconnectLoopOptions {
  /** For the hook. */
  readonly what: string
  /** `false`: one stream only. */
  readonly reconnect: ReconnectOptions | false | undefined
  /** Ends everything with `cancelled`. */
  readonly signal: AbortSignal | undefined
  /**
   * Opens a stream and reads it. Resolves when it has ended well, which is no reason to stop.
   * @param signal ends the stream
   * @param onOpen to be called when the stream stands
   */
  attempt(signal: AbortSignal, onOpen: () => void): Promise<void>
  /** The stream has ended, and with what; perhaps another follows. */
  onBroken?(error: BusError): void
  /** Whether to open another stream after this; `hasStood`: there has been one that stood. */
  isPassing(error: BusError, hasStood: boolean): boolean
}

export class ReconnectLoop {
  readonly #context: ClientContext
  readonly #options: ReconnectLoopOptions
  readonly #delay: ReconnectDelay
  readonly #stop = new AbortController()
  readonly #unlisten: (() => void)[] = []
  #cause: BusError | undefined
  #hasStood = false

  constructor(context: ClientContext, options: ReconnectLoopOptions) {
    this.#context = context
    this.#options = options
    const { reconnect, signal } = options
    this.#delay = new ReconnectDelay(
      context.timing,
      reconnect === false ? { maxAttempts: 0 } : reconnect,
    )
    const abort = () => {
      const cause = signal?.reason as unknown
      this.stop(new BusError('cancelled', 'cancelled', `${options.what} was aborted`, { cause }))
    }
    this.#unlisten.push(onAbort(signal, abort))
    this.#unlisten.push(onAbort(context.transport.closed, () => this.stop()))
  }

  get isStopped(): boolean {
    return this.#stop.signal.aborted
  }

  /** Ends the stream and everything after it. May be called twice. */
  stop(error?: BusError): void {
    if (this.isStopped) return
    this.#cause = error
    for (const unlisten of this.#unlisten) unlisten()
    this.#stop.abort()
  }

  /** Resolves when it is over: with the error, or undefined when it was stopped without one. */
  async run(): Promise<BusError | undefined> {
    while (!this.isStopped) {
      const error = await this.#attempt()
      this.#options.onBroken?.(this.isStopped ? (this.#cause ?? stopped()) : error)
      if (this.isStopped) break
      const isPassing = this.#options.isPassing(error, this.#hasStood)
      const delayMs = isPassing ? this.#delay.next() : undefined
      if (delayMs === undefined) {
        this.stop(error)
        break
      }
      const { what } = this.#options
      const attempt = this.#delay.attempts
      this.#context.hooks.reconnecting?.({ what, attempt, delayMs, error })
      await this.#delay.wait(delayMs, this.#stop.signal)
    }
    return this.#cause
  }

  /** How the stream ended. */
  async #attempt(): Promise<BusError> {
    try {
      await this.#options.attempt(this.#stop.signal, () => {
        this.#hasStood = true
        this.#delay.reset()
      })
      return new BusError('unavailable', 'connection_lost', 'the daemon ended the stream')
    } catch (error) {
      return toBusError(error)
    }
  }
}

function stopped(): BusError {
  return new BusError('cancelled', 'cancelled', 'it was closed')
}
