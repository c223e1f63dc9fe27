import assert from 'node:assert/strict'
import { test } from 'node:test'

import { parseTopicFilter } from '../model/topic-filter.ts'
import { defaultTopicSettings, TopicRules } from './topic-rules.ts'

test('without rules the defaults hold', () => {
  const rules = new TopicRules([])
  assert.equal(rules.of('a'), defaultTopicSettings)
  assert.ok(rules.keepsEverything)
})

test('each setting comes from the first rule that matches and has it', () => {
  const rules = new TopicRules([
    { filter: parseTopicFilter('a/b'), retention: { maxMessages: 5 } },
    { filter: parseTopicFilter('a/#'), store: 'never', retention: { maxMessages: 9, maxAgeMs: 7 } },
    { filter: parseTopicFilter('#'), store: 'always', maxPayloadBytes: 10 },
  ])
  assert.deepEqual(rules.of('a/b'), {
    store: 'never',
    last: false,
    maxPayloadBytes: 10,
    slowReader: 'wait',
    retention: { maxMessages: 5, maxAgeMs: 7, maxBytes: undefined },
  })
  assert.equal(rules.of('c').store, 'always')
  assert.equal(rules.of('$hidden').store, 'acked')
  assert.equal(rules.keepsEverything, false)
})
