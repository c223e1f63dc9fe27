import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatRoute, parseRoute } from './route.ts'

test('a view has one address, whatever its topic is called', () => {
  for (const topic of ['a/b', 'a?b=c&d#e', '/', 'Größe +%25 😀', ' ']) {
    const href = formatRoute('topics', { topic, view: 'history' })
    assert.match(href, /^#\/topics\?[\x21-\x7e]+$/)
    assert.deepEqual(parseRoute(href), { page: 'topics', params: { topic, view: 'history' } })
  }
})

test('what is undefined is left out', () => {
  assert.equal(formatRoute('queues', { queue: undefined }), '#/queues')
})

test('an address that says nothing known leads to the overview', () => {
  for (const hash of ['', '#', '#/', '#/nowhere', '#main', '#/Topics']) {
    assert.equal(parseRoute(hash).page, 'overview', hash)
  }
})
