// spec/tmb 14, the cases that need a daemon of its own: ports, restarts, other programs, many clients, and the
// WebSocket gate. With Debian's telnet and nc where they are installed.

import assert from 'node:assert/strict'
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type NetConnectOpts } from 'node:net'
import { test, type TestContext } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { WebSocket } from 'ws'
import { tmbLimits } from '../../../src/wire/tmb/limits.ts'
import { noCertificates, TestAuthority } from '../../e2e/certificates.ts'
import { cleanUp } from '../../e2e/clean-up.ts'
import {
  type DaemonOptions,
  type DaemonProcess,
  runMsgbusd,
  startDaemon,
  temporaryFolder,
} from '../../e2e/daemon-process.ts'
import { connectV1 } from '../../e2e/v1-client.ts'
import { LineClient } from './line-client.ts'

/** Longer than any of these takes, on a busy machine, too. */
const limited = { timeout: 60_000 }

const memory = ['--storage', 'memory', '--busrt', 'off']

interface TextDaemon extends DaemonProcess {
  readonly tmb: NetConnectOpts & { readonly host: string; readonly port: number }
}

async function startTextDaemon(t: TestContext, options: DaemonOptions = {}): Promise<TextDaemon> {
  const { args = memory } = options
  const own = args.includes('--tmb') ? args : ['--tmb', '127.0.0.1:0', ...args]
  const daemon = await startDaemon(t, { ...options, args: own })
  return { ...daemon, tmb: addressOf(daemon) }
}

function addressOf({ info }: DaemonProcess) {
  const address = info.listeners.find(({ protocol }) => protocol === 'tmb')?.address ?? ''
  const [host = '', port = ''] = address.split(':')
  return { host, port: Number(port) }
}

async function connectTo(t: TestContext, daemon: TextDaemon): Promise<LineClient> {
  const client = await LineClient.tcp(daemon.tmb)
  cleanUp(t, () => client.destroy())
  return client
}

const node = { tenant_id: 'tenant', bl_name: 'default', device_id: 'device' }
const deviceFlags = ['--device-id', 'device']

test('cases 66, 67: clients of gRPC', limited, async (t) => {
  const daemon = await startTextDaemon(t, { args: [...memory, ...deviceFlags] })
  const grpc = connectV1(t, daemon.address)
  const a = await connectTo(t, daemon)
  await a.subscribe()
  await grpc.call('Publish', { topic: '/a', payload: Buffer.from('7') })
  await a.gets(':/a 7\n')
  await a.send('last is /a\n')
  await a.gets('ok last 1\n:/a 7\n')
  const range = { from_head_id: 1, to_head_id: 1 }
  await grpc.call('DeleteRange', { topic: '/a', origin: node, ...range })
  await a.send('last is /a\n')
  await a.gets('ok last 0\n')
})

test('cases 65, 68: last values outlive the daemon', limited, async (t) => {
  const data = temporaryFolder(t)
  const args = ['--busrt', 'off']
  const first = await startTextDaemon(t, { data, args })
  const b = await connectTo(t, first)
  await b.send(':/a 1\n:/a 2\n:\xff\t\xfe\n:/b 3\n')
  await b.isQuiet()
  const { code } = await first.stop()
  assert.equal(code, 0)
  await b.gets('info shutting-down\n')
  const second = await startTextDaemon(t, { data, args })
  const a = await connectTo(t, second)
  await a.send('last r .\n')
  await a.gets('ok last 3\n:/a 2\n:\xff\t\xfe\n:/b 3\n')
})

/** Ports of the range that this test holds, on 127.0.0.1. */
async function takePorts(t: TestContext, ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    const server = createServer().listen(port, '127.0.0.1')
    // Whoever has it, this test or somebody else: it is taken.
    const isOurs = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (!isOurs) continue
    cleanUp(t, async () => {
      server.close()
      await once(server, 'close')
    })
  }
}

/** What the daemon does when nobody says anything; other tests turn TMB off. */
const byDefault = { MSGBUS_TMB: '' }
const allPorts = Array.from({ length: 10 }, (_, i) => tmbLimits.firstPort + i)

test('case 76: the next port that is free, and none', limited, async (t) => {
  await takePorts(t, [tmbLimits.firstPort])
  const daemon = await startDaemon(t, { args: memory, env: byDefault })
  const { port } = addressOf(daemon)
  assert.ok(port > tmbLimits.firstPort && port <= tmbLimits.lastPort, `port ${port}`)
  assert.match(daemon.stdout(), new RegExp(`^tmb listens on 127\\.0\\.0\\.1:${port}$`, 'm'))
  const ports = daemon.info.listeners.filter(({ protocol }) => protocol === 'tmb')
  for (const { address } of ports) assert.ok(address.endsWith(`:${port}`), address)
  await takePorts(t, allPorts)
  const args = [...memory, '--listen', '127.0.0.1:0', '--http', 'off', '--data', temporaryFolder(t)]
  const { code, stderr } = await runMsgbusd(t, args, byDefault)
  assert.equal(code, 1)
  assert.match(
    stderr,
    /^msgbusd: TMB has no port: all from 4711 to 4720 are taken; give --tmb an address, or --tmb off$/m,
  )
})

test('8.1: an address that was asked for is bound or is an error', limited, async (t) => {
  const daemon = await startTextDaemon(t)
  const taken = `127.0.0.1:${daemon.tmb.port}`
  const args = [...memory, '--listen', '127.0.0.1:0', '--http', 'off', '--data', temporaryFolder(t)]
  const { code, stderr } = await runMsgbusd(t, [...args, '--tmb', taken])
  assert.equal(code, 1)
  assert.equal(
    stderr,
    `msgbusd: --tmb: cannot listen on ${taken}: another program listens there already\n`,
  )
})

test('case 77: after a kill the same port can be had at once', limited, async (t) => {
  const first = await startTextDaemon(t)
  const clients = [await connectTo(t, first), await connectTo(t, first)]
  for (const client of clients) await client.subscribe()
  first.kill('SIGKILL')
  await first.exited
  const second = await startTextDaemon(t, {
    args: [...memory, '--tmb', `127.0.0.1:${first.tmb.port}`],
  })
  const again = await connectTo(t, second)
  await again.isQuiet()
})

test('9.4: TLS', { ...limited, skip: noCertificates }, async (t) => {
  const authority = new TestAuthority(temporaryFolder(t))
  const { cert, key } = authority.issue('server')
  const files = ['--tls-cert', cert, '--tls-key', key]
  const daemon = await startTextDaemon(t, {
    args: [...memory, ...files, '--tmb', 'tls+127.0.0.1:0'],
  })
  assert.match(daemon.stdout(), /^tmb listens on 127\.0\.0\.1:\d+ with TLS$/m)
  const socket = connectTls({ ...daemon.tmb, ca: readFileSync(authority.cert) })
  cleanUp(t, () => socket.destroy())
  await once(socket, 'secureConnect')
  const a = LineClient.on(socket)
  await a.send('s 1 r .\n:/a \xff\n')
  await a.gets('ok subscribe 1 added\n:/a \xff\n')
})

test('case 81: 5,000 clients', limited, async (t) => {
  const daemon = await startTextDaemon(t)
  const clients: LineClient[] = []
  while (clients.length < 5_000) {
    const some = Array.from({ length: 250 }, async () => {
      const client = await connectTo(t, daemon)
      await client.subscribe()
      return client
    })
    clients.push(...(await Promise.all(some)))
  }
  const b = await connectTo(t, daemon)
  const startedAt = performance.now()
  await b.send(':/a x\n')
  await Promise.all(clients.map((client) => client.gets(':/a x\n')))
  t.diagnostic(`${Math.round(performance.now() - startedAt)} ms`)
  await Promise.all(clients.map((client) => client.isQuiet()))
})

test('case 82: the WebSocket gate', limited, async (t) => {
  const daemon = await startTextDaemon(t, { args: [...memory, '--http', '127.0.0.1:0'] })
  const http = daemon.info.listeners.find(({ protocol }) => protocol === 'http')?.address
  const url = `ws://${http}/tmb`
  const commands =
    's 1 regexp .\ns 2 begins-with /upper\ns 3 ends-with shape\ns 4 contains colour\ns 5 is /upper/shape'
  for (const kind of ['text', 'binary'] as const) {
    const a = await LineClient.webSocket(url, kind)
    cleanUp(t, () => a.destroy())
    await a.send(commands)
    for (let id = 1; id <= 5; id++) await a.gets(`ok subscribe ${id} added\n`)
    const b = await connectTo(t, daemon)
    await b.send(':/upper/shape square\n')
    await a.gets(':/upper/shape square\n')
    await a.isQuiet()
    // Answers come in kind; what is no text comes as bytes.
    assert.deepEqual([...a.kinds], [kind])
    await b.send(':\xff x\n')
    await a.gets(':\xff x\n')
    assert.ok(a.kinds.has('binary'))
  }
  const foreign = new WebSocket(url, ['tmb.v1'], {
    headers: { origin: 'http://elsewhere.example' },
  })
  const [, response] = (await once(foreign, 'unexpected-response')) as [
    unknown,
    { statusCode: number },
  ]
  assert.equal(response.statusCode, 403)
  foreign.on('error', () => undefined)
  foreign.terminate()
})

const ignored = () => undefined

/** A program and what it wrote; ended with the test. */
function run(t: TestContext, program: string, args: readonly string[]) {
  const child: ChildProcessWithoutNullStreams = spawn(program, args)
  let output = ''
  let wake: () => void = ignored
  child.stdout.setEncoding('latin1').on('data', (text: string) => {
    output += text
    wake()
  })
  child.on('close', () => wake())
  cleanUp(t, async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'close')
  })
  return {
    child,
    type: (text: string) => void child.stdin.write(text, 'latin1'),
    /** Waits until it has written this. */
    async prints(text: string): Promise<void> {
      while (!output.includes(text)) {
        assert.equal(child.exitCode, null, `${program} ended after ${JSON.stringify(output)}`)
        await new Promise<void>((resolve) => (wake = resolve))
      }
      output = output.slice(output.indexOf(text) + text.length)
    },
  }
}

/** Why tests with a program cannot run; false when they can. Both say something without a network. */
function missing(program: string): string | false {
  return spawnSync(program, ['-h']).error === undefined ? false : `${program} is not installed`
}

test('telnet: a person at a terminal', { skip: missing('telnet'), timeout: 60_000 }, async (t) => {
  const daemon = await startTextDaemon(t)
  const { host, port } = daemon.tmb
  const a = run(t, 'telnet', [host, String(port)])
  await a.prints('Connected to ')
  a.type('s 1 r .\n')
  await a.prints('ok subscribe 1 added')
  a.type(':/upper/colour #666\n')
  await a.prints(':/upper/colour #666')
  a.type('s 2 x foo\n')
  await a.prints(
    'error unknown-kind subscribe x is not one of begins-with contains ends-with is regexp',
  )
  const b = await connectTo(t, daemon)
  await b.subscribe()
  a.type(':/lower/shape  circle \n')
  // A terminal sends carriage return and line feed; the line is the same.
  await b.gets(':/lower/shape  circle \n')
  await b.send(':/lower/colour yellow\n')
  await a.prints(':/lower/colour yellow')
  a.type('u 1\nq\n')
  await a.prints('ok unsubscribe 1')
  await a.prints('ok quit')
  await once(a.child, 'close')
})

test(
  'case 61: nc that has nothing more to say',
  { skip: missing('nc'), timeout: 60_000 },
  async (t) => {
    const daemon = await startTextDaemon(t)
    const { host, port } = daemon.tmb
    // -N: ends its side of the connection when there is no more input.
    const listener = run(t, 'nc', ['-N', host, String(port)])
    listener.child.stdin.end('s 1 r .\n')
    await listener.prints('ok subscribe 1 added\n')
    const sender = run(t, 'nc', ['-N', host, String(port)])
    sender.child.stdin.end(':/a b\n:/a \xff\x00\n', 'latin1')
    // Without a subscription it is told at once that it may go.
    await once(sender.child, 'close')
    await listener.prints(':/a b\n:/a \xff\x00\n')
    assert.equal(listener.child.exitCode, null)
  },
)
