// Proves that a backup taken from the running daemon becomes a store again, of either engine, and
// that a damaged one, or a folder that is in use, changes nothing.

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  type ClientReadableStream,
  credentials,
  type GrpcObject,
  loadPackageDefinition,
  type ServiceClientConstructor,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { packageRoot } from '../../src/daemon/version.ts'
import { cleanUp, type Scope } from './clean-up.ts'
import { runMsgbusd, startDaemon, temporaryFolder } from './daemon-process.ts'
import { connectV1 } from './v1-client.ts'

async function backup(t: Scope, address: string, file: string): Promise<void> {
  const definition = loadSync(join(packageRoot, 'proto/msgbus/v2/msgbus.proto'))
  const { msgbus } = loadPackageDefinition(definition)
  const { AdminService } = (msgbus as GrpcObject)['v2'] as GrpcObject
  const client = new (AdminService as ServiceClientConstructor)(
    address,
    credentials.createInsecure(),
  )
  cleanUp(t, () => client.close())
  const open = client['Backup']?.bind(client) as (request: object) => ClientReadableStream<object>
  const chunks: Buffer[] = []
  for await (const { chunk } of open({}) as AsyncIterable<{ chunk: Buffer }>) chunks.push(chunk)
  writeFileSync(file, Buffer.concat(chunks))
}

test('a backup of the running daemon is restored by the other engine; a bad one by none', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'bus.backup')
  const source = await startDaemon(t, { args: ['--storage', 'lmdb', '--node-id', 'a/b/c'] })
  const client = connectV1(t, source.address)
  const payloads = ['one', 'two', 'three']
  for (const text of payloads) {
    await client.call('Publish', { topic: 'a', payload: Buffer.from(text), headers: { k: text } })
  }
  await client.call('DeleteRange', { topic: 'a', from_head_id: 2, to_head_id: 2 })
  await backup(t, source.address, file)
  await client.call('Publish', { topic: 'a', payload: Buffer.from('after the backup') })
  const before = (await client.collect('Fetch', { topic: 'a' })).slice(0, 3)

  const restore = (data: string, storage: string, name = file) =>
    runMsgbusd(t, ['--data', data, '--storage', storage, '--node-id', 'a/b/c', 'restore', name])
  for (const storage of ['sqlite', 'lmdb']) {
    const data = join(folder, storage)
    const done = await restore(data, storage)
    assert.equal(done.code, 0, done.stderr)
    assert.equal(done.stdout, `restored 2 logs of ${file} into ${data} (${storage})\n`)
    const args = ['--storage', storage, '--node-id', 'a/b/c']
    const restored = await startDaemon(t, { args, data })
    const reader = connectV1(t, restored.address)
    assert.deepEqual(await reader.collect('Fetch', { topic: 'a' }), before)
    await restored.stop()

    const again = await restore(data, storage)
    assert.equal(again.code, 1)
    assert.match(again.stderr, /^msgbusd: .*is not empty/m)
  }

  const bytes = readFileSync(file)
  for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
    const damaged = Buffer.from(bytes)
    damaged[at] = (damaged[at] ?? 0) ^ 0x40
    const bad = join(folder, 'damaged.backup')
    writeFileSync(bad, damaged)
    const data = join(folder, `damaged-${at}`)
    const refused = await restore(data, 'lmdb', bad)
    assert.equal(refused.code, 1, `byte ${at} of ${bytes.length}`)
    assert.doesNotMatch(refused.stderr, /^ +at /m, 'no stack trace')
    assert.deepEqual(existsSync(data) ? readdirSync(data) : [], [], 'nothing is left')
  }
})

test('what cannot be restored is said so', async (t) => {
  const folder = temporaryFolder(t)
  const data = ['--data', join(folder, 'new')]
  const missing = await runMsgbusd(t, [...data, 'restore', join(folder, 'missing')])
  assert.deepEqual([missing.code, missing.stdout], [1, ''])
  assert.match(missing.stderr, /^msgbusd: the backup cannot be read: ENOENT/)
  writeFileSync(join(folder, 'file'), '')
  const memory = [...data, '--storage', 'memory', 'restore', join(folder, 'file')]
  assert.match((await runMsgbusd(t, memory)).stderr, /choose lmdb or sqlite/)
  const empty = await runMsgbusd(t, [...data, 'restore', join(folder, 'file')])
  assert.equal(empty.code, 1)
  assert.match(empty.stderr, /^msgbusd: /)
})
