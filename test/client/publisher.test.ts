/** The batching publisher: batching, back-pressure, broken connections, refusals. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { status } from '@grpc/grpc-js'
import type { ServerDuplexStream } from '@grpc/grpc-js'
import { codecs, connect } from '../../src/client/index.ts'
import type { PublisherOptions, Receipt } from '../../src/client/index.ts'
import type { PublishStreamRequest, PublishStreamResponse } from '../../src/wire/gen/msgbus-v2.ts'
import { Failure, startFakeDaemon } from './fake-daemon.ts'
import { fastTiming } from './fast-timing.ts'

type Call = ServerDuplexStream<PublishStreamRequest, PublishStreamResponse>
type Result = PublishStreamResponse['results'][number]

/** A daemon with one log that remembers publish ids, and lets the test decide what it answers. */
class Log {
  readonly stored: string[] = []
  readonly frames: string[][] = []
  readonly #heads = new Map<string, number>()

  /** Stores what is new, answers for all. */
  store({ messages }: PublishStreamRequest): Result[] {
    this.frames.push(messages.map(({ payload }) => Buffer.from(payload).toString()))
    return messages.map(({ payload, publishId }) => {
      const known = this.#heads.get(publishId)
      if (known === undefined) this.stored.push(Buffer.from(payload).toString())
      const headId = known ?? this.stored.length
      this.#heads.set(publishId, headId)
      const id = `id-${headId}`
      return {
        headId,
        id,
        createdAtMs: 1,
        duplicate: known !== undefined,
        sequence: headId,
        refusal: undefined,
      }
    })
  }
}

function refused(code: status, message: string): Result {
  const refusal = { code, reason: 'payload_too_large', message }
  return { headId: 0, id: '', createdAtMs: 0, duplicate: false, sequence: 0, refusal }
}

async function serve(
  t: TestContext,
  onRequest: (request: PublishStreamRequest, call: Call, n: number) => void,
  options: PublisherOptions = {},
) {
  let calls = 0
  const daemon = await startFakeDaemon({
    bus: {
      publishStream: (call) => {
        const n = ++calls
        call.on('data', (request: PublishStreamRequest) => onRequest(request, call, n))
        call.on('end', () => call.end())
        call.on('error', () => undefined)
      },
    },
  })
  const timing = fastTiming()
  const client = await connect(daemon.address, { timing })
  t.after(() => {
    client.close()
    daemon.stop()
  })
  return { publisher: client.publisher(options), client, daemon, timing }
}

function answer(log: Log, request: PublishStreamRequest, call: Call): void {
  call.write({ batchId: request.batchId, results: log.store(request) })
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, i) => String(i))
}

test('what is published in one turn goes in one frame, in order, and each gets its head', async (t) => {
  const log = new Log()
  const { publisher } = await serve(t, (request, call) => answer(log, request, call))
  const receipts = await Promise.all(numbers(100).map((each) => publisher.publish('t', each)))
  assert.deepEqual(
    receipts.map(({ headId }) => headId),
    numbers(100).map((each) => BigInt(each) + 1n),
  )
  assert.deepEqual(log.frames, [numbers(100)])
  assert.equal(publisher.pending, 0)
})

test('callers that each wait for their answer share frames', async (t) => {
  const log = new Log()
  const { publisher } = await serve(t, (request, call) => answer(log, request, call))
  const caller = async () => {
    for (let i = 0; i < 20; i++) await publisher.publish('t', 'x')
  }
  await Promise.all(numbers(50).map(caller))
  assert.equal(log.stored.length, 1_000)
  assert.ok(log.frames.length <= 60, `${log.frames.length} frames`)
})

test('unanswered when the connection breaks: sent again, stored once, in order', async (t) => {
  const log = new Log()
  // The first call stores two frames and breaks before it answers the second.
  const { publisher, timing } = await serve(
    t,
    (request, call, n) => {
      if (n > 1) return answer(log, request, call)
      if (log.frames.length === 0) return answer(log, request, call)
      log.store(request)
      call.emit('error', new Failure(status.UNAVAILABLE, 'gone'))
    },
    { maxBatchMessages: 10 },
  )
  const receipts = await Promise.all(numbers(100).map((each) => publisher.publish('t', each)))
  assert.deepEqual(log.stored, numbers(100))
  assert.deepEqual(
    receipts.map(({ headId }) => Number(headId)),
    numbers(100).map((each) => Number(each) + 1),
  )
  assert.deepEqual(receipts.map(({ duplicate }) => duplicate).filter(Boolean).length, 10)
  assert.equal(timing.delaysMs.length, 1)
})

test('without publish ids nothing is sent twice: what is unanswered fails', async (t) => {
  const ids: string[] = []
  const log = new Log()
  const { publisher } = await serve(
    t,
    (request, call, n) => {
      ids.push(...request.messages.map(({ publishId }) => publishId))
      if (n === 1) call.emit('error', new Failure(status.UNAVAILABLE, 'gone'))
      else answer(log, request, call)
    },
    { idempotent: false },
  )
  await assert.rejects(publisher.publish('t', 'perhaps stored'), { code: 'unavailable' })
  await publisher.publish('t', 'stored')
  assert.deepEqual(log.stored, ['stored'])
  assert.deepEqual(ids, ['', ''])
})

test('a daemon that is killed and comes back: no loss, no repetition', async (t) => {
  const log = new Log()
  const { publisher, daemon } = await serve(
    t,
    (request, call) => {
      const results = log.store(request)
      if (log.stored.length >= 500) {
        daemon.stop()
        void startFakeDaemon(
          {
            bus: {
              publishStream: (again) => {
                again.on('data', (next: PublishStreamRequest) => answer(log, next, again))
                again.on('end', () => again.end())
              },
            },
          },
          daemon.port,
        ).then((revived) => t.after(() => revived.stop()))
        return
      }
      call.write({ batchId: request.batchId, results })
    },
    { maxBatchMessages: 50, maxInFlightMessages: 200 },
  )
  for (const each of numbers(1_000)) await publisher.send('t', each)
  await publisher.flush()
  assert.deepEqual(log.stored, numbers(1_000))
})

test('send asks to wait when enough is on its way, and goes on when there is room', async (t) => {
  const held: (() => void)[] = []
  const log = new Log()
  let arrived: (() => void) | undefined
  const first = new Promise<void>((resolve) => (arrived = resolve))
  const { publisher } = await serve(
    t,
    (request, call) => {
      held.push(() => answer(log, request, call))
      arrived?.()
    },
    { maxInFlightMessages: 5 },
  )
  for (let i = 0; i < 4; i++) assert.equal(publisher.send('t', String(i)), undefined)
  const room = publisher.send('t', '4')
  assert.ok(room instanceof Promise)
  await first
  assert.equal(publisher.pending, 5)
  for (const go of held.splice(0)) go()
  await room
  assert.equal(publisher.pending, 0)
})

test('bytes count as well: a few large messages are enough', async (t) => {
  const log = new Log()
  const { publisher } = await serve(t, (request, call) => answer(log, request, call), {
    maxInFlightBytes: 1_000,
  })
  assert.equal(publisher.send('t', Buffer.alloc(500)), undefined)
  await publisher.send('t', Buffer.alloc(500), { headers: { k: 'v' } })
  await publisher.flush()
})

test('a refused message does not affect its neighbours', async (t) => {
  const log = new Log()
  const toldOf: string[] = []
  const { publisher } = await serve(
    t,
    (request, call) => {
      const results = log
        .store(request)
        .map((result, i) => (i === 1 ? refused(status.RESOURCE_EXHAUSTED, 'too large') : result))
      call.write({ batchId: request.batchId, results })
    },
    {
      onRefused: (error, { payload }) =>
        toldOf.push(`${error.reason} ${Buffer.from(payload).toString()}`),
    },
  )
  const settled = await Promise.allSettled(
    ['a', 'b', 'c'].map((each) => publisher.publish('t', each)),
  )
  assert.deepEqual(
    settled.map(({ status: how }) => how),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  for (const each of ['d', 'e']) assert.equal(publisher.send('t', each), undefined)
  await assert.rejects(publisher.flush(), {
    code: 'resource_exhausted',
    reason: 'payload_too_large',
  })
  assert.deepEqual(toldOf, ['payload_too_large e'])
  await publisher.flush()
})

test('one message that ends the stream is found and fails alone', async (t) => {
  const log = new Log()
  const { publisher } = await serve(t, (request, call) => {
    const isBad = request.messages.some(({ payload }) => Buffer.from(payload).toString() === '5')
    if (isBad) call.emit('error', new Failure(status.RESOURCE_EXHAUSTED, 'frame too large'))
    else answer(log, request, call)
  })
  const settled = await Promise.allSettled(numbers(10).map((each) => publisher.publish('t', each)))
  const failed = settled.flatMap((each, i) => (each.status === 'rejected' ? [i] : []))
  assert.deepEqual(failed, [5])
  assert.deepEqual(
    log.stored,
    numbers(10).filter((each) => each !== '5'),
  )
})

test('one message that cannot be encoded is found and fails alone', async (t) => {
  const log = new Log()
  const { publisher } = await serve(t, (request, call) => answer(log, request, call))
  const settled = await Promise.allSettled([
    publisher.publish('t', 'a'),
    publisher.publish(7 as unknown as string, 'b'),
    publisher.publish('t', 'c'),
  ])
  assert.deepEqual(
    settled.map(({ status: how }) => how),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  assert.deepEqual(log.stored, ['a', 'c'])
})

test('a refusal that only holds for now is no refusal', async (t) => {
  const log = new Log()
  const { publisher } = await serve(t, (request, call, n) => {
    if (n > 1) return answer(log, request, call)
    const results = request.messages.map(() => refused(status.UNAVAILABLE, 'stopping'))
    call.write({ batchId: request.batchId, results })
  })
  const receipt: Receipt = await publisher.publish('t', 'x')
  assert.equal(receipt.headId, 1n)
})

test('an error that concerns everything fails everything, and the next try is a new one', async (t) => {
  const log = new Log()
  const { publisher } = await serve(t, (request, call, n) => {
    if (n === 1) call.emit('error', new Failure(status.UNAUTHENTICATED, 'who are you'))
    else answer(log, request, call)
  })
  const settled = await Promise.allSettled(['a', 'b'].map((each) => publisher.publish('t', each)))
  assert.deepEqual(
    settled.map(({ status: how }) => how),
    ['rejected', 'rejected'],
  )
  assert.equal((await publisher.publish('t', 'c')).headId, 1n)
})

test('without reconnecting, what is unanswered fails with the connection', async (t) => {
  const { publisher } = await serve(
    t,
    (_, call) => call.emit('error', new Failure(status.UNAVAILABLE, 'gone')),
    { reconnect: false },
  )
  await assert.rejects(publisher.publish('t', 'x'), { code: 'unavailable' })
})

test('a daemon that never comes back: given up after the time agreed', async (t) => {
  const { publisher } = await serve(
    t,
    (_, call) => call.emit('error', new Failure(status.UNAVAILABLE, 'gone')),
    { giveUpAfterMs: 50 },
  )
  await assert.rejects(publisher.publish('t', 'x'), { code: 'unavailable' })
})

test('close flushes first, then refuses; closing the client fails what is unanswered', async (t) => {
  const log = new Log()
  const { publisher, client } = await serve(t, (request, call) => {
    if (request.messages[0]?.topic !== 'silent') answer(log, request, call)
  })
  for (const each of numbers(10)) await publisher.send('t', each)
  await publisher.close()
  await publisher.close()
  assert.equal(log.stored.length, 10)
  await assert.rejects(publisher.publish('t', 'x'), { code: 'failed_precondition' })
  const silent = client.publisher().publish('silent', 'x')
  client.close()
  await assert.rejects(silent, { code: 'cancelled' })
})

test('topics are repeated on the wire only where they change; codec, headers and id arrive', async (t) => {
  const log = new Log()
  let frame: PublishStreamRequest | undefined
  const { publisher } = await serve(t, (request, call) => {
    frame = request
    answer(log, request, call)
  })
  await Promise.all([
    publisher.publish('a', 'x'),
    publisher.publish('a', { n: 1 }, { codec: codecs.json<{ n: number }>() }),
    publisher.publish('b', 'y', { headers: { k: 'v' }, publishId: 'mine' }),
  ])
  assert.deepEqual(
    frame?.messages.map(({ topic }) => topic),
    ['a', '', 'b'],
  )
  assert.deepEqual(log.stored, ['x', '{"n":1}', 'y'])
  assert.deepEqual([...(frame.messages[2]?.headers ?? [])], [['k', 'v']])
  assert.equal(frame.messages[2]?.publishId, 'mine')
})
