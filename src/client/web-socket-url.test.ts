/** Addresses of the tunnel, from what programs say. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { foreignPage, toWebSocketUrl } from './web-socket-url.ts'

const cases: readonly (readonly [
  target: string | undefined,
  page: string | undefined,
  url: string,
])[] = [
  [undefined, 'http://bus:8711', 'ws://bus:8711/msgbus'],
  ['', 'https://bus', 'wss://bus/msgbus'],
  ['/proxy/bus', 'https://bus', 'wss://bus/proxy/bus'],
  ['127.0.0.1:8711', undefined, 'ws://127.0.0.1:8711/msgbus'],
  ['[::1]:8711', undefined, 'ws://[::1]:8711/msgbus'],
  ['localhost', 'http://x', 'ws://localhost/msgbus'],
  // A page that came by https may open nothing else.
  ['bus:8711', 'https://x', 'wss://bus:8711/msgbus'],
  ['ws://bus:1', 'https://x', 'ws://bus:1/msgbus'],
  ['wss://bus/', undefined, 'wss://bus/msgbus'],
  ['http://bus:1/', undefined, 'ws://bus:1/msgbus'],
  ['https://bus/tunnel?x=1#y', undefined, 'wss://bus/tunnel?x=1'],
]

for (const [target, page, url] of cases) {
  test(`${target ?? 'nothing'} from ${page ?? 'no page'} is ${url}`, () => {
    assert.equal(toWebSocketUrl(target, page), url)
  })
}

test('what is no address is refused with a word about it', () => {
  assert.throws(() => toWebSocketUrl('/msgbus', undefined), /no page/)
  assert.throws(() => toWebSocketUrl('ftp://bus'), /scheme ftp/)
  assert.throws(() => toWebSocketUrl('bus:port'), { code: 'invalid_argument' })
  assert.throws(() => toWebSocketUrl('ws://'), { code: 'invalid_argument' })
})

test('a page knows whether the address is that of its own host', () => {
  assert.equal(foreignPage('ws://bus:8711/msgbus', 'http://bus:8711'), undefined)
  assert.equal(foreignPage('ws://bus:8711/msgbus', 'http://bus:3000'), 'http://bus:3000')
  assert.equal(foreignPage('ws://bus:8711/msgbus', undefined), undefined)
})
