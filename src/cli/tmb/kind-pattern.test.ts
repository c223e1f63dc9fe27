import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from '../exit-codes.ts'
import { parseKindPatterns } from './kind-pattern.ts'

test('kinds and patterns, abbreviated or not', () => {
  assert.deepEqual(parseKindPatterns([]), [{ kind: 'regexp', pattern: '.' }])
  assert.deepEqual(parseKindPatterns(['b', '/upper', 'IS', '/a', 'regexp', 'a b']), [
    { kind: 'begins-with', pattern: '/upper' },
    { kind: 'is', pattern: '/a' },
    { kind: 'regexp', pattern: 'a b' },
  ])
  assert.throws(() => parseKindPatterns(['/upper']), UsageError)
  assert.throws(() => parseKindPatterns(['is']), /the pattern behind is is missing/)
  assert.throws(() => parseKindPatterns(['is', '']), UsageError)
  assert.throws(() => parseKindPatterns(['is', '/a', 'x', '/b']), /"x" is no match kind/)
})
