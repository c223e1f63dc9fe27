import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Colours } from '../colours.ts'
import { showBytes } from './shown-bytes.ts'
import { formatLine, lineToJson } from './shown-line.ts'

const cases: [bytes: string | number[], shown: string][] = [
  ['/upper/colour #666', '/upper/colour #666'],
  ['Grüße, 世界 🎈', 'Grüße, 世界 🎈'],
  ['', ''],
  ['a\tb', 'a\\x09b'],
  ['\u001b[31mred', '\\x1B[31mred'],
  ['a\r', 'a\\x0D'],
  ['\u007f\u0000', '\\x7F\\x00'],
  // C1: the CSI of terminals that take it in UTF-8.
  ['\u009b2J', '\\xC2\\x9B2J'],
  // Overrides of the direction of text.
  ['a\u202eb', 'a\\xE2\\x80\\xAEb'],
  ['\u2028', '\\xE2\\x80\\xA8'],
  [[0xff, 0xc3, 0x28, 0x78], '\\xFF\\xC3(x'],
  // A sequence cut off, one that is too long, half of a surrogate pair.
  [[0xe4, 0xb8], '\\xE4\\xB8'],
  [[0xc0, 0xaf], '\\xC0\\xAF'],
  [[0xed, 0xa0, 0x80], '\\xED\\xA0\\x80'],
  [[0xf0, 0x9f, 0x8e, 0x88, 0xf0], '🎈\\xF0'],
]

for (const [bytes, shown] of cases) {
  test(`shown: ${shown}`, () => {
    assert.equal(showBytes(Buffer.from(bytes as string)), shown)
  })
}

test('nothing that comes out moves the cursor', (t) => {
  const seed = Date.now() % 1_000_000
  t.diagnostic(`seed ${seed}`)
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      assert.doesNotMatch(showBytes(bytes), /[\p{Cc}\p{Bidi_Control}\ufffd]/u)
      assert.doesNotMatch(lineToJson(bytes).slice(0, -1), /[\p{Cc}\p{Bidi_Control}]/u)
    }),
    { seed, numRuns: 2_000 },
  )
})

test('lines differ by what they are', () => {
  const colours = new Colours(true)
  const format = (line: string) => formatLine(Buffer.from(line, 'latin1'), colours)
  assert.equal(format(':/a x'), '\u001b[36m:/a\u001b[0m x\n')
  assert.equal(format('ok ping'), '\u001b[32mok\u001b[0m ping\n')
  assert.equal(format('error bad-id -'), '\u001b[31merror\u001b[0m bad-id -\n')
  assert.equal(format('info slow 3'), '\u001b[33minfo\u001b[0m slow 3\n')
  assert.equal(format('item mine 1'), '\u001b[2mitem\u001b[0m mine 1\n')
  assert.deepEqual(
    [':/a\tx', ':\xff', 'ok last 2', 'ok ping \x1b'].map((line) => {
      return JSON.parse(lineToJson(Buffer.from(line, 'latin1'))) as unknown
    }),
    [
      { kind: 'message', category: '/a', separator: '\t', rest: 'x' },
      { kind: 'message', categoryBase64: '/w==', separator: '', rest: '' },
      { kind: 'ok', text: 'last 2' },
      { kind: 'ok', text: 'ping \u001b' },
    ],
  )
})
