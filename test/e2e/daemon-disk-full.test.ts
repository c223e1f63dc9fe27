// Proves what a full disk costs: publishes are refused as RESOURCE_EXHAUSTED, reads go on, and when
// there is space again everything works without a restart (case 112). It needs a small file system
// of its own, which only root can make.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { type ServiceError, status } from '@grpc/grpc-js'
import { cleanUp } from './clean-up.ts'
import { startDaemon, temporaryFolder } from './daemon-process.ts'
import { connectV1 } from './v1-client.ts'

const sizeMiB = 24

/** A file system of a few MiB; undefined where it cannot be made. */
function smallFileSystem(t: TestContext): string | undefined {
  const folder = temporaryFolder(t)
  const options = ['-t', 'tmpfs', '-o', `size=${sizeMiB}m`, 'tmpfs', folder]
  if (spawnSync('mount', options).status !== 0) return undefined
  cleanUp(t, () => execFileSync('umount', ['--lazy', folder]))
  return folder
}

for (const storage of ['lmdb', 'sqlite']) {
  test(`112: ${storage}: a full disk refuses publishes only, and only while it is full`, async (t) => {
    const folder = smallFileSystem(t)
    if (folder === undefined) {
      t.skip('a small file system can be mounted by root only')
      return
    }
    const ballast = join(folder, 'ballast')
    writeFileSync(ballast, Buffer.alloc(((sizeMiB * 2) / 3) * 1024 * 1024))
    const data = join(folder, 'data')
    const daemon = await startDaemon(t, { args: ['--storage', storage], data })
    const client = connectV1(t, daemon.address)
    const payload = Buffer.alloc(256 * 1024, 'x')
    const publish = () => client.call('Publish', { topic: 'a', payload })

    let stored = 0
    const refusals: ServiceError[] = []
    while (refusals.length === 0) {
      assert.ok(stored < sizeMiB * 4, 'it never became full')
      await publish().then(
        () => stored++,
        (error: ServiceError) => refusals.push(error),
      )
    }
    assert.equal(refusals[0]?.code, status.RESOURCE_EXHAUSTED, refusals[0]?.message)
    assert.ok(stored > 0)
    assert.equal((await client.collect('Fetch', { topic: 'a', limit: 1000 })).length, stored)
    await assert.rejects(publish(), { code: status.RESOURCE_EXHAUSTED })

    rmSync(ballast)
    await publish()
    const heads = (await client.collect('Fetch', { topic: 'a', limit: 1000 })).map((m) => m.head_id)
    assert.deepEqual(
      heads,
      heads.map((_, i) => i + 1),
    )
    assert.equal(heads.length, stored + 1)
  })
}
