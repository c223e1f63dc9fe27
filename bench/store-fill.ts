/** Child of the bench `durable`: fills a store in a folder and closes it. */

import { systemClock } from '../src/core/clock.ts'
import { silentLogger } from '../src/core/logger.ts'
import { defaultLimits } from '../src/model/limits.ts'
import { noHeaders } from '../src/model/message.ts'
import { openLmdbLogStore } from '../src/stores/lmdb/lmdb-log-store.ts'
import { openSqliteLogStore } from '../src/stores/sqlite/sqlite-log-store.ts'
import { answer, childOptions } from './child.ts'

export interface StoreFillOptions {
  readonly engine: 'lmdb' | 'sqlite'
  /** The folder of the store itself. */
  readonly folder: string
  readonly messages: number
  readonly logs: number
}

const { engine, folder, messages, logs } = childOptions() as StoreFillOptions
const store = await { lmdb: openLmdbLogStore, sqlite: openSqliteLogStore }[engine]({
  folder,
  node: { tenantId: 'tenant', blName: 'default', deviceId: 'bench' },
  durability: 'os',
  clock: systemClock,
  logger: silentLogger,
  publishIdWindowMs: defaultLimits.publishIdWindowMs,
  publishIdCount: defaultLimits.publishIdCount,
})
const payload = Buffer.alloc(100, 7)
const batch = 1_000
const streams = 4
let next = 0
await Promise.all(
  Array.from({ length: streams }, async () => {
    while (next < messages) {
      const from = next
      next += batch
      // Neighbours in time belong to different logs: the hardest order for an index by log.
      await store.append(
        Array.from({ length: batch }, (_, i) => {
          return { topic: `bench/${(from + i) % logs}`, payload, headers: noHeaders }
        }),
      )
    }
  }),
)
const { bytesOnDisk } = store.status()
await store.close()
answer({ bytesOnDisk })
