/** WebSockets over real sockets: messages, back-pressure, signs of life and ends. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect, Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { type RawData, WebSocket } from 'ws'

import { ManualClock } from '../core/manual-clock.ts'
import type { WebSocketConnection, WebSocketGate } from './web-socket-gates.ts'
import { WebSocketServer } from './web-socket-server.ts'

const upgradeHead =
  'GET /gate HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'

interface Scene {
  readonly port: number
  readonly clock: ManualClock
  readonly server: WebSocketServer
  /** The next one that the gate was given. */
  accepted(): Promise<Peer>
  open(protocols?: string[]): Promise<WebSocket>
}

/** The daemon's end of a connection, with what it was told. */
class Peer {
  readonly connection: WebSocketConnection
  readonly told: string[] = []
  onMessage: () => void = () => undefined
  #wake: () => void = () => undefined

  constructor(connection: WebSocketConnection) {
    this.connection = connection
    connection.owner = {
      onBytes: (bytes, length) => {
        const kind = connection.lastWasText ? 'text' : 'binary'
        this.#tell(`${kind} ${Buffer.from(bytes.subarray(0, length)).toString('latin1')}`)
        this.onMessage()
      },
      onEnd: () => this.#tell('end'),
      onClose: (error) => this.#tell(error === undefined ? 'close' : 'broken'),
      onFull: () => this.#tell('full'),
      onRoom: () => this.#tell('room'),
    }
  }

  async hears(word: string): Promise<void> {
    while (!this.told.includes(word)) await new Promise<void>((resolve) => (this.#wake = resolve))
  }

  #tell(word: string): void {
    this.told.push(word)
    this.#wake()
  }
}

async function start(t: TestContext, gate: Partial<WebSocketGate> = {}): Promise<Scene> {
  const clock = new ManualClock()
  const server = new WebSocketServer(clock)
  const peers: Peer[] = []
  let wake: (() => void) | undefined
  const full: WebSocketGate = {
    path: '/gate',
    protocols: [],
    maxMessageBytes: 1_000_000,
    outboxBytes: 65_536,
    accept: (connection) => {
      peers.push(new Peer(connection))
      wake?.()
    },
    ...gate,
  }
  const http = createServer()
  http.on('upgrade', (request, socket, head) => {
    assert.ok(socket instanceof Socket)
    server.accept(full, { request, socket, head, listener: 'here' })
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  t.after(async () => {
    const stopped = server.stop(0)
    clock.advance(0)
    await stopped
    http.close()
  })
  return {
    port,
    clock,
    server,
    accepted: async () => {
      while (peers.length === 0) await new Promise<void>((resolve) => (wake = resolve))
      return peers.shift() as Peer
    },
    open: async (protocols = []) => {
      const client = new WebSocket(`ws://127.0.0.1:${port}/gate`, protocols)
      await once(client, 'open')
      return client
    },
  }
}

/** Messages of a client as they come; `next` waits. */
function inboxOf(client: WebSocket) {
  const messages: { bytes: Buffer; isBinary: boolean }[] = []
  let wake: (() => void) | undefined
  client.on('message', (data: RawData, isBinary: boolean) => {
    messages.push({ bytes: data as Buffer, isBinary })
    wake?.()
  })
  return {
    next: async () => {
      while (messages.length === 0) await new Promise<void>((resolve) => (wake = resolve))
      return messages.shift() as { bytes: Buffer; isBinary: boolean }
    },
  }
}

/** Code of the close message that comes next; what comes before it holds no such byte. */
async function closeCodeOf(socket: Socket): Promise<number> {
  let seen = Buffer.alloc(0)
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    seen = Buffer.concat([seen, chunk])
    const at = seen.indexOf(0x88)
    if (at !== -1 && seen.length >= at + 4) return seen.readUInt16BE(at + 2)
  }
}

/** A masked frame of a client, small and final. */
function frame(opcode: number, text: string): Buffer {
  const payload = Buffer.from(text, 'latin1')
  // A mask of zeros leaves the payload as it is.
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]), payload])
}

test('messages come one by one with their kind, and blocks leave as the owner wants', async (t) => {
  const scene = await start(t)
  const client = await scene.open()
  const inbox = inboxOf(client)
  const peer = await scene.accepted()
  const { connection } = peer
  assert.equal(connection.transport, 'websocket')
  assert.equal(connection.listener, 'here')
  assert.match(String(connection.source), /^127\.0\.0\.1:\d+$/)
  assert.equal(connection.protocol, '')
  assert.equal(connection.lastWasText, false)

  client.send('one')
  client.send(Buffer.from('two'))
  await peer.hears('binary two')
  assert.deepEqual(peer.told, ['text one', 'binary two'])

  connection.outbox.push(Buffer.from('a'), true)
  connection.outbox.push(Buffer.from('b'), true)
  const first = await inbox.next()
  assert.deepEqual([first.bytes.toString(), first.isBinary], ['ab', true])
  connection.sendAs = 'text-or-binary'
  connection.outbox.push(Buffer.from('grün'), true)
  const text = await inbox.next()
  assert.deepEqual([text.bytes.toString(), text.isBinary], ['grün', false])
  connection.outbox.push(Buffer.from([0xff, 0x0a]), true)
  const bytes = await inbox.next()
  assert.deepEqual([bytes.bytes.toString('hex'), bytes.isBinary], ['ff0a', true])
})

test('what is reserved in one piece is in one message', async (t) => {
  const scene = await start(t, { outboxBytes: 10_000_000 })
  const client = await scene.open()
  const inbox = inboxOf(client)
  const { connection } = await scene.accepted()
  const line = Buffer.from(`${'x'.repeat(998)}\n`)
  const count = 3_000
  for (let i = 0; i < count; i++) connection.outbox.push(line, false)
  let received = 0
  let messages = 0
  while (received < count) {
    const { bytes } = await inbox.next()
    assert.equal(bytes.length % line.length, 0)
    received += bytes.length / line.length
    messages += 1
  }
  assert.equal(received, count)
  assert.ok(messages < count / 10, `${messages} messages`)
})

test('after a pause nothing comes, and what came meanwhile comes first', async (t) => {
  const scene = await start(t)
  const socket = connect(scene.port, '127.0.0.1')
  t.after(() => socket.destroy())
  const messages = Array.from({ length: 200 }, (_, i) => frame(2, `${i}`))
  // All of it in one read.
  socket.write(upgradeHead)
  const peer = await scene.accepted()
  peer.onMessage = () => peer.connection.pause()
  socket.write(Buffer.concat(messages))
  await peer.hears('binary 0')
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(peer.told, ['binary 0'])
  // Pausing again after each one.
  for (let i = 1; i < 10; i++) {
    peer.connection.resume()
    assert.equal(peer.told.length, i, 'not within the call')
    await peer.hears(`binary ${i}`)
    assert.equal(peer.told.length, i + 1)
  }
  peer.onMessage = () => undefined
  peer.connection.resume()
  socket.write(frame(1, 'last'))
  await peer.hears('text last')
  const expected = [...messages.keys()].map((i) => `binary ${i}`)
  assert.deepEqual(peer.told, [...expected, 'text last'])
})

test('a client that does not read makes it full, and room again when it does', async (t) => {
  const scene = await start(t)
  const client = await scene.open()
  client.pause()
  const peer = await scene.accepted()
  const { connection } = peer
  const piece = Buffer.alloc(50_000, 1)
  let sent = 0
  while (!peer.told.includes('full')) {
    connection.outbox.push(piece, true)
    sent += piece.length
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.ok(connection.unsentBytes > 0)
  assert.ok(connection.outbox.queuedBytes > 65_536)
  let received = 0
  const all = new Promise<void>((resolve) => {
    client.on('message', (data: Buffer) => {
      received += data.length
      if (received === sent) resolve()
    })
  })
  client.resume()
  await Promise.all([all, peer.hears('room')])
  assert.equal(connection.outbox.queuedBytes, 0)
})

test('a message above the limit ends the connection with 1009', async (t) => {
  const scene = await start(t, { maxMessageBytes: 1000 })
  const client = await scene.open()
  const peer = await scene.accepted()
  client.send(Buffer.alloc(1000))
  client.send(Buffer.alloc(1001))
  const [code] = (await once(client, 'close')) as [number]
  assert.equal(code, 1009)
  await peer.hears('broken')
  assert.equal(peer.told.length, 2)
})

test('what is no WebSocket frame ends its connection with 1002, and no other', async (t) => {
  const scene = await start(t)
  const other = await scene.open()
  const otherPeer = await scene.accepted()
  const broken = {
    unmasked: Buffer.from([0x82, 0x01, 0x00]),
    reserved: Buffer.from([0xf2, 0x80, 0, 0, 0, 0]),
    opcode: Buffer.from([0x83, 0x80, 0, 0, 0, 0]),
    'long control': Buffer.from([0x89, 0xfe, 0x01, 0x00]),
    'lone continuation': Buffer.from([0x80, 0x80, 0, 0, 0, 0]),
    'compressed, which was not agreed on': Buffer.from([0xc1, 0x80, 0, 0, 0, 0]),
  }
  for (const [name, bytes] of Object.entries(broken)) {
    const socket = connect(scene.port, '127.0.0.1')
    t.after(() => socket.destroy())
    socket.write(upgradeHead)
    const peer = await scene.accepted()
    const answer = closeCodeOf(socket)
    socket.write(bytes)
    assert.equal(await answer, 1002, name)
    socket.end()
    await peer.hears('broken')
  }
  other.send('still here')
  await otherPeer.hears('text still here')
})

test('text that is not UTF-8 ends the connection with 1007', async (t) => {
  const scene = await start(t)
  const client = await scene.open()
  const peer = await scene.accepted()
  client.send(Buffer.from([0xff]), { binary: false })
  const [code] = (await once(client, 'close')) as [number]
  assert.equal(code, 1007)
  await peer.hears('broken')
})

test('the sub-protocol that the gate likes best is agreed on', async (t) => {
  const scene = await start(t, { protocols: ['x.v2', 'x.v1'] })
  assert.equal((await scene.open(['y', 'x.v1', 'x.v2'])).protocol, 'x.v2')
  assert.equal((await scene.accepted()).connection.protocol, 'x.v2')
  assert.equal((await scene.open()).protocol, '')
  assert.equal((await scene.accepted()).connection.protocol, '')
})

test('who gives no sign of life is dropped, who does stays', async (t) => {
  const scene = await start(t)
  const live = await scene.open()
  const livePeer = await scene.accepted()
  const silent = connect(scene.port, '127.0.0.1')
  t.after(() => silent.destroy())
  silent.write(upgradeHead)
  const silentPeer = await scene.accepted()
  for (let round = 0; round < 3; round++) {
    const pinged = once(live, 'ping')
    scene.clock.advance(30_000)
    await pinged
    // The answer of the client is on its way; this one comes behind it.
    live.send(`round ${round}`)
    await livePeer.hears(`text round ${round}`)
  }
  await silentPeer.hears('close')
  assert.equal(scene.server.size, 1)
  assert.ok(!livePeer.told.includes('close'))
})

test('ending writes what is left and closes with the code that is asked for', async (t) => {
  const scene = await start(t)
  for (const code of [undefined, 1003]) {
    const client = await scene.open()
    const inbox = inboxOf(client)
    const peer = await scene.accepted()
    client.send('before')
    await peer.hears('text before')
    peer.connection.outbox.push(Buffer.from('bye'), false)
    const closed = once(client, 'close') as Promise<[number]>
    peer.connection.end(code)
    assert.equal((await inbox.next()).bytes.toString(), 'bye')
    assert.equal((await closed)[0], code ?? 1000)
    await peer.hears('close')
  }
})

test('stopping closes with 1001, and cuts off who does not answer within the grace time', async (t) => {
  const scene = await start(t)
  const client = await scene.open()
  await scene.accepted()
  const silent = connect(scene.port, '127.0.0.1')
  silent.resume()
  silent.write(upgradeHead)
  const silentPeer = await scene.accepted()
  const closed = once(client, 'close') as Promise<[number]>
  let isStopped = false
  const stopped = scene.server.stop(1000).then(() => (isStopped = true))
  assert.equal((await closed)[0], 1001)
  assert.equal(isStopped, false)
  scene.clock.advance(1000)
  await stopped
  await silentPeer.hears('close')
  assert.equal(scene.server.size, 0)
})
