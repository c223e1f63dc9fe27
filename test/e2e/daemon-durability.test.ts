// Proves, with the real process on both engines, that what was acknowledged is there after kill -9
// and after a restart (cases 28, 71, 83), and that a store belongs to one daemon and one node
// (cases 109, 110, defect L27).

import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { type DaemonProcess, runMsgbusd, startDaemon, temporaryFolder } from './daemon-process.ts'
import { connectV1, type Envelope, type FifoMessage } from './v1-client.ts'

interface Published {
  readonly message: Envelope
}

/** Starts it again on the same folder after a kill that it cannot notice. */
async function killAndRestart(
  t: TestContext,
  daemon: DaemonProcess,
  args: readonly string[],
): Promise<DaemonProcess> {
  daemon.kill('SIGKILL')
  await daemon.exited
  return startDaemon(t, { args, data: daemon.data })
}

for (const storage of ['lmdb', 'sqlite']) {
  const args = ['--storage', storage]

  test(`28: ${storage}: killed right after the answer, the message is there, and the next head is one more`, async (t) => {
    let daemon = await startDaemon(t, { args })
    for (let head = 1; head <= 3; head++) {
      const client = connectV1(t, daemon.address)
      const payload = Buffer.from(`message ${head}`)
      const { message } = await client.call<Published>('Publish', { topic: 'a', payload })
      assert.equal(message.head_id, head)
      daemon = await killAndRestart(t, daemon, args)
    }
    const messages = await connectV1(t, daemon.address).collect('Fetch', { topic: 'a' })
    assert.deepEqual(
      messages.map(({ payload }) => payload.toString()),
      ['message 1', 'message 2', 'message 3'],
    )
  })

  test(`71: ${storage}: deleted stays deleted after a kill, and the marker is there once`, async (t) => {
    const daemon = await startDaemon(t, { args })
    const before = connectV1(t, daemon.address)
    const payload = Buffer.from('secret')
    for (let i = 0; i < 3; i++) await before.call('Publish', { topic: 'a', payload })
    const range = { topic: 'a', from_head_id: 2, to_head_id: 3 }
    const answer = await before.call<{ deleted_count: number }>('DeleteRange', range)
    assert.equal(answer.deleted_count, 2)

    const after = connectV1(t, (await killAndRestart(t, daemon, args)).address)
    const messages = await after.collect('Fetch', { topic: 'a' })
    assert.deepEqual(
      messages.map((message) => [message.deleted, message.payload.toString()]),
      [
        [false, 'secret'],
        [true, ''],
        [true, ''],
      ],
    )
    assert.equal((await after.collect('Fetch', { topic: '$msgbus.delete' })).length, 1)
  })

  test(`83: ${storage}: queues keep order, attempts and sequences over a restart`, async (t) => {
    const first = await startDaemon(t, { args })
    const before = connectV1(t, first.address)
    const enqueue = (client: typeof before) =>
      client.call<{ message: FifoMessage }>('EnqueueFifo', { topic: 't', queue: 'q', target: {} })
    const ids: string[] = []
    for (let i = 0; i < 3; i++) ids.push((await enqueue(before)).message.id)
    await before.call('AckFifo', { queue: 'q', message_id: ids[0] })
    await before.call('RejectFifo', { queue: 'q', message_id: ids[1] })
    await before.call('RejectFifo', { queue: 'q', message_id: ids[1] })
    const exit = await first.stop()
    assert.equal(exit.code, 0)

    const second = await startDaemon(t, { args, data: first.data })
    const after = connectV1(t, second.address)
    const peek = async () =>
      (await after.call<{ message: FifoMessage }>('PeekFifo', { queue: 'q' })).message
    const front = await peek()
    assert.deepEqual([front.id, front.sequence, front.attempts], [ids[1], 2, 2])
    await after.call('AckFifo', { queue: 'q', message_id: ids[1] })
    assert.deepEqual([(await peek()).id, (await peek()).sequence], [ids[2], 3])
    assert.equal((await enqueue(after)).message.sequence, 4)
  })

  test(`109: ${storage}: a second daemon on the same folder is refused and the first unharmed`, async (t) => {
    const first = await startDaemon(t, { args })
    const client = connectV1(t, first.address)
    await client.call('Publish', { topic: 'a' })
    const both = ['--listen', '127.0.0.1:0', '--http', 'off', '--data', first.data]
    const second = await runMsgbusd(t, [...args, ...both])
    assert.equal(second.code, 1)
    assert.match(second.stderr, new RegExp(`^msgbusd: .*${first.data}.*${first.pid}.*--data`, 'm'))
    assert.doesNotMatch(second.stderr, /^ +at /m, 'no stack trace')
    // Also when it is the port that would stop it first.
    const samePort = await runMsgbusd(t, [...args, ...both, '--listen', first.address])
    assert.equal(samePort.code, 1)
    assert.match(samePort.stderr, new RegExp(`^msgbusd: .*${first.data}.*${first.pid}`, 'm'))
    assert.equal((await client.call<Published>('Publish', { topic: 'a' })).message.head_id, 2)
    assert.ok(readdirSync(first.data).includes('ready.json'), 'the file of the first one stays')
  })

  test(`110, L27: ${storage}: a store of another node is refused by name, and taken over on request`, async (t) => {
    const first = await startDaemon(t, { args: [...args, '--node-id', 'a/b/one'] })
    await connectV1(t, first.address).call('Publish', { topic: 'a' })
    await first.stop()
    const other = [
      '--listen',
      '127.0.0.1:0',
      '--http',
      'off',
      '--data',
      first.data,
      '--node-id',
      'a/b/two',
    ]
    const refused = await runMsgbusd(t, [...args, ...other])
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /a\/b\/one/)
    assert.match(refused.stderr, /a\/b\/two/)
    assert.match(refused.stderr, /--adopt-node-id/)

    const adopt = [...args, '--node-id', 'a/b/two', '--adopt-node-id']
    const adopted = await startDaemon(t, { args: adopt, data: first.data })
    const client = connectV1(t, adopted.address)
    assert.equal((await client.call<Published>('Publish', { topic: 'a' })).message.head_id, 1)
    const origin = { tenant_id: 'a', bl_name: 'b', device_id: 'one' }
    assert.equal((await client.collect('Fetch', { topic: 'a', origin })).length, 1)
  })

  test(`${storage}: a folder with somebody else's files is refused and left alone`, async (t) => {
    const data = temporaryFolder(t)
    const foreign = {
      'data.db': 'not a store',
      'msgbus.redb': 'redb',
      'journal.mdb': 'x',
      'journal.sqlite': 'x',
    }
    for (const [name, text] of Object.entries(foreign))
      writeFileSync(join(data, name), text.repeat(5000))
    const flags = ['--listen', '127.0.0.1:0', '--http', 'off', '--data', data]
    const { code, stderr } = await runMsgbusd(t, [...args, ...flags])
    assert.equal(code, 1, stderr)
    assert.match(stderr, new RegExp(`^msgbusd: .*${data}`, 'm'))
    assert.doesNotMatch(stderr, /^ +at /m, 'no stack trace')
  })
}

test('a store of the other engine is not overlooked', async (t) => {
  const first = await startDaemon(t, { args: ['--storage', 'lmdb'] })
  await connectV1(t, first.address).call('Publish', { topic: 'a' })
  await first.stop()
  const flags = ['--listen', '127.0.0.1:0', '--http', 'off', '--data', first.data]
  const { code, stderr } = await runMsgbusd(t, [...flags, '--storage', 'sqlite'])
  assert.equal(code, 1)
  assert.match(stderr, /^msgbusd: .*holds something else than a store of the engine sqlite/m)
})
