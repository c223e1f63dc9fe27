/** What `.broker` answers, method by method. */

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { decode, encode } from '@msgpack/msgpack'

import { type LiveTestBus, openLiveBus, type TestClient, textOf } from '../../core/live-suite.ts'
import { encodeRequest } from '../../wire/busrt/rpc.ts'
import { BrokerClient } from './broker-client.ts'
import { brokerMethods } from './broker-methods.ts'
import { RpcFailure } from './daemon-inbox.ts'
import { frameOf, TestSession } from './session-suite.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

interface Asking {
  (method: string, params?: unknown): Promise<unknown>
}

async function open(options: Parameters<typeof openLiveBus>[0] = {}) {
  const all = await openLiveBus(options)
  const { bus, clock } = all
  const methods = brokerMethods({ bus, clock, version: '1.2.3', startedAt: clock.monotonic() })
  /** Asks as this client; `Uint8Array` parameters go as they are. */
  const askerOf =
    (client: TestClient): Asking =>
    async (method, params = new Uint8Array(0)) => {
      const bytes = params instanceof Uint8Array ? params : encode(params)
      const answer = methods.get(method)
      assert.ok(answer !== undefined, method)
      return decode(await answer(bytes, client.live))
    }
  return { ...all, askerOf }
}

/** The code, and the text when there has to be one. */
const failsWith = (code: number, text?: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RpcFailure, String(error))
  assert.equal(error.code, code)
  assert.match(error.message, text ?? /^$/)
  return true
}

describe('what the reference answers', () => {
  test('test, info and stats take no parameters', async () => {
    const { clock, join, askerOf } = await open()
    const client = join('a')
    const ask = askerOf(client)
    assert.deepEqual(await ask('test'), { ok: true })
    assert.deepEqual(await ask('info'), { author: 'msgbus', version: '1.2.3' })
    client.live.receivedFrames = 3
    client.live.sentBytes = 5_000_000_000
    clock.advance(61_999)
    const stats = { uptime: 61, r_frames: 3, r_bytes: 0, w_frames: 0, w_bytes: 5_000_000_000 }
    assert.deepEqual(await ask('stats'), stats)
    for (const method of ['test', 'info', 'stats']) {
      await assert.rejects(ask(method, {}), failsWith(-32_602), method)
    }
  })

  test('client.list: primaries of all protocols, ten keys, by the bytes of their names', async () => {
    const { bus, clock, join, askerOf } = await open()
    const broker = new BrokerClient({ bus, clock, version: '1' })
    const tcp = { transport: 'tcp', source: '10.0.0.1:7', listener: '0.0.0.0:9' }
    const ask = askerOf(join('b', tcp))
    for (const name of ['ä', 'Z', 'a', 'a%%1', 'a%%2', '🚌', '\uffff']) {
      join(name, { transport: 'local_ipc', listener: 'unix:/run/x.sock' })
    }
    join()
    join('grpc', { transport: 'http2' })
    const { clients } = (await ask('client.list')) as { clients: Record<string, unknown>[] }
    assert.deepEqual(
      clients.map(({ name }) => name),
      ['.broker', 'Z', 'a', 'b', 'grpc', 'ä', '\uffff', '🚌'],
    )
    const keys = ['name', 'kind', 'source', 'port', 'r_frames', 'r_bytes', 'w_frames', 'w_bytes']
    assert.deepEqual(Object.keys(clients[0] ?? {}), [...keys, 'queue', 'instances'])
    const byName = new Map(clients.map((client) => [client['name'], client]))
    assert.equal(byName.get('a')?.['instances'], 3)
    assert.equal(byName.get('grpc')?.['kind'], 'internal')
    const { kind, source, port } = byName.get('b') ?? {}
    assert.deepEqual([kind, source, port], ['tcp', '10.0.0.1:7', '0.0.0.0:9'])
    assert.deepEqual(
      [byName.get('a')?.['source'], byName.get('a')?.['port']],
      [null, '/run/x.sock'],
    )
    const own = byName.get('.broker')
    assert.deepEqual([own?.['kind'], own?.['source'], own?.['port']], ['internal', null, null])
    broker.close()
  })

  test('client.list: a filter in every form that the reference takes', async () => {
    const { join, askerOf } = await open()
    const ask = askerOf(join('aaa'))
    join('bbb')
    join('abc')
    const namesOf = async (params: unknown) => {
      const { clients } = (await ask('client.list', params)) as { clients: { name: string }[] }
      return clients.map(({ name }) => name).join(' ')
    }
    const cases: [params: unknown, names: string][] = [
      [{}, 'aaa abc bbb'],
      [{ filter: null }, 'aaa abc bbb'],
      [[null], 'aaa abc bbb'],
      [{ other: 1 }, 'aaa abc bbb'],
      [{ filter: 'b' }, 'abc bbb'],
      [{ filter: '^a' }, 'aaa abc'],
      [['^bbb$'], 'bbb'],
      [{ filter: '', other: [] }, 'aaa abc bbb'],
      [{ filter: '(?i)ABC|z' }, 'abc'],
    ]
    for (const [params, names] of cases) assert.equal(await namesOf(params), names)
    const bad: unknown[] = [null, 5, 'x', true, [], ['a', 'b'], { filter: 5 }, { filter: '(' }]
    bad.push([5], { filter: '(?=a)' }, { filter: 'x'.repeat(2_000) }, Buffer.from([0xc1]))
    bad.push(
      Buffer.from([0x81]),
      Buffer.concat([encode({}), encode({})]),
      Buffer.alloc(70_000, 0xc0),
    )
    for (const params of bad) {
      await assert.rejects(ask('client.list', params), failsWith(-32_700, /./), String(params))
    }
  })

  test('client.list: no expression takes long', async () => {
    const { join, askerOf } = await open()
    const ask = askerOf(join(`${'a'.repeat(30_000)}!`))
    const { clients } = (await ask('client.list', { filter: '(a+)+$' })) as { clients: unknown[] }
    assert.equal(clients.length, 0)
  })
})

async function withLogs() {
  const all = await open()
  const client = all.join('a')
  await client.store('t/1', 'one', 'two', 'three')
  await client.store('t/2', 'x')
  await client.store('u', 'y')
  return { ...all, client, ask: all.askerOf(client) }
}

describe('stored topics', () => {
  test('log.list tells each, all or those a filter matches', async () => {
    const { ask } = await withLogs()
    const topicsOf = async (params?: unknown) => {
      const { logs } = (await ask('log.list', params)) as { logs: { topic: string }[] }
      return logs.map(({ topic }) => topic)
    }
    assert.deepEqual(await topicsOf(), ['t/1', 't/2', 'u'])
    assert.deepEqual(await topicsOf({ filter: null }), ['t/1', 't/2', 'u'])
    assert.deepEqual(await topicsOf({ filter: 't/#' }), ['t/1', 't/2'])
    assert.deepEqual(await topicsOf({ filter: 't' }), [])
    const { logs } = (await ask('log.list', { filter: 't/1' })) as { logs: unknown[] }
    const origin = ['tenant', 'default', 'device']
    assert.deepEqual(logs, [
      { topic: 't/1', origin, head: 3, trimmed_to: 0, bytes: 14 + 3 * 17 - 3 },
    ])
  })

  test('log.head and log.fetch, from anywhere, as much as is asked for', async () => {
    const { clock, client, ask } = await withLogs()
    assert.deepEqual(await ask('log.head', { topic: 't/1' }), { head: 3 })
    assert.deepEqual(await ask('log.head', { topic: 'none' }), { head: null })
    const origin = ['tenant', 'default', 'other']
    assert.deepEqual(await ask('log.head', { topic: 't/1', origin }), { head: null })
    const page = (await ask('log.fetch', { topic: 't/1', from: 2, limit: 1 })) as {
      messages: Record<string, unknown>[]
      next: number
    }
    assert.equal(page.next, 3)
    const [message] = page.messages
    assert.ok(message !== undefined && page.messages.length === 1)
    const { id, payload, ...rest } = message
    assert.equal(typeof id, 'string')
    assert.equal(textOf(payload as Uint8Array), 'two')
    assert.deepEqual(rest, {
      topic: 't/1',
      origin: ['tenant', 'default', 'device'],
      head: 2,
      sequence: 2,
      headers: { 'msgbus-publisher': 'a' },
      created_at_ms: clock.now(),
      publisher: 'a',
      deleted: false,
    })
    await client.handle.log.deleteRange({ topic: 't/1', fromHead: 1, toHead: 1 })
    const all = (await ask('log.fetch', { topic: 't/1' })) as typeof page
    assert.deepEqual(
      all.messages.map(({ head, deleted, payload: bytes }) => [
        head,
        deleted,
        textOf(bytes as Uint8Array),
      ]),
      [
        [1, true, ''],
        [2, false, 'two'],
        [3, false, 'three'],
      ],
    )
    const none = { messages: [], next: 9 }
    assert.deepEqual(await ask('log.fetch', { topic: 't/1', from: 9 }), none)
  })

  test('topic.last: stored or not, with its publisher', async () => {
    const { client, ask } = await withLogs()
    assert.equal(await ask('topic.last', { topic: 'none' }), null)
    client.publish('t/1', 'live')
    const last = (await ask('topic.last', { topic: 't/1' })) as Record<string, unknown>
    assert.equal(textOf(last['payload'] as Uint8Array), 'live')
    assert.deepEqual([last['head'], last['sequence'], last['publisher']], [0, 0, 'a'])
  })

  test('log.subscribe: from a head, a place, the beginning, or now', async () => {
    const cases: [params: Record<string, unknown>, texts: string[]][] = [
      [{ topic: 't/1', from: 2 }, ['two', 'three', 'new']],
      [{ topic: 't/1', from: 9 }, ['new']],
      [{ topic: 't/#', after: 2 }, ['three', 'x', 'new']],
      [{ topic: '#', all: true }, ['one', 'two', 'three', 'x', 'y', 'new']],
      [{ topic: 't/#' }, ['new']],
    ]
    for (const [params, texts] of cases) {
      const { join, client, store, askerOf } = await withLogs()
      const reader = join('r')
      const answer = (await askerOf(reader)('log.subscribe', params)) as Record<string, unknown>
      assert.deepEqual([answer['until'], answer['epoch']], [5, store.epoch])
      await turn()
      await client.store('t/1', 'new')
      await turn()
      assert.deepEqual(reader.texts, texts, JSON.stringify(params))
    }
  })

  test('log.subscribe: whoever leaves while it is looked up leaves nothing behind', async () => {
    const { bus, join, askerOf } = await withLogs()
    const before = bus.status().subscriptions
    const reader = join('r')
    const asked = askerOf(reader)('log.subscribe', { topic: 't/1', from: 1 })
    reader.close()
    await assert.rejects(asked, failsWith(-32_116, /left/))
    assert.equal(bus.status().subscriptions, before)
  })

  test('what makes no sense is told', async () => {
    const { ask } = await withLogs()
    const invalid: [method: string, params: unknown][] = [
      ['log.head', {}],
      ['log.head', { topic: 5 }],
      ['log.head', { topic: 't', origin: 'device' }],
      ['log.head', { topic: 't', origin: ['a', 'b', 3] }],
      ['log.fetch', { topic: 't', from: -1 }],
      ['log.fetch', { topic: 't', limit: 1.5 }],
      ['log.fetch', { topic: 't', limit: '1' }],
      ['log.fetch', 5],
      ['log.fetch', ['t']],
      ['log.fetch', null],
      ['log.list', { filter: 5 }],
      ['log.subscribe', { after: 1 }],
      ['log.subscribe', { topic: 't', after: -1 }],
      ['topic.last', {}],
    ]
    for (const [method, params] of invalid) {
      const what = `${method} ${JSON.stringify(params)}`
      await assert.rejects(ask(method, params), failsWith(-32_602, /./), what)
    }
    await assert.rejects(ask('log.head', Buffer.from([0xc1])), failsWith(-32_700, /./))
    await assert.rejects(ask('log.head', { topic: '' }), failsWith(-32_114, /topic is empty/))
  })

  test('the rights are those of the client that asks', async () => {
    const access = {
      isOpen: false,
      version: 0,
      refusal: ({ identity: { user } }: { identity: { user: string } }, action: string) =>
        user === 'mallory' && ['fetch', 'subscribe'].includes(action) ? 'no' : undefined,
    }
    const { join, askerOf } = await open({ access })
    await join('p').store('t', 'secret')
    const mallory = join('m', { identity: { user: 'mallory', groups: [], method: 'none' } })
    const ask = askerOf(mallory)
    for (const method of ['log.list', 'log.head', 'log.fetch', 'log.subscribe', 'topic.last']) {
      await assert.rejects(ask(method, { topic: 't' }), failsWith(-32_121, /./), method)
    }
    assert.deepEqual(mallory.texts, [])
  })

  test('nobody without a name can ask', async () => {
    const { join, askerOf } = await open()
    await assert.rejects(askerOf(join())('log.list'), failsWith(-32_603, /./))
  })
})

async function withBroker() {
  const all: LiveTestBus = await openLiveBus()
  const broker = new BrokerClient({ bus: all.bus, clock: all.clock, version: '1' })
  return { ...all, broker, session: new TestSession(all).register('a') }
}

const request = (id: number, method: string, params: Uint8Array = new Uint8Array(0)) =>
  Buffer.concat([Buffer.from('.broker\0'), encodeRequest(id, method, params)])

describe('.broker as a client', () => {
  test('answers in one write with the acknowledgement', async () => {
    const { session } = await withBroker()
    session.send(frameOf(0x52, request(7, 'test')))
    const bytes = session.bytes().toString('hex')
    assert.match(bytes, /^12120000000 ?02e62726f6b657200110700000081a26f6bc3fe0100000001$/)
    session.send(frameOf(0xd2, request(8, 'benchmark.test', Buffer.from('abc'))))
    assert.equal(
      session.bytes().toString('hex'),
      '1210000000012e62726f6b6572001108000000616263fe0100000001',
    )
  })

  test('an echo that another one is asked for meanwhile stays what it is', async () => {
    const { join, broker } = await withBroker()
    const asker = join('x')
    const seen: string[] = []
    const ask = (id: number, text: string) => {
      const bytes = Buffer.concat([
        Buffer.from('.broker'),
        encodeRequest(id, 'benchmark.test', Buffer.from(text)),
      ])
      asker.live.send(bytes, 0, 7, 7, bytes.length, false)
    }
    asker.inbox.message = (_, bytes, start, end) => {
      // Asks before it has looked at its answer.
      if (seen.length === 0) {
        seen.push('')
        ask(2, 'second')
      }
      seen.push(textOf(bytes, start + 5, end))
    }
    ask(1, 'first')
    assert.deepEqual(seen, ['', 'second', 'first'])
    broker.close()
  })

  test('whoever asks for more than can be read at once waits, and gets every answer', async () => {
    const all = await withBroker()
    const { session, store } = all
    await all.join('p').store('t', 'x')
    const waiting: (() => void)[] = []
    const read = store.read.bind(store)
    store.read = async (...args) => {
      await new Promise<void>((resolve) => waiting.push(resolve))
      return read(...args)
    }
    const params = encode({ topic: 't' })
    const frames = Array.from({ length: 500 }, (_, i) =>
      frameOf(0x12, request(i + 1, 'log.fetch', params)),
    )
    session.send(...frames)
    assert.ok(waiting.length <= 32, `${waiting.length} are read at once`)
    assert.equal(session.link.isPaused, true)
    let answers = 0
    for (let turns = 0; answers < 500; turns++) {
      assert.ok(turns < 1_000, `${answers} answers came`)
      for (const resolve of waiting.splice(0)) resolve()
      await turn()
      answers += session.frames().length
    }
    assert.equal(session.link.isPaused, false)
  })
})
