/**
 * Deleting and trimming (spec/msgbus-v1 3.2 to 3.4, 8.6). Both first find out how many bytes they
 * give up, which needs reading, and are then staged in one turn; nothing else deletes meanwhile
 * (SerialLane), appends go on. Content is masked with the commit and erased by the sweeper.
 */

import { TimeSlice } from '../base/time-slice.ts'
import { formatDeleteMarker, parseDeleteMarker } from '../core/delete-marker.ts'
import type { DeleteRangeOptions } from '../core/log-store.ts'
import { checkStorableLog } from '../core/storable.ts'
import { deleteMarkerTopic, noHeaders, type StoredMessage } from '../model/message.ts'
import { nodeIdEquals, type NodeId } from '../model/node-id.ts'
import type { GroupWriter } from './group-writer.ts'
import { headersSize, type Group, type StagedLog } from './group.ts'
import type { LogMeasure } from './log-measure.ts'
import type { LogState } from './log-state.ts'
import type { LogTable } from './log-table.ts'
import { encodeRangeEnd } from './row-codec.ts'
import { positionKey, rowKinds } from './row-keys.ts'
import type { SerialLane } from './serial-lane.ts'

export interface DeletionOptions {
  readonly node: NodeId
  readonly logs: LogTable
  readonly writer: GroupWriter
  readonly measure: LogMeasure
  readonly lane: SerialLane
  readonly keepsDeletedPayloads: boolean
  /** Content of these heads can be erased now. */
  readonly onDeleted: (log: LogState, from: number, to: number) => void
  readonly onTrimmed: (log: LogState) => void
}

/** Bytes of a range, up to the head that the log had then. */
export interface Measured {
  readonly log: LogState
  readonly from: number
  readonly to: number
  readonly measuredTo: number
  readonly bytes: number
}

/** Logs that one commit trims at most. */
const trimsPerCommit = 256

interface Trim {
  readonly log: LogState
  readonly toHead: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class Deletion {
  readonly #options: DeletionOptions
  /** Asked for, in no commit yet. */
  readonly #trims: Trim[] = []

  constructor(options: DeletionOptions) {
    this.#options = options
  }

  deleteRange(
    options: DeleteRangeOptions,
  ): Promise<{ deletedCount: number; marker?: StoredMessage }> {
    return this.#options.lane.run(() => this.#deleteRange(options))
  }

  /** Trims that wait for their turn share a commit, since retention asks for many at once. */
  trim(log: LogState, toHead: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#trims.push({ log, toHead, resolve, reject })
      // Each turn of the lane takes all that wait, and may leave nothing to the next.
      void this.#options.lane.run(() => this.#trimWaiting())
    })
  }

  /** The range that a marker deletes; undefined for one that must not have an effect. */
  rangeOf(
    message: Omit<StoredMessage, 'sequence'>,
  ): { log: LogState; from: number; to: number } | undefined {
    const marker = parseDeleteMarker(message.payload)
    // Only the owner of a log may delete in it.
    const isGood =
      marker !== undefined &&
      nodeIdEquals(marker.origin, message.origin) &&
      checkStorableLog(marker) === undefined
    if (!isGood) return undefined
    const log = this.#options.logs.open(marker)
    return { log, from: Math.max(marker.fromHead, 1), to: marker.toHead }
  }

  /** Finds out what deleting the range gives up; `known` is an earlier answer for the same range. */
  async measure(log: LogState, from: number, to: number, known?: Measured): Promise<Measured> {
    const measuredTo = log.head
    if (from <= log.trimmedTo + 1 && to >= measuredTo) {
      return { log, from, to, measuredTo, bytes: log.bytes }
    }
    const start = Math.max(from, (known?.measuredTo ?? 0) + 1)
    const bytes = await this.#options.measure.bytes(log, start, Math.min(to, measuredTo))
    return { log, from, to, measuredTo, bytes: (known?.bytes ?? 0) + bytes }
  }

  /**
   * False when what was measured is not what is there: messages of the range have been committed since,
   * or the group itself deletes some of them. Then another group must take it, measured anew.
   */
  isCurrent(group: Group, { log, from, to, measuredTo }: Measured): boolean {
    const last = Math.min(to, log.head)
    if (last > measuredTo) return false
    const staged = group.log(log)
    if (staged.deleted === log.deleted || from > last) return true
    return staged.deleted.countIn(from, last) === log.deleted.countIn(from, last)
  }

  /** Deletes what was measured, and what the group adds to the range; answers how many changed. */
  stage(group: Group, measured: Measured): number {
    const { keepsDeletedPayloads, onDeleted } = this.#options
    const { log, from, to } = measured
    // A range of 0..0 is legal, and empty.
    if (from > to) return 0
    const staged = group.log(log)
    const first = Math.max(from, staged.trimmedTo + 1)
    const last = Math.min(to, staged.head)
    const size = Math.max(0, last - first + 1)
    const count = size === 0 ? 0 : size - staged.deleted.countIn(first, last)
    staged.bytes -= measured.bytes + addedBytes(group, staged, from, to)
    group.deleteHeads(staged, from, to)
    staged.mustStore = true
    if (count > 0 && !keepsDeletedPayloads) {
      group.row(positionKey(rowKinds.erase, log.number, first), encodeRangeEnd(last))
      group.onApplied(() => onDeleted(log, first, last))
    }
    return count
  }

  async #deleteRange(
    options: DeleteRangeOptions,
  ): Promise<{ deletedCount: number; marker?: StoredMessage }> {
    const { node, logs, writer } = this.#options
    const { topic, fromHead, toHead } = options
    const log = logs.own(topic)
    const keeps = options.beyondHead === 'keep'
    const from = Math.max(fromHead, 1)
    const clippedTo = Math.min(toHead, log?.head ?? 0)
    if (!keeps && (log === undefined || areAllDeleted(log, from, clippedTo))) {
      return { deletedCount: 0 }
    }
    const key = { topic, origin: node }
    const error = log === undefined && checkStorableLog(key)
    if (error) throw error
    const range = keeps ? { fromHead, toHead } : { fromHead: from, toHead: clippedTo }
    let measured = await this.measure(log ?? logs.open(key), from, range.toHead)
    for (;;) {
      const current = measured
      const done = await writer.write((group) => {
        if (!this.isCurrent(group, current)) return undefined
        const deletedCount = this.stage(group, current)
        const createdAtMs = group.nowMs
        const payload = formatDeleteMarker({ ...key, ...range, createdAtMs })
        const markerLog = group.log(logs.open({ topic: deleteMarkerTopic, origin: node }))
        const deleted = markerLog.deleted.has(markerLog.head + 1)
        const content = { id: undefined, payload, headers: noHeaders, createdAtMs, deleted }
        return { deletedCount, marker: group.add(markerLog, content) }
      })
      if (done !== undefined) return done
      measured = await this.measure(current.log, current.from, current.to, current)
    }
  }

  /** Never rejects: each caller hears of its own. */
  async #trimWaiting(): Promise<void> {
    while (this.#trims.length > 0) {
      const trims = this.#trims.splice(0, trimsPerCommit)
      try {
        await this.#trim(trims)
        for (const { resolve } of trims) resolve()
      } catch (error) {
        for (const { reject } of trims) reject(error)
      }
    }
  }

  async #trim(trims: readonly Trim[]): Promise<void> {
    const { writer, onTrimmed } = this.#options
    const ends = new Map<LogState, number>()
    for (const { log, toHead } of trims) {
      const to = Math.min(Math.max(toHead, ends.get(log) ?? 0), log.head)
      if (to > log.trimmedTo) ends.set(log, to)
    }
    const measured: Measured[] = []
    const slice = new TimeSlice()
    for (const [log, to] of ends) {
      measured.push(await this.measure(log, log.trimmedTo + 1, to))
      await slice.pause()
    }
    if (measured.length === 0) return
    await writer.write((group) => {
      for (const { log, to, bytes } of measured) {
        const staged = group.log(log)
        // All of the log was given up, but more has come since.
        const isGrown = to < staged.head
        staged.bytes = isGrown ? staged.bytes - bytes : 0
        staged.trimmedTo = to
        staged.trimmedAtMs = group.nowMs
        staged.mustStore = true
        group.onApplied(() => onTrimmed(log))
      }
    })
  }
}

/** Content that this group itself brings into the range. */
function addedBytes(group: Group, staged: StagedLog, from: number, to: number): number {
  const { log } = staged
  if (staged.head === log.head) return 0
  let bytes = 0
  for (const message of group.messages) {
    const { headId, topic, origin, payload, headers } = message
    const isOfLog = topic === log.topic && origin === log.origin
    if (!isOfLog || headId < from || headId > to || staged.deleted.has(headId)) continue
    bytes += payload.length + headersSize(headers)
  }
  return bytes
}

function areAllDeleted(log: LogState, from: number, to: number): boolean {
  return from > to || log.deleted.countIn(from, to) === to - from + 1
}
