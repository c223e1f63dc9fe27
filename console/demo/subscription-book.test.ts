import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SubscriptionBook } from './subscription-book.ts'

const counts = (book: SubscriptionBook) =>
  Object.fromEntries(
    book.all.map(({ id, received, isAtLeast }) => [id, `${isAtLeast ? '>=' : ''}${received}`]),
  )

test('a message counts for each subscription that it was due to', () => {
  const book = new SubscriptionBook()
  book.confirmed({ id: '1', kind: 'regexp', pattern: '.' })
  book.confirmed({ id: '2', kind: 'begins-with', pattern: '/upper' })
  book.confirmed({ id: '3', kind: 'ends-with', pattern: 'shape' })
  book.confirmed({ id: '4', kind: 'contains', pattern: 'colour' })
  book.confirmed({ id: '5', kind: 'is', pattern: '/upper/shape' })
  for (const category of ['/upper/shape', '/upper/colour', '/lower/shape', '/x'])
    book.delivered(category)
  assert.deepEqual(counts(book), { 1: '4', 2: '2', 3: '2', 4: '1', 5: '1' })
})

test('an expression that cannot be judged here gets what nothing else explains', () => {
  const book = new SubscriptionBook()
  book.confirmed({ id: 'r', kind: 'regexp', pattern: '^/a' })
  book.delivered('/a')
  assert.deepEqual(counts(book), { r: '1' })
  book.confirmed({ id: 'i', kind: 'is', pattern: '/a' })
  book.delivered('/a')
  assert.deepEqual(counts(book), { r: '>=1', i: '1' })
  book.confirmed({ id: 's', kind: 'regexp', pattern: 'x' })
  book.delivered('/ax')
  assert.deepEqual(counts(book), { r: '>=1', i: '1', s: '>=0' })
})

test('what was on when the connection broke comes back and goes on counting', () => {
  const book = new SubscriptionBook()
  const one = { id: '1', kind: 'is', pattern: '/a' } as const
  const two = { id: '2', kind: 'is', pattern: '/b' } as const
  book.confirmed(one)
  book.confirmed(two)
  book.delivered('/a')
  book.connectionLost()
  book.delivered('/a')
  assert.equal(book.lampOf('1'), 'lost')
  assert.deepEqual(
    book.toRestore().map(({ id }) => id),
    ['1', '2'],
  )
  book.confirmed(one)
  // Somebody made another one of it meanwhile: that one begins anew.
  book.confirmed({ ...two, pattern: '/c' })
  book.delivered('/a')
  assert.deepEqual(counts(book), { 1: '2', 2: '0' })
  assert.equal(book.toRestore().length, 0)
  book.confirmed(one)
  assert.equal(book.get('1')?.received, 0, 'a new subscription counts from nothing')
})

test('removing one, and all', () => {
  const book = new SubscriptionBook()
  for (const id of ['1', '2', '3']) book.confirmed({ id, kind: 'is', pattern: '/a' })
  book.removed('2')
  assert.deepEqual([book.lampOf('1'), book.lampOf('2')], ['on', 'off'])
  book.removed('*')
  assert.deepEqual(book.all, [])
})
