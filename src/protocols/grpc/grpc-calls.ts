/** Calls that come by gRPC: registers methods with grpc-js, with our own codec, and wraps its call objects. */

import { Metadata } from '@grpc/grpc-js'
import type {
  handleBidiStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  sendUnaryData,
  Server,
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
} from '@grpc/grpc-js'
import type { Callers } from './callers.ts'
import type {
  CallSource,
  DuplexCall,
  IncomingCall,
  Method,
  Received,
  StreamingCall,
  UnaryCall,
} from './incoming-call.ts'
import { toStatus } from './translate.ts'

/** Those of a connection by what grpc-js calls its peer; undefined when it is gone. */
export type CallersOf = (peer: string) => Callers | undefined

// Node's codec gives Buffers there, which is what grpc-js wants.
const asBuffer = (bytes: Uint8Array) => bytes as Buffer

export class GrpcCalls implements CallSource {
  readonly #server: Server
  readonly #callersOf: CallersOf

  constructor(server: Server, callersOf: CallersOf) {
    this.#server = server
    this.#callersOf = callersOf
  }

  unary<Q, R>(method: Method<Q, R>, serve: (received: Received<Q>, call: UnaryCall) => void): void {
    const handle: handleUnaryCall<Received<Q>, Uint8Array> = (call, callback) => {
      serve(call.request, new GrpcUnaryCall(call, this.#callersOf, callback))
    }
    this.#server.register(method.path, handle, asBuffer, receive(method), 'unary')
  }

  serverStream<Q, R>(
    method: Method<Q, R>,
    serve: (received: Received<Q>, call: StreamingCall) => void,
  ): void {
    const handle: handleServerStreamingCall<Received<Q>, Uint8Array> = (call) => {
      serve(call.request, new GrpcStreamingCall(call, this.#callersOf))
    }
    this.#server.register(method.path, handle, asBuffer, receive(method), 'serverStream')
  }

  duplex<Q, R>(method: Method<Q, R>, serve: (call: DuplexCall<Q>) => void): void {
    const handle: handleBidiStreamingCall<Received<Q>, Uint8Array> = (call) => {
      serve(new GrpcDuplexCall(call, this.#callersOf))
    }
    this.#server.register(method.path, handle, asBuffer, receive(method), 'bidi')
  }
}

/** What all kinds of calls of grpc-js have. */
interface AnyCall {
  readonly metadata: Metadata
  getPeer(): string
  once(event: 'cancelled', listener: () => void): unknown
}

class GrpcCall<Call extends AnyCall> implements IncomingCall {
  protected readonly call: Call
  readonly #callersOf: CallersOf

  constructor(call: Call, callersOf: CallersOf) {
    this.call = call
    this.#callersOf = callersOf
  }

  get callers(): Callers | undefined {
    return this.#callersOf(this.call.getPeer())
  }

  get metadata(): Metadata {
    return this.call.metadata
  }

  /** Comes once, however the call ends: by the client, its deadline, the connection or by us. */
  onCancelled(listener: () => void): void {
    this.call.once('cancelled', listener)
  }
}

class GrpcUnaryCall extends GrpcCall<ServerUnaryCall<unknown, Uint8Array>> implements UnaryCall {
  readonly #callback: sendUnaryData<Uint8Array>

  constructor(
    call: ServerUnaryCall<unknown, Uint8Array>,
    callersOf: CallersOf,
    callback: sendUnaryData<Uint8Array>,
  ) {
    super(call, callersOf)
    this.#callback = callback
  }

  answer(response: Uint8Array): void {
    this.#callback(null, response)
  }

  fail(error: unknown): void {
    this.#callback(toStatus(error))
  }
}

class GrpcStreamingCall<
  Call extends ServerWritableStream<unknown, Uint8Array> | ServerDuplexStream<unknown, Uint8Array> =
    ServerWritableStream<unknown, Uint8Array>,
>
  extends GrpcCall<Call>
  implements StreamingCall
{
  /** grpc-js counts objects: sixteen. */
  get isFull(): boolean {
    return this.call.writableNeedDrain
  }

  accept(): void {
    // Does nothing the second time.
    this.call.sendMetadata(new Metadata())
  }

  write(response: Uint8Array, onTaken?: () => void): boolean {
    this.call.write(response, onTaken)
    return false
  }

  end(): void {
    this.call.end()
  }

  fail(error: unknown): void {
    // What grpc-js's streams take for the end of a call with a status.
    this.call.emit('error', toStatus(error))
  }
}

class GrpcDuplexCall<Q>
  extends GrpcStreamingCall<ServerDuplexStream<Received<Q>, Uint8Array>>
  implements DuplexCall<Q>
{
  pause(): void {
    this.call.pause()
  }

  resume(): void {
    this.call.resume()
  }

  onRequest(listener: (received: Received<Q>) => void): void {
    this.call.on('data', listener)
  }

  onHalfClose(listener: () => void): void {
    this.call.on('end', listener)
  }
}

function receive<Q>(method: {
  readonly requestDeserialize: (bytes: Uint8Array) => Q
}): (bytes: Uint8Array) => Received<Q> {
  return (bytes) => ({ request: method.requestDeserialize(bytes), bytes: bytes.length })
}
