import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReconnectingSocket, type SocketEvents } from './reconnecting-socket.ts'

/** A world in which time passes when the test says so, and sockets do what it says. */
function scene() {
  const said: string[] = []
  const sent: string[] = []
  const sockets: { events: SocketEvents; isClosed: boolean; unsentBytes: number }[] = []
  let timer: { atMs: number; task: () => void } | undefined
  let nowMs = 0
  const socket = new ReconnectingSocket(
    {
      open(events) {
        const opened = { events, isClosed: false, unsentBytes: 0 }
        sockets.push(opened)
        return {
          get unsentBytes() {
            return opened.unsentBytes
          },
          send: (text) => void sent.push(text),
          close: () => void (opened.isClosed = true),
        }
      },
      after(delayMs, task) {
        assert.equal(timer, undefined, 'one timer at a time')
        const mine = { atMs: nowMs + delayMs, task }
        timer = mine
        return () => {
          if (timer === mine) timer = undefined
        }
      },
      random: () => 0,
    },
    {
      connecting: () => said.push('connecting'),
      opened: () => said.push('opened'),
      message: (data) => said.push(`message ${String(data)}`),
      lost: (seconds) => said.push(`lost ${seconds}`),
    },
  )
  /** Whole seconds until the next attempt. */
  const waited = (): number => {
    const count = sockets.length
    const startMs = nowMs
    while (sockets.length === count && timer !== undefined) {
      const { atMs, task } = timer
      nowMs = atMs
      timer = undefined
      task()
    }
    return (nowMs - startMs) / 1_000
  }
  const last = () => sockets.at(-1)?.events ?? assert.fail('no socket')
  return { socket, sockets, said, sent, waited, last }
}

test('the delay grows until somebody answers, and is counted down', () => {
  const { socket, said, waited, last } = scene()
  socket.connect()
  const delays: number[] = []
  for (let i = 0; i < 7; i++) {
    last().closed()
    delays.push(waited())
  }
  assert.deepEqual(delays, [1, 2, 4, 8, 15, 15, 15])
  const begin = 'connecting, lost 1, connecting, lost 2, lost 1, connecting, lost 4'
  assert.equal(said.slice(0, 7).join(', '), begin)
  // Opening alone proves nothing: a server with too many clients opens, too.
  last().opened()
  last().closed()
  assert.equal(waited(), 15)
  last().opened()
  socket.settled()
  last().closed()
  assert.equal(waited(), 1)
})

test('an attempt that nobody answers is given up', () => {
  const { socket, sockets, said, waited } = scene()
  socket.connect()
  assert.equal(waited(), 11)
  assert.equal(sockets[0]?.isClosed, true)
  assert.deepEqual(said, ['connecting', 'lost 1', 'connecting'])
})

test('connecting anew drops what there is, which is not heard again', () => {
  const { socket, sockets, said, last } = scene()
  socket.connect()
  const old = last()
  old.opened()
  socket.connect()
  assert.equal(sockets[0]?.isClosed, true)
  old.message('late')
  old.opened()
  old.closed()
  assert.deepEqual(said, ['connecting', 'opened', 'connecting'])
  socket.hurry()
  assert.equal(sockets.length, 2, 'nothing is waited for')
  last().closed()
  socket.hurry()
  assert.equal(sockets.length, 3)
})

test('what cannot be sent is refused', () => {
  const { socket, sockets, sent, last } = scene()
  assert.equal(socket.send('a'), false)
  socket.connect()
  assert.equal(socket.send('b'), false)
  last().opened()
  assert.equal(socket.send('c'), true)
  const [first] = sockets
  if (first !== undefined) first.unsentBytes = 2_000_000
  assert.equal(socket.send('d'), false)
  last().closed()
  assert.equal(socket.send('e'), false)
  assert.deepEqual(sent, ['c'])
})
