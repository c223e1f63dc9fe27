/** One `append` call on its way through the writer. */

import type { AppendOutcome, NoteChange } from '../core/log-store.ts'
import { checkStorableLog } from '../core/storable.ts'
import { BusError } from '../model/errors.ts'
import type { OutgoingMessage, StoredMessage } from '../model/message.ts'
import type { NodeId } from '../model/node-id.ts'
import type { GroupWriter, WriteOperation } from './group-writer.ts'
import type { Group } from './group.ts'
import type { LogState } from './log-state.ts'
import type { LogTable } from './log-table.ts'
import { notesSize, stageNotes } from './note-table.ts'
import type { PublishIds } from './publish-ids.ts'

export interface AppendContext {
  readonly node: NodeId
  readonly logs: LogTable
  readonly writer: GroupWriter
  readonly publishIds: PublishIds
  /** The message at a head, as it reads now; undefined when it is damaged. */
  readonly readOne: (log: LogState, head: number) => Promise<StoredMessage | undefined>
}

export class AppendOperation implements WriteOperation {
  readonly bytes: number
  readonly promise: Promise<AppendOutcome[]>
  readonly #context: AppendContext
  readonly #items: readonly OutgoingMessage[]
  readonly #notes: readonly NoteChange[]
  /** Undefined for a message that was stored before this call and has to be read. */
  readonly #outcomes: (AppendOutcome | undefined)[] = []
  /** Those messages, by place in the outcomes. */
  readonly #earlier: { readonly place: number; readonly log: LogState; readonly head: number }[] =
    []
  #settle!: (outcomes: AppendOutcome[] | Promise<AppendOutcome[]>) => void
  reject!: (error: BusError) => void

  constructor(
    context: AppendContext,
    items: readonly OutgoingMessage[],
    notes: readonly NoteChange[],
  ) {
    this.#context = context
    this.#items = items
    this.#notes = notes
    let bytes = notes.length === 0 ? 0 : notesSize(notes)
    for (const item of items) bytes += item.payload.length
    this.bytes = bytes
    this.promise = new Promise((resolve, reject) => {
      this.#settle = resolve
      this.reject = reject
    })
  }

  get messages(): number {
    return this.#items.length
  }

  stage(group: Group): void {
    for (const item of this.#items) this.#outcomes.push(this.#stageItem(group, item))
    if (this.#notes.length === 0) return
    const isAllStored = this.#outcomes.every((outcome) => outcome?.kind === 'stored')
    if (isAllStored) stageNotes(group, this.#notes)
  }

  resolve(): void {
    this.#settle(this.#earlier.length === 0 ? this.#complete() : this.#readEarlier())
  }

  #stageItem(group: Group, item: OutgoingMessage): AppendOutcome | undefined {
    const { node, logs, publishIds } = this.#context
    const { topic, publishId, payload, headers, history, realtime } = item
    let log = logs.own(topic)
    if (log === undefined) {
      const error = checkStorableLog({ topic, origin: node })
      if (error !== undefined) return { kind: 'rejected', error }
      log = logs.open({ topic, origin: node })
    }
    if (publishId !== undefined) {
      const known = publishIds.find(group, log.number, publishId)
      if (typeof known === 'object') return { kind: 'duplicate', message: known }
      if (known !== undefined) {
        this.#earlier.push({ place: this.#outcomes.length, log, head: known })
        return undefined
      }
    }
    const staged = group.log(log)
    const deleted = staged.deleted.has(staged.head + 1)
    const createdAtMs = group.nowMs
    const message = group.add(staged, {
      id: undefined,
      payload,
      headers,
      createdAtMs,
      deleted,
      publishId,
      history,
      realtime,
    })
    if (publishId !== undefined) publishIds.stage(group, log.number, publishId, message)
    return { kind: 'stored', message }
  }

  #complete(): AppendOutcome[] {
    return this.#outcomes as AppendOutcome[]
  }

  async #readEarlier(): Promise<AppendOutcome[]> {
    for (const { place, log, head } of this.#earlier) {
      const message = await this.#context.readOne(log, head)
      const text = `message ${head} of ${log.topic}, stored with this publish id, is damaged`
      this.#outcomes[place] =
        message === undefined
          ? { kind: 'rejected', error: new BusError('data_loss', 'damaged_record', text) }
          : { kind: 'duplicate', message }
    }
    return this.#complete()
  }
}
