/**
 * The callee: which handler takes a request, how many run, and the answers. Handlers begin in the order
 * of arrival; what comes while too many are running waits, and the client reads no further meanwhile.
 *
 * A reply goes over the connection that brought the request or not at all: after a new connection its
 * number may mean another call of the same caller.
 */

import { BusError } from '../../model/errors.ts'
import { opcodes, results } from '../../wire/busrt/frames.ts'
import {
  decodeText,
  encodeErrorReply,
  encodeReply,
  noReplyId,
  rpcCodeOfResult,
  rpcErrorCodes,
} from '../../wire/busrt/rpc.ts'
import type { RpcFrame } from '../../wire/busrt/rpc.ts'
import { toPayload } from '../payload-codec.ts'
import { checkText } from './checked-text.ts'
import type { Connection } from './connection.ts'
import type { Delivery } from './delivery-decoder.ts'
import { copyOf } from './received-frame.ts'
import { RpcError } from './rpc-error.ts'

/** A request as its handler sees it. */
export interface RpcCall {
  readonly method: string
  /** Belongs to the handler. */
  readonly params: Uint8Array
  /** Full name of the caller. */
  readonly sender: string
  /** False: the caller does not want to know. */
  readonly wantsReply: boolean
  readonly realtime: boolean
  /** Aborted when the reply can no longer be delivered. */
  readonly signal: AbortSignal
}

export interface RpcNotification {
  /** Belongs to the handler. */
  readonly payload: Uint8Array
  readonly sender: string
  readonly realtime: boolean
}

/** What a handler answers: bytes, text, or nothing for an empty result. */
export type RpcResult = Uint8Array | string | undefined | void

/**
 * Answers one request. An `RpcError` it throws is the answer as it is; any other error is answered as
 * -32603 with its message.
 */
export type RpcHandler = (call: RpcCall) => RpcResult | Promise<RpcResult>

export type NotificationHandler = (notification: RpcNotification) => unknown

export interface RpcHandlersOptions {
  /** More than so many do not run at the same time. */
  readonly maxRunning: number
  /** A handler has ended and another has taken its place, or nothing waits any more. */
  readonly onRoom: () => void
  /** A handler failed and nobody waits for its answer. */
  readonly onError: (error: unknown) => void
}

interface Job {
  readonly connection: Connection
  readonly bytes: number
  readonly run: () => Promise<void>
}

type Request = Extract<RpcFrame, { kind: 'request' }>

/** So many times the requests that run may wait. */
const reserveFactor = 8
/** And their parameters may have so many bytes. */
const reserveBytes = 67_108_864

export class RpcHandlers {
  readonly #options: RpcHandlersOptions
  readonly #methods = new Map<string, RpcHandler>()
  /** Takes what has no handler of its own. */
  others: RpcHandler | undefined
  notifications: NotificationHandler | undefined
  #running = 0
  /** Requests that wait for a handler to end, from `#firstWaiting` on. */
  #waiting: Job[] = []
  #firstWaiting = 0
  #waitingBytes = 0
  readonly #onIdle: (() => void)[] = []
  readonly #signals = new WeakMap<Connection, AbortController>()

  constructor(options: RpcHandlersOptions) {
    this.#options = options
  }

  get isFull(): boolean {
    return this.#firstWaiting < this.#waiting.length
  }

  /** Though it is full, it may take more while the program waits for what comes behind it. */
  get hasReserve(): boolean {
    const { maxRunning } = this.#options
    return (
      this.#waiting.length - this.#firstWaiting < maxRunning * reserveFactor &&
      this.#waitingBytes < reserveBytes
    )
  }

  /** @throws BusError `already_exists/procedure_taken` */
  add(method: string, handler: RpcHandler): () => void {
    checkText('the method', method)
    if (this.#methods.has(method)) {
      const text = `this client serves ${JSON.stringify(method)} already`
      throw new BusError('already_exists', 'procedure_taken', text)
    }
    this.#methods.set(method, handler)
    return () => {
      if (this.#methods.get(method) === handler) this.#methods.delete(method)
    }
  }

  onRequest(connection: Connection, request: Request, delivery: Delivery): void {
    const { bytes, realtime, end } = delivery
    const { id, methodStart, methodEnd, start } = request
    const method = decodeText(bytes, methodStart, methodEnd)
    const sender = senderOf(delivery)
    const answer = (reply: () => Promise<Uint8Array>) =>
      this.#answer(connection, { id, sender, realtime, reply })
    if (method === undefined) {
      const code = rpcCodeOfResult(results.badData)
      const run = () => answer(async () => encodeErrorReply(id, code, ''))
      return this.#add({ connection, bytes: 0, run })
    }
    const call: RpcCall = {
      method,
      params: copyOf(bytes, start, end),
      sender,
      wantsReply: id !== noReplyId,
      realtime,
      signal: this.#signal(connection),
    }
    const run = () => answer(() => this.#reply(id, call))
    return this.#add({ connection, bytes: end - start, run })
  }

  onNotification(connection: Connection, start: number, delivery: Delivery): void {
    const handler = this.notifications
    if (handler === undefined) return
    const { bytes, realtime, end } = delivery
    const notification = {
      payload: copyOf(bytes, start, end),
      sender: senderOf(delivery),
      realtime,
    }
    const run = async () => {
      try {
        await handler(notification)
      } catch (error) {
        this.#options.onError(error)
      }
    }
    this.#add({ connection, bytes: end - start, run })
  }

  /** The connection is gone: what came by it and has not begun never will, the rest learns of it. */
  onDisconnected(connection: Connection, error: BusError): void {
    this.#signals.get(connection)?.abort(error)
    this.#waiting = this.#waiting
      .slice(this.#firstWaiting)
      .filter((job) => job.connection !== connection)
    this.#firstWaiting = 0
    this.#waitingBytes = this.#waiting.reduce((sum, job) => sum + job.bytes, 0)
  }

  /** Resolves when no handler is running. */
  async idle(): Promise<void> {
    if (this.#running > 0) await new Promise<void>((resolve) => this.#onIdle.push(resolve))
  }

  #add(job: Job): void {
    if (this.#running < this.#options.maxRunning) return this.#start(job)
    this.#waiting.push(job)
    this.#waitingBytes += job.bytes
  }

  #start(job: Job): void {
    this.#running += 1
    void job.run().then(() => this.#ended())
  }

  #ended(): void {
    this.#running -= 1
    const job = this.#waiting[this.#firstWaiting]
    if (job === undefined) {
      if (this.#running === 0) for (const resolve of this.#onIdle.splice(0)) resolve()
      return
    }
    this.#firstWaiting += 1
    this.#waitingBytes -= job.bytes
    if (!this.isFull) {
      this.#waiting = []
      this.#firstWaiting = 0
    }
    this.#start(job)
    this.#options.onRoom()
  }

  async #reply(id: number, call: RpcCall): Promise<Uint8Array> {
    const handler = this.#methods.get(call.method) ?? this.others
    if (handler === undefined) return encodeErrorReply(id, rpcErrorCodes.methodNotFound, '')
    try {
      const result = await handler(call)
      return encodeReply(id, result === undefined ? noBytes : toPayload(result))
    } catch (error) {
      if (error instanceof RpcError) return encodeErrorReply(id, error.rpcCode, error.data)
      if (!call.wantsReply) this.#options.onError(error)
      const text = error instanceof Error ? error.message : String(error)
      return encodeErrorReply(id, rpcErrorCodes.internal, text)
    }
  }

  async #answer(
    connection: Connection,
    request: {
      readonly id: number
      readonly sender: string
      readonly realtime: boolean
      readonly reply: () => Promise<Uint8Array>
    },
  ): Promise<void> {
    const reply = await request.reply()
    if (request.id === noReplyId) return
    // Replies of many handlers that end together wait for each other instead of being refused.
    while (!connection.hasRoom) await connection.room()
    // Other clients ask for an acknowledgement here (spec/busrt 6.1), which nobody misses: it would come
    // behind the requests that wait, and a broker that answers only who reads would stop taking replies.
    const qos = request.realtime ? 'realtime' : 'none'
    connection.operate(opcodes.message, request.sender, reply, { qos }).catch(nothing)
  }

  #signal(connection: Connection): AbortSignal {
    let controller = this.#signals.get(connection)
    if (controller === undefined) {
      controller = new AbortController()
      this.#signals.set(connection, controller)
    }
    return controller.signal
  }
}

const noBytes = new Uint8Array(0)

function senderOf({ bytes, senderStart, senderEnd }: Delivery): string {
  return bytes.toString('utf8', senderStart, senderEnd)
}

function nothing(): void {}
