/**
 * What every client of an embedded bus does, however it is connected: in process or over a message port.
 * Each test gets a bus of its own, which is closed with the test.
 */

import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { CallError } from '../model/call-error.ts'
import { BusError, type ErrorReason } from '../model/errors.ts'
import { Bus, type BusOptions, type ConnectOptions } from './bus.ts'
import type { Client } from './client.ts'
import type { Listening } from './listening.ts'
import type { Received } from './received-message.ts'

export interface ClientSuiteOptions {
  /** Connects a client as the test file is about. */
  readonly connect: (bus: Bus, options: ConnectOptions) => Promise<Client>
  readonly busOptions?: ((t: TestContext) => Promise<BusOptions>) | undefined
}

interface Fixture {
  readonly bus: Bus
  readonly connect: (options?: ConnectOptions | string) => Promise<Client>
}

export function clientSuite(name: string, options: ClientSuiteOptions): void {
  const suiteTest = (title: string, run: (fixture: Fixture) => Promise<void>): void => {
    test(title, async (t) => {
      const bus = await Bus.open(await options.busOptions?.(t))
      t.after(() => bus.close())
      const connect = (given: ConnectOptions | string = {}) =>
        options.connect(bus, typeof given === 'string' ? { name: given } : given)
      await run({ bus, connect })
    })
  }

  describe(`${name}: messages`, () => {
    suiteTest('reach the client of a name, in order, with the sender', async ({ connect }) => {
      const [ann, ben] = [await connect('ann'), await connect('ben')]
      const heard = ben.messages()
      await ann.send('ben', 'one')
      void ann.post('ben', 'two', { realtime: true })
      void ann.post('ben', new Uint8Array([51]))
      await ann.send('ben', 'four')
      const messages = await take(heard, 4)
      assert.deepEqual(texts(messages), ['one', 'two', '3', 'four'])
      assert.deepEqual(
        messages.map(({ from, realtime }) => [from, realtime]),
        [
          ['ann', false],
          ['ann', true],
          ['ann', false],
          ['ann', false],
        ],
      )
    })

    suiteTest('to oneself, and without a name of one’s own', async ({ connect }) => {
      const [ann, nobody] = [await connect('ann'), await connect()]
      const heard = ann.messages()
      await ann.send('ann', 'mine')
      await nobody.send('ann', '')
      const messages = await take(heard, 2)
      assert.deepEqual(
        messages.map((message) => [message.from, message.text()]),
        [
          ['ann', 'mine'],
          ['', ''],
        ],
      )
      assert.equal(nobody.name, '')
    })

    suiteTest('to a name that nobody has are refused', async ({ connect }) => {
      const ann = await connect('ann')
      await assert.rejects(ann.send('ben', 'x'), isError('unknown_client'))
      assert.equal(ann.post('ben', 'x'), undefined)
    })

    suiteTest('of any size pass', async ({ connect }) => {
      const [ann, ben] = [await connect('ann'), await connect('ben')]
      const heard = ben.messages()
      const sizes = [0, 1, 127, 128, 129, 65_535, 65_536, 3_000_000]
      for (const size of sizes) await ann.send('ben', pattern(size))
      for (const size of sizes) {
        const [message] = await take(heard, 1)
        assert.ok(
          Buffer.from(pattern(size)).equals(message?.payload ?? new Uint8Array(0)),
          `${size}`,
        )
      }
    })

    suiteTest('ten thousand keep their order', async ({ connect }) => {
      const [ann, ben] = [await connect('ann'), await connect('ben')]
      const heard = ben.messages()
      const sending = (async () => {
        for (let i = 0; i < 10_000; i++) await ann.post('ben', `${i}`)
      })()
      let expected = 0
      for await (const message of heard) {
        assert.equal(message.text(), `${expected}`)
        if (++expected === 10_000) break
      }
      await sending
    })

    suiteTest('are broadcast to all whose name matches', async ({ connect }) => {
      const clients = [await connect('a.1'), await connect('a.2'), await connect('b.1')]
      const heard = clients.map((client) => client.broadcasts())
      assert.equal(await clients[2]?.broadcast('a.?', 'to a'), 2)
      assert.equal(await clients[2]?.broadcast('*', 'to all'), 3)
      assert.equal(await clients[2]?.broadcast('c.*', 'to none'), 0)
      assert.deepEqual(texts(await take(heard[0], 2)), ['to a', 'to all'])
      assert.deepEqual(texts(await take(heard[1], 2)), ['to a', 'to all'])
      assert.deepEqual(texts(await take(heard[2], 1)), ['to all'])
    })

    suiteTest('come after the call that sent them, as copies', async ({ connect }) => {
      const [ann, ben] = [await connect('ann'), await connect('ben')]
      let isSending = false
      const payload = new Uint8Array([1, 2, 3])
      const got = new Promise<Uint8Array>((resolve) => {
        ben.onMessage((message) => {
          assert.equal(isSending, false)
          resolve(message.payload)
        })
      })
      isSending = true
      void ann.post('ben', payload)
      isSending = false
      payload.fill(9)
      const kept = await got
      kept[0] = 7
      assert.deepEqual([...kept], [7, 2, 3])
      assert.deepEqual([...payload], [9, 9, 9])
    })

    suiteTest(
      'reach several handlers; borrowed payloads are right in them',
      async ({ connect }) => {
        const [ann, ben] = [await connect('ann'), await connect('ben')]
        const seen: string[] = []
        const all = new Promise<void>((resolve) => {
          const note = (handler: string) => (message: Received) => {
            seen.push(`${handler} ${message.text()}`)
            if (seen.length === 4) resolve()
          }
          ben.onMessage(note('own'))
          ben.onMessage(note('borrowed'), { borrowed: true })
        })
        void ann.post('ben', 'x')
        void ann.post('ben', 'y')
        await all
        assert.deepEqual(seen.sort(), ['borrowed x', 'borrowed y', 'own x', 'own y'])
      },
    )

    suiteTest('that nobody listens to are dropped and counted', async ({ connect }) => {
      const [ann, ben] = [await connect('ann'), await connect('ben')]
      const listening = ben.messages()
      await ann.send('ben', 'heard')
      await take(listening, 1)
      listening.close()
      // What comes in the first turn waits for whoever listens later in it.
      await nextTurn()
      void ann.post('ben', 'unheard')
      await ann.broadcast('ben', 'unheard')
      // The answer comes behind what came before it.
      await ben.clients()
      const again = ben.messages()
      await ann.send('ben', 'heard again')
      assert.deepEqual(texts(await take(again, 1)), ['heard again'])
      assert.equal(ben.dropped, 2)
    })

    suiteTest(
      'that come before the first turn of a client is over wait',
      async ({ bus, connect }) => {
        const ann = bus.connect({ name: 'ann' })
        const connecting = connect('ben')
        // The name is there, the program has no client yet.
        void ann.post('ben', 'welcome')
        const ben = await connecting
        const heard = new Promise((resolve) => {
          ben.onMessage((message) => resolve(message.text()))
        })
        assert.equal(await heard, 'welcome')
      },
    )

    suiteTest('after a handler that throws go on; the error is told', async ({ connect }) => {
      const ann = await connect('ann')
      const errors: unknown[] = []
      const ben = await connect({ name: 'ben', onError: (error) => errors.push(error) })
      const seen: string[] = []
      const done = new Promise<void>((resolve) => {
        ben.onMessage(async (message) => {
          seen.push(message.text())
          if (message.text() === '2') await Promise.reject(new Error('later'))
          if (message.text() === '3') resolve()
        })
        ben.onBroadcast(() => {
          throw new Error('now')
        })
      })
      await ann.broadcast('ben', '0')
      for (const text of ['1', '2', '3']) void ann.post('ben', text)
      await done
      assert.deepEqual(seen, ['1', '2', '3'])
      assert.deepEqual(errors.map(String).sort(), ['Error: later', 'Error: now'])
    })

    suiteTest('to an asynchronous handler come one after the other', async ({ connect }) => {
      const [ann, ben] = [await connect('ann'), await connect('ben')]
      let running = 0
      const seen: string[] = []
      const done = new Promise<void>((resolve) => {
        ben.onMessage(async (message) => {
          running += 1
          assert.equal(running, 1)
          await ben.clients()
          seen.push(message.text())
          running -= 1
          if (seen.length === 3) resolve()
        })
      })
      for (const text of ['1', '2', '3']) void ann.post('ben', text)
      await done
      assert.deepEqual(seen, ['1', '2', '3'])
    })
  })

  describe(`${name}: a slow receiver`, () => {
    suiteTest('makes its senders wait, nobody else, and loses nothing', async ({ connect }) => {
      const ann = await connect('ann')
      const cid = await connect('cid')
      const slow = await connect({ name: 'slow', inboxBytes: 20_000 })
      const fine = await connect('fine')
      const heard = slow.messages()
      const heardByFine = fine.messages()
      const total = 5_000
      let sent = 0
      const sending = (async () => {
        for (; sent < total; sent++) await ann.post('slow', `${sent} ${'x'.repeat(990)}`)
      })()
      // It takes nothing, and still others get through.
      for (let i = 0; i < 100; i++) {
        await cid.send('fine', `${i}`)
        assert.deepEqual(texts(await take(heardByFine, 1)), [`${i}`])
      }
      assert.ok(sent < total, 'the sender waits')
      const { congested } = (await cid.clients()).find((client) => client.name === 'slow') ?? {}
      assert.equal(congested, true)
      let expected = 0
      for await (const message of heard) {
        assert.equal(message.text(), `${expected} ${'x'.repeat(990)}`)
        // What is on its way when it says stop may come in addition: windows and buffers of both threads.
        assert.ok(slow.queuedBytes < 20_000 + 2_000_000, `${slow.queuedBytes} bytes wait`)
        if (++expected === total) break
      }
      await sending
    })

    suiteTest('refuses, in the end, who does not wait', async ({ connect }) => {
      const ann = await connect({ name: 'ann', sendBufferBytes: 100_000 })
      const slow = await connect({ name: 'slow', inboxBytes: 10_000 })
      const heard = slow.messages()
      const payload = pattern(1_000)
      let sent = 0
      assert.throws(() => {
        for (; sent < 100_000; sent++) void ann.post('slow', payload)
      }, isError('quota_exceeded'))
      await assert.rejects(ann.send('slow', payload), isError('quota_exceeded'))
      // What was accepted comes, and then there is room again.
      for (let i = 0; i < sent; i++) await heard[Symbol.asyncIterator]().next()
      await ann.flush()
      await ann.send('slow', 'more')
      assert.deepEqual(texts(await take(heard, 1)), ['more'])
    })
  })

  describe(`${name}: topics`, () => {
    suiteTest('what is stored comes from the beginning, then what follows', async ({ connect }) => {
      const [ann, ben] = [await connect('ann'), await connect('ben')]
      const first = await ann.publish('t/1', 'one', { headers: { unit: 'K' } })
      assert.deepEqual([first.headId, first.duplicate], [1, false])
      await ann.publish('t/1', 'two')
      const subscription = ben.subscribe('t/#')
      await subscription.ready()
      await ann.publish('t/2', 'three')
      const messages = await take(subscription, 3)
      assert.deepEqual(
        messages.map((m) => `${m.topic} ${m.headId} ${m.from} ${m.text()}`),
        ['t/1 1 ann one', 't/1 2 ann two', 't/2 1 ann three'],
      )
      const [message] = messages
      assert.equal(message?.headers.get('unit'), 'K')
      assert.equal(message.id, first.id)
      assert.equal(message.createdAtMs, first.createdAtMs)
      assert.deepEqual(message.origin, ann.node)
      assert.equal(message.deleted, false)
    })

    suiteTest(
      'from now, from the last values, from a head, from a position',
      async ({ connect }) => {
        const ann = await connect('ann')
        for (const text of ['1', '2', '3']) await ann.publish('a', text)
        await ann.publish('b', '4')
        const everything = await take(ann.subscribe('#'), 4)
        const now = ann.subscribe('#', { from: 'now' })
        const last = ann.subscribe('#', { from: 'last' })
        const head = ann.subscribe('a', { from: 2 })
        const after = ann.subscribe('#', { from: everything[1]?.position })
        for (const each of [now, last, head, after]) await each.ready()
        await ann.publish('a', '5')
        assert.deepEqual(texts(await take(now, 1)), ['5'])
        assert.deepEqual(texts(await take(last, 3)), ['3', '4', '5'])
        assert.deepEqual(texts(await take(head, 3)), ['2', '3', '5'])
        assert.deepEqual(texts(await take(after, 3)), ['3', '4', '5'])
      },
    )

    suiteTest('what is not stored comes too, unless it is not wanted', async ({ connect }) => {
      const ann = await connect('ann')
      const all = ann.subscribe('t')
      const stored = ann.subscribe('t', { storedOnly: true })
      await Promise.all([all.ready(), stored.ready()])
      void ann.publishLive('t', 'live')
      await ann.publish('t', 'stored')
      assert.deepEqual(
        (await take(all, 2)).map((m) => `${m.headId} ${m.text()}`),
        ['0 live', '1 stored'],
      )
      assert.deepEqual(texts(await take(stored, 1)), ['stored'])
    })

    suiteTest('a slow reader holds a position: nothing stored is missed', async ({ connect }) => {
      const ann = await connect('ann')
      const subscription = ann.subscribe('t', { bufferBytes: 10_000 })
      await subscription.ready()
      const payload = 'x'.repeat(1_000)
      const batches = Array.from({ length: 20 }, (_, batch) => batch)
      for (const batch of batches) {
        await Promise.all(
          batches.map((i) => ann.publish('t', `${batch * batches.length + i} ${payload}`)),
        )
      }
      let head = 0
      for await (const message of subscription) {
        assert.equal(message.headId, ++head)
        assert.equal(message.text(), `${head - 1} ${payload}`)
        if (head === 400) break
      }
    })

    suiteTest('live subscriptions get what passes, and each once', async ({ connect }) => {
      const [ann, ben] = [await connect('ann'), await connect('ben')]
      await ann.publish('t/0', 'before')
      const one = ben.subscribeLive('t/+')
      const same = ben.subscribeLive('t/+')
      const other = ben.subscribeLive('t/1')
      for (const each of [one, same, other]) await each.ready()
      void ann.publishLive('t/1', 'live', { realtime: true })
      await ann.publish('t/1', 'stored')
      const messages = await take(one, 2)
      assert.deepEqual(
        messages.map((m) => [m.topic, m.from, m.text(), m.realtime, m.sequence > 0]),
        [
          ['t/1', 'ann', 'live', true, false],
          ['t/1', 'ann', 'stored', false, true],
        ],
      )
      assert.deepEqual(texts(await take(other, 2)), ['live', 'stored'])
      assert.deepEqual(texts(await take(same, 2)), ['live', 'stored'])
      // The filter is shared: it goes with the last who has it.
      one.close()
      same.close()
      const again = ben.subscribeLive('t/+')
      await again.ready()
      void ann.publishLive('t/2', 'again')
      assert.deepEqual(texts(await take(again, 1)), ['again'])
      assert.equal(await one.closed, undefined)
    })

    suiteTest('a slow live subscriber makes publishers wait', async ({ connect }) => {
      const ann = await connect('ann')
      const ben = await connect({ inboxBytes: 20_000 })
      const subscription = ben.subscribeLive('t')
      await subscription.ready()
      let sent = 0
      const sending = (async () => {
        for (; sent < 4_000; sent++) await ann.publishLive('t', `${sent} ${'x'.repeat(990)}`)
      })()
      let expected = 0
      for await (const message of subscription) {
        if (expected === 0) assert.ok(sent < 4_000)
        assert.equal(message.text().split(' ')[0], `${expected}`)
        if (++expected === 4_000) break
      }
      await sending
    })

    suiteTest('what makes no sense is refused at once or told', async ({ connect }) => {
      const ann = await connect({
        onError: (error) => {
          throw error
        },
      })
      assert.throws(() => ann.subscribe('a/#/b'), isError('bad_filter'))
      assert.throws(() => ann.subscribeLive(''), isError('bad_filter'))
      assert.throws(() => ann.subscribe('a/+', { from: 1 }), isError('bad_argument'))
      assert.throws(() => ann.subscribe('a', { from: 1.5 }), isError('bad_argument'))
      const position = { epoch: 'another', sequence: 1 }
      assert.throws(() => ann.subscribe('a', { from: position }), isError('bad_position'))
      await assert.rejects(ann.publish('', 'x'), isError('name_empty'))
      await assert.rejects(ann.publish('x'.repeat(2_000), 'x'), isError('name_too_long'))
      await assert.rejects(ann.publish('$msgbus.delete', 'x'), isError('reserved_topic'))
    })

    suiteTest('a publish id stores once', async ({ connect }) => {
      const ann = await connect()
      const first = await ann.publish('t', 'x', { publishId: 'id-1' })
      const again = await ann.publish('t', 'x', { publishId: 'id-1' })
      assert.deepEqual(again, { ...first, duplicate: true })
    })

    suiteTest('logs are read, listed and deleted from', async ({ connect }) => {
      const ann = await connect()
      for (let i = 1; i <= 2_500; i++) void ann.publish('a/1', `${i}`)
      await ann.publish('a/2', 'x')
      assert.equal(await ann.getHead('a/1'), 2_500)
      assert.equal(await ann.getHead('b'), undefined)
      const read: string[] = []
      for await (const message of ann.fetch('a/1', { from: 3 })) read.push(message.text())
      assert.deepEqual(
        read,
        Array.from({ length: 2_498 }, (_, i) => `${i + 3}`),
      )
      const few: string[] = []
      for await (const message of ann.fetch('a/1', { limit: 2 })) few.push(message.text())
      assert.deepEqual(few, ['1', '2'])
      assert.equal(await ann.deleteRange('a/1', { from: 1, to: 2 }), 2)
      const [deleted] = await take(ann.fetch('a/1'), 1)
      assert.deepEqual([deleted?.headId, deleted?.deleted, deleted?.payload.length], [1, true, 0])
      assert.equal(await ann.deleteRange('a/2', { from: 1, to: Infinity }), 1)
      const logs = await ann.listLogs('a/#')
      assert.deepEqual(
        logs.map(({ topic, head }) => [topic, head]),
        [
          ['a/1', 2_500],
          ['a/2', 1],
        ],
      )
      const range = { from: 3, to: 1 }
      await assert.rejects(ann.deleteRange('a/1', range), isError('range_reversed'))
    })

    suiteTest('handlers get what iterators get', async ({ connect }) => {
      const ann = await connect()
      const seen: string[] = []
      const done = new Promise<void>((resolve) => {
        const note = (message: Received) => {
          seen.push(message.text())
          if (seen.length === 3) resolve()
        }
        ann.subscribe('t', note, { from: 'now' })
        ann.subscribeLive('t', note)
      })
      void ann.publishLive('t', 'live')
      await ann.publish('t', 'stored')
      await done
      assert.ok(seen.includes('live') && seen.includes('stored'))
    })
  })

  describe(`${name}: queues`, () => {
    suiteTest('messages are leased, settled, and given back', async ({ connect }) => {
      const [ann, ben] = [await connect('ann'), await connect('ben')]
      const id = await ann.enqueue('jobs', 'resize', 'cat', { headers: { size: '1' } })
      await ann.enqueue('jobs', 'resize', 'dog')
      const jobs = ben.consume('jobs', { maxInFlight: 2 })
      const [cat, dog] = await take(jobs, 2)
      assert.equal(cat?.message.id, id)
      assert.equal(cat.message.headers.get('size'), '1')
      assert.deepEqual(
        [cat.text(), cat.message.topic, cat.message.source],
        ['cat', 'resize', ann.node],
      )
      assert.equal(await dog?.extend(60_000), true)
      assert.equal(await dog?.release(), true)
      assert.equal(await cat.ack(), true)
      assert.equal(await cat.ack(), false)
      const [again] = await take(jobs, 1)
      assert.deepEqual([again?.text(), again?.message.attempts], ['dog', 1])
      // Closing gives back what is not settled.
      jobs.close()
      const [third] = await take(ann.consume('jobs'), 1)
      assert.equal(third?.text(), 'dog')
      const front = await ann.queue.peek('jobs')
      assert.equal(front?.id, third.message.id)
      assert.equal(await ann.queue.ack('jobs', third.message.id), true)
      assert.deepEqual(
        (await ann.queue.list()).map(({ queue, depth }) => [queue, depth]),
        [['jobs', 0]],
      )
    })

    suiteTest('a handler works through a queue', async ({ connect }) => {
      const ann = await connect()
      const seen: string[] = []
      const done = new Promise<void>((resolve) => {
        ann.consume('jobs', async (job) => {
          seen.push(job.text())
          await job.ack()
          if (seen.length === 3) resolve()
        })
      })
      for (const text of ['1', '2', '3']) await ann.enqueue('jobs', 't', text)
      await done
      assert.deepEqual(seen, ['1', '2', '3'])
    })
  })

  describe(`${name}: calls`, () => {
    suiteTest('are answered, with headers both ways', async ({ connect }) => {
      const [ann, ben] = [await connect('ann'), await connect('ben')]
      await ben.register('add', (call) => {
        const sum = call.json<number[]>().reduce((a, b) => a + b, 0)
        const headers = { caller: call.caller, unit: call.headers.get('unit') ?? '' }
        return { payload: `${sum}`, headers }
      })
      await ben.register('nothing', () => undefined)
      const answer = await ann.call('add', '[1,2,3]', { headers: { unit: 'K' } })
      assert.equal(answer.text(), '6')
      assert.deepEqual(Object.fromEntries(answer.headers), { caller: 'ann', unit: 'K' })
      assert.equal((await ben.call('nothing')).payload.length, 0)
      const many = Array.from({ length: 200 }, (_, i) => i)
      const sums = await Promise.all(many.map((i) => ann.call('add', `[${i},1]`)))
      assert.deepEqual(
        sums.map((sum) => sum.text()),
        many.map((i) => `${i + 1}`),
      )
    })

    suiteTest('fail as the callee says', async ({ connect }) => {
      const [ann, ben] = [await connect('ann'), await connect('ben')]
      await ben.register('own', () => {
        throw new CallError('com.example.no', { message: 'no', payload: pattern(3) })
      })
      await ben.register('bus', () => {
        throw new BusError('out_of_range', 'bad_argument', 'too far')
      })
      await ben.register('defect', async () => Promise.reject(new TypeError('oh')))
      await assert.rejects(ann.call('own'), (error) => {
        assert.ok(error instanceof CallError)
        assert.deepEqual([error.errorName, error.message], ['com.example.no', 'no'])
        assert.deepEqual([...error.payload], [...pattern(3)])
        return true
      })
      await assert.rejects(ann.call('bus'), { code: 'out_of_range', message: 'too far' })
      await assert.rejects(ann.call('defect'), {
        name: 'CallError',
        code: 'unknown',
        errorName: 'TypeError',
        message: 'oh',
      })
      await assert.rejects(ann.call('none'), isError('no_such_procedure'))
      await assert.rejects(
        ann.register('own', () => 'x'),
        isError('procedure_taken'),
      )
    })

    suiteTest('end when the caller gives up, or time is over', async ({ connect }) => {
      const [ann, ben] = [await connect('ann'), await connect('ben')]
      const aborted = new Promise<void>((resolve) => {
        void ben.register('never', (call) => {
          if (call.text() !== 'abort') return new Promise(() => undefined)
          call.signal.addEventListener('abort', () => resolve())
          giveUp.abort()
          return new Promise(() => undefined)
        })
      })
      const giveUp = new AbortController()
      await ben.clients()
      await assert.rejects(
        ann.call('never', 'abort', { signal: giveUp.signal }),
        isError('cancelled'),
      )
      await aborted
      const { signal } = giveUp
      await assert.rejects(ann.call('never', '', { signal }), isError('cancelled'))
      await assert.rejects(ann.call('never', '', { timeoutMs: 1 }), isError('timed_out'))
    })

    suiteTest('end with the callee', async ({ connect }) => {
      const [ann, ben] = [await connect('ann'), await connect('ben')]
      const registration = await ben.register('p', () => new Promise(() => ben.close()))
      await assert.rejects(ann.call('p'), isError('callee_gone'))
      registration.close()
      const cid = await connect('cid')
      const mine = await cid.register('p', () => 'cid')
      assert.equal((await ann.call('p')).text(), 'cid')
      mine.close()
      await cid.clients()
      await assert.rejects(ann.call('p'), isError('no_such_procedure'))
    })
  })

  describe(`${name}: coming and going`, () => {
    suiteTest('a name is there while its client is', async ({ bus, connect }) => {
      const ann = await connect('ann')
      const left = new Promise<void>((resolve) => {
        bus.onPresence(({ kind, name: who }) => {
          if (kind === 'left' && who === 'ben') resolve()
        })
      })
      const ben = await connect('ben')
      assert.deepEqual((await ann.clients()).map((client) => client.name).sort(), ['ann', 'ben'])
      const messages = ben.messages()
      const subscription = ben.subscribe('#')
      await subscription.ready()
      ben.close()
      ben.close()
      await left
      assert.equal(await ben.closed, undefined)
      assert.equal(await messages.closed, undefined)
      for await (const message of messages) assert.fail(message.text())
      for await (const message of subscription) assert.fail(message.text())
      await assert.rejects(ann.send('ben', 'x'), isError('unknown_client'))
      await assert.rejects(ben.send('ann', 'x'), isError('cancelled'))
      assert.throws(() => ben.post('ann', 'x'), isError('cancelled'))
      assert.throws(() => ben.messages(), isError('cancelled'))
      await assert.rejects(ben.publish('t', 'x'), isError('cancelled'))
      assert.equal((await connect('ben')).name, 'ben')
    })

    suiteTest('what waits for an answer fails when the client is closed', async ({ connect }) => {
      const [ann, ben] = [await connect('ann'), await connect('ben')]
      const called = new Promise<void>((resolve) => {
        void ben.register('never', () => {
          resolve()
          return new Promise(() => undefined)
        })
      })
      await ben.clients()
      const call = ann.call('never')
      await Promise.race([called, call])
      ann.close()
      await assert.rejects(call, isError('cancelled'))
    })

    suiteTest('a name can be taken over; the other hears of it', async ({ connect }) => {
      const first = await connect('ann')
      await assert.rejects(connect('ann'), isError('name_taken'))
      const messages = first.messages()
      const waiting = assert.rejects(take(messages, 1), isError('replaced'))
      const second = await connect({ name: 'ann', replace: true })
      assert.equal((await first.closed)?.reason, 'replaced')
      await waiting
      await assert.rejects(first.clients(), isError('replaced'))
      assert.deepEqual((await second.clients()).length, 1)
    })

    suiteTest('the bus ends everybody when it closes', async ({ bus, connect }) => {
      const ann = await connect('ann')
      const subscription = ann.subscribe('#')
      await subscription.ready()
      await ann.publish('t', 'last')
      await bus.close()
      await bus.close()
      assert.equal((await ann.closed)?.reason, 'shutting_down')
      assert.deepEqual(texts(await take(subscription, 1, false)), ['last'])
      await assert.rejects(subscription[Symbol.asyncIterator]().next(), isError('shutting_down'))
      await assert.rejects(ann.publish('t', 'x'), isError('shutting_down'))
      assert.throws(() => bus.connect(), isError('shutting_down'))
    })

    suiteTest('presence is told in order, and may be answered', async ({ bus, connect }) => {
      const ann = await connect('ann')
      const events: string[] = []
      const over = new Promise<void>((resolve) => {
        const stop = bus.onPresence(({ kind, name: who }) => {
          events.push(`${kind} ${who}`)
          if (kind === 'joined') void ann.post(who, 'hello')
          if (kind === 'left') {
            stop()
            resolve()
          }
        })
      })
      const ben = await connect('ben')
      assert.deepEqual(texts(await take(ben.messages(), 1)), ['hello'])
      ben.close()
      await over
      await connect('cid')
      assert.deepEqual(events, ['joined ben', 'left ben'])
    })

    suiteTest('the bus counts what a client sends and gets', async ({ connect }) => {
      const [ann, ben] = [await connect('ann'), await connect('ben')]
      const heard = ben.messages()
      await ann.send('ben', '12345')
      await take(heard, 1)
      const clients = await ann.clients()
      const [a, b] = ['ann', 'ben'].map((who) => clients.find((client) => client.name === who))
      assert.ok(a !== undefined && b !== undefined)
      assert.ok(a.receivedFrames >= 1 && a.receivedBytes >= 5, JSON.stringify(a))
      assert.ok(b.sentFrames >= 1 && b.sentBytes >= 5, JSON.stringify(b))
      assert.deepEqual([a.protocol, a.source], ['in-process', undefined])
    })
  })
}

/** The first items of what is iterated, which goes on afterwards. */
export async function take<Item>(
  items: AsyncIterable<Item> | Listening<Item> | undefined,
  count: number,
  isExact = true,
): Promise<Item[]> {
  const iterator = items?.[Symbol.asyncIterator]()
  const taken: Item[] = []
  while (taken.length < count) {
    const next = await iterator?.next()
    if (next === undefined || next.done === true) break
    taken.push(next.value)
  }
  if (isExact) assert.equal(taken.length, count)
  return taken
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export function texts(messages: readonly Received[]): string[] {
  return messages.map((message) => message.text())
}

export function isError(reason: ErrorReason): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof BusError, String(error))
    assert.equal(error.reason, reason, error.message)
    return true
  }
}

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >>> 8)) & 0xff)
}
