/**
 * Whether this node may take messages of its own from peers. It may when its store was made anew, or goes back to a
 * backup, and nothing was published since: peers have then what it lost. Once it publishes, its numbering is its own again.
 */

import { nodeIdEquals, type NodeId } from '../model/node-id.ts'
import type { LogStore } from '../core/log-store.ts'
import type { LogProgress } from './log-progress.ts'
import type { OfferedLog } from './peer-claims.ts'

export class RecoveryGate {
  isOpen: boolean

  constructor(isOpen: boolean) {
    this.isOpen = isOpen
  }
}

/** Whether nothing that a peer has of this node is still to come: it is here, or it failed. */
export function hasOwn(
  logs: Iterable<OfferedLog>,
  own: NodeId,
  store: Pick<LogStore, 'head'>,
  progress: LogProgress,
): boolean {
  for (const log of logs) {
    if (!nodeIdEquals(log.origin, own) || log.head <= (store.head(log) ?? 0)) continue
    if (!progress.isFailing(log.key)) return false
  }
  return true
}
