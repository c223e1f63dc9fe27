/**
 * Child of the bench `durable`: appends to one engine for some seconds and prints what it took. Mode
 * `group` is our store; mode `single` is the same library used plainly: one transaction and one sync
 * per message, rows keyed by log and head.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'

import { systemClock } from '../src/core/clock.ts'
import type { LogStoreOptions } from '../src/core/log-store.ts'
import { silentLogger } from '../src/core/logger.ts'
import { defaultLimits } from '../src/model/limits.ts'
import { noHeaders } from '../src/model/message.ts'
import { openLmdbLogStore } from '../src/stores/lmdb/lmdb-log-store.ts'
import { openMemoryLogStore } from '../src/stores/memory/memory-log-store.ts'
import { openSqliteLogStore } from '../src/stores/sqlite/sqlite-log-store.ts'
import { answer, childOptions } from './child.ts'
import { usageOf } from './process-usage.ts'

export interface StoreLoadOptions {
  readonly engine: 'lmdb' | 'sqlite' | 'memory'
  readonly mode: 'group' | 'single'
  /** Callers that each wait for their own acknowledgement. */
  readonly publishers: number
  /** Messages per call. */
  readonly batch: number
  readonly payloadBytes: number
  readonly logs: number
  readonly seconds: number
}

export interface StoreLoadResult {
  readonly messagesPerSecond: number
  readonly cpuMicrosPerMessage: number
  readonly writtenBytesPerMessage: number
  /** How late the loop was, at the 99th percentile, milliseconds. */
  readonly loopDelayP99Ms: number
}

type Append = (topic: string, count: number) => Promise<unknown>

const openers = {
  lmdb: openLmdbLogStore,
  sqlite: openSqliteLogStore,
  memory: openMemoryLogStore,
}

const options = childOptions() as StoreLoadOptions
const folder = mkdtempSync(join(tmpdir(), 'msgbus-bench-'))
const payload = Buffer.alloc(options.payloadBytes, 7)
try {
  const { append, close } = options.mode === 'group' ? await openStore() : await openPlain()
  await load(append, Math.min(1, options.seconds / 4))
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const before = usageOf('self')
  delay.enable()
  const startedAt = performance.now()
  const messages = await load(append, options.seconds)
  const seconds = (performance.now() - startedAt) / 1_000
  delay.disable()
  const after = usageOf('self')
  await close()
  answer({
    messagesPerSecond: messages / seconds,
    cpuMicrosPerMessage: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / messages,
    writtenBytesPerMessage: (after.writtenBytes - before.writtenBytes) / messages,
    // The timer itself is asked every millisecond.
    loopDelayP99Ms: Math.max(0, delay.percentile(99) / 1e6 - 1),
  } satisfies StoreLoadResult)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** Runs all publishers until the time is over; returns the messages acknowledged. */
async function load(append: Append, seconds: number): Promise<number> {
  const endAt = performance.now() + seconds * 1_000
  let acknowledged = 0
  const publisher = async (index: number) => {
    for (let round = index; performance.now() < endAt; round += options.publishers) {
      await append(`bench/${round % options.logs}`, options.batch)
      acknowledged += options.batch
    }
  }
  await Promise.all(Array.from({ length: options.publishers }, (_, index) => publisher(index)))
  return acknowledged
}

async function openStore(): Promise<{ append: Append; close: () => Promise<void> }> {
  const storeOptions: LogStoreOptions = {
    folder,
    node: { tenantId: 'tenant', blName: 'default', deviceId: 'bench' },
    durability: 'disk',
    clock: systemClock,
    logger: silentLogger,
    publishIdWindowMs: defaultLimits.publishIdWindowMs,
    publishIdCount: defaultLimits.publishIdCount,
  }
  const store = await openers[options.engine](storeOptions)
  return {
    append: async (topic, count) =>
      store.append(Array.from({ length: count }, () => ({ topic, payload, headers: noHeaders }))),
    close: async () => store.close(),
  }
}

async function openPlain(): Promise<{ append: Append; close: () => Promise<void> }> {
  const heads = new Map<string, number>()
  const nextHead = (topic: string) => {
    const head = (heads.get(topic) ?? 0) + 1
    heads.set(topic, head)
    return head
  }
  if (options.engine === 'sqlite') {
    const { default: Database } = await import('libsql')
    const database = new Database(join(folder, 'plain.db'))
    database.exec('PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL')
    database.exec(
      'CREATE TABLE message (topic TEXT, head INTEGER, payload BLOB, PRIMARY KEY (topic, head)) WITHOUT ROWID',
    )
    const insert = database.prepare('INSERT INTO message VALUES (?, ?, ?)')
    return {
      append: async (topic, count) => {
        for (let i = 0; i < count; i++) insert.run(topic, nextHead(topic), payload)
        // Lets the other publishers have their turn, as a server would.
        await new Promise((resolve) => setImmediate(resolve))
      },
      close: async () => {
        database.close()
      },
    }
  }
  const { open } = await import('lmdb')
  const database = open<Buffer, [string, number]>({ path: folder, encoding: 'binary' })
  let previous: Promise<unknown> = Promise.resolve()
  return {
    append: async (topic, count) => {
      for (let i = 0; i < count; i++) {
        // One after the other, since the library would merge what is put in one turn.
        const turn = previous.then(async () => {
          await database.put([topic, nextHead(topic)], payload)
          await database.flushed
        })
        previous = turn
        await turn
      }
    },
    close: async () => database.close(),
  }
}
