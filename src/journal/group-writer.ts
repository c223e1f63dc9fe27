/**
 * Self-clocking group commit (performance 3): while one commit is under way, operations collect; all
 * that have collected go into the next one. No timer, so a lone writer waits for its own commit
 * only, and many writers share one. All writes of a store pass here, one group at a time, so the order of
 * groups is the order of sequences.
 *
 * Committing the next group before the last one is safe was ruled out: its head ids would have to be
 * taken back when the first one fails.
 */

import type { Clock } from '../core/clock.ts'
import type { CommitBatch } from '../core/log-store.ts'
import type { Logger } from '../core/logger.ts'
import { BusError, toBusError } from '../model/errors.ts'
import { BlockBuilder } from './block-builder.ts'
import type { BlockStorage } from './block-storage.ts'
import { Group } from './group.ts'

/** One write on its way. `stage` runs when its group is formed. */
export interface WriteOperation {
  /** Messages and bytes it will bring, roughly; a group ends before it grows too large. */
  readonly messages: number
  readonly bytes: number
  /**
   * Puts the changes into the group, at once and completely. It may read the visible state; when it
   * throws, it must have staged nothing, and fails alone.
   */
  stage(group: Group): void
  /** The group is durable and visible. */
  resolve(): void
  reject(error: BusError): void
}

/**
 * Bounds what one commit takes, and with it how long its encoding holds up the loop (2 to 3 ms) and how
 * long others wait. Four times as much gained nothing and blocked four times as long. One call is
 * never divided.
 */
export const groupLimits = { messages: 1_024, bytes: 2_097_152 } as const

export interface GroupWriterOptions {
  readonly storage: BlockStorage
  readonly clock: Clock
  readonly logger: Logger
  readonly lastSequence: number
  readonly keepsDeletedPayloads: boolean
  /** The group is on disk; makes it visible. */
  readonly onApplied: (group: Group) => void
  /**
   * After a commit that failed otherwise than for lack of space: finds out what the disk holds.
   * Answers whether the group is there after all. Rejects while the storage does not work.
   */
  readonly recheck: (group: Group) => Promise<boolean>
}

export class GroupWriter {
  readonly #options: GroupWriterOptions
  readonly #builder = new BlockBuilder()
  readonly #listeners = new Set<(batch: CommitBatch) => void>()
  #waiting: WriteOperation[] = []
  #running: Promise<void> | undefined
  #lastSequence: number
  #lastCommitAt: number | undefined
  #failure: BusError | undefined
  /** Failed, and the storage would not tell since whether it is there. */
  #unsettled: Group | undefined
  #isClosed = false

  constructor(options: GroupWriterOptions) {
    this.#options = options
    this.#lastSequence = options.lastSequence
  }

  /** Of the newest visible message. */
  get lastSequence(): number {
    return this.#lastSequence
  }

  get lastCommitAt(): number | undefined {
    return this.#lastCommitAt
  }

  /** What the last failed commit said; undefined when the last commit succeeded. */
  get failure(): BusError | undefined {
    return this.#failure
  }

  onCommit(listener: (batch: CommitBatch) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  submit(operation: WriteOperation): void {
    if (this.#isClosed) {
      operation.reject(shuttingDown())
      return
    }
    this.#waiting.push(operation)
    this.#running ??= this.#run()
  }

  /** As `submit`, for a write that answers with what `stage` returns. */
  write<Result>(stage: (group: Group) => Result): Promise<Result> {
    return new Promise((resolve, reject) => {
      let result: Result
      this.submit({
        messages: 1,
        bytes: 0,
        stage: (group) => {
          result = stage(group)
        },
        resolve: () => resolve(result),
        reject,
      })
    })
  }

  /** Waits for everything submitted before; refuses what comes later. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#running
  }

  async #run(): Promise<void> {
    // What is submitted in the same turn belongs together.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      await this.#commitGroup()
      // Those whose writes are done now mostly have the next one: let them come.
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
    this.#running = undefined
  }

  async #commitGroup(): Promise<void> {
    const { storage, clock, keepsDeletedPayloads } = this.#options
    if (this.#unsettled !== undefined && !(await this.#settle(this.#unsettled))) {
      const operations = this.#waiting
      this.#waiting = []
      for (const operation of operations) operation.reject(this.#failure as BusError)
      return
    }
    const group = new Group({
      builder: this.#builder,
      nowMs: clock.now(),
      lastSequence: this.#lastSequence,
      keepsDeletedPayloads,
    })
    const operations = this.#stageNext(group)
    if (!group.isEmpty) {
      const writes = group.seal()
      try {
        await storage.commit(writes)
      } catch (error) {
        const failure = toBusError(error)
        if (!(await this.#isThereAfterAll(group, failure))) {
          for (const operation of operations) operation.reject(failure)
          return
        }
      }
      this.#failure = undefined
      this.#lastCommitAt = clock.monotonic()
      this.#apply(group)
    }
    for (const operation of operations) operation.resolve()
  }

  #apply(group: Group): void {
    this.#lastSequence = group.lastSequence
    this.#options.onApplied(group)
    if (group.messages.length === 0) return
    const batch = { messages: group.messages }
    for (const listener of this.#listeners) listener(batch)
  }

  /** Takes waiting operations in order until the group is full. */
  #stageNext(group: Group): WriteOperation[] {
    const staged: WriteOperation[] = []
    let taken = 0
    let messages = 0
    for (const operation of this.#waiting) {
      messages += operation.messages
      const isFull =
        messages > groupLimits.messages || group.bytes + operation.bytes > groupLimits.bytes
      if (taken > 0 && isFull) break
      taken += 1
      try {
        operation.stage(group)
        staged.push(operation)
      } catch (error) {
        operation.reject(toBusError(error))
      }
    }
    this.#waiting = this.#waiting.slice(taken)
    return staged
  }

  /** A failed sync says nothing about what reached the disk, so we look (reliability, promise 6). */
  async #isThereAfterAll(group: Group, failure: BusError): Promise<boolean> {
    if (this.#failure?.reason !== failure.reason) {
      const { reason, message, cause } = failure
      this.#options.logger.error('commit_failed', { reason, error: message, cause: String(cause) })
    }
    this.#failure = failure
    // Without space nothing was begun: the storage itself says that nothing of it is there.
    if (failure.reason === 'disk_full') return false
    try {
      return await this.#options.recheck(group)
    } catch (error) {
      this.#options.logger.error('storage_lost', { error: toBusError(error).message })
      this.#unsettled = group
      return false
    }
  }

  /**
   * Looks again for a group whose callers were told that it failed. If it is there, it becomes
   * visible now, as it would have after a restart. Answers false while the storage does not work.
   */
  async #settle(group: Group): Promise<boolean> {
    try {
      if (await this.#options.recheck(group)) this.#apply(group)
    } catch {
      return false
    }
    this.#unsettled = undefined
    return true
  }
}

export function shuttingDown(): BusError {
  return new BusError('unavailable', 'shutting_down', 'the store is closed')
}
