/**
 * Messages of other nodes, or our own in recovery (spec/msgbus-v1 3.5). A call first reads what it
 * has to compare with and measures what its delete markers give up, then it is staged in one turn.
 * Calls go one after the other, and with everything else that deletes (SerialLane), so only appends
 * of our own can have come between; what they make outdated is read again and goes into the next
 * commit. A record that is damaged is put right by its own message. A marker and what it deletes are always one commit.
 */

import type { ReplicateOutcome } from '../core/log-store.ts'
import type { Logger } from '../core/logger.ts'
import { compareReplica } from '../core/merge-rule.ts'
import { checkStorableLog, checkStorableReplica } from '../core/storable.ts'
import { BusError } from '../model/errors.ts'
import { deleteMarkerTopic, noHeaders, type StoredMessage } from '../model/message.ts'
import { formatNodeId } from '../model/node-id.ts'
import type { Deletion, Measured } from './deletion.ts'
import type { GroupWriter } from './group-writer.ts'
import { headersSize, type Group, type StagedLog } from './group.ts'
import type { LogState } from './log-state.ts'
import type { LogTable } from './log-table.ts'
import type { SerialLane } from './serial-lane.ts'

export type Replica = Omit<StoredMessage, 'sequence'>

export interface ReplicationOptions {
  readonly logs: LogTable
  readonly writer: GroupWriter
  readonly lane: SerialLane
  readonly deletion: Deletion
  readonly logger: Logger
  readonly keepsDeletedPayloads: boolean
  /** The message at a head that is there, as it reads now; undefined when it is damaged. */
  readonly readOne: (log: LogState, head: number) => Promise<StoredMessage | undefined>
  /** Puts a message where a damaged one stands, if it can be told that it is this one; answers whether. */
  readonly repair: (log: LogState, item: Replica) => Promise<boolean>
}

/** What had to be found out before an item can be staged. */
interface Prepared {
  readonly place: number
  readonly item: Replica
  /** Head that the log had then; -1 when there was no log. */
  readonly localHead: number
  readonly stored: StoredMessage | undefined
  readonly marked: Measured | undefined
}

/** Bounds what is read again when a commit has to be cut short. */
const itemsPerCommit = 1_024

const noPayload = new Uint8Array(0)

export class Replication {
  readonly #options: ReplicationOptions

  constructor(options: ReplicationOptions) {
    this.#options = options
  }

  replicate(items: readonly Replica[]): Promise<ReplicateOutcome[]> {
    return this.#options.lane.run(() => this.#replicate(items))
  }

  async #replicate(items: readonly Replica[]): Promise<ReplicateOutcome[]> {
    const outcomes: ReplicateOutcome[] = []
    // Stable, so of two with one head the first in the call is the first here.
    const places = items.map((_, place) => place)
    places.sort((a, b) => (items[a] as Replica).headId - (items[b] as Replica).headId)
    let done = 0
    while (done < places.length) {
      const prepared: Prepared[] = []
      for (const place of places.slice(done, done + itemsPerCommit)) {
        prepared.push(await this.#prepare(place, items[place] as Replica))
      }
      done += await this.#options.writer.write((group) => {
        let staged = 0
        for (const next of prepared) {
          const outcome = this.#stage(group, next)
          if (outcome === undefined) break
          outcomes[next.place] = outcome
          staged += 1
        }
        return staged
      })
    }
    return outcomes
  }

  async #prepare(place: number, item: Replica): Promise<Prepared> {
    const { logs, deletion, readOne, repair } = this.#options
    const log = logs.find(item)
    const localHead = log?.head ?? -1
    const isThere = log !== undefined && item.headId >= 1 && item.headId <= localHead
    let stored = isThere ? await readOne(log, item.headId) : undefined
    if (isThere && stored === undefined && !item.deleted && (await repair(log, item))) {
      stored = await readOne(log, item.headId)
    }
    const isMarker = !isThere && item.topic === deleteMarkerTopic && !item.deleted
    const range = isMarker ? deletion.rangeOf(item) : undefined
    const marked = range && (await deletion.measure(range.log, range.from, range.to))
    return { place, item, localHead, stored, marked }
  }

  /** Undefined when the item has to be prepared again, for the next commit. */
  #stage(group: Group, prepared: Prepared): ReplicateOutcome | undefined {
    const { logs } = this.#options
    const { item } = prepared
    const { headId } = item
    const known = logs.find(item)
    const error = checkStorableReplica(item) ?? (known === undefined && checkStorableLog(item))
    if (error) return { kind: 'rejected', error }
    const localHead = known === undefined ? 0 : group.log(known).head
    if (headId > localHead + 1) return { kind: 'gap', localHead }
    const staged = group.log(known ?? logs.open(item))
    if (headId === localHead + 1) return this.#insert(group, staged, prepared)
    // The head was given away since we looked: by this group, or by an append of our own.
    if (headId > prepared.localHead) return undefined
    return this.#compare(group, staged, prepared)
  }

  #insert(group: Group, staged: StagedLog, prepared: Prepared): ReplicateOutcome | undefined {
    const { deletion, logger } = this.#options
    const { item, marked } = prepared
    const { headId, id, payload, headers, createdAtMs } = item
    if (marked !== undefined && !deletion.isCurrent(group, marked)) return undefined
    if (item.deleted && !staged.deleted.has(headId)) group.deleteHeads(staged, headId, headId)
    const deleted = staged.deleted.has(headId)
    const message = group.add(staged, { id, payload, headers, createdAtMs, deleted })
    if (item.topic === deleteMarkerTopic && !deleted) {
      if (marked !== undefined) deletion.stage(group, marked)
      else logger.warn('bad_delete_marker', { origin: formatNodeId(item.origin), headId })
    }
    const isNowDeleted = !deleted && staged.deleted.has(headId)
    return { kind: 'inserted', message: isNowDeleted ? this.#asDeleted(message) : message }
  }

  #compare(group: Group, staged: StagedLog, prepared: Prepared): ReplicateOutcome | undefined {
    const { item } = prepared
    const { log } = staged
    const { headId } = item
    if (prepared.stored === undefined) {
      const text = `message ${headId} of ${log.topic} from ${formatNodeId(log.origin)} is damaged here`
      return { kind: 'rejected', error: new BusError('data_loss', 'damaged_record', text) }
    }
    const isDeleted = staged.deleted.has(headId)
    const stored = isDeleted ? this.#asDeleted(prepared.stored) : prepared.stored
    const kind = compareReplica(stored, { ...item, deleted: item.deleted || isDeleted })
    if (kind === 'fork') return { kind, localId: stored.id }
    if (kind === 'present') return { kind, message: stored }
    const bytes = stored.payload.length + headersSize(stored.headers)
    const measured = { log, from: headId, to: headId, measuredTo: headId, bytes }
    this.#options.deletion.stage(group, measured)
    return { kind, message: this.#asDeleted(stored) }
  }

  #asDeleted(message: StoredMessage): StoredMessage {
    if (this.#options.keepsDeletedPayloads) return { ...message, deleted: true }
    return { ...message, deleted: true, payload: noPayload, headers: noHeaders }
  }
}
