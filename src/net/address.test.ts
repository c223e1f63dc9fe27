// Proves the address grammar: the table of what is taken and refused, round trips, and that nothing
// reachable from outside is ever called local.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  AddressError,
  formatListenAddress,
  isAddressInUse,
  isLocalOnly,
  parseListenAddress,
} from './address.ts'

const tcp = (host: string, port: number, tls = false) => ({ kind: 'tcp', host, port, tls }) as const
const unix = (path: string, tls = false) => ({ kind: 'unix', path, tls }) as const

test('every form of the grammar is understood', () => {
  const cases = {
    '127.0.0.1:50051': tcp('127.0.0.1', 50_051),
    'localhost:0': tcp('localhost', 0),
    'bus-1.example_net.:65535': tcp('bus-1.example_net.', 65_535),
    '[::1]:50051': tcp('::1', 50_051),
    '[fe80::1%eth0]:1': tcp('fe80::1%eth0', 1),
    ':8711': tcp('', 8711),
    '0.0.0.0:1883': tcp('0.0.0.0', 1883),
    'unix:/run/msgbus.sock': unix('/run/msgbus.sock'),
    'unix:./a:b.sock': unix('./a:b.sock'),
    'tls+0.0.0.0:50051': tcp('0.0.0.0', 50_051, true),
    'tls+unix:/run/x': unix('/run/x', true),
    ' 127.0.0.1:1 ': tcp('127.0.0.1', 1),
  }
  for (const [text, expected] of Object.entries(cases)) {
    assert.deepEqual(parseListenAddress(text), expected, text)
  }
})

test('everything else is refused with a reason', () => {
  const cases: Record<string, RegExp> = {
    '': /expected host:port/,
    '50051': /for every interface write :50051/,
    localhost: /expected host:port/,
    '::1:50051': /needs brackets/,
    '[::1]': /needs brackets|not a number/,
    '[127.0.0.1]:1': /not an IPv6 address/,
    '1.2.3.400:1': /neither an IP address nor a host name/,
    '1.2.3:1': /neither/,
    '-a:1': /neither/,
    'a b:1': /neither/,
    'host:': /port "" is not a number/,
    'host:65536': /not a number from 0 to 65535/,
    'host:-1': /not a number/,
    'host:1e3': /not a number/,
    'http://127.0.0.1:8711': /no scheme/,
    'unix:': /needs a path/,
    [`unix:/${'x'.repeat(200)}`]: /a socket takes/,
    'tls+': /expected host:port/,
  }
  for (const [text, reason] of Object.entries(cases)) {
    assert.throws(
      () => parseListenAddress(text),
      (error) => error instanceof AddressError && reason.test(error.message),
      text,
    )
  }
})

test('formatting and parsing are inverse', () => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain(), fc.constant(''))
  const port = fc.integer({ min: 0, max: 65_535 })
  const path = fc.stringMatching(/^\/[a-z:/.]{0,80}$/)
  const address = fc.oneof(
    fc.tuple(host, port, fc.boolean()).map(([h, p, tls]) => tcp(h, p, tls)),
    fc.tuple(path, fc.boolean()).map(([p, tls]) => unix(p, tls)),
  )
  fc.assert(
    fc.property(address, (a) => {
      assert.deepEqual(parseListenAddress(formatListenAddress(a)), a)
    }),
  )
})

test('any text gives an address or an AddressError', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      try {
        parseListenAddress(text)
      } catch (error) {
        assert.ok(error instanceof AddressError)
      }
    }),
  )
})

test('only what this machine alone can reach is local', () => {
  const local = ['127.0.0.1:1', '127.8.9.10:1', '[::1]:1', '[::ffff:127.0.0.1]:1', 'localhost:1']
  const reachable = [':1', '0.0.0.0:1', '[::]:1', '10.0.0.1:1', 'example.org:1', 'localhost.net:1']
  for (const text of [...local, 'unix:/run/x']) {
    assert.equal(isLocalOnly(parseListenAddress(text)), true, text)
  }
  for (const text of reachable) assert.equal(isLocalOnly(parseListenAddress(text)), false, text)
})

test('an address in use is recognised through wrappers', () => {
  const inner = Object.assign(new Error('listen'), { code: 'EADDRINUSE' })
  assert.equal(isAddressInUse(inner), true)
  assert.equal(isAddressInUse(new Error('bind', { cause: inner })), true)
  assert.equal(isAddressInUse(new Error('errors: [listen EADDRINUSE: 127.0.0.1:1]')), true)
  assert.equal(isAddressInUse(Object.assign(new Error('x'), { code: 'EACCES' })), false)
  assert.equal(isAddressInUse(undefined), false)
})
