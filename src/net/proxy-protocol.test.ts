/** Headers of proxies: both versions, every way of being wrong, however they are cut; and connections behind them. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { describe, test } from 'node:test'
import { ByteServer } from './byte-server.ts'
import { parseProxyHeader, ProxyProtocolError, ProxySources } from './proxy-protocol.ts'

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

function block(command: number, family: number, body: Buffer | string, length?: number): Buffer {
  const bytes = Buffer.from(body as string, 'hex')
  const head = Buffer.from([command, family, 0, 0])
  head.writeUInt16BE(length ?? bytes.length, 2)
  return Buffer.concat([signature, head, bytes])
}

const four = ['c0a80001', '0a000001', '1f90', '075b'].join('')
const six = [
  '20010db8000000000000000000000001',
  '00000000000000000000000000000001',
  '0050',
  '075b',
].join('')

const good: readonly (readonly [string, Buffer, string | undefined])[] = [
  ['TCP4', Buffer.from('PROXY TCP4 192.168.0.1 10.0.0.1 8080 1883\r\n'), '192.168.0.1:8080'],
  ['TCP6', Buffer.from('PROXY TCP6 2001:db8::1 ::1 80 1883\r\n'), '[2001:db8::1]:80'],
  ['UNKNOWN', Buffer.from('PROXY UNKNOWN\r\n'), undefined],
  ['UNKNOWN with more', Buffer.from('PROXY UNKNOWN a b c d e f\r\n'), undefined],
  ['version 2, IPv4', block(0x21, 0x11, four), '192.168.0.1:8080'],
  ['version 2, IPv6', block(0x21, 0x21, six), '[2001:db8::1]:80'],
  ['version 2, with fields', block(0x21, 0x11, `${four}020003616263040000`), '192.168.0.1:8080'],
  ['version 2, a socket', block(0x21, 0x31, '00'.repeat(216)), undefined],
  ['version 2, nobody', block(0x21, 0x00, ''), undefined],
  ['version 2, the proxy itself', block(0x20, 0x00, 'ffff'), undefined],
]

const bad: readonly (readonly [string, Buffer])[] = [
  ['something else', Buffer.from([0x10, 0x0c, 0, 4])],
  ['another word', Buffer.from('PROXZ TCP4')],
  ['a long line', Buffer.from(`PROXY UNKNOWN ${'x'.repeat(107)}`)],
  ['a port too large', Buffer.from('PROXY TCP4 1.1.1.1 2.2.2.2 65536 1\r\n')],
  ['a port with a zero before', Buffer.from('PROXY TCP4 1.1.1.1 2.2.2.2 080 1\r\n')],
  ['a missing port', Buffer.from('PROXY TCP4 1.1.1.1 2.2.2.2 80\r\n')],
  ['something behind', Buffer.from('PROXY TCP4 1.1.1.1 2.2.2.2 80 1 x\r\n')],
  ['the other family', Buffer.from('PROXY TCP6 1.1.1.1 2.2.2.2 80 1\r\n')],
  ['two blanks', Buffer.from('PROXY TCP4  1.1.1.1 2.2.2.2 80 1\r\n')],
  ['version 2, another version', block(0x31, 0x11, four)],
  ['version 2, another command', block(0x22, 0x11, four)],
  ['version 2, datagrams', block(0x21, 0x12, four)],
  ['version 2, cut addresses', block(0x21, 0x11, four.slice(2))],
  ['version 2, too long', block(0x21, 0x11, '', 4_097)],
  ['version 2, a field without its end', block(0x21, 0x11, `${four}020003ab`)],
  ['version 2, half a field', block(0x21, 0x11, `${four}02`)],
]

describe('headers', () => {
  for (const [name, bytes, source] of good) {
    test(`${name}: as soon as it is whole, and what follows is left`, () => {
      for (let cut = 0; cut < bytes.length; cut++) {
        assert.equal(parseProxyHeader(bytes.subarray(0, cut)), undefined)
      }
      const more = Buffer.concat([bytes, Buffer.from('MQTT')])
      assert.deepEqual(parseProxyHeader(more), { length: bytes.length, source })
    })
  }

  for (const [name, bytes] of bad) {
    test(`${name}: refused`, () => {
      assert.throws(() => parseProxyHeader(bytes), ProxyProtocolError)
    })
  }
})

test('proxies are addresses and networks', () => {
  const sources = new ProxySources(['10.0.0.0/8', '::1', '192.168.1.1'])
  for (const inside of ['10.1.2.3', '::1', '192.168.1.1', '::ffff:10.0.0.1']) {
    assert.equal(sources.has(inside), true, inside)
  }
  for (const outside of ['11.0.0.1', '::2', '192.168.1.2', undefined]) {
    assert.equal(sources.has(outside), false, String(outside))
  }
  for (const wrong of ['', 'host', '10.0.0.0/33', '10.0.0.0/', '1.2.3.4/8/9', '::1/129']) {
    assert.throws(() => new ProxySources([wrong]), /neither/, wrong)
  }
})

interface Seen {
  readonly source: string | undefined
  text: string
}

const nobody = () => undefined

async function serve(from: readonly string[], handshakeTimeoutMs = 10_000) {
  const seen: Seen[] = []
  const errors: Error[] = []
  let wake: () => void = nobody
  const server = new ByteServer({
    tls: undefined,
    outboxBytes: 65_536,
    handshakeTimeoutMs,
    proxied: () => new ProxySources(from),
    onError: (error) => errors.push(error),
    onConnection: (connection) => {
      const each: Seen = { source: connection.source, text: '' }
      seen.push(each)
      connection.owner = {
        onBytes: (bytes, length) => {
          each.text += Buffer.from(bytes.subarray(0, length)).toString()
          wake()
        },
        onEnd: () => connection.end(),
        onClose: () => undefined,
        onFull: () => undefined,
        onRoom: () => undefined,
      }
      connection.resume()
    },
  })
  await server.bind({ kind: 'tcp', host: '127.0.0.1', port: 0, tls: false })
  const port = Number(server.listeners[0]?.address.split(':')[1])
  const got = async (count: number, text: string) => {
    while (seen[count - 1]?.text !== text) await new Promise<void>((resolve) => (wake = resolve))
  }
  return { server, port, seen, errors, got }
}

describe('connections', () => {
  test('say for whom they speak, and what follows the header is theirs', async (t) => {
    const { server, port, seen, got } = await serve(['127.0.0.1'])
    t.after(() => server.close())
    for (const [i, [, header, source]] of good.entries()) {
      const socket = connect(port, '127.0.0.1')
      const { port: own } = await once(socket, 'connect').then(
        () => socket.address() as AddressInfo,
      )
      for (const byte of header) socket.write(Buffer.of(byte))
      socket.write('hello')
      await got(i + 1, 'hello')
      assert.equal(seen.at(-1)?.source, source ?? `127.0.0.1:${own}`)
      socket.destroy()
    }
  })

  test('are closed when the header is wrong, missing, late, or not from a proxy', async (t) => {
    const { server, port, seen, errors } = await serve(['127.0.0.1'], 50)
    const strangers = await serve(['10.0.0.0/8'])
    t.after(() => {
      server.close()
      strangers.server.close()
    })
    const attempts = [
      [port, 'GET / HTTP/1.1\r\n'],
      [port, 'PROXY TCP4 1.1.1.1'],
      [strangers.port, 'PROXY TCP4 1.1.1.1 2.2.2.2 80 1\r\nhello'],
    ] as const
    for (const [to, text] of attempts) {
      const socket = connect(to, '127.0.0.1')
      socket.on('error', () => undefined)
      socket.write(text)
      await once(socket, 'close')
    }
    assert.equal(seen.length + strangers.seen.length, 0)
    assert.deepEqual(
      [...errors, ...strangers.errors].map((error) => error instanceof ProxyProtocolError),
      [true, true, true],
    )
  })
})
