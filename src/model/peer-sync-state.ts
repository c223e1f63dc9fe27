/** How far synchronisation with a peer has come (spec/msgbus-v1 5.5). */

import type { LogKey } from './message.ts'

export interface PeerSyncState {
  /** Endpoint text as configured. */
  readonly peer: string
  /** Absent: the row about the peer as a whole. */
  readonly log: LogKey | undefined
  readonly localHead: number
  readonly remoteHead: number
  readonly lastSyncedHead: number
  readonly lastAttemptAtMs: number
  readonly lastSuccessAtMs: number
  /** Saturates at 2^32-1. */
  readonly consecutiveFailures: number
  /** Empty after a success. */
  readonly lastError: string
}

/** One attempt; the store keeps the counters (previous success time, failures in a row). */
export type PeerSyncResult = Pick<
  PeerSyncState,
  'peer' | 'log' | 'localHead' | 'remoteHead' | 'lastAttemptAtMs'
> & { readonly error?: string | undefined }
