// Cases 88 to 90 of spec/busrt 11: the protocol as a WebSocket on the HTTP port. Unlike the reference, which takes any
// path, it is at one path, and the Host and Origin of a browser are looked at.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { type RawData, WebSocket } from 'ws'
import { ManualClock } from '../../../src/core/manual-clock.ts'
import { MsgBus } from '../../../src/core/msg-bus.ts'
import { silentLogger } from '../../../src/core/logger.ts'
import { defaultLimits } from '../../../src/model/limits.ts'
import { WebSocketGates } from '../../../src/net/web-socket-gates.ts'
import { busrtSettings, startBusrtAdapter } from '../../../src/protocols/busrt/index.ts'
import { httpSettings, startHttpAdapter } from '../../../src/protocols/http/index.ts'
import { cleanUp, type Scope } from '../../e2e/clean-up.ts'
import { temporaryFolder } from '../../e2e/daemon-process.ts'
import { ack, hex, introduction, message, messageFrom } from './bytes.ts'

interface Scene {
  readonly bus: MsgBus
  readonly clock: ManualClock
  readonly url: string
  readonly unix: string
  readonly connect: () => Promise<WsClient>
}

async function start(t: Scope): Promise<Scene> {
  const clock = new ManualClock()
  const logger = silentLogger
  const node = { tenantId: 'tenant', blName: 'default', deviceId: 'node-a' }
  const bus = new MsgBus({ node, limits: defaultLimits, clock, logger })
  const unix = `${temporaryFolder(t)}/bus.sock`
  const webSockets = new WebSocketGates()
  const context = {
    bus,
    logger,
    version: '0.0.0',
    tls: undefined,
    metricsText: async () => '',
    webSockets,
  }
  const config = busrtSettings.parse({ listen: `unix:${unix}`, timeoutMs: 60_000 })
  const busrt = await startBusrtAdapter(context, config, clock)
  const http = await startHttpAdapter(context, httpSettings.parse({ listen: '127.0.0.1:0' }), {
    clock,
  })
  cleanUp(t, async () => {
    await bus.shutdown()
    const stopped = Promise.all([http.stop(0), busrt.stop(0)])
    clock.advance(0)
    await stopped
    assert.deepEqual(webSockets.paths, [])
  })
  const url = `ws://${http.listeners[0]?.address}/busrt`
  return { bus, clock, url, unix, connect: async () => WsClient.open(t, url) }
}

/** A client by hand: binary messages out, a stream of bytes in. */
class WsClient {
  readonly socket: WebSocket
  closeCode: number | undefined
  #bytes = Buffer.alloc(0)
  #wake: (() => void) | undefined

  static async open(t: Scope, url: string): Promise<WsClient> {
    const socket = new WebSocket(url)
    const client = new WsClient(socket)
    cleanUp(t, () => socket.terminate())
    await once(socket, 'open')
    return client
  }

  private constructor(socket: WebSocket) {
    this.socket = socket
    socket.on('message', (data: RawData, isBinary) => {
      assert.ok(isBinary)
      this.#bytes = Buffer.concat([this.#bytes, data as Buffer])
      this.#wake?.()
    })
    socket.on('close', (code) => {
      this.closeCode = code
      this.#wake?.()
    })
  }

  async register(name: string): Promise<this> {
    this.socket.send(introduction(name))
    assert.equal((await this.take(5)).toString('hex'), 'eb01000101')
    return this
  }

  async take(count: number): Promise<Buffer> {
    while (this.#bytes.length < count) {
      assert.equal(this.closeCode, undefined, 'closed')
      await this.#news()
    }
    const taken = this.#bytes.subarray(0, count)
    this.#bytes = this.#bytes.subarray(count)
    return taken
  }

  async gets(...frames: readonly Uint8Array[]): Promise<void> {
    const expected = Buffer.concat(frames)
    assert.equal((await this.take(expected.length)).toString('hex'), expected.toString('hex'))
  }

  async closed(): Promise<number> {
    while (this.closeCode === undefined) await this.#news()
    return this.closeCode
  }

  async #news(): Promise<void> {
    await new Promise<void>((resolve) => (this.#wake = resolve))
  }
}

test('case 88: the handshake in separate messages, in one, and cut anywhere', async (t) => {
  const scene = await start(t)
  const whole = introduction('a')
  const cuts = [[], [...whole.keys()].slice(1), ...[...whole.keys()].slice(1).map((at) => [at])]
  for (const cut of cuts) {
    const client = await scene.connect()
    assert.equal((await client.take(3)).toString('hex'), 'eb0100')
    const ends = [...cut, whole.length]
    ends.forEach((end, i) => client.socket.send(whole.subarray(ends[i - 1] ?? 0, end)))
    assert.equal((await client.take(2)).toString('hex'), '0101')
    const { transport, source, listener } = scene.bus.client('a') ?? {}
    assert.equal(transport, 'websocket')
    assert.match(source ?? '', /^127\.0\.0\.1:\d+$/)
    assert.equal(listener, scene.url.slice('ws://'.length, -'/busrt'.length))
    client.socket.close()
    assert.equal(await client.closed(), 1005)
    while (scene.bus.client('a') !== undefined) await new Promise((done) => setImmediate(done))
  }
})

test('case 88: whoever offers a token or a sub-protocol is taken, without that', async (t) => {
  const { url } = await start(t)
  const socket = new WebSocket(url, ['anything'], { headers: { authorization: 'Bearer x' } })
  cleanUp(t, () => socket.terminate())
  const errors: string[] = []
  socket.on('error', ({ message: text }) => errors.push(text))
  const [response] = (await once(socket, 'upgrade')) as [{ headers: Record<string, string> }]
  assert.equal(response.headers['sec-websocket-protocol'], undefined)
  assert.equal(response.headers['sec-websocket-extensions'], undefined)
  // The client library insists on what it offered; those of BUS/RT offer nothing.
  await once(socket, 'close')
  assert.match(errors.join(), /subprotocol/)
})

test('case 89: one frame over five messages, five frames in one, large ones both ways', async (t) => {
  const { connect } = await start(t)
  const client = await (await connect()).register('a')
  const other = await (await connect()).register('b')
  const frame = message('b', 'x'.repeat(100))
  for (let at = 0; at < frame.length; at += Math.ceil(frame.length / 5)) {
    client.socket.send(frame.subarray(at, at + Math.ceil(frame.length / 5)))
  }
  await client.gets(ack())
  await other.gets(messageFrom('a', 'x'.repeat(100)))
  client.socket.send(Buffer.concat([1, 2, 3, 4, 5].map((id) => message('b', `${id}`, { id }))))
  await client.gets(...[1, 2, 3, 4, 5].map((id) => ack(0x01, id)))
  await other.gets(...[1, 2, 3, 4, 5].map((id) => messageFrom('a', `${id}`)))
  const large = Buffer.alloc(3_000_000, 7)
  client.socket.send(message('b', large))
  await other.gets(messageFrom('a', large))
  client.socket.send(Buffer.alloc(0))
  await client.gets(ack())
  client.socket.send(message('a', 'fence'))
  await client.take(messageFrom('a', 'fence').length + ack().length)
})

test('case 90: text ends it with 1003; a ping is answered; the close ends the client', async (t) => {
  const { bus, connect } = await start(t)
  const texter = await (await connect()).register('a')
  texter.socket.send('text')
  assert.equal(await texter.closed(), 1003)
  assert.equal(bus.client('a'), undefined)

  const client = await (await connect()).register('b')
  client.socket.ping('are you there')
  const [data] = (await once(client.socket, 'pong')) as [Buffer]
  assert.equal(data.toString(), 'are you there')
  client.socket.close(1000)
  assert.equal(await client.closed(), 1000)
  while (bus.client('b') !== undefined) await new Promise((done) => setImmediate(done))
})

test('what breaks the protocol, and who is silent, is closed', async (t) => {
  const { clock, connect } = await start(t)
  const wrong = await connect()
  await wrong.take(3)
  wrong.socket.send(hex('000100'))
  assert.equal((await wrong.take(1)).toString('hex'), '75')
  assert.equal(await wrong.closed(), 1000)
  const silent = await connect()
  await silent.take(3)
  const pinged = once(silent.socket, 'ping')
  clock.advance(30_000)
  await pinged
  // Its answer is there before this one's.
  silent.socket.ping()
  await once(silent.socket, 'pong')
  clock.advance(30_000)
  assert.equal(await silent.closed(), 1000)
})

test('a frame above the limit ends the connection', async (t) => {
  const { connect } = await start(t)
  const client = await (await connect()).register('a')
  client.socket.send(Buffer.alloc(16_777_216 + 65_537))
  assert.equal(await client.closed(), 1009)
})
