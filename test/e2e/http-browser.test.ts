// Proves in a real browser what the policy of the pages lets through: scripts of this listener, its API, its event
// streams and its WebSockets; and nothing else, neither for its own pages nor for those of others.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Browser } from 'playwright-core'
import { systemClock } from '../../src/core/clock.ts'
import { MsgBus } from '../../src/core/msg-bus.ts'
import { silentLogger } from '../../src/core/logger.ts'
import { defaultLimits } from '../../src/model/limits.ts'
import { WebSocketGates } from '../../src/net/web-socket-gates.ts'
import { httpSettings, startHttpAdapter } from '../../src/protocols/http/index.ts'
import { openMemoryLogStore } from '../../src/stores/memory/memory-log-store.ts'
import { browser, withoutChromium } from '../browser/page-harness.ts'
import { cleanUp, type Scope } from './clean-up.ts'
import { temporaryFolder } from './daemon-process.ts'

/** What a page finds out about what it may do; each answer is one word. */
const probe = `
const outcome = {}
const word = (promise) => promise.then((value) => value, () => 'refused')
const socket = (url) => word(new Promise((resolve, reject) => {
  const webSocket = new WebSocket(url)
  webSocket.onopen = () => webSocket.send('hello')
  webSocket.onmessage = ({ data }) => resolve(data)
  webSocket.onerror = reject
}))
const events = (url) => word(new Promise((resolve, reject) => {
  const source = new EventSource(url)
  source.addEventListener('message', ({ data }) => resolve(JSON.parse(data).text))
  source.onerror = reject
}))
const ask = (url, init) => word(fetch(url, init).then((response) => String(response.status)))
window.probe = async (http, foreign) => ({
  publish: await ask(http + '/v1/publish?topic=a', { method: 'POST', body: 'text' }),
  status: await ask(http + '/v1/status'),
  stream: await events(http + '/v1/subscribe?filter=a&start=earliest'),
  webSocket: await socket(http.replace('http', 'ws') + '/echo'),
  foreign: await ask(foreign),
  inline: String(window.isInlineRun ?? 'refused'),
})
`

const page = `<!doctype html><title>page</title><script>window.isInlineRun = 'run'</script><script src="/probe.js"></script>`

async function startAdapter(t: Scope, origins: readonly string[] = []): Promise<string> {
  const folder = temporaryFolder(t)
  writeFileSync(join(folder, 'index.html'), page)
  writeFileSync(join(folder, 'probe.js'), probe)
  const node = { tenantId: 'tenant', blName: 'default', deviceId: 'node-a' }
  const [clock, logger] = [systemClock, silentLogger]
  const bus = new MsgBus({ node, limits: defaultLimits, clock, logger })
  const { publishIdWindowMs, publishIdCount } = defaultLimits
  const window = { publishIdWindowMs, publishIdCount }
  const durability = 'memory'
  const store = await openMemoryLogStore({ folder, node, durability, clock, logger, ...window })
  bus.attach(store)
  const webSockets = new WebSocketGates()
  webSockets.add({
    path: '/echo',
    protocols: [],
    maxMessageBytes: 1000,
    outboxBytes: 65_536,
    accept: (connection) => {
      connection.sendAs = 'text-or-binary'
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
    { bus, logger, version: '0', tls: undefined, metricsText: async () => '', webSockets },
    httpSettings.parse({ listen: '127.0.0.1:0', origins }),
    { consoleFolder: folder },
  )
  cleanUp(t, async () => {
    await bus.shutdown()
    await adapter.stop(0)
    await store.close()
  })
  return `http://${adapter.listeners[0]?.address}`
}

const answerForeign: RequestListener = ({ url }, response) => {
  const isScript = url === '/probe.js'
  response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
  response.setHeader('access-control-allow-origin', '*')
  response.end(isScript ? probe : page)
}

/** Another web server, with the same page and without any policy. */
async function startForeign(t: Scope): Promise<string> {
  const server = createServer(answerForeign)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUp(t, () => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** What the page at `url` may do. */
async function probeFrom(chromium: Browser, url: string, http: string, foreign: string) {
  const tab = await chromium.newPage()
  await tab.goto(url)
  const outcome: unknown = await tab.evaluate(
    `window.probe(${JSON.stringify(http)}, ${JSON.stringify(foreign)})`,
  )
  await tab.close()
  return outcome
}

test('what pages may do, in a browser', { skip: withoutChromium, timeout: 120_000 }, async (t) => {
  const foreign = await startForeign(t)
  const http = await startAdapter(t)
  const friendly = await startAdapter(t, [foreign])
  const chromium = await browser()
  const everything = { publish: '200', status: '200', stream: 'text', webSocket: 'hello' }
  const nothing = {
    publish: 'refused',
    status: 'refused',
    stream: 'refused',
    webSocket: 'refused',
  }
  assert.deepEqual(await probeFrom(chromium, `${http}/`, http, foreign), {
    ...everything,
    foreign: 'refused',
    inline: 'refused',
  })
  const free = { foreign: '200', inline: 'run' }
  assert.deepEqual(await probeFrom(chromium, foreign, http, foreign), { ...nothing, ...free })
  assert.deepEqual(await probeFrom(chromium, foreign, friendly, foreign), {
    ...everything,
    ...free,
  })
})
