/**
 * Fetches a batch of one log from a peer and stores it. Every message is checked before anything of
 * its group is stored; groups are bounded in bytes, and nothing is read while one is being stored, so
 * that memory is bounded whatever a peer sends.
 */

import type { Clock } from '../core/clock.ts'
import type { LogStore } from '../core/log-store.ts'
import { compareReplica } from '../core/merge-rule.ts'
import { BusError, ProtocolError, toBusError } from '../model/errors.ts'
import { contentBytes } from '../model/content-bytes.ts'
import { formatNodeId } from '../model/node-id.ts'
import type { FetchSlots } from './fetch-slots.ts'
import { checkMessage, type OfferedLog, type Replica } from './peer-claims.ts'
import type { SyncCounters } from './sync-counters.ts'
import type { V1Peer } from './v1-port.ts'
import { within } from './waiting.ts'

export interface LogPullOptions {
  readonly store: LogStore
  readonly clock: Clock
  readonly counters: SyncCounters
  readonly slots: FetchSlots
  /** A stream that brings nothing for so long is given up. */
  readonly stallMs: number
  /** Messages that are stored together hold at most so many bytes, but for the last. */
  readonly groupBytes: number
}

export interface PullRange {
  readonly from: number
  /** Messages asked for. */
  readonly limit: number
  /** The message at `from` is here; it must be the same there. */
  readonly isComparing: boolean
}

/** Storing here failed; the peer has nothing to do with it. `cause` says why. */
export class StoreFailure extends Error {
  constructor(cause: BusError) {
    super(`storing here failed: ${cause.message}`, { cause })
    this.name = 'StoreFailure'
  }
}

/** Besides its content a message takes about as much in memory. */
const overheadBytes = 256

/**
 * Answers how many messages came. What came before a failure is kept, if every message of it was
 * in order; what comes with a lie is not.
 *
 * @throws ProtocolError when the peer lies; `StoreFailure`; `BusError` about this log: `log_fork`, what the
 * peer refuses with, what cannot be stored, `timed_out`; `unavailable` when the connection is gone
 */
export async function pullLog(
  peer: V1Peer,
  log: OfferedLog,
  range: PullRange,
  options: LogPullOptions,
): Promise<number> {
  const { topic, origin } = log
  const { from, limit, isComparing } = range
  const { clock, stallMs, groupBytes } = options
  const stream = peer.fetch({ topic, origin, fromHeadId: from, limit })
  let count = 0
  let group: Replica[] = []
  let bytes = 0
  const storeGroup = async (): Promise<void> => {
    const full = group
    group = []
    bytes = 0
    if (full.length > 0) await storeReplicas(log, full, options)
  }
  try {
    for (;;) {
      const message = await within(clock, stallMs, 'Fetch', stream.read())
      if (message === undefined) break
      if (count === limit) throw new ProtocolError(`asked for ${limit} messages, got more`)
      const replica = checkMessage(message, log, from + count)
      count += 1
      if (isComparing && count === 1) {
        await compareWithOurs(replica, options.store)
        continue
      }
      group.push(replica)
      bytes += contentBytes(replica) + overheadBytes
      if (bytes >= groupBytes) await storeGroup()
    }
  } catch (error) {
    if (error instanceof BusError) await storeGroup()
    throw error
  } finally {
    stream.cancel()
  }
  await storeGroup()
  return count
}

/** @throws BusError `failed_precondition/log_fork` when ours is another message */
export async function compareWithOurs(replica: Replica, store: LogStore): Promise<void> {
  const { messages } = await store.read(replica, replica.headId, { messages: 1 }).catch(storeFailed)
  const [stored] = messages
  // A damaged one says nothing about the history.
  if (stored?.headId !== replica.headId) return
  // A flag that says deleted is not taken from here: only markers delete what is here (defect L29).
  if (compareReplica(stored, replica) === 'fork') throw forked(replica, stored.id)
}

async function storeReplicas(
  log: OfferedLog,
  replicas: readonly Replica[],
  { store, slots, counters }: LogPullOptions,
): Promise<void> {
  await slots.storing([log.key], async () => {
    const local = store.head(log) ?? 0
    const fresh = replicas.filter(({ headId }) => headId > local)
    const known = replicas[replicas.length - fresh.length - 1]
    // Another peer was faster; it must have been the same messages.
    if (known !== undefined) await compareWithOurs(known, store)
    if (fresh.length === 0) return
    for (const [i, outcome] of (await store.replicate(fresh).catch(storeFailed)).entries()) {
      const replica = fresh[i]
      if (replica === undefined) break
      switch (outcome.kind) {
        case 'inserted':
          counters.messagesPulled += 1
          counters.bytesPulled += replica.payload.length
          break
        case 'present':
        case 'tombstoned':
          break
        case 'fork':
          throw forked(replica, outcome.localId)
        case 'rejected':
          throw outcome.error
        case 'gap': {
          const text = `message ${replica.headId} would leave a gap after ${outcome.localHead}`
          throw new BusError('failed_precondition', 'head_gap', text)
        }
      }
    }
  })
}

export function forked({ topic, origin, headId, id }: Replica, localId: string): BusError {
  const text = `fork of ${JSON.stringify(topic)} from ${formatNodeId(origin)}: message ${headId} is ${localId} here and ${id} there`
  return new BusError('failed_precondition', 'log_fork', text)
}

export function storeFailed(error: unknown): never {
  throw new StoreFailure(toBusError(error))
}
