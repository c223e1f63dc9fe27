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
} from '@grpc/grpc-js'
import type { ProtoInit } from '../../base/proto-writer.ts'
import type { BusClient } from '../../core/bus-client.ts'
import type { Logger } from '../../core/logger.ts'
import { BusError, toBusError } from '../../model/errors.ts'
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
  /** The bus as the client of this connection; lives as long as the connection. */
  readonly client: BusClient
  readonly metadata: Metadata
}

/** Requests of a duplex call, one at a time. */
export interface RequestStream<Request> {
  /** Nothing comes while paused, but what was on its way. */
  pause(): void
  resume(): void
  on(event: 'data', listener: (request: Request) => void): void
  /** The client has sent everything. */
  on(event: 'end', listener: () => void): void
}

export interface CallsOptions {
  readonly server: Server
  readonly logger: Logger
  /** The client handle of a connection by what grpc-js calls its peer; undefined when it is gone. */
  readonly clientOf: (peer: string) => BusClient | undefined
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
    const handle: handleUnaryCall<Request, ProtoInit<Response>> = (call, callback) => {
      const fail = (error: unknown) => {
        this.#report(method, error)
        callback(toStatus(error))
      }
      try {
        const answered = answer(call.request, this.#callerOf(call))
        if (answered instanceof Promise) {
          answered.then((response) => callback(null, response), fail)
        } else callback(null, answered)
      } catch (error) {
        fail(error)
      }
    }
    const { path, responseSerialize, requestDeserialize } = method
    const serialize = (message: ProtoInit<Response>) => asBuffer(responseSerialize(message))
    this.#options.server.register(path, handle, serialize, requestDeserialize, 'unary')
  }

  /**
   * A method with many answers. `run` may return at once and send later; what it throws or rejects
   * with ends the call. It sends encoded responses.
   */
  serverStream<Request, Response>(
    method: Method<Request, Response>,
    run: (request: Request, responses: ResponseStream, caller: Caller) => void | Promise<void>,
  ): void {
    const handle: handleServerStreamingCall<Request, Uint8Array> = (call) => {
      const responses = this.#open(new ResponseStream(call))
      this.#run(method, responses, () => run(call.request, responses, this.#callerOf(call)))
    }
    const { path, requestDeserialize } = method
    this.#options.server.register(path, handle, asBuffer, requestDeserialize, 'serverStream')
  }

  /** A method with many requests and many answers, else like `serverStream`. */
  duplex<Request, Response>(
    method: Method<Request, Response>,
    run: (requests: RequestStream<Request>, responses: ResponseStream, caller: Caller) => void,
  ): void {
    const handle: handleBidiStreamingCall<Request, Uint8Array> = (call) => {
      const responses = this.#open(new ResponseStream(call))
      this.#run(method, responses, () => run(call, responses, this.#callerOf(call)))
    }
    const { path, requestDeserialize } = method
    this.#options.server.register(path, handle, asBuffer, requestDeserialize, 'bidi')
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

  #callerOf(call: { getPeer(): string; readonly metadata: Metadata }): Caller {
    if (this.#isStopping) throw stoppingError()
    const client = this.#options.clientOf(call.getPeer())
    if (client === undefined) {
      throw new BusError('unavailable', 'connection_lost', 'the connection is closed')
    }
    return { client, metadata: call.metadata }
  }

  /** Our own defects go to the log; the caller learns no more than that there was one. */
  #report(method: { readonly path: string }, error: unknown): void {
    const { reason, cause } = toBusError(error)
    if (reason !== 'internal') return
    this.#options.logger.error('grpc_call_failed', { method: method.path, err: cause ?? error })
  }
}
