// Proves which words stand for which, and that one letter is enough for each, as later versions must keep it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expandWord, tmbCommands, tmbKinds } from './words.ts'

test('every command and every kind has its own first letter', () => {
  for (const words of [Object.keys(tmbCommands), tmbKinds]) {
    for (const word of words) {
      for (let length = 1; length <= word.length; length++) {
        assert.equal(expandWord(words, word.slice(0, length)), word)
        assert.equal(expandWord(words, word.slice(0, length).toUpperCase()), word)
      }
      assert.equal(expandWord(words, `${word}x`), undefined)
    }
  }
})

test('what fits two words stands for none, unless one is meant in full', () => {
  const words = ['watch', 'watchdog', 'mine']
  assert.equal(expandWord(words, 'w'), undefined)
  assert.equal(expandWord(words, 'watch'), 'watch')
  assert.equal(expandWord(words, 'watchd'), 'watchdog')
  assert.equal(expandWord(words, ''), undefined)
  // Only letters of ASCII have a case here.
  assert.equal(expandWord(['kind'], '\u212aind'), undefined)
})
