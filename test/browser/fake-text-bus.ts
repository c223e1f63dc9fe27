/**
 * The demo page with the other side played by a test, byte by byte: an HTTP server with the built pages under the policy
 * that the daemon sends, and a WebSocket at `/tmb` that answers only what the test says.
 */

import { once } from 'node:events'
import { access, readFile } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type WebSocket, WebSocketServer } from 'ws'
import { cleanUp } from '../e2e/clean-up.ts'

const pages = fileURLToPath(new URL('../../console', import.meta.url))

const contentTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

export interface FakeTextBus {
  /** Of the demo page. */
  readonly url: string
  /** The next page that connects, after its `version` was answered. */
  connection(): Promise<FakeConnection>
  /** The next page that connects; nothing was answered. */
  silentConnection(): Promise<FakeConnection>
  /** Whoever connects from now on waits at the door. */
  hold(): void
  /** Those who still wait come in, and everybody after them. */
  release(): void
}

export interface FakeConnection {
  /** The next WebSocket message of the page, as text. */
  next(): Promise<string>
  send(message: string | Uint8Array): void
  /** As when the daemon is killed: no close frame. */
  break(): void
}

/** @throws Error when the pages are not built: `npm run build` makes them */
export async function startFakeTextBus(t: TestContext): Promise<FakeTextBus> {
  await access(join(pages, 'demo/index.html'))
  const server = createServer((request, response) => void serve(request.url ?? '/', response))
  const waiting: (() => void)[] = []
  let isHeld = false
  const webSockets = new WebSocketServer({
    server,
    path: '/tmb',
    verifyClient: (_, admit) => {
      if (isHeld) waiting.push(() => admit(true))
      else admit(true)
    },
    handleProtocols: (offered) => (offered.has('tmb.v1') ? 'tmb.v1' : false),
  })
  const connections = new Waiting<FakeConnection>()
  webSockets.on('connection', (socket) => connections.push(connectionOf(socket)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUp(t, () => {
    for (const socket of webSockets.clients) socket.terminate()
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/demo/`,
    silentConnection: () => connections.next(),
    hold: () => void (isHeld = true),
    release() {
      isHeld = false
      for (const admit of waiting.splice(0)) admit()
    },
    async connection() {
      const connection = await connections.next()
      const first = await connection.next()
      if (first !== 'version\n') throw new Error(`the page began with ${JSON.stringify(first)}`)
      connection.send('ok version tmb/1 msgbus/9.9.9 tenant/default/fake\n')
      return connection
    },
  }
}

async function serve(url: string, response: ServerResponse): Promise<void> {
  const path = url.endsWith('/') ? `${url}index.html` : url
  try {
    const content = await readFile(join(pages, path))
    response.setHeader('content-type', contentTypes[extname(path)] ?? 'application/octet-stream')
    response.setHeader('content-security-policy', policy)
    response.end(content)
  } catch {
    response.writeHead(404).end(`no ${path} in ${pages}`)
  }
}

function connectionOf(socket: WebSocket): FakeConnection {
  const messages = new Waiting<string>()
  socket.on('message', (data: Buffer, isBinary) => {
    messages.push(isBinary ? `(binary) ${data.toString('latin1')}` : data.toString('utf8'))
  })
  return {
    next: () => messages.next(),
    send: (message) => socket.send(message),
    break: () => socket.terminate(),
  }
}

/** What comes, one by one, in order, for whoever asks first or later. */
class Waiting<T> {
  readonly #values: T[] = []
  readonly #askers: ((value: T) => void)[] = []

  push(value: T): void {
    const asker = this.#askers.shift()
    if (asker === undefined) this.#values.push(value)
    else asker(value)
  }

  next(): Promise<T> {
    const value = this.#values.shift()
    if (value !== undefined) return Promise.resolve(value)
    return new Promise((resolve) => this.#askers.push(resolve))
  }
}
