/** Names, messages, calls and live publications between programs, over real daemons. */

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { CallError, codecs } from '../../src/client/index.ts'
import type { ClientHooks, MsgbusClient, Participant } from '../../src/client/index.ts'
import { testOverAll } from './client-transports.ts'
import type { ClientTransport } from './client-transports.ts'
import type { DaemonProcess } from './daemon-process.ts'

const reconnect = { minDelayMs: 20, maxDelayMs: 100 }
const inMemory = { args: ['--storage', 'memory'] }

async function open(
  t: TestContext,
  over: ClientTransport,
  daemon: DaemonProcess,
  hooks: ClientHooks = {},
): Promise<MsgbusClient> {
  const client = await over.connect(daemon, { hooks })
  t.after(() => client.close())
  return client
}

/** A promise for others to settle. */
function signal(): { readonly isGiven: Promise<void>; give(): void } {
  let give: (() => void) | undefined
  const isGiven = new Promise<void>((resolve) => (give = resolve))
  return { isGiven, give: () => give?.() }
}

/** Repeats it until what it needs is there. */
async function persistently<R>(work: () => Promise<R>): Promise<R> {
  for (;;) {
    try {
      return await work()
    } catch {
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

async function take<T>(from: AsyncIterable<T>, count: number): Promise<T[]> {
  const iterator = from[Symbol.asyncIterator]()
  const taken: T[] = []
  while (taken.length < count) {
    const result = await iterator.next()
    if (result.done === true) break
    taken.push(result.value)
  }
  return taken
}

testOverAll('two programs talk by name', async (t, over) => {
  const daemon = await over.start(t, inMemory)
  const [a, b] = [await open(t, over, daemon), await open(t, over, daemon)]
  const alice = a.join('room.alice', { codec: codecs.json<{ n: number }>() })
  const bob = b.join('room.bob')
  await Promise.all([alice.ready(), bob.ready()])
  await bob.send('room.alice', { n: 1 }, { codec: codecs.json() })
  await b.send('room.alice', '{"n":2}')
  assert.equal(await bob.broadcast('room.*', '{"n":3}', { realtime: true }), 2)
  assert.equal(await b.broadcast('nowhere.*', ''), 0)
  const got = await take(alice, 3)
  assert.deepEqual(
    got.map(({ sender, value, isBroadcast, realtime }) => [sender, value.n, isBroadcast, realtime]),
    [
      ['room.bob', 1, false, false],
      ['', 2, false, false],
      ['room.bob', 3, true, true],
    ],
  )
  const unknown = { code: 'not_found', reason: 'unknown_client' }
  await assert.rejects(bob.send('nobody', 'x'), unknown)
  await assert.rejects(b.send('nobody', 'x'), unknown)
  const names = (await a.clients('room.?')).map(({ name, protocol }) => [name, protocol])
  assert.deepEqual(names, [
    ['room.alice', 'grpc'],
    ['room.bob', 'grpc'],
  ])
  const [own] = (await a.clients()).filter(({ name }) => name === '')
  assert.match(own?.source ?? '', /^127\.0\.0\.1:\d+$/)
  assert.equal(own?.listener, over.listener(daemon))
  await assert.rejects(b.join('room.alice').ready(), { reason: 'name_taken' })
  const thief = b.join('room.alice', { replace: true })
  await thief.ready()
  await assert.rejects(take(alice, 10), { reason: 'replaced' })
})

testOverAll(
  'a hundred thousand messages arrive in order, however slowly they are taken',
  async (t, over) => {
    const daemon = await over.start(t, inMemory)
    const [a, b] = [await open(t, over, daemon), await open(t, over, daemon)]
    const receiver = a.join('receiver', { bufferMessages: 100 })
    const sender = b.join('sender')
    await Promise.all([receiver.ready(), sender.ready()])
    const total = 100_000
    const sending = (async () => {
      const turn = 1_000
      for (let i = 0; i < total; i += turn) {
        const batch = Array.from({ length: turn }, (_, n) => sender.send('receiver', String(i + n)))
        await Promise.all(batch)
      }
    })()
    let next = 0
    for await (const message of receiver) {
      assert.equal(message.text(), String(next))
      next += 1
      if (next % 10_000 === 0) await new Promise((resolve) => setImmediate(resolve))
      if (next === total) break
    }
    await sending
  },
)

testOverAll(
  'a program that answers each message before it takes the next does not wait for itself',
  async (t, over) => {
    const daemon = await over.start(t, inMemory)
    const [a, b] = [await open(t, over, daemon), await open(t, over, daemon)]
    const asking = a.join('asking')
    const answering = b.join('answering', { bufferMessages: 10, bufferBytes: 10_000 })
    await Promise.all([asking.ready(), answering.ready()])
    const total = 3_000
    const payload = 'x'.repeat(1_000)
    const all = Promise.all(Array.from({ length: total }, () => asking.send('answering', payload)))
    const serving = (async () => {
      let served = 0
      for await (const { sender } of answering) {
        await answering.send(sender, 'yes')
        served += 1
        if (served === total) break
      }
    })()
    assert.equal((await take(asking, total)).length, total)
    await Promise.all([all, serving])
  },
)

testOverAll(
  'calls between two programs: a thousand at once, errors, cancelling, a soft end',
  async (t, over) => {
    const daemon = await over.start(t, inMemory)
    const [a, b] = [await open(t, over, daemon), await open(t, over, daemon)]
    const [release, cancelling] = [signal(), signal()]
    const registration = await a.register('examples.work', async (call) => {
      const word = call.text()
      if (word === 'fail') throw new CallError('examples.full', { payload: Buffer.from('why') })
      if (word === 'wait') await release.isGiven
      if (word === 'for ever') {
        call.signal.addEventListener('abort', () => cancelling.give())
        await cancelling.isGiven
      }
      return { payload: `${word} done for ${call.caller}`, headers: call.headers }
    })
    await assert.rejects(
      b.register('examples.work', () => 'x'),
      { reason: 'procedure_taken' },
    )
    const me = b.join('me')
    await me.ready()
    const answer = await me.call('examples.work', 'it', { headers: { k: 'v' } })
    assert.deepEqual([answer.text(), answer.headers.get('k')], ['it done for me', 'v'])
    const answers = await Promise.all(
      Array.from({ length: 1_000 }, (_, i) => b.call('examples.work', String(i))),
    )
    assert.ok(answers.every((each, i) => each.text() === `${i} done for `))
    await assert.rejects(b.call('examples.work', 'fail'), (error) => {
      assert.ok(error instanceof CallError)
      assert.deepEqual(
        [error.errorName, Buffer.from(error.payload).toString()],
        ['examples.full', 'why'],
      )
      return true
    })
    await assert.rejects(b.call('examples.nothing'), { reason: 'no_such_procedure' })
    const abort = new AbortController()
    const given = b.call('examples.work', 'for ever', { signal: abort.signal })
    await b.call('examples.work', 'behind it')
    abort.abort()
    await assert.rejects(given, { code: 'cancelled' })
    await cancelling.isGiven
    // Once this one runs, the procedure is withdrawn, and it is answered all the same.
    const last = b.call('examples.work', 'wait')
    await b.call('examples.work', 'behind it')
    const closing = registration.close()
    for (;;) {
      const error = await b.call('examples.work', 'more').then(
        () => undefined,
        (thrown: { reason: string }) => thrown.reason,
      )
      if (error === undefined) continue
      assert.equal(error, 'no_such_procedure')
      break
    }
    release.give()
    assert.equal((await last).text(), 'wait done for ')
    await closing
    assert.equal(await registration.ended, undefined)
  },
)

testOverAll('a callee that goes fails its calls', async (t, over) => {
  const daemon = await over.start(t, inMemory)
  const [a, b] = [await open(t, over, daemon), await open(t, over, daemon)]
  const call = signal()
  await a.register('p', async () => {
    call.give()
    await new Promise(() => undefined)
    return 'never'
  })
  const calling = b.call('p')
  await call.isGiven
  a.close()
  await assert.rejects(calling, { code: 'unavailable', reason: 'callee_gone' })
})

testOverAll(
  'names, procedures and presence over a daemon that is killed and comes back',
  async (t, over) => {
    const daemon = await over.start(t)
    const [a, b] = [await open(t, over, daemon), await open(t, over, daemon)]
    const alice = a.join('people.alice', { reconnect })
    await a.register('p', (call) => `answer to ${call.caller}`, { reconnect })
    const watch = b.presence('people.*', { reconnect })
    await Promise.all([alice.ready(), watch.ready()])
    assert.deepEqual(
      (await take(watch, 1)).map(({ kind, name }) => [kind, name]),
      [['joined', 'people.alice']],
    )
    assert.equal((await b.call('p')).text(), 'answer to ')
    daemon.kill('SIGKILL')
    await daemon.exited
    await over.startAgain(t, daemon)
    const again = await open(t, over, daemon)
    await persistently(() => again.send('people.alice', 'welcome back'))
    assert.equal((await take(alice, 1))[0]?.text(), 'welcome back')
    assert.equal((await persistently(() => alice.call('p'))).text(), 'answer to people.alice')
    // Nothing to tell when alice was back first; else that she went and came.
    const bob = again.join('people.bob')
    for await (const { kind, name } of watch) {
      if (name === 'people.bob') break
      assert.equal(name, 'people.alice')
      assert.ok(kind === 'left' || kind === 'joined')
    }
    bob.close()
  },
)

testOverAll('live publications reach subscribers and are not stored', async (t, over) => {
  const daemon = await over.start(t, inMemory)
  const [a, b] = [await open(t, over, daemon), await open(t, over, daemon)]
  const subscription = a.subscribe('t/#', { from: 'now' })
  await subscription.ready()
  const me: Participant = b.join('me')
  await me.ready()
  await b.publish('t/a', { n: 1 }, { stored: false, codec: codecs.json(), headers: { k: 'v' } })
  await b.publish('t/b', 'kept')
  await me.publish('t/c', 'mine', { realtime: true })
  const got = await take(subscription, 3)
  assert.deepEqual(
    new Map(got.map(({ topic, headId, headers }) => [topic, [headId, headers.get('k')]])),
    new Map([
      ['t/a', [0n, 'v']],
      ['t/b', [1n, undefined]],
      ['t/c', [0n, undefined]],
    ]),
  )
  assert.deepEqual(
    (await a.listHeads()).map(({ topic }) => topic),
    ['t/b'],
  )
})

testOverAll('rules, limits and bad names are told', async (t, over) => {
  const daemon = await over.start(t, inMemory)
  const client = await open(t, over, daemon)
  assert.throws(() => client.join(''), { reason: 'name_empty' })
  await assert.rejects(client.join('a%%1').ready(), { reason: 'primary_missing' })
  await assert.rejects(client.join('.ours').ready(), { reason: 'reserved_name' })
  await assert.rejects(
    client.register('$msgbus.x', () => 'x'),
    { code: 'permission_denied' },
  )
  await assert.rejects(
    client.register('', () => 'x'),
    { code: 'invalid_argument' },
  )
  await assert.rejects(client.call(''), { code: 'invalid_argument' })
  await assert.rejects(client.broadcast('', 'x'), { code: 'invalid_argument' })
  await assert.rejects(client.publish('', 'x', { stored: false }), { reason: 'name_empty' })
})
