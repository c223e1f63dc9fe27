/**
 * A name held at the daemon over as many Join streams as that takes. A name that somebody else took
 * while the connection was broken is asked for again and again, since most often it is our own old
 * stream that the daemon has not given up yet.
 */

import { BusError } from '../model/errors.ts'
import type { ErrorReason } from '../model/errors.ts'
import { clientServiceCalls } from '../wire/gen/msgbus-v2.ts'
import type { JoinResponse } from '../wire/gen/msgbus-v2.ts'
import { isUnimplemented, unsupported } from './client-context.ts'
import type { ClientContext } from './client-context.ts'
import { ReconnectLoop } from './reconnect-loop.ts'
import { isRetryable } from './reconnect-delay.ts'
import type { ReconnectOptions } from './reconnect-delay.ts'

export interface JoinLinkOptions {
  readonly what: string
  readonly name: string
  readonly replace: boolean
  /** Mask; empty: none. */
  readonly presence: string
  readonly reconnect: ReconnectOptions | false | undefined
  readonly signal: AbortSignal | undefined
  /** The name is taken, for the first time or again; nothing is read before this is done. */
  onJoined?(signal: AbortSignal): Promise<void>
  /** Nothing is read while it waits. */
  onResponse(response: JoinResponse): Promise<void> | undefined
  /** Called once, last. */
  onEnd(error: BusError | undefined): void
}

/** What passes on a name that was ours before: most often our own old stream has it still. */
const passing: ReadonlySet<ErrorReason> = new Set(['name_taken', 'primary_missing'])

function isPassing(error: BusError, hasStood: boolean): boolean {
  // Taking it back would begin a fight without end.
  if (error.reason === 'replaced') return false
  return isRetryable(error) || (hasStood && passing.has(error.reason))
}

export class JoinLink {
  readonly #context: ClientContext
  readonly #options: JoinLinkOptions
  readonly #loop: ReconnectLoop
  readonly #ready: Promise<void>
  #onReady: { resolve(): void; reject(error: unknown): void } | undefined
  #isStanding = false
  /** Who waits for the stream to stand. */
  #waiting: { resolve(): void; reject(error: BusError): void }[] = []

  constructor(context: ClientContext, options: JoinLinkOptions) {
    this.#context = context
    this.#options = options
    const { what, reconnect, signal } = options
    this.#loop = new ReconnectLoop(context, {
      what,
      reconnect,
      signal,
      attempt: (stop, onOpen) => this.#read(stop, onOpen),
      onBroken: (error) => this.#broken(error),
      isPassing,
    })
    this.#ready = new Promise((resolve, reject) => {
      this.#onReady = { resolve, reject }
    })
    // Whoever does not ask for readiness learns of the failure elsewhere.
    this.#ready.catch(() => undefined)
  }

  start(): void {
    void this.#loop.run().then((error) => {
      const final = error ?? new BusError('cancelled', 'cancelled', 'it was closed')
      this.#onReady?.reject(final)
      this.#options.onEnd(error)
    })
  }

  /** Resolves when the name is taken for the first time. */
  ready(): Promise<void> {
    return this.#ready
  }

  stop(error?: BusError): void {
    this.#loop.stop(error)
  }

  /** Resolves when the name is taken: at once, or with the next stream. @throws BusError when that fails */
  async standing(): Promise<void> {
    if (this.#isStanding) return
    if (this.#loop.isStopped) throw new BusError('cancelled', 'cancelled', 'it was closed')
    await new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  async #read(signal: AbortSignal, onOpen: () => void): Promise<void> {
    const { name, replace, presence } = this.#options
    const request = { name, replace, presence }
    const stream = this.#context.transport.stream(clientServiceCalls.join, request, { signal })
    try {
      const first = await this.#first(() => stream.read())
      if (first === undefined) return
      await this.#options.onJoined?.(signal)
      onOpen()
      this.#isStanding = true
      this.#onReady?.resolve()
      for (const waiting of this.#waiting.splice(0)) waiting.resolve()
      for (;;) {
        const response = await stream.read()
        if (response === undefined) return
        await this.#options.onResponse(response)
      }
    } finally {
      stream.cancel()
    }
  }

  async #first(read: () => Promise<JoinResponse | undefined>): Promise<JoinResponse | undefined> {
    try {
      return await read()
    } catch (error) {
      throw isUnimplemented(error) ? unsupported('names of clients', error) : error
    }
  }

  #broken(error: BusError): void {
    this.#isStanding = false
    for (const waiting of this.#waiting.splice(0)) waiting.reject(error)
  }
}
