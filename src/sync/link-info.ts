/** What people are shown of connections to peers. */

import type { NodeId } from '../model/node-id.ts'
import type { LinkState, PeerSession } from './peer-link.ts'

/** A connection to a peer, or the lack of one. */
export interface LinkInfo extends SessionInfo {
  /** As configured; of a link that the peer has dialled, its node id. */
  readonly peer: string
  readonly direction: 'outgoing' | 'incoming'
  readonly state: LinkState
  /** What went wrong last; empty since it is up. */
  readonly lastError: string
}

export interface SessionInfo {
  /** Undefined while nobody has answered there. */
  readonly node: NodeId | undefined
  /** `standby`: another link to the same node is up. */
  readonly kind: 'link' | 'v1' | 'standby' | 'none'
  /** Milliseconds to the peer and back; undefined while not known. */
  readonly rttMs: number | undefined
  /** Messages that it has and this node lacks. */
  readonly lag: number
  /** Messages that it asked for and has not stored; 0 where that is not known. */
  readonly behind: number
  /** Of this connection; 0 where they are not counted. */
  readonly receivedBytes: number
  readonly sentBytes: number
  /** Wall clock; undefined while it is not up. */
  readonly upSinceMs: number | undefined
}

export function sessionInfo(session: PeerSession): SessionInfo {
  const { node, kind, heads, rttMs, behind = 0, receivedBytes = 0, sentBytes = 0 } = session
  const lag = heads.remote - heads.local
  return { node, kind, rttMs, lag, behind, receivedBytes, sentBytes, upSinceMs: session.upSinceMs }
}
