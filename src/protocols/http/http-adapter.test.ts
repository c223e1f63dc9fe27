// Proves the pages of the HTTP listener over real sockets: what they answer before and after the
// store is there, who may ask, and that nothing else is served.

import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { Bus, BusStatus } from '../../core/bus.ts'
import { silentLogger } from '../../core/logger.ts'
import { isAddressInUse } from '../../net/address.ts'
import type { ProtocolAdapter } from '../adapter.ts'
import { httpSettings, startHttpAdapter } from './index.ts'

interface Answer {
  readonly status: number
  readonly headers: NodeJS.Dict<string | string[]>
  readonly body: string
}

/** Only what the pages look at. */
function busWith(status: Partial<BusStatus>): Bus {
  return { status: () => status, onShutdown: () => () => undefined } as unknown as Bus
}

async function start(
  t: TestContext,
  bus: Bus,
  given: { listen?: string[]; allowedHosts?: string[] } = {},
): Promise<ProtocolAdapter> {
  const { listen = ['127.0.0.1:0'], allowedHosts } = given
  const adapter = await startHttpAdapter(
    {
      bus,
      logger: silentLogger,
      version: '0',
      tls: undefined,
      metricsText: () => Promise.resolve('msgbus_up 1\n'),
    },
    httpSettings.parse({ listen, allowedHosts }),
    // Whether the console has been built is not asked here.
    { consoleFolder: join(tmpdir(), 'msgbus-without-console') },
  )
  t.after(() => adapter.stop(0))
  return adapter
}

function get(
  adapter: ProtocolAdapter,
  path: string,
  options: { method?: string; host?: string } = {},
): Promise<Answer> {
  const address = adapter.listeners[0]?.address ?? ''
  const target = address.startsWith('unix:')
    ? { socketPath: address.slice(5) }
    : { host: '127.0.0.1', port: Number(address.split(':').at(-1)) }
  const { method = 'GET', host } = options
  const headers = host === undefined ? {} : { host }
  return new Promise((resolve, reject) => {
    httpRequest({ ...target, path, method, headers, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      )
    })
      .on('error', reject)
      .end()
  })
}

test('healthz answers whatever the store does; readyz tells the truth about it', async (t) => {
  const starting = await start(t, busWith({ ready: false, error: 'the store is being opened' }))
  assert.equal((await get(starting, '/healthz')).status, 200)
  const notReady = await get(starting, '/readyz')
  assert.equal(notReady.status, 503)
  assert.deepEqual(JSON.parse(notReady.body), {
    status: 'not_ready',
    reason: 'the store is being opened',
  })

  const open = await start(t, busWith({ ready: true, error: '' }))
  const ready = await get(open, '/readyz?verbose')
  assert.equal(ready.status, 200)
  assert.deepEqual(JSON.parse(ready.body), { status: 'ready' })
})

test('metrics come in the text format, and no answer is cached or sniffed', async (t) => {
  const adapter = await start(t, busWith({}))
  const { status, headers, body } = await get(adapter, '/metrics')
  assert.equal(status, 200)
  assert.equal(body, 'msgbus_up 1\n')
  assert.match(String(headers['content-type']), /^text\/plain; version=0\.0\.4/)
  assert.equal(headers['cache-control'], 'no-store')
  assert.equal(headers['x-content-type-options'], 'nosniff')
})

test('other pages and methods are refused', async (t) => {
  const adapter = await start(t, busWith({}))
  assert.equal((await get(adapter, '/')).status, 404)
  assert.equal((await get(adapter, '/toString')).status, 404)
  assert.equal((await get(adapter, '/healthz/../metrics')).status, 404)
  const post = await get(adapter, '/healthz', { method: 'POST' })
  assert.equal(post.status, 405)
  assert.equal(post.headers['allow'], 'GET, HEAD')
  const head = await get(adapter, '/healthz', { method: 'HEAD' })
  assert.deepEqual([head.status, head.body], [200, ''])
})

test('a page that rebinds its name to this machine is refused', async (t) => {
  const adapter = await start(t, busWith({}), { allowedHosts: ['Bus.Example'] })
  const status = async (host: string) => (await get(adapter, '/healthz', { host })).status
  for (const host of ['127.0.0.1', '127.0.0.1:8711', '[::1]:8711', 'localhost', 'LOCALHOST:1']) {
    assert.equal(await status(host), 200, host)
  }
  assert.equal(await status('bus.example:80'), 200)
  for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:8711']) {
    assert.equal(await status(host), 421, host)
  }
})

test('an address that is taken is said so, and the others are given back', async (t) => {
  const first = await start(t, busWith({}))
  const taken = first.listeners[0]?.address ?? ''
  const socket = join(tmpdir(), `msgbus-http-${process.pid}.sock`)
  const both = { listen: [`unix:${socket}`, taken] }
  await assert.rejects(start(t, busWith({}), both), isAddressInUse)
  // The socket of the failed start is free again.
  const second = await start(t, busWith({}), { listen: [`unix:${socket}`] })
  assert.equal((await get(second, '/healthz')).status, 200)
})

test('stopping does not wait for a client that says nothing', async (t) => {
  const adapter = await start(t, busWith({}))
  const socket = connect(Number(adapter.listeners[0]?.address.split(':').at(-1)), '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => undefined)
  await new Promise((resolve) => socket.write('GET /healthz HTTP/1.1\r\n', resolve))
  await adapter.stop(0)
  await assert.rejects(get(adapter, '/healthz'), /ECONNREFUSED/)
})
