/** Links on a simulated socket: frames are bytes there too, so that what is written is what is read. */

import type { FrameHandler, FrameStream } from '../../src/net/frame-stream.ts'
import { BusError } from '../../src/model/errors.ts'
import type { SimSocket } from './sim-network.ts'

/** The first thing said on a socket that is to be a link; a node that knows none says no. */
export const openLink = { link: 'open' } as const
export const refuseLink = { link: 'refused' } as const

/** Changes a frame on its way out. */
export type DistortFrame = (frame: Uint8Array) => Uint8Array

export class SimFrameStream implements FrameStream {
  readonly unsentBytes = 0
  readonly #socket: SimSocket
  readonly #distort: DistortFrame
  readonly #onRefused: () => void
  #handler: FrameHandler | undefined
  #isPaused = false
  #isClosed = false
  readonly #held: Uint8Array[] = []

  /** @param onRefused the other side knows no links; the socket is free again */
  constructor(
    socket: SimSocket,
    distort: DistortFrame = (frame) => frame,
    onRefused: () => void = () => undefined,
  ) {
    this.#socket = socket
    this.#distort = distort
    this.#onRefused = onRefused
  }

  start(handler: FrameHandler): void {
    this.#handler = handler
    this.#socket.onMessage = (message) => {
      if (message instanceof Uint8Array) this.#receive(message)
      else if (message === refuseLink) {
        this.#onRefused()
        this.#over(unimplemented())
      }
    }
    this.#socket.onClose = () => this.#over(lost())
    if (!this.#socket.isOpen) queueMicrotask(() => this.#over(lost()))
  }

  send(frame: Uint8Array): void {
    if (!this.#isClosed) this.#socket.send(this.#distort(frame))
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    while (!this.#isPaused) {
      const frame = this.#held.shift()
      if (frame === undefined) return
      this.#receive(frame)
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#socket.close()
  }

  #receive(frame: Uint8Array): void {
    if (this.#isClosed) return
    if (this.#isPaused) this.#held.push(frame)
    else this.#handler?.frame(frame)
  }

  #over(error: BusError): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#handler?.closed(error)
  }
}

function lost(): BusError {
  return new BusError('unavailable', 'connection_lost', 'the connection is gone')
}

function unimplemented(): BusError {
  return new BusError('unimplemented', 'peer_refused', 'no links here')
}
