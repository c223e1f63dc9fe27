/**
 * One socket to a TMB server, as lines: what comes is handed over line by line, what goes collects until
 * the end of the turn. It knows nothing of commands; the typed client and the interactive command line
 * both stand on it.
 */

import type { Socket } from 'node:net'
import { BusError, ProtocolError } from '../../model/errors.ts'
import { openSocket } from '../busrt/open-socket.ts'
import { Outbox } from '../busrt/outbox.ts'
import type { ClientTlsOptions } from '../grpc-transport.ts'
import { LineReader } from './line-reader.ts'
import type { LineTaker } from './line-reader.ts'
import { formatPlace } from './tmb-address.ts'
import type { TmbPlace } from './tmb-address.ts'

export interface LineLinkOptions {
  readonly place: TmbPlace
  readonly tls: boolean
  readonly tlsOptions: ClientTlsOptions | undefined
  /** Longest line taken; a longer one ends the link. */
  readonly maxLineBytes: number
  /** Written and not taken by the kernel; beyond it `send` refuses. */
  readonly maxPendingBytes: number
}

export interface LineLinkOwner {
  /** May throw `ProtocolError`, which ends the link. */
  readonly onLine: LineTaker
  /** All lines that came with one read have been handed over. */
  onRead(): void
  /** Called once, last. */
  onClosed(error: BusError): void
}

/** Idle connections are kept through routers that forget, and found dead (spec/tmb 8.2). */
const keepAliveMs = 60_000

export class LineLink {
  /** `host:port` or `unix:/path` */
  readonly address: string
  /** Who gets the lines from now on; changed when the server is known to be one. */
  owner: LineLinkOwner
  readonly #options: LineLinkOptions
  readonly #socket: Socket
  readonly #outbox: Outbox
  readonly #reader: LineReader
  #error: BusError | undefined
  #isClosed = false
  #isPaused = false

  /** Begins to connect. */
  constructor(options: LineLinkOptions, owner: LineLinkOwner) {
    const { place, tls, tlsOptions, maxLineBytes, maxPendingBytes } = options
    this.#options = options
    this.owner = owner
    this.address = `${tls ? 'tls+' : ''}${formatPlace(place)}`
    this.#reader = new LineReader(maxLineBytes)
    this.#socket = openSocket({ at: place, tls }, tlsOptions, (bytes, length) => {
      this.#onBytes(bytes, length)
    })
    if (!('path' in place)) this.#socket.setKeepAlive(true, keepAliveMs)
    this.#outbox = new Outbox(this.#socket, maxPendingBytes)
    this.#socket.on('error', (cause) => this.destroy(socketError(cause, this.address)))
    this.#socket.on('close', () => this.#close())
  }

  /** Why it ended; undefined while it has not. */
  get error(): BusError | undefined {
    return this.#error
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** A sender need not wait. */
  get hasRoom(): boolean {
    return this.#outbox.hasRoom
  }

  /** Resolves when senders may go on, at once in most cases; also when the link has ended. */
  room(): Promise<void> {
    return this.#outbox.room()
  }

  /**
   * Adds bytes, copied, which leave at the end of the turn.
   * @param line whole lines with their ends
   * @throws BusError `resource_exhausted/quota_exceeded` when too much waits already
   */
  send(line: Uint8Array): void {
    const { maxPendingBytes } = this.#options
    const waiting = this.#outbox.bytes
    if (waiting > 0 && waiting + line.length > maxPendingBytes) {
      const text = `${waiting} bytes wait for ${this.address}, the limit is ${maxPendingBytes} (maxPendingBytes): await what you send`
      throw new BusError('resource_exhausted', 'quota_exceeded', text)
    }
    this.#outbox.appendBytes(line)
    this.#outbox.schedule(false)
  }

  /** Whether bytes are taken from the socket. */
  setReading(isReading: boolean): void {
    if (isReading !== this.#isPaused) return
    this.#isPaused = !isReading
    if (isReading) this.#socket.resume()
    else this.#socket.pause()
  }

  /** Closes this side behind what was sent; the other side goes on as it likes. */
  end(): void {
    this.#outbox.end()
  }

  /** Ends it at once. The first error is the one that is told. */
  destroy(error: BusError): void {
    this.#error ??= error
    this.#socket.destroy()
  }

  #onBytes(bytes: Buffer, length: number): void {
    try {
      this.#reader.push(bytes, length, this.#onLine)
      this.owner.onRead()
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      const text = `${this.address} does not speak TMB: ${error.message}`
      this.destroy(new BusError('internal', 'undecodable', text, { cause: error }))
    }
  }

  readonly #onLine: LineTaker = (bytes, start, end) => {
    // What stands behind the line that broke the link is nobody's any more.
    if (this.#error === undefined) this.owner.onLine(bytes, start, end)
  }

  #close(): void {
    this.#isClosed = true
    this.#outbox.close()
    const text = `${this.address} has closed the connection`
    this.#error ??= new BusError('unavailable', 'connection_lost', text)
    this.owner.onClosed(this.#error)
  }
}

/** What happened to a socket and what to do, from the words of the network stack. */
function socketError(cause: NodeJS.ErrnoException, address: string): BusError {
  return new BusError('unavailable', 'connection_lost', socketText(cause, address), { cause })
}

function socketText(cause: NodeJS.ErrnoException, address: string): string {
  switch (cause.code ?? '') {
    case 'ECONNREFUSED':
    case 'ENOENT':
      return `nothing listens at ${address}: start msgbusd, or name the address it listens on`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the host of ${address} is not known: check the address`
    case 'EACCES':
    case 'EPERM':
      return `this user may not open ${address}: check the permissions of the socket file`
    default:
      return /certificate|self-signed|altnames|ssl|tls|EPROTO/i.test(cause.message)
        ? `no TLS connection to ${address}: ${cause.message}`
        : `the connection to ${address} broke: ${cause.message}`
  }
}
