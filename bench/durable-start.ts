/** Start-up time, memory and size on disk with few and with many messages. */

import { rm } from 'node:fs/promises'

import { connect } from '../src/client/index.ts'
import { inChild } from './child.ts'
import { startDaemonUnderTest, temporaryFolder } from './daemon-under-test.ts'
import type { DurableOptions } from './durable.ts'
import { figureOf, heading, progress, row, showFigure, showNumber } from './figures.ts'
import { usageOf } from './process-usage.ts'
import type { StoreFillOptions } from './store-fill.ts'

const sizes = [
  { messages: 0, logs: 1 },
  { messages: 100_000, logs: 100 },
  { messages: 1_000_000, logs: 50_000 },
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
        const callReadyMs: number[] = []
        const listHeadsMs: number[] = []
        for (let round = 0; round < rounds; round++) {
          const daemon = await startDaemonUnderTest(engine, data)
          readyMs.push(daemon.readyAfterMs)
          residentMb.push(usageOf(daemon.pid).residentBytes / 1e6)
          const bus = await connect(daemon.address)
          callReadyMs.push(await timed(async () => bus.ready()))
          listHeadsMs.push(await timed(async () => bus.listHeads()))
          bus.close()
          await daemon.stop()
        }
        row(`${showNumber(messages)} messages in ${showNumber(logs)} logs`, '')
        row('  ready after', `${showFigure(figureOf(readyMs))} ms`)
        row('  resident memory when ready', `${showFigure(figureOf(residentMb))} MB`)
        row('  a call of Ready', `${showFigure(figureOf(callReadyMs))} ms`)
        row('  a call of ListHeads', `${showFigure(figureOf(listHeadsMs))} ms`)
        row('  on disk', `${showNumber(bytesOnDisk / Math.max(1, messages))} bytes/message`)
      } finally {
        await rm(data, { recursive: true, force: true })
      }
    }
  }
}

/** Milliseconds; the second of two calls, so that neither side is new to it. */
async function timed(call: () => Promise<unknown>): Promise<number> {
  await call()
  const startedAt = performance.now()
  await call()
  return performance.now() - startedAt
}
