/**
 * Frames between the socket and the program, which takes them by a handler or by iterating. Nothing is
 * dropped for being late: when enough wait, the client stops reading its socket, the broker notices and
 * makes senders wait. Only a program that has neither handler nor iterator loses what comes after the
 * first queue full: it evidently does not want any, and its acknowledgements come by the same socket.
 */

import { BusError } from '../../model/errors.ts'
import { BatchQueue } from '../batch-queue.ts'
import type { BusrtFrame } from './received-frame.ts'

/** A promise it returns is waited for before the next frame is given out. */
export type FrameHandler = (frame: BusrtFrame) => unknown

export interface ClientInboxOptions {
  readonly maxFrames: number
  readonly maxBytes: number
  /** There is room again. */
  readonly onRoom: () => void
  /** The handler failed. */
  readonly onError: (error: unknown) => void
}

/** The reserve is so many times the limit. */
const reserveFactor = 8

export class ClientInbox {
  readonly #options: ClientInboxOptions
  readonly #queue: BatchQueue<BusrtFrame>
  /** Of the read that is running. */
  #arrived: BusrtFrame[] = []
  #arrivedBytes = 0
  #handler: FrameHandler | undefined
  #isBusy = false
  /** Frames in the queue that the handler has to see. */
  #queued = 0
  #consumers = 0
  #isFull = false
  /** What came while it was full. */
  #excessFrames = 0
  #excessBytes = 0
  #discarded = 0

  constructor(options: ClientInboxOptions) {
    this.#options = options
    this.#queue = new BatchQueue({
      maxItems: options.maxFrames,
      maxBytes: options.maxBytes,
      onClosed: nothing,
    })
  }

  /** Enough waits; further frames are taken all the same. */
  get isFull(): boolean {
    return this.#isFull && this.#consumers > 0
  }

  /** Though it is full, it may take more while the program waits for what comes behind it. */
  get hasReserve(): boolean {
    const { maxFrames, maxBytes } = this.#options
    return (
      this.#excessFrames < maxFrames * reserveFactor && this.#excessBytes < maxBytes * reserveFactor
    )
  }

  /** Frames dropped because there was neither handler nor iterator. */
  get discarded(): number {
    return this.#discarded
  }

  add(frame: BusrtFrame): void {
    const handler = this.#handler
    if (handler !== undefined && !this.#isBusy) {
      const busy = this.#give(handler, frame)
      if (busy !== undefined) void this.#catchUp(handler, busy)
      return
    }
    if (this.#isFull && this.#consumers === 0) {
      this.#discarded += 1
      return
    }
    this.#arrived.push(frame)
    this.#arrivedBytes += frame.payload.length
  }

  /** Makes what was added available. */
  flush(): void {
    if (this.#arrived.length === 0) return
    const [frames, bytes] = [this.#arrived, this.#arrivedBytes]
    this.#arrived = []
    this.#arrivedBytes = 0
    this.#queued += frames.length
    const room = this.#queue.push(frames, bytes)
    // Idle by now, if the read that brought them was broken off.
    if (this.#handler !== undefined && !this.#isBusy) {
      void this.#catchUp(this.#handler, Promise.resolve())
    }
    if (room === undefined) return
    if (this.#isFull) {
      this.#excessFrames += frames.length
      this.#excessBytes += bytes
    }
    this.#isFull = true
    void room.then(() => {
      this.#isFull = false
      this.#excessFrames = 0
      this.#excessBytes = 0
      this.#options.onRoom()
    })
  }

  /**
   * From now on frames go to the handler, one after the other: at once while it is idle, so that it has
   * seen them before anything that came later is dealt with.
   */
  handle(handler: FrameHandler): void {
    this.#handler = handler
    this.#consumers += 1
  }

  /** @throws BusError `failed_precondition` when there is a handler */
  iterate(): AsyncIterableIterator<BusrtFrame, undefined> {
    if (this.#handler !== undefined) {
      const text = 'this client gives its frames to onFrame; iterate them without it'
      throw new BusError('failed_precondition', 'bad_argument', text)
    }
    this.#consumers += 1
    let isEnded = false
    const finish = () => {
      if (!isEnded) this.#consumers -= 1
      isEnded = true
      if (this.#consumers === 0) this.#options.onRoom()
    }
    const iterator: AsyncIterableIterator<BusrtFrame, undefined> = {
      next: () =>
        isEnded ? Promise.resolve({ value: undefined, done: true }) : this.#queue.next(),
      return: () => {
        finish()
        return Promise.resolve({ value: undefined, done: true })
      },
      [Symbol.asyncIterator]: () => iterator,
    }
    return iterator
  }

  /** Nothing more comes: after what waits iterators end, with `error` if there is one. */
  end(error: unknown): void {
    this.flush()
    this.#queue.end(error)
  }

  /** Ends at once; what waits is dropped. */
  close(): void {
    this.#queue.close()
  }

  /** Gives one frame to the handler. A promise while it wants no further one. */
  #give(handler: FrameHandler, frame: BusrtFrame): Promise<unknown> | undefined {
    try {
      const result = handler(frame)
      return result instanceof Promise ? result.catch(this.#options.onError) : undefined
    } catch (error) {
      this.#options.onError(error)
      return undefined
    }
  }

  /** Gives out what has come while the handler was busy. */
  async #catchUp(handler: FrameHandler, busy: Promise<unknown>): Promise<void> {
    this.#isBusy = true
    await busy
    try {
      while (this.#queued > 0) {
        const batch = await this.#queue.nextBatch()
        if (batch.done === true) break
        this.#queued -= batch.value.length
        for (const frame of batch.value) {
          const isBusy = this.#give(handler, frame)
          if (isBusy !== undefined) await isBusy
        }
      }
    } catch {
      // The end of the client is told by its events; nothing else is thrown here.
    }
    this.#isBusy = false
  }
}

function nothing(): void {}
