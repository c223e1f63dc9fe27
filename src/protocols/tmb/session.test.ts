// Proves what sessions do beside the protocol: hold back, rest, keep what slow readers may have, obey rules. The
// protocol itself is under test at byte level in test/conformance/tmb.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openLiveBus, type LiveTestBusOptions } from '../../core/live-suite.ts'
import { silentLogger } from '../../core/logger.ts'
import { noHeaders } from '../../model/message.ts'
import { parseTopicFilter } from '../../model/topic-filter.ts'
import { type BlockWriter, FlushSchedule, Outbox } from '../../net/outbox.ts'
import { Admission } from '../admission.ts'
import { LineWriter } from './line-writer.ts'
import { QueueBudget, type SlowPolicy } from './output-queue.ts'
import { Regexps } from './regexps.ts'
import { type SessionLink, type SessionShare, TmbSession } from './session.ts'
import { CategoryTable } from './translate.ts'

/** A connection without a socket, whose other side reads when it is told to. */
class TestLink implements SessionLink, BlockWriter {
  readonly transport = 'tcp'
  readonly source = '127.0.0.1:1'
  readonly listener = '127.0.0.1:4711'
  readonly outbox: Outbox
  /** `pause`, `resume`, `end`, in order. */
  readonly told: string[] = []
  isReading = true
  onFull = () => undefined as void
  onRoom = () => undefined as void
  #read = ''
  #unread: Buffer[] = []

  constructor() {
    const schedule = new FlushSchedule()
    const onFull = () => this.onFull()
    this.outbox = new Outbox({ writer: this, schedule, highBytes: 65_536, onFull })
  }

  get pendingBytes(): number {
    return this.#unread.reduce((sum, { length }) => sum + length, 0)
  }

  write(block: Uint8Array): boolean {
    if (this.isReading) this.#read += Buffer.from(block).toString('latin1')
    else this.#unread.push(Buffer.from(block))
    return this.isReading
  }

  /** The other side reads everything, and goes on reading. */
  drain(): void {
    this.isReading = true
    this.#read += Buffer.concat(this.#unread).toString('latin1')
    this.#unread = []
    if (this.outbox.drained()) this.onRoom()
  }

  /** What the other side has read since it was asked last. */
  take(): string {
    this.outbox.flush()
    const text = this.#read
    this.#read = ''
    return text
  }

  pause(): void {
    this.told.push('pause')
  }

  resume(): void {
    this.told.push('resume')
  }

  end(): void {
    this.outbox.flush()
    this.told.push('end')
  }
}

interface TestOptions extends LiveTestBusOptions {
  readonly slow?: SlowPolicy
  readonly queueBytes?: number
  readonly totalBytes?: number
  /** What the monotonic clock says, call by call; default: 0. */
  readonly monotonic?: () => number
}

async function open(options: TestOptions = {}) {
  const live = await openLiveBus(options)
  const later: (() => void)[] = []
  const { slow = 'disconnect', queueBytes = 1_048_576, totalBytes = 8_388_608 } = options
  const share: SessionShare = {
    bus: live.bus,
    logger: silentLogger,
    admission: new Admission(undefined, 'tmb'),
    version: '0.0.0',
    maxLineBytes: 65_536,
    slow,
    regexps: new Regexps(),
    categories: new CategoryTable(),
    lines: new LineWriter(silentLogger),
    budget: new QueueBudget(queueBytes, totalBytes),
    clock: {
      now: () => 0,
      after: () => ({ cancel: () => undefined }),
      monotonic: options.monotonic ?? (() => 0),
    },
    later: (task) => void later.push(task),
  }
  const join = () => {
    const link = new TestLink()
    const session = new TmbSession({ share, link, onClosed: () => link.told.push('closed') })
    link.onFull = () => session.outboxFull()
    link.onRoom = () => session.outboxEmpty()
    const send = (text: string) => {
      const bytes = Buffer.from(text, 'latin1')
      session.receive(bytes, bytes.length)
    }
    return { link, session, send }
  }
  return { ...live, share, later, join }
}

test('lines wait while the bus asks for it, in order', async () => {
  const { join } = await open()
  const a = join()
  a.send('s 1 r .\n')
  a.session.pause()
  a.send(':/a 1\n:/a ')
  a.send('2\np\n')
  assert.equal(a.link.take(), 'ok subscribe 1 added\n')
  a.session.resume()
  assert.equal(a.link.take(), ':/a 1\n:/a 2\nok ping\n')
  assert.deepEqual(a.link.told, ['pause', 'resume'])
})

test('a connection that has ended is closed when what waited was handled', async () => {
  const { join, bus } = await open()
  const a = join()
  a.session.pause()
  a.send('p 1\n')
  a.session.inputEnded()
  assert.deepEqual(a.link.told, ['pause'])
  a.session.resume()
  assert.equal(a.link.take(), 'ok ping 1\n')
  assert.deepEqual(a.link.told, ['pause', 'resume', 'closed', 'end'])
  assert.equal(bus.clients().length, 0)
})

test('whoever floods a rule that stores is stopped until the store has it', async () => {
  const rule = { filter: parseTopicFilter('#'), store: 'always' } as const
  const { join, bus } = await open({ topicRules: [rule] })
  const a = join()
  a.send(`:/a ${'x'.repeat(60_000)}\n`.repeat(30))
  assert.deepEqual(a.link.told, ['pause'])
  while (bus.counters.messagesPublished < 30) {
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal(a.link.told.at(-1), 'resume')
  assert.equal(bus.counters.messagesRefused, 0)
})

test('commands that take long let the others have their turn', async () => {
  let now = 0
  const { join, later } = await open({ monotonic: () => (now += 2) })
  const a = join()
  a.send('p 1\np 2\np 3\np 4\np 5\np 6\n')
  assert.equal(a.link.take(), 'ok ping 1\nok ping 2\nok ping 3\n')
  later.shift()?.()
  assert.equal(a.link.take(), 'ok ping 4\nok ping 5\nok ping 6\n')
  // Nothing more was there, so the rest is the last.
  while (later.length > 0) later.shift()?.()
  assert.equal(a.link.told.filter((word) => word === 'pause').length, 2)
  assert.equal(a.link.told.at(-1), 'resume')
})

test('messages of other nodes come unless they are not wanted', async () => {
  const { join } = await open()
  const a = join()
  a.send('s 1 r .\n')
  const publication = {
    topic: { name: '/a', bytes: Buffer.from('/a') },
    sender: { name: '', nameBytes: Buffer.alloc(0) },
    bytes: Buffer.from('x'),
    start: 0,
    end: 1,
    headers: noHeaders,
    realtime: false,
    sequence: 7,
    isAcknowledged: true,
    fanOut: 1,
    serial: 1,
    toMessage: () => assert.fail('nothing is kept'),
  }
  a.session.publication({ ...publication, isLocal: false })
  a.send('option remote none\n')
  a.session.publication({ ...publication, serial: 2, isLocal: false })
  a.session.publication({ ...publication, serial: 3, isLocal: true })
  assert.equal(a.link.take(), 'ok subscribe 1 added\n:/a x\nok option remote none\n:/a x\n')
})

const refusal = (_: unknown, action: string, resource: string) =>
  resource.includes('secret') || action === 'delete' ? 'rule 7' : undefined

test('what a rule forbids', async () => {
  const { join } = await open({ access: { isOpen: false, version: 1, refusal } })
  const a = join()
  a.send('s 1 r .\n:/secret x\n:/open x\ns 2 is /secret\nm\nl r .\nf r .\n')
  const lines = a.link.take().split('\n')
  assert.deepEqual(
    lines.map((line) => line.replace(/(subscribe) .*rule 7/, '$1 rule 7')),
    [
      'ok subscribe 1 added',
      'error not-permitted message /secret',
      ':/open x',
      'error not-permitted subscribe rule 7',
      'ok mine 1',
      'item mine 1 regexp .',
      'ok last 1',
      ':/open x',
      'ok forget 0',
      '',
    ],
  )
})

test('an error says what it has to in one line, whatever was typed', async () => {
  const { join } = await open()
  const a = join()
  // U+010A and U+010D end in the bytes of line feed and carriage return.
  a.send(`s 1 r ${Buffer.from('\u010a\u010d(').toString('latin1')}\n`)
  assert.match(a.link.take(), /^error bad-pattern subscribe [^\r\n]+\n$/)
})

test('an answer may be larger than the queue, as long as all of them fit together', async () => {
  const { join } = await open({ queueBytes: 262_144, totalBytes: 1_048_576 })
  const b = join()
  for (let i = 0; i < 9; i++) b.send(`:/${i} ${'x'.repeat(60_000)}\n`)
  const a = join()
  a.link.isReading = false
  a.send('l r .\n')
  const c = join()
  c.send('l r .\n')
  assert.match(c.link.take(), /^error store-failed last /)
  a.link.drain()
  assert.match(a.link.take(), /^ok last 9\n/)
  // What was lent was given back.
  c.send('l r .\n')
  assert.match(c.link.take(), /^ok last 9\n/)
  c.send('l r .\n')
  assert.match(c.link.take(), /^ok last 9\n/)
})

test('latest: what is newer than the kept messages comes behind them', async () => {
  const { join } = await open({ slow: 'latest', queueBytes: 65_536 })
  const a = join()
  a.send('s 1 r .\n')
  a.link.take()
  a.link.isReading = false
  const b = join()
  for (let i = 0; i < 40; i++) b.send(`:/${i % 2} ${String(i).padStart(5_000, '.')}\n`)
  a.send('u 1\n')
  a.link.drain()
  const lines = a.link.take().split('\n')
  const last = lines.slice(-5).map((line) => line.replaceAll('.', ''))
  assert.match(last[0] ?? '', /^info slow \d+$/)
  assert.deepEqual(last.slice(1), [':/0 38', ':/1 39', 'ok unsubscribe 1', ''])
})
