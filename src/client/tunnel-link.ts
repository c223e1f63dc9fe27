/**
 * One WebSocket to a daemon, and the calls on it. Calls wait for the daemon's first frame, frames of one task leave in
 * one message, and a connection on which nothing is heard is asked for a sign of life: a page learns in no other way that
 * the network under it is gone.
 */

import { BusError, ProtocolError } from '../model/errors.ts'
import { decodeFrames } from '../wire/web-socket/decode-frames.ts'
import { FrameBatch } from '../wire/web-socket/frame-batch.ts'
import {
  decodeCredit,
  decodeHello,
  decodeStatus,
  frameKinds,
  tunnelProtocol,
} from '../wire/web-socket/tunnel-frame.ts'
import type { Timing } from './timing.ts'
import type { CallLink, TunnelCall } from './tunnel-stream.ts'
import type { WebSocketClass, WebSocketInstance } from './web-socket-class.ts'
import { foreignPage } from './web-socket-url.ts'

export interface TunnelLinkOptions {
  readonly url: string
  readonly webSocket: WebSocketClass
  readonly timing: Timing
  /** A connection silent for so long is asked for a sign of life. */
  readonly keepAliveMs: number
  /** No call can begin here any more. */
  readonly onLost: () => void
}

/** For the connection to stand, and for a sign of life. */
const connectTimeoutMs = 20_000
const answerTimeoutMs = 10_000

export class TunnelLink implements CallLink {
  requestBytesMost = 0
  readonly #options: TunnelLinkOptions
  readonly #webSocket: WebSocketInstance
  readonly #calls = new Map<number, TunnelCall>()
  /** Not begun: the daemon is not there yet. */
  readonly #waiting = new Set<TunnelCall>()
  readonly #batch = new FrameBatch()
  #state: 'connecting' | 'open' | 'lost' = 'connecting'
  #isFlushDue = false
  #lastId = 0
  #hasHeard = false
  #timer: { cancel(): void }

  /** Throws what the constructor of the WebSocket does, for an address it does not take. */
  constructor(options: TunnelLinkOptions) {
    this.#options = options
    const { url, webSocket, timing } = options
    const socket = new webSocket(url, [tunnelProtocol])
    this.#webSocket = socket
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('message', ({ data }) => this.#receive(data))
    // It fails the connection. Node.js tells nothing more when it never stood; browsers tell the end as well.
    socket.addEventListener('error', (event) => {
      const { message } = event as { readonly message?: unknown }
      this.#lose(this.#closed(1006, typeof message === 'string' ? message : ''))
    })
    socket.addEventListener('close', ({ code, reason }) => this.#lose(this.#closed(code, reason)))
    this.#timer = timing.after(connectTimeoutMs, () => {
      this.#lose(lost(`${url} did not answer within ${connectTimeoutMs / 1_000} s`))
    })
  }

  /** Takes a call over; it begins at once or when the connection stands. */
  add(call: TunnelCall): void {
    if (this.#state === 'open') this.#begin(call)
    else this.#waiting.add(call)
  }

  remove(call: TunnelCall): void {
    this.#waiting.delete(call)
    this.#calls.delete(call.id)
  }

  send(kind: number, call: number, body?: Uint8Array): void {
    if (this.#state !== 'open') return
    if (!this.#batch.fits(call, body?.length ?? 0)) this.#flush()
    this.#batch.add(kind, call, body)
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    queueMicrotask(() => {
      this.#isFlushDue = false
      this.#flush()
    })
  }

  /** Ends the connection, and every call with the error. */
  close(error: BusError): void {
    this.#lose(error)
  }

  #begin(call: TunnelCall): void {
    this.#lastId += 1
    this.#calls.set(this.#lastId, call)
    call.begin(this.#lastId)
  }

  #flush(): void {
    if (this.#batch.length === 0) return
    const message = this.#batch.take()
    if (this.#state === 'open') this.#webSocket.send(message)
  }

  #receive(data: unknown): void {
    if (this.#state === 'lost') return
    this.#hasHeard = true
    try {
      if (!(data instanceof ArrayBuffer)) throw new ProtocolError('text, expected binary messages')
      const bytes = new Uint8Array(data)
      decodeFrames(bytes, bytes.length, (kind, call, start, end) => {
        this.#onFrame(kind, call, bytes.subarray(start, end))
      })
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause
      const text = `${this.#options.url} is no tunnel of msgbus: ${cause.message}`
      this.#lose(new BusError('unavailable', 'connection_lost', text, { cause }))
    }
  }

  /** @throws ProtocolError */
  #onFrame(kind: number, id: number, body: Uint8Array): void {
    if (this.#state === 'connecting' && kind !== frameKinds.hello) {
      throw new ProtocolError(`its first frame is of kind ${kind}`)
    }
    switch (kind) {
      case frameKinds.hello:
        this.#open(decodeHello(body).requestBytesMost)
        return
      case frameKinds.message:
        this.#calls.get(id)?.receive(body)
        return
      case frameKinds.credit:
        this.#calls.get(id)?.grant(decodeCredit(body))
        return
      case frameKinds.status:
        this.#calls.get(id)?.finish(decodeStatus(body))
        return
      case frameKinds.pong:
        return
      default:
        throw new ProtocolError(`a frame of kind ${kind} from a daemon`)
    }
  }

  #open(requestBytesMost: number): void {
    if (this.#state !== 'connecting') return
    this.#state = 'open'
    this.requestBytesMost = requestBytesMost === 0 ? Number.POSITIVE_INFINITY : requestBytesMost
    this.#timer.cancel()
    this.#lookLater()
    for (const call of this.#waiting) this.#begin(call)
    this.#waiting.clear()
  }

  #lookLater(): void {
    const { timing, keepAliveMs, url } = this.#options
    this.#hasHeard = false
    this.#timer = timing.after(keepAliveMs, () => {
      if (this.#hasHeard) return this.#lookLater()
      this.send(frameKinds.ping, 0)
      this.#timer = timing.after(answerTimeoutMs, () => {
        if (this.#hasHeard) this.#lookLater()
        else this.#lose(lost(`${url} gives no sign of life`))
      })
    })
  }

  /** @param reason what the runtime said about it; pages are told nothing */
  #closed(code: number, reason: string): BusError {
    const { url } = this.#options
    if (this.#state === 'connecting') {
      const why = reason === '' ? '' : ` (${reason})`
      const page = foreignPage(url)
      // A page is not told what went wrong, and this is the other thing that often does.
      const origins = page === undefined ? '' : ` and that protocols.http.origins lists ${page}`
      return lost(
        `no connection to ${url}${why}: start msgbusd, and see that --http names this address${origins}`,
      )
    }
    const why = reason === '' ? code : `${code}, ${reason}`
    return lost(`the connection to ${url} was closed (${why})`)
  }

  #lose(error: BusError): void {
    if (this.#state === 'lost') return
    this.#flush()
    this.#state = 'lost'
    this.#timer.cancel()
    this.#options.onLost()
    this.#webSocket.close()
    for (const call of [...this.#waiting, ...this.#calls.values()]) call.fail(error)
  }
}

function lost(text: string): BusError {
  return new BusError('unavailable', 'connection_lost', text)
}
