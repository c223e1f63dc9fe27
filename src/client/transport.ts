/**
 * What the client needs of a connection to a daemon: gRPC over HTTP/2 (grpc-transport.ts), a WebSocket
 * (web-socket-transport.ts), or what a program brings. Everything above this file runs anywhere.
 *
 * Streams are pulled: one `read` brings one message, and nothing is read from the network beyond
 * what flow control allows while nobody reads. All errors are `BusError`; the transport's own error
 * is the `cause`.
 */

/** How one method is called; the generated service descriptors have this shape. */
export interface Rpc<Request, Response> {
  /** `/package.Service/Method` */
  readonly path: string
  readonly requestSerialize: (request: Request) => Uint8Array
  /** @throws Error when the bytes are not a response; it becomes `internal/undecodable` */
  readonly responseDeserialize: (bytes: Uint8Array) => Response
}

export interface CallOptions {
  /** Milliseconds until the call fails with `deadline_exceeded/timed_out`; absent: never. */
  readonly timeoutMs?: number | undefined
  /** Ends the call with `cancelled/cancelled`. */
  readonly signal?: AbortSignal | undefined
  /** Request metadata; keys in lower case. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
  /** Called once the daemon has accepted the call and begun to answer. */
  readonly onOpen?: (() => void) | undefined
}

export interface ResponseStream<Response> {
  /**
   * The next message; undefined after a clean end. One read at a time.
   * @throws BusError with which the stream ended
   */
  read(): Promise<Response | undefined>
  /** Frees the stream at once, here and at the daemon; a pending read rejects with `cancelled`. */
  cancel(): void
}

export interface DuplexStream<Request, Response> extends ResponseStream<Response> {
  /** Resolves when the transport wants more; also when the stream has ended. One write at a time. */
  write(request: Request): Promise<void>
  /** No more requests; call it after the last write has settled. */
  end(): void
}

export interface Transport {
  /** Where it leads, for error messages. */
  readonly target: string
  unary<Q, R>(rpc: Rpc<Q, R>, request: Q, options: CallOptions): Promise<R>
  stream<Q, R>(rpc: Rpc<Q, R>, request: Q, options: CallOptions): ResponseStream<R>
  /** Absent where the network stack cannot do it; publishers then fall back to single calls. */
  duplex?<Q, R>(rpc: Rpc<Q, R>, options: CallOptions): DuplexStream<Q, R>
  /** Fires with `close`. */
  readonly closed: AbortSignal
  /** Ends every call with `cancelled`; may be called twice. */
  close(): void
}
