import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DemoSession } from './demo-session.ts'
import type { SocketEvents } from './reconnecting-socket.ts'

/** A session whose other side the test plays; timers fire when it says so. */
function scene() {
  const sent: string[] = []
  const timers = new Set<() => void>()
  let events: SocketEvents | undefined
  let unsentBytes = 0
  const session = new DemoSession({
    open(handlers) {
      events = handlers
      return {
        get unsentBytes() {
          return unsentBytes
        },
        send: (text) => void sent.push(text),
        close: () => undefined,
      }
    },
    after(_, task) {
      timers.add(task)
      return () => timers.delete(task)
    },
    random: () => 0,
    nowMs: () => 0,
    isColour: (text) => text !== 'sky',
    changed: () => undefined,
  })
  const bus = {
    open: () => events?.opened(),
    say: (...lines: string[]) => events?.message(lines.map((line) => `${line}\n`).join('')),
    end: () => events?.closed(),
    stopReading: () => void (unsentBytes = 2_000_000),
  }
  const fire = () => {
    const due = [...timers]
    timers.clear()
    for (const task of due) task()
  }
  const welcome = () => {
    bus.open()
    assert.equal(sent.pop(), 'version\n')
    bus.say('ok version tmb/1 msgbus/1.0.0 a/b/c d')
  }
  const log = () =>
    session.traffic.entries.map(({ direction, line }) => `${direction} ${String(line)}`)
  return { session, bus, sent, fire, welcome, log }
}

test('it is connected when somebody said which node it is', () => {
  const { session, bus, welcome } = scene()
  session.connect()
  assert.deepEqual(session.connection, { state: 'connecting' })
  welcome()
  assert.deepEqual(session.connection, { state: 'connected', node: 'a/b/c d' })
  bus.end()
  assert.deepEqual(session.connection, { state: 'lost', retryInSeconds: 1 })
})

test('an answer that is an error is an answer, too', () => {
  const { session, bus } = scene()
  session.connect()
  bus.open()
  bus.say('error unknown-command version what')
  assert.equal(session.connection.state, 'connected')
})

test('a server that is full is not hammered', () => {
  const { session, bus, fire } = scene()
  session.connect()
  const seconds: unknown[] = []
  for (let i = 0; i < 3; i++) {
    bus.open()
    bus.say('error too-many-clients - try later')
    bus.end()
    const { connection } = session
    seconds.push(connection.state === 'lost' && connection.retryInSeconds)
    while (session.connection.state === 'lost') fire()
  }
  assert.deepEqual(seconds, [1, 2, 4])
})

test('subscriptions come back by what the server had confirmed', () => {
  const { session, bus, sent, fire, welcome } = scene()
  session.connect()
  welcome()
  for (const id of ['1', '2', '3', '4']) session.subscribe({ id, kind: 'is', pattern: `/${id}` })
  session.send(['s hand b x'])
  bus.say('ok subscribe 1 added', 'error not-permitted subscribe 2', 'ok subscribe 3 added')
  bus.say('ok subscribe 4 added', 'ok subscribe hand added')
  assert.equal(session.problem, 'error not-permitted subscribe 2')
  session.unsubscribe('3')
  assert.equal(session.problem, '')
  bus.end()
  // Not connected: this one need not be asked for.
  session.unsubscribe('4')
  assert.equal(session.subscriptions.lampOf('4'), 'off')
  session.isWatching = true
  sent.length = 0
  while (session.connection.state === 'lost') fire()
  welcome()
  // That of 3 was on its way, so nobody knows.
  const restored = 'watch 1 is /1\nwatch 3 is /3\nwatch hand begins-with x\n'
  assert.deepEqual(sent, [restored])
  bus.say('ok watch 1 added 1', ':/1 old', 'error bad-pattern watch', 'ok watch hand added 0')
  const lamps = ['1', '3', 'hand'].map((id) => session.subscriptions.lampOf(id))
  assert.deepEqual(lamps, ['on', 'off', 'on'])
  assert.equal(session.problem, 'error bad-pattern watch')
})

test('who must say first who he is gets his subscriptions back afterwards', () => {
  const { session, bus, sent, fire, welcome, log } = scene()
  session.connect()
  welcome()
  session.subscribe({ id: '1', kind: 'is', pattern: '/1' })
  bus.say('ok subscribe 1 added')
  bus.end()
  while (session.connection.state === 'lost') fire()
  welcome()
  bus.say('error not-authenticated subscribe')
  assert.equal(session.subscriptions.lampOf('1'), 'lost')
  session.send(['auth token s3cret'])
  sent.length = 0
  bus.say('ok auth somebody')
  assert.deepEqual(sent, ['subscribe 1 is /1\n'])
  assert.equal(log().includes('out auth token …'), true)
  assert.equal(log().join().includes('s3cret'), false)
})

test('figures change by messages only, whatever they answer', () => {
  const { session, bus, welcome, log } = scene()
  session.connect()
  welcome()
  session.send([':/upper/shape circle'])
  assert.equal(session.figures.get('upper').shape, undefined)
  session.getLastValues()
  bus.say('ok last 2', ':/upper/shape square', ':/upper/colour red', ':/lower/colour sky')
  assert.deepEqual(session.figures.get('upper'), { shape: 'square', colour: 'red' })
  assert.equal(log().at(-1), 'note not understood: :/lower/colour sky')
})

test('without a connection nothing is sent, and the log says so', () => {
  const { session, sent, log } = scene()
  session.send([':/a', 'auth token s3cret'])
  assert.deepEqual(sent, [])
  assert.deepEqual(log(), [
    'note not connected, not sent: :/a',
    'note not connected, not sent: auth token …',
  ])
})

test('to a bus that does not read no more is sent, and the log says so', () => {
  const { session, bus, sent, welcome, log } = scene()
  session.connect()
  welcome()
  bus.stopReading()
  session.send([':/a'])
  assert.deepEqual(sent, [])
  assert.equal(log().at(-1), 'note the bus does not keep up, not sent: :/a')
})
