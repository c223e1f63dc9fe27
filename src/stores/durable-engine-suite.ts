/**
 * What the durable engines have to show on real files, beside the suite that all stores run: damage
 * that is noticed, folders that are not theirs, syncs before acknowledgements, backups across engines.
 */

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../core/clock.ts'
import type { LogStore, LogStoreOptions } from '../core/log-store.ts'
import { silentLogger } from '../core/logger.ts'
import { noHeaders, type StoredMessage } from '../model/message.ts'

export interface DurableEngine {
  readonly name: string
  /** Module and export of `open`, for a child process. */
  readonly module: string
  readonly exportName: string
  /** Name of the file that holds the data. */
  readonly file: string
  readonly open: (options: LogStoreOptions) => Promise<LogStore>
  /** Of another engine, which restores what this one backed up. */
  readonly restoreElsewhere: (
    backup: AsyncIterable<Uint8Array>,
    options: LogStoreOptions,
  ) => Promise<LogStore>
  /** Bytes of deleted messages are overwritten in the file, not only given up. */
  readonly overwritesDeleted: boolean
  /** What a file that was cut to half its size is refused with. */
  readonly cutShort: string
}

const node = { tenantId: 'tenant', blName: 'bl', deviceId: 'device' }

/** Flips a bit of a payload wherever it stands in the file. */
async function damage(path: string, text: string): Promise<void> {
  const bytes = await readFile(path)
  const payload = Buffer.from(text)
  for (let at = bytes.indexOf(payload); at >= 0; at = bytes.indexOf(payload, at + 1)) {
    bytes[at + 3] = (bytes[at + 3] as number) ^ 0x10
  }
  await writeFile(path, bytes)
}

export function durableEngineSuite(engine: DurableEngine): void {
  describe(`${engine.name} on real files`, () => {
    test('a flipped bit in the file costs one message', async () => {
      await withFolder(async (folder) => {
        const store = await engine.open(optionsFor(folder))
        await append(store, ['first', 'known-payload-of-a-message', 'third'])
        await store.close()
        await damage(join(folder, engine.file), 'known-payload-of-a-message')
        const reopened = await engine.open(optionsFor(folder))
        const page = await reopened.read({ topic: 't', origin: node }, 1, { messages: 10 })
        assert.deepEqual(texts(page.messages), ['first', 'third'])
        assert.deepEqual(page.damaged, [{ topic: 't', origin: node, fromHead: 2, toHead: 2 }])
        assert.equal(reopened.status().damagedRecords, 1)
        await append(reopened, ['fourth'])
        assert.equal(reopened.head({ topic: 't', origin: node }), 4)
        await reopened.close()
      })
    })

    test('a damaged message is put right by its replica, and by no other', async () => {
      await withFolder(async (folder) => {
        const store = await engine.open(optionsFor(folder))
        await append(store, ['first', 'known-payload-of-a-message', 'third'])
        const log = { topic: 't', origin: node }
        const { messages } = await store.read(log, 1, { messages: 10 })
        await store.close()
        await damage(join(folder, engine.file), 'known-payload-of-a-message')
        const reopened = await engine.open(optionsFor(folder))
        const [, original] = messages
        assert.ok(original !== undefined)
        const other = { ...original, id: '00000000-0000-4000-8000-000000000000' }
        const [refused] = await reopened.replicate([other])
        assert.equal(refused?.kind, 'rejected')
        assert.equal(reopened.status().damagedRecords, 1)
        const [repaired] = await reopened.replicate([original])
        assert.equal(repaired?.kind, 'present')
        assert.equal(reopened.status().damagedRecords, 0)
        const page = await reopened.read(log, 1, { messages: 10 })
        assert.deepEqual(page.messages.map(plain), messages.map(plain))
        await reopened.close()
        const again = await engine.open(optionsFor(folder))
        const kept = await again.read(log, 1, { messages: 10 })
        assert.deepEqual(kept.messages.map(plain), messages.map(plain))
        for await (const step of again.verify()) assert.deepEqual(step.damaged, [])
        await again.close()
      })
    })

    test('a file of somebody else, or one that was cut short, is refused', async () => {
      await withFolder(async (folder) => {
        const path = join(folder, engine.file)
        await writeFile(path, 'not a database '.repeat(5_000))
        await assert.rejects(engine.open(optionsFor(folder)), { reason: 'foreign_data' })
        await rm(path)
        await writeFile(join(folder, 'holiday.jpg'), 'a picture')
        await assert.rejects(engine.open(optionsFor(folder)), { reason: 'foreign_data' })
        await rm(join(folder, 'holiday.jpg'))
        const store = await engine.open(optionsFor(folder))
        await append(
          store,
          Array.from({ length: 50 }, () => 'x'.repeat(10_000)),
        )
        await store.close()
        const { length } = await readFile(path)
        await truncate(path, Math.floor(length / 8_192) * 4_096)
        await assert.rejects(engine.open(optionsFor(folder)), { reason: engine.cutShort })
      })
    })

    test('deleted content is not read from the disk again', async () => {
      await withFolder(async (folder) => {
        const store = await engine.open(optionsFor(folder))
        await append(store, ['very-secret-content', 'public'])
        await store.deleteRange({ topic: 't', fromHead: 1, toHead: 1, beyondHead: 'clip' })
        await append(store, ['later'])
        await store.close()
        const again = await engine.open(optionsFor(folder))
        const page = await again.read({ topic: 't', origin: node }, 1, { messages: 10 })
        assert.deepEqual(texts(page.messages), ['', 'public', 'later'])
        let backup = ''
        for await (const chunk of again.backup()) backup += Buffer.from(chunk).toString('latin1')
        assert.equal(backup.includes('very-secret-content'), false)
        await again.close()
        if (!engine.overwritesDeleted) return
        assert.equal((await readFile(join(folder, engine.file))).includes('very-secret'), false)
      })
    })

    test('a backup becomes a store of another engine', async () => {
      await withFolder(async (folder) => {
        const store = await engine.open(optionsFor(join(folder, 'a')))
        await append(store, ['one', 'two', 'three'])
        await store.trim({ topic: 't', origin: node }, 1)
        const options = optionsFor(join(folder, 'b'))
        const other = await engine.restoreElsewhere(store.backup(), options)
        const key = { topic: 't', origin: node }
        assert.deepEqual(other.log(key), store.log(key))
        const all = { messages: 10 }
        const [expected, found] = [await store.read(key, 1, all), await other.read(key, 1, all)]
        assert.deepEqual(found.messages.map(comparable), expected.messages.map(comparable))
        assert.notEqual(other.epoch, store.epoch)
        await append(other, ['four'])
        assert.equal(other.head(key), 4)
        await other.close()
        await store.close()
      })
    })

    test('the disk is synced before a write is acknowledged', async (t) => {
      if (spawnSync('strace', ['-o', '/dev/null', 'true']).status !== 0) {
        t.skip('strace is not here, or not allowed')
        return
      }
      await withFolder(async (folder) => {
        const trace = join(folder, 'trace')
        const program = fileURLToPath(new URL('./suite/sync-child.js', import.meta.url))
        const calls = 'trace=write,fsync,fdatasync,msync'
        const tracing = ['-f', '-e', calls, '-s', '32', '-o', trace, process.execPath]
        const tracee = [program, engine.module, engine.exportName, join(folder, 'store')]
        const stdio = ['ignore', 'ignore', 'inherit'] as const
        const child = spawn('strace', [...tracing, ...tracee], { stdio: [...stdio] })
        assert.deepEqual(await once(child, 'exit'), [0, null])
        // Per acknowledgement, what the kernel has finished since the one before.
        const parts = (await readFile(trace, 'utf8')).split('"acknowledged')
        assert.equal(parts.length, 1 + 10)
        for (const part of parts.slice(0, -1)) {
          assert.match(part, /(fsync|fdatasync|msync)(\(| resumed).*= 0/)
        }
      })
    })
  })
}

async function append(store: LogStore, payloads: readonly string[]): Promise<void> {
  const items = payloads.map((text) => ({
    topic: 't',
    payload: Buffer.from(text),
    headers: noHeaders,
  }))
  await store.append(items)
}

function texts(messages: readonly { readonly payload: Uint8Array }[]): string[] {
  return messages.map(({ payload }) => Buffer.from(payload).toString())
}

function comparable<M extends { readonly payload: Uint8Array }>(message: M) {
  return { ...message, payload: Buffer.from(message.payload).toString() }
}

function optionsFor(folder: string): LogStoreOptions {
  return {
    folder,
    node,
    durability: 'disk',
    clock: systemClock,
    logger: silentLogger,
    publishIdWindowMs: 600_000,
    publishIdCount: 1_000,
  }
}

async function withFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'msgbus-engine-'))
  try {
    await run(folder)
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

function plain(message: StoredMessage): StoredMessage {
  return { ...message, payload: Buffer.from(message.payload) }
}
