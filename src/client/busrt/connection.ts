/**
 * One connection to a broker, from the handshake to its end (spec/busrt 1.3, 2, 3): frames go out,
 * acknowledgements find the operation they belong to, deliveries go to the owner, pings keep it alive
 * and silence ends it. It never mends itself; that is the client's part.
 */

import type { Socket } from 'node:net'
import { BusError, ProtocolError } from '../../model/errors.ts'
import {
  ackFlag,
  greeting,
  opcodes,
  realtimeFlag,
  requestHeaderBytes,
  results,
} from '../../wire/busrt/frames.ts'
import { onAbort } from '../abort-listeners.ts'
import type { ClientTlsOptions } from '../grpc-transport.ts'
import type { Timing } from '../timing.ts'
import { parseBusrtAddress } from './busrt-address.ts'
import { DeliveryDecoder } from './delivery-decoder.ts'
import type { Delivery, DeliverySink } from './delivery-decoder.ts'
import { openSocket } from './open-socket.ts'
import { Outbox } from './outbox.ts'
import { PendingAnswers } from './pending-answers.ts'
import type { PendingAnswer } from './pending-answers.ts'
import { operationError, operationName, registrationError, socketError } from './result-error.ts'
import type { Operation } from './result-error.ts'

/**
 * What a sender wants of the broker. `none`: nothing, the promise only tells that there is room for
 * more. `processed`: an acknowledgement, which means that the broker has handed it on, not that
 * somebody has dealt with it. `realtime` and `realtime-processed`: the same, sent at once instead of
 * together with what else this turn of the event loop brings, and marked so for the receiver.
 */
export type Qos = 'none' | 'processed' | 'realtime' | 'realtime-processed'

/** Accepted by every operation. */
export interface OperationOptions {
  /** Default `processed`. */
  readonly qos?: Qos | undefined
  /** Milliseconds until it fails with `deadline_exceeded`; default: that of the client. */
  readonly timeoutMs?: number | undefined
  /** Ends waiting with `cancelled`. The frame may have left all the same. */
  readonly signal?: AbortSignal | undefined
}

export interface ConnectionOptions {
  readonly address: string
  readonly tls: ClientTlsOptions | undefined
  readonly name: string
  /** For connecting and registering together, for the answer to an operation, and for silence. */
  readonly timeoutMs: number
  readonly pingMs: number
  readonly maxFrameBytes: number
  readonly maxPendingBytes: number
  readonly timing: Timing
}

export interface ConnectionOwner {
  /** A data frame; its bytes are borrowed for the call. */
  onDelivery(connection: Connection, delivery: Delivery): void
  /** Everything that came with one read has been handed over. */
  onRead(connection: Connection): void
  /** An operation has begun while nothing is read. */
  onBlocked(connection: Connection): void
  /** Called once, last; not for a connection that never stood. */
  onClosed(connection: Connection, error: BusError): void
}

interface PendingOperation extends PendingAnswer {
  settle(result: number): void
}

const flagsOfQos = {
  none: 0,
  processed: ackFlag,
  realtime: realtimeFlag,
  'realtime-processed': ackFlag | realtimeFlag,
} as const satisfies Record<Qos, number>

const ping = new Uint8Array(requestHeaderBytes)
// A message to nobody changes nothing, and even its refusal shows that the broker lives.
const probe = { opcode: opcodes.message, head: '' } as const
const noBytes = new Uint8Array(0)

type Stage = 'greeting' | 'accepted' | 'registered' | 'live' | 'closed'

export class Connection implements DeliverySink {
  readonly #options: ConnectionOptions
  readonly #owner: ConnectionOwner
  readonly #socket: Socket
  readonly #outbox: Outbox
  readonly #decoder: DeliveryDecoder
  readonly #operations: PendingAnswers<PendingOperation>
  #stage: Stage = 'greeting'
  #greetingBytes = 0
  #error: BusError | undefined
  #onRegistered: { resolve(): void; reject(error: BusError): void } | undefined
  #timer: { cancel(): void } | undefined
  #receivedAtMs: number
  /** When an answer was asked for to see whether the broker lives; undefined once anything came. */
  #probedAtMs: number | undefined
  #isPaused = false
  #isEnding = false
  #isEnded = false
  #onClosed: (() => void)[] = []

  private constructor(options: ConnectionOptions, owner: ConnectionOwner) {
    this.#options = options
    this.#owner = owner
    this.#operations = new PendingAnswers(options.timing, 0xffff_ffff)
    this.#decoder = new DeliveryDecoder(this, options.maxFrameBytes)
    this.#receivedAtMs = options.timing.monotonic()
    this.#socket = openSocket(parseBusrtAddress(options.address), options.tls, (bytes, length) =>
      this.#onBytes(bytes, length),
    )
    this.#outbox = new Outbox(this.#socket, options.maxPendingBytes)
    this.#socket.on('error', (cause) => this.destroy(socketError(cause, options.address)))
    this.#socket.on('close', () => this.#close())
  }

  /**
   * Resolves when the broker has registered the client; deliveries may come before that is noticed.
   * @throws BusError that says what to do
   */
  static async open(
    options: ConnectionOptions,
    owner: ConnectionOwner,
    signal: AbortSignal,
  ): Promise<Connection> {
    const connection = new Connection(options, owner)
    await connection.#register(signal)
    return connection
  }

  get isLive(): boolean {
    return this.#stage === 'live' && !this.#isEnded
  }

  /** Why it ended; undefined while it has not. */
  get error(): BusError | undefined {
    return this.#error
  }

  /** A sender need not wait. */
  get hasRoom(): boolean {
    return this.#outbox.hasRoom
  }

  /** Resolves when senders may go on; also when the connection has ended. */
  room(): Promise<void> {
    return this.#outbox.room()
  }

  /** Operations that wait for their acknowledgement. */
  get waiting(): number {
    return this.#operations.size
  }

  /**
   * Sends one frame. Resolves with the acknowledgement, or when there is room for more where none is
   * wanted.
   * @param head see `Outbox.append`
   * @throws BusError
   */
  operate(
    opcode: number,
    head: string,
    payload: Uint8Array | undefined,
    options: OperationOptions = {},
  ): Promise<void> {
    const { qos = 'processed', timeoutMs = this.#options.timeoutMs, signal } = options
    if (!this.isLive)
      return Promise.reject(this.#error ?? new BusError('cancelled', 'cancelled', closedText))
    if (signal?.aborted === true) return Promise.reject(abortedError(signal))
    const flags = flagsOfQos[qos]
    const opId = this.#operations.nextId()
    try {
      this.#outbox.append(opId, opcode | flags, head, payload)
    } catch (error) {
      return Promise.reject(error)
    }
    this.#outbox.schedule((flags & realtimeFlag) !== 0)
    const answer =
      (flags & ackFlag) === 0
        ? this.#outbox.room()
        : this.#acknowledgement(opId, { opcode, head }, timeoutMs, signal)
    if (this.#isPaused) this.#owner.onBlocked(this)
    return answer
  }

  #acknowledgement(
    opId: number,
    operation: Operation,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const unlisten = onAbort(signal, () => {
        if (this.#operations.take(opId) !== undefined) reject(abortedError(signal))
      })
      this.#operations.add(opId, {
        deadlineMs: this.#operations.deadline(timeoutMs),
        settle: (result) => {
          unlisten()
          if (result === results.ok) resolve()
          else reject(operationError(result, operation))
        },
        fail: (error) => {
          unlisten()
          reject(error)
        },
        late: () => this.lateError(operationName(operation), timeoutMs),
      })
    })
  }

  /** There was no answer in time. */
  lateError(what: string, timeoutMs: number): BusError {
    const why = this.#isPaused
      ? 'too much waits for the handlers of this client, so it does not read; let them send over secondary()'
      : 'it may have been carried out'
    const text = `no answer to ${what} within ${timeoutMs} ms; ${why}`
    return new BusError('deadline_exceeded', 'timed_out', text)
  }

  /** Whether bytes are taken from the socket. While they are not, not even acknowledgements come. */
  setReading(isReading: boolean): void {
    if (isReading !== this.#isPaused) return
    this.#isPaused = !isReading
    if (isReading) {
      // The silence was ours.
      this.#receivedAtMs = this.#options.timing.monotonic()
      this.#socket.resume()
    } else {
      this.#socket.pause()
    }
  }

  /**
   * Ends it in order: what waits is written, operations get their acknowledgements, then the socket is
   * closed from this side. Resolves when it is; at the latest after the time-out.
   */
  async close(): Promise<void> {
    if (this.#stage === 'closed') return
    const gone = new Promise<void>((resolve) => this.#onClosed.push(resolve))
    this.setReading(true)
    const limit = this.#options.timing.after(this.#options.timeoutMs, () => this.destroy())
    this.#endWhenDone()
    await gone
    limit.cancel()
  }

  /** Ends it at once. The first error is the one that is told. */
  destroy(error: BusError = new BusError('cancelled', 'cancelled', closedText)): void {
    this.#error ??= error
    this.#socket.destroy()
  }

  onDelivery(delivery: Delivery): void {
    if (this.#stage === 'live') this.#owner.onDelivery(this, delivery)
  }

  onAck(opId: number, result: number): void {
    this.#operations.take(opId)?.settle(result)
    if (this.#isEnding) this.#endWhenDone()
  }

  #endWhenDone(): void {
    this.#isEnding = true
    if (this.#operations.size > 0 || this.#isEnded) return
    this.#isEnded = true
    // Reading goes on until the broker closes: a socket closed with unread bytes would take back what
    // is still on its way to the broker.
    this.#outbox.end()
  }

  #register(signal: AbortSignal): Promise<void> {
    const { address, timeoutMs, timing } = this.#options
    return new Promise((resolve, reject) => {
      const end = () => {
        this.#timer?.cancel()
        unlisten()
        this.#onRegistered = undefined
      }
      this.#onRegistered = {
        resolve: () => {
          end()
          resolve()
        },
        reject: (error) => {
          end()
          reject(error)
        },
      }
      this.#timer = timing.after(timeoutMs, () => {
        const text = `no answer from ${address} within ${timeoutMs} ms: check that a BUS/RT broker listens there`
        this.destroy(new BusError('deadline_exceeded', 'timed_out', text))
      })
      const unlisten = onAbort(signal, () => this.destroy(abortedError(signal)))
    })
  }

  #onBytes(bytes: Buffer, length: number): void {
    this.#receivedAtMs = this.#options.timing.monotonic()
    this.#probedAtMs = undefined
    try {
      const at = this.#stage === 'live' ? 0 : this.#greet(bytes, length)
      if (at < length) this.#decoder.push(bytes, at, length)
      this.#owner.onRead(this)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      const text = `${this.#options.address} does not speak BUS/RT: ${error.message}`
      this.destroy(new BusError('internal', 'undecodable', text, { cause: error }))
    }
  }

  /** The broker's part of the handshake. Returns where the frames begin. */
  #greet(bytes: Buffer, length: number): number {
    let at = 0
    for (; at < length && this.#stage !== 'live' && this.#stage !== 'closed'; at++) {
      const byte = bytes[at] ?? 0
      if (this.#stage === 'greeting') {
        if (byte !== greeting[this.#greetingBytes]) {
          throw new ProtocolError('its greeting is not that of version 1')
        }
        this.#greetingBytes += 1
        if (this.#greetingBytes === greeting.length) this.#introduce()
      } else if (byte !== results.ok) {
        const { name, address } = this.#options
        this.destroy(registrationError(byte, name, address))
        return length
      } else if (this.#stage === 'accepted') {
        this.#stage = 'registered'
      } else {
        this.#stage = 'live'
        this.#onRegistered?.resolve()
        this.#pingLater()
      }
    }
    return at
  }

  #introduce(): void {
    const name = Buffer.from(this.#options.name)
    const length = [name.length & 0xff, name.length >> 8]
    this.#stage = 'accepted'
    this.#outbox.appendBytes(Buffer.concat([Buffer.from([...greeting, ...length]), name]))
    this.#outbox.flush()
  }

  #pingLater(): void {
    this.#timer = this.#options.timing.after(this.#options.pingMs, () => {
      this.#pingLater()
      // Whatever waits to be written is a sign of life as well.
      if (this.#outbox.bytes === 0) {
        this.#outbox.appendBytes(ping)
        this.#outbox.schedule(false)
      }
      if (!this.#isPaused) this.#checkSilence()
    })
  }

  /**
   * Brokers ping on their own, but how often is their choice: so a silent one is asked. Time alone
   * proves nothing, since this program may have slept.
   */
  #checkSilence(): void {
    const { address, timeoutMs, timing } = this.#options
    const now = timing.monotonic()
    if (this.#probedAtMs === undefined) {
      if (now - this.#receivedAtMs < timeoutMs) return
      this.#probedAtMs = now
      this.operate(probe.opcode, probe.head, noBytes).catch(nothing)
    } else if (now - this.#probedAtMs >= timeoutMs) {
      const text = `${address} has given no sign of life for ${Math.round(now - this.#receivedAtMs)} ms`
      this.destroy(new BusError('unavailable', 'connection_lost', text))
    }
  }

  #close(): void {
    const wasLive = this.#stage === 'live'
    this.#stage = 'closed'
    this.#timer?.cancel()
    this.#outbox.close()
    const { name, address } = this.#options
    const error =
      this.#error ?? (wasLive ? lostError(address) : registrationError(undefined, name, address))
    this.#error = error
    this.#onRegistered?.reject(error)
    this.#operations.failAll(error)
    for (const resolve of this.#onClosed) resolve()
    if (wasLive) this.#owner.onClosed(this, error)
  }
}

const closedText = 'the client is closed'

export function abortedError(signal: AbortSignal | undefined): BusError {
  return new BusError('cancelled', 'cancelled', 'the call was aborted', { cause: signal?.reason })
}

function lostError(address: string): BusError {
  return new BusError('unavailable', 'connection_lost', `${address} has closed the connection`)
}

function nothing(): void {}
