// Proves how files of the console are served: types, caching, compression, policy; and that nothing else is.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import type { Bus } from '../../core/bus.ts'
import { silentLogger } from '../../core/logger.ts'
import { httpSettings, startHttpAdapter } from './index.ts'

const script = `console.log('hello')\n`.repeat(100)

const files: Readonly<Record<string, string | Buffer>> = {
  'index.html': '<!doctype html><title>console</title>',
  'demo/index.html': '<!doctype html><title>demo</title>',
  'assets/app-1a2b.js': script,
  'assets/font-1a2b.woff2': Buffer.alloc(5000),
  'favicon.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
  'notes.unknown': 'not served',
}

interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

type Ask = (path: string, headers?: Readonly<Record<string, string>>) => Promise<Answer>

async function start(t: TestContext, given: typeof files): Promise<Ask> {
  const folder = mkdtempSync(join(tmpdir(), 'msgbus-console-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const [name, content] of Object.entries(given)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  const adapter = await startHttpAdapter(
    {
      bus: { onShutdown: () => () => undefined } as unknown as Bus,
      logger: silentLogger,
      version: '0',
      tls: undefined,
      metricsText: () => Promise.resolve(''),
    },
    httpSettings.parse({ listen: '127.0.0.1:0' }),
    { consoleFolder: given === files ? folder : join(folder, 'missing') },
  )
  t.after(() => adapter.stop(0))
  const base = `http://${adapter.listeners[0]?.address}`
  return async (path, headers = {}) => {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { headers, agent: false, path }
      get(base, options, resolve).on('error', reject)
    })
    const { statusCode = 0, headers: answered } = response
    return { status: statusCode, headers: answered, body: await buffer(response) }
  }
}

test('pages are at their folders, with a policy that lets them use this listener alone', async (t) => {
  const ask = await start(t, files)
  for (const [path, title] of Object.entries({
    '/': 'console',
    '/demo/': 'demo',
    '/?a': 'console',
  })) {
    const { status, headers, body } = await ask(path)
    assert.equal(status, 200)
    assert.equal(headers['content-type'], 'text/html; charset=utf-8')
    assert.match(body.toString(), new RegExp(`<title>${title}`))
    const policy = headers['content-security-policy'] ?? ''
    assert.match(String(policy), /^default-src 'none'; script-src 'self'; /)
    assert.doesNotMatch(String(policy), /unsafe|\*|https?:/)
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['referrer-policy'], 'no-referrer')
    assert.equal(headers['cache-control'], 'no-cache')
  }
  const redirect = await ask('/demo')
  assert.deepEqual([redirect.status, redirect.headers.location], [308, 'demo/'])
})

test('files that change their name with their content are kept for ever, others are asked for', async (t) => {
  const ask = await start(t, files)
  const asset = await ask('/assets/app-1a2b.js')
  assert.equal(asset.headers['content-type'], 'text/javascript; charset=utf-8')
  assert.equal(asset.headers['cache-control'], 'public, max-age=31536000, immutable')
  const page = await ask('/')
  const { etag = '' } = page.headers
  for (const known of [etag, `"other", ${etag}`]) {
    const again = await ask('/', { 'if-none-match': known })
    assert.deepEqual([again.status, again.body.length, again.headers.etag], [304, 0, etag])
  }
  assert.equal((await ask('/', { 'if-none-match': '"other"' })).status, 200)
})

test('text is compressed for those who take it', async (t) => {
  const ask = await start(t, files)
  const path = '/assets/app-1a2b.js'
  const cases = [
    { accept: undefined, encoding: undefined },
    { accept: 'gzip, deflate, br', encoding: 'br' },
    { accept: 'gzip', encoding: 'gzip' },
    { accept: 'br;q=0, gzip;q=0.5', encoding: 'gzip' },
    { accept: 'br; q=0.0', encoding: undefined },
    { accept: 'identity', encoding: undefined },
  ]
  const decoders = { br: brotliDecompressSync, gzip: gunzipSync }
  const tags = new Map<string | undefined, string | undefined>()
  for (const { accept, encoding } of cases) {
    const { headers, body } = await ask(
      path,
      accept === undefined ? {} : { 'accept-encoding': accept },
    )
    assert.equal(headers['content-encoding'], encoding, accept)
    assert.equal(headers.vary, 'accept-encoding')
    assert.equal(headers['content-length'], String(body.length))
    const decode = decoders[encoding as keyof typeof decoders]
    assert.equal((decode === undefined ? body : decode(body)).toString(), script)
    tags.set(encoding, headers.etag)
  }
  assert.equal(new Set(tags.values()).size, 3)
  const font = await ask('/assets/font-1a2b.woff2', { 'accept-encoding': 'br' })
  assert.equal(font.headers['content-encoding'], undefined)
  const small = await ask('/favicon.svg', { 'accept-encoding': 'br' })
  assert.equal(small.headers['content-encoding'], undefined)
})

test('nothing else is served', async (t) => {
  const ask = await start(t, files)
  for (const path of [
    '/notes.unknown',
    '/index.html',
    '/assets/',
    '/assets',
    '/demo/../index.html',
    '/..%2findex.html',
    '//',
    '/demo//',
    '/constructor',
  ]) {
    assert.equal((await ask(path)).status, 404, path)
  }
})

test('a build without the console says how to make it', async (t) => {
  const ask = await start(t, {})
  const { status, body } = await ask('/')
  assert.equal(status, 404)
  assert.match(body.toString(), /npm run build/)
})
