/**
 * An accepted WebSocket in the shape of a byte connection, over the package `ws`. A block of the outbox leaves as one
 * message without being copied; input is handed on message by message, and all that came in one read from the socket
 * counts as one chunk for the flush schedule, so that many small messages cost one write.
 *
 * A read from the socket can hold many messages, and `ws` hands them all over even when it was paused in between. Those
 * are kept here until there is room: at most one read of the socket, and the message that was begun before it.
 */

import { isUtf8 } from 'node:buffer'
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import type { Identity } from '../model/identity.ts'
import type { ConnectionOwner } from './byte-connection.ts'
import { channelIdOf } from './channel-id.ts'
import { type BlockWriter, type FlushSchedule, Outbox } from './outbox.ts'
import type { WebSocketConnection } from './web-socket-gates.ts'

export interface AcceptedWebSocketOptions {
  readonly webSocket: WebSocket
  /** What it runs on. */
  readonly socket: Socket
  readonly source: string | undefined
  readonly listener: string
  readonly identity?: Identity | undefined
  readonly isSecure?: boolean | undefined
  readonly schedule: FlushSchedule
  /** High mark of the outbox. */
  readonly outboxBytes: number
  /** As the gate has it. */
  readonly endsItself: boolean
  /** Of a close message when the owner names no code. */
  readonly closeCode: () => number
}

/** The part of Node's stream handles we look at; absent on some kinds of sockets. */
interface StreamHandle {
  readonly writeQueueSize?: number
}

interface HeldMessage {
  readonly bytes: Buffer
  readonly isText: boolean
}

const nobody: ConnectionOwner = {
  onBytes: () => undefined,
  onEnd: () => undefined,
  onClose: () => undefined,
  onFull: () => undefined,
  onRoom: () => undefined,
}

export class AcceptedWebSocket implements WebSocketConnection, BlockWriter {
  readonly transport = 'websocket'
  readonly source: string | undefined
  readonly listener: string
  readonly identity: Identity | undefined
  readonly isSecure: boolean
  readonly protocol: string
  readonly outbox: Outbox
  owner: ConnectionOwner = nobody
  sendAs: 'binary' | 'text-or-binary' | 'frames' = 'binary'
  readonly #options: AcceptedWebSocketOptions
  readonly #webSocket: WebSocket
  readonly #socket: Socket
  readonly #held: HeldMessage[] = []
  #lastWasText = false
  #isPaused = false
  #isHandOverDue = false
  #hasEnded = false
  #error: Error | undefined
  #lastLook = { readBytes: 0, unsent: 0, taken: 0, isExcused: false }

  constructor(options: AcceptedWebSocketOptions) {
    const { webSocket, socket, source, listener, schedule, outboxBytes } = options
    this.#options = options
    this.#webSocket = webSocket
    this.#socket = socket
    this.source = source
    this.listener = listener
    this.identity = options.identity
    this.isSecure = options.isSecure ?? false
    this.protocol = webSocket.protocol
    this.outbox = new Outbox({
      writer: this,
      schedule,
      // Below its own mark a socket does not tell that it was drained.
      highBytes: Math.max(outboxBytes, socket.writableHighWaterMark),
      onFull: () => this.owner.onFull(),
    })
    // Before and after `ws` takes a read apart, which it does at once.
    socket.prependListener('data', () => schedule.beginChunk())
    socket.on('data', () => schedule.endChunk())
    socket.on('drain', () => {
      if (this.outbox.drained()) this.owner.onRoom()
    })
    webSocket.on('message', (data: Buffer, isBinary: boolean) => this.#take(data, !isBinary))
    webSocket.on('error', (error) => (this.#error ??= error))
    webSocket.on('close', () => {
      this.#held.length = 0
      this.outbox.close()
      this.owner.onClose(this.#error)
    })
  }

  /** Whoever owns it ends it when the daemon stops. */
  get endsItself(): boolean {
    return this.#options.endsItself
  }

  channelId(kind: string): Uint8Array | undefined {
    return channelIdOf(this.#socket, kind)
  }

  get lastWasText(): boolean {
    return this.#lastWasText
  }

  get pendingBytes(): number {
    return this.#socket.writableLength
  }

  get unsentBytes(): number {
    const handle = (this.#socket as Socket & { readonly _handle?: StreamHandle | null })._handle
    return handle?.writeQueueSize ?? this.#socket.writableLength
  }

  write(block: Uint8Array): boolean {
    const webSocket = this.#webSocket
    if (webSocket.readyState !== webSocket.OPEN) return true
    if (this.sendAs === 'frames') {
      this.#socket.write(block)
      return this.#socket.writableLength === 0
    }
    const binary = this.sendAs === 'binary' || !isUtf8(block)
    webSocket.send(block, { binary })
    // The system took all of it, so the block may be used again.
    return this.#socket.writableLength === 0
  }

  pause(): void {
    if (this.#isPaused || this.#hasEnded) return
    this.#isPaused = true
    this.#lastLook.isExcused = true
    this.#webSocket.pause()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    if (this.#held.length === 0) this.#webSocket.resume()
    else this.#handOverSoon()
  }

  end(code?: number): void {
    if (this.#hasEnded) return
    this.outbox.flush()
    this.#hasEnded = true
    this.#webSocket.close(code ?? this.#options.closeCode())
    // Whatever still comes has nobody to read it, but the answer to the close message is to be seen.
    this.owner = { ...nobody, onClose: this.owner.onClose.bind(this.owner) }
    this.#held.length = 0
    this.#isPaused = false
    this.#webSocket.resume()
  }

  destroy(): void {
    this.#webSocket.terminate()
  }

  /**
   * Asks for a sign of life, and ends the connection when there was none since the last time it asked: nothing was
   * read from the other side, and nothing that waited for it was taken. Whoever was not read from is given the benefit.
   */
  checkAlive(): void {
    const { bytesRead } = this.#socket
    const { unsentBytes } = this
    const takenBytes = this.#socket.bytesWritten - unsentBytes
    const { readBytes, unsent, taken, isExcused } = this.#lastLook
    const isAlive = bytesRead > readBytes || (unsent > 0 && takenBytes > taken)
    if (!isAlive && !isExcused) {
      this.destroy()
      return
    }
    this.#lastLook = {
      readBytes: bytesRead,
      unsent: unsentBytes,
      taken: takenBytes,
      isExcused: this.#isPaused,
    }
    const { readyState, OPEN } = this.#webSocket
    if (readyState === OPEN && unsentBytes === 0) this.#webSocket.ping()
  }

  #take(bytes: Buffer, isText: boolean): void {
    if (this.#hasEnded) return
    if (this.#isPaused || this.#held.length > 0) this.#held.push({ bytes, isText })
    else this.#handOn(bytes, isText)
  }

  #handOn(bytes: Buffer, isText: boolean): void {
    this.#lastWasText = isText
    this.owner.onBytes(bytes, bytes.length)
  }

  /** Not at once: whoever resumes may be in the middle of handling a message of this very connection. */
  #handOverSoon(): void {
    if (this.#isHandOverDue) return
    this.#isHandOverDue = true
    queueMicrotask(() => {
      this.#isHandOverDue = false
      this.#handOver()
    })
  }

  #handOver(): void {
    const { schedule } = this.#options
    const held = this.#held
    let taken = 0
    schedule.beginChunk()
    while (!this.#isPaused && taken < held.length) {
      const { bytes, isText } = held[taken] as HeldMessage
      taken += 1
      this.#handOn(bytes, isText)
    }
    held.splice(0, taken)
    schedule.endChunk()
    if (!this.#isPaused && !this.#hasEnded) this.#webSocket.resume()
  }
}
