/** Reads everything and checks every checksum: blocks in commit order, then the rows. */

import { TimeSlice } from '../base/time-slice.ts'
import type { DamagedRange } from '../core/log-store.ts'
import type { BlockStorage } from './block-storage.ts'
import { BlockView } from './block.ts'
import type { DamageLedger } from './damage-ledger.ts'
import type { LogTable } from './log-table.ts'
import { isSoundNote } from './note-table.ts'
import { Page } from './page.ts'
import { decodeQueueMessage } from './queue-codec.ts'
import { forEachRow } from './recovery.ts'
import { keyPosition, rowKinds } from './row-keys.ts'

const stepBytes = 4_194_304

/** What was found so far; the last one is about everything. Trimmed messages do not count. */
export interface VerifyProgress {
  readonly recordsChecked: number
  readonly damaged: DamagedRange[]
}

export async function* verifyStorage(
  storage: BlockStorage,
  logs: LogTable,
  damage: DamageLedger,
): AsyncGenerator<VerifyProgress> {
  const page = new Page({ messages: Infinity })
  const slice = new TimeSlice()
  let recordsChecked = 0
  for (let from = 0; ;) {
    const blocks = await storage.scanBlocks(from, stepBytes)
    if (blocks.length === 0) break
    for (const { key, bytes } of blocks) {
      from = key + 1
      const view = new BlockView(key, bytes)
      if (view.isLost) damage.reportOther('block', String(key))
      for (let i = 0; i < view.count; i++) {
        const isSound = view.isSound(i)
        if (!isSound && !view.isDirectorySound) {
          damage.reportOther('record', `${key}:${i}`)
          continue
        }
        const log = logs.byNumber(view.logAt(i))
        const head = view.headAt(i)
        if (log === undefined || head <= log.trimmedTo) continue
        recordsChecked += 1
        if (isSound) continue
        page.addDamaged(log, head, head)
        damage.report(log, head, head)
      }
      await slice.pause()
    }
    yield { recordsChecked, damaged: page.damaged }
  }
  await forEachRow(storage, rowKinds.queueMessage, ([key, value]) => {
    recordsChecked += 1
    if (decodeQueueMessage(value, '', keyPosition(key)) !== undefined) return
    damage.reportOther('queue_message', Buffer.from(key).toString('hex'))
  })
  await forEachRow(storage, rowKinds.note, ([key, value]) => {
    recordsChecked += 1
    if (!isSoundNote(value)) damage.reportOther('note', Buffer.from(key).toString('hex'))
  })
  yield { recordsChecked, damaged: page.damaged }
}
