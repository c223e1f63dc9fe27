import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TopicLevelJson } from '../../../src/wire/http-api.ts'
import { TopicLoader } from './topic-loader.ts'

/** 450 topics at the first level, three below each of them. */
function ask(
  query: Readonly<Record<string, string | number | undefined>>,
): Promise<TopicLevelJson> {
  const { under, after, limit = 200 } = query
  const names =
    under === undefined
      ? Array.from({ length: 450 }, (_, i) => `t${String(i).padStart(3, '0')}`)
      : ['x', 'y', 'z']
  const start = after === undefined ? 0 : names.indexOf(String(after)) + 1
  const page = names.slice(start, start + Number(limit))
  return Promise.resolve({
    under: String(under ?? ''),
    entries: page.map((level) => ({
      level,
      path: under === undefined ? level : `${under}/${level}`,
      topicsBelow: under === undefined ? 3 : 0,
      publications: 0,
    })),
    more: start + page.length < names.length,
  })
}

test('loads page by page, and again as much as was known', async () => {
  const asked: unknown[] = []
  const loader = new TopicLoader((query) => {
    asked.push([query['under'], query['after'], query['limit']])
    return ask(query)
  })
  await loader.start()
  assert.equal(loader.rows.value.length, 201)
  assert.equal(loader.rows.value.at(-1)?.kind, 'more')
  await loader.more(undefined)
  await loader.more(undefined)
  assert.equal(loader.rows.value.length, 450)
  await loader.refresh(loader.rows.value.slice(0, 10))
  assert.equal(loader.rows.value.length, 450)
  assert.deepEqual(asked, [
    [undefined, undefined, 200],
    [undefined, 't199', 200],
    [undefined, 't399', 200],
    [undefined, undefined, 450],
  ])
})

test('a level that cannot be loaded says so and is tried again', async () => {
  let isDown = true
  const loader = new TopicLoader((query) =>
    isDown ? Promise.reject(new Error('nobody there')) : ask(query),
  )
  await loader.start()
  const [row] = loader.rows.value
  assert.ok(row !== undefined && row.kind === 'failed' && row.error === 'nobody there')
  isDown = false
  await loader.more(row.under)
  assert.equal(loader.rows.value.length, 201)
})
