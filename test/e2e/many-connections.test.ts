// A daemon with a thousand idle WebSockets: nobody else notices, they cost little, and a shutdown ends all of them with
// the right words, in the right order.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { type RawData, WebSocket } from 'ws'
import { EventReader } from '../conformance/http/event-reader.ts'
import { cleanUp } from './clean-up.ts'
import { type DaemonProcess, startDaemon } from './daemon-process.ts'
import { LineClient } from './line-client.ts'
import { addressOf } from './participant.ts'
import { connectV1 } from './v1-client.ts'

const limited = { timeout: 120_000 }

const gates = [
  { path: '/tmb', protocol: 'tmb.v1' },
  { path: '/msgbus', protocol: 'msgbus.v2' },
  { path: '/busrt', protocol: undefined },
] as const

type Gate = (typeof gates)[number]

function start(t: TestContext, storage = 'memory'): Promise<DaemonProcess> {
  const ports = ['--http', '127.0.0.1:0', '--tmb', '127.0.0.1:0']
  return startDaemon(t, { args: ['--storage', storage, ...ports] })
}

interface Idle {
  readonly socket: WebSocket
  /** Code and text of the close frame. */
  readonly closed: Promise<string>
}

async function open(
  t: TestContext,
  daemon: DaemonProcess,
  { path, protocol }: Gate,
): Promise<Idle> {
  const socket = new WebSocket(`ws://${addressOf(daemon, 'http')}${path}`, protocol)
  cleanUp(t, () => socket.terminate())
  const closed = once(socket, 'close').then(([code]) => String(code))
  await once(socket, 'open')
  return { socket, closed }
}

function textOf(data: RawData): string {
  return Buffer.isBuffer(data) ? data.toString() : ''
}

/** Resident bytes of a process; undefined where the system does not tell. */
function residentBytes(pid: number): number | undefined {
  try {
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kib === undefined ? undefined : Number(kib) * 1024
  } catch {
    return undefined
  }
}

test(
  'a thousand idle WebSockets: others go on, memory stays small, and all are told goodbye',
  limited,
  async (t) => {
    const daemon = await start(t)
    const lines = await LineClient.connect(t, addressOf(daemon, 'tmb'))
    assert.deepEqual(await lines.ask('s 1 r .'), ['ok subscribe 1 added'])
    // What the first of each kind loads is not what one more costs.
    const idle = await Promise.all(gates.map((gate) => open(t, daemon, gate)))
    const before = residentBytes(daemon.pid)
    while (idle.length < 1_000) {
      const next = Array.from({ length: 20 }, (_, i) => open(t, daemon, gates[i % 3] ?? gates[0]))
      idle.push(...(await Promise.all(next)))
    }
    const after = residentBytes(daemon.pid)
    if (before !== undefined && after !== undefined) {
      const each = (after - before) / idle.length
      t.diagnostic(`${Math.round(each / 1024)} KiB each`)
      assert.ok(each < 100 * 1024, `${each} bytes for an idle WebSocket`)
    }
    // Others: a line there and back, a call, a stored message.
    for (let i = 0; i < 100; i++) {
      lines.send(`:/a ${i}`)
      assert.equal(String(await lines.next()), `:/a ${i}`)
    }
    await connectV1(t, daemon.address).call('Publish', { topic: '/b', payload: Buffer.from('x') })
    assert.equal(String(await lines.next()), ':/b x')
    // One of the idle ones wakes up, and everybody hears of it.
    const [first] = idle
    first?.socket.send(':/c from a WebSocket\n')
    assert.equal(String(await lines.next()), ':/c from a WebSocket')

    const { code, stderr } = await daemon.stop()
    assert.equal(code, 0, stderr)
    const closings = new Map<string, number>()
    for (const { closed } of idle) {
      const how = await closed
      closings.set(how, (closings.get(how) ?? 0) + 1)
    }
    assert.deepEqual([...closings], [['1001', idle.length]])
  },
)

test(
  'a shutdown tells everybody in the words of their protocol, and saves what was said last',
  limited,
  async (t) => {
    const daemon = await start(t, 'lmdb')
    const tmb = await LineClient.connect(t, addressOf(daemon, 'tmb'))
    await tmb.ask('s 1 r .')
    const gate = await open(t, daemon, gates[0])
    const said: string[] = []
    gate.socket.on('message', (data) => said.push(textOf(data)))
    gate.socket.send('s 1 r .\n')
    await once(gate.socket, 'message')
    const tunnel = await open(t, daemon, gates[1])
    const events = await EventReader.open(`http://${addressOf(daemon, 'http')}/v1/subscribe`)
    cleanUp(t, () => events.close())
    const retry = await events.next()
    assert.ok(retry?.retry !== undefined)

    tmb.send(':/a last words')
    assert.equal(String(await tmb.next()), ':/a last words')
    const exit = daemon.stop()
    assert.equal(String(await tmb.next()), 'info shutting-down')
    assert.equal(await tmb.next(), undefined)
    assert.equal(await gate.closed, '1001')
    assert.equal(said.join(''), 'ok subscribe 1 added\n:/a last words\ninfo shutting-down\n')
    assert.equal(await tunnel.closed, '1001')
    const types: string[] = []
    for (let event = await events.next(); event !== undefined; event = await events.next()) {
      types.push(event.type)
      if (event.type === 'end') assert.match(event.data, /"shutting_down"/)
    }
    assert.deepEqual(
      types.filter((type) => type !== ''),
      ['message', 'end'],
    )
    const { code, stderr } = await exit
    assert.equal(code, 0, stderr)
    assert.doesNotMatch(stderr, /stop_overdue|"level":"(error|warn)"/)

    const ports = ['--tmb', '127.0.0.1:0', '--http', 'off']
    const again = await startDaemon(t, { data: daemon.data, args: ports })
    const client = await LineClient.connect(t, addressOf(again, 'tmb'))
    assert.deepEqual(await client.ask('last is /a'), ['ok last 1', ':/a last words'])
  },
)
