/** The command line against a real daemon: what people and scripts see, and exit codes. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { runMsgbus, spawnMsgbus } from './cli-process.ts'
import type { CliOptions, CliResult } from './cli-process.ts'
import { startDaemon, temporaryFolder } from './daemon-process.ts'

/** Runs commands against one daemon. */
async function shell(t: TestContext, args: readonly string[] = ['--storage', 'memory']) {
  const daemon = await startDaemon(t, { args })
  const env = { MSGBUS_SERVER: daemon.address }
  const run = (line: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
    runMsgbus(line, { ...options, env: { ...env, ...options.env } })
  return { daemon, env, run }
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}

function objects(text: string): Record<string, unknown>[] {
  return lines(text).map((line) => JSON.parse(line) as Record<string, unknown>)
}

test('publish from arguments, files and standard input; read it back', async (t) => {
  const { run } = await shell(t)
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

test('the same publish id stores once', async (t) => {
  const { run } = await shell(t)
  const first = await run(['pub', 't', 'x', '--publish-id', 'order-1', '--json'])
  const second = await run(['pub', 't', 'x', '--publish-id', 'order-1', '--json'])
  assert.equal(objects(first.stdout)[0]?.['duplicate'], false)
  assert.deepEqual(objects(second.stdout)[0], { ...objects(first.stdout)[0], duplicate: true })
})

test('subscribe: what is stored, then what comes; filters; counts', async (t) => {
  const { run, env } = await shell(t)
  await run(['pub', 'a/1', 'one'])
  const child = spawnMsgbus(['sub', 'a/+', '--json', '-n', '2'], { env })
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  await once(child.stdout, 'data')
  await run(['pub', 'b', 'not wanted'])
  await run(['pub', 'a/2', 'two'])
  const [code] = (await once(child, 'close')) as [number]
  assert.equal(code, 0)
  assert.deepEqual(
    objects(stdout).map(({ topic, payload }) => [topic, payload]),
    [
      ['a/1', 'one'],
      ['a/2', 'two'],
    ],
  )
  const last = await run(['subscribe', '-F', '#', '--from', 'last', '-n', '3', '--json'])
  assert.deepEqual(
    objects(last.stdout).map(({ topic }) => topic),
    ['a/1', 'b', 'a/2'],
  )
  const fromHead = await run(['sub', 'b', '--from', '1', '-n', '1'])
  assert.match(
    fromHead.stdout,
    /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} {2}b {2}#1 {2}not wanted\n$/,
  )
})

test('control characters of strangers are shown, not obeyed', async (t) => {
  const { run } = await shell(t)
  await run(['pub', 'evil', 'a\u001b[2Jb\nc\u202e'])
  const { stdout } = await run(['fetch', 'evil'])
  assert.ok(stdout.endsWith('a\\u001b[2Jb\\nc\\u202e\n'), JSON.stringify(stdout))
})

test('colours only where wanted', async (t) => {
  const { run } = await shell(t)
  await run(['pub', 't', 'x'])
  assert.ok(!(await run(['fetch', 't'])).stdout.includes('\u001b'))
  assert.ok(
    (await run(['fetch', 't'], { env: { FORCE_COLOR: '1' } })).stdout.includes('\u001b[36mt'),
  )
  const none = await run(['fetch', 't'], { env: { FORCE_COLOR: '1', NO_COLOR: '1' } })
  assert.ok(!none.stdout.includes('\u001b'))
})

test('heads, head, delete', async (t) => {
  const { run } = await shell(t)
  await run(['pub', 'a', '1', '2', '3'])
  await run(['pub', 'b', '1'])
  const table = lines((await run(['heads'])).stdout)
  assert.match(table[0] ?? '', /^TOPIC +HEAD +TRIMMED +SIZE +ORIGIN$/)
  assert.match(table[1] ?? '', /^a +3 +0 +3 B +tenant\/default\//)
  assert.equal(table.length, 3)
  assert.deepEqual(
    objects((await run(['heads', 'b', '--json'])).stdout).map(({ topic }) => topic),
    ['b'],
  )
  assert.deepEqual(await run(['head', 'a']), { code: 0, stdout: '3\n', stderr: '' })
  assert.equal((await run(['head', 'c'])).code, 4)
  assert.equal((await run(['delete', 'a', '2'])).stdout, '1 deleted\n')
  assert.equal((await run(['delete', 'a', '--all'])).stdout, '2 deleted\n')
  assert.equal((await run(['delete', 'a'])).code, 2)
  const fetched = objects(
    (await run(['fetch', 'a', '--json', '--from', '2', '--limit', '1'])).stdout,
  )
  assert.deepEqual(
    fetched.map(({ headId, deleted }) => [headId, deleted]),
    [[2, true]],
  )
})

test('queues: enqueue, peek, ack, reject, ls, consume, purge', async (t) => {
  const { run } = await shell(t)
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
  assert.match((await run(['queue', 'ls'])).stdout, /\njobs +1 +0 +0 +\d+ \w+\n$/)
  assert.equal((await run(['queue', 'purge', 'jobs'])).stdout, '1 removed\n')
  assert.equal((await run(['queue', 'peek', 'jobs'])).code, 4)
})

test('status, health, ready, sync', async (t) => {
  const { run, daemon } = await shell(t)
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

const usageErrors: [line: string[], message: RegExp][] = [
  [['pbu'], /unknown command 'pbu'\n\(Did you mean pub\?\)/],
  [['pub'], /missing required argument 'topic'/],
  [['sub'], /name a topic or a filter/],
  [['sub', 'a', '--from', 'yesterday'], /Expected earliest, now, last or a head id/],
  [['fetch', 'a', '--limit', '0'], /Expected a whole number from 1 on/],
  [['head', 'a', '--timeout', 'soon'], /Expected a duration like 500ms/],
  [['head', 'a', '--origin', 'x/y'], /Expected tenant\/bl\/device/],
  [['head', 'a', '-s', 'ftp://x'], /bad address "ftp:\/\/x"/],
  [['head', 'a', '--tls-cert', 'x.pem'], /--tls-cert and --tls-key belong together/],
  [['head', 'a', '--tls-ca', '/nowhere/ca.pem'], /--tls-ca \/nowhere\/ca\.pem cannot be read/],
  [['completion', 'tcsh'], /Allowed choices are bash, zsh, fish/],
]

for (const [line, message] of usageErrors) {
  test(`usage: msgbus ${line.join(' ')}`, async () => {
    const { code, stderr } = await runMsgbus(line)
    assert.match(stderr, message)
    assert.equal(code, 2)
  })
}

test('what the daemon refuses ends with 1 and its words', async (t) => {
  const { run } = await shell(t)
  const blank = await run(['pub', ' ', 'x'])
  assert.deepEqual([blank.code, blank.stderr], [1, 'error: topic is empty\n'])
  const reserved = await run(['pub', '$msgbus.delete', 'x'])
  assert.equal(reserved.code, 1)
  assert.match(reserved.stderr, /reserved for delete markers/)
  assert.equal((await run(['sub', 'a/#/b'])).code, 2)
})

test('a reader that goes away ends it quietly, Ctrl-C ends it cleanly', async (t) => {
  const { run, env } = await shell(t)
  await run(['pub', 'many', '-q', '--lines'], { input: 'x\n'.repeat(50_000) })
  const piped = spawnMsgbus(['sub', 'many'], { env })
  let stderr = ''
  piped.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  await once(piped.stdout, 'data')
  piped.stdout.destroy()
  const [code] = (await once(piped, 'close')) as [number]
  assert.deepEqual([code, stderr], [0, ''])

  const interrupted = spawnMsgbus(['sub', 'many', '--from', 'last'], { env })
  interrupted.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  await once(interrupted.stdout, 'data')
  interrupted.kill('SIGINT')
  const [end, signal] = (await once(interrupted, 'close')) as [number, string | null]
  assert.deepEqual([end, signal, stderr], [0, null, ''])
})

test('backup while running, restore into a new folder, same messages', async (t) => {
  const { run } = await shell(t, ['--storage', 'sqlite'])
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

test('bench reports rates and latencies as JSON', async (t) => {
  const { run } = await shell(t)
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

test('doctor: a sound installation, and a broken one with remedies', async (t) => {
  const { run, daemon } = await shell(t)
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
