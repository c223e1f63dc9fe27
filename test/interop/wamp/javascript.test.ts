// Proves that Autobahn|JS and wampy work against the real daemon, unchanged, in every serializer, and with each other.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Scope } from '../../e2e/clean-up.ts'
import { startDaemon } from '../../e2e/daemon-process.ts'
import { CallFailure, type Client, type Event, openAutobahn, openWampy } from './clients.ts'

async function start(t: Scope): Promise<{ readonly url: string; readonly port: number }> {
  const listen = ['--wamp', '127.0.0.1:0', '--http', '127.0.0.1:0']
  const daemon = await startDaemon(t, { args: ['--storage', 'memory', ...listen] })
  const of = (name: string) =>
    daemon.info.listeners.find(({ protocol }) => protocol === name)?.address ?? ''
  return { url: `ws://${of('http')}/wamp`, port: Number(of('wamp').split(':')[1]) }
}

/** Events as they come, to be waited for. */
class Events {
  readonly #events: Event[] = []
  #wake: () => void = () => undefined

  readonly add = (event: Event): void => {
    this.#events.push(event)
    this.#wake()
  }

  async next(): Promise<Event> {
    for (;;) {
      const event = this.#events.shift()
      if (event !== undefined) return event
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }
}

const sample = [1, 'zwei', { three: [3.5, null, true] }, -70_000, 'x'.repeat(300)]

test('every client with every other one', { timeout: 120_000 }, async (t) => {
  const { url, port } = await start(t)
  const clients: [string, Client][] = [['autobahn, RawSocket', await openAutobahn(t, { port })]]
  for (const serializer of ['json', 'msgpack', 'cbor'] as const) {
    clients.push([`autobahn, ${serializer}`, await openAutobahn(t, { url }, serializer)])
    clients.push([`wampy, ${serializer}`, await openWampy(t, url, serializer)])
  }
  for (const [i, [name, client]] of clients.entries()) {
    await client.register(`procedure.n${i}`, (args, kwargs) => ({ args, kwargs, served: name }))
    await client.register(`failing.n${i}`, () => {
      throw Object.assign(new Error('no'), { error: 'app.error.no' })
    })
  }
  for (const [i, [to, receiver]] of clients.entries()) {
    await t.test(`events to ${to}`, async () => {
      const exact = new Events()
      const prefix = new Events()
      await receiver.subscribe(`topic.n${i}`, exact.add)
      await receiver.subscribe(`deep.n${i}`, prefix.add, { match: 'prefix' })
      for (const [from, sender] of clients) {
        if (sender === receiver) continue
        await sender.publish(`topic.n${i}`, [from, ...sample], { k: 'v' })
        const { args, kwargs } = await exact.next()
        assert.deepEqual(args, [from, ...sample])
        assert.deepEqual({ ...kwargs }, { k: 'v' })
        await sender.publish(`deep.n${i}.below`, [from], {})
        const { args: below, details } = await prefix.next()
        assert.deepEqual([below, details['topic']], [[from], `deep.n${i}.below`])
      }
      await receiver.unsubscribe(`topic.n${i}`)
    })
    await t.test(`calls to ${to}`, async () => {
      for (const [, caller] of clients) {
        const answer = await caller.call(`procedure.n${i}`, sample, { k: [1] })
        assert.deepEqual(answer, { args: sample, kwargs: { k: [1] }, served: to })
        await assert.rejects(caller.call(`failing.n${i}`, []), CallFailure)
      }
    })
  }
  await t.test('what is not there', async () => {
    for (const [name, client] of clients) {
      const uri = await client.call('procedure.none', []).catch((error: unknown) => error)
      assert.ok(uri instanceof CallFailure, name)
      assert.equal(uri.uri, 'wamp.error.no_such_procedure', name)
    }
  })
  await t.test('retained events', async () => {
    // Autobahn alone can say that an event is to be retained.
    const publisher = await openAutobahn(t, { url })
    for (const [i, [name, client]] of clients.entries()) {
      await publisher.publish(`kept.n${i}`, ['kept', i], {}, { retain: true })
      const events = new Events()
      await client.subscribe(`kept.n${i}`, events.add, { get_retained: true })
      const { args, details } = await events.next()
      assert.deepEqual([args, details['retained']], [['kept', i], true], name)
    }
  })
  for (const [, client] of clients) await client.close()
})

test('a client that loses its connection comes back', { timeout: 60_000 }, async (t) => {
  const { url } = await start(t)
  const first = await openWampy(t, url)
  const events = new Events()
  await first.subscribe('a.b', events.add)
  await first.close()
  const again = await openWampy(t, url)
  await again.subscribe('a.b', events.add)
  const other = await openAutobahn(t, { url })
  await other.publish('a.b', [1], {})
  assert.deepEqual((await events.next()).args, [1])
})
