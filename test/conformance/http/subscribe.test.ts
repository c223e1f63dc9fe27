// Proves what server-sent events bring: from every start, with ids to go on from, for readers that are slow, come back,
// or stay for long.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anonymous } from '../../../src/model/identity.ts'
import { parseTopicFilter } from '../../../src/model/topic-filter.ts'
import type { ErrorJson } from '../../../src/wire/http-api.ts'
import { cleanUp, type Scope } from '../../e2e/clean-up.ts'
import { EventReader } from './event-reader.ts'
import { node, type Scene, startScene } from './scene.ts'

async function open(
  t: Scope,
  scene: Scene,
  query: string,
  headers: Record<string, string> = {},
): Promise<EventReader> {
  const reader = await EventReader.open(`${scene.base}/v1/subscribe?${query}`, headers)
  cleanUp(t, () => reader.close())
  return reader
}

async function publish(scene: Scene, topic: string, ...texts: string[]): Promise<void> {
  for (const text of texts) await scene.ask('publish', { query: { topic }, body: text })
}

const publishLive = async (scene: Scene, topic: string, text: string) =>
  scene.ask('publish', { query: { topic, stored: false }, body: text })

test('what is stored comes first, then what follows, each with the place after it', async (t) => {
  const scene = await startScene(t)
  const { epoch } = scene.bus.status()
  await publish(scene, 'a/b', 'one', 'two')
  await publish(scene, 'c', 'other')
  const reader = await open(t, scene, 'filter=a/%23&start=earliest')
  assert.equal(reader.response.statusCode, 200)
  assert.equal(reader.response.headers['content-type'], 'text/event-stream')
  assert.equal(reader.response.headers['cache-control'], 'no-store')
  assert.equal((await reader.next())?.retry, '1000')
  const { event, message } = await reader.message()
  assert.equal(event.id, `${epoch}:1`)
  const { id, createdAtMs, ...rest } = message
  assert.match(id, /^[0-9a-f-]{36}$/)
  assert.equal(createdAtMs, scene.clock.now())
  const expected = { topic: 'a/b', origin: node, headId: 1, sequence: 1, headers: {}, text: 'one' }
  assert.deepEqual(rest, expected)
  assert.deepEqual(await reader.texts(1), ['two'])
  // Sequence 3 is no concern of this filter, and passed all the same.
  assert.equal((await reader.next())?.id, `${epoch}:3`)
  await publish(scene, 'a', 'three')
  const third = await reader.message()
  assert.deepEqual([third.message.text, third.event.id], ['three', `${epoch}:4`])
})

test('a reader that got nothing yet knows where it stands', async (t) => {
  const scene = await startScene(t)
  await publish(scene, 'a', 'before')
  const first = await open(t, scene, 'filter=a')
  await first.next()
  const told = await first.next()
  assert.deepEqual([told?.type, told?.data, told?.id], ['', '', first.lastEventId])
  first.close()
  await publish(scene, 'a', 'between')
  const second = await open(t, scene, 'filter=a', { 'last-event-id': first.lastEventId })
  assert.deepEqual(await second.texts(1), ['between'])
})

test('who comes back with the id of any event misses nothing and gets nothing twice', async (t) => {
  const scene = await startScene(t)
  const texts = Array.from({ length: 30 }, (_, i) => `${i}`)
  await publish(scene, 'a/b', ...texts.slice(0, 20))
  const ids: string[] = []
  const reader = await open(t, scene, 'start=earliest')
  for (const text of texts.slice(0, 20)) {
    const { event, message } = await reader.message()
    assert.equal(message.text, text)
    ids.push(event.id ?? '')
  }
  for (const text of texts.slice(20)) {
    await publish(scene, 'a/b', text)
    const { event } = await reader.message()
    ids.push(event.id ?? '')
  }
  for (const [i, id] of ids.entries()) {
    // The header wins over the place where it began.
    const again = await open(t, scene, 'start=earliest', { 'last-event-id': id })
    const rest = texts.slice(i + 1)
    assert.deepEqual(await again.texts(rest.length), rest)
    again.close()
    const asked = await open(t, scene, `after=${id}`)
    assert.deepEqual(await asked.texts(rest.length), rest)
    asked.close()
  }
})

test('what is not stored comes without an id, or not at all when it is not wanted', async (t) => {
  const scene = await startScene(t)
  const all = await open(t, scene, 'filter=a')
  const stored = await open(t, scene, 'filter=a&live=false')
  await Promise.all([all.next(), stored.next()])
  const [before] = [await all.next(), await stored.next()]
  await publishLive(scene, 'a', 'live')
  const { event, message } = await all.message()
  assert.deepEqual([event.id, message.headId, message.sequence], [undefined, 0, 0])
  assert.equal(all.lastEventId, before?.id)
  await publish(scene, 'a', 'stored')
  assert.deepEqual(await all.texts(1), ['stored'])
  assert.deepEqual(await stored.texts(1), ['stored'])
})

test('the newest of each topic come first, without ids, and then what follows', async (t) => {
  const scene = await startScene(t)
  const { epoch } = scene.bus.status()
  await publish(scene, 'a/1', 'old', 'new')
  await publish(scene, 'a/2', 'only')
  const reader = await open(t, scene, 'filter=a/%2B&start=last')
  for (const expected of ['new', 'only']) {
    const { event, message } = await reader.message()
    assert.deepEqual([message.text, event.id], [expected, undefined])
  }
  assert.equal((await reader.next())?.id, `${epoch}:3`)
  const again = await open(t, scene, 'filter=a/%2B&start=last', {
    'last-event-id': reader.lastEventId,
  })
  await publish(scene, 'a/1', 'next')
  assert.deepEqual(await reader.texts(1), ['next'])
  assert.deepEqual(await again.texts(1), ['next'])
})

test('filters are taken as they are typed and as forms write them', async (t) => {
  const scene = await startScene(t)
  await publish(scene, 'rooms/big one/temperature', 'x')
  for (const filter of [
    'rooms/+/temperature',
    'rooms/%2B/temperature',
    'rooms/big+one/temperature',
    'rooms/big%20one/%2B',
    'rooms/%23',
    '%23',
  ]) {
    const reader = await open(t, scene, `start=earliest&filter=${filter}`)
    assert.deepEqual(await reader.texts(1), ['x'], filter)
    reader.close()
  }
  const none = await open(t, scene, 'start=earliest&filter=rooms/+')
  await none.next()
  assert.equal((await none.next())?.type, '')
})

test('payloads that are no text come in base64, or all of them when it is asked for', async (t) => {
  const scene = await startScene(t)
  await publish(scene, 'a', 'text\n\ndata: x')
  await scene.ask('publish', { query: { topic: 'a' }, body: Buffer.from([0xff]) })
  await publish(scene, 'a', '')
  const auto = await open(t, scene, 'start=earliest')
  const shown = []
  for (let i = 0; i < 3; i++) {
    const { text, base64 } = (await auto.message()).message
    shown.push({ text, base64 })
  }
  assert.deepEqual(shown, [
    { text: 'text\n\ndata: x', base64: undefined },
    { text: undefined, base64: '/w==' },
    { text: '', base64: undefined },
  ])
  const base64 = await open(t, scene, 'start=earliest&encoding=base64')
  const { message } = await base64.message()
  assert.deepEqual([message.text, message.base64], [undefined, 'dGV4dAoKZGF0YTogeA=='])
})

test('only what one node published, when that is asked for', async (t) => {
  const scene = await startScene(t)
  const other = { tenantId: 'x', blName: 'y/z', deviceId: 'w' }
  await publish(scene, 'a', 'ours')
  const message = {
    topic: 'a',
    origin: other,
    id: 'theirs',
    headId: 1,
    payload: Buffer.from('theirs'),
    headers: new Map(),
    createdAtMs: 1,
    deleted: false,
  }
  await scene.bus.requireStore().replicate([message])
  const reader = await open(t, scene, 'start=earliest&origin=x/y%252Fz/w')
  const first = await reader.message()
  assert.deepEqual([first.message.text, first.message.origin], ['theirs', other])
})

test('a place of another store, beyond the end, or of no form is refused', async (t) => {
  const scene = await startScene(t)
  const { epoch } = scene.bus.status()
  const refused = { after: 'elsewhere:1', beyond: `${epoch}:1`, empty: 'x', long: `${epoch}:x` }
  const statuses = { after: 412, beyond: 412, empty: 400, long: 400 }
  for (const [name, status] of Object.entries(statuses)) {
    const after = refused[name as keyof typeof refused]
    const { json } = await scene.ask('subscribe', { query: { after }, status })
    assert.equal((json as { error: { reason: string } }).error.reason, 'bad_position')
    const byHeader = { headers: { 'last-event-id': after }, status }
    await scene.ask('subscribe', byHeader)
  }
})

test('a comment comes every 15 seconds', async (t) => {
  const scene = await startScene(t)
  const reader = await open(t, scene, 'filter=a')
  await reader.next()
  await reader.next()
  for (let i = 0; i < 3; i++) {
    scene.clock.advance(15_000)
    assert.equal((await reader.next())?.comment, '')
  }
})

test('a reader that stands still is given what it missed, and costs nothing meanwhile', async (t) => {
  const scene = await startScene(t)
  const slow = await open(t, scene, 'filter=a&start=earliest')
  const quick = await open(t, scene, 'filter=a&start=earliest')
  slow.response.pause()
  const count = 400
  const text = 'x'.repeat(50_000)
  for (let i = 0; i < count; i++) await publish(scene, 'a', `${i} ${text}`)
  const quickTexts = await quick.texts(count)
  const queued = scene.bus.clients().map(({ queuedBytes }) => queuedBytes)
  assert.ok(Math.max(...queued) < 2_000_000, `${Math.max(...queued)} bytes wait`)
  assert.ok(scene.bus.counters.subscriptionsLagged === 0)
  slow.response.resume()
  assert.deepEqual(await slow.texts(count), quickTexts)
  assert.ok(scene.bus.counters.subscriptionsLagged > 0)
  assert.deepEqual(
    quickTexts,
    Array.from({ length: count }, (_, i) => `${i} ${text}`),
  )
})

test('records that cannot be read are named', async (t) => {
  const scene = await startScene(t)
  await publish(scene, 'a', 'one')
  const store = scene.bus.requireStore()
  const readFeed = store.readFeed.bind(store)
  const damage = { topic: 'a', origin: node, fromHead: 1, toHead: 1 }
  store.readFeed = async (...args) => ({ ...(await readFeed(...args)), damaged: [damage] })
  const reader = await open(t, scene, 'start=earliest')
  await reader.next()
  const event = await reader.next()
  assert.equal(event?.type, 'damaged')
  assert.deepEqual(JSON.parse(event.data), damage)
})

test('leaving ends the subscription; a stopping daemon says so and ends the stream', async (t) => {
  const scene = await startScene(t)
  const reader = await open(t, scene, 'filter=a')
  const other = await open(t, scene, 'filter=a')
  await Promise.all([reader.next(), other.next()])
  assert.equal(scene.bus.status().subscriptions, 2)
  other.close()
  while (scene.bus.status().subscriptions > 1) await new Promise((resolve) => setImmediate(resolve))
  await reader.next()
  await scene.bus.shutdown()
  const end = await reader.next()
  assert.equal(end?.type, 'end')
  assert.equal(JSON.parse(end.data).error.reason, 'shutting_down')
  assert.equal(await reader.next(), undefined)
})

test('a browser that comes back while the daemon stops is made to come back again', async (t) => {
  const scene = await startScene(t)
  await scene.bus.shutdown()
  const { json } = await scene.ask('subscribe', { status: 503 })
  assert.equal((json as ErrorJson).error.reason, 'shutting_down')
  const url = `${scene.base}/v1/subscribe`
  await assert.rejects(EventReader.open(url, { accept: 'text/event-stream' }), /socket hang up/)
})

test('what is published in any way by any client is seen by all', async (t) => {
  const scene = await startScene(t, {
    topicRules: [{ filter: parseTopicFilter('never'), store: 'never' }],
  })
  const readers = await Promise.all([1, 2, 3].map(() => open(t, scene, '')))
  for (const reader of readers) await reader.next()
  for (const reader of readers) await reader.next()
  const client = scene.bus.connect(anonymous)
  const payload = Buffer.from('in process')
  await client.publish([{ topic: 'x', payload, headers: new Map([['k', 'v']]) }])
  const { json } = await scene.ask('publish', { query: { topic: 'never' }, body: 'routed' })
  assert.equal((json as { headId: number }).headId, 0)
  for (const reader of readers) {
    assert.deepEqual((await reader.message()).message.headers, { k: 'v' })
    assert.deepEqual(await reader.texts(1), ['routed'])
  }
})
