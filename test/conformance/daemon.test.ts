/**
 * The cases of the daemon and of restarts that one process can show: 71, 83, 107, 111 and 114, and
 * certificates that change. What needs the real program stands in test/e2e.
 */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import { credentials, status } from '@grpc/grpc-js'
import { failure, startTestDaemon } from '../../src/protocols/grpc/grpc-suite.ts'
import { openLmdbLogStore } from '../../src/stores/lmdb/lmdb-log-store.ts'
import { type CertificateFiles, noCertificates, TestAuthority } from '../e2e/certificates.ts'
import { daemonOf, fill, headsOf, own, range } from './engines.ts'

const v1 = 'msgbus.v1.MsgbusService'
const open = openLmdbLogStore

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'msgbus-daemon-'))
  t.after(async () => rm(folder, { recursive: true, force: true }))
  return folder
}

test('71 and 83 deletes and queues are as they were after a restart', async (t) => {
  const folder = await temporaryFolder(t)
  const first = await startTestDaemon({ open, folder })
  const before = first.connect(v1)
  await fill(first, 'a', 3)
  await before.call('DeleteRange', { topic: 'a', fromHeadId: 2, toHeadId: 2 })
  const enqueue = { queue: 'q', topic: 't', target: own }
  const { message: front } = await before.call('EnqueueFifo', enqueue)
  await before.call('EnqueueFifo', enqueue)
  await before.call('RejectFifo', { queue: 'q', messageId: front.id })
  await first.stop()

  const second = await daemonOf(t, { open, folder })
  const after = second.connect(v1)
  const messages = await after.collect('Fetch', { topic: 'a' })
  assert.deepEqual(
    messages.map(({ message }) => message.deleted),
    [false, true, false],
  )
  assert.equal((await after.call('GetHead', { topic: '$msgbus.delete' })).headId, 1)
  const { message } = await after.call('PeekFifo', { queue: 'q' })
  assert.deepEqual(message, { ...front, attempts: 1 })
  assert.equal((await after.call('EnqueueFifo', enqueue)).message.sequence, 3)
})

test('111 Health before the store is open, Ready after', async (t) => {
  const daemon = await daemonOf(t, { isAttached: false })
  const client = daemon.connect(v1)
  assert.deepEqual(await client.call('Health'), { status: 'SERVING', node: own })
  const { ready, status: text } = await client.call('Ready')
  assert.deepEqual([ready, text], [false, 'NOT_READY'])
  assert.equal((await failure(client.call('Publish', { topic: 'a' }))).code, status.UNAVAILABLE)
  daemon.attach()
  assert.deepEqual(await client.call('Ready'), {
    ready: true,
    status: 'READY',
    error: '',
    node: own,
  })
})

test('114 a subscription that reopens as the v1 SDKs do survives a restart', async (t) => {
  const folder = await temporaryFolder(t)
  const first = await startTestDaemon({ open, folder })
  const received: number[] = []
  const subscribe = async (daemon: typeof first, until: number) => {
    const fromHeadId = (received.at(-1) ?? 0) + 1
    const stream = daemon.connect(v1).stream('Subscribe', { topic: 'a', fromHeadId })
    while ((received.at(-1) ?? 0) < until) received.push(...headsOf([await stream.next()]))
    return stream
  }
  await fill(first, 'a', 5)
  const stream = await subscribe(first, 5)
  await first.shutdown(5_000)
  assert.equal((await stream.status)?.code, status.UNAVAILABLE)
  await first.stop()
  const second = await daemonOf(t, { open, folder })
  await fill(second, 'a', 200)
  await subscribe(second, 205)
  assert.deepEqual(received, range(1, 205))
})

const pem = ({ cert, key }: CertificateFiles) => ({
  cert: readFileSync(cert),
  key: readFileSync(key),
})

test(
  '107 client certificates are required and checked, ALPN is h2',
  { skip: noCertificates },
  async (t) => {
    const authority = new TestAuthority(await temporaryFolder(t))
    const stranger = new TestAuthority(await temporaryFolder(t))
    const ca = readFileSync(authority.cert)
    const tls = { ...pem(authority.issue('server')), clientCa: ca }
    const daemon = await daemonOf(t, { tls, settings: { listen: 'tls+127.0.0.1:0' } })
    assert.deepEqual(daemon.adapter.listeners[0]?.tls, true)
    const { cert, key } = pem(authority.issue('ada'))
    const good = daemon.connect(v1, {}, credentials.createSsl(ca, key, cert))
    assert.equal((await good.call('Publish', { topic: 'a' })).message.headId, 1)
    const unknown = pem(stranger.issue('eve'))
    for (const secure of [
      credentials.createSsl(ca),
      credentials.createSsl(ca, unknown.key, unknown.cert),
      credentials.createInsecure(),
    ]) {
      const client = daemon.connect(v1, {}, secure)
      assert.equal((await failure(client.call('Health'))).code, status.UNAVAILABLE)
    }
    const alpn = await handshake(daemon.address, { ca, cert, key, ALPNProtocols: ['h2'] })
    assert.equal(alpn.alpnProtocol, 'h2')
    alpn.destroy()
  },
)

test(
  'a new certificate is for new connections; old ones go on',
  { skip: noCertificates },
  async (t) => {
    const authority = new TestAuthority(await temporaryFolder(t))
    const ca = readFileSync(authority.cert)
    const tls = { ...pem(authority.issue('old')), clientCa: undefined }
    const daemon = await daemonOf(t, { tls, settings: { listen: 'tls+127.0.0.1:0' } })
    const client = daemon.connect(v1, {}, credentials.createSsl(ca))
    const stream = client.stream('Subscribe', { topic: 'a', fromHeadId: 1 })
    await client.call('Publish', { topic: 'a' })
    assert.deepEqual(headsOf([await stream.next()]), [1])
    const nameOf = async () => {
      const socket = await handshake(daemon.address, { ca })
      const name = String(socket.getPeerCertificate().subject.CN)
      socket.destroy()
      return name
    }
    assert.equal(await nameOf(), 'old')
    daemon.adapter.reloadTls({ ...pem(authority.issue('new')), clientCa: undefined })
    assert.equal(await nameOf(), 'new')
    await client.call('Publish', { topic: 'a' })
    assert.deepEqual(headsOf([await stream.next()]), [2])
  },
)

async function handshake(address: string, options: ConnectionOptions) {
  const [host, port] = address.split(':')
  const socket = connectTls({ host: host ?? '', port: Number(port), ...options })
  await once(socket, 'secureConnect')
  return socket
}
