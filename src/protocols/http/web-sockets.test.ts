// Proves who gets through to a gate and who is told what instead: Host, Origin, path, sub-protocol.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { WebSocket } from 'ws'
import type { Bus } from '../../core/bus.ts'
import { silentLogger } from '../../core/logger.ts'
import { WebSocketGates } from '../../net/web-socket-gates.ts'
import { httpSettings, startHttpAdapter } from './index.ts'

/** An echo at `/echo`; answers `host:port` of the listener. */
async function start(t: TestContext, settings: object = {}): Promise<string> {
  const webSockets = new WebSocketGates()
  webSockets.add({
    path: '/echo',
    protocols: ['echo.v1'],
    maxMessageBytes: 1000,
    outboxBytes: 65_536,
    accept: (connection) => {
      connection.owner = {
        onBytes: (bytes, length) => connection.outbox.push(bytes.subarray(0, length), true),
        onEnd: () => undefined,
        onClose: () => undefined,
        onFull: () => undefined,
        onRoom: () => undefined,
      }
    },
  })
  const adapter = await startHttpAdapter(
    {
      bus: { onShutdown: () => () => undefined } as unknown as Bus,
      logger: silentLogger,
      version: '0',
      tls: undefined,
      metricsText: () => Promise.resolve(''),
      webSockets,
    },
    httpSettings.parse({ listen: '127.0.0.1:0', ...settings }),
  )
  t.after(() => adapter.stop(0))
  return adapter.listeners[0]?.address ?? ''
}

type Headers = Readonly<Record<string, string>>

/** Status and reason of a refusal, or what an echo answers. */
async function upgrade(
  url: string,
  headers: Headers = {},
  protocols: readonly string[] = [],
): Promise<string> {
  const client = new WebSocket(url, [...protocols], { headers })
  client.on('error', () => undefined)
  const refused = once(client, 'unexpected-response') as Promise<[unknown, IncomingMessage]>
  const opened = once(client, 'open').then(async () => {
    client.send('hello')
    const [echo] = (await once(client, 'message')) as [Buffer]
    client.close()
    return echo.toString()
  })
  const refusal = refused.then(async ([, response]) => {
    const { error } = JSON.parse(await text(response)) as { error: { reason: string } }
    return `${response.statusCode} ${error.reason}`
  })
  // The one that does not come is left alone.
  opened.catch(() => undefined)
  refusal.catch(() => undefined)
  return Promise.any([opened, refusal])
}

test('programs get through to a gate, with its sub-protocol or without any', async (t) => {
  const address = await start(t)
  assert.equal(await upgrade(`ws://${address}/echo`), 'hello')
  assert.equal(await upgrade(`ws://${address}/echo?a=b`, {}, ['other', 'echo.v1']), 'hello')
  assert.equal(await upgrade(`ws://${address}/echo`, {}, ['other']), '400 unsupported')
  assert.equal(await upgrade(`ws://${address}/elsewhere`), '404 not_found')
})

test('pages get through when they are our own or listed', async (t) => {
  const listed = 'https://app.example'
  const address = await start(t, { origins: [listed], allowedHosts: ['bus.example'] })
  const url = `ws://${address}/echo`
  assert.equal(await upgrade(url, { origin: `http://${address}` }), 'hello')
  assert.equal(await upgrade(url, { origin: listed }), 'hello')
  // Behind a proxy that speaks TLS, on the port that such addresses leave out.
  const proxied = { host: 'bus.example:443', origin: 'https://bus.example' }
  assert.equal(await upgrade(url, proxied), 'hello')
  for (const origin of [
    'http://127.0.0.1:1',
    'http://127.0.0.1',
    'https://evil.example',
    'https://app.example.evil.example',
    'null',
    'file://',
    '',
  ]) {
    assert.equal(await upgrade(url, { origin }), '403 page_not_allowed', origin)
  }
})

test('a page that rebinds its name to this machine is refused', async (t) => {
  const address = await start(t)
  const url = `ws://${address}/echo`
  const headers = { host: 'evil.example', origin: 'http://evil.example' }
  assert.equal(await upgrade(url, headers), '421 host_not_allowed')
})

test('no upgrade where one is needed, and one without its key, are refused', async (t) => {
  const address = await start(t)
  const ask = async (path: string, headers: Headers) => {
    const request = get(`http://${address}${path}`, { headers, agent: false })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    response.resume()
    return response
  }
  const plain = await ask('/echo', {})
  assert.equal(plain.statusCode, 426)
  assert.equal(plain.headers.upgrade, 'websocket')
  const keyless = await ask('/echo', { connection: 'upgrade', upgrade: 'websocket' })
  assert.equal(keyless.statusCode, 400)
})
