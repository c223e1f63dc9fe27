/**
 * A connection that carries whole frames both ways, whatever brings it: a stream of gRPC, a WebSocket, the simulated
 * network. For two daemons that talk as equals: once it stands, neither end is client or server.
 */

import type { Identity } from '../model/identity.ts'

export interface FrameStream {
  /** Takes the frame over. After the end it does nothing. */
  send(frame: Uint8Array): void
  /** Of what was sent, bytes that the transport has not taken yet. */
  readonly unsentBytes: number
  /** Once, before anything can come. */
  start(handler: FrameHandler): void
  /** Nothing comes while paused, but what was on its way. */
  pause(): void
  resume(): void
  /** Ends it; `error` is told to the other side where the transport can. `closed` is not called. */
  close(error?: Error): void
}

/** Must not throw. */
export interface FrameHandler {
  /** Belongs to the handler. */
  frame(bytes: Uint8Array): void
  /** The transport has taken all that was sent. */
  room(): void
  /** The other side ended it, or it broke; the last call. */
  closed(error: Error): void
}

/** Who is at the other end of a stream that came in. */
export interface FrameStreamCaller {
  readonly identity: Identity
  /** `ip:port`; undefined for a Unix socket. */
  readonly source: string | undefined
}
