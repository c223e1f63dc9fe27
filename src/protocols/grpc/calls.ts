/**
 * Serves methods over everything that brings calls: gRPC, and the tunnel of pages. Here a call gets the
 * client handle of the connection it came by, its traffic is counted, and errors become statuses. Handlers
 * know neither grpc-js's call objects nor frames; unary ones return an answer or a promise, streaming ones
 * get a ResponseStream.
 */

import type { ProtoInit } from '../../base/proto-writer.ts'
import type { BusClient } from '../../core/bus-client.ts'
import type { Logger } from '../../core/logger.ts'
import { BusError, toBusError } from '../../model/errors.ts'
import type { Connection } from './connection.ts'
import type {
  CallSource,
  DuplexCall,
  IncomingCall,
  MetadataReader,
  Method,
  StreamingCall,
} from './incoming-call.ts'
import { ResponseStream } from './response-stream.ts'
import { stoppingError } from './translate.ts'

/** Who calls, and what came along. */
export interface Caller {
  readonly connection: Connection
  /** The bus as the client of this connection; lives as long as the connection. */
  readonly client: BusClient
  readonly metadata: MetadataReader
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

export class Calls {
  readonly #sources: readonly CallSource[]
  readonly #logger: Logger
  readonly #streams = new Set<ResponseStream>()
  #isStopping = false

  constructor(sources: readonly CallSource[], logger: Logger) {
    this.#sources = sources
    this.#logger = logger
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
    for (const source of this.#sources) {
      source.unary(method, ({ request, bytes }, call) => {
        const fail = (error: unknown) => {
          this.#report(method, error)
          call.fail(error)
        }
        const serve = (connection: Connection) => {
          const caller = callerOf(call, connection)
          const account = caller.client.live
          account.receivedFrames += 1
          account.receivedBytes += bytes
          const finish = (response: ProtoInit<Response>) => {
            const encoded = responseSerialize(response)
            account.sentFrames += 1
            account.sentBytes += encoded.length
            call.answer(encoded)
          }
          const answered = answer(request, caller)
          if (answered instanceof Promise) answered.then(finish).catch(fail)
          else finish(answered)
        }
        try {
          const connection = this.#connectionOf(call)
          if (connection instanceof Promise) connection.then(serve).catch(fail)
          else serve(connection)
        } catch (error) {
          fail(error)
        }
      })
    }
  }

  /** A method for those who watch the daemon: whoever asks is answered, and no client of the bus is made for it. */
  probe<Request, Response>(
    method: Method<Request, Response>,
    answer: (request: Request) => ProtoInit<Response>,
  ): void {
    for (const source of this.#sources) {
      source.unary(method, ({ request }, call) => {
        try {
          if (this.#isStopping) throw stoppingError()
          call.answer(method.responseSerialize(answer(request)))
        } catch (error) {
          this.#report(method, error)
          call.fail(error)
        }
      })
    }
  }

  /**
   * A method with many answers. `run` may return at once and send later; what it throws or rejects
   * with ends the call. It sends encoded responses.
   */
  serverStream<Request, Response>(
    method: Method<Request, Response>,
    run: (request: Request, responses: ResponseStream, caller: Caller) => void | Promise<void>,
  ): void {
    for (const source of this.#sources) {
      source.serverStream(method, ({ request, bytes }, call) => {
        const responses = this.#open(call)
        this.#run(method, responses, () => {
          const serve = (connection: Connection) => {
            const caller = begin(call, connection, responses)
            count(responses, bytes)
            const running = run(request, responses, caller)
            // What runs on has its first response, or its failure, soon.
            if (!responses.isEnded && !(running instanceof Promise)) call.accept()
            return running
          }
          const connection = this.#connectionOf(call)
          if (!(connection instanceof Promise)) return serve(connection)
          return connection.then((found) => (responses.isEnded ? undefined : serve(found)))
        })
      })
    }
  }

  /** A method with many requests and many answers, else like `serverStream`. */
  duplex<Request, Response>(
    method: Method<Request, Response>,
    run: (requests: RequestStream<Request>, responses: ResponseStream, caller: Caller) => void,
  ): void {
    for (const source of this.#sources) {
      source.duplex(method, (call) => {
        const responses = this.#open(call)
        const guard = (work: () => void) => this.#run(method, responses, work)
        this.#run(method, responses, () => {
          const serve = (connection: Connection) => {
            const caller = begin(call, connection, responses)
            const requests = new Requests(call, responses, guard)
            run(requests, responses, caller)
            if (!responses.isEnded) call.accept()
            return requests
          }
          const connection = this.#connectionOf(call)
          if (!(connection instanceof Promise)) {
            serve(connection)
            return
          }
          // Whoever reads its requests is not there yet.
          call.pause()
          return connection.then((found) => {
            if (responses.isEnded) return
            if (!serve(found).isPaused) call.resume()
          })
        })
      })
    }
  }

  /** Refuses calls from now on and asks the streams that are left to end. */
  stop(): void {
    this.#isStopping = true
    for (const responses of this.#streams) responses.stop()
  }

  #open(call: StreamingCall): ResponseStream {
    const responses = new ResponseStream(call)
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

  #connectionOf({ callers, metadata }: IncomingCall): Connection | Promise<Connection> {
    if (this.#isStopping) throw stoppingError()
    if (callers !== undefined) return callers.of(metadata)
    throw new BusError('unavailable', 'connection_lost', 'the connection is closed')
  }

  /** Our own defects go to the log; the caller learns no more than that there was one. */
  #report(method: { readonly path: string }, error: unknown): void {
    const { reason, cause } = toBusError(error)
    if (reason !== 'internal') return
    this.#logger.error('grpc_call_failed', { method: method.path, err: cause ?? error })
  }
}

function callerOf(call: IncomingCall, connection: Connection): Caller {
  const { client } = connection
  const onCancelled = (listener: () => void) => call.onCancelled(listener)
  return { connection, client, metadata: call.metadata, onCancelled }
}

function begin(call: IncomingCall, connection: Connection, responses: ResponseStream): Caller {
  const caller = callerOf(call, connection)
  responses.account = caller.client.live
  connection.addStream(responses)
  return caller
}

class Requests<Request> implements RequestStream<Request> {
  readonly #call: DuplexCall<Request>
  readonly #responses: ResponseStream
  readonly #guard: (work: () => void) => void
  isPaused = false

  constructor(
    call: DuplexCall<Request>,
    responses: ResponseStream,
    guard: (work: () => void) => void,
  ) {
    this.#call = call
    this.#responses = responses
    this.#guard = guard
  }

  pause(): void {
    this.isPaused = true
    this.#call.pause()
  }

  resume(): void {
    this.isPaused = false
    this.#call.resume()
  }

  on(event: 'data' | 'end', listener: ((request: Request) => void) & (() => void)): void {
    if (event === 'end') {
      this.#call.onHalfClose(() => this.#guard(listener))
      return
    }
    this.#call.onRequest(({ request, bytes }) => {
      count(this.#responses, bytes)
      // What comes after the end of the call is for nobody.
      if (!this.#responses.isEnded) this.#guard(() => listener(request))
    })
  }
}

function count({ account }: ResponseStream, bytes: number): void {
  if (account === undefined) return
  account.receivedFrames += 1
  account.receivedBytes += bytes
}
