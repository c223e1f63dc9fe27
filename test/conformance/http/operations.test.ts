// Proves what operations do: payloads, headers and CloudEvents as they are stored, calls, direct messages, the tree of
// topics.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { test } from 'node:test'
import { CallError } from '../../../src/model/call-error.ts'
import { BusError } from '../../../src/model/errors.ts'
import { anonymous } from '../../../src/model/identity.ts'
import type {
  ErrorJson,
  FetchJson,
  MessageJson,
  ReceiptJson,
  ReceiptsJson,
  TopicLevelJson,
} from '../../../src/wire/http-api.ts'
import { type Scene, startScene } from './scene.ts'

async function stored(scene: Scene, topic: string): Promise<readonly MessageJson[]> {
  const { json } = await scene.ask('fetch', { query: { topic } })
  return (json as FetchJson).messages
}

const reasonOf = (json: unknown) => (json as ErrorJson).error.reason

test('a payload is stored as it is, with the headers of its message', async (t) => {
  const scene = await startScene(t)
  const body = Buffer.from([0, 255, 10, 13])
  const headers = {
    'content-type': 'image/x-thing',
    'msgbus-header-room': 'k%C3%BCche',
    'x-other': 'not kept',
  }
  const { json } = await scene.ask('publish', { query: { topic: 'a b/+' }, body, headers })
  const [message] = await stored(scene, 'a b/+')
  const { createdAtMs } = message ?? {}
  assert.deepEqual(message, {
    topic: 'a b/+',
    origin: { tenantId: 'tenant', blName: 'default', deviceId: 'node-a' },
    id: (json as ReceiptJson).id,
    headId: 1,
    sequence: 1,
    createdAtMs,
    headers: { 'content-type': 'image/x-thing', room: 'küche' },
    base64: body.toString('base64'),
  })
})

test('a repeat with the same publish id stores nothing', async (t) => {
  const scene = await startScene(t)
  const question = { query: { topic: 'a', publishId: 'x' }, body: '1' }
  const { json: first } = await scene.ask('publish', question)
  const { json: second } = await scene.ask('publish', question)
  assert.deepEqual(second, { ...(first as ReceiptJson), duplicate: true })
  assert.equal((await stored(scene, 'a')).length, 1)
})

test('an event goes to the topic that is asked for, or to that of its type', async (t) => {
  const scene = await startScene(t)
  const event = { specversion: '1.0', id: '1', source: '/s', type: 'com.example.x', data: 'd' }
  const type = 'application/cloudevents+json'
  const body = JSON.stringify(event)
  await scene.ask('publish', { body, headers: { 'content-type': type } })
  await scene.ask('publish', { query: { topic: 't' }, body, headers: { 'content-type': type } })
  const attributes = {
    'ce-specversion': '1.0',
    'ce-id': '2',
    'ce-source': '/s',
    'ce-type': 'com.example.x',
  }
  const binary = { ...attributes, 'content-type': 'text/plain', 'msgbus-header-more': 'yes' }
  await scene.ask('publish', { body: 'd', headers: binary })
  const [structured, plain] = await stored(scene, 'com.example.x')
  assert.deepEqual(structured?.headers, {
    ...attributes,
    'ce-id': '1',
    'content-type': 'application/json',
  })
  assert.equal(structured?.text, '"d"')
  assert.deepEqual(plain?.headers, { ...attributes, 'content-type': 'text/plain', more: 'yes' })
  assert.equal(plain?.text, 'd')
  assert.equal((await stored(scene, 't')).length, 1)
})

function itemOf(id: string, extra = {}) {
  return { specversion: '1.0', id, source: '/s', type: 'a', ...extra }
}

test('of a batch each event has its own outcome', async (t) => {
  const scene = await startScene(t)
  const type = { 'content-type': 'application/cloudevents-batch+json' }
  const batch = [itemOf('1'), itemOf('2', { type: '$msgbus.delete' }), itemOf('3')]
  const question = { query: { publishId: 'k' }, body: JSON.stringify(batch), headers: type }
  for (const duplicate of [false, true]) {
    const { results } = (await scene.ask('publish', question)).json as ReceiptsJson
    const shown = results.map((one) => ('error' in one ? one.error.reason : one.duplicate))
    assert.deepEqual(shown, [duplicate, 'reserved_topic', duplicate])
  }
  assert.deepEqual(
    (await stored(scene, 'a')).map(({ headers }) => headers['ce-id']),
    ['1', '3'],
  )
  const live = { ...question, query: { stored: false } }
  const { results } = (await scene.ask('publish', live)).json as ReceiptsJson
  assert.deepEqual(
    results.map((one) => ('error' in one ? one.error.reason : one.headId)),
    [0, 'reserved_topic', 0],
  )
  const none = { body: '[]', headers: type }
  assert.deepEqual((await scene.ask('publish', none)).json, { results: [] })
  const bad = { body: JSON.stringify([itemOf('1'), { id: 'x' }]), headers: type, status: 400 }
  assert.equal(reasonOf((await scene.ask('publish', bad)).json), 'undecodable')
  assert.equal((await stored(scene, 'a')).length, 2)
})

test('a call passes payload and headers both ways; the error of a callee keeps its name', async (t) => {
  const scene = await startScene(t)
  const callee = scene.bus.connect(anonymous)
  callee.calls.register('echo', async ({ payload, headers }) => ({ payload, headers }))
  callee.calls.register('fail', async () => {
    throw new CallError('com.example.broken', { message: 'it broke', payload: Buffer.from('why') })
  })
  callee.calls.register('busy', async () => {
    throw new BusError('resource_exhausted', 'quota_exceeded', 'busy')
  })
  const echo = await scene.ask('call', {
    query: { procedure: 'echo' },
    body: Buffer.from([1, 2]),
    headers: { 'content-type': 'a/b', 'msgbus-header-%C3%9C': '%E2%82%AC' },
  })
  assert.deepEqual([...echo.bytes], [1, 2])
  assert.equal(echo.headers.get('content-type'), 'a/b')
  assert.equal(echo.headers.get('msgbus-header-%C3%9C'), '%E2%82%AC')
  const fail = await scene.ask('call', { query: { procedure: 'fail' }, body: '', status: 422 })
  assert.deepEqual(fail.json, {
    error: {
      code: 'unknown',
      reason: 'application_error',
      message: 'it broke',
      name: 'com.example.broken',
      details: { text: 'why' },
    },
  })
  await scene.ask('call', { query: { procedure: 'busy' }, body: '', status: 429 })
})

test('a call ends when nobody waits for it any more, and when its time is over', async (t) => {
  const scene = await startScene(t)
  const callee = scene.bus.connect(anonymous)
  let called: ((signal: AbortSignal) => void) | undefined
  callee.calls.register('wait', ({ signal }) => {
    called?.(signal)
    return new Promise(() => undefined)
  })
  const abort = new AbortController()
  const invoked = new Promise<AbortSignal>((resolve) => (called = resolve))
  const url = `${scene.base}/v1/call?procedure=wait`
  fetch(url, { method: 'POST', signal: abort.signal }).catch(() => undefined)
  const signal = await invoked
  abort.abort()
  if (!signal.aborted) await once(signal, 'abort')
  const again = new Promise<AbortSignal>((resolve) => (called = resolve))
  const timedOut = scene.ask('call', { query: { procedure: 'wait', timeoutMs: 5 }, status: 504 })
  await again
  scene.clock.advance(200)
  assert.equal(reasonOf((await timedOut).json), 'timed_out')
})

test('a client is named in listings by its connection, and is gone with it', async (t) => {
  const scene = await startScene(t)
  const headers = { connection: 'keep-alive' }
  const socket = httpRequest(`${scene.base}/v1/heads`, { agent: false, headers }).end()
  await once(socket, 'response')
  const http = scene.bus.clients().filter(({ protocol }) => protocol === 'http')
  assert.equal(http.length, 1)
  assert.equal(http[0]?.transport, 'tcp')
  assert.match(http[0]?.source ?? '', /^127\.0\.0\.1:\d+$/)
  assert.equal(http[0]?.listener, scene.base.slice('http://'.length))
  socket.destroy()
  while (scene.bus.clients().length > 0) await new Promise((resolve) => setImmediate(resolve))
})

test('who may send waits while a receiver has no room', async (t) => {
  const scene = await startScene(t)
  const received: string[] = []
  const receiver = scene.bus.connect(anonymous, {
    protocol: 'test',
    name: 'slow',
    inbox: {
      message: (_sender, bytes, start, end) => {
        received.push(Buffer.from(bytes.subarray(start, end)).toString())
        receiver.live.congested(true)
      },
      broadcast: () => undefined,
      publication: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
      queuedBytes: 0,
      end: () => undefined,
    },
  })
  const query = { client: 'slow' }
  await scene.ask('send', { query, body: '1' })
  // Over whichever connections they go.
  const more = ['2', '3', '4'].map((body) => scene.ask('send', { query, body }))
  // Others are not concerned, and show that these had their chance.
  for (let i = 0; i < 5; i++) await scene.ask('heads')
  assert.deepEqual(received, ['1'])
  for (let count = 2; count <= 4; count++) {
    receiver.live.congested(false)
    await Promise.race(more)
    for (let i = 0; i < 5; i++) await scene.ask('heads')
    assert.equal(received.length, count)
  }
  await Promise.all(more)
  assert.deepEqual(received.toSorted(), ['1', '2', '3', '4'])
})

test('topics level by level', async (t) => {
  const scene = await startScene(t)
  for (const topic of ['a', 'a/b', 'a/b/c', 'a/d', 'e/f', '/g', 'h//i']) {
    await scene.ask('publish', { query: { topic }, body: topic })
  }
  await scene.ask('publish', { query: { topic: 'a/live', stored: false }, body: 'x' })
  await scene.ask('publish', { query: { topic: 'a' }, body: 'again' })
  const level = async (query: Record<string, string | number> = {}) => {
    const { entries, more } = (await scene.ask('topics', { query })).json as TopicLevelJson
    const shown = entries.map(({ path, topicsBelow, publications, topic }) => {
      return [path, topicsBelow, publications, topic?.last?.text]
    })
    return more ? [...shown, 'more'] : shown
  }
  assert.deepEqual(await level(), [
    ['', 1, 1, undefined],
    ['a', 4, 6, 'again'],
    ['e', 1, 1, undefined],
    ['h', 1, 1, undefined],
  ])
  assert.deepEqual(await level({ limit: 1 }), [['', 1, 1, undefined], 'more'])
  assert.deepEqual(await level({ after: 'a', limit: 1 }), [['e', 1, 1, undefined], 'more'])
  assert.deepEqual(await level({ under: 'a' }), [
    ['a/b', 1, 2, 'a/b'],
    ['a/d', 0, 1, 'a/d'],
    ['a/live', 0, 1, 'x'],
  ])
  assert.deepEqual(await level({ under: '' }), [['/g', 0, 1, '/g']])
  assert.deepEqual(await level({ under: 'h' }), [['h/', 1, 1, undefined]])
  assert.deepEqual(await level({ under: 'nobody' }), [])
})
