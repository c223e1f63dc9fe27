/**
 * The frames of a link as one bidirectional call of gRPC that we have made. One frame is given to the transport at a
 * time, so that what it keeps is known; the rest waits here, and is what `unsentBytes` counts.
 */

import { type Channel, type Metadata, status } from '@grpc/grpc-js'
import type { FrameHandler, FrameStream } from '../net/frame-stream.ts'

type Call = ReturnType<Channel['createCall']>

/** How long the last frames may take to leave. */
const farewellMs = 1_000

export class GrpcFrameStream implements FrameStream {
  readonly #call: Call
  readonly #metadata: Metadata
  readonly #toError: (status: [code: status, details: string]) => Error
  readonly #onOver: () => void
  readonly #queue: Uint8Array[] = []
  #handler: FrameHandler | undefined
  #unsentBytes = 0
  #isWriting = false
  #isPaused = false
  /** A frame is asked for and has not come. */
  #isReading = false
  #isEnding = false
  #isOver = false

  /**
   * @param toError what the status of a call that has ended means
   * @param onOver called when it is over, unless the peer does not know the method
   */
  constructor(
    call: Call,
    metadata: Metadata,
    toError: (status: [code: status, details: string]) => Error,
    onOver: () => void,
  ) {
    this.#call = call
    this.#metadata = metadata
    this.#toError = toError
    this.#onOver = onOver
  }

  get unsentBytes(): number {
    return this.#unsentBytes
  }

  start(handler: FrameHandler): void {
    this.#handler = handler
    this.#call.start(this.#metadata, {
      onReceiveMetadata: () => undefined,
      onReceiveMessage: (bytes: Buffer) => {
        this.#isReading = false
        if (this.#isEnding) return
        handler.frame(bytes)
        this.#read()
      },
      onReceiveStatus: ({ code, details }) => {
        if (this.#isOver) return
        this.#isOver = true
        const isClean = code === status.OK
        const text = isClean ? 'the peer ended the link' : details
        const error = this.#toError([isClean ? status.UNAVAILABLE : code, text])
        if (!this.#isEnding) handler.closed(error)
        if (code !== status.UNIMPLEMENTED) this.#onOver()
      },
    })
    this.#read()
  }

  send(frame: Uint8Array): void {
    if (this.#isEnding || this.#isOver) return
    this.#unsentBytes += frame.length
    this.#queue.push(frame)
    if (!this.#isWriting) this.#write()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#read()
  }

  close(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    if (!this.#isWriting) this.#finish()
    setTimeout(() => this.cancel(), farewellMs).unref()
  }

  /** At once, whatever waits. */
  cancel(): void {
    if (this.#isOver) return
    this.#call.cancelWithStatus(status.CANCELLED, 'the link is closed')
  }

  #read(): void {
    if (this.#isPaused || this.#isReading || this.#isEnding) return
    this.#isReading = true
    this.#call.startRead()
  }

  #write(): void {
    const frame = this.#queue.shift()
    if (frame === undefined) {
      this.#isWriting = false
      if (this.#isEnding) this.#finish()
      else this.#handler?.room()
      return
    }
    this.#isWriting = true
    const message = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
    const callback = (): void => {
      this.#unsentBytes -= frame.length
      if (!this.#isOver) this.#write()
    }
    this.#call.sendMessageWithContext({ callback }, message)
  }

  #finish(): void {
    if (!this.#isOver) this.#call.halfClose()
  }
}
