import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTarget, parseTarget } from './target.ts'

const good: [text: string, formatted: string, tls: boolean][] = [
  ['127.0.0.1:50051', '127.0.0.1:50051', false],
  ['localhost', 'localhost:50051', false],
  [':4000', '127.0.0.1:4000', false],
  ['[::1]:4000', '[::1]:4000', false],
  ['http://bus.example:1', 'bus.example:1', false],
  ['https://bus.example', 'bus.example:50051', true],
  ['HTTPS://bus.example:443/', 'bus.example:443', true],
  ['unix:/run/bus.sock', 'unix:/run/bus.sock', false],
  ['unix:///run/bus.sock', 'unix:/run/bus.sock', false],
  ['unix:bus.sock', 'unix:bus.sock', false],
]

for (const [text, formatted, tls] of good) {
  test(`${text} leads to ${formatted}`, () => {
    const target = parseTarget(text)
    assert.equal(formatTarget(target), formatted)
    assert.equal(target.tls, tls)
  })
}

const bad = [
  '',
  'unix:',
  'ftp://x:1',
  'host:0',
  'host:65536',
  'host:x',
  'a b:1',
  'http://x/y',
  '::1',
]

for (const text of bad) {
  test(`${JSON.stringify(text)} is refused`, () => {
    assert.throws(() => parseTarget(text), { code: 'invalid_argument', message: /bad address/ })
  })
}
