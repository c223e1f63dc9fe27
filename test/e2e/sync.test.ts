// Proves that real daemons converge: star, chain and ring; restarts, a kill, deletes while apart, TLS with
// client certificates, and that a wrong pin is refused.

import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { noCertificates, TestAuthority } from './certificates.ts'
import { type DaemonProcess, startDaemon, temporaryFolder } from './daemon-process.ts'
import { connectV1, type Envelope, type V1Client } from './v1-client.ts'

interface Node {
  readonly daemon: DaemonProcess
  readonly client: V1Client
  readonly device: string
}

interface NodeOptions {
  readonly peers?: readonly string[]
  readonly data?: string
  readonly listen?: string
  readonly args?: readonly string[]
}

async function start(t: TestContext, device: string, options: NodeOptions = {}): Promise<Node> {
  const { peers = [], data, listen = '127.0.0.1:0', args = [] } = options
  const own = ['--device-id', device, '--sync-interval-ms', '100', '--listen', listen]
  const off = ['--busrt', 'off', '--tmb', 'off']
  const daemon = await startDaemon(t, {
    args: [...own, ...off, ...peers.flatMap((peer) => ['--peer', peer]), ...args],
    ...(data === undefined ? {} : { data }),
  })
  return { daemon, client: connectV1(t, daemon.address), device }
}

const specOf = ({ daemon, device }: Node) => `http://${daemon.address}=tenant/default/${device}`
const originOf = (device: string) => ({
  tenant_id: 'tenant',
  bl_name: 'default',
  device_id: device,
})

async function publish({ client, device }: Node, topic: string, count: number): Promise<void> {
  const calls = Array.from({ length: count }, (_, n) =>
    client.call('Publish', { topic, payload: Buffer.from(`${device} ${n}`), headers: { n: 'x' } }),
  )
  await Promise.all(calls)
}

/** Resolves when the daemon has that many messages of the log; asks through a subscription, so it waits. */
async function arrived(node: Node, topic: string, device: string, head: number): Promise<void> {
  const request = { topic, origin: originOf(device), from_head_id: head }
  const stream = node.client.open('Subscribe', request)
  for await (const { message } of stream as AsyncIterable<{ message: Envelope }>) {
    if (message.head_id >= head) break
  }
}

/** Every byte of a log, as anybody gets it. */
async function logOf(node: Node, topic: string, device: string): Promise<Envelope[]> {
  return node.client.collect('Fetch', { topic, origin: originOf(device), limit: 10_000 })
}

async function assertEqual(nodes: readonly Node[], topic: string): Promise<void> {
  for (const { device } of nodes) {
    const [first, ...others] = await Promise.all(nodes.map((node) => logOf(node, topic, device)))
    for (const other of others) assert.deepEqual(other, first)
  }
}

async function converge(nodes: readonly Node[], topic: string, head: number): Promise<void> {
  for (const node of nodes) {
    for (const { device } of nodes) await arrived(node, topic, device, head)
  }
  await assertEqual(nodes, topic)
}

test('two daemons, each the peer of the other', async (t) => {
  const a = await start(t, 'a')
  const b = await start(t, 'b', { peers: [specOf(a)] })
  await publish(a, 'events', 300)
  await publish(b, 'events', 50)
  await arrived(b, 'events', 'a', 300)
  // B is known only now, so A comes back with a peer.
  const { address, data } = a.daemon
  await a.daemon.stop()
  const again = await start(t, 'a', { data, listen: address, peers: [specOf(b)] })
  await converge([again, b], 'events', 50)
  await assertEqual([again, b], 'events')
})

test('a chain of three: messages and deletes reach the end, also after the middle was killed', async (t) => {
  const a = await start(t, 'a')
  const b = await start(t, 'b', { peers: [specOf(a)] })
  const c = await start(t, 'c', { peers: [specOf(b)] })
  await publish(a, 'events', 20)
  await arrived(c, 'events', 'a', 20)

  // While the middle is away A goes on, and deletes.
  const { address, data } = b.daemon
  b.daemon.kill('SIGKILL')
  await b.daemon.exited
  await publish(a, 'events', 30)
  const request = { topic: 'events', from_head_id: 5, to_head_id: 25 }
  await a.client.call('DeleteRange', request)
  const again = await start(t, 'b', { data, listen: address, peers: [specOf(a)] })
  await arrived(c, 'events', 'a', 50)
  await arrived(c, '$msgbus.delete', 'a', 1)
  const [there, here] = await Promise.all([logOf(a, 'events', 'a'), logOf(c, 'events', 'a')])
  assert.deepEqual(here, there)
  assert.equal(here.filter(({ deleted }) => deleted).length, 21)
  await assertEqual([a, again, c], 'events')
})

test('a star: what one of the outer ones says reaches the others through the middle', async (t) => {
  const one = await start(t, 'one')
  const two = await start(t, 'two')
  const middle = await start(t, 'middle', { peers: [specOf(one), specOf(two)] })
  // The outer ones pull from the middle, which they know only now.
  const outer: Node[] = []
  for (const node of [one, two]) {
    const { address, data } = node.daemon
    await node.daemon.stop()
    const { device } = node
    outer.push(await start(t, device, { data, listen: address, peers: [specOf(middle)] }))
  }
  const nodes = [middle, ...outer]
  await Promise.all(nodes.map((node) => publish(node, 'events', 100)))
  await converge(nodes, 'events', 100)
})

test('a ring: killed in the middle of a catch-up, it goes on without loss or repeat', async (t) => {
  const a = await start(t, 'a')
  await publish(a, 'events', 3_000)
  const b = await start(t, 'b', { peers: [specOf(a)] })
  const c = await start(t, 'c', { peers: [specOf(b)] })
  const { address, data } = a.daemon
  await a.daemon.stop()
  const closed = await start(t, 'a', { data, listen: address, peers: [specOf(c)] })
  for (let round = 1; round <= 3; round += 1) {
    await arrived(c, 'events', 'a', round * 500)
    const { data: folder, address: at } = b.daemon
    b.daemon.kill('SIGKILL')
    await b.daemon.exited
    Object.assign(b, await start(t, 'b', { data: folder, listen: at, peers: [specOf(closed)] }))
  }
  await publish(closed, 'events', 10)
  await Promise.all([publish(b, 'events', 10), publish(c, 'events', 10)])
  for (const node of [closed, b, c]) {
    await arrived(node, 'events', 'a', 3_010)
    for (const device of ['b', 'c']) await arrived(node, 'events', device, 10)
  }
  await assertEqual([closed, b, c], 'events')
  const log = await logOf(c, 'events', 'a')
  assert.deepEqual(
    log.map(({ head_id }) => head_id),
    Array.from({ length: 3_010 }, (_, n) => n + 1),
  )
})

test('a wrong pin: nothing is taken, and the row and the log say why', async (t) => {
  const a = await start(t, 'a')
  await publish(a, 'events', 3)
  const b = await start(t, 'b', { peers: [`http://${a.daemon.address}=tenant/default/other`] })
  await b.daemon.printed(/"event":"peer_failed".*identity mismatch/)
  const { heads } = await b.client.call<{ heads: object[] }>('ListHeads')
  assert.deepEqual(heads, [])
  const { states } = await b.client.call<{
    states: { peer: string; last_error: string; consecutive_failures: number }[]
  }>('ListPeerSyncStates')
  assert.match(states[0]?.last_error ?? '', /identity mismatch: expected tenant\/default\/other/)
})

test('TLS with client certificates', { skip: noCertificates }, async (t) => {
  const authority = new TestAuthority(temporaryFolder(t))
  const [server, mine] = [authority.issue('server'), authority.issue('client')]
  const tls = [
    '--tls-cert',
    server.cert,
    '--tls-key',
    server.key,
    '--tls-client-ca',
    authority.cert,
  ]
  const a = await startDaemon(t, {
    args: ['--device-id', 'a', '--busrt', 'off', '--tmb', 'off', ...tls],
  })
  const endpoint = `https://${a.address}`
  const files = [
    ['--peer-tls-ca', authority.cert],
    ['--peer-tls-cert', mine.cert, '--peer-tls-key', mine.key],
  ]
  const known = await start(t, 'b', { peers: [endpoint], args: files.flat() })
  await known.daemon.printed(/"event":"peer_connected"/)
  const nobody = await start(t, 'c', { peers: [endpoint], args: files[0] ?? [] })
  await nobody.daemon.printed(/"event":"peer_failed"/)
  const trusting = await start(t, 'd', { peers: [endpoint] })
  await trusting.daemon.printed(/"event":"peer_failed".*certificate/)
})

test('a peer bound to the key of its certificate', { skip: noCertificates }, async (t) => {
  const folder = temporaryFolder(t)
  const authority = new TestAuthority(folder)
  const server = authority.issue('server')
  const tls = ['--tls-cert', server.cert, '--tls-key', server.key]
  const a = await start(t, 'a', { args: tls })
  const endpoint = `https://${a.daemon.address}`
  const { publicKey } = new X509Certificate(readFileSync(server.cert))
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  const right = createHash('sha256').update(spki).digest('hex')
  const puller = async (device: string, key: string) => {
    const config = join(folder, `${device}.yaml`)
    const rule = { peer: endpoint, tls: { ca: authority.cert, publicKey: key } }
    writeFileSync(config, JSON.stringify({ sync: { peers: [endpoint], rules: [rule] } }))
    return start(t, device, { args: ['--config', config] })
  }
  const known = await puller('b', right)
  await known.daemon.printed(/"event":"peer_connected"/)
  const stranger = await puller(
    'c',
    right.replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
  )
  await stranger.daemon.printed(/"event":"peer_failed".*identity mismatch: the public key/)
})

test('SIGTERM while a peer is being pulled from ends at once and cleanly', async (t) => {
  const a = await start(t, 'a')
  await publish(a, 'events', 2_000)
  const b = await start(t, 'b', { peers: [specOf(a)] })
  await arrived(b, 'events', 'a', 1)
  const { code } = await b.daemon.stop()
  assert.equal(code, 0)
})
