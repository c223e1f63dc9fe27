/** Which registration a call goes to: the table of the vectors, and against a search through all of them. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'

import type { ProcedureMatch } from './calls.ts'
import { type Matched, RegistrationTable } from './registration-table.ts'

test('exact before the longest prefix before the wildcard that is literal for longest', () => {
  const table = new RegistrationTable<Matched>()
  const entries: [ProcedureMatch, string][] = [
    ['exact', 'a1.b2.c3.d4.e55'],
    ['prefix', 'a1.b2.c3'],
    ['prefix', 'a1.b2.c3.d4'],
    ['wildcard', 'a1.b2..d4.e5'],
    ['wildcard', 'a1.b2.c33..e5'],
    ['wildcard', 'a1.b2..d4.e5..g7'],
    ['wildcard', 'a1.b2..d4..f6.g7'],
  ]
  for (const [match, procedure] of entries) table.add({ match, procedure })
  const calls: Record<string, string | undefined> = {
    'a1.b2.c3.d4.e55': 'a1.b2.c3.d4.e55',
    'a1.b2.c3.d98.e74': 'a1.b2.c3',
    'a1.b2.c3.d4.e325': 'a1.b2.c3.d4',
    'a1.b2.c55.d4.e5': 'a1.b2..d4.e5',
    'a1.b2.c33.d4.e5': 'a1.b2.c33..e5',
    'a1.b2.c88.d4.e5.f6.g7': 'a1.b2..d4.e5..g7',
    'a2.b2.c2.d2.e2': undefined,
  }
  for (const [procedure, expected] of Object.entries(calls)) {
    assert.equal(found(table, procedure)?.procedure, expected, procedure)
  }
})

function found(table: RegistrationTable<Matched>, procedure: string): Matched | undefined {
  return table.exact(procedure) ?? table.pattern(procedure)
}

/** Spec/wamp 8.2 said over all entries: no trie, nothing remembered. */
function searched(entries: Iterable<Matched>, procedure: string): Matched | undefined {
  const all = [...entries]
  const exact = all.find((each) => each.match === 'exact' && each.procedure === procedure)
  if (exact !== undefined) return exact
  const prefixes = all.filter(
    (each) => each.match === 'prefix' && procedure.startsWith(each.procedure),
  )
  prefixes.sort((one, other) => other.procedure.length - one.procedure.length)
  const [prefix] = prefixes
  // An empty prefix, one with a point at its end, and one that a point or nothing follows end a component.
  const isWhole = prefix !== undefined && /^$|\.$/.test(prefix.procedure)
  const isFollowed = prefix !== undefined && /^$|^\./.test(procedure.slice(prefix.procedure.length))
  if (isWhole || isFollowed) return prefix
  const components = procedure.split('.')
  const wildcards = all.filter(({ match, procedure: pattern }) => {
    const parts = pattern.split('.')
    const fits = parts.every((part, i) => part === '' || part === components[i])
    return match === 'wildcard' && parts.length === components.length && fits
  })
  wildcards.sort((one, other) => (shape(one) < shape(other) ? 1 : -1))
  return wildcards[0] ?? prefix
}

// The lengths of the literal parts, in turn: 1 for a literal component, 0 for any.
const shape = ({ procedure: pattern }: Matched) =>
  pattern
    .split('.')
    .map((part) => (part === '' ? '0' : '1'))
    .join('')

test('what comes and goes in any order leaves what a search through all finds', () => {
  const component = fc.constantFrom('a', 'b', '', 'ab')
  const text = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('.'))
  const change = fc.record({
    add: fc.boolean(),
    match: fc.constantFrom<ProcedureMatch>('exact', 'prefix', 'wildcard'),
    procedure: text,
    call: text,
  })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
      const table = new RegistrationTable<Matched>()
      const entries = new Map<string, Matched>()
      for (const { add, match, procedure, call } of changes) {
        const key = `${match} ${procedure}`
        const known = entries.get(key)
        if (add && known === undefined) {
          const entry = { match, procedure }
          entries.set(key, entry)
          table.add(entry)
        } else if (!add && known !== undefined) {
          entries.delete(key)
          table.delete(known)
        }
        assert.equal(found(table, call), searched(entries.values(), call), call)
        assert.equal(table.size, entries.size)
      }
    }),
    { numRuns: 300 },
  )
})
