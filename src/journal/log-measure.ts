/** How many bytes of content a range of a log holds, for the count of what deleting it gives up. */

import { TimeSlice } from '../base/time-slice.ts'
import type { LogReaderOptions } from './log-reader.ts'
import type { LogState } from './log-state.ts'
import { contentSize } from './record-decoder.ts'

const batch = 16

export class LogMeasure {
  readonly #options: Pick<LogReaderOptions, 'index' | 'blocks'>

  constructor(options: Pick<LogReaderOptions, 'index' | 'blocks'>) {
    this.#options = options
  }

  /** Payload and header bytes of the messages of `from..to` that are neither trimmed nor deleted. */
  async bytes(log: LogState, from: number, to: number): Promise<number> {
    const { index, blocks } = this.#options
    const slice = new TimeSlice()
    const end = Math.min(to, log.head) + 1
    let bytes = 0
    let head = Math.max(from, log.trimmedTo + 1)
    while (head < end) {
      const runs = await index.find(log, head)
      if (runs === undefined) break
      let i = 0
      while (i < runs.keys.length && (runs.heads[i] as number) < end) {
        for (const view of await blocks.get(runs.keys.slice(i, i + batch))) {
          if (view === undefined) continue
          for (let r = 0; r < view.count; r++) {
            if (view.logAt(r) !== log.number) continue
            const found = view.headAt(r)
            const isCounted = found >= head && found < end && !log.isDead(found)
            if (isCounted && view.isSound(r)) bytes += contentSize(view, r)
          }
          await slice.pause()
        }
        i += batch
      }
      head = runs.endHead
    }
    return bytes
  }
}
