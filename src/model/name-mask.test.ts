// The table of spec/busrt 4.4.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isExactMask, nameMatches } from './name-mask.ts'

test('masks match as specified', () => {
  const cases: readonly (readonly [mask: string, name: string, match: boolean])[] = [
    ['*', 'a', true],
    ['*', 'a.b.c', true],
    ['*', '.broker', true],
    ['g.*', 'g.a', true],
    ['g.*', 'g.a.b', true],
    ['g.*', 'g.', true],
    ['g.*', 'g', false],
    ['?.test.*', 'g1.test.c1', true],
    ['?.test.*', 'g1.test.sub.c2', true],
    ['g1.test', 'g1.test.c1', false],
    ['?', 'g', true],
    ['?', 'x%%0', true],
    ['?', '', true],
    ['?', 'a.b', false],
    ['a.b', 'a.b', true],
    ['a.b', 'a.b%%0', false],
    ['a.b', 'a.b.c', false],
    ['a.*', 'a.b%%0', true],
    ['.*', '.broker', true],
    ['a?', 'ab', false],
    ['a?', 'a?', true],
    ['a*', 'ab', false],
    ['a.*.z', 'a.b', true],
    ['a..b', 'a..b', true],
    ['a.?.b', 'a..b', true],
    ['a.b.', 'a.b', false],
  ]
  for (const [mask, name, match] of cases) {
    assert.equal(nameMatches(mask, name), match, `${mask} on ${name}`)
  }
})

test('only a whole chunk makes a mask match more than one name', () => {
  for (const mask of ['a.b', 'ls?', 'tg*', '', '.broker'])
    assert.equal(isExactMask(mask), true, mask)
  for (const mask of ['?', '*', 'a.?', '*.b', 'a.?.b']) assert.equal(isExactMask(mask), false, mask)
})
