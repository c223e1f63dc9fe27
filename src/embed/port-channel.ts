/**
 * One end of a message port: frames out and in, and how much may be on its way.
 *
 * What is written during a turn of the event loop goes as one batch at its end, or earlier when there is
 * much of it. Each end may have `windowBytes` of batches on their way that the other has not taken; the
 * other gives the bytes back when it has dealt with them, as a plain number beside the batches. So a
 * thread that does not run its loop costs at most a window on its way, and a flood waits at its sender.
 * A batch may go over the window: frames of any size pass.
 */

import type { MessagePort } from 'node:worker_threads'
import { ProtocolError } from '../model/errors.ts'
import { type Frame, FrameWriter, readFrames } from './port-frames.ts'

export interface PortChannelOptions {
  readonly port: MessagePort
  /** Deals with a frame, which is valid during the call; its bytes stay as they are. */
  readonly onFrame: (frame: Frame) => void
  /** All frames of a batch were dealt with. */
  readonly onBatchEnd?: (() => void) | undefined
  /** There is room again, after `isFull` was true. */
  readonly onRoom: () => void
  /** The other end is gone, or broke the protocol. Called once; nothing follows. */
  readonly onClosed: (error: ProtocolError | undefined) => void
  readonly windowBytes?: number | undefined
}

/** Some batches on their way while half of it is being dealt with. */
const windowBytesDefault = 524_288
/** A batch is sent off before the end of the turn when it has so many bytes. */
const batchBytes = 65_536
/** What may wait for the window before `isFull`. */
const highBytes = 262_144

export class PortChannel {
  /** Write frames here, then call `written`. */
  readonly writer = new FrameWriter()
  readonly #options: PortChannelOptions
  readonly #windowBytes: number
  /** Batches that wait for the window. */
  #waiting: Uint8Array<ArrayBuffer>[] = []
  #waitingBytes = 0
  /** Sent and not given back. */
  #outstanding = 0
  /** Dealt with and not given back. */
  #taken = 0
  /** Received, but to be given back later: see `keep`. */
  #kept = 0
  #isFlushDue = false
  #isFull = false
  #isOpen = false
  #isClosed = false

  constructor(options: PortChannelOptions) {
    this.#options = options
    this.#windowBytes = options.windowBytes ?? windowBytesDefault
  }

  /** Begins to use the port; what was written before goes out. */
  open(): void {
    const { port } = this.#options
    this.#isOpen = true
    port.on('message', (message: unknown) => this.#receive(message))
    port.on('messageerror', () => this.#fail(new ProtocolError('a message could not be read')))
    port.on('close', () => this.#end(undefined))
    this.written()
  }

  /** Bytes that were written and could not be sent yet. */
  get queuedBytes(): number {
    return this.#waitingBytes + this.writer.length
  }

  /** Too much waits: write no more of what can wait until `onRoom`. */
  get isFull(): boolean {
    return this.#isFull
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Frames were written. `soon`: without waiting for the end of the turn. */
  written(soon = false): void {
    if (this.#isClosed) return
    if (this.#isOpen) this.#flushSoon(soon)
    if (!this.#isFull && this.queuedBytes >= highBytes) this.#isFull = true
  }

  /**
   * Within `onFrame`: these bytes of the frame are not dealt with when it returns, but when `release` is
   * called with them.
   */
  keep(bytes: number): void {
    this.#kept += bytes
  }

  release(bytes: number): void {
    this.#taken += bytes
    this.#giveBack()
  }

  /** Sends what was written, whatever the window says, and closes. May be called twice. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#collect()
    for (const batch of this.#waiting) this.#post(batch)
    this.#waiting = []
    this.#options.port.close()
  }

  #receive(message: unknown): void {
    if (this.#isClosed) return
    if (typeof message === 'number') {
      this.#outstanding -= message
      this.#send()
      return
    }
    try {
      if (!isBatch(message)) throw new ProtocolError('a message is no batch of frames')
      readFrames(message, this.#options.onFrame)
      this.#options.onBatchEnd?.()
      this.#taken += message.length - this.#kept
      this.#kept = 0
      this.#giveBack()
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#fail(error)
    }
  }

  #giveBack(): void {
    // Often enough for the other end not to wait; seldom, since every message wakes its thread.
    if (this.#taken < this.#windowBytes / 2 || this.#isClosed) return
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- ports of Node.js have none
    this.#options.port.postMessage(this.#taken)
    this.#taken = 0
  }

  #flushSoon(soon: boolean): void {
    if (this.writer.length >= batchBytes) this.flush()
    else if (soon) queueMicrotask(() => this.flush())
    else if (!this.#isFlushDue) {
      this.#isFlushDue = true
      setImmediate(() => {
        this.#isFlushDue = false
        this.flush()
      })
    }
  }

  /** Sends what was written, as far as the window allows. */
  flush(): void {
    if (this.#isClosed || !this.#isOpen) return
    this.#collect()
    this.#send()
  }

  #collect(): void {
    const batch = this.writer.take()
    if (batch === undefined) return
    this.#waiting.push(batch)
    this.#waitingBytes += batch.length
  }

  #send(): void {
    let sent = 0
    for (const batch of this.#waiting) {
      if (this.#outstanding >= this.#windowBytes) break
      this.#post(batch)
      sent += 1
    }
    if (sent > 0) this.#waiting = this.#waiting.slice(sent)
    if (!this.#isFull || this.queuedBytes > highBytes / 2) return
    this.#isFull = false
    this.#options.onRoom()
  }

  #post(batch: Uint8Array<ArrayBuffer>): void {
    this.#waitingBytes -= batch.length
    this.#outstanding += batch.length
    this.#options.port.postMessage(batch, [batch.buffer])
  }

  #fail(error: ProtocolError): void {
    this.#end(error)
    this.#options.port.close()
  }

  #end(error: ProtocolError | undefined): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#waiting = []
    this.#options.onClosed(error)
  }
}

function isBatch(message: unknown): message is Uint8Array<ArrayBuffer> {
  return message instanceof Uint8Array && message.buffer instanceof ArrayBuffer
}
