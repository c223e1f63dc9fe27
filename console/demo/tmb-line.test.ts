import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { linesOf, parsePeerMessage, trimmed, visibleText } from './tmb-line.ts'

const bytesOf = (text: string) => new TextEncoder().encode(text)
const lineBytes = fc.uint8Array().map((bytes) => bytes.filter((byte) => byte !== 0x0a))

test('a message holds lines, and its end ends the last one', () => {
  assert.deepEqual(linesOf('a\nb c\n'), ['a', 'b c'])
  assert.deepEqual(linesOf('\n:a\r\n\n:b'), [':a\r', ':b'])
  assert.deepEqual(linesOf(bytesOf(':å\n')), [':å'])
  assert.deepEqual(linesOf(Uint8Array.of(0x61, 0xff, 0x0a, 0x62)), [Uint8Array.of(0x61, 0xff), 'b'])
  assert.deepEqual(linesOf(new Uint8Array()), [])
})

test('no byte of a line is lost or added', () => {
  fc.assert(
    fc.property(fc.array(lineBytes), (lines) => {
      const message = lines.flatMap((line) => [...line, 0x0a])
      const found = linesOf(Uint8Array.from(message)).map((line) =>
        typeof line === 'string' ? bytesOf(line) : line,
      )
      assert.deepEqual(
        found,
        lines.filter((line) => line.length > 0),
      )
    }),
  )
})

test('a category ends at white space of the text bus, of which one byte goes', () => {
  assert.deepEqual(parsePeerMessage(':/a  x '), { category: '/a', rest: ' x ' })
  assert.deepEqual(parsePeerMessage(':/a\tx'), { category: '/a', rest: 'x' })
  assert.deepEqual(parsePeerMessage(':/a\u00a0b c'), { category: '/a\u00a0b', rest: 'c' })
  assert.deepEqual(parsePeerMessage('::'), { category: ':', rest: '' })
  assert.deepEqual(parsePeerMessage(':/a'), { category: '/a', rest: '' })
  for (const none of [':', ': x', ' :/a x', 'ok']) assert.equal(parsePeerMessage(none), undefined)
})

test('trimming takes the white space of the text bus and no other', () => {
  assert.equal(trimmed(' \t\v\f\rred \u00a0 '), 'red \u00a0')
})

test('what is not printable stands as bytes', () => {
  const cases: [string | Uint8Array, string][] = [
    ['plain \\ text å 😀 漢', 'plain \\ text å 😀 漢'],
    ['\0\t\x1b[2J\x7f', String.raw`\x00\x09\x1B[2J\x7F`],
    ['\u202e\u200b\u00a0\u0085', String.raw`\xE2\x80\xAE\xE2\x80\x8B\xC2\xA0\xC2\x85`],
    [Uint8Array.of(0xc3, 0x28, 0xc3, 0xa5, 0xf0, 0x9f, 0x98), String.raw`\xC3(å\xF0\x9F\x98`],
    // Too long a form, a half of a pair, beyond the last character.
    [Uint8Array.of(0xc0, 0x80, 0xed, 0xa0, 0x80, 0xf5), String.raw`\xC0\x80\xED\xA0\x80\xF5`],
  ]
  for (const [line, shown] of cases) assert.equal(visibleText(line), shown)
})

test('nothing that is shown is invisible, and every byte can be told back', () => {
  fc.assert(
    fc.property(lineBytes, (random) => {
      // A backslash of the line looks like one of ours; that is the price of showing the others as they are.
      const bytes = random.filter((byte) => byte !== 0x5c)
      const shown = linesOf(bytes)
        .map((line) => visibleText(line))
        .join('')
      assert.match(shown, /^\P{C}*$/u)
      const told = shown.split(/(\\x..)/).map((piece) => {
        return piece.startsWith('\\x') ? [Number.parseInt(piece.slice(2), 16)] : [...bytesOf(piece)]
      })
      assert.deepEqual(told.flat(), [...bytes])
    }),
  )
})

test('a long line says how long it is', () => {
  assert.equal(visibleText('x'.repeat(501)), `${'x'.repeat(500)}… (501 bytes)`)
  assert.equal(visibleText('å'.repeat(500)), 'å'.repeat(500))
  assert.equal(visibleText(new Uint8Array(3).fill(0xff), 2), String.raw`\xFF\xFF… (3 bytes)`)
})
