import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BusError } from '../../model/errors.ts'
import { parseBusrtAddress } from './busrt-address.ts'
import type { BusrtAddress } from './busrt-address.ts'

test('addresses', () => {
  const cases: [string, BusrtAddress['at']][] = [
    ['/run/bus', { path: '/run/bus' }],
    ['bus.sock', { path: 'bus.sock' }],
    ['run/bus.socket', { path: 'run/bus.socket' }],
    ['bus.ipc', { path: 'bus.ipc' }],
    ['unix:/run/bus', { path: '/run/bus' }],
    ['unix:///run/bus', { path: '/run/bus' }],
    ['unix:bus', { path: 'bus' }],
    ['localhost:7777', { host: 'localhost', port: 7777 }],
    ['127.0.0.1:1', { host: '127.0.0.1', port: 1 }],
    ['[::1]:65535', { host: '::1', port: 65_535 }],
    [':7777', { host: '127.0.0.1', port: 7777 }],
    // The rule looks at the case of letters (spec/busrt 1.1).
    ['bus.sock.example:7777', { host: 'bus.sock.example', port: 7777 }],
  ]
  for (const [text, at] of cases) {
    assert.deepEqual(parseBusrtAddress(text), { at, tls: false }, text)
    assert.deepEqual(parseBusrtAddress(`tls+${text}`), { at, tls: true }, text)
  }
})

test('what is no address says why', () => {
  const cases: [string, RegExp][] = [
    ['', /expected host:port/],
    ['bus', /expected host:port/],
    ['BUS.SOCK', /expected host:port/],
    ['::1:7777', /expected host:port/],
    ['http://localhost:1', /expected host:port/],
    ['localhost:0', /between 1 and 65535/],
    ['localhost:65536', /between 1 and 65535/],
    ['unix:', /path of the socket is missing/],
    ['/run/\0', /path of the socket is missing/],
    ['ws://localhost/bus.sock', /not WebSocket/],
  ]
  for (const [text, message] of cases) {
    assert.throws(
      () => parseBusrtAddress(text),
      (error: unknown) =>
        error instanceof BusError &&
        error.code === 'invalid_argument' &&
        message.test(error.message),
      text,
    )
  }
})
