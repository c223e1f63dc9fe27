/**
 * One call through a tunnel (wire/web-socket/tunnel-frame.ts), as the client sees it. Responses wait here, encoded, until
 * they are read, and credit goes back as they are: so a reader that does not read stops the daemon after one window.
 */

import { BusError, toBusError } from '../model/errors.ts'
import {
  encodeCredit,
  encodeOpen,
  frameKinds,
  messageCost,
  type StatusFrame,
  windowBytes,
} from '../wire/web-socket/tunnel-frame.ts'
import { onAbort } from './abort-listeners.ts'
import { toErrorCode, toErrorReason } from './status-code.ts'
import type { Timing } from './timing.ts'
import { abortedError, decodeResponse, encodeRequest, timedOutError } from './transport-errors.ts'
import type { CallOptions, DuplexStream, Rpc } from './transport.ts'

/** What a call needs of its tunnel. */
export interface CallLink {
  /** Largest request the daemon takes; known when calls begin. */
  readonly requestBytesMost: number
  send(kind: number, call: number, body?: Uint8Array): void
  /** The call is over. */
  remove(stream: TunnelCall): void
}

/** A call as its tunnel sees it, whatever its messages are. */
export interface TunnelCall {
  /** 0 before it has begun. */
  readonly id: number
  /** The daemon is there: sends what was written so far. */
  begin(id: number): void
  receive(response: Uint8Array): void
  grant(bytes: number): void
  finish(status: StatusFrame): void
  /** The tunnel is gone. */
  fail(error: BusError): void
}

export interface TunnelStreamOptions<Q, R> {
  readonly link: CallLink
  readonly rpc: Rpc<Q, R>
  readonly call: CallOptions
  readonly timing: Timing
  /** For error messages. */
  readonly target: string
}

interface Reader<R> {
  resolve(response: R | undefined): void
  reject(error: BusError): void
}

export class TunnelStream<Q, R> implements TunnelCall, DuplexStream<Q, R> {
  readonly #options: TunnelStreamOptions<Q, R>
  readonly #release: (() => void)[] = []
  #id = 0
  #end: { readonly error: BusError | undefined } | undefined
  #isOpen = false

  // Requests.
  #requestCredit = windowBytes
  #writing: { readonly bytes: Uint8Array; readonly onSent: () => void } | undefined
  #isHalfClosed = false

  // Responses.
  readonly #unread: Uint8Array[] = []
  #readBytes = 0
  #reader: Reader<R> | undefined

  constructor(options: TunnelStreamOptions<Q, R>) {
    this.#options = options
    const { call, timing, rpc, target } = options
    const { signal } = call
    const timeoutMs = timerOf(call)
    if (timeoutMs > 0) {
      const timer = timing.after(timeoutMs, () => {
        this.#abandon(timedOutError(target, rpc.path))
      })
      this.#release.push(() => timer.cancel())
    }
    if (signal === undefined) return
    this.#release.push(onAbort(signal, () => this.#abandon(abortedError(signal))))
  }

  get id(): number {
    return this.#id
  }

  read(): Promise<R | undefined> {
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject }
      this.#hand()
    })
  }

  write(request: Q): Promise<void> {
    return new Promise((resolve) => this.send(encodeRequest(this.#options.rpc, request), resolve))
  }

  /** An encoded request; `onSent` when another one may come. One at a time. */
  send(bytes: Uint8Array, onSent: () => void): void {
    if (this.#end !== undefined) return onSent()
    this.#writing = { bytes, onSent }
    this.#sendRequest()
  }

  end(): void {
    if (this.#end !== undefined || this.#isHalfClosed) return
    this.#isHalfClosed = true
    if (this.#id > 0) this.#options.link.send(frameKinds.halfClose, this.#id)
  }

  cancel(): void {
    this.#abandon(new BusError('cancelled', 'cancelled', 'cancelled by the client'))
  }

  begin(id: number): void {
    const { link, rpc, call } = this.#options
    this.#id = id
    const metadata = new Map(Object.entries(call.metadata ?? {}))
    const open = encodeOpen({ path: rpc.path, timeoutMs: timerOf(call), metadata })
    link.send(frameKinds.open, id, open)
    this.#sendRequest()
    if (this.#isHalfClosed) link.send(frameKinds.halfClose, id)
  }

  receive(response: Uint8Array): void {
    if (this.#end !== undefined) return
    this.#unread.push(response)
    if (!this.#isOpen) {
      this.#isOpen = true
      this.#options.call.onOpen?.()
    }
    this.#hand()
  }

  grant(bytes: number): void {
    this.#requestCredit += bytes
    this.#sendRequest()
  }

  finish({ code, reason, message }: StatusFrame): void {
    if (code === 0) this.#settle(undefined)
    else {
      const busCode = toErrorCode(code)
      this.#settle(new BusError(busCode, toErrorReason(busCode, reason), message))
    }
  }

  fail(error: BusError): void {
    this.#settle(error)
  }

  /** Ends it here and at the daemon, whatever was not read. */
  #abandon(error: BusError): void {
    if (this.#end !== undefined) {
      this.#unread.length = 0
      return
    }
    if (this.#id > 0) this.#options.link.send(frameKinds.cancel, this.#id)
    this.#unread.length = 0
    this.#settle(error)
  }

  #settle(error: BusError | undefined): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    for (const release of this.#release) release()
    this.#options.link.remove(this)
    // A stream that has ended answers no write any more.
    this.#writing?.onSent()
    this.#writing = undefined
    this.#hand()
  }

  #sendRequest(): void {
    const writing = this.#writing
    if (writing === undefined || this.#id === 0 || this.#requestCredit <= 0) return
    const { link } = this.#options
    const { length } = writing.bytes
    if (length > link.requestBytesMost) {
      const text = `a request of ${length} bytes, the daemon takes ${link.requestBytesMost}`
      this.#abandon(new BusError('resource_exhausted', 'payload_too_large', text))
      return
    }
    this.#writing = undefined
    this.#requestCredit -= messageCost(length)
    link.send(frameKinds.message, this.#id, writing.bytes)
    writing.onSent()
  }

  /** Gives the reader what there is for it. */
  #hand(): void {
    const reader = this.#reader
    if (reader === undefined) return
    const bytes = this.#unread.shift()
    if (bytes !== undefined) {
      this.#reader = undefined
      this.#take(bytes, reader)
    } else if (this.#end !== undefined) {
      this.#reader = undefined
      const { error } = this.#end
      if (error === undefined) reader.resolve(undefined)
      else reader.reject(error)
    }
  }

  #take(bytes: Uint8Array, reader: Reader<R>): void {
    const { rpc, target, link } = this.#options
    this.#readBytes += messageCost(bytes.length)
    if (this.#end === undefined && this.#readBytes >= windowBytes / 2) {
      link.send(frameKinds.credit, this.#id, encodeCredit(this.#readBytes))
      this.#readBytes = 0
    }
    try {
      reader.resolve(decodeResponse(rpc, bytes, target))
    } catch (thrown) {
      const error = toBusError(thrown)
      this.#abandon(error)
      reader.reject(error)
    }
  }
}

/** Whole milliseconds for a timer, and for the daemon; 0: never. Longer ones than timers can take end in other ways. */
function timerOf({ timeoutMs }: CallOptions): number {
  if (timeoutMs === undefined || timeoutMs > 2_147_483_647) return 0
  return Math.max(1, Math.ceil(timeoutMs))
}
