/** The command line and what is not stored: names, messages, calls over BUS/RT; and `top`. */

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { TestContext } from 'node:test'
import { cliMain, runMsgbus, startMsgbus } from './cli-process.ts'
import type { CliOptions, CliProcess, CliResult } from './cli-process.ts'
import { startDaemon, temporaryFolder } from './daemon-process.ts'
import type { DaemonProcess } from './daemon-process.ts'
import type { TopState } from '../../src/cli/top/top-meter.ts'

// One daemon for all tests, which use names of their own; see cli.test.ts.
const cleanups: (() => unknown)[] = []
const fileContext = {
  after: (cleanup: () => unknown) => cleanups.push(cleanup),
  diagnostic: () => undefined,
} as unknown as TestContext
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup()
})
let shared: Promise<DaemonProcess> | undefined

function daemon(): Promise<DaemonProcess> {
  return (shared ??= startDaemon(fileContext, { args: ['--storage', 'memory'] }))
}

async function environment(): Promise<Readonly<Record<string, string>>> {
  return { MSGBUS_SERVER: (await daemon()).address }
}

async function run(line: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return runMsgbus(line, { ...options, env: { ...(await environment()), ...options.env } })
}

/** `msgbus rpc listen` with this name, which is there when it resolves. */
async function listen(name: string, ...options: readonly string[]): Promise<CliProcess> {
  const line = ['rpc', 'listen', '--json', '--name', name, ...options]
  const listener = startMsgbus(line, { env: await environment() })
  await listener.said(/^listening at /m)
  return listener
}

function objects(text: string): Record<string, unknown>[] {
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>)
}

test('the broker is called through the address that the daemon tells', async () => {
  const called = await run(['rpc', 'call', '.broker', 'test'])
  assert.deepEqual(called, { code: 0, stdout: '{\n  "ok": true\n}\n', stderr: '' })
  const { stdout } = await run(['rpc', 'call', '.broker', 'stats', '--json'])
  const [{ encoding, value } = {}] = objects(stdout)
  assert.equal(encoding, 'msgpack')
  assert.ok(Number((value as Record<string, unknown>)['r_frames']) > 0)
})

test('parameters: words, JSON and raw input; results as they are', async () => {
  const echo = ['rpc', 'call', '.broker', 'benchmark.test']
  const words = await run([...echo, 'on=true', 'level=0.5', 'name=a=b', 'n=-3', '--json'])
  assert.deepEqual(objects(words.stdout), [
    { encoding: 'msgpack', value: { on: true, level: 0.5, name: 'a=b', n: -3 } },
  ])
  const json = await run([...echo, '-p', '{"list":[1,{"x":null}]}', '--json'])
  assert.deepEqual(objects(json.stdout)[0]?.['value'], { list: [1, { x: null }] })
  const raw = await run([...echo, '-', '--raw'], { input: 'one\ntwo' })
  assert.equal(raw.stdout, 'one\ntwo')
  const none = await run(echo)
  assert.deepEqual(none, { code: 0, stdout: '', stderr: '' })
})

test('an error of the service ends with 1 and its code, a missing service with 4', async () => {
  const refused = await run(['rpc', 'call', '.broker', 'nonsense'])
  assert.equal(refused.code, 1)
  assert.equal(refused.stderr, 'error: RPC error -32601: nonsense of .broker: method not found\n')
  const json = await run(['rpc', 'call', '.broker', 'client.list', 'filter=[', '--json'])
  assert.equal(json.code, 1)
  assert.match(json.stdout, /^\{"error":\{"code":-32700,"encoding":"text","value":".+"\}\}\n$/)
  const missing = await run(['rpc', 'call', 'nobody', 'x'])
  assert.equal(missing.code, 4)
  assert.match(missing.stderr, /no client has this name/)
})

test('a listener shows all that comes to it, and answers calls', async () => {
  const listener = await listen(
    'listener.all',
    '-t',
    'lights/#',
    '--exclude',
    'lights/off',
    '-n',
    '7',
  )
  const call = await run(['rpc', 'call', 'listener.all', 'set', 'level=1'])
  assert.deepEqual([call.code, call.stdout], [0, ''])
  assert.equal((await run(['rpc', 'call0', 'listener.all', 'reset'])).stdout, 'OK\n')
  const input = 'one\ntwo\n'
  const notified = await run(['rpc', 'notify', 'listener.all', '--lines', '--json'], { input })
  assert.deepEqual(objects(notified.stdout), [{ ok: true }])
  assert.equal((await run(['send', 'listener.all', 'direct', '--realtime'])).stdout, 'OK\n')
  assert.equal((await run(['broadcast', 'listener.*', 'to all'])).stdout, '1 receiver\n')
  await run(['pub', 'lights/off', 'excluded', '-q'])
  await run(['pub', 'lights/hall', '{"on": true}', '-q'])
  const { code, stdout, stderr } = await listener.ended
  assert.equal(code, 0, stderr)
  assert.match(stderr, /^listening at unix:.*busrt\.sock as listener\.all\n$/)
  assert.deepEqual(
    objects(stdout).map(({ kind, method, wantsReply, topic, realtime, encoding, value }) => {
      return [kind, method ?? topic, wantsReply, realtime, encoding, value]
    }),
    [
      ['call', 'set', true, false, 'msgpack', { level: 1 }],
      ['call', 'reset', false, false, 'none', null],
      ['notification', undefined, undefined, false, 'text', 'one'],
      ['notification', undefined, undefined, false, 'text', 'two'],
      ['message', undefined, undefined, true, 'text', 'direct'],
      ['broadcast', undefined, undefined, false, 'text', 'to all'],
      ['publication', 'lights/hall', undefined, false, 'json', { on: true }],
    ],
  )
})

test('a listener for people, until Ctrl-C', async () => {
  const env = await environment()
  const listener = startMsgbus(['rpc', 'listen', '--name', 'listener.people'], { env })
  await listener.said(/^listening at /m)
  const printed = listener.printed()
  await run(['rpc', 'call', 'listener.people', 'set', 'a=1', '--name', 'caller'])
  await printed
  listener.kill('SIGINT')
  const { code, stdout } = await listener.ended
  assert.equal(code, 0)
  assert.match(stdout, /^\d{4}-\d\d-\d\d [\d:.]{12} {2}call {2}caller {2}set {2}\{"a":1\}\n$/)
})

test('a name that is taken, and a message to nobody, end with what to do', async () => {
  const listener = await listen('listener.taken')
  const taken = await run(['rpc', 'listen', '--name', 'listener.taken'])
  assert.equal(taken.code, 1)
  assert.match(taken.stderr, /another client has this name/)
  listener.kill('SIGTERM')
  assert.equal((await listener.ended).code, 0)
  const nobody = await run(['send', 'listener.taken', 'x'])
  assert.equal(nobody.code, 4)
  assert.match(nobody.stderr, /"listener.taken": msgbus clients lists who is connected/)
  assert.deepEqual(objects((await run(['broadcast', 'nobody.*', 'x', '--json'])).stdout), [
    { mask: 'nobody.*', receivers: 0 },
  ])
})

test('clients: a table, JSON, and only names that match', async () => {
  const first = await listen('room.1')
  const second = await listen('room.2')
  const table = (await run(['clients', 'room.*'])).stdout.split('\n')
  assert.match(
    table[0] ?? '',
    /^NAME +PROTOCOL +TRANSPORT +SOURCE +AGE +IN +OUT +QUEUE +INSTANCES$/,
  )
  assert.match(table[1] ?? '', /^room\.1 +busrt +local_ipc +- +[\d.]+ \w+ +\d+ +\d+ +0 B +1$/)
  assert.equal(table.length, 4)
  const all = objects((await run(['clients', '--json'])).stdout)
  const names = all.map(({ name }) => name)
  for (const name of ['room.1', 'room.2', '.broker', '']) assert.ok(names.includes(name), name)
  first.kill('SIGTERM')
  second.kill('SIGTERM')
  await Promise.all([first.ended, second.ended])
})

test('without a daemon to ask: the socket in the data folder, else a clear error', async (t) => {
  const folder = temporaryFolder(t)
  const own = await startDaemon(t, {
    args: ['--storage', 'memory'],
    data: join(folder, 'msgbus-data'),
  })
  const nowhere = { env: { MSGBUS_SERVER: '127.0.0.1:1' } }
  const found = await runMsgbus(['rpc', 'call', '.broker', 'test'], { ...nowhere, cwd: folder })
  assert.equal(found.code, 0, found.stderr)
  const none = await runMsgbus(['rpc', 'call', '.broker', 'test'], {
    ...nowhere,
    cwd: temporaryFolder(t),
  })
  assert.equal(none.code, 3)
  assert.match(none.stderr, /no BUS\/RT broker is known: .* Name one with --busrt or MSGBUS_BUSRT/)
  const socket = join(own.data, 'busrt.sock')
  for (const [args, env] of [
    [['--busrt', socket], {}],
    [[], { MSGBUS_BUSRT: `unix:${socket}` }],
  ] as const) {
    const named = await runMsgbus(['rpc', 'call', '.broker', 'test', ...args], {
      env: { ...nowhere.env, ...env },
    })
    assert.equal(named.code, 0, named.stderr)
  }
  const without = await startDaemon(t, { args: ['--storage', 'memory', '--busrt', 'off'] })
  const off = await runMsgbus(['rpc', 'call', '.broker', 'test', '-s', without.address])
  assert.equal(off.code, 3)
  assert.match(off.stderr, /does not listen for BUS\/RT: start msgbusd with --busrt ADDRESS/)
})

test('bench busrt: all stages, as a table and as JSON', async () => {
  const stages = [
    'rpc.call',
    'rpc.call+handle',
    'rpc.call0',
    'send+recv.qos.no',
    'send+recv.qos.processed',
    'send.qos.no',
    'send.qos.processed',
  ]
  const line = ['bench', 'busrt', '-w', '2', '-i', '201', '--payload-size', '10']
  const table = await run(line)
  assert.equal(table.code, 0, table.stderr)
  const [heading, ...rows] = table.stdout.trimEnd().split('\n')
  assert.match(heading ?? '', /^STAGE +ITERS +SECS +MSECS +ITERS\/S /)
  assert.deepEqual(
    rows.map((row) => row.split(/ +/).slice(0, 2)),
    stages.map((stage) => [stage, '200']),
  )
  const json = objects((await run([...line, '--json'])).stdout)
  assert.deepEqual(
    json.map(({ stage }) => stage),
    stages,
  )
  assert.ok(json.every(({ perSecond }) => Number(perSecond) > 0))
  assert.deepEqual([json[0]?.['workers'], json[0]?.['payloadSize']], [2, 10])
})

test('top prints objects with rates where there is no terminal', async () => {
  await run(['pub', 'top/a', 'x', '-q'])
  await run(['queue', 'enqueue', 'top-jobs', 'x'])
  const { code, stdout, stderr } = await run(['top', '-n', '2', '--interval', '50ms'])
  assert.deepEqual([code, stderr], [0, ''])
  const states = objects(stdout)
  assert.equal(states.length, 2)
  for (const state of states as unknown as TopState[]) {
    // Its own questions were answered in between.
    assert.ok((state.totals.outBytesPerSecond ?? 0) > 0)
    assert.equal(state.totals.storedPerSecond, 0)
    const topic = state.topics.find((each) => each.topic === 'top/a')
    assert.deepEqual([topic?.headId, topic?.messagesPerSecond], [1, 0])
    const queue = state.queues.find((each) => each.queue === 'top-jobs')
    assert.deepEqual([queue?.depth, queue?.enqueuedPerSecond], [1, 0])
    assert.ok(state.clients.some(({ protocol }) => protocol === 'grpc'))
  }
})

test('top goes on when the daemon comes back', async (t) => {
  const first = await startDaemon(t, { args: ['--storage', 'memory'] })
  const top = startMsgbus(['top', '--json', '--interval', '20ms'], {
    env: { MSGBUS_SERVER: first.address },
  })
  await top.printed()
  await first.stop()
  await top.said(/trying again/)
  await startDaemon(t, { args: ['--storage', 'memory', '--listen', first.address] })
  const { stdout } = await runMsgbus(['status', '--json', '-s', first.address])
  await top.printed(new RegExp(`"epoch":"${String(objects(stdout)[0]?.['epoch'])}"`))
  top.kill('SIGTERM')
  assert.equal((await top.ended).code, 0)
  const gone = await runMsgbus(['top', '--json', '-s', '127.0.0.1:1'])
  assert.equal(gone.code, 3)
})

// Taken over, and given back.
const enter = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const leave = '\u001b[?7h\u001b[?25h\u001b[?1049l'

/** `msgbus top` on a terminal, which `script` makes. Ends with what it wrote. */
async function topOnTerminal(end: (write: (keys: string) => void, pid: number) => void) {
  const shell = `echo pid $$; exec '${process.execPath}' '${cliMain}' top --interval 20ms`
  const child = spawn('script', ['-qefc', shell, '/dev/null'], {
    env: { ...process.env, ...(await environment()), TERM: 'xterm' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let output = ''
  let isEnding = false
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    if (isEnding || !output.includes('QUEUES')) return
    isEnding = true
    const pid = Number(/pid (\d+)/.exec(output)?.[1])
    end((keys) => child.stdin.write(keys), pid)
  })
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject).once('close', resolve)
  })
  return { code, output }
}

test('top on a terminal: keys, and the terminal is given back however it ends', async (t) => {
  if (process.platform !== 'linux' || spawnSync('script', ['--version']).status !== 0) {
    return t.skip('there is no script(1) here')
  }
  const quit = await topOnTerminal((write) => write('\t\u001b[Bq'))
  assert.equal(quit.code, 0)
  const told = await topOnTerminal((_, pid) => process.kill(pid, 'SIGTERM'))
  assert.equal(told.code, 0)
  const interrupted = await topOnTerminal((write) => write('\u0003'))
  assert.equal(interrupted.code, 0)
  for (const { output } of [quit, told, interrupted]) {
    assert.ok(output.includes(enter))
    assert.ok(output.includes('CLIENTS') && output.includes('tenant/default/'))
    assert.ok(output.trimEnd().endsWith(leave), JSON.stringify(output.slice(-200)))
  }
})
