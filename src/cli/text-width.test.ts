import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fitText, textWidth } from './text-width.ts'

const widths: [text: string, width: number][] = [
  ['', 0],
  ['plain', 5],
  ['über', 4],
  ['温度', 4],
  ['e\u0301', 1],
  ['🔥x', 3],
  ['｡', 1],
]

for (const [text, width] of widths) {
  test(`${JSON.stringify(text)} takes ${width} columns`, () => {
    assert.equal(textWidth(text), width)
  })
}

test('fitting cuts and fills', () => {
  assert.equal(fitText('abc', 5), 'abc  ')
  assert.equal(fitText('12', 5, 'right'), '   12')
  assert.equal(fitText('abcdef', 4), 'abc…')
  assert.equal(fitText('温度', 3), '温…')
  assert.equal(fitText('温度計', 4), '温… ')
  assert.equal(fitText('a', 0), '')
})

test('whatever is fitted takes exactly the width', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(30), (text, width) => {
      assert.equal(textWidth(fitText(text, width)), width)
      assert.equal(textWidth(fitText(text, width, 'right')), width)
    }),
  )
})
