import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openInBrowser } from './browser.ts'
import { consoleAddress } from './console-address.ts'

function listeners(...addresses: string[]) {
  return addresses.map((text) => {
    const [protocol = '', address = ''] = text.split(' ')
    return { protocol, address: address.replace('tls+', ''), tls: address.startsWith('tls+') }
  })
}

const cases: [listeners: string[], server: string, expected: string | RegExp][] = [
  [['http 127.0.0.1:8711'], '127.0.0.1:50051', 'http://127.0.0.1:8711'],
  [['grpc 127.0.0.1:1', 'http [::1]:8711'], 'localhost', 'http://[::1]:8711'],
  [['http 0.0.0.0:8711'], 'localhost', 'http://127.0.0.1:8711'],
  [['http 0.0.0.0:8711'], 'desk:50051', 'http://desk:8711'],
  [['http tls+0.0.0.0:8711'], 'desk', 'https://desk:8711'],
  [['http tls+127.0.0.1:1', 'http 127.0.0.1:2'], 'localhost', 'http://127.0.0.1:2'],
  [['http 127.0.0.1:8711'], 'unix:/run/msgbus.sock', 'http://127.0.0.1:8711'],
  [['http 127.0.0.1:8711'], 'desk:50051', /no browser here can reach: run msgbus open on desk/],
  [['http unix:/x.sock'], 'localhost', /listens for HTTP at unix:\/x\.sock, which no browser/],
  [['grpc 127.0.0.1:1'], 'localhost', /does not listen for HTTP: start msgbusd without --http off/],
]

for (const [given, server, expected] of cases) {
  test(`console of ${server} at ${given.join(', ')}: ${expected}`, () => {
    const known = listeners(...given)
    if (typeof expected === 'string') assert.equal(consoleAddress(known, server), expected)
    else assert.throws(() => consoleAddress(known, server), expected)
  })
}

test('without a display nothing is opened, and that is no failure', async () => {
  const problem = await openInBrowser('http://127.0.0.1:1/', { PATH: '' }, 'linux')
  assert.deepEqual(problem, {
    text: 'there is no display here: open the address in a browser',
    isFailure: false,
  })
})
