// Command pipes with real pipes and the real bus; only the receivers are made here, so that they can be full.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import type { BusClient } from '../../core/bus-client.ts'
import type { Inbox, Publication, Sender } from '../../core/live.ts'
import { type LogFields, silentLogger } from '../../core/logger.ts'
import { ManualClock } from '../../core/manual-clock.ts'
import { MsgBus } from '../../core/msg-bus.ts'
import { anonymous } from '../../model/identity.ts'
import { levelFilter } from '../../model/level-filter.ts'
import { defaultLimits } from '../../model/limits.ts'
import { BrokerClient } from './broker-client.ts'
import { openFifo } from './fifo.ts'

const skip = process.platform === 'win32' && 'this system has no named pipes'

/** Things that come one by one, and who waits for them. */
class Arrivals<T> {
  readonly #arrived: T[] = []
  #wake: () => void = () => undefined

  add(thing: T): void {
    this.#arrived.push(thing)
    this.#wake()
  }

  get waiting(): number {
    return this.#arrived.length
  }

  async next(): Promise<T> {
    for (;;) {
      const thing = this.#arrived.shift()
      if (thing !== undefined) return thing
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }
}

class Receiver implements Inbox {
  readonly queuedBytes = 0
  readonly arrivals = new Arrivals<string>()
  client: BusClient | undefined
  /** It has no room behind the next delivery. */
  isNarrow = false

  message(sender: Sender, bytes: Uint8Array, start: number, end: number): void {
    this.#add('message', sender, bytes, start, end)
  }

  broadcast(sender: Sender, bytes: Uint8Array, start: number, end: number): void {
    this.#add('broadcast', sender, bytes, start, end)
  }

  publication({ topic, sender, bytes, start, end }: Publication): void {
    this.#add(topic.name, sender, bytes, start, end)
  }

  pause(): void {}
  resume(): void {}
  end(): void {}

  #add(kind: string, { name }: Sender, bytes: Uint8Array, start: number, end: number): void {
    const text = Buffer.from(bytes.subarray(start, end)).toString()
    this.arrivals.add(`${kind} ${name} ${text}`)
    if (this.isNarrow) this.client?.live.congested(true)
  }
}

function startBus(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'msgbus-'))
  const path = join(folder, 'commands')
  const clock = new ManualClock()
  const node = { tenantId: 'tenant', blName: 'default', deviceId: 'node-a' }
  const bus = new MsgBus({ node, limits: defaultLimits, clock, logger: silentLogger })
  const broker = new BrokerClient({ bus, clock, version: '0.0.0' })
  const warnings = new Arrivals<LogFields | undefined>()
  const logger = {
    ...silentLogger,
    warn: (event: string, fields?: LogFields) => {
      assert.equal(event, 'busrt_fifo_error')
      warnings.add(fields)
    },
  }
  const options = { path, broker, clock, logger }
  const closers: (() => Promise<void>)[] = []
  t.after(async () => {
    for (const close of closers.toReversed()) await close()
    await bus.shutdown()
    broker.close()
    rmSync(folder, { recursive: true })
  })
  return {
    bus,
    clock,
    folder,
    path,
    warnings,
    fifo: async () => {
      const fifo = await openFifo(options)
      closers.push(() => fifo.close())
      return fifo
    },
    receiver: (name: string) => {
      const receiver = new Receiver()
      receiver.client = bus.connect(anonymous, { name, inbox: receiver, protocol: 'test' })
      return receiver
    },
    writer: async () => {
      const writer = await open(path, 'w')
      closers.push(() => writer.close())
      return writer
    },
  }
}

const modeOf = (path: string) => lstatSync(path).mode & 0o777

/** A shell's `echo … > pipe`. */
async function write(path: string, text: string): Promise<void> {
  const writer = await open(path, 'w')
  await writer.write(text)
  await writer.close()
}

test('commands reach those they are for, from .broker', { skip }, async (t) => {
  const { fifo, receiver, path } = startBus(t)
  await fifo()
  const { client, arrivals } = receiver('a.b')
  client?.live.subscribe(levelFilter('busrt', 'tp/#'))
  await write(path, 'a.b hello world\na.* all\n=tp/1 news\n\na.b last\n')
  const expected = ['message .broker hello', 'broadcast .broker all', 'tp/1 .broker news']
  for (const one of expected) assert.equal(await arrivals.next(), one)
  assert.equal(await arrivals.next(), 'message .broker last')
})

test('lines in pieces, several writers, writers that come and go', { skip }, async (t) => {
  const { fifo, receiver, writer, path } = startBus(t)
  await fifo()
  const { arrivals } = receiver('a')
  const first = await writer()
  const second = await writer()
  await first.write('a on')
  await first.write('e\na ')
  assert.equal(await arrivals.next(), 'message .broker one')
  await first.write('two\n')
  assert.equal(await arrivals.next(), 'message .broker two')
  await second.write('a three\n')
  assert.equal(await arrivals.next(), 'message .broker three')
  await first.close()
  await second.write('a four\n')
  assert.equal(await arrivals.next(), 'message .broker four')
  await second.close()
  for (let i = 0; i < 20; i++) {
    await write(path, `a ${i}\n`)
    assert.equal(await arrivals.next(), `message .broker ${i}`)
  }
  // The next comes before the end of the one before was seen, or after; nothing is lost.
  for (let i = 0; i < 200; i++) await write(path, `a ${i}\n`)
  for (let i = 0; i < 200; i++) assert.equal(await arrivals.next(), `message .broker ${i}`)
})

const skipEnd = process.platform !== 'linux' && 'the end of writers is seen on Linux only'
test('the end of the last writer ends its line', { skip: skipEnd }, async (t) => {
  const { fifo, receiver, path } = startBus(t)
  await fifo()
  const { arrivals } = receiver('a')
  await write(path, 'a one')
  assert.equal(await arrivals.next(), 'message .broker one')
  await write(path, 'a two\n')
  assert.equal(await arrivals.next(), 'message .broker two')
})

test('a line that is too long costs itself only, and is told of once', { skip }, async (t) => {
  const { fifo, receiver, writer, warnings, path } = startBus(t)
  await fifo()
  const { arrivals } = receiver('a')
  const pipe = await writer()
  await writeAll(pipe, `a ${'x'.repeat(300_000)}\na one\n`)
  assert.equal(await arrivals.next(), 'message .broker one')
  assert.deepEqual(await warnings.next(), { path, reason: 'a line is longer than 65536 bytes' })
  const longest = 'x'.repeat(65_534)
  await writeAll(pipe, `a ${longest}\n`)
  assert.equal(await arrivals.next(), `message .broker ${longest}`)
  assert.equal(warnings.waiting, 0)
})

async function writeAll(pipe: FileHandle, text: string): Promise<void> {
  let rest = Buffer.from(text)
  while (rest.length > 0) rest = rest.subarray((await pipe.write(rest)).bytesWritten)
}

test('what cannot be done is told without payloads, and not endlessly', { skip }, async (t) => {
  const { fifo, receiver, writer, warnings, clock, path } = startBus(t)
  await fifo()
  const { arrivals } = receiver('a')
  const pipe = await writer()
  await pipe.write('nobody secret\n.broker :test\na :m secret\nnobody\n')
  assert.deepEqual(await warnings.next(), {
    path,
    reason: 'nobody has this name',
    target: 'nobody',
  })
  const self = await warnings.next()
  assert.equal(self?.['reason'], 'the broker takes no commands for itself')
  assert.deepEqual(await warnings.next(), { path, reason: 'a parameter is not key=value' })
  assert.deepEqual(await warnings.next(), { path, reason: 'nothing stands behind the target' })
  await pipe.write(`${'nobody x\n'.repeat(100)}a done\n`)
  await arrivals.next()
  assert.equal(warnings.waiting, 6)
  for (let i = 0; i < 6; i++) await warnings.next()
  clock.advance(1_000)
  await pipe.write(`${'n'.repeat(200)} x\na done\n`)
  await arrivals.next()
  const last = await warnings.next()
  assert.equal(last?.['suppressed'], 94)
  assert.equal(last['target'], 'n'.repeat(100))
})

for (const [kind, line] of [
  ['message', 'a'],
  ['broadcast', '*'],
  ['publication', '=tp'],
] as const) {
  test(`a ${kind} for somebody without room makes writers wait`, { skip }, async (t) => {
    const { fifo, receiver, writer, warnings } = startBus(t)
    await fifo()
    const slow = receiver('a')
    slow.client?.live.subscribe(levelFilter('busrt', 'tp'))
    slow.isNarrow = true
    const pipe = await writer()
    await pipe.write(`${line} 0\n${line} 1\n${line} 2\nnobody x\n`)
    for (let i = 0; i < 3; i++) {
      assert.match(await slow.arrivals.next(), new RegExp(` \\.broker ${i}$`))
      assert.equal(slow.arrivals.waiting, 0)
      assert.equal(warnings.waiting, 0)
      slow.client?.live.congested(false)
    }
    assert.equal((await warnings.next())?.['target'], 'nobody')
  })
}

test('a shutdown stops it, and closing ends the wait of writers', { skip }, async (t) => {
  const { fifo, receiver, writer, bus, warnings, folder } = startBus(t)
  const pipe = await fifo()
  const { arrivals } = receiver('a')
  const writing = await writer()
  await writing.write('a one\n')
  await arrivals.next()
  await bus.shutdown()
  await writing.write('a two\n')
  await pipe.close()
  await pipe.close()
  assert.equal(warnings.waiting, 0)
  assert.deepEqual(readdirSync(folder), [])
  await assert.rejects(writing.write('a three\n'), { code: 'EPIPE' })
})

test('the mode is that of the reference, whatever the umask', { skip }, async (t) => {
  const { fifo, path } = startBus(t)
  const before = process.umask(0o077)
  try {
    await fifo()
  } finally {
    process.umask(before)
  }
  assert.equal(modeOf(path), 0o622)
})

test('a pipe that was left over is used', { skip }, async (t) => {
  const { fifo, receiver, path, folder } = startBus(t)
  execFileSync('mkfifo', [path])
  chmodSync(path, 0o600)
  const { ino } = lstatSync(path)
  const running = await fifo()
  assert.equal(lstatSync(path).ino, ino)
  assert.equal(modeOf(path), 0o622)
  const { arrivals } = receiver('a')
  await write(path, 'a one\n')
  assert.equal(await arrivals.next(), 'message .broker one')
  await running.close()
  assert.deepEqual(readdirSync(folder), [])
})

test('what is no pipe is refused and left alone', { skip }, async (t) => {
  const { fifo, path, folder } = startBus(t)
  const refused = { name: 'AdapterStartError', message: /commands: a file that is not a pipe/ }
  writeFileSync(path, 'precious')
  await assert.rejects(fifo(), refused)
  assert.equal(readFileSync(path, 'utf8'), 'precious')
  rmSync(path)
  const elsewhere = join(folder, 'elsewhere')
  execFileSync('mkfifo', [elsewhere])
  symlinkSync(elsewhere, path)
  await assert.rejects(fifo(), refused)
  assert.ok(lstatSync(path).isSymbolicLink())
})

test('a folder that is not there, and a system without mkfifo', { skip }, async (t) => {
  const { fifo, folder } = startBus(t)
  const programs = process.env['PATH']
  process.env['PATH'] = folder
  try {
    await assert.rejects(fifo(), { message: /the program mkfifo is not installed/ })
  } finally {
    process.env['PATH'] = programs
  }
  rmSync(folder, { recursive: true })
  await assert.rejects(fifo(), { name: 'AdapterStartError', message: /No such file or directory/ })
  execFileSync('mkdir', [folder])
})

test('what took the place of the pipe is not removed', { skip }, async (t) => {
  const { fifo, path } = startBus(t)
  const running = await fifo()
  rmSync(path)
  writeFileSync(path, 'precious')
  await running.close()
  assert.equal(readFileSync(path, 'utf8'), 'precious')
})

test('a pipe that is lost is made again as soon as it can be', { skip: skipEnd }, async (t) => {
  const { fifo, receiver, writer, warnings, clock, path } = startBus(t)
  await fifo()
  const { arrivals } = receiver('a')
  const first = await writer()
  renameSync(path, `${path}.away`)
  writeFileSync(path, '')
  await first.close()
  const reason = 'a file that is not a pipe is in its place'
  assert.deepEqual(await warnings.next(), { path, reason })
  clock.advance(1_000)
  assert.deepEqual(await warnings.next(), { path, reason })
  rmSync(path)
  execFileSync('mkfifo', [path])
  const second = writer()
  clock.advance(1_000)
  await (await second).write('a one\n')
  assert.equal(await arrivals.next(), 'message .broker one')
})
