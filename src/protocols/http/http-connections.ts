/**
 * The connections that use the API, each of them one client of the bus for each who asks on it, made with the first
 * request that needs it. A client per connection rather than per request: listings show who is there, subscriptions and
 * calls end with it, and a connection that publishes often does not pay for joining each time.
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
import type { Identity } from '../../model/identity.ts'
import { formatHostPort } from '../../net/address.ts'
import type { Newcomer } from '../admission.ts'
import { RememberedCallers } from '../remembered-callers.ts'
import {
  type ListenerTrait,
  newcomerAt,
  type RequestIdentity,
  type Shown,
} from './request-identity.ts'

/** How often it is looked whether answers are taken, and how often one may be found where it was. */
const lookMs = 10_000
const stalledLooks = 3

export interface HttpConnectionsOptions {
  readonly bus: Bus
  readonly clock: Clock
  readonly identities: RequestIdentity
}

export class HttpConnections {
  readonly #options: HttpConnectionsOptions
  readonly #sockets = new Map<Socket, HttpSocket>()
  #timer: Timer | undefined

  constructor(options: HttpConnectionsOptions) {
    this.#options = options
  }

  /** At once when it is known who asks. @throws BusError, HttpError, and rejects with it */
  of(request: IncomingMessage, listener: ListenerTrait): HttpConnection | Promise<HttpConnection> {
    const { socket } = request
    const { identities } = this.#options
    const known = this.#sockets.get(socket) ?? this.#add(socket, listener)
    if (identities.isOpen) return known.open()
    return known.of(identities.shown(request, listener))
  }

  close(): void {
    this.#timer?.cancel()
  }

  #add(socket: Socket, listener: ListenerTrait): HttpSocket {
    const added = new HttpSocket(this.#options, socket, listener)
    this.#sockets.set(socket, added)
    socket.once('close', () => {
      this.#sockets.delete(socket)
      added.close()
    })
    this.#lookLater()
    return added
  }

  #lookLater(): void {
    this.#timer ??= this.#options.clock.after(lookMs, () => {
      this.#timer = undefined
      for (const socket of this.#sockets.values()) socket.look()
      if (this.#sockets.size > 0) this.#lookLater()
    })
  }
}

/** One socket, with everybody who asks on it. */
class HttpSocket {
  readonly #options: HttpConnectionsOptions
  readonly #socket: Socket
  readonly #listener: ListenerTrait
  readonly #newcomer: Newcomer
  readonly #callers: RememberedCallers<HttpConnection>
  readonly #shown = new Map<string, Shown>()
  /** On an open daemon. */
  #only: HttpConnection | undefined
  #unsentBefore = 0
  #stalled = 0

  constructor(options: HttpConnectionsOptions, socket: Socket, listener: ListenerTrait) {
    this.#options = options
    this.#socket = socket
    this.#listener = listener
    this.#newcomer = newcomerAt(socket, listener)
    const { identities, clock } = options
    this.#callers = new RememberedCallers({
      clock,
      identify: async (credentials) => {
        const shown = this.#shown.get(credentials)
        if (shown === undefined) throw new Error('nobody showed these credentials')
        return identities.identify(shown, this.#newcomer)
      },
      connect: (identity) => this.#connect(identity),
      isOver: ({ isOver }) => isOver,
      end: (connection) => connection.end(),
    })
  }

  open(): HttpConnection {
    if (this.#only?.isOver === true) this.#only = undefined
    this.#only ??= this.#connect(this.#options.identities.admission.nameless(this.#newcomer))
    return this.#only
  }

  of(shown: Shown): HttpConnection | Promise<HttpConnection> {
    const { credentials } = shown
    this.#shown.set(credentials, shown)
    const found = this.#callers.of(credentials)
    if (found instanceof Promise) {
      // What was refused is not kept.
      return found.catch((error: unknown) => {
        this.#shown.delete(credentials)
        throw error
      })
    }
    return found
  }

  /** Cuts it off when it was sent something and has taken none of it for some looks. */
  look(): void {
    const unsent = this.#socket.writableLength
    const isStalled = unsent > 0 && unsent === this.#unsentBefore && !this.#hasStream
    this.#stalled = isStalled ? this.#stalled + 1 : 0
    this.#unsentBefore = unsent
    if (this.#stalled >= stalledLooks) this.#socket.destroy()
  }

  close(): void {
    this.#only?.close()
    for (const connection of this.#callers.clients()) connection.close()
    this.#callers.close()
    this.#shown.clear()
  }

  get #hasStream(): boolean {
    if (this.#only !== undefined) return this.#only.streams > 0
    for (const { streams } of this.#callers.clients()) if (streams > 0) return true
    return false
  }

  #connect(identity: Identity): HttpConnection {
    const { bus } = this.#options
    return new HttpConnection(bus, this.#socket, this.#listener.address, identity)
  }
}

export class HttpConnection {
  readonly #bus: Bus
  readonly #socket: Socket
  readonly #listener: string
  readonly identity: Identity
  #client: BusClient | undefined
  readonly #resumed = new Set<() => void>()
  #isPaused = false
  /** It reads an event stream: that may stand still, since it holds a position and no queue. */
  streams = 0
  /** The bus has ended its client: what is asked next is asked by another one. */
  isOver = false

  constructor(bus: Bus, socket: Socket, listener: string, identity: Identity) {
    this.#bus = bus
    this.#socket = socket
    this.#listener = listener
    this.identity = identity
  }

  /** @throws BusError as `Bus.connect` */
  get client(): BusClient {
    if (this.#client !== undefined) return this.#client
    const { remoteAddress, remotePort } = this.#socket
    const isLocal = remoteAddress === undefined || remotePort === undefined
    this.#client = this.#bus.connect(this.identity, {
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

  /** Whoever asks is not who it was: what goes on under that name ends with the connection. */
  end(): void {
    if (this.streams > 0) this.#socket.destroy()
    this.close()
    this.isOver = true
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
      end: () => {
        this.isOver = true
      },
    }
  }
}

function gaveUp(): BusError {
  return new BusError('cancelled', 'cancelled', 'the caller gave up')
}
