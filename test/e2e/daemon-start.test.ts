// Proves what the daemon does at start: what it says, where it can be found, and that everything it
// cannot start with gives one clear message and the right exit code (spec/msgbus-v1 6.1, 6.2, cases
// 105, 106, 108, 111).

import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { cleanUp } from './clean-up.ts'
import { runMsgbusd, startDaemon, temporaryFolder } from './daemon-process.ts'
import { connectV1 } from './v1-client.ts'

const memory = ['--storage', 'memory']

/** A port on loopback that somebody else has. */
async function takenPort(t: TestContext, port = 0): Promise<string> {
  const server = createServer()
  cleanUp(t, () => server.close())
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  return `127.0.0.1:${address.port}`
}

test('it says who it is, where its data is and where it listens, and ready.json says the same', async (t) => {
  const data = temporaryFolder(t)
  const args = [...memory, '--listen', `unix:${join(data, 'bus.sock')}`, '--listen', 'localhost:0']
  const daemon = await startDaemon(t, { args: [...args, '--http', '127.0.0.1:0'], data })
  const { info } = daemon
  const [unix, tcp, busrt, http] = info.listeners
  assert.equal(busrt?.address, `unix:${join(data, 'busrt.sock')}`)
  assert.equal(unix?.address, `unix:${join(data, 'bus.sock')}`)
  assert.match(tcp?.address ?? '', /^localhost:\d+$/)
  assert.equal(info.pid, daemon.pid)
  assert.equal(info.storage, 'memory')
  assert.equal(info.durability, 'memory')
  assert.deepEqual(info.node, { tenantId: 'tenant', blName: 'default', deviceId: hostname() })
  const lines = daemon.stdout().trimEnd().split('\n')
  assert.deepEqual(lines.slice(0, -1), [
    `msgbusd ${info.version}, node tenant/default/${hostname()}`,
    'data in memory, gone when it stops',
    `grpc listens on ${unix?.address}`,
    `grpc listens on ${tcp?.address}`,
    `busrt listens on ${busrt?.address}`,
    `http listens on http://${http?.address} (console, API at /v1, /healthz, /readyz, /metrics)`,
  ])
  assert.match(lines.at(-1) ?? '', /^ready after \d+ ms$/)
  for (const { address } of [unix, tcp].filter((listener) => listener !== undefined)) {
    const { node } = await connectV1(t, address).call<{ node: object }>('Health')
    assert.deepEqual(node, { tenant_id: 'tenant', bl_name: 'default', device_id: hostname() })
  }
})

test('its log lines are JSON with time, level, event and node', async (t) => {
  const daemon = await startDaemon(t, { args: [...memory, '--node-id', 'a/b/c'] })
  await daemon.stop()
  const lines = daemon.stderr().trimEnd().split('\n')
  const events = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.deepEqual(
    events.map(({ event }) => event),
    ['ready', 'stopping', 'stopped'],
  )
  for (const { time, level, node } of events) {
    assert.ok(!Number.isNaN(Date.parse(String(time))))
    assert.equal(level, 'info')
    assert.equal(node, 'a/b/c')
  }
})

test('105: the daemon takes what it is given by environment and by flag, and the flag wins', async (t) => {
  const env = { MSGBUS_TENANT_ID: 'env', MSGBUS_BL_NAME: 'env', MSGBUS_STORAGE: 'memory' }
  const daemon = await startDaemon(t, { args: ['--bl-name', 'flag'], env })
  const { node } = await connectV1(t, daemon.address).call<{ node: object }>('Health')
  assert.deepEqual(node, { tenant_id: 'env', bl_name: 'flag', device_id: hostname() })
})

test('config print shows what holds, and what it prints is a file that says the same', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'bus.yaml')
  writeFileSync(file, 'storage: { engine: sqlite }\ntopics: [{ filter: a/#, store: always }]\n')
  const args = ['config', 'print', '--listen', '127.0.0.1:1', '--listen', 'unix:/x']
  const print = await runMsgbusd(t, [...args, '--config', file], { MSGBUS_LOG: 'warn' })
  assert.equal(print.code, 0, print.stderr)
  assert.match(print.stdout, new RegExp(`^  engine: sqlite # ${file}:1:20$`, 'm'))
  assert.match(print.stdout, /^ {2}level: warn # MSGBUS_LOG$/m)
  assert.match(print.stdout, /^ {2}durability: disk # default$/m)

  const copy = join(folder, 'copy.yaml')
  writeFileSync(copy, print.stdout)
  const check = await runMsgbusd(t, ['config', 'check', copy])
  assert.deepEqual([check.code, check.stdout], [0, `${copy}: no faults\n`])
  const again = await runMsgbusd(t, ['config', 'print', '--config', copy])
  assert.equal(withoutComments(again.stdout), withoutComments(print.stdout))
})

function withoutComments(yaml: string): string {
  return yaml.replace(/ *#.*$/gm, '')
}

test('faults of the configuration: all of them, with places, nothing started, exit code 2', async (t) => {
  const folder = temporaryFolder(t)
  const file = join(folder, 'bus.yaml')
  writeFileSync(file, 'storage:\n  engine: oracle\n  dta: x\nlog: [\n')
  const broken = await runMsgbusd(t, ['--config', file])
  assert.equal(broken.code, 2)
  assert.match(broken.stderr, new RegExp(`${file}:\\d+:\\d+: `))
  writeFileSync(file, 'storage:\n  engine: oracle\n  dta: x\n')
  for (const args of [
    ['--config', file],
    ['config', 'check', file],
    ['config', 'print', '-c', file],
  ]) {
    const { code, stdout, stderr } = await runMsgbusd(t, args)
    assert.deepEqual([code, stdout], [2, ''])
    assert.equal(
      stderr,
      [
        'msgbusd: 2 faults in the configuration',
        `  ${file}:2:11: storage.engine: expected lmdb, sqlite or memory, got "oracle"`,
        `  ${file}:3:3: storage.dta: unknown setting; did you mean storage.data?`,
        '',
      ].join('\n'),
    )
  }
})

// Each is refused before anything is touched: [arguments, what it says].
const usageFaults: [args: string[], message: RegExp][] = [
  [['--lisen', 'x'], /unknown option '--lisen'\n\(Did you mean --listen\?\)/],
  [['--listen'], /option '--listen <address>' argument missing/],
  [['start'], /unexpected argument 'start'/],
  [['config'], /Usage: msgbusd config/],
  [['config', 'check'], /missing required argument 'file'/],
  [['--config', '/does/not/exist.yaml'], /exist\.yaml: cannot be read: ENOENT/],
  [['--listen', '50051'], /--listen: protocols\.grpc\.listen: "50051": expected host:port/],
  [['--listen', '0.0.0.0:0'], /can be reached from other machines/],
  [['--peer', '127.0.0.1:1'], /peer endpoint "127.0.0.1:1" is not http:\/\/host:port/],
  [['--tls-cert', 'x'], /server TLS cert and key must be configured together/],
  [['--tls-client-ca', 'x'], /MSGBUS_TLS_CLIENT_CA requires MSGBUS_TLS_CERT and MSGBUS_TLS_KEY/],
  [['--peer-tls-cert', 'x'], /peer TLS cert and key must be configured together/],
  [['--device-id', ' '], /device_id is empty/],
  [['--tenant-id', 'a/b'], /tenant_id contains \//],
  [['--sync-interval-ms', '99'], /must be at least 100, got 99/],
  [['reference', 'nothing'], /the pages are/],
]

test('106, 108: faults of the command line end with code 2 and one message', async (t) => {
  await Promise.all(
    usageFaults.map(async ([args, message]) => {
      const data = args[0]?.startsWith('--') ? ['--data', join(temporaryFolder(t), 'new')] : []
      const { code, stdout, stderr } = await runMsgbusd(t, [...data, ...args])
      assert.equal(code, 2, args.join(' '))
      assert.match(stderr, message)
      assert.doesNotMatch(stderr, /^ +at /m, 'no stack trace')
      assert.equal(stdout, '')
    }),
  )
})

test('help and version are no errors', async (t) => {
  const help = await runMsgbusd(t, ['--help'])
  assert.equal(help.code, 0)
  assert.match(help.stdout, /--listen <address> .*gRPC/)
  const { code, stdout } = await runMsgbusd(t, ['--version'])
  assert.equal(code, 0)
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
})

test('a port that somebody else has is a start error that names flag and address', async (t) => {
  const taken = await takenPort(t)
  for (const [flag, other] of [
    ['--listen', '--http'],
    ['--http', '--listen'],
  ] as const) {
    const data = temporaryFolder(t)
    const args = [...memory, '--data', data, flag, taken, other, '127.0.0.1:0']
    const exit = await runMsgbusd(t, args)
    assert.equal(exit.code, 1)
    assert.equal(
      exit.stderr,
      `msgbusd: ${flag}: cannot listen on ${taken}: another program listens there already\n`,
    )
  }
})

test('a default address that is taken is passed over, unless nothing would be left', async (t) => {
  // Whoever has the default ports, this test or somebody else on this machine: they are taken.
  await takenPort(t, 8711).catch(() => undefined)
  await takenPort(t, 50_051).catch(() => undefined)
  const daemon = await startDaemon(t, { args: memory, omit: ['--http'] })
  assert.match(daemon.stderr(), /"event":"listener_skipped","protocol":"http"/)
  assert.deepEqual(
    daemon.info.listeners.map(({ protocol }) => protocol),
    ['grpc', 'busrt'],
  )

  const { code, stderr } = await runMsgbusd(t, [...memory, '--data', temporaryFolder(t)])
  assert.equal(code, 1)
  assert.match(
    stderr,
    /^msgbusd: another program, perhaps another msgbusd, listens already: grpc on 127\.0\.0\.1:50051, http on 127\.0\.0\.1:8711; choose other addresses with --listen and --http$/m,
  )
})

test('a data folder that cannot be written to is a start error that names it', async (t) => {
  const file = join(temporaryFolder(t), 'file')
  writeFileSync(file, 'not a folder')
  for (const storage of ['lmdb', 'sqlite', 'memory']) {
    const args = ['--storage', storage, '--listen', '127.0.0.1:0', '--http', 'off', '--data', file]
    const { code, stderr } = await runMsgbusd(t, args)
    assert.equal(code, 1, storage)
    assert.match(stderr, new RegExp(`^msgbusd: .*${file}`, 'm'))
    assert.doesNotMatch(stderr, /^ +at /m, 'no stack trace')
  }
})
