/**
 * How one attempt changes the row that a store keeps about a peer (spec/msgbus-v1 5.5). The store
 * counts, not the caller, so that a restart of the caller forgets nothing.
 */

import type { PeerSyncResult, PeerSyncState } from '../model/peer-sync-state.ts'

const maxFailures = 2 ** 32 - 1

/** The row after `result`; `previous` is the one about the same peer and log, if there was one. */
export function nextSyncState(
  previous: PeerSyncState | undefined,
  result: PeerSyncResult,
): PeerSyncState {
  const { peer, log, localHead, remoteHead, lastAttemptAtMs, error } = result
  const row = { peer, log, localHead, remoteHead, lastSyncedHead: localHead, lastAttemptAtMs }
  if (error === undefined) {
    return { ...row, lastSuccessAtMs: lastAttemptAtMs, consecutiveFailures: 0, lastError: '' }
  }
  return {
    ...row,
    lastSuccessAtMs: previous?.lastSuccessAtMs ?? 0,
    consecutiveFailures: Math.min((previous?.consecutiveFailures ?? 0) + 1, maxFailures),
    lastError: error,
  }
}
