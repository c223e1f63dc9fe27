/**
 * Who lacks what: what has to be done about each log that a peer offers. Pure, so that the rules stand
 * in one place and can be tested as a table.
 */

import type { LogStore } from '../core/log-store.ts'
import { BusError } from '../model/errors.ts'
import { deleteMarkerTopic } from '../model/message.ts'
import { nodeIdEquals, type NodeId } from '../model/node-id.ts'
import type { LogProgress } from './log-progress.ts'
import type { OfferedLog } from './peer-claims.ts'
import { allowsLog, type PeerRules } from './peer-rules.ts'

export type Step =
  /** Nothing to fetch. */
  | { readonly kind: 'in_step' }
  /** The rules do not let this peer speak for it. */
  | { readonly kind: 'not_wanted' }
  /** It failed lately. */
  | { readonly kind: 'later' }
  /** The peer has messages of this node that are not here: this store has lost something. */
  | { readonly kind: 'own_ahead' }
  /** Names that this store cannot hold. */
  | { readonly kind: 'refused' }
  /** Fetch `from` and what follows; `isCompared`: the first is here already and has to be the same. */
  | { readonly kind: 'fetch'; readonly from: number; readonly isComparing: boolean }

export interface PlanContext {
  readonly own: NodeId
  readonly store: Pick<LogStore, 'head'>
  readonly rules: PeerRules
  readonly progress: LogProgress
  /** Messages of this node are taken back. */
  readonly recovers: boolean
  /** Monotonic. */
  readonly now: number
}

export function planLog(offered: OfferedLog, context: PlanContext): Step {
  const { own, store, rules, progress, recovers, now } = context
  const { key, head } = offered
  if (!allowsLog(rules, offered)) return { kind: 'not_wanted' }
  if (progress.waitMs(key, now) > 0) return { kind: 'later' }
  if (offered.refusal !== undefined) return { kind: 'refused' }
  const local = store.head(offered) ?? 0
  if (nodeIdEquals(offered.origin, own) && head > local && !recovers) return { kind: 'own_ahead' }
  // Once per connection the histories are compared, where both have a message (defect L28).
  const shared = Math.min(local, head)
  if (shared > 0 && !progress.isCompared(key)) {
    return { kind: 'fetch', from: shared, isComparing: true }
  }
  if (head <= local) return { kind: 'in_step' }
  return { kind: 'fetch', from: local + 1, isComparing: false }
}

/** What is said about a log in step `own_ahead`. */
export function ownLogAhead(head: number): BusError {
  const text = `the peer has messages of this node up to ${head} that are not here: this store has lost them, or another node has the same id`
  return new BusError('failed_precondition', 'own_log_ahead', text)
}

/** Delete markers last, so that those who listen hear of a message before it is deleted. */
export function inOrder(logs: readonly OfferedLog[]): OfferedLog[] {
  const markers = logs.filter(({ topic }) => topic === deleteMarkerTopic)
  if (markers.length === 0) return [...logs]
  return [...logs.filter(({ topic }) => topic !== deleteMarkerTopic), ...markers]
}
