import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatPlace, parseTmbAddress } from './tmb-address.ts'
import type { TmbAddressOptions } from './tmb-address.ts'

const cases: [options: TmbAddressOptions, places: string[], text: string][] = [
  [{ address: 'desk:4800' }, ['desk:4800'], 'desk:4800'],
  [{ address: ':4800' }, ['127.0.0.1:4800'], '127.0.0.1:4800'],
  [{ address: '[::1]:4711' }, ['[::1]:4711'], '[::1]:4711'],
  [{ address: 'tls+desk:4711' }, ['desk:4711'], 'tls+desk:4711'],
  [{ address: '/run/tmb.sock' }, ['unix:/run/tmb.sock'], 'unix:/run/tmb.sock'],
  [{ address: 'unix:///run/tmb.sock' }, ['unix:/run/tmb.sock'], 'unix:/run/tmb.sock'],
  [{ address: 'tls+unix:tmb.sock' }, ['unix:tmb.sock'], 'tls+unix:tmb.sock'],
  [{ host: '::1', port: 4711 }, ['[::1]:4711'], '[::1]:4711'],
  [{ port: 1 }, ['127.0.0.1:1'], '127.0.0.1:1'],
]

for (const [options, places, text] of cases) {
  test(`TMB at ${JSON.stringify(options)}`, () => {
    const address = parseTmbAddress(options)
    assert.deepEqual(address.places.map(formatPlace), places)
    assert.equal(address.text, text)
    assert.equal(address.tls, text.startsWith('tls+'))
  })
}

test('a host alone stands for the ten ports, in order', () => {
  for (const options of [{}, { host: '127.0.0.1' }, { address: '127.0.0.1' }]) {
    const { places, text } = parseTmbAddress(options)
    assert.equal(text, '127.0.0.1, ports 4711 to 4720')
    assert.deepEqual(
      places.map(formatPlace),
      Array.from({ length: 10 }, (_, i) => `127.0.0.1:${4711 + i}`),
    )
  }
  assert.equal(parseTmbAddress({ address: 'tls+[::1]' }).text, 'tls+[::1], ports 4711 to 4720')
})

const bad = ['', 'a b:1', 'desk:0', 'desk:65536', 'desk:http', 'ws://desk/tmb', 'unix:', '::1:4711']

for (const address of bad) {
  test(`no address: ${JSON.stringify(address)}`, () => {
    assert.throws(() => parseTmbAddress({ address }), { reason: 'bad_argument' })
  })
}

test('an address and its parts are not both given', () => {
  assert.throws(() => parseTmbAddress({ address: 'desk', port: 1 }), /either an address, or host/)
  assert.throws(() => parseTmbAddress({ port: 1.5 }), /between 1 and 65535/)
})
