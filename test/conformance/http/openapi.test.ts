// Proves that the OpenAPI document tells the truth: every operation is asked, what is answered is held against the
// document, every parameter that is described is taken, and nothing else is.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { BusCounters } from '../../../src/core/counters.ts'
import { anonymous } from '../../../src/model/identity.ts'
import { noHeaders } from '../../../src/model/message.ts'
import { parseTopicFilter } from '../../../src/model/topic-filter.ts'
import { operations } from '../../../src/protocols/http/api/operations.ts'
import { openApiText } from '../../../src/protocols/http/openapi.ts'
import { packageRoot } from '../../package-root.ts'
import { type Question, startScene } from './scene.ts'

test('docs/reference/openapi.json is what the daemon serves', () => {
  const file = 'docs/reference/openapi.json'
  const advice = `run: curl -s http://127.0.0.1:8711/v1/openapi.json > ${file}`
  assert.equal(readFileSync(join(packageRoot, file), 'utf8'), openApiText(), advice)
})

test('every operation answers as the document says, and takes every parameter in it', async (t) => {
  const scene = await startScene(t, {
    topicRules: [
      {
        filter: parseTopicFilter('ruled/#'),
        store: 'always',
        last: true,
        maxPayloadBytes: 10,
        slowReader: 'drop-oldest',
        retention: { maxAgeMs: Infinity, maxMessages: 5 },
      },
    ],
    describe: () => ({
      storage: 'memory',
      dataFolder: '/nowhere',
      startedAtMs: 1,
      listeners: [{ protocol: 'http', address: '127.0.0.1:1', tls: false }],
      clients: 2,
      counters: new BusCounters(),
      topicRules: [
        { filter: parseTopicFilter('a/#'), retention: { maxAgeMs: Infinity, maxMessages: 5 } },
        { filter: parseTopicFilter('b'), store: 'never', last: true, slowReader: 'drop-newest' },
      ],
      history: { maxAgeMs: Infinity, maxBytes: 1000 },
      peers: ['http://peer.example:50051'],
    }),
  })
  const taken = new Map<string, Set<string>>()
  const ask = (id: string, question: Question = {}) => {
    const names = taken.get(id) ?? new Set()
    for (const name of Object.keys(question.query ?? {})) names.add(name)
    taken.set(id, names)
    return scene.ask(id, question)
  }
  const callee = scene.bus.connect(anonymous, {
    protocol: 'test',
    name: 'callee',
    inbox: {
      message: () => undefined,
      broadcast: () => undefined,
      publication: () => undefined,
      pause: () => undefined,
      resume: () => undefined,
      queuedBytes: 0,
      end: () => undefined,
    },
  })
  callee.calls.register('echo', async ({ payload }) => ({ payload, headers: noHeaders }))

  await ask('publish', { query: { topic: 'a/b', publishId: 'one' }, body: 'text' })
  await ask('publish', { query: { topic: 'a/b' }, body: Buffer.from([0xff, 0x00]) })
  await ask('publish', { query: { topic: 'a/c', stored: false }, body: 'live' })
  await ask('publish', {
    body: JSON.stringify([
      { specversion: '1.0', id: '1', source: '/s', type: 'x', data: 1 },
      { specversion: '1.0', id: '2', source: '/s', type: ' ', data: 1 },
    ]),
    headers: { 'content-type': 'application/cloudevents-batch+json' },
  })
  await ask('publish', { query: { topic: '' }, body: 'text', status: 400 })
  await ask('publish', { query: { topic: '$msgbus.delete' }, body: '', status: 403 })

  const origin = 'tenant/default/node-a'
  await ask('fetch', { query: { topic: 'a/b', origin, from: 1, limit: 10 } })
  await ask('fetch', { query: { topic: 'a/b', origin: 'x/y' }, status: 400 })
  await ask('heads', { query: { filter: '#', after: 'a', limit: 1 } })
  await ask('heads', { query: { filter: 'a/#/b' }, status: 400 })
  await ask('deleteMessages', { query: { topic: 'a/b', from: 1, to: 1 } })
  await ask('deleteMessages', { query: { topic: 'a/b', from: 2, to: 1 }, status: 400 })
  await ask('fetch', { query: { topic: 'a/b' } })
  await ask('last', { query: { filter: 'a/#', limit: 1 } })
  await ask('topics', { query: { under: 'a', after: 'a', limit: 1 } })
  await ask('topics', { query: { contains: 'A' } })
  await ask('topics')
  await ask('topic', { query: { topic: 'a/b' } })
  await ask('topic', { query: { topic: 'nobody' } })
  await ask('topic', { status: 400 })

  await ask('enqueue', { query: { queue: 'q', topic: 't', target: 'x/y/z' }, body: 'work' })
  const front = await ask('queueFront', { query: { queue: 'q' } })
  const { id } = (front.json as { message: { id: string } }).message
  await ask('queues')
  await ask('reject', { query: { queue: 'q', id } })
  await ask('acknowledge', { query: { queue: 'q', id } })
  await ask('acknowledge', { query: { queue: 'q', id: '' }, status: 400 })
  await ask('queueFront', { query: { queue: 'q' } })
  await ask('queues')
  await ask('purgeQueue', { query: { queue: 'q' } })

  await ask('clients', { query: { mask: '*', after: 0, limit: 1 } })
  await ask('clients')
  await ask('send', { query: { client: 'callee' }, body: 'x' })
  await ask('send', { query: { client: 'nobody' }, body: 'x', status: 404 })
  await ask('broadcast', { query: { mask: '*' }, body: 'x' })
  await ask('call', { query: { procedure: 'echo', timeoutMs: 1000 }, body: 'x' })
  await ask('call', { query: { procedure: 'nobody' }, body: 'x', status: 404 })
  await ask('status')
  await ask('peers')
  await ask('rules')
  await ask('health')
  await ask('readiness')
  await ask('metrics')
  await ask('session')
  const login = { user: 'anybody', password: 'anything' }
  const asJson = { 'content-type': 'application/json' }
  await ask('login', { body: JSON.stringify(login), headers: asJson })
  await ask('login', { body: '{}', headers: asJson, status: 400 })
  await ask('logout')

  const epoch = scene.bus.status().epoch
  const query = {
    filter: '#',
    origin,
    start: 'earliest',
    after: `${epoch}:0`,
    live: false,
    encoding: 'base64',
  }
  taken.set('subscribe', new Set(Object.keys(query)))
  const abort = new AbortController()
  const params = Object.entries(query).map(([name, value]) => [name, String(value)])
  const url = `${scene.base}/v1/subscribe?${new URLSearchParams(Object.fromEntries(params)).toString()}`
  const stream = await fetch(url, { signal: abort.signal })
  const { status, headers } = stream
  scene.check('subscribe', { status, headers, bytes: Buffer.alloc(0), json: undefined })
  abort.abort()
  await ask('subscribe', { query: { after: 'other:1' }, status: 412 })

  assert.deepEqual([...scene.asked].sort(), [...scene.operations.keys()].sort())
  for (const [operationId, { parameters }] of scene.operations) {
    const named = parameters.filter((parameter) => parameter.in === 'query')
    const all = new Set(named.map(({ name }) => name))
    assert.deepEqual(taken.get(operationId) ?? new Set(), all, operationId)
  }
})

test('every operation is in the document with its route, and refuses what it does not know', async (t) => {
  const scene = await startScene(t)
  const beside = ['health', 'readiness', 'metrics', 'session', 'login', 'logout']
  const routes = operations.map(({ method, path }) => `${method} ${path}`)
  const described = [...scene.operations]
    .filter(([id]) => !beside.includes(id))
    .map(([, { method, path }]) => `${method} ${path}`)
  assert.deepEqual(described.sort(), routes.sort())
  for (const { id } of operations) {
    const { json } = await scene.ask(id, { query: { unknown: 1 }, status: 400 })
    const { message, reason } = (json as { error: { message: string; reason: string } }).error
    assert.equal(reason, 'bad_argument')
    assert.match(message, /there is no parameter "unknown"/, id)
  }
})

test('a daemon that is not ready says so, and answers what it can', async (t) => {
  const scene = await startScene(t, { isStarting: true })
  const waiting: Readonly<Record<string, Question>> = {
    publish: { query: { topic: 't' } },
    subscribe: {},
    fetch: { query: { topic: 't' } },
    heads: {},
    last: {},
    deleteMessages: { query: { topic: 't', from: 1, to: 1 } },
    queues: {},
    enqueue: { query: { queue: 'q' } },
    queueFront: { query: { queue: 'q' } },
    peers: {},
    readiness: {},
  }
  for (const [id, question] of Object.entries(waiting)) {
    const { json } = await scene.ask(id, { ...question, status: 503 })
    if (id === 'readiness') continue
    const { reason } = (json as { error: { reason: string } }).error
    assert.equal(reason, 'starting', id)
  }
  for (const id of ['status', 'clients', 'topics', 'rules', 'health']) await scene.ask(id)
})
