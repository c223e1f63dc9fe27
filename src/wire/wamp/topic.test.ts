import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { topicToUri, uriToTopic } from './topic.ts'
import { isReservedUri, isUri } from './uri.ts'

// What the two forms escape, what looks like an escape, and what is neither.
const piece = fc.constantFrom(
  '%',
  '25',
  '2E',
  '2F',
  '77amp',
  '00',
  'u2003',
  '.',
  '/',
  ' ',
  '#',
  'a',
)
const topic = fc.array(fc.oneof(piece, fc.string({ unit: 'grapheme' }))).map((all) => all.join(''))

test('every topic has a URI and comes back', () => {
  const seen = new Map<string, string>()
  fc.assert(
    fc.property(topic, (name) => {
      const uri = topicToUri(name)
      assert.equal(uriToTopic(uri), name)
      assert.ok(!isReservedUri(uri), uri)
      assert.equal(seen.get(uri) ?? name, name, 'one URI for two topics')
      seen.set(uri, name)
    }),
    { numRuns: 3_000 },
  )
})

test('every URI is a topic and comes back', () => {
  fc.assert(
    fc.property(topic, (text) => {
      const uri = text.replace(/[\s#]/g, '')
      fc.pre(isUri(uri) && !isReservedUri(uri))
      assert.equal(topicToUri(uriToTopic(uri)), uri)
    }),
    { numRuns: 3_000 },
  )
})
