import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { levelFilter } from '../model/level-filter.ts'
import { topicMatches, type TopicFilter } from '../model/topic-filter.ts'
import { checkPattern, ResourcePattern } from './resource-pattern.ts'

function pattern(text: string, user = 'alice', client = 'c1'): ResourcePattern {
  const parsed = ResourcePattern.parse(text, user, client)
  assert.ok(parsed !== undefined)
  return parsed
}

describe('patterns of rules', () => {
  const cases: [text: string, resource: string, matches: boolean][] = [
    ['#', '', true],
    ['#', '$msgbus.clients', true],
    ['+', '$SYS', true],
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['a/#', 'ab', false],
    ['a/+/c', 'a//c', true],
    ['a/+', 'a', false],
    ['a/+', 'a/b/c', false],
    ['device-*', 'device-7', true],
    ['device-*', 'device-7/x', false],
    ['*.log', 'x.log', true],
    ['a*b*c', 'abc', true],
    ['a*b*c', 'axxbyyc', true],
    ['a*b*c', 'acb', false],
    ['a*a', 'a', false],
    ['*', '', true],
    ['%u/in', 'alice/in', true],
    ['%u/in', '%u/in', false],
    ['x/%c/#', 'x/c1/deep', true],
    ['%u%%*', 'alice%%2', true],
  ]
  for (const [text, resource, matches] of cases) {
    test(`${text} ${matches ? 'matches' : 'does not match'} ${JSON.stringify(resource)}`, () => {
      assert.equal(pattern(text).matches(resource), matches)
    })
  }

  test('what stands for a user or client is never a wildcard', () => {
    for (const name of ['+', '#', '*', 'a*', '%c']) {
      assert.equal(pattern('in/%u', name).matches('in/other'), false, name)
      assert.equal(pattern('in/%u', name).matches(`in/${name}`), true, name)
    }
    assert.equal(pattern('in/%u/x', 'a/b').matches('in/a/b/x'), true)
    assert.equal(pattern('%u/#', 'a/b').matches('a/other'), false)
  })

  test('a client without a name is meant by no pattern that speaks of it', () => {
    assert.equal(ResourcePattern.parse('x/%c', 'alice', ''), undefined)
  })

  test('faults name the pattern', () => {
    for (const text of ['a/#/b', 'a#', 'a+/b', '%x']) {
      assert.throws(() => checkPattern(text), new RegExp(text.replaceAll(/[+#]/g, '.')))
    }
  })
})

describe('patterns and the filters of subscribers', () => {
  const word = fc.constantFrom('a', 'b', '')
  const topic = fc.array(word, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'))
  const filter = fc
    .tuple(fc.array(fc.oneof(word, fc.constant('+')), { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(([levels, hasRest]) => [...levels, ...(hasRest ? ['#'] : [])].join('/'))

  test('they overlap whenever one topic matches both', () => {
    fc.assert(
      fc.property(filter, filter, topic, (rule, wanted, name) => {
        const both = pattern(rule).matches(name) && topicMatches(wanted as TopicFilter, name)
        if (both) assert.ok(pattern(rule).overlaps(levelFilter('mqtt', wanted)))
      }),
      { numRuns: 2_000 },
    )
  })

  test('one that covers a filter matches all its topics', () => {
    fc.assert(
      fc.property(filter, filter, topic, (rule, wanted, name) => {
        if (!pattern(rule).covers(levelFilter('mqtt', wanted))) return
        if (topicMatches(wanted as TopicFilter, name)) assert.ok(pattern(rule).matches(name))
      }),
      { numRuns: 2_000 },
    )
  })

  const pieces = fc.array(fc.constantFrom('', 'a', 'b', 'a/', 'ab'), { minLength: 2, maxLength: 3 })
  const rules = fc.constantFrom('a*', '*b', 'a*b', '*', '+', '#', 'a/#', 'a/*', 'a', '*a*', '+/b')
  const gaps = fc.array(fc.constantFrom('', 'a', 'b', 'ab', 'x'), { minLength: 2, maxLength: 2 })

  test('texts with gaps: what is covered all matches, what matches is overlapped', () => {
    const runs = 5_000
    const seen = { covered: 0, apart: 0 }
    fc.assert(
      fc.property(rules, pieces, gaps, (rule, texts, between) => {
        const name = texts.map((text, i) => (between[i - 1] ?? '') + text).join('')
        const found = pattern(rule)
        if (found.coversTexts(texts)) {
          seen.covered += 1
          assert.ok(found.matches(name), `${rule} covers ${texts.join('…')}, not ${name}`)
        }
        if (found.overlapsTexts(texts)) return
        seen.apart += 1
        assert.ok(!found.matches(name), `${rule} is apart from ${texts.join('…')}, but ${name}`)
      }),
      { numRuns: runs },
    )
    assert.ok(seen.covered > runs / 50 && seen.apart > runs / 50, JSON.stringify(seen))
  })

  test('texts with gaps: the plain cases are decided exactly', () => {
    const cases: [rule: string, texts: string[], overlaps: boolean, covers: boolean][] = [
      ['com.secret.*', ['com.', ''], true, false],
      ['com.secret.*', ['com.open.', ''], false, false],
      ['com.secret.*', ['com.', '.x'], true, false],
      ['com.*', ['com.secret.', ''], true, true],
      ['com.*', ['com', ''], true, false],
      ['*.x', ['com.', '.x'], true, true],
      ['*.x', ['com.', '.y'], false, false],
      ['com.x', ['com.', ''], true, false],
      ['#', ['', ''], true, true],
      ['a/#', ['a', ''], true, false],
      ['a/b', ['a', ''], false, false],
    ]
    for (const [rule, texts, overlaps, covers] of cases) {
      assert.equal(pattern(rule).overlapsTexts(texts), overlaps, `${rule} ${texts.join('…')}`)
      assert.equal(pattern(rule).coversTexts(texts), covers, `${rule} ${texts.join('…')}`)
    }
  })

  test('the plain cases are decided exactly', () => {
    const cases: [rule: string, wanted: string, overlaps: boolean, covers: boolean][] = [
      ['a/#', 'a/b/+', true, true],
      ['a/#', '#', true, false],
      ['#', '#', true, true],
      ['a/b', 'a/+', true, false],
      ['a/b', 'c/#', false, false],
      ['a/+', 'a/#', true, false],
      ['+/x', 'a/x', true, true],
      ['a/*x', 'a/bx', true, true],
    ]
    for (const [rule, wanted, overlaps, covers] of cases) {
      const found = pattern(rule)
      assert.equal(found.overlaps(levelFilter('mqtt', wanted)), overlaps, `${rule} ${wanted}`)
      assert.equal(found.covers(levelFilter('mqtt', wanted)), covers, `${rule} ${wanted}`)
    }
    assert.ok(pattern('a/b').overlaps(levelFilter('wamp', 'a/')))
    assert.ok(!pattern('a/b').overlaps(levelFilter('wamp', 'a//')))
  })
})
