/** What zod found wrong, in words for the operator: what was expected and what came. */

import type { z } from 'zod'

const typeWords: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a section',
}

type Issue = z.core.$ZodIssue

/** Never shows more than a short scalar of what was given. */
export function describeIssue(issue: Issue): string {
  const got = describeValue(issue.input)
  if (issue.code === 'invalid_type') {
    return `expected ${typeWords[issue.expected] ?? issue.expected}, got ${got}`
  }
  if (issue.code === 'invalid_value') {
    return `expected ${orList(issue.values.map(String))}, got ${got}`
  }
  if (issue.code === 'too_small') {
    if (issue.origin === 'string') return 'must not be empty'
    return `must be at least ${issue.minimum}, got ${got}`
  }
  if (issue.code === 'too_big') return `must be at most ${issue.maximum}, got ${got}`
  if (issue.code === 'invalid_union') {
    return `expected ${orList(issue.errors.flat().map(expectedOf))}, got ${got}`
  }
  return issue.message
}

function expectedOf(issue: Issue): string {
  if (issue.code === 'invalid_value') return orList(issue.values.map(String))
  if (issue.code !== 'invalid_type') return describeIssue(issue)
  const word = typeWords[issue.expected] ?? issue.expected
  return issue.path.length === 0 ? word : `a list of ${word}`
}

function orList(words: readonly string[]): string {
  const distinct = [...new Set(words)]
  const last = distinct.pop() ?? ''
  return distinct.length === 0 ? last : `${distinct.join(', ')} or ${last}`
}

function describeValue(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a section'
  const text = JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
