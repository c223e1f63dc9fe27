// Proves that categories and topics stand for each other, one to one, in both directions.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { categoryOf, CategoryTable, hasSpecialPrefix, topicOf } from './translate.ts'

const known: readonly (readonly [category: string, topic: string])[] = [
  ['/upper/colour', '/upper/colour'],
  ['gr\xc3\xb6\xc3\x9fe', 'größe'],
  [':', ':'],
  ['\xff', 'tmb-raw:_w'],
  ['a\0b', 'tmb-raw:YQBi'],
  // Blank by the rule of the bus, though not by that of TMB.
  ['\xc2\xa0', 'tmb-raw:wqA'],
  ['$msgbus.delete', 'tmb-raw:JG1zZ2J1cy5kZWxldGU'],
  ['tmb-raw:_w', 'tmb-raw:dG1iLXJhdzpfdw'],
  ['topic-raw:YSBi', 'a b'],
  // What has a plain form is not written in the other.
  ['topic-raw:YQ', 'tmb-raw:dG9waWMtcmF3OllR'],
  ['topic-raw:YR', 'tmb-raw:dG9waWMtcmF3OllS'],
  ['topic-raw:dG1iLXJhdzpZUQ', 'tmb-raw:YQ'],
  ['topic-raw:', ''],
]

test('examples', () => {
  for (const [category, topic] of known) {
    assert.equal(topicOf(category), topic, `topic of ${category}`)
    assert.equal(categoryOf(topic), category, `category of ${topic}`)
  }
  for (const category of ['', 'a b', 'a\tb', 'a\rb', 'x'.repeat(1_025)]) {
    assert.equal(topicOf(category), undefined)
  }
  for (const topic of ['$msgbus.delete', '$msgbus.x', ' '.repeat(1_000)]) {
    assert.equal(categoryOf(topic), undefined)
  }
})

const byte = fc.integer({ min: 0, max: 255 }).filter((n) => n !== 0x20 && (n < 0x09 || n > 0x0d))
const bytes = fc
  .array(byte, { minLength: 1, maxLength: 40 })
  .map((codes) => String.fromCharCode(...codes))
const prefix = fc.constantFrom('', 'tmb-raw:', 'topic-raw:', '$msgbus.')
/** Categories, many of them with something encoded in them, several times over. */
const category = fc
  .tuple(fc.array(prefix, { maxLength: 4 }), bytes)
  .map(([prefixes, rest]) =>
    prefixes.reduce((inner, one) => one + Buffer.from(inner, 'latin1').toString('base64url'), rest),
  )
  .filter((one) => one.length <= 1_024)
const topic = fc
  .tuple(fc.array(prefix, { maxLength: 4 }), fc.string({ unit: 'grapheme', maxLength: 20 }))
  .map(([prefixes, rest]) =>
    prefixes.reduce((inner, one) => one + Buffer.from(inner).toString('base64url'), rest),
  )

test('a category comes back from its topic', () => {
  fc.assert(
    fc.property(category, (one) => {
      const name = topicOf(one)
      assert.ok(name !== undefined)
      assert.equal(categoryOf(name), one)
      assert.ok(!name.startsWith('$msgbus.'))
    }),
    { numRuns: 10_000 },
  )
})

test('a topic comes back from its category', () => {
  fc.assert(
    fc.property(topic, (one) => {
      const written = categoryOf(one)
      if (written === undefined) assert.ok(one.startsWith('$msgbus.') || one.length > 200)
      else assert.equal(topicOf(written), one)
    }),
    { numRuns: 10_000 },
  )
})

test('the table answers the same, and says what needs it', () => {
  const table = new CategoryTable()
  const look = (one: string) => {
    const buffer = Buffer.from(`..${one} x`, 'latin1')
    const name = table.topicOf(buffer, 2, 2 + one.length)
    return {
      name: Buffer.from(name).toString(),
      isSpecial: hasSpecialPrefix(buffer, 2, 2 + one.length),
    }
  }
  for (let round = 0; round < 2; round++) {
    for (const [one, name] of known) assert.equal(look(one).name, name)
    // More than it remembers.
    for (let i = 0; i < 5_000; i++) assert.equal(look(`\xc3\xa9${i}`).name, `é${i}`)
  }
  const special = ['tmb-raw:', 'topic-raw:x', '$msgbus.', '$msgbus.x']
  const plain = ['temperature', 'topic', 'tmb', '$SYS', 'tmb-rawx', 'a']
  assert.ok(special.every((one) => look(one).isSpecial))
  assert.ok(!plain.some((one) => look(one).isSpecial))
})
