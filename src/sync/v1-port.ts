/**
 * A peer that speaks msgbus.v1, as a port: what a session asks it and what it answers. Nothing here
 * is checked; answers are what somebody else claims, in the shapes of the wire, and whoever asks
 * checks them (peer-claims.ts). gRPC is one implementation (grpc-peer.ts), the simulated network of
 * test/simulation another.
 */

import type { FrameStream } from '../net/frame-stream.ts'
import type {
  FetchRequest,
  HealthResponse,
  MessageEnvelope,
  TopicHead,
} from '../wire/gen/msgbus-v1.ts'

/**
 * One connection. Calls reject with `BusError` when they fail (`unavailable`: the connection is
 * gone) and with `ProtocolError` when the answer is none of this protocol. No call ends by time;
 * whoever calls does that, and then closes.
 */
export interface V1Peer {
  health(): Promise<HealthResponse>
  /** Undefined: exactly what the last call on this connection answered. */
  listHeads(): Promise<readonly TopicHead[] | undefined>
  fetch(request: FetchRequest): V1Fetch
  /**
   * A link over this connection, which ends with it; absent where there can be none. It fails with `unimplemented`
   * when the peer knows no links; the connection stands all the same then.
   */
  openLink?(): FrameStream
  /** Ends every call under way; may be called twice. */
  close(): void
}

/** The answer to one Fetch, pulled: nothing is read ahead beyond what flow control allows. */
export interface V1Fetch {
  /**
   * The next message; undefined after a clean end. One read at a time. A response without its
   * message comes as `null`.
   */
  read(): Promise<MessageEnvelope | null | undefined>
  /** Frees everything, here and there; harmless after the end. */
  cancel(): void
}

/** Resolves when the connection stands; rejects with `unavailable` and says why not. */
export type DialV1 = (signal: AbortSignal) => Promise<V1Peer>
