// Proves over the real daemon what a test in its process cannot: HTTPS and wss with much data, Unix sockets, and what
// streams and WebSockets hear when it stops.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { get as httpsGet } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { type RawData, WebSocket } from 'ws'
import type { StatusJson } from '../../src/wire/http-api.ts'
import { introduction, message, messageFrom } from '../conformance/busrt/bytes.ts'
import { EventReader } from '../conformance/http/event-reader.ts'
import { noCertificates, TestAuthority } from './certificates.ts'
import { cleanUp } from './clean-up.ts'
import { type DaemonProcess, startDaemon, temporaryFolder } from './daemon-process.ts'

function httpOf(daemon: DaemonProcess): string {
  return daemon.info.listeners.find(({ protocol }) => protocol === 'http')?.address ?? ''
}

const memory = ['--storage', 'memory', '--tmb', 'off']

test('HTTPS, and a WebSocket over it that carries much', { skip: noCertificates }, async (t) => {
  const authority = new TestAuthority(temporaryFolder(t))
  const { cert, key } = authority.issue('server')
  const tls = ['--tls-cert', cert, '--tls-key', key]
  const daemon = await startDaemon(t, { args: [...memory, ...tls, '--http', 'tls+127.0.0.1:0'] })
  const ca = readFileSync(authority.cert)
  const address = httpOf(daemon)
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    httpsGet(`https://${address}/v1/status`, { ca, agent: false }, resolve).on('error', reject)
  })
  const status = JSON.parse(await text(response)) as StatusJson
  assert.deepEqual(
    status.listeners.filter(({ protocol }) => protocol === 'http'),
    [{ protocol: 'http', address, tls: true }],
  )

  const socket = new WebSocket(`wss://${address}/busrt`, { ca })
  cleanUp(t, () => socket.terminate())
  await once(socket, 'open')
  socket.send(introduction('self'))
  // Sizes around those of blocks, each payload its own, so that a block used again too early is seen.
  const payloads = Array.from({ length: 400 }, (_, i) => Buffer.alloc((i * 977) % 140_000, i))
  const greeting = Buffer.from('eb01000101', 'hex')
  const frames = payloads.map((payload) => messageFrom('self', payload))
  const expected = Buffer.concat([greeting, ...frames])
  let received = Buffer.alloc(0)
  const all = new Promise<void>((resolve) => {
    const chunks: Buffer[] = []
    let length = 0
    socket.on('message', (data: RawData) => {
      chunks.push(data as Buffer)
      length += (data as Buffer).length
      if (length < expected.length) return
      received = Buffer.concat(chunks)
      resolve()
    })
  })
  for (const payload of payloads) socket.send(message('self', payload, { qos: 0 }))
  await all
  assert.ok(withoutPings(received).equals(expected))
})

/** Pings of the broker may come between any two frames; there are none within this test's few seconds but by chance. */
function withoutPings(bytes: Buffer): Buffer {
  const frames = [bytes.subarray(0, 5)]
  for (let at = 5; at < bytes.length;) {
    const end = at + 6 + (bytes[at] === 0 ? 0 : bytes.readUInt32LE(at + 1))
    if (bytes[at] !== 0) frames.push(bytes.subarray(at, end))
    at = end
  }
  return Buffer.concat(frames)
}

test('the API over a Unix socket', async (t) => {
  const path = join(temporaryFolder(t), 'http.sock')
  const daemon = await startDaemon(t, { args: [...memory, '--http', `unix:${path}`] })
  assert.equal(httpOf(daemon), `unix:${path}`)
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const options = { socketPath: path, path: '/v1/heads', agent: false }
    httpGet(options, resolve).on('error', reject)
  })
  assert.deepEqual(JSON.parse(await text(response)), { logs: [], more: false })
})

test('a stopping daemon tells streams and WebSockets, and does not wait for them', async (t) => {
  const daemon = await startDaemon(t, { args: [...memory, '--http', '127.0.0.1:0'] })
  const address = httpOf(daemon)
  const reader = await EventReader.open(`http://${address}/v1/subscribe`)
  cleanUp(t, () => reader.close())
  await reader.next()
  await reader.next()
  const registered = new WebSocket(`ws://${address}/busrt`)
  const fresh = new WebSocket(`ws://${address}/busrt`)
  const sockets = [registered, fresh]
  for (const socket of sockets) cleanUp(t, () => socket.terminate())
  await Promise.all(sockets.map((socket) => once(socket, 'message')))
  registered.send(introduction('a'))
  await once(registered, 'message')
  const closed = sockets.map(async (socket) => (await once(socket, 'close')) as [number])
  const exit = await daemon.stop()
  assert.equal(exit.code, 0)
  assert.deepEqual(
    (await Promise.all(closed)).map(([code]) => code),
    [1001, 1001],
  )
  const end = await reader.next()
  assert.equal(end?.type, 'end')
  assert.equal(await reader.next(), undefined)
})

test('the WebSocket of pages is there without a port for gRPC, and HTTP alone is a way in', async (t) => {
  const off = ['--listen', 'off', '--busrt', 'off']
  const daemon = await startDaemon(t, { args: [...memory, ...off, '--http', '127.0.0.1:0'] })
  const socket = new WebSocket(`ws://${httpOf(daemon)}/msgbus`, 'msgbus.v2')
  await once(socket, 'open')
  socket.terminate()
  assert.deepEqual(
    daemon.info.listeners.map(({ protocol }) => protocol),
    ['http'],
  )
})
