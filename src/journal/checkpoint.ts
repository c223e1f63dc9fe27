/**
 * Brings runs from memory into the index, in the background: log by log, a few logs per commit, each
 * in a slice of a few milliseconds, and at the end the checkpoint row that says up to which sequence the
 * index is complete. What is written twice after a crash in the middle is recognised by its heads.
 *
 * Rows of a log are filled up before a new one is begun, so a busy log costs little and a quiet one
 * does not get a row per checkpoint.
 */

import type { GroupWriter } from './group-writer.ts'
import type { Group } from './group.ts'
import { encodeRuns, runsPerRow, type LogIndex, type RunList } from './log-index.ts'
import type { LogState } from './log-state.ts'
import type { LogTable } from './log-table.ts'
import type { PublishIds } from './publish-ids.ts'
import { encodeCheckpoint } from './recovery.ts'
import { kindKey, positionKey, rowKinds } from './row-keys.ts'

/** What may wait in memory, and be scanned at the next open. */
export const tailLimits = { runs: 65_536, bytes: 67_108_864 } as const

const logsPerCommit = 64
const runsPerCommit = 4_096

export interface CheckpointOptions {
  readonly writer: GroupWriter
  readonly logs: LogTable
  readonly index: LogIndex
  readonly publishIds: PublishIds
}

/** The newest index row of a log, as it was when it was read. */
interface Plan {
  readonly log: LogState
  readonly lastRow: RunList | undefined
}

export class Checkpoint {
  readonly #options: CheckpointOptions
  #runs: number
  #bytes: number
  #isStopped = false

  constructor(options: CheckpointOptions, tail: { readonly runs: number; readonly bytes: number }) {
    this.#options = options
    this.#runs = tail.runs
    this.#bytes = tail.bytes
  }

  /** Counts what came with a commit. */
  add(runs: number, bytes: number): void {
    this.#runs += runs
    this.#bytes += bytes
  }

  get isDue(): boolean {
    return this.#runs > tailLimits.runs || this.#bytes > tailLimits.bytes
  }

  get isEmpty(): boolean {
    return this.#runs === 0
  }

  /** Ends a run after its current commit. What is not written then is scanned at the next open. */
  stop(): void {
    this.#isStopped = true
  }

  /** Allows another run after `stop`. */
  resume(): void {
    this.#isStopped = false
  }

  /** Writes everything there is now. One at a time. */
  async run(): Promise<void> {
    const { writer, logs, publishIds } = this.#options
    const coveredTo = writer.lastSequence
    const { runs, bytes } = { runs: this.#runs, bytes: this.#bytes }
    let plans: Plan[] = []
    let planned = 0
    for (const log of logs.all()) {
      while ((log.tailKeys[0] ?? Infinity) <= coveredTo) {
        const lastRow = await this.#options.index.rowBefore(log, Number.MAX_SAFE_INTEGER)
        plans.push({ log, lastRow })
        planned += log.tailKeys.length
        if (plans.length < logsPerCommit && planned < runsPerCommit) break
        await this.#write(plans)
        if (this.#isStopped) return
        plans = []
        planned = 0
      }
    }
    await this.#write(plans)
    while (await writer.write((group) => publishIds.checkpoint(group, coveredTo))) {
      if (this.#isStopped) return
    }
    await writer.write((group) => {
      group.row(kindKey(rowKinds.checkpoint), encodeCheckpoint(coveredTo))
    })
    this.#runs -= runs
    this.#bytes -= bytes
  }

  async #write(plans: readonly Plan[]): Promise<void> {
    if (plans.length === 0) return
    await this.#options.writer.write((group) => {
      for (const plan of plans) this.#stage(group, plan)
    })
  }

  /** Takes the runs that are visible now; the ones of this very group come with the next checkpoint. */
  #stage(group: Group, { log, lastRow }: Plan): void {
    const count = Math.min(log.tailKeys.length, runsPerCommit)
    const endHead = log.tailHeads[count] ?? log.head + 1
    const keys: number[] = []
    const heads: number[] = []
    const canGrow = lastRow !== undefined && lastRow.keys.length < runsPerRow
    if (canGrow) {
      keys.push(...lastRow.keys)
      heads.push(...lastRow.heads)
    }
    const coveredTo = Math.max((lastRow?.endHead ?? 1) - 1, log.trimmedTo)
    for (let i = 0; i < count; i++) {
      const end = log.tailHeads[i + 1] ?? log.head + 1
      // Written before a crash, or trimmed since.
      if (end - 1 <= coveredTo) continue
      keys.push(log.tailKeys[i] as number)
      heads.push(log.tailHeads[i] as number)
    }
    for (let i = 0; i < keys.length; i += runsPerRow) {
      const end = i + runsPerRow
      const firstHead = heads[i] as number
      const row = {
        keys: keys.slice(i, end),
        heads: heads.slice(i, end),
        endHead: heads[end] ?? endHead,
      }
      group.row(positionKey(rowKinds.index, log.number, firstHead), encodeRuns(row))
      group.onApplied(() => this.#options.index.forget(log, firstHead))
    }
    group.log(log).mustStore = true
    group.onApplied(() => log.cutTail(count))
  }
}
