/** Discovery over loopback: who is heard, what odd packets do, and that nothing is believed. */

import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'

import fc from 'fast-check'

import { systemClock } from '../../core/clock.ts'
import { silentLogger } from '../../core/logger.ts'
import { ManualClock } from '../../core/manual-clock.ts'
import { readAnswers, service } from './answers.ts'
import {
  type DiscoveredDaemon,
  Discovery,
  type DiscoveryOptions,
  forgetAfterMs,
} from './discovery.ts'

const bytes = (text: string) => Buffer.from(text)

async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}

function start(t: TestContext, device: string, port: number, more: Partial<DiscoveryOptions> = {}) {
  const node = { tenantId: 'tenant', blName: 'default', deviceId: device }
  const announced = { port: 50_051, scheme: 'http' } as const
  const place = { interface: '127.0.0.1', port }
  const common = { clock: systemClock, logger: silentLogger, version: '1.2.3' }
  const discovery = new Discovery({ node, announced, ...place, ...common, ...more })
  t.after(() => discovery.close())
  return discovery
}

const found = (discovery: Discovery) =>
  new Promise<DiscoveredDaemon>((resolve) => {
    discovery.onFound = resolve
  })

test('two daemons hear of each other, and one that only listens is not heard', async (t) => {
  const port = await freePort()
  const quiet = start(t, 'quiet', port, { announced: undefined })
  const heard = found(quiet)
  const loud = start(t, 'loud', port, { announced: { port: 1_234, scheme: 'https' } })
  const { node, peer, version } = await heard
  assert.equal(node, 'tenant/default/loud')
  assert.match(peer, /^https:\/\/[\d.]+:1234=tenant\/default\/loud$/)
  assert.equal(version, '1.2.3')
  assert.deepEqual(loud.nodes(), [])
})

test('packets of anything else change nothing, and whoever is silent for long is forgotten', async (t) => {
  const port = await freePort()
  const clock = new ManualClock()
  const listener = start(t, 'a', port, { announced: undefined, clock })
  const heard = found(listener)
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  for (const garbage of ['', 'x', '\0'.repeat(12), '\xff'.repeat(600)]) {
    socket.send(Buffer.from(garbage, 'latin1'), port, '127.0.0.1')
  }
  start(t, 'b', port)
  await heard
  assert.equal(listener.nodes().length, 1)
  clock.advance(forgetAfterMs + 1)
  assert.deepEqual(listener.nodes(), [])
})

test('an announcement needs all of it, and a node that can be read', () => {
  const name = `x.${service}`
  const srv = { name, type: 'SRV', ttl: 120, data: { port: 7, target: 'h' } }
  const txt = (...texts: string[]) => ({ name, type: 'TXT', ttl: 120, data: texts.map(bytes) })
  const read = readAnswers([srv, txt('node=a/b/c', 'scheme=https', 'version=1')])
  assert.deepEqual(read, [
    { node: 'a/b/c', version: '1', scheme: 'https', port: 7, isGoing: false },
  ])
  const odd = [
    [srv],
    [txt('node=a/b/c')],
    [srv, txt('node=a/b')],
    [srv, txt('node=a/b/c/d')],
    [srv, txt('node=a/b/\u001b[2J')],
    [srv, txt('node=a/b/c', 'scheme=ftp')],
    [{ ...srv, data: { port: 70_000 } }, txt('node=a/b/c')],
    [
      { ...srv, data: null },
      { ...txt(), data: 7 },
    ],
    [{ ...srv, name: 'x._other._tcp.local' }, txt('node=a/b/c')],
  ]
  for (const answers of odd) assert.deepEqual(readAnswers(answers), [])
})

test('whatever records hold, reading them throws nothing', () => {
  const data = fc.oneof(fc.anything(), fc.uint8Array(), fc.array(fc.uint8Array()))
  const type = fc.constantFrom('SRV', 'TXT', 'PTR', 'A')
  const answer = fc.record({ name: fc.constantFrom(`x.${service}`, 'y'), type, data })
  fc.assert(fc.property(fc.array(answer), (answers) => void readAnswers(answers)))
})
