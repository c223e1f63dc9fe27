// Cases 27 to 31 and 35 of spec/wamp 15: WAMP over WebSocket, on the HTTP port of a real daemon, and RawSocket over TLS and
// Unix sockets.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as dial, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { connect as dialTls } from 'node:tls'
import { WebSocket } from 'ws'
import { noCertificates, TestAuthority } from '../../e2e/certificates.ts'
import { cleanUp, type Scope } from '../../e2e/clean-up.ts'
import { startDaemon, temporaryFolder } from '../../e2e/daemon-process.ts'
import { pack, unpack } from './raw-client.ts'

const hello = [1, 'realm1', { roles: { subscriber: {} } }]

suite('WebSocket', () => {
  let address = ''
  const stops: (() => unknown)[] = []
  const whole: Scope = { after: (stop) => stops.push(stop), diagnostic: () => undefined }
  after(async () => {
    for (const stop of stops) await stop()
  })

  before(async () => {
    const daemon = await startDaemon(whole, {
      args: ['--storage', 'memory', '--http', '127.0.0.1:0'],
    })
    address = daemon.info.listeners.find(({ protocol }) => protocol === 'http')?.address ?? ''
  })

  async function open(t: Scope, protocols: string[], path = '/wamp', origin?: string) {
    const options = origin === undefined ? {} : { origin }
    const socket = new WebSocket(`ws://${address}${path}`, protocols, options)
    cleanUp(t, () => socket.terminate())
    await once(socket, 'open')
    return socket
  }

  test('case 27: the first of the client is taken', async (t) => {
    const socket = await open(t, ['x', 'wamp.2.cbor', 'wamp.2.json'])
    assert.equal(socket.protocol, 'wamp.2.cbor')
    socket.send(pack('cbor', hello))
    const [data] = (await once(socket, 'message')) as [Buffer]
    assert.equal(unpack('cbor', data)[0], 2)
    assert.equal((await open(t, ['wamp.2.json'], '/ws')).protocol, 'wamp.2.json')
  })

  test('case 28: nothing in common, or nothing offered', async (t) => {
    await assert.rejects(open(t, ['mqtt']), /400/)
    await assert.rejects(open(t, []), /400/)
  })

  test('case 29: text where octets are agreed on, and the reverse', async (t) => {
    for (const [protocol, message] of [
      ['wamp.2.cbor', 'text'],
      ['wamp.2.json', Buffer.from(JSON.stringify(hello))],
    ] as const) {
      const socket = await open(t, [protocol])
      socket.send(message)
      const [code] = (await once(socket, 'close')) as [number]
      assert.equal(code, 1002)
    }
  })

  test('case 30: pages of others', async (t) => {
    await assert.rejects(open(t, ['wamp.2.json'], '/wamp', 'http://elsewhere.example'), /403/)
    await open(t, ['wamp.2.json'], '/wamp', `http://${address}`)
  })

  test('case 31: a message above the limit', async (t) => {
    const socket = await open(t, ['wamp.2.json'])
    socket.send('x'.repeat(16_777_217))
    const [code] = (await once(socket, 'close')) as [number]
    assert.equal(code, 1009)
  })

  test('a long message, in fragments, comes back whole', async (t) => {
    const socket = await open(t, ['wamp.2.json'])
    const text = JSON.stringify([...hello.slice(0, 2), { roles: { subscriber: {} } }])
    socket.send(text.slice(0, 5), { fin: false })
    socket.ping()
    socket.send(text.slice(5), { fin: true })
    assert.equal(JSON.parse(String(((await once(socket, 'message')) as [Buffer])[0]))[0], 2)
    socket.send('[32,1,{},"a"]')
    await once(socket, 'message')
    const long = 'ü'.repeat(100_000)
    socket.send(`[16,2,{"exclude_me":false},"a",["${long}"]]`)
    const [data] = (await once(socket, 'message')) as [Buffer]
    const event = JSON.parse(String(data)) as [number, number, number, object, [string]]
    assert.equal(event[4][0], long)
  })
})

async function greets(socket: Socket): Promise<void> {
  const message = pack('json', hello)
  const head = Buffer.alloc(4)
  head.writeUInt32BE(message.length)
  socket.write(Buffer.concat([Buffer.of(0x7f, 0xf1, 0, 0), head, message]))
  let got = Buffer.alloc(0)
  while (got.length < 9) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    got = Buffer.concat([got, chunk])
  }
  assert.equal(got.subarray(0, 4).toString('hex'), '7ff10000')
  assert.equal(got.subarray(8, 10).toString(), '[2')
  socket.destroy()
}

test('RawSocket over TLS and over a Unix socket', { skip: noCertificates }, async (t) => {
  const folder = temporaryFolder(t)
  const { cert, key } = new TestAuthority(folder).issue('server')
  const path = join(folder, 'wamp.sock')
  const listen = ['--storage', 'memory', '--wamp', `unix:${path}`, '--wamp', 'tls+127.0.0.1:0']
  const args = [...listen, '--tls-cert', cert, '--tls-key', key]
  const daemon = await startDaemon(t, { args })
  const bound = daemon.info.listeners.find(({ tls, protocol }) => tls && protocol === 'wamp')
  const port = Number(bound?.address.split(':')[1])
  const plain = dial({ path })
  await once(plain, 'connect')
  await greets(plain)
  const secure = dialTls({ host: '127.0.0.1', port, rejectUnauthorized: false })
  await once(secure, 'secureConnect')
  await greets(secure)
})
