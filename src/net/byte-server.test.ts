/** Listeners and their connections over real sockets: TCP, Unix and TLS, in every way of reading. */

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { connect as connectTls } from 'node:tls'

import { parseListenAddress } from './address.ts'
import type { ByteConnection } from './byte-connection.ts'
import { ByteServer } from './byte-server.ts'
import type { ReadMode } from './read-buffer.ts'
import type { TlsMaterial } from './server-tls.ts'

const folder = mkdtempSync(join(tmpdir(), 'msgbus-net-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const hasOpenssl = spawnSync('openssl', ['version']).status === 0
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

function newCertificate(name: string): TlsMaterial {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const args = ['req', '-x509', '-subj', `/CN=${name}`, '-days', '2', '-keyout', key, '-out', cert]
  execFileSync('openssl', [...args, ...kind], { stdio: 'ignore' })
  return { key: readFileSync(key), cert: readFileSync(cert), clientCa: undefined }
}

/** One end of a connection at the server, with what it was told. */
class Peer {
  readonly connection: ByteConnection
  readonly told: string[] = []
  #chunks: Buffer[] = []
  receivedBytes = 0
  error: Error | undefined
  onBytes: () => void = () => undefined
  #watchers: (() => void)[] = []

  constructor(connection: ByteConnection) {
    this.connection = connection
    connection.owner = {
      onBytes: (bytes, length) => {
        this.#chunks.push(Buffer.from(bytes.subarray(0, length)))
        this.receivedBytes += length
        this.onBytes()
        this.#wake()
      },
      onEnd: () => this.#tell('end'),
      onClose: (error) => {
        this.error = error
        this.#tell('close')
      },
      onFull: () => this.#tell('full'),
      onRoom: () => this.#tell('room'),
    }
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  async until(isDone: () => boolean): Promise<void> {
    while (!isDone()) await new Promise<void>((resolve) => this.#watchers.push(resolve))
  }

  async toldOf(what: string): Promise<void> {
    await this.until(() => this.told.includes(what))
  }

  send(bytes: Uint8Array, urgent = true): void {
    this.connection.outbox.push(bytes, urgent)
  }

  #tell(what: string): void {
    this.told.push(what)
    this.#wake()
  }

  #wake(): void {
    for (const resolve of this.#watchers.splice(0)) resolve()
  }
}

interface TestServer {
  readonly server: ByteServer
  readonly errors: Error[]
  readonly address: string
  readonly peers: Peer[]
  /** Connects; answers with both ends. */
  open(): Promise<{ client: Socket; peer: Peer }>
  close(): Promise<void>
}

interface Way {
  readonly name: string
  readonly address: () => string
  readonly readMode: ReadMode
  readonly skip: string | false
}

let sockets = 0
const unix = () => `unix:${join(folder, `${(sockets += 1)}.sock`)}`
const ways: readonly Way[] = [
  { name: 'TCP, shared buffer', address: () => '127.0.0.1:0', readMode: 'shared', skip: false },
  { name: 'TCP, events', address: () => '127.0.0.1:0', readMode: 'events', skip: false },
  { name: 'Unix, shared buffer', address: unix, readMode: 'shared', skip: false },
  { name: 'Unix, events', address: unix, readMode: 'events', skip: false },
  {
    name: 'TLS',
    address: () => 'tls+127.0.0.1:0',
    readMode: 'shared',
    skip: hasOpenssl ? false : 'the openssl program is not installed',
  },
]

let certificate: TlsMaterial | undefined

async function serve(way: Way, outboxBytes = 1_000_000): Promise<TestServer> {
  const address = parseListenAddress(way.address())
  if (address.tls) certificate ??= newCertificate('localhost')
  const errors: Error[] = []
  const peers: Peer[] = []
  const waiting: ((peer: Peer) => void)[] = []
  const server = new ByteServer({
    tls: certificate,
    outboxBytes,
    handshakeTimeoutMs: 5_000,
    readMode: way.readMode,
    onConnection: (connection) => {
      const peer = new Peer(connection)
      peers.push(peer)
      waiting.shift()?.(peer)
    },
    onError: (error) => errors.push(error),
  })
  await server.bind(address)
  const bound = server.listeners[0]?.address ?? ''
  const clients: Socket[] = []
  return {
    server,
    errors,
    address: bound,
    peers,
    open: async () => {
      const accepted = new Promise<Peer>((resolve) => waiting.push(resolve))
      const client = dial(bound, address.tls)
      clients.push(client)
      client.on('error', () => undefined)
      await once(client, address.tls ? 'secureConnect' : 'connect')
      return { client, peer: await accepted }
    },
    close: async () => {
      server.close()
      for (const client of clients) client.destroy()
      for (const peer of peers) {
        peer.connection.destroy()
        await peer.toldOf('close')
      }
    },
  }
}

function dial(bound: string, tls: boolean): Socket {
  if (bound.startsWith('unix:')) return connect({ path: bound.slice(5), allowHalfOpen: true })
  const [host = '', port = ''] = bound.split(':')
  const options = { host, port: Number(port), allowHalfOpen: true, rejectUnauthorized: false }
  return tls ? connectTls(options) : connect(options)
}

/** Everything until the other side ends. */
async function readAll(client: Socket): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of client) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Bytes whose place can be told from them. */
function pattern(length: number, seed = 0): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 7 + seed) & 0xff
  return bytes
}

const isSame = (a: Buffer, b: Buffer) => a.length === b.length && Buffer.compare(a, b) === 0

for (const way of ways) {
  describe(way.name, { skip: way.skip }, () => {
    test('bytes pass both ways, whatever the size of frames', async () => {
      const all = await serve(way)
      const { client, peer } = await all.open()
      const toServer = pattern(3_000_000)
      const frames = [1, 5, 100, 2_048, 65_535, 65_536, 65_537, 1_000_000, 1, 300_000].map(pattern)
      client.write(toServer)
      const got = readAll(client)
      for (const [i, frame] of frames.entries()) {
        peer.send(frame, i % 2 === 0)
        if (i % 3 === 0) await turn()
      }
      await peer.until(() => peer.receivedBytes === toServer.length)
      peer.connection.end()
      assert.ok(isSame(await got, Buffer.concat(frames)))
      assert.ok(isSame(peer.received, toServer))
      client.end()
      await peer.toldOf('close')
      assert.equal(peer.error, undefined)
      await all.close()
    })

    test('bytes are borrowed: two busy connections do not mix', async () => {
      const all = await serve(way)
      const [a, b] = [await all.open(), await all.open()]
      const [fromA, fromB] = [pattern(1_000_000, 1), pattern(1_000_000, 2)]
      for (let at = 0; at < 1_000_000; at += 50_000) {
        a.client.write(fromA.subarray(at, at + 50_000))
        b.client.write(fromB.subarray(at, at + 50_000))
        await turn()
      }
      await a.peer.until(() => a.peer.receivedBytes === fromA.length)
      await b.peer.until(() => b.peer.receivedBytes === fromB.length)
      assert.ok(isSame(a.peer.received, fromA) && isSame(b.peer.received, fromB))
      await all.close()
    })

    test('who has sent everything still gets everything', async () => {
      const all = await serve(way)
      const { client, peer } = await all.open()
      const got = readAll(client)
      client.end(pattern(200_000))
      await peer.toldOf('end')
      assert.equal(peer.receivedBytes, 200_000)
      await turn()
      peer.send(pattern(500_000))
      peer.connection.end()
      assert.ok(isSame(await got, pattern(500_000)))
      await peer.toldOf('close')
      assert.deepEqual(peer.told.slice(0, 2), ['end', 'close'])
      await all.close()
    })

    test('paused: nothing comes, however much is sent; then all of it, and the end', async () => {
      const all = await serve(way)
      const { client, peer } = await all.open()
      const sent = pattern(20_000_000)
      peer.onBytes = () => {
        if (peer.receivedBytes > 100_000) peer.connection.pause()
      }
      client.end(sent)
      await peer.until(() => peer.connection.isPaused)
      const before = peer.receivedBytes
      for (let i = 0; i < 50; i++) await turn()
      assert.equal(peer.receivedBytes, before)
      assert.ok(client.writableLength > 0, 'the other side could send it all')
      assert.deepEqual(peer.told, [])
      peer.onBytes = () => undefined
      peer.connection.resume()
      await peer.toldOf('end')
      assert.ok(isSame(peer.received, sent))
      await all.close()
    })

    test('paused and resumed all the time, nothing is lost', async () => {
      const all = await serve(way)
      const { client, peer } = await all.open()
      const sent = pattern(5_000_000)
      peer.onBytes = () => {
        peer.connection.pause()
        peer.connection.pause()
        setImmediate(() => peer.connection.resume())
      }
      client.end(sent)
      await peer.toldOf('end')
      assert.ok(isSame(peer.received, sent))
      await all.close()
    })

    test('an end while paused is told when it goes on', async () => {
      const all = await serve(way)
      const { client, peer } = await all.open()
      peer.connection.pause()
      client.end('last words')
      for (let i = 0; i < 20; i++) await turn()
      assert.deepEqual([peer.told, peer.receivedBytes], [[], 0])
      peer.connection.resume()
      await peer.toldOf('end')
      assert.equal(peer.received.toString(), 'last words')
      await all.close()
    })

    for (const highBytes of [1_000, 200_000]) {
      test(`full above ${highBytes} bytes, room when the other side has read them, in turn`, async () => {
        const all = await serve(way, highBytes)
        const { client, peer } = await all.open()
        let sentBytes = 0
        const send = (size: number) => {
          peer.send(pattern(size, sentBytes))
          sentBytes += size
        }
        for (let round = 0; round < 3; round++) {
          client.pause()
          const rounds = peer.told.length
          while (peer.told.length === rounds) {
            send(highBytes < 10_000 ? 2_000 : 50_000)
            await turn()
            assert.ok(sentBytes < 100_000_000, 'it is never full')
          }
          assert.ok(peer.connection.outbox.queuedBytes > highBytes)
          assert.ok(peer.connection.unsentBytes > 0)
          // Small ones on top, as acknowledgements are.
          for (let i = 0; i < 10; i++) send(6)
          client.resume()
          await peer.until(() => peer.told.length === rounds + 2)
          assert.equal(peer.connection.outbox.queuedBytes, 0)
          assert.equal(peer.connection.unsentBytes, 0)
        }
        assert.deepEqual(peer.told, ['full', 'room', 'full', 'room', 'full', 'room'])
        await all.close()
      })
    }

    test('what is unsent falls while the other side reads', async () => {
      const all = await serve(way)
      const { client, peer } = await all.open()
      client.pause()
      for (let i = 0; i < 100 && !peer.told.includes('full'); i++) {
        peer.send(pattern(1_000_000))
        await turn()
      }
      const values = [peer.connection.unsentBytes]
      const watch = () => {
        const unsent = peer.connection.unsentBytes
        if (unsent !== values.at(-1)) values.push(unsent)
      }
      const ticks = setInterval(watch, 1)
      client.resume()
      await peer.toldOf('room')
      clearInterval(ticks)
      watch()
      assert.equal(values.at(-1), 0)
      await all.close()
    })

    test('an end writes what is left, and is over when the other side has ended, paused or not', async () => {
      const all = await serve(way)
      for (const isPaused of [false, true]) {
        const { client, peer } = await all.open()
        const got = readAll(client)
        if (isPaused) peer.connection.pause()
        peer.send(Buffer.from('refused'), false)
        peer.connection.end()
        // Whoever looks after it may still try to hold it back.
        peer.connection.pause()
        assert.equal((await got).toString(), 'refused')
        client.end('nobody reads this')
        await peer.toldOf('close')
        assert.deepEqual(peer.told, ['close'])
      }
      await all.close()
    })

    test('a connection that breaks is told once, and takes whatever is still sent', async () => {
      const all = await serve(way)
      const { client, peer } = await all.open()
      if (way.name.startsWith('TCP')) client.resetAndDestroy()
      else client.destroy()
      for (let i = 0; !peer.told.includes('close'); i++) {
        peer.send(pattern(100_000), i % 2 === 0)
        await turn()
      }
      peer.send(pattern(100_000))
      peer.connection.pause()
      peer.connection.resume()
      peer.connection.end()
      peer.connection.destroy()
      await turn()
      assert.deepEqual(
        peer.told.filter((what) => what === 'close'),
        ['close'],
      )
      assert.equal(peer.connection.outbox.queuedBytes, 0)
      await all.close()
    })

    test('destroyed in the middle of its input, it gets nothing more', async () => {
      const all = await serve(way)
      const { client, peer } = await all.open()
      peer.onBytes = () => peer.connection.destroy()
      client.write(pattern(1_000_000))
      await peer.toldOf('close')
      const { receivedBytes } = peer
      await turn()
      assert.equal(peer.receivedBytes, receivedBytes)
      await all.close()
    })

    test('who it is and where it came in', async () => {
      const all = await serve(way)
      const { client, peer } = await all.open()
      const { transport, source, listener } = peer.connection
      assert.equal(listener, all.address)
      if (all.address.startsWith('unix:')) {
        assert.deepEqual([transport, source], ['local_ipc', undefined])
      } else {
        assert.deepEqual([transport, source], ['tcp', `127.0.0.1:${client.localPort}`])
      }
      await all.close()
    })

    test('after the listener has closed, connections go on', async () => {
      const all = await serve(way)
      const { client, peer } = await all.open()
      all.server.close()
      client.write('still here')
      await peer.until(() => peer.receivedBytes === 10)
      await all.close()
    })
  })
}

for (const way of ways.filter(({ name }) => name !== 'TLS')) {
  test(`${way.name}: two thousand quick connections leave nothing behind`, async () => {
    const all = await serve(way)
    const kinds = new Set(['TCPSocketWrap', 'PipeWrap'])
    const open = () => process.getActiveResourcesInfo().filter((kind) => kinds.has(kind)).length
    const before = open()
    for (let i = 0; i < 2_000; i += 10) {
      const batch = Array.from({ length: 10 }, async (_, n) => {
        const client = dial(all.address, false)
        await once(client, 'connect')
        if (n % 3 === 0) client.write('x')
        if (n % 2 === 0) client.destroy()
        else client.end()
        client.resume()
      })
      await Promise.all(batch)
      while (all.peers.length < i + 10) await turn()
    }
    for (const peer of all.peers) {
      peer.connection.end()
      await peer.toldOf('close')
    }
    while (open() > before) await turn()
    assert.ok(open() <= before)
    assert.ok(all.peers.every(({ told }) => told.filter((what) => what === 'close').length === 1))
    await all.close()
  })
}

const queue = '/proc/sys/net/core/somaxconn'
const isQueueShort = !existsSync(queue) || Number(readFileSync(queue, 'utf8')) < 2_000

for (const way of ways.filter(({ name }) => name.endsWith('shared buffer'))) {
  const skip = isQueueShort && 'the system lets few wait to be accepted'
  test(`${way.name}: a thousand that come at once all get in`, { skip }, async () => {
    const all = await serve(way)
    const clients = Array.from({ length: 1_000 }, () => dial(all.address, false))
    await Promise.all(clients.map((client) => once(client, 'connect')))
    while (all.peers.length < 1_000) await turn()
    for (const client of clients) client.destroy()
    await all.close()
  })
}

describe('TLS', { skip: hasOpenssl ? false : 'the openssl program is not installed' }, () => {
  const way = ways.find(({ name }) => name === 'TLS') as Way

  test('whoever does not speak it costs an error, not a connection', async () => {
    const all = await serve(way)
    const [host = '', port = ''] = all.address.split(':')
    const client = connect({ host, port: Number(port) })
    client.on('error', () => undefined)
    client.write('EHLO\r\n\r\n')
    client.resume()
    await once(client, 'close')
    while (all.errors.length === 0) await turn()
    assert.equal(all.peers.length, 0)
    await all.close()
  })

  test('a new certificate is for new connections', async () => {
    const all = await serve(way)
    const first = await all.open()
    all.server.reloadTls(newCertificate('renewed'))
    const names: string[] = []
    const [host = '', port = ''] = all.address.split(':')
    const client = connectTls({ host, port: Number(port), rejectUnauthorized: false })
    await once(client, 'secureConnect')
    names.push(String(client.getPeerCertificate().subject.CN))
    client.destroy()
    assert.deepEqual(names, ['renewed'])
    first.client.write('old one')
    await first.peer.until(() => first.peer.receivedBytes === 7)
    await all.close()
  })

  test('without a certificate there is no such listener', async () => {
    const server = new ByteServer({
      tls: undefined,
      outboxBytes: 1,
      handshakeTimeoutMs: 1,
      onConnection: () => undefined,
      onError: () => undefined,
    })
    await assert.rejects(server.bind(parseListenAddress('tls+127.0.0.1:0')), /certificate/)
    server.close()
  })
})

test('an address that is taken is an error of the system', async () => {
  const [tcp] = ways
  const all = await serve(tcp as Way)
  await assert.rejects(all.server.bind(parseListenAddress(all.address)), { code: 'EADDRINUSE' })
  assert.equal(all.server.listeners.length, 1)
  await all.close()
})
