import assert from 'node:assert/strict'
import { test } from 'node:test'
import { effectiveSettings } from './effective-rule.ts'

test('each setting comes from the first rule that matches and has it', () => {
  const rules = [
    { filter: 'other/#', store: 'never' as const },
    { filter: 'a/b', retention: { maxAgeMs: null } },
    { filter: 'a/#', store: 'always' as const, retention: { maxAgeMs: 5, maxMessages: 9 } },
    { filter: '#', store: 'acked' as const, last: true, maxPayloadBytes: 100 },
  ]
  assert.deepEqual(
    [...effectiveSettings(rules, 'a/b')],
    [
      ['maxAgeMs', { value: null, rule: 2 }],
      ['store', { value: 'always', rule: 3 }],
      ['maxMessages', { value: 9, rule: 3 }],
      ['last', { value: true, rule: 4 }],
      ['maxPayloadBytes', { value: 100, rule: 4 }],
    ],
  )
  assert.deepEqual([...effectiveSettings(rules.slice(0, 3), 'b')], [])
})
