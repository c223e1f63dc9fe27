/**
 * Registers methods with grpc-js: with our own codec, the client handle of the connection a call
 * came by, and one place where errors become statuses. Handlers know neither grpc-js's call objects
 * nor its callbacks; unary ones return an answer or a promise, streaming ones get a ResponseStream.
 */

import {
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Metadata,
  type Server,
  type ServerDuplexStream,
} from '@grpc/grpc-js'
import type { ProtoInit } from '../../base/proto-writer.ts'
import type { BusClient } from '../../core/bus-client.ts'
import type { Logger } from '../../core/logger.ts'
import { BusError, toBusError } from '../../model/errors.ts'
import type { Connection } from './connection.ts'
import { ResponseStream } from './response-stream.ts'
import { stoppingError, toStatus } from './translate.ts'

/** One method as the generated descriptors state it. */
export interface Method<Request, Response> {
  readonly path: string
  readonly requestDeserialize: (bytes: Uint8Array) => Request
  readonly responseSerialize: (message: ProtoInit<Response>) => Uint8Array
}

/** Who calls, and what came along. */
export interface Caller {
  readonly connection: Connection
  /** The bus as the client of this connection; lives as long as the connection. */
  readonly client: BusClient
  readonly metadata: Metadata
  /** Runs `listener` once nobody waits for the answer any more, perhaps because it was given. */
  readonly onCancelled: (listener: () => void) => void
}

/** Requests of a duplex call, one at a time. What a listener throws ends the call. */
export interface RequestStream<Request> {
  /** Nothing comes while paused, but what was on its way. */
  pause(): void
  resume(): void
  on(event: 'data', listener: (request: Request) => void): void
  /** The client has sent everything. */
  on(event: 'end', listener: () => void): void
}

/** A decoded request with the size it came in. */
interface Received<Request> {
  readonly request: Request
  readonly bytes: number
}

export interface CallsOptions {
  readonly server: Server
  readonly logger: Logger
  /** A connection by what grpc-js calls its peer; undefined when it is gone. */
  readonly connectionOf: (peer: string) => Connection | undefined
}

// Node's codec gives Buffers there, which is what grpc-js wants.
const asBuffer = (bytes: Uint8Array) => bytes as Buffer

export class Calls {
  readonly #options: CallsOptions
  readonly #streams = new Set<ResponseStream>()
  #isStopping = false

  constructor(options: CallsOptions) {
    this.#options = options
  }

  /** A method with one answer. */
  unary<Request, Response>(
    method: Method<Request, Response>,
    answer: (
      request: Request,
      caller: Caller,
    ) => ProtoInit<Response> | Promise<ProtoInit<Response>>,
  ): void {
    const { responseSerialize } = method
    const handle: handleUnaryCall<Received<Request>, Uint8Array> = (call, callback) => {
      const fail = (error: unknown) => {
        this.#report(method, error)
        callback(toStatus(error))
      }
      try {
        const { request, bytes } = call.request
        const caller = this.#callerOf(call)
        const account = caller.client.live
        account.receivedFrames += 1
        account.receivedBytes += bytes
        const finish = (response: ProtoInit<Response>) => {
          const encoded = responseSerialize(response)
          account.sentFrames += 1
          account.sentBytes += encoded.length
          callback(null, encoded)
        }
        const answered = answer(request, caller)
        if (answered instanceof Promise) answered.then(finish).catch(fail)
        else finish(answered)
      } catch (error) {
        fail(error)
      }
    }
    this.#options.server.register(method.path, handle, asBuffer, receive(method), 'unary')
  }

  /**
   * A method with many answers. `run` may return at once and send later; what it throws or rejects
   * with ends the call. It sends encoded responses.
   */
  serverStream<Request, Response>(
    method: Method<Request, Response>,
    run: (request: Request, responses: ResponseStream, caller: Caller) => void | Promise<void>,
  ): void {
    const handle: handleServerStreamingCall<Received<Request>, Uint8Array> = (call) => {
      const responses = this.#open(new ResponseStream(call))
      this.#run(method, responses, () => {
        const { request, bytes } = call.request
        const caller = this.#begin(call, responses)
        count(responses, bytes)
        return run(request, responses, caller)
      })
    }
    this.#options.server.register(method.path, handle, asBuffer, receive(method), 'serverStream')
  }

  /** A method with many requests and many answers, else like `serverStream`. */
  duplex<Request, Response>(
    method: Method<Request, Response>,
    run: (requests: RequestStream<Request>, responses: ResponseStream, caller: Caller) => void,
  ): void {
    const handle: handleBidiStreamingCall<Received<Request>, Uint8Array> = (call) => {
      const responses = this.#open(new ResponseStream(call))
      const guard = (work: () => void) => this.#run(method, responses, work)
      this.#run(method, responses, () => {
        const caller = this.#begin(call, responses)
        run(new Requests(call, responses, guard), responses, caller)
      })
    }
    this.#options.server.register(method.path, handle, asBuffer, receive(method), 'bidi')
  }

  /** Refuses calls from now on and asks the streams that are left to end. */
  stop(): void {
    this.#isStopping = true
    for (const responses of this.#streams) responses.stop()
  }

  #open(responses: ResponseStream): ResponseStream {
    this.#streams.add(responses)
    responses.onEnd(() => this.#streams.delete(responses))
    return responses
  }

  #run(
    method: { readonly path: string },
    responses: ResponseStream,
    run: () => void | Promise<void>,
  ): void {
    const fail = (error: unknown) => {
      this.#report(method, error)
      responses.fail(error)
    }
    try {
      const running = run()
      if (running instanceof Promise) running.catch(fail)
    } catch (error) {
      fail(error)
    }
  }

  #begin(call: Call, responses: ResponseStream): Caller {
    const caller = this.#callerOf(call)
    responses.account = caller.client.live
    caller.connection.addStream(responses)
    return caller
  }

  #callerOf(call: Call): Caller {
    if (this.#isStopping) throw stoppingError()
    const connection = this.#options.connectionOf(call.getPeer())
    if (connection === undefined) {
      throw new BusError('unavailable', 'connection_lost', 'the connection is closed')
    }
    const { client } = connection
    const onCancelled = (listener: () => void) => void call.once('cancelled', listener)
    return { connection, client, metadata: call.metadata, onCancelled }
  }

  /** Our own defects go to the log; the caller learns no more than that there was one. */
  #report(method: { readonly path: string }, error: unknown): void {
    const { reason, cause } = toBusError(error)
    if (reason !== 'internal') return
    this.#options.logger.error('grpc_call_failed', { method: method.path, err: cause ?? error })
  }
}

/** What all kinds of calls of grpc-js have. */
interface Call {
  readonly metadata: Metadata
  getPeer(): string
  once(event: 'cancelled', listener: () => void): unknown
}

class Requests<Request> implements RequestStream<Request> {
  readonly #call: ServerDuplexStream<Received<Request>, Uint8Array>
  readonly #responses: ResponseStream
  readonly #guard: (work: () => void) => void

  constructor(
    call: ServerDuplexStream<Received<Request>, Uint8Array>,
    responses: ResponseStream,
    guard: (work: () => void) => void,
  ) {
    this.#call = call
    this.#responses = responses
    this.#guard = guard
  }

  pause(): void {
    this.#call.pause()
  }

  resume(): void {
    this.#call.resume()
  }

  on(event: 'data' | 'end', listener: ((request: Request) => void) & (() => void)): void {
    if (event === 'end') {
      this.#call.on('end', () => this.#guard(listener))
      return
    }
    this.#call.on('data', ({ request, bytes }: Received<Request>) => {
      count(this.#responses, bytes)
      // What comes after the end of the call is for nobody.
      if (!this.#responses.isEnded) this.#guard(() => listener(request))
    })
  }
}

function receive<Request>(method: {
  readonly requestDeserialize: (bytes: Uint8Array) => Request
}): (bytes: Uint8Array) => Received<Request> {
  return (bytes) => ({ request: method.requestDeserialize(bytes), bytes: bytes.length })
}

function count({ account }: ResponseStream, bytes: number): void {
  if (account === undefined) return
  account.receivedFrames += 1
  account.receivedBytes += bytes
}
