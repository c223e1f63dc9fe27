/** The command line against a real daemon: what people and scripts see, and exit codes. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { TestContext } from 'node:test'
import { cliMain, runMsgbus, startMsgbus } from './cli-process.ts'
import type { CliOptions, CliResult } from './cli-process.ts'
import { startDaemon, temporaryFolder } from './daemon-process.ts'
import type { DaemonProcess } from './daemon-process.ts'

interface Shell {
  readonly daemon: DaemonProcess
  readonly env: Readonly<Record<string, string>>
  readonly run: (line: readonly string[], options?: CliOptions) => Promise<CliResult>
}

/** Runs commands against a daemon of its own. */
async function openShell(t: TestContext, storage: string): Promise<Shell> {
  const daemon = await startDaemon(t, { args: ['--storage', storage] })
  const env = { MSGBUS_SERVER: daemon.address }
  const run: Shell['run'] = (line, options = {}) =>
    runMsgbus(line, { ...options, env: { ...env, ...options.env } })
  return { daemon, env, run }
}

// Starting a daemon takes longer than most of what is tested: tests share one and use topics of
// their own. It lives as long as the file, which has no context of its own.
const cleanups: (() => unknown)[] = []
const fileContext = {
  after: (cleanup: () => unknown) => cleanups.push(cleanup),
  diagnostic: () => undefined,
} as unknown as TestContext
after(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup()
})
let shared: Promise<Shell> | undefined

function shell(): Promise<Shell> {
  return (shared ??= openShell(fileContext, 'memory'))
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}

function objects(text: string): Record<string, unknown>[] {
  return lines(text).map((line) => JSON.parse(line) as Record<string, unknown>)
}

test('publish from arguments, files and standard input; read it back', async (t) => {
  const { run } = await shell()
  assert.deepEqual(await run(['pub', 'events', 'hello']), { code: 0, stdout: '1\n', stderr: '' })

  const two = objects((await run(['publish', 'events', 'a', 'b', '--json'])).stdout)
  assert.deepEqual(
    two.map(({ headId }) => headId),
    [2, 3],
  )

  const file = join(temporaryFolder(t), 'payload.bin')
  writeFileSync(file, Uint8Array.of(0, 255, 10))
  await run(['pub', 'bin', '--file', file, '-H', 'kind=raw', '-H', 'a=b=c'])
  const [binary] = objects((await run(['fetch', 'bin', '--json'])).stdout)
  assert.equal(binary?.['payloadBase64'], 'AP8K')
  assert.deepEqual(binary['headers'], { kind: 'raw', a: 'b=c' })

  const input = 'first\r\n\nlast without line break'
  const piped = await run(['pub', 'log', '--lines'], { input })
  assert.equal(piped.stdout, '1\n2\n3\n')
  const raw = await run(['fetch', 'log', '--raw'])
  assert.equal(raw.stdout, 'first\n\nlast without line break\n')
  const whole = await run(['pub', 'whole', '-q'], { input })
  assert.equal(whole.stdout, '')
  const [message] = objects((await run(['fetch', 'whole', '--json'])).stdout)
  assert.equal(message?.['payload'], input)
})

test('the same publish id stores once', async () => {
  const { run } = await shell()
  const first = await run(['pub', 'ids', 'x', '--publish-id', 'order-1', '--json'])
  const second = await run(['pub', 'ids', 'x', '--publish-id', 'order-1', '--json'])
  assert.equal(objects(first.stdout)[0]?.['duplicate'], false)
  assert.deepEqual(objects(second.stdout)[0], { ...objects(first.stdout)[0], duplicate: true })
})

test('subscribe: what is stored, then what comes; filters; counts', async () => {
  const { run, env } = await shell()
  await run(['pub', 'sub/a/1', 'one'])
  const child = startMsgbus(['sub', 'sub/a/+', '--json', '-n', '2'], { env })
  await child.printed()
  await run(['pub', 'sub/b', 'not wanted'])
  await run(['pub', 'sub/a/2', 'two'])
  const { code, stdout } = await child.ended
  assert.equal(code, 0)
  assert.deepEqual(
    objects(stdout).map(({ topic, payload }) => [topic, payload]),
    [
      ['sub/a/1', 'one'],
      ['sub/a/2', 'two'],
    ],
  )
  const last = await run(['subscribe', '-F', 'sub/#', '--from', 'last', '-n', '3', '--json'])
  assert.deepEqual(
    objects(last.stdout).map(({ topic }) => topic),
    ['sub/a/1', 'sub/b', 'sub/a/2'],
  )
  const fromHead = await run(['sub', 'sub/b', '--from', '1', '-n', '1'])
  assert.match(
    fromHead.stdout,
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} {2}sub\/b {2}#1 {2}not wanted\n$/,
  )
})

test('control characters of strangers are shown, not obeyed', async () => {
  const { run } = await shell()
  await run(['pub', 'evil', 'a\u001b[2Jb\nc\u202e'])
  const { stdout } = await run(['fetch', 'evil'])
  assert.ok(stdout.endsWith('a\\u001b[2Jb\\nc\\u202e\n'), JSON.stringify(stdout))
})

test('colours only where wanted', async () => {
  const { run } = await shell()
  await run(['pub', 'colours', 'x'])
  assert.ok(!(await run(['fetch', 'colours'])).stdout.includes('\u001b'))
  assert.ok(
    (await run(['fetch', 'colours'], { env: { FORCE_COLOR: '1' } })).stdout.includes(
      '\u001b[36mcolours',
    ),
  )
  const none = await run(['fetch', 'colours'], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })
  assert.ok(!none.stdout.includes('\u001b'))
})

test('heads, head, delete', async () => {
  const { run } = await shell()
  await run(['pub', 'heads/a', '1', '2', '3'])
  await run(['pub', 'heads/b', '1'])
  const table = lines((await run(['heads', 'heads/#'])).stdout)
  assert.match(table[0] ?? '', /^TOPIC +HEAD +TRIMMED +SIZE +ORIGIN$/)
  assert.match(table[1] ?? '', /^heads\/a +3 +0 +3 B +tenant\/default\//)
  assert.equal(table.length, 3)
  assert.deepEqual(
    objects((await run(['heads', 'heads/b', '--json'])).stdout).map(({ topic }) => topic),
    ['heads/b'],
  )
  assert.deepEqual(await run(['head', 'heads/a']), { code: 0, stdout: '3\n', stderr: '' })
  assert.equal((await run(['head', 'heads/c'])).code, 4)
  assert.equal((await run(['delete', 'heads/a', '2'])).stdout, '1 deleted\n')
  assert.equal((await run(['delete', 'heads/a', '--all'])).stdout, '2 deleted\n')
  assert.equal((await run(['delete', 'heads/a'])).code, 2)
  const fetched = objects(
    (await run(['fetch', 'heads/a', '--json', '--from', '2', '--limit', '1'])).stdout,
  )
  assert.deepEqual(
    fetched.map(({ headId, deleted }) => [headId, deleted]),
    [[2, true]],
  )
})

test('queues: enqueue, peek, ack, reject, ls, consume, purge', async () => {
  const { run } = await shell()
  const ids = lines((await run(['queue', 'enqueue', 'jobs', 'a', 'b', 'c', 'd'])).stdout)
  assert.equal(ids.length, 4)
  const front = objects((await run(['fifo', 'peek', 'jobs', '--json'])).stdout)[0]
  assert.deepEqual([front?.['id'], front?.['payload'], front?.['sequence']], [ids[0], 'a', 1])
  assert.equal((await run(['queue', 'reject', 'jobs', ids[0] ?? ''])).code, 0)
  assert.match((await run(['queue', 'peek', 'jobs'])).stdout, / attempts=1 {2}a\n$/)
  assert.equal((await run(['queue', 'ack', 'jobs', ids[1] ?? ''])).code, 1)
  assert.equal((await run(['queue', 'ack', 'jobs', ids[0] ?? ''])).code, 0)
  const consumed = await run(['queue', 'consume', 'jobs', '-n', '2', '--json'])
  assert.deepEqual(
    objects(consumed.stdout).map(({ payload }) => payload),
    ['b', 'c'],
  )
  assert.match((await run(['queue', 'ls'])).stdout, /\njobs +1 +0 +0 +[\d.]+ \w+\n$/)
  assert.equal((await run(['queue', 'purge', 'jobs'])).stdout, '1 removed\n')
  assert.equal((await run(['queue', 'peek', 'jobs'])).code, 4)
})

test('status, health, ready, sync', async () => {
  const { run, daemon } = await shell()
  const status = objects((await run(['status', '--json'])).stdout)[0]
  assert.deepEqual(status?.['node'], daemon.info.node)
  assert.match((await run(['status'])).stdout, /^node +tenant\/default\/.*\nstate +ready\n/)
  assert.match((await run(['health'])).stdout, /^SERVING {2}tenant\/default\//)
  assert.deepEqual(await run(['ready', '--wait']), { code: 0, stdout: 'READY\n', stderr: '' })
  assert.equal((await run(['sync', '--json'])).stdout, '')
})

test('nobody there: one clear message and exit code 3', async () => {
  const { code, stdout, stderr } = await runMsgbus(['pub', 't', 'x', '-s', '127.0.0.1:1'])
  assert.equal(code, 3)
  assert.equal(stdout, '')
  assert.match(
    stderr,
    /^error: nothing listens at 127\.0\.0\.1:1: start msgbusd, or name the address/,
  )
  assert.equal(lines(stderr).length, 1)
})

test('what the daemon refuses ends with 1 and its words', async () => {
  const { run } = await shell()
  const blank = await run(['pub', ' ', 'x'])
  assert.deepEqual([blank.code, blank.stderr], [1, 'error: topic is empty\n'])
  const reserved = await run(['pub', '$msgbus.delete', 'x'])
  assert.equal(reserved.code, 1)
  assert.match(reserved.stderr, /reserved for delete markers/)
  assert.equal((await run(['sub', 'a/#/b'])).code, 2)
})

test('a reader that goes away ends it quietly, Ctrl-C ends it cleanly', async () => {
  const { run, env } = await shell()
  await run(['pub', 'many', '-q', '--lines'], { input: 'x\n'.repeat(50_000) })
  const piped = startMsgbus(['sub', 'many'], { env })
  await piped.printed()
  piped.stopReading()
  const gone = await piped.ended
  assert.deepEqual([gone.code, gone.stderr], [0, ''])

  const interrupted = startMsgbus(['sub', 'many', '--from', 'last'], { env })
  await interrupted.printed()
  interrupted.kill('SIGINT')
  const { code, signal, stderr } = await interrupted.ended
  assert.deepEqual([code, signal, stderr], [0, null, ''])
})

test('told to stop while it waits for input, it ends with what it has stored', async () => {
  const { run, env } = await shell()
  const input = 'a\nb\nunfinished'
  const line = ['pub', '--lines', 'waiting']
  const waiting = startMsgbus(line, { env, input, keepInputOpen: true })
  await waiting.printed()
  waiting.kill('SIGTERM')
  const { code, stdout } = await waiting.ended
  assert.deepEqual([code, stdout], [130, '1\n2\n'])
  assert.equal((await run(['head', 'waiting'])).stdout, '2\n')
})

test('output that cannot be written is an error', async (t) => {
  if (!existsSync('/dev/full')) return t.skip('there is no /dev/full here')
  const { run, env } = await shell()
  await run(['pub', 'full', 'x'])
  const full = openSync('/dev/full', 'w')
  const { status: code, stderr } = spawnSync(process.execPath, [cliMain, 'fetch', 'full'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', full, 'pipe'],
    encoding: 'utf8',
  })
  closeSync(full)
  assert.equal(code, 1)
  assert.match(stderr, /^error: the output cannot be written: .*ENOSPC/)
})

test('backup while running, restore into a new folder, same messages', async (t) => {
  const { run } = await openShell(t, 'sqlite')
  await run(['pub', 'kept', '-q', '--lines'], { input: 'x\n'.repeat(2_000) })
  const folder = temporaryFolder(t)
  const file = join(folder, 'bus.backup')
  const [report] = objects((await run(['backup', file, '--json'])).stdout)
  assert.equal(report?.['bytes'], readFileSync(file).length)
  assert.match((await run(['backup', file])).stderr, /exists: name another file, or --force/)
  assert.equal((await run(['backup', file, '--force'])).code, 0)

  const data = join(folder, 'restored')
  assert.equal((await run(['restore', file, '--data', data, '--storage', 'sqlite'])).code, 0)
  const again = await startDaemon(t, { data, args: ['--storage', 'sqlite'] })
  const head = await runMsgbus(['head', 'kept', '-s', again.address])
  assert.equal(head.stdout, '2000\n')

  const damaged = join(folder, 'damaged.backup')
  const bytes = readFileSync(file)
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0xff
  writeFileSync(damaged, bytes)
  const refused = await run(['restore', damaged, '--data', join(folder, 'other')])
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /nothing was restored/)
  assert.ok(!existsSync(`${file}.part`))
})

test('bench reports rates and latencies as JSON', async () => {
  const { run } = await shell()
  const pub = objects((await run(['bench', 'pub', '--messages', '2000', '--json'])).stdout)[0]
  assert.equal(pub?.['messages'], 2_000)
  assert.ok((pub['latency'] as { p99Ms: number }).p99Ms > 0)
  for (const kind of ['sub', 'fetch']) {
    const read = objects((await run(['bench', kind, '--messages', '1500', '--json'])).stdout)[0]
    assert.ok(Number(read?.['messages']) >= 1_500)
  }
  const missing = await run(['bench', 'sub', '--topic', 'nothing'])
  assert.equal(missing.code, 4)
  assert.match(missing.stderr, /run msgbus bench pub first/)
})

test('doctor: a sound installation, and a broken one with remedies', async () => {
  const { run, daemon } = await shell()
  const sound = await run(['doctor', '--data', daemon.data, '--verify', '--json'])
  const levels = objects(sound.stdout).map(({ check, level }) => [check, level])
  assert.ok(!levels.some(([, level]) => level === 'wrong'), sound.stdout)
  assert.equal(sound.code, 0)

  const elsewhere = await run(['doctor', '--data', daemon.data, '-s', '127.0.0.1:1', '--json'])
  assert.equal(elsewhere.code, 1)
  const wrong = objects(elsewhere.stdout).filter(({ level }) => level === 'wrong')
  assert.deepEqual(
    wrong.map(({ check }) => check),
    ['running daemon', 'daemon'],
  )
  assert.ok(String(wrong[0]?.['remedy']).includes(`--server ${daemon.address}`))
})
