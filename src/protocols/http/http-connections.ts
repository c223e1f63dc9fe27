/**
 * The connections that use the API, each of them one client of the bus, made with the first request that needs it. A
 * client per connection rather than per request: listings show who is there, subscriptions and calls end with it, and
 * a connection that publishes often does not pay for joining each time.
 *
 * Whoever asks for an answer and does not take it is cut off, so that what waits to be read has a bound in time.
 */

import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { BusClient } from '../../core/bus-client.ts'
import type { Bus } from '../../core/bus.ts'
import type { Clock, Timer } from '../../core/clock.ts'
import type { Inbox } from '../../core/live.ts'
import { BusError } from '../../model/errors.ts'
import { anonymous } from '../../model/identity.ts'
import { formatHostPort } from '../../net/address.ts'

/** How often it is looked whether answers are taken, and how often one may be found where it was. */
const lookMs = 10_000
const stalledLooks = 3

export interface HttpConnectionsOptions {
  readonly bus: Bus
  readonly clock: Clock
}

export class HttpConnections {
  readonly #options: HttpConnectionsOptions
  readonly #connections = new Map<Socket, HttpConnection>()
  #timer: Timer | undefined

  constructor(options: HttpConnectionsOptions) {
    this.#options = options
  }

  /** @param listener address text */
  of({ socket }: IncomingMessage, listener: string): HttpConnection {
    const known = this.#connections.get(socket)
    if (known !== undefined) return known
    const connection = new HttpConnection(this.#options.bus, socket, listener)
    this.#connections.set(socket, connection)
    socket.once('close', () => {
      this.#connections.delete(socket)
      connection.close()
    })
    this.#lookLater()
    return connection
  }

  close(): void {
    this.#timer?.cancel()
  }

  #lookLater(): void {
    this.#timer ??= this.#options.clock.after(lookMs, () => {
      this.#timer = undefined
      for (const connection of this.#connections.values()) connection.look()
      if (this.#connections.size > 0) this.#lookLater()
    })
  }
}

export class HttpConnection {
  readonly #bus: Bus
  readonly #socket: Socket
  readonly #listener: string
  #client: BusClient | undefined
  readonly #resumed = new Set<() => void>()
  #isPaused = false
  /** It reads an event stream: that may stand still, since it holds a position and no queue. */
  streams = 0
  #unsentBefore = 0
  #stalled = 0

  constructor(bus: Bus, socket: Socket, listener: string) {
    this.#bus = bus
    this.#socket = socket
    this.#listener = listener
  }

  /** @throws BusError as `Bus.connect` */
  get client(): BusClient {
    if (this.#client !== undefined) return this.#client
    const { remoteAddress, remotePort } = this.#socket
    const isLocal = remoteAddress === undefined || remotePort === undefined
    this.#client = this.#bus.connect(anonymous, {
      protocol: 'http',
      transport: isLocal ? 'local_ipc' : 'tcp',
      source: isLocal ? undefined : formatHostPort(remoteAddress, remotePort),
      listener: this.#listener,
      inbox: this.#inbox(),
    })
    return this.#client
  }

  /**
   * Resolves when the client may send what is not stored: at once, unless somebody it sent to has no room.
   * @throws BusError `cancelled` when nobody waits for it any more
   */
  async maySend(signal: AbortSignal): Promise<void> {
    while (this.#isPaused) {
      if (signal.aborted) throw gaveUp()
      await new Promise<void>((resolve, reject) => {
        const goOn = () => {
          signal.removeEventListener('abort', giveUp)
          resolve()
        }
        const giveUp = () => {
          this.#resumed.delete(goOn)
          reject(gaveUp())
        }
        signal.addEventListener('abort', giveUp, { once: true })
        this.#resumed.add(goOn)
      })
    }
  }

  /** Cuts it off when it was sent something and has taken none of it for some looks. */
  look(): void {
    const unsent = this.#socket.writableLength
    const isStalled = unsent > 0 && unsent === this.#unsentBefore && this.streams === 0
    this.#stalled = isStalled ? this.#stalled + 1 : 0
    this.#unsentBefore = unsent
    if (this.#stalled >= stalledLooks) this.#socket.destroy()
  }

  close(): void {
    this.#client?.close()
  }

  #inbox(): Inbox {
    const socket = this.#socket
    return {
      // Without a name nothing is sent to it, and its subscriptions have sinks of their own.
      message: () => undefined,
      broadcast: () => undefined,
      publication: () => undefined,
      pause: () => {
        this.#isPaused = true
      },
      resume: () => {
        this.#isPaused = false
        const waiting = [...this.#resumed]
        this.#resumed.clear()
        for (const goOn of waiting) goOn()
      },
      get queuedBytes() {
        return socket.writableLength
      },
      // What it asks next is asked by another client.
      end: () => {
        this.#client = undefined
      },
    }
  }
}

function gaveUp(): BusError {
  return new BusError('cancelled', 'cancelled', 'the caller gave up')
}
