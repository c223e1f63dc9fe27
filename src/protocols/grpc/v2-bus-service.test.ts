/** `msgbus.v2.BusService` over real sockets, with a codec that is not ours. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { suite, test, type TestContext } from 'node:test'
import { status } from '@grpc/grpc-js'
import type { LogStore } from '../../core/log-store.ts'
import { BusError } from '../../model/errors.ts'
import { anonymous } from '../../model/identity.ts'
import { levelFilter } from '../../model/level-filter.ts'
import { noHeaders } from '../../model/message.ts'
import { parseTopicFilter } from '../../model/topic-filter.ts'
import { openMemoryLogStore } from '../../stores/memory/memory-log-store.ts'
import {
  type Plain,
  startTestDaemon,
  type TestClient,
  testNode,
  type TestDaemon,
  type TestDaemonOptions,
  type TestStream,
  until,
  withMethods,
} from './grpc-suite.ts'

const service = 'msgbus.v2.BusService'
const other = { tenantId: 'tenant', blName: 'default', deviceId: 'node-b' }

async function start(t: TestContext, options: TestDaemonOptions = {}) {
  const daemon = await startTestDaemon(options)
  t.after(async () => daemon.stop())
  return { daemon, client: daemon.connect(service) }
}

async function publish(daemon: TestDaemon, topic: string, count = 1, bytes = 1): Promise<void> {
  const client = daemon.bus.connect(anonymous)
  const message = { topic, payload: Buffer.alloc(bytes, 7), headers: noHeaders }
  await client.publish(Array.from({ length: count }, () => message))
  client.close()
}

const replica = (topic: string, headId: number) => ({
  topic,
  origin: other,
  id: `${topic}-${headId}`,
  headId,
  payload: Buffer.from('x'),
  headers: noHeaders,
  createdAtMs: 1,
  deleted: false,
})

/** Topic and head of each message, with what a response leaves out filled in again. */
function unfold(responses: readonly Plain[]): [topic: string, device: string, headId: number][] {
  return responses.flatMap(({ messages }) => {
    let topic = ''
    let origin: Plain
    return messages.map((message: Plain) => {
      topic = message.topic === '' ? topic : message.topic
      origin = message.origin ?? origin
      return [topic, origin.deviceId, message.headId]
    })
  })
}

/** Sends batches, half-closes, and returns all answers. */
const send = async (client: TestClient, batches: object[]) => {
  const call = client.duplex('PublishStream')
  const answers: Plain[] = []
  call.on('data', (answer) => answers.push(answer))
  for (const batch of batches) call.write(batch)
  call.end()
  await once(call, 'end')
  return answers
}

const subscribe = (client: TestClient, request: object) => client.stream('Subscribe', request)

suite('PublishStream', () => {
  test('answers every batch in order, every message in its place', async (t) => {
    const { daemon, client } = await start(t)
    const batches = Array.from({ length: 200 }, (_, i) => ({
      batchId: i + 1,
      messages: [{ topic: 'a', payload: Buffer.from([i]) }, { payload: Buffer.from([i]) }],
    }))
    const answers = await send(client, batches)
    assert.deepEqual(
      answers.map(({ batchId }) => batchId),
      batches.map(({ batchId }) => batchId),
    )
    const heads = answers.flatMap(({ results }) => results.map(({ headId }: Plain) => headId))
    assert.deepEqual(
      heads,
      Array.from({ length: 400 }, (_, i) => i + 1),
    )
    assert.equal(daemon.bus.counters.messagesPublished, 400)
    assert.match(answers[0].results[0].id, /^[0-9a-f-]{36}$/)
    assert.ok(answers[0].results[1].sequence > answers[0].results[0].sequence)
  })

  test('refuses a message alone, and stores a publish id once', async (t) => {
    const { client } = await start(t)
    const messages = [
      { topic: 'a', publishId: 'k' },
      { topic: '$msgbus.delete' },
      { topic: 'a', publishId: 'k' },
      { topic: '\0' },
    ]
    const [{ results }] = await send(client, [{ batchId: 1, messages }])
    assert.deepEqual(
      results.map(({ headId, duplicate, refusal }: Plain) => [headId, duplicate, refusal?.reason]),
      [
        [1, false, undefined],
        [0, false, 'reserved_topic'],
        [1, true, undefined],
        [0, false, 'name_contains_nul'],
      ],
    )
    assert.equal(results[1].refusal.code, status.PERMISSION_DENIED)
    assert.equal(results[3].refusal.message, 'topic contains NUL byte')
  })

  test('a message without any topic before it is refused', async (t) => {
    const { client } = await start(t)
    const [{ results }] = await send(client, [{ messages: [{ payload: Buffer.from('x') }] }])
    assert.equal(results[0].refusal.reason, 'name_empty')
  })

  test('a failing store refuses the batch and leaves the stream open', async (t) => {
    let isFailing = true
    const failure = new BusError('resource_exhausted', 'disk_full', 'no space is left')
    const { client } = await start(t, {
      open: async (options) => {
        const store = await openMemoryLogStore(options)
        const append: LogStore['append'] = async (items) => {
          if (isFailing) throw failure
          return store.append(items)
        }
        return withMethods(store, { append })
      },
    })
    const call = client.duplex('PublishStream')
    call.write({ batchId: 1, messages: [{ topic: 'a' }, {}] })
    const [first] = await once(call, 'data')
    assert.deepEqual(
      first.results.map(({ refusal }: Plain) => [refusal.code, refusal.reason]),
      [1, 2].map(() => [status.RESOURCE_EXHAUSTED, 'disk_full']),
    )
    isFailing = false
    call.write({ batchId: 2, messages: [{ topic: 'a' }] })
    const [second] = await once(call, 'data')
    assert.equal(second.results[0].headId, 1)
    call.end()
    await once(call, 'end')
  })

  test('reads no further while too much waits for the store', async (t) => {
    let waiting = 0
    let release: (() => void) | undefined
    const gate = new Promise<void>((resolve) => (release = resolve))
    const { client } = await start(t, {
      open: async (options) => {
        const store = await openMemoryLogStore(options)
        const append: LogStore['append'] = async (items) => {
          waiting += items.length
          await gate
          return store.append(items)
        }
        return withMethods(store, { append })
      },
    })
    const call = client.duplex('PublishStream')
    const total = 400
    let answered = 0
    call.on('data', () => (answered += 1))
    const payload = Buffer.alloc(65_536)
    for (let i = 0; i < total; i++) call.write({ batchId: i, messages: [{ topic: 'a', payload }] })
    // 4 MiB of 64 KiB each; then a turn of everything shows that no more comes.
    await until(() => waiting >= 64)
    const health = daemonHealth(client)
    await health
    assert.ok(waiting < 70, `${waiting} at the store`)
    release?.()
    call.end()
    await once(call, 'end')
    assert.equal(answered, total)
  })

  test('an empty batch is answered, one with too many messages ends the call', async (t) => {
    const { daemon, client } = await start(t)
    assert.deepEqual(await send(client, [{ batchId: 7 }]), [{ batchId: 7, results: [] }])
    const call = client.duplex('PublishStream')
    call.write({ batchId: 1, messages: Array.from({ length: 10_001 }, () => ({ topic: 'a' })) })
    const [error] = await once(call, 'error')
    assert.equal(error.code, status.RESOURCE_EXHAUSTED)
    assert.equal(daemon.bus.counters.messagesPublished, 0)
  })

  test('at shutdown what was accepted is answered, then the call is UNAVAILABLE', async (t) => {
    const { daemon, client } = await start(t)
    const call = client.duplex('PublishStream')
    call.write({ batchId: 1, messages: [{ topic: 'a' }] })
    const [answer] = await once(call, 'data')
    assert.equal(answer.results[0].headId, 1)
    const failed = once(call, 'error')
    await daemon.shutdown(5_000)
    const [error] = await failed
    assert.equal(error.code, status.UNAVAILABLE)
  })

  test('a client that goes away in the middle leaves nothing behind', async (t) => {
    const { daemon, client } = await start(t)
    const call = client.duplex('PublishStream')
    call.on('error', () => undefined)
    call.write({ batchId: 1, messages: [{ topic: 'a' }] })
    await once(call, 'data')
    call.cancel()
    await until(() => daemon.bus.counters.messagesPublished === 1)
    await daemon.shutdown(5_000)
  })
})

async function daemonHealth(client: { collect(method: string): Promise<Plain[]> }): Promise<void> {
  await client.collect('ListLogs')
}

/** What a subscription that is there already gets, as topic, payload and head. */
async function take(stream: TestStream, count: number): Promise<unknown[]> {
  const taken: unknown[] = []
  while (taken.length < count) {
    const response = await stream.next()
    for (const { topic, payload, headId } of response.messages) {
      taken.push([topic, payload.toString(), headId])
    }
  }
  return taken
}

suite('PublishStream, live', () => {
  const topicRules = [{ filter: parseTopicFilter('kept/#'), store: 'always' as const }]

  test('reaches subscribers at once, is not stored and not answered', async (t) => {
    const { daemon, client } = await start(t)
    const everything = subscribe(client, { filter: '#' })
    const stored = subscribe(client, { filter: '#', storedOnly: true })
    await everything.next()
    await stored.next()
    const batches = [
      { batchId: 1, live: true, messages: [{ topic: 'a', payload: Buffer.from('1') }] },
      { batchId: 2, messages: [{ topic: 'b', payload: Buffer.from('2') }] },
      {
        batchId: 3,
        live: true,
        realtime: true,
        messages: [{ topic: 'c' }, { headers: { k: 'v' } }],
      },
    ]
    const answers = await send(client, batches)
    assert.deepEqual(
      answers.map(({ batchId }) => batchId),
      [2],
    )
    const first = await everything.next()
    assert.deepEqual(
      first.messages.map(({ topic, headId }: Plain) => [topic, headId]),
      [['a', 0]],
    )
    const rest: Plain[] = []
    while (rest.length < 3) rest.push(...(await everything.next()).messages)
    assert.deepEqual(new Set(rest.map(({ headId }) => headId)), new Set([0, 1]))
    assert.ok(rest.some(({ headers }) => headers['k'] === 'v'))
    assert.deepEqual(await take(stored, 1), [['b', '2', 1]])
    const { logs } = (await client.collect('ListLogs'))[0]
    assert.deepEqual(
      logs.map(({ topic }: Plain) => topic),
      ['b'],
    )
    assert.equal(daemon.bus.lastValue('a')?.headId, 0)
  })

  test('a rule may store it all the same', async (t) => {
    const { client } = await start(t, { bus: { topicRules } })
    const everything = subscribe(client, { filter: 'kept/#' })
    await everything.next()
    const messages = [{ topic: 'kept/a', payload: Buffer.from('1') }]
    assert.deepEqual(await send(client, [{ live: true, messages }]), [])
    assert.deepEqual(await take(everything, 1), [['kept/a', '1', 1]])
  })

  test('comes from the client it names, and what is no topic ends the stream', async (t) => {
    const { daemon, client } = await start(t, { bus: { topicRules } })
    const joined = daemon.connect('msgbus.v2.ClientService').stream('Join', { name: 'me' })
    const outcome = async (batch: object): Promise<Plain> => {
      const call = client.duplex('PublishStream')
      const ended = once(call, 'end').catch((error: unknown) => [error])
      call.write(batch)
      call.end()
      call.resume()
      return (await ended)[0]
    }
    // The name is not held by the connection that publishes.
    await joined.next()
    const messages = [{ topic: 'kept/a' }]
    const foreign = await outcome({ live: true, from: 'me', messages })
    assert.equal(foreign.code, status.FAILED_PRECONDITION)
    for (const topic of ['', ' ', 'a\0', 'x'.repeat(1_025)]) {
      const refused = await outcome({ live: true, messages: [{ topic }] })
      assert.equal(refused.code, status.INVALID_ARGUMENT)
    }
    const reserved = await outcome({ live: true, messages: [{ topic: '$msgbus.delete' }] })
    assert.equal(reserved.code, status.PERMISSION_DENIED)
    assert.equal(await outcome({ live: true, messages }), undefined)
    joined.cancel()
  })

  test('waits while a receiver has no room', async (t) => {
    const { daemon, client } = await start(t)
    const received: number[] = []
    const receiver = daemon.bus.connect(anonymous, {
      protocol: 'test',
      inbox: {
        queuedBytes: 0,
        message: () => undefined,
        broadcast: () => undefined,
        publication: ({ bytes, start: at }) => {
          received.push(bytes[at] ?? -1)
          receiver.live.congested(true)
        },
        pause: () => undefined,
        resume: () => undefined,
        end: () => undefined,
      },
    })
    receiver.live.subscribe(levelFilter('mqtt', 'a'))
    const call = client.duplex('PublishStream')
    const ended = once(call, 'end')
    call.resume()
    for (let i = 0; i < 3; i++) {
      call.write({ live: true, messages: [{ topic: 'a', payload: Buffer.from([i]) }] })
    }
    call.end()
    for (let i = 0; i < 3; i++) {
      await until(() => received.length === i + 1)
      receiver.live.congested(false)
    }
    await ended
    assert.deepEqual(received, [0, 1, 2])
  })
})

suite('Subscribe', () => {
  test('every matching log of every origin, in commit order, then live', async (t) => {
    const { daemon, client } = await start(t)
    await publish(daemon, 'line/1', 2)
    await daemon.store.replicate([replica('line/2', 1)])
    await publish(daemon, 'else', 1)
    await publish(daemon, 'line/1', 1)
    const stream = subscribe(client, { filter: 'line/+', start: { earliest: {} } })
    const replayed = await stream.next()
    assert.deepEqual(unfold([replayed]), [
      ['line/1', 'node-a', 1],
      ['line/1', 'node-a', 2],
      ['line/2', 'node-b', 1],
      ['line/1', 'node-a', 3],
    ])
    assert.equal(replayed.caughtUp, true)
    const { messages, position } = replayed
    assert.deepEqual(
      messages.map(({ topic }: Plain) => topic),
      ['line/1', '', 'line/2', 'line/1'],
    )
    assert.equal(messages[1].origin, null)
    assert.deepEqual(messages[3].origin, testNode)
    assert.equal(position.epoch, daemon.store.epoch)
    await daemon.store.replicate([replica('line/2', 2)])
    assert.deepEqual(unfold([await stream.next()]), [['line/2', 'node-b', 2]])
    stream.cancel()
  })

  test('resumes after a position without gap or repeat', async (t) => {
    const { daemon, client } = await start(t)
    await publish(daemon, 'a', 5)
    const stream = subscribe(client, { filter: '#', start: { earliest: {} }, maxBatch: 2 })
    const first = await stream.next()
    assert.deepEqual(
      unfold([first]).map(([, , head]) => head),
      [1, 2],
    )
    stream.cancel()
    const resumed = subscribe(client, { filter: '#', start: { after: first.position } })
    assert.deepEqual(
      unfold([await resumed.next()]).map(([, , head]) => head),
      [3, 4, 5],
    )
    resumed.cancel()
    const elsewhere = { epoch: 'another', sequence: 1 }
    const refused = subscribe(client, { filter: '#', start: { after: elsewhere } })
    const error = await refused.status
    assert.equal(error?.code, status.FAILED_PRECONDITION)
    assert.deepEqual(error?.metadata.get('msgbus-reason'), ['bad_position'])
  })

  test('from now is the default; the first response says where that is', async (t) => {
    const { daemon, client } = await start(t)
    await publish(daemon, 'a', 3)
    const stream = subscribe(client, { filter: 'a' })
    const greeting = await stream.next()
    assert.deepEqual([greeting.messages, greeting.caughtUp], [[], true])
    assert.equal(greeting.position.sequence, daemon.store.lastSequence)
    await publish(daemon, 'a')
    assert.deepEqual(unfold([await stream.next()]), [['a', 'node-a', 4]])
    stream.cancel()
  })

  test('from the last message of each log', async (t) => {
    const { daemon, client } = await start(t)
    await publish(daemon, 'a', 3)
    await publish(daemon, 'b', 2)
    const stream = subscribe(client, { filter: '#', start: { last: {} } })
    assert.deepEqual(unfold([await stream.next()]), [
      ['a', 'node-a', 3],
      ['b', 'node-a', 2],
    ])
    stream.cancel()
  })

  test('from a head id, in one log', async (t) => {
    const { daemon, client } = await start(t)
    await publish(daemon, 'a', 5)
    const stream = subscribe(client, { filter: 'a', start: { headId: 4 } })
    assert.deepEqual(
      unfold([await stream.next()]).map(([, , head]) => head),
      [4, 5],
    )
    stream.cancel()
    const many = subscribe(client, { filter: 'a/+', start: { headId: 1 } })
    assert.equal((await many.status)?.code, status.INVALID_ARGUMENT)
  })

  test('one origin, heads only', async (t) => {
    const { daemon, client } = await start(t)
    await publish(daemon, 'a', 1)
    await daemon.store.replicate([replica('a', 1), replica('a', 2)])
    const request = { filter: 'a', origin: other, start: { earliest: {} }, headsOnly: true }
    const stream = subscribe(client, request)
    const response = await stream.next()
    assert.deepEqual(
      unfold([response]).map(([, device, head]) => [device, head]),
      [
        ['node-b', 1],
        ['node-b', 2],
      ],
    )
    assert.equal(response.messages[0].payload.length, 0)
    stream.cancel()
  })

  test('what a rule does not store comes with head id 0, unless it is not wanted', async (t) => {
    const never = { filter: 'never' as never, store: 'never' as const }
    const { daemon, client } = await start(t, { bus: { topicRules: [never] } })
    const all = subscribe(client, { filter: '#' })
    const stored = subscribe(client, { filter: '#', storedOnly: true })
    await Promise.all([all.next(), stored.next()])
    await publish(daemon, 'never')
    await publish(daemon, 'kept')
    assert.deepEqual(unfold(await all.take(2)), [
      ['never', 'node-a', 0],
      ['kept', 'node-a', 1],
    ])
    assert.deepEqual(unfold([await stored.next()]), [['kept', 'node-a', 1]])
    all.cancel()
    stored.cancel()
  })

  test('bad filters are refused', async (t) => {
    const { client } = await start(t)
    for (const filter of ['', 'a#', '+a']) {
      const error = await subscribe(client, { filter }).status
      assert.deepEqual(error?.metadata.get('msgbus-reason'), ['bad_filter'], filter)
    }
  })

  test('large messages are split over responses that every client accepts', async (t) => {
    const { daemon, client } = await start(t)
    await publish(daemon, 'a', 3, 4_193_900)
    await publish(daemon, 'a', 20, 100_000)
    const stream = subscribe(client, { filter: 'a', start: { earliest: {} } })
    const responses: Plain[] = []
    while (unfold(responses).length < 23) responses.push(await stream.next())
    const heads = unfold(responses).map(([, , head]) => head)
    assert.deepEqual(
      heads,
      Array.from({ length: 23 }, (_, i) => i + 1),
    )
    stream.cancel()
  })

  test('a reader that pauses falls back to the store and misses nothing', async (t) => {
    const { daemon, client } = await start(t)
    await publish(daemon, 'a')
    const stream = subscribe(client, { filter: 'a', start: { earliest: {} } })
    let seen = unfold([await stream.next()]).length
    const total = 20_000
    for (let i = 0; i < total; i += 1_000) await publish(daemon, 'a', 1_000, 100)
    assert.ok(daemon.bus.counters.messagesDelivered < total)
    while (seen <= total) {
      for (const [, , head] of unfold([await stream.next()])) assert.equal(head, (seen += 1))
    }
    assert.equal(seen, total + 1)
    assert.ok(daemon.bus.counters.subscriptionsLagged > 0)
    stream.cancel()
  })

  test('damaged records are named and passed over', async (t) => {
    const damaged = { topic: 'a', origin: testNode, fromHead: 2, toHead: 3 }
    const { daemon, client } = await start(t, {
      open: async (options) => {
        const store = await openMemoryLogStore(options)
        const readFeed: LogStore['readFeed'] = async (after, wants, limit) => {
          const page = await store.readFeed(after, wants, limit)
          const messages = page.messages.filter(({ headId }) => headId !== 2 && headId !== 3)
          return { ...page, messages, damaged: [damaged] }
        }
        return withMethods(store, { readFeed })
      },
    })
    await publish(daemon, 'a', 4)
    const stream = subscribe(client, { filter: 'a', start: { earliest: {} } })
    const response = await stream.next()
    assert.deepEqual(
      unfold([response]).map(([, , head]) => head),
      [1, 4],
    )
    assert.deepEqual(response.damaged, [
      { topic: 'a', origin: testNode, fromHeadId: 2, toHeadId: 3 },
    ])
    stream.cancel()
  })
})

suite('ListLogs', () => {
  test('all or those that match, in order, over several responses', async (t) => {
    const { daemon, client } = await start(t)
    const bus = daemon.bus.connect(anonymous)
    const payload = Buffer.from('abc')
    const topics = Array.from({ length: 1_200 }, (_, i) => `t/${String(i).padStart(4, '0')}`)
    await bus.publish(topics.map((topic) => ({ topic, payload, headers: noHeaders })))
    await daemon.store.replicate([replica('t/0000', 1), replica('x', 1)])
    const responses = await client.collect('ListLogs')
    assert.ok(responses.length > 1)
    const logs = responses.flatMap((response) => response.logs)
    assert.equal(logs.length, 1_202)
    assert.deepEqual(
      logs.slice(0, 3).map(({ topic, origin }: Plain) => [topic, origin.deviceId]),
      [
        ['t/0000', 'node-a'],
        ['t/0000', 'node-b'],
        ['t/0001', 'node-a'],
      ],
    )
    assert.equal(logs[0].headId, 1)
    assert.ok(logs[0].storedBytes >= 3)
    const [{ logs: matching }] = await client.collect('ListLogs', { filter: '+' })
    assert.deepEqual(
      matching.map(({ topic }: Plain) => topic),
      ['x'],
    )
    assert.deepEqual(await client.collect('ListLogs', { filter: 'nothing' }), [])
  })
})
