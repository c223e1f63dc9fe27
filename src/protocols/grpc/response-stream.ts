/**
 * The responses of one streaming call, with bounds. Messages of the bus are borrowed, so responses
 * are encoded when they are sent, and what is encoded but not yet taken by the transport is counted
 * in bytes: grpc-js itself counts objects, sixteen of which may be 64 MiB.
 */

import type { LiveOperations } from '../../core/live.ts'
import type { StreamingCall } from './incoming-call.ts'
import { stoppingError } from './translate.ts'

/** Above this the stream has no room until all of it is taken. */
const highMarkBytes = 524_288

/** Whose traffic the messages of a stream are. */
export type Account = Pick<
  LiveOperations,
  'receivedFrames' | 'receivedBytes' | 'sentFrames' | 'sentBytes'
>

export class ResponseStream {
  /** Undefined until it is known who calls. */
  account: Account | undefined
  readonly #call: StreamingCall
  #unsentBytes = 0
  /** Sends whose completion has not been reported. */
  #unsentBlocks = 0
  #takenBlocks = 0
  /** We have ended the call; its last responses may still wait for the client. */
  #isEnding = false
  #isEnded = false
  #onRoom: (() => void) | undefined
  #onStop = (): void => this.fail(stoppingError())
  readonly #onEnd: (() => void)[] = []

  constructor(call: StreamingCall) {
    this.#call = call
    // Comes once, however the call ends: by the client, its deadline, the connection or by us.
    call.onCancelled(() => this.#end())
  }

  /** True once the call is over or its status is on its way; what is sent then is dropped. */
  get isEnded(): boolean {
    return this.#isEnded || this.#isEnding
  }

  /** Encoded and not yet taken by the transport. */
  get unsentBytes(): number {
    return this.#unsentBytes
  }

  /** Another number whenever something that waited was taken. */
  get progress(): number {
    return this.#takenBlocks
  }

  get hasRoom(): boolean {
    return this.#unsentBytes < highMarkBytes && !this.#call.isFull
  }

  /** Called when there is room again, possibly without need, and once more when the call has ended. */
  set onRoom(listener: () => void) {
    this.#onRoom = listener
  }

  /** Runs `release` once the call has ended, for whatever reason; at once when it has. */
  onEnd(release: () => void): void {
    if (this.#isEnded) release()
    else this.#onEnd.push(release)
  }

  /** Sends encoded responses in order; takes them over. Answers whether there is room for more. */
  send(responses: readonly Uint8Array[]): boolean {
    if (this.isEnded) return false
    const last = responses.length - 1
    for (const [i, response] of responses.entries()) {
      this.#unsentBytes += response.length
      if (this.account !== undefined) {
        this.account.sentFrames += 1
        this.account.sentBytes += response.length
      }
      if (i < last) this.#call.write(response)
      else if (!this.#call.write(response, this.#onSent)) this.#unsentBlocks += 1
      else if (this.#unsentBlocks === 0) this.#unsentBytes = 0
    }
    return this.hasRoom
  }

  /** Resolves when there is room, or when the call has ended. */
  async room(): Promise<void> {
    if (this.isEnded || this.hasRoom) return
    await new Promise<void>((resolve) => {
      this.#onRoom = resolve
    })
  }

  /** Ends the call with OK, after everything sent. */
  finish(): void {
    if (this.isEnded) return
    this.#isEnding = true
    this.#call.end()
  }

  /** Ends the call with an error status, after everything sent. */
  fail(error: unknown): void {
    if (this.isEnded) return
    this.#isEnding = true
    this.#call.fail(error)
  }

  /** What `stop` does instead of ending the call at once: for calls with work to finish. */
  set onStop(listener: () => void) {
    this.#onStop = listener
  }

  /** The daemon stops: ends the call with UNAVAILABLE, unless its handler sees to that. */
  stop(): void {
    this.#onStop()
  }

  readonly #onSent = (): void => {
    this.#unsentBlocks -= 1
    this.#takenBlocks += 1
    if (this.#unsentBlocks > 0) return
    this.#unsentBytes = 0
    this.#onRoom?.()
  }

  #end(): void {
    this.#isEnded = true
    this.#onRoom?.()
    for (const release of this.#onEnd.splice(0)) release()
  }
}
