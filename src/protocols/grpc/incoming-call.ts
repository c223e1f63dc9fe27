/**
 * A call as it reaches the daemon, whatever brought it: grpc-js (grpc-calls.ts) or the tunnel of a page
 * (tunnel-call.ts). Handlers see less of it, calls.ts stands between.
 */

import type { ProtoInit } from '../../base/proto-writer.ts'
import type { Callers } from './callers.ts'

/** One method as the generated descriptors state it. */
export interface Method<Request, Response> {
  readonly path: string
  readonly requestDeserialize: (bytes: Uint8Array) => Request
  readonly responseSerialize: (message: ProtoInit<Response>) => Uint8Array
}

/** What came along with a call; grpc-js's Metadata is one. */
export interface MetadataReader {
  get(key: string): readonly (string | Uint8Array)[]
}

/** A decoded request with the size it came in. */
export interface Received<Request> {
  readonly request: Request
  readonly bytes: number
}

export interface IncomingCall {
  /** Of its connection; undefined when that is gone. */
  readonly callers: Callers | undefined
  readonly metadata: MetadataReader
  /** Runs `listener` once nobody waits for the answer any more, perhaps because it was given. */
  onCancelled(listener: () => void): void
}

export interface UnaryCall extends IncomingCall {
  /** Once, unless `fail` was called; takes the bytes over. */
  answer(response: Uint8Array): void
  fail(error: unknown): void
}

/** Where the encoded responses of a streaming call go. */
export interface StreamingCall extends IncomingCall {
  /** It has enough for now, however few bytes that are. */
  readonly isFull: boolean
  /**
   * Tells the client that the call is accepted, when no response has done so: clients in Rust wait for
   * that before they go on (spec/msgbus-v1 7.2), and a quiet topic has no response for them.
   */
  accept(): void
  /**
   * Takes a response over. True: it is on its way already; false: it waits, and `onTaken` runs later.
   * Never calls `onTaken` before it returns.
   */
  write(response: Uint8Array, onTaken?: () => void): boolean
  /** Ends the call with OK, after everything written. */
  end(): void
  /** Ends the call with an error, after everything written. */
  fail(error: unknown): void
}

export interface DuplexCall<Request> extends StreamingCall {
  /** No request comes while paused, but what was on its way. */
  pause(): void
  resume(): void
  onRequest(listener: (received: Received<Request>) => void): void
  /** The client has sent everything. */
  onHalfClose(listener: () => void): void
}

/** Somewhere calls come from. Each method is told to all of them. */
export interface CallSource {
  unary<Request, Response>(
    method: Method<Request, Response>,
    serve: (received: Received<Request>, call: UnaryCall) => void,
  ): void
  serverStream<Request, Response>(
    method: Method<Request, Response>,
    serve: (received: Received<Request>, call: StreamingCall) => void,
  ): void
  duplex<Request, Response>(
    method: Method<Request, Response>,
    serve: (call: DuplexCall<Request>) => void,
  ): void
}
