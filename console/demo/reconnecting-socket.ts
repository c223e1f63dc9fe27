/**
 * One WebSocket after the other to the same address: when one ends, the next is tried after a delay that grows and that
 * is counted down in whole seconds, so that the page can show it. What a socket is and how time passes is handed in.
 */

export interface SocketEvents {
  opened(): void
  message(data: string | Uint8Array): void
  /** The last one, also when it never opened. */
  closed(): void
}

export interface Socket {
  /** Bytes that were sent and are not on their way yet. */
  readonly unsentBytes: number
  send(text: string): void
  close(): void
}

export interface SocketSurroundings {
  open(events: SocketEvents): Socket
  /** Returns how to take it back. */
  after(delayMs: number, task: () => void): () => void
  /** From 0 up to, not including, 1. */
  random(): number
}

export interface SocketOwner {
  /** Trying; nothing is open. */
  connecting(): void
  opened(): void
  message(data: string | Uint8Array): void
  /** Said again with every second less. */
  lost(retryInSeconds: number): void
}

/** Before the first new attempt; doubled with every one that fails. */
const firstDelaySeconds = 1
const mostDelaySeconds = 15

/** An attempt that is not `settled` by then is given up. */
const attemptMs = 10_000

/** More is not sent to somebody who does not read. */
const maxUnsentBytes = 1_000_000

export class ReconnectingSocket {
  readonly #surroundings: SocketSurroundings
  readonly #owner: SocketOwner
  #socket: Socket | undefined
  #isOpen = false
  #delaySeconds = firstDelaySeconds
  #stopTimer = (): void => {}

  constructor(surroundings: SocketSurroundings, owner: SocketOwner) {
    this.#surroundings = surroundings
    this.#owner = owner
  }

  /** At once, whatever is open or waited for. */
  connect(): void {
    this.#drop()
    this.#owner.connecting()
    const events: SocketEvents = {
      opened: () => {
        if (this.#socket !== socket) return
        this.#isOpen = true
        this.#owner.opened()
      },
      message: (data) => {
        if (this.#socket === socket) this.#owner.message(data)
      },
      closed: () => {
        if (this.#socket === socket) this.#ended()
      },
    }
    const socket = this.#surroundings.open(events)
    this.#socket = socket
    this.#stopTimer = this.#surroundings.after(attemptMs, () => this.#ended())
  }

  /** Now rather than at the end of the delay; nothing when there is none. */
  hurry(): void {
    if (this.#socket === undefined) this.connect()
  }

  /** The other side answered: this attempt was good, and the next delay is short again. */
  settled(): void {
    this.#stopTimer()
    this.#delaySeconds = firstDelaySeconds
  }

  /** False: not open, or too much is unsent; then nothing is sent. */
  send(text: string): boolean {
    const socket = this.#socket
    if (socket === undefined || !this.#isOpen || socket.unsentBytes > maxUnsentBytes) return false
    socket.send(text)
    return true
  }

  #drop(): void {
    this.#stopTimer()
    const socket = this.#socket
    this.#socket = undefined
    this.#isOpen = false
    socket?.close()
  }

  #ended(): void {
    this.#drop()
    const seconds = this.#delaySeconds
    this.#delaySeconds = Math.min(mostDelaySeconds, seconds * 2)
    this.#countDown(seconds)
  }

  #countDown(seconds: number): void {
    this.#owner.lost(seconds)
    // Pages that lost the same daemon do not all come back in the same moment.
    const spreadMs = seconds === 1 ? 500 * this.#surroundings.random() : 0
    this.#stopTimer = this.#surroundings.after(1_000 + spreadMs, () => {
      if (seconds === 1) this.connect()
      else this.#countDown(seconds - 1)
    })
  }
}
