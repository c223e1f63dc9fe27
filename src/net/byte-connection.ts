/**
 * One accepted stream of bytes, whatever it came by: TCP, Unix socket or TLS. It hands input on as it comes,
 * in a buffer that is only valid during the call, and has an outbox. Nothing is allocated per read where
 * the platform lets all connections share one read buffer (read-buffer.ts).
 */

import type { Socket } from 'node:net'
import type { ClientCertificate, ProcessCredentials } from '../core/authentication.ts'
import type { ListenerSettings } from './address.ts'
import { isSecureSocket, SocketProof } from './connection-proof.ts'
import { type BlockWriter, type FlushSchedule, Outbox } from './outbox.ts'

/** Who looks after a connection. None of these may throw. */
export interface ConnectionOwner {
  /** Input: `bytes[0..length)`, borrowed for the call. */
  onBytes(bytes: Uint8Array, length: number): void
  /** The other side sent everything it will send. */
  onEnd(): void
  /** The connection is gone; nothing follows. */
  onClose(error: Error | undefined): void
  /** The outbox is above its high mark. */
  onFull(): void
  /** The outbox is empty again. */
  onRoom(): void
}

export interface ByteConnectionOptions {
  readonly socket: Socket
  /** `local_ipc` or `tcp`. */
  readonly transport: string
  /** `ip:port` of the other side; undefined for a Unix socket. */
  readonly source: string | undefined
  /** Address text of the listener. */
  readonly listener: string
  readonly schedule: FlushSchedule
  readonly highBytes: number
  /** Of the listener. */
  readonly settings?: ListenerSettings | undefined
}

/** The part of Node's stream handles we look at; absent on some kinds of sockets. */
interface StreamHandle {
  readonly writeQueueSize?: number
}

const nobody: ConnectionOwner = {
  onBytes: () => undefined,
  onEnd: () => undefined,
  onClose: () => undefined,
  onFull: () => undefined,
  onRoom: () => undefined,
}

export class ByteConnection implements BlockWriter {
  readonly transport: string
  readonly source: string | undefined
  readonly listener: string
  readonly outbox: Outbox
  owner: ConnectionOwner = nobody
  readonly #socket: Socket
  readonly #schedule: FlushSchedule
  readonly #proof: SocketProof
  #error: Error | undefined
  #isPaused = false

  constructor(options: ByteConnectionOptions) {
    const { socket, transport, source, listener, schedule, highBytes } = options
    this.transport = transport
    this.source = source
    this.listener = listener
    this.#socket = socket
    this.#schedule = schedule
    this.#proof = new SocketProof(socket, options.settings)
    this.outbox = new Outbox({
      writer: this,
      schedule,
      // Below its own mark a socket does not tell that it was drained.
      highBytes: Math.max(highBytes, socket.writableHighWaterMark),
      onFull: () => this.owner.onFull(),
    })
    socket.on('error', (error) => (this.#error ??= error))
    socket.on('end', () => this.owner.onEnd())
    socket.on('drain', () => {
      if (this.outbox.drained()) this.owner.onRoom()
    })
    socket.on('close', () => {
      this.outbox.close()
      this.owner.onClose(this.#error)
    })
  }

  /** Nobody on the way can read along: TLS, a Unix socket, or this machine only. */
  get isSecure(): boolean {
    return isSecureSocket(this.#socket)
  }

  /** Shown by the client and verified; undefined where there is none, or none counts. */
  get certificate(): ClientCertificate | undefined {
    return this.#proof.certificate
  }

  /** Of a Unix socket, as long as it is open; undefined where it cannot be known, or does not count. */
  get process(): ProcessCredentials | undefined {
    return this.#proof.process
  }

  /** As `channelIdOf`. */
  channelId(kind: string): Uint8Array | undefined {
    return this.#proof.channelId(kind)
  }

  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Hands a read on. */
  receive(bytes: Uint8Array, length: number): void {
    this.#schedule.beginChunk()
    this.owner.onBytes(bytes, length)
    this.#schedule.endChunk()
  }

  /** What may still come is what was read already. */
  pause(): void {
    // After its end it is read to the end of the other side, or that would never be seen.
    if (this.#isPaused || this.#socket.writableEnded) return
    this.#isPaused = true
    this.#socket.pause()
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#socket.resume()
  }

  /** Writes what is in the outbox and ends the connection; the other side has a moment to take it. */
  end(): void {
    this.outbox.flush()
    if (!this.#socket.writableEnded) this.#socket.end()
    // Whatever still comes has nobody to read it.
    this.owner = { ...nobody, onClose: this.owner.onClose.bind(this.owner) }
    this.#socket.resume()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** As `destroy`, once what was written has been taken. */
  destroySoon(): void {
    this.#socket.destroySoon()
  }

  write(block: Uint8Array): boolean {
    const socket = this.#socket
    if (socket.destroyed || socket.writableEnded) return true
    socket.write(block)
    return socket.writableLength === 0
  }

  get pendingBytes(): number {
    return this.#socket.writableLength
  }

  /** Bytes the system did not take yet; falls whenever the other side reads, also within one write. */
  get unsentBytes(): number {
    const handle = (this.#socket as Socket & { readonly _handle?: StreamHandle | null })._handle
    return handle?.writeQueueSize ?? this.#socket.writableLength
  }
}
