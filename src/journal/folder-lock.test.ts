import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { FolderLock, lockFileName } from './folder-lock.ts'

async function withFolder(run: (folder: string, path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'msgbus-lock-'))
  try {
    await run(folder, join(folder, lockFileName))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A process that is certainly gone. */
function deadPid(): number {
  return spawnSync(process.execPath, ['--version']).pid
}

test('a folder has one holder, until it is released', async () => {
  await withFolder(async (folder) => {
    const lock = await FolderLock.acquire(folder)
    await assert.rejects(FolderLock.acquire(folder), (error: Error) => {
      assert.ok(error.message.includes(String(process.pid)), error.message)
      return true
    })
    await lock.release()
    const next = await FolderLock.acquire(folder)
    // Released once more: it is not ours any more.
    await lock.release()
    await assert.rejects(FolderLock.acquire(folder), { reason: 'already_running' })
    await next.release()
    assert.deepEqual(await readdir(folder), [])
  })
})

test('what a dead process left, or half a file, blocks nobody', async () => {
  const reused = JSON.stringify({ pid: process.pid, startedAt: '1', boot: 'another' })
  const left = ['', '{"pid":', 'null', JSON.stringify({ pid: deadPid() }), reused]
  for (const content of process.platform === 'linux' ? left : left.slice(0, -1)) {
    await withFolder(async (folder, path) => {
      await writeFile(path, content)
      const lock = await FolderLock.acquire(folder)
      const holder = JSON.parse(await readFile(path, 'utf8')) as { pid: number }
      assert.equal(holder.pid, process.pid)
      await lock.release()
      assert.deepEqual(await readdir(folder), [], content)
    })
  }
})

test('of many that find a dead lock at the same time one gets it', async () => {
  for (let round = 0; round < 20; round++) {
    await withFolder(async (folder, path) => {
      await writeFile(path, JSON.stringify({ pid: deadPid(), nonce: String(round) }))
      const tries = Array.from({ length: 8 }, () => FolderLock.acquire(folder))
      const results = await Promise.allSettled(tries)
      const got = results.filter((result) => result.status === 'fulfilled')
      assert.equal(got.length, 1)
      await got[0]?.value.release()
      assert.deepEqual(await readdir(folder), [])
    })
  }
})
