// Proves how requests are taken: methods, browsers' questions before the question, parameters, and limits.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import type { ErrorJson } from '../../../src/wire/http-api.ts'
import { cleanUp, type Scope } from '../../e2e/clean-up.ts'
import { type Scene, startScene } from './scene.ts'

const reasonOf = (json: unknown) => (json as ErrorJson).error.reason

/** Whatever is written to a bare connection, and all that is answered until it closes. */
async function raw(t: Scope, scene: Scene, head: string, body: Uint8Array = Buffer.alloc(0)) {
  const { hostname, port } = new URL(scene.base)
  const socket = connect(Number(port), hostname)
  cleanUp(t, () => socket.destroy())
  socket.on('error', () => undefined)
  socket.write(head.replaceAll('\n', '\r\n'))
  socket.write(body)
  return text(socket)
}

test('methods that a path does not take', async (t) => {
  const scene = await startScene(t)
  const cases = [
    ['PUT', '/v1/fetch', 'GET, HEAD'],
    ['GET', '/v1/publish', 'POST'],
    ['HEAD', '/v1/subscribe', 'GET'],
    ['POST', '/v1/queues', 'GET, HEAD, DELETE'],
    ['DELETE', '/v1', 'GET, HEAD'],
  ]
  for (const [method = '', path = '', allow] of cases) {
    const response = await fetch(scene.base + path, { method })
    assert.deepEqual([response.status, response.headers.get('allow')], [405, allow], path)
  }
  const head = await fetch(`${scene.base}/v1/status`, { method: 'HEAD' })
  assert.equal(head.status, 200)
  assert.equal(await head.text(), '')
  const options = await fetch(`${scene.base}/v1/queues`, { method: 'OPTIONS' })
  assert.deepEqual(
    [options.status, options.headers.get('allow')],
    [204, 'GET, HEAD, DELETE, OPTIONS'],
  )
  const nowhere = await fetch(`${scene.base}/v1/nowhere`)
  assert.deepEqual([nowhere.status, reasonOf(await nowhere.json())], [404, 'not_found'])
})

test('pages of foreign origins are refused everywhere, listed ones are answered', async (t) => {
  const listed = 'https://app.example'
  const scene = await startScene(t, { settings: { origins: [listed] } })
  for (const origin of ['https://evil.example', 'null', `${listed}.evil.example`]) {
    for (const { method, path } of scene.operations.values()) {
      if (!path.startsWith('/v1')) continue
      const response = await fetch(scene.base + path, { method, headers: { origin } })
      assert.equal(response.status, 403, `${method} ${path} from ${origin}`)
      assert.equal(reasonOf(await response.json()), 'page_not_allowed')
      assert.equal(response.headers.get('access-control-allow-origin'), null)
    }
    const preflight = await fetch(`${scene.base}/v1/publish`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    })
    assert.equal(preflight.status, 403)
  }
  assert.equal(scene.bus.clients().length, 0)

  const preflight = await fetch(`${scene.base}/v1/publish?topic=a`, {
    method: 'OPTIONS',
    headers: {
      origin: listed,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'content-type, msgbus-header-x',
      'access-control-request-private-network': 'true',
    },
  })
  const told = Object.fromEntries(preflight.headers)
  assert.equal(preflight.status, 204)
  assert.equal(told['access-control-allow-origin'], listed)
  assert.equal(told['access-control-allow-methods'], 'POST, OPTIONS')
  assert.equal(told['access-control-allow-headers'], 'content-type, msgbus-header-x')
  assert.equal(told['access-control-allow-private-network'], 'true')
  assert.equal(told['vary'], 'origin')
  const { headers } = await scene.ask('publish', {
    query: { topic: 'a' },
    body: '',
    headers: { origin: listed },
  })
  assert.equal(headers.get('access-control-allow-origin'), listed)
  const own = await scene.ask('status', { headers: { origin: scene.base } })
  assert.equal(own.headers.get('access-control-allow-origin'), null)
  const failed = await scene.ask('topic', { headers: { origin: listed }, status: 400 })
  assert.equal(failed.headers.get('access-control-allow-origin'), listed)
})

test('a page that rebinds its name to this machine is refused', async (t) => {
  const scene = await startScene(t)
  const head = 'GET /v1/status HTTP/1.1\nHost: evil.example\nConnection: close\n\n'
  assert.match(await raw(t, scene, head), /^HTTP\/1\.1 421 [\s\S]*host_not_allowed/)
})

test('a body above the limit is refused, unread where it says how long it is', async (t) => {
  const scene = await startScene(t, { limits: { envelopeBytes: 2_000 } })
  const { json } = await scene.ask('publish', {
    query: { topic: 'a' },
    body: Buffer.alloc(2_000),
    status: 413,
  })
  assert.equal(reasonOf(json), 'payload_too_large')
  const head = `POST /v1/publish?topic=a HTTP/1.1\nHost: localhost\n`
  const most = Math.ceil((2_000 * 4) / 3) + 65_536
  const announced = await raw(t, scene, `${head}Content-Length: ${most + 1}\n\n`)
  assert.match(announced, /^HTTP\/1\.1 413 [\s\S]*connection: close/i)
  const expected = `${head}Content-Length: ${most + 1}\nExpect: 100-continue\n\n`
  assert.match(await raw(t, scene, expected), /^HTTP\/1\.1 413 /)
  const chunk = Buffer.concat([
    Buffer.from(`${(most + 1).toString(16)}\r\n`),
    Buffer.alloc(most + 1),
    Buffer.from('\r\n0\r\n\r\n'),
  ])
  const chunked = await raw(t, scene, `${head}Transfer-Encoding: chunked\n\n`, chunk)
  assert.match(chunked, /^HTTP\/1\.1 413 /)
  const fits = `${head}Connection: close\nContent-Length: 3\nExpect: 100-continue\n\n`
  const answer = await raw(t, scene, fits, Buffer.from('abc'))
  assert.match(answer, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK/)
})

test('headers above the limit and compressed bodies are refused', async (t) => {
  const scene = await startScene(t)
  const head = 'GET /v1/status HTTP/1.1\nHost: localhost\n'
  const large = await raw(t, scene, `${head}X-Large: ${'x'.repeat(33_000)}\n\n`)
  assert.match(large, /^HTTP\/1\.1 431 /)
  const { json } = await scene.ask('publish', {
    query: { topic: 'a' },
    body: 'x',
    headers: { 'content-encoding': 'gzip' },
    status: 415,
  })
  assert.equal(reasonOf(json), 'unsupported')
})

test('an upgrade that is not to WebSocket is ignored, wherever its body is cut', async (t) => {
  const scene = await startScene(t)
  const offer =
    'Connection: Upgrade, HTTP2-Settings, close\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQ\n'
  const get = `GET /v1/heads HTTP/1.1\nHost: localhost\n${offer}\n`
  assert.match(await raw(t, scene, get), /^HTTP\/1\.1 200 OK[\s\S]*"logs":\[\]/)
  const { hostname, port } = new URL(scene.base)
  const body = 'payload'
  for (let cut = 0; cut <= body.length; cut++) {
    const socket = connect(Number(port), hostname)
    cleanUp(t, () => socket.destroy())
    const answer = text(socket)
    const head = `POST /v1/publish?topic=a HTTP/1.1\nHost: localhost\n${offer}Content-Length: ${body.length}\n\n`
    socket.write(head.replaceAll('\n', '\r\n') + body.slice(0, cut))
    for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve))
    socket.write(body.slice(cut))
    assert.match(await answer, new RegExp(`^HTTP/1\\.1 200 OK[^]*"headId":${cut + 1},`))
  }
})

test('parameters that are wrong are named, all of them', async (t) => {
  const scene = await startScene(t)
  const { json } = await scene.ask('fetch', {
    query: { from: -1, limit: 0, other: 1 },
    status: 400,
  })
  const { message } = (json as ErrorJson).error
  assert.match(message, /topic is missing/)
  assert.match(message, /from must be a whole number/)
  assert.match(message, /limit must be at least 1/)
  assert.match(message, /there is no parameter "other"/)
  for (const query of ['topic=a&topic=b', 'topic=%ff', 'topic=%', '%zz=1']) {
    const response = await fetch(`${scene.base}/v1/topic?${query}`)
    assert.equal(response.status, 400, query)
  }
  const filter = await scene.ask('subscribe', { query: { filter: 'a/#/b' }, status: 400 })
  assert.equal(reasonOf(filter.json), 'bad_filter')
  const flag = await scene.ask('subscribe', { query: { live: 'yes' }, status: 400 })
  assert.match((flag.json as ErrorJson).error.message, /live must be true or false/)
})

test('connections beyond the limit are closed at once', async (t) => {
  const scene = await startScene(t, { settings: { maxConnections: 1 } })
  // The one that fetched the document may still be kept alive.
  const streaming = httpRequest(`${scene.base}/v1/subscribe`, { agent: false }).end()
  cleanUp(t, () => streaming.destroy())
  streaming.on('error', () => undefined)
  const { hostname, port } = new URL(scene.base)
  const others = [1, 2].map(() => connect(Number(port), hostname))
  for (const socket of others) cleanUp(t, () => socket.destroy())
  // At once, and not with the answer to those who ask for nothing for too long.
  assert.equal(await Promise.race(others.map(async (socket) => text(socket))), '')
})

test('an answer that nobody reads is given up; an event stream may wait', async (t) => {
  const scene = await startScene(t)
  const large = Buffer.alloc(1_000_000, 'x')
  for (let i = 0; i < 30; i++) await scene.ask('publish', { query: { topic: 'a' }, body: large })
  const { hostname, port } = new URL(scene.base)
  const ask = async (path: string) => {
    const socket = connect(Number(port), hostname)
    cleanUp(t, () => socket.destroy())
    socket.on('error', () => undefined)
    const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`
    // Until something has come, and then nothing more is read.
    socket.write(head.repeat(path.includes('fetch') ? 8 : 1))
    await once(socket, 'readable')
    return socket
  }
  await ask('/v1/fetch?topic=a&limit=1000')
  await ask('/v1/subscribe?filter=a&start=earliest')
  const http = () => scene.bus.clients().filter(({ queuedBytes }) => queuedBytes > 0)
  while (http().length < 2) await new Promise((resolve) => setImmediate(resolve))
  for (let looks = 0; looks < 6 && http().length > 1; looks++) {
    scene.clock.advance(10_000)
    for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve))
  }
  while (http().length > 1) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(scene.bus.status().subscriptions, 1)
})
