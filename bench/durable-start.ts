/** Start-up time, memory and size on disk with few and with many messages. */

import { rm } from 'node:fs/promises'

import { inChild } from './child.ts'
import { startDaemonUnderTest, temporaryFolder } from './daemon-under-test.ts'
import type { DurableOptions } from './durable.ts'
import { figureOf, heading, progress, row, showFigure, showNumber } from './figures.ts'
import { usageOf } from './process-usage.ts'
import type { StoreFillOptions } from './store-fill.ts'

const sizes = [
  { messages: 0, logs: 1 },
  { messages: 100_000, logs: 100 },
  { messages: 1_000_000, logs: 1_000 },
  { messages: 10_000_000, logs: 10_000 },
]

export async function runStart({ rounds }: DurableOptions): Promise<void> {
  for (const engine of ['lmdb', 'sqlite'] as const) {
    heading(`${engine}: start with stored messages of 100 bytes`)
    for (const { messages, logs } of sizes) {
      const data = await temporaryFolder()
      try {
        progress(`filling ${engine} with ${showNumber(messages)} messages`)
        const fill = { engine, folder: data, messages, logs } satisfies StoreFillOptions
        const { bytesOnDisk } = await inChild<{ bytesOnDisk: number }>('store-fill', fill)
        progress('')
        const readyMs: number[] = []
        const residentMb: number[] = []
        for (let round = 0; round < rounds; round++) {
          const daemon = await startDaemonUnderTest(engine, data)
          readyMs.push(daemon.readyAfterMs)
          residentMb.push(usageOf(daemon.pid).residentBytes / 1e6)
          await daemon.stop()
        }
        row(`${showNumber(messages)} messages in ${showNumber(logs)} logs`, '')
        row('  ready after', `${showFigure(figureOf(readyMs))} ms`)
        row('  resident memory when ready', `${showFigure(figureOf(residentMb))} MB`)
        row('  on disk', `${showNumber(bytesOnDisk / Math.max(1, messages))} bytes/message`)
      } finally {
        await rm(data, { recursive: true, force: true })
      }
    }
  }
}
