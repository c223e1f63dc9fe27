/** Names, calls and live publishing against daemons that break, refuse and take names away. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { Metadata, status } from '@grpc/grpc-js'
import type { ServerDuplexStream, ServerWritableStream } from '@grpc/grpc-js'
import {
  BusError,
  CallError,
  codecs,
  connect,
  createGrpcTransport,
  MsgbusClient,
} from '../../src/client/index.ts'
import type { ClientHooks, Transport } from '../../src/client/index.ts'
import type {
  CallAnswer,
  ClientInfo,
  JoinRequest,
  JoinResponse,
  PublishStreamRequest,
  PublishStreamResponse,
  RegisterRequest,
  RegisterResponse,
  SendStreamRequest,
  SendStreamResponse,
} from '../../src/wire/gen/msgbus-v2.ts'
import { Failure, startFakeDaemon } from './fake-daemon.ts'
import type { FakeServices } from './fake-daemon.ts'

type JoinCall = ServerWritableStream<JoinRequest, JoinResponse>
type SendCall = ServerDuplexStream<SendStreamRequest, SendStreamResponse>
type RegisterCall = ServerDuplexStream<RegisterRequest, RegisterResponse>
type PublishCall = ServerDuplexStream<PublishStreamRequest, PublishStreamResponse>

/** No waiting between attempts; time-outs never come. */
const timing = {
  monotonic: () => performance.now(),
  random: () => 0.5,
  after(delayMs: number, task: () => void) {
    if (delayMs > 5_000) return { cancel: () => undefined }
    const immediate = setImmediate(task)
    return { cancel: () => clearImmediate(immediate) }
  },
}

async function serve(t: TestContext, services: FakeServices, hooks: ClientHooks = {}) {
  const daemon = await startFakeDaemon(services)
  const client = await connect(daemon.address, { timing, hooks })
  t.after(() => {
    client.close()
    daemon.stop()
  })
  return client
}

/** Ends a call with a status and the reason of the bus. */
function fail(call: { emit(event: 'error', error: Failure): unknown }, code: status, why: string) {
  const metadata = new Metadata()
  metadata.set('msgbus-reason', why)
  call.emit('error', new Failure(code, why, metadata))
}

async function nextTurn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

/** Set by what runs later. */
function later(): { run: () => void } {
  return { run: () => assert.fail('too early') }
}

/** A daemon that gives each Join stream to a script of its own. */
function joins(...scripts: ((call: JoinCall, request: JoinRequest) => void)[]): FakeServices {
  let calls = 0
  return { client: { join: (request, call) => scripts[calls++]?.(call, request) } }
}

const joined: JoinResponse = { joined: {}, messages: [], presence: [] }

function carrying(...texts: string[]): JoinResponse {
  const messages = texts.map((text) => {
    return { sender: 'peer', payload: Buffer.from(text), broadcast: false, realtime: false }
  })
  return { ...joined, joined: undefined, messages }
}

const change = (name: string, kind: 'joined' | 'left' | 'replaced'): JoinResponse => {
  const value = kind === 'left' ? { case: kind, value: { reason: '' } } : { case: kind, value: {} }
  return {
    ...joined,
    joined: undefined,
    presence: [{ name, secondary: false, protocol: 'busrt', change: value }],
  }
}

function clientOf(name: string): ClientInfo {
  return {
    id: 1,
    name,
    user: 'anonymous',
    protocol: 'grpc',
    transport: 'tcp',
    source: '',
    listener: '',
    connectedAtMs: 1,
    receivedFrames: 0,
    receivedBytes: 0,
    sentFrames: 0,
    sentBytes: 0,
    subscriptions: 0,
    instances: 1,
    queuedBytes: 0,
    congested: false,
  }
}

/** Says that each message of a batch had one receiver. */
function answerAll(call: SendCall, { batchId, messages }: SendStreamRequest): void {
  call.write({ batchId, results: messages.map(() => ({ receivers: 1, refusal: undefined })) })
}

test('a name is taken again when the connection breaks, also while the old stream holds it', async (t) => {
  const requests: JoinRequest[] = []
  const cut = later()
  const client = await serve(
    t,
    joins(
      (call, first) => {
        requests.push(first)
        call.write(joined)
        call.write(carrying('one'))
        cut.run = () => fail(call, status.UNAVAILABLE, 'connection_lost')
      },
      (call) => fail(call, status.ALREADY_EXISTS, 'name_taken'),
      (call, first) => {
        requests.push(first)
        call.write(joined)
        call.write(carrying('two', 'three'))
      },
    ),
  )
  const texts: string[] = []
  const me = client.join('me', { replace: true })
  for await (const message of me) {
    texts.push(message.text())
    if (texts.length === 1) cut.run()
    if (texts.length === 3) break
  }
  assert.deepEqual(texts, ['one', 'two', 'three'])
  const joining = { name: 'me', replace: true, presence: '' }
  assert.deepEqual(requests, [joining, joining])
})

test('a name that somebody else has is told at once, one that was taken over is not taken back', async (t) => {
  const replace = later()
  const client = await serve(
    t,
    joins(
      (call) => fail(call, status.ALREADY_EXISTS, 'name_taken'),
      (call) => {
        call.write(joined)
        call.write(carrying('last'))
        replace.run = () => fail(call, status.ABORTED, 'replaced')
      },
    ),
  )
  const first = client.join('me')
  await assert.rejects(first.ready(), { code: 'already_exists', reason: 'name_taken' })
  await assert.rejects(first.send('you', 'x'), { code: 'cancelled' })
  await assert.rejects(first[Symbol.asyncIterator]().next(), { reason: 'name_taken' })
  const second = client.join('me', { replace: true })
  const texts: string[] = []
  await assert.rejects(
    async () => {
      for await (const message of second) {
        texts.push(message.text())
        replace.run()
      }
    },
    { reason: 'replaced' },
  )
  assert.deepEqual(texts, ['last'])
})

test('what is sent in one turn goes together, and each message has its outcome', async (t) => {
  const batches: SendStreamRequest[] = []
  const services = joins((call) => call.write(joined))
  const client = await serve(t, {
    client: {
      ...services.client,
      sendStream: (call) => {
        call.on('data', (request: SendStreamRequest) => {
          batches.push(request)
          const results = request.messages.map(({ to }) => {
            if (to?.value !== 'nobody') return { receivers: 3, refusal: undefined }
            const refusal = { code: status.NOT_FOUND, reason: 'unknown_client', message: 'no' }
            return { receivers: 0, refusal }
          })
          call.write({ batchId: request.batchId, results })
        })
      },
    },
  })
  const me = client.join('me')
  await me.ready()
  const outcomes = await Promise.allSettled([
    me.send('a', 'x', { realtime: true }),
    me.send('nobody', 'y'),
    me.broadcast('b.*', { n: 1 }, { codec: codecs.json() }),
  ])
  assert.deepEqual(
    outcomes.map((one) =>
      one.status === 'fulfilled' ? one.value : (one.reason as BusError).reason,
    ),
    [undefined, 'unknown_client', 3],
  )
  assert.equal(batches.length, 1)
  assert.equal(batches[0]?.from, 'me')
  assert.deepEqual(
    batches[0]?.messages.map(({ to, payload, realtime }) => [
      to?.case,
      Buffer.from(payload).toString(),
      realtime,
    ]),
    [
      ['target', 'x', true],
      ['target', 'y', false],
      ['mask', '{"n":1}', false],
    ],
  )
})

test('what has no outcome when the stream breaks fails; what is sent later waits for the name', async (t) => {
  let streams = 0
  const cut = later()
  const services = joins(
    (call) => {
      call.write(joined)
      cut.run = () => fail(call, status.UNAVAILABLE, 'connection_lost')
    },
    (call) => call.write(joined),
  )
  const client = await serve(t, {
    client: {
      ...services.client,
      sendStream: (call) => {
        streams += 1
        call.on('data', (request: SendStreamRequest) => {
          if (streams > 1) return answerAll(call, request)
          cut.run()
          return fail(call, status.UNAVAILABLE, 'connection_lost')
        })
      },
    },
  })
  const me = client.join('me')
  await assert.rejects(me.send('a', 'lost'), { code: 'unavailable', reason: 'connection_lost' })
  await me.send('a', 'arrives')
  const abort = new AbortController()
  abort.abort()
  await assert.rejects(me.send('a', 'never', { signal: abort.signal }), { code: 'cancelled' })
  me.close()
  await assert.rejects(me.send('a', 'too late'), { code: 'cancelled' })
  assert.equal((await me[Symbol.asyncIterator]().next()).done, true)
})

test('presence begins with who is there, and tells after a break what has changed', async (t) => {
  const lists = [
    ['a', 'b'],
    ['b', 'c', 'c%%1'],
  ]
  const cut = later()
  const services = joins(
    (call) => {
      call.write(joined)
      // Known from the list already, or not known at all.
      call.write(change('a', 'joined'))
      call.write(change('x', 'left'))
      call.write(change('d', 'joined'))
      call.write(change('b', 'replaced'))
      cut.run = () => fail(call, status.UNAVAILABLE, 'connection_lost')
    },
    (call) => {
      call.write(joined)
      call.write(change('b', 'left'))
    },
  )
  const client = await serve(t, {
    client: {
      ...services.client,
      listClients: ({ mask }, call) => {
        assert.equal(mask, '*')
        call.write({ clients: (lists.shift() ?? []).map(clientOf) })
        call.end()
      },
    },
  })
  const seen: string[] = []
  for await (const { kind, name, secondary } of client.presence()) {
    seen.push(`${kind} ${name}${secondary ? ' (secondary)' : ''}`)
    if (seen.length === 4) cut.run()
    if (seen.length === 9) break
  }
  assert.deepEqual(seen, [
    'joined a',
    'joined b',
    'joined d',
    'replaced b',
    'left a',
    'left d',
    'joined c',
    'joined c%%1 (secondary)',
    'left b',
  ])
})

test('handlers answer, fail in three ways, and are told when nobody waits', async (t) => {
  const failed: unknown[] = []
  const answers = new Map<number, CallAnswer>()
  let call: RegisterCall | undefined
  const onAnswer = later()
  const client = await serve(
    t,
    {
      client: {
        register: (stream) => {
          call = stream
          stream.on('data', ({ registration, answers: given, withdraw }: RegisterRequest) => {
            if (registration !== undefined) {
              assert.deepEqual(registration.procedures, ['p'])
              stream.write({ registered: {}, invocations: [], cancellations: [] })
            }
            for (const answer of given) answers.set(answer.id, answer)
            if (given.length > 0) onAnswer.run()
            if (withdraw) stream.end()
          })
        },
      },
    },
    { handlerFailed: (info) => failed.push(info) },
  )
  const aborted: boolean[] = []
  const registration = await client.register('p', async (incoming) => {
    const word = incoming.text()
    if (word === 'headers') return { payload: 'h', headers: { k: incoming.caller } }
    if (word === 'nothing') return undefined
    if (word === 'json') return codecs.json().encode(incoming.json())
    if (word === 'app') throw new CallError('full', { payload: Buffer.from('details') })
    if (word === 'bus') throw new BusError('not_found', 'not_found', 'no such thing')
    if (word === 'bug') throw new RangeError('a bug')
    if (word === 'wait') {
      await new Promise((resolve) => incoming.signal.addEventListener('abort', resolve))
      aborted.push(incoming.signal.aborted)
    }
    return word
  })
  const invoke = (...words: string[]) => {
    const invocations = words.map((word, i) => {
      const headers = new Map<string, string>()
      const payload = Buffer.from(word)
      return { id: i + 1, procedure: 'p', payload, headers, caller: 'me' }
    })
    call?.write({ registered: undefined, invocations, cancellations: [] })
  }
  const isAnswered = new Promise<void>((resolve) => {
    onAnswer.run = () => answers.size === 8 && resolve()
  })
  invoke('text', 'headers', 'nothing', '{"n":1}', 'json', 'app', 'bus', 'bug', 'wait')
  await isAnswered
  call?.write({ registered: undefined, invocations: [], cancellations: [{ id: 9 }, { id: 77 }] })
  const outcome = (id: number) => answers.get(id)?.outcome
  const result = (id: number) => {
    const given = outcome(id)
    assert.equal(given?.case, 'result')
    return Buffer.from(given.value.payload).toString()
  }
  assert.deepEqual([1, 2, 3, 4].map(result), ['text', 'h', '', '{"n":1}'])
  const [headers, broken, app, bus, bug] = [2, 5, 6, 7, 8].map(outcome)
  assert.deepEqual(headers?.case === 'result' && headers.value.headers, new Map([['k', 'me']]))
  // "json" is no JSON: the error of the client's own codec.
  assert.deepEqual(broken?.case === 'refusal' && broken.value.reason, 'undecodable')
  assert.ok(app?.case === 'failure')
  assert.deepEqual(
    [app.value.name, app.value.message, Buffer.from(app.value.payload).toString()],
    ['full', 'full', 'details'],
  )
  assert.deepEqual(bus?.case === 'refusal' && bus.value, {
    code: status.NOT_FOUND,
    reason: 'not_found',
    message: 'no such thing',
  })
  assert.deepEqual(bug?.case === 'refusal' && bug.value, {
    code: status.INTERNAL,
    reason: 'application_error',
    message: 'a bug',
  })
  assert.equal(failed.length, 1)
  await registration.close()
  assert.equal(await registration.ended, undefined)
  assert.deepEqual(aborted, [true])
  assert.equal(outcome(9), undefined)
})

test('a procedure is registered again when the connection breaks', async (t) => {
  const attempts: string[] = []
  const cut = later()
  const client = await serve(
    t,
    {
      client: {
        register: (stream) => {
          attempts.push('')
          stream.once('data', () => {
            if (attempts.length === 2) return fail(stream, status.ALREADY_EXISTS, 'procedure_taken')
            stream.write({ registered: {}, invocations: [], cancellations: [] })
            if (attempts.length === 1) {
              const headers = new Map<string, string>()
              const payload = Buffer.alloc(0)
              const invocation = { id: 1, procedure: 'p', payload, headers, caller: '' }
              stream.write({ registered: undefined, invocations: [invocation], cancellations: [] })
              cut.run = () => fail(stream, status.UNAVAILABLE, 'connection_lost')
            } else if (attempts.length === 3)
              fail(stream, status.PERMISSION_DENIED, 'access_denied')
          })
        },
      },
    },
    { reconnecting: ({ what, error }) => attempts.push(`${what}: ${error.reason}`) },
  )
  let isAborted = false
  const registration = await client.register('p', async ({ signal }) => {
    cut.run()
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    isAborted = true
    return 'nobody gets this'
  })
  const error = await registration.ended
  assert.equal(error?.reason, 'access_denied')
  assert.equal(isAborted, true)
  assert.deepEqual(
    attempts.filter((what) => what !== ''),
    ['register p: connection_lost'],
  )
  await registration.close()
})

test('a procedure that somebody else has is told at once', async (t) => {
  const client = await serve(t, {
    client: {
      register: (stream) => {
        stream.once('data', () => fail(stream, status.ALREADY_EXISTS, 'procedure_taken'))
      },
    },
  })
  const registering = client.register('p', () => 'x')
  await assert.rejects(registering, { code: 'already_exists', reason: 'procedure_taken' })
})

test('registering fails in time when no daemon is there', async (t) => {
  const daemon = await startFakeDaemon({})
  const client = await connect(daemon.address, {
    timing: { ...timing, after: (_, task) => (setImmediate(task), { cancel: () => undefined }) },
  })
  t.after(() => client.close())
  daemon.stop()
  const registering = client.register('p', () => 'x', { timeoutMs: 1 })
  await assert.rejects(registering, { code: 'deadline_exceeded', reason: 'timed_out' })
})

test('errors of calls: of the application, of the bus, and out of time', async (t) => {
  const failure = {
    name: 'full',
    message: 'no room',
    payload: Buffer.from('details'),
    headers: new Map([['k', 'v']]),
  }
  const client = await serve(t, {
    client: {
      call: async ({ procedure }, call) => {
        if (procedure === 'app') return { outcome: { case: 'failure', value: failure } }
        if (procedure === 'nothing') return { outcome: undefined }
        if (procedure === 'never') await new Promise((resolve) => call.once('cancelled', resolve))
        const metadata = new Metadata()
        metadata.set('msgbus-reason', 'no_such_procedure')
        throw new Failure(status.UNIMPLEMENTED, 'nobody', metadata)
      },
    },
  })
  await assert.rejects(client.call('app'), (error) => {
    assert.ok(error instanceof CallError && error instanceof BusError)
    assert.deepEqual([error.code, error.reason], ['unknown', 'application_error'])
    assert.deepEqual([error.errorName, error.message], ['full', 'no room'])
    assert.deepEqual(Buffer.from(error.payload).toString(), 'details')
    assert.deepEqual(error.headers, new Map([['k', 'v']]))
    return true
  })
  await assert.rejects(client.call('missing'), {
    code: 'unimplemented',
    reason: 'no_such_procedure',
  })
  await assert.rejects(client.call('nothing'), { reason: 'undecodable' })
  const late = client.call('never', 'x', { timeoutMs: 50 })
  await assert.rejects(late, { code: 'deadline_exceeded', message: /"never" did not answer/ })
  const abort = new AbortController()
  const given = client.call('never', 'x', { signal: abort.signal })
  abort.abort()
  await assert.rejects(given, { code: 'cancelled' })
})

test('live publications of one turn go together, and a new stream follows a broken one', async (t) => {
  const batches: PublishStreamRequest[] = []
  const streams: PublishCall[] = []
  const onBatch = later()
  onBatch.run = () => undefined
  const client = await serve(t, {
    bus: {
      publishStream: (call) => {
        streams.push(call)
        call.on('data', (batch: PublishStreamRequest) => {
          if (!batch.live) return call.write({ batchId: batch.batchId, results: [] })
          batches.push(batch)
          return onBatch.run()
        })
      },
    },
  })
  const arrived = (count: number) =>
    new Promise<void>((resolve) => {
      onBatch.run = () => batches.length >= count && resolve()
      onBatch.run()
    })
  await Promise.all([
    client.publish('a', '1', { stored: false, headers: { k: 'v' } }),
    client.publish('a', '2', { stored: false }),
    client.publish('b', { n: 3 }, { stored: false, codec: codecs.json() }),
    client.publish('c', '4', { stored: false, realtime: true }),
  ])
  await arrived(2)
  assert.deepEqual(
    batches.map(({ messages, realtime, live }) => [
      messages.map(({ topic }) => topic),
      realtime,
      live,
    ]),
    [
      [['a', '', 'b'], false, true],
      [['c'], true, true],
    ],
  )
  assert.deepEqual(batches[0]?.messages[0]?.headers, new Map([['k', 'v']]))
  await assert.rejects(client.publish(' ', 'x', { stored: false }), { reason: 'name_empty' })
  // Not the fault of this client: the next publication has a new stream.
  const broken = streams[0]
  assert.ok(broken)
  const cancelled = new Promise((resolve) => broken.once('cancelled', resolve))
  fail(broken, status.UNAVAILABLE, 'connection_lost')
  await cancelled
  while (streams.length === 1) {
    await client.publish('d', '5', { stored: false })
    await nextTurn()
  }
  // Its fault: the next one is told.
  const second = streams[1]
  assert.ok(second)
  fail(second, status.INVALID_ARGUMENT, 'name_too_long')
  await assert.rejects(
    async () => {
      for (;;) {
        await client.publish('e', '6', { stored: false })
        await nextTurn()
      }
    },
    { code: 'invalid_argument', reason: 'name_too_long' },
  )
  await client.publish('f', '7', { stored: false })
  assert.equal(streams.length, 3)
})

test('signals end everything with cancelled, also when they have fired before', async (t) => {
  const services = joins((call) => call.write(joined))
  const client = await serve(t, {
    client: {
      ...services.client,
      register: (stream) => {
        stream.once('data', () => {
          stream.write({ registered: {}, invocations: [], cancellations: [] })
        })
      },
    },
  })
  const gone = AbortSignal.abort()
  const cancelled = { code: 'cancelled', reason: 'cancelled' } as const
  await assert.rejects(
    client.register('p', () => 'x', { signal: gone }),
    cancelled,
  )
  await assert.rejects(client.join('a', { signal: gone }).ready(), cancelled)
  await assert.rejects(
    client.presence('*', { signal: gone })[Symbol.asyncIterator]().next(),
    cancelled,
  )
  const abort = new AbortController()
  const registration = await client.register('p', () => 'x', { signal: abort.signal })
  const me = client.join('me', { signal: abort.signal })
  await me.ready()
  const next = me[Symbol.asyncIterator]().next()
  abort.abort()
  assert.equal((await registration.ended)?.code, 'cancelled')
  await assert.rejects(next, cancelled)
})

test('a daemon that only speaks v1 offers none of it, and says so', async (t) => {
  const client = await serve(t, {})
  const unsupported = { code: 'unimplemented', reason: 'unsupported' } as const
  await assert.rejects(client.send('a', 'x'), unsupported)
  await assert.rejects(client.broadcast('a', 'x'), unsupported)
  await assert.rejects(client.call('a'), unsupported)
  await assert.rejects(
    client.register('a', () => 'x'),
    unsupported,
  )
  await assert.rejects(client.clients(), unsupported)
  await assert.rejects(client.publish('a', 'x', { stored: false }), unsupported)
  await assert.rejects(client.join('a').ready(), unsupported)
  await assert.rejects(client.presence()[Symbol.asyncIterator]().next(), unsupported)
})

test('without duplex streams messages are single calls, and what needs such streams says so', async (t) => {
  const sent: object[] = []
  const services = joins((call) => call.write(joined))
  const daemon = await startFakeDaemon({
    client: {
      ...services.client,
      send: (request) => {
        sent.push(request)
        return {}
      },
      broadcast: ({ mask, from }) => {
        sent.push({ mask, from })
        return { receivers: 2 }
      },
    },
  })
  const client = new MsgbusClient(withoutDuplex(createGrpcTransport(daemon.address)), { timing })
  t.after(() => {
    client.close()
    daemon.stop()
  })
  const unsupported = { code: 'unimplemented', reason: 'unsupported' } as const
  await assert.rejects(client.publish('a', 'x', { stored: false }), unsupported)
  await assert.rejects(
    client.register('a', () => 'x'),
    unsupported,
  )
  const me = client.join('me')
  await me.send('you', 'x', { realtime: true })
  assert.equal(await me.broadcast('*', 'y'), 2)
  assert.deepEqual(sent, [
    { target: 'you', payload: new Uint8Array(Buffer.from('x')), realtime: true, from: 'me' },
    { mask: '*', from: 'me' },
  ])
})

/** As a browser's would be. */
function withoutDuplex(transport: Transport): Omit<Transport, 'duplex'> {
  return {
    target: transport.target,
    closed: transport.closed,
    unary: (...args) => transport.unary(...args),
    stream: (...args) => transport.stream(...args),
    close: () => transport.close(),
  }
}
