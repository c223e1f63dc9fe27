/**
 * The program whose system calls are traced: appends one message after the other and says so after
 * each acknowledgement. Started as `sync-child <module URL> <export> <folder>`.
 */

import { writeSync } from 'node:fs'
import { systemClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/logger.ts'
import { noHeaders } from '../../model/message.ts'
import { ownNode, type OpenLogStore } from './store-fixture.ts'

const [moduleUrl, exportName, folder] = process.argv.slice(2)
if (moduleUrl === undefined || exportName === undefined || folder === undefined) {
  throw new Error('usage: sync-child <module URL> <export> <folder>')
}
const engine = (await import(moduleUrl)) as Record<string, OpenLogStore | undefined>
const open = engine[exportName]
if (open === undefined) throw new Error(`${moduleUrl} does not export ${exportName}`)

const store = await open({
  folder,
  node: ownNode,
  durability: 'disk',
  clock: systemClock,
  logger: silentLogger,
  publishIdWindowMs: 600_000,
  publishIdCount: 1_000,
})
for (let i = 1; i <= 10; i++) {
  await store.append([{ topic: 't', payload: Buffer.from(`message ${i}`), headers: noHeaders }])
  writeSync(1, `acknowledged ${i}\n`)
}
await store.close()
