// Proves that the daemon ends when it is told to: with open subscriptions, with clients that ignore
// what they are told, at once on a second signal, and with exit code 0 (spec/msgbus-v1 6.4, case 59,
// defect L40).

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { type ServiceError, status } from '@grpc/grpc-js'
import { type DaemonProcess, startDaemon } from './daemon-process.ts'
import { RawHttp2Client } from './raw-http2-client.ts'
import { connectV1, type V1Client } from './v1-client.ts'

const memory = ['--storage', 'memory']
// SubscribeRequest with topic `quiet`: field 1, length 5.
const subscribeToQuiet = Buffer.from('\x0a\x05quiet', 'latin1')

/** Resolves when the subscription is in place; `ended` with the error that ends it. */
async function subscribe(
  client: V1Client,
  topic: string,
): Promise<{ ended: Promise<ServiceError> }> {
  const stream = client.open('Subscribe', { topic })
  const ended = new Promise<ServiceError>((resolve, reject) => {
    stream.once('error', resolve)
    stream.once('end', () => reject(new Error('the stream ended without a status')))
  })
  const first = new Promise((resolve) => stream.once('data', resolve))
  await client.call('Publish', { topic, payload: Buffer.from('x') })
  await first
  return { ended }
}

/** A client with an open subscription that will not close its connection. */
async function stubbornSubscriber(t: TestContext, daemon: DaemonProcess): Promise<RawHttp2Client> {
  await connectV1(t, daemon.address).call('Publish', { topic: 'quiet' })
  const client = await RawHttp2Client.connect(t, daemon.address)
  client.open('/msgbus.v1.MsgbusService/Subscribe', subscribeToQuiet)
  await client.received('data')
  return client
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`59: on ${signal} open subscriptions end with UNAVAILABLE and the daemon with 0`, async (t) => {
    const daemon = await startDaemon(t, { args: memory })
    const client = connectV1(t, daemon.address)
    const open = await Promise.all([subscribe(client, 'a'), subscribe(client, 'b')])
    assert.ok(existsSync(join(daemon.data, 'ready.json')))
    daemon.kill(signal)
    for (const { ended } of open) assert.equal((await ended).code, status.UNAVAILABLE)
    const { code, stderr } = await daemon.exited
    assert.equal(code, 0)
    assert.match(stderr, /"event":"stopped"/)
    assert.equal(existsSync(join(daemon.data, 'ready.json')), false)
  })
}

test('L40: a client that ignores GOAWAY and keeps its connection cannot hold the daemon', async (t) => {
  const daemon = await startDaemon(t, { args: [...memory, '--shutdown-grace-ms', '200'] })
  const client = await stubbornSubscriber(t, daemon)
  const { code, stderr } = await daemon.stop()
  assert.equal(code, 0)
  assert.doesNotMatch(stderr, /stop_overdue/)
  await client.closed
})

test('a second signal ends it at once, however long the grace time', async (t) => {
  const daemon = await startDaemon(t, { args: [...memory, '--shutdown-grace-ms', '600000'] })
  await stubbornSubscriber(t, daemon)
  daemon.kill('SIGTERM')
  await daemon.printed(/"event":"stopping"/)
  daemon.kill('SIGINT')
  const { code } = await daemon.exited
  assert.equal(code, 0)
})

test('one Ctrl-C that npm passes on as well is still one', async (t) => {
  const daemon = await startDaemon(t, { args: memory })
  daemon.kill('SIGINT')
  daemon.kill('SIGINT')
  const { code, stderr } = await daemon.exited
  assert.equal(code, 0)
  assert.match(stderr, /"event":"stopped"/)
  assert.doesNotMatch(stderr, /stopped_at_once/)
})

test('a defect is logged, the store is closed, and the exit code is 70', async (t) => {
  // Something nobody catches, whenever the test says so.
  const defect = `process.on('SIGUSR2',()=>{throw new Error('boom')})`
  const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(defect)}` }
  const daemon = await startDaemon(t, { args: ['--storage', 'lmdb'], env })
  await connectV1(t, daemon.address).call('Publish', { topic: 'a' })
  daemon.kill('SIGUSR2')
  const { code, stderr } = await daemon.exited
  assert.equal(code, 70)
  const line = stderr.split('\n').find((text) => text.includes('"event":"defect"')) ?? ''
  assert.match(line, /"message":"boom"/)
  assert.equal(existsSync(join(daemon.data, 'ready.json')), false)
  const again = await startDaemon(t, { data: daemon.data })
  assert.equal((await connectV1(t, again.address).collect('Fetch', { topic: 'a' })).length, 1)
})
