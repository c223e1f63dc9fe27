// Proves links between real daemons: what a daemon that only dials out publishes gets out, at once and both ways; through a
// WebSocket and through HTTP proxies that ask for a password; and that neither end loses or repeats anything when it is
// killed in the middle of a catch-up. `MSGBUS_LINK_KILLS` says how many times (2).

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { type ChannelCredentials, credentials } from '@grpc/grpc-js'
import { Random } from '../fuzz/random.ts'
import { noCertificates, TestAuthority } from './certificates.ts'
import { type DaemonProcess, startDaemon, temporaryFolder } from './daemon-process.ts'
import { connectV1, type Envelope, type V1Client } from './v1-client.ts'

interface Node {
  readonly daemon: DaemonProcess
  readonly client: V1Client
}

interface NodeOptions {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly data?: string
}

/** Nothing is asked for again within a test: what arrives was pushed. */
const never = '3600000'

async function start(
  t: TestContext,
  device: string,
  options: NodeOptions = {},
  trust?: ChannelCredentials,
): Promise<Node> {
  const { args = [], env = {}, data } = options
  const off = ['--busrt', 'off', '--tmb', 'off', '--mqtt', 'off']
  const daemon = await startDaemon(t, {
    args: ['--device-id', device, '--sync-interval-ms', never, ...off, ...args],
    env,
    ...(data === undefined ? {} : { data }),
  })
  return { daemon, client: connectV1(t, daemon.address, trust) }
}

const originOf = (device: string) => ({
  tenant_id: 'tenant',
  bl_name: 'default',
  device_id: device,
})
const pinOf = (device: string) => `=tenant/default/${device}`

async function publish({ client }: Node, topic: string, count: number): Promise<void> {
  const payload = Buffer.alloc(100, 7)
  await Promise.all(Array.from({ length: count }, () => client.call('Publish', { topic, payload })))
}

/** Resolves when the daemon has that many messages of the log; waits in a subscription. */
async function arrived(node: Node, topic: string, device: string, head: number): Promise<void> {
  const request = { topic, origin: originOf(device), from_head_id: head }
  const stream = node.client.open('Subscribe', request)
  for await (const { message } of stream as AsyncIterable<{ message: Envelope }>) {
    if (message.head_id >= head) break
  }
}

async function ids(node: Node, topic: string, device: string): Promise<string[]> {
  const all: string[] = []
  for (;;) {
    const request = { topic, origin: originOf(device), from_head_id: all.length + 1, limit: 10_000 }
    const page = await node.client.collect('Fetch', request)
    page.forEach(({ head_id }, i) => assert.equal(head_id, all.length + i + 1))
    if (page.length === 0) return all
    all.push(...page.map(({ id }) => id))
  }
}

test('a daemon that only dials out takes part fully, without asking again (case 99, defect L34)', async (t) => {
  const hub = await start(t, 'hub')
  await publish(hub, 'before', 3)
  const tablet = await start(t, 'tablet', {
    args: ['--peer', `http://${hub.daemon.address}${pinOf('hub')}`],
  })
  await arrived(tablet, 'before', 'hub', 3)
  await publish(tablet, 'out', 5)
  await arrived(hub, 'out', 'tablet', 5)
  await publish(hub, 'in', 5)
  await arrived(tablet, 'in', 'hub', 5)
  // And another one behind the same hub.
  const phone = await start(t, 'phone', { args: ['--peer', `http://${hub.daemon.address}`] })
  await arrived(phone, 'out', 'tablet', 5)
  await publish(phone, 'out', 2)
  await arrived(tablet, 'out', 'phone', 2)
  assert.deepEqual(await ids(phone, 'out', 'tablet'), await ids(tablet, 'out', 'tablet'))
})

interface Proxy {
  readonly url: string
  /** What it was asked to connect to. */
  readonly asked: readonly string[]
  /** Breaks all connections through it. */
  cut(): void
}

/** A proxy that knows CONNECT and one user. */
async function startProxy(t: TestContext): Promise<Proxy> {
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const wanted = `Basic ${Buffer.from('tablet:pass word').toString('base64')}`
  const server = createServer((_request, response) => {
    response.writeHead(405).end()
  })
  server.on('connect', ({ url = '', headers }, socket: Socket) => {
    if (headers['proxy-authorization'] !== wanted) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
      return
    }
    asked.push(url)
    const split = url.lastIndexOf(':')
    const far = connect(Number(url.slice(split + 1)), url.slice(0, split), () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      socket.pipe(far).pipe(socket)
    })
    for (const each of [socket, far]) {
      sockets.add(each)
      each.on('error', () => each.destroy())
      each.on('close', () => {
        socket.destroy()
        far.destroy()
        sockets.delete(each)
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  t.after(() => {
    cut()
    server.close()
  })
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return { url: `http://tablet:pass%20word@127.0.0.1:${address.port}`, asked, cut }
}

test(
  'through a proxy, over TLS: as a WebSocket on the HTTP port, and as gRPC',
  { skip: noCertificates },
  async (t) => {
    const authority = new TestAuthority(temporaryFolder(t))
    const server = authority.issue('server')
    const tls = ['--tls-cert', server.cert, '--tls-key', server.key]
    const trust = credentials.createSsl(readFileSync(authority.cert))
    const hub = await start(t, 'hub', { args: [...tls, '--http', 'tls+127.0.0.1:0'] }, trust)
    const http = hub.daemon.info.listeners.find(({ protocol }) => protocol === 'http')
    assert.ok(http !== undefined)
    const endpoints = { web: `wss://${http.address}`, grpc: `https://${hub.daemon.address}` }
    for (const [device, endpoint] of Object.entries(endpoints)) {
      const proxy = await startProxy(t)
      const args = ['--peer', `${endpoint}${pinOf('hub')}`, '--peer-tls-ca', authority.cert]
      const env = { HTTPS_PROXY: proxy.url, NO_PROXY: 'localhost' }
      const tablet = await start(t, device, { args, env })
      await publish(tablet, 'out', 300)
      await arrived(hub, 'out', device, 300)
      // A cut: it goes on where it was.
      proxy.cut()
      await publish(tablet, 'out', 300)
      await arrived(hub, 'out', device, 600)
      const target = endpoint.slice(endpoint.indexOf('//') + 2)
      assert.deepEqual([...new Set(proxy.asked)], [target])
      assert.ok(proxy.asked.length >= 2)
    }
    const refused = await startProxy(t)
    const env = { https_proxy: refused.url.replace('pass', 'wrong') }
    const nobody = await start(t, 'nobody', { args: ['--peer', endpoints.web], env })
    await nobody.daemon.printed(/"event":"peer_failed".*the proxy 127.0.0.1:\d+ answered 407/)
    const tooFar = await start(t, 'far', {
      args: ['--peer', endpoints.web, '--peer-tls-ca', authority.cert],
      env: { ...env, NO_PROXY: '127.0.0.1' },
    })
    await tooFar.daemon.printed(/"event":"peer_connected"/)
    assert.equal(refused.asked.length, 0)
  },
)

const kills = Number(process.env['MSGBUS_LINK_KILLS'] ?? 2)

test(`${kills} kills at random moments of a catch-up`, async (t) => {
  const seed = Date.now() % 0x1_0000_0000
  t.diagnostic(`seed ${seed}`)
  const random = new Random(seed)
  const folders = [temporaryFolder(t), temporaryFolder(t)] as const
  let giver = await start(t, 'giver', { data: folders[0] })
  const { address } = giver.daemon
  let count = 0
  const fill = async (): Promise<void> => {
    await publish(giver, 'events', 800)
    count += 800
  }
  await fill()
  const peer = ['--peer', `http://${address}${pinOf('giver')}`]
  let taker = await start(t, 'taker', { data: folders[1], args: peer })
  for (let i = 0; i < kills; i += 1) {
    const filling = fill()
    // A moment of the catch-up: when so many of what is new have come.
    await arrived(taker, 'events', 'giver', count - 800 + 1 + random.below(700))
    const isGiver = random.once(2)
    if (isGiver) await filling
    const victim = isGiver ? giver : taker
    victim.daemon.kill('SIGKILL')
    await Promise.all([filling, victim.daemon.exited])
    if (isGiver) giver = await start(t, 'giver', { data: folders[0], args: ['--listen', address] })
    else taker = await start(t, 'taker', { data: folders[1], args: peer })
  }
  await arrived(taker, 'events', 'giver', count)
  const all = await ids(taker, 'events', 'giver')
  assert.equal(all.length, count)
  assert.equal(new Set(all).size, count)
  assert.deepEqual(all, await ids(giver, 'events', 'giver'))
})

test('a node that lost its store gets its own messages back before it goes on', async (t) => {
  const hub = await start(t, 'hub')
  const peer = ['--peer', `http://${hub.daemon.address}${pinOf('hub')}`]
  const first = await start(t, 'tablet', { args: peer })
  await publish(first, 'events', 700)
  await publish(first, 'other', 3)
  await Promise.all([arrived(hub, 'events', 'tablet', 700), arrived(hub, 'other', 'tablet', 3)])
  const before = await ids(first, 'events', 'tablet')
  await first.daemon.stop()
  // Another folder: everything is gone.
  const second = await start(t, 'tablet', { args: peer })
  await second.daemon.printed(/"event":"recovered","messages":703/)
  assert.deepEqual(await ids(second, 'events', 'tablet'), before)
  const { message } = await second.client.call<{ message: Envelope }>('Publish', {
    topic: 'events',
    payload: Buffer.from('new'),
  })
  assert.equal(message.head_id, 701)
  await arrived(hub, 'events', 'tablet', 701)
  assert.deepEqual(await ids(hub, 'events', 'tablet'), [...before, message.id])
})

test('a node is bound to a user: others that say its name are refused', async (t) => {
  const folder = temporaryFolder(t)
  const config = join(folder, 'hub.yaml')
  const binding = { node: 'tenant/default/tablet', user: 'tablet' }
  const rules = [{ allow: 'all', to: 'any' }]
  writeFileSync(config, JSON.stringify({ rules, sync: { accept: 'listed', rules: [binding] } }))
  const hub = await start(t, 'hub', { args: ['--config', config] })
  const server = ['--server', hub.daemon.address, '--json']
  const tokens = new Map<string, string>()
  for (const user of ['tablet', 'other']) {
    const made = runCli([...server, 'tokens', 'add', user])
    assert.equal(made.status, 0, made.stderr)
    tokens.set(user, (JSON.parse(made.stdout) as { token: string }).token)
  }
  const peer = `http://${hub.daemon.address}`
  const dial = async (device: string, user: string): Promise<Node> => {
    const tokenFile = join(folder, user)
    writeFileSync(tokenFile, `${tokens.get(user)}\n`)
    const rule = [{ peer, tokenFile }]
    const file = join(folder, `${device}-${user}.yaml`)
    writeFileSync(file, JSON.stringify({ sync: { peers: [peer], rules: rule } }))
    return start(t, device, { args: ['--config', file] })
  }
  const liar = await dial('tablet', 'other')
  await liar.daemon.printed(/"event":"peer_failed".*tablet is tablet, and this is other/)
  const stranger = await dial('stranger', 'other')
  await stranger.daemon.printed(/"event":"peer_failed".*stranger are not accepted here/)
  const tablet = await dial('tablet', 'tablet')
  await tablet.daemon.printed(/"event":"peer_connected"/)
})

test('what is damaged in a store is fetched from a peer again', async (t) => {
  const hub = await start(t, 'hub')
  const args = ['--peer', `http://${hub.daemon.address}${pinOf('hub')}`]
  const data = temporaryFolder(t)
  const first = await start(t, 'tablet', { args, data })
  const texts = ['one', 'a payload that will be damaged', 'three', 'another one that will be']
  for (const text of texts) await said(first, text)
  for (const text of texts) await said(hub, text)
  await Promise.all([arrived(hub, 'events', 'tablet', 4), arrived(first, 'events', 'hub', 4)])
  await first.daemon.stop()
  flipBits(data, 'will be')
  const second = await start(t, 'tablet', { args, data })
  await second.daemon.printed(/"event":"peer_connected"/)
  const cli = (...words: string[]) =>
    runCli(['--server', second.daemon.address, '--json', ...words])
  const before = cli('sync', 'verify')
  assert.equal(before.status, 1, before.stderr)
  assert.match(before.stdout, /"from":2,"to":2/)
  // The hub found out as well that something cannot be had here; that costs no link.
  assert.doesNotMatch(hub.daemon.stderr() + second.daemon.stderr(), /peer_cut_off/)
  const repair = cli('sync', 'repair')
  assert.equal(repair.status, 0, repair.stderr)
  assert.match(repair.stdout, /"repaired":4/)
  assert.match(cli('sync', 'verify').stdout, /"damaged":\[\]/)
  for (const device of ['hub', 'tablet']) {
    const request = { topic: 'events', origin: originOf(device), from_head_id: 1, limit: 10 }
    const messages = await second.client.collect('Fetch', request)
    assert.deepEqual(
      messages.map(({ payload }) => payload.toString()),
      texts,
    )
  }
})

async function said({ client }: Node, text: string): Promise<void> {
  await client.call('Publish', { topic: 'events', payload: Buffer.from(text) })
}

/** Flips a bit behind each place where the text stands, in every file of a folder. */
function flipBits(folder: string, text: string): void {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const bytes = readFileSync(path)
    let at = bytes.indexOf(text)
    if (at === -1) continue
    for (; at !== -1; at = bytes.indexOf(text, at + 1)) bytes[at + 1] = (bytes[at + 1] ?? 0) ^ 1
    writeFileSync(path, bytes)
  }
}

function runCli(args: readonly string[]) {
  const main = join(import.meta.dirname, '../../src/cli/main.js')
  return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', timeout: 30_000 })
}
