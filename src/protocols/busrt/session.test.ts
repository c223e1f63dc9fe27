/** Sessions without sockets, by a clock that is moved by hand. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import * as fc from 'fast-check'

import { type LiveTestBus, openLiveBus, suiteNode } from '../../core/live-suite.ts'
import { BusError } from '../../model/errors.ts'
import { daemonIdentity } from '../../model/identity.ts'
import { parseTopicFilter } from '../../model/topic-filter.ts'
import {
  frameOf,
  ping,
  registrationOf,
  TestSession,
  type TestSessionOptions,
  timeoutMs,
} from './session-suite.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
const opened = (all: LiveTestBus, name: string, options?: TestSessionOptions) =>
  new TestSession(all, options).register(name)

describe('registration', () => {
  test('greets, answers each step, and handles what came along', async () => {
    const all = await openLiveBus()
    const session = new TestSession(all)
    assert.equal(session.bytes().toString('hex'), 'eb0100')
    session.send(registrationOf('a.b'), frameOf(0x52, 'a.b\0hello'))
    assert.equal(session.bytes().subarray(0, 2).toString('hex'), '0101')
    assert.equal(all.bus.client('a.b')?.transport, 'local_ipc')
  })

  test('is refused with a byte, and the connection is read to its end', async () => {
    const all = await openLiveBus()
    opened(all, 'taken')
    const cases: [bytes: Buffer, answer: string][] = [
      [Buffer.from('000100', 'hex'), 'eb010075'],
      [registrationOf(''), 'eb01000172'],
      [registrationOf('.x'), 'eb01000172'],
      [registrationOf('a\0b'), 'eb01000172'],
      [registrationOf('zz%%1'), 'eb01000171'],
      [registrationOf(Buffer.from([0xff])), 'eb010001'],
    ]
    for (const [bytes, answer] of cases) {
      const session = new TestSession(all)
      session.send(bytes, frameOf(0x52, 'taken\0never'))
      assert.equal(session.bytes().toString('hex'), answer)
      assert.deepEqual(session.link.told, ['end'])
      assert.equal(session.closedTimes, 1)
      session.session.connectionClosed()
      assert.equal(session.closedTimes, 1)
    }
    assert.equal(all.bus.clients().length, 1)
  })

  test('a name whose owner goes in this very turn is had', async () => {
    const all = await openLiveBus()
    const old = opened(all, 'a')
    const next = new TestSession(all)
    next.send(registrationOf('a'), frameOf(0x52, 'a\0kept'))
    assert.equal(next.bytes().toString('hex'), 'eb010001')
    old.session.inputEnded()
    next.afterEvents.shift()?.()
    assert.equal(next.bytes().subarray(0, 1).toString('hex'), '01')
    assert.equal(all.bus.client('a')?.receivedFrames, 1)
    assert.equal(next.link.isPaused, false)
  })

  test('a name whose owner stays is refused, once', async () => {
    const all = await openLiveBus()
    const old = opened(all, 'a')
    const next = new TestSession(all)
    next.send(registrationOf('a'), frameOf(0x52, 'a\0lost'))
    for (let i = 0; i < 10; i++) next.afterEvents.shift()?.()
    assert.equal(next.bytes().toString('hex'), 'eb01000176')
    assert.equal(next.link.hasEnded, true)
    assert.equal(next.afterEvents.length, 0)
    old.send(frameOf(0x52, 'a\0still'))
    assert.deepEqual(old.frames(), ['message a: still', 'ack 1: 01'])
  })

  test('taken over by force: the old one ends, nothing is inherited', async () => {
    const all = await openLiveBus()
    const old = opened(all, 'a')
    old.send(frameOf(0x02, 't'))
    const next = opened(all, 'a', { forceRegister: true })
    assert.deepEqual([old.link.hasEnded, old.closedTimes], [true, 1])
    next.send(frameOf(0x41, 't\0x'))
    await turn()
    assert.deepEqual([old.frames(), next.frames()], [[], ['ack 1: 01']])
  })

  test('whoever is greeted when it has joined gets the greeting behind the answer', async () => {
    const all = await openLiveBus()
    const host = all.join('host')
    all.bus.onPresence(({ kind, name }) => {
      if (kind === 'joined') host.send(name, 'welcome')
    })
    const session = new TestSession(all)
    session.bytes()
    session.send(registrationOf('guest'))
    const bytes = session.bytes()
    assert.equal(bytes.subarray(0, 2).toString('hex'), '0101')
    assert.ok(bytes.includes('welcome'))
    assert.equal(bytes.indexOf(1, 2) > 2 || bytes[2] !== 1, true, 'it is answered twice')
    session.send(frameOf(0x52, 'guest\0x'))
    assert.deepEqual(session.frames(), ['message guest: x', 'ack 1: 01'])
  })

  test('everybody hears that the daemon stops, unless it does not want to', async () => {
    const access = {
      isOpen: false,
      version: 0,
      refusal: (_: unknown, action: string) => (action === 'subscribe' ? 'none' : undefined),
    }
    const all = await openLiveBus({ access })
    const [one, other] = [opened(all, 'one'), opened(all, 'other')]
    other.send(frameOf(0x43, '.broker/warn'))
    all.join('.broker', { identity: daemonIdentity }).publish('.broker/warn', 'shutdown')
    assert.deepEqual(one.frames(), ['publish .broker .broker/warn: shutdown'])
    assert.deepEqual(other.frames(), ['ack 1: 01'])
  })
})

describe('frames', () => {
  test('to itself: the frame, then the answer', async () => {
    const all = await openLiveBus()
    const session = opened(all, 'a')
    session.send(frameOf(0x52, 'a\x001', 7), frameOf(0xd2, 'a\x002', 8), frameOf(0x12, 'a\x003'))
    assert.deepEqual(session.frames(), [
      'message a: 1',
      'ack 7: 01',
      'message! a: 2',
      'ack 8: 01',
      'message a: 3',
    ])
  })

  test('one that breaks the protocol ends the session, with what it was answered before', async () => {
    const broken = [
      frameOf(0x07, ''),
      frameOf(0x52, 'no zero'),
      frameOf(0x52, ''),
      frameOf(0x52, Buffer.from([0xff, 0])),
      frameOf(0x53, 'no zero'),
      frameOf(0x41, 'no zero'),
      frameOf(0x46, 'one\0zero'),
      frameOf(0x40, 'no zero'),
      frameOf(0x42, Buffer.from([0xff])),
    ]
    for (const bytes of broken) {
      const all = await openLiveBus()
      const session = opened(all, 'a')
      session.send(frameOf(0x52, 'a\0x'), bytes, frameOf(0x52, 'a\0never'))
      assert.deepEqual(session.frames(), ['message a: x', 'ack 1: 01'])
      assert.deepEqual(session.link.told, ['end'])
      assert.equal(all.bus.client('a'), undefined)
    }
  })

  test('lists of filters: one answer, the first refusal', async () => {
    const all = await openLiveBus({ limits: { filtersPerClient: 4 } })
    const session = opened(all, 'a')
    session.send(frameOf(0x42, 'q/1\0q/2\0', 1))
    session.send(frameOf(0x42, 'one\0too many\0and more', 2))
    session.send(frameOf(0x43, 'q/1\0unknown', 3))
    session.send(frameOf(0x42, 'x'.repeat(1_025), 4))
    assert.deepEqual(session.frames(), ['ack 1: 01', 'ack 2: 77', 'ack 3: 01', 'ack 4: 72'])
    session.send(frameOf(0x01, 'q/1\0no'), frameOf(0x01, 'q/2\0yes'), frameOf(0x01, '\0empty'))
    assert.deepEqual(session.frames(), ['publish a q/2: yes', 'publish a : empty'])
  })

  test('counts are those of the reference', async () => {
    const all = await openLiveBus()
    const session = opened(all, 'a')
    session.send(ping, frameOf(0x52, 'a\0hello'), frameOf(0x02, 't'))
    const { receivedFrames, receivedBytes, sentFrames, sentBytes } = all.bus.client('a') ?? {}
    assert.deepEqual([receivedFrames, receivedBytes], [2, 8])
    // The message as it came, and its acknowledgement.
    assert.deepEqual([sentFrames, sentBytes], [2, 7 + 6])
  })
})

describe('publications that are acknowledged', () => {
  test('are answered in order once stored, and nothing overtakes them', async () => {
    const all = await openLiveBus()
    const session = opened(all, 'a')
    session.send(frameOf(0x02, 't/#'))
    session.send(
      frameOf(0x41, 't/1\x001', 1),
      frameOf(0x41, 't/2\x002', 2),
      frameOf(0x52, 'a\0direct', 3),
      frameOf(0xc1, 't/3\x003', 4),
      frameOf(0x01, 't/4\x004'),
    )
    assert.deepEqual(session.frames(), [])
    await turn()
    assert.deepEqual(session.frames(), [
      'publish a t/1: 1',
      'publish a t/2: 2',
      'ack 1: 01',
      'ack 2: 01',
      'message a: direct',
      'ack 3: 01',
      'publish! a t/3: 3',
      'ack 4: 01',
      'publish a t/4: 4',
    ])
    assert.equal(all.store.lastSequence, 3)
    assert.equal(all.store.log({ topic: 't/1', origin: suiteNode })?.keptTo, 0)
  })

  test('are answered in order also where nothing has to be stored', async () => {
    const all = await openLiveBus()
    const session = opened(all, 'a')
    session.send(
      frameOf(0x41, 't\x001', 1),
      frameOf(0x41, '.broker/x\x002', 2),
      frameOf(0x41, `${'x'.repeat(2_000)}\x003`, 3),
      frameOf(0x41, '\x004', 4),
      frameOf(0x41, '$msgbus.x\x005', 5),
      frameOf(0x41, 't\x006', 6),
    )
    await turn()
    assert.deepEqual(
      session.frames().map((text) => text.slice(0, 5)),
      ['ack 1', 'ack 2', 'ack 3', 'ack 4', 'ack 5', 'ack 6'],
    )
  })

  test('that a rule refuses are answered so; the rest goes on', async () => {
    const topicRules = [{ filter: parseTopicFilter('small'), maxPayloadBytes: 3 }]
    const all = await openLiveBus({ topicRules, limits: { envelopeBytes: 500_000 } })
    const session = opened(all, 'a')
    session.send(
      frameOf(0x41, 'small\x001234', 1),
      frameOf(0x41, `t\0${'x'.repeat(500_000)}`, 2),
      frameOf(0x41, '$msgbus.delete\0x', 3),
      frameOf(0x41, 'small\x00123', 4),
    )
    await turn()
    assert.deepEqual(session.frames(), ['ack 1: 77', 'ack 2: 77', 'ack 3: 79', 'ack 4: 01'])
  })

  test('that the store cannot take are answered so', async () => {
    const all = await openLiveBus()
    const session = opened(all, 'a')
    all.store.append = () =>
      Promise.reject(new BusError('resource_exhausted', 'disk_full', 'no space'))
    session.send(frameOf(0x41, 't\0x', 1), frameOf(0x52, 'a\0next', 2))
    await turn()
    assert.deepEqual(session.frames(), ['ack 1: 73', 'message a: next', 'ack 2: 01'])
  })

  test('are taken up to a number; what follows waits unread', async () => {
    const all = await openLiveBus()
    const session = opened(all, 'a')
    const answers: (() => void)[] = []
    const append = all.store.append.bind(all.store)
    all.store.append = async (items) => {
      await new Promise<void>((resolve) => answers.push(resolve))
      return append(items)
    }
    const frames = Array.from({ length: 1_500 }, (_, i) => frameOf(0x41, 't\0x', i + 1))
    session.send(...frames)
    assert.equal(answers.length, 1_000)
    assert.equal(session.link.isPaused, true)
    // No timeout while it is we who make it wait.
    all.clock.advance(10 * timeoutMs)
    session.session.tick()
    assert.equal(session.link.hasEnded, false)
    while (answers.length > 0) {
      for (const answer of answers.splice(0)) answer()
      await turn()
    }
    assert.equal(session.link.isPaused, false)
    const acks = session.frames().filter((text) => text.startsWith('ack'))
    assert.deepEqual(
      acks,
      Array.from({ length: 1_500 }, (_, i) => `ack ${i + 1}: 01`),
    )
  })

  test('of a client that has ended are stored all the same', async () => {
    const all = await openLiveBus()
    const session = opened(all, 'a')
    session.send(frameOf(0x41, 't\x001', 1), frameOf(0x41, 't\x002', 2), frameOf(0x52, 'a\0x', 3))
    session.session.inputEnded()
    assert.equal(session.link.hasEnded, false)
    await turn()
    assert.equal(all.store.lastSequence, 2)
    assert.equal(session.link.hasEnded, true)
    assert.deepEqual(session.frames(), ['ack 1: 01', 'ack 2: 01', 'message a: x', 'ack 3: 01'])
  })
})

describe('time', () => {
  test('a step of the registration may take one timeout each', async () => {
    const steps = ['eb0100', '0300', '616263']
    for (let done = 0; done < steps.length; done++) {
      const all = await openLiveBus()
      const session = new TestSession(all)
      for (const step of steps.slice(0, done)) {
        all.clock.advance(timeoutMs - 1)
        session.session.tick()
        session.send(Buffer.from(step, 'hex'))
      }
      all.clock.advance(timeoutMs - 1)
      session.session.tick()
      assert.equal(session.link.hasEnded, false)
      all.clock.advance(1)
      session.session.tick()
      assert.equal(session.link.hasEnded, true, `after ${done} steps`)
      assert.equal(session.bytes().toString('hex'), done > 0 ? 'eb010001' : 'eb0100')
    }
  })

  test('pings come twice per timeout; a silent client is dropped after 1.25', async () => {
    const all = await openLiveBus()
    const session = opened(all, 'a')
    const pings: number[] = []
    for (let ms = 0; !session.link.hasEnded; ms += 10) {
      all.clock.advance(10)
      session.session.tick()
      for (const frame of session.frames()) if (frame === 'ping') pings.push(ms + 10)
      assert.ok(ms <= 1.25 * timeoutMs)
    }
    assert.deepEqual(pings, [500, 1_000])
    assert.ok(all.clock.monotonic() > 1.25 * timeoutMs)
    assert.equal(all.bus.client('a'), undefined)
  })

  test('any frame, also a ping, starts its time anew', async () => {
    for (const frame of [ping, frameOf(0x12, 'nobody\0x')]) {
      const all = await openLiveBus()
      const session = opened(all, 'a')
      for (let i = 0; i < 20; i++) {
        all.clock.advance(timeoutMs)
        session.session.tick()
        session.send(frame)
      }
      assert.equal(session.link.hasEnded, false)
    }
  })

  test('the rest of a frame may take one timeout; as long as bytes come it goes on', async () => {
    const all = await openLiveBus()
    const session = opened(all, 'a')
    const frame = frameOf(0x52, `a\0${'x'.repeat(100)}`)
    for (let at = 0; at < frame.length; at += 10) {
      session.send(frame.subarray(at, at + 10))
      all.clock.advance(timeoutMs - 1)
      session.session.tick()
    }
    assert.equal(session.frames().filter((text) => text.startsWith('message')).length, 1)
    session.send(frame.subarray(0, 50))
    all.clock.advance(timeoutMs)
    session.session.tick()
    assert.equal(session.link.hasEnded, true)
  })

  test('who is made to wait is not judged by its silence', async () => {
    const all = await openLiveBus()
    const session = opened(all, 'a')
    const full = all.join('full', { room: 1 })
    session.send(frameOf(0x12, 'full\0x'))
    assert.equal(session.link.isPaused, true)
    all.clock.advance(10 * timeoutMs)
    session.session.tick()
    full.drain()
    all.clock.advance(timeoutMs)
    session.session.tick()
    assert.equal(session.link.hasEnded, false)
  })
})

describe('a client that does not read', () => {
  const highBytes = 1_000

  /** A session whose outbox is full. */
  async function fill(all: LiveTestBus): Promise<TestSession> {
    const session = opened(all, 'slow', { highBytes })
    session.link.isReading = false
    const sender = all.join('sender')
    while (!sender.inbox.isPaused) {
      sender.send('slow', 'x'.repeat(500))
      session.link.outbox.flush()
    }
    return session
  }

  test('is dropped when nothing moves for as long as the limit says, and it is counted', async () => {
    const all = await openLiveBus()
    const events: string[] = []
    all.bus.onPresence(({ kind, name, reason }) => events.push(`${kind} ${name} ${reason?.reason}`))
    const session = await fill(all)
    session.session.tick()
    const { slowClientMs } = all.bus.limits
    for (let ms = 0; ms < slowClientMs; ms += 500) {
      assert.equal(session.link.hasEnded, false)
      all.clock.advance(500)
      session.send(ping)
      session.session.tick()
    }
    assert.equal(session.link.hasEnded, true)
    assert.equal(events.at(-1), 'left slow slow_client')
    assert.equal(all.bus.counters.slowClientsDisconnected, 1)
  })

  test('but reads slowly stays, also across the writes of its connection', async () => {
    const all = await openLiveBus()
    const session = await fill(all)
    // The system takes one write after the other: what it holds falls, and rises with the next.
    for (const unsent of [57_344, 20_000, 0, 900_000, 700_000, 500_000, 300_000, 100_000, 1]) {
      session.link.saidUnsentBytes = unsent
      session.session.tick()
      all.clock.advance(all.bus.limits.slowClientMs - 1)
      session.send(ping)
      session.session.tick()
      assert.equal(session.link.hasEnded, false, `at ${unsent}`)
    }
  })

  test('and only listens stays as long as it reads', async () => {
    const all = await openLiveBus()
    const session = await fill(all)
    for (let unsent = 100_000; unsent > 0; unsent -= 10_000) {
      session.link.saidUnsentBytes = unsent
      all.clock.advance(timeoutMs)
      session.session.tick()
      assert.equal(session.link.hasEnded, false, `at ${unsent}`)
    }
  })

  test('its acknowledgements is not read from, until it has', async () => {
    const all = await openLiveBus({ limits: { outboxBytes: highBytes } })
    const session = opened(all, 'a', { highBytes })
    session.link.isReading = false
    let sent = 0
    for (; !session.link.isPaused; sent++) {
      assert.ok(sent < 5_000, 'it is never stopped')
      session.send(frameOf(0x52, 'nobody\0x', sent + 1))
    }
    // What was on its way is kept.
    session.send(frameOf(0x52, 'nobody\0x', sent + 1), frameOf(0x52, 'nobody\0x', sent + 2))
    session.link.isReading = true
    session.link.drain()
    assert.equal(session.link.isPaused, false)
    const acks = session.frames()
    assert.deepEqual(
      acks,
      Array.from({ length: sent + 2 }, (_, i) => `ack ${i + 1}: 71`),
    )
  })

  test('gets no pings on top', async () => {
    const all = await openLiveBus()
    const session = await fill(all)
    const queued = session.session.queuedBytes
    for (let i = 0; i < 4; i++) {
      all.clock.advance(timeoutMs / 2)
      session.session.tick()
      session.send(ping)
    }
    assert.equal(session.session.queuedBytes, queued)
  })
})

describe('a receiver without room', () => {
  test('holds back what follows; it is handled later, in order, up to the end', async () => {
    const all = await openLiveBus()
    const session = opened(all, 'a')
    const full = all.join('full', { room: 2 })
    session.send(...['1', '2', '3', '4'].map((text, i) => frameOf(0x52, `full\0${text}`, i + 1)))
    assert.deepEqual(full.texts, ['1', '2'])
    assert.deepEqual(session.frames(), ['ack 1: 01', 'ack 2: 01'])
    assert.equal(session.link.isPaused, true)
    session.session.inputEnded()
    assert.equal(session.link.hasEnded, false)
    full.drain(1)
    assert.deepEqual([full.texts, session.link.hasEnded], [['1', '2', '3'], false])
    full.drain()
    assert.deepEqual(full.texts, ['1', '2', '3', '4'])
    assert.deepEqual(session.frames(), ['ack 3: 01', 'ack 4: 01'])
    assert.equal(session.link.hasEnded, true)
  })

  test('that has room again in the middle of a frame gets each frame once', async () => {
    const all = await openLiveBus()
    const session = opened(all, 'a')
    const [full, kind] = [all.join('r.1', { room: 1 }), all.join('r.2')]
    kind.inbox.during = () => full.drain()
    const frame = frameOf(0x53, 'r.*\0x')
    session.send(frame.subarray(0, 11))
    session.send(frame.subarray(11), frameOf(0x52, 'r.2\0y', 2))
    assert.deepEqual([full.texts, kind.texts], [['x'], ['x', 'y']])
    assert.deepEqual(session.frames(), ['ack 1: 01', 'ack 2: 01'])
    assert.equal(session.link.isPaused, false)
  })

  test('that leaves lets its senders go on', async () => {
    const all = await openLiveBus()
    const session = opened(all, 'a')
    const full = all.join('full', { room: 1 })
    session.send(frameOf(0x52, 'full\x001', 1), frameOf(0x52, 'full\x002', 2))
    full.close()
    assert.deepEqual(session.frames(), ['ack 1: 01', 'ack 2: 71'])
    assert.equal(session.link.isPaused, false)
  })
})

test('the bus ends a session once, with what it was told before', async () => {
  const all = await openLiveBus()
  const session = opened(all, 'a')
  all.join('b').send('a', 'last')
  await all.bus.shutdown()
  assert.deepEqual(session.frames(), ['message b: last'])
  assert.deepEqual([session.link.told, session.closedTimes], [['end'], 1])
  session.send(frameOf(0x52, 'a\0x'))
  session.session.tick()
  session.session.outboxEmpty()
  session.session.inputEnded()
  session.session.connectionClosed()
  assert.deepEqual([session.link.told, session.closedTimes], [['end'], 1])
  assert.deepEqual(session.frames(), [])
})

test('random traffic between clients that read when they like: all of it comes, in order, once', async () => {
  const names = ['0', '1', '2'] as const
  const event = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constant('send' as const),
        from: fc.nat(2),
        to: fc.nat(2),
        kind: fc.constantFrom(0x12, 0x52, 0x92, 0xd2, 0x41, 0x01),
        size: fc.nat(600),
        cut: fc.nat(30),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constantFrom('hold', 'read', 'read'), from: fc.nat(2) }),
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('turn' as const) }) },
  )
  let paused = 0
  let lagged = 0
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 120, size: 'max' }), async (events) => {
      const all = await openLiveBus({ limits: { outboxBytes: 2_000 } })
      const sessions = names.map((name) => opened(all, name, { highBytes: 2_000 }))
      for (const session of sessions) session.send(frameOf(0x02, 'stored/#\0live/#'))
      const got = names.map(() => [] as string[])
      const wanted = new Map<string, string[]>()
      const acks = names.map(() => [] as string[])
      /** What a client has sent that was not read from it, as in the buffers of a socket. */
      const unread = names.map(() => [] as Buffer[])
      const want = (from: number, to: number, text: string, isStored: boolean) => {
        const key = `${from} to ${to} ${isStored}`
        wanted.set(key, [...(wanted.get(key) ?? []), text])
      }
      const pump = () => {
        for (let isMoving = true; isMoving;) {
          isMoving = false
          for (const [i, session] of sessions.entries()) {
            const chunk = session.link.isPaused ? undefined : unread[i]?.shift()
            if (chunk === undefined) continue
            session.send(chunk)
            isMoving = true
          }
          for (const [i, session] of sessions.entries()) got[i]?.push(...session.frames())
        }
      }
      let count = 0
      for (const step of events) {
        switch (step.do) {
          case 'send': {
            if (!('kind' in step)) break
            const { from, to, kind, size, cut } = step
            const text = `${(count += 1)} ${'x'.repeat(size)}`
            const opcode = kind & 0x3f
            const topic = opcode === 1 ? ((kind & 0x40) === 0 ? 'live/t' : 'stored/t') : names[to]
            if (opcode === 0x12) want(from, to, text, false)
            else for (const i of [0, 1, 2]) want(from, i, text, kind === 0x41)
            if ((kind & 0x40) !== 0) acks[from]?.push(`ack ${count}: 01`)
            const frame = frameOf(kind, `${topic}\0${text}`, count)
            unread[from]?.push(frame.subarray(0, cut), frame.subarray(cut))
            pump()
            break
          }
          case 'hold':
            if ('from' in step) (sessions[step.from] as TestSession).link.isReading = false
            break
          case 'read':
            if (!('from' in step)) break
            ;(sessions[step.from] as TestSession).link.isReading = true
            sessions[step.from]?.link.drain()
            pump()
            break
          case 'turn':
            await turn()
            pump()
        }
      }
      for (let quiet = 0; quiet < 5; quiet++) {
        await turn()
        for (const session of sessions) {
          session.link.isReading = true
          session.link.drain()
        }
        pump()
        if (unread.some((chunks) => chunks.length > 0)) quiet = 0
      }
      paused += all.bus.counters.clientsPaused
      lagged += all.bus.counters.subscriptionsLagged
      for (const [to, frames] of got.entries()) {
        assert.deepEqual(
          frames.filter((text) => text.startsWith('ack')),
          acks[to],
        )
        for (const from of [0, 1, 2]) {
          // What is stored may come later, from the store, when there was no room.
          for (const isStored of [false, true]) {
            const texts = frames.flatMap((text) => {
              const match = /^(?:message|publish)!? (\d)( \S+)?: (.*)$/s.exec(text)
              if (match?.[1] !== String(from)) return []
              return (match[2] === ' stored/t') === isStored ? [match[3]] : []
            })
            const sent = wanted.get(`${from} to ${to} ${isStored}`) ?? []
            assert.deepEqual(texts, sent, `${from} to ${to}`)
          }
        }
      }
    }),
    { numRuns: 150 },
  )
  assert.ok(paused > 100 && lagged > 20, `${paused} had to wait, ${lagged} to catch up`)
})
