/** The rows about peers of a memory store, one per peer and log and one per peer as a whole. */

import { nextSyncState } from '../../core/sync-state.ts'
import type { LogKey } from '../../model/message.ts'
import { nodeKey } from '../../model/node-id.ts'
import type { PeerSyncResult, PeerSyncState } from '../../model/peer-sync-state.ts'

export class MemorySyncStates {
  readonly #rows = new Map<string, PeerSyncState>()

  record(result: PeerSyncResult): void {
    const key = keyOf(result.peer, result.log)
    this.#rows.set(key, nextSyncState(this.#rows.get(key), result))
  }

  list(): PeerSyncState[] {
    return [...this.#rows.values()]
  }

  load(rows: readonly PeerSyncState[]): void {
    for (const row of rows) this.#rows.set(keyOf(row.peer, row.log), row)
  }
}

function keyOf(peer: string, log: LogKey | undefined): string {
  const suffix = log === undefined ? '' : `${nodeKey(log.origin)}${log.topic}`
  return `${peer.length}:${peer}${suffix}`
}
